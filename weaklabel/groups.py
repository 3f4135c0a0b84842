"""Prompts as the unit of splitting and of training: folds of whole prompts, and pairs gathered into groups.

Pairs of one prompt share their difficulty and often their responses. Folds that divide a prompt, like
intervals that resample rows, make every figure look better than it is.
"""

from __future__ import annotations

import heapq
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Final

import numpy as np
from numpy.typing import ArrayLike, NDArray

from weaklabel.errors import ConfigError, DataError, LabelMatrixError
from weaklabel.types import Message, Pairs, collapse_whitespace
from weaklabel.types.messages import copied

MIN_GOLD: Final = 20
MIN_PROMPTS: Final = 5
"""Fewer decided gold pairs, or prompts of theirs, are noise to whatever is fitted to them and judged by them."""


def enough_gold(prompts: ArrayLike) -> bool:
    """Whether gold pairs on these prompts, `(n_gold,)`, can judge what was fitted to others of them.

    >>> enough_gold(range(20)), enough_gold(range(19)), enough_gold([1, 2, 3, 4] * 9)
    (True, False, False)
    """
    known = np.asarray(prompts)
    return len(known) >= MIN_GOLD and len(np.unique(known)) >= MIN_PROMPTS


def folds_by_prompt(groups: ArrayLike, n_folds: int, seed: int = 0) -> NDArray[np.int64]:
    """A fold number 0..n_folds-1 per row, whole prompts together, folds as equal in rows as prompts allow.

    Prompts are shuffled by `seed`, then dealt out largest first to the fold that holds fewest rows. With prompts
    of one row each, fold sizes differ by at most one.

    Args:
        groups: `(n,)`, equal values for equal prompts.
        n_folds: at least 2 and at most the number of prompts.
        seed: the same groups and seed give the same folds.

    Raises:
        ConfigError: when `n_folds` is out of range.

    >>> folds_by_prompt([7, 7, 7, 8, 9, 9], 2, seed=0).tolist() in ([0, 0, 0, 1, 1, 1], [1, 1, 1, 0, 0, 0])
    True
    """
    codes, sizes = np.unique(np.asarray(groups), return_inverse=True, return_counts=True)[1:]
    if not 2 <= n_folds <= len(sizes):
        raise ConfigError(
            f"n_folds is {n_folds} but there are {len(sizes)} distinct prompts. Allowed: 2 up to the number of prompts."
        )
    order = np.random.default_rng(seed).permutation(len(sizes))
    order = order[np.argsort(-sizes[order], kind="stable")]
    fold_of = np.empty(len(sizes), dtype=np.int64)
    rows_in = [(0, fold) for fold in range(n_folds)]
    for prompt in order:
        rows, fold = heapq.heappop(rows_in)
        fold_of[prompt] = fold
        heapq.heappush(rows_in, (rows + int(sizes[prompt]), fold))
    return fold_of[codes.reshape(-1)]


def some_prompts(groups: NDArray[np.int64], n_rows: int, seed: int) -> NDArray[np.intp]:
    """Rows of randomly drawn whole prompts, at most `n_rows` of them unless the first prompt alone has more.

    >>> some_prompts(np.array([0, 0, 1, 1, 2, 2]), 2, seed=0).tolist() in ([0, 1], [2, 3], [4, 5])
    True
    """
    sizes = np.bincount(groups)
    drawn = np.random.default_rng(seed).permutation(len(sizes))
    enough = max(1, int(np.searchsorted(np.cumsum(sizes[drawn]), n_rows, side="right")))
    return np.flatnonzero(np.isin(groups, drawn[:enough]))


@dataclass(frozen=True, slots=True)
class Comparison:
    """Response `j` beats response `i` with probability `p`; it counts `w`."""

    i: int
    j: int
    p: float
    w: float


@dataclass(frozen=True, slots=True)
class Group:
    """One prompt, its distinct responses, and weighted comparisons between them.

    The unit of reward and DPO training: a model scores each response once, and comparison `(i, j, p, w)` looks
    at d = r_j - r_i. A pair is the group with i = a and j = b.
    """

    prompt: str
    responses: tuple[str, ...]
    comparisons: tuple[Comparison, ...]
    messages: tuple[Message, ...] = ()


def gather_groups(pairs: Pairs, p: ArrayLike, w: ArrayLike | None = None) -> list[Group]:
    """The pairs of each prompt as one group, in order of first appearance, identical responses merged.

    Prompts that differ in more than white space are two: a model is trained on what was written.

    Every pair gives exactly one comparison, with i its response a and j its response b; a pair that was judged
    twice gives two, and a pair of identical responses compares a response with itself. What of it can be
    trained on, `trainable_groups` says.

    Args:
        pairs: `n` pairs.
        p: `(n,)` float64, P(b beats a).
        w: `(n,)` float64 >= 0, how much each pair counts; None counts 1.

    Raises:
        LabelMatrixError: when one of them has another length, or holds what is no belief or weight.
    """
    beliefs, weights = _beliefs("p", p, len(pairs)), _per_pair("w", 1.0 if w is None else w, len(pairs))
    _check_range("w", weights, np.finfo(np.float64).max, "a weight, 0 or more and finite")
    rows_of: dict[str, list[int]] = {}
    for row, asked in enumerate(pairs.asked):
        rows_of.setdefault(collapse_whitespace(asked), []).append(row)
    table = pairs.table
    texts = list(zip(table["response_a"].to_pylist(), table["response_b"].to_pylist(), strict=True))
    prompts, messages = table["prompt"].to_pylist(), table["messages"].to_pylist()
    groups = []
    for rows in rows_of.values():
        index: dict[str, int] = {}
        compared = tuple(
            Comparison(
                index.setdefault(texts[row][0], len(index)),
                index.setdefault(texts[row][1], len(index)),
                float(beliefs[row]),
                float(weights[row]),
            )
            for row in rows
        )
        first = rows[0]
        groups.append(Group(prompts[first], tuple(index), compared, copied(messages[first])))
    return groups


