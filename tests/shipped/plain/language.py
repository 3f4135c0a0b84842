"""The functions of `labeling_functions/language.py`, one text at a time: what their columns have to equal."""

import math
import re

from weaklabel.lf import Text, features, response_scorer
from weaklabel.text import lexicons

_SCRIPTS = {
    "latin": r"[A-Za-z\u00c0-\u024f\u1e00-\u1eff]",
    "ru": r"[\u0400-\u04ff]",
    "el": r"[\u0370-\u03ff]",
    "he": r"[\u0590-\u05ff]",
    "ar": r"[\u0600-\u06ff]",
    "hi": r"[\u0900-\u097f]",
    "th": r"[\u0e00-\u0e7f]",
    "ko": r"[\uac00-\ud7af]",
    "ja": r"[\u3040-\u30ff]",
    "zh": r"[\u4e00-\u9fff]",
}
_LETTERS = {name: re.compile(letters) for name, letters in _SCRIPTS.items()}
_NAMES = {
    "english": "en", "german": "de", "french": "fr", "spanish": "es", "italian": "it", "portuguese": "pt",
    "dutch": "nl", "swedish": "sv", "polish": "pl", "turkish": "tr", "indonesian": "id", "russian": "ru",
    "vietnamese": "vi", "chinese": "zh", "mandarin": "zh", "japanese": "ja", "korean": "ko", "arabic": "ar",
    "hebrew": "he", "greek": "el", "hindi": "hi", "thai": "th",
}  # fmt: skip
_TARGET = re.compile(rf"\b(?:in|into|to) ({'|'.join(_NAMES)})\b", re.ASCII | re.IGNORECASE)
_PROSE = re.compile(r"```.*?(?:```|\Z)|`[^`\n]*`|https?://[^ \n]+", re.DOTALL)


@features.remembered
def script_counts(text: Text) -> dict[str, int]:
    """Letters by script."""
    return {name: n for name, letters in _LETTERS.items() if (n := len(letters.findall(text)))}


@features.remembered
def language(text: Text) -> str | None:
    """The language of the prose of a text (code left out), None where it cannot be told."""
    prose = Text(_PROSE.sub(" ", text))
    counts = script_counts(prose)
    if sum(counts.values()) < 12:
        return None
    script = max(counts, key=lambda name: counts[name])
    if script == "zh" and counts.get("ja", 0) > 0.1 * counts["zh"]:
        return "ja"  # Japanese text is half Chinese signs
    return _by_function_words(features.words(prose)) if script == "latin" else script


def _by_function_words(words: tuple[str, ...]) -> str | None:
    """The language whose function words make up most of the words: at least a tenth, and three of them."""
    hits = {name: sum(w in known for w in words) for name, known in lexicons.FUNCTION_WORDS.items()}
    ranked = sorted(hits, key=lambda name: -hits[name])
    best, second = hits[ranked[0]], hits[ranked[1]]
    return ranked[0] if best >= 3 and best >= 0.1 * len(words) and best > 1.2 * second else None


@response_scorer
def asked_language(response: Text, prompt: Text) -> float:
    """Answers in the language asked for, or else in that of the request."""
    asked = features.last_turn(prompt)
    named = _TARGET.findall(asked)
    wanted, found = _NAMES[named[-1].lower()] if named else language(asked), language(response)
    return math.nan if wanted is None or found is None else float(wanted == found)


@response_scorer(prefer="less", min_gap=0.01)
def foreign_letters(response: Text, prompt: Text) -> float:
    """Letters of a script that the request does not use; silent where it names a language."""
    if _TARGET.search(features.last_turn(prompt)):
        return math.nan
    counts, known = script_counts(response), script_counts(prompt)
    return sum(n for name, n in counts.items() if name not in known) / max(1, sum(counts.values()))
