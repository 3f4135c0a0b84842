"""Prompts as the unit of splitting and of training: folds of whole prompts, and pairs gathered into groups.

Pairs of one prompt share their difficulty and often their responses. Folds that divide a prompt, like
intervals that resample rows, make every figure look better than it is.
"""

from __future__ import annotations

import heapq
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

from weaklabel.errors import ConfigError, LabelMatrixError
from weaklabel.types import Message, Pairs


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
    """Response `j` beats response `i` with probability `p`; the comparison counts `w`."""

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

    Every pair gives exactly one comparison, with i its response a and j its response b; a pair that was judged
    twice gives two.

    Args:
        pairs: `n` pairs.
        p: `(n,)` float64, P(b beats a).
        w: `(n,)` float64 >= 0, how much each pair counts; None counts 1.

    Raises:
        LabelMatrixError: when `p` or `w` has another length.
    """
    beliefs, weights = _per_pair("p", p, len(pairs)), _per_pair("w", 1.0 if w is None else w, len(pairs))
    rows_of: dict[int, list[int]] = {}
    for row, code in enumerate(pairs.prompt_groups.tolist()):
        rows_of.setdefault(code, []).append(row)
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
        groups.append(Group(prompts[first], tuple(index), compared, _messages(messages[first])))
    return groups


def _messages(turns: Sequence[Message] | None) -> tuple[Message, ...]:
    return tuple(Message(role=turn["role"], content=turn["content"]) for turn in turns or ())


def _per_pair(what: str, values: ArrayLike, n: int) -> NDArray[np.float64]:
    array = np.asarray(values, dtype=np.float64)
    if array.shape not in ((), (n,)):
        raise LabelMatrixError(f"{what} has shape {array.shape}, expected ({n},): one value per pair.")
    return np.broadcast_to(array, (n,))
