"""A judge as a comparer: asked in both orders, within its budget, its answers kept."""

from __future__ import annotations

import numpy as np
import pytest
from made_judges import certain, judges_in, longer_wins, some_pairs
from model_server import completion, refusal, serving

from weaklabel.comparers.judged import Judged
from weaklabel.errors import BudgetError, EndpointError
from weaklabel.types import sigmoid

pytestmark = pytest.mark.same_everywhere


@pytest.fixture
def made(tmp_path):
    return judges_in(tmp_path)


def test_its_log_odds_are_the_answer_and_the_taste_goes_out(made):
    with serving(certain(lambda text: len(text) / 2, taste=1.5)) as server:
        judged, pairs = Judged(made(server.url)), some_pairs(4)
        p = judged.compare(pairs)
        asked = len(server.prompts)
        assert (judged.compare(pairs.swapped()) == 1 - p).all()
        assert len(server.prompts) == asked  # a swap is a question that was asked
    d = np.array([(2 * i + 1 - (i + 2)) / 2 for i in range(4)])
    assert p == pytest.approx(sigmoid(d), abs=1e-5)
    assert judged.position_bias(pairs).mean_log_odds == pytest.approx(1.5, abs=1e-4)


def test_verdicts_without_log_probabilities_are_taken_as_they_are(made):
    with serving(longer_wins) as server:
        assert Judged(made(server.url)).compare(some_pairs(3)).tolist() == [0.0, 0.5, 1.0]
    with serving(lambda body: completion("A")) as server:
        assert Judged(made(server.url, "first", version="2")).compare(some_pairs(3)).tolist() == [0.5] * 3


def test_its_budget_is_never_passed_and_what_was_answered_is_kept(made):
    with serving(longer_wins) as server:
        judged = Judged(made(server.url, max_pairs=2))
        with pytest.raises(BudgetError, match=r"judge 'gpt': its budget does not hold 8 of 12 questions"):
            judged.compare(some_pairs(6))
        assert len(server.prompts) == 4
        p = Judged(made(server.url, max_pairs=2), ask=False).compare(some_pairs(6))
        assert len(server.prompts) == 4
    assert (p != 0.5).sum() in (1, 2)  # a tie may be among the two that were asked


def test_a_request_that_fails_is_no_answer(made):
    with (
        serving(lambda body: refusal(500)) as server,
        pytest.raises(EndpointError, match="requests in a row failed"),
    ):
        Judged(made(server.url, max_tries=1)).compare(some_pairs(2))
