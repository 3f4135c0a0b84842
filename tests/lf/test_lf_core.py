"""The contracts of labeling functions and response scorers."""

from __future__ import annotations

import functools
import math
import sys

import numpy as np
import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st

import weaklabel.lf as lf_room
from weaklabel.errors import ArgumentError, LabelingFunctionError, VoteError
from weaklabel.lf import TextColumn
from weaklabel.lf.core import ResponseScorer
from weaklabel.lf.writing import labeling_function, response_scorer
from weaklabel.types import ABSTAIN, PREFER_A, PREFER_B, Pair, swap_votes

finite = st.floats(allow_nan=False, allow_infinity=False)


def pair(a: str = "one", b: str = "two words", pair_id: str = "p1") -> Pair:
    return Pair(pair_id, "Say something.", a, b)


def scored(scores: dict[str, float], **settings: object) -> ResponseScorer:
    """A scorer that looks its scores up."""

    @response_scorer(**settings)  # type: ignore[call-overload]
    def table(response):
        return scores[response]

    return table


@labeling_function
def prefers_longer(pair: Pair) -> int:
    """Prefer the longer response.

    More is said below.
    """
    a, b = len(pair.response_a), len(pair.response_b)
    return ABSTAIN if a == b else (PREFER_A if a > b else PREFER_B)


@response_scorer
def n_chars(response):
    return len(response)


# ---------------------------------------------------------------------------------------------- decorators


def test_the_decorators_work_with_and_without_parentheses():
    @labeling_function()
    def with_parentheses(pair):
        return PREFER_B

    @response_scorer()
    def scorer_with_parentheses(response):
        return len(response)

    assert prefers_longer(pair()) == with_parentheses(pair()) == PREFER_B
    assert n_chars(pair()) == scorer_with_parentheses(pair()) == PREFER_B


def test_name_family_and_first_docstring_line_come_from_the_function():
    assert (prefers_longer.name, prefers_longer.family) == ("prefers_longer", "test_lf_core")
    assert prefers_longer.doc == "Prefer the longer response."


def test_a_name_can_be_given():
    assert labeling_function(name="other")(lambda pair: ABSTAIN).name == "other"


def test_a_labeling_function_with_two_arguments_is_refused():
    with pytest.raises(LabelingFunctionError, match=r"'two' takes 2 arguments \(a, b\).*takes the pair"):

        @labeling_function
        def two(a, b):
            return 0


def test_a_response_scorer_with_three_arguments_is_refused():
    with pytest.raises(LabelingFunctionError, match=r"takes 3 arguments.*and the prompt if it needs it"):

        @response_scorer
        def three(a, b, c):
            return 0


def test_what_cannot_be_called_is_refused():
    with pytest.raises(ArgumentError, match=r"fn is 'length'. Allowed: a function"):
        response_scorer("length")  # type: ignore[call-overload]


def test_an_argument_with_a_default_is_not_the_prompt():
    @response_scorer
    def scaled(response, factor=2):
        return len(response) * factor

    assert not scaled.sees_prompt
    assert scaled.score("abc") == 6


def test_an_unknown_direction_is_refused():
    with pytest.raises(LabelingFunctionError, match=r"prefer is 'bigger'. Allowed: 'more', 'less'"):
        response_scorer(prefer="bigger")(len)  # type: ignore[call-overload]


@pytest.mark.parametrize(("low", "high"), [(-1, 5), (3, 2), (math.inf, math.inf)])
def test_gaps_out_of_order_are_refused(low, high):
    with pytest.raises(LabelingFunctionError, match="0 <= min_gap <= max_gap"):
        scored({}, min_gap=low, max_gap=high)


@pytest.mark.parametrize("gap", ["min_gap", "max_gap"])
def test_a_gap_that_is_no_number_is_refused(gap):
    with pytest.raises(ArgumentError, match=f"{gap} is nan. Allowed: a number"):
        scored({}, **{gap: math.nan})


# --------------------------------------------------------------------------------------- votes of functions


@pytest.mark.parametrize("value", [2, -2, True, False, None, 0.0, "1", np.float64(1.0)])
def test_what_is_no_vote_is_a_vote_error_that_names_function_value_and_pair(value):
    lf = labeling_function(name="odd")(lambda pair: value)
    with pytest.raises(VoteError, match=r"'odd' returned .* for pair 'hh-0041'.*Return ABSTAIN when unsure"):
        lf(pair(pair_id="hh-0041"))


@pytest.mark.parametrize("value", [-1, 0, 1, np.int64(1), np.int8(-1)])
def test_every_integer_vote_is_taken(value):
    assert labeling_function(lambda pair: value)(pair()) == value


def test_a_raising_function_is_an_abstain_with_a_fault_that_names_function_and_pair():
    @labeling_function
    def fragile(pair):
        if pair.id == "p2":
            raise KeyError("size")
        return PREFER_A

    column = fragile.vote_all([pair(pair_id=f"p{i}") for i in range(1, 4)])
    assert column.votes.tolist() == [0, -1, 0]
    [fault] = column.faults
    line = fragile.fn.__code__.co_firstlineno + 3  # decorator, def, if, raise
    expected = {
        "lf": "fragile",
        "pair_id": "p2",
        "kind": "raised",
        "exception": "KeyError",
        "message": "'size'",
    }
    assert fault.to_dict() == expected | {"where": f"test_lf_core.py:{line}"}


