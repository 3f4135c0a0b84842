"""Response scorers without writing a function: word lists, patterns, and any named text feature.

rude = keyword_scorer("rude", ["shut up", "idiot"])                      # fewer wins
shows_sources = pattern_scorer("sources", good=[r"according to"], bad=[r"i guess"])
longer = threshold_scorer("longer", "n_words", min_gap=20)               # more wins
"""

from __future__ import annotations

import functools
import math
import re
import sys
from collections.abc import Callable, Iterable
from pathlib import Path
from types import FrameType
from typing import Any

import numpy as np

from weaklabel import _arguments
from weaklabel._arguments import check_value, checked
from weaklabel._validation import lookup
from weaklabel.errors import LabelingFunctionError
from weaklabel.lf.core import LabelingFunction, ResponseScorer, WrittenFunction
from weaklabel.lf.settings import Prefer
from weaklabel.text.column import TextColumn
from weaklabel.text.features import FEATURES, PROMPT_FEATURES, Phrases
from weaklabel.text.patterns import count_matches, linear
from weaklabel.types import FloatArray, Text


@checked
def keyword_scorer(
    name: str,
    words: Iterable[str],
    *,
    prefer: Prefer = "less",
    min_gap: float = 0.0,
    max_gap: float = math.inf,
) -> ResponseScorer:
    """A scorer that counts whole words and phrases, whatever their case and the punctuation between them.

    Args:
        name: of the labeling function.
        words: words or phrases ("shut up"), at least one.
        prefer: "less" for words that a good answer avoids (default), "more" for those that it has.
        min_gap, max_gap: as in `response_scorer`.

    Raises:
        LabelingFunctionError: no words, or an entry that holds no letter or digit.

    >>> rude = keyword_scorer("rude", ["idiot", "shut up"])
    >>> rude.score("Shut up, idiot! Idiotic."), rude.prefer
    (2.0, 'less')
    """
    # The closure holds the plain list, so that the votes' fingerprint follows its words.
    wanted = _checked_words(name, words)

    def score(response: TextColumn) -> FloatArray:
        return _phrases(wanted).count(response)

    score.__doc__ = f"Counts {len(wanted)} words or phrases: {_shown(wanted)}."
    return _scorer(score, name, prefer, min_gap, max_gap)


def load_keywords(path: str | Path) -> tuple[str, ...]:
    """Words from a UTF-8 text file, one word or phrase per line; `#` opens a comment. Repeats are dropped.

    Raises:
        LabelingFunctionError: the file cannot be read, is not UTF-8, or holds no word.
    """
    try:
        text = Path(path).read_text(encoding="utf-8-sig")
    except OSError as error:
        raise LabelingFunctionError(
            f"keyword file {str(path)!r}: {error.strerror}. Give a text file, one word per line."
        ) from None
    except UnicodeDecodeError as error:
        raise LabelingFunctionError(
            f"keyword file {str(path)!r}: byte {error.start} is not UTF-8. Save the file as UTF-8."
        ) from None
    lines = (line.partition("#")[0].strip() for line in text.split("\n"))
    found = tuple(dict.fromkeys(line for line in lines if line))
    if not found:
        raise LabelingFunctionError(
            f"keyword file {str(path)!r} holds no word. Write one word or phrase per line."
        )
    return found


@checked
def pattern_scorer(
    name: str,
    *,
    good: Iterable[str] = (),
    bad: Iterable[str] = (),
    count_each: bool = False,
    ignore_case: bool = True,
    prefer: Prefer = "more",
    min_gap: float = 0.0,
    max_gap: float = math.inf,
) -> ResponseScorer:
    """A scorer that searches regular expressions: good patterns found minus bad patterns found.

    Args:
        name: of the labeling function.
        good, bad: regular expressions of `re`; `^` and `$` match at line ends. Patterns without look-around and
            back-references are searched in whole columns, see `weaklabel.text.patterns`.
        count_each: count every match; by default each pattern counts once, however often it matches.
        ignore_case: "Perhaps" matches `perhaps`.
        prefer, min_gap, max_gap: as in `response_scorer`.

    Raises:
        LabelingFunctionError: no patterns, or one that does not compile; names it and the position.

    >>> hints = pattern_scorer("hints", good=["for example", "according to"], bad=[r"\\bi guess\\b"])
    >>> hints.score("I guess so. For example, for example..."), hints.score("According to NASA, for example")
    (0.0, 2.0)
    """
    flags = re.MULTILINE | (re.IGNORECASE if ignore_case else 0)
    plus = tuple(_compiled(name, pattern, flags) for pattern in _listed(name, "good", good))
    minus = tuple(_compiled(name, pattern, flags) for pattern in _listed(name, "bad", bad))
    if not plus + minus:
        raise LabelingFunctionError(f"{name!r}: no patterns. Give good=[...], bad=[...] or both.")

    def score(response: TextColumn) -> FloatArray:
        found = np.zeros(len(response))
        for sign, patterns in ((1, plus), (-1, minus)):
            for pattern in patterns:
                found += sign * count_matches(response, pattern, each=count_each)
        return found

    score.__doc__ = f"{len(plus)} good patterns minus {len(minus)} bad ones."
    score.patterns = plus + minus  # type: ignore[attr-defined]
    return _scorer(score, name, prefer, min_gap, max_gap)


