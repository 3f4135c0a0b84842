"""METEOR between two texts by exact words and stems, and the sameness of many answers.

A policy that says the same thing to everything has answers to *different* prompts that are alike; SuperHF (Mukobi et al.
2023) watches for it with METEOR.

Source: Banerjee & Lavie (2005), with the parameters of Lavie & Agarwal (2007) as in nltk (alpha .9, beta 3, gamma .5).
Departure: the stage of synonyms, which needs WordNet, is left out; stems are those of Snowball's English stemmer.
Words are what white space separates, lower-cased.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import lru_cache
from itertools import pairwise
from typing import Final

import numpy as np
from numpy.typing import NDArray

from weaklabel._validation import check_least
from weaklabel.errors import DataError
from weaklabel.metrics import Interval
from weaklabel.text.features.stemmer import Stemmer

_ALPHA: Final = 0.9  # share of recall's say; 1 - alpha is precision's
_BETA: Final = 3.0
_GAMMA: Final = 0.5
_DRAWS: Final = 1000


def meteor(hypothesis: str, reference: str) -> float:
    """How alike two texts are, in [0, 1]; 0 where one of them is empty. Not symmetric: recall is of the reference.

    >>> meteor("the cat sat", "the cat sat")  # one chunk of three: 1 - .5 (1/3)^3
    0.9814814814814815
    >>> round(meteor("cats sleep", "a cat sleeps"), 4), meteor("yes", "no")  # two stems of three words
    (0.6466, 0.0)
    """
    return _similarity(tuple(hypothesis.lower().split()), tuple(reference.lower().split()))


def sameness(
    answers: Sequence[str], prompts: Sequence[str], *, n_pairs: int = 200, seed: int = 0
) -> Interval:
    """Mean METEOR between answers to different prompts; the interval resamples these pairs.

    Args:
        answers: of one policy.
        prompts: of each answer; answers to one prompt are not held against each other.
        n_pairs: ordered pairs to draw; all are taken where there are no more.
        seed: of what is drawn.

    Raises:
        ConfigError: fewer than one pair.
        DataError: not one prompt per answer, or answers to fewer than two prompts.

    >>> answers = ["I do not know that."] * 3 + ["Four."]
    >>> sameness(answers, ["a", "b", "c", "d"]).value > 0.4
    True
    """
    if len(answers) != len(prompts):
        raise DataError(
            f"sameness: {len(answers)} answers came with {len(prompts)} prompts. Give one prompt each."
        )
    check_least("n_pairs", n_pairs, 1)
    if len(set(prompts)) < 2:
        raise DataError(
            "sameness: the answers are to fewer than two prompts. It compares answers to different prompts."
        )
    rng = np.random.default_rng(seed)
    words = [tuple(answer.lower().split()) for answer in answers]
    found = np.array([_similarity(words[i], words[j]) for i, j in _pairs(prompts, n_pairs, rng).tolist()])
    draws = rng.choice(found, (_DRAWS, len(found))).mean(axis=1)
    low, high = np.quantile(draws, (0.025, 0.975))
    return Interval(float(found.mean()), float(low), float(high), len(found))


def _pairs(prompts: Sequence[str], n_pairs: int, rng: np.random.Generator) -> NDArray[np.int64]:
    """`(k, 2)` ordered pairs of answers to different prompts, at most `n_pairs`, none twice."""
    codes = np.unique(np.array(prompts, dtype=object), return_inverse=True)[1]
    n = len(codes)
    if n * n <= 4 * n_pairs:
        i, j = np.divmod(np.arange(n * n, dtype=np.int64), n)
        found = np.column_stack([i, j])[codes[i] != codes[j]]
    else:
        found = np.empty((0, 2), dtype=np.int64)
        for _ in range(_DRAWS):  # one prompt may hold nearly all answers, so many draws can be of one prompt
            some = rng.integers(n, size=(2 * n_pairs, 2))
            found = np.unique(np.concatenate([found, some[codes[some[:, 0]] != codes[some[:, 1]]]]), axis=0)
            if len(found) >= n_pairs:
                break
    kept: NDArray[np.int64] = found[np.sort(rng.permutation(len(found))[:n_pairs])]
    return kept


def _similarity(hypothesis: tuple[str, ...], reference: tuple[str, ...]) -> float:
    matches = _aligned(hypothesis, reference)
    if not matches:
        return 0.0
    precision, recall = len(matches) / len(hypothesis), len(matches) / len(reference)
    mean = precision * recall / (_ALPHA * precision + (1 - _ALPHA) * recall)
    chunks = 1 + sum((i + 1, j + 1) != after for (i, j), after in pairwise(matches))
    return float((1 - _GAMMA * (chunks / len(matches)) ** _BETA) * mean)


def _aligned(hypothesis: tuple[str, ...], reference: tuple[str, ...]) -> list[tuple[int, int]]:
    """Places in both texts that match, rising in the first: equal words, then equal stems of what is left."""
    exact = _matched(dict(enumerate(hypothesis)), dict(enumerate(reference)))
    left = {i: _stem(word) for i, word in enumerate(hypothesis) if i not in exact}
    taken = set(exact.values())
    right = {j: _stem(word) for j, word in enumerate(reference) if j not in taken}
    return sorted((exact | _matched(left, right)).items())


def _matched(hypothesis: dict[int, str], reference: dict[int, str]) -> dict[int, int]:
    """Place in the first text -> place in the second, of one word each: the last with the last, as METEOR pairs them."""
    places: dict[str, list[int]] = {}
    for place, word in reference.items():
        places.setdefault(word, []).append(place)
    found = {}
    for place, word in reversed(hypothesis.items()):
        if free := places.get(word):
            found[place] = free.pop()
    return found


_STEMMER: Final = Stemmer()


@lru_cache(maxsize=1 << 16)
def _stem(word: str) -> str:
    return str(_STEMMER.stemWord(word))
