"""Regular expressions over many texts at once, with the meaning that Python's `re` gives them.

Polars searches a column some ten times as fast as a Python loop, with an engine whose time is linear in the text,
but it has other ideas of `\\w`, `\\d`, `\\s`, `\\b` and of case. So a pattern is taken apart by Python's own parser and
written again with every class spelled out, in ASCII where letters and digits are meant. That is right for texts
whose letters and digits are all ASCII; dashes, curly quotes and pictures may stand in them: `re` takes those for no
letters either. In other texts a letter beyond ASCII is no more to most patterns than *some* letter that they do not
name, and so is the underscore: such texts are searched with underscores in the place of their other letters.

What has no such form is searched by `re`, text by text: patterns with look-around, back-references and a few rarer
things, of which `linear` says why; and of other patterns those few texts for which the above does not hold.
With `re.ASCII` it holds for every text as it stands.
"""

from __future__ import annotations

import functools
import re
from collections.abc import Iterable
from itertools import pairwise
from re import _constants as c  # type: ignore[attr-defined]
from re import _parser  # type: ignore[attr-defined]
from typing import Any, Final, Literal, NamedTuple, overload

import numpy as np
import polars as pl
import pyarrow as pa
from numpy.typing import NDArray

from weaklabel.text.column import TextColumn
from weaklabel.text.tokens import Ints, Kind, Tokens, buffers, lengths, numbered
from weaklabel.types import FloatArray, Text

_WORD: Final = "0-9A-Za-z_"
_ASCII_SPACE: Final = r"\t-\r "
SPACE: Final = r"\t-\r\x1c- \x{85}\x{a0}\x{1680}\x{2000}-\x{200a}\x{2028}\x{2029}\x{202f}\x{205f}\x{3000}"
"""What `str.isspace` and `re` take for white space, as the inside of a class of the linear engine."""


_LINE_START: Final = "(?m:^)"
_BREAK: Final = ord("\n")
_LOWER: Final = bytes(range(256)).lower()  # bytes know ASCII letters alone


class Linear(NamedTuple):
    """A pattern for the linear engine.

    Attributes:
        pattern: true for texts without letters or digits beyond ASCII.
        foreign: what else it is true for: "as it is" of every text, "veiled" of texts whose letters beyond ASCII
            were replaced by underscores, "none".
        lowered: whether ASCII letters are to be lower case: the engine looks for fixed letters much faster.
        after_break: whether a line break is to stand before the text: it looks for one faster than for line starts.
    """

    pattern: str
    foreign: Literal["as it is", "veiled", "none"] = "as it is"
    lowered: bool = False
    after_break: bool = False


class _Lacking(Exception):
    """The linear engine lacks it; says what."""


@functools.lru_cache(maxsize=4096)
def linear(pattern: re.Pattern[str]) -> Linear | str:
    """The pattern for the linear engine, or in words why it has no such form.

    >>> linear(re.compile(r"\\bmaybe\\b"))
    Linear(pattern='(?-u:\\\\b)maybe(?-u:\\\\b)', foreign='veiled', lowered=False, after_break=False)
    >>> linear(re.compile(r"(a)\\1"))
    'a back-reference'
    """
    parsed = _parser.parse(pattern.pattern, pattern.flags)
    if not parsed.getwidth()[0]:
        return "a way to match nothing"
    try:
        form = _written(parsed, pattern.flags)
        pl.Series([""]).str.contains(form.pattern)
    except _Lacking as lacking:
        return str(lacking)
    except pl.exceptions.ComputeError:
        return "too large a size"
    return form


