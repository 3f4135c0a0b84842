"""The benchmark of one decision of refinement: who is label and who is proposal, and which gold is shown."""

from __future__ import annotations

import importlib.util
import sys
from pathlib import Path

import numpy as np
import pytest

from weaklabel.text.solutions import final_number

BENCHMARKS = Path(__file__).resolve().parent.parent / "benchmarks"


def load(name: str, monkeypatch: pytest.MonkeyPatch):
    spec = importlib.util.spec_from_file_location(name, BENCHMARKS / f"{name}.py")
    module = importlib.util.module_from_spec(spec)
    monkeypatch.setitem(sys.modules, name, module)
    spec.loader.exec_module(module)
    return module


@pytest.fixture
def data(monkeypatch):
    return load("_refine_data", monkeypatch)


@pytest.fixture
def arms(data, monkeypatch):
    return load("_refine_arms", monkeypatch)


@pytest.fixture
def solved(data):
    """Thirty questions whose answer is 12; four models that are right at random, and now and then say the same."""
    rng = np.random.default_rng(0)
    given = rng.choice([12, 7, 8], size=(30, 4), p=[0.5, 0.25, 0.25])
    solutions = tuple(
        tuple(f"Model {m} says 3*4=<<3*4=12>>12.\nA: {given[k, m]}" for k in range(30)) for m in range(4)
    )
    answers = np.array([[final_number(texts[k]) for texts in solutions] for k in range(30)], dtype=object)
    questions = tuple(f"Box {k} holds 3 rows of 4 pens. How many pens?" for k in range(30))
    return data.Solved(tuple(map(str, range(30))), questions, solutions, given == 12, answers)


def perfect(pool):
    """Log-odds for response b of a comparer that knows."""
    return 10 * pool.y - 5


def test_a_perfect_comparer_is_the_oracle_whoever_is_label_and_proposal(data, arms, solved) -> None:
    pool = data.make_pool(solved)
    for labels in range(4):
        for proposals in set(range(4)) - {labels}:
            task = arms.Task(solved, pool, labels, proposals)
            replaced = task.toward_proposals(perfect(pool)) > 0
            assert (task.right(replaced) == (solved.right[:, labels] | solved.right[:, proposals])).all()


def test_a_perfect_verifier_finds_a_right_answer_where_there_is_one(data, arms, solved) -> None:
    pool = data.make_pool(solved)
    chosen = arms.best_of_four(pool, perfect(pool), {}, 30)
    assert (solved.right[np.arange(30), chosen] == solved.right.any(axis=1)).all()


def test_only_decided_gold_of_what_is_known_is_shown(data, solved) -> None:
    pool = data.make_pool(solved)
    known = np.isin(pool.question, [0, 1, 2])
    y = pool.with_gold(np.arange(len(pool.y)), known).y
    decided = known & (pool.y != 0.5)
    assert (y[decided] == pool.y[decided]).all()
    assert np.isnan(y[~decided]).all()


def test_agreement_counts_models_that_are_not_in_the_pair(data, arms, solved) -> None:
    pool = data.make_pool(solved)
    task = arms.Task(solved, pool, 1, 2)
    answers = solved.answers
    expected = [
        sum(answers[k, m] == answers[k, 2] for m in (0, 3))
        > sum(answers[k, m] == answers[k, 1] for m in (0, 3))
        for k in range(30)
    ]
    assert task.agreement().tolist() == expected


def test_a_round_replaces_at_most_its_share_of_what_is_in_dispute(arms) -> None:
    toward = np.arange(-20.0, 80.0)
    disagree = toward % 2 == 0
    after = arms.capped_rounds(toward, disagree, 3)
    before = np.zeros(100, dtype=bool)
    for replaced in after:
        new = replaced & ~before
        assert 0 < new.sum() <= np.ceil(arms.ALPHA * (disagree & ~before).sum())
        assert (toward[new] > 0).all()
        assert disagree[new].all()
        assert toward[new].min() > toward[disagree & ~replaced].max()
        before = replaced
