"""The tasks of `refine_functions.py`: what is right and wrong by hand, and what each function looks at."""

from __future__ import annotations

import importlib.util
import random
import sys
from pathlib import Path
from typing import Any

import pytest

import weaklabel as wl

BENCHMARKS = Path(__file__).resolve().parent.parent / "benchmarks"
PURCHASE, UNSORTED = "Ann buys 3 pens at 4 dollars", "sort 3 1 3 2 9 5"


@pytest.fixture
def tasks(monkeypatch: pytest.MonkeyPatch) -> Any:
    name = "_refine_functions_tasks"
    spec = importlib.util.spec_from_file_location(name, BENCHMARKS / f"{name}.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    monkeypatch.setitem(sys.modules, name, module)
    spec.loader.exec_module(module)
    return module


def test_answers_are_those_worked_out_by_hand(tasks: Any) -> None:
    assert tasks.PRICES.right(PURCHASE) == "3 * 4 = 12 dollars"
    assert tasks.PRICES.learnable(PURCHASE) == "3 + 4 = 7 dollars"
    assert tasks.SORTING.right(UNSORTED) == "1 2 3 3 5 9"
    assert tasks.SORTING.learnable(UNSORTED) == "9 5 3 3 2 1"
    assert tasks.SORTING.learnable("sort 4 4 4 4 4 4") == "4 4 4 4 4"


def test_what_is_drawn_as_wrong_is_wrong_and_its_share_is_the_one_that_is_stated(tasks: Any) -> None:
    draw, stated = random.Random(0), tasks.LEARNABLE + tasks.AT_RANDOM
    for task in tasks.TASKS:
        prompts = task.prompts(2000, draw, set())
        assert len(set(prompts)) == 2000
        assert not any(
            task.is_right(p, text) for p in prompts for text in (task.learnable(p), task.at_random(p, draw))
        )
        wrong = sum(not task.is_right(p, task.demonstrated(p, draw)) for p in prompts) / 2000
        assert wrong == pytest.approx(stated, abs=0.035)  # three standard errors


@pytest.mark.parametrize(
    ("task", "name", "right", "wrong", "vote"),
    [
        ("PRICES", "calculation_holds", "3 * 4 = 12 dollars", "3 * 4 = 13 dollars", wl.PREFER_A),
        ("PRICES", "calculation_holds", "3 * 4 = 12 dollars", "3 + 4 = 7 dollars", wl.ABSTAIN),
        ("PRICES", "ends_in_given_currency", "3 * 4 = 12 dollars", "3 * 4 = 12 euros", wl.PREFER_A),
        ("PRICES", "number_and_unit", "3 * 4 = 12 dollars", "3 * 4 = 12", wl.PREFER_A),
        ("PRICES", "number_and_unit", "3 * 4 = 12 dollars", "3 * 4 = 12 euros", wl.ABSTAIN),
        ("PRICES", "larger_result", "3 * 4 = 12 dollars", "3 + 4 = 7 dollars", wl.PREFER_A),
        ("PRICES", "larger_result", "3 * 4 = 12 dollars", "3 * 4 = 13 dollars", wl.PREFER_B),  # its fault
        ("PRICES", "even_where_one_is_even", "3 * 4 = 12 dollars", "3 + 4 = 7 dollars", wl.PREFER_A),
        ("PRICES", "concise", "3 * 4 = 12 dollars", "3 + 4 = 7 dollars", wl.PREFER_B),  # it misleads
        ("SORTING", "items_kept", "1 2 3 3 5 9", "1 2 3 5 9", wl.PREFER_A),
        ("SORTING", "items_kept", "1 2 3 3 5 9", "9 5 3 3 2 1", wl.ABSTAIN),
        ("SORTING", "only_given_items", "1 2 3 3 5 9", "1 2 2 3 5 9", wl.PREFER_A),
        ("SORTING", "neighbours_rise", "1 2 3 3 5 9", "1 3 2 3 5 9", wl.ABSTAIN),  # four of five rise in both
        ("SORTING", "neighbours_rise", "1 2 3 3 5 9", "1 2 3 5 9", wl.PREFER_B),  # it forgot equal ones
        ("SORTING", "begins_with_smallest", "1 2 3 3 5 9", "9 5 3 3 2 1", wl.PREFER_A),
        ("SORTING", "large_ones_first", "1 2 3 3 5 9", "9 5 3 3 2 1", wl.PREFER_B),  # it misleads
    ],
)
def test_a_function_votes_by_its_trait_and_errs_where_it_is_meant_to(
    tasks: Any, task: str, name: str, right: str, wrong: str, vote: int
) -> None:
    of = getattr(tasks, task)
    (lf,) = (lf for lf in of.lfs if lf.name == name)
    prompt = PURCHASE if task == "PRICES" else UNSORTED
    assert of.right(prompt) == right
    assert lf(wl.Pair("1", prompt, right, wrong)) == vote
