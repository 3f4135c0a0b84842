"""The language of the answer against that of the request.

A language is told by its script, and in Latin and Cyrillic script by its function words. Short or mixed
texts have none, and then the scorers cannot say.
"""

import re
from functools import cache
from typing import Final

import numpy as np
from numpy.typing import NDArray

from weaklabel.lf import FloatArray, Pattern, TextColumn, features, response_scorer
from weaklabel.text import lexicons
from weaklabel.text.tokens import Ints, Tokens, buffers

# Each script, and the code points of its letters. Latin has the letters of ASCII beside these.
_SCRIPTS: Final = {
    "latin": ((0xC0, 0x24F), (0x1E00, 0x1EFF)),
    "ru": ((0x400, 0x4FF),),
    "el": ((0x370, 0x3FF),),
    "he": ((0x590, 0x5FF),),
    "ar": ((0x600, 0x6FF),),
    "hi": ((0x900, 0x97F),),
    "th": ((0xE00, 0xE7F),),
    "ko": ((0xAC00, 0xD7AF),),
    "ja": ((0x3040, 0x30FF),),
    "zh": ((0x4E00, 0x9FFF),),
}
_LATIN, _JAPANESE, _CHINESE = (list(_SCRIPTS).index(name) for name in ("latin", "ja", "zh"))
_NAMES = {
    "english": "en", "german": "de", "french": "fr", "spanish": "es", "italian": "it", "portuguese": "pt",
    "dutch": "nl", "swedish": "sv", "polish": "pl", "turkish": "tr", "indonesian": "id", "russian": "ru",
    "vietnamese": "vi", "chinese": "zh", "mandarin": "zh", "japanese": "ja", "korean": "ko", "arabic": "ar",
    "hebrew": "he", "greek": "el", "hindi": "hi", "thai": "th",
}  # fmt: skip
_TARGET = Pattern(rf"\b(?:in|into|to) ({'|'.join(_NAMES)})\b", re.ASCII | re.IGNORECASE)
_CODE_OF = {name: code for code, name in enumerate(dict.fromkeys([*lexicons.FUNCTION_WORDS, *_SCRIPTS]))}
_UNKNOWN: Final = -1
_CODE: Final = r"`|https?://"
_PROSE: Final = r"(?s)```.*?(?:```|\z)|`[^`\n]*`|https?://[^ \n]+"
_BYTES: Final = np.frombuffer(bytes(chr(b).isalpha() and b < 128 for b in range(256)), np.bool_)


@cache
def _script_of() -> NDArray[np.int8]:
    """The script of each code point that two bytes hold, by its place in `_SCRIPTS`; -1 for those of none."""
    table = np.full(1 << 16, -1, np.int8)
    for script, ranges in enumerate(_SCRIPTS.values()):
        for first, last in ranges:
            table[first : last + 1] = script
    return table


def script_counts(texts: TextColumn) -> Ints:
    """`(n_distinct, 10)`: the letters of each distinct text by script, in the order of `_SCRIPTS`."""
    return texts.distinct.remember("script counts", _script_counts)


def _script_counts(texts: TextColumn) -> Ints:
    raw, offsets = buffers(texts.arrow)
    beyond, rows = texts.beyond
    points, n_scripts = beyond.points, len(_SCRIPTS)
    near = np.flatnonzero(points < 1 << 16)
    scripts = _script_of()[points[near]]
    some = np.flatnonzero(scripts >= 0)
    keys = rows[near[some]] * n_scripts + scripts[some]
    counts = np.bincount(keys, minlength=len(texts) * n_scripts).reshape(-1, n_scripts)
    filled = np.flatnonzero(np.diff(offsets))  # an empty part cannot be added up
    counts[filled, _LATIN] += np.add.reduceat(_BYTES.take(raw), offsets[filled], dtype=np.int64)
    return counts


def language(texts: TextColumn) -> Ints:
    """`(n_distinct,)`: the language of the prose of each distinct text (code left out), by `_CODE_OF`.

    -1 where it cannot be told.
    """
    return texts.distinct.remember("language", _language)


def _language(texts: TextColumn) -> Ints:
    told = _told(texts)
    rows = np.flatnonzero(texts.series.str.contains(_CODE).to_numpy())
    if len(rows):
        prose = texts.series.gather(rows).str.replace_all(_PROSE, " ")
        told[rows] = _told(TextColumn(prose.to_arrow()))
    return told


def _told(texts: TextColumn) -> Ints:
    counts = script_counts(texts)
    script = counts.argmax(axis=1)
    # Japanese text is half Chinese signs.
    script[(script == _CHINESE) & (counts[:, _JAPANESE] > 0.1 * counts[:, _CHINESE])] = _JAPANESE
    code = np.array([_CODE_OF[name] for name in _SCRIPTS])[script]
    code = np.where(script == _LATIN, _by_function_words(texts.words), code)
    return np.where(counts.sum(axis=1) < 12, _UNKNOWN, code)


def _by_function_words(words: Tokens) -> Ints:
    """The language whose function words make up most of the words: at least a tenth, and three of them."""
    known = words.vocabulary.per_word(_languages).take(words.codes)
    places, (_, shared) = np.flatnonzero(known), _function_words()
    keys = words.rows[places] * len(shared) + known[places]
    uses = np.bincount(keys, minlength=len(words) * len(shared)).reshape(len(words), len(shared))
    hits = uses @ shared
    best, second = hits.max(axis=1), np.partition(hits, -2, axis=1)[:, -2]
    clear = (best >= 3) & (best >= 0.1 * words.counts) & (best > 1.2 * second)
    return np.where(clear, hits.argmax(axis=1), _UNKNOWN)


@cache
def _function_words() -> tuple[dict[str, int], Ints]:
    """Function words, each with the number of the set of languages that have it, and those sets.

    The sets are `(n_sets, n_languages)`, 1 for a language; set 0 is empty, that of all other words.
    """
    languages = lexicons.FUNCTION_WORDS.values()
    sets = {word: tuple(word in known for known in languages) for word in frozenset().union(*languages)}
    numbers = {held: number for number, held in enumerate(sorted(set(sets.values())), 1)}
    shared = np.array([(False,) * len(languages), *numbers], np.int64)
    return {word: numbers[held] for word, held in sets.items()}, shared


def _languages(word: str) -> int:
    return _function_words()[0].get(word, 0)


@response_scorer(batch=True)
def asked_language(response: TextColumn, prompt: TextColumn) -> FloatArray:
    """Answers in the language asked for, or else in that of the request."""
    asked = features.last_turn(prompt)
    wanted = language(asked).copy()
    for row, match in _TARGET.first(asked).items():
        wanted[row] = _CODE_OF[_NAMES[_TARGET.compiled.findall(match.string)[-1].lower()]]
    want, found = wanted[asked.indices], language(response)[response.indices]
    return np.where((want == _UNKNOWN) | (found == _UNKNOWN), np.nan, want == found)


@response_scorer(prefer="less", min_gap=0.01, batch=True)
def foreign_letters(response: TextColumn, prompt: TextColumn) -> FloatArray:
    """Letters of a script that the request does not use; silent where it names a language."""
    counts, unknown = script_counts(response)[response.indices], (script_counts(prompt) == 0)[prompt.indices]
    share = (counts * unknown).sum(axis=1) / np.maximum(1, counts.sum(axis=1))
    return np.where(_TARGET.found(features.last_turn(prompt)), np.nan, share)
