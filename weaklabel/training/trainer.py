"""`PreferenceTrainer`: transformers' Trainer with group batches, a preference loss and one right normaliser.

A step's loss is sum(w * loss) / sum(w) over *all* its comparisons, whichever batch or process they came in: eight
batches of one group accumulated, one batch of eight, and eight processes of one give the same step. A mean of batch
means, which trainers usually take, would give a comparison more weight the lighter its batch.

Several processes: start the program with torchrun or `accelerate launch`. DDP is tested, over gloo: two processes
give the model of one. FSDP2 comes with accelerate (`accelerate launch --use_fsdp`) and was not run: it needs GPUs.

`train_scorer` in `running.py` puts a whole run together.
"""

from __future__ import annotations

import inspect
import math
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Final

import torch
from torch import Tensor, nn
from torch.utils.data import DataLoader
from transformers import PrinterCallback, Trainer, TrainingArguments

from weaklabel.errors import TrainingError
from weaklabel.training.batching import GroupBatchSampler, GroupDataset, TokenGroup
from weaklabel.training.checkpoints import last_checkpoint
from weaklabel.training.layout import LAYOUTS, Batch, score
from weaklabel.training.losses import (
    bradley_terry,
    centring_penalty,
    entropy,
    l2_penalty,
    named_loss,
    weighted_mean,
)
from weaklabel.training.settings import SCHEDULES, TrainingSettings

# transformers 5.19 renamed it; the old name warns there and leaves with version 6.
CHECKPOINTING: Final = (
    "activation_checkpointing"
    if "activation_checkpointing" in inspect.signature(TrainingArguments).parameters
    else "gradient_checkpointing"
)
_NO_MEMORY: Final = ("out of memory", "can't allocate memory", "not enough memory")


def training_arguments(settings: TrainingSettings, folder: Path, *, evaluates: bool) -> TrainingArguments:
    """The settings in the words of transformers; everything that could leave the machine is off."""
    every = settings.check_every
    when: dict[str, Any] = {"strategy": "epoch"} if every is None else {"strategy": "steps", "steps": every}
    more: dict[str, Any] = {f"save_{name}": value for name, value in when.items()}
    if evaluates:
        more |= {f"eval_{name}": value for name, value in when.items()}
        more |= {"load_best_model_at_end": True, "metric_for_best_model": "nll", "greater_is_better": False}
    more[CHECKPOINTING] = settings.activation_checkpointing
    more[f"{CHECKPOINTING}_kwargs"] = {"use_reentrant": False}
    args = TrainingArguments(
        output_dir=str(folder),
        num_train_epochs=settings.epochs,
        max_steps=settings.max_steps or -1,
        per_device_train_batch_size=1,  # batches come from our sampler; this only names a number in logs
        gradient_accumulation_steps=settings.accumulation,
        learning_rate=settings.learning_rate,
        lr_scheduler_type=SCHEDULES[settings.schedule],
        warmup_steps=settings.warmup_share,
        weight_decay=settings.weight_decay,
        max_grad_norm=1.0,
        bf16=settings.bf16,
        seed=settings.seed,
        save_total_limit=2,  # the newest, and the best or the one before
        restore_callback_states_from_checkpoint=True,
        logging_steps=settings.log_every,
        logging_nan_inf_filter=False,  # it would show the last good loss instead
        remove_unused_columns=False,
        ddp_find_unused_parameters=False,
        report_to="none",
        disable_tqdm=True,
        log_level="error",
        use_cpu=not torch.cuda.is_available(),
        **more,
    )
    args._n_gpu = min(args.n_gpu, 1)  # one process, one GPU: several would be wrapped in DataParallel
    return args


