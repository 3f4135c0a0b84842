"""General text that a policy goes on learning, so that it does not forget it: rows of token ids, drawn by step."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Final

import numpy as np
import torch

from weaklabel.artifacts import content_hash
from weaklabel.errors import DataError
from weaklabel.training.encoding import text_ids
from weaklabel.training.layout import Batch

_LEAST: Final = 2


@dataclass(frozen=True, slots=True)
class GeneralText:
    """Text in rows of one length.

    Attributes:
        rows: token ids.
        n_lost: tokens behind the last whole row.
    """

    rows: Sequence[Sequence[int]]
    n_lost: int = 0

    @classmethod
    def of(cls, text: str, tokenizer: Any, *, max_length: int) -> GeneralText:
        """A text in rows of `max_length`, or in one shorter row where it has no more.

        Raises:
            DataError: it has fewer than two tokens.
        """
        ids = text_ids(tokenizer, [text])[0]
        if len(ids) < _LEAST:
            raise DataError(
                f"the general text has {len(ids)} tokens, so nothing predicts any. Give more text."
            )
        length = min(max_length, len(ids))
        n = len(ids) // length
        return cls([ids[k * length : (k + 1) * length] for k in range(n)], len(ids) - n * length)

    @property
    def hash(self) -> str:
        """Of the token ids."""
        return content_hash(*map(repr, self.rows))

    def batch(self, n: int, *, seed: int, step: int) -> Batch:
        """`n` rows, drawn with replacement by seed and step: `input_ids` and `attention_mask`, and every token a target."""
        drawn = np.random.default_rng((seed, step)).integers(len(self.rows), size=n)
        ids = torch.tensor([list(self.rows[k]) for k in drawn], dtype=torch.int64)
        places = torch.arange(ids.numel()).reshape(ids.shape)[:, :-1]
        return {
            "input_ids": ids,
            "attention_mask": torch.ones_like(ids),
            "targets": ids[:, 1:].reshape(-1),
            "places": places.reshape(-1),
        }
