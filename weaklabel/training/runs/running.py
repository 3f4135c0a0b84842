"""What surrounds every training run: its arguments, its folder, resuming, random states, and what it did.

A trainer adds its own data and layout between two lines:

    with training_run(model, settings, folder, data, best_by=...) as run:
        trainer = SomeTrainer(model, run.args, settings, ..., callbacks=run.callbacks)
        done = run.carry_out(trainer)
"""

from __future__ import annotations

import inspect
import json
from collections.abc import Iterator, Mapping, Sized
from contextlib import closing, contextmanager
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path
from typing import Any, Final

import torch
import transformers
from transformers import EarlyStoppingCallback, TrainerState, TrainingArguments

from weaklabel._shown import Shown
from weaklabel.artifacts import content_hash, manifest
from weaklabel.errors import ConfigError, MissingExtraError
from weaklabel.training.layout import Choice
from weaklabel.training.models.hub import quiet
from weaklabel.training.models.loading import context_length
from weaklabel.training.runs.checkpoints import (
    Bar,
    RunLog,
    Watch,
    Watched,
    claim,
    has_ended,
    starting_point,
)
from weaklabel.training.runs.disk import explaining_disk
from weaklabel.training.runs.randomness import isolated_randomness
from weaklabel.training.settings import TrainingSettings
from weaklabel.training.tokens import Truncated
from weaklabel.training.trainer import WeightedTrainer

# transformers 5.19 renamed it; the old name warns there and leaves with version 6.
CHECKPOINTING: Final = (
    "activation_checkpointing"
    if "activation_checkpointing" in inspect.signature(TrainingArguments).parameters
    else "gradient_checkpointing"
)


def training_arguments(settings: TrainingSettings, folder: Path, *, best_by: str | None) -> TrainingArguments:
    """The settings as transformers takes them. Nothing leaves the machine but by `report_to`.

    Args:
        best_by: the figure that gold is judged by, None without gold.

    Raises:
        MissingExtraError: a package that `report_to` names is not installed.
    """
    for package in settings.reporters:
        if find_spec(package) is None:
            raise MissingExtraError(
                f"report_to names {package!r}, which is not installed. Run: pip install {package}"
            )
    save, evaluate = settings.save_steps or settings.eval_steps, settings.eval_steps or settings.save_steps
    save, evaluate = (None if n is None else int(n) if n >= 1 else n for n in (save, evaluate))
    strategy = "epoch" if save is None else "steps"
    more: dict[str, Any] = {"save_strategy": strategy, **({} if save is None else {"save_steps": save})}
    if best_by is not None:
        more |= {"eval_strategy": strategy, "eval_steps": evaluate}
        more |= {"load_best_model_at_end": True, "metric_for_best_model": best_by, "greater_is_better": False}
    more[CHECKPOINTING] = settings.activation_checkpointing
    more[f"{CHECKPOINTING}_kwargs"] = {"use_reentrant": False}
    args = TrainingArguments(
        output_dir=str(folder),
        num_train_epochs=settings.num_train_epochs,
        max_steps=settings.max_steps or -1,
        per_device_train_batch_size=1,  # batches come from our sampler; this only names a number in logs
        gradient_accumulation_steps=settings.gradient_accumulation_steps,
        learning_rate=settings.learning_rate,
        lr_scheduler_type=settings.lr_scheduler_type,
        warmup_steps=settings.warmup,
        weight_decay=settings.weight_decay,
        max_grad_norm=1.0,
        bf16=settings.bf16,
        seed=settings.seed,
        save_total_limit=2,  # the newest, and the best or the one before
        restore_callback_states_from_checkpoint=True,
        logging_steps=settings.logging_steps,
        logging_nan_inf_filter=False,  # it would show the last good loss instead
        remove_unused_columns=False,
        ddp_find_unused_parameters=False,
        report_to=list(settings.reporters) or "none",
        disable_tqdm=True,
        log_level="error",
        use_cpu=not torch.cuda.is_available(),
        **more,
    )
    args._n_gpu = min(args.n_gpu, 1)  # one process, one GPU: several would be wrapped in DataParallel
    return args