def _written(parsed: Any, flags: int) -> Linear:
    writer = _Writer(lowered=bool(flags & re.IGNORECASE))
    try:
        written = writer.sequence(parsed, flags)
    except _CaseMatters:
        writer = _Writer(lowered=False)
        written = writer.sequence(parsed, flags)
    # A match that holds no line break leaves the one before the next line to the next match.
    starts_lines = parsed[0] == (c.AT, c.AT_BEGINNING) and bool(flags & re.MULTILINE)
    after_break = starts_lines and not writer.matches_break and not writer.looks_at_start
    if after_break:
        written = rf"\n{written.removeprefix(_LINE_START)}"
    foreign: Literal["as it is", "veiled", "none"] = "none" if writer.names_letters else "veiled"
    return Linear(written, "as it is" if flags & re.ASCII else foreign, writer.lowered, after_break)


def count_matches(texts: TextColumn, pattern: re.Pattern[str], *, each: bool = True) -> FloatArray:
    """`(n,)` float64: matches of `pattern` in each text; with `each=False` 1 where there is one, else 0.

    Equal to `len(pattern.findall(text))` and `bool(pattern.search(text))`.
    """
    return texts.numbers(_key(pattern, each), lambda distinct: _count(distinct, pattern, each))


class Pattern:
    """A regular expression to count in texts: the same for one text, which remembers it, and for a column.

    Args:
        pattern, flags: as `re.compile` takes them.

    >>> marks = Pattern("[?!]+")
    >>> marks.count("What?! No!"), marks.count(TextColumn.of(["Yes.", "Why?"])).tolist()
    (2.0, [0.0, 1.0])
    """

    def __init__(self, pattern: str, flags: int = 0) -> None:
        self.compiled = re.compile(pattern, flags)

    @overload
    def count(self, text: TextColumn) -> FloatArray: ...
    @overload
    def count(self, text: str) -> float: ...
    def count(self, text: str | TextColumn) -> float | FloatArray:
        """How many matches there are, none overlapping another."""
        if isinstance(text, TextColumn):
            return count_matches(text, self.compiled)
        known = text if isinstance(text, Text) else Text(text)
        return float(known.remember(_key(self.compiled, True), self._count_one, self._count_all))

    def found(self, texts: TextColumn) -> NDArray[np.bool_]:
        """`(n,)`: whether there is a match in each text."""
        return count_matches(texts, self.compiled, each=False) > 0

    def first(self, texts: TextColumn) -> dict[int, re.Match[str]]:
        """The first match in each distinct text that has one, by its place in `texts.distinct`."""
        rows = np.flatnonzero(self.found(texts.distinct))
        some = zip(rows.tolist(), texts.distinct.series.gather(rows).to_list(), strict=True)
        return {row: match for row, text in some if (match := self.compiled.search(text))}

    def matches(self, texts: TextColumn) -> Tokens:
        """What matches in each distinct text, in numbers; the pattern has no groups that capture."""
        key = "linear:matches", self.compiled.pattern, self.compiled.flags
        return texts.distinct.remember(key, self._matches)

    def _matches(self, texts: TextColumn) -> Tokens:
        form = linear(self.compiled)
        if isinstance(form, str) or form.foreign != "as it is" or form.lowered or form.after_break:
            found = [self.compiled.findall(text) for text in texts.raw]
            return numbered(pl.Series(found, dtype=pl.List(pl.String)).to_arrow())
        return numbered(texts.series.str.extract_all(form.pattern).to_arrow())

    def _count_one(self, text: Text) -> int:
        return len(self.compiled.findall(text))

    def _count_all(self, texts: TextColumn) -> FloatArray:
        return _count(texts, self.compiled, True)


def _key(pattern: re.Pattern[str], each: bool) -> tuple[str, str, int, bool]:
    return "linear:count", pattern.pattern, pattern.flags, each


def _by_re(pattern: re.Pattern[str], texts: Iterable[str], each: bool) -> list[int]:
    if each:
        return [sum(1 for _ in pattern.finditer(text)) for text in texts]
    return [bool(pattern.search(text)) for text in texts]


