"""What the pages of the stages show: their Python runs, their TOML is read, and their tables name all there is."""

from __future__ import annotations

import re
import tomllib
from pathlib import Path
from typing import get_args

import pytest
from pages import DOCS, blocks, first_cells, ran, text_of

from weaklabel.stages.best_of.settings import Spread
from weaklabel.stages.hindsight.chaining import ARMS as HINDSIGHT_ARMS
from weaklabel.stages.hindsight.chaining import KINDS
from weaklabel.stages.hindsight.templates import open_template
from weaklabel.stages.refinement.arms import ARMS
from weaklabel.stages.registry import STAGES, StageTable
from weaklabel.stages.superhf.settings import SuperHFSettings
from weaklabel.training.losses import LOSSES

PAGES = [kind for kind in STAGES if (DOCS / f"{kind}.md").exists()]
# Of a round, beside its manifest.
WRITTEN = {
    "dpo": "model/README.md",
    "hindsight": "model/README.md",
    "ilr": "labels.jsonl",
    "proxy": "answers.jsonl",
    "superhf": "superbatches.jsonl",
    "best_of": "pairs.parquet",
}


@pytest.mark.trains
@pytest.mark.parametrize("kind", PAGES)
def test_the_python_on_the_page_runs(kind: str, tmp_path: Path) -> None:
    pytest.importorskip("torch")
    pytest.importorskip("transformers")
    said = ran(kind, tmp_path)
    assert re.search(rf"^{kind} +round 0[ \d\n]", said)
    last = sorted((tmp_path / "out" / kind).glob("round-*"))[-1]
    assert (last / WRITTEN.get(kind, "round.json")).is_file()
    if kind == "best_of":
        rows = re.findall(
            r"^\| (`[^|]+`) \|", text_of(kind).split("| file of the round |")[1].split("\n\n")[0], re.M
        )
        told = {name for row in rows for name in re.findall(r"`([^`]+)`", row)}
        assert told == {path.name for path in last.iterdir()} - {"round.json"}
    if kind == "hindsight":
        answer, refined = map(eval, said.strip().splitlines()[-2:])
        assert len(answer) == 1
        assert [len(rounds) for rounds in refined] == [3]


@pytest.mark.parametrize("kind", PAGES)
def test_the_table_of_settings_is_one_of_the_stage(kind: str) -> None:
    (table,) = tomllib.loads(blocks(kind, "toml")[0])["stage"]
    assert StageTable.of(table).kind == kind


def test_the_table_of_superhf_says_the_defaults() -> None:
    (table,) = tomllib.loads(blocks("superhf", "toml")[0])["stage"]
    settings, plain = StageTable.of(table).settings, SuperHFSettings(from_scratch="tiny")
    names = ("superbatch_size", "prompt_accumulation_steps", "minibatch_size", "beta", "max_new_tokens")
    for name in (*names, "learning_rate"):
        assert getattr(settings, name) == getattr(plain, name)
    assert plain.beta == pytest.approx(0.35 * plain.minibatch_size)  # the published coefficient and minibatch


def test_the_template_of_hindsight_is_one(tmp_path: Path) -> None:
    (tmp_path / "own.toml").write_text(blocks("hindsight", "toml")[1], encoding="utf-8")
    assert open_template(str(tmp_path / "own.toml")).ranked(2, 3) == "The answer of rank 2 of 3:"


@pytest.mark.parametrize(
    ("kind", "head", "names"),
    [
        ("dpo", "| `loss_type` |", LOSSES),
        ("ilr", "| `arm` |", ARMS),
        ("best_of", "| `spread` |", get_args(Spread)),
        ("hindsight", "| kind |", KINDS),
        ("hindsight", "| `arm` |", HINDSIGHT_ARMS),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_everything_has_its_row(kind: str, head: str, names: object) -> None:
    assert first_cells(kind, head) == set(names)  # type: ignore[call-overload]