def check_fits(model: Any, tokenizer: Any, settings: TrainingSettings, gold: Sized) -> None:
    """That a model can be trained with these settings.

    Raises:
        ConfigError: texts longer than the model reads, no padding token, adapters asked for and not there, or
            patience without gold.
    """
    longest = context_length(model, tokenizer)
    if settings.max_length > longest:
        raise ConfigError(
            f"max_length is {settings.max_length} but the model reads {longest} tokens. Lower max_length."
        )
    if tokenizer.pad_token_id is None:
        raise ConfigError(
            "the tokenizer has no padding token. Set tokenizer.pad_token; the end token will do: padding is never read."
        )
    if settings.lora_r is not None and not hasattr(model, "peft_config"):
        raise ConfigError(
            f"lora_r is {settings.lora_r} but the model has no adapters. Give it some with with_lora first."
        )
    if settings.early_stopping_patience is not None and not len(gold):
        raise ConfigError(
            f"early_stopping_patience is {settings.early_stopping_patience} but there is no gold to judge by. Give "
            "gold; of a stage, that is eval_data."
        )


@dataclass(frozen=True, kw_only=True, repr=False)
class Trained(Shown):
    """What a training run did. The model itself was trained in place.

    Attributes:
        steps: optimiser steps in all, those before a resume included.
        best: the step whose weights the model now has; the last one where there is no gold.
        resumed: the step of the checkpoint that this call went on from, None from the start.
        lines: the log, as in log.jsonl.
    """

    steps: int
    best: int
    resumed: int | None
    lines: tuple[Mapping[str, float], ...]

    def logged(self, first: str, *others: str) -> tuple[tuple[Any, ...], ...]:
        """(step, first, *others) of every line that holds `first`; None where it lacks one of the others."""
        names = ("step", first, *others)
        return tuple(tuple(map(line.get, names)) for line in self.lines if first in line)


@dataclass(frozen=True, kw_only=True, repr=False)
class TrainedOnTexts(Trained):
    """What training on texts did.

    Attributes:
        layout: the layout and why.
        truncated, truncated_gold: what did not fit into `max_length`.
        weightless: what was left out because its weight is zero.
    """

    layout: Choice
    truncated: Truncated
    truncated_gold: Truncated
    weightless: int


@dataclass(frozen=True, kw_only=True, repr=False)
class TrainedOnTokens(TrainedOnTexts):
    """What training on the tokens of texts did."""

    @property
    def losses(self) -> tuple[tuple[Any, ...], ...]:
        """(step, loss) per line of the log, nats per token."""
        return self.logged("loss")

    @property
    def checks(self) -> tuple[tuple[Any, ...], ...]:
        """(step, NLL) on the gold per evaluation, nats per token."""
        return self.logged("eval_nll")


@dataclass(frozen=True, kw_only=True, repr=False)
class TrainedOnComparisons(TrainedOnTexts):
    """What training on compared responses did; `weightless` are comparisons.

    Attributes:
        identical: comparisons left out because their responses are equal.
    """

    identical: int

    @property
    def losses(self) -> tuple[tuple[Any, ...], ...]:
        """(step, loss, entropy floor of its labels) per line of the log, nats per unit of weight."""
        return self.logged("loss", "loss_floor")

    @property
    def checks(self) -> tuple[tuple[Any, ...], ...]:
        """(step, NLL, accuracy) on the gold per evaluation; accuracy is None where all gold are ties."""
        return self.logged("eval_nll", "eval_accuracy")


