"""Text features: numbers that say what one response looks like, alone or beside its prompt.

Each takes a `Text` or a plain `str` and returns a finite number for any Unicode, the empty string included.
On a `Text` it is computed at most once, however many labeling functions ask for it. Patterns spell their
character classes out in ASCII, so that a column engine with another idea of Unicode finds the same.

`FEATURES` (of a response) and `PROMPT_FEATURES` (of a response and its prompt) list them by name.

Sources: Flesch, "A new readability yardstick", 1948 (reading ease); Hutto and Gilbert, "VADER", ICWSM 2014
(sentiment); Hauptvogel et al. 2024, arXiv 2410.20869 (which of them go with preference).
"""

from __future__ import annotations

import functools
import math
import re
from collections.abc import Callable, Iterable
from typing import Any, Final, TypeVar

from weaklabel.lf import lexicons
from weaklabel.types import Text

T = TypeVar("T")

FEATURES: Final[dict[str, Callable[[str], float]]] = {}
"""Name -> feature of one response."""

PROMPT_FEATURES: Final[dict[str, Callable[[str, str], float]]] = {}
"""Name -> feature of a response and its prompt, called as `f(response, prompt)`."""


def remembered(fn: Callable[[Text], T]) -> Callable[[str], T]:
    """`fn` computed at most once per `Text`; a plain `str` is taken as well."""
    key = f"{fn.__module__}:{fn.__qualname__}"

    @functools.wraps(fn)
    def once(text: str) -> T:
        return (text if isinstance(text, Text) else Text(text)).remember(key, fn)

    return once


def feature(fn: Callable[[Text], float]) -> Callable[[str], float]:
    """A remembered number, listed in `FEATURES` under the function's name.

    >>> @feature
    ... def n_vowels(text):
    ...     return sum(text.count(v) for v in "aeiou")
    >>> n_vowels("audio"), FEATURES.pop("n_vowels") is n_vowels
    (4, True)
    """
    FEATURES[fn.__name__] = once = remembered(fn)
    return once


def prompt_feature(fn: Callable[[Text, Text], float]) -> Callable[[str, str], float]:
    """A number of a response and its prompt, remembered by the response, listed in `PROMPT_FEATURES`."""
    key = f"{fn.__module__}:{fn.__qualname__}"

    @functools.wraps(fn)
    def once(response: str, prompt: str) -> float:
        known = response if isinstance(response, Text) else Text(response)
        asked = prompt if isinstance(prompt, Text) else Text(prompt)
        return known.remember((key, asked), lambda text: fn(text, asked))

    PROMPT_FEATURES[fn.__name__] = once
    return once


# --- words -----------------------------------------------------------------------------------------------


@remembered
def words(text: Text) -> tuple[str, ...]:
    """`text.words` with straight apostrophes, so that one word has one spelling."""
    return tuple(w.replace("’", "'") for w in text.words) if "’" in text else text.words


@remembered
def distinct_words(text: Text) -> frozenset[str]:
    """The distinct words."""
    return frozenset(words(text))


@remembered
def content_words(text: Text) -> frozenset[str]:
    """Stems of the distinct words of three letters or more (numbers of any length) that carry a topic."""
    kept = (w for w in distinct_words(text) if (len(w) > 2 or w.isdigit()) and w not in lexicons.STOP_WORDS)
    return frozenset(map(stem, kept))


@functools.cache
def _stemmer() -> Any:
    # The pure-Python class is named: with PyStemmer installed, stemmer() would give a C object whose
    # version decides the stems.
    from snowballstemmer.english_stemmer import EnglishStemmer

    return EnglishStemmer()


@functools.lru_cache(maxsize=200_000)
def stem(word: str) -> str:
    """English Snowball stem: `running` and `runs` are one.

    >>> stem("running"), stem("runs")
    ('run', 'run')
    """
    # A "word" of megabytes is no word, and would cost seconds.
    return str(_stemmer().stemWord(word)) if len(word) <= 64 else word


class Phrases:
    """A set of words and phrases to count in texts, on whole words and whatever the case.

    >>> Phrases(["sorry", "I can't"]).count("Sorry! I can’t, I can't; sorrysorry.")
    3
    """

    def __init__(self, phrases: Iterable[str]) -> None:
        split = {words(Text(phrase)) for phrase in phrases}
        self.phrases = tuple(sorted(parts for parts in split if parts))
        self._by_first: dict[str, list[tuple[str, ...]]] = {}
        for parts in self.phrases:
            self._by_first.setdefault(parts[0], []).append(parts)

    def count(self, text: str) -> int:
        """How many places of the text one of the phrases starts at."""
        if self._by_first.keys().isdisjoint(distinct_words(text)):
            return 0
        found = words(text)
        return sum(
            any(parts == found[i : i + len(parts)] for parts in self._by_first[word])
            for i, word in enumerate(found)
            if word in self._by_first
        )

    def start(self, text: str) -> bool:
        """Whether the text begins with one of the phrases."""
        found = words(text)
        return bool(found) and any(parts == found[: len(parts)] for parts in self._by_first.get(found[0], ()))


