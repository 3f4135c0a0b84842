"""What the answer shares with the prompt."""

import re

import numpy as np

from weaklabel.lf import FloatArray, Pattern, TextColumn, features, response_scorer
from weaklabel.text.features.prompts import shared_words
from weaklabel.text.features.words import topic
from weaklabel.text.tokens import Tokens

_FIGURE = Pattern(r"[0-9]+(?:[.,][0-9]+)*", re.ASCII)
_NAME = Pattern(r"[A-Z][a-z]+", re.ASCII)


@response_scorer(min_gap=0.05, batch=True)
def prompt_coverage(response: TextColumn, prompt: TextColumn) -> FloatArray:
    """The answer that takes up more of the prompt's content words stays on the subject."""
    return features.prompt_coverage(response, prompt)


@response_scorer(prefer="less", min_gap=0.02, batch=True)
def copied_phrases(response: TextColumn, prompt: TextColumn) -> FloatArray:
    """An answer made of the prompt's own phrases repeats instead of answering."""
    return features.copied_share(response, prompt)


@response_scorer(min_gap=3, batch=True)
def new_words(response: TextColumn, prompt: TextColumn) -> FloatArray:
    """The answer that adds more content words of its own informs more."""
    return features.new_content_words(response, prompt)


@response_scorer(min_gap=0.05, batch=True)
def figures_kept(response: TextColumn, prompt: TextColumn) -> FloatArray:
    """Takes up more of the numbers of the request; silent where it holds none."""
    asked = features.last_turn(prompt)
    return _share(_FIGURE.matches(response), response, _FIGURE.matches(asked), asked)


@response_scorer(min_gap=0.05, batch=True)
def names_kept(response: TextColumn, prompt: TextColumn) -> FloatArray:
    """Takes up more of the names of the request; silent where it holds none."""
    asked = features.last_turn(prompt)
    return _share(_names(response), response, _names(asked), asked)


def _names(texts: TextColumn) -> Tokens:
    """Capitalised words that are no function words, wherever they stand."""
    return texts.distinct.remember("names", lambda distinct: _NAME.matches(distinct).renamed(_name))


def _name(word: str) -> str:
    return word if topic(word.lower()) else ""


def _share(own: Tokens, response: TextColumn, asked: Tokens, request: TextColumn) -> FloatArray:
    """The share of the words asked for that the response has, NaN where none is."""
    shared, n = shared_words(own, response.indices, asked, request.indices)
    return np.where(n > 0, shared / np.maximum(1, n), np.nan)


@response_scorer(min_gap=0.05, batch=True)
def grounded_counts(response: TextColumn, prompt: TextColumn) -> FloatArray:
    """Counts of things that the request counts too ("31 parks"): the share that agrees; silent without any."""
    known, given = counted_things(prompt), counted_things(response)
    scores = np.full(len(response), np.nan)
    own, asked = response.indices, prompt.indices
    some = [np.isin(rows, list(found)) for rows, found in ((own, given), (asked, known))]
    for row in np.flatnonzero(some[0] & some[1]).tolist():
        request, things = known[asked[row]], given[own[row]]
        of = {thing for _, thing in request}
        shared = {count for count in things if count[1] in of}
        if shared:
            scores[row] = len(request & shared) / len(shared)
    return scores


def counted_things(texts: TextColumn) -> dict[int, set[tuple[str, str]]]:
    """Numbers with the word behind them, (3, apples), of every distinct text that has some."""
    return texts.distinct.remember("counted things", _counted_things)


def _counted_things(texts: TextColumn) -> dict[int, set[tuple[str, str]]]:
    words, found = texts.words, dict[int, set[tuple[str, str]]]()
    count, thing = (words.vocabulary.per_word(kind).take(words.codes) for kind in (str.isdigit, str.isalpha))
    places = np.flatnonzero(count[:-1] & thing[1:] & (words.rows[:-1] == words.rows[1:]))
    names, codes = words.vocabulary.words, words.codes
    for row, a, b in zip(
        *(part.tolist() for part in (words.rows[places], codes[places], codes[places + 1])), strict=True
    ):
        found.setdefault(row, set()).add((names[a], names[b]))
    return found
