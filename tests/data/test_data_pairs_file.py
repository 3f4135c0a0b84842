"""Pairs on disk by the shard: what is known without reading them, what is read, and the sample that fits in memory."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from weaklabel.data import PairsFile, write_pairs
from weaklabel.data.pairs_file import column_hashes
from weaklabel.data.sample import sample_pairs
from weaklabel.errors import DataError
from weaklabel.types import Pairs


@pytest.fixture
def pairs() -> Pairs:
    return sample_pairs(300, 60, seed=2)


@pytest.fixture
def file(pairs: Pairs, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> PairsFile:
    monkeypatch.setattr("weaklabel.data.writing.ROW_GROUP", 40)
    write_pairs(pairs, tmp_path / "pairs.parquet")
    return PairsFile(tmp_path / "pairs.parquet")


def test_the_shards_together_are_the_pairs(pairs: Pairs, file: PairsFile) -> None:
    assert (file.n_pairs, len(file), file.n_rows(7), file.start(7)) == (300, 8, 20, 280)
    assert pa.concat_tables([part.table for part in file]).equals(pairs.table)


def test_rows_are_taken_from_their_shards(pairs: Pairs, file: PairsFile) -> None:
    rows = np.array([0, 39, 40, 41, 299])
    assert file.take(rows).table.equals(pairs.take(rows).table)
    assert len(file.take(np.array([], dtype=np.int64))) == 0


def test_the_footer_knows_the_hash_of_every_column(file: PairsFile) -> None:
    for shard in range(len(file)):
        assert file.hashes(shard) == column_hashes(file.read(shard))


def test_a_file_without_hashes_works_them_out(file: PairsFile, tmp_path: Path) -> None:
    table = pq.read_table(file.path).replace_schema_metadata(None)
    pq.write_table(table, tmp_path / "plain.parquet", row_group_size=40)
    plain = PairsFile(tmp_path / "plain.parquet")
    assert [plain.hashes(i) for i in range(8)] == [file.hashes(i) for i in range(8)]


def test_the_sample_holds_all_gold_and_about_as_many_others_as_asked_for(file: PairsFile) -> None:
    rows = file.sample(100)
    taken = file.take(rows)
    assert int(taken.has_gold.sum()) == 60
    assert 50 < len(taken) - 60 < 110
    assert np.array_equal(rows, file.sample(100))
    assert not np.array_equal(rows, file.sample(100, seed=1))


def test_a_sample_of_as_many_as_there_are_is_all(file: PairsFile) -> None:
    assert np.array_equal(file.sample(300), np.arange(300))


def test_pairs_added_at_the_end_leave_the_draws_before_them_alone(
    file: PairsFile, pairs: Pairs, tmp_path: Path
) -> None:
    more = sample_pairs(80, 0, seed=9).table
    ids = pa.array([f"new-{i}" for i in range(80)], pa.string())
    more = more.set_column(0, pa.field("id", pa.string(), nullable=False), ids).cast(pairs.table.schema)
    write_pairs(Pairs(pa.concat_tables([pairs.table.slice(0, 280), more])), tmp_path / "longer.parquet")
    longer = PairsFile(tmp_path / "longer.parquet")
    before = set(file.sample(100).tolist()) & set(range(280))
    after = set(longer.sample(100 * longer.n_pairs // 300).tolist()) & set(range(280))
    assert len(before ^ after) <= 3


def test_a_file_that_is_not_canonical_says_what_is_missing(tmp_path: Path) -> None:
    pq.write_table(pa.table({"id": ["1"]}), tmp_path / "x.parquet")
    with pytest.raises(DataError, match="no column 'prompt'"):
        PairsFile(tmp_path / "x.parquet")


def test_what_is_no_parquet_says_what_to_do(tmp_path: Path) -> None:
    (tmp_path / "x.parquet").write_text("no")
    with pytest.raises(DataError, match=r"cannot be read as Parquet.*convert_pairs"):
        PairsFile(tmp_path / "x.parquet")


def test_a_row_group_that_is_no_shard_is_refused(
    file: PairsFile, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("weaklabel.data.pairs_file._MOST_ROWS", 30)
    with pytest.raises(DataError, match="row group of 40 rows; shards hold at most 30"):
        PairsFile(file.path)
