"""DPO's trainer, and a whole run of it: tokenise, ask the reference, choose a layout, train, report.

A response's reward is beta * (log pi - log ref), summed over its tokens; the difference d of two rewards and the belief p
go into any loss of `training/losses.py`, as those of a reward model do. A prompt is read once for all its responses.

Source: Rafailov et al. (2023, arXiv 2305.18290), equation 7, which is the loss "sigmoid" with beliefs 0 and 1. We depart
in taking a belief and a weight per comparison, and groups of any number of responses. With hard labels and weights 1 the
loss is that of TRL's DPOTrainer. `rewards/accuracies` counts equal rewards and ties as half right, where TRL's counts
equal rewards as wrong and knows no ties.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn
from transformers import PreTrainedTokenizerBase

from weaklabel.artifacts import content_hash
from weaklabel.errors import DataError
from weaklabel.groups import Group, Trainable, trainable_groups
from weaklabel.training.dpo.layouts import DPO_LAYOUTS, ReferredGroup, proven_dpo_layout
from weaklabel.training.dpo.reference import reference_key, reference_logps
from weaklabel.training.dpo.settings import DPOTrainingSettings
from weaklabel.training.layout import Batch, unwrapped
from weaklabel.training.layout.language import attach, token_logps
from weaklabel.training.logps import check_vocabulary
from weaklabel.training.preference import PreferenceTrainer
from weaklabel.training.runs.checkpoints import Watch
from weaklabel.training.runs.running import TrainedOnComparisons, check_fits, training_run
from weaklabel.training.tokens import TokenGroup, Truncated, tokenize_groups


class DPOTrainer(PreferenceTrainer):
    """Trains a language model on `ReferredGroup`s; see `train_dpo` for the arguments' meaning."""

    settings: DPOTrainingSettings

    def __init__(self, model: Any, args: Any, settings: DPOTrainingSettings, *rest: Any, **more: Any) -> None:
        super().__init__(model, args, settings, *rest, loss=settings.loss(), **more)

    def rewards(self, model: nn.Module, batch: Batch) -> Tensor:
        """beta * (log pi - log ref) of each response, summed over its tokens or, length-normalized, their mean."""
        of_tokens = token_logps(model, batch)
        logps = torch.zeros_like(batch["reference"]).index_add(0, batch["of"], of_tokens)
        self._record_sides("logps", logps[batch["i"]], logps[batch["j"]], batch)
        rewards: Tensor = self.settings.beta * (logps - batch["reference"])
        return rewards / batch["lengths"] if self.settings.length_normalized else rewards

    def record_rewards(self, r_i: Tensor, r_j: Tensor, batch: Batch) -> None:
        """The floor of the loss, and what TRL logs of rewards."""
        super().record_rewards(r_i, r_j, batch)
        chosen, rejected = self._record_sides("rewards", r_i, r_j, batch)
        right = (1 + torch.sign(chosen - rejected)) / 2
        self.record("rewards/accuracies", right, batch["w"])
        self.record("rewards/margins", chosen - rejected, batch["w"])

    def _record_sides(self, what: str, of_i: Tensor, of_j: Tensor, batch: Batch) -> tuple[Tensor, Tensor]:
        """The values of the likelier side and of the other, both their mean at p = .5; and a line for each."""
        side = torch.sign(2 * batch["p"] - 1)  # 1 where j is chosen
        middle, half = (of_i + of_j).detach() / 2, side * (of_j - of_i).detach() / 2
        chosen, rejected = middle + half, middle - half
        self.record(f"{what}/chosen", chosen, batch["w"])
        self.record(f"{what}/rejected", rejected, batch["w"])
        return chosen, rejected


@dataclass(frozen=True, kw_only=True, repr=False)
class TrainedDPO(TrainedOnComparisons):
    """What DPO did; `identical` are also comparisons whose responses became equal when they were cut.

    Attributes:
        reference_computed: responses whose reference log-probability was not in the store.
    """

    reference_computed: int


