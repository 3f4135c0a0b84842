"""`Simulated`: a comparer with known faults, for experiments on what supervision of a given quality is worth.

A real comparer errs in two ways: at random, and with a direction (longer answers win, whatever they say). Both are
here, and neither changes when a pair is asked again.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from weaklabel.comparers.content import Content, uniform
from weaklabel.errors import ConfigError, LabelingFunctionError
from weaklabel.lf.core import ResponseScorer
from weaklabel.types import CanCompare, Comparer, FloatArray, Pairs, answer_of, sigmoid


class Simulated(Comparer):
    """A comparer that knows the truth and errs.

    The chance that it names B is `sigmoid(z * log(accuracy / (1 - accuracy)) + sum of weight * side)`, with z = 1 where
    truth prefers B, -1 where it prefers A, 0 at a tie, and side = 1, -1 or 0 by which response a bias's score favours.

    Args:
        truth: what is right: at least 1/2 + 1e-9 for B, at most 1/2 - 1e-9 for A, a tie between.
        accuracy: how often it is right where no bias speaks, between 1/2 and 1.
        biases: (scorer, weight in log-odds): what pulls it, and how strongly. It errs together on what they share.
        soft: answer with the chance itself; otherwise with 0 or 1, drawn once for each pair.
        seed: of what is drawn.

    Raises:
        ConfigError: an accuracy outside [1/2, 1], a weight that is not finite, or a bias that is not a response scorer.
        LabelingFunctionError: when comparing, a bias that fails on a response.

    >>> from weaklabel.types import Pair
    >>> class Longer(Comparer):
    ...     def compare(self, pairs):
    ...         return np.array([float(len(p.response_b) > len(p.response_a)) for p in pairs])
    >>> pairs = Pairs.of([Pair("1", "Hi", "Hello!", "Hey")])
    >>> Simulated(Longer(), accuracy=0.8, soft=True).compare(pairs).round(6).tolist()
    [0.2]
    """

    def __init__(
        self,
        truth: CanCompare,
        *,
        accuracy: float,
        biases: Sequence[tuple[ResponseScorer, float]] = (),
        soft: bool = False,
        seed: int = 0,
    ) -> None:
        if not 0.5 <= accuracy <= 1:
            raise ConfigError(f"Simulated: accuracy is {accuracy!r}. Allowed: 0.5 (a coin) to 1 (the truth).")
        if odd := [scorer for scorer, _ in biases if not isinstance(scorer, ResponseScorer)]:
            raise ConfigError(f"Simulated: a bias is a {type(odd[0]).__name__}. Give a response scorer.")
        if wrong := [scorer.name for scorer, weight in biases if not np.isfinite(weight)]:
            raise ConfigError(
                f"Simulated: the weight of {wrong[0]!r} is not finite. Give log-odds, e.g. 1.0."
            )
        self.truth, self.accuracy, self.biases = truth, accuracy, tuple(biases)
        self.soft, self.seed = soft, seed

    def compare(self, pairs: Pairs) -> FloatArray:
        """`(n_pairs,)`: 0 or 1, or the chance of B where `soft`; equal responses are 1/2."""
        content = Content.of(pairs, "simulated", str(self.seed))
        # In the key's order, so that a swap cannot change what is drawn.
        turn = np.where(content.turned, -1.0, 1.0)
        q = self._chances(pairs, turn)
        if not self.soft:
            q = (np.array([uniform(key) for key in content.keys]) < q).astype(np.float64)
        return content.straightened(q)

    def _chances(self, pairs: Pairs, turn: FloatArray) -> FloatArray:
        """`(n_pairs,)`: the chance that the second response in the key's order is named."""
        known = answer_of("truth", self.truth, pairs) - 0.5
        right = np.where(np.abs(known) < 1e-9, 0.0, np.sign(known)) * turn
        pull = np.zeros(len(pairs))
        shown = list(pairs)
        for scorer, weight in self.biases:
            said = scorer.vote_all(shown)
            if said.faults:
                raise LabelingFunctionError(f"Simulated: the bias {said.faults[0]}")
            pull += weight * np.nan_to_num(np.sign(said.margins.astype(np.float64))) * turn
        with np.errstate(divide="ignore", invalid="ignore"):
            strength = np.log(self.accuracy) - np.log1p(-self.accuracy)  # infinite for the truth itself
            logit = np.where(right == 0, 0.0, right * strength) + pull
        return np.where(np.isinf(logit), (logit > 0).astype(np.float64), sigmoid(np.nan_to_num(logit)))
