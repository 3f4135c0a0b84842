"""Every mistake is listed, the most confident first; patterns are found and not invented; texts cannot act up."""

from __future__ import annotations

import json

import numpy as np
import pytest
from made_pairs import made_pairs

from weaklabel._terminal import one_line, plain_text
from weaklabel.errors import GoldError, LabelMatrixError, UnknownNameError
from weaklabel.types import Pairs, Votes
from weaklabel.workbench.mistakes import mistakes

EVIL = "\x1b[2Jgone\x9b31m\u202eright to left\r\nnext\tline"


def votes_of(L: list[list[int]], margins: list[list[float]] | None = None) -> Votes:
    array = np.array(L, dtype=np.int8)
    gaps = np.full(array.shape, np.nan) if margins is None else np.array(margins)
    names = tuple("xyz"[: array.shape[1]])
    return Votes(array, gaps.astype(np.float32), names, tuple(f"p{i}" for i in range(len(array))))


def test_the_mistakes_are_the_votes_against_gold_with_the_largest_margin_first() -> None:
    pairs = made_pairs([("x", "y")] * 6, gold=["a", "b", "a", "tie", "b", None])
    votes = votes_of([[1], [0], [0], [1], [-1], [1]], [[2.0], [-7.0], [-1.0], [9.0], [0.0], [3.0]])
    found = mistakes("x", votes, pairs)
    assert [(m.id, m.gold, m.vote, m.margin) for m in found.mistakes] == [
        ("p1", "b", "a", -7.0),
        ("p0", "a", "b", 2.0),
    ]
    assert found.wrong is not None
    assert (found.wrong.value, found.wrong.n) == (pytest.approx(2 / 3), 3)
    assert found.notes == ("1 gold ties were left out.",)


def test_without_margins_the_surest_contradiction_comes_first() -> None:
    pairs = made_pairs([("x", "y")] * 3, gold=["a", "b", "a"])
    found = mistakes("x", votes_of([[1], [0], [1]]), pairs, p=[0.4, 0.9, 0.2])
    assert [(m.id, round(m.p_gold, 6)) for m in found.mistakes] == [("p1", 0.9), ("p2", 0.8), ("p0", 0.6)]


def test_the_other_functions_on_the_pair_are_counted() -> None:
    pairs = made_pairs([("x", "y")] * 2, gold=["a", "a"])
    found = mistakes("x", votes_of([[1, 0, -1], [1, 0, 1]]), pairs)
    assert [m.others_right for m in found.mistakes] == [1.0, 0.5]


def test_a_pair_that_several_people_judged_is_shown_once_with_all_its_ids() -> None:
    texts = [("x", "y"), ("y", "x"), ("x", "z"), ("x", "y")]
    pairs = made_pairs(texts, gold=["a", "b", "a", "a"], prompts=["same"] * 4)
    found = mistakes("x", votes_of([[1], [0], [1], [1]], [[4.0], [-4.0], [3.0], [4.0]]), pairs)
    assert len(found) == 4
    text = found.text(1)
    assert text.count("voted") - text.count("voted for") == 1
    assert "judged so again: p1, p3" in text
    assert text.endswith("... and 1 more.")


def test_locked_test_gold_is_not_shown() -> None:
    pairs = made_pairs([("x", "y")] * 4, gold=["a"] * 4, part=["dev", "test", "test", "dev"])
    assert [m.id for m in mistakes("x", votes_of([[1]] * 4), pairs).mistakes] == ["p0", "p3"]


def coin(n: int, seed: int, wrong_when_long: float) -> tuple[Votes, Pairs]:
    """A function wrong three times in ten, and `wrong_when_long` where it votes for the longer response."""
    rng = np.random.default_rng(seed)
    gold, longer = rng.integers(2, size=(2, n))
    rate = np.where(gold == longer, 0.3, 0.3)
    wrong = rng.random(n) < rate
    vote = np.where(wrong, 1 - gold, gold)
    turned = (vote == longer) & (rng.random(n) < wrong_when_long)
    gold = np.where(turned, 1 - vote, gold)
    texts = [("x" * 300, "y" * 100) if side == 0 else ("x" * 100, "y" * 300) for side in longer]
    kinds = rng.choice(["maths", "poems", "code"], n).tolist()
    pairs = made_pairs(texts, gold=["ab"[g] for g in gold], columns={"category": kinds})
    return votes_of(vote[:, None].tolist()), pairs


