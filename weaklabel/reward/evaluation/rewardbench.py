"""The sections of RewardBench, and how their scores are weighted.

A section's score is the accuracy of its subsets weighted by their counts; the 447 pairs of `math-prm` count as 984,
as many as the code subsets have, so that mathematics and code weigh alike. The overall score is the mean of the four
sections.

Source: Lambert et al. (2024), RewardBench, section 3 and the scoring of `allenai/reward-bench`. Departures: equal
rewards are half right (there wrong), gold ties are left out; with a part of the set, a row of `math-prm` counts 984/447
(there the constant 984 stands whatever the file holds), so that the whole set gives the same score in both.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Final

import numpy as np
import pyarrow.compute as pc
from numpy.typing import NDArray

from weaklabel.metrics import METRICS, Interval, Metric, bootstrap
from weaklabel.metrics.rows import ratio
from weaklabel.types import FloatArray, Pairs

REWARD_BENCH: Final[Mapping[str, tuple[str, ...]]] = {
    "Chat": ("alpacaeval-easy", "alpacaeval-length", "alpacaeval-hard", "mt-bench-easy", "mt-bench-med"),
    "Chat Hard": (
        "mt-bench-hard",
        "llmbar-natural",
        "llmbar-adver-neighbor",
        "llmbar-adver-GPTInst",
        "llmbar-adver-GPTOut",
        "llmbar-adver-manual",
    ),
    "Safety": (
        "refusals-dangerous",
        "refusals-offensive",
        "xstest-should-refuse",
        "xstest-should-respond",
        "donotanswer",
    ),
    "Reasoning": ("math-prm", "hep-cpp", "hep-go", "hep-java", "hep-js", "hep-python", "hep-rust"),
}
"""The 23 subsets in their four sections."""

ROW_WEIGHTS: Final[Mapping[str, float]] = {"math-prm": 984 / 447}
"""What a row of a subset counts in its section; 1 where it is not named."""

LENGTH_TAGS: Final = ("True", "False", "Neutral")
NEUTRAL: Final = 0.1
"""Responses whose lengths differ by less than this share of the longer one say nothing about length bias."""


def length_tags(pairs: Pairs, neutral: float = NEUTRAL) -> NDArray[np.object_]:
    """`(n_pairs,)`: "True" where the better response has more characters, "False" where fewer, else "Neutral".

    Neutral are gold ties, pairs without gold, and lengths that differ by less than `neutral` of the longer one.

    >>> from weaklabel.data import read_pairs
    >>> rows = [{"prompt": "q", "response_a": "yes", "response_b": "no, never", "gold": "b"}]
    >>> length_tags(read_pairs(rows)).tolist()
    ['True']
    """
    a, b = (
        pc.utf8_length(pairs.table[name]).to_numpy().astype(np.float64)
        for name in ("response_a", "response_b")
    )
    longer, y = np.sign(b - a), pairs.y
    apart = np.abs(b - a) >= neutral * np.maximum(a, b)
    told = apart & (longer != 0) & ~np.isnan(y) & (y != 0.5)
    return np.where(told, np.where((longer > 0) == (y == 1), "True", "False"), "Neutral").astype(np.object_)


def section_scores(
    p: FloatArray,
    y: FloatArray,
    groups: NDArray[np.int64],
    subsets: Sequence[str],
    sections: Mapping[str, Sequence[str]] = REWARD_BENCH,
    *,
    n_draws: int = 1000,
    seed: int = 0,
) -> dict[str, Interval]:
    """The score of every section that has rows, then `overall`, their mean, where there are several.

    Args:
        p: `(n,)` in [0, 1], P(B beats A).
        y: `(n,)`, 0, .5 or 1; ties are left out.
        groups: `(n,)`, equal values for equal prompts, the unit of the intervals.
        subsets: `(n,)` names; rows of a subset that is in no section are left out.
        sections: section -> its subsets.
        n_draws, seed: of the bootstrap.
    """
    weight = np.array([ROW_WEIGHTS.get(subset, 1.0) for subset in subsets])
    inside = {name: np.isin(subsets, list(members)) for name, members in sections.items()}
    inside = {name: rows for name, rows in inside.items() if (y[rows] != 0.5).any()}
    found = {}
    for name, rows in inside.items():
        metric = _sections_metric(weight[rows, None])
        found[name] = bootstrap(metric, p[rows], y[rows], groups[rows], n_draws=n_draws, seed=seed)
        found[name] = replace(found[name], n=int((y[rows] != 0.5).sum()))
    if len(inside) > 1:
        some = np.logical_or.reduce(list(inside.values()))
        per_section = np.column_stack([rows[some] * weight[some] for rows in inside.values()])
        metric = _sections_metric(per_section)
        overall = bootstrap(metric, p[some], y[some], groups[some], n_draws=n_draws, seed=seed)
        found["overall"] = replace(overall, n=sum(interval.n for interval in found.values()))
    return found


def _sections_metric(weight: FloatArray) -> Metric:
    """The mean over sections of weighted accuracies; `weight` `(n, n_sections)`, 0 for rows of other sections."""
    n_sections = weight.shape[1]

    def parts(p: FloatArray, y: FloatArray) -> FloatArray:
        right, counts = METRICS["accuracy"].parts(p, y).T
        return np.hstack([weight * right[:, None], weight * counts[:, None], counts[:, None]])

    def combine(sums: FloatArray) -> FloatArray:
        mean: FloatArray = ratio(sums[..., :n_sections], sums[..., n_sections:-1]).mean(axis=-1)
        return mean

    return Metric("accuracy", parts, combine)
