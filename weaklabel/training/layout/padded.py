"""Each response in a row of its own, behind a copy of its prompt. Right for every architecture."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import torch
from numpy.typing import NDArray

from weaklabel.training.layout.base import Batch, comparisons, padded_rows
from weaklabel.training.tokens import TokenGroup


def collate(groups: Sequence[TokenGroup], pad_id: int) -> Batch:
    """`input_ids`, `attention_mask`, `token_type_ids` (1 in responses), all int64 (n_responses, longest row)."""
    rows = [(group.prompt, response) for group in groups for response in group.responses]
    lengths = torch.tensor([len(prompt) + len(response) for prompt, response in rows])
    ids = padded_rows([prompt + response for prompt, response in rows], pad_id)
    place = torch.arange(ids.shape[1])
    real = place < lengths[:, None]
    behind_prompt = place >= torch.tensor([len(prompt) for prompt, _ in rows])[:, None]
    return {
        "input_ids": ids,
        "attention_mask": real.long(),
        "token_type_ids": (real & behind_prompt).long(),
        "pool": torch.arange(len(rows)) * ids.shape[1] + lengths - 1,
        **comparisons(groups),
    }


def sizes(groups: Sequence[TokenGroup]) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """A row per response; the longest decides."""
    lengths = [len(group.prompt) + max(map(len, group.responses)) for group in groups]
    rows = [len(group.responses) for group in groups]
    return np.array(lengths, dtype=np.int64), np.array(rows, dtype=np.int64)
