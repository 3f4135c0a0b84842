"""What best of n is made of, without a model: samples in columns, win rates, the choice, spreads, the curve, settings."""

from __future__ import annotations

from itertools import combinations
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from made_pairs import made_pairs

from weaklabel.comparers.checker import Checker
from weaklabel.comparers.expert import ByScore
from weaklabel.comparers.metered import Metered
from weaklabel.comparers.out_of_fold import N_FOLDS, OutOfFold
from weaklabel.comparers.people import People
from weaklabel.data.asked.prompts import Prompt
from weaklabel.errors import ConfigError, DataError, GoldError, LabelMatrixError, WaitingError, WeaklabelError
from weaklabel.reward.evaluation import LastLayer
from weaklabel.reward.linear import LinearReward
from weaklabel.servers.protocol import Reply
from weaklabel.stages.best_of.cautious import by_folds, by_laplace, by_models, scored
from weaklabel.stages.best_of.choosing import choose
from weaklabel.stages.best_of.curve import Curve
from weaklabel.stages.best_of.judging import SCORE, WIN_RATE, Judge, win_rates
from weaklabel.stages.best_of.sampled import Draws, prompts_of
from weaklabel.stages.best_of.settings import BestOfSettings
from weaklabel.stages.materials import Materials
from weaklabel.stages.taught import Taught
from weaklabel.types import Comparer, FloatArray, Pairs


def draws_of(*groups: list[str]) -> Draws:
    """Samples of one prompt each; "" is an empty one, "..." one without room."""
    prompts = [Prompt.of(f"question {k}") for k in range(len(groups))]
    replies = [
        [Reply("", finish="too_long") if text == "..." else Reply(text, finish="stop") for text in group]
        for group in groups
    ]
    return Draws.of_replies(prompts, replies)


class Longer(Comparer):
    """P(B beats A) rises with the difference in length."""

    def compare(self, pairs: Pairs) -> FloatArray:
        a, b = (pairs.table[name].to_pylist() for name in ("response_a", "response_b"))
        return np.array([1 / (1 + np.exp(len(x) - len(y))) for x, y in zip(a, b, strict=True)])


class Length:
    def score(self, prompts: Any, responses: Any) -> FloatArray:
        return np.array([float(len(response)) for response in responses])


def test_samples_are_columns_of_what_can_be_used() -> None:
    draws = draws_of(["a", " b ", "", "a"], ["", "..."], ["c"])
    assert draws.texts == ["a", "b", "a", "c"]
    assert draws.of.tolist() == [0, 0, 0, 2]
    assert draws.number.tolist() == [0, 1, 3, 0]
    assert draws.sizes.tolist() == [3, 0, 1]
    assert [rows.tolist() for rows in draws.rows] == [[0, 1, 2], [], [3]]
    assert draws.first.tolist() == [0, 1, 0, 3]
    assert draws.counts == {
        "prompts": 3,
        "samples": 7,
        "empty samples": 2,
        "samples without room": 1,
        "repeated samples": 1,
    }
    pairs, i, j = draws.every_two()
    assert (len(pairs), i.tolist(), j.tolist()) == (1, [0], [1])


@pytest.mark.parametrize(
    ("groups", "differ"),
    [([["a", "a"], ["b"], [""]], False), ([["a"], ["b", "c"]], True), ([[""], ["a"]], False)],
)
def test_whether_any_prompt_leaves_a_choice(groups: list[list[str]], differ: bool) -> None:
    assert draws_of(*groups).differ is differ


def test_equal_samples_of_two_prompts_are_two() -> None:
    assert draws_of(["a", "b"], ["a"]).first.tolist() == [0, 1, 2]


@pytest.mark.parametrize("seed", range(4))
def test_win_rates_are_means_over_the_other_samples(seed: int) -> None:
    rng = np.random.default_rng(seed)
    draws = draws_of(*[["x" * k for k in rng.integers(1, 5, size)] for size in (5, 2, 1, 6)])
    pairs, i, j = draws.every_two()
    found = win_rates(draws, i, j, Longer().compare(pairs))
    for rows in draws.rows:
        for one in rows:
            others = [other for other in rows if other != one]
            chances = [1 / (1 + np.exp(len(draws.texts[k]) - len(draws.texts[one]))) for k in others]
            assert found[one] == pytest.approx(np.mean(chances) if chances else 0.5)


