"""The functions of `labeling_functions/overlap.py`, one text at a time: what their columns have to equal."""

import math
import re
from itertools import pairwise

from weaklabel.lf import Text, features, response_scorer

_FIGURE = re.compile(r"[0-9]+(?:[.,][0-9]+)*")
_NAME = re.compile(r"[A-Z][a-z]+")


@features.remembered
def figures(text: Text) -> frozenset[str]:
    """The distinct numbers of a text, as written."""
    return frozenset(_FIGURE.findall(text))


@features.remembered
def names(text: Text) -> frozenset[str]:
    """Capitalised words that are no function words, wherever they stand."""
    return frozenset(n for n in _NAME.findall(text) if features.content_words(Text(n)))


@features.remembered
def counted_things(text: Text) -> frozenset[tuple[str, str]]:
    """Numbers with the word behind them: (3, apples)."""
    return frozenset((a, b) for a, b in pairwise(features.words(text)) if a.isdigit() and b.isalpha())


@response_scorer(min_gap=0.05)
def figures_kept(response: Text, prompt: Text) -> float:
    """Takes up more of the numbers of the request; silent where it holds none."""
    asked = figures(features.last_turn(prompt))
    return len(asked & figures(response)) / len(asked) if asked else math.nan


@response_scorer(min_gap=0.05)
def names_kept(response: Text, prompt: Text) -> float:
    """Takes up more of the names of the request; silent where it holds none."""
    asked = names(features.last_turn(prompt))
    return len(asked & names(response)) / len(asked) if asked else math.nan


@response_scorer(min_gap=0.05)
def grounded_counts(response: Text, prompt: Text) -> float:
    """Counts of things that the request counts too ("31 parks"): the share that agrees; silent without any."""
    known = counted_things(prompt)
    things = {thing for _, thing in known}
    given = {count for count in counted_things(response) if count[1] in things}
    return len(known & given) / len(given) if given else math.nan
