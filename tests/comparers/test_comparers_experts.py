"""Experts that are functions: checkers, scores as comparers, simulated comparers; and comparers by name."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from made_pairs import made_pairs

from weaklabel.comparers import open_comparer
from weaklabel.comparers.checker import Checker
from weaklabel.comparers.checks import check_comparer
from weaklabel.comparers.expert import ByScore, check_scores
from weaklabel.comparers.people import People
from weaklabel.comparers.simulated import Simulated
from weaklabel.errors import (
    ConfigError,
    DataError,
    DiscoveryError,
    LabelingFunctionError,
    LabelMatrixError,
    UnknownNameError,
)
from weaklabel.lf import response_scorer
from weaklabel.types import Comparer, FloatArray, Pairs, sigmoid

FOUR = Checker(lambda prompt, response: response.strip() == "4", name="four")


def pairs_of(n: int, seed: int = 0) -> Pairs:
    rng = np.random.default_rng(seed)
    sizes = rng.integers(1, 40, (n, 2))
    return made_pairs([("x" * a + f" {i}", "y" * b + f" {i}") for i, (a, b) in enumerate(sizes)])


class First(Comparer):
    """The truth here: the response with an x."""

    def compare(self, pairs: Pairs) -> FloatArray:
        return np.array([float("x" in p.response_b) for p in pairs])


@response_scorer
def length(response):
    return float(len(response))


def test_a_checker_prefers_what_is_right() -> None:
    pairs = made_pairs([("4", "5"), ("5", "4"), ("4", " 4"), ("5", "6")])
    assert FOUR.comparer().compare(pairs).tolist() == [0.0, 1.0, 0.5, 0.5]
    check_comparer(FOUR.comparer(), pairs)


def test_checkers_that_stand_in_no_file_are_told_apart_by_their_code() -> None:
    made: dict[str, Any] = {}
    exec("four = lambda p, r: '4' in r\nfive = lambda p, r: '5' in r", made)  # as cells of a notebook are
    four, five = Checker(made["four"]), Checker(made["five"])
    assert four.name == five.name
    assert four.code_hash() != five.code_hash()
    assert four.code_hash() == Checker(made["four"], name="another").code_hash()


def test_a_checker_without_a_function_is_told_how_to_name_one() -> None:
    with pytest.raises(ConfigError, match=r"'checks\.py' names no function\. Write module:function"):
        Checker.named("checks.py")


def test_a_checker_that_raises_names_the_response() -> None:
    with pytest.raises(DataError, match=r"'number' raised ValueError: .* on the response 'four'"):
        Checker(lambda prompt, response: float(response), name="number").score(["q"], ["four"])


def test_scores_become_log_odds_where_their_unit_is_known() -> None:
    class Reward:
        def score(self, prompts, responses):
            return np.array([float(len(response)) for response in responses])

    pairs = made_pairs([("x", "yyy"), ("xx", "y")])
    assert ByScore(Reward(), scale=0.5).compare(pairs) == pytest.approx(sigmoid(np.array([1.0, -0.5])))
    check_comparer(ByScore(Reward(), scale=0.5), pairs_of(8))
    for scale in (0, -1, float("nan")):
        with pytest.raises(ConfigError, match="scale is"):
            ByScore(Reward(), scale=scale)
    with pytest.raises(ConfigError, match="has no score"):
        ByScore(First())  # type: ignore[arg-type]


@pytest.mark.parametrize("accuracy", [0.6, 0.85])
def test_a_simulated_comparer_is_as_accurate_as_it_says(accuracy: float) -> None:
    pairs = pairs_of(4000)
    right = Simulated(First(), accuracy=accuracy, seed=3).compare(pairs) == First().compare(pairs)
    assert right.mean() == pytest.approx(accuracy, abs=0.03)


def test_its_errors_stay_with_the_pair() -> None:
    pairs = pairs_of(300)
    simulated = Simulated(First(), accuracy=0.7, seed=1)
    check_comparer(simulated, pairs)
    other = Simulated(First(), accuracy=0.7, seed=2).compare(pairs)
    assert 0.3 < (other != simulated.compare(pairs)).mean() < 0.55  # 2 x .7 x .3 expected


def test_a_bias_pulls_towards_what_its_scorer_likes() -> None:
    pairs = pairs_of(3000)
    soft = Simulated(First(), accuracy=0.8, biases=[(length, 1.0)], soft=True).compare(pairs)
    gap = np.array([np.sign(len(p.response_b) - len(p.response_a)) for p in pairs])
    truth = 2 * First().compare(pairs) - 1
    assert soft == pytest.approx(sigmoid(truth * np.log(4) + gap))
    drawn = Simulated(First(), accuracy=0.8, biases=[(length, 1.0)]).compare(pairs)
    assert drawn[gap > 0].mean() == pytest.approx(soft[gap > 0].mean(), abs=0.03)
    check_comparer(Simulated(First(), accuracy=0.8, biases=[(length, 1.0)]), pairs.take(np.arange(40)))


def test_the_truth_and_a_coin_are_its_ends() -> None:
    pairs = pairs_of(1000)
    assert (Simulated(First(), accuracy=1.0).compare(pairs) == First().compare(pairs)).all()
    coin = Simulated(First(), accuracy=0.5).compare(pairs)
    assert (coin == First().compare(pairs)).mean() == pytest.approx(0.5, abs=0.06)
    for accuracy in (0.4, 1.1, float("nan")):
        with pytest.raises(ConfigError, match="accuracy is"):
            Simulated(First(), accuracy=accuracy)
    with pytest.raises(ConfigError, match="weight of 'length'"):
        Simulated(First(), accuracy=0.8, biases=[(length, float("inf"))])


def test_where_truth_is_a_tie_it_is_a_coin() -> None:
    class Tie(Comparer):
        def compare(self, pairs: Pairs) -> FloatArray:
            return np.full(len(pairs), 0.5)

    assert Simulated(Tie(), accuracy=1.0).compare(pairs_of(1000)).mean() == pytest.approx(0.5, abs=0.06)


def test_comparers_are_found_by_name(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "checks.py").write_text(
        "def four(prompt, response):\n    return response == '4'\n\ndef one(response):\n    return 1\n\nNUMBER = 3\n"
    )
    monkeypatch.chdir(tmp_path)
    pairs = made_pairs([("4", "5")])
    assert open_comparer("checks.py:four").compare(pairs).tolist() == [0.0]
    people = open_comparer("people:questions.jsonl")
    assert isinstance(people, People)
    for name, error, match in (
        ("checks.py:one", ConfigError, r"cannot be called with \(prompt, response\)"),
        ("checks.py:NUMBER", ConfigError, "is a int that cannot be called"),
        ("checks.py:none", UnknownNameError, "none"),
        ("no_such_module_here:four", DiscoveryError, "no_such_module_here"),
        ("runs/none", ConfigError, r"comparer 'runs/none': there is no such folder\. Allowed"),
        ("people:", ConfigError, "Allowed: a folder"),
    ):
        with pytest.raises(error, match=match):
            open_comparer(name)


def test_a_bias_that_fails_is_told() -> None:
    @response_scorer
    def fails(response):
        raise KeyError("no such word")

    with pytest.raises(LabelingFunctionError, match="the bias 'fails' raised"):
        Simulated(First(), accuracy=0.8, biases=[(fails, 1.0)]).compare(pairs_of(3))
    with pytest.raises(ConfigError, match="a bias is a function"):
        Simulated(First(), accuracy=0.8, biases=[(lambda response: 1.0, 1.0)])  # type: ignore[list-item]


def test_a_checker_is_given_what_its_arguments_are_called_whatever_their_order() -> None:
    asked, answers = ["tree", "tree"], ["a tree", "a stone"]
    for function in (
        lambda prompt, response: prompt in response,
        lambda response, prompt: prompt in response,
        lambda x, y: x in y,
    ):
        assert Checker(function, name="echoes").score(asked, answers).tolist() == [1.0, 0.0]


@pytest.mark.parametrize(
    ("scores", "said"),
    [
        ([1.0, 2.0], "returned shape (2,) for 3 responses. Return one"),
        ([[1.0], [2.0], [3.0]], "returned shape (3, 1) for 3 responses. Return one"),
        (
            [1.0, float("nan"), float("-inf")],
            "returned 2 of 3 scores that are not finite, the first for response 1: nan. Return one",
        ),
        (["a", "b", "c"], "returned a list that holds something else than numbers. Return one"),
    ],
)
def test_scores_are_refused_for_the_one_fault_that_they_have(scores: Any, said: str) -> None:
    with pytest.raises(LabelMatrixError) as caught:
        check_scores("mine", scores, 3)
    assert str(caught.value) == f"expert 'mine' {said} finite number per response."


def test_scores_of_the_right_shape_are_float64() -> None:
    found = check_scores("mine", [1, 2, 3], 3)
    assert found.dtype == np.float64
    assert found.tolist() == [1.0, 2.0, 3.0]