def _count(texts: TextColumn, pattern: re.Pattern[str], each: bool) -> FloatArray:
    form = linear(pattern)
    if isinstance(form, str):
        counts, rows = np.zeros(len(texts)), _rows_to_search(texts, least_run(pattern))
        counts[rows] = _by_re(pattern, texts.series.gather(rows).to_list(), each)
        return counts
    searched = _searched(texts, form.foreign == "veiled", form.lowered, form.after_break)
    found = searched.str.count_matches(form.pattern) if each else searched.str.contains(form.pattern)
    counts = found.cast(pl.Float64).to_numpy()
    odd = _beyond(texts, form.foreign)
    if len(odd):
        counts = counts.copy()
        counts[odd] = _by_re(pattern, texts.series.gather(odd).to_list(), each)
    return counts


@functools.lru_cache(maxsize=4096)
def least_run(pattern: re.Pattern[str]) -> int:
    """How many equal characters in a row every match holds, case aside; 1 where none are known to be equal.

    >>> least_run(re.compile(r"(\\w)\\1{3,}|x(!)\\2+")), least_run(re.compile(r"(\\w+) \\1"))
    (2, 1)
    """
    return _run_of(_parser.parse(pattern.pattern, pattern.flags))


def _run_of(parts: Any) -> int:
    longest = 1
    for (op, value), (next_op, next_value) in pairwise([*parts, (None, None)]):
        inner: Any = ()
        if op is c.BRANCH:
            longest = max(longest, min(map(_run_of, value[1])))
        elif op is c.SUBPATTERN:
            group, _, _, inner = value
            if inner.getwidth() == (1, 1) and next_op in (c.MAX_REPEAT, c.MIN_REPEAT):
                again, _, repeated = next_value
                if [*repeated] == [(c.GROUPREF, group)]:
                    longest = max(longest, 1 + again)
        elif op in (c.MAX_REPEAT, c.MIN_REPEAT) and value[0]:
            inner = value[2]
        longest = max(longest, _run_of(inner) if inner else 1)
    return longest


def _rows_to_search(texts: TextColumn, run: int) -> Ints:
    """The texts that may hold so many equal characters in a row, case aside."""
    if run == 1:
        return np.arange(len(texts))
    return texts.remember(("linear:runs", run), lambda column: _rows_with_runs(column, run))


def _rows_with_runs(texts: TextColumn, run: int) -> Ints:
    raw, offsets = buffers(texts.arrow)
    lowered = np.frombuffer(raw.tobytes().translate(_LOWER), np.uint8)
    ascii_run = np.flatnonzero(_begin_run(lowered[1:] == lowered[:-1], run))
    beyond, rows = texts.beyond
    adjacent = beyond.positions[:-1] + lengths(raw, beyond.positions[:-1]) == beyond.positions[1:]
    equal = np.flatnonzero(_begin_run(adjacent & (beyond.points[1:] == beyond.points[:-1]), run))
    cased = beyond.are(Kind.CAPITAL | Kind.FOLDS)  # which of them are equal, Python says
    return np.unique(
        np.concatenate([np.searchsorted(offsets, ascii_run, "right") - 1, rows[equal], rows[cased]])
    )


def _begin_run(same: NDArray[np.bool_], run: int) -> NDArray[np.bool_]:
    """Where so many equal characters begin, of which each but the last is the same as the next."""
    n = max(0, len(same) - run + 2)
    begin: NDArray[np.bool_] = np.logical_and.reduce([same[i : n + i] for i in range(run - 1)])
    return begin


def _beyond(texts: TextColumn, foreign: str) -> Ints:
    """The texts for which a form is not true, see `Linear.foreign`."""
    if foreign == "as it is":
        return np.empty(0, np.int64)
    return texts.remember(("linear:beyond", foreign), lambda column: _rows_beyond(column, foreign))


def _rows_beyond(texts: TextColumn, foreign: str) -> Ints:
    beyond, rows = texts.beyond
    return np.unique(rows[beyond.are(Kind.DIGIT | Kind.FOLDS if foreign == "veiled" else Kind.WORD)])


