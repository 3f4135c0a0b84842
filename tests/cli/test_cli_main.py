"""The front of the command line: help, one-line errors, pure JSON."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest
from click.testing import CliRunner

from weaklabel.cli.main import COMMANDS, main


def run(*arguments: str) -> tuple[int, str, str]:
    result = CliRunner().invoke(main, list(arguments))
    if result.exception is not None and not isinstance(result.exception, SystemExit):
        raise result.exception
    return result.exit_code, result.stdout, result.stderr


@pytest.fixture(autouse=True)
def _alone(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)


def test_help_lists_every_command_without_importing_one() -> None:
    code = (
        "import sys\nfrom click.testing import CliRunner\nfrom weaklabel.cli.main import main\n"
        "print(CliRunner().invoke(main, ['--help']).output)\n"
        "print([m for m in sys.modules if m.startswith('weaklabel.') and m not in "
        "('weaklabel.cli', 'weaklabel.cli.main', 'weaklabel.errors')])"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    *text, imported = done.stdout.strip().splitlines()
    assert all(any(line.strip().startswith(name) for line in text) for name in COMMANDS)
    assert imported == "[]"


def test_the_list_of_commands_needs_one_line_each_at_eighty_columns() -> None:
    out = CliRunner().invoke(main, ["--help"], terminal_width=80).stdout
    shown = [line for line in out.splitlines() if line.startswith("  ") and line.split()[0] in COMMANDS]
    assert [line.split(maxsplit=1) for line in shown] == [list(item) for item in COMMANDS.items()]


def test_version() -> None:
    assert "0.1.0" in run("--version")[1]


def test_a_misspelt_command_is_guessed() -> None:
    code, _, err = run("rnu")
    assert code == 2
    assert "Did you mean 'run'?" in err


def test_a_command_by_its_earlier_name_is_one_line_that_names_the_new_one() -> None:
    code, _, err = run("compare", "lfs/", "shipped:length")
    assert code == 2
    assert "the command 'compare' is called 'compare-sets' now. Run: weaklabel compare-sets" in err


def test_an_unknown_option_exits_2() -> None:
    assert run("config", "--nmae", "x")[0] == 2


def test_config_says_where_each_setting_came_from() -> None:
    Path("weaklabel.toml").write_text("[data]\nseed = 4\n", encoding="utf-8")
    code, out, _ = run("config", "--json", "--set", "lfs.workers=2")
    rows = {row["key"]: row for row in json.loads(out)["settings"]}
    assert code == 0
    assert (rows["data.seed"]["value"], rows["data.seed"]["from"]) == (4, "weaklabel.toml")
    assert rows["lfs.workers"]["from"] == "--set lfs.workers"
    assert "data.seed" in run("config")[1]


def test_rules_are_explained_by_code() -> None:
    assert "below chance" in run("rule", "wl103")[1]
    assert "WL103" in run("rule")[1]
    code, _, err = run("rule", "WL1o3")
    assert (code, err.count("\n")) == (2, 1)
    assert "WL103" in err


@pytest.mark.parametrize("kind", ["lfs", "models", "calibrators", "layouts", "exports", "rewards"])
def test_everything_that_can_be_named_is_listed(kind: str) -> None:
    code, out, _ = run("list", kind, "--json")
    assert code == 0
    assert len(json.loads(out)) >= 1


def test_shipped_functions_are_listed_with_what_they_say() -> None:
    rows = json.loads(run("list", "--json")[1])
    assert len({row["name"] for row in rows}) >= 25
    assert all(row["doc"] for row in rows)
    assert "shipped:mt_bench" in {row["source"] for row in rows}