def test_a_plain_function_has_no_margins():
    assert np.isnan(prefers_longer.vote_all([pair()]).margins).all()


# --------------------------------------------------------------------------------------------- score to vote


def test_the_margin_is_score_b_minus_score_a_and_the_vote_its_sign():
    column = n_chars.vote_all([pair("four", "sixsix"), pair("sixsix", "four"), pair("same", "size")])
    assert column.margins.tolist() == [2, -2, 0]
    assert column.votes.tolist() == [1, 0, -1]


def test_preferring_less_turns_margin_and_vote():
    column = n_chars.with_settings(prefer="less").vote_all([pair("four", "sixsix")])
    assert (column.margins.tolist(), column.votes.tolist()) == ([-2], [0])


@pytest.mark.parametrize(("gap", "vote"), [(1, -1), (2, 1), (3, 1), (4, -1)])
def test_both_ends_of_the_band_vote(gap, vote):
    assert n_chars.with_settings(min_gap=2, max_gap=3)(pair("", "x" * gap)) == vote


def test_the_margin_is_kept_where_the_band_abstains():
    column = n_chars.with_settings(min_gap=100).vote_all([pair("", "abc")])
    assert (column.margins.tolist(), column.votes.tolist()) == ([3], [-1])


def test_nan_abstains_without_a_margin_or_a_fault():
    column = scored({"one": math.nan, "two words": 1.0}).vote_all([pair()])
    assert np.isnan(column.margins).all()
    assert (column.votes.tolist(), column.faults) == ([-1], ())


@pytest.mark.parametrize("value", [math.inf, -math.inf, None, "3"])
def test_what_is_no_finite_number_is_a_fault(value):
    column = scored({"one": 0.0, "two words": value}).vote_all([pair()])
    assert column.votes.tolist() == [-1]
    assert "'table' returned" in str(column.faults[0])


def test_true_and_false_are_scores():
    assert scored({"one": False, "two words": True})(pair()) == PREFER_B


def test_a_scorer_may_see_the_prompt():
    @response_scorer
    def shares_words(response, prompt):
        return len(set(response.words) & set(prompt.words))

    assert shares_words(Pair("1", "red fox", "a red fox", "a dog")) == PREFER_A
    assert shares_words.score("a red fox", prompt="red fox") == 2


def test_a_response_is_scored_once_however_often_it_occurs():
    seen = []

    @response_scorer
    def spy(response):
        seen.append(response)
        return len(response)

    spy.vote_all([pair("x", "yy"), pair("yy", "x"), pair("x", "x")])
    assert sorted(seen) == ["x", "yy"]


def test_one_bad_response_is_a_fault_of_every_pair_that_holds_it_and_of_no_other():
    @response_scorer
    def fragile(response):
        return 1 / (len(response) - 3)

    column = fragile.vote_all([pair("one", "x", "p1"), pair("yy", "two", "p2"), pair("x", "yy", "p3")])
    assert [f.pair_id for f in column.faults] == ["p1", "p2"]
    assert column.votes[2] != ABSTAIN


def test_a_scorer_with_columns_is_refused():
    with pytest.raises(LabelingFunctionError, match=r"no columns. Use @labeling_function"):
        ResponseScorer(name="x", family="y", fn=len, columns=("size",))


def test_but_changes_what_is_given_and_keeps_the_rest():
    changed = n_chars.with_settings(name="longer", min_gap=5)
    assert (changed.name, changed.min_gap, changed.prefer, changed.fn) == ("longer", 5, "more", n_chars.fn)


# -------------------------------------------------------------------------------------------------- float32


def test_a_difference_below_float32_abstains():
    column = scored({"one": 0.0, "two words": 1e-60}).vote_all([pair()])
    assert (column.margins.tolist(), column.votes.tolist()) == ([0], [-1])


def test_a_difference_beyond_float32_keeps_its_sign():
    column = scored({"one": 1e300, "two words": -1e300}).vote_all([pair()])
    assert (column.margins.tolist(), column.votes.tolist()) == ([-math.inf], [0])


def test_a_gap_that_rounds_up_to_the_threshold_votes_like_its_stored_margin():
    # 0.1 + 0.2 and 0.3 differ in float64 and are one number in float32, in which the margin is kept.
    assert scored({"one": 0.0, "two words": 0.3}, min_gap=0.1 + 0.2)(pair()) == PREFER_B


@given(finite, finite, st.sampled_from(["more", "less"]), st.floats(0, 1e6), st.floats(0, 1e6))
def test_swapping_the_responses_flips_every_vote_and_margin(a, b, prefer, low, width):
    lf = scored({"one": a, "two words": b}, prefer=prefer, min_gap=low, max_gap=low + width)
    there, back = (lf.vote_all([p]) for p in (pair(), pair().swapped()))
    assert (there.margins == -back.margins).all()
    assert (there.votes == swap_votes(back.votes)).all()


