"""What docs/acquisition.md shows: its Python runs, every rule has its row, and every option it names is there."""

from __future__ import annotations

import json
import re
from pathlib import Path

import pytest

from weaklabel.acquisition import ACQUISITIONS, get_acquisition
from weaklabel.acquisition.embedding import READERS, VOTES
from weaklabel.cli.asking.gold import add
from weaklabel.cli.asking.next import command

PAGE = (Path(__file__).resolve().parent.parent / "docs" / "acquisition.md").read_text(encoding="utf-8")


def test_the_python_on_the_page_runs(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    (block,) = re.findall(r"```python\n(.*?)```", PAGE, re.DOTALL)
    asking, _, answering = block.partition("# ... people fill in the queue ...\n")
    names: dict[str, object] = {"__name__": "docs"}
    exec(compile(asking, "acquisition.md", "exec"), names)
    assert "the budget holds 18 of 20 pairs." in capsys.readouterr().out
    rows = [json.loads(line) for line in Path("queue.jsonl").read_text(encoding="utf-8").splitlines()]
    answered = "".join(json.dumps(row | {"gold": "b"}) + "\n" for row in rows)
    Path("answered.jsonl").write_text(answered, encoding="utf-8")
    exec(compile(answering, "acquisition.md", "exec"), names)
    assert len(names["again"].dev) == len(names["pairs"].dev) + 18  # type: ignore[attr-defined]
    assert len(names["again"].test) == len(names["pairs"].test)  # type: ignore[attr-defined]


def test_every_rule_has_its_row_with_what_it_needs() -> None:
    rows = re.findall(r"^\| `(\w+)` \|.*\|([^|]*)\|$", PAGE, re.MULTILINE)
    assert {name for name, _ in rows} == set(ACQUISITIONS)
    words = {"features": "features", "other": "second opinion"}
    for name, needs in rows:
        assert all(words[part] in needs for part in get_acquisition(name).needs)
        assert bool(needs.strip()) == bool(get_acquisition(name).needs)


def test_every_embedding_and_option_is_there() -> None:
    assert {VOTES, *READERS} <= set(re.findall(r"^- `(\w+)`", PAGE, re.MULTILINE))
    known = {option for each in (command, add) for parameter in each.params for option in parameter.opts}
    assert set(re.findall(r"--[a-z][a-z-]+", PAGE)) <= known
