"""`weaklabel`: the commands, each in a file of its own that is imported when it is called.

`weaklabel --help` prints from the table below and imports nothing else, so that it stays under a fifth of a
second. A user's mistake is one line on stderr and exit code 2; any other exception is our bug and keeps its
traceback.
"""

from __future__ import annotations

import errno
import importlib
import os
import warnings
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from typing import Any, Final

import click

from weaklabel.errors import WeaklabelError, WeaklabelWarning

_FORMATWARNING: Final = warnings.formatwarning
# By what a person is about to do, in the order of a first project.
SECTIONS: Final = {
    "Begin": {
        "demo": "Write the generated sample and run the whole job on it.",
        "init": "Lay out a project: weaklabel.toml, lfs/example.py, data/.",
        "config": "Settings in force, and where each came from.",
        "list": "Labeling functions, label models, calibrators, exporters.",
    },
    "Write labeling functions": {
        "explore": "Which features, words and patterns go with gold (dev part).",
        "check": "Functions that are wrong, silent, copied, slow or raising.",
        "rule": "Explain one rule of check, for example WL103.",
        "judges": "What LLM judges would cost and have cost; asks nothing.",
    },
    "Improve them": {
        "analyze": "Coverage, overlap, conflict and accuracy of each function.",
        "mistakes": "Where one function is wrong, most confident first.",
        "tune": "Better direction and thresholds, with honest gains.",
        "dependencies": "Near-duplicates, clusters, errors that go together.",
        "adds": "What each function adds: the NLL without it.",
        "compare-sets": "Sets of labeling functions side by side.",
    },
    "Make and use labels": {
        "run": "All of this in order, and a table of figures at its end.",
        "read": "The pairs as one file in shards, split into dev and test.",
        "apply": "Run the labeling functions and keep their votes.",
        "fit": "Fit the label model and its calibrator.",
        "label": "Label every pair; --explain ID says why.",
        "export": "Write the labels for TRL, OpenRLHF, datasets or as Parquet.",
        "reward": "Reward models: train, eval, score, compare.",
        "generate": "Sample responses to prompts, pair them, label the pairs.",
    },
    "Ask people": {
        "gold": "Take in what people answered: gold add FILE.",
        "next": "The pairs whose gold is worth most now, and why.",
    },
    "Train a policy": {
        "best-of": "The best of several samples of a policy, as data to learn from.",
        "dpo": "Teach a language model which response is better.",
        "evaluator": "Train a classifier that accepts better answers.",
        "hindsight": "Teach good and bad answers, each behind words that say which.",
        "ilr": "Refine demonstrations by comparisons, and train on them.",
        "proxy": "Few answers of an expert, carried over to many pairs.",
        "sft": "Finetune a language model on demonstrations, or on the labels.",
        "superhf": "Finetune a policy on the best of its own samples.",
    },
    "Judge a run": {
        "report": "One HTML page: figures, functions, trust, disputed pairs.",
        "sweep": "Do weak labels help, and how much gold are they worth?",
        "diff": "Two runs: labels that flipped, figures that moved.",
        "threshold": "The lowest confidence with a wanted accuracy, guaranteed.",
        "bias": "Do labels lean to a position or length, more than gold?",
        "shift": "Are other pairs like those that the labeler was fitted on?",
    },
    "Keep house": {
        "runs": "The runs of this project, at a glance; runs remove NAME.",
        "status": "Which votes are fresh, stale or missing; --why says why.",
        "gc": "Remove votes that no run refers to.",
    },
}
COMMANDS: Final = {name: line for section in SECTIONS.values() for name, line in section.items()}
_RENAMED: Final = {"compare": "compare-sets"}
# The folder with the files of each section's commands.
_FOLDERS: Final = {
    "Begin": "project",
    "Write labeling functions": "functions",
    "Improve them": "functions",
    "Make and use labels": "labels",
    "Ask people": "asking",
    "Train a policy": "stages",
    "Judge a run": "figures",
    "Keep house": "project",
}


