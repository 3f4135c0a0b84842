"""How sure answers without gold are: the factor by brute force, the count shared out, and the figures on real pairs."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
from drawn_for_pairs import draw_margins, nll, votes_of
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from synthetic import draw_votes

from weaklabel.label_models.auto.model import Auto
from weaklabel.label_models.k_class.majority_vote import MajorityVote
from weaklabel.label_models.k_class.moments import Moments
from weaklabel.label_models.pair.model import PairModel
from weaklabel.label_models.without_gold import count_logit, factor_of_votes, shares_of_count
from weaklabel.types import swap_votes

VOTES = arrays(np.int8, st.tuples(st.integers(1, 12), st.integers(1, 7)), elements=st.integers(-1, 1))


def test_the_factor_minimises_the_log_loss_of_held_out_votes():
    rng = np.random.default_rng(0)
    L = rng.integers(-1, 2, (60, 5)).astype(np.int8)
    L[:, 1] = np.where(rng.random(60) < 0.8, L[:, 0], L[:, 1])
    shares = rng.uniform(0.5, 2.0, 5) * np.where(L < 0, 0, 2.0 * L - 1)
    worth = np.array([0.3, 1.0, 0.5, 0.7, 1.0])

    def loss(a: float) -> float:
        total = 0.0
        for row, own in zip(L, shares, strict=True):
            for j in np.flatnonzero(row >= 0):
                others = sum(own[i] for i in range(5) if i != j)
                total += worth[j] * np.log1p(np.exp(-a * others * (2 * row[j] - 1)))
        return total

    grid = np.linspace(1 / 64, 1, 4001)
    cap = np.sqrt((count_logit(L) ** 2).mean() / (shares.sum(axis=1) ** 2).mean())
    best = grid[np.argmin([loss(a) for a in grid])]
    assert 1 / 64 < best < 1
    assert factor_of_votes(L, shares, worth) == pytest.approx(min(best, cap), abs=3e-4)


def test_no_answer_is_on_average_surer_than_the_count():
    L = np.tile(np.array([[1, 1, 1, 0], [0, 0, 0, 1]], np.int8), (30, 1))
    shares = 5.0 * (2.0 * L - 1.0)  # the others are always right about the first three
    factor = factor_of_votes(L, shares, np.array([1.0, 1.0, 1.0, 1e-9]))
    assert factor * 10.0 == pytest.approx(np.log(4 / 2))


def test_votes_that_are_alone_in_their_rows_say_nothing_against_the_weights():
    L = np.where(np.eye(4, dtype=bool), 1, -1).astype(np.int8)
    assert factor_of_votes(L, 0.4 * (L == 1), np.ones(4)) == 1.0
    assert factor_of_votes(np.full((3, 2), -1, np.int8), np.zeros((3, 2)), np.ones(2)) == 1.0


@given(VOTES)
def test_the_count_is_shared_out_by_vote_and_turns_with_the_pair(L):
    shares = shares_of_count(L)
    counted = MajorityVote().fit(L).predict_logit(L)
    assert shares.sum(axis=1) == pytest.approx(counted, abs=1e-12)
    assert (count_logit(L) == counted).all()
    assert (shares_of_count(swap_votes(L)) == -shares).all()
    assert (shares[L == 1] > 0).all()


def test_shares_of_the_count_at_a_tie_lie_between_those_beside_it():
    below, tie, above = (shares_of_count(np.array([[1] * b + [0] * (20 - b)]))[0, 0] for b in (9, 10, 11))
    assert below == pytest.approx(above)
    assert tie == 2 / 22
    assert tie == pytest.approx(below, rel=0.01)


@given(VOTES, st.sampled_from(["pair_model", "auto"]), st.booleans())
def test_answers_without_gold_are_sums_that_turn_to_the_bit(L, name, with_margins):
    margins = None if not with_margins else np.where(L < 0, 0.1, (2.0 * L - 1) * np.arange(1, L.shape[1] + 1))
    model = {"pair_model": PairModel(), "auto": Auto(min_rows=2)}[name].fit(L, margins=margins)
    logit = model.predict_logit(L, margins=margins)
    back = None if margins is None else -margins
    assert (model.predict_logit(swap_votes(L), margins=back) == -logit).all()
    parts = model.contributions(L, margins=margins)
    assert parts is None or parts.sum(axis=1) == pytest.approx(logit, abs=1e-12)


def test_without_margins_pair_model_weighs_as_moments_do_unless_something_is_declared():
    L, _ = draw_votes(800, [0.8, 0.7, 0.7, 0.6], copies=2)
    model, moments = PairModel().fit(L), Moments().fit(L)
    counted = MajorityVote().fit(L).predict_logit(L)
    expected = 0.8 * model.factor_ * moments.predict_logit(L) + 0.2 * counted
    assert model.predict_logit(L) == pytest.approx(expected)
    told = PairModel(declared=[[0, 4, 5]]).fit(L)
    ratio = told.weights_.effects["sharp"] / told.prior_
    assert ratio == pytest.approx(np.full(6, 0.8 * told.factor_))


def test_copies_of_one_function_do_not_make_the_answer_surer():
    L, y = draw_votes(3000, [0.62, 0.6, 0.6, 0.58], seed=4)
    copied = np.hstack([L, np.repeat(L[:, :1], 8, axis=1)])
    p = PairModel().fit(copied).predict_proba(copied).max(axis=1)
    assert p.mean() < 0.75
    assert nll(PairModel().fit(copied).predict_logit(copied), y) < np.log(2)


def test_enough_gold_takes_the_place_of_the_count():
    margins, y = draw_margins(300, [1.0, 0.5])
    votes = votes_of(margins)
    model = PairModel().fit(votes, margins=margins, y=y)
    assert (model.count_share_, model.factor_) == (0.0, 1.0)
    few = PairModel(leave_out=["agreement"]).fit(
        votes, margins=margins, y=np.where(np.arange(300) < 10, y, np.nan)
    )
    assert few.count_share_ == 0.0


def test_a_model_saved_by_an_older_version_answers_as_it_did():
    margins, _ = draw_margins(200, [1.0, 0.5])
    votes = votes_of(margins)
    model = PairModel().fit(votes, margins=margins)
    state = json.loads(json.dumps(model.to_dict()))
    again = PairModel.from_dict(state)
    assert (again.predict_logit(votes, margins=margins) == model.predict_logit(votes, margins=margins)).all()
    assert again.factor_ == model.factor_
    del state["count_share"], state["factor"]
    old = PairModel.from_dict(state)
    assert old.count_share_ == 0.0
    assert old.predict_logit(votes, margins=margins) == pytest.approx(
        sum(old.weights_.effects["sharp"] * m / (abs(m) + 0.3 * s) for m, s in [(margins, old.scale_)]).sum(
            axis=1
        )
    )


@pytest.mark.parametrize("name", ["pair_model", "auto"])
def test_a_panel_of_judges_is_believed_no_more_than_the_count(shared: Path, name):
    with np.load(shared / "data" / "label_matrices" / "mt_bench_judges.npz") as data:
        L, y = data["L"], data["gold"].astype(float)
    model = {"pair_model": PairModel(), "auto": Auto()}[name].fit(L)
    counted = nll(MajorityVote().fit(L).predict_logit(L), y)
    assert nll(model.predict_logit(L), y) < counted - 0.01  # .423 and .437; moments alone 1.57


def test_a_reader_is_told_how_an_answer_without_gold_came_about():
    L, y = draw_votes(300, [0.8, 0.7, 0.6])
    (told,) = PairModel().fit(L).remarks
    assert "had too little gold to judge it: the log-odds by agreement were divided by " in told
    assert PairModel().fit(L, y=y).remarks == ()
    (told,) = Auto().fit(L).remarks
    assert told.startswith(
        "auto answers with moments: votes: no gold to choose by, no margins; log-odds divided by "
    )
    (told,) = Auto(n_classes=2).fit(L).remarks
    assert told.startswith("auto answers with averaged: votes: a crowd (spread 0.0")
    assert MajorityVote().fit(L).remarks == ()
