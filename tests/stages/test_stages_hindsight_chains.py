"""From comparisons and lists to chains: orders, ties, words of feedback, kinds and masks, templates, and refused input."""

from __future__ import annotations

import json
import math
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from weaklabel.errors import ConfigError, DataError, UnknownNameError
from weaklabel.groups import Comparison, Group
from weaklabel.stages.hindsight.chaining import KINDS, Rules, Strengths, asking
from weaklabel.stages.hindsight.ranked import Output, Ranked, check_lists, lists_of, read_lists
from weaklabel.stages.hindsight.settings import HindsightSettings
from weaklabel.stages.hindsight.templates import TEMPLATES, Template, open_template
from weaklabel.types import sigmoid

QUESTIONS = TEMPLATES["questions"]


def logit(p: float) -> float:
    return math.log(p / (1 - p))


def pair(p: float = 0.9, w: float = 1.0) -> Ranked:
    return Ranked("2 + 2?", (Output("5", 0.0), Output("4", logit(p))), w=w, log_odds=True)


def three() -> Ranked:
    return Ranked("2 + 2?", (Output("four", 1.0), Output("5", -3.0), Output("4", 2.0)))


def told(chain: Any) -> list[tuple[str, str, bool]]:
    return [(part.feedback, part.output, part.learned) for part in chain.parts]


def made(given: Ranked, **more: Any) -> list[Any]:
    return Rules(template=QUESTIONS, **more).chains([given])[0]


def test_the_four_kinds_of_a_pair() -> None:
    good, bad = ("A good answer:", "4", True), ("A bad answer:", "5", True)
    assert [told(chain) for chain in made(pair())] == [[good], [bad], [bad, good], [good, bad]]


def test_kinds_count_by_their_weights_and_lists_by_theirs() -> None:
    chains = made(pair(w=2.0), kinds={"np": 0.5, "n": 3.0})
    assert [(len(chain.parts), chain.w) for chain in chains] == [(1, 6.0), (2, 1.0)]


def test_a_list_of_three_goes_from_the_worst_to_the_best_and_back() -> None:
    chains = made(three(), kinds={"np": 1.0, "pn": 1.0})
    middle = "The answer of rank 2 of 3:"
    rising = [("A bad answer:", "5", True), (middle, "four", True), ("A good answer:", "4", True)]
    assert [told(chain) for chain in chains] == [rising, rising[::-1]]


@pytest.mark.parametrize(
    ("loss_on", "expected"),
    [
        ("all", [[True], [True], [True, True], [True, True]]),
        ("last", [[True], [True], [False, True], [False, True]]),
        ("preferred", [[True], [False], [False, True], [True, False]]),
    ],
)
def test_which_outputs_carry_loss(loss_on: str, expected: list[list[bool]]) -> None:
    assert [[part.learned for part in chain.parts] for chain in made(pair(), loss_on=loss_on)] == expected


def test_what_stands_before_an_output() -> None:
    dialogue = Rules(template=TEMPLATES["dialogue"], kinds={"np": 1.0})
    (chain,), _ = dialogue.chains([pair()])
    assert [part.asked for part in chain.parts] == [
        "User: 2 + 2?\nAn unhelpful answer:",
        "User: 2 + 2?\nA helpful answer:",
    ]
    (chain,) = made(pair(), kinds={"np": 1.0})
    assert [part.asked for part in chain.parts] == ["Question: 2 + 2?\nA bad answer:", "A good answer:"]


def test_in_a_conversation_the_last_turn_is_asked_with_the_words() -> None:
    turns: Any = ({"role": "system", "content": "Be brief."}, {"role": "user", "content": "2 + 2?"})
    part = asking(QUESTIONS, "2 + 2?", "A good answer:", turns)
    assert part.messages == (turns[0], {"role": "user", "content": "Question: 2 + 2?\nA good answer:"})
    later = asking(QUESTIONS, "2 + 2?", "A good answer:", turns, later=True)
    assert later.messages == ({"role": "user", "content": "A good answer:"},)


def test_braces_of_a_prompt_are_text() -> None:
    assert QUESTIONS.asked("{feedback} {x}", "A good answer:") == "Question: {feedback} {x}\nA good answer:"


def test_outputs_that_tie_are_one_and_a_list_of_one_makes_no_chain() -> None:
    same = Ranked("?", (Output("b", 1.0), Output("a", 1.0), Output("c", 0.0)))
    assert [each.text for each in same.rising()] == ["c", "b"]
    tied = Ranked("?", (Output("b", 1.0), Output("a", 1.0)))
    assert Rules(template=QUESTIONS).chains([tied, pair()]) == (made(pair()), 1)


def test_thresholds_are_quantiles_of_the_distance_to_one_half() -> None:
    beliefs = [0.5, 0.55, 0.6, 0.7, 0.8, 0.1, 0.9, 0.95, 0.02, 0.99]
    lists = [pair(p) for p in beliefs]
    found = Strengths.of(lists, 0.2, 0.6)
    gaps = np.sort(np.abs(np.array(beliefs) - 0.5))[1:]  # a belief of 1/2 has no order
    assert found.least == pytest.approx(np.quantile(gaps, 0.2, method="higher"))
    assert found.much == pytest.approx(np.quantile(gaps, 0.6, method="higher"))


