"""A group in one row: the prompt once, its responses behind it, kept apart by an explicit mask.

Trap: without a mask, transformers 5 reads restarting position ids as packed documents and cuts each response off
its prompt, silently. So the mask is always given, and always four-dimensional, which its mask code passes through.
The batch carries segments, a number per token; the mask is made from them on the model's device, in its dtype, once
a forward pass, which is cheaper than moving it or than having every layer turn a boolean mask into numbers.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from weaklabel.training.layout.base import Batch, comparisons, joined, joined_sizes, padded_rows
from weaklabel.training.tokens import TokenGroup

PADDING = -1
MULTIPLE = 8
"""Rows are filled up to a multiple of this: masks of other widths keep CUDA from its fast kernels."""


def collate(groups: Sequence[TokenGroup], pad_id: int) -> Batch:
    """`input_ids`, `position_ids`, `segments` (-1 where padded), all int64 (n_groups, longest row)."""
    rows = [joined(group) for group in groups]
    ids = padded_rows([row[0] for row in rows], pad_id, MULTIPLE)
    width = ids.shape[1]
    return {
        "input_ids": ids,
        "position_ids": padded_rows([row[1] for row in rows], 0, MULTIPLE),
        "segments": padded_rows([row[2] for row in rows], PADDING, MULTIPLE),
        "pool": torch.tensor([at * width + end for at, row in enumerate(rows) for end in row[3]]),
        **comparisons(groups),
    }


def sizes(groups: Sequence[TokenGroup]) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """One row per group, as long as its prompt and all its responses, filled up."""
    lengths, rows = joined_sizes(groups)
    return -(-lengths // MULTIPLE) * MULTIPLE, rows


def additive_mask(segments: Tensor, dtype: torch.dtype) -> Tensor:
    """`(n_groups, 1, L, L)` of `dtype`: 0 where a token may look, the lowest number where it may not."""
    return as_numbers(visible(segments), dtype)


def visible(segments: Tensor) -> Tensor:
    """Bool `(n_groups, L, L)`: which places (the last axis) a token sees.

    A token looks back at its prompt and its own segment. Padding looks at the prompt and at padding, so that no
    row of the softmax is empty; nothing looks at padding.
    """
    length = segments.shape[1]
    key = segments[:, None, :]
    seen = (key == 0) | (key == segments[:, :, None])
    place = torch.arange(length, device=segments.device)
    return seen & (place[None, :] <= place[:, None])


def as_numbers(seen: Tensor, dtype: torch.dtype) -> Tensor:
    """Bool `(n, L, L)` as the mask that is added to attention: `(n, 1, L, L)`, 0 or the lowest number of `dtype`."""
    mask = torch.zeros(seen.shape, dtype=dtype, device=seen.device)
    return mask.masked_fill_(~seen, torch.finfo(dtype).min)[:, None]
