"""What the commands share: options that override the file, tables, JSON, steps on stderr."""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Callable, Mapping, Sequence
from contextlib import redirect_stdout
from pathlib import Path
from typing import IO, TYPE_CHECKING, Any, Final, TypeVar

import click

from weaklabel._guard import stdout_for_results
from weaklabel._paths import expanded
from weaklabel._terminal import plain_json, plain_text
from weaklabel.cli import _completion
from weaklabel.errors import ConfigError

if TYPE_CHECKING:
    from weaklabel.pipeline import StepRecord

F = TypeVar("F", bound=Callable[..., Any])


def _stack(*options: Callable[[F], F]) -> Callable[[F], F]:
    def decorate(function: F) -> F:
        for option in reversed(options):
            function = option(function)
        return function

    return decorate


def config_options(function: F) -> F:
    """`--config` and `--set`."""
    return _stack(
        click.option(
            "--config",
            "config_file",
            type=FilePath(),
            help="Another file than the nearest weaklabel.toml.",
        ),
        click.option(
            "--set", "sets", multiple=True, metavar="KEY=VALUE", help="Override a setting; VALUE is TOML."
        ),
    )(function)


def name_option(function: F) -> F:
    """`--name`."""
    return click.option(
        "--name",
        metavar="RUN",
        help="Name of the run, a folder in runs/. Default: base.",
        shell_complete=_completion.runs,
    )(function)


def wait_option(function: F) -> F:
    """`--wait`."""
    return click.option(
        "--wait", is_flag=True, help="Wait as long as another command writes the run. Default: some seconds."
    )(function)


def json_option(function: F) -> F:
    """`--json`."""
    return click.option(
        "--json", "as_json", is_flag=True, help="Print JSON on stdout and nothing else there."
    )(function)


def project_options(function: F) -> F:
    """`--config`, `--set` and `--json`: of commands that are about no run."""
    return _stack(config_options, json_option)(function)


def look_options(function: F) -> F:
    """`--config`, `--set`, `--name`, `--wait` and `--json`: of commands that look at a run."""
    return _stack(config_options, name_option, wait_option, json_option)(function)


def run_options(function: F) -> F:
    """The same and `--forget`: of commands that make something of a run."""
    return _stack(
        config_options,
        name_option,
        wait_option,
        click.option(
            "--forget", is_flag=True, help="Drop what earlier commands were given for the run, and it kept."
        ),
        json_option,
    )(function)


def data_options(function: F) -> F:
    """The options behind `[data]`."""
    return _stack(
        click.option(
            "--pairs", multiple=True, metavar="FILE", help="File, glob or hf:name with the pairs. May repeat."
        ),
        click.option("--gold", metavar="FILE", help="Gold in a file of its own, joined by id."),
        click.option(
            "--layout", metavar="NAME", help="How the file is laid out. Default: recognised by itself."
        ),
        click.option("--columns", metavar="prompt=q,...", callback=_columns, help="Which column is which."),
        click.option("--test-share", type=float, help="Share of the gold prompts that is locked away."),
        click.option("--max-gold", type=int, help="Use at most so much gold; the rest counts as unlabelled."),
        click.option(
            "--near-duplicates", is_flag=True, default=None, help="Keep near-duplicate prompts in one part."
        ),
        click.option("--seed", type=int, help="Seed of splits, folds and intervals."),
    )(function)


def lf_options(function: F) -> F:
    """The options behind `[lfs]`."""
    return _stack(
        click.option(
            "--lfs",
            multiple=True,
            shell_complete=_completion.sources,
            metavar="SOURCE",
            help="lfs/, file.py, module:name, shipped, shipped:mt_bench. May repeat.",
        ),
        click.option("--workers", type=int, help="Processes that vote at once. Default: one per core."),
        click.option("--time-limit", type=float, help="Seconds that one shard of pairs may take."),
        click.option(
            "--max-fault-share", type=float, help="Share of failed votes above which the run fails."
        ),
    )(function)


def engine_options(function: F) -> F:
    """How votes are worked out, which changes nothing in them."""
    return _stack(
        click.option("--memory-limit", type=float, help="Gigabytes that a worker process may hold."),
        click.option(
            "--executor",
            type=click.Choice(["local", "ray"]),
            help="Where shards are voted on. Default: local.",
        ),
        click.option(
            "--address", metavar="HOST:PORT", help="Of the Ray cluster; without, one on this machine."
        ),
    )(function)


def labeler_options(function: F) -> F:
    """The options behind `[labeler]`."""
    return _stack(
        click.option(
            "--model",
            metavar="NAME",
            help="Label model, for example pair_model or majority_vote.",
            shell_complete=_completion.label_models,
        ),
        click.option(
            "--calibration",
            metavar="NAME",
            help="auto, none, or a calibrator.",
            shell_complete=_completion.calibrators,
        ),
    )(function)


def _columns(ctx: click.Context, param: click.Parameter, value: str | None) -> dict[str, str] | None:
    if value is None:
        return None
    parts = [item.partition("=") for item in value.split(",") if item.strip()]
    if not parts or any(not (ours.strip() and equals and theirs.strip()) for ours, equals, theirs in parts):
        raise click.BadParameter(
            f"{value!r} is not ours=theirs. Example: --columns prompt=question,response_a=ans1"
        )
    return {ours.strip(): theirs.strip() for ours, _, theirs in parts}