def train_dpo(
    model: Any,
    tokenizer: PreTrainedTokenizerBase,
    groups: Sequence[Group],
    *,
    gold: Sequence[Group] = (),
    settings: DPOTrainingSettings,
    folder: Path,
    reference: Any = None,
    reference_store: Path | None = None,
    watch: Watch | None = None,
) -> TrainedDPO:
    """Trains `model` in place on groups, and leaves it with the weights that did best on gold, if there is any.

    Called again with the same arguments after a kill, it goes on from the last whole checkpoint and ends with the
    weights of an undisturbed run. Under torchrun or accelerate, every process calls it with the same arguments.

    Args:
        model: of `models.load_language_model`, `language_model_from_scratch` or `with_lora`.
        groups: the labels to learn from.
        gold: groups for early stopping and for choosing the best checkpoint; never trained on.
        settings: `layout` is "auto" or a name of `DPO_LAYOUTS`.
        folder: this run's own; see `checkpoints`.
        reference: a causal language model that reads the same token ids. None is `model` as it is given: with adapters,
            its base without them.
        reference_store: the folder in which log-probabilities of references are kept; runs that share it compute each
            once. None is `reference` in `folder`.
        watch: sees the model at the start and after every checkpoint.

    Raises:
        DataError: groups that cannot be trained on, see `trainable_groups`; beliefs that are all .5.
        ConfigError: settings that do not fit the model or each other, or a reference of another vocabulary.
        ArtifactError: the folder of another run, or a store that cannot be read.
        TrainingError: no memory, or a loss that is not a number. Checkpoints are kept.

    Example:
        train_dpo(model, tokenizer, gather_groups(pairs, labels.p), settings=DPOTrainingSettings(), folder=Path("dpo"))
    """
    check_fits(model, tokenizer, settings, gold)
    made = trainable_groups(groups)
    _check_learnable(made)
    held_out = trainable_groups(gold).groups if gold else ()
    train, truncated, alike = _tokenized(made.groups, tokenizer, settings.max_length)
    checks, truncated_gold, _ = _tokenized(held_out, tokenizer, settings.max_length)
    referee = model if reference is None else reference
    check_vocabulary(model, referee)
    key = reference_key(referee, tokenizer, bf16=settings.bf16)
    data = {
        "groups": content_hash(*map(repr, made.groups)),
        "gold": content_hash(*map(repr, held_out)),
        "reference": key,
    }
    best_by = DPOTrainer.best_by if gold else None
    with training_run(model, settings, folder, data, best_by=best_by, watch=watch) as run:
        attach(unwrapped(model))
        layout = proven_dpo_layout(
            model,
            settings.layout,
            train,
            run.args.device,
            pad_id=tokenizer.pad_token_id,
            bf16=settings.bf16,
        )
        # A reference of its own may allow another layout than the model does.
        same_layout = reference is None or layout.name in ("padded", "bucketed")
        with run.args.main_process_first(desc="reference log-probabilities"):  # the others read what it wrote
            found = reference_logps(
                referee,
                [*train, *checks],
                key=key,
                store=folder / "reference" if reference_store is None else reference_store,
                device=run.args.device,
                pad_id=tokenizer.pad_token_id,
                layout=layout.name if same_layout else "auto",
                bf16=settings.bf16,
            )
        values = iter(found.logps.tolist())
        referred = [ReferredGroup(g, tuple(next(values) for _ in g.responses)) for g in (*train, *checks)]
        trainer = DPOTrainer(
            model,
            run.args,
            settings,
            DPO_LAYOUTS[layout.name],
            referred[: len(train)],
            referred[len(train) :],
            pad_id=tokenizer.pad_token_id,
            processing_class=tokenizer,
            callbacks=run.callbacks,
        )
        done = run.carry_out(trainer)
    return TrainedDPO(
        **vars(done),
        layout=layout,
        truncated=truncated,
        truncated_gold=truncated_gold,
        identical=made.identical + alike,
        weightless=made.weightless,
        reference_computed=found.computed,
    )


def _check_learnable(made: Trainable) -> None:
    beliefs = [c.p for group in made.groups for c in group.comparisons]
    if all(p == 0.5 for p in beliefs):
        raise DataError(
            f"all {len(beliefs)} comparisons have p = 0.5, which says nothing about what is better. Give labels that "
            "prefer a side; check what the labeling functions vote."
        )


def _tokenized(
    groups: Sequence[Group], tokenizer: PreTrainedTokenizerBase, max_length: int
) -> tuple[list[TokenGroup], Truncated, int]:
    """Token groups, what was cut, and how many comparisons are left out because nothing tells their sides apart."""
    if not groups:
        return [], Truncated(), 0
    made = tokenize_groups(groups, tokenizer, max_length=max_length, kind="decoder", keep_end=False)
    kept, alike = [], 0
    for group in made.groups:
        told = tuple(c for c in group.comparisons if group.responses[c.i] != group.responses[c.j])
        alike += len(group.comparisons) - len(told)
        if told:
            kept.append(replace(group, comparisons=told))
    if not kept:
        raise DataError(
            f"the responses of all {alike} comparisons are equal as token ids within max_length {max_length}. Raise "
            "max_length, or give comparisons of different responses."
        )
    return kept, made.truncated, alike
