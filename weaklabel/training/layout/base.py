"""What every layout is: a way to collate groups, and what a group costs in it."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, Generic, TypeVar

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from weaklabel.training.tokens import TokenGroup

T = TypeVar("T")

Batch = dict[str, Any]
"""Tensors by name. Every batch holds `pool` int64 (n_responses,): where in the flattened hidden states each
response's last token stands; and `i`, `j` int64, `p`, `w` float32, all (n_comparisons,): the comparisons,
as indices into the flat rewards."""


@dataclass(frozen=True, slots=True)
class Layout(Generic[T]):
    """A named way to lay groups out, or whatever else a trainer learns from.

    Attributes:
        collate: `(groups, pad_id) -> Batch`.
        sizes: `groups -> (lengths, rows)`, both int64 (n,), which `GroupBatchSampler` takes.
        bucketed: whether batches are sorted by length.
    """

    name: str
    collate: Callable[[Sequence[T], int], Batch]
    sizes: Callable[[Sequence[T]], tuple[NDArray[np.int64], NDArray[np.int64]]]
    bucketed: bool


def comparisons(groups: Sequence[TokenGroup]) -> Batch:
    """The comparisons of all groups as tensors, their indices into rewards in order of groups, then responses."""
    i, j, p, w = [], [], [], []
    start = 0
    for group in groups:
        for c in group.comparisons:
            i.append(start + c.i)
            j.append(start + c.j)
            p.append(c.p)
            w.append(c.w)
        start += len(group.responses)
    return {
        "i": torch.tensor(i, dtype=torch.int64),
        "j": torch.tensor(j, dtype=torch.int64),
        "p": torch.tensor(p, dtype=torch.float32),
        "w": torch.tensor(w, dtype=torch.float32),
    }


def padded_rows(rows: Sequence[Sequence[int]], fill: int, multiple: int = 1) -> Tensor:
    """Rows of numbers as int64 (n, longest), filled up on the right, whatever side the tokenizer would pad.

    The width is the next `multiple` of the longest row.
    """
    width = -(-max(map(len, rows)) // multiple) * multiple
    filled = np.full((len(rows), width), fill, dtype=np.int64)
    for target, row in zip(filled, rows, strict=True):
        target[: len(row)] = row
    return torch.from_numpy(filled)


def joined(group: TokenGroup) -> tuple[list[int], list[int], list[int], list[int]]:
    """A group in one row, the prompt once: ids, position ids, segments, where each response ends.

    Positions restart behind the prompt for every response. Segments are 0 for the prompt and k for response k.

    >>> joined(TokenGroup([7, 8], ([5], [6, 9]), ()))
    ([7, 8, 5, 6, 9], [0, 1, 2, 2, 3], [0, 0, 1, 2, 2], [2, 4])
    """
    ids, n = list(group.prompt), len(group.prompt)
    positions, segments, ends = list(range(n)), [0] * n, []
    for k, response in enumerate(group.responses, start=1):
        ids += response
        positions += range(n, n + len(response))
        segments += [k] * len(response)
        ends.append(len(ids) - 1)
    return ids, positions, segments, ends


def joined_sizes(groups: Sequence[TokenGroup]) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """One row per group, as long as `joined` makes it."""
    lengths = [len(group.prompt) + sum(map(len, group.responses)) for group in groups]
    return np.array(lengths, dtype=np.int64), np.ones(len(groups), dtype=np.int64)
