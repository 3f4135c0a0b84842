"""What a policy implies of pairs: beta times the log-ratio to the reference is the reward of a response."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import torch

from weaklabel.groups import Group
from weaklabel.training.dpo.reference import reference_key, reference_logps
from weaklabel.training.dpo.settings import DPOTrainingSettings
from weaklabel.training.logps import group_logps
from weaklabel.training.tokens import tokenize_groups
from weaklabel.types import FloatArray, Pairs
from weaklabel.types.messages import copied


class ImpliedRewards:
    """Rewards of the two responses of pairs, to be asked of a policy after its reference has been asked.

    Args:
        reference: the reference; where it is the model that will train, before its training.
        tokenizer: of both.
        pairs: `n_pairs`.
        settings: `beta`, `length_normalized`, `max_length` and `bf16` as in the training.
        store: where log-probabilities of references are kept.

    Raises:
        ArtifactError, ConfigError, TrainingError: as for `reference_logps`.
    """

    def __init__(
        self, reference: Any, tokenizer: Any, pairs: Pairs, *, settings: DPOTrainingSettings, store: Path
    ) -> None:
        columns = (
            pairs.table[name].to_pylist() for name in ("prompt", "response_a", "response_b", "messages")
        )
        groups = [
            Group(prompt, (a, b), (), copied(turns)) for prompt, a, b, turns in zip(*columns, strict=True)
        ]
        self._groups = tokenize_groups(
            groups, tokenizer, max_length=settings.max_length, kind="decoder", keep_end=False
        ).groups
        self._settings, self._pad = settings, tokenizer.pad_token_id
        self._reference = reference_logps(
            reference,
            self._groups,
            key=reference_key(reference, tokenizer, bf16=settings.bf16),
            store=store,
            device=torch.device("cuda" if torch.cuda.is_available() else "cpu"),
            pad_id=self._pad,
            bf16=settings.bf16,
        ).logps

    def of(self, model: Any) -> FloatArray:
        """`(n_pairs, 2)` rewards of response a and b under a policy."""
        device = next(model.parameters()).device
        with torch.autocast(device.type, torch.bfloat16, enabled=self._settings.bf16):
            found = group_logps(model, self._groups, pad_id=self._pad)
        parts = [part for group in found for part in group]
        rewards: FloatArray = self._settings.beta * (
            np.array([part.sum() for part in parts]) - self._reference
        )
        if self._settings.length_normalized:
            rewards /= [len(part) for part in parts]
        return np.asarray(rewards).reshape(-1, 2)

    def differences(self, model: Any) -> FloatArray:
        """`(n_pairs,)`: by how much response b is better, the log-odds that it wins."""
        a, b = self.of(model).T
        return np.asarray(b - a)