def test_win_rates_and_scores_put_samples_in_one_order() -> None:
    draws = draws_of(["aaa", "b", "cccc", "b"], ["d", "ee"])
    by_wins = Judge.of(Longer(), "wins")
    by_score = Judge.of(Length(), "scores")
    assert (by_wins.measures, by_score.measures) == (WIN_RATE, SCORE)
    assert by_score.scores(draws).tolist() == [3, 1, 4, 1, 1, 2]
    chosen = [choose(draws, judge.scores(draws)) for judge in (by_wins, by_score)]
    assert [each.best.tolist() for each in chosen] == [[2, 5], [2, 5]]
    assert [each.worst.tolist() for each in chosen] == [[1, 4], [1, 4]]


def test_each_different_sample_is_scored_once() -> None:
    asked: list[str] = []

    def check(prompt: str, response: str) -> float:
        asked.append(response)
        return 1.0

    Judge.of(check, "counts").scores(draws_of(["a", "a", "b"], ["a"]))
    assert asked == ["a", "b", "a"]


def test_who_can_score_and_who_compares(tmp_path: Path) -> None:
    pairs = made_pairs([("red", "green")] * 4)
    reward = LinearReward(n_features=8).fit(pairs, np.ones(4))
    kinds = [reward, ByScore(Length()), Metered(Length(), name="m"), Checker(lambda p, r: True).comparer()]
    assert [Judge.of(each, "x").measures for each in kinds] == [SCORE] * 4
    compares = [Longer(), Metered(Longer(), name="m"), People(tmp_path / "q.jsonl")]
    assert [Judge.of(each, "x").measures for each in compares] == [WIN_RATE] * 3
    with pytest.raises(ConfigError, match=r"x is a int. Give a comparer"):
        Judge.of(3, "x")


def test_people_are_asked_about_all_pairs_at_once(tmp_path: Path) -> None:
    judge = Judge.of(People(tmp_path / "q.jsonl"), "people")
    with pytest.raises(WaitingError, match="4 of 4 questions"):
        judge.scores(draws_of(["a", "b", "c"], ["a", "d"]))


@pytest.mark.parametrize("score", [np.nan, np.inf])
def test_a_score_that_is_no_number_is_refused_in_one_line(score: float) -> None:
    class Broken:
        def score(self, prompts: Any, responses: Any) -> FloatArray:
            return np.full(len(responses), score)

    with pytest.raises(
        LabelMatrixError, match=r"'the comparer' returned .* scores that are not finite"
    ) as told:
        Judge.of(Broken(), "the comparer").scores(draws_of(["a", "b"]))
    assert "\n" not in str(told.value)


def test_of_equal_values_the_first_drawn_is_chosen_and_no_choice_is_counted() -> None:
    draws = draws_of(["a", "b", "c"], ["d", "e"], ["f"], [], ["g", "g"])
    chosen = choose(draws, np.array([1.0, 1.0, 0.0, 2.0, 2.0, 0.0, 3.0, 3.0]))
    assert (chosen.best.tolist(), chosen.worst.tolist()) == ([0], [2])
    assert (chosen.equal, chosen.few) == (2, 2)


# ------------------------------------------------------------------------------------------ spreads
def taught(n: int = 60) -> Taught:
    rng = np.random.default_rng(0)
    words = ["red", "green", "blue", "small", "large"]
    texts = [tuple(" ".join(rng.choice(words, 3)) for _ in range(2)) for _ in range(n)]
    gold = ["b" if b.count("red") >= a.count("red") else "a" for a, b in texts]
    return Taught.of(made_pairs(texts, gold=gold), who="test")


DRAWS = (["red red", "green small", "blue", "a new word"], ["large", "red small blue"])


def test_by_laplace_the_value_is_the_score_less_lambda_times_the_spread() -> None:
    learned = taught()
    reward = LinearReward(n_features=64).fit(learned.pairs, learned.p, learned.w)
    judge, draws = Judge.of(reward, "reward"), draws_of(*DRAWS)
    found = scored(judge.scores(draws), draws, by_laplace(judge, learned, 0), 0.7)
    spread = LastLayer(reward, learned.pairs, learned.w).spread(draws.asked, draws.texts, draws.of)
    assert found.score == pytest.approx(reward.score(draws.asked, draws.texts))
    assert found.value == pytest.approx(found.score - 0.7 * spread)
    with pytest.raises(ConfigError, match=r"linear or minilm-frozen. This is a ByScore"):
        by_laplace(Judge.of(Length(), "x"), learned, 0)