def _searched(texts: TextColumn, veiled: bool, lowered: bool, after_break: bool) -> pl.Series:
    """The texts as a form wants them; each way is made once."""
    if not (veiled or lowered or after_break):
        return texts.series
    key = "linear:searched", veiled, lowered, after_break
    return texts.remember(key, lambda column: _changed(column, veiled, lowered, after_break))


def lowered(texts: TextColumn) -> pl.Series:
    """The distinct texts with their ASCII letters in lower case."""
    return _searched(texts.distinct, False, True, False)


def _changed(texts: TextColumn, veiled: bool, lowered: bool, after_break: bool) -> pl.Series:
    if after_break:
        return "\n" + _searched(texts, veiled, lowered, False)
    if lowered:
        raw, offsets = buffers(_searched(texts, veiled, False, False).to_arrow())
        data = pa.py_buffer(raw.tobytes().translate(_LOWER))
        parts = [None, pa.py_buffer(offsets), data]
        return pl.Series("text", pa.Array.from_buffers(pa.large_string(), len(offsets) - 1, parts))
    beyond, _ = texts.beyond
    letters = beyond.positions[beyond.are(Kind.WORD)]
    return pl.Series("text", _veil(texts.arrow, letters)) if len(letters) else texts.series


def _veil(texts: pa.LargeStringArray, letters: Ints) -> pa.LargeStringArray:
    """The texts with an underscore in the place of the characters that begin at `letters` in their buffer."""
    raw, offsets = buffers(texts)
    length = lengths(raw, letters)
    keep = np.ones(len(raw), np.bool_)
    for step in (1, 2, 3):
        keep[letters[length > step] + step] = False
    veiled = raw.copy()
    veiled[letters] = ord("_")
    # What is left out before each text moves it to the front.
    left_out = np.concatenate([[0], np.cumsum(length - 1)])
    moved = offsets - left_out[np.searchsorted(letters, offsets)]
    parts = [None, pa.py_buffer(moved), pa.py_buffer(veiled[keep])]
    return pa.Array.from_buffers(texts.type, len(texts), parts)


class _CaseMatters(Exception):
    """A part of a pattern that ignores case does not."""


