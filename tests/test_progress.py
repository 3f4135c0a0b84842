"""The bar of a long step: what it shows in a terminal, in a notebook, and that a log file gets nothing."""

from __future__ import annotations

import io
import sys
import types
from collections.abc import Callable

import pytest
from made_pairs import made_pairs

import weaklabel as wl
from weaklabel._progress import bar, is_watched, tracked
from weaklabel.comparers.known import Known
from weaklabel.engine.driver import Progress


@pytest.fixture
def terminal(monkeypatch: pytest.MonkeyPatch) -> io.StringIO:
    shown = io.StringIO()
    monkeypatch.setattr(shown, "isatty", lambda: True)
    # pytest puts its own stderr back between the fixture and the test.
    monkeypatch.setattr("weaklabel._progress.sys", types.SimpleNamespace(stderr=shown, modules=sys.modules))
    monkeypatch.setenv("COLUMNS", "200")
    monkeypatch.setattr("tqdm.std.tqdm.monitor_interval", 0)
    return shown


def test_a_loop_shows_what_it_does_from_its_start_and_leaves_nothing_behind(terminal: io.StringIO) -> None:
    for letter in tracked("ab", "fitting", lambda letter: f"arm {letter}"):
        if letter == "a":
            assert "fitting:   0%" in terminal.getvalue()
            assert "0/2" in terminal.getvalue()
            assert "arm a" in terminal.getvalue()
    assert "50%" in terminal.getvalue()
    assert terminal.getvalue().endswith("\r")


def test_inside_a_step_that_cannot_count_itself_the_inner_count_is_shown(terminal: io.StringIO) -> None:
    with bar("fit"):
        assert "fit [" in terminal.getvalue()
        assert list(tracked([1, 2, 3, 4], "recipes")) == [1, 2, 3, 4]
        with bar("folds", 2) as step:
            step(told="first")
    shown = terminal.getvalue()
    assert "fit: recipes:  75%" in shown
    assert "fit: folds:  50%" in shown
    assert "first" in shown


def test_inside_a_step_that_counts_the_inner_one_is_told_beside(terminal: io.StringIO) -> None:
    with bar("sweep", 10) as step:
        with bar("recipes", 38) as inner:
            inner(5)
        step(told="25 gold")
    shown = terminal.getvalue()
    assert "0/10" in shown
    assert "recipes 5 of 38" in shown
    assert "1/10" in shown


def test_an_error_takes_the_bar_away(terminal: io.StringIO) -> None:
    with pytest.raises(ValueError, match="no"), bar("fit", 3):
        raise ValueError("no")
    assert terminal.getvalue().endswith("\r")
    with bar("again", 2):
        assert "again:   0%" in terminal.getvalue()


def test_nothing_is_written_where_nobody_watches(monkeypatch: pytest.MonkeyPatch) -> None:
    log = io.StringIO()
    monkeypatch.setattr(sys, "stderr", log)
    with bar("fit") as step:
        step()
        list(tracked("ab", "loop"))
    assert log.getvalue() == ""


def test_a_notebook_is_watched(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "stderr", io.StringIO())
    assert not is_watched()
    ipython = types.SimpleNamespace(get_ipython=lambda: types.SimpleNamespace(kernel=object()))
    monkeypatch.setitem(sys.modules, "IPython", ipython)
    assert is_watched()


def test_names_and_words_that_a_terminal_would_obey_are_shown(terminal: io.StringIO) -> None:
    state = Progress(10, {"[bold red]x[/] \x1b]0;name\x07": 1.0})
    with bar("votes\x1b[2J", 10) as step:
        step(4, state.told)
    assert "[bold red]x[/] \\x1b]0;name\\x07 100%" in terminal.getvalue()
    assert "votes\\x1b[2J" in terminal.getvalue()
    assert "\x1b]0" not in terminal.getvalue()


def long_steps() -> dict[str, Callable[[], object]]:
    """Public calls that may take long, on a few pairs, by what their bar says first."""
    words = ("so", "well", "or", "no", "yes", "two", "ten", "one")
    texts = [
        (f"{words[i % 8]} {'very ' * (i % 5)}good!", f"{words[i * 3 % 8]} {'!' * (i % 4)}") for i in range(80)
    ]
    pairs = made_pairs(texts, gold=["a" if i % 3 else "b" for i in range(80)])
    lfs = wl.load_lfs("shipped:length")[:3]
    votes = wl.apply(lfs, pairs)
    known = Known(wl.fit(lfs, pairs, votes=votes).label(pairs, votes=votes))
    return {
        "votes": lambda: wl.apply(lfs, pairs),
        "checking": lambda: wl.check(lfs, pairs, sample=20),
        "tuning": lambda: wl.tune(lfs, pairs, votes=votes),
        "leaving out": lambda: wl.added_value(votes, pairs),
        "judging sets": lambda: wl.compare_sets({"mine": votes}, pairs, model="ridge"),
        "words and layout of the texts": lambda: wl.fit(lfs, pairs, votes=votes),
        "texts of the pairs": lambda: wl.train_reward(pairs, n_features=256),
        "answers": lambda: wl.evaluate(known, pairs, n_draws=20),
    }


def test_every_long_call_says_what_it_does_as_soon_as_it_begins(terminal: io.StringIO) -> None:
    calls = long_steps()
    for what, call in calls.items():
        terminal.seek(0)
        terminal.truncate()
        call()
        assert terminal.getvalue().lstrip("\r").startswith(what), what
        assert terminal.getvalue().endswith("\r"), what
