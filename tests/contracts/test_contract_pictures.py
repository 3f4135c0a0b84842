"""What every picture keeps: a drawing that is whole by itself, with words for who cannot see it, and harmless names."""

from __future__ import annotations

import hashlib
import inspect
import math
import os
import re
import subprocess
import sys
import xml.etree.ElementTree as ET
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import pytest
from made_report import HARMFUL

from weaklabel import pictures
from weaklabel.calibration import Temperature, VennAbers
from weaklabel.metrics import Interval
from weaklabel.pictures import Picture
from weaklabel.pictures.text import neutral
from weaklabel.types import Reason

pytestmark = pytest.mark.same_everywhere

PICTURES = sorted(name for name in pictures.__all__ if inspect.isfunction(getattr(pictures, name)))
every = pytest.mark.parametrize("name", PICTURES)

SVG = "{http://www.w3.org/2000/svg}"
ALLOWED = {"svg", "title", "desc", "style", "rect", "line", "circle", "path", "text"}
NUMBERS = re.compile(r"-?\d+(?:\.\d+)?")
WIDE = Interval(0.9, -math.inf, math.inf, 1)
SURE, UNSURE = Interval(0.7, 0.6, 0.8, 40), Interval(0.5, 0.4, 0.6, 9)

P = np.random.default_rng(0).random(80)
Y = (np.random.default_rng(1).random(80) < P).astype(np.float64)
LOGIT = np.log(P / (1 - P))


def _bars(words: str) -> Iterator[Picture]:
    kinds = {"a": words, "m": "with a warning", "b": "without"}
    yield pictures.bars_picture(
        [(words, 2.5, "a"), ("x", 0.0, "b"), ("y", 1e9, "m")], words, axis=words, kinds=kinds
    )
    yield pictures.bars_picture(
        [(f"{words}{k}", 0.0, "b") for k in range(60)], "t", axis="ms", kinds=kinds, note=words
    )
    yield pictures.bars_picture([], "t", axis="ms", kinds=kinds)


def _maps(words: str) -> Iterator[Picture]:
    draw = pictures.calibration_map_picture
    yield draw({words: Temperature().fit(LOGIT, Y)}, note=words)
    yield draw(
        {words: Temperature().fit(LOGIT, Y), "t": Temperature().fit(LOGIT, 1 - Y)}, VennAbers().fit(LOGIT, Y)
    )


def _compared(words: str) -> Iterator[Picture]:
    yield pictures.compared_picture(
        [(words, SURE, UNSURE), ("x", UNSURE, None), ("w", WIDE, WIDE)], "t", note=words
    )
    yield pictures.compared_picture([], words)


def _contributions(words: str) -> Iterator[Picture]:
    reasons = [Reason(words, 1, 2.0, 0.8), Reason("y", 0, math.nan, -40.0), Reason("z", -1, math.inf, 0.0)]
    yield pictures.contributions_picture([*reasons, Reason("text:words", None, math.nan, 0.5)], words)
    yield pictures.contributions_picture([Reason(words, 1, math.nan, None), Reason("y", 0, math.nan, None)])
    yield pictures.contributions_picture([])


def _curves(words: str) -> Iterator[Picture]:
    points = [(0, UNSURE), (10, SURE), (20_000, WIDE), (30_000, Interval(math.nan, 0.0, 1.0, 0))]
    yield pictures.curves_picture(
        {words: points, "x": [(5, SURE)]}, words, axis=words, reference=0.5, reference_name=words, note=words
    )
    far = Interval(-900.0, -1e4, 1e4, 3)
    yield pictures.curves_picture({"x": [(7, far)], "y": [(7, WIDE)], words: [(7, SURE)]}, "t", axis="nats")
    yield pictures.curves_picture({"x": [(1, SURE), (2, SURE)]}, "t", axis="nats", across=words)
    yield pictures.curves_picture({words: []}, "t", axis="nats")


def _dependency(words: str) -> Iterator[Picture]:
    names = [words, *"abcdefgh"]
    edges = [(a, b, 1 / (1 + i + k)) for i, a in enumerate(names) for k, b in enumerate(names[:i])]
    yield pictures.dependency_picture(edges, note=words)
    yield pictures.dependency_picture(edges, order=names[::-1], title=words)
    yield pictures.dependency_picture([])


def _forest(words: str) -> Iterator[Picture]:
    rows = [(words, SURE), ("x", UNSURE), ("wide", WIDE), ("far", Interval(-900.0, -1e4, 1e4, 3))]
    yield pictures.forest_picture(rows, words, reference=0.5, reference_name=words, axis=words, note=words)
    yield pictures.forest_picture(rows[:2], "t", signed=True, lower_is_better=True)
    yield pictures.forest_picture([(f"{words}{k}", SURE) for k in range(60)], "t")
    yield pictures.forest_picture([], "t")


def _heatmap(words: str) -> Iterator[Picture]:
    values = np.array([[1.0, 0.25, 0.5], [0.25, np.nan, 0.0], [0.5, 0.0, 1.0]])
    yield pictures.heatmap_picture(
        values, [words, "x", "y"], words, middle=0.5, top=0.5, words=words, note=words
    )
    yield pictures.heatmap_picture(np.eye(60), [f"{words}{k}" for k in range(60)], "t", top=1.0)
    yield pictures.heatmap_picture(np.zeros((0, 0)), [], "t")


