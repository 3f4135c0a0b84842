"""The twelve labeling functions in plain Python, one pair at a time, on shared features."""

import re

import _lf_texts as t

from weaklabel.lf import ABSTAIN, Pair, Pattern, Phrases, features, labeling_function

_FLAGS = re.IGNORECASE | re.MULTILINE
_HEDGES, _EXAMPLES, _ATTRIBUTION = (Pattern(p, _FLAGS) for p in (t.HEDGES, t.EXAMPLES, t.ATTRIBUTION))
_POLITE, _CARELESS = Phrases(t.POLITE), Phrases(t.CARELESS)


def _vote(name: str, difference: float) -> int:
    prefer, gap = t.SETTINGS[name]
    if not difference or abs(difference) < gap:
        return ABSTAIN
    return int((difference > 0) == (prefer == "more"))


@labeling_function
def length(pair: Pair) -> int:
    return _vote("length", features.n_chars(pair.response_b) - features.n_chars(pair.response_a))


@labeling_function
def variety(pair: Pair) -> int:
    return _vote("variety", features.word_variety(pair.response_b) - features.word_variety(pair.response_a))


@labeling_function
def reading_ease(pair: Pair) -> int:
    a, b = features.flesch_reading_ease(pair.response_a), features.flesch_reading_ease(pair.response_b)
    return _vote("reading_ease", b - a)


@labeling_function
def hedges(pair: Pair) -> int:
    return _vote("hedges", _HEDGES.count(pair.response_b) - _HEDGES.count(pair.response_a))


@labeling_function
def examples(pair: Pair) -> int:
    return _vote("examples", _EXAMPLES.count(pair.response_b) - _EXAMPLES.count(pair.response_a))


@labeling_function
def attribution(pair: Pair) -> int:
    return _vote("attribution", _ATTRIBUTION.count(pair.response_b) - _ATTRIBUTION.count(pair.response_a))


@labeling_function
def numbers(pair: Pair) -> int:
    return _vote("numbers", features.n_numbers(pair.response_b) - features.n_numbers(pair.response_a))


@labeling_function
def valence(pair: Pair) -> int:
    return _vote("valence", features.valence(pair.response_b) - features.valence(pair.response_a))


@labeling_function
def polite(pair: Pair) -> int:
    return _vote("polite", _POLITE.count(pair.response_b) - _POLITE.count(pair.response_a))


@labeling_function
def careless(pair: Pair) -> int:
    return _vote("careless", _CARELESS.count(pair.response_b) - _CARELESS.count(pair.response_a))


@labeling_function
def list_items(pair: Pair) -> int:
    return _vote(
        "list_items", features.n_list_items(pair.response_b) - features.n_list_items(pair.response_a)
    )


@labeling_function
def overlap(pair: Pair) -> int:
    a = features.prompt_coverage(pair.response_a, pair.prompt)
    b = features.prompt_coverage(pair.response_b, pair.prompt)
    return _vote("overlap", b - a)
