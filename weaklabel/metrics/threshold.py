"""A confidence threshold for a wanted accuracy, with a guarantee that survives having searched for it.

Looking at many thresholds and taking the lowest whose confidence bound is good enough certifies wrongly far more
often than the bound says: of many looks the luckiest is taken. Here thresholds are tested in an order that is
fixed beforehand, from the strictest down, each at the full error rate, and the first that fails ends the search.
To certify a wrong threshold at all, the first wrong one on the way must pass its test, and that is one test: the
chance is at most 1 - level, however many thresholds there are.

- One row per prompt. Rows of one prompt succeed and fail together, and a binomial test that takes them for
  independent is wrong. At each threshold one of the prompt's kept rows is drawn, by `seed`; prompts are
  independent, so the binomial test is exact. (A betting test on all rows of each prompt was tried: it gains from some
  hundred prompts of four rows or more, and with 40 prompts of any size finds next to nothing, power .01 against .40.)
- A gold tie, or a p of .5, is half right; here it counts as wrong, which can only make us too careful.
- The stops are numbers of kept prompts, known before any outcome is looked at: where one more error becomes
  bearable. Between two such numbers a test can only lose. The search begins at the stop that bears three errors, or
  fewer where that would be more than a quarter of the gold: the very first stop bears none, and one unlucky pair
  would end the search.

Source: fixed-sequence testing, Bauer (1991), section 2, and Learn-then-Test, Angelopoulos, Bates, Candes, Jordan &
Lei (2021), section 3.2; binomial tail, Clopper & Pearson (1934).
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any, Final

import numpy as np
from numpy.typing import ArrayLike, NDArray

from weaklabel.errors import ConfigError
from weaklabel.metrics.kept import rounded_down
from weaklabel.metrics.rows import checked, confidence_of, correctness, group_numbers
from weaklabel.metrics.sequence import (
    ERRORS_AT_FIRST,
    GOLD_AT_FIRST,
    binomial_tail,
    drawn_counts,
    first_stop,
    stops_of,
)
from weaklabel.types import FloatArray
from weaklabel.types.result import json_fields

POWER: Final = 0.8
"""How surely the gold that a refusal asks for would be enough, if what was seen is the truth."""


@dataclass(frozen=True, slots=True)
class Threshold:
    """Keep pairs with at least this confidence, and at least `accuracy` of them are right, with certainty `level`.

    Attributes:
        threshold: in [.5, 1], four decimals; give it to an export as `min_confidence`.
        accuracy: what is certified: the chance that the label of a kept pair is right, prompts counting equally.
        level: in at least so many of all searches no threshold is certified that does not deserve it.
        kept_share: share of all rows given that it keeps.
        n_kept: these rows; `n_prompts` the prompts they are of, one row of each in the test.
        n_right: rows in the test that are right; one that is half right counts as wrong.
    """

    threshold: float
    accuracy: float
    level: float
    kept_share: float
    n_kept: int
    n_prompts: int
    n_right: int

    def to_dict(self) -> dict[str, Any]:
        """JSON values."""
        return {"certified": True, **json_fields(self)}

    def __str__(self) -> str:
        return (
            f"confidence at least {self.threshold:g}: at least {self.accuracy:.1%} of the kept pairs are right "
            f"(certain to {self.level:.0%}); it keeps {self.kept_share:.1%} of the pairs, and {self.n_right} of "
            f"{self.n_prompts} in the test are right, one per prompt."
        )


@dataclass(frozen=True, slots=True)
class Refusal:
    """No threshold can be certified, and what would change that. Counts as false.

    Attributes:
        accuracy, level: what was wanted.
        n_prompts: prompts with gold that there were.
        needed: prompts with gold that would do in all, about, if what was seen is the truth; None where no number
            would.
        reason: one sentence.
    """

    accuracy: float
    level: float
    n_prompts: int
    needed: int | None
    reason: str

    def __bool__(self) -> bool:
        return False

    def to_dict(self) -> dict[str, Any]:
        """JSON values."""
        return {"certified": False, **json_fields(self)}

    def __str__(self) -> str:
        return self.reason


def find_threshold(
    p: ArrayLike,
    y: ArrayLike,
    groups: ArrayLike | None = None,
    *,
    accuracy: float = 0.9,
    level: float = 0.9,
    seed: int = 0,
) -> Threshold | Refusal:
    """The lowest confidence threshold whose kept pairs are certified to be right `accuracy` of the time.

    The guarantee is about pairs drawn as these were, labelled by the same labeler, and one look: gold that was used
    to fit or to calibrate shows a labeler at its best and must not be among these rows, and whoever asks again
    with the old gold and some new looks twice (ask with `level` half as far from 1, or with new gold alone).

    Args:
        p: `(n,)` in [0, 1], of pairs whose gold entered neither label model nor calibrator.
        y: `(n,)`, 0, .5 or 1.
        groups: `(n,)`, equal values for equal prompts; None takes each row for a prompt of its own.
        accuracy: wanted, above .5 and below 1.
        level: of the guarantee, at least .5 and below 1.
        seed: draws one row per prompt. Fix it before you look: the best of several seeds has no guarantee.

    Raises:
        LabelMatrixError: as for `accuracy`, and when groups have another length.
        ConfigError: accuracy or level out of range.

    >>> found = find_threshold([0.95] * 60 + [0.6] * 60, [1] * 60 + [1, 0] * 30, accuracy=0.9)
    >>> found.threshold, found.kept_share, found.n_right
    (0.95, 0.5, 60)
    >>> print(find_threshold([0.95] * 10, [1] * 10))
    no threshold can be certified: 10 prompts with gold are too few, because an accuracy of 90.0% at 90% takes 22 \