class _Writer:
    """Writes a parsed pattern for the linear engine, and notes what it looks at.

    Attributes:
        lowered: write it for texts in lower case.
        names_letters: it names letters beyond ASCII, or the underscore that may stand for them.
        matches_break: some part of it can match a line break.
        looks_at_start: it can tell where the text begins.
    """

    def __init__(self, lowered: bool) -> None:
        self.lowered = lowered
        self.names_letters = self.matches_break = self.looks_at_start = False

    def sequence(self, parts: Any, flags: int) -> str:
        return "".join(self.part(op, value, flags) for op, value in parts)

    def part(self, op: Any, value: Any, flags: int) -> str:
        if op is c.LITERAL:
            self.matches_break |= value == _BREAK
            cases = self.cases(chr(value), flags)
            return _escaped(cases) if len(cases) == 1 else f"[{''.join(map(_escaped, cases))}]"
        if op is c.NOT_LITERAL:
            return self.one_of([(c.NEGATE, None), (c.LITERAL, value)], flags)
        if op is c.IN:
            return self.one_of(value, flags)
        if op is c.ANY:
            self.matches_break |= bool(flags & re.DOTALL)
            return "(?s:.)" if flags & re.DOTALL else r"[^\n]"
        if op is c.AT:
            return self.place(value, flags)
        if op is c.BRANCH:
            return f"(?:{'|'.join(self.sequence(branch, flags) for branch in value[1])})"
        if op is c.SUBPATTERN:
            _, added, dropped, inner = value
            if self.lowered and dropped & re.IGNORECASE:
                raise _CaseMatters
            return f"(?:{self.sequence(inner, (flags | added) & ~dropped)})"
        if op in (c.MAX_REPEAT, c.MIN_REPEAT):
            return self.repeat(value, flags) + ("?" if op is c.MIN_REPEAT else "")
        if op in (c.GROUPREF, c.GROUPREF_EXISTS):
            raise _Lacking("a back-reference")
        raise _Lacking("look-around" if op in (c.ASSERT, c.ASSERT_NOT) else "a group that never gives back")

    def repeat(self, value: Any, flags: int) -> str:
        low, high, inner = value
        if not inner.getwidth()[0]:
            raise _Lacking("a repetition of what can match nothing")
        return f"(?:{self.sequence(inner, flags)}){{{low},{'' if high is c.MAXREPEAT else high}}}"

    def cases(self, char: str, flags: int) -> str:
        """The characters that match a literal one."""
        self.names_letters |= char == "_" or (not char.isascii() and char.isalnum())
        if not flags & re.IGNORECASE:
            return char
        if char.isascii():
            return char.lower() if self.lowered else "".join(sorted({char.lower(), char.upper()}))
        if not flags & re.ASCII and {char.lower(), char.upper(), char.casefold()} != {char}:
            raise _Lacking(f"the two cases of {char!r}")
        return char

    def one_of(self, items: Any, flags: int) -> str:
        negated = items[0][0] is c.NEGATE
        members = "".join(self.member(op, value, flags) for op, value in items[negated:])
        self.matches_break |= negated != any(_holds_break(op, value) for op, value in items[negated:])
        return f"[{'^' * negated}{members}]"

    def member(self, op: Any, value: Any, flags: int) -> str:
        if op is c.LITERAL:
            return "".join(map(_escaped, self.cases(chr(value), flags)))
        if op is c.CATEGORY:
            return _category(str(value).removeprefix("CATEGORY_"), bool(flags & re.ASCII))
        low, high = value
        self.names_letters |= low <= ord("_") <= high or high > 127
        if flags & re.IGNORECASE and high > 127 and not flags & re.ASCII:
            raise _Lacking("a range of letters beyond ASCII whatever their case")
        written = f"{_escaped(chr(low))}-{_escaped(chr(high))}"
        if flags & re.IGNORECASE:
            folded = {case for i in range(low, min(high, 127) + 1) for case in self.cases(chr(i), flags)}
            written += "".join(map(_escaped, sorted(folded)))
        return written

    def place(self, where: Any, flags: int) -> str:
        if where is c.AT_BEGINNING and flags & re.MULTILINE:
            return _LINE_START
        if where in (c.AT_BEGINNING, c.AT_BEGINNING_STRING):
            self.looks_at_start = True
            return r"\A"
        if where is c.AT_END and flags & re.MULTILINE:
            return "(?m:$)"
        if where is c.AT_END:
            raise _Lacking("$ without re.MULTILINE")
        if where is c.AT_NON_BOUNDARY:
            raise _Lacking(r"\B")
        return {c.AT_END_STRING: r"\z", c.AT_BOUNDARY: r"(?-u:\b)"}[where]


def _holds_break(op: Any, value: Any) -> bool:
    """Whether a member of a set is, or holds, a line break."""
    if op is c.RANGE:
        return bool(value[0] <= _BREAK <= value[1])
    if op is c.CATEGORY:
        return str(value) in ("CATEGORY_SPACE", "CATEGORY_NOT_WORD", "CATEGORY_NOT_DIGIT")
    return bool(value == _BREAK)


def _category(name: str, ascii_only: bool) -> str:
    base = name.removeprefix("NOT_")
    inside = {"WORD": _WORD, "DIGIT": "0-9", "SPACE": _ASCII_SPACE if ascii_only else SPACE}[base]
    return inside if name == base else f"[^{inside}]"


def _escaped(char: str) -> str:
    return char if char.isascii() and char.isalnum() else rf"\x{{{ord(char):x}}}"
