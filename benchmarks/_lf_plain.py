"""The twelve labeling functions in plain Python, one pair at a time, on shared features."""

import re

import _lf_texts as t

from weaklabel.lf import Pair, Pattern, features, labeling_function
from weaklabel.text.features import Phrases

_FLAGS = re.IGNORECASE | re.MULTILINE
_HEDGES, _EXAMPLES, _ATTRIBUTION = (Pattern(p, _FLAGS) for p in (t.HEDGES, t.EXAMPLES, t.ATTRIBUTION))
_POLITE, _CARELESS = Phrases(t.POLITE), Phrases(t.CARELESS)


@labeling_function
def length(pair: Pair) -> int:
    return t.vote("length", features.n_chars(pair.response_a), features.n_chars(pair.response_b))


@labeling_function
def variety(pair: Pair) -> int:
    return t.vote("variety", features.word_variety(pair.response_a), features.word_variety(pair.response_b))


@labeling_function
def reading_ease(pair: Pair) -> int:
    a, b = features.flesch_reading_ease(pair.response_a), features.flesch_reading_ease(pair.response_b)
    return t.vote("reading_ease", a, b)


@labeling_function
def hedges(pair: Pair) -> int:
    return t.vote("hedges", _HEDGES.count(pair.response_a), _HEDGES.count(pair.response_b))


@labeling_function
def examples(pair: Pair) -> int:
    return t.vote("examples", _EXAMPLES.count(pair.response_a), _EXAMPLES.count(pair.response_b))


@labeling_function
def attribution(pair: Pair) -> int:
    return t.vote("attribution", _ATTRIBUTION.count(pair.response_a), _ATTRIBUTION.count(pair.response_b))


@labeling_function
def numbers(pair: Pair) -> int:
    return t.vote("numbers", features.n_numbers(pair.response_a), features.n_numbers(pair.response_b))


@labeling_function
def valence(pair: Pair) -> int:
    return t.vote("valence", features.valence(pair.response_a), features.valence(pair.response_b))


@labeling_function
def polite(pair: Pair) -> int:
    return t.vote("polite", _POLITE.count(pair.response_a), _POLITE.count(pair.response_b))


@labeling_function
def careless(pair: Pair) -> int:
    return t.vote("careless", _CARELESS.count(pair.response_a), _CARELESS.count(pair.response_b))


@labeling_function
def list_items(pair: Pair) -> int:
    return t.vote(
        "list_items", features.n_list_items(pair.response_a), features.n_list_items(pair.response_b)
    )


@labeling_function
def overlap(pair: Pair) -> int:
    a = features.prompt_coverage(pair.response_a, pair.prompt)
    b = features.prompt_coverage(pair.response_b, pair.prompt)
    return t.vote("overlap", a, b)
