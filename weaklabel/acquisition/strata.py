"""Kinds of prompts: clusters of the words in them."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

import numpy as np
from numpy.typing import NDArray

from weaklabel.acquisition.geometry import clusters
from weaklabel.text.ngrams import numbered, prompt_words
from weaklabel.types import FloatArray

MOST_KINDS: Final = 24
_PROMPTS_A_KIND: Final = 4  # at least, on average: fewer prompts have fewer kinds
_FITTED_ON: Final = 20_000
_AT_ONCE: Final = 8_192


def strata(prompts: Sequence[str], *, seed: int = 0) -> NDArray[np.int64]:
    """`(n,)` int64: the kind of each prompt, a cluster of its words but function words; equal prompts are of one kind.

    Clusters are found on at most 20,000 distinct prompts, and all are assigned to them. The order of the prompts has no say.

    >>> strata(["2 + 2?", "2 + 2?"]).tolist()
    [0, 0]
    """
    distinct, back = numbered(prompts)
    order = np.argsort(np.array(distinct, dtype=object), kind="stable")
    place = np.empty(len(order), dtype=np.intp)
    place[order] = np.arange(len(order))
    return _kinds([distinct[row] for row in order], np.random.default_rng(seed))[place[back]]


def _kinds(prompts: Sequence[str], rng: np.random.Generator) -> NDArray[np.int64]:
    count = min(MOST_KINDS, len(prompts) // _PROMPTS_A_KIND)
    if count < 2:
        return np.zeros(len(prompts), dtype=np.int64)
    learned: Sequence[str] = prompts
    if len(prompts) > _FITTED_ON:
        drawn = np.sort(rng.choice(len(prompts), _FITTED_ON, replace=False))
        learned = [prompts[row] for row in drawn]
    _, centres = clusters(_rows(learned), count, rng)
    parts = [
        np.argmax(_rows(prompts[start : start + _AT_ONCE]) @ centres.T, axis=1)
        for start in range(0, len(prompts), _AT_ONCE)
    ]
    return np.asarray(np.concatenate(parts), dtype=np.int64)


def _rows(prompts: Sequence[str]) -> FloatArray:
    return np.asarray(prompt_words(prompts).todense(), dtype=np.float64)