def _per_pair(what: str, values: ArrayLike, n: int) -> NDArray[np.float64]:
    array = np.asarray(values, dtype=np.float64)
    if array.shape not in ((), (n,)):
        raise LabelMatrixError(f"{what} has shape {array.shape}, expected ({n},): one value per pair.")
    return np.broadcast_to(array, (n,))


def _beliefs(what: str, values: ArrayLike, n: int) -> NDArray[np.float64]:
    beliefs = _per_pair(what, values, n)
    _check_range(what, beliefs, 1.0, "a probability, 0 to 1")
    return beliefs


def _check_range(what: str, values: NDArray[np.float64], most: float, allowed: str) -> None:
    odd = np.flatnonzero(~((values >= 0.0) & (values <= most)))  # NaN is odd too
    if odd.size:
        raise LabelMatrixError(
            f"{what} holds {float(values[odd[0]])!r} at pair {int(odd[0])} ({odd.size} of {len(values)} pairs). "
            f"Allowed: {allowed}. Drop such pairs, or mend the labels they come from."
        )


@dataclass(frozen=True, slots=True)
class Trainable:
    """Groups with what cannot move a model left out, and how much that was.

    Attributes:
        groups: every comparison is between two different responses and has weight; every response is compared.
        identical: comparisons left out because both responses have the same text.
        weightless: comparisons left out because their weight is zero.
    """

    groups: tuple[Group, ...]
    identical: int
    weightless: int


def trainable_groups(groups: Sequence[Group]) -> Trainable:
    """The groups checked, without comparisons that have no gradient and responses that nothing compares.

    A response compared with itself has d = 0 whatever the model says: kept, it would only add a constant to the
    loss and dilute the mean. Weight zero likewise. Both are left out and counted, never silently.

    Raises:
        DataError: no groups; a group with one response or no comparison; a comparison that points outside its
            group; `p` outside [0, 1]; a weight that is negative or not finite; nothing left to train on.
    """
    kept: list[Group] = []
    identical = weightless = 0
    for number, group in enumerate(groups):
        check_group(group, number)
        useful = [c for c in group.comparisons if c.i != c.j]
        identical += len(group.comparisons) - len(useful)
        weighted = [c for c in useful if c.w > 0]
        weightless += len(useful) - len(weighted)
        if weighted:
            kept.append(_only_compared(group, weighted))
    if not kept:
        raise DataError(
            f"nothing to train on in {len(groups)} group(s): {weightless} comparison(s) have weight zero and "
            f"{identical} compare identical responses. Training needs a comparison of two different responses "
            "with w > 0. Check the weights, or label more pairs."
        )
    return Trainable(tuple(kept), identical, weightless)


def check_group(group: Group, number: int) -> None:
    """Raises DataError, naming the group by `number` and prompt, where it cannot be trained on."""
    where = f"group {number} ({group.prompt[:40]!r})"
    n = len(group.responses)
    themselves = bool(group.comparisons) and all(c.i == c.j == 0 for c in group.comparisons)
    if n < 2 and not (
        n == 1 and themselves
    ):  # identical responses merge into one; trainable_groups counts them
        raise DataError(
            f"{where} has {n} response(s). A group compares at least two; leave the group out, or add responses."
        )
    if not group.comparisons:
        raise DataError(f"{where} has no comparison. Give at least one (i, j, p, w), or leave the group out.")
    for c in group.comparisons:
        if not (0 <= c.i < n and 0 <= c.j < n):
            raise DataError(
                f"{where} compares responses {c.i} and {c.j} but has {n}. Indices run from 0 to {n - 1}; "
                "gather_groups numbers them."
            )
        if not 0.0 <= c.p <= 1.0:
            raise DataError(f"{where} has p = {c.p!r}. p is the probability that j beats i, 0 to 1.")
        if not 0.0 <= c.w < float("inf"):
            raise DataError(f"{where} has w = {c.w!r}. A weight is 0 or more and finite.")


def _only_compared(group: Group, comparisons: Sequence[Comparison]) -> Group:
    used = sorted({index for c in comparisons for index in (c.i, c.j)})
    place = {old: new for new, old in enumerate(used)}
    return Group(
        group.prompt,
        tuple(group.responses[index] for index in used),
        tuple(replace(c, i=place[c.i], j=place[c.j]) for c in comparisons),
        group.messages,
    )
