"""Best of n: the first choice among several candidates."""

from __future__ import annotations

import json

import numpy as np
import pytest

from weaklabel.errors import DataError
from weaklabel.reward import RewardModel, best_of_n, read_candidates
from weaklabel.reward.evaluation.best_of_n import RANDOM, Candidates
from weaklabel.reward.evaluation.evaluation import LONGER


class Digits(RewardModel):
    """The reward is the number that a response is."""

    name = "digits"

    _fitted = True

    def _learn(self, pairs, p, w, y, judges):
        return 1.0

    def _raw(self, prompts, responses):
        return np.array([float(r) for r in responses])


class OnlyCompares:
    """The same model, hidden behind `compare`."""

    def compare(self, pairs):
        return Digits().compare(pairs)


ROWS = [
    Candidates("q0", ("1", "2", "3"), (False, False, True)),
    Candidates("q1", ("9", "2", "3", "1"), (False, True, True, False)),
    Candidates("q2", ("5", "5"), (True, False)),
    Candidates("q3", ("10", "20"), (False, True)),
]


def test_the_share_of_right_first_choices_with_ties_shared():
    found = best_of_n({"reward": Digits()}, ROWS)
    assert found.figures["reward"].value == pytest.approx((1 + 0 + 0.5 + 1) / 4)
    assert found.figures[RANDOM].value == pytest.approx((1 / 3 + 1 / 2 + 1 / 2 + 1 / 2) / 4)
    assert (found.n_prompts, found.n_candidates) == (4, 2.75)


def test_every_two_compared_gives_the_order_of_the_rewards():
    found = best_of_n({"reward": Digits(), "pairs": OnlyCompares()}, ROWS)
    assert found.figures["pairs"] == found.figures["reward"]


def test_the_longest_response_stands_beside():
    # q0 and q1: all equally long; q3: both two characters.
    assert best_of_n(Digits(), ROWS[:1]).figures[LONGER].value == pytest.approx(1 / 3)
    longer = Candidates("q", ("77", "8"), (True, False))
    assert best_of_n(Digits(), [longer]).figures[LONGER].value == 1.0


def test_both_layouts_are_read(tmp_path):
    rows = [
        {"prompt": "q", "chosen": ["3"], "rejected": ["1", "2"]},
        {"prompt": "q", "chosen": "3", "rejected": "1"},
        {"prompt": "q", "responses": ["1", "2"], "correct": [False, True]},
    ]
    path = tmp_path / "rows.jsonl"
    path.write_text("".join(json.dumps(row) + "\n" for row in rows))
    read = read_candidates(path)
    assert [row.right for row in read] == [(True, False, False), (True, False), (False, True)]
    assert json.loads(json.dumps(best_of_n(Digits(), read).to_dict()))["figures"]["digits"]["value"] == 1.0


@pytest.mark.parametrize(
    ("row", "said"),
    [
        ({"prompt": "q", "responses": ["1", "2"], "correct": [True, True]}, "all candidates are right"),
        ({"prompt": "q", "responses": ["1", "2"], "correct": [True]}, "true or false for each"),
        ({"prompt": "q", "responses": ["1", "2"]}, "found the columns prompt, responses"),
        ({"prompt": 3, "chosen": "1", "rejected": "2"}, "prompt is int 3"),
        ({"prompt": "q", "chosen": [1], "rejected": "2"}, "chosen is list"),
    ],
)
def test_a_row_that_is_no_choice_is_refused_with_its_line(row, said):
    with pytest.raises(DataError, match=rf"line 1: .*{said}"):
        read_candidates([row])
