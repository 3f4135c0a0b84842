"""What every registered exporter keeps, whatever its layout."""

from __future__ import annotations

import inspect
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from made_labels import ROWS, build_labels

from weaklabel.errors import (
    ArgumentError,
    ArtifactError,
    ConfigError,
    DataError,
    NotCalibratedError,
    WeaklabelWarning,
)
from weaklabel.export import EXPORTERS, Exporter
from weaklabel.types import Labels, LabelsFile

# Line breaks of all kinds inside a text, controls, letters beyond the first plane, joiners, both directions.
ODD = "a\u2028b\u2029c\x85d\r\ne\x0bf\x00g\t\u200d\ufeff 日本 \U0001f642 \U00020000 e\u0301 \u202eshalom שלום \\n \"'"


pytestmark = pytest.mark.parametrize("exporter", sorted(EXPORTERS), indirect=True)


@pytest.fixture
def exporter(request: pytest.FixtureRequest) -> Exporter:
    if request.param == "datasets":
        pytest.importorskip("datasets")
    return EXPORTERS[request.param]


def bytes_of(folder: Path) -> dict[Path, bytes]:
    return {p.relative_to(folder): p.read_bytes() for p in sorted(folder.rglob("*")) if p.is_file()}


def about(folder: Path) -> dict[str, Any]:
    return dict(json.loads((folder / "manifest.json").read_text(encoding="utf-8")))


def rows_of(folder: Path) -> list[dict[str, Any]]:
    """The rows of an export, from whichever files it wrote, as their readers see them."""
    return [row for name in about(folder)["files"] for row in _rows_of_file(folder / name)]


def _rows_of_file(path: Path) -> Iterator[dict[str, Any]]:
    if path.suffix == ".jsonl":
        with path.open(encoding="utf-8") as lines:
            yield from map(json.loads, lines)
    elif path.suffix == ".parquet":
        yield from pq.read_table(path).to_pylist()
    elif path.suffix == ".arrow":
        yield from pa.ipc.open_stream(path.read_bytes()).read_all().to_pylist()


def ids_of(folder: Path) -> list[str]:
    return list(dict.fromkeys(row["id"] for row in rows_of(folder)))


def test_the_settings_that_all_share_have_the_same_defaults(exporter: Exporter) -> None:
    parameters = inspect.signature(exporter).parameters
    shared = {"min_confidence": 0.0, "include_test": False, "allow_uncalibrated": False}
    assert {name: parameters[name].default for name in shared} == shared
    assert all(p.kind is p.KEYWORD_ONLY for p in list(parameters.values())[2:])


def test_the_same_labels_give_the_same_bytes(exporter: Exporter, tmp_path: Path) -> None:
    exporter(build_labels(), tmp_path / "one")
    exporter(build_labels(), tmp_path / "two")
    assert bytes_of(tmp_path / "one") == bytes_of(tmp_path / "two")


def test_labels_in_a_file_give_the_bytes_of_labels_in_memory(exporter: Exporter, tmp_path: Path) -> None:
    pq.write_table(build_labels().to_table(), tmp_path / "labels.parquet")
    exporter(build_labels(), tmp_path / "memory")
    exporter(LabelsFile(tmp_path / "labels.parquet"), tmp_path / "file")
    assert bytes_of(tmp_path / "memory") == bytes_of(tmp_path / "file")


def test_the_manifest_names_every_file_the_settings_and_the_report(
    exporter: Exporter, tmp_path: Path
) -> None:
    report = exporter(build_labels(), tmp_path / "out", min_confidence=0.6)
    manifest = about(tmp_path / "out")
    assert manifest["kind"].startswith("export:")
    assert {Path(name) for name in manifest["files"]} | {Path("manifest.json")} == set(
        bytes_of(tmp_path / "out")
    )
    assert manifest["report"]["n_kept"] == report.n_kept == 2
    assert (manifest["settings"]["min_confidence"], manifest["calibrated"]) == (0.6, True)
    assert report.path == tmp_path / "out"


