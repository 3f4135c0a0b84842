"""Known best settings are recovered, noise brings no suggestion, and what is written can be loaded."""

from __future__ import annotations

import json
import math
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from made_pairs import made_pairs

from weaklabel.errors import ConfigError, GoldError
from weaklabel.lf.core import ResponseScorer
from weaklabel.lf.discovery import load_lfs
from weaklabel.lf.writing import labeling_function, response_scorer
from weaklabel.types import Pairs, Votes
from weaklabel.workbench._settings import Settings, best_settings, votes_under
from weaklabel.workbench.tune import Tuned, tune


def world(n: int, seed: int, *, m: int = 1, **settings: Any) -> tuple[list[Any], Pairs, Votes]:
    """`m` scorers with standard normal margins on `n` pairs; gold is a coin."""
    rng = np.random.default_rng(seed)
    margins = rng.standard_normal((n, m)).astype(np.float32)
    gold = rng.integers(2, size=n)
    lfs = [scorer(f"lf{j}", **settings) for j in range(m)]
    return lfs, *rest(margins, gold, lfs)


def scorer(name: str, **settings: Any) -> ResponseScorer:
    @response_scorer(name=name, **settings)
    def made(response: str) -> float:
        return float(len(response))

    return made


def rest(margins: Any, gold: Any, lfs: list[Any], prompts: Any = None) -> tuple[Pairs, Votes]:
    """Pairs and votes for margins as with `prefer="more"`."""
    pairs = made_pairs([("x", "y")] * len(gold), gold=["ab"[int(g)] for g in gold], prompts=prompts)
    gaps = np.column_stack(
        [-margins[:, j] if lf.prefer == "less" else margins[:, j] for j, lf in enumerate(lfs)]
    ).astype(np.float32)
    L = np.column_stack([lf._votes(gaps[:, j]) for j, lf in enumerate(lfs)])
    return pairs, Votes(L, gaps, tuple(lf.name for lf in lfs), pairs.ids)


def planted(n: int, seed: int, prefer: str, low: float, high: float, accuracy: float = 0.85) -> Any:
    """Margins that are right with `accuracy` inside the band, by `prefer`, and a coin elsewhere."""
    rng = np.random.default_rng(seed)
    margins = (rng.choice([-1, 1], n) * rng.integers(1, 21, n)).astype(np.float32)
    inside = (np.abs(margins) >= low) & (np.abs(margins) <= high)
    right = rng.random(n) < np.where(inside, accuracy, 0.5)
    for_b = (margins > 0) if prefer == "more" else (margins < 0)
    return margins[:, None], np.where(right, for_b, ~for_b).astype(int)


@pytest.mark.parametrize(
    ("prefer", "low", "high"),
    [("less", 0, math.inf), ("more", 9, math.inf), ("less", 0, 10), ("more", 7, 15)],
)
def test_planted_settings_are_recovered(prefer: str, low: float, high: float) -> None:
    margins, gold = planted(3000, 1, prefer, low, high)
    found = best_settings(margins[:, 0], gold.astype(float))
    assert found.prefer == prefer
    assert found.min_gap == pytest.approx(low, abs=2)
    assert found.max_gap == pytest.approx(high, abs=2)


def test_a_scorer_that_points_the_wrong_way_is_turned_round() -> None:
    margins, gold = planted(400, 2, "less", 0, math.inf, 0.7)
    lf = scorer("wrong")
    pairs, votes = rest(margins, gold, [lf])
    row = tune([lf], pairs, votes=votes).rows[0]
    assert row.suggested
    assert (row.proposed.prefer, row.same_direction) == ("less", 1.0)
    # .7 right is worth log 2 + .7 log .7 + .3 log .3 = .082 nats.
    assert row.honest_gain.low < 0.082 < row.honest_gain.high
    assert row.naive_gain >= row.honest_gain.value


def test_a_hundred_gold_pairs_are_enough_to_turn_a_scorer_round() -> None:
    turned = 0
    for seed in range(20):
        margins, gold = planted(100, seed, "less", 0, math.inf, 0.65)
        pairs, votes = rest(margins, gold, [scorer("wrong")])
        row = tune([scorer("wrong")], pairs, votes=votes).rows[0]
        turned += row.suggested and row.proposed.prefer == "less"
        # Net gain: from -.3 to .3 where the direction is turned in every fold.
        assert row.same_direction < 1 or row.net_gain.value > 0
    assert turned >= 14


