"""Names, ids, columns and texts of strangers, through every command that shows them: nothing is obeyed, lines stay lines."""

from __future__ import annotations

import json
import os
import re
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner

from weaklabel._terminal import ACTING
from weaklabel.cli.main import main

EVIL = "\x1b]0;owned\x07\x1b[31m\u202e\u2028\x85\nerror: forged\r[red]x[/red]"
HARMFUL = re.compile(f"[{ACTING}]")
LFS = """
from weaklabel import labeling_function, response_scorer

@response_scorer(name="[bold red]longer[/]")
def longer(response):
    return len(response)

@labeling_function
def raises(pair):
    raise ValueError("\\x1b[2J" + pair.id)
"""


def pairs(n: int = 60) -> list[dict[str, Any]]:
    return [
        {
            "id": f"p{i}{EVIL}",
            "prompt": f"question {i} {EVIL}",
            "response_a": "x" * (i + 1) + EVIL,
            "response_b": "y" * (2 * (i % 7) + 1),
            f"col{EVIL}": EVIL,
            "gold": "ab"[i % 3 == 0],
            "source": f"s{i % 2}{EVIL}",
        }
        for i in range(n)
    ]


@pytest.fixture(scope="module")
def project(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("harmless")
    (folder / "lfs.py").write_text(LFS, encoding="utf-8")
    (folder / "odd\x1b[31m.jsonl").write_text("".join(json.dumps(row) + "\n" for row in pairs()), "utf-8")
    config = {"pairs": "odd\x1b[31m.jsonl"}
    (folder / "weaklabel.toml").write_text(
        f'[data]\npairs = {json.dumps(config["pairs"])}\n[lfs]\nuse = ["lfs.py"]\nmax_fault_share = 1.0\n'
        '[labeler]\nmodel = "majority_vote"\n[export.trl]\n[export.openrlhf]\n',
        encoding="utf-8",
    )
    here = Path.cwd()
    os.chdir(folder)
    try:
        shown = [told("run"), told("run", "--name", "two", "--set", "labeler.calibration=none")]
    finally:
        os.chdir(here)
    assert "forged" not in "".join(shown) or all("\nerror: forged" not in text for text in shown)
    return folder


@pytest.fixture(autouse=True)
def _in_project(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    if "project" in request.fixturenames:
        monkeypatch.chdir(request.getfixturevalue("project"))


def told(*arguments: str, codes: tuple[int, ...] = (0,)) -> str:
    """All that a command says, which holds nothing that a terminal obeys."""
    done = CliRunner().invoke(main, list(arguments))
    if done.exception is not None and not isinstance(done.exception, SystemExit):
        raise done.exception
    assert done.exit_code in codes, done.output
    found = HARMFUL.search(done.output)
    assert found is None, f"{found[0]!r} in {done.output[max(0, found.start() - 200) : found.end()]!r}"
    return done.output


@pytest.mark.parametrize(
    "command",
    [
        ["read"],
        ["analyze"],
        ["check"],
        ["explore"],
        ["mistakes", "[bold red]longer[/]"],
        ["mistakes", "[bold red]longer[/]", "--full"],
        ["label", "--explain", f"p1{EVIL}"],
        ["diff", "base", "two"],
        ["status", "--why"],
        ["config"],
        ["gc"],
        ["bias", "--column", f"col{EVIL}"],
        ["dependencies"],
        ["tune"],
        ["threshold", "--accuracy", "0.6"],
        ["list", "--lfs", "lfs.py"],
        ["label", "--explain", f"no such{EVIL}"],
        ["apply", "--pairs", f"no such{EVIL}.jsonl"],
        ["apply", "--lfs", f"no such{EVIL}.py"],
        ["apply", "--columns", f"prompt={EVIL}"],
        ["apply", f"--{EVIL}"],
        ["apply", f"stray{EVIL}"],
        [f"command{EVIL}"],
        ["apply", "--set", f"lfs.{EVIL}=1"],
        ["run", "--name", f"x{EVIL}"],
    ],
    ids=lambda command: f"{command[0]}-{len(command)}",
)
def test_no_command_says_what_a_terminal_obeys(project: Path, command: list[str]) -> None:
    out = told(*command, codes=(0, 1, 2))
    assert "\nerror: forged" not in out
    assert "Traceback" not in out


@pytest.mark.parametrize(
    "command", [["mistakes", "[bold red]longer[/]"], ["label", "--explain", f"p1{EVIL}"]]
)
def test_json_says_exactly_what_the_data_holds(project: Path, command: list[str]) -> None:
    done = CliRunner().invoke(main, [*command, "--json"])
    assert HARMFUL.search(done.stdout) is None
    found = json.loads(done.stdout)
    ids = [m["id"] for m in found["mistakes"]] if "mistakes" in found else [found["id"]]
    assert ids
    assert set(ids) <= {row["id"] for row in pairs()}


@pytest.mark.parametrize(
    "path",
    ["runs/base/export/trl/train.jsonl", "runs/base/export/openrlhf/train.jsonl", "runs/base/faults.jsonl"],
)
def test_a_line_of_a_file_stays_a_line_whoever_reads_it(project: Path, path: str) -> None:
    text = Path(path).read_bytes().decode()
    rows = [json.loads(line) for line in text.splitlines()]
    assert len(rows) == text.count("\n") > 0
    assert any("\u2028" in json.dumps(row, ensure_ascii=False) for row in rows)


def test_a_terminal_without_utf8_is_given_what_it_can_show(project: Path) -> None:
    runner = CliRunner(charset="ascii")
    plain = runner.invoke(main, ["label", "--explain", f"p1{EVIL}"])
    done = runner.invoke(main, ["mistakes", "[bold red]longer[/]", "--json"])
    assert (plain.exit_code, done.exit_code) == (0, 0), (plain.exception, done.exception)
    assert done.stdout.isascii()
    assert json.loads(done.stdout)["mistakes"][0]["id"].endswith("[/red]")


GOLD_COLUMN = """
[data]
pairs = "gold.jsonl"
[lfs]
use = []
[[lfs.column]]
name = "copy"
column = "verdict"
votes = {{ left = "a", right = "b" }}
{allow}
[labeler]
model = "majority_vote"
"""


@pytest.mark.parametrize("command", ["apply", "run", "check"])
def test_a_column_that_is_gold_is_refused_in_a_project_until_it_is_allowed(
    command: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    rows = [row | {"verdict": "left" if row["gold"] == "a" else "right"} for row in pairs()]
    Path("gold.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows), "utf-8")
    Path("weaklabel.toml").write_text(GOLD_COLUMN.format(allow=""), encoding="utf-8")
    refused = told(command, codes=(1, 2))
    assert "'verdict', which says what gold says on all" in refused
    assert "allow = true" in refused
    Path("weaklabel.toml").write_text(GOLD_COLUMN.format(allow="allow = true"), encoding="utf-8")
    assert "what gold says" not in told(command, codes=(0, 1))
    Path("weaklabel.toml").write_text(GOLD_COLUMN.format(allow=""), encoding="utf-8")
    assert "what gold says" in told(command, codes=(1, 2)), "votes that are kept are refused too"
