"""`weaklabel reward train`: from a run's labels, or from any preference file, to a saved model with its card."""

from __future__ import annotations

import os
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from weaklabel.cli import _completion
from weaklabel.cli._common import absolute, emit, note, run_options
from weaklabel.cli._runs import NOT_KEPT, load_settings, open_run
from weaklabel.cli.labels.reward._files import file_options, reading
from weaklabel.errors import ConfigError

if TYPE_CHECKING:
    from weaklabel.reward import Evaluation, RewardModel
    from weaklabel.types import Pairs


@click.command("train")
@file_options
@click.option(
    "--test-share", "share", type=float, help="Share of the file's gold prompts kept for figures. Default: .2"
)
@click.option("--out", metavar="FOLDER", help="Where the model goes; needed with --pairs, and only then.")
@click.option(
    "--reward-model",
    metavar="NAME|FOLDER|HUB",
    shell_complete=_completion.reward_models,
    help="functions, linear, minilm, transformer, or a pretrained model's folder or hub name. Default: functions; linear "
    "with --pairs, for a file brings no functions.",
)
@click.option(
    "--adapter",
    metavar="FOLDER|HUB",
    help="A LoRA adapter of the pretrained model that --reward-model names.",
)
@click.option("--from-scratch", metavar="SIZE", help="A small decoder with a tokenizer of its own.")
@click.option(
    "--allow-uncalibrated",
    is_flag=True,
    default=None,
    help="Learn from labels that were never fitted to gold.",
)
@click.option(
    "--replace",
    is_flag=True,
    help="Replace the run's model by one of other settings, and keep these for the run.",
)
@run_options
def train(
    as_json: bool,
    out: str | None,
    share: float | None,
    from_scratch: str | None,
    adapter: str | None,
    replace: bool,
    **options: Any,
) -> None:
    """Train a reward model, and say how it does on held-out prompts, beside a linear one taught the same.

    From a run's labels; or with --pairs from a file with gold, or with beliefs in columns: p (P(b beats a)) or
    p_chosen, and w. Settings of the model: --set reward.settings.KEY=VALUE.

    A run that has a reward model keeps it: one of other settings goes beside it, into reward-NAME, unless --replace
    is given.

    \b
    weaklabel reward train --name base --reward-model minilm
    weaklabel reward train --pairs labels.parquet --out models/first --from-scratch tiny
    """
    file = reading(options)
    options |= _choice(options["reward_model"], from_scratch, tuple(options["sets"]))
    if adapter is not None:
        options["sets"] = (*options["sets"], _set("adapter", _absolute(adapter)))
    if (file is None) != (out is None):
        raise ConfigError(
            "a run keeps its model in its own folder: leave --out away."
            if file is None
            else "--out is missing: name the folder for the model trained on --pairs."
        )
    if file is None:
        if share is not None:
            raise ConfigError("--test-share belongs to --pairs; of a run it is data.test_share.")
        run = open_run(options)
        name, seed = run.folder.name, run.config.data.seed
        if run.has_other_reward and not replace:
            click.get_current_context().meta[NOT_KEPT] = ("reward.",)
            model, path = run.reward_beside()
            note(f"beside the run's own model in {run.folder / 'reward'}; to replace that: --replace")
        else:
            model, path = run.reward, run.folder / "reward"
        for said in model.notes:
            note(said)
        allowed = run.config.reward.allow_uncalibrated
        found = _judged(model, run.beliefs, run.pairs.test, None, seed, allowed)
    else:
        if replace:
            raise ConfigError("--replace belongs to a run; --out is replaced where it holds a reward model.")
        path, name = Path(absolute(out or "")), None
        model, found = _from_file(file, path, 0.2 if share is None else share, options)
    text = str(found) if found else "no held-out gold, so no figures. Give gold, and a test share above 0."
    value = {"run": name, "path": str(path), "model": model.name, "evaluation": found and found.to_dict()}
    emit(value, f"{text}\nreward model: {path}", as_json)


