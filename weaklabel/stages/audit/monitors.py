"""What labeling functions and comparers say of the current answers against the first ones."""

from __future__ import annotations

import warnings
from collections.abc import Iterator, Mapping, Sequence

import numpy as np

from weaklabel.engine.apply import apply
from weaklabel.errors import FaultWarning, ShiftWarning
from weaklabel.lf.core import LabelingFunction, ResponseScorer
from weaklabel.metrics import Interval, bootstrap_ratio
from weaklabel.stages.audit.asked import Answer, Asked
from weaklabel.text.column import TextColumn
from weaklabel.types import ABSTAIN, CanCompare, FloatArray, Pair, Pairs, Text, answer_of


def watching(lfs: Sequence[LabelingFunction]) -> tuple[list[LabelingFunction], tuple[str, ...]]:
    """The functions that can vote on new answers, and the names of those that read columns of the data."""
    return [lf for lf in lfs if not lf.columns], tuple(lf.name for lf in lfs if lf.columns)


def function_figures(
    lfs: Sequence[LabelingFunction],
    asked: Sequence[Asked],
    first: Sequence[Answer],
    now: Sequence[Answer],
    seed: int,
) -> tuple[dict[str, Interval], dict[str, int]]:
    """For every function its mean vote for the current answers, of scorers also the mean score; and votes that failed.

    `drift/<lf>`: mean over prompts of 1 for the current answer, -1 for the first, 0 where it abstains or they are equal.
    `score/<lf>`: mean score of the current answers. `shift/<lf>`: the change of the mean since the first look, over the
    standard deviation of all scores of both looks, so in [-2, 2]. Scores that are NaN are left out.
    """
    if not lfs:
        return {}, {}
    rows, pairs = _changed(asked, first, now)
    found: dict[str, Interval] = {}
    faults: dict[str, int] = {}
    L = np.full((len(now), len(lfs)), ABSTAIN, dtype=np.int8)
    if len(rows):
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", FaultWarning)  # they are counted, and a monitor ends no training
            votes = apply(lfs, pairs, max_fault_share=None)
        L[rows] = votes.L
        for fault in votes.faults:
            faults[fault.lf] = faults.get(fault.lf, 0) + 1
    prompts = TextColumn.of([each.prompt.text for each in asked])
    before, current = (TextColumn.of([each.text for each in answers]) for answers in (first, now))
    for k, lf in enumerate(lfs):
        found[f"drift/{lf.name}"] = bootstrap_ratio(
            np.where(L[:, k] == ABSTAIN, 0.0, 2.0 * L[:, k] - 1.0), seed=seed
        )
        if isinstance(lf, ResponseScorer):
            then, scores = (lf.scores(column, prompts)[0] for column in (before, current))
            found |= _score_figures(lf.name, then, scores, seed)
    return found, faults


def _score_figures(name: str, then: FloatArray, now: FloatArray, seed: int) -> Iterator[tuple[str, Interval]]:
    both = ~np.isnan(then) & ~np.isnan(now)
    if not both.any():
        return
    yield f"score/{name}", bootstrap_ratio(now[both], seed=seed)
    spread = float(np.concatenate([then[both], now[both]]).std())
    change = now[both] - then[both]
    yield f"shift/{name}", bootstrap_ratio(change / spread if spread else change, seed=seed)


def comparer_figures(
    comparers: Mapping[str, CanCompare],
    asked: Sequence[Asked],
    first: Sequence[Answer],
    now: Sequence[Answer],
    seed: int,
) -> Iterator[tuple[str, Interval]]:
    """Each comparer's mean P(current beats first), 1/2 where the answers are equal; and the gap between the two.

    Args:
        comparers: `training_comparer`, `held_out_comparer`, or one of them.
    """
    rows, pairs = _changed(asked, first, now)
    said = {}
    for name, comparer in comparers.items():
        said[name] = np.full(len(now), 0.5)
        if len(rows):
            with warnings.catch_warnings():
                # The answers of a policy are pairs of another kind; how they differ is what `function_figures` measure.
                warnings.simplefilter("ignore", ShiftWarning)
                said[name][rows] = answer_of(name, comparer, pairs)
        yield name, bootstrap_ratio(said[name], seed=seed)
    if len(said) == 2:
        yield (
            "comparer_gap",
            bootstrap_ratio(said["training_comparer"] - said["held_out_comparer"], seed=seed),
        )


def _changed(
    asked: Sequence[Asked], first: Sequence[Answer], now: Sequence[Answer]
) -> tuple[np.ndarray, Pairs]:
    """The rows whose answers are not equal, and these as pairs: the first answer is a, the current one b."""
    rows = [k for k, (a, b) in enumerate(zip(first, now, strict=True)) if a.text != b.text]
    made = [
        Pair(
            asked[k].key,
            Text(asked[k].prompt.text),
            Text(first[k].text),
            Text(now[k].text),
            asked[k].messages,
        )
        for k in rows
    ]
    return np.array(rows, dtype=np.int64), Pairs.of(made)
