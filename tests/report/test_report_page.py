"""The page: whole, small, harmless, honest about what is missing, for any number of functions and pairs."""

from __future__ import annotations

import base64
import hashlib
import re
import tempfile
from collections import Counter
from dataclasses import replace
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from made_labels import with_column
from made_report import HARMFUL, drawn_labels

from weaklabel.errors import LabelMatrixError
from weaklabel.metrics import Interval
from weaklabel.pictures.text import neutral
from weaklabel.report import Judged, honest_labels, judge, write_report
from weaklabel.reward import evaluate
from weaklabel.shift import Shift
from weaklabel.types import Labels
from weaklabel.workbench.added_value import added_value
from weaklabel.workbench.bias import label_bias
from weaklabel.workbench.dependencies import dependencies

pytestmark = pytest.mark.same_everywhere


class Page(HTMLParser):
    """Tags, attributes and text of a page, as a browser would see them."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.tags: Counter[str] = Counter()
        self.attributes: Counter[str] = Counter()
        self.ids: list[str] = []
        self.raw: list[str] = []
        self.words = ""
        self._in_raw = 0
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags[tag] += 1
        self.attributes.update(name for name, _ in attrs)
        self.ids += [value or "" for name, value in attrs if name == "id"]
        if ("class", "raw") in attrs:
            self.raw.append("")
            self._in_raw = 1

    def handle_endtag(self, tag: str) -> None:
        if tag == "div":
            self._in_raw = 0

    def handle_data(self, data: str) -> None:
        self.words += data + " "
        if self._in_raw:
            self.raw[-1] += data


def report_html(labels: Labels, **settings: Any) -> str:
    with tempfile.TemporaryDirectory() as folder:
        return write_report(labels, Path(folder) / "report.html", **settings).read_text(encoding="utf-8")


def page(labels: Labels, **settings: Any) -> Page:
    return Page(report_html(labels, **settings))


def test_harmful_texts_are_shown_and_never_become_markup() -> None:
    found = page(drawn_labels(harmful=True, accuracies=(0.6,) * 7))
    assert not {"script", "img", "foreignobject", "a href", "iframe", "object"} & set(found.tags)
    assert not [name for name in found.attributes if name.startswith("on") or name in ("style", "src")]
    shown = "".join(found.raw)
    for text in (HARMFUL[0], HARMFUL[1], HARMFUL[9], HARMFUL[11]):
        assert neutral(text) in shown
    assert not set("\u202e\u202c\u2066\u200b\x00\x1b") & set(found.words)


def test_every_link_stays_on_the_page() -> None:
    text = report_html(drawn_labels(harmful=True))
    assert {href[:1] for href in re.findall(r'<a [^>]*href="([^"]*)"', text)} == {"#"}
    assert 'http-equiv="refresh' not in text.lower()
    assert text.count("<style>") == 1


def test_the_policy_allows_the_one_style_sheet_and_nothing_else() -> None:
    text = report_html(drawn_labels())
    (policy,) = re.findall(r'Content-Security-Policy" content="([^"]*)"', text)
    (sheet,) = re.findall(r"<style>(.*?)</style>", text, re.DOTALL)
    digest = base64.b64encode(hashlib.sha256(sheet.encode()).digest()).decode()
    assert policy == f"default-src 'none'; style-src 'sha256-{digest}'; base-uri 'none'; form-action 'none'"


def test_ids_are_distinct_and_every_picture_has_a_title_and_a_description() -> None:
    found = page(drawn_labels(300, (0.6,) * 6))
    assert len(found.ids) == len(set(found.ids))
    assert found.tags["svg"] == found.tags["desc"] >= 6


def test_the_same_labels_give_the_same_bytes() -> None:
    assert report_html(drawn_labels()) == report_html(drawn_labels())


def test_one_function_three_pairs_and_no_gold_give_a_page() -> None:
    found = page(drawn_labels(3, (0.7,), gold=0, calibrated=False))
    for words in ("One function alone", "No gold in the dev part", "never calibrated", "On no pair"):
        assert words in found.words


@pytest.mark.parametrize(("n", "m", "gold"), [(1, 1, 0), (1, 1, 1), (3, 2, 3), (30, 3, 5), (200, 100, 100)])
def test_any_number_of_pairs_functions_and_gold_gives_a_page(n: int, m: int, gold: int) -> None:
    assert page(drawn_labels(n, (0.6,) * m, gold=gold)).tags["section"] >= 6


def test_functions_that_never_vote_give_a_page() -> None:
    labels = drawn_labels(accuracies=(0.6, 0.6), coverage=0.0)
    assert "Never vote: lf_0, lf_1" in page(labels).words


def test_nothing_but_ties_and_nothing_but_test_pairs_give_a_page() -> None:
    labels = drawn_labels()
    ties = with_column(
        labels.pairs, "gold", ["tie" if g else None for g in labels.pairs.table["gold"].to_pylist()]
    )
    assert page(replace(labels, pairs=ties)).tags["section"] >= 6
    locked = with_column(labels.pairs, "part", ["test"] * len(labels))
    assert "No gold in the dev part" in page(replace(labels, pairs=locked)).words


def test_labels_of_no_pairs_are_refused() -> None:
    with pytest.raises(LabelMatrixError, match="no pairs"):
        report_html(drawn_labels().take(np.array([], dtype=np.intp)))


def test_labels_without_a_sum_of_weights_give_a_page() -> None:
    found = page(replace(drawn_labels(), contributions=None))
    assert "Weight:" not in found.words


def test_texts_and_gold_of_the_test_part_are_not_on_the_page() -> None:
    labels = drawn_labels(100, (0.5,) * 5)
    secret = with_column(
        labels.pairs,
        "prompt",
        [f"secret {i}" if part == "test" else f"open {i}" for i, part in enumerate(labels.pairs.parts)],
    )
    changed = with_column(
        secret,
        "gold",
        [
            {"a": "b", "b": "a"}[g] if part == "test" else g
            for g, part in zip(secret.table["gold"].to_pylist(), secret.parts, strict=True)
        ],
    )
    text = report_html(replace(labels, pairs=secret))
    assert "secret" not in text
    assert "open" in text
    assert report_html(replace(labels, pairs=changed)) == text


def test_in_sample_labels_are_not_judged_by_their_own_gold() -> None:
    found = page(drawn_labels(in_sample=True))
    assert "The labels were fitted to this gold" in found.words
    assert "What the labels must beat" not in found.words


def test_held_out_figures_come_from_evaluate_or_from_a_runs_table() -> None:
    labels = drawn_labels()

    class Sure:
        def compare(self, pairs: Any) -> Any:
            return np.full(len(pairs), 0.9)

    evaluation = evaluate({"sure": Sure()}, gold=labels.pairs.test)
    assert str(evaluation.figures["sure"]["accuracy"]) in page(labels, figures=evaluation).words
    row = {"arm": "our labels", "metric": "accuracy", **Interval(0.777, 0.7, 0.8, 90).to_dict()}
    table = {"rows": [row], "ece_if_perfect": {}, "notes": ["a note of the run"]}
    found = page(labels, figures=table)
    assert ".777 [.700, .800]" in found.words
    assert "a note of the run" in found.words


def test_a_shift_is_a_warning_and_no_shift_is_a_sentence() -> None:
    calm = Shift(False, None, (), {"votes": (1.0, 2.0, False)}, {}, 10, 10)
    loud = replace(calm, shifted=True, warning="These 10 pairs are unlike the others.")
    assert "No shift found." in page(drawn_labels(), shift=calm).words
    assert 'class="warning" role="note">These 10 pairs' in report_html(drawn_labels(), shift=loud)


def test_a_hundred_functions_and_texts_of_nothing_but_escapes_stay_below_two_megabytes() -> None:
    labels = drawn_labels(400, (0.55,) * 100)
    long = [f'{i}"{"&" * 50_000}' for i in range(400)]
    for column in ("prompt", "response_a", "response_b"):
        labels = replace(labels, pairs=with_column(labels.pairs, column, [column[-1] + t for t in long]))
    text = report_html(labels)
    assert len(text.encode()) < 2_000_000
    assert "more characters are not shown" in text
    assert text.count('class="pair"') == 40


def test_the_file_is_written_whole_and_replaced(tmp_path: Path) -> None:
    path = write_report(drawn_labels(), tmp_path / "deep" / "report.html", name="x")
    before = path.read_text(encoding="utf-8")
    write_report(drawn_labels(seed=1), path)
    assert before.endswith("</html>")
    assert path.read_text(encoding="utf-8") != before
    assert "Labels of run x" in before


def test_what_the_workbench_found_is_on_the_page() -> None:
    labels = drawn_labels(400, (0.8, 0.7, 0.6, 0.65), gold=300)
    seen = labels.take(labels.pairs.parts != "test")
    found = dependencies(seen.votes, seen.pairs.dev)
    adds = added_value(seen.votes, seen.pairs)
    bias = label_bias(seen)
    page_ = page(labels, dependencies=found, added_value=adds, bias=bias)
    assert f"worth about {found.effective:.1f} independent ones" in page_.words
    best = adds.rows[0]
    assert f"{best.adds.value:+.4f}".replace("0.", ".", 1) in page_.words
    assert str(bias.position) in page_.words
    assert "was not looked for" not in page_.words


def test_bias_of_labels_is_never_flattered_by_their_own_gold() -> None:
    labels = drawn_labels(in_sample=True)
    judged = judge(labels, None, out_of_fold=dict.fromkeys(labels.votes.ids, 0.5))
    assert isinstance(judged, Judged)
    assert "fitted on their own gold" in page(labels, bias=label_bias(labels)).words
    assert (
        "fitted on their own gold" not in page(labels, bias=label_bias(honest_labels(labels, judged))).words
    )


def test_names_and_notes_from_outside_are_neutral_too() -> None:
    row = {"arm": "\u202earm<b>", "metric": "accuracy", **Interval(0.7, 0.6, 0.8, 9).to_dict()}
    table = {"rows": [row], "ece_if_perfect": {}, "notes": ["note \u2066\x00<script>"]}
    text = report_html(drawn_labels(), name="\u202erun<b>", figures=table)
    assert not set("\u202e\u2066\x00") & set(text)
    for words in ("⟨U+202E⟩run&lt;b&gt;", "⟨U+202E⟩arm&lt;b&gt;", "note ⟨U+2066⟩⟨U+0000⟩&lt;script&gt;"):
        assert words in text
