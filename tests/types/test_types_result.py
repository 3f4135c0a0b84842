"""Results as JSON values: one rule."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from weaklabel.types.result import json_fields, json_values


@dataclass(frozen=True, slots=True)
class Inner:
    share: float

    def to_dict(self) -> dict[str, object]:
        return json_fields(self, share="kept")


@dataclass(frozen=True, slots=True)
class Outer:
    rows: tuple[Inner, ...]
    by_name: dict[str, Inner]
    matrix: object
    path: Path | None
    to_dict = json_fields


def test_a_result_in_a_result_is_told_in_its_own_way() -> None:
    found = Outer((Inner(0.5),), {"all": Inner(float("nan"))}, np.array([[1.0, np.inf]]), Path("a") / "b")
    expected = {
        "rows": [{"kept": 0.5}],
        "by_name": {"all": {"kept": None}},
        "matrix": [[1.0, None]],
        "path": str(Path("a") / "b"),
    }
    assert found.to_dict() == expected == json.loads(json.dumps(found.to_dict(), allow_nan=False))


def test_numbers_of_numpy_and_truth_values_stay_what_they_are() -> None:
    assert json_values({"n": 3, "yes": True, "p": np.float64("nan"), "none": None}) == {
        "n": 3,
        "yes": True,
        "p": None,
        "none": None,
    }