def test_by_models_mean_and_spread_are_those_of_the_models_less_each_prompt() -> None:
    class Half(Length):
        def score(self, prompts: Any, responses: Any) -> FloatArray:
            return 100 + super().score(prompts, responses) / 2  # another zero, which says nothing

    draws = draws_of(["a", "bbb"], ["cc", "dd", "eeeeeeee"])
    judge = Judge.of(Length(), "length")
    found = scored(judge.scores(draws), draws, by_models(judge, [Judge.of(Half(), "half")]), 1.0)
    assert found.score == pytest.approx([(n + 100 + n / 2) / 2 for n in (1, 3, 2, 2, 8)])
    away = np.array([-1, 1, -2, -2, 4])  # of the lengths, from their prompt's mean
    assert found.spread == pytest.approx(np.abs(away - away / 2) / np.sqrt(2))
    with pytest.raises(ConfigError, match="the comparer gives a score and other a win rate"):
        by_models(judge, [Judge.of(Longer(), "other")])


def test_by_folds_the_spread_is_of_rewards_that_each_left_prompts_out() -> None:
    learned = taught()
    reward = LinearReward().fit(learned.pairs, learned.p)
    judge, draws = Judge.of(reward, "reward"), draws_of(*DRAWS)
    found = scored(judge.scores(draws), draws, by_folds(judge, learned, 0), 1.0)
    scores = OutOfFold(learned.pairs).scores(draws.asked, draws.texts)
    assert scores.shape == (N_FOLDS, 6)
    away = np.hstack([part - part.mean(axis=1, keepdims=True) for part in (scores[:, :4], scores[:, 4:])])
    assert found.spread == pytest.approx(away.std(axis=0, ddof=1))
    assert found.score == pytest.approx(reward.score(draws.asked, draws.texts))
    with pytest.raises(GoldError, match="It needs 50"):
        by_folds(judge, taught(20), 0)
    with pytest.raises(ConfigError, match="in the unit of a reward model, and the comparer is a ByScore"):
        by_folds(Judge.of(Length(), "x"), learned, 0)


def test_without_a_spread_the_value_is_the_score() -> None:
    judge = Judge.of(Length(), "length")
    found = scored(judge.scores(draws_of(["a", "bb"])), draws_of(["a", "bb"]), None, 0.0)
    assert found.spread is None
    assert found.value.tolist() == found.score.tolist() == [1, 2]


# ------------------------------------------------------------------------------------------ the curve
def test_the_curve_is_the_mean_over_prompts_of_all_choices_of_n() -> None:
    rng = np.random.default_rng(1)
    draws = draws_of(*[[f"{k} {n}" for n in range(4)] for k in range(5)])
    value, held = rng.normal(size=20), rng.normal(size=20)
    curve = Curve.of(draws, value, held, 0)
    for n in range(1, 5):
        best = [
            max(some, key=lambda at: value[at])
            for rows in draws.rows
            for some in combinations(rows.tolist(), n)
        ]
        assert curve.mean("reward", n).value == pytest.approx(value[best].mean())
        assert curve.mean("held_out", n).value == pytest.approx(held[best].mean())
    rows = list(curve.rows())
    assert [row["n"] for row in rows] == [1, 2, 3, 4]
    assert rows[0]["kl_bound"] == 0
    assert rows[3]["reward_gain"]["value"] == pytest.approx(rows[3]["reward"]["value"] - value.mean())
    assert "by the held-out reward" in curve.picture().svg()