class PreferenceTrainer(Trainer):
    """Trains a scorer on token groups; see `train_scorer` for the arguments' meaning.

    A stage that trains something else by comparisons (DPO) overrides `rewards`.
    """

    # The loss is normalised over the whole step already. Before transformers 5.19 the instance attribute
    # `model_accepts_loss_kwargs` says so, together with a number of items that is not None.
    loss_is_scaled_for_ga = True

    def __init__(
        self,
        model: Any,
        args: TrainingArguments,
        settings: TrainingSettings,
        layout: str,
        groups: Sequence[TokenGroup],
        gold: Sequence[TokenGroup],
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
        self.settings, self.layout, self._pad_id = settings, LAYOUTS[layout], pad_id
        self._loss: Callable[[Tensor, Tensor], Tensor] = named_loss(settings.loss, **settings.loss_options)
        self._floors: list[Tensor] = []  # of the steps since the last line of the log

    def rewards(self, model: nn.Module, batch: Batch) -> Tensor:
        """float32 `(n_responses,)`, what the comparisons of a batch compare."""
        return score(model, batch)

    # ------------------------------------------------------------------------------------ batches
    def get_train_dataloader(self) -> DataLoader[TokenGroup]:
        return self._loader(self._groups, self.args.world_size * self.settings.accumulation)

    def get_eval_dataloader(self, eval_dataset: Any = None) -> DataLoader[TokenGroup]:
        return self._loader(self._gold, self.args.world_size)

    def _loader(self, groups: GroupDataset, together: int) -> DataLoader[TokenGroup]:
        lengths, rows = self.layout.sizes(groups.groups)
        sampler = GroupBatchSampler(
            lengths,
            rows,
            tokens_per_batch=self.settings.tokens_per_batch,
            groups_per_batch=self.settings.groups_per_batch,
            seed=self.settings.seed,
            rank=self.args.process_index,
            world=self.args.world_size,
            together=together,
            **({} if self.layout.bucketed else {"mega_batch": 0}),
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
        """The batches of one step, and the sum of weights of all its comparisons on all processes."""
        batches = [batch for _, batch in zip(range(num_batches), epoch_iterator, strict=False)]
        sums = torch.zeros(2, dtype=torch.float64)
        for batch in batches:
            sums += torch.stack([batch["w"].sum(), (batch["w"] * entropy(batch["p"])).sum()])
        total, floor = self.accelerator.reduce(sums.to(device), "sum")
        self._floors.append(floor / total)
        return batches, total

    # ------------------------------------------------------------------------------------ the loss
    def compute_loss(
        self,
        model: nn.Module,
        inputs: Batch,
        return_outputs: bool = False,
        num_items_in_batch: Any = None,
    ) -> Any:
        """This batch's share of the step's loss; processes are averaged afterwards, hence times their number."""
        rewards = self.rewards(model, inputs)
        r_i, r_j = rewards[inputs["i"]], rewards[inputs["j"]]
        losses = self._loss(r_j - r_i, inputs["p"])
        if self.settings.centring:
            losses = losses + self.settings.centring * centring_penalty(r_i, r_j)
        if self.settings.l2:
            losses = losses + self.settings.l2 * l2_penalty(r_i, r_j)
        loss = weighted_mean(losses, inputs["w"], num_items_in_batch) * self.accelerator.num_processes
        return (loss, rewards) if return_outputs else loss

    def training_step(self, model: nn.Module, inputs: Batch, num_items_in_batch: Any = None) -> Tensor:
        with _naming_the_batch(self, inputs):
            step: Tensor = super().training_step(model, inputs, num_items_in_batch)
        return step

    # ------------------------------------------------------------------------------------ figures
    def evaluate(
        self, eval_dataset: Any = None, ignore_keys: Any = None, metric_key_prefix: str = "eval"
    ) -> dict[str, float]:
        """NLL (nats) and accuracy of sigmoid(r_j - r_i) on the gold, weighted by w, over all processes."""
        sums = torch.zeros(4, dtype=torch.float64, device=self.args.device)
        model: Any = self.model
        model.eval()
        for batch in self.get_eval_dataloader():
            batch = self._prepare_inputs(batch)
            with torch.no_grad(), _naming_the_batch(self, batch), self.compute_loss_context_manager():
                rewards = self.rewards(model, batch)
            sums += _gold_sums(rewards[batch["j"]] - rewards[batch["i"]], batch["p"], batch["w"])
        nll, weight, right, decided = self.accelerator.reduce(sums, "sum").tolist()
        figures = {"nll": nll / weight, **({"accuracy": right / decided} if decided else {})}
        metrics = {f"{metric_key_prefix}_{name}": value for name, value in figures.items()}
        self.log(metrics)
        self.control = self.callback_handler.on_evaluate(self.args, self.state, self.control, metrics)
        return metrics

    def log(self, logs: dict[str, float], start_time: float | None = None) -> None:
        """As the Trainer's, with the entropy floor of the soft labels beside the loss.

        Raises:
            TrainingError: the loss is no number.
        """
        if "loss" in logs:
            if not math.isfinite(logs["loss"]):
                raise TrainingError(
                    f"the loss is {logs['loss']} at step {self.state.global_step}, learning rate "
                    f"{self.settings.learning_rate:g}. Lower learning_rate or raise warmup_share. {_kept(self)}"
                )
            logs["loss_floor"] = float(torch.stack(self._floors).mean())
            self._floors.clear()
        super().log(logs, start_time)


class _GroupLoader(DataLoader[TokenGroup]):
    def set_epoch(self, epoch: int) -> None:
        self.batch_sampler.set_epoch(epoch)  # type: ignore[union-attr]


def _gold_sums(d: Tensor, p: Tensor, w: Tensor) -> Tensor:
    """Weighted sums of NLL, of 1, of right answers, and of comparisons that have one; equal rewards are half right."""
    d, p, w = d.double(), p.double(), w.double()
    decided = w * (p != 0.5)
    right = decided * torch.where(d == 0, 0.5, ((d > 0) == (p > 0.5)).double())
    return torch.stack([(w * bradley_terry(d, p)).sum(), w.sum(), right.sum(), decided.sum()])


@contextmanager
def _naming_the_batch(trainer: PreferenceTrainer, batch: Batch) -> Iterator[None]:
    """Turns running out of memory into an error that names the batch and the setting to lower."""
    try:
        yield
    except (RuntimeError, MemoryError) as error:
        if not _is_memory(error):
            raise
        settings, ids = trainer.settings, batch["input_ids"]
        limit = "groups_per_batch" if settings.tokens_per_batch is None else "tokens_per_batch"
        raise TrainingError(
            f"out of memory at step {trainer.state.global_step} on a batch of {ids.numel()} tokens "
            f"({ids.shape[0]} x {ids.shape[1]}, {len(batch['pool'])} responses). Set activation_checkpointing=True "
            f"and run again, or lower {limit} (now {getattr(settings, limit)}) or max_length (now "
            f"{settings.max_length}) and run in a new folder. {_kept(trainer)}"
        ) from error


def _is_memory(error: BaseException) -> bool:
    if isinstance(error, torch.OutOfMemoryError | MemoryError):
        return True
    return isinstance(error, RuntimeError) and any(words in str(error) for words in _NO_MEMORY)


def _kept(trainer: PreferenceTrainer) -> str:
    """A sentence about the checkpoint that a failed run leaves."""
    last = last_checkpoint(Path(str(trainer.args.output_dir)))
    return f"The checkpoint {last} is kept." if last else "No checkpoint was written yet."