def test_the_kind_of_pair_in_which_it_is_wrong_stands_on_top() -> None:
    found = mistakes("x", *coin(600, 0, 0.5))
    first = found.patterns[0]
    assert first.name in ("votes for the longer response", "votes for the shorter response")
    assert first.q < 0.001
    by_name = {pattern.name: pattern for pattern in found.patterns}
    longer, shorter = (by_name[f"votes for the {side} response"] for side in ("longer", "shorter"))
    assert longer.wrong.value == pytest.approx(shorter.elsewhere)
    assert longer.wrong.value > shorter.wrong.value + 0.2


def test_no_kind_stands_out_where_there_is_none() -> None:
    small = [p.q < 0.05 for s in range(40) for p in mistakes("x", *coin(300, s, 0.0)).patterns]
    assert sum(small) <= 5


def test_pairs_of_two_prompts_make_no_pattern() -> None:
    votes, pairs = coin(100, 0, 0.9)
    same = made_pairs(
        list(zip(*(pairs.table[f"response_{s}"].to_pylist() for s in "ab"), strict=True)),
        gold=pairs.table["gold"].to_pylist(),
        prompts=[f"prompt {i % 9}" for i in range(100)],
    )
    assert mistakes("x", votes, same).patterns == ()


def test_turning_pairs_round_changes_no_pattern_and_no_figure() -> None:
    votes, pairs = coin(300, 1, 0.4)
    one, other = mistakes("x", votes, pairs), mistakes("x", votes.swapped(), pairs.swapped())
    assert (one.patterns, one.wrong) == (other.patterns, other.wrong)
    assert [m.id for m in one.mistakes] == [m.id for m in other.mistakes]


def test_control_characters_of_texts_are_written_out() -> None:
    pairs = made_pairs([(EVIL, "y")], gold=["a"], prompts=[EVIL])
    found = mistakes("x", votes_of([[1]]), pairs)
    for full in (False, True):
        shown = found.text(full=full)
        assert "\\x1b[2Jgone\\x9b31m\\u202eright to left" in shown
        assert not any((ord(c) < 32 and c not in "\n\t") or 127 <= ord(c) < 160 for c in shown)
    assert found.mistakes[0].response_a == EVIL  # as it is, for programs


def test_long_texts_are_shortened_unless_asked_for_in_full() -> None:
    pairs = made_pairs([("word " * 200 + "end", "y")], gold=["a"])
    found = mistakes("x", votes_of([[1]]), pairs)
    assert max(map(len, found.text().splitlines())) < 200
    assert "word " * 200 + "end" in found.text(full=True)


@pytest.mark.parametrize("text", ["", "short", "a" * 500, "\n\n", "é\u0301" * 100])
def test_one_line_is_one_line_within_its_limit(text: str) -> None:
    for limit in (12, 40, 160):
        assert len(one_line(text, limit)) <= limit
        assert "\n" not in one_line(text, limit)


def test_plain_leaves_ordinary_text_alone() -> None:
    text = "Grüße,\n\t日本語 and 🙂 \u00a0."
    assert plain_text(text) == text


def test_a_function_that_never_votes_has_no_mistakes() -> None:
    found = mistakes("x", votes_of([[-1]] * 3), made_pairs([("x", "y")] * 3, gold=["a"] * 3))
    assert (len(found), found.wrong) == (0, None)
    assert "never votes" in str(found)


def test_report_prints_and_gives_json() -> None:
    found = mistakes("x", *coin(300, 1, 0.4))
    state = json.loads(json.dumps(found.to_dict(), allow_nan=False))
    assert len(state["mistakes"]) == len(found) == len(found.to_pandas())
    assert state["mistakes"][0]["margin"] is None
    assert f"and {len(found) - 10} more" in str(found)
    assert "more" not in found.text(None).splitlines()[-1]


def test_bad_input_is_told_in_one_line() -> None:
    votes, pairs = coin(30, 0, 0.0)
    with pytest.raises(UnknownNameError, match="no labeling function 'w'"):
        mistakes("w", votes, pairs)
    with pytest.raises(LabelMatrixError, match="p has shape"):
        mistakes("x", votes, pairs, p=[0.5])
    with pytest.raises(GoldError, match="no pair has dev gold"):
        mistakes("x", votes, made_pairs([("x", "y")] * 30))
