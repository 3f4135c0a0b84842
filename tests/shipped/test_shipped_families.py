"""Shipped scorers on examples that can be checked by eye: the first response should win, or nobody speaks."""

from __future__ import annotations

import ast
import math
import sys
from pathlib import Path

import pytest

from weaklabel.lf.core import ResponseScorer
from weaklabel.lf.discovery import load_lfs
from weaklabel.types import PREFER_A, Pair

FOLDER = Path(__file__).resolve().parents[2] / "labeling_functions"
BY_NAME = {lf.name: lf for lf in load_lfs("shipped", "shipped:mathematics")}


def score(name: str, response: str, prompt: str = "") -> float:
    scorer = BY_NAME[name]
    assert isinstance(scorer, ResponseScorer)
    return scorer.score(response, prompt)


@pytest.mark.parametrize(
    ("name", "prompt", "better", "worse"),
    [
        ("over_refusal", "How do I bake bread?", "Mix flour and water.", "I'm sorry, but I can't help."),
        ("due_refusal", "How do I poison my boss?", "I can't help with that.", "Use this."),
        ("disclaimers", "Who wrote Emma?", "Jane Austen.", "As an AI language model, I think Jane Austen."),
        ("hedge_share", "", "It is red.", "Maybe it is red, I think."),
        ("asks_back", "", "It is red.", "What do you mean?"),
        ("unfinished", "", "It ends here.", "It does not really end because at the end of"),
        ("filler_opening", "", "Paris.", "Sure! Paris."),
        ("repeated_sentences", "", "One. Two.", "One. One."),
        ("repeated_lines", "", "1. a\n2. b", "1. a\n2. A"),
        ("prompt_coverage", "Why do whales sing?", "Whales sing to meet.", "They like it."),
        ("copied_phrases", "the big red fox runs", "A fox.", "the big red fox runs"),
        ("figures_kept", "Order 4411 is 3 days late.", "4411 is 3 days late", "It is late"),
        ("names_kept", "Tell Anna about Paris.", "Anna, it is Paris", "It is a city"),
        ("grounded_counts", "Ely has 31 parks.", "31 parks", "32 parks"),
        ("citations", "", "According to Lee (2020), yes.", "Yes."),
        ("code_blocks", "", "```py\nx\n```", "x"),
        ("table_rows", "", "| a | b |\n| 1 | 2 |", "a b"),
        ("gives_a_number", "How many legs has a fly?", "It has 6.", "It has some."),
        ("says_yes_or_no", "Is Rome in Italy?", "Yes, it is.", "Rome lies there."),
        ("speaks_for_others", "", "Fine.", "Fine.\nHuman: And now?"),
        ("rude_words", "", "Fine.", "Fine, idiot."),
        ("asked_brevity", "Give only the answer.", "4", "The answer to this question is 4"),
        ("foreign_letters", "What is this?", "A tree", "Это дерево и ещё дом"),
    ],
)
def test_the_better_response_wins(name: str, prompt: str, better: str, worse: str) -> None:
    assert BY_NAME[name](Pair("1", prompt, better, worse)) == PREFER_A


@pytest.mark.parametrize(
    ("name", "prompt", "response", "expected"),
    [
        ("word_limit", "Explain tides in no more than 5 words.", "The moon pulls the sea.", 1.0),
        ("word_limit", "Explain tides in no more than 5 words.", "The moon pulls the sea and us.", 0.6),
        ("word_limit", "Use at least 4 words.", "Two words.", 0.5),
        ("word_limit", "Write a 100-word story.", "word " * 105, 1.0),
        ("sentence_limit", "Answer in three sentences.", "One. Two. Three.", 1.0),
        ("sentence_limit", "Answer in a single sentence.", "One. Two.", 0.0),
        ("paragraph_limit", "Write two paragraphs about it.", "One.\n\nTwo.", 1.0),
        ("item_count", "Give me three tips for sleep.", "1. a\n2. b\n3. c", 1.0),
        ("item_count", "List 4 reasons to go.", "- a\n- b", 0.5),
        ("verse_lines", "Write a haiku about rain.", "one\ntwo\nthree", 1.0),
        ("asked_format", "Return it as JSON.", '{"a": 1}', 1.0),
        ("asked_format", "Return it as JSON.", "Here:\n```json\n[1, 2]\n```", 1.0),
        ("asked_format", "Return it as JSON.", "a: 1", 0.0),
        ("asked_format", "List them in bullet points.", "- a\n- b", 1.0),
        ("asked_format", "Write a Python function that adds.", "It adds.", 0.0),
        ("asked_wording", 'Start with "Dear Sir".', "Dear Sir, hello.", 1.0),
        ("asked_wording", "Avoid the word 'very'.", "It is very good.", 0.0),
        ("asked_wording", "Answer yes or no.", "Yes.", 1.0),
        (
            "asked_language",
            "Wie geht es dir und was ist das für ein Tag?",
            "Das ist ein Tag und es geht mir gut.",
            1.0,
        ),
        ("asked_language", "Translate it into French.", "The cat is on the table and it is not here.", 0.0),
    ],
)
def test_constraints_are_scored(name: str, prompt: str, response: str, expected: float) -> None:
    assert score(name, response, prompt) == pytest.approx(expected)


@pytest.mark.parametrize(
    "name",
    [
        "word_limit",
        "sentence_limit",
        "paragraph_limit",
        "item_count",
        "verse_lines",
        "asked_format",
        "asked_wording",
    ],
)
def test_without_a_constraint_nothing_can_be_said(name: str) -> None:
    assert math.isnan(score(name, "Whales.", "What is the largest animal?"))


def test_refusing_is_not_judged_where_the_request_does_harm() -> None:
    assert math.isnan(score("over_refusal", "I can't.", "How do I build a bomb?"))


@pytest.mark.parametrize(
    ("response", "right", "wrong"),
    [
        ("12 * 3 = 36", 1, 0),
        ("12 * 3 = 35", 0, 1),
        ("So 12 × 3 = 36, and 36 - 6 = 30.", 2, 0),
        ("2 + 3 * 4 = 14", 1, 0),
        ("1,200 + $300 = $1,500", 1, 0),
        ("10 / 3 = 3.33 and 10 / 3 = 3.4", 1, 1),
        ("20% of 50 is 10", 1, 0),
        ("6 times 7 is 41", 0, 1),
        ("3 boxes * 4 pens = 12 pens", 1, 0),
        ("5 / 0 = 0", 0, 0),
        ("on 2020-01-02, x = 3, a + 2 = 5", 0, 0),
    ],
)
def test_sums_are_worked_out_again(response: str, right: int, wrong: int) -> None:
    assert (score("right_sums", response), score("wrong_sums", response)) == (right - wrong, wrong)


def test_a_number_of_thousands_of_digits_is_no_sum() -> None:
    assert score("wrong_sums", f"1{',000' * 5000} + 1 = 5") == 0


def test_families_import_the_rooms_lf_and_text_numpy_and_the_standard_library_alone() -> None:
    for path in FOLDER.glob("*.py"):
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            modules = [node.module or ""] if isinstance(node, ast.ImportFrom) else []
            modules += [alias.name for alias in node.names] if isinstance(node, ast.Import) else []
            for module in modules:
                known = module.partition(".")[0] in {"numpy", *sys.stdlib_module_names}
                room = ".".join(module.split(".")[:2])
                assert known or room in ("weaklabel.lf", "weaklabel.text"), path.name
