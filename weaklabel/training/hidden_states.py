"""A response to a prompt as one vector: what a language model holds of it."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any, Self

import numpy as np
import torch

from weaklabel.groups import Group
from weaklabel.training.models.loading import context_length, load_language_model
from weaklabel.training.tokens import tokenize_groups
from weaklabel.types import FloatArray


class HiddenStates:
    """What a language model holds of a response behind its prompt: the mean of its last layer over the response's tokens.

    Every text is read alone, in eval mode, on the model's device. The end token counts, so that an empty response has a row too.

    Args:
        folder: a model for generating text, or a LoRA adapter with its base inside.
        max_length: tokens of prompt and response; the prompt's beginning is cut first, and a model's own limit holds.

    Raises:
        ArtifactError: no such model.
    """

    def __init__(self, folder: str | Path, *, max_length: int = 1024) -> None:
        self._hold(*load_language_model(folder), max_length)

    @classmethod
    def of(cls, model: Any, tokenizer: Any, *, max_length: int = 1024) -> Self:
        """Of a model in memory, which is in eval mode from then on."""
        made = cls.__new__(cls)
        made._hold(model, tokenizer, max_length)
        return made

    def _hold(self, model: Any, tokenizer: Any, max_length: int) -> None:
        self._model, self._tokenizer = model.eval(), tokenizer
        self.max_length = min(max_length, context_length(model, tokenizer))

    def __call__(self, prompts: Sequence[str], responses: Sequence[str]) -> FloatArray:
        """`(n, width)` float64."""
        groups = [Group(prompt, (text,), ()) for prompt, text in zip(prompts, responses, strict=True)]
        rows = []
        for group in tokenize_groups(
            groups, self._tokenizer, max_length=self.max_length, kind="decoder"
        ).groups:
            ids = torch.tensor([group.prompt + group.responses[0]], device=self._model.device)
            with torch.inference_mode():
                states = self._model(input_ids=ids, output_hidden_states=True).hidden_states[-1][0]
            rows.append(states[len(group.prompt) :].double().mean(dim=0).cpu().numpy())
        return np.array(rows, dtype=np.float64).reshape(len(rows), -1)
