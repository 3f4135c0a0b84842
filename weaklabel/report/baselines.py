"""What labels must beat on dev gold: majority vote, the single best function, the longer response."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np
import pyarrow.compute as pc
from numpy.typing import NDArray

from weaklabel.calibration import CANDIDATES
from weaklabel.groups import folds_by_prompt
from weaklabel.label_models import get_label_model
from weaklabel.labeler import cross_calibrated
from weaklabel.metrics import Interval, bootstrap, paired_difference, score_all
from weaklabel.report.judged import Judged
from weaklabel.types import FloatArray, Labels, Pairs, sigmoid, signed_votes

_N_FOLDS: Final = 5
OURS: Final = "our labels"
SINGLE_BEST: Final = "single best function"
HINDSIGHT: Final = "best function in hindsight"


@dataclass(frozen=True)
class Arm:
    """One row of the table of baselines.

    Attributes:
        name: who answers.
        figures: per metric its interval.
        difference: accuracy and NLL less those of our labels, on the same resamples; empty for our labels.
        chosen: the functions behind it, with how often each was chosen; empty where none is chosen.
    """

    name: str
    figures: Mapping[str, Interval]
    difference: Mapping[str, Interval]
    chosen: str = ""


def baselines(labels: Labels, judged: Judged, *, seed: int = 0) -> list[Arm]:
    """Our labels and what they must beat, on the same pairs, folds and calibrators.

    Majority vote, the single function that is best on the other folds (abstaining counts one half), the one that is best
    on these very pairs, which nobody could have known, and the longer response. Accuracy is that of their bare verdicts; for the rest they are calibrated out of fold, where there is
    enough gold for it.
    """
    L = labels.votes.L[judged.rows]
    names = labels.lf_names
    picked, n_picked = _single_best(L, judged, seed)
    found, best = _best_of(L, judged, np.ones(len(L), np.bool_))
    raw = {
        "majority vote": (get_label_model("majority_vote").fit(L).predict_logit(L), ""),
        SINGLE_BEST: (picked, ", ".join(f"{_turned(names, at)} ({n})" for at, n in n_picked.most_common())),
        HINDSIGHT: (found, _turned(names, best)),
        "longer response": (longer_sign(labels.pairs.take(judged.rows)), ""),
    }
    ours = Arm(OURS, score_all(judged.p, judged.y, judged.groups, seed=seed), {})
    return [ours, *(_arm(name, logit, chosen, judged, seed) for name, (logit, chosen) in raw.items())]


def _arm(name: str, logit: FloatArray, chosen: str, judged: Judged, seed: int) -> Arm:
    # A calibrator may take all confidence from a rule that is below chance; its verdicts still are what they were.
    said = {"accuracy": sigmoid(logit)}
    if judged.enough:
        z = cross_calibrated(logit, judged.y, judged.groups, candidates=CANDIDATES, seed=seed)
        said |= dict.fromkeys(("nll", "brier", "ece"), sigmoid(z))
    gold = (judged.y, judged.groups)
    return Arm(
        name,
        {metric: bootstrap(metric, p, *gold, seed=seed) for metric, p in said.items()},
        {
            metric: paired_difference(metric, said[metric], judged.p, *gold, seed=seed)
            for metric in ("accuracy", "nll")
            if metric in said
        },
        chosen,
    )


def longer_sign(pairs: Pairs) -> FloatArray:
    """`(n,)` float64: 1 where b has more characters, -1 where a has, 0 where both have as many."""
    a, b = (pc.utf8_length(pairs.table[name]).to_numpy() for name in ("response_a", "response_b"))
    return np.asarray(np.sign(b.astype(np.float64) - a.astype(np.float64)), dtype=np.float64)


def _single_best(
    L: NDArray[np.int8], judged: Judged, seed: int
) -> tuple[FloatArray, Counter[tuple[int, bool]]]:
    """Votes in {-1, 0, 1} of the function that is best on the other folds of prompts, and which were picked how often."""
    n_prompts = len(np.unique(judged.groups))
    out, picked = np.zeros(len(L)), Counter[tuple[int, bool]]()
    if n_prompts < 2:
        return out, picked
    folds = folds_by_prompt(judged.groups, min(_N_FOLDS, n_prompts), seed)
    for fold in np.unique(folds):
        held = folds == fold
        votes, best = _best_of(L, judged, ~held)
        out[held] = votes[held]
        picked[best] += 1
    return out, picked


def _best_of(
    L: NDArray[np.int8], judged: Judged, known: NDArray[np.bool_]
) -> tuple[FloatArray, tuple[int, bool]]:
    """All votes in {-1, 0, 1} of the function that is most often right where `known`, its column, and whether it is turned.

    One that is right less often than a coin is turned round: it knows as much.
    """
    signs, truth = signed_votes(L), 2 * judged.y - 1
    score = (signs[known] * truth[known, None]).mean(axis=0)
    best = int(np.argmax(np.abs(score)))
    turned = bool(score[best] < 0)
    return np.asarray(signs[:, best] * (-1.0 if turned else 1.0)), (best, turned)


def _turned(names: Sequence[str], at: tuple[int, bool]) -> str:
    return f"{names[at[0]]}{', turned round' if at[1] else ''}"