# Where a command leaves what is to be done once it has ended well, in click's `meta`.
ON_SUCCESS: Final = "weaklabel.on_success"
# What a disk says that the user can mend. Any other OSError is our bug and keeps its traceback.
_THE_DISK_SAYS: Final = frozenset(
    {
        errno.EACCES,
        errno.EPERM,
        errno.EROFS,
        errno.ENOSPC,
        errno.EFBIG,
        errno.EDQUOT,
        errno.EISDIR,
        errno.ENOTDIR,
        errno.EEXIST,
        errno.ENAMETOOLONG,
    }
)


class UserError(click.ClickException):
    """A mistake that the user can repair: one line on stderr, exit code 2."""

    exit_code = 2

    def show(self, file: Any = None) -> None:
        from weaklabel._terminal import plain_line

        click.echo(f"error: {plain_line(' '.join(self.message.split()))}", err=True, file=file)


def _name_the_line_of_a_crash() -> None:
    """A labeling function that crashes in C takes this process with it: its file and line go to stderr first."""
    import faulthandler

    if not faulthandler.is_enabled():
        with suppress(OSError, ValueError, AttributeError):  # a stderr that is no file
            faulthandler.enable()


@contextmanager
def _harmless_errors() -> Iterator[None]:
    """Click quotes what was typed, and `*` types the names of files."""
    try:
        yield
    except click.ClickException as error:
        from weaklabel._terminal import plain_line

        vars(error)["message"] = plain_line(error.message)
        raise


def _as_a_line(message: Warning | str, category: type[Warning], *where: Any, **more: Any) -> str:
    """A warning of ours for the person at the terminal, who wrote no line of Python; others as ever."""
    if not issubclass(category, WeaklabelWarning):
        return _FORMATWARNING(message, category, *where, **more)
    from weaklabel._terminal import plain_line

    return f"warning: {plain_line(str(message))}\n"


class LazyGroup(click.Group):
    """A group whose commands are imported when they are asked for."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        return list(COMMANDS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        if cmd_name not in COMMANDS:
            return None
        folder = next(_FOLDERS[title] for title, commands in SECTIONS.items() if cmd_name in commands)
        module = importlib.import_module(f"weaklabel.cli.{folder}.{cmd_name.replace('-', '_')}")
        command: click.Command = module.command
        return command

    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        if args and args[0] in _RENAMED:
            new = _RENAMED[args[0]]
            raise click.UsageError(
                f"the command {args[0]!r} is called {new!r} now. Run: weaklabel {new} ...", ctx
            )
        if args and not args[0].startswith("-") and args[0] not in COMMANDS:
            import difflib

            close = difflib.get_close_matches(args[0], COMMANDS, n=1)
            hint = f" Did you mean {close[0]!r}?" if close else " Run: weaklabel --help"
            raise click.UsageError(f"there is no command {args[0]!r}.{hint}", ctx)
        return super().resolve_command(ctx, args)

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        width = max(map(len, COMMANDS))  # one left edge for all sections
        for title, commands in SECTIONS.items():
            with formatter.section(title):
                formatter.write_dl([(name.ljust(width), line) for name, line in commands.items()])

    def make_context(self, *args: Any, **kwargs: Any) -> click.Context:
        with _harmless_errors():
            return super().make_context(*args, **kwargs)

    def invoke(self, ctx: click.Context) -> Any:
        with _harmless_errors():
            return self._invoke(ctx)

    def _invoke(self, ctx: click.Context) -> Any:
        before, formatted = os.getcwd(), warnings.formatwarning
        warnings.formatwarning = _as_a_line
        _name_the_line_of_a_crash()
        try:
            result = click.Group.invoke(self, ctx)
            ctx.meta.get(ON_SUCCESS, lambda: None)()
            return result
        except WeaklabelError as error:
            raise UserError(str(error)) from error
        except OSError as error:
            if error.errno not in _THE_DISK_SAYS:
                raise
            raise UserError(
                f"{error.filename or os.getcwd()}: {error.strerror}. Choose another path, or make room there; the same "
                "command continues."
            ) from error
        finally:
            # Commands work in the project's folder; whoever called us in process gets theirs back.
            os.chdir(before)
            warnings.formatwarning = formatted


@click.command(cls=LazyGroup, context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(package_name="weaklabel")
def main() -> None:
    """Weak supervision of preference pairs: labeling functions in, calibrated soft labels and reward models out.

    \b
    A first run:   weaklabel demo
    A project:     weaklabel init data.jsonl && weaklabel explore && weaklabel check && weaklabel run
    """
