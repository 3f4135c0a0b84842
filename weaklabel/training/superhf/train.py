"""SuperHF's trainer, and a run of it: whoever draws superbatches hands over what was kept, and the policy learns it.

A step of the Trainer is a superbatch: its texts are drawn from the policy as it is, and `minibatch_size` of them at a time make
an optimiser step. Checkpoints, the log and the schedule go by superbatches. How a minibatch fits into memory changes nothing:
its loss is divided by all of its tokens, however many batches they are cut into.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from time import perf_counter
from typing import Any, Final

import torch
from torch import Tensor, nn
from torch.optim.lr_scheduler import LambdaLR
from torch.utils.data import DataLoader
from transformers import PreTrainedTokenizerBase, Trainer

from weaklabel.errors import ConfigError, TrainingError
from weaklabel.training.batching import GroupBatchSampler
from weaklabel.training.layout import Batch, Choice, unwrapped
from weaklabel.training.layout.language import attach, token_logps
from weaklabel.training.logps import check_vocabulary
from weaklabel.training.runs.checkpoints import Watch
from weaklabel.training.runs.memory import explaining_memory
from weaklabel.training.runs.running import Trained, check_fits, training_run
from weaklabel.training.sft import SFT_LAYOUTS, TokenExample, choose_sft_layout
from weaklabel.training.superhf.loss import token_losses
from weaklabel.training.superhf.schedule import rate_share
from weaklabel.training.superhf.settings import SuperHFTrainingSettings
from weaklabel.training.trainer import WeightedTrainer

PARTS: Final = ("sampling", "scoring", "update")
"""What a step's seconds are spent on, beside the rest."""


@dataclass(frozen=True)
class Superbatch:
    """What a step learns.

    Attributes:
        examples: the kept texts as token ids.
        prompts: what each of them answers, for messages.
        seconds: of `sampling` and `scoring`; none where that took no time to speak of.
    """

    examples: Sequence[TokenExample]
    prompts: Sequence[str]
    seconds: Mapping[str, float] = field(default_factory=dict)


Draw = Callable[[Any, int], Superbatch]
"""(model, number of the superbatch) -> what was kept; asked a second time after a kill, it gives the same."""
Told = Callable[[], Mapping[str, float]]
"""Figures of the superbatches since it was asked last, for the log."""


