"""`Comparer`: anything that can say how likely response B is better than response A, and what that rests on."""

from __future__ import annotations

from typing import Any, Protocol, runtime_checkable

import numpy as np
from numpy.typing import NDArray

from weaklabel.errors import LabelMatrixError
from weaklabel.types.pairs import Pairs
from weaklabel.types.votes import FloatArray


@runtime_checkable
class CanCompare(Protocol):
    """The one method that no comparer can be without; `as_comparer` adds the rest."""

    def compare(self, pairs: Pairs) -> FloatArray: ...


@runtime_checkable
class Comparer(CanCompare, Protocol):
    """A labeler, a reward model, a person, a judge or a checker: one question, one answer.

    A class of your own derives from this one and writes `compare`. What it inherits says that it was fitted to no
    gold: `calibrated` is False, and it `saw` none. `weaklabel.check_comparer` tries the contract on pairs.
    It may offer `interval(pairs)`, as a labeler does: `(n_pairs, 2)`, between which gold leaves `p` open (`interval_of`).

    >>> class Longer(Comparer):
    ...     def compare(self, pairs):
    ...         a, b = (pairs.table[name].to_pylist() for name in ("response_a", "response_b"))
    ...         return np.array([(1 + np.sign(len(y) - len(x))) / 2 for x, y in zip(a, b)])
    >>> Longer().calibrated
    False
    """

    def compare(self, pairs: Pairs) -> FloatArray:
        """`(n_pairs,)` float64 in [0, 1]: P(B beats A), with a tie counted as one half.

        Swapping the responses of a pair turns `p` into `1 - p`; the other pairs change nothing; gold, part and
        the order of the source are not looked at. It spends no money.
        """
        ...

    @property
    def calibrated(self) -> bool:
        """Whether `p` was fitted to gold, so that its value can be used and not its order alone."""
        return False

    def saw(self, pairs: Pairs) -> NDArray[np.bool_]:
        """`(n_pairs,)`: whether gold of the pair, or of its prompt, was used to fit: a figure on it is in-sample."""
        return np.zeros(len(pairs), dtype=np.bool_)


class Bare(Comparer):
    """An object that has `compare` alone. It does not say whose gold it saw, and is taken for one that saw none."""

    def __init__(self, inner: CanCompare) -> None:
        self.inner = inner

    def compare(self, pairs: Pairs) -> FloatArray:
        return self.inner.compare(pairs)

    @property
    def calibrated(self) -> bool:
        return bool(getattr(self.inner, "calibrated", False))


def as_comparer(given: Any, name: str | None = None) -> Comparer:
    """`given` as a comparer: itself, or with what it does not say of its gold added: it saw none.

    Args:
        given: an object with `compare(pairs)`.
        name: what messages call it; its class by default.

    Raises:
        LabelMatrixError: an object without `compare`.
    """
    if isinstance(given, Comparer):
        return given
    if not isinstance(given, CanCompare):
        raise LabelMatrixError(
            f"{name or type(given).__name__!r} has no compare(pairs) method, so it is not a comparer. Derive from "
            "weaklabel.Comparer and return P(B beats A)."
        )
    return Bare(given)


def answer_of(name: str, comparer: CanCompare, pairs: Pairs) -> FloatArray:
    """`(n_pairs,)` float64 in [0, 1]: what a comparer says of pairs, checked.

    Raises:
        LabelMatrixError: when the comparer returns something else.
    """
    return check_answer(name, comparer.compare(pairs), len(pairs))


def check_answer(name: str, answer: Any, n: int) -> FloatArray:
    """What a comparer said of `n` pairs, as `(n,)` float64 in [0, 1].

    Raises:
        LabelMatrixError: it said something else.
    """
    try:
        p = np.asarray(answer, dtype=np.float64)
    except (TypeError, ValueError):
        p = np.full(1, np.nan)
    if p.shape != (n,) or not ((p >= 0) & (p <= 1)).all():
        raise LabelMatrixError(
            f"comparer {name!r} returned shape {np.shape(answer)} for {n} pairs, or values outside [0, 1]. "
            "A comparer returns one P(B beats A) per pair."
        )
    return p


def interval_of(name: str, comparer: CanCompare, pairs: Pairs) -> FloatArray:
    """`(n_pairs, 2)` float64: between which gold leaves a comparer's P(B beats A) open, checked; NaN where it cannot tell.

    Raises:
        LabelMatrixError: when the comparer returns something else.
    """
    if not callable(ask := getattr(comparer, "interval", None)):
        return np.full((len(pairs), 2), np.nan)
    ends = np.asarray(ask(pairs), dtype=np.float64)
    if ends.shape != (len(pairs), 2) or not (np.isnan(ends).all() or _ordered(ends)):
        raise LabelMatrixError(
            f"comparer {name!r} returned intervals of shape {ends.shape} for {len(pairs)} pairs, or ends that are not in "
            "0 <= low <= high <= 1. Return one row (low, high) per pair, or NaN in all rows."
        )
    return ends


def _ordered(ends: FloatArray) -> bool:
    return bool(((ends[:, 0] >= 0) & (ends[:, 0] <= ends[:, 1]) & (ends[:, 1] <= 1)).all())