def _choice(model: str | None, from_scratch: str | None, sets: tuple[str, ...]) -> dict[str, Any]:
    """`--reward-model` and `--from-scratch` as a registered name and settings of it."""
    from weaklabel.reward import REWARD_MODELS

    if from_scratch is not None:
        if model not in (None, "transformer"):
            raise ConfigError(
                f"--from-scratch makes a new model, but --reward-model is {model!r}. Give one of them."
            )
        return {"reward_model": "transformer", "sets": (*sets, _set("from_scratch", from_scratch))}
    if model is None or model in REWARD_MODELS or not ("/" in model or os.path.isdir(model)):
        return {"reward_model": model, "sets": sets}
    return {"reward_model": "transformer", "sets": (*sets, _set("base", _absolute(model)))}


def _absolute(model: str) -> str:
    return os.path.abspath(model) if os.path.isdir(model) else model


def _set(key: str, value: str) -> str:
    from weaklabel._toml import toml_text

    return f"reward.settings.{key}={toml_text(value)}"


def _from_file(
    file: dict[str, Any], path: Path, share: float, options: dict[str, Any]
) -> tuple[RewardModel, Evaluation | None]:
    loaded = load_settings(options).config
    chosen, seed = loaded.reward, loaded.data.seed
    from weaklabel.report.card import model_card
    from weaklabel.reward import read_taught, train_reward, training_targets
    from weaklabel.reward.registry import plain_model, written_settings

    allowed = chosen.allow_uncalibrated
    _check_target(path)
    pairs, beliefs = read_taught(**file, test_share=share, seed=seed, allow_uncalibrated=allowed)
    if pairs.set_aside:
        note(f"{len(pairs.set_aside):,} rows could not be read and are left out")
    # A file brings no labeling functions along, and those of the project may know nothing of it.
    named = plain_model(chosen.model)
    if options["reward_model"] == chosen.model != named:
        note(f"--pairs brings no labeling functions, which {chosen.model} reads: {named} is trained instead")
    model = train_reward(pairs, named, beliefs=beliefs, **written_settings(named, chosen.settings))
    if model.scale_note_:
        note(model.scale_note_)
    taught = len(training_targets(pairs, beliefs=beliefs)[0])
    if silent := int((pairs.parts != "test").sum()) - taught:
        note(f"{silent:,} pairs have neither gold nor a belief that counts, and taught nothing")
    model.save(
        path,
        beside=model_card(model, pairs.test, n_given=taught, seed=seed),
    )
    return model, _judged(model, pairs, pairs.test, beliefs, seed, allowed)


def _check_target(path: Path) -> None:
    """Before hours are spent on training: that what comes of it can be put there."""
    from weaklabel.artifacts.folders import check_replaceable

    check_replaceable(path, "reward:")
    path.parent.mkdir(parents=True, exist_ok=True)
    tempfile.TemporaryFile(dir=path.parent).close()


def _judged(
    model: RewardModel, taught: Any, held: Pairs, beliefs: Any, seed: int, allowed: bool
) -> Evaluation | None:
    """The model on held-out gold, beside a linear one.

    That one was taught the same; beside a model that reads functions it was taught by gold alone, which is what the
    functions have to beat.
    """
    from weaklabel.reward import evaluate, train_reward
    from weaklabel.reward.registry import PLAIN, plain_model

    if not len(held):
        return None
    arms = {"reward model": model}
    if plain_model(model.name) != model.name:
        pairs = getattr(taught, "pairs", taught)
        if len(pairs.dev):
            arms[f"{PLAIN}, gold only"] = train_reward(pairs, PLAIN)
    elif model.name != PLAIN:
        arms[PLAIN] = train_reward(taught, PLAIN, beliefs=beliefs, allow_uncalibrated=allowed)
    return evaluate(arms, gold=held, seed=seed)
