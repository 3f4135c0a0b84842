"""Constraints in the request that a program can check: lengths, counts, formats, wording.

Each scorer looks for its kind of constraint in what was asked last. Without one it cannot say (NaN). With
one the score is 1 where every such constraint is kept and falls to 0; a length or a count that is missed
by little scores more than one that is missed by far.

What is asked is looked for in all distinct requests at once. Few requests ask for any of it; only their responses
are looked at, and one by one where what is asked has no column form.
"""

import json
import math
import re
from collections.abc import Callable, Iterator
from typing import TypeVar

import numpy as np

from weaklabel.lf import FloatArray, Pattern, Text, TextColumn, features, response_scorer

_NUMBER_WORDS = (
    "one two three four five six seven eight nine ten eleven twelve thirteen fourteen fifteen sixteen "
    "seventeen eighteen nineteen twenty"
)
_VALUES = {word: i for i, word in enumerate(_NUMBER_WORDS.split(), 1)}
_VALUES |= {"a": 1, "single": 1, "thirty": 30, "forty": 40, "fifty": 50, "hundred": 100, "a hundred": 100}
_N = r"([0-9]{1,5}|a hundred|single|" + "|".join(_VALUES) + ")"
_AT_MOST = r"(?:no more than|not more than|at most|under|fewer than|less than|up to|within|below|max(?:imum)?(?: of)?)"
_AT_LEAST = r"(?:at least|no less than|no fewer than|more than|over|min(?:imum)?(?: of)?)"
_EXACTLY = r"(?:exactly|in|using|with|of|about|around|approximately)"
NAN = math.nan
T = TypeVar("T")
_ASKED = re.IGNORECASE | re.ASCII


def _asking(asked: TextColumn, found: dict[int, T]) -> Iterator[tuple[int, T]]:
    """The rows whose request is among those `found`, each with what was found there."""
    has = np.zeros(len(asked.distinct), np.bool_)
    has[list(found)] = True
    places = np.flatnonzero(has[asked.indices])
    for place, row in zip(places.tolist(), asked.indices[places].tolist(), strict=True):
        yield place, found[row]


def _scored(
    response: TextColumn, asked: TextColumn, found: dict[int, T], score: Callable[[Text, T], float]
) -> FloatArray:
    """`score(response, what was found)` in the rows whose request is among those `found`, NaN in others."""
    scores = np.full(len(response), NAN)
    if found:
        texts = response.distinct.texts
        rows = response.indices
        for place, what in _asking(asked, found):
            scores[place] = score(texts[rows[place]], what)
    return scores


class _Limits:
    """What requests say of the number of some unit: "at most 5 words" and its kin.

    Args:
        unit: the unit as a pattern.
        stem: letters that stand in every spelling of it, by which the requests are found.
    """

    def __init__(self, unit: str, stem: str) -> None:
        forms = (
            (rf"\b{_AT_MOST} {_N}[ -]{unit}\b", "most"),
            (rf"\b{_N} {unit} (?:or (?:less|fewer)|at most|max|maximum|limit)\b", "most"),
            (rf"\b{_AT_LEAST} {_N}[ -]{unit}\b", "least"),
            (rf"\b{_N} {unit} (?:or more|at least|minimum)\b", "least"),
            (rf"\b(?:{_EXACTLY} )?(?:just |only )?{_N}[ -]{unit}\b", "about"),
        )
        self._forms = tuple((re.compile(form, _ASKED), kind) for form, kind in forms)
        self._stem = Pattern(stem, _ASKED)

    def kept(self, count: FloatArray, prompt: TextColumn, slack: float = 0.0) -> FloatArray:
        """How well each count keeps the first limit that its prompt states, in [0, 1]; NaN where it states none."""
        asked, scores = features.last_turn(prompt), np.full(len(count), NAN)
        told = {row: self._stated(match.string) for row, match in self._stem.first(asked).items()}
        for place, limit in _asking(asked, {row: limit for row, limit in told.items() if limit}):
            scores[place] = _closeness(float(count[place]), *limit, slack)
        return scores

    def _stated(self, request: str) -> tuple[int, str] | None:
        for pattern, kind in self._forms:
            if found := pattern.search(request):
                return _value(found.group(1)), kind
        return None


def _value(number: str) -> int:
    return int(number) if number.isdigit() else _VALUES[number.lower()]


def _closeness(count: float, asked: int, kind: str, slack: float) -> float:
    over, under = count - asked, asked - count
    missed = {"most": over, "least": under, "about": max(over, under) - slack * asked}[kind]
    return 1 - min(1.0, max(0.0, missed) / max(1, asked))