def test_soft_feedback_is_as_strong_as_the_belief_and_unclear_pairs_make_no_chain() -> None:
    rules = Rules(template=QUESTIONS, kinds={"np": 1.0}, strengths=Strengths(0.1, 0.3))
    chains, tied = rules.chains([pair(0.55), pair(0.7), pair(0.9), pair(0.3), pair(0.05)])
    assert tied == 1
    slightly, much = (
        [f"A {word} worse answer:", f"A {word} better answer:"] for word in ("slightly", "much")
    )
    assert [[part.feedback for part in chain.parts] for chain in chains] == [slightly, much, slightly, much]
    assert [chain.parts[-1].output for chain in chains] == ["4", "4", "5", "5"]


def test_soft_feedback_of_three_speaks_of_neighbours() -> None:
    given = Ranked("?", (Output("a", 0.0), Output("b", 0.5), Output("c", 4.0)), log_odds=True)
    rules = Rules(template=QUESTIONS, kinds={"np": 1.0}, strengths=Strengths(0.0, 0.3))
    ((chain,), _) = rules.chains([given])
    words = ["slightly worse", "slightly better", "much better"]
    assert [part.feedback for part in chain.parts] == [f"A {word} answer:" for word in words]


def test_given_words_stand_and_rank_one_is_the_best() -> None:
    row = {
        "prompt": "2 + 2?",
        "outputs": [
            {"text": "4", "rank": 1, "feedback": "right:"},
            {"text": "5", "rank": 3, "feedback": "off by one:"},
            {"text": "twenty", "rank": 2, "feedback": "strange:"},
        ],
    }
    (given,) = read_lists([row]).rows
    (chain,) = made(given, kinds={"np": 1.0})
    assert [(f, o) for f, o, _ in told(chain)] == [
        ("off by one:", "5"),
        ("strange:", "twenty"),
        ("right:", "4"),
    ]


def test_the_baselines() -> None:
    assert [told(c) for c in made(pair(), arm="conditional")] == [told(c) for c in made(pair())[:2]]
    (chosen,) = made(three(), arm="chosen")
    assert (chosen.parts[0].asked, chosen.parts[0].output, chosen.unlikely) == ("2 + 2?", "4", False)
    good, *bad = made(three(), arm="unlikelihood", unlikelihood=0.5)
    assert good == chosen
    assert [(each.parts[0].output, each.w, each.unlikely) for each in bad] == [
        ("5", 0.5, True),
        ("four", 0.5, True),
    ]


def test_phrases_are_drawn_in_pairs() -> None:
    lists = [Ranked(f"{k}?", (Output("a", 0.0), Output("b", 1.0))) for k in range(40)]
    chains, _ = Rules(template=QUESTIONS, kinds={"np": 1.0}, vary=True).chains(lists)
    phrases = {tuple(part.feedback for part in chain.parts) for chain in chains}
    assert phrases == set(zip(QUESTIONS.bad, QUESTIONS.good, strict=True))


def test_comparisons_become_pairs_or_one_list_whose_scores_are_their_log_odds() -> None:
    scores = [0.3, -1.0, 2.0]
    compared = tuple(
        Comparison(i, j, float(sigmoid(np.array(scores[j] - scores[i]))), 1.0 + i)
        for i, j in ((0, 1), (1, 2), (0, 2))
    )
    group = Group("?", ("a", "b", "c"), compared)
    assert [len(each.outputs) for each in lists_of([group], 2)] == [2, 2, 2]
    (whole,) = lists_of([group], 3)
    found = [output.score for output in whole.outputs]
    assert np.subtract(found, found[0]) == pytest.approx(np.subtract(scores, scores[0]), abs=1e-9)
    assert [output.text for output in whole.rising()] == ["b", "a", "c"]
    assert whole.w == pytest.approx((1 + 2 + 1) / 3)


def test_of_many_responses_the_ends_and_some_between_are_taken() -> None:
    compared = tuple(Comparison(k, k + 1, 0.8, 1.0) for k in range(8))
    (whole,) = lists_of([Group("?", tuple("abcdefghi"), compared)], 3)
    assert [output.text for output in whole.rising()] == ["a", "e", "i"]


def test_comparisons_that_do_not_connect_stay_pairs() -> None:
    compared = (Comparison(0, 1, 0.8, 1.0), Comparison(2, 3, 0.8, 1.0))
    assert [len(each.outputs) for each in lists_of([Group("?", tuple("abcd"), compared)], 4)] == [2, 2]


TWO = [{"text": "a", "score": 1.0}, {"text": "b", "score": 0.0}]