def _kept_share(words: str) -> Iterator[Picture]:
    yield pictures.kept_share_picture(P, Y, np.arange(80) // 2, note=words)
    yield pictures.kept_share_picture([0.0, 1.0, 0.5], [0.0, 0.0, 1.0])
    yield pictures.kept_share_picture([0.7], [0.5])


def _posterior(words: str) -> Iterator[Picture]:
    yield pictures.posterior_picture(P, note=words)
    yield pictures.posterior_picture([0.0, 1.0, 0.5])
    yield pictures.posterior_picture([0.5])


def _reliability(words: str) -> Iterator[Picture]:
    yield pictures.reliability_picture(P, Y, np.arange(80) // 2, note=words)
    yield pictures.reliability_picture([0.0, 1.0, 0.5], [0.0, 0.0, 1.0])
    yield pictures.reliability_picture([0.7], [1.0], bins=3)


def _trade_off(words: str) -> Iterator[Picture]:
    points = [(words, SURE, UNSURE), ("x", UNSURE, SURE), ("w", WIDE, WIDE)]
    yield pictures.trade_off_picture(points, "t", x_axis=words, y_axis=words, note=words)
    far = Interval(-900.0, -1e4, 1e4, 3)
    yield pictures.trade_off_picture([(words, far, SURE)], words, x_axis="a", y_axis="b")
    unknown = Interval(math.nan, 0.0, 1.0, 0)
    yield pictures.trade_off_picture([("x", unknown, SURE)], "t", x_axis="a", y_axis="b")


# Pictures with `words` wherever a user's words may stand, of plain numbers and of odd ones. A new picture adds its own.
EXAMPLES: dict[str, Callable[[str], Iterator[Picture]]] = {
    "bars_picture": _bars,
    "calibration_map_picture": _maps,
    "compared_picture": _compared,
    "contributions_picture": _contributions,
    "curves_picture": _curves,
    "dependency_picture": _dependency,
    "forest_picture": _forest,
    "heatmap_picture": _heatmap,
    "kept_share_picture": _kept_share,
    "posterior_picture": _posterior,
    "reliability_picture": _reliability,
    "trade_off_picture": _trade_off,
}


def nodes(picture: Picture) -> list[ET.Element]:
    return list(ET.fromstring(picture.svg()).iter())


@every
def test_names_that_try_to_do_harm_stay_words(name: str) -> None:
    for picture in (picture for words in HARMFUL for picture in EXAMPLES[name](words)):
        found = nodes(picture)
        assert {node.tag.removeprefix(SVG) for node in found} <= ALLOWED
        attributes = {key for node in found for key in node.attrib}
        assert (
            not {key for key in attributes if key.startswith("on") or "href" in key}
            | {"src", "style"} & attributes
        )
        shown = picture._repr_html_()
        assert not re.search(r"<(script|img|a|link|meta|iframe|foreignObject)\b", shown)
        assert not set("\u202e\u202c\u2066\u200b\x00\x1b") & set(shown)


@every
def test_a_drawing_needs_nothing_from_outside(name: str) -> None:
    for picture in EXAMPLES[name]("plain"):
        assert re.findall(r"https?://[^\"' <]+", picture.svg()) == ["http://www.w3.org/2000/svg"]
        assert "@import" not in picture.svg()
        assert "url(" not in picture.svg()


@every
def test_who_cannot_see_it_gets_a_title_a_description_and_a_table(name: str) -> None:
    for picture in EXAMPLES[name]("plain"):
        found = nodes(picture)
        by_id = {node.get("id"): node.text for node in found}
        assert found[0].get("role") == "img"
        assert [by_id[key] for key in found[0].get("aria-labelledby", "").split()] == [
            picture.title,
            picture.description,
        ]
        assert picture.title.strip()
        assert picture.description.strip()
        assert all(len(row) == len(picture.header) for row in picture.rows)
        assert all(isinstance(cell, str) and cell != "nan" for row in picture.rows for cell in row)


@every
def test_every_number_is_finite_and_every_shape_inside_the_drawing(name: str) -> None:
    for picture in EXAMPLES[name]("a name of some length"):
        _, _, width, height = map(float, nodes(picture)[0].get("viewBox", "").split())
        assert math.isfinite(width * height)
        for node in nodes(picture):
            for key, value in node.attrib.items():
                if key in ("x", "x1", "x2", "cx"):
                    assert 0 <= float(value) <= width, (node.tag, key, value)
                elif key in ("y", "y1", "y2", "cy"):
                    assert 0 <= float(value) <= height, (node.tag, key, value)
                elif key in ("d", "transform", "r", "stroke-width", "fill-opacity"):
                    assert not re.search(r"nan|inf|e[+-]?\d", value, flags=re.IGNORECASE), (
                        node.tag,
                        key,
                        value,
                    )


@every
def test_the_words_of_a_name_can_be_read(name: str) -> None:
    words = "a<b> & \"c'"
    for picture in list(EXAMPLES[name](words))[:1]:
        text = " ".join(filter(None, (node.text for node in nodes(picture))))
        assert neutral(words) in " ".join(
            [text, picture.note, *(cell for row in picture.rows for cell in row)]
        )


def digests() -> dict[str, str]:
    drawn = {name: "".join(p._repr_html_() for w in HARMFUL for p in EXAMPLES[name](w)) for name in PICTURES}
    return {name: hashlib.sha256(text.encode()).hexdigest() for name, text in drawn.items()}


def test_the_same_numbers_give_the_same_bytes_in_any_process() -> None:
    here = Path(__file__).resolve().parent
    code = f"import sys; sys.path[:0] = {[str(here), str(here.parent)]!r}; import {Path(__file__).stem} as t; print(t.digests())"
    env = os.environ | {"PYTHONHASHSEED": "4"}
    there = subprocess.run([sys.executable, "-c", code], env=env, capture_output=True, text=True, check=True)
    assert there.stdout.strip() == str(digests()) == str(digests())
