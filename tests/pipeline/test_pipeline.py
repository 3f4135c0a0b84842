"""Runs: what is made, what is skipped, and what a kill leaves behind."""

from __future__ import annotations

import json
import shutil
from dataclasses import replace
from pathlib import Path

import numpy as np
import pyarrow.parquet as pq
import pytest
from made_runs import LFS, Watched, contents, settings

from weaklabel.config import load_config
from weaklabel.errors import ConfigError, UnknownNameError
from weaklabel.labeler import Labeler
from weaklabel.pipeline import Run, RunFigures, StepRecord
from weaklabel.pipeline.steps.label import Label
from weaklabel.reward import train_reward

pytestmark = pytest.mark.usefixtures("project")


def test_a_run_makes_every_step_in_order(first: tuple[Path, Watched, RunFigures]) -> None:
    _, run, report = first
    assert run.made == ["read", "apply", "fit", "label", "export", "reward", "figures"]
    assert list(report.arms)[:3] == [
        "longer_response",
        "our labels (the label model itself)",
        "reward model: gold only",
    ]
    assert "reward model: + majority-vote labels" in report.arms
    assert "reward model: + our labels" in report.arms
    assert report.counts["dev"] + report.counts["test"] == 120
    assert report.counts["unlabelled"] == 120


@pytest.mark.trains
def test_where_snorkel_is_installed_it_has_a_row(monkeypatch: pytest.MonkeyPatch) -> None:
    pytest.importorskip("snorkel")
    monkeypatch.setattr("weaklabel.pipeline.figures.snorkel_is_installed", lambda: True)
    assert "reward model: + Snorkel labels" in Watched().all().arms


def test_where_snorkel_is_missing_the_report_says_how_to_add_it(
    first: tuple[Path, Watched, RunFigures],
) -> None:
    _, _, report = first
    assert "reward model: + Snorkel labels" not in report.arms
    assert any("weaklabel[snorkel]" in note for note in report.notes)


def test_every_figure_has_an_interval_around_it(first: tuple[Path, Watched, RunFigures]) -> None:
    _, _, report = first
    for arm, figures in report.arms.items():
        for metric, figure in figures.items():
            assert figure.low <= figure.value <= figure.high or metric == "ece", (arm, metric)
            assert figure.n > 0


@pytest.mark.usefixtures("ran")
def test_a_second_run_makes_nothing_and_says_the_same(first: tuple[Path, Watched, RunFigures]) -> None:
    again = Watched()
    assert again.all() == first[2]
    assert again.made == []


@pytest.mark.usefixtures("ran")
def test_gold_that_scales_a_runs_reward_taught_none_of_its_labels(
    first: tuple[Path, Watched, RunFigures],
) -> None:
    made, again = first[1], Watched()  # one fitted its labeler, the other one reads it
    held = np.isin(made.pairs.prompt_groups, made.pairs.dev.take([0, 1]).prompt_groups)[:, None]
    assert (made.beliefs.logit_without(held) == again.beliefs.logit_without(held)).all()
    assert again.made == []
    assert (made.reward.scale_ != 1.0, made.reward.scale_note_) == (True, "")
    blind = train_reward(replace(made.beliefs, refit=None), "linear", n_features=1024)
    assert (blind.scale_, bool(blind.scale_note_)) == (1.0, True)


@pytest.mark.usefixtures("ran")
def test_the_table_says_what_arms_are_worth_and_what_to_export(
    first: tuple[Path, Watched, RunFigures],
) -> None:
    report = first[2]
    assert set(report.worth) == {"our labels (the label model itself)", *list(report.arms)[3:]}
    assert all(worth.gold == worth.largest == report.counts["dev"] for worth in report.worth.values())
    assert set(report.less_gold) == set(report.worth)
    assert report.export in (*report.arms, "nothing yet")
    assert sum(note.startswith("to export: ") for note in report.notes) == 1


def test_single_steps_are_the_steps_of_the_run() -> None:
    assert len(Watched().votes) == 240
    assert Watched().labeler.calibrated
    last = Watched()
    last.all()
    assert last.made == ["label", "export", "reward", "figures"]


def test_a_new_labeling_function_redoes_what_hangs_on_it(ran: Path) -> None:
    (ran / "lfs.py").write_text(LFS.replace('count("!")', 'count("?")'), encoding="utf-8")
    run = Watched()
    run.all()
    assert run.made == ["apply", "fit", "label", "export", "reward", "figures"]


def test_another_name_shares_the_votes_and_nothing_else(project: Path) -> None:
    _ = Watched("one").votes
    stored = contents(project / ".weaklabel")
    two = Watched("two")
    assert np.array_equal(two.votes.L, Watched("one").votes.L)
    assert contents(project / ".weaklabel") == stored


@pytest.mark.parametrize(
    "lost", ["pairs.parquet", "votes.json", "labels.parquet", "labeler/labeler.json", "reward/manifest.json"]
)
def test_a_file_that_was_lost_or_torn_is_made_again_with_the_same_bytes(ran: Path, lost: str) -> None:
    before = contents(ran / "runs")
    file = ran / "runs" / "base" / lost
    file.write_bytes(file.read_bytes()[:20])
    Watched().all()
    assert contents(ran / "runs") == before


def test_votes_in_memory_that_were_torn_are_gathered_again(project: Path) -> None:
    before = Watched().votes
    file = project / "runs" / "base" / "votes.parquet"
    file.write_bytes(file.read_bytes()[:20])
    assert np.array_equal(Watched().votes.L, before.L)