# --- size and wording -------------------------------------------------------------------------------------


@feature
def n_chars(text: Text) -> float:
    """Characters (code points)."""
    return len(text)


@feature
def n_words(text: Text) -> float:
    """Words.

    >>> n_words("Don't panic: it's 42.")
    4
    """
    return len(text.words)


@feature
def log_words(text: Text) -> float:
    """Natural logarithm of one plus the number of words: the step from 10 to 20 is that from 100 to 200."""
    return math.log1p(len(text.words))


@feature
def n_distinct_words(text: Text) -> float:
    """Distinct words; unlike length it cannot be had by saying things twice."""
    return len(distinct_words(text))


@feature
def n_sentences(text: Text) -> float:
    """Sentences, list items and headings among them."""
    return len(text.sentences)


@feature
def n_paragraphs(text: Text) -> float:
    """Blocks of text between blank lines."""
    return sum(bool(block.strip()) for block in re.split(r"\n[ \t\r]*\n", text))


@feature
def n_lines(text: Text) -> float:
    """Lines that hold anything."""
    return sum(bool(line.strip()) for line in text.split("\n"))


@feature
def words_per_sentence(text: Text) -> float:
    """Mean words per sentence; 0 for a text without words."""
    return len(text.words) / max(1, len(text.sentences))


@feature
def word_length(text: Text) -> float:
    """Mean characters per word; 0 for a text without words."""
    return sum(map(len, text.words)) / max(1, len(text.words))


@feature
def long_word_share(text: Text) -> float:
    """Share of words of more than six characters, in [0, 1]."""
    return sum(len(w) > 6 for w in text.words) / max(1, len(text.words))


@feature
def lexical_diversity(text: Text) -> float:
    """Type-token ratio of stemmed words, in [0, 1]; 0 for a text without words.

    >>> lexical_diversity("Dogs run. The dog was running.")  # dog run the dog was run
    0.6666666666666666
    """
    return len(set(map(stem, words(text)))) / max(1, len(text.words))


@functools.cache
def _hyphenator() -> Any:
    import pyphen

    return pyphen.Pyphen(lang="en_US")


@functools.lru_cache(maxsize=200_000)
def syllables(word: str) -> int:
    """Syllables of one lower-cased word: places where it may be hyphenated, and one.

    >>> syllables("cat"), syllables("syllable")
    (1, 3)
    """
    return len(_hyphenator().positions(word)) + 1 if len(word) <= 64 else 1


@feature
def flesch_reading_ease(text: Text) -> float:
    """Flesch reading ease: about 100 for a children's book, 30 for a paper, unbounded; 0 without words.

    206.835 - 1.015 words / sentence - 84.6 syllables / word. Sentences end at ``. ! ?`` alone, so a list
    without full stops is one long sentence, and pieces of one or two words do not count as sentences, as in
    the `textstat` package that the paper used (which also rounds both means to one place).

    >>> round(flesch_reading_ease("The cat sat on the mat."), 3)  # 6 words, 1 sentence, 6 syllables
    116.145
    """
    found = words(text)
    if not found:
        return 0.0
    pieces = re.split(r"[.!?]+", text)
    n = max(1, sum(len(piece.split(maxsplit=3)) > 2 for piece in pieces))
    return 206.835 - 1.015 * len(found) / n - 84.6 * sum(map(syllables, found)) / len(found)


@functools.cache
def _valence() -> Callable[[str], float]:
    from vaderSentiment.vaderSentiment import SentimentIntensityAnalyzer

    class Valence(SentimentIntensityAnalyzer):  # type: ignore[misc]
        """VADER's rules up to the sum that it squeezes into [-1, 1] at the end."""

        def score_valence(self, sentiments: list[float], text: str) -> float:
            total = float(sum(sentiments))
            return total + math.copysign(self._punctuation_emphasis(text), total) if total else 0.0

    return functools.lru_cache(maxsize=4096)(Valence().polarity_scores)


@feature
def sentiment(text: Text) -> float:
    """VADER's compound score in [-1, 1]: how positive the words are, 0 where none is charged.

    The valences of the sentences are added before they are squeezed. For one sentence that is VADER to the
    letter; for more it differs a little, because VADER applied to a long text lets a "but" weigh
    on every sentence, and takes time quadratic in their number (25 s for 100,000 characters).

    >>> sentiment("I love it") > 0 > sentiment("This is horrible")
    True
    """
    pieces = (s[i : i + 1000] for s in text.sentences for i in range(0, len(s), 1000))
    total = sum(map(_valence(), pieces))
    return total / math.sqrt(total * total + 15)