class FilePath(click.Path):
    """The path of an option or argument, `~` expanded."""

    def __init__(self, **settings: Any) -> None:
        super().__init__(path_type=Path, **settings)

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> Any:
        try:
            return super().convert(expanded(value, "it"), param, ctx)
        except ConfigError as error:
            self.fail(str(error), param, ctx)


def absolute(path: str) -> str:
    """A path from the command line as it is after a change to the project's folder; names of the hub stay."""
    return path if path.startswith("hf:") else os.path.abspath(expanded(path, "a path"))


def results_only() -> None:
    """Until the command ends, stdout is for `emit`: what labeling functions print goes to stderr."""
    context = click.get_current_context(silent=True)
    if context is not None and context.obj is None:
        context.obj = sys.stdout
        context.with_resource(redirect_stdout(sys.stderr))
        context.with_resource(stdout_for_results())


def emit(value: Any, text: str | Callable[[], str], as_json: bool) -> None:
    """Print `value` as JSON, or `text` for a person."""
    context = click.get_current_context(silent=True)
    file = sys.stdout if context is None or context.obj is None else context.obj
    if as_json:
        click.echo(
            plain_json(json.dumps(value, indent=2, ensure_ascii=not _writes_utf8(file), allow_nan=False)),
            file=file,
        )
    else:
        shown = plain_text(text if isinstance(text, str) else text())
        if not _writes_utf8(file):
            shown = shown.encode(file.encoding, "backslashreplace").decode(file.encoding)
        click.echo(shown, file=file)


def _writes_utf8(file: IO[str]) -> bool:
    return (getattr(file, "encoding", None) or "utf-8").lower().replace("-", "") == "utf8"


def note(text: str) -> None:
    """A line for the person at the terminal, on stderr, which writes out what its encoding lacks."""
    click.echo(plain_text(text), err=True)


def show_step(step: StepRecord) -> None:
    what = _DESCRIBE.get(step.name, _describe_nothing)(step.counts)
    when = "unchanged" if step.fresh else f"{step.seconds:.1f} s"
    note(f"{step.name:<8}{what} ({when})" if what else f"{step.name:<8}({when})")
    for line in step.counts.get("notes", ()):
        note(f"{'':<8}{line}")


def _describe_nothing(counts: Mapping[str, Any]) -> str:
    return ""


def _describe_read(counts: Mapping[str, Any]) -> str:
    aside = f", {counts['set_aside']:,} rows set aside" if counts["set_aside"] else ""
    answered = f" ({counts['answers']:,} by answers)" if counts.get("answers") else ""
    return f"{counts['pairs']:,} pairs, gold: {counts['dev']:,} dev{answered} and {counts['test']:,} locked test{aside}"


def _describe_judge(counts: Mapping[str, Any]) -> str:
    return "; ".join(counts["judges"].values())


def _describe_apply(counts: Mapping[str, Any]) -> str:
    faults = f", {counts['faults']:,} votes failed" if counts["faults"] else ""
    turned = "".join(
        f"; {name}: {share:.0%} of its votes do not turn round with the pair and count as abstains"
        for name, share in counts.get("position_dependent", {}).items()
        if share
    )
    spoken = sum(t["n_a"] + t["n_b"] for t in counts["tallies"].values()) / max(1, counts["pairs"])
    return f"{counts['lfs']} labeling functions, {spoken:.1f} votes per pair{faults}{turned}"


def _describe_fit(counts: Mapping[str, Any]) -> str:
    calibrated = f"calibrated by {counts['calibrator']}" if counts["calibrated"] else "NOT calibrated"
    figures = counts["out_of_fold"]
    value = figures.get("accuracy", {}).get("value")  # None where all gold is tied
    accuracy = "" if value is None else f", out-of-fold accuracy {value:.3f}"
    unchecked = "" if counts.get("checks_shift", True) else "; too few prompts to notice a shift later"
    return f"{counts['model']}, {calibrated}{accuracy}{unchecked}"


def _describe_label(counts: Mapping[str, Any]) -> str:
    silent = f", {counts['without_votes']:,} without a vote" if counts["without_votes"] else ""
    return f"{counts['a']:,} a, {counts['b']:,} b, {counts['tie']:,} tie{silent}"


_DESCRIBE: Final[dict[str, Callable[[Mapping[str, Any]], str]]] = {
    "read": _describe_read,
    "judge": _describe_judge,
    "apply": _describe_apply,
    "fit": _describe_fit,
    "label": _describe_label,
    "export": lambda counts: ", ".join(
        f"{name}: {r['n_kept']:,} of {r['n_pairs']:,} pairs" for name, r in counts.items()
    ),
    "reward": lambda counts: (
        f"{counts['model']}, trained on {counts['trained_on']:,} pairs outside the test part"
    ),
    "figures": lambda counts: f"{counts['arms']} arms",
}


def one_format(formats: Sequence[str], known: Sequence[str]) -> None:
    """Raises ConfigError for a format that no exporter writes."""
    unknown = [name for name in formats if name not in known]
    if unknown:
        raise ConfigError(f"there is no export format {unknown[0]!r}. Known: {', '.join(known)}.")