def test_the_band_in_which_a_scorer_is_right_is_found_and_suggested() -> None:
    margins, gold = planted(1500, 3, "more", 12, math.inf)
    lf = scorer("banded")
    pairs, votes = rest(margins, gold, [lf])
    row = tune([lf], pairs, votes=votes).rows[0]
    assert row.suggested
    assert row.proposed.min_gap == pytest.approx(12, abs=2)
    assert row.accuracy[1] > row.accuracy[0] + 0.1
    assert row.coverage[1] < row.coverage[0]


def test_noise_brings_no_suggestions() -> None:
    suggested = flattering = 0
    for seed in range(30):
        found = tune(*world(200, seed, m=4)[:2], votes=world(200, seed, m=4)[2])
        suggested += len(found.suggestions)
        flattering += sum(row.naive_gain > 0 for row in found.rows)
    assert suggested <= 2  # of 120 searches
    assert flattering > 20  # while the search itself seems to find something


def test_noise_on_few_prompts_brings_no_suggestions() -> None:
    suggested = 0
    for seed in range(20):
        rng = np.random.default_rng(seed)
        margins = np.repeat(rng.standard_normal((30, 2)), 10, axis=0).astype(np.float32)
        lfs = [scorer("one"), scorer("two")]
        prompts = [f"prompt {i // 10}" for i in range(300)]
        pairs, votes = rest(margins, np.repeat(rng.integers(2, size=30), 10), lfs, prompts)
        suggested += len(tune(lfs, pairs, votes=votes).suggestions)
    assert suggested <= 2


def test_the_honest_gain_of_noise_is_not_flattered() -> None:
    gains = [
        tune(lfs, pairs, votes=votes).rows for lfs, pairs, votes in (world(150, s, m=3) for s in range(20))
    ]
    honest = np.mean([row.honest_gain.value for rows in gains for row in rows])
    naive = np.mean([row.naive_gain for rows in gains for row in rows])
    assert honest <= 0.001 < naive


def test_good_settings_stay_as_they_are() -> None:
    margins, gold = planted(1500, 4, "more", 8, math.inf)
    lf = scorer("good", min_gap=8)
    pairs, votes = rest(margins, gold, [lf])
    row = tune([lf], pairs, votes=votes).rows[0]
    assert row.proposed == row.now
    assert (row.naive_gain, row.suggested) == (0.0, False)


def test_turning_pairs_round_changes_nothing() -> None:
    margins, gold = planted(200, 5, "less", 5, math.inf)
    lf = scorer("any")
    flip = np.random.default_rng(0).random(200) < 0.5
    one = tune([lf], *_kw(rest(margins, gold, [lf])))
    other = tune(
        [lf], *_kw(rest(np.where(flip[:, None], -margins, margins), np.where(flip, 1 - gold, gold), [lf]))
    )
    assert one.to_dict() == other.to_dict()


def _kw(data: tuple[Pairs, Votes]) -> Any:
    # The votes are what the scorer would say, so that they need not be handed over by name each time.
    pairs, votes = data
    texts = [("x" * 30, "x" * int(30 + m)) for m in votes.margins[:, 0]]
    return (made_pairs(texts, gold=pairs.table["gold"].to_pylist()),)


def test_scorers_are_applied_where_no_votes_are_at_hand() -> None:
    margins, gold = planted(200, 5, "less", 0, math.inf)
    lf = scorer("any")
    pairs, votes = rest(margins, gold, [lf])
    assert tune([lf], *_kw((pairs, votes))).to_dict() == tune([lf], pairs, votes=votes).to_dict()


def test_locked_test_gold_is_not_looked_at() -> None:
    margins, gold = planted(200, 6, "less", 0, math.inf)
    lf = scorer("any")
    pairs, votes = rest(margins, gold, [lf])
    parts = ["dev"] * 100 + ["test"] * 100
    some = made_pairs([("x", "y")] * 200, gold=pairs.table["gold"].to_pylist(), part=parts)
    turned = [
        {"a": "b", "b": "a"}[g] if i >= 100 else g for i, g in enumerate(pairs.table["gold"].to_pylist())
    ]
    other = made_pairs([("x", "y")] * 200, gold=turned, part=parts)
    assert tune([lf], some, votes=votes).to_dict() == tune([lf], other, votes=votes).to_dict()


def test_what_is_written_can_be_loaded_and_votes_as_proposed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    source = "from weaklabel import response_scorer\n\n@response_scorer(prefer='more')\ndef n(response):\n    return len(response)\n"
    (tmp_path / "mine.py").write_text(source)
    lfs = load_lfs("mine.py")
    margins, gold = planted(400, 7, "less", 5, math.inf)
    found = tune(lfs, *_kw(rest(margins, gold, lfs)))
    (tmp_path / "tuned.py").write_text(found.code())
    loaded = load_lfs("mine.py", "tuned.py")
    assert [lf.name for lf in loaded] == ["n", "n_tuned"]
    assert isinstance(loaded[1], ResponseScorer)
    assert Settings.of(loaded[1]) == found.rows[0].proposed
    assert loaded[1].spec == "tuned.py::n_tuned"