_WORDS = _Limits("words?", "word")
_SENTENCES = _Limits("sentences?", "sentence")
_PARAGRAPHS = _Limits("paragraphs?", "paragraph")
_ITEMS = Pattern(
    r"\b(?:list|give|name|provide|suggest|write(?: down)?|share|generate|create|recommend|come up with|tell|find|offer|need|want|what are)"
    rf"\b(?: me| us)?(?: a list of| the| some| your| my)?(?: top| best| main)? {_N} "
    r"(?!words?\b|sentences?\b|paragraphs?\b|lines?\b|pages?\b|and\b|or\b|of\b|hours?\b|minutes?\b|days?\b)[a-z]",
    _ASKED,
)
_VERSE = {"haiku": 3, "limerick": 5, "sonnet": 14}
_SOME_VERSE = Pattern("|".join(_VERSE), re.IGNORECASE)


@response_scorer(batch=True)
def word_limit(response: TextColumn, prompt: TextColumn) -> FloatArray:
    """Keeps a number of words that was asked for; ten percent off is kept where it is no limit."""
    return _WORDS.kept(features.n_words(response), prompt, 0.1)


@response_scorer(batch=True)
def sentence_limit(response: TextColumn, prompt: TextColumn) -> FloatArray:
    """Keeps a number of sentences that was asked for."""
    return _SENTENCES.kept(features.n_sentences(response), prompt)


@response_scorer(batch=True)
def paragraph_limit(response: TextColumn, prompt: TextColumn) -> FloatArray:
    """Keeps a number of paragraphs that was asked for."""
    return _PARAGRAPHS.kept(features.n_paragraphs(response), prompt)


@response_scorer(batch=True)
def item_count(response: TextColumn, prompt: TextColumn) -> FloatArray:
    """As many items as were asked for ("give me five tips")."""
    asked = features.last_turn(prompt)
    numbers = {row: _value(match.group(1)) for row, match in _ITEMS.first(asked).items()}
    return _scored(response, asked, {row: n for row, n in numbers.items() if n > 1}, _has_items)


def _has_items(response: Text, asked: int) -> float:
    return max(_closeness(n, asked, "about", 0) for n in _counts(response))


def _counts(response: Text) -> list[float]:
    """What may count as an item: the list items, or lines and sentences where there is no list."""
    items = [n for n in (features.n_numbered_items(response), features.n_list_items(response)) if n]
    blocks = [features.n_lines(block) for block in response.split("\n\n")]
    return items or [max(blocks), features.n_lines(response), features.n_sentences(response)]


@response_scorer(batch=True)
def verse_lines(response: TextColumn, prompt: TextColumn) -> FloatArray:
    """The lines that a haiku, limerick or sonnet has."""
    asked = features.last_turn(prompt)
    found = {row: _verse(match.string) for row, match in _SOME_VERSE.first(asked).items()}
    return _scored(response, asked, {row: n for row, n in found.items() if n}, _has_lines)


def _verse(request: str) -> int:
    """Lines of the form that a request names, 0 where it names none."""
    lowered = request.lower()
    return next((lines for name, lines in _VERSE.items() if name in lowered), 0)


def _has_lines(response: Text, asked: int) -> float:
    return _closeness(features.n_lines(response), asked, "about", 0)


# --- formats ---

_CODE_REQUEST = Pattern(
    r"\b(?:write|create|implement|develop|design|code|show|give|provide)\b[^.?!\n]{0,60}"
    r"\b(?:function|program|script|code|class|regex|query|algorithm|snippet|html)\b",
    _ASKED,
)


def _is_json(text: str) -> bool:
    inner = re.search(r"```[a-zA-Z]*\n(.*?)```", text, re.DOTALL)
    try:
        return isinstance(json.loads(inner.group(1) if inner else text), (dict, list))
    except (ValueError, RecursionError):
        return False


def _has_code(text: Text) -> bool:
    return features.n_code_fences(text) > 0 or bool(
        re.search(r"[;{}][ \t]*$|^[ \t]*(?:def|import|SELECT)\b", text, re.M)
    )


