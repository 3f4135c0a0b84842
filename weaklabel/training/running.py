"""A training run from groups to a trained scorer: tokenise, choose a layout, train, report."""

from __future__ import annotations

import json
import random
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
import transformers
from transformers import EarlyStoppingCallback, PreTrainedTokenizerBase, TrainerState

from weaklabel.artifacts import content_hash, manifest
from weaklabel.errors import ConfigError
from weaklabel.groups import Group, trainable_groups
from weaklabel.training.batching import tokenize_groups
from weaklabel.training.checkpoints import RunLog, claim, last_checkpoint, remove_torn, stopped_early
from weaklabel.training.layout import Choice, choose_layout, kind_of, self_test
from weaklabel.training.models import context_length, quiet
from weaklabel.training.settings import TrainingSettings
from weaklabel.training.tokens import TokenGroup, Tokenized, Truncated
from weaklabel.training.trainer import PreferenceTrainer, training_arguments


@dataclass(frozen=True, slots=True)
class Trained:
    """What a training run did. The model itself was trained in place.

    Attributes:
        steps: optimiser steps in all, those before a resume included.
        losses: (step, loss, entropy floor of its labels) per line of the log, nats per unit of weight.
        checks: (step, NLL, accuracy) on the gold per evaluation; accuracy is None where all gold are ties.
        best: the step whose weights the model now has; the last one where there is no gold.
        resumed: the step of the checkpoint that this call went on from, None from the start.
        layout: the layout and why.
        truncated, truncated_gold: what did not fit into `max_length`.
        identical, weightless: comparisons left out, because their responses are equal or their weight is zero.
    """

    steps: int
    losses: tuple[tuple[int, float, float], ...]
    checks: tuple[tuple[int, float, float | None], ...]
    best: int
    resumed: int | None
    layout: Choice
    truncated: Truncated
    truncated_gold: Truncated
    identical: int
    weightless: int


def train_scorer(
    model: Any,
    tokenizer: PreTrainedTokenizerBase,
    groups: Sequence[Group],
    *,
    gold: Sequence[Group] = (),
    settings: TrainingSettings,
    folder: Path,
) -> Trained:
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
    _check(model, tokenizer, gold, settings)
    folder = folder.resolve()  # checkpoints name the best one by its path
    made = trainable_groups(groups)
    held_out = trainable_groups(gold).groups if gold else ()
    kind = kind_of(model)
    train, check = (
        tokenize_groups(part, tokenizer, max_length=settings.max_length, kind=kind)
        if part
        else Tokenized([], Truncated())
        for part in (made.groups, held_out)
    )
    args = training_arguments(settings, folder, evaluates=bool(gold))
    made_of = _made_of(model, made.groups, held_out, settings, args.world_size)
    with args.main_process_first(desc="claim of the folder"):
        claim(folder, made_of, writes=args.process_index == 0)
        remove_torn(folder)
    with quiet(), isolated_randomness():
        layout = _layout(model, settings, train.groups, args.device, tokenizer.pad_token_id)
        with _own_forward(model):
            trainer = PreferenceTrainer(
                model,
                args,
                settings,
                layout.name,
                train.groups,
                check.groups,
                pad_id=tokenizer.pad_token_id,
                processing_class=tokenizer,
                callbacks=_callbacks(settings, folder),
            )
            resumed = _run(trainer, last_checkpoint(folder))
    model.eval()
    state = trainer.state
    history: list[dict[str, Any]] = state.log_history
    return Trained(
        steps=state.global_step,
        losses=tuple((x["step"], x["loss"], x["loss_floor"]) for x in history if "loss" in x),
        checks=tuple((x["step"], x["eval_nll"], x.get("eval_accuracy")) for x in history if "eval_nll" in x),
        best=state.best_global_step or state.global_step,
        resumed=resumed,
        layout=layout,
        truncated=train.truncated,
        truncated_gold=check.truncated,
        identical=made.identical,
        weightless=made.weightless,
    )


@contextmanager
def isolated_randomness() -> Iterator[None]:
    """The Trainer seeds Python, numpy and torch for the whole process; afterwards all are as they were."""
    python, arrays = random.getstate(), np.random.get_state()  # noqa: NPY002
    try:
        with torch.random.fork_rng(devices=range(torch.cuda.device_count())):
            yield
    finally:
        random.setstate(python)
        np.random.set_state(arrays)  # noqa: NPY002


def _made_of(
    model: Any, groups: Sequence[Group], gold: Sequence[Group], settings: TrainingSettings, processes: int
) -> dict[str, Any]:
    return manifest(
        "training",
        inputs={
            "model": _model_hash(model),
            "groups": content_hash(*map(repr, groups)),
            "gold": content_hash(*map(repr, gold)),
        },
        settings={**settings.fingerprint(), "processes": processes},
        libraries={"torch": torch.__version__, "transformers": transformers.__version__},
    )


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


def _check(model: Any, tokenizer: Any, gold: Sequence[Group], settings: TrainingSettings) -> None:
    longest = context_length(model, tokenizer)
    if settings.max_length > longest:
        raise ConfigError(
            f"max_length is {settings.max_length} but the model reads {longest} tokens. Lower max_length."
        )
    if tokenizer.pad_token_id is None:
        raise ConfigError(
            "the tokenizer has no padding token. Set tokenizer.pad_token, or load it with load_scorer."
        )
    if settings.patience is not None and not gold:
        raise ConfigError(
            f"patience is {settings.patience} but there is no gold to lose patience on. Give gold."
        )


def _layout(
    model: Any, settings: TrainingSettings, groups: Sequence[TokenGroup], device: torch.device, pad_id: int
) -> Choice:
    dtype = torch.bfloat16 if settings.bf16 else None
    chosen = choose_layout(model, settings.layout, device, dtype=dtype)
    if chosen.name in ("padded", "bucketed"):
        return chosen
    tested = self_test(model.to(device), chosen.name, groups, pad_id=pad_id, autocast=dtype)
    return Choice(tested.name, f"{chosen.reason}; {tested.reason}")


def _callbacks(settings: TrainingSettings, folder: Path) -> list[Any]:
    log = RunLog(folder, tensorboard=settings.tensorboard)
    return [log] if settings.patience is None else [log, EarlyStoppingCallback(settings.patience)]


def _run(trainer: PreferenceTrainer, checkpoint: Path | None) -> int | None:
    """Trains, from the checkpoint where there is one; its step."""
    if checkpoint is None:
        trainer.train()
        return None
    if stopped_early(checkpoint, trainer.settings.patience):
        trainer.state = TrainerState.load_from_json(str(checkpoint / "trainer_state.json"))
        trainer._load_best_model()
    else:
        trainer.train(resume_from_checkpoint=str(checkpoint))
    return int(checkpoint.name.removeprefix("checkpoint-"))
