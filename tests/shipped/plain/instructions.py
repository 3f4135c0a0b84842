"""The functions of `labeling_functions/instructions.py`, one text at a time: what their columns have to equal."""

import json
import math
import re
from collections.abc import Callable, Iterable

from weaklabel.lf import Text, features, response_scorer

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


def _limits(unit: str) -> tuple[tuple[re.Pattern[str], str], ...]:
    """Patterns of "at most 5 <unit>" and its kin, with what they ask for."""
    forms = (
        (rf"\b{_AT_MOST} {_N}[ -]{unit}\b", "most"),
        (rf"\b{_N} {unit} (?:or (?:less|fewer)|at most|max|maximum|limit)\b", "most"),
        (rf"\b{_AT_LEAST} {_N}[ -]{unit}\b", "least"),
        (rf"\b{_N} {unit} (?:or more|at least|minimum)\b", "least"),
        (rf"\b(?:{_EXACTLY} )?(?:just |only )?{_N}[ -]{unit}\b", "about"),
    )
    return tuple((re.compile(form, re.ASCII | re.IGNORECASE), kind) for form, kind in forms)


def _kept(
    limits: Iterable[tuple[re.Pattern[str], str]], count: float, prompt: str, slack: float = 0.0
) -> float:
    """How well `count` keeps the first limit that the prompt states, in [0, 1]; NaN where it states none."""
    for pattern, kind in limits:
        found = pattern.search(features.last_turn(prompt))
        if found:
            return _closeness(count, _value(found.group(1)), kind, slack)
    return NAN


def _value(number: str) -> int:
    return int(number) if number.isdigit() else _VALUES[number.lower()]


def _closeness(count: float, asked: int, kind: str, slack: float) -> float:
    over, under = count - asked, asked - count
    missed = {"most": over, "least": under, "about": max(over, under) - slack * asked}[kind]
    return 1 - min(1.0, max(0.0, missed) / max(1, asked))


_WORDS = _limits("words?")
_SENTENCES = _limits("sentences?")
_PARAGRAPHS = _limits("paragraphs?")
_ITEMS = re.compile(
    r"\b(?:list|give|name|provide|suggest|write(?: down)?|share|generate|create|recommend|come up with|tell|find|offer|need|want|what are)"
    rf"\b(?: me| us)?(?: a list of| the| some| your| my)?(?: top| best| main)? {_N} "
    r"(?!words?\b|sentences?\b|paragraphs?\b|lines?\b|pages?\b|and\b|or\b|of\b|hours?\b|minutes?\b|days?\b)[a-z]",
    re.ASCII | re.IGNORECASE,
)
_VERSE = {"haiku": 3, "limerick": 5, "sonnet": 14}


@response_scorer
def word_limit(response: Text, prompt: Text) -> float:
    """Keeps a number of words that was asked for; ten percent off is kept where it is no limit."""
    return _kept(_WORDS, features.n_words(response), prompt, 0.1)


@response_scorer
def sentence_limit(response: Text, prompt: Text) -> float:
    """Keeps a number of sentences that was asked for."""
    return _kept(_SENTENCES, features.n_sentences(response), prompt)


@response_scorer
def paragraph_limit(response: Text, prompt: Text) -> float:
    """Keeps a number of paragraphs that was asked for."""
    return _kept(_PARAGRAPHS, features.n_paragraphs(response), prompt)


@response_scorer
def item_count(response: Text, prompt: Text) -> float:
    """As many items as were asked for ("give me five tips")."""
    found = _ITEMS.search(features.last_turn(prompt))
    asked = _value(found.group(1)) if found else 1
    return max(_closeness(n, asked, "about", 0) for n in _counts(response)) if asked > 1 else NAN


def _counts(response: Text) -> list[float]:
    """What may count as an item: the list items, or lines and sentences where there is no list."""
    items = [n for n in (features.n_numbered_items(response), features.n_list_items(response)) if n]
    blocks = [features.n_lines(block) for block in response.split("\n\n")]
    return items or [max(blocks), features.n_lines(response), features.n_sentences(response)]


@response_scorer
def verse_lines(response: Text, prompt: Text) -> float:
    """The lines that a haiku, limerick or sonnet has."""
    form = next((name for name in _VERSE if name in features.last_turn(prompt).lower()), None)
    return _closeness(features.n_lines(response), _VERSE[form], "about", 0) if form else NAN