class SuperHFTrainer(WeightedTrainer):
    """Trains a language model on superbatches; see `train_superhf` for the arguments' meaning."""

    settings: SuperHFTrainingSettings
    optimizer: Any

    def __init__(self, *, draw: Draw, told: Told, n_superbatches: int, prior: Any, **more: Any) -> None:
        numbers: Any = range(n_superbatches)
        super().__init__(groups=numbers, gold=(), **more)
        self._draw, self._told, self._prior = draw, told, prior
        self.seconds: list[dict[str, float]] = []
        self._began: float | None = None
        self._sums: dict[str, float] = {}  # since the last line of the log
        self._n_updates = 0

    # ------------------------------------------------------------------------------------ superbatches by number
    def get_train_dataloader(self) -> DataLoader[Any]:
        return DataLoader(
            self._groups,
            collate_fn=lambda some: {"number": torch.tensor(some)},
            generator=torch.Generator(),  # so that making an iterator draws nothing from the global state
        )

    def get_batch_samples(self, epoch_iterator: Any, num_batches: int, device: torch.device) -> Any:
        return [next(epoch_iterator)], None

    def floating_point_ops(self, inputs: Any) -> int:
        return 0  # a number says nothing of what was computed

    def create_scheduler(self, num_training_steps: int, optimizer: Any = None) -> Any:
        if self.lr_scheduler is None:
            self.lr_scheduler = LambdaLR(optimizer or self.optimizer, self._share)
            self._created_lr_scheduler = True
        return self.lr_scheduler

    def _share(self, at: float) -> float:
        settings = self.settings
        total = max(self.state.max_steps, 1)
        return rate_share(settings.lr_scheduler_type, at, warmup=settings.warmup, total=total)

    # ------------------------------------------------------------------------------------ a step
    def training_step(self, model: nn.Module, inputs: Any, num_items_in_batch: Any = None) -> Tensor:
        step = self.state.global_step
        self._close_the_last_step()
        found = self._draw(self.model, step)
        model.train()
        began = perf_counter()
        size = self.settings.minibatch_size
        starts = range(0, len(found.examples), size)
        for number, start in enumerate(starts):
            # The rate in the middle of its share: not the 0 with which a warm-up begins.
            self._set_rate(step + (number + 0.5) / len(starts))
            some = slice(start, start + size)
            self._update(model, found.examples[some], step, found.prompts[some])
        self.seconds.append({**dict.fromkeys(PARTS, 0.0), **found.seconds, "update": perf_counter() - began})
        return torch.zeros((), device=self.args.device)  # the log has what `_update` noted

    def _set_rate(self, at: float) -> None:
        for group in self.optimizer.param_groups:
            group["lr"] = group["initial_lr"] * self._share(at)

    def _update(
        self, model: nn.Module, examples: Sequence[TokenExample], step: int, prompts: Sequence[str]
    ) -> None:
        settings = self.settings
        batches = self._batches(examples)
        n = sum(len(one.response) for one in examples)
        pull = 1 - settings.inverse_loss_penalty / self._nll(model, batches, n) ** 2
        sums = torch.zeros(2, dtype=torch.float64, device=self.args.device)
        for batch in batches:
            with explaining_memory(self._too_much, batch):
                with self.compute_loss_context_manager():
                    nll, kl = token_losses(model, self._prior, batch, settings)
                self.accelerator.backward((pull * nll.sum() + settings.beta * kl.sum()) / n)
            sums += torch.stack([nll.detach().sum(), kl.detach().sum()]).double()
        mean_nll, mean_kl = (sums / n).tolist()
        penalty = settings.inverse_loss_penalty / mean_nll if settings.inverse_loss_penalty else 0.0
        loss = mean_nll + penalty + settings.beta * mean_kl
        norm = float(self.accelerator.clip_grad_norm_(model.parameters(), self.args.max_grad_norm))
        if not math.isfinite(loss) or not math.isfinite(norm):
            raise TrainingError(self._not_finite(step, prompts, loss, mean_nll, mean_kl, norm))
        self.optimizer.step()
        model.zero_grad()
        self._note(loss=loss, nll=mean_nll, kl=mean_kl, grad_norm=norm)

    def _nll(self, model: nn.Module, batches: Sequence[Batch], n: int) -> float:
        """The mean of -log p over the minibatch, before its gradients: c / NLL is no sum over batches, its slope is."""
        if not self.settings.inverse_loss_penalty:
            return 1.0
        model.eval()
        with torch.no_grad(), self.compute_loss_context_manager():
            found = -sum(float(token_logps(model, batch).double().sum()) for batch in batches) / n
        model.train()
        return max(found, 1e-6)

    def _batches(self, examples: Sequence[TokenExample]) -> list[Batch]:
        """A minibatch as batches that fit, on the model's device."""
        lengths, rows = self.layout.sizes(examples)
        cut = GroupBatchSampler(lengths, rows, seed=self.settings.seed, **dict([self.settings.batch_limit]))
        made = (self.layout.collate([examples[k] for k in batch], self._pad_id) for batch in cut)
        return [{name: value.to(self.args.device) for name, value in batch.items()} for batch in made]

    def _not_finite(
        self, step: int, prompts: Sequence[str], loss: float, nll: float, kl: float, norm: float
    ) -> str:
        shown = ", ".join(repr(" ".join(prompt.split())[:40]) for prompt in prompts[:3])
        more = f" and {len(prompts) - 3} more" if len(prompts) > 3 else ""
        return (
            f"superbatch {step:,}: the loss is {loss:.4g} (NLL {nll:.4g}, KL {kl:.4g} nats per token, gradient norm {norm:.4g}) on "
            f"answers to {shown}{more}. Nothing was learned from them. Lower learning_rate or inverse_loss_penalty, or raise beta. "
            f"{self._kept()}"
        )

    # ------------------------------------------------------------------------------------ figures
    def _note(self, **figures: float) -> None:
        self._n_updates += 1
        for name, value in figures.items():
            self._sums[name] = self._sums.get(name, 0.0) + value

    def _close_the_last_step(self) -> None:
        """The seconds of a step go from its beginning to that of the next one, with all that lies between."""
        now = perf_counter()
        if self._began is not None and self.seconds:
            self.seconds[-1]["step"] = now - self._began
        self._began = now

    def log(self, logs: dict[str, float], start_time: float | None = None) -> None:
        """Means of loss, NLL and KL per token over the updates since the last line, with what `told` says."""
        if "loss" in logs:
            means = {name: value / self._n_updates for name, value in self._sums.items()}
            rate = self.optimizer.param_groups[0]["initial_lr"] * self._share(self.state.global_step - 0.5)
            logs = {**means, "learning_rate": rate, **self._told()}
            logs |= {f"seconds/{name}": self.seconds[-1][name] for name in PARTS if self.seconds}
            self._sums, self._n_updates = {}, 0
        logs.pop("train_loss", None)  # the Trainer's, which was handed nothing but zeros
        Trainer.log(self, logs, start_time)


