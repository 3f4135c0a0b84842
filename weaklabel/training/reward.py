"""The reward model's trainer, and a whole run of it: tokenise, choose a layout, train, report."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from torch import Tensor, nn
from transformers import PreTrainedTokenizerBase

from weaklabel.artifacts import content_hash
from weaklabel.groups import Group, trainable_groups
from weaklabel.training.layout import LAYOUTS, Batch, kind_of, proven_layout, score
from weaklabel.training.losses import centring_penalty, l2_penalty, named_loss
from weaklabel.training.preference import PreferenceTrainer
from weaklabel.training.runs.running import TrainedOnComparisons, check_fits, training_run
from weaklabel.training.settings import RewardTrainingSettings
from weaklabel.training.tokens import Tokenized, Truncated, tokenize_groups


class RewardTrainer(PreferenceTrainer):
    """Trains a scorer, whose rewards are what its head gives; see `train_scorer` for the arguments' meaning."""

    settings: RewardTrainingSettings

    def __init__(
        self, model: Any, args: Any, settings: RewardTrainingSettings, *rest: Any, **more: Any
    ) -> None:
        loss = named_loss(settings.loss_type, **settings.loss_options)
        super().__init__(model, args, settings, *rest, loss=loss, **more)

    def rewards(self, model: nn.Module, batch: Batch) -> Tensor:
        return score(model, batch)

    def penalties(self, r_i: Tensor, r_j: Tensor) -> Tensor | float:
        centring, l2 = self.settings.center_rewards_coefficient, self.settings.l2
        added: Tensor | float = centring * centring_penalty(r_i, r_j) if centring else 0.0
        return added + l2 * l2_penalty(r_i, r_j) if l2 else added


@dataclass(frozen=True, kw_only=True, repr=False)
class TrainedScorer(TrainedOnComparisons):
    """What the training of a scorer did."""


def train_scorer(
    model: Any,
    tokenizer: PreTrainedTokenizerBase,
    groups: Sequence[Group],
    *,
    gold: Sequence[Group] = (),
    settings: RewardTrainingSettings,
    folder: Path,
) -> TrainedScorer:
    """Trains `model` in place on groups, and leaves it with the weights that did best on the gold, if there is any.

    Called again with the same arguments after a kill, it goes on from the last whole checkpoint and ends with the
    weights of an undisturbed run. Under torchrun or accelerate, every process calls it with the same arguments.

    Args:
        model: of `models.load_scorer`, `from_scratch` or `with_lora`.
        groups: the labels to learn from.
        gold: groups for early stopping and for choosing the best checkpoint; never trained on.
        folder: this run's own; see `checkpoints`.

    Raises:
        DataError: groups that cannot be trained on; see `trainable_groups`.
        ConfigError: settings that do not fit the model or each other.
        ArtifactError: the folder of another run.
        TrainingError: no memory, or a loss that is no number. Checkpoints are kept.
    """
    check_fits(model, tokenizer, settings, gold)
    made = trainable_groups(groups)
    held_out = trainable_groups(gold).groups if gold else ()
    train, check = (
        tokenize_groups(part, tokenizer, max_length=settings.max_length, kind=kind_of(model))
        if part
        else Tokenized([], Truncated())
        for part in (made.groups, held_out)
    )
    data = {"groups": content_hash(*map(repr, made.groups)), "gold": content_hash(*map(repr, held_out))}
    best_by = RewardTrainer.best_by if gold else None
    with training_run(model, settings, folder, data, best_by=best_by) as run:
        layout = proven_layout(
            model,
            settings.layout,
            train.groups,
            run.args.device,
            pad_id=tokenizer.pad_token_id,
            bf16=settings.bf16,
        )
        trainer = RewardTrainer(
            model,
            run.args,
            settings,
            LAYOUTS[layout.name],
            train.groups,
            check.groups,
            pad_id=tokenizer.pad_token_id,
            processing_class=tokenizer,
            callbacks=run.callbacks,
        )
        done = run.carry_out(trainer)
    return TrainedScorer(
        **vars(done),
        layout=layout,
        truncated=train.truncated,
        truncated_gold=check.truncated,
        identical=made.identical,
        weightless=made.weightless,
    )
