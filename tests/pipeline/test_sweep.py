"""The sweep: what it finds in a planted world, what it never looks at, and that a killed one ends like an undisturbed one."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pytest
from made_world import functions, world
from recording_reward import Recording

import weaklabel as wl
from weaklabel.config import SweepReward, SweepSettings
from weaklabel.errors import ConfigError, GoldError, UnknownNameError
from weaklabel.pipeline.sweep import SweepResult, making
from weaklabel.pipeline.sweep.grid import GOLD_ONLY, Arm, arms_of, draw, main_arm
from weaklabel.pipeline.sweep.making import Maker
from weaklabel.reward.registry import REWARD_MODELS
from weaklabel.types import Pairs

pytestmark = pytest.mark.same_everywhere

OURS = Arm("pair_model:soft", "all", 0.0)
FEW = {"gold": [20, 40], "seeds": 2, "weak": [30, "all"], "thresholds": [0.0, 0.7]}


def prompts(pairs: Pairs) -> set[str]:
    return set(pairs.table["prompt"].to_pylist())


def small(**more: Any) -> SweepSettings:
    return SweepSettings(**{**FEW, "sources": ["majority_vote:hard"], **more})


@pytest.fixture(scope="module")
def planted() -> SweepResult:
    settings = SweepSettings(
        seeds=3, gold=[25, 50, 100, 400], weak=["all"], thresholds=[0.0], sources=["pair_model:soft"]
    )
    return wl.sweep(functions(), world(700), settings)


@pytest.fixture
def recorded(monkeypatch: pytest.MonkeyPatch) -> list[tuple[int, Pairs]]:
    """(seed, pairs) of every fit of a label model, while the recording reward model is registered."""
    monkeypatch.setitem(REWARD_MODELS, "recording", "recording_reward:Recording")
    Recording.fits.clear()
    Recording.asked.clear()
    seen: list[tuple[int, Pairs]] = []
    real = making.fit

    def fit(lfs: Any, pairs: Pairs, **settings: Any) -> Any:
        seen.append((settings["seed"], pairs))
        return real(lfs, pairs, **settings)

    monkeypatch.setattr(making, "fit", fit)
    return seen


def test_in_a_planted_world_weak_labels_help_with_little_gold_and_the_gain_fades(
    planted: SweepResult,
) -> None:
    few, many = planted.row("linear", 25, OURS), planted.row("linear", 400, OURS)
    assert few.gains["accuracy"].low > 0
    assert few.gains["accuracy"].value > 3 * abs(many.gains["accuracy"].value)
    assert few.gains["nll"].high < 0


def test_in_a_planted_world_25_gold_labels_with_weak_ones_are_worth_more_than_50_alone(
    planted: SweepResult,
) -> None:
    worth = planted.row("linear", 25, OURS).worth
    assert worth is not None
    assert worth.low > 50
    assert worth.extra > 25


def test_the_verdict_says_where_weak_labels_help_and_how_many_comparisons_were_made(
    planted: SweepResult,
) -> None:
    told = "\n".join(planted.verdict)
    assert re.search(r"25 gold: \.\d+ -> \.\d+, \+\.\d+ \[.*\]: helps\. As good as gold alone of \d+", told)
    assert "4 comparisons were made" in told


def test_weak_labels_are_as_right_as_hidden_gold_says(planted: SweepResult) -> None:
    # One gold label in ten is wrong, and the functions know every word.
    right = planted.row("linear", 400, OURS).right
    assert right is not None
    assert 0.75 < right < 0.95


def test_no_held_out_prompt_reaches_any_fit_and_no_gold_outside_the_slice(
    recorded: list[tuple[int, Pairs]],
) -> None:
    pairs = world(120, n_gold=80)
    wl.sweep(functions(), pairs, small(reward=[SweepReward(name="recording")]))
    truth = dict(zip(pairs.ids, pairs.y, strict=True))
    draws = [draw(pairs, 0.3, seed) for seed in (0, 1)]
    assert {seed for seed, _ in recorded} == {0, 1}
    for seed, seen in recorded:
        assert prompts(pairs.take(draws[seed].held)).isdisjoint(prompts(seen))
        assert seen.has_gold.sum() in (20, 40)
    assert {len(asked) for asked in Recording.asked} == {len(d.held) for d in draws}
    for (seen, gold), asked in zip(Recording.fits, Recording.asked, strict=True):
        assert prompts(asked).isdisjoint(prompts(seen))
        assert not asked.has_gold.any()
        assert np.array_equal(seen.y, gold, equal_nan=True)
        known = ~np.isnan(gold)
        assert known.sum() in (20, 40, min(len(d.gold) for d in draws))
        assert all(truth[i] == y for i, y in zip(np.array(seen.ids)[known], gold[known], strict=True))


def test_locked_test_prompts_take_no_part(recorded: list[tuple[int, Pairs]]) -> None:
    pairs = world(160)
    at = pairs.table.schema.get_field_index("part")
    parts = ["test" if i < 40 else "dev" for i in range(160)]
    locked = Pairs(pairs.table.set_column(at, pairs.table.schema.field(at), pa.array(parts)))
    result = wl.sweep(functions(), locked, small(reward=[SweepReward(name="recording")]))
    every = [*(seen for _, seen in recorded), *Recording.asked, *(seen for seen, _ in Recording.fits)]
    assert all(prompts(locked.test).isdisjoint(prompts(seen)) for seen in every)
    assert any("40 pairs of locked test prompts" in note for note in result.notes)


def test_slices_are_nested_by_prompt_and_disjoint_from_what_is_held_out() -> None:
    pairs = world(100, n_gold=60)
    d = draw(pairs, 0.3, 3)
    groups = pairs.prompt_groups
    assert set(d.gold_slice(10)) < set(d.gold_slice(20))
    assert set(groups[d.held]).isdisjoint(groups[d.train])
    assert pairs.has_gold[d.held].all()
    assert pairs.has_gold[d.gold].all()
    assert set(d.pool(20)) == set(d.train) - set(d.gold_slice(20))
    assert abs(len(d.held) - 18) <= 1
    # Prompt by prompt: of all prompts in a slice at most the last one is cut.
    cut = [
        g
        for g in set(groups[d.gold_slice(15)])
        if (groups[d.gold] == g).sum() > (groups[d.gold_slice(15)] == g).sum()
    ]
    assert len(cut) <= 1


def test_an_interrupted_sweep_goes_on_and_ends_with_the_same_figures(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    pairs, settings = world(120), small()
    whole = wl.sweep(functions(), pairs, settings, folder=tmp_path / "whole")
    with monkeypatch.context() as patch:
        patch.setattr(Maker, "cell", raising(Maker.cell, KeyboardInterrupt, after=9))
        with pytest.raises(KeyboardInterrupt):
            wl.sweep(functions(), pairs, settings, folder=tmp_path / "cut")
    made = sorted((tmp_path / "cut" / "cells").glob("*.json"))
    made[0].write_text(made[0].read_text()[:40])  # torn
    made[1].write_text(made[1].read_text().replace("0.", "0.1", 1))  # edited
    again = wl.sweep(functions(), pairs, settings, folder=tmp_path / "cut")
    assert again.to_dict() == whole.to_dict()
    cells = [{f.name: f.read_bytes() for f in (tmp_path / n / "cells").iterdir()} for n in ("whole", "cut")]
    assert cells[0] == cells[1]


def test_a_second_sweep_makes_no_cell_again(tmp_path: Path, recorded: list[tuple[int, Pairs]]) -> None:
    settings = small(reward=[SweepReward(name="recording")])
    wl.sweep(functions(), world(120), settings, folder=tmp_path)
    fits, labels = len(Recording.fits), len(recorded)
    wl.sweep(functions(), world(120), settings, folder=tmp_path)
    assert (len(Recording.fits), len(recorded)) == (fits, labels)


def test_a_filter_that_keeps_nothing_is_gold_alone_and_no_comparison(
    recorded: list[tuple[int, Pairs]],
) -> None:
    result = wl.sweep(functions(), world(120), small(thresholds=[0.999], weak=["all"]))
    row = result.row("linear", 40, Arm("majority_vote:hard", "all", 0.999))
    assert row.n_weak == 0
    assert row.gains["accuracy"].value == row.gains["accuracy"].high == 0
    assert "no weak label of majority_vote:hard, all weak, confidence .999 up was kept" in "\n".join(
        result.verdict
    )


def raising(real: Any, error: type[BaseException], after: int) -> Any:
    """`real`, that raises once it was called `after` times."""
    calls = 0

    def counted(*given: Any) -> Any:
        nonlocal calls
        calls += 1
        if calls > after:
            raise error
        return real(*given)

    return counted


def test_the_grid_and_its_cost_are_told_before_the_sweep(monkeypatch: pytest.MonkeyPatch) -> None:
    told: list[str] = []
    # Four cells tell what the others will cost: the dearest two of each of two seeds.
    monkeypatch.setattr(Maker, "cell", raising(Maker.cell, KeyboardInterrupt, after=4))
    with pytest.raises(KeyboardInterrupt):
        wl.sweep(functions(), world(120), small(), on_note=told.append)
    assert "22 cells = 2 seeds x 2 gold sizes (20, 40) x 5 arms" in told[0]
    assert re.match(r"at most about \d+\.\d minutes", told[1])


def test_the_main_arm_is_the_last_source_with_most_labels_and_no_filter() -> None:
    settings = SweepSettings()
    arms = arms_of(settings, settings.reward[0])
    assert arms[0] == GOLD_ONLY
    assert len(arms) == 1 + 4 * 2 * 3
    assert main_arm(arms) == OURS
    assert main_arm([GOLD_ONLY]) is None


def test_a_reward_model_may_have_a_smaller_grid() -> None:
    reward = SweepReward(name="linear", gold=[20], weak=["all"], thresholds=[0.0])
    result = wl.sweep(functions(), world(120), small(reward=[SweepReward(name="linear"), reward]))
    sizes = {
        name: {r.gold for r in result.rows if r.reward == name and r.arm.source} for name in result.mains
    }
    assert sizes == {"linear (1)": {20, 40}, "linear (2)": {20}}


@pytest.mark.parametrize(
    ("change", "error", "words"),
    [
        (
            {"sources": ["pair_model"]},
            ConfigError,
            "'pair_model'. Allowed: a label model with ':hard' or ':soft'",
        ),
        ({"sources": ["pairmodel:soft"]}, UnknownNameError, "Did you mean 'pair_model'"),
        ({"reward": [SweepReward(name="linea")]}, UnknownNameError, "Did you mean 'linear'"),
        ({"reward": [SweepReward(name="linear", settings={"l3": 1})]}, ConfigError, "l3"),
        ({"gold": [500]}, GoldError, "smallest gold size is 500"),
    ],
)
def test_bad_settings_are_told_before_anything_is_fitted(
    change: dict[str, Any], error: type[Exception], words: str, recorded: list[tuple[int, Pairs]]
) -> None:
    with pytest.raises(error, match=re.escape(words)):
        wl.sweep(functions(), world(60), small(**change))
    assert not recorded


def test_too_little_gold_is_told() -> None:
    with pytest.raises(GoldError, match=r"gold stands on 5 prompts .* at least 10"):
        wl.sweep(functions(), world(60, n_gold=10), small())