kept ones even where all are right; 260 in all would let 3 be wrong in the surest quarter.
    """
    _check(accuracy, level)
    p_, y_ = checked(p, y)
    prompts = group_numbers(groups, len(p_))
    said, right = confidence_of(p_), correctness(p_, y_) == 1.0
    surest_first = np.argsort(-said, kind="stable")
    n_of, right_of = drawn_counts(prompts[surest_first], right[surest_first], seed)
    n_prompts, said = int(n_of[-1]), said[surest_first]
    stops = stops_of(n_prompts, accuracy, 1 - level)
    certified = None
    for rows in _kept_rows(said, n_of, stops[first_stop(stops, n_prompts) :]):
        n, k = int(n_of[rows - 1]), int(right_of[rows - 1])
        if binomial_tail(k, n, accuracy) > 1 - level:
            break
        threshold = float(rounded_down(said[rows - 1 : rows])[0])
        certified = Threshold(threshold, accuracy, level, rows / len(p_), rows, n, k)
    return certified or _refuse(said, n_of, right_of, stops, accuracy, level)


def _kept_rows(said: FloatArray, n_of: NDArray[np.intp], stops: list[int]) -> list[int]:
    """Rows kept at each stop: as many as bring that many prompts, and all that are as sure to four decimals."""
    first = np.searchsorted(n_of, stops)
    thresholds = rounded_down(said[first])
    rows: list[int] = np.unique(np.searchsorted(-said, -thresholds, side="right")).tolist()
    return rows


def _refuse(
    said: FloatArray,
    n_of: NDArray[np.intp],
    right_of: NDArray[np.intp],
    stops: list[int],
    accuracy: float,
    level: float,
) -> Refusal:
    """What is missing, judged by the accuracies that were seen.

    Each is drawn in by half a pair right and half a pair wrong: the top of a short list is too good to be true.
    """
    n_prompts = int(n_of[-1])
    looks = sorted(
        {
            *stops[first_stop(stops, n_prompts) :],
            *(math.ceil(n_prompts * share / 4) for share in (1, 2, 3, 4)),
        }
    )
    rows = np.array(_kept_rows(said, n_of, looks))
    n, k = n_of[rows - 1], right_of[rows - 1]
    seen = (k + 0.5) / (n + 1)
    needed = _prompts_needed(seen, n / n_prompts, accuracy, level)
    wanted = f"an accuracy of {accuracy:.1%} at {level:.0%}"
    best = int(np.argmax(seen))
    where = f"{k[best]} of {n[best]} prompts are right at confidence {rounded_down(said[rows - 1])[best]:g} and above"
    if not stops:
        least, *_, needed = stops_of(_enough(accuracy, level), accuracy, 1 - level)[: ERRORS_AT_FIRST + 1]
        needed = math.ceil(needed / GOLD_AT_FIRST)
        reason = (
            f"{n_prompts} prompts with gold are too few, because {wanted} takes {least} kept ones even where all are "
            f"right; {needed} in all would let {ERRORS_AT_FIRST} be wrong in the surest quarter"
        )
    elif needed is None:
        reason = (
            f"nowhere were the labels seen to be good enough for {wanted} (at best {where}); more gold of this kind is "
            "unlikely to help, better functions or a lower accuracy are likely to"
        )
    else:
        needed = max(needed, math.ceil(1.25 * n_prompts))
        reason = (
            f"{n_prompts} prompts with gold are too few for {wanted} (at best {where}); about {needed} in all "
            f"would do, {needed - n_prompts} more"
        )
    return Refusal(accuracy, level, n_prompts, needed, f"no threshold can be certified: {reason}.")


def _prompts_needed(seen: FloatArray, kept: FloatArray, accuracy: float, level: float) -> int | None:
    """Prompts in all with which the best look would pass its test with `POWER`, were `seen` the truth."""
    from scipy.special import ndtri

    gain = seen - accuracy
    reach = gain > 0.005  # below that the answer is a number that nobody pays for
    if not reach.any():
        return None
    spread = ndtri(level) * math.sqrt(accuracy * (1 - accuracy)) + ndtri(POWER) * np.sqrt(seen * (1 - seen))
    least = math.log(1 - level) / math.log(accuracy)
    n = np.maximum((spread[reach] / gain[reach]) ** 2, least)
    return math.ceil(float((n / kept[reach]).min()))


def _enough(accuracy: float, level: float) -> int:
    """More prompts than the first few stops take."""
    return math.ceil((10 - 3 * math.log(1 - level)) / (1 - accuracy))


def _check(accuracy: float, level: float) -> None:
    if not 0.5 < accuracy < 1:
        raise ConfigError(f"accuracy is {accuracy!r}. Allowed: above .5 and below 1, for example 0.9.")
    if not 0.5 <= level < 1:
        raise ConfigError(f"level is {level!r}. Allowed: at least .5 and below 1, for example 0.9.")