@pytest.mark.parametrize(("was", "low"), [({"min_gap": 9, "max_gap": 15}, 0), ({"max_gap": 3}, 5)])
def test_thresholds_that_the_proposal_drops_are_dropped_in_the_code(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, was: dict[str, int], low: int
) -> None:
    monkeypatch.chdir(tmp_path)
    settings = ", ".join(f"{name}={value}" for name, value in was.items())
    source = f"from weaklabel import response_scorer\n\n@response_scorer({settings})\ndef n(response):\n    return len(response)\n"
    (tmp_path / "mine.py").write_text(source)
    lfs = load_lfs("mine.py")
    margins, gold = planted(600, 3, "less", low, math.inf)
    found = tune(lfs, *_kw(rest(margins, gold, lfs)))
    assert found.rows[0].proposed.max_gap == math.inf
    (tmp_path / "tuned.py").write_text(found.code())
    (tuned,) = load_lfs("tuned.py")
    assert isinstance(tuned, ResponseScorer)
    assert Settings.of(tuned) == found.rows[0].proposed


def test_infinite_margins_propose_no_infinite_threshold() -> None:
    more = np.array([np.inf, -np.inf, 1.0, 1.0] * 50, np.float32)
    y = np.array([1.0, 0.0, 0.0, 1.0] * 50)  # right where infinite, a coin elsewhere
    assert math.isfinite(best_settings(more, y).min_gap)


def test_votes_under_other_settings_are_the_scorers_own() -> None:
    more = np.array([0.7, -0.7, 0.1, 0.0, np.nan, -5.0, 3.0], np.float32)
    for settings in (Settings("more", 0.7, 3.0), Settings("less", 0.1), Settings("less")):
        lf = scorer("any", prefer=settings.prefer, min_gap=settings.min_gap, max_gap=settings.max_gap)
        directed = -more if settings.prefer == "less" else more
        assert votes_under(more, settings).tolist() == lf._votes(directed).tolist()


def test_report_prints_and_gives_json() -> None:
    margins, gold = planted(400, 2, "less", 0, math.inf, 0.7)
    lf = scorer("wrong")
    pairs, votes = rest(margins, gold, [lf])
    found = tune([lf], pairs, votes=votes)
    assert 'wrong: with_settings(prefer="less"' in str(found)
    row = json.loads(json.dumps(found.to_dict(), allow_nan=False))["rows"][0]
    assert (row["suggested"], row["proposed"]["max_gap"]) == (True, None)
    with pytest.raises(ConfigError, match="lives only in this process"):
        found.code()
    assert isinstance(found.rows[0], Tuned)


def test_a_scorer_that_is_best_as_it_is_is_counted_and_not_shown() -> None:
    margins, gold = planted(400, 2, "less", 0, math.inf, 0.7)
    scorers = [scorer("wrong"), scorer("right").with_settings(prefer="less")]
    both = np.column_stack([margins[:, 0], margins[:, 0]])
    pairs, votes = rest(both, gold, scorers)
    found = tune(scorers, pairs, votes=votes)
    alone = [row.lf for row in found.rows if row.proposed == row.now]
    assert alone == ["right"]
    table = str(found).partition("\n\n")[0]
    assert "wrong" in table
    assert "right" not in table
    assert "1 of 2 scorers are best as they are, and are left out." in str(found)


def test_the_words_below_the_table_fit_one_scorer_and_many() -> None:
    one, two = (world(60, 0, m=m) for m in (1, 2))
    assert "and q <= 0.1. ? above chance by itself.\n" in str(tune(*one[:2], votes=one[2]))
    assert "and q <= 0.1 over all 2 scorers. ? above chance by itself, which" in str(
        tune(*two[:2], votes=two[2])
    )


def test_bad_input_is_told_in_one_line() -> None:
    lfs, pairs, votes = world(200, 0)

    @labeling_function
    def plain(pair: Any) -> int:
        return 0

    with pytest.raises(ConfigError, match="none of the labeling functions is a response scorer"):
        tune([plain], pairs)
    with pytest.raises(GoldError, match="10 decided dev gold pairs on 10 prompts"):
        tune(lfs, pairs.take(np.arange(10)), votes=votes)
    with pytest.raises(ConfigError, match="nothing is suggested"):
        tune(lfs, pairs, votes=votes).code()
    assert "1 functions are no response scorers" in tune([*lfs, plain], pairs, votes=votes).notes[0]