# --- marks on the page --------------------------------------------------------------------------------------


def _counts(name: str, pattern: str, doc: str, flags: int = 0) -> Callable[[str], float]:
    find = re.compile(pattern, re.ASCII | re.MULTILINE | flags).findall

    def count(text: Text) -> float:
        return len(find(text))

    count.__name__ = count.__qualname__ = name
    count.__doc__ = doc
    return feature(count)


n_numbers = _counts("n_numbers", r"\b[0-9]+\b", "Whole numbers that stand alone; `3.14` counts as two.")
n_list_items = _counts(
    "n_list_items",
    r"^[ \t]*(?:[-*+•]|[0-9]{1,3}[.)])[ \t]+[^ \t\n]",
    "Lines that are bulleted or numbered items.",
)
n_numbered_items = _counts(
    "n_numbered_items", r"^[ \t]*[0-9]{1,3}[.)][ \t]+[^ \t\n]", "Lines that are numbered items."
)
n_headings = _counts(
    "n_headings",
    r"^[ \t]*(?:#{1,6}[ \t]+[^ \t\n]|\*\*[^*\n]+\*\*:?[ \t]*$|[A-Z][A-Za-z0-9 ,&-]{2,60}:[ \t]*$)",
    "Lines that are headings: marked with #, all bold, or a few words and a colon.",
)
n_code_fences = _counts("n_code_fences", r"^[ \t]*```", "Lines that open or close a code block.")
n_inline_code = _counts("n_inline_code", r"`[^`\n]+`", "Pieces of `inline code`.")
n_table_rows = _counts("n_table_rows", r"^[ \t]*\|[^\n]*\|[ \t]*$", "Rows of a Markdown table.")
n_bold = _counts("n_bold", r"\*\*[^*\n]+\*\*", "Pieces of **bold** text.")
n_links = _counts("n_links", r"https?://[^ \t\n)>\]]+|\bwww\.[^ \t\n)>\]]+", "Web addresses.")
n_citations = _counts(
    "n_citations",
    r"\[[0-9]{1,3}\]|\([A-Z][A-Za-z&., -]{1,60},? (?:19|20)[0-9]{2}[a-z]?\)|\baccording to\b|\bet al\b|\bdoi:",
    "Sources named: [1], (Smith, 2020), according to, et al.",
    re.IGNORECASE,
)
n_questions = _counts("n_questions", r"[?？؟]+", "Runs of question marks.")
n_exclamations = _counts("n_exclamations", r"!+", "Runs of exclamation marks.")
n_names = _counts("n_names", r"[a-z,;:] [A-Z][a-z]+", "Capitalised words inside a sentence: names, mostly.")
n_quotations = _counts("n_quotations", r"\"[^\"\n]{2,}\"|“[^”\n]{2,300}”", "Quoted pieces.")
n_parentheses = _counts("n_parentheses", r"\([^()\n]{2,}\)", "Remarks in parentheses.")
n_units = _counts(
    "n_units",
    r"[0-9] ?(?:%|°|kg|g|mg|km|cm|mm|m|ft|lb|lbs|oz|ml|l|mph|kmh|hours?|hrs?|minutes?|mins?|seconds?|days?|weeks?"
    r"|months?|years?|percent|degrees|dollars|euros?|cups?|miles?|teaspoons?|tablespoons?)\b|[$€£] ?[0-9]",
    "Numbers with a unit or a currency.",
    re.IGNORECASE,
)
n_equations = _counts(
    "n_equations", r"[0-9A-Za-z)] ?= ?[-(0-9A-Za-z\\]", "Equality signs with something on both sides."
)


# --- phrases ------------------------------------------------------------------------------------------------


def _phrases(name: str, phrases: Iterable[str], doc: str) -> Callable[[str], float]:
    known = Phrases(phrases)

    def count(text: Text) -> float:
        return known.count(text)

    count.__name__ = count.__qualname__ = name
    count.__doc__ = doc
    return feature(count)


