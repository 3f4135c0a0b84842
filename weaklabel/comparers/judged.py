"""`Judged`: an LLM judge as a comparer: both orders asked, answers kept, its budget held."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from weaklabel.errors import BudgetError, EndpointError
from weaklabel.judges.both_orders import SAID_NOTHING, PositionBias, bias_of, pair_scores
from weaklabel.judges.prompted import Judge
from weaklabel.types import Comparer, FloatArray, Pairs, sigmoid

Said = Mapping[str, Any]
"""What was said in one order, see `weaklabel.judges.both_orders.SAID`."""


class Judged(Comparer):
    """A judge that is asked when it has to compare, within the budget of its settings.

    Its log-odds for b, averaged over both orders, are the answer. Where the server gives no log-probabilities a verdict
    for b in both orders is 1, in one order and a tie in the other 3/4, and contradictory verdicts are 1/2. An answer that is no
    verdict is 1/2 too, with a word in the log.

    Args:
        judge: made by `judge(...)`; answers are kept where its settings say.
        ask: whether it may be asked what it has not been asked before; otherwise such pairs are 1/2.
    """

    def __init__(self, judge: Judge, *, ask: bool = True) -> None:
        self.judge, self.ask, self.name = judge, ask, judge.name

    def compare(self, pairs: Pairs) -> FloatArray:
        """`(n_pairs,)` P(B beats A), not calibrated.

        Raises:
            BudgetError: the budget did not hold all questions; answers until then are kept.
            EndpointError: the server cannot be used, or a request failed.
        """
        said = self._said(pairs, ask=self.ask)
        states = [x["state"] for both in said for x in both]
        if self.ask and (left := states.count("budget")):
            raise BudgetError(
                f"judge {self.name!r}: its budget does not hold {left:,} of {len(states):,} questions; what was answered is "
                "kept. Raise max_pairs or max_cost, or compare fewer pairs."
            )
        if self.ask and (failed := states.count("failed")):
            note = next(x["note"] for both in said for x in both if x["state"] == "failed")
            raise EndpointError(
                f"judge {self.name!r}: {failed:,} of {len(states):,} requests failed ({note}). Run again: only they are asked."
            )
        return np.array([_belief(a, b) for a, b in said], dtype=np.float64)

    def position_bias(self, pairs: Pairs, *, seed: int = 0) -> PositionBias:
        """Its taste for the first place on `pairs`, from the answers at hand."""
        a, b = zip(*self._said(pairs, ask=False), strict=True) if len(pairs) else ((), ())
        return bias_of(self.name, a, b, pairs.prompt_groups, seed=seed)

    def _said(self, pairs: Pairs, *, ask: bool) -> list[tuple[Said, Said]]:
        table = self.judge.judged(pairs.table, ask=ask)
        first_a, first_b = (table[name].to_pylist() for name in self.judge.columns)
        return [(a or SAID_NOTHING, b or SAID_NOTHING) for a, b in zip(first_a, first_b, strict=True)]


def _belief(a_first: Said, b_first: Said) -> float:
    scores = pair_scores(a_first, b_first)
    if scores is None:
        return 0.5
    margin = (scores[1] - scores[0]) / 2
    in_nats = a_first["log_odds"] is not None and b_first["log_odds"] is not None
    return float(sigmoid(np.array([margin]))[0]) if in_nats else (1.0 + margin) / 2.0
