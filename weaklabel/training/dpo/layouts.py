"""Groups with what their reference says, as batches of a language model."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Final

import numpy as np
import torch
from numpy.typing import NDArray
from torch import nn

from weaklabel._validation import lookup
from weaklabel.errors import ConfigError
from weaklabel.training.layout import Batch, Choice, Layout, unwrapped
from weaklabel.training.layout.architectures import why_not_shared
from weaklabel.training.layout.choice import self_test, why_no_kernel
from weaklabel.training.layout.language import predictions
from weaklabel.training.layout.registry import LAYOUTS
from weaklabel.training.tokens import TokenGroup


@dataclass(frozen=True, slots=True)
class ReferredGroup:
    """A token group and the log-probability of each of its responses under the reference, in nats."""

    tokens: TokenGroup
    reference: tuple[float, ...]

    @property
    def weight(self) -> float:
        """What its comparisons count together."""
        return self.tokens.weight

    def weightless(self) -> ReferredGroup:
        """The same with every weight zero: it takes part in a step and changes nothing."""
        return replace(self, tokens=self.tokens.weightless())


def _layout(name: str) -> Layout[ReferredGroup]:
    base = LAYOUTS[name]

    def collate(groups: Sequence[ReferredGroup], pad_id: int) -> Batch:
        tokens = [group.tokens for group in groups]
        batch = base.collate(tokens, pad_id)
        found = predictions(tokens, batch, joined=name in ("shared", "varlen"))
        reference = [value for group in groups for value in group.reference]
        lengths = [len(response) for group in tokens for response in group.responses]
        return {
            **batch,
            **found,
            "reference": torch.tensor(reference, dtype=torch.float32),
            "lengths": torch.tensor(lengths, dtype=torch.float32),
        }

    def sizes(groups: Sequence[ReferredGroup]) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
        return base.sizes([group.tokens for group in groups])

    return Layout(name, collate, sizes, base.bucketed)


DPO_LAYOUTS: Final[Mapping[str, Layout[ReferredGroup]]] = {name: _layout(name) for name in LAYOUTS}
"""Those of rewards. A batch has besides, for each response, `reference` and `lengths` float32 (n_responses,), and what
`predictions` gives."""


def proven_dpo_layout(
    model: nn.Module,
    requested: str,
    groups: Sequence[TokenGroup],
    device: torch.device,
    *,
    pad_id: int,
    bf16: bool = False,
) -> Choice:
    """`choose_dpo_layout`, moved to the device and held to padded rows by `self_test`.

    Raises:
        UnknownNameError, ConfigError, TrainingError: as those two.
    """
    chosen = choose_dpo_layout(model, requested, device, bf16=bf16)
    if chosen.name in ("padded", "bucketed"):
        return chosen
    autocast = torch.bfloat16 if bf16 else None
    tested = self_test(model.to(device), chosen.name, groups, pad_id=pad_id, autocast=autocast)
    return Choice(tested.name, f"{chosen.reason}; {tested.reason}")


def choose_dpo_layout(
    model: nn.Module, requested: str, device: torch.device | str, *, bf16: bool = False
) -> Choice:
    """The layout for a language model and groups: the prompt read once where the model allows it.

    Raises:
        UnknownNameError: no layout of that name.
        ConfigError: "shared" or "varlen" where it cannot be, with the reason.
    """
    inner = unwrapped(model)
    obstacle = why_not_shared(inner.config)
    no_kernel = why_no_kernel(torch.device(device).type, torch.bfloat16 if bf16 else inner.dtype)
    if requested == "auto":
        if obstacle:
            return Choice("bucketed", obstacle)
        packs = no_kernel is None and not getattr(inner.config, "attention_dropout", 0)
        return Choice(
            "varlen" if packs else "shared", f"a {inner.config.model_type} decoder reads a shared prompt once"
        )
    lookup("layout", DPO_LAYOUTS, requested)
    if requested == "varlen" and not obstacle:
        obstacle = no_kernel
    if requested in ("shared", "varlen") and obstacle:
        raise ConfigError(f"layout {requested!r} does not fit: {obstacle}. Use 'auto' or 'bucketed'.")
    return Choice(requested, "as requested")
