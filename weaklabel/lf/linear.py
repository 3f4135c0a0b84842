"""Regular expressions over many texts at once, with the meaning that Python's `re` gives them.

Polars searches a column some ten times as fast as a Python loop, with an engine whose time is linear in the text,
but it has other ideas of `\\w`, `\\d`, `\\s`, `\\b` and of case. So a pattern is taken apart by Python's own parser and
written again with every class spelled out, twice:

- *strict*: what the pattern means on a text whose letters and digits are all ASCII. Dashes, curly quotes and
  pictures may stand in it: `re` takes them for no letters either.
- *loose*: a pattern that finds something wherever the true one does, on any text. A text with other letters is
  searched by `re` where the loose pattern finds something; where it does not, there is nothing to find.

With `re.ASCII` the strict form is true for every text. Look-around, back-references and a few rarer things have no
such form, and are searched by `re` text by text: `linear` says which, and why.
"""

from __future__ import annotations

import functools
import re
from collections.abc import Iterable
from dataclasses import dataclass
from re import _constants as c  # type: ignore[attr-defined]
from re import _parser  # type: ignore[attr-defined]
from typing import Any, Final, Literal, NamedTuple

import numpy as np
import polars as pl

from weaklabel.lf.text_column import TextColumn
from weaklabel.types import FloatArray

Form = Literal["strict", "loose"]

_BEYOND: Final = r"[^\x00-\x7f]"
_WORD: Final = "0-9A-Za-z_"
_ASCII_SPACE: Final = r"\t-\r "
_ASCII_SPACE_OF_UNICODE: Final = r"\t-\r\x1c- "
SPACE: Final = (
    _ASCII_SPACE_OF_UNICODE + r"\x{85}\x{a0}\x{1680}\x{2000}-\x{200a}\x{2028}\x{2029}\x{202f}\x{205f}\x{3000}"
)
_FOLDS_TO_ASCII: Final = {"i": "\u0130\u0131", "s": "\u017f", "k": "\u212a"}


class Linear(NamedTuple):
    """A pattern for the linear engine.

    Attributes:
        strict: true for texts without letters or digits beyond ASCII.
        loose: finds something wherever the pattern does; None where `strict` is true for every text.
    """

    strict: str
    loose: str | None


class _Lacking(Exception):
    """The linear engine lacks it; says what."""


@functools.lru_cache(maxsize=4096)
def linear(pattern: re.Pattern[str]) -> Linear | str:
    """The pattern for the linear engine, or in words why it has no such form.

    >>> linear(re.compile(r"\\bmaybe\\b"))
    Linear(strict='(?-u:\\\\b)maybe(?-u:\\\\b)', loose='maybe')
    >>> linear(re.compile(r"(a)\\1"))
    'a back-reference'
    """
    parsed = _parser.parse(pattern.pattern, pattern.flags)
    if not parsed.getwidth()[0]:
        return "it can match nothing at all"
    try:
        strict = _Writer("strict").sequence(parsed, pattern.flags)
        loose = None if pattern.flags & re.ASCII else _Writer("loose").sequence(parsed, pattern.flags)
        for form in filter(None, (strict, loose)):
            pl.Series([""]).str.contains(form)
    except _Lacking as lacking:
        return str(lacking)
    except pl.exceptions.ComputeError:
        return "its size"
    return Linear(strict, loose)


def count_matches(texts: TextColumn, pattern: re.Pattern[str], *, each: bool = True) -> FloatArray:
    """`(n,)` float64: matches of `pattern` in each text; with `each=False` 1 where there is one, else 0.

    Equal to `len(pattern.findall(text))` and `bool(pattern.search(text))`.
    """
    key = "linear:count", pattern.pattern, pattern.flags, each
    return texts.numbers(key, lambda distinct: _count(distinct, pattern, each))


def _count(texts: TextColumn, pattern: re.Pattern[str], each: bool) -> FloatArray:
    def by_re(rows: Iterable[str]) -> list[int]:
        return [sum(1 for _ in pattern.finditer(t)) if each else bool(pattern.search(t)) for t in rows]

    form = linear(pattern)
    if isinstance(form, str):
        return np.array(by_re(texts.raw), np.float64)
    found = texts.series.str.count_matches(form.strict) if each else texts.series.str.contains(form.strict)
    counts = found.cast(pl.Float64).to_numpy().copy()
    if form.loose is not None and len(texts.foreign):
        rows = texts.foreign
        foreign = texts.series.gather(rows)
        maybe = foreign.str.contains(form.loose)
        counts[rows] = 0
        counts[rows[maybe.to_numpy()]] = by_re(foreign.filter(maybe).to_list())
    return counts


