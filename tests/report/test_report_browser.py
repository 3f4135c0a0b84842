"""The page in a real headless Chromium: nothing runs, nothing is fetched, nothing sticks out, and it prints."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
import real_browser
from made_report import HARMFUL, drawn_labels

from weaklabel.metrics import Interval
from weaklabel.pictures import (
    dependency_picture,
    forest_picture,
    heatmap_picture,
    posterior_picture,
)
from weaklabel.report import write_report
from weaklabel.stages.audit import Audit, AuditSettings, Look
from weaklabel.stages.audit.asked import Answer, asked_of
from weaklabel.stages.audit.page import page_of

pytestmark = pytest.mark.same_everywhere

WIDTHS = (360, 1280)
FIGURES = (
    *(
        "length",
        "length_ratio",
        "ended",
        "empty",
        "distinct",
        "sameness",
        "kl",
        "kl_per_answer",
        "logps/chosen",
    ),
    *("logps/rejected", "logps/chosen_change", "logps/rejected_change", "logps/chosen_change_per_token"),
    *("logps/accuracies", "training_comparer", "held_out_comparer", "comparer_gap"),
)


@pytest.fixture(scope="module")
def browser() -> Iterator[real_browser.Browser]:
    path = real_browser.find()
    if path is None:
        pytest.skip("no Chromium on this machine")
    with real_browser.chromium(path) as opened:
        yield opened


@pytest.fixture(scope="module", params=["report", "audit"])
def page(request: pytest.FixtureRequest) -> Path:
    """A page of either kind whose every text tries to do harm."""
    found: Path = request.getfixturevalue("harmful" if request.param == "report" else "harmful_audit")
    return found


@pytest.fixture(scope="module")
def harmful_audit(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The page of an audit whose answers, prompts and functions try to do harm, with three looks and every curve."""
    asked = asked_of([f"{k} {words}" for k, words in enumerate(HARMFUL * 6)], 32, 0)
    said = tuple(
        Answer(one.key, words, 5, True, -9.0, -8.0) for one, words in zip(asked, HARMFUL * 6, strict=False)
    )
    names = [*FIGURES, *(f"{kind}/{words}" for kind in ("drift", "score", "shift") for words in HARMFUL)]
    looks = tuple(
        Look(step, {name: Interval(-0.6, -0.7, -0.5, 32) for name in names}, {}) for step in (0, 500, 99_999)
    )
    page = tmp_path_factory.mktemp("audit") / "audit.html"
    page.write_text(
        page_of(Audit(looks, AuditSettings(), tuple(HARMFUL)), asked, said, said), encoding="utf-8"
    )
    return page


