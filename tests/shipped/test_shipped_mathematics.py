"""The family `mathematics` on solutions that can be checked by eye."""

from __future__ import annotations

import math

import pytest

from weaklabel.lf.core import ResponseScorer
from weaklabel.lf.discovery import load_lfs
from weaklabel.types import PREFER_A, Pair

BY_NAME = {lf.name: lf for lf in load_lfs("shipped:mathematics")}
PENS = "Ann buys 3 boxes of 4 pens and loses 2 of them. How many pens are left?"
RIGHT = "She buys 3*4=<<3*4=12>>12 pens.\nSo 12-2=<<12-2=10>>10 pens are left.\nA: 10"


def score(name: str, response: str, prompt: str = PENS) -> float:
    scorer = BY_NAME[name]
    assert isinstance(scorer, ResponseScorer)
    return scorer.score(response, prompt)


@pytest.mark.parametrize(
    ("name", "worse"),
    [
        ("wrong_calculations", "She buys 3*4=<<3*4=13>>13 pens.\nSo 13-2=<<13-2=11>>11 pens are left.\nA: 11"),
        ("open_calculations", "Let X be pens: <<3*X=12>>12.\nSo 12-2=<<12-2=10>>10 pens are left.\nA: 10"),
        ("given_numbers_used", "She buys 3*4=<<3*4=12>>12 pens.\nA: 12"),
        ("given_behind_answer", "She buys 3*4=<<3*4=12>>12 pens.\nShe loses 4-2=<<4-2=2>>2.\nA: 12"),
        ("given_used_again", "She buys 3*4=<<3*4=12>>12 pens.\nSo 12-3=<<12-3=9>>9 pens are left.\nA: 9"),
        ("invented_numbers", "She buys 3*4=<<3*4=12>>12 pens.\nSo 12-7=<<12-7=5>>5 pens are left.\nA: 5"),
        ("stray_numbers", "She has 17 friends and buys 3*4=<<3*4=12>>12 pens.\nSo <<12-2=10>>10.\nA: 10"),
        ("unused_results", "She buys 3*4=<<3*4=12>>12 pens.\nSo 4-2=<<4-2=2>>2 pens are left.\nA: 2"),
        ("answer_from_last_result", "She buys 3*4=<<3*4=12>>12 pens.\nSo 12-2=<<12-2=10>>10.\nA: 12"),
        ("answer_was_given", "She loses 4-2=<<4-2=2>>2 pens.\nA: 2"),
        ("marks_its_answer", "She buys 3*4=<<3*4=12>>12 pens.\nSo 12-2=<<12-2=10>>10 pens are"),
        ("negative_results", "She loses 2-12=<<2-12=-10>>-10 pens.\nA: 10"),
        ("broken_answer", "Each box has 4/3=<<4/3=1.33>>1.33 pens.\nA: 1.33"),
        ("broken_results", "Each box has 4/3=<<4/3=1.3333>>1.3333 pens.\nA: 10"),
        ("asked_unit", "She buys 3*4=<<3*4=12>>12 pens.\nSo Ann keeps 12-2=<<12-2=10>>10 of these.\nA: 10"),
        ("idle_calculations", "She buys 3*1=<<3*1=3>>3 boxes.\nSo 12-2=<<12-2=10>>10 pens are left.\nA: 10"),
        ("calculations", "So 12-2=<<12-2=10>>10 pens are left.\nA: 10"),
    ],
)  # fmt: skip
def test_the_right_solution_wins(name: str, worse: str) -> None:
    assert BY_NAME[name](Pair("1", PENS, RIGHT, worse)) == PREFER_A


def test_every_function_of_the_family_has_an_example_above() -> None:
    (mark,) = (m for m in test_the_right_solution_wins.pytestmark if m.name == "parametrize")
    assert {name for name, _ in mark.args[1]} == set(BY_NAME)


@pytest.mark.parametrize("name", sorted(BY_NAME))
def test_of_a_text_without_a_number_nothing_is_said(name: str) -> None:
    assert math.isnan(score(name, "Whales sing to meet.", "Why do whales sing?"))


@pytest.mark.parametrize(
    ("name", "prompt", "response", "expected"),
    [
        # A percentage may stand as a share, as its rest, and as a whole number.
        ("given_numbers_used", "A 20% discount on $50?", "50*.8=<<50*.8=40>>40\nA: 40", 1.0),
        ("invented_numbers", "A 20% discount on $50?", "50*.8=<<50*.8=40>>40\nA: 40", 0.0),
        ("invented_numbers", "A 20% discount on $50?", "50*.7=<<50*.7=35>>35\nA: 35", 1.0),
        # Number words count, and what a week holds need not be given.
        ("given_behind_answer", "He runs twice a week, 5 miles each. How far?", "2*5=<<2*5=10>>10\nA: 10", 1.0),
        ("invented_numbers", "He runs 5 miles a day. How far in a week?", "5*7=<<5*7=35>>35\nA: 35", 0.0),
        ("invented_numbers", "He runs 5 miles a day. How far?", "5*9=<<5*9=45>>45\nA: 45", 1.0),
        ("broken_answer", "How much money is left of $5?", "5-2.5=<<5-2.5=2.5>>2.5\nA: 2.50", 0.5),
        ("answer_from_last_result", "", "1+1=<<1+1=2>>2, 2*5=<<2*5=10>>10\nA: 2", 0.5),
        # Two sums of the text are read where there are no marks.
        ("calculations", "", "So 3 * 4 = 12 and 12 - 2 = 10.", 2.0),
        ("wrong_calculations", "", "So 3 * 4 = 12 and 12 - 2 = 11.", 1.0),
        ("idle_calculations", "", "4-2=<<4-2=2>>2, 2-1=<<2-1=1>>1", 0.0),
        ("idle_calculations", "", "4+0=<<4+0=4>>4, 3*4=<<3*4=12>>12, 3*4=<<3*4=12>>12", 2.0),
        ("asked_unit", "How much does it cost?", "It costs 2*3=$<<2*3=6>>6.\nA: 6", 1.0),
    ],
)  # fmt: skip
def test_scores_can_be_counted_by_hand(name: str, prompt: str, response: str, expected: float) -> None:
    assert score(name, response, prompt) == expected
