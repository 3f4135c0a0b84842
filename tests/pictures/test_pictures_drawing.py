"""Drawings: round ticks, escaped words, numbers that are numbers."""

from __future__ import annotations

import xml.etree.ElementTree as ET

import pytest
from hypothesis import given
from hypothesis import strategies as st
from made_report import HARMFUL

from weaklabel.pictures.drawing import Canvas, Picture, Scale, nothing, tick

SVG = "{http://www.w3.org/2000/svg}"


def test_a_scale_maps_its_ends_and_holds_what_lies_outside() -> None:
    scale = Scale(0.5, 1.0, 300, 20)
    assert (scale(0.5), scale(1.0), scale(0.75), scale(0.1), scale(2.0)) == (300, 20, 160, 300, 20)


@given(st.floats(-1e4, 1e4), st.floats(1e-3, 1e4))
def test_ticks_are_few_rising_and_inside_the_scale(low: float, span: float) -> None:
    ticks = Scale(low, low + span, 0, 1).ticks()
    assert 1 <= len(ticks) <= 7
    assert ticks == sorted(ticks)
    assert all(low - 1e-6 * span - 1e-9 <= t <= low + span * (1 + 1e-6) + 1e-9 for t in ticks)


@pytest.mark.parametrize("text", HARMFUL)
def test_harmful_words_become_words_of_the_drawing(text: str) -> None:
    canvas = Canvas()
    canvas.text(0, 0, text)
    canvas.rect(0, 0, 1, 1, "wl-a", tip=text)
    picture = Picture(text, text, str(canvas), 10, 10, (text,), [(text,)], text)
    root = ET.fromstring(picture.svg())
    assert {node.tag.removeprefix(SVG) for node in root.iter()} <= {
        "svg",
        "title",
        "desc",
        "style",
        "rect",
        "text",
    }
    assert all(not key.startswith("on") for node in root.iter() for key in node.attrib)
    assert "<script" not in picture._repr_html_()


def test_a_number_that_is_not_finite_is_refused() -> None:
    with pytest.raises(AssertionError, match="not finite"):
        Canvas().line(0, float("nan"), 1, 1, "wl-axis")


def test_a_picture_of_nothing_says_why() -> None:
    assert "No gold" in str(nothing("Reliability", "No gold here."))
    assert "No gold here." in nothing("Reliability", "No gold here.").svg()


def test_a_notebook_gets_the_style_and_a_page_brings_its_own() -> None:
    picture = Picture("t", "d", "", 1, 1)
    assert "<style>" in picture._repr_svg_()
    assert "<style>" not in picture.svg(styled=False)


def test_ticks_are_written_short() -> None:
    assert [tick(v) for v in (0.1, 0.25, 1.0, 12_000.0)] == [".1", ".25", "1", "12,000"]
