"""Scores of single responses by response scorers, each worked out once however often a response is asked about."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from weaklabel.lf.core import ResponseScorer
from weaklabel.text.column import TextColumn
from weaklabel.types import FloatArray

_AT_ONCE = 2048  # responses whose features are held in memory at a time


def directed_scores(
    scorers: Sequence[ResponseScorer], prompts: Sequence[str], responses: Sequence[str]
) -> tuple[FloatArray, dict[str, BaseException]]:
    """What scorers say of responses, more for the better.

    Args:
        scorers: `m` response scorers; the score of one that prefers "less" has its sign turned.
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
            found[start : start + len(block), j] = -scores if scorer.prefer == "less" else scores
            if errors:
                failed.setdefault(scorer.name, next(iter(errors.values())))
    return found[rows], failed


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
