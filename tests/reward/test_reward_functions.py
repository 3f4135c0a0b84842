"""The reward that reads labeling functions, against known truth: planted scorers, exact symmetries, what gold may touch."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from made_pairs import made_pairs

import weaklabel as wl
from weaklabel.errors import ConfigError, FaultWarning
from weaklabel.lf.core import LabelingFunction
from weaklabel.reward import get_reward_model
from weaklabel.reward.functions.learning import Readings, learn_from_gold
from weaklabel.reward.functions.model import FunctionsReward
from weaklabel.reward.linear import LinearReward
from weaklabel.types import FloatArray, Labels, Pairs, Votes

WORDS = ("red", "blue", "grey", "pink", "teal")
SMALL: dict[str, Any] = {"n_features": 256}


@wl.response_scorer
def reds(response: str) -> int:
    """More red is better: true."""
    return response.count("red")


@wl.response_scorer(prefer="less")
def blues(response: str) -> int:
    """Less blue is better: true."""
    return response.count("blue")


@wl.response_scorer
def length(response: str) -> int:
    """Longer is better: false, the truth does not care."""
    return len(response)


@wl.response_scorer
def on_grey(response: str) -> float:
    """NaN without a grey word."""
    return float(response.index("grey")) if "grey" in response else float("nan")


@wl.labeling_function
def knows(pair: wl.Pair) -> int:
    """A judge, right whenever it speaks: no response alone tells what it will say."""
    gap = worth(pair.response_b) - worth(pair.response_a)
    return wl.ABSTAIN if gap == 0 else int(gap > 0)


LFS: tuple[LabelingFunction, ...] = (reds, blues, length, on_grey)


def worth(response: str) -> float:
    return float(response.count("red") - response.count("blue"))


def coloured(n: int, n_gold: int, seed: int = 0, sign: int = 1) -> Pairs:
    """Pairs of coloured words, three to a prompt; the log-odds are 1.5 times the difference of red less blue."""
    rng = np.random.default_rng(seed)
    texts = [tuple(" ".join(rng.choice(WORDS, rng.integers(4, 9))) for _ in range(2)) for _ in range(n)]
    logit = np.array([sign * 1.5 * (worth(b) - worth(a)) for a, b in texts])
    won = rng.random(n) < 1 / (1 + np.exp(-logit))
    gold = [("b" if w else "a") if i < n_gold else None for i, w in enumerate(won)]
    part = ["dev" if i < n_gold else "pool" for i in range(n)]
    return made_pairs(texts, gold=gold, part=part, prompts=[f"Which, {i // 3}?" for i in range(n)])


def fitted(pairs: Pairs, lfs: tuple[LabelingFunction, ...] = LFS, **settings: Any) -> FunctionsReward:
    model = FunctionsReward(lfs=lfs, **SMALL | settings)
    return model.fit(pairs, np.where(pairs.has_gold, pairs.y, 0.5), gold=pairs.y)


@pytest.fixture(scope="module")
def pairs() -> Pairs:
    return coloured(300, 120)


@pytest.fixture(scope="module")
def model(pairs: Pairs) -> FunctionsReward:
    return fitted(pairs)


@pytest.fixture(scope="module")
def labels(pairs: Pairs) -> Labels:
    return wl.fit(LFS, pairs).label(pairs)


def accuracy(model: Any, pairs: Pairs) -> float:
    p, y = model.compare(pairs), np.array([worth(b) > worth(a) for a, b in texts_of(pairs)])
    told = np.array([worth(b) != worth(a) for a, b in texts_of(pairs)])
    return float(((p > 0.5) == y)[told].mean())


def texts_of(pairs: Pairs) -> list[tuple[str, str]]:
    return list(zip(*(pairs.table[f"response_{side}"].to_pylist() for side in "ab"), strict=True))


# ----------------------------------------------------------------------------------------------- truth


def test_it_knows_what_the_functions_see(model: FunctionsReward) -> None:
    assert accuracy(model, coloured(300, 0, seed=9)) > 0.9


def test_its_log_odds_are_about_those_that_the_answers_were_drawn_with(model: FunctionsReward) -> None:
    new = coloured(400, 0, seed=10)
    gap = np.array([worth(b) - worth(a) for a, b in texts_of(new)])
    p = model.compare(new)
    said = np.log(p / (1 - p)) * np.sign(gap)
    assert 0.75 < said[np.abs(gap) == 1].mean() < 2.5  # planted: 1.5


def test_functions_that_point_the_wrong_way_are_turned_by_gold() -> None:
    turned = fitted(coloured(600, 200, sign=-1))
    assert accuracy(turned, coloured(300, 0, seed=9)) < 0.25  # of a truth that is turned too


def test_an_unreadable_function_teaches_through_the_start() -> None:
    pairs, new = coloured(600, 45), coloured(300, 0, seed=9)
    deaf, taught = (fitted(pairs, (knows,), start=start) for start in ("none", "labels"))
    assert "knows" in deaf.notes[0]
    assert "knows" in taught.notes[0]
    assert accuracy(taught, new) > accuracy(deaf, new) + 0.02


def test_labels_teach_a_start_from_forty_gold_pairs_on_ten_prompts_on() -> None:
    new = coloured(30, 0, seed=9)
    for n_gold, same in ((39, True), (42, False)):
        pairs = coloured(300, n_gold)
        deaf, taught = (fitted(pairs, (reds, knows), start=start) for start in ("none", "labels"))
        assert (deaf.compare(new) == taught.compare(new)).all() == same


def test_by_itself_a_start_is_taught_where_a_function_cannot_be_read(pairs: Pairs) -> None:
    new = coloured(30, 0, seed=9)
    for lfs, same in ((LFS, "none"), ((*LFS, knows), "labels")):
        assert (fitted(pairs, lfs).compare(new) == fitted(pairs, lfs, start=same).compare(new)).all()


def test_functions_none_of_which_is_readable(pairs: Pairs) -> None:
    model = fitted(pairs, (knows,))
    assert model.scorers_ == ()
    assert accuracy(model, coloured(300, 0, seed=9)) > 0.8


@pytest.mark.parametrize("start", ["none", "labels"])
def test_more_gold_than_is_fitted_over_rows_is_fitted_over_columns(
    start: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    pairs, new = coloured(400, 240), coloured(200, 0, seed=9)
    over_rows = fitted(pairs, start=start)
    monkeypatch.setattr("weaklabel.label_models.pair.mixture._MAX_ROWS", 120)
    over_columns = fitted(pairs, start=start)
    p, q = over_rows.compare(new), over_columns.compare(new)
    assert (p != q).any()
    assert np.corrcoef(np.log(p / (1 - p)), np.log(q / (1 - q)))[0, 1] > 0.95
    assert accuracy(over_columns, new) > 0.9


# ----------------------------------------------------------------------------------- exact symmetries


def test_turning_pairs_round_turns_the_answer_to_the_bit(model: FunctionsReward) -> None:
    new = coloured(200, 0, seed=3)
    assert (model.compare(new.swapped()) == 1.0 - model.compare(new)).all()


def test_a_score_is_the_same_alone_and_in_company(model: FunctionsReward) -> None:
    asked = [(f"Which, {i % 7}?", b) for i, (_, b) in enumerate(texts_of(coloured(60, 0, seed=4)))]
    together = model.score(*zip(*asked, strict=True))
    assert [model.score([p], [r])[0] for p, r in asked] == together.tolist()


def test_fitting_does_not_depend_on_who_stands_first(pairs: Pairs, model: FunctionsReward) -> None:
    turned = FunctionsReward(lfs=LFS, **SMALL).fit(
        pairs.swapped(), np.where(pairs.has_gold, 1 - pairs.y, 0.5), gold=1 - pairs.y
    )
    new = coloured(100, 0, seed=5)
    assert np.abs(turned.compare(new) - model.compare(new)).max() < 1e-9


def test_the_same_again_is_the_same_to_the_bit(pairs: Pairs, model: FunctionsReward) -> None:
    new = coloured(50, 0, seed=6)
    assert (fitted(pairs).compare(new) == model.compare(new)).all()


def test_less_of_a_score_is_the_same_as_more_of_its_opposite(pairs: Pairs) -> None:
    opposite = replace(blues, prefer="more", fn=lambda response: -response.count("blue"))
    one, two = fitted(pairs, (reds, blues)), fitted(pairs, (reds, opposite))
    new = coloured(50, 0, seed=6)
    assert np.abs(one.compare(new) - two.compare(new)).max() < 1e-12


# ---------------------------------------------------------------------------------------- explanations


def test_shares_add_up_to_the_score(model: FunctionsReward) -> None:
    for _, response in texts_of(coloured(30, 0, seed=7)):
        found = model.explain("Which, 1?", response)
        assert sum(r.log_odds for r in found.reasons) == pytest.approx(found.score, abs=1e-12)
        assert found.score == model.score(["Which, 1?"], [response])[0]


def test_each_function_is_told_with_its_own_score(model: FunctionsReward) -> None:
    reasons = {r.name: r for r in model.explain("Which, 1?", "red red blue").reasons}
    assert set(reasons) == {
        "reds", "blues", "length", "on_grey",
        "text:words", "text:characters", "text:layout", "text:style", "text:start",
    }  # fmt: skip
    assert (reasons["reds"].score, reasons["blues"].score) == (2.0, 1.0)
    assert np.isnan(reasons["on_grey"].score)
    more = {r.name: r.log_odds for r in model.explain("Which, 1?", "red red red red").reasons}
    assert more["reds"] > reasons["reds"].log_odds
    assert more["blues"] > reasons["blues"].log_odds


def test_an_average_response_has_shares_near_nothing(pairs: Pairs, model: FunctionsReward) -> None:
    responses = [r for both in texts_of(pairs) for r in both]
    shares = [
        {r.name: r.log_odds for r in model.explain("Which, 1?", response).reasons}
        for response in responses[:40]
    ]
    # Standard error of a mean of forty, three times.
    reds = np.array([share["reds"] for share in shares])
    assert abs(reds.mean()) < 3 * reds.std() / np.sqrt(40)


def test_an_explanation_reads_as_a_small_table(model: FunctionsReward) -> None:
    said = str(model.explain("Which, 1?", "red red blue"))
    assert said.startswith("reward ")
    assert all(words in said for words in ("  reds", "score 2", "log-odds"))


# ---------------------------------------------------------------------------- what gold does not touch


def what_is_learned(monkeypatch: pytest.MonkeyPatch) -> list[tuple[Readings, FloatArray, Any]]:
    """Of every fit: readings, left-out differences of the start, and what gold taught."""
    seen: list[tuple[Readings, FloatArray, Any]] = []

    def watched(readings: Readings, *rest: Any) -> Any:
        found = learn_from_gold(readings, *rest)
        seen.append((readings, rest[-1], found[0]))
        return found

    monkeypatch.setattr("weaklabel.reward.functions.model.learn_from_gold", watched)
    return seen


def test_gold_touches_neither_readings_nor_the_start_of_agreement(
    pairs: Pairs, monkeypatch: pytest.MonkeyPatch
) -> None:
    seen = what_is_learned(monkeypatch)
    for gold in (pairs.y, 1 - pairs.y):
        FunctionsReward(lfs=LFS, start="agreement", **SMALL).fit(pairs, np.full(len(pairs), 0.5), gold=gold)
    (one, started, _), (two, again, _) = seen
    assert (started == again).all()
    assert (one.agreed == two.agreed).all()
    assert all((one.differences[shape] == two.differences[shape]).all() for shape in one.differences)


def test_the_gold_of_a_prompt_never_reaches_what_the_start_says_of_it(
    pairs: Pairs, monkeypatch: pytest.MonkeyPatch
) -> None:
    seen, own = what_is_learned(monkeypatch), pairs.prompt_groups == pairs.prompt_groups[0]
    for gold in (pairs.y, np.where(own, 1 - pairs.y, pairs.y)):
        FunctionsReward(lfs=(*LFS, knows), **SMALL).fit(pairs, np.full(len(pairs), 0.5), gold=gold)
    (_, started, _), (_, again, _) = seen
    assert (
        np.abs(started - again)[:3].max() < 1e-6
    )  # not 0: where the solver begins knows it, where it ends does not
    assert np.abs(started - again)[3:].max() > 1e-3  # those of other prompts hear of it


def test_a_left_out_logit_does_not_follow_the_gold_of_its_own_prompt(
    pairs: Pairs, monkeypatch: pytest.MonkeyPatch
) -> None:
    seen = what_is_learned(monkeypatch)
    prompt = pairs.prompt_groups == pairs.prompt_groups[0]
    flipped = np.where(prompt, 1 - pairs.y, pairs.y)
    one = fitted(pairs)
    two = FunctionsReward(lfs=LFS, **SMALL).fit(pairs, np.full(len(pairs), 0.5), gold=flipped)
    own, rows = pairs.take(prompt), prompt[pairs.has_gold]
    left_out = np.abs(seen[0][2].held_out[rows] - seen[1][2].held_out[rows]).max()
    p, q = one.compare(own), two.compare(own)
    in_sample = np.abs(np.log(p / (1 - p)) - np.log(q / (1 - q))).max()
    # Not 0: the curvature, and shares that other prompts chose, know of it at one remove.
    assert left_out < 0.25 * in_sample


def test_beliefs_of_labels_are_not_learned_from(pairs: Pairs, model: FunctionsReward) -> None:
    rng, new = np.random.default_rng(0), coloured(50, 0, seed=6)
    other = FunctionsReward(lfs=LFS, **SMALL).fit(pairs, rng.random(len(pairs)), gold=pairs.y)
    assert (other.compare(new) == model.compare(new)).all()


# -------------------------------------------------------------------------------------------- fallback


def test_below_twenty_gold_pairs_it_is_the_linear_model_of_gold_alone() -> None:
    pairs = coloured(200, 18)
    model, known = fitted(pairs), pairs.take(pairs.has_gold)
    linear = LinearReward(**SMALL).fit(known, known.y, gold=known.y)
    new = coloured(50, 0, seed=6)
    assert (model.compare(new) == linear.compare(new)).all()
    assert "18 decided gold pairs on 6 prompts are too few" in model.notes[0]
    assert "gold alone" in model.notes[0]


def test_gold_on_a_handful_of_prompts_is_too_little() -> None:
    pairs = coloured(200, 60)
    same = pairs.table.set_column(1, "prompt", [[f"Which, {i // 20}?" for i in range(200)]])
    assert "60 decided gold pairs on 3 prompts" in fitted(Pairs(same)).notes[0]


def test_ties_count_as_no_gold_to_begin_with() -> None:
    pairs = coloured(200, 40)
    tied = np.where(np.arange(200) < 30, 0.5, pairs.y)
    model = FunctionsReward(lfs=LFS, **SMALL).fit(pairs, np.full(200, 0.5), gold=tied)
    assert "10 decided gold pairs" in model.notes[0]


def test_without_functions_it_is_the_linear_model_of_what_it_is_taught(pairs: Pairs) -> None:
    rng, new = np.random.default_rng(0), coloured(50, 0, seed=6)
    p, w = rng.random(len(pairs)), rng.random(len(pairs))
    model = FunctionsReward(**SMALL).fit(pairs, p, w, gold=pairs.y)
    assert (model.compare(new) == LinearReward(**SMALL).fit(pairs, p, w, gold=pairs.y).compare(new)).all()
    assert model.notes[0].startswith("no labeling functions were given")


def test_without_any_gold_beliefs_teach() -> None:
    pairs = coloured(200, 0)
    model = FunctionsReward(lfs=LFS, **SMALL).fit(pairs, np.linspace(0, 1, 200))
    assert "of the labels' beliefs" in model.notes[0]


# ------------------------------------------------------------------------------------ votes and faults


def test_votes_at_hand_are_the_votes_worked_out(pairs: Pairs, model: FunctionsReward) -> None:
    votes = wl.apply([length, *LFS[:2], on_grey], pairs)
    given = fitted(pairs, votes=votes)
    new = coloured(50, 0, seed=6)
    assert (given.compare(new) == model.compare(new)).all()


def test_votes_of_other_pairs_are_refused(pairs: Pairs) -> None:
    votes: Votes = wl.apply(LFS, pairs.take(np.arange(10)))
    with pytest.raises(wl.errors.LabelMatrixError, match="the votes lack pair"):
        fitted(pairs, votes=votes)


def test_silent_functions_leave_the_texts() -> None:
    @wl.response_scorer
    def constant(response: str) -> int:
        return 1

    model = fitted(coloured(300, 120), (constant,))
    assert accuracy(model, coloured(200, 0, seed=9)) > 0.7


@pytest.mark.filterwarnings("ignore::weaklabel.errors.FaultWarning")
def test_a_response_on_which_a_function_fails_counts_as_one_it_cannot_score(pairs: Pairs) -> None:
    @wl.response_scorer(batch=True)
    def fussy(response: Any) -> Any:
        texts = response.series.to_list()
        if any("boom" in text for text in texts):
            raise ValueError("boom")
        return np.array([float(text.count("red")) for text in texts])

    model = fitted(pairs, (fussy, blues))
    scores = model.score(["q", "q"], ["red red boom", "red red"])
    assert scores[1] == model.score(["q"], ["red red"])[0]
    assert np.isnan({r.name: r for r in model.explain("q", "boom").reasons}["fussy"].score)
    with pytest.warns(
        FaultWarning, match=r"'fussy' failed on .*First it raised ValueError: boom in \S+\.py:\d+\.$"
    ):
        model.score(["q"], ["boom"])


def test_what_is_no_labeling_function_is_refused() -> None:
    with pytest.raises(ConfigError, match="lfs holds something else than labeling functions"):
        FunctionsReward(lfs=[len])  # type: ignore[list-item]
    with pytest.raises(ConfigError, match="l2 is -1"):
        get_reward_model("functions", l2=-1.0)
    with pytest.raises(ConfigError, match=r"start is 'some'\. Allowed: auto, none, agreement, labels"):
        get_reward_model("functions", start="some")


# -------------------------------------------------------------------------------------- from the labels


def test_labels_bring_their_functions_and_votes(pairs: Pairs, labels: Labels) -> None:
    assert labels.lfs == LFS
    taught, new = wl.train_reward(labels, "functions", **SMALL), coloured(50, 0, seed=6)
    model = fitted(pairs.take((labels.w > 0) | pairs.has_gold))  # pairs without a vote teach nothing
    assert [lf.name for lf in taught.scorers_] == [lf.name for lf in LFS]
    assert np.abs(taught.compare(new) - model.compare(new)).max() < 1e-12


def test_functions_may_be_given_instead(pairs: Pairs, labels: Labels) -> None:
    few = wl.train_reward(labels, "functions", lfs=[reds], **SMALL)
    assert [lf.name for lf in few.scorers_] == ["reds"]
    from_pairs = wl.train_reward(pairs, "functions", lfs=[reds, blues], **SMALL)
    assert [lf.name for lf in from_pairs.scorers_] == ["reds", "blues"]


def test_some_rows_of_labels_bring_the_functions_along(labels: Labels) -> None:
    assert labels[:5].lfs == labels.take([1, 1]).lfs == LFS


def test_it_is_the_default_where_there_are_functions(pairs: Pairs, labels: Labels) -> None:
    some, few = labels[:40], pairs.take(np.arange(40))
    assert wl.train_reward(some, **SMALL).name == "functions"
    assert wl.train_reward(few, lfs=[reds], **SMALL).name == "functions"
    assert (
        wl.train_reward(replace(some, lfs=()), **SMALL).name == wl.train_reward(few, **SMALL).name == "linear"
    )


def test_of_many_pairs_without_gold_some_are_read_and_it_says_so(
    pairs: Pairs, model: FunctionsReward, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked: list[int] = []
    known = wl.response_scorer(
        lambda response: float(asked.append(1) or response.count("red")), name="counted"
    )
    monkeypatch.setattr("weaklabel.reward.functions.pool.POOL", 30)
    some = fitted(pairs, (known, blues))
    without = int((~pairs.has_gold).sum())
    assert f"of {without:,} pairs without gold it read 30, enough for its curves." in some.notes
    assert not any("without gold it read" in note for note in model.notes)
    n_read = 30 + int(pairs.has_gold.sum())
    assert len(asked) <= 4 * n_read < 4 * len(pairs)  # votes and scores, of two responses each
    assert accuracy(some, coloured(200, 200, seed=9)) > 0.7
    again = fitted(pairs, (known, blues))
    assert (again.compare(pairs) == some.compare(pairs)).all()


def test_ties_alone_teach_no_direction_so_beliefs_do() -> None:
    pairs = coloured(200, 0)
    tied = np.where(np.arange(200) < 60, 0.5, np.nan)
    p = np.array([0.9 if worth(b) > worth(a) else 0.1 for a, b in texts_of(pairs)])
    model = FunctionsReward(lfs=LFS, **SMALL).fit(pairs, np.where(np.isnan(tied), p, 0.5), gold=tied)
    assert "of the labels' beliefs" in model.notes[0]
    assert not model.calibrated
    assert accuracy(model, coloured(200, 0, seed=9)) > 0.7


def test_votes_of_another_function_of_that_name_are_not_taken(pairs: Pairs, labels: Labels) -> None:
    other = wl.response_scorer(lambda response: -response.count("red"), name="reds")
    lfs = [other, *LFS[1:]]
    new = coloured(50, 0, seed=6)
    given = wl.train_reward(labels, "functions", lfs=lfs, **SMALL)
    fresh = wl.train_reward(labels, "functions", lfs=lfs, votes=wl.apply(lfs, pairs), **SMALL)
    assert (given.compare(new) == fresh.compare(new)).all()


def test_votes_are_votes() -> None:
    with pytest.raises(ConfigError, match="votes is a int"):
        FunctionsReward(lfs=LFS, votes=3)  # type: ignore[arg-type]