@dataclass(frozen=True, kw_only=True, repr=False)
class TrainedSuperHF(Trained):
    """What SuperHF did; `steps` are superbatches.

    Attributes:
        layout: the layout and why.
        seconds: of each superbatch of this call: `sampling`, `scoring`, `update`, and `step` for all of it.
    """

    layout: Choice
    seconds: Sequence[Mapping[str, float]]


def train_superhf(
    model: Any,
    tokenizer: PreTrainedTokenizerBase,
    draw: Draw,
    *,
    n_superbatches: int,
    settings: SuperHFTrainingSettings,
    folder: Path,
    data: Mapping[str, str],
    prior: Any = None,
    told: Told = dict,
    watch: Watch | None = None,
) -> TrainedSuperHF:
    """Trains `model` in place on what `draw` keeps of its own samples.

    Called again with the same arguments after a kill, it goes on from the last whole checkpoint and ends with the weights of an
    undisturbed run. It runs in one process.

    Args:
        model: of `models.load_language_model`, `language_model_from_scratch` or `with_lora`.
        draw: draws superbatches, 0 to `n_superbatches` - 1 in each of `num_train_epochs` passes, numbered on.
        settings: `layout` is "auto" or a name of `SFT_LAYOUTS`.
        folder: this run's own; see `checkpoints`.
        data: what `draw` draws from, name -> hash, for the manifest.
        prior: what the KL is held against; None is `model` with its adapters off.
        told: more for the log.
        watch: sees the model at the start and after every checkpoint.

    Raises:
        ConfigError: settings that do not fit the model, no prior, one of another vocabulary, or several processes.
        ArtifactError: the folder of another run.
        TrainingError: no memory, or a loss that is not a number: which superbatch, and which prompts. Checkpoints are kept.
    """
    check_fits(model, tokenizer, settings, ())
    if settings.beta and prior is None and not hasattr(model, "disable_adapter"):
        raise ConfigError(
            f"beta is {settings.beta:g}, and there is no prior: the model has no adapters to switch off. Set lora_r, give a prior, "
            "or set beta to 0."
        )
    if prior is not None:
        check_vocabulary(model, prior)
        attach(unwrapped(prior))
    with training_run(model, settings, folder, data, best_by=None, watch=watch) as run:
        if run.args.world_size > 1:
            raise ConfigError(
                f"superhf was started in {run.args.world_size} processes. It runs in one: start it without torchrun."
            )
        attach(unwrapped(model))
        layout = choose_sft_layout(model, settings.layout, run.args.device, bf16=settings.bf16)
        trainer = SuperHFTrainer(
            model=model,
            args=run.args,
            settings=settings,
            layout=SFT_LAYOUTS[layout.name],
            draw=draw,
            told=told,
            n_superbatches=n_superbatches,
            prior=None if prior is None else prior.to(run.args.device).eval(),
            pad_id=tokenizer.pad_token_id,
            processing_class=tokenizer,
            callbacks=run.callbacks,
        )
        done = run.carry_out(trainer)
    return TrainedSuperHF(**vars(done), layout=layout, seconds=tuple(trainer.seconds))