@dataclass(frozen=True)
class _Writer:
    """Writes a parsed pattern for the linear engine."""

    form: Form

    def sequence(self, parts: Any, flags: int) -> str:
        return "".join(self.part(op, value, flags) for op, value in parts)

    def part(self, op: Any, value: Any, flags: int) -> str:
        if op is c.LITERAL:
            return self.literal(chr(value), flags)
        if op is c.NOT_LITERAL:
            return self.one_of([(c.NEGATE, None), (c.LITERAL, value)], flags)
        if op is c.IN:
            return self.one_of(value, flags)
        if op is c.ANY:
            return "(?s:.)" if flags & re.DOTALL else r"[^\n]"
        if op is c.AT:
            return self.place(value, flags)
        if op is c.BRANCH:
            return f"(?:{'|'.join(self.sequence(branch, flags) for branch in value[1])})"
        if op is c.SUBPATTERN:
            _, added, dropped, inner = value
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

    def place(self, where: Any, flags: int) -> str:
        if where is c.AT_BEGINNING:
            return "(?m:^)" if flags & re.MULTILINE else r"\A"
        if where is c.AT_END and flags & re.MULTILINE:
            return "(?m:$)"
        if where is c.AT_BEGINNING_STRING:
            return r"\A"
        if where is c.AT_END_STRING:
            return r"\z"
        if where is c.AT_BOUNDARY:
            return r"(?-u:\b)" if self.form == "strict" else ""
        raise _Lacking(r"$ without re.MULTILINE" if where is c.AT_END else r"\B")

    def literal(self, char: str, flags: int) -> str:
        cases = self.cases(char, flags)
        return _escaped(char) if len(cases) == 1 else f"[{''.join(map(_escaped, cases))}]"

    def cases(self, char: str, flags: int) -> str:
        """The characters that match a literal one."""
        if not flags & re.IGNORECASE:
            return char
        if char.isascii():
            more = _FOLDS_TO_ASCII.get(char.lower(), "") if self.form == "loose" else ""
            return "".join(sorted({char.lower(), char.upper()})) + more
        if not flags & re.ASCII and {char.lower(), char.upper(), char.casefold()} != {char}:
            raise _Lacking(f"the two cases of {char!r}")
        return char

    def one_of(self, items: Any, flags: int) -> str:
        negated = items[0][0] is c.NEGATE
        # The complement of a loose set would be a tight one: of that, only what is surely in it is taken away.
        sure = negated and self.form == "loose"
        members = "".join(self.member(op, value, flags, sure) for op, value in items[negated:])
        return f"[{'^' * negated}{members}]" if members else "(?s:.)"

    def member(self, op: Any, value: Any, flags: int, sure: bool) -> str:
        if op is c.LITERAL:
            found = self.cases(chr(value), flags)
            return "".join(_escaped(char) for char in found if char.isascii() or not sure)
        if op is c.CATEGORY:
            return self.category(value, flags, sure)
        low, high = value
        if flags & re.IGNORECASE and high > 127 and not flags & re.ASCII:
            raise _Lacking("a range of letters beyond ASCII whatever their case")
        if sure:
            high = min(high, 127)
        ranges = [f"{_escaped(chr(low))}-{_escaped(chr(high))}"] if low <= high else []
        if flags & re.IGNORECASE:
            folded = {x for i in range(low, min(high, 127) + 1) for x in self.cases(chr(i), flags)}
            ranges += [_escaped(char) for char in sorted(folded) if char.isascii() or not sure]
        return "".join(ranges)

    def category(self, kind: Any, flags: int, sure: bool) -> str:
        name = str(kind).removeprefix("CATEGORY_")
        base, ascii_only = name.removeprefix("NOT_"), bool(flags & re.ASCII)
        space = _ASCII_SPACE if ascii_only else _ASCII_SPACE_OF_UNICODE
        inside = {"WORD": _WORD, "DIGIT": "0-9", "SPACE": space}[base]
        if name != base:
            outside = (
                f"[^{inside}]" if base != "SPACE" or self.form == "loose" or ascii_only else f"[^{SPACE}]"
            )
            return rf"[\x00-\x7f&&{outside}]" if sure else outside
        if self.form == "loose" and not sure:
            return inside + _BEYOND
        return SPACE if base == "SPACE" and not ascii_only and not sure else inside


def _escaped(char: str) -> str:
    return char if char.isascii() and char.isalnum() else rf"\x{{{ord(char):x}}}"
