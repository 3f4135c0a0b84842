"""`weaklabel reward eval`: how well a model knows what people said."""

from __future__ import annotations

from typing import Any

import click

from weaklabel.cli._common import absolute, emit, look_options, note
from weaklabel.cli.labels.reward._files import (
    file_options,
    gold_of,
    judge,
    judging_options,
    open_models,
    reading,
)
from weaklabel.errors import ConfigError


@click.command("eval")
@click.argument("model", required=False, metavar="[MODEL]")
@file_options
@judging_options
@click.option(
    "--best-of",
    metavar="FILE",
    help="Rows of a prompt with right and wrong candidates: how often is the first choice right?",
)
@click.option("--no-linear", is_flag=True, help="Leave the out-of-fold linear model out of the table.")
@look_options
def evaluate(as_json: bool, model: str | None, best_of: str | None, no_linear: bool, **options: Any) -> None:
    """Judge a saved reward model (or labeler) on the gold of a file, or on a run's held-out gold.

    MODEL is a folder; without it, the run's reward model. Accuracy, F1, NLL, Brier and ECE with intervals, by the
    column "subset" in RewardBench's sections, by whether the better answer is the longer one, and with the answers
    in the other order. Beside it the longer-response rule, and a linear model trained on the other folds of the
    same gold. Gold of prompts that the model was fitted to is left out.

    \b
    weaklabel reward eval runs/base/reward --pairs rewardbench.parquet
    weaklabel reward eval runs/base/reward --best-of candidates.jsonl
    """
    file, best_of = reading(options), best_of and absolute(best_of)
    if file and best_of:
        raise ConfigError("eval got --pairs and --best-of. Ask for one at a time.")
    of_run = model is None or not (file or best_of)
    arms, run, seed = open_models([model] if model else [], options, of_run=of_run)
    if run is not None and not arms:
        arms = {"reward model": run.reward}
    if best_of:
        from weaklabel.reward import best_of_n, read_candidates

        ranked = best_of_n(arms, read_candidates(best_of), seed=seed)
        emit(ranked.to_dict(), lambda: str(ranked), as_json)
        return
    gold = gold_of(file, run)
    if not no_linear:
        from weaklabel.comparers.out_of_fold import OutOfFold

        if OutOfFold.suits(gold):
            arms |= {OutOfFold.name: OutOfFold(gold, seed=seed)}
        elif gold.has_gold.any():
            note("too little gold for the out-of-fold linear model, which is left out")
    found = judge(arms, gold, options, seed)
    emit(found.to_dict(), lambda: str(found), as_json)
