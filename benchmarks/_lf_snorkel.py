"""Snorkel's applier on the twelve labeling functions, three ways: as one writes them, with words cached, memoised."""

from __future__ import annotations

from typing import Any

import _lf_texts as t
import numpy as np


def votes(frame: Any, arm: str) -> np.ndarray:
    """`(n_pairs, 12)` int8 votes of `PandasLFApplier`.

    Args:
        frame: columns prompt, response_a and response_b.
        arm: "plain" looks every word up anew, "cached words" once per distinct word, "memoised" computes all scores
            of a pair in a preprocessor that Snorkel remembers.
    """
    from snorkel.labeling import LabelingFunction, PandasLFApplier
    from snorkel.preprocess import preprocessor

    if arm == "plain":
        t.syllables, t.topic = t.syllables.__wrapped__, t.topic.__wrapped__

    @preprocessor(memoize=True)
    def scored(pair: Any) -> Any:
        for name in t.SETTINGS:
            pair[f"{name}_a"], pair[f"{name}_b"] = _scores(pair, name)
        return pair

    def made(name: str) -> Any:
        def compute(pair: Any) -> int:
            return t.vote(name, *_scores(pair, name))

        def read(pair: Any) -> int:
            return t.vote(name, pair[f"{name}_a"], pair[f"{name}_b"])

        if arm == "memoised":
            return LabelingFunction(name, read, pre=[scored])
        return LabelingFunction(name, compute)

    applier = PandasLFApplier([made(name) for name in t.SETTINGS])
    return np.asarray(applier.apply(frame, progress_bar=False), dtype=np.int8)


def _scores(pair: Any, name: str) -> tuple[float, float]:
    score = getattr(t, name)
    if name in t.SEES_PROMPT:
        return score(pair.response_a, pair.prompt), score(pair.response_b, pair.prompt)
    return score(pair.response_a), score(pair.response_b)
