"""What others named is shown on a terminal and never obeyed; what is JSON stays the same value."""

from __future__ import annotations

import json
import logging
import unicodedata

import pytest
from hypothesis import given
from hypothesis import strategies as st

from weaklabel import labeling_function, response_scorer
from weaklabel._tables import html_table, plain_table
from weaklabel._terminal import logger, plain_json, plain_line, plain_text
from weaklabel.errors import LabelingFunctionError
from weaklabel.lf.columns import column_scores, column_verdict

ACTS = ["\x1b[31m", "\x00", "\x07", "\r", "\x7f", "\x9b2J", "\x85", "\u2028", "\u2029", "\u202e", "\u2066"]
HIDES = ["\u200b", "\u200f", "\ufeff", "\xad", "\u061c", "\udc80", "\U000e0041", "\u2063"]


@pytest.mark.parametrize("bad", [*ACTS, *HIDES, "\n", "\t"])
def test_a_line_holds_nothing_that_a_terminal_obeys_or_hides(bad: str) -> None:
    shown = plain_line(f"a{bad}b")
    assert len(shown.splitlines()) == 1
    assert bad[0] not in shown
    assert shown.startswith("a\\")
    assert shown.isprintable()


@given(st.text(st.characters(categories=["Cc", "Cs", "Zl", "Zp", "Cf"])))
def test_no_control_or_format_character_but_the_joiners_is_left(text: str) -> None:
    left = {unicodedata.category(c) for c in plain_line(text) if c not in "\u200c\u200d"} - {"Lu", "Ll", "Nd"}
    assert left <= {"Po", "Cf"}  # the backslash; and marks of scripts, such as the Arabic number sign
    plain_line(text).encode()


def test_ordinary_text_of_any_script_is_left_alone() -> None:
    text = "Grüße, 日本語, می\u200cخواهم, 👩\u200d👩\u200d👧 \u00a0[red]"
    assert plain_line(text) == plain_text(text) == text
    assert plain_text("two\n\tlines") == "two\n\tlines"


@given(st.dictionaries(st.text(), st.text() | st.lists(st.text())))
def test_json_for_a_terminal_is_the_same_value(value: object) -> None:
    text = plain_json(json.dumps(value, ensure_ascii=False, indent=2))
    assert json.loads(text) == value
    assert all(line.isprintable() or max(line) >= "\u00a0" for line in text.split("\n"))
    assert not {"\x7f", "\x9b", "\u2028", "\u202e"} & set(text)


def test_a_cell_of_a_table_stays_a_cell() -> None:
    table = plain_table(["lf"], [["a\nb\x1b[2J"], ["c"]])
    assert table.split("\n") == ["lf", "a\\nb\\x1b[2J", "c"]
    assert "\u202e" not in html_table(["x\u202e"], [["y\u202e"]])


def test_log_lines_hold_nothing_that_is_obeyed(caplog: pytest.LogCaptureFixture) -> None:
    logger().warning("%s: nothing for %d pairs", "evil\x1b]0;name\x07\nERROR forged", 3)
    assert caplog.messages == ["evil\\x1b]0;name\\x07\\nERROR forged: nothing for 3 pairs"]
    assert logger() is logging.getLogger("weaklabel")
    assert len(logger().filters) == 1


@pytest.mark.parametrize("name", ["a\nb", "\x1b[31mred", "x\u202ey", "", "  ", "\udcff"])
def test_a_function_cannot_be_named_so_that_its_name_acts(name: str) -> None:
    makers = [
        lambda: column_scores(name, "x", "y"),
        lambda: column_verdict(name, "x", votes={"1": "a"}),
        *([lambda: labeling_function(name=name)(lambda pair: 0)] if name else []),
        *([lambda: response_scorer(name=name)(lambda response: 0)] if name else []),
    ]
    for make in makers:
        with pytest.raises(LabelingFunctionError, match="is named"):
            make()
