"""Runs: what is made, what is skipped, what a kill leaves behind, and two runs side by side."""

from __future__ import annotations

import json
import shutil
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow.parquet as pq
import pytest

from weaklabel.config import load_config
from weaklabel.data.sample import write_sample
from weaklabel.errors import ArtifactError, ConfigError, FaultShareError, NotCalibratedError, UnknownNameError
from weaklabel.labeler import Labeler
from weaklabel.metrics import Interval
from weaklabel.pipeline import Run, RunFigures, StepRecord, diff
from weaklabel.pipeline.figures import worse_than_a_coin
from weaklabel.pipeline.steps.label import Label
from weaklabel.reward import train_reward

LFS = """
from weaklabel import labeling_function, response_scorer

@response_scorer(prefer="less")
def shouts(response):
    return response.count("!")

@response_scorer(prefer="more")
def lines(response):
    return len(response.lines)

@response_scorer(prefer="more")
def digits(response):
    return sum(c.isdigit() for c in response)
"""

TOML = """
[data]
pairs = "pairs.jsonl"
{data}
[lfs]
use = ["lfs.py"]
{lfs}
[reward]
settings = {{ n_features = 1024 }}
{more}
"""


class Watched(Run):
    """A run that remembers its steps."""

    def __init__(self, name: str = "base", **sets: Any) -> None:
        self.steps: list[StepRecord] = []
        loaded = load_config(options={key.replace("__", "."): value for key, value in sets.items()})
        super().__init__(loaded, name, on_step=self.steps.append)

    @property
    def made(self) -> list[str]:
        return [step.name for step in self.steps if not step.fresh]


def lay_out(folder: Path) -> None:
    """A project in the working folder, with a sample of known truth."""
    paths = write_sample(folder, n_pairs=240, n_gold=120, seed=3)
    assert paths.pairs.name == "pairs.jsonl"
    (folder / "lfs.py").write_text(LFS, encoding="utf-8")
    settings()


@pytest.fixture(scope="module")
def first(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Path, Watched, RunFigures]]:
    """The folder of a project in which one run was made, that run, and what it reported."""
    folder = tmp_path_factory.mktemp("first")
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(folder)
        patch.setattr("weaklabel.pipeline.figures.snorkel_is_installed", lambda: False)
        lay_out(folder)
        run = Watched()
        yield folder, run, run.all()


@pytest.fixture(autouse=True)
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    # Its row has a test of its own; everywhere else it would cost seconds and need torch.
    monkeypatch.setattr("weaklabel.pipeline.figures.snorkel_is_installed", lambda: False)
    lay_out(tmp_path)
    return tmp_path


@pytest.fixture
def ran(first: tuple[Path, Watched, RunFigures], project: Path) -> Path:
    """A project of the test's own in which that run was made."""
    shutil.copytree(first[0], project, dirs_exist_ok=True)
    return project


def settings(data: str = 'gold = "gold.jsonl"', lfs: str = "", more: str = "") -> None:
    Path("weaklabel.toml").write_text(TOML.format(data=data, lfs=lfs, more=more), encoding="utf-8")


def contents(folder: Path) -> dict[str, bytes]:
    return {str(p.relative_to(folder)): p.read_bytes() for p in sorted(folder.rglob("*")) if p.is_file()}


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


class TestDiff:
    def test_a_run_does_not_differ_from_itself(self, ran: Path) -> None:
        found = diff(ran / "runs/base", ran / "runs/base")
        assert found.n_flipped == 0
        assert found.n_common == 240
        assert all(before == after for _, _, before, after in found.figures)
        assert found.paired["nll"].value == 0

    def test_flips_are_counted_and_the_largest_come_first(self, ran: Path) -> None:
        (ran / "lfs.py").write_text(LFS.replace('prefer="more"', 'prefer="less"'), encoding="utf-8")
        Watched("two", labeler__model="majority_vote").all()
        found = diff(ran / "runs/base", ran / "runs/two", top=3)
        changes = [abs(flip.p_b - flip.p_a) for flip in found.flips]
        assert found.n_flipped > 3 == len(changes)
        assert changes == sorted(changes, reverse=True)
        assert json.loads(json.dumps(found.to_dict()))["flipped_share"] == found.n_flipped / 240
        assert "labels flipped" in str(found)

    def test_texts_of_the_locked_part_are_not_shown(self, project: Path) -> None:
        _ = Watched("one").labels_file
        (project / "lfs.py").write_text(LFS.replace('prefer="more"', 'prefer="less"'), encoding="utf-8")
        two = Watched("two", labeler__model="majority_vote")
        _ = two.labels_file
        found = diff(project / "runs/one", project / "runs/two", top=1000)
        locked = set(two.pairs.take(two.pairs.parts == "test").ids)
        shown = {flip.id: flip.prompt for flip in found.flips}
        assert locked & shown.keys()
        assert all((prompt == "") == (pair_id in locked) for pair_id, prompt in shown.items())

    def test_a_missing_run_names_those_that_exist(self, project: Path) -> None:
        _ = Watched().labels_file
        with pytest.raises(ArtifactError, match=r"weaklabel run --name v2.*base"):
            diff(project / "runs/base", project / "runs/v2")


def test_votes_come_back_from_disk_as_they_were() -> None:
    from weaklabel.pipeline.tables import read_votes_file, write_faults, write_votes_file
    from weaklabel.types import Fault, Votes

    L = np.array([[0, -1], [1, 1]], dtype=np.int8)
    margins = np.array([[-1, np.nan], [0.5, 2]], dtype=np.float32)
    fault = Fault("x", "2\u2028", "raised", "broke\u2028in two", exception="ValueError", where="x.py:3")
    votes = Votes(L, margins, ("x", "y z"), ("1", "2\u2028"), (fault,))
    write_votes_file(Path("x"), votes)
    write_faults(Path("x"), votes.faults)
    back = read_votes_file(Path("x"))
    assert back.ids == votes.ids
    assert back.faults == votes.faults
    assert np.array_equal(back.margins, margins, equal_nan=True)
    assert np.array_equal(back.L, L)


def test_arms_that_a_coin_beats_are_named() -> None:
    def arm(accuracy: tuple[float, float, float], nll: float) -> dict[str, Interval]:
        return {"accuracy": Interval(*accuracy, 50), "nll": Interval(nll, nll - 0.05, nll + 0.05, 50)}

    sound = {"sound": arm((0.6, 0.5, 0.7), 0.65)}
    assert worse_than_a_coin(sound) == []
    sure, wrong = worse_than_a_coin(
        sound | {"sure": arm((0.6, 0.5, 0.7), 0.755), "wrong": arm((0.4, 0.3, 0.49), 0.69)}
    )
    assert sure.startswith("by NLL a coin (0.693) is better than: sure (0.755).")
    assert wrong.startswith("right less often than a coin: wrong.")
