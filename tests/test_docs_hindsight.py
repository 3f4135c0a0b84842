"""What docs/hindsight.md shows: its Python runs, its TOML is read, and its tables name every kind and arm."""

from __future__ import annotations

import re
import tomllib
from pathlib import Path

import pytest

from weaklabel.stages.hindsight.chaining import ARMS, KINDS
from weaklabel.stages.hindsight.templates import open_template
from weaklabel.stages.registry import StageTable

PAGE = (Path(__file__).resolve().parent.parent / "docs" / "hindsight.md").read_text(encoding="utf-8")
TABLE, OWN = re.findall(r"```toml\n(.*?)```", PAGE, re.DOTALL)


@pytest.mark.trains
def test_the_python_on_the_page_runs(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    pytest.importorskip("torch")
    pytest.importorskip("transformers")
    monkeypatch.chdir(tmp_path)
    (block,) = re.findall(r"```python\n(.*?)```", PAGE, re.DOTALL)
    exec(compile(block, "hindsight.md", "exec"), {"__name__": "docs"})
    said = capsys.readouterr().out
    assert re.search(r"^hindsight +round 0\n", said)
    answer, refined = map(eval, said.strip().splitlines()[-2:])
    assert len(answer) == 1
    assert [len(rounds) for rounds in refined] == [3]
    assert (tmp_path / "out" / "hindsight" / "round-00" / "model" / "README.md").is_file()


def test_the_table_of_settings_is_one_of_a_stage() -> None:
    (table,) = tomllib.loads(TABLE)["stage"]
    assert StageTable.of(table).kind == "hindsight"


def test_the_template_is_one(tmp_path: Path) -> None:
    (tmp_path / "own.toml").write_text(OWN, encoding="utf-8")
    assert open_template(str(tmp_path / "own.toml")).ranked(2, 3) == "The answer of rank 2 of 3:"


def test_every_kind_and_arm_has_its_row() -> None:
    def rows(head: str) -> set[str]:
        table = PAGE.split(head)[1].split("\n\n")[0]
        return set(re.findall(r"^\| `(\w+)` \|", table, re.M))

    assert rows("| kind |") == set(KINDS)
    assert rows("| `arm` |") == set(ARMS)
