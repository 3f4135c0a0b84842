"""What the commands of the stages share: options, the stage of a run or of a folder, a table per round."""

from __future__ import annotations

import os
from collections.abc import Callable
from typing import TYPE_CHECKING, Any, Final, TypeVar

import click

from weaklabel._paths import expanded
from weaklabel.cli._common import _columns, _stack, emit, note, run_options
from weaklabel.cli._runs import open_run
from weaklabel.errors import ConfigError

if TYPE_CHECKING:
    from weaklabel.pipeline.run import Run
    from weaklabel.stages.contract import Round
    from weaklabel.stages.registry import StageTable

F = TypeVar("F", bound=Callable[..., Any])


def stage_options(function: F) -> F:
    """What every stage that trains takes: as `policy_options`, and what chooses the checkpoint."""
    eval_data = click.option(
        "--eval-data", "stage_eval_data", metavar="FILE", help="Chooses the checkpoint; never trained on."
    )
    return policy_options(eval_data(function))


def policy_options(function: F) -> F:
    """What every stage takes: which model, where from, where to, and its settings as `--set stage.NAME=VALUE`."""
    return _stack(
        click.option(
            "--model", "stage_model", metavar="MODEL", help="Folder, or name on the Hugging Face hub."
        ),
        click.option(
            "--adapter", "stage_adapter", metavar="FOLDER", help="A LoRA adapter of it, merged first."
        ),
        click.option(
            "--from-scratch",
            "stage_from_scratch",
            metavar="SIZE",
            help="A small model with random weights: tiny, small, medium.",
        ),
        click.option(
            "--data",
            "stage_data",
            metavar="FILE",
            help="What to learn or ask. Default: the labels of the run.",
        ),
        click.option(
            "--columns",
            "stage_columns",
            metavar="prompt=q,...",
            callback=_columns,
            help="Which column of these files is which.",
        ),
        click.option(
            "--stage",
            "stage_name",
            metavar="NAME",
            help="Which [[stage]] of this kind, and its folder in the run.",
        ),
        run_options,
    )(function)


def carry_out_command(kind: str, options: dict[str, Any]) -> None:
    """Carry out the stage that the command is about, and tell of it."""
    as_json, run, table = chosen_stage(kind, options)
    from weaklabel.pipeline.stages import carry_out_stage

    result = carry_out_stage(run, table, on_round=show_round)
    emit(result.to_dict(), str(result), as_json)


def chosen_stage(kind: str, options: dict[str, Any]) -> tuple[bool, Run, StageTable]:
    """Whether JSON is asked for, the run, and the table that the command is about, with what its options say."""
    as_json = options.pop("as_json")
    name = options.pop("stage_name")
    own = {key.removeprefix("stage_"): options.pop(key) for key in list(options) if key.startswith("stage_")}
    given = {key: _absolute(key, value) for key, value in own.items() if value is not None}
    sets = tuple(options.get("sets", ()))
    options["sets"] = tuple(text for text in sets if not text.startswith("stage."))
    run = open_run(options)
    from weaklabel.pipeline.stages import chosen_table

    return as_json, run, chosen_table(run.loaded, kind, name, given, stage_sets(sets))


def stage_sets(sets: tuple[str, ...]) -> dict[str, Any]:
    """Name -> value of texts `stage.NAME=VALUE`; a name may lead into a table: `stage.audit.stop_on`.

    Raises:
        ConfigError: no name, or a name within something that is no table.
    """
    from weaklabel.config import given_settings

    found: dict[str, Any] = {}
    for key, value in given_settings([text for text in sets if text.startswith("stage.")], {}).items():
        *above, last = key.removeprefix("stage.").split(".")
        table = found
        for part in above:
            table = table.setdefault(part, {})
            if not isinstance(table, dict):
                raise ConfigError(f"--set {key}: {part!r} is no table, so it has no key {last!r}.")
        table[last] = value
    return found


def show_round(made: Round) -> None:
    """A line on stderr for a round that was made, or found whole."""
    shown = (
        "demonstrations",
        "comparisons",
        "replaced",
        "loss",
        "accuracy",
        "test accuracy",
        "held out gain",
        "questions",
        "pairs learned",
        "reward gained",
        "warnings",
    )
    told = ", ".join(f"{name} {made.figures[name]:,}" for name in shown if made.figures.get(name) is not None)
    note(f"round {made.number}: {told}" if told else f"round {made.number}")


_FILES: Final = ("data", "eval_data", "lists", "off_policy_data", "pretrain_data", "seed_data", "test_data")


def _absolute(key: str, value: Any) -> Any:
    """A path of an option, which counts from where the command was given and not from the project's folder."""
    if key in _FILES and not value.startswith("hf:"):
        return os.path.abspath(expanded(value, f"--{key.replace('_', '-')}"))
    if key in ("model", "adapter", "ref_model", "comparer", "expert", "held_out") and os.path.exists(
        value
    ):  # or a name on the hub
        return os.path.abspath(value)
    if key in ("checker", "truth", "comparer", "expert", "held_out", "agree") and (
        file := value.rpartition(":")[0]
    ).endswith(".py"):
        return os.path.abspath(file) + value[len(file) :]
    return value
