"""The promise of CONTRIBUTING: whatever is registered is held to its kind's contract, without a line in a test."""

from __future__ import annotations

import importlib
import inspect
import re
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from types import ModuleType

import pytest

TESTS = Path(__file__).resolve().parents[1]


def shipped() -> Iterable[str]:
    from weaklabel.lf import load_lfs

    return [lf.name for lf in load_lfs("shipped", "shipped:mathematics")]


def pictures() -> Iterable[str]:
    from weaklabel import pictures

    return [name for name in pictures.__all__ if inspect.isfunction(getattr(pictures, name))]


def features() -> Iterable[str]:
    from weaklabel.text.features import FEATURES, PROMPT_FEATURES

    return [*FEATURES, *PROMPT_FEATURES]


def of(module: str, registry: str) -> Callable[[], Iterable[str]]:
    return lambda: getattr(importlib.import_module(f"weaklabel.{module}"), registry)


# A row of CONTRIBUTING's table: the tests of its contract, and the names that are registered.
CONTRACTS: dict[str, tuple[str, Callable[[], Iterable[str]]]] = {
    "a labeling function": ("test_contract_labeling_functions", shipped),
    "a kind of source of labeling functions": ("test_contract_sources", of("lf.sources.kinds", "KINDS")),
    "a label model": ("test_contract_label_models", of("label_models", "LABEL_MODELS")),
    "a calibrator": ("test_contract_calibrators", of("calibration", "CALIBRATORS")),
    "a layout to read": ("test_contract_readers", of("data", "LAYOUTS")),
    "an export": ("test_contract_exporters", of("export", "EXPORTERS")),
    "a reward model": ("test_contract_comparers", of("reward", "REWARD_MODELS")),
    "a loss on reward differences": ("test_contract_losses", of("training.losses", "LOSSES")),
    "a way to lay a batch out": ("test_contract_batch_layouts", of("training", "LAYOUTS")),
    "a rule of acquisition": ("test_contract_acquisitions", of("acquisition", "ACQUISITIONS")),
    "a command": ("test_contract_commands", of("cli.main", "COMMANDS")),
    "a picture": ("test_contract_pictures", pictures),
    "a text feature": ("test_contract_text_features", features),
    "a rule of `check`": ("test_contract_rules", of("workbench.rules", "RULES")),
}
# What has no registry is held where it is at home: an executor to the pool's bytes, a trainer to one normaliser, a
# step to being made once.
ELSEWHERE = {
    "a place where shards are voted on": "engine/test_engine_on_ray.py",
    "a trainer": "training/test_training_weighted.py",
    "a step of a run": "pipeline/test_pipeline.py",
}


def runs_over(module: ModuleType) -> set[str]:
    """Every name that a test of the module is parametrised with, and those that its `COVERED` loops over."""
    functions = [fn for name, fn in vars(module).items() if name.startswith("test_")]
    marks = [mark for holder in (module, *functions) for mark in _marks(holder)]
    values = (value for mark in marks if mark.name == "parametrize" for value in _values(mark))
    return {getattr(value, "name", value) for value in values} | set(getattr(module, "COVERED", ()))


def _marks(holder: object) -> list[pytest.Mark]:
    found = getattr(holder, "pytestmark", [])
    return [getattr(mark, "mark", mark) for mark in (found if isinstance(found, list) else [found])]


def _values(mark: pytest.Mark) -> Iterator[object]:
    for row in mark.args[1]:
        cells = getattr(row, "values", row)  # of pytest.param, or the row itself
        cells = cells if isinstance(cells, tuple) else (cells,)
        yield from (cell for cell in cells if isinstance(cell, str) or hasattr(cell, "name"))


def rows_of_the_table() -> list[str]:
    text = (TESTS.parent / "CONTRIBUTING.md").read_text(encoding="utf-8")
    table = text.partition("## Where things go")[2].partition("\n\nThe tests")[0]
    return re.findall(r"^\| (an? [^|]+?) \|", table, flags=re.MULTILINE)


def test_every_row_of_the_table_has_a_contract() -> None:
    assert set(rows_of_the_table()) == {*CONTRACTS, *ELSEWHERE}
    assert all((TESTS / file).is_file() for file in ELSEWHERE.values())


@pytest.mark.parametrize("kind", CONTRACTS)
def test_a_contract_runs_over_all_that_is_registered(kind: str) -> None:
    file, registered = CONTRACTS[kind]
    module = importlib.import_module(file)
    names = set(registered())
    assert names
    assert names <= runs_over(module)