@pytest.mark.parametrize(
    ("row", "said"),
    [
        ({"prompt": "?", "outputs": TWO[:1]}, "expected a list of two or more"),
        ({"prompt": "", "outputs": TWO}, "prompt is"),
        ({"prompt": "?", "outputs": [{"text": "", "score": 1}, TWO[1]]}, "output 1 has the text"),
        ({"prompt": "?", "outputs": [{"text": "a", "rank": 1}, TWO[1]]}, "output 2 has rank"),
        ({"prompt": "?", "outputs": [TWO[0], {"text": "b", "score": float("nan")}]}, "output 2 has score"),
        ({"prompt": "?", "outputs": [TWO[0], {"text": "b", "score": True}]}, "output 2 has score"),
        ({"prompt": "?", "outputs": [{**TWO[0], "feedback": " "}, TWO[1]]}, "output 1 has the feedback"),
        ({"prompt": "?", "outputs": [{**TWO[0], "feedback": "x"}, TWO[1]]}, "feedback in some"),
    ],
)
def test_a_row_that_is_no_list_is_set_aside_and_none_at_all_is_refused(
    row: dict[str, Any], said: str
) -> None:
    found = read_lists([row])
    assert said in found.set_aside[0].reason
    with pytest.raises(DataError, match="none of 1 rows") as caught:
        check_lists(found, "lists")
    assert "\n" not in str(caught.value)


WORDS = {"first": "{prompt} {feedback}", "next": "{feedback}", "good": ["good:"], "bad": ["bad:"]}


def write_template(folder: Path, **changed: Any) -> str:
    path = folder / "own.toml"
    lines = [
        f"{name} = {json.dumps(value)}" for name, value in (WORDS | changed).items() if value is not None
    ]
    path.write_text("\n".join(lines), encoding="utf-8")
    return str(path)


def test_a_template_of_a_file(tmp_path: Path) -> None:
    found = open_template(write_template(tmp_path, much_better="far better:"))
    assert found == Template(
        first="{prompt} {feedback}",
        next="{feedback}",
        good=("good:",),
        bad=("bad:",),
        much_better="far better:",
    )
    assert found.hash != TEMPLATES["questions"].hash


@pytest.mark.parametrize(
    ("changed", "said"),
    [
        ({"first": "{prompt}"}, r"first is '\{prompt\}', without \{feedback\}"),
        ({"first": "{feedback}"}, r"without \{prompt\}"),
        ({"next": "again"}, r"next is 'again', without \{feedback\}"),
        ({"next": "{feedback} {answer}"}, r"next holds \{answer\}"),
        ({"first": "{prompt} {feedback} {"}, "a single '{'"),
        ({"middle": "between"}, r"without \{rank\}"),
        ({"good": ["a", "b"]}, "2 phrases in good and 1 in bad"),
        ({"good": [], "bad": []}, "0 phrases in good"),
        ({"good": [" "]}, "good is empty"),
        ({"good": [3]}, "Allowed: a text, or a list of texts"),
        ({"next": ["{feedback}"]}, "Allowed: a text"),
        ({"better": "x"}, "no 'better' in a template"),
        ({"bad": None}, "lacks 'bad'"),
    ],
)
def test_a_template_without_its_places_is_one_line(
    tmp_path: Path, changed: dict[str, Any], said: str
) -> None:
    with pytest.raises(ConfigError, match=said) as caught:
        open_template(write_template(tmp_path, **changed))
    assert "\n" not in str(caught.value)
    assert "own.toml" in str(caught.value)


def test_a_template_that_is_not_there(tmp_path: Path) -> None:
    with pytest.raises(UnknownNameError, match="questions"):
        open_template("question")
    with pytest.raises(ConfigError, match="is no file"):
        open_template(str(tmp_path / "none.toml"))


@pytest.mark.parametrize(
    ("more", "said"),
    [
        ({"kinds": {"np": -1.0}}, "np is -1"),
        ({"kinds": {"pp": 1.0}}, "no kind of chain 'pp'"),
        ({"kinds": {"np": 0.0}}, "makes no chain"),
        ({"kinds": {"np": 1.0}, "arm": "conditional"}, "makes no chain"),
        ({"arm": "hindsite"}, "no arm 'hindsite'"),
        ({"loss_on": "first"}, "no loss_on 'first'"),
        ({"feedback": "medium"}, "feedback is 'medium'"),
        ({"unclear_quantile": 0.7}, "unclear_quantile is 0.7, above much_quantile"),
        ({"max_outputs": 1}, "max_outputs is 1"),
        ({"data": "a.jsonl", "lists": "b.jsonl"}, "data and lists are both given"),
        ({"pretrain_weight": 2.0}, "pretrain_weight is 2 without pretrain_data"),
        ({"min_confidence": 0.3}, "min_confidence"),
    ],
)
def test_settings_that_do_not_fit_are_one_line(more: dict[str, Any], said: str) -> None:
    with pytest.raises((ConfigError, UnknownNameError), match=said) as caught:
        HindsightSettings(from_scratch="tiny", **more)
    assert "\n" not in str(caught.value)


def test_the_shipped_templates_hold_all_that_a_chain_asks_of_them() -> None:
    for template in TEMPLATES.values():
        made_of = Rules(template=template).chains([three()])[0]
        assert [len(chain.parts) for chain in made_of] == [1, 1, 3, 3]
        assert len({part.feedback for part in made_of[2].parts}) == 3
    assert KINDS == ("p", "n", "np", "pn")
