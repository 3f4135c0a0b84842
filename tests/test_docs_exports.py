"""What docs/exports.md shows: every format and column, settings that are settings, and Python that runs."""

from __future__ import annotations

import json
import re
import tomllib
from pathlib import Path

import numpy as np
import pyarrow.parquet as pq
import pytest
from made_labels import build_labels, with_interval

from weaklabel.cli.labels.export import command
from weaklabel.config import Config
from weaklabel.export import EXPORTERS, export_trl
from weaklabel.export.unpaired import BLOCK

PAGE = (Path(__file__).resolve().parent.parent / "docs" / "exports.md").read_text(encoding="utf-8")


def test_every_format_stands_on_the_page_once() -> None:
    table = PAGE.split("| format | a row is")[1].split("\n\n")[0]
    assert re.findall(r"^\| `(\w+)` \|", table, re.M) == sorted(
        EXPORTERS, key=["trl", "trl_kto", "openrlhf", "parquet", "datasets"].index
    )


@pytest.mark.parametrize("name", sorted(set(EXPORTERS) - {"datasets"}))
def test_the_columns_of_beliefs_are_those_that_are_written(name: str, tmp_path: Path) -> None:
    (row,) = re.findall(rf"^\|[^|]*`{name}`[^|]*\|(.*`\w+_low`.*)\|[^|]*\|$", PAGE, re.M)
    EXPORTERS[name](build_labels(), tmp_path / "out")
    (data,) = (f for f in (tmp_path / "out").iterdir() if f.stem in ("train", "pairs"))
    written = (
        set(json.loads(data.read_text(encoding="utf-8").split("\n")[0]))
        if data.suffix == ".jsonl"
        else set(pq.read_schema(data).names)
    )
    assert len(set(re.findall(r"`(\w+)`", row)) & written) == 3


@pytest.mark.parametrize("block", re.findall(r"```toml\n(.*?)```", PAGE, re.DOTALL))
def test_the_settings_on_the_page_are_accepted(block: str) -> None:
    assert Config.model_validate(tomllib.loads(block)).export.trl_kto is not None


def test_every_option_on_the_page_is_one_of_the_command() -> None:
    known = {name for parameter in command.params for name in parameter.opts}
    assert set(re.findall(r"(?<![\w-])--[a-z][a-z-]*", PAGE)) <= known


def test_half_a_block_is_what_the_page_says() -> None:
    assert f"half a block ({BLOCK // 2:,} pairs)" in PAGE


def test_the_python_on_the_page_reads_the_interval_back(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    low, high = [0.75, 0.125, 0.25, 0.5, 0.5, 0.0], [0.9375, 0.25, 0.75, 0.5, 0.5, 0.5]
    export_trl(with_interval(build_labels(), low, high), "out/trl")
    (block,) = re.findall(r"```python\n(.*?)```", PAGE, re.DOTALL)
    found: dict[str, object] = {"__name__": "docs"}
    exec(compile(block, "exports.md", "exec"), found)
    widths = np.sort(found["high"] - found["low"])  # type: ignore[operator]
    np.testing.assert_allclose(widths, [0.125, 0.1875, 0.5])