def test_other_labels_have_another_hash_in_the_manifest(exporter: Exporter, tmp_path: Path) -> None:
    changed = [(*row[:5], row[5] * 0.5, row[6]) for row in ROWS]
    exporter(build_labels(), tmp_path / "one")
    exporter(build_labels(rows=changed), tmp_path / "two")
    assert about(tmp_path / "one")["inputs"] != about(tmp_path / "two")["inputs"]


def test_a_card_says_what_was_kept_and_whether_test_prompts_are_in_it(
    exporter: Exporter, tmp_path: Path
) -> None:
    for include, words in ((False, "left out"), (True, "INCLUDED")):
        report = exporter(build_labels(), tmp_path / words, include_test=include)
        for card in (tmp_path / words).glob("README.md"):  # what a library opens by itself has none
            text = card.read_text(encoding="utf-8")
            assert f"kept {report.n_kept} of {report.n_pairs}" in text
            assert words in text


def test_every_pair_is_written_or_counted_under_a_reason(exporter: Exporter, tmp_path: Path) -> None:
    report = exporter(build_labels(), tmp_path / "out")
    assert len(ids_of(tmp_path / "out")) == report.n_kept
    assert report.n_kept + sum(report.dropped.values()) == report.n_pairs == len(ROWS)


def test_test_prompts_are_written_only_when_asked_for(exporter: Exporter, tmp_path: Path) -> None:
    report = exporter(build_labels(), tmp_path / "without")
    exporter(build_labels(), tmp_path / "with", include_test=True)
    assert report.dropped["test"] == 1
    assert set(ids_of(tmp_path / "with")) - set(ids_of(tmp_path / "without")) == {"locked"}


def test_ties_and_silent_pairs_are_soft_labels_or_left_out(exporter: Exporter, tmp_path: Path) -> None:
    report = exporter(build_labels(), tmp_path / "out")
    written = [row for row in rows_of(tmp_path / "out") if row["id"] in ("tie", "silent")]
    assert len(written) + report.dropped["tie"] + report.dropped["no_vote"] == 2
    assert all("chosen" not in row and row["p"] == 0.5 for row in written)


def test_only_pairs_as_confident_as_asked_are_written(exporter: Exporter, tmp_path: Path) -> None:
    # By hand: sigmoid of 2, 1.5 and 3 (the locked one) is .881, .818 and .953; "unsure" has .562.
    exporter(build_labels(), tmp_path / "few", min_confidence=0.85)
    exporter(build_labels(), tmp_path / "more", min_confidence=0.8, include_test=True)
    assert ids_of(tmp_path / "few") == ["b-wins"]
    assert ids_of(tmp_path / "more") == ["b-wins", "a-wins", "locked"]


@pytest.mark.parametrize("value", [-0.1, 0.3, 1.0, float("nan")])
def test_a_confidence_out_of_range_is_refused_before_anything_is_written(
    exporter: Exporter, value: float, tmp_path: Path
) -> None:
    with pytest.raises((ConfigError, ArgumentError), match="min_confidence"):
        exporter(build_labels(), tmp_path / "out", min_confidence=value)
    assert list(tmp_path.iterdir()) == []


def test_texts_of_odd_characters_come_back_as_they_were(exporter: Exporter, tmp_path: Path) -> None:
    labels = build_labels(rows=[(f"{name}{ODD}", f"{prompt}{ODD}", *rest) for name, prompt, *rest in ROWS])
    exporter(labels, tmp_path / "out")
    written, found = ids_of(tmp_path / "out"), json.dumps(rows_of(tmp_path / "out"))
    assert {name + ODD for name in ("b-wins", "a-wins", "unsure")} <= set(written)
    for row in labels.pairs.table.to_pylist():
        if row["id"] in written:
            assert all(json.dumps(row[name]) in found for name in ("response_a", "response_b"))
            turns = [turn["content"] for turn in row["messages"] or ()] or [row["prompt"]]
            assert json.dumps(row["prompt"]) in found or all(json.dumps(turn) in found for turn in turns)


