"""Worked solutions: calculations and answers on examples that can be checked by eye."""

from __future__ import annotations

from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as st

from weaklabel.text.solutions import final_number, marked_answer, numbers_in, read_solution


@pytest.mark.parametrize(
    ("text", "answer"),
    [
        ("So it is 5.\n#### 72", 72),
        ("#### $1,250.50", Fraction(2501, 2)),
        (r"Thus \boxed{42}.", 42),
        (r"so $\boxed{\frac{3}{4}}$", Fraction(3, 4)),
        (r"\boxed{-7}", -7),
        ("It takes 4.\nA: 8", 8),
        ("The answer is 12 apples, not 13.", 12),
        ("The answer is: x = 1 1/2.", Fraction(3, 2)),
        ("Final answer: 25%", 25),
        ("answer = 2 * 3 = 6", 6),
        ("The answer is 3. No, the answer is 4.", 4),
        ("A: 0", 0),
        ("#### 12.0", 12),
        ("The answer is −5", -5),
        ("It is 7.", None),
        ("The answer is unknown.", None),
        ("", None),
    ],
)
def test_an_answer_is_read_behind_its_mark(text: str, answer: Fraction | int | None) -> None:
    assert marked_answer(text) == answer


def test_a_mark_without_a_number_leaves_the_answer_to_an_earlier_mark() -> None:
    assert marked_answer("The answer is 4. I hope this answer is clear!") == 4


@pytest.mark.parametrize(
    ("text", "number"),
    [("3 boxes of 4 make 12 pens.", 12), ("1,200 of 7", 7), ("none", None), ("A: 5\nIt was 3 before.", 5)],
)
def test_without_a_mark_the_last_number_is_the_final_one(text: str, number: int | None) -> None:
    assert final_number(text) == number


@pytest.mark.parametrize(
    ("text", "expression", "is_wrong"),
    [
        ("<<3*4=12>>12", "3*4", False),
        ("<<3*4=13>>13", "3*4", True),
        ("$<<130000*.15=19500.0>>195,000", "130000*.15", True),  # the mark is right, what is written is not
        ("<<10/3=3.33>>3.33", "10/3", False),
        ("<<10/3=3>>3", "10/3", True),
        ("<<6.5*2=13.0>>13", "6.5*2", False),
        ("3 * 4 = 13", "3 * 4", True),
        ("so (2+3)*4=20.", "(2+3)*4", False),
        ("So 80,000+50,000=$130,000", "80,000+50,000", False),
        ("100% - 40% = 60%", "100% - 40%", False),
        ("20 x 3 = 60", "20 x 3", False),
        ("9 - 12 = -3", "9 - 12", False),
    ],
)
def test_calculations_are_worked_out_again(text: str, expression: str, is_wrong: bool) -> None:
    (found,) = read_solution(text).calculations
    assert (found.expression, found.is_wrong) == (expression, is_wrong)


@pytest.mark.parametrize(
    "text",
    ["x = 3", "3x - 5 = 16", "4 boxes * 3 = 12", "12 = 12", "2 * 3 = 4 + 2", "a + 2 = 5", "=", "1/0 = 3", "on 2020-01-02"],
)  # fmt: skip
def test_what_is_not_a_whole_calculation_is_left_alone(text: str) -> None:
    assert read_solution(text).sums == ()


def test_a_mark_with_a_letter_is_kept_without_a_value() -> None:
    (found,) = read_solution("<<X*.25=19.5>>19.5").marked
    assert (found.value, found.is_wrong, found.operands) == (None, False, (Fraction(1, 4),))


def test_the_marks_are_not_in_the_text() -> None:
    found = read_solution("2*100 = <<2*100=200>>200 meters")
    assert found.text == "2*100 = 200 meters"
    assert [c.expression for c in found.sums] == ["2*100"]


def test_numbers_have_commas_and_decimals_and_no_letters_before_them() -> None:
    assert numbers_in("1,200.50 and 7% of B12, 3rd") == [Fraction(2401, 2), 7, 3]


_pieces = st.sampled_from(["<<", ">>", "3*4", "=", "12", " ", "\n", "A:", "answer is", "####", "\\boxed{", "1/0", "x", "$", ",", "%", "-"])  # fmt: skip


@given(st.lists(st.one_of(_pieces, st.text(max_size=5)), max_size=20).map("".join))
def test_any_text_can_be_read(text: str) -> None:
    found = read_solution(text)
    assert found.wrong <= max(len(found.marked), len(found.sums))
    assert found.answer is None or found.answer == found.last
