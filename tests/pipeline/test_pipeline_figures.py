"""The table that ends a run: who is taught what, and what it says beside the figures."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pytest
from made_world import functions, world

import weaklabel as wl
from weaklabel.config import Config
from weaklabel.pipeline.figures import Outcome, make_figures
from weaklabel.reward import train_reward, training_targets
from weaklabel.types import CANONICAL, Labels, Pairs

SMALL = {"n_features": 256}


@pytest.fixture(autouse=True)
def _no_snorkel(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("weaklabel.pipeline.figures.snorkel_is_installed", lambda: False)


def with_test(pairs: Pairs, n_test: int) -> Pairs:
    """The pairs, and behind them others of the same world whose gold is locked."""
    locked = world(n_test, seed=7).table.to_pydict()
    locked["id"] = [f"t{i}" for i in range(n_test)]
    locked["prompt"] = [f"locked {i // 2}" for i in range(n_test)]
    locked["part"] = ["test"] * n_test
    return Pairs(pa.concat_tables([pairs.table, pa.table(locked, schema=CANONICAL)]))


def outcome(pairs: Pairs, model: str = "functions", **reward: Any) -> Outcome:
    """A run on these pairs, as far as its figures need it."""
    lfs = functions()
    votes = wl.apply(lfs, pairs)
    labeler = wl.fit(lfs, pairs, votes=votes)
    labels = labeler.label_known(pairs, votes)
    parts = {part: int((pairs.has_gold & (pairs.parts == part)).sum()) for part in ("dev", "test")}
    may_train = labels.calibrated or reward.get("allow_uncalibrated", False)
    return Outcome(
        folder=Path("base"),
        config=Config.model_validate({"reward": {"model": model, "settings": SMALL, **reward}}),
        read={"pairs": len(pairs), "gold": sum(parts.values()), **parts},
        applied={"faults": 0, "tallies": {lf.name: {"n_a": 1, "n_b": 1} for lf in lfs}},
        lfs=lfs,
        pairs=pairs,
        votes=votes,
        labels=labels,
        labeler=labeler,
        reward=train_reward(labels, model, allow_uncalibrated=True, **SMALL) if may_train else None,
    )


@pytest.fixture
def taught(monkeypatch: pytest.MonkeyPatch) -> list[Labels | Pairs]:
    """What the figures train reward models on, in turn."""
    given: list[Labels | Pairs] = []

    def remember(labels: Labels | Pairs, **settings: Any) -> Any:
        given.append(labels)
        return train_reward(labels, **settings)

    monkeypatch.setattr("weaklabel.pipeline.figures.train_reward", remember)
    return given


def test_labels_of_others_teach_on_the_pairs_that_the_runs_own_reward_reads(
    taught: list[Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("weaklabel.reward.functions.pool.POOL", 50)
    run = outcome(with_test(world(300, n_gold=80), 60))
    asked, y = training_targets(run.labels)[::3]
    figures = make_figures(run)
    assert run.reward is not None
    read = run.reward.rows_read(asked, y)
    assert (len(read), int(np.isnan(y[read]).sum())) == (130, 50)
    by_votes = taught[1]
    assert by_votes.pairs.ids == asked.take(read).ids
    said = "+ majority-vote labels: taught on gold and the same 50 of 220 pairs without gold"
    assert sum(note.startswith(said) for note in figures.notes) == 1


def test_a_reward_that_reads_all_pairs_stands_beside_others_that_do(taught: list[Any]) -> None:
    run = outcome(with_test(world(200, n_gold=80), 60), "linear")
    notes = make_figures(run).notes
    assert len(taught[1].pairs) == 200
    assert not any("pairs without gold that the run's own" in note for note in notes)


@pytest.mark.parametrize(("model", "n_trained"), [("functions", 1), ("linear", 0)])
def test_where_every_pair_has_gold_what_is_taught_alike_is_trained_once(
    taught: list[Any], model: str, n_trained: int
) -> None:
    figures = make_figures(outcome(with_test(world(120), 60), model))
    assert len(taught) == n_trained  # gold only, beside a reward of functions
    arms = figures.arms
    assert arms["reward model: + majority-vote labels"] == arms["reward model: gold only"]


def test_where_held_out_gold_is_all_ties_nothing_is_recommended_and_no_coin_is_lost_to() -> None:
    pairs = with_test(world(100), 40)
    gold = np.where(pairs.parts == "dev", pairs.table["gold"].to_pylist(), "tie").tolist()
    at = pairs.table.schema.get_field_index("gold")
    tied = Pairs(pairs.table.set_column(at, CANONICAL.field("gold"), pa.array(gold, pa.string())))
    figures = make_figures(outcome(tied, "linear"))
    assert figures.export == "nothing yet"
    said = " ".join(figures.notes)
    assert "to export: nothing yet (the held-out gold is all ties" in said
    assert "not shown to be better than a coin" not in said


@pytest.mark.parametrize(
    ("reward", "export", "said"),
    [
        (
            False,
            False,
            "is left out: export.trl, reward. Give gold, or set export.trl.allow_uncalibrated and reward.",
        ),
        (True, False, "is left out: export.trl. Give gold, or set export.trl.allow_uncalibrated."),
        (True, True, "the labels are uncalibrated: nothing says how often they are right."),
    ],
)
def test_of_uncalibrated_labels_it_says_what_the_settings_leave_out(
    reward: bool, export: bool, said: str
) -> None:
    run = outcome(world(60, n_gold=0), "linear", allow_uncalibrated=reward)
    config = Config.model_validate(
        {"reward": run.config.reward, "export": {"trl": {"allow_uncalibrated": export}}}
    )
    assert said in " ".join(make_figures(replace(run, config=config)).notes)