@pytest.mark.parametrize("sizes", [[3, 4, 1, 3], [1, 2, 4, 4], [2, 2, 5], [6], [0, 3], [0, 0, 3]])
def test_the_curve_ends_where_half_of_the_prompts_have_as_many_samples(sizes: list[int]) -> None:
    draws = draws_of(*[[f"{k}" for k in range(size)] + [""] for size in sizes])
    curve = Curve.of(draws, np.arange(len(draws), dtype=float), None, 0)
    have = [sum(size >= n for size in sizes) for n in range(max(sizes) + 2)]
    expected = max(n for n in range(len(have)) if 2 * have[n] >= len(sizes))
    assert curve.most == max(1, expected)
    assert curve.means["reward"].shape == (have[curve.most], curve.most)
    assert curve.left_out == len(sizes) - have[curve.most]
    assert list(curve.remarks()) == (
        [
            f"the curve ends at n = {curve.most}; it rests on the {have[curve.most]} of {len(sizes)} prompts that have as many usable "
            "samples."
        ]
        if curve.left_out
        else []
    )


def test_a_held_out_reward_that_falls_is_told() -> None:
    draws = draws_of(*[[f"{k} {n}" for n in range(8)] for k in range(30)])
    rng = np.random.default_rng(0)
    value = rng.random(len(draws))
    hacked = np.where(value > 0.8, -3.0, value)
    (said,) = Curve.of(draws, value, hacked, 0).remarks()
    assert "the held-out reward is highest at n = " in said
    (said,) = Curve.of(draws, value, rng.random(len(draws)) * 0.001, 0).remarks()
    assert "does not clearly gain" in said
    assert not list(Curve.of(draws, value, value, 0).remarks())


# ------------------------------------------------------------------------------------------ settings and prompts
@pytest.mark.parametrize(
    ("given", "said"),
    [
        ({"num_generations": 1}, "the best of one sample is no choice"),
        ({"temperature": 0.0}, "all samples of a prompt are one"),
        ({"pessimism": 1.0}, "nothing says how unsure a score is"),
        ({"pessimism": -1.0, "spread": "laplace"}, "pessimism is -1.0. Allowed: 0 to 1e6"),
        ({"spread": "bayes"}, 'spread is \'bayes\'. Allowed: "laplace", "folds", "models"'),
        ({"spread": "models"}, "with 0 spread_models"),
        ({"spread": "folds", "spread_models": ["a"]}, "with 1 spread_models"),
        ({"spread_models": "abc"}, "spread_models is 'abc'|spread_models"),
        ({"spread_data": "x.jsonl"}, 'Only "laplace" and "folds" rest on pairs'),
        ({"samples_dir": ""}, "samples_dir is ''"),
        ({"batch_size": 0}, "batch_size"),
        ({"model": "m"}, "got both of model and from_scratch"),
        ({"learning_rate": 1e-3}, "no setting of best_of 'learning_rate'"),
        ({"columns": {"prompt": 3}}, r"columns\['prompt'\] is 3"),
    ],
)
def test_a_setting_that_cannot_be_is_refused_in_one_line(given: dict[str, Any], said: str) -> None:
    with pytest.raises(WeaklabelError, match=said) as told:
        BestOfSettings(**{"from_scratch": "tiny"} | given)
    assert "\n" not in str(told.value)


def test_settings_tell_no_path_and_no_name_of_a_comparer() -> None:
    told = BestOfSettings(model="/m", data="/d", comparer="/c", held_out="/h", samples_dir="/s").told()
    assert not [value for value in told.values() if isinstance(value, str) and value.startswith("/")]
    assert told["num_generations"] == 16


def test_locked_prompts_are_left_out_and_nothing_else_is_asked(tmp_path: Path) -> None:
    rows = [{"prompt": "a", "part": "test"}, {"prompt": "b", "part": "dev"}, {"prompt": "c"}, {"prompt": "b"}]
    found, locked = prompts_of(None, {}, Materials(source=rows))
    assert ([prompt.text for prompt in found.prompts], locked) == (["b", "c"], 1)
    with pytest.raises(DataError, match="all 1 prompts are in the locked test part"):
        prompts_of(None, {}, Materials(source=rows[:1]))
    with pytest.raises(ConfigError, match=r"no prompts to sample. Give data"):
        prompts_of(None, {}, Materials())
    (tmp_path / "none.jsonl").write_text("")
    with pytest.raises(DataError, match=r"none.jsonl"):
        prompts_of(str(tmp_path / "none.jsonl"), {}, Materials())
    (tmp_path / "q.jsonl").write_text('{"q": "one?"}\n')
    found, _ = prompts_of(str(tmp_path / "q.jsonl"), {"prompt": "q"}, Materials())
    assert [prompt.text for prompt in found.prompts] == ["one?"]
