"""The arms of `dpo_labels.py`: what each makes of the same votes, beliefs and intervals, and the loss it trains on."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from _dpo_labels_task import Task

import weaklabel as wl
from weaklabel.groups import Group, gather_groups
from weaklabel.metrics import ece
from weaklabel.types import FloatArray, Labels


@dataclass(frozen=True)
class Case:
    """Pairs with what the functions and the labeler say of them.

    Attributes:
        majority: 1.0 or 0.0, the side that more functions vote for; .5 at equal numbers.
        unknown: topics on which three of the functions go by flourish.
    """

    task: Task
    labels: Labels
    majority: FloatArray
    unknown: tuple[int, ...]

    @property
    def bounds(self) -> tuple[FloatArray, FloatArray]:
        low, high = self.labels.p_low, self.labels.p_high
        assert low is not None
        assert high is not None
        return low, high


def labelled(task: Task, functions: list[Any], unknown: tuple[int, ...], seed: int) -> Case:
    """The pairs with beliefs and intervals of `wl.fit` on the gold there is."""
    votes = wl.apply(functions, task.pairs)
    labels = wl.fit(functions, task.pairs, votes=votes, seed=seed).label(task.pairs, votes=votes)
    lead = (votes.L == wl.PREFER_B).sum(1) - (votes.L == wl.PREFER_A).sum(1)
    return Case(task, labels, (1 + np.sign(lead)) / 2, unknown)


def quality_of_labels(case: Case) -> dict[str, float]:
    """How right and how sure the labels are, on pairs whose gold the labeler did not see."""
    task, labels = case.task, case.labels
    new = ~task.pairs.has_gold
    of_truth = np.where(task.truth == 1, labels.p, 1 - labels.p)
    low, high = case.bounds
    fooled = new & task.split & np.isin(task.topics, case.unknown)
    flips = new & ((labels.p - 0.5) * (case.majority - 0.5) < 0)
    found = {
        "majority wrong": np.mean((case.majority != task.truth)[new & (case.majority != 0.5)]),
        "majority even": np.mean((case.majority == 0.5)[new]),
        "labels wrong": np.mean((of_truth <= 0.5)[new]),
        "ECE of labels": ece(labels.p[new], task.truth[new]),
        "width of interval": np.mean((high - low)[new]),
        "intervals that hold .5": np.mean(((low <= 0.5) & (high >= 0.5))[new]),
    }
    if flips.any():
        found["flips that are right"] = np.mean((of_truth > 0.5)[flips])
    if fooled.any():
        found["belief in the better where functions fail"] = np.mean(of_truth[fooled])
    return {name: float(value) for name, value in found.items()}


@dataclass(frozen=True)
class Said:
    """What an arm trains on, `(n_pairs,)` each; `settings` are of its loss."""

    p: FloatArray
    w: FloatArray | None = None
    settings: Mapping[str, Any] = field(default_factory=dict)

    def groups(self, case: Case) -> list[Group]:
        return gather_groups(case.task.pairs, self.p, self.w)

    def shares(self, case: Case) -> dict[str, float]:
        """Of all pairs: left out, and pulled to the side that the majority votes against."""
        kept = np.ones(len(self.p), dtype=bool) if self.w is None else self.w > 0
        flipped = kept & ((self.p - 0.5) * (case.majority - 0.5) < 0)
        return {"flipped": float(flipped.mean()), "left out": float(np.mean(~kept))}


def hard(p: FloatArray) -> FloatArray:
    """1.0 or 0.0; .5 stays."""
    return (1 + np.sign(p - 0.5)) / 2


def nearest(case: Case) -> FloatArray:
    """The point of each interval that is nearest .5."""
    return np.clip(0.5, *case.bounds)


def agrees(case: Case) -> np.ndarray:
    return (case.labels.p - 0.5) * (case.majority - 0.5) > 0


def kept_above(threshold: float) -> Callable[[Case], Said]:
    return lambda case: Said(hard(case.labels.p), (case.labels.confidence >= threshold).astype(float))


def by_one_rate(case: Case) -> Said:
    """Robust DPO as published: one flip rate for all pairs, here the mean doubt of the labels, at most .45."""
    rate = min(float(np.mean(1 - case.labels.confidence)), 0.45)
    return Said(hard(case.labels.p), settings={"loss_type": "robust", "loss_options": {"flip_rate": rate}})


SOFT, NEAREST, MAJORITY = "soft", "nearest point", "majority"
REMOVED, HARD = "majority, doubtful removed", "hard"
ARMS: dict[str, Callable[[Case], Said]] = {
    "gold of all pairs": lambda case: Said(case.task.truth),
    "gold of the fit alone": lambda case: Said(case.task.truth, case.task.pairs.has_gold.astype(float)),
    MAJORITY: lambda case: Said(case.majority, (case.majority != 0.5).astype(float)),
    REMOVED: lambda case: Said(case.majority, agrees(case).astype(float)),
    HARD: lambda case: Said(hard(case.labels.p)),
    SOFT: lambda case: Said(case.labels.p),
    "soft, doubtful at .5": lambda case: Said(np.where(agrees(case), case.labels.p, 0.5)),
    NEAREST: lambda case: Said(nearest(case)),
    "robust": lambda case: Said(case.labels.p, settings={"loss_type": "robust"}),
    "robust, one rate": by_one_rate,
    "geometric": lambda case: Said(case.labels.p, settings={"loss_type": "geometric"}),
    "filtered at .6": kept_above(0.6),
    "filtered at .75": kept_above(0.75),
    "filtered at .9": kept_above(0.9),
    "confidence-weighted": lambda case: Said(hard(case.labels.p), np.abs(2 * case.labels.p - 1)),
}
"""Name -> what it trains on. The loss is "sigmoid" unless it says otherwise."""