def test_a_store_that_was_emptied_is_filled_again(ran: Path) -> None:
    before = contents(ran)
    shutil.rmtree(ran / ".weaklabel" / "votes")
    run = Watched()
    run.all()
    assert contents(ran) == before
    assert "apply" in run.made


def test_a_run_that_was_stopped_ends_with_the_bytes_of_an_undisturbed_one(ran: Path) -> None:
    whole = contents(ran / "runs" / "base")

    class Killed(Exception):
        pass

    def kill(step: StepRecord) -> None:
        if step.name == "label":
            raise Killed

    with pytest.raises(Killed):
        Run(load_config(), "other", on_step=kill).all()
    Watched("other").all()
    other = contents(ran / "runs" / "other")
    # The run's name stands in the report, and in nothing else.
    names = [name for name in whole if whole[name] != other[name]]
    assert names in ([], ["figures.json", "report.json"])


def test_a_row_that_cannot_be_had_is_left_out_of_the_figures(
    project: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("weaklabel.pipeline.figures.snorkel_is_installed", lambda: True)
    (project / "lfs.py").write_text(LFS.partition('@response_scorer(prefer="more")')[0], encoding="utf-8")
    report = Watched().all()
    assert "Snorkel's label model needs 3 labeling functions, so its row is left out." in report.notes


def test_a_pair_of_a_finished_run_is_explained_without_labelling_the_others(
    ran: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    labels = Watched().labels
    monkeypatch.setattr(Label, "held", property(lambda _: pytest.fail("all pairs were labelled")))
    run = Watched()
    for pair_id in labels.pairs.ids[:20]:
        # As JSON: a margin may be NaN, which is not equal to itself.
        assert run.explain(pair_id).to_dict() == labels.explain(pair_id).to_dict()
    with pytest.raises(UnknownNameError, match="no pair 'nobody' among the 240 labelled ones"):
        run.explain("nobody")


def test_whether_pairs_have_shifted_is_asked_when_they_are_labelled_and_not_again(
    ran: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(Labeler, "shift", lambda *_: pytest.fail("it was asked again"))
    labels = Watched().labels
    assert (labels.logit == pq.read_table("runs/base/labels.parquet")["logit"].to_numpy()).all()


def test_beliefs_are_the_labels_on_disk_without_their_reasons(
    ran: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    labels = Watched().labels
    monkeypatch.setattr(Label, "held", property(lambda _: pytest.fail("all pairs were labelled")))
    found = Watched().beliefs
    assert found.contributions is None
    assert (found.votes.ids, found.calibrated, found.p_tie is None) == (
        labels.votes.ids,
        True,
        labels.p_tie is None,
    )
    for name in ("logit", "w", "in_sample"):
        assert (getattr(found, name) == getattr(labels, name)).all()


def test_what_is_made_of_finished_labels_is_what_was_made_with_them(
    ran: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    before = contents(ran / "runs/base/reward") | {"figures": (ran / "runs/base/report.json").read_bytes()}
    for name in ("reward.json", "figures.json"):
        (ran / "runs/base" / name).unlink()
    monkeypatch.setattr(Label, "held", property(lambda _: pytest.fail("all pairs were labelled")))
    run = Watched()
    run.all()
    assert run.made == ["reward", "figures"]
    after = contents(ran / "runs/base/reward") | {"figures": (ran / "runs/base/report.json").read_bytes()}
    assert after == before


def test_labels_on_disk_hold_everything_that_was_said(project: Path) -> None:
    run = Watched()
    labels, _ = run.labels, run.labels_file
    table = pq.read_table(project / "runs/base/labels.parquet")
    assert np.array_equal(table["p"].to_numpy(), labels.p)
    assert {"p", "w", "label", "confidence", "calibrated", "vote:shouts"} <= set(table.column_names)


def test_locked_test_prompts_are_in_no_export(first: tuple[Path, Watched, RunFigures]) -> None:
    folder, run, _ = first
    test_ids = set(run.pairs.take(run.pairs.parts == "test").ids)
    lines = (folder / "runs/base/export/trl/train.jsonl").read_text(encoding="utf-8").splitlines()
    assert lines
    assert test_ids.isdisjoint(json.loads(line)["id"] for line in lines)


def test_scores_and_verdicts_in_the_data_can_be_functions(project: Path) -> None:
    rows = [json.loads(line) for line in (project / "pairs.jsonl").read_text(encoding="utf-8").splitlines()]
    text = "".join(
        json.dumps(row | {"rm1": i % 3, "rm2": 1, "said": "left"}) + "\n" for i, row in enumerate(rows)
    )
    (project / "pairs.jsonl").write_text(text, encoding="utf-8")
    columns = (
        '[[lfs.column]]\nname = "old"\nscore_a = "rm1"\nscore_b = "rm2"\n'
        '[[lfs.column]]\nname = "said"\ncolumn = "said"\nvotes = { left = "a" }'
    )
    settings(lfs=columns)
    votes = Watched().votes
    assert votes.lf_names[-2:] == ("old", "said")
    assert votes.L[:3, -2].tolist() == [1, -1, 0]
    assert set(votes.L[:, -1].tolist()) == {0}
    Watched().all()


def test_no_pairs_named_is_a_mistake_that_says_what_to_do() -> None:
    Path("weaklabel.toml").write_text("", encoding="utf-8")
    with pytest.raises(ConfigError, match="--pairs FILE"):
        _ = Watched().pairs
