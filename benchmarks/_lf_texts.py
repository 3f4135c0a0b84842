"""The twelve scores as plain functions of texts: what a person writes who knows `re` and caches per word.

Each says of a response (and its prompt) what the labeling function of the same name in `_lf_shipped.py` says.
"""

from __future__ import annotations

import functools
import re

import pyphen
from snowballstemmer.english_stemmer import EnglishStemmer
from vaderSentiment.vaderSentiment import SentimentIntensityAnalyzer

from weaklabel.text.lexicons import STOP_WORDS

HEDGES = r"\b(?:maybe|perhaps|probably|might|could be|i think|i guess)\b"
EXAMPLES = r"\b(?:for (?:example|instance)|such as|including|e\.g\.)"
ATTRIBUTION = r"\b(?:according to|(?:studies|research) (?:show|suggest)s?|as (?:stated|noted) (?:by|in))\b"
POLITE = ("please", "thanks", "welcome", "sorry", "hope", "help", "sure")
CARELESS = ("stupid", "whatever", "literally", "basically", "stuff", "lol", "kinda", "gonna")

# name: (more or less wins, smallest difference that votes)
SETTINGS = {
    "length": ("more", 20),
    "variety": ("more", 0),
    "reading_ease": ("less", 5),
    "hedges": ("less", 0),
    "examples": ("more", 0),
    "attribution": ("more", 0),
    "numbers": ("more", 1),
    "valence": ("more", 0),
    "polite": ("more", 0),
    "careless": ("less", 0),
    "list_items": ("more", 0),
    "overlap": ("more", 0),
}
SEES_PROMPT = {"overlap"}

_FLAGS = re.IGNORECASE | re.MULTILINE
_PATTERNS = {name: re.compile(p, _FLAGS) for name, p in (("h", HEDGES), ("e", EXAMPLES), ("a", ATTRIBUTION))}
_WORD = re.compile(r"[^\W_]+(?:'[^\W_]+)*")
_NUMBER = re.compile(r"\b[0-9]+\b", re.ASCII)
_ITEM = re.compile(r"^[ \t]*(?:[-*+•]|[0-9]{1,3}[.)])[ \t]+[^ \t\n]", re.MULTILINE)
_END = re.compile(r"[.!?]+")
_TURN = re.compile(r"^(?:Human|User): ?", re.MULTILINE)
_POLITE, _CARELESS = frozenset(POLITE), frozenset(CARELESS)
_hyphenator = pyphen.Pyphen(lang="en_US")
_stemmer = EnglishStemmer()
_valences = {word: round(10 * value) for word, value in SentimentIntensityAnalyzer().lexicon.items()}


@functools.cache
def syllables(word: str) -> int:
    return len(_hyphenator.positions(word)) + 1 if len(word) <= 64 else 1


@functools.cache
def topic(word: str) -> str:
    if (len(word) > 2 or word.isdigit()) and word not in STOP_WORDS:
        return str(_stemmer.stemWord(word)) if len(word) <= 64 else word
    return ""


def vote(name: str, a: float, b: float) -> int:
    """The vote of a labeling function whose scores of the two responses are `a` and `b`."""
    prefer, gap = SETTINGS[name]
    if a == b or abs(b - a) < gap:
        return -1
    return int((b > a) == (prefer == "more"))


def words(text: str) -> list[str]:
    return _WORD.findall(text.lower().replace("’", "'"))


def length(text: str) -> float:
    return len(text)


def variety(text: str) -> float:
    found = words(text)
    return len(set(found)) / max(1, len(found))


def reading_ease(text: str) -> float:
    found = words(text)
    if not found:
        return 0.0
    n = max(1, sum(len(piece.split(maxsplit=3)) > 2 for piece in _END.split(text)))
    return 206.835 - 1.015 * len(found) / n - 84.6 * sum(map(syllables, found)) / len(found)


def hedges(text: str) -> float:
    return len(_PATTERNS["h"].findall(text))


def examples(text: str) -> float:
    return len(_PATTERNS["e"].findall(text))


def attribution(text: str) -> float:
    return len(_PATTERNS["a"].findall(text))


def numbers(text: str) -> float:
    return len(_NUMBER.findall(text))


def valence(text: str) -> float:
    return sum(_valences.get(word, 0) for word in words(text)) / 10


def polite(text: str) -> float:
    return sum(word in _POLITE for word in words(text))


def careless(text: str) -> float:
    return sum(word in _CARELESS for word in words(text))


def list_items(text: str) -> float:
    return len(_ITEM.findall(text))


def overlap(text: str, prompt: str) -> float:
    asked = set(filter(None, map(topic, words(_TURN.split(prompt)[-1]))))
    own = set(map(topic, words(text)))
    return len(asked & own) / len(asked) if asked else 0.0