def test_labels_are_left_as_they_were(exporter: Exporter, tmp_path: Path) -> None:
    labels, fresh = build_labels(), build_labels()
    exporter(labels, tmp_path / "out", min_confidence=0.6)
    assert labels.to_table().equals(fresh.to_table())
    np.testing.assert_array_equal(labels.logit, fresh.logit)


def test_uncalibrated_labels_are_refused_unless_allowed(exporter: Exporter, tmp_path: Path) -> None:
    with pytest.raises(NotCalibratedError):
        exporter(build_labels(calibrated=False), tmp_path / "out")
    assert not (tmp_path / "out").exists()
    assert exporter(build_labels(calibrated=False), tmp_path / "out", allow_uncalibrated=True).n_kept


def test_a_selection_of_nothing_warns_and_leaves_an_earlier_export_whole(
    exporter: Exporter, tmp_path: Path
) -> None:
    exporter(build_labels(), tmp_path / "out")
    before = bytes_of(tmp_path / "out")
    with pytest.warns(WeaklabelWarning, match=r"none of 6 pairs is left .*nothing was written") as told:
        report = exporter(build_labels(), tmp_path / "out", min_confidence=0.99)
    assert told[0].filename == __file__
    assert (report.n_kept, report.path, report.notes[-1]) == (0, None, str(told[0].message))
    assert bytes_of(tmp_path / "out") == before
    assert [p.name for p in tmp_path.iterdir()] == ["out"]


def test_no_labels_at_all_are_an_error(exporter: Exporter, tmp_path: Path) -> None:
    nothing: Labels = build_labels().take(np.zeros(len(ROWS), dtype=bool))
    with pytest.raises(DataError, match="no labelled pairs"):
        exporter(nothing, tmp_path / "out")
    assert list(tmp_path.iterdir()) == []


def test_an_export_replaces_an_earlier_one(exporter: Exporter, tmp_path: Path) -> None:
    exporter(build_labels(), tmp_path / "out")
    assert exporter(build_labels(), tmp_path / "out", min_confidence=0.85).n_kept == 1
    assert [p.name for p in tmp_path.iterdir()] == ["out"]


def test_an_export_never_replaces_a_folder_of_other_files(exporter: Exporter, tmp_path: Path) -> None:
    (tmp_path / "thesis.txt").write_text("three years of work")
    with pytest.raises(ArtifactError, match="holds files that weaklabel did not write"):
        exporter(build_labels(), tmp_path)
    assert (tmp_path / "thesis.txt").read_text() == "three years of work"


def test_a_file_put_beside_an_earlier_export_is_not_swept_away(exporter: Exporter, tmp_path: Path) -> None:
    exporter(build_labels(), tmp_path / "out")
    (tmp_path / "out" / "thesis.txt").write_text("three years of work")
    with pytest.raises(ArtifactError, match=r"'thesis.txt', 1 in all.*move them away"):
        exporter(build_labels(), tmp_path / "out")
    assert (tmp_path / "out" / "thesis.txt").read_text() == "three years of work"


def test_the_folder_that_is_worked_in_is_not_replaced(
    exporter: Exporter, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "here").mkdir()
    monkeypatch.chdir(tmp_path / "here")
    with pytest.raises(ArtifactError, match="the folder you are in"):
        exporter(build_labels(), ".")
    assert [p.name for p in tmp_path.iterdir()] == ["here"]


def test_an_export_never_replaces_a_file(exporter: Exporter, tmp_path: Path) -> None:
    (tmp_path / "data.txt").write_text("mine")
    with pytest.raises(ArtifactError, match="is a file"):
        exporter(build_labels(), tmp_path / "data.txt")
