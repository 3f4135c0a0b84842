"""Scores of single responses by response scorers, each worked out once however often a response is asked about."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np

from weaklabel.errors import FaultWarning, warn
from weaklabel.lf.core import ResponseScorer
from weaklabel.lf.votes import fault_of
from weaklabel.text.column import TextColumn
from weaklabel.types import FloatArray

_AT_ONCE = 2048  # responses whose features are held in memory at a time


def directed(scorers: Sequence[ResponseScorer], scores: FloatArray) -> FloatArray:
    """Scores `(n, m)`, those of scorers that prefer "less" with their sign turned: more for the better."""
    signs = np.array([-1.0 if scorer.prefer == "less" else 1.0 for scorer in scorers])
    return np.asarray(scores * signs, dtype=np.float64)


def scores_of(
    scorers: Sequence[ResponseScorer], prompts: Sequence[str], responses: Sequence[str]
) -> tuple[FloatArray, dict[str, BaseException]]:
    """What scorers say of responses, as they give it.

    Args:
        scorers: `m` response scorers.
        prompts, responses: `n` each.

    Returns:
        `(n, m)` float64, NaN where a response could not be scored; and for every scorer that raised, its first error.
    """
    number: dict[tuple[str, str], int] = {}
    rows = [number.setdefault(asked, len(number)) for asked in zip(prompts, responses, strict=True)]
    asked, failed = list(number), dict[str, BaseException]()
    found = np.full((len(asked), len(scorers)), np.nan)
    for start in range(0, len(asked), _AT_ONCE):
        block = asked[start : start + _AT_ONCE]
        response, prompt = _column([r for _, r in block]), _column([p for p, _ in block])
        for j, scorer in enumerate(scorers):
            scores, errors = scorer.scores(response, prompt)
            if errors and scorer.batch:
                # One bad response is no reason to know nothing of the others; nor may a score depend on its company.
                scores, errors = _one_by_one(scorer, block)
            found[start : start + len(block), j] = scores
            if errors:
                failed.setdefault(scorer.name, next(iter(errors.values())))
    return found[rows], failed


def tell_of(scorers: Sequence[ResponseScorer], failed: Mapping[str, BaseException]) -> None:
    """Warn of scorers that raised on responses, with the first error of the first of them."""
    name, error = next(iter(failed.items()))
    fn = next(scorer.fn for scorer in scorers if scorer.name == name)
    fault = fault_of(name, "", error, fn)  # a response that is scored belongs to no pair
    others = f" and {len(failed) - 1} more functions" if len(failed) > 1 else ""
    warn(
        f"{name!r}{others} failed on responses to score, which count as ones that it cannot score. First it "
        f"{fault.what}{f' in {fault.where}' if fault.where else ''}.",
        FaultWarning,
    )


def _column(texts: Sequence[str]) -> TextColumn:
    number: dict[str, int] = {}
    rows = np.array([number.setdefault(text, len(number)) for text in texts], dtype=np.int64)
    return TextColumn.of(list(number)).take(rows)


def _one_by_one(
    scorer: ResponseScorer, asked: Sequence[tuple[str, str]]
) -> tuple[FloatArray, dict[int, BaseException]]:
    scores, errors = np.full(len(asked), np.nan), dict[int, BaseException]()
    for row, (prompt, response) in enumerate(asked):
        one, wrong = scorer.scores(TextColumn.of([response]), TextColumn.of([prompt]))
        scores[row] = one[0]
        if wrong:
            errors[row] = wrong[0]
    return scores, errors
