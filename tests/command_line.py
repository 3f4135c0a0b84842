"""Commands as a user types them, in this process."""

from __future__ import annotations

import json
from typing import Any

from click.testing import CliRunner, Result

from weaklabel.cli.main import main


def run(*arguments: str, code: int | None = 0) -> Result:
    """A command that ends with `code` (None: with any). What is no orderly exit is raised: nobody may see a traceback."""
    done = CliRunner().invoke(main, list(arguments))
    if done.exception is not None and not isinstance(done.exception, SystemExit):
        raise done.exception
    assert code in (None, done.exit_code), done.output
    return done


def printed(*arguments: str, code: int | None = 0) -> tuple[str, str]:
    """What a command writes to stdout and to stderr."""
    done = run(*arguments, code=code)
    return done.stdout, done.stderr


def answer(*arguments: str, code: int = 0) -> Any:
    """What a command prints with --json."""
    return json.loads(run(*arguments, "--json", code=code).stdout)
