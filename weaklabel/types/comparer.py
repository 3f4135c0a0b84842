"""`Comparer`: anything that can say how likely response B is better than response A."""

from __future__ import annotations

from typing import Protocol, runtime_checkable

from weaklabel.types.pairs import Pairs
from weaklabel.types.votes import FloatArray


@runtime_checkable
class Comparer(Protocol):
    """A labeler, a reward model, a person, a judge or a checker: one question, one answer.

    `compare(pairs)` returns `p`, `(n_pairs,)` float64 in [0, 1]: P(B beats A), with a tie counted as one
    half. Swapping the responses of a pair must turn `p` into `1 - p`.
    """

    def compare(self, pairs: Pairs) -> FloatArray: ...
