"""What every command keeps: help of its own that loads no library, JSON beside its tables, one line for a mistake."""

from __future__ import annotations

import subprocess
import sys

import click
import pytest
from click.testing import CliRunner

from weaklabel.cli.main import COMMANDS, main

CONTEXT = click.Context(main)


def command_of(name: str) -> click.Command:
    found = main.get_command(CONTEXT, name)
    assert found is not None
    return found


def leaves(name: str) -> list[tuple[str, ...]]:
    """The command, or those of a group."""
    found = command_of(name)
    return (
        [(name, inner) for inner in found.list_commands(CONTEXT)]
        if isinstance(found, click.Group)
        else [(name,)]
    )


def leaf(path: tuple[str, ...]) -> click.Command:
    found = command_of(path[0])
    for name in path[1:]:
        assert isinstance(found, click.Group)
        inner = found.get_command(CONTEXT, name)
        assert inner is not None
        found = inner
    return found


every = pytest.mark.parametrize("name", COMMANDS)


@every
def test_a_command_has_help_of_its_own_that_explains_every_option(name: str) -> None:
    for path in [(name,), *leaves(name)]:
        done = CliRunner().invoke(main, [*path, "--help"])
        assert done.exit_code == 0
        assert "Usage:" in done.stdout
        unexplained = [o.opts for o in leaf(path).params if isinstance(o, click.Option) and not o.help]
        assert not unexplained, path


@every
def test_a_command_that_prints_a_table_speaks_json(name: str) -> None:
    for path in leaves(name):
        opts = {opt for parameter in leaf(path).params for opt in parameter.opts}
        assert "--json" in opts or path == ("init",), path


@every
def test_an_unknown_option_exits_2_and_names_it(name: str) -> None:
    for path in leaves(name):
        done = CliRunner().invoke(main, [*path, "--no-such-option"])
        assert done.exit_code == 2
        assert "--no-such-option" in done.stderr


def test_no_command_loads_a_library_to_print_its_help() -> None:
    # One process for all of them: where none loads a library, none can hide what another one loads.
    code = (
        "import sys, click\nfrom weaklabel.cli.main import COMMANDS, main\n"
        "for name in COMMANDS:\n"
        "    assert main.get_command(click.Context(main), name) is not None\n"
        "    print(name, [m for m in ('numpy', 'pyarrow', 'pydantic', 'rich') if m in sys.modules])\n"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.splitlines() == [f"{name} []" for name in COMMANDS]
