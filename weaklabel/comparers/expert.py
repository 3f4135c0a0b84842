"""An expert answers pairs, or single responses by a rubric: a judge, a function, a checker, people."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Protocol, runtime_checkable

import numpy as np
from numpy.typing import NDArray

from weaklabel.errors import ConfigError, LabelMatrixError
from weaklabel.types import CanCompare, Comparer, FloatArray, Pairs, sigmoid


@runtime_checkable
class CanScore(Protocol):
    """Scores single responses; a higher score is a better response. Reward models do."""

    def score(self, prompts: Sequence[str], responses: Sequence[str]) -> FloatArray: ...


Expert = CanCompare | CanScore
"""It compares pairs, scores responses, or both."""


class ByScore(Comparer):
    """A comparer from scores of single responses.

    Args:
        expert: scores responses.
        scale: log-odds per unit of the score, so that P(B beats A) = sigmoid(scale * (score of b - score of a)); None
            takes the higher score for the better response whatever the distance: 1, or 1/2 where they are equal.
        name: for messages; its class by default.

    Raises:
        ConfigError: an expert that does not score, or a scale of 0 or less.

    >>> from weaklabel.types import Pair
    >>> class Length:
    ...     def score(self, prompts, responses):
    ...         return np.array([len(response) for response in responses], dtype=float)
    >>> pairs = Pairs.of([Pair("1", "Hi", "Hey", "Hello!"), Pair("2", "Hi", "Hey", "Yes")])
    >>> ByScore(Length()).compare(pairs).tolist()
    [1.0, 0.5]
    """

    def __init__(self, expert: CanScore, *, scale: float | None = None, name: str | None = None) -> None:
        self.name = name or type(expert).__name__
        if not isinstance(expert, CanScore):
            raise ConfigError(
                f"{self.name!r} has no score(prompts, responses), so it cannot be compared by scores."
            )
        if scale is not None and not (np.isfinite(scale) and scale > 0):
            raise ConfigError(f"ByScore: scale is {scale!r}. Allowed: a finite number above 0, or None.")
        self.expert, self.scale = expert, scale

    def compare(self, pairs: Pairs) -> FloatArray:
        """`(n_pairs,)` P(B beats A); each distinct response is scored once."""
        prompts = pairs.table["prompt"].to_pylist()
        asked = [
            (prompt, response)
            for name in ("response_a", "response_b")
            for prompt, response in zip(prompts, pairs.table[name].to_pylist(), strict=True)
        ]
        distinct = list(dict.fromkeys(asked))
        where = {item: row for row, item in enumerate(distinct)}
        given = (
            self.expert.score([x for x, _ in distinct], [y for _, y in distinct]) if distinct else np.empty(0)
        )
        scores = check_scores(self.name, given, len(distinct))[[where[item] for item in asked]]
        d = scores[len(pairs) :] - scores[: len(pairs)]
        return (1.0 + np.sign(d)) / 2.0 if self.scale is None else sigmoid(self.scale * d)

    def saw(self, pairs: Pairs) -> NDArray[np.bool_]:
        """`(n_pairs,)`: as the expert says; an expert that does not say saw none."""
        return self.expert.saw(pairs) if isinstance(self.expert, Comparer) else super().saw(pairs)


def check_expert(expert: Any, name: str) -> None:
    """Raises ConfigError for an object that neither compares nor scores."""
    if not isinstance(expert, CanCompare | CanScore):
        raise ConfigError(
            f"{name!r} is a {type(expert).__name__}, which has neither compare(pairs) nor score(prompts, responses). "
            "An expert has one of them."
        )


def check_scores(name: str, scores: Any, n: int) -> FloatArray:
    """`scores` as `(n,)` float64.

    Raises:
        LabelMatrixError: something else than numbers, another shape, or scores that are not finite, with the first of them.
    """
    try:
        found = np.asarray(scores, dtype=np.float64)
    except (TypeError, ValueError):
        fault = f"a {type(scores).__name__} that holds something else than numbers"
    else:
        wrong = np.flatnonzero(~np.isfinite(found))
        if found.shape == (n,) and not len(wrong):
            return found
        fault = f"shape {found.shape} for {n} responses"
        if found.shape == (n,):
            fault = f"{len(wrong)} of {n} scores that are not finite, the first for response {wrong[0]}: {found[wrong[0]]}"
    raise LabelMatrixError(f"expert {name!r} returned {fault}. Return one finite number per response.")


def check_asked(name: str, prompts: Sequence[str], responses: Sequence[str]) -> None:
    """Raises LabelMatrixError unless there is one prompt per response."""
    if len(prompts) != len(responses):
        raise LabelMatrixError(
            f"expert {name!r} was given {len(prompts)} prompts and {len(responses)} responses. Give one prompt per response."
        )
