"""A planted world: many words say how good a response is; functions know them all, a model has to learn them one by one."""

from __future__ import annotations

import numpy as np
from made_pairs import made_pairs

from weaklabel.lf.builders import keyword_scorer
from weaklabel.lf.core import LabelingFunction
from weaklabel.types import Pairs

GOOD = [f"good{k}" for k in range(30)]
BAD = [f"bad{k}" for k in range(30)]
N_LFS = 4


def world(n: int = 800, *, n_gold: int | None = None, seed: int = 0) -> Pairs:
    """`n` pairs on prompts of two pairs each: the response with more good and fewer bad words wins, nine times in ten."""
    rng = np.random.default_rng(seed)
    texts, gold = [], []
    for _ in range(n):
        a, b = _response(rng), _response(rng)
        while a[1] == b[1]:
            b = _response(rng)
        wins = (b[1] > a[1]) != (rng.random() < 0.1)
        texts.append((a[0], b[0]))
        gold.append("b" if wins else "a")
    known = n if n_gold is None else n_gold
    return made_pairs(
        texts,
        gold=[g if i < known else None for i, g in enumerate(gold)],
        part=["dev" if i < known else "pool" for i in range(n)],
        prompts=[f"question {i // 2}" for i in range(n)],
    )


def functions() -> list[LabelingFunction]:
    """Four functions that know a share of the words each, every word one of them."""
    return [
        lf
        for k in range(N_LFS)
        for lf in (
            keyword_scorer(f"good_{k}", GOOD[k::N_LFS], prefer="more"),
            keyword_scorer(f"bad_{k}", BAD[k::N_LFS], prefer="less"),
        )
    ]


def _response(rng: np.random.Generator) -> tuple[str, int]:
    n_good, n_bad = rng.integers(0, 4, size=2)
    words = [
        *rng.choice(GOOD, n_good),
        *rng.choice(BAD, n_bad),
        *(f"word{k}" for k in rng.integers(0, 30, 6)),
    ]
    return " ".join(rng.permutation(words)), int(n_good) - int(n_bad)
