"""Labels read back from a file, part by part."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from made_labels import build_labels

from weaklabel.errors import DataError
from weaklabel.types import LabelsFile
from weaklabel.types.labels_file import labels_of


def test_what_was_said_comes_back(tmp_path: Path) -> None:
    labels = build_labels()
    pq.write_table(labels.to_table(), tmp_path / "labels.parquet", row_group_size=2)
    file = LabelsFile(tmp_path / "labels.parquet")
    assert (len(file), file.calibrated, file.lf_names) == (len(labels), labels.calibrated, labels.lf_names)
    parts = list(file)
    assert [len(part) for part in parts] == [2] * (len(labels) // 2)
    assert np.array_equal(np.concatenate([part.logit for part in parts]), labels.logit)
    assert np.array_equal(np.concatenate([part.votes.L for part in parts]), labels.votes.L)
    assert [part.pairs.ids for part in parts] == [
        labels.pairs.ids[i : i + 2] for i in range(0, len(labels), 2)
    ]


def test_labels_of_a_table_make_that_table_again() -> None:
    table = build_labels().to_table()
    assert labels_of(table).to_table().equals(table)


def test_intervals_come_back_and_are_null_where_there_are_none(tmp_path: Path) -> None:
    bare = build_labels(calibrated=False)
    labels = replace(bare, p_low=bare.p / 2, p_high=(1 + bare.p) / 2)
    for given, name in ((bare, "bare"), (labels, "whole")):
        pq.write_table(given.to_table(), tmp_path / f"{name}.parquet", row_group_size=4)
    assert bare.to_table()["p_low"].null_count == len(bare)
    assert [part.p_low for part in LabelsFile(tmp_path / "bare.parquet")] == [None, None]
    again = list(LabelsFile(tmp_path / "whole.parquet"))
    for name in ("p_low", "p_high"):
        assert np.array_equal(np.concatenate([getattr(part, name) for part in again]), getattr(labels, name))
    rows = np.array([1, 3])
    some = LabelsFile(tmp_path / "whole.parquet").beliefs(
        labels.pairs.take(rows), labels.votes.take(rows), rows
    )
    assert np.array_equal(some.p_high, labels.p_high[rows])


def test_a_file_without_labels_names_what_is_missing(tmp_path: Path) -> None:
    pq.write_table(pa.table({"w": [1.0]}), tmp_path / "x.parquet")
    with pytest.raises(DataError, match=r"no column 'calibrated'.*weaklabel label"):
        LabelsFile(tmp_path / "x.parquet")
