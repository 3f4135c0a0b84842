"""Runs on data with little gold or none, rows that cannot be used, and functions that fail."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from made_runs import LFS, Watched, settings

from weaklabel.data.sample import write_sample
from weaklabel.errors import FaultShareError, NotCalibratedError

pytestmark = pytest.mark.usefixtures("project")


def test_without_gold_everything_runs_and_says_that_it_is_uncalibrated() -> None:
    settings(data="")
    run = Watched()
    report = run.all()
    assert not report.calibrated
    assert report.arms == {}
    assert run.made == ["read", "apply", "fit", "label", "figures"]
    text = str(report)
    assert "no pair has gold" in text
    assert "uncalibrated" in text


def test_without_gold_an_export_must_be_allowed() -> None:
    settings(data="")
    with pytest.raises(NotCalibratedError, match="never calibrated"):
        Watched().export()
    (Path("runs/base/label.json")).unlink()
    settings(data="", more="allow_uncalibrated = true\n[export.trl]\nallow_uncalibrated = true")
    run = Watched()
    run.all()
    assert (
        run.made == ["read", "apply", "fit", "label", "export", "reward", "figures"][3:]
        or "export" in run.made
    )


def test_where_nothing_is_left_to_export_the_figures_say_why(project: Path) -> None:
    (project / "lfs.py").write_text(
        LFS.replace('"!"', '"~~~"').partition('@response_scorer(prefer="more")')[0], encoding="utf-8"
    )
    report = Watched().all()
    assert any("none of 240 pairs is left" in note for note in report.notes)


def test_with_gold_of_one_class_everything_runs(project: Path) -> None:
    rows = [json.loads(line) for line in (project / "gold.jsonl").read_text(encoding="utf-8").splitlines()]
    text = "".join(json.dumps(row | {"gold": "a"}) + "\n" for row in rows)
    (project / "gold.jsonl").write_text(text, encoding="utf-8")
    assert Watched().all().counts["dev"] > 0


def test_where_every_pair_has_gold_the_report_points_to_max_gold(project: Path) -> None:
    write_sample(project, n_pairs=120, n_gold=120, seed=3)
    report = Watched(reward__model="linear").all()
    assert any("data.max_gold" in note for note in report.notes)
    assert report.arms["reward model: gold only"] == report.arms["reward model: + our labels"]


def test_one_pair_is_enough_to_be_labelled(project: Path) -> None:
    line = (project / "pairs.jsonl").read_text(encoding="utf-8").splitlines()[0]
    (project / "pairs.jsonl").write_text(line + "\n", encoding="utf-8")
    settings(data="")
    run = Watched()
    run.all()
    assert len(run.labels) == 1


def test_rows_that_cannot_be_used_are_counted_and_kept_with_their_reason(project: Path) -> None:
    with (project / "pairs.jsonl").open("a", encoding="utf-8") as file:
        file.write('{"id": "half", "prompt": "x", "respo\n')
    report = Watched().all()
    kept = (project / "runs/base/set_aside.jsonl").read_text(encoding="utf-8").splitlines()
    assert report.counts["set_aside"] == 1
    assert json.loads(kept[0])["line"] == 241
    assert any("set aside" in note for note in report.notes)


def test_too_many_failed_votes_end_the_run_and_name_the_function(project: Path) -> None:
    broken = LFS + "\n@labeling_function\ndef broken(pair):\n    return 1 / 0\n"
    (project / "lfs.py").write_text(broken, encoding="utf-8")
    with pytest.raises(FaultShareError, match=r"'broken' failed on 240 of 240.*ZeroDivisionError"):
        _ = Watched().votes
    faults = (project / "runs/base/faults.jsonl").read_text(encoding="utf-8").splitlines()
    assert len(faults) == 240
    settings(lfs="max_fault_share = 1.0")
    assert len(Watched().votes.faults) == 240


def test_what_failed_for_want_of_a_file_is_tried_again_when_it_is_there(project: Path) -> None:
    text = (
        "from pathlib import Path\n\nfrom weaklabel import response_scorer\n\n@response_scorer\ndef counts(response):\n"
        "    return response.count(Path('word.txt').read_text())\n"
    )
    (project / "lfs.py").write_text(text, encoding="utf-8")
    with pytest.raises(FaultShareError, match="No such file"):
        _ = Watched().votes
    (project / "word.txt").write_text("the", encoding="utf-8")
    assert not Watched().votes.faults