_FORMATS: tuple[tuple[Pattern, Callable[[Text], bool]], ...] = (
    (Pattern(r"\b(?:as|in|valid|a|return|output)(?: a)? json\b", _ASKED), _is_json),
    (Pattern(r"\bbullet(?:ed)?(?:[ -]?points?| list)\b", _ASKED), lambda t: features.n_list_items(t) > 1),
    (Pattern(r"\bnumbered list\b", _ASKED), lambda t: features.n_numbered_items(t) > 1),
    (
        Pattern(r"\b(?:as|in|make|create|a|using) (?:a )?(?:markdown )?table\b", _ASKED),
        lambda t: features.n_table_rows(t) > 1,
    ),
    (
        Pattern(r"\b(?:all caps|all capital letters|uppercase(?: letters)? only)\b", _ASKED),
        lambda t: t == t.upper(),
    ),
    (Pattern(r"\b(?:all lowercase|lowercase(?: letters)? only)\b", _ASKED), lambda t: t == t.lower()),
    (Pattern(r"\b(?:without|no|avoid)(?: using)?(?: any)? commas\b", _ASKED), lambda t: "," not in t),
    (
        Pattern(r"\bone (?:item )?(?:per|on each|in each) line\b", _ASKED),
        lambda t: features.n_lines(t) > 2,
    ),
    (_CODE_REQUEST, _has_code),
)


@response_scorer(batch=True)
def asked_format(response: TextColumn, prompt: TextColumn) -> FloatArray:
    """Keeps the format that was asked for: JSON, bullet points, a table, code, capitals."""
    asked = features.last_turn(prompt)
    checks: dict[int, list[Callable[[Text], bool]]] = {}
    for pattern, check in _FORMATS:
        for row in np.flatnonzero(pattern.found(asked.distinct)).tolist():
            checks.setdefault(row, []).append(check)
    return _scored(response, asked, checks, _share_kept)


def _share_kept(response: Text, checks: list[Callable[[Text], bool]]) -> float:
    return sum(check(response) for check in checks) / len(checks)


# --- wording ---

_QUOTED = r"[\"'“‘]([^\"'“”‘’\n]{1,80})[\"'”’]"
_START = Pattern(
    rf"\b(?:start|begin)s?(?: your \w+| the \w+| each \w+| it)? with(?: the (?:words?|phrase|sentence))? {_QUOTED}",
    _ASKED,
)
_END = Pattern(
    rf"\b(?:end|finish|conclude)s?(?: your \w+| the \w+| it)? with(?: the (?:words?|phrase|sentence))? {_QUOTED}",
    _ASKED,
)
_USE = Pattern(rf"\b(?:use|include|mention|contain)s?(?: the)?(?: words?| phrase| term) {_QUOTED}", _ASKED)
_AVOID = Pattern(
    rf"\b(?:without|avoid|do not|don't|never)(?: using| use| mention(?:ing)?| say(?:ing)?| including| include)?"
    rf"(?: the)?(?: words?| phrase| term| letters?) {_QUOTED}",
    _ASKED,
)
_YES_NO = Pattern(
    r"\b(?:answer|reply|respond)(?: only| just)?(?: with)?(?: only| just| a)? [\"']?yes[\"']? or [\"']?no\b",
    _ASKED,
)
_BARE = Pattern(
    r"\b(?:only|just) (?:give|answer|return|output|provide|respond|the answer|the number|the letter|the name)"
    r"|\b(?:nothing else|no explanations?|without (?:any )?explanations?|be (?:brief|concise|short)|briefly|concisely)\b",
    _ASKED,
)


_WORDINGS = (_START, _END, _USE, _AVOID, _YES_NO)


@response_scorer(batch=True)
def asked_wording(response: TextColumn, prompt: TextColumn) -> FloatArray:
    """Starts, ends with, uses or avoids the words that were asked for."""
    asked = features.last_turn(prompt)
    wishes = {row: match.string for pattern in _WORDINGS for row, match in pattern.first(asked).items()}
    return _scored(response, asked, wishes, _keeps_wording)


def _keeps_wording(response: Text, asked: str) -> float:
    text = response.lower().strip(" \n\"'“”*.!")
    start, end, use, avoid, yes_no = (pattern.compiled.findall(asked) for pattern in _WORDINGS)
    kept = [text.startswith(m.lower().strip(" .!")) for m in start]
    kept += [text.endswith(m.lower().strip(" .!")) for m in end]
    kept += [m.lower() in text for m in use]
    kept += [m.lower() not in text for m in avoid]
    kept += [text.startswith(("yes", "no")) for _ in yes_no]
    return sum(kept) / len(kept)


@response_scorer(prefer="less", batch=True)
def asked_brevity(response: TextColumn, prompt: TextColumn) -> FloatArray:
    """Where a brief or bare answer was asked for, the shorter one (log words) wins."""
    return np.where(_BARE.found(features.last_turn(prompt)), features.log_words(response), NAN)
