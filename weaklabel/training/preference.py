"""`PreferenceTrainer`: learns from comparisons, whatever the rewards are that they compare."""

from __future__ import annotations

from typing import Any, ClassVar

import torch
from torch import Tensor, nn

from weaklabel.training.layout import Batch
from weaklabel.training.losses import Loss, entropy, sigmoid_loss
from weaklabel.training.trainer import WeightedTrainer


class PreferenceTrainer(WeightedTrainer):
    """Trains by a loss of reward differences d = r_j - r_i and beliefs p; a subclass says what a reward is.

    The log has `loss_floor` beside the loss: the entropy of the soft labels, below which the sigmoid loss cannot get.
    Gold is judged by P(j beats i) = sigmoid(d), whatever the loss.

    Args:
        loss: of `losses.named_loss`.
        *args, **more: of `WeightedTrainer`.
    """

    best_by: ClassVar[str] = "nll"

    def __init__(self, *args: Any, loss: Loss, **more: Any) -> None:
        super().__init__(*args, **more)
        self._loss = loss

    def rewards(self, model: nn.Module, batch: Batch) -> Tensor:
        """float32 `(n_responses,)`, what the comparisons of a batch compare."""
        raise NotImplementedError

    def penalties(self, r_i: Tensor, r_j: Tensor) -> Tensor | float:
        """What is added to the losses for the rewards themselves, all `(n_comparisons,)`. Here nothing."""
        return 0.0

    def record_rewards(self, r_i: Tensor, r_j: Tensor, batch: Batch) -> None:
        """What the log holds of the compared rewards, `(n_comparisons,)`. Here the floor of the loss."""
        self.record("loss_floor", entropy(batch["p"]), self.weights(batch))

    def losses(self, model: nn.Module, batch: Batch) -> tuple[Tensor, Tensor]:
        r_i, r_j = self._compared(model, batch)
        self.record_rewards(r_i, r_j, batch)
        losses = self._loss(r_j - r_i, batch["p"])
        return losses + self.penalties(r_i, r_j), self.weights(batch)

    def figures(self, model: nn.Module, batch: Batch) -> dict[str, tuple[Tensor, Tensor]]:
        """NLL in nats, and accuracy where a side won; equal rewards are half right. Both weighted by w."""
        r_i, r_j = self._compared(model, batch)
        d, p, w = (r_j - r_i).double(), batch["p"].double(), batch["w"]
        right = torch.where(d == 0, 0.5, ((d > 0) == (p > 0.5)).double())
        return {"nll": (sigmoid_loss(d, p), w), "accuracy": (right, w * (p != 0.5))}

    def _compared(self, model: nn.Module, batch: Batch) -> tuple[Tensor, Tensor]:
        rewards = self.rewards(model, batch)
        return rewards[batch["i"]], rewards[batch["j"]]
