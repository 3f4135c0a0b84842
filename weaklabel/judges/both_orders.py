"""A judge that was asked twice, each response shown first once: one antisymmetric labeling function.

Models that compare two texts favour a place, most often the first. Say `f(x)` is what such a judge finds for the
response that it sees first, as log-odds: what it thinks of the texts, plus its taste for the first place. With
response a shown first and then response b,

    f(a first) = taste - d,   f(b first) = taste + d,   d: how much better b is,

so `(f(b first) - f(a first)) / 2 = d`: the taste goes out exactly, whatever it is, and turning the pair round turns
the sign of d and nothing else. The other half, `(f(a first) + f(b first)) / 2`, is the taste; `position_bias` reports it.

What was said travels in two columns `<name>:first_a` and `<name>:first_b` that change places with the texts, so that
workers vote on them without a network.
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

import numpy as np
import pyarrow as pa

from weaklabel.errors import LabelingFunctionError
from weaklabel.judges.verdict import FIRST, SECOND, TIE, VERDICT_STEP
from weaklabel.lf.columns import DerivedFunction, with_derived_columns
from weaklabel.lf.votes import BatchVotes
from weaklabel.metrics import Interval, Metric, bootstrap
from weaklabel.types import ABSTAIN, Fault, FloatArray, Pair, Pairs
from weaklabel.types.result import json_fields

SAID: Final = pa.struct(
    [("state", pa.string()), ("verdict", pa.string()), ("log_odds", pa.float64()), ("note", pa.string())]
)
"""What was said in one order. `state`: "said", "same" (identical responses, not asked), "unread" (no verdict in the
answer), "undefined" (a value without a meaning), "failed" (no answer), "rejected" (none to be had), "budget" or
"unasked" (not asked). `log_odds`: of the response shown first, in nats."""

_NO_ANSWER: Final = ("failed", "rejected")
SAID_NOTHING: Final = {"state": "unasked", "verdict": None, "log_odds": None, "note": None}


@dataclass(frozen=True, kw_only=True)
class BothOrders(DerivedFunction):
    """A labeling function that reads what a judge said in both orders.

    The margin is `(f(b first) - f(a first)) / 2`, in log-odds where both answers carry them; else a verdict counts 1, a
    tie 0. It votes where both verdicts name the same response, or the margin is at least `settings.min_gap`. Where one
    order is missing the place cannot be told from the text, so it abstains; where the judge failed that is a fault.
    """

    def vote_all(self, pairs: Sequence[Pair]) -> BatchVotes:
        votes = np.full(len(pairs), ABSTAIN, dtype=np.int8)
        margins = np.full(len(pairs), np.nan, dtype=np.float32)
        faults = []
        for row, pair in enumerate(pairs):
            a, b = (pair.columns.get(name) or SAID_NOTHING for name in self.columns)
            fault = self._fault(pair.id, a) or self._fault(pair.id, b)
            if fault is not None:
                faults.append(fault)
            elif (scores := pair_scores(a, b)) is not None:
                with np.errstate(over="ignore"):  # beyond float32 it becomes infinite and keeps its sign
                    margins[row] = np.float32((scores[1] - scores[0]) / 2)
                votes[row] = self._vote(a["verdict"], b["verdict"], float(margins[row]))
        return BatchVotes(votes, margins, tuple(faults))

    @property
    def allowed(self) -> str:
        """What can be said, and what to do where something else was."""
        return ""

    def _fault(self, pair_id: str, said: Mapping[str, Any]) -> Fault | None:
        if said["state"] in _NO_ANSWER:
            return Fault(self.name, pair_id, "unanswered", f"got no answer: {said['note']}"[:500])
        if said["state"] == "undefined":
            return Fault(self.name, pair_id, "no_vote", str(said["note"])[:500], hint=self.allowed)
        return None

    def _vote(self, a_first: str | None, b_first: str | None, margin: float) -> int:
        agreed = (a_first, b_first) in ((FIRST, SECOND), (SECOND, FIRST)) and (a_first == SECOND) == (
            margin > 0
        )
        speaks = margin != 0 and (agreed or abs(margin) >= np.float32(self.settings.min_gap))
        return int(margin > 0) if speaks else ABSTAIN


@dataclass(frozen=True, slots=True)
class PositionBias:
    """How a judge treats the first place, over the pairs that it judged in both orders.

    Attributes:
        name: of the judge.
        share_first: share of its verdicts that are for the response shown first, ties half, .5 without bias; the
            interval resamples prompts.
        mean_log_odds: its mean taste for the first place, in nats (or in verdicts, where it gave no log-probabilities).
        contradictory: share of the pairs on which the two orders name different responses.
        n: pairs judged in both orders.
        counts: answers per state, e.g. {"said": 1580, "unread": 20}.
        without_log_odds: verdicts that came without log-probabilities.
    """

    name: str
    share_first: Interval
    mean_log_odds: float
    contradictory: float
    n: int
    counts: Mapping[str, int]
    without_log_odds: int

    @property
    def unit(self) -> str:
        """Of `mean_log_odds`: "nats", or "verdicts" where some answers came without log-probabilities."""
        return "verdicts" if self.without_log_odds else "nats"

    def __str__(self) -> str:
        if not self.n:
            return f"{self.name}: no pair was judged in both orders"
        return (
            f"{self.name}: first place wins {self.share_first}, worth {self.mean_log_odds:+.2f} {self.unit}, "
            f"{self.contradictory:.1%} of {self.n} pairs contradictory"
        )

    def to_dict(self) -> dict[str, Any]:
        """JSON values."""
        unknown = {} if self.n else {"mean_log_odds": None, "contradictory": None}
        return json_fields(self) | unknown


def position_bias(lf: BothOrders, pairs: Pairs, *, seed: int = 0) -> PositionBias:
    """The taste for the first place of a judge that was asked in both orders. Asks nothing that is not known yet.

    Args:
        lf: a judge, or `judge_columns` with both orders.
        pairs: pairs that it has judged.
        seed: of the resampled prompts.

    Raises:
        LabelingFunctionError: a labeling function that was not asked in both orders.
    """
    if not isinstance(lf, BothOrders):
        raise LabelingFunctionError(
            f"position_bias: {getattr(lf, 'name', lf)!r} was not asked in both orders. Pass a judge, or judge_columns."
        )
    table = with_derived_columns([lf], pairs, ask=False).table
    first_a, first_b = (table[name].to_pylist() for name in lf.columns)
    return bias_of(lf.name, first_a, first_b, pairs.prompt_groups, seed=seed)


def bias_of(
    name: str,
    first_a: Sequence[Mapping[str, Any] | None],
    first_b: Sequence[Mapping[str, Any] | None],
    groups: Any = None,
    *,
    seed: int = 0,
) -> PositionBias:
    """`position_bias` from the two columns themselves; `groups` are the prompts."""
    both = [(a or SAID_NOTHING, b or SAID_NOTHING) for a, b in zip(first_a, first_b, strict=True)]
    rows = [i for i, (a, b) in enumerate(both) if a["state"] == b["state"] == "said"]
    said = [both[i] for i in rows]
    share = np.array([sum(_to_first(x) for x in pair) / 2 for pair in said])
    taste = [sum(scores) / 2 for pair in said if (scores := pair_scores(*pair)) is not None]
    against = [{a["verdict"], b["verdict"]} in ({FIRST}, {SECOND}) for a, b in said]
    prompts = None if groups is None else np.asarray(groups)[rows]
    return PositionBias(
        name=name,
        share_first=bootstrap(_SHARE, share, np.zeros(len(share)), prompts, seed=seed)
        if said
        else Interval(math.nan, -math.inf, math.inf, 0),
        mean_log_odds=float(np.mean(taste)) if taste else math.nan,
        contradictory=float(np.mean(against)) if said else math.nan,
        n=len(said),
        counts=dict(sorted(Counter(str(x["state"]) for pair in both for x in pair).items())),
        without_log_odds=sum(x["log_odds"] is None for pair in said for x in pair),
    )


def pair_scores(a_first: Mapping[str, Any], b_first: Mapping[str, Any]) -> tuple[float, float] | None:
    """What was found for the response shown first, with a and with b there; None unless both are known.

    Both in log-odds, or both in verdicts: half a margin of one kind and half of the other would mean nothing.
    """
    if a_first["state"] == b_first["state"] == "same":
        return 0.0, 0.0
    if not a_first["state"] == b_first["state"] == "said":
        return None
    if a_first["log_odds"] is not None and b_first["log_odds"] is not None:
        return a_first["log_odds"], b_first["log_odds"]
    if a_first["verdict"] is None or b_first["verdict"] is None:
        return None
    return VERDICT_STEP[a_first["verdict"]], VERDICT_STEP[b_first["verdict"]]


def _to_first(said: Mapping[str, Any]) -> float:
    verdict = said["verdict"]
    if verdict is None:
        verdict = TIE if not said["log_odds"] else FIRST if said["log_odds"] > 0 else SECOND
    return (VERDICT_STEP[verdict] + 1) / 2


def _share_parts(p: FloatArray, y: FloatArray) -> FloatArray:
    return np.stack([p, np.ones_like(p)], axis=1)


def _share_of(sums: FloatArray) -> FloatArray:
    with np.errstate(invalid="ignore", divide="ignore"):
        return np.asarray(sums[..., 0] / sums[..., 1])


_SHARE: Final = Metric("share first", _share_parts, _share_of)
