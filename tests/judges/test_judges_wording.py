"""Templates of LLM judges, what is read from their answers, and settings that cannot be."""

from __future__ import annotations

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st
from made_judges import judges_in
from model_server import completion, serving

import weaklabel as wl
from weaklabel.errors import ConfigError
from weaklabel.judges.template import DEFAULT_TEMPLATE, checked_template, fill
from weaklabel.judges.verdict import Words, find_verdict, read_reply
from weaklabel.servers.protocol import Reply, Token
from weaklabel.types import Pair, Pairs

pytestmark = pytest.mark.same_everywhere


@pytest.fixture
def made(tmp_path):
    return judges_in(tmp_path)


# ------------------------------------------------------------------------------------ templates
@given(st.text(alphabet="{}ab_response\n0!:.", max_size=40))
def test_what_is_put_into_a_template_arrives_as_it_is(text):
    assert (
        fill("<{response_a}|{response_b}>", {"response_a": text, "response_b": "{prompt}"})
        == f"<{text}|{{prompt}}>"
    )


@pytest.mark.parametrize(
    ("template", "words"),
    [
        ("{response_a}{response_b}{answer}", r"holds \{answer\}\. Allowed: \{prompt\}"),
        ("{response_a}{response_b}{prompt.__class__}", r"holds \{prompt.__class__\}"),
        ("{response_a}{response_b}{}", r"holds \{\}"),
        ("{response_a}{response_b} {", r"holds a single '\{'"),
        ("{response_a} only", r"never shows \{response_b\}"),
    ],
)
def test_a_template_that_cannot_be_filled_is_refused(template, words):
    with pytest.raises(ConfigError, match=words):
        checked_template(template)


def test_a_template_may_be_a_file(made, tmp_path):
    (tmp_path / "mine.txt").write_text("{{J}}SON: {response_a} or {response_b}?", encoding="utf-8")
    assert made("http://127.0.0.1:1/v1", template=tmp_path / "mine.txt").settings.template.startswith(
        "{{J}}SON"
    )
    with pytest.raises(ConfigError, match="cannot be read"):
        made("http://127.0.0.1:1/v1", template="other.txt")


def test_a_conversation_is_shown_whole_and_the_default_template_asks_for_the_words(made):
    turns = (
        {"role": "user", "content": "Hi"},
        {"role": "assistant", "content": "Yes?"},
        {"role": "user", "content": "2+2"},
    )
    pairs = Pairs.of([Pair("1", "2+2", "four", "3", messages=turns)])
    with serving(lambda body: completion("A")) as server:
        wl.apply([made(server.url, template=None)], pairs)
    assert "User: Hi\n\nAssistant: Yes?\n\nUser: 2+2" in server.prompts[0]
    assert server.prompts[0].endswith("tie if they are equally good.\n")
    assert checked_template(DEFAULT_TEMPLATE) == DEFAULT_TEMPLATE


# ------------------------------------------------------------------------------------ verdicts
MARKED = Words("[[A]]", "[[B]]", "[[C]]")


@pytest.mark.parametrize(
    ("text", "words", "verdict"),
    [
        ("A", Words(), "first"),
        (" b.\n", Words(), "second"),
        ("**B**", Words(), "second"),
        ("Tie", Words(), "tie"),
        ("Verdict: A", Words(), "first"),
        ("The final answer is: **B**", Words(), "second"),
        ("A\n\nIt shows its steps.", Words(), "first"),
        ("B is wrong, A is right.\n\nA", Words(), "first"),
        ("<think>B? No.\nB</think>\nA", Words(), "first"),
        ("A good answer shows steps. [[B]]", MARKED, "second"),
        ("1", Words("1", "2", ""), "first"),
        ("response b", Words("Response A", "Response B"), "second"),
        ("", Words(), None),
        ("A good answer.", Words(), None),
        ("A\nor is it\nB", Words(), None),
        ("[[A]] ... [[B]]", MARKED, None),
        ("A", MARKED, "first"),
        ("AB", Words(), None),
        ("<think>A", Words(), None),
        ("C", Words(), None),
    ],
)
def test_a_verdict_is_read_strictly(text, words, verdict):
    found = find_verdict(text, words)
    assert (found and found[0]) == verdict


def reply_of(*tokens, tops):
    """An answer of these tokens; `tops`: position -> probabilities of the candidates there."""
    listed = [
        Token(t, tuple((c, math.log(p)) for c, p in tops.get(i, {t: 1.0}).items()))
        for i, t in enumerate(tokens)
    ]
    return Reply("".join(tokens).strip(), tuple(listed))


@pytest.mark.parametrize(
    ("reply", "words", "odds"),
    [
        (reply_of("A", tops={0: {"A": 0.8, "B": 0.2}}), Words(), 4.0),
        (reply_of(" A", "\n", tops={0: {" A": 0.6, "A": 0.2, " B": 0.1, "b": 0.1}}), Words(), 4.0),
        (reply_of("B", tops={0: {"A": 0.1, "B": 0.6, "t": 0.2, "ti": 0.1}}), Words(), 0.25 / 0.75),
        (reply_of("**", "A", "**", tops={1: {"A": 0.9, "B": 0.1}}), Words(), 9.0),
        (reply_of("B", ".", "\n", "A", tops={3: {"A": 0.75, "B": 0.25}}), Words("A", "B", ""), None),
        (reply_of("So", " [[", "B", "]]", tops={2: {"A": 0.25, "B": 0.75}}), MARKED, 1 / 3),
        (
            reply_of("Response", " A", tops={1: {" A": 0.5, " B": 0.25}}),
            Words("Response A", "Response B"),
            2.0,
        ),
        (reply_of("A", tops={0: {"A": 0.9, "the": 0.08, "Hm": 0.02}}), Words(), 0.9 / 1e-9),
        (reply_of("A", tops={0: {"A": 0.9, "the": 0.05}}), Words(), 0.9 / 0.05),
        (reply_of("<think>", "B", "</think>", "A", tops={3: {"A": 0.8, "B": 0.2}}), Words(), 4.0),
    ],
)
def test_log_odds_are_those_of_the_token_that_decides(reply, words, odds):
    found = read_reply(reply, words).log_odds
    assert found is None if odds is None else found == pytest.approx(math.log(odds), abs=1e-6)


def test_without_log_probabilities_there_are_no_log_odds_and_a_cut_answer_says_so():
    assert read_reply(Reply("A"), Words()).log_odds is None
    assert read_reply(Reply("I think that", finish="length"), Words()).problem.endswith(
        "(cut off at max_tokens)"
    )
    assert read_reply(Reply("A", refused=True), Words()).problem == "refused: 'A'"


# ------------------------------------------------------------------------------------ mistakes
@pytest.mark.parametrize(
    ("settings", "words"),
    [
        ({"max_cost": 1.0}, "max_cost needs price_in and price_out"),
        ({"words": {"a": "x", "b": "X"}}, "Give different words"),
        ({"words": {"c": "x"}}, "Allowed: a, b, tie"),
        ({"words": {"a": "1", "b": "2"}, "template": None}, "words need a template of your own"),
        ({"logprobs": 21}, "logprobs is 21"),
        ({"max_pairs": -1}, "max_pairs is -1"),
        ({"body": {"api_key": "x"}}, "body holds 'api_key'"),
        ({"key_env": "K", "url": "http://models.example/v1"}, "in the open"),
    ],
)
def test_a_setting_that_cannot_be_is_refused_before_anything_is_asked(made, settings, words):
    with pytest.raises(ConfigError, match=words):
        made(**{"url": "http://127.0.0.1:1/v1"} | settings)