@dataclass(frozen=True)
class TrainingRun:
    """A run whose folder is claimed: what its trainer is made with, and `carry_out`."""

    settings: TrainingSettings
    args: TrainingArguments
    checkpoint: Path | None
    bar: Bar
    watch: Watch | None = None

    @property
    def callbacks(self) -> list[Any]:
        """Early stopping, and behind it the log, which sees whether training stops; who watches; and the bar."""
        patience = self.settings.early_stopping_patience
        stopping = [] if patience is None else [EarlyStoppingCallback(patience)]
        watched = [] if self.watch is None else [Watched(self.watch)]
        return [*stopping, RunLog(Path(str(self.args.output_dir))), *watched, self.bar]

    def carry_out(self, trainer: WeightedTrainer) -> Trained:
        """Trains, from the checkpoint where there is one; then the model has its best weights and is in eval mode."""
        checkpoint = self.checkpoint
        model: Any = trainer.model
        with _own_forward(model), closing(self.bar), explaining_disk(Path(str(self.args.output_dir))):
            if checkpoint is None:
                trainer.train()
            elif has_ended(checkpoint, self.settings.early_stopping_patience):
                self._take_up(trainer, checkpoint)
            else:
                trainer.train(resume_from_checkpoint=str(checkpoint))
        model.eval()
        state = trainer.state
        return Trained(
            steps=state.global_step,
            best=state.best_global_step or state.global_step,
            resumed=None if checkpoint is None else int(checkpoint.name.removeprefix("checkpoint-")),
            lines=tuple(state.log_history),
        )

    def _take_up(self, trainer: WeightedTrainer, checkpoint: Path) -> None:
        """The end of a run that was killed when its training was over: the last look, then the weights that stay."""
        trainer.state = TrainerState.load_from_json(str(checkpoint / "trainer_state.json"))
        trainer._load_from_checkpoint(str(checkpoint))
        if self.watch is not None and trainer.is_world_process_zero():
            with isolated_randomness():
                self.watch(trainer.model, trainer.state.global_step)
        if self.args.load_best_model_at_end:
            trainer._load_best_model()


@contextmanager
def training_run(
    model: Any,
    settings: TrainingSettings,
    folder: Path,
    data: Mapping[str, str],
    *,
    best_by: str | None,
    watch: Watch | None = None,
) -> Iterator[TrainingRun]:
    """A run in its folder, which is claimed; quiet, and with the random states afterwards as they were.

    Args:
        model: as it will be trained.
        folder: this run's own; see `checkpoints`.
        data: what is trained on, name -> hash, for the manifest.
        best_by: as `training_arguments` takes it.
        watch: sees the model at the start and after every checkpoint.

    Raises:
        ArtifactError: the folder of another run, or a checkpoint that cannot be gone on from.
    """
    folder = folder.resolve()  # checkpoints name the best one by its path
    args = training_arguments(settings, folder, best_by=best_by)
    made_of = manifest(
        "training",
        inputs={"model": _model_hash(model), **data},
        settings={**settings.fingerprint(), "processes": args.world_size},
        libraries={"torch": torch.__version__, "transformers": transformers.__version__},
    )
    with args.main_process_first(desc="claim of the folder"):
        claim(folder, made_of, writes=args.process_index == 0)
        checkpoint = starting_point(folder, settings.resume_from_checkpoint, made_of)
    with quiet(), isolated_randomness():
        yield TrainingRun(settings, args, checkpoint, Bar(), watch)


def _model_hash(model: Any) -> str:
    """Of the architecture and of what trains, not of the weights: a checkpoint replaces those."""
    config = model.config.to_dict()
    for changing in ("transformers_version", "use_cache"):
        config.pop(changing, None)
    parameters = [(name, list(p.shape), p.requires_grad) for name, p in model.named_parameters()]
    return content_hash(json.dumps([config, parameters], sort_keys=True, default=str))


@contextmanager
def _own_forward(model: Any) -> Iterator[None]:
    """Takes off the autocast that accelerate puts around `forward`, so that a model scores as it will when loaded."""
    before = model.__dict__.get("forward")
    try:
        yield
    finally:
        model.__dict__.pop("_original_forward", None)
        model.__dict__.pop("forward", None)
        if before is not None:
            model.forward = before
