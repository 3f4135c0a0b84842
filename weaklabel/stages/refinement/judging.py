"""What only reports see: how often labels, proposals and decisions are right. Nothing in here decides anything.

The stage asks for these figures when a round's labels are settled, and hands them to its figures alone; a test holds it to that.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from weaklabel.comparers.checker import RIGHT, Checker
from weaklabel.metrics import bootstrap, bootstrap_ratio
from weaklabel.stages.contract import Figures
from weaklabel.stages.refinement.labels import Label
from weaklabel.types import FloatArray


def are_right(truth: Checker, prompts: Sequence[str], responses: Sequence[str]) -> NDArray[np.bool_]:
    """`(n,)`: whether each response is right."""
    return np.asarray(truth.score(prompts, responses) > RIGHT)


def of_labels(truth: Checker, labels: Sequence[Label]) -> Figures:
    """The share of labels that are right."""
    right = are_right(
        truth, [label.demonstration.prompt for label in labels], [label.text for label in labels]
    )
    return {"label accuracy": float(right.mean()) if len(right) else None}


def of_decisions(
    truth: Checker,
    labels: Sequence[Label],
    proposals: Sequence[str],
    p: FloatArray | None,
    accepted: NDArray[np.bool_],
) -> Figures:
    """How right the proposals are that disagree with their labels, what was accepted, and how well the comparer knew.

    Args:
        truth: says what is right.
        labels, proposals: `n` that disagree.
        p: `(n,)` what the comparer said, P(the proposal is better); None where nobody was asked.
        accepted: `(n,)`, the proposals that took a label's place.
    """
    prompts = [label.demonstration.prompt for label in labels]
    old, new = (are_right(truth, prompts, texts) for texts in ([label.text for label in labels], proposals))
    decided = old != new
    figures: dict[str, float | int | str | None] = {
        "proposals right": float(new.mean()) if len(new) else None,
        "accepted right over wrong": int((accepted & new & ~old).sum()),
        "accepted wrong over right": int((accepted & ~new & old).sum()),
        "accepted but wrong": int((accepted & ~new).sum()),
    }
    if p is not None and decided.any():
        said, gold = p[decided], new[decided].astype(np.float64)
        figures |= {
            "comparer accuracy": bootstrap("accuracy", said, gold).value,
            "comparer nll": bootstrap("nll", said, gold).value,
            "comparer ece": bootstrap("ece", said, gold).value,
        }
    return figures


def of_policy(truth: Checker, prompts: Sequence[str], answers: Sequence[str | None], seed: int) -> Figures:
    """How often a policy answers prompts rightly; an empty answer is wrong. The interval resamples prompts."""
    right = are_right(truth, prompts, [text or "" for text in answers]).astype(np.float64)
    found = bootstrap_ratio(right, groups=list(prompts), seed=seed)
    return {"test accuracy": found.value, "test accuracy low": found.low, "test accuracy high": found.high}