# --- formats ---

_ASKED = re.IGNORECASE | re.ASCII
_CODE_REQUEST = re.compile(
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


_FORMATS: tuple[tuple[re.Pattern[str], Callable[[Text], bool]], ...] = (
    (re.compile(r"\b(?:as|in|valid|a|return|output)(?: a)? json\b", _ASKED), _is_json),
    (re.compile(r"\bbullet(?:ed)?(?:[ -]?points?| list)\b", _ASKED), lambda t: features.n_list_items(t) > 1),
    (re.compile(r"\bnumbered list\b", _ASKED), lambda t: features.n_numbered_items(t) > 1),
    (
        re.compile(r"\b(?:as|in|make|create|a|using) (?:a )?(?:markdown )?table\b", _ASKED),
        lambda t: features.n_table_rows(t) > 1,
    ),
    (
        re.compile(r"\b(?:all caps|all capital letters|uppercase(?: letters)? only)\b", _ASKED),
        lambda t: t == t.upper(),
    ),
    (re.compile(r"\b(?:all lowercase|lowercase(?: letters)? only)\b", _ASKED), lambda t: t == t.lower()),
    (re.compile(r"\b(?:without|no|avoid)(?: using)?(?: any)? commas\b", _ASKED), lambda t: "," not in t),
    (
        re.compile(r"\bone (?:item )?(?:per|on each|in each) line\b", _ASKED),
        lambda t: features.n_lines(t) > 2,
    ),
    (_CODE_REQUEST, _has_code),
)


@response_scorer
def asked_format(response: Text, prompt: Text) -> float:
    """Keeps the format that was asked for: JSON, bullet points, a table, code, capitals."""
    asked = [check for pattern, check in _FORMATS if pattern.search(features.last_turn(prompt))]
    return sum(check(response) for check in asked) / len(asked) if asked else NAN


# --- wording ---

_QUOTED = r"[\"'“‘]([^\"'“”‘’\n]{1,80})[\"'”’]"
_START = re.compile(
    rf"\b(?:start|begin)s?(?: your \w+| the \w+| each \w+| it)? with(?: the (?:words?|phrase|sentence))? {_QUOTED}",
    _ASKED,
)
_END = re.compile(
    rf"\b(?:end|finish|conclude)s?(?: your \w+| the \w+| it)? with(?: the (?:words?|phrase|sentence))? {_QUOTED}",
    _ASKED,
)
_USE = re.compile(rf"\b(?:use|include|mention|contain)s?(?: the)?(?: words?| phrase| term) {_QUOTED}", _ASKED)
_AVOID = re.compile(
    rf"\b(?:without|avoid|do not|don't|never)(?: using| use| mention(?:ing)?| say(?:ing)?| including| include)?"
    rf"(?: the)?(?: words?| phrase| term| letters?) {_QUOTED}",
    _ASKED,
)
_YES_NO = re.compile(
    r"\b(?:answer|reply|respond)(?: only| just)?(?: with)?(?: only| just| a)? [\"']?yes[\"']? or [\"']?no\b",
    _ASKED,
)
_BARE = re.compile(
    r"\b(?:only|just) (?:give|answer|return|output|provide|respond|the answer|the number|the letter|the name)"
    r"|\b(?:nothing else|no explanations?|without (?:any )?explanations?|be (?:brief|concise|short)|briefly|concisely)\b",
    _ASKED,
)


@response_scorer
def asked_wording(response: Text, prompt: Text) -> float:
    """Starts, ends with, uses or avoids the words that were asked for."""
    asked, text = features.last_turn(prompt), response.lower().strip(" \n\"'“”*.!")
    kept = [text.startswith(m.lower().strip(" .!")) for m in _START.findall(asked)]
    kept += [text.endswith(m.lower().strip(" .!")) for m in _END.findall(asked)]
    kept += [m.lower() in text for m in _USE.findall(asked)]
    kept += [m.lower() not in text for m in _AVOID.findall(asked)]
    kept += [text.startswith(("yes", "no")) for _ in _YES_NO.findall(asked)]
    return sum(kept) / len(kept) if kept else NAN


@response_scorer(prefer="less")
def asked_brevity(response: Text, prompt: Text) -> float:
    """Where a brief or bare answer was asked for, the shorter one (log words) wins."""
    return features.log_words(response) if _BARE.search(features.last_turn(prompt)) else NAN