@pytest.fixture(scope="module")
def harmful(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A page whose every text, name and id tries to do harm, with pictures of all sizes."""
    labels = drawn_labels(300, (0.6,) * 50, gold=150, harmful=True)
    return write_report(labels, tmp_path_factory.mktemp("page") / "report.html", name="<b>\u202ename</b>")


def opened(browser: real_browser.Browser, file: Path, width: int = 1280, *, dark: bool = False) -> None:
    browser.visit(file, width=width, dark=dark)
    browser.ask("document.querySelectorAll('details').forEach(d => { d.open = true })")


@pytest.mark.parametrize("width", WIDTHS)
def test_harmful_texts_neither_run_nor_fetch_nor_complain(
    browser: real_browser.Browser, page: Path, width: int
) -> None:
    opened(browser, page, width)
    assert browser.requests() == [page.resolve().as_uri()]
    assert browser.complaints() == []
    assert "owned" not in browser.ask("document.title")
    assert browser.ask("document.querySelectorAll('script, img, iframe, object, foreignObject').length") == 0
    assert browser.ask("getComputedStyle(document.body).display") == "block"


@pytest.mark.parametrize("width", WIDTHS)
def test_the_page_never_scrolls_sideways(browser: real_browser.Browser, page: Path, width: int) -> None:
    opened(browser, page, width)
    assert browser.ask("document.documentElement.scrollWidth <= document.documentElement.clientWidth") is True
    # Wide things scroll inside boxes of their own; everything else ends where the screen ends.
    out = browser.ask(
        "[...document.querySelectorAll('main *')].filter(e => !e.closest('.box') && !e.closest('.raw') "
        "&& !e.closest('svg') && e.getBoundingClientRect().right > innerWidth + 1).map(e => e.outerHTML.slice(0, 90))"
    )
    assert out == []


def test_script_would_be_stopped_by_the_policy_even_inside_the_page(
    browser: real_browser.Browser, harmful: Path, tmp_path: Path
) -> None:
    torn = tmp_path / "torn.html"
    text = harmful.read_text(encoding="utf-8")
    torn.write_text(text.replace("<main>", "<script>document.title='owned'</script><main>"), encoding="utf-8")
    browser.visit(torn, width=1280)
    assert "owned" not in browser.ask("document.title")
    assert any("Content Security Policy" in line for line in browser.complaints())


@pytest.mark.parametrize("kind", ["report", "audit"])
def test_every_text_in_a_picture_lies_inside_the_picture(
    browser: real_browser.Browser, harmful_audit: Path, tmp_path: Path, kind: str
) -> None:
    plain = write_report(drawn_labels(300, (0.6,) * 30, gold=150), tmp_path / "report.html")
    opened(browser, harmful_audit if kind == "audit" else plain, 360)
    out = browser.ask(
        "[...document.querySelectorAll('svg')].flatMap(s => { const r = s.getBoundingClientRect(); "
        "return [...s.querySelectorAll('text')].filter(t => { const b = t.getBoundingClientRect(); "
        "return b.left < r.left - 2 || b.right > r.right + 2 || b.top < r.top - 2 || b.bottom > r.bottom + 2 })"
        ".map(t => t.textContent) })"
    )
    assert out == []


@pytest.mark.parametrize("n", [6, 20])
@pytest.mark.parametrize(
    "name", ["reward model: + majority-vote labels", "how_many_commas_per_word", "w" * 12]
)
def test_long_names_are_shortened_to_the_room_that_they_have(
    browser: real_browser.Browser, tmp_path: Path, name: str, n: int
) -> None:
    names = [f"{name} {k}" for k in range(n)]
    drawn = (
        forest_picture([(one, Interval(0.7, 0.6, 0.8, 9)) for one in names], "t"),
        dependency_picture([(one, names[0], 0.5) for one in names[1:]]),
        heatmap_picture(np.eye(n), names, "t"),
    )
    for k, picture in enumerate(drawn):
        file = tmp_path / f"{k}.svg"
        file.write_text(picture._repr_svg_(), encoding="utf-8")
        browser.visit(file, width=1280)
        out = browser.ask(
            "(s => [...s.querySelectorAll('text')].filter(t => { const b = t.getBoundingClientRect(), r = "
            "s.getBoundingClientRect(); return b.left < r.left || b.right > r.right || b.top < r.top || "
            "b.bottom > r.bottom }).map(t => t.textContent))(document.documentElement)"
        )
        assert out == [], picture.title


@pytest.mark.parametrize("dark", [False, True])
def test_words_stand_out_from_their_ground_in_both_schemes(
    browser: real_browser.Browser, harmful: Path, dark: bool
) -> None:
    opened(browser, harmful, dark=dark)
    ground = _luminance(browser.ask("getComputedStyle(document.querySelector('section')).backgroundColor"))
    assert (ground < 0.1) is dark
    for look in ("p.intro", "p.read", ".basis", "summary", "td", "thead th", ".notes li"):
        colour = _luminance(browser.ask(f"getComputedStyle(document.querySelector('{look}')).color"))
        assert _contrast(colour, ground) >= 4.5, look
    for look in (".wl-t", ".wl-s", ".wl-ta", ".wl-tb"):
        found = browser.ask(f"getComputedStyle(document.querySelector('svg {look}')).fill")
        assert _contrast(_luminance(found), ground) >= 4.5, look


def test_the_whole_page_prints_closed_parts_included(browser: real_browser.Browser, harmful: Path) -> None:
    browser.visit(harmful, width=1280)
    closed = _pages(browser.pdf())
    browser.ask("document.querySelectorAll('details.pair').forEach(d => { d.open = true })")
    assert closed == _pages(browser.pdf()) > 15


def test_the_keyboard_reaches_what_scrolls(browser: real_browser.Browser, harmful: Path) -> None:
    opened(browser, harmful, 360)
    stuck = "[...document.querySelectorAll('.box, .raw')].filter(e => e.tabIndex !== 0 || !e.getAttribute('aria-label'))"
    assert browser.ask(f"{stuck}.length") == 0


def test_a_picture_of_a_notebook_stands_alone(browser: real_browser.Browser, tmp_path: Path) -> None:
    rows = [("<script>x</script>", Interval(0.7, 0.6, 0.8, 9)), ("plain", Interval(0.4, 0.3, 0.6, 9))]
    for k, picture in enumerate(
        (forest_picture(rows, "t", reference=0.5), posterior_picture([0.2, 0.7, 0.9]))
    ):
        file = tmp_path / f"{k}.svg"
        file.write_text(picture._repr_svg_(), encoding="utf-8")
        browser.visit(file, width=400)
        assert browser.complaints() == []
        assert browser.ask("document.documentElement.tagName") == "svg"
        assert browser.ask("getComputedStyle(document.querySelector('.wl-b')).fill") == "rgb(0, 104, 163)"


def _pages(pdf: bytes) -> int:
    assert pdf.startswith(b"%PDF-")
    return len(re.findall(rb"/Type\s*/Page\b", pdf))


def _luminance(colour: str) -> float:
    """Relative luminance of `rgb(r, g, b)`, by WCAG 2.2."""
    parts = [int(v) / 255 for v in re.findall(r"\d+", colour)[:3]]
    linear = [v / 12.92 if v <= 0.04045 else ((v + 0.055) / 1.055) ** 2.4 for v in parts]
    return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]


def _contrast(one: float, other: float) -> float:
    return (max(one, other) + 0.05) / (min(one, other) + 0.05)
