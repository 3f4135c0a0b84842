"""`WeightedTrainer`: transformers' Trainer with group batches and one right normaliser.

A step's loss is sum(weight * loss) / sum(weight) over *all* that its batches hold, on whichever process: eight
batches of one group accumulated, one batch of eight, and eight processes of one give the same step. A mean of batch
means, which trainers usually take, would give a comparison (or a token) more weight the lighter its batch.

The same holds between steps where a layout sorts batches by length: steps of short texts are then light in tokens (or,
where tokens are limited, heavy in comparisons) again and again, and divided by their own sum they would pull the model
towards short (or long) texts. There what is minimised is divided by the mean sum of an epoch's steps. What is logged
is each step's own mean. Batches drawn at random differ by chance alone and are divided by their own sum, as TRL does.

A trainer says in `losses` what counts and how much. `preference.py` does it for comparisons of rewards; `running.py`
puts a run around a trainer: its folder, its checkpoints, its resuming.

Several processes: start the program with torchrun or `accelerate launch`. DDP is tested, over gloo: two processes
give the model of one. FSDP2 comes with accelerate (`accelerate launch --use_fsdp`) and was not run: it needs GPUs.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any, ClassVar, Final

import torch
from torch import Tensor, nn
from torch.utils.data import DataLoader
from transformers import PrinterCallback, Trainer, TrainingArguments

from weaklabel.errors import TrainingError
from weaklabel.training.batching import GroupBatchSampler, GroupDataset, Weighted
from weaklabel.training.layout import Batch, Layout
from weaklabel.training.losses import weighted_mean
from weaklabel.training.runs.checkpoints import last_checkpoint
from weaklabel.training.runs.memory import explaining_memory
from weaklabel.training.settings import TrainingSettings

_SHARE: Final = "share of the weights"  # what a step's batches record; 1 where `weights` and `losses` agree
_LOSS: Final = "loss"


class WeightedTrainer(Trainer):
    """Trains a model on groups, or whatever else a layout can lay out, by weighted losses.

    A subclass writes `losses`; one that judges its gold by more than that loss writes `figures` and `best_by`.

    Args:
        model: what `losses` is given.
        args: of `running.training_arguments`.
        settings: the same settings.
        layout: how groups become batches, and what they cost; its batches hold `w`, see `weights`.
        groups, gold: to train on, and to judge by (none where there is no gold).
        pad_id: the id that fills rows up.
        **more: of transformers' Trainer.
    """

    # The loss is normalised over the whole step already. Before transformers 5.19 the instance attribute
    # `model_accepts_loss_kwargs` says so, together with a number of items that is not None.
    loss_is_scaled_for_ga = True
    best_by: ClassVar[str] = "loss"
    """The figure by which the best checkpoint is chosen; lower is better."""

    def __init__(
        self,
        model: Any,
        args: TrainingArguments,
        settings: TrainingSettings,
        layout: Layout[Any],
        groups: Sequence[Weighted],
        gold: Sequence[Weighted],
        *,
        pad_id: int,
        **more: Any,
    ) -> None:
        self._groups, self._gold = GroupDataset(groups), GroupDataset(gold)
        super().__init__(
            model=model,
            args=args,
            train_dataset=self._groups,
            eval_dataset=self._gold if gold else None,
            **more,
        )
        self.remove_callback(PrinterCallback)  # only the command line prints
        self.model_accepts_loss_kwargs = True
        self.settings, self.layout, self._pad_id = settings, layout, pad_id
        self._total = torch.ones(())  # of the weights of the present step
        self._mean_total: float | None = None  # of the steps of an epoch; None: each step's own
        self._recorded: dict[str, Tensor] = {}  # summed over the steps since the last line of the log
        self._steps = 0

    # ------------------------------------------------------------------------------------ what a trainer says
    def losses(self, model: nn.Module, batch: Batch) -> tuple[Tensor, Tensor]:
        """The loss of everything in a batch that counts, and how much it counts, both `(n,)`.

        The weights are those of `weights(batch)`: the normaliser of a step is known before its first forward pass.
        """
        raise NotImplementedError

    def weights(self, batch: Batch) -> Tensor:
        """`(n,)` >= 0, the weights that `losses` returns. Here `w` of the batch."""
        w: Tensor = batch["w"]
        return w

    def figures(self, model: nn.Module, batch: Batch) -> dict[str, tuple[Tensor, Tensor]]:
        """What an evaluation reports of a batch of gold: name -> values and weights, both `(n,)`. Here the loss."""
        return {"loss": self.losses(model, batch)}

    def record(self, name: str, values: Tensor, weight: Tensor) -> None:
        """For `losses`: logs the weighted mean of `values` beside the loss, taken over steps as the loss is.

        Args:
            name: as it stands in the log, such as "rewards/margins".
            values, weight: both `(n,)`; the weights sum up to those of `weights`, for a mean that means one.
        """
        model: Any = self.model
        if model.training:  # not in an evaluation
            share = (weight * values).sum().detach().double() / self._total
            self._recorded[name] = self._recorded.get(name, torch.zeros_like(share)) + share

    # ------------------------------------------------------------------------------------ batches
    def get_train_dataloader(self) -> DataLoader[Any]:
        accumulated = self.settings.gradient_accumulation_steps
        loader = self._loader(self._groups, self.args.world_size * accumulated)
        if self.layout.bucketed:
            steps = math.ceil(len(loader) / accumulated)
            self._mean_total = sum(group.weight for group in self._groups.groups) / steps
        return loader

    def get_eval_dataloader(self, eval_dataset: Any = None) -> DataLoader[Any]:
        return self._loader(self._gold, self.args.world_size)

    def _loader(self, groups: GroupDataset, together: int) -> DataLoader[Any]:
        lengths, rows = self.layout.sizes(groups.groups)
        more = dict([self.settings.batch_limit]) | ({} if self.layout.bucketed else {"mega_batch": 0})
        sampler = GroupBatchSampler(
            lengths,
            rows,
            seed=self.settings.seed,
            rank=self.args.process_index,
            world=self.args.world_size,
            together=together,
            **more,
        )
        return _GroupLoader(
            groups,
            batch_sampler=sampler,
            collate_fn=lambda some: self.layout.collate(some, self._pad_id),
            pin_memory=torch.cuda.is_available(),
            generator=torch.Generator(),  # so that making an iterator draws nothing from the global state
        )

    def get_batch_samples(
        self, epoch_iterator: Iterator[Batch], num_batches: int, device: torch.device
    ) -> tuple[list[Batch], Tensor]:
        """The batches of one step, and what their weighted losses are divided by."""
        batches = [batch for _, batch in zip(range(num_batches), epoch_iterator, strict=False)]
        own = sum(
            (self.weights(batch).sum(dtype=torch.float64) for batch in batches), torch.zeros(()).double()
        )
        self._total = self.accelerator.reduce(own.to(device), "sum")
        self._steps += 1
        return batches, self._total if self._mean_total is None else torch.full_like(
            self._total, self._mean_total
        )

    # ------------------------------------------------------------------------------------ the loss
    def compute_loss(
        self,
        model: nn.Module,
        inputs: Batch,
        return_outputs: bool = False,
        num_items_in_batch: Any = None,
    ) -> Any:
        """This batch's share of the step's loss; processes are averaged afterwards, hence times their number."""
        losses, weight = self.losses(model, inputs)
        self.record(_LOSS, losses, weight)
        self.record(_SHARE, torch.ones_like(losses), weight)
        loss = weighted_mean(losses, weight, num_items_in_batch) * self.accelerator.num_processes
        return (loss, {}) if return_outputs else loss

    def training_step(self, model: nn.Module, inputs: Batch, num_items_in_batch: Any = None) -> Tensor:
        with explaining_memory(self._too_much, inputs):
            step: Tensor = super().training_step(model, inputs, num_items_in_batch)
        return step

    # ------------------------------------------------------------------------------------ figures
    def evaluate(
        self, eval_dataset: Any = None, ignore_keys: Any = None, metric_key_prefix: str = "eval"
    ) -> dict[str, float]:
        """The weighted means of `figures` over the gold, over all processes; a figure without weight is left out."""
        sums: dict[str, Tensor] = {}
        model: Any = self.model
        model.eval()
        for batch in self.get_eval_dataloader():
            batch = self._prepare_inputs(batch)
            in_memory = explaining_memory(self._too_much, batch)
            with torch.no_grad(), in_memory, self.compute_loss_context_manager():
                found = self.figures(model, batch)
            for name, (values, weight) in found.items():
                both = torch.stack([(weight.double() * values.double()).sum(), weight.double().sum()])
                sums[name] = sums.get(name, torch.zeros_like(both)) + both
        totals = self.accelerator.reduce(torch.stack(list(sums.values())), "sum").tolist()
        metrics = {
            f"{metric_key_prefix}_{name}": value / weight
            for name, (value, weight) in zip(sums, totals, strict=True)
            if weight
        }
        self.log(metrics)
        self.control = self.callback_handler.on_evaluate(self.args, self.state, self.control, metrics)
        return metrics

    def log(self, logs: dict[str, float], start_time: float | None = None) -> None:
        """As the Trainer's, with what was recorded beside the loss.

        Raises:
            TrainingError: the loss is no number.
        """
        if _LOSS in logs:
            logs |= self._means()
            if not math.isfinite(logs[_LOSS]):
                raise TrainingError(
                    f"the loss is {logs[_LOSS]} at step {self.state.global_step}, learning rate "
                    f"{self.settings.learning_rate:g}. Lower learning_rate or raise warmup_steps. {self._kept()}"
                )
        super().log(logs, start_time)

    def _means(self) -> dict[str, float]:
        """What was recorded, per step, over all processes; the record starts anew."""
        sums = self.accelerator.reduce(torch.stack(list(self._recorded.values())), "sum") / self._steps
        means = dict(zip(self._recorded, sums.tolist(), strict=True))
        self._recorded, self._steps = {}, 0
        share = means.pop(_SHARE)
        assert abs(share - 1) < 1e-3, f"the weights of `losses` are {share} of those that `weights` announced"
        return means

    # ------------------------------------------------------------------------------------ messages
    def _too_much(self, batch: Batch) -> str:
        """Which batch was too large, and the settings to change."""
        ids = batch["input_ids"]
        texts = f", {len(batch['pool'])} responses" if "pool" in batch else ""
        name, limit = self.settings.batch_limit
        return (
            f" at step {self.state.global_step} on a batch of {ids.numel()} tokens ({ids.shape[0]} x {ids.shape[1]}"
            f"{texts}). Set activation_checkpointing=True and run again, or lower {name} (now {limit}) or max_length "
            f"(now {self.settings.max_length}) and run in a new folder. {self._kept()}"
        )

    def _kept(self) -> str:
        """A sentence about the checkpoint that a failed run leaves."""
        last = last_checkpoint(Path(str(self.args.output_dir)))
        return f"The checkpoint {last} is kept." if last else "No checkpoint was written yet."


class _GroupLoader(DataLoader[Any]):
    def set_epoch(self, epoch: int) -> None:
        self.batch_sampler.set_epoch(epoch)  # type: ignore[union-attr]