def runs_in_python(lf: LabelingFunction) -> str | None:
    """Which patterns of a `pattern_scorer` are searched text by text, and why; None where none is.

    Such a pattern takes some ten times as long, and can take endless time on some text: give the run a time limit.

    >>> print(runs_in_python(pattern_scorer("twice", good=["(a|b)\\\\1"])))
    pattern '(a|b)\\\\1' has a back-reference
    """
    patterns: tuple[re.Pattern[str], ...] = (
        getattr(lf.fn, "patterns", ()) if isinstance(lf, WrittenFunction) else ()
    )
    lacking = [(p.pattern, form) for p in patterns if isinstance(form := linear(p), str)]
    if not lacking:
        return None
    (pattern, reason), more = lacking[0], len(lacking) - 1
    return f"pattern {pattern!r} has {reason}" + (f"; {more} more" if more else "")


@checked
def threshold_scorer(
    name: str,
    feature: str,
    *,
    prefer: Prefer = "more",
    min_gap: float = 0.0,
    max_gap: float = math.inf,
) -> ResponseScorer:
    """A scorer of a text feature by its name, that votes where the difference lies in [min_gap, max_gap].

    Raises:
        UnknownNameError: no such feature; lists those of `weaklabel.text.features`.
        LabelingFunctionError: gaps out of order.

    >>> longer = threshold_scorer("longer", "n_words", min_gap=2)
    >>> longer.score("One two three.")
    3.0
    """
    known: dict[str, Callable[..., Any]] = {**FEATURES, **PROMPT_FEATURES}
    fn = lookup("text feature", known, feature)
    return _scorer(fn, name, prefer, min_gap, max_gap)


def _scorer(
    fn: Callable[..., Any], name: str, prefer: Prefer, min_gap: float, max_gap: float
) -> ResponseScorer:
    """The scorer, at home in the module that called the builder."""
    return ResponseScorer(
        name=name,
        family=_caller().rpartition(".")[2],
        fn=fn,
        prefer=prefer,
        min_gap=min_gap,
        max_gap=max_gap,
        batch=True,
    )


def _caller() -> str:
    """The module that called the builder: the first that has no part in building."""
    frame: FrameType | None = sys._getframe(1)
    while frame is not None and frame.f_globals.get("__name__") in (__name__, _arguments.__name__):
        frame = frame.f_back
    return "unknown" if frame is None else str(frame.f_globals.get("__name__", "unknown"))


@functools.lru_cache(maxsize=256)
def _phrases(wanted: tuple[str, ...]) -> Phrases:
    return Phrases(wanted)


def _listed(name: str, argument: str, values: Iterable[str]) -> tuple[str, ...]:
    """The values as a tuple; a generator cannot be checked before it is used up."""
    listed = tuple(values)
    check_value(f"{name!r}: {argument}", listed, "tuple[str, ...]")
    return listed


def _checked_words(name: str, words: Iterable[str]) -> tuple[str, ...]:
    wanted = _listed(name, "words", words)
    if not wanted:
        raise LabelingFunctionError(f"{name!r}: no words. Give at least one word or phrase.")
    for word in wanted:
        if not Text(word).words:
            raise LabelingFunctionError(
                f"{name!r}: {word!r} holds no letter or digit. Use pattern_scorer for signs."
            )
    return wanted


def _compiled(name: str, pattern: str, flags: int) -> re.Pattern[str]:
    try:
        return re.compile(pattern, flags)
    except re.error as error:
        where = "" if error.pos is None else f" at position {error.pos}"
        raise LabelingFunctionError(
            f"{name!r}: pattern {pattern!r} does not compile: {error.msg}{where}. "
            "Correct it; a sign taken literally needs a backslash."
        ) from None


def _shown(words: tuple[str, ...]) -> str:
    return ", ".join(words[:3]) + (", ..." if len(words) > 3 else "")