@given(finite, finite, st.floats(0, 1e300))
def test_a_vote_has_the_sign_of_its_margin(a, b, low):
    column = scored({"one": a, "two words": b}, min_gap=low).vote_all([pair()])
    assert column.votes[0] in (ABSTAIN, int(column.margins[0] > 0))
    assert column.votes[0] == ABSTAIN or column.margins[0] != 0


# ---------------------------------------------------------------------------------------------------- batch


@response_scorer(batch=True)
def n_chars_in_batch(response: TextColumn) -> pl.Series:
    return response.series.str.len_chars()


@given(st.lists(st.tuples(st.text(), st.text()), max_size=8))
def test_a_batch_scorer_says_what_its_row_form_says(texts):
    pairs = [pair(a, b, str(i)) for i, (a, b) in enumerate(texts)]
    rows, batch = n_chars.vote_all(pairs), n_chars_in_batch.vote_all(pairs)
    assert (rows.votes == batch.votes).all()
    assert (rows.margins == batch.margins).all()


def test_a_batch_scorer_may_see_the_prompts():
    @response_scorer(batch=True)
    def longer_than_prompt(response, prompt):
        return response.series.str.len_chars() - prompt.series.str.len_chars()

    assert longer_than_prompt(pair("x", "yy")) == PREFER_B


def test_a_batch_of_another_length_is_a_fault_of_every_pair():
    lf = response_scorer(batch=True, name="short")(lambda response: [1.0])
    column = lf.vote_all([pair("a", "b", "p1"), pair("c", "d", "p2")])
    assert [f.pair_id for f in column.faults] == ["p1", "p2"]
    assert "returned shape (1,) for 4 responses" in str(column.faults[0])


def test_an_infinite_number_in_a_batch_is_a_fault():
    lf = response_scorer(batch=True)(lambda response: np.full(len(response), np.inf))
    assert "infinite score" in str(lf.vote_all([pair()]).faults[0])


def test_no_pairs_give_no_votes():
    for lf in (prefers_longer, n_chars, n_chars_in_batch):
        column = lf.vote_all([])
        assert (len(column.votes), len(column.margins)) == (0, 0)


def test_every_name_of_the_room_is_found():
    assert all(hasattr(lf_room, name) for name in lf_room.__all__)


def test_an_unknown_name_of_the_room_is_an_attribute_error():
    with pytest.raises(AttributeError, match="labeling_funktion"):
        _ = lf_room.labeling_funktion


# ------------------------------------------------------------------------------------------- odd functions


class Counts:
    """A function that is an object."""

    def __call__(self, response):
        return len(response)


@pytest.mark.parametrize("make", [Counts, lambda: functools.partial(int.__add__, 1)])
def test_a_callable_without_a_name_asks_for_one_and_works_with_it(make):
    with pytest.raises(LabelingFunctionError, match="has no name of its own"):
        response_scorer(make())
    assert response_scorer(name="counts")(Counts()).score("abc") == 3.0


def test_a_function_of_c_that_hides_its_arguments_is_refused():
    with pytest.raises(LabelingFunctionError, match="does not say what arguments it takes"):
        labeling_function(max)


def test_columns_as_one_string_are_refused():
    with pytest.raises(ArgumentError, match=r"columns is 'topic'. Allowed: a list of texts: \['topic'\]"):
        labeling_function(columns="topic")(lambda pair: 0)


def test_a_function_that_ends_the_program_is_a_fault():
    for lf in (
        labeling_function(name="ends")(lambda pair: sys.exit(0)),
        response_scorer(name="ends")(lambda response: sys.exit(0)),
        response_scorer(name="ends", batch=True)(lambda responses: sys.exit(0)),
    ):
        column = lf.vote_all([pair()])
        assert column.votes.tolist() == [-1]
        assert (column.faults[0].kind, column.faults[0].what) == ("raised", "raised SystemExit: 0")


def test_a_scorer_is_given_what_its_arguments_are_called_whatever_their_order() -> None:
    @response_scorer
    def echoes(prompt, response):
        return float(prompt in response)

    @response_scorer
    def echoes_too(response, prompt):
        return float(prompt in response)

    @response_scorer(batch=True)
    def echoes_at_once(prompt, response):
        return [float(x in y) for x, y in zip(prompt.texts, response.texts, strict=True)]

    @response_scorer
    def echoes_by_place(y, x):
        return float(x in y)

    pair = Pair("1", "tree", "a tree", "a stone")
    assert [lf(pair) for lf in (echoes, echoes_too, echoes_at_once, echoes_by_place)] == [0, 0, 0, 0]
    assert echoes.score("a tree", "tree") == 1


def test_a_scorer_of_the_prompt_alone_is_refused() -> None:
    with pytest.raises(LabelingFunctionError, match="takes the prompt alone"):
        response_scorer(lambda prompt: len(prompt), name="long")  # type: ignore[call-overload]
