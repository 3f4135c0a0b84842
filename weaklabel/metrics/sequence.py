"""The parts of a fixed-sequence test: where it stops, one row per prompt, and the exact binomial tail."""

from __future__ import annotations

from typing import Final

import numpy as np
from numpy.typing import NDArray

ERRORS_AT_FIRST: Final = 3
GOLD_AT_FIRST: Final = 0.25


def binomial_tail(k: int, n: int, share: float) -> float:
    """P(at least k of n) where each has the chance `share`: the p-value against "right no more often than that".

    >>> binomial_tail(2, 2, 0.5), binomial_tail(0, 5, 0.9)
    (0.25, 1.0)
    """
    from scipy.special import betainc

    return 1.0 if k <= 0 else float(betainc(k, n - k + 1, share))


def stops_of(n_prompts: int, accuracy: float, error_rate: float) -> list[int]:
    """Numbers of prompts, up to `n_prompts`, with which 0, 1, 2, ... errors first pass the test.

    >>> stops_of(60, 0.9, 0.1)  # .9 ** 22 is below .1, .9 ** 21 is not
    [22, 38, 52]
    """
    from scipy.special import betainc

    n = np.arange(1, n_prompts + 1)
    stops: list[int] = []
    start = 0
    while start < n_prompts:
        # One more error is bearable after some 1 / (1 - accuracy) further prompts; look a little beyond.
        ahead = n[start : start + int(4 / (1 - accuracy)) + 4]
        ahead = ahead[ahead > len(stops)]
        passes = betainc(ahead - len(stops), len(stops) + 1, accuracy) <= error_rate
        if passes.any():
            start = int(ahead[int(np.argmax(passes))])
            stops.append(start)
        else:
            start = int(ahead[-1]) if len(ahead) else start + 1
    return stops


def first_stop(stops: list[int], n_prompts: int) -> int:
    """Index of the stop to begin with."""
    fitting = [i for i, n in enumerate(stops[: ERRORS_AT_FIRST + 1]) if n <= GOLD_AT_FIRST * n_prompts]
    return fitting[-1] if fitting else 0


def drawn_counts(
    prompts: NDArray[np.intp], right: NDArray[np.bool_], seed: int
) -> tuple[NDArray[np.intp], NDArray[np.intp]]:
    """Per number of rows kept (from the first), prompts among them, and how many of the drawn rows are right.

    Each row draws a lot by `seed`; of a prompt's kept rows the lowest counts. Lots know nothing of outcomes.
    """
    lots = np.random.default_rng(seed).permutation(len(prompts)).tolist()
    holder: dict[int, int] = {}
    n_of, right_of, k = [], [], 0
    verdicts = right.tolist()
    for row, prompt in enumerate(prompts.tolist()):
        before = holder.get(prompt)
        if before is None or lots[row] < lots[before]:
            k += verdicts[row] - (verdicts[before] if before is not None else 0)
            holder[prompt] = row
        n_of.append(len(holder))
        right_of.append(k)
    return np.array(n_of, dtype=np.intp), np.array(right_of, dtype=np.intp)
