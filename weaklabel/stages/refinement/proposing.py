"""Proposals for every label, by models that did not learn it; and samples of a policy, in pairs."""

from __future__ import annotations

import gc
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any, Final

import numpy as np

from weaklabel.artifacts import read_json, write_json
from weaklabel.data.asked.prompts import Prompt
from weaklabel.generation.responders import MemorySource, answers_of
from weaklabel.stages.contract import MODEL
from weaklabel.stages.refinement.labels import Label, folds_of
from weaklabel.training.sampling import Sampling
from weaklabel.training.settings import TrainingSettings

Load = Callable[[], tuple[Any, Any]]
Texts = list[str | None]
_SEEDS: Final = 7919  # between the seeds of an ensemble


def proposals_of_others(
    load: Load,
    labels: Sequence[Label],
    settings: TrainingSettings,
    drawing: tuple[Sampling, int],
    folder: Path,
    *,
    n_folds: int,
    seed: int,
) -> tuple[Texts, list[str]]:
    """For each label an answer of a model that was trained on the labels of other folds alone.

    Called again after a kill, it goes on: a fold whose answers are there is not trained again.

    Args:
        load: gives the model that every fold starts from, and its tokenizer.
        labels: `n`. Labels of one prompt are in one fold.
        settings: of the training.
        drawing: how answers are drawn, and how many at once.
        folder: this call's own.
        n_folds: 2 or more.
        seed: of the folds and of the training.

    Returns:
        `n` answers, None where one is empty or had no room; and by which fold's model.

    Raises:
        ConfigError: fewer prompts than folds.
    """
    from weaklabel.training.sft import train_sft

    folds = folds_of(labels, n_folds, seed)
    answers: Texts = [None] * len(labels)
    for fold in range(n_folds):
        file = folder / f"fold-{fold}.json"
        rows = np.flatnonzero(folds == fold).tolist()
        if not file.exists():
            model, tokenizer = load()
            taught = [
                label.demonstration for label, other in zip(labels, folds, strict=True) if other != fold
            ]
            train_sft(
                model,
                tokenizer,
                taught,
                settings=replace(settings, seed=seed, early_stopping_patience=None),
                folder=folder / f"training-{fold}",
            )
            found = answered(
                model, tokenizer, [labels[row].asked for row in rows], drawing, folder / f"replies-{fold}"
            )
            write_json(file, found)
            del model
            gc.collect()
        for row, text in zip(rows, read_json(file), strict=True):
            answers[row] = text
    return answers, [f"fold {fold}" for fold in folds]


def proposals_of_two(
    load: Load,
    labels: Sequence[Label],
    settings: TrainingSettings,
    drawing: tuple[Sampling, int],
    folder: Path,
    *,
    n_folds: int,
    seed: int,
) -> tuple[list[Texts], list[str]]:
    """As `proposals_of_others`, by two seeds: both answers of each label, and by which fold's models."""
    made = [
        proposals_of_others(
            load, labels, settings, drawing, folder / f"seed-{k}", n_folds=n_folds, seed=seed + k * _SEEDS
        )
        for k in range(2)
    ]
    sources = [f"{a}, {b} by another seed" for a, b in zip(made[0][1], made[1][1], strict=True)]
    return [made[0][0], made[1][0]], sources


def answered(
    model: Any,
    tokenizer: Any,
    prompts: Sequence[Prompt],
    drawing: tuple[Sampling, int],
    folder: Path,
    *,
    times: int = 1,
) -> Texts:
    """Answers to prompts, `times` of each next to one another; None where one is empty or had no room."""
    from weaklabel.training.decoding import Responder, placed

    sampling, at_once = drawing
    source = MemorySource(Responder(placed(model), tokenizer, name=MODEL), sampling, at_once)
    wanted = [(prompt, k) for prompt in prompts for k in range(times)]
    replies = answers_of(source, wanted, folder)
    return [None if reply is None else reply.text.strip() or None for reply in replies]