n_refusals = _phrases("n_refusals", lexicons.REFUSALS, "Phrases of refusal: I can't, I won't, unable to.")
n_disclaimers = _phrases("n_disclaimers", lexicons.AI_DISCLAIMERS, "As an AI language model, and its kin.")
n_hedges = _phrases("n_hedges", lexicons.HEDGES, "Hedges: maybe, I think, it seems.")
n_not_knowing = _phrases("n_not_knowing", lexicons.NOT_KNOWING, "I don't know, I'm not sure.")
n_polite = _phrases("n_polite", lexicons.POLITE, "Polite words: please, thank you, feel free.")
n_empathy = _phrases("n_empathy", lexicons.EMPATHY, "Empathy: I understand how, that sounds.")
n_apologies = _phrases("n_apologies", lexicons.APOLOGIES, "Apologies.")
n_connectives = _phrases(
    "n_connectives", lexicons.CONNECTIVES, "Words that join a line of thought: because, first."
)
n_examples = _phrases("n_examples", lexicons.EXAMPLES, "Announced examples: for example, such as.")
n_advice = _phrases("n_advice", lexicons.ADVICE, "Advice: you can, make sure, try to.")
n_first_person = _phrases(
    "n_first_person", ("i", "i'm", "i've", "i'd", "i'll", "me", "my", "mine"), "I, me, my."
)
n_second_person = _phrases(
    "n_second_person", ("you", "your", "yours", "you're", "you'll", "you've"), "You, your."
)

_OPENINGS = Phrases(lexicons.FILLER_OPENINGS)


@feature
def opens_with_filler(text: Text) -> float:
    """1 if the text begins with a word that says nothing yet ("Sure!", "As an AI"), else 0."""
    return float(_OPENINGS.start(text))


# --- faults -------------------------------------------------------------------------------------------------


@feature
def repeated_sentence_share(text: Text) -> float:
    """Share of sentences that stood there before, in [0, 1].

    >>> repeated_sentence_share("Yes it is. No. Yes it is. Yes it is.")
    0.5
    """
    return 1 - len(set(text.sentences)) / max(1, len(text.sentences)) if text.sentences else 0.0


@remembered
def _trigrams(text: Text) -> frozenset[tuple[str, ...]]:
    found = words(text)
    return frozenset(zip(found, found[1:], found[2:], strict=False))


@feature
def repeated_trigram_share(text: Text) -> float:
    """Share of runs of three words that stood there before, in [0, 1]."""
    n = len(text.words) - 2
    return 1 - len(_trigrams(text)) / n if n > 0 else 0.0


_FINISHED = re.compile(r"[.!?:;…。！？؟\"'”’)\]}>*`|$~]$")


@feature
def unfinished(text: Text) -> float:
    """1 if the text breaks off: an open code block, or a last line of prose without an end; else 0.

    A last line that is a list item, short, or code may end without a mark.

    >>> unfinished("First we take the bus to the old town, and then we"), unfinished("Take the bus.")
    (1.0, 0.0)
    """
    stripped = text.rstrip()
    if n_code_fences(text) % 2:
        return 1.0
    if not stripped or _FINISHED.search(stripped):
        return 0.0
    last = Text(stripped.rpartition("\n")[2])
    return float(len(last.words) > 6 and not n_list_items(last))


@feature
def ends_with_question(text: Text) -> float:
    """1 if the last character is a question mark, else 0."""
    return float(text.rstrip("\"'”’)* \t\n\r").endswith(("?", "？", "؟")))


_RUN = re.compile(r"([A-Za-z0-9])\1{3,}")


@feature
def longest_run(text: Text) -> float:
    """Length of the longest run of one letter or digit, 0 where none has four ("sooooo" has 5)."""
    return max((len(run.group()) for run in _RUN.finditer(text)), default=0)


# --- beside the prompt --------------------------------------------------------------------------------------


@prompt_feature
def prompt_coverage(response: Text, prompt: Text) -> float:
    """Share of the prompt's content words that the response takes up, in [0, 1]; 0 where it has none.

    >>> prompt_coverage("Paris is the capital.", "What is the capital of France?")
    0.5
    """
    asked = content_words(last_turn(prompt))
    return len(asked & content_words(response)) / len(asked) if asked else 0.0


@prompt_feature
def copied_share(response: Text, prompt: Text) -> float:
    """Share of the response's distinct runs of three words that stand in the prompt, in [0, 1]."""
    own = _trigrams(response)
    return len(own & _trigrams(prompt)) / len(own) if own else 0.0


@prompt_feature
def new_content_words(response: Text, prompt: Text) -> float:
    """Distinct content words that the prompt does not hold: what the response adds."""
    return len(content_words(response) - content_words(prompt))


_TURN = re.compile(r"^(?:Human|User): ?", re.MULTILINE)


def last_turn(prompt: str) -> Text:
    """What was asked last: the prompt, or the last user turn of a `Human: ... Assistant: ...` transcript.

    >>> last_turn("Human: Hi\\n\\nAssistant: Hello!\\n\\nHuman: Who are you?")
    'Who are you?'
    """
    known = prompt if isinstance(prompt, Text) else Text(prompt)
    return known.remember("features:last_turn", lambda text: Text(_TURN.split(text)[-1]))
