"""The contract of a reward model: one number per response, compared by difference."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Sequence
from pathlib import Path
from typing import Any, ClassVar, Self

from numpy.typing import ArrayLike

from weaklabel.artifacts import read_json
from weaklabel.errors import ArtifactError
from weaklabel.types import FloatArray, Pairs, sigmoid


class RewardModel(ABC):
    """Scores single responses; P(B beats A) = sigmoid(score of b - score of a), Bradley and Terry (1952).

    A difference of scores flips its sign when the responses change places, so every reward model is a comparer
    that is antisymmetric by construction. The constructor only stores settings; what was learned ends in `_`.
    """

    name: ClassVar[str]

    @abstractmethod
    def fit(
        self, pairs: Pairs, p: ArrayLike, w: ArrayLike | None = None, *, gold: ArrayLike | None = None
    ) -> Self:
        """Learn from beliefs and weights.

        Args:
            pairs: `n` pairs.
            p: `(n,)` in [0, 1], the belief that B is better; .5 is a tie.
            w: `(n,)` >= 0, how much each pair counts; None counts 1.
            gold: `(n,)` 0, .5, 1 or NaN; where given, the scale of the scores is calibrated on it, out of fold.
        """

    @abstractmethod
    def score(self, prompts: Sequence[str], responses: Sequence[str]) -> FloatArray:
        """`(n,)` float64 rewards in log-odds: a difference of 1 means odds of e to 1.

        Raises:
            NotFittedError: before `fit`.
        """

    @abstractmethod
    def save(self, folder: str | Path) -> None:
        """Write the fitted model into a folder, whole or not at all."""

    @classmethod
    @abstractmethod
    def load(cls, folder: str | Path) -> Self:
        """The model that `save` wrote, equal to the bit.

        Raises:
            ArtifactError: when the folder holds no such model, or a torn one.
        """

    def compare(self, pairs: Pairs) -> FloatArray:
        """`(n_pairs,)` float64: P(B beats A). Turning a pair round gives exactly 1 - p."""
        prompts = pairs.table["prompt"].to_pylist()
        a, b = (pairs.table[name].to_pylist() for name in ("response_a", "response_b"))
        return sigmoid(self.score(prompts, b) - self.score(prompts, a))


def read_manifest(folder: Path) -> dict[str, Any]:
    """The manifest of a saved model.

    Raises:
        ArtifactError: when there is none.
    """
    about = read_json(folder / "manifest.json")
    if not isinstance(about, dict):
        raise ArtifactError(f"{folder / 'manifest.json'} is no manifest. Name a folder that save() wrote.")
    return about
