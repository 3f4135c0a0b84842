"""The contract of a reward model: one number per response, compared by difference."""

from __future__ import annotations

import hashlib
import io
from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, ClassVar, Final, Self

import numpy as np
from numpy.typing import ArrayLike, NDArray

from weaklabel.artifacts import content_hash, read_json
from weaklabel.errors import ArtifactError, DataError, LabelMatrixError
from weaklabel.types import FloatArray, Pairs, sigmoid

GOLD_PROMPTS: Final = "gold_prompts.npy"


class RewardModel(ABC):
    """Scores single responses; P(B beats A) = sigmoid(score of b - score of a), Bradley and Terry (1952).

    A difference of scores flips its sign when the responses change places, so every reward model is a comparer
    that is antisymmetric by construction. The constructor only stores settings; what was learned ends in `_`:

    - `scale_` float, by which raw scores are multiplied, fitted on gold (1 where there was too little);
    - `n_gold_` int, gold pairs that fitting had;
    - `gold_prompts_` `(k,)` uint64, rising: hashes of their prompts, see `saw`.
    """

    name: ClassVar[str]
    resumes: ClassVar[bool] = False
    """Whether a killed `fit` goes on in the folder that the setting `checkpoints` names."""
    scale_: float = 1.0
    n_gold_: int = 0
    gold_prompts_: NDArray[np.uint64] = np.empty(0, dtype=np.uint64)

    @classmethod
    def annotations(cls) -> dict[str, str]:
        """The settings that the constructor takes, name -> annotation; a model that takes others says which."""
        # A model without settings has no constructor of its own, and the one it inherits no annotations.
        found = getattr(cls.__init__, "__annotations__", {})
        return {k: str(v) for k, v in found.items() if k != "return"}

    @classmethod
    def current_names(cls, settings: Mapping[str, Any]) -> dict[str, Any]:
        """Settings by their names of today; a model whose settings were renamed says what to write.

        Raises:
            ConfigError: an earlier name.
        """
        return dict(settings)

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
    def save(self, folder: str | Path, *, beside: Mapping[str, str] | None = None) -> None:
        """Write the fitted model into a folder, whole or not at all; an earlier model there is replaced.

        Args:
            folder: where it shall stand.
            beside: text files to lie with it, name -> content: a model card (`weaklabel.report.card`).

        Raises:
            NotFittedError: before `fit`. ArtifactError: when the folder holds other files.
        """

    @classmethod
    @abstractmethod
    def load(cls, folder: str | Path) -> Self:
        """The model that `save` wrote, equal to the bit.

        Raises:
            ArtifactError: when the folder holds no such model, or a torn one.
        """

    @property
    @abstractmethod
    def settings(self) -> dict[str, Any]:
        """What the constructor was given."""

    def facts(self) -> dict[str, str]:
        """Further lines for the model's card: how it was trained and calibrated."""
        return {}

    def compare(self, pairs: Pairs) -> FloatArray:
        """`(n_pairs,)` float64: P(B beats A). Turning a pair round gives exactly 1 - p."""
        prompts = pairs.table["prompt"].to_pylist()
        a, b = (pairs.table[name].to_pylist() for name in ("response_a", "response_b"))
        return sigmoid(self.score(prompts, b) - self.score(prompts, a))

    @property
    def calibrated(self) -> bool:
        """Whether the scale of the scores was fitted on gold; it is 1 where there was too little."""
        return self.scale_ != 1.0

    def saw(self, pairs: Pairs) -> NDArray[np.bool_]:
        """`(n_pairs,)`: whether gold of the pair's prompt was used to fit, so that a figure on it is in-sample."""
        return np.isin(prompt_hashes(pairs), self.gold_prompts_)


def prompt_hashes(pairs: Pairs) -> NDArray[np.uint64]:
    """`(n_pairs,)` uint64: the first eight bytes of the sha256 of each pair's prompt."""
    digests = (hashlib.sha256(key.encode("utf-8", "surrogatepass")).digest()[:8] for key in pairs.prompt_keys)
    return np.frombuffer(b"".join(digests), dtype="<u8").astype(np.uint64)


def write_array(path: Path, array: NDArray[Any]) -> str:
    """Write `array` as `.npy` without pickle; its content hash, for the manifest."""
    npy = io.BytesIO()
    np.save(npy, array, allow_pickle=False)
    path.write_bytes(npy.getbuffer())  # numpy's own way to a file does not say why a disk refused
    return content_hash(np.ascontiguousarray(array).tobytes())


def read_array(path: Path, expected: object) -> NDArray[Any]:
    """What `write_array` wrote.

    Raises:
        ArtifactError: when it is missing, torn, or another one than the manifest names.
    """
    try:
        array: NDArray[Any] = np.load(path, allow_pickle=False)
    except (OSError, ValueError, EOFError) as error:
        raise ArtifactError(f"{path} cannot be read ({error}). Train again.") from None
    if content_hash(array.tobytes()) != expected:
        raise ArtifactError(f"{path} is not what its manifest names. Train again.")
    return array


def read_manifest(folder: Path) -> dict[str, Any]:
    """The manifest of a saved model.

    Raises:
        ArtifactError: when there is none.
    """
    about = read_json(folder / "manifest.json")
    if not isinstance(about, dict):
        raise ArtifactError(f"{folder / 'manifest.json'} is no manifest. Name a folder that save() wrote.")
    return about


def check_targets(model: str, n: int, p: ArrayLike, w: ArrayLike | None) -> tuple[FloatArray, FloatArray]:
    """Beliefs and weights as `(n,)` float64; p of a row that does not count is .5.

    Raises:
        LabelMatrixError: another shape, w negative or not finite, p of a row that counts outside [0, 1].
        DataError: when no row has a weight above zero.
    """
    p_ = np.asarray(p, dtype=np.float64)
    w_ = np.ones(n) if w is None else np.asarray(w, dtype=np.float64)
    for what, array in (("p", p_), ("w", w_)):
        if array.shape != (n,):
            raise LabelMatrixError(
                f"{model}.fit: {what} has shape {array.shape}, expected ({n},): one value per pair."
            )
    if not (np.isfinite(w_).all() and (w_ >= 0).all()):
        raise LabelMatrixError(f"{model}.fit: w holds negative or non-finite values. Weights are 0 or more.")
    if not (w_ > 0).any():
        raise DataError(
            f"{model}.fit: none of {n} pairs has a weight above 0. "
            "Give gold, or labeling functions that vote on more pairs."
        )
    # p of a row that does not count may be anything, NaN included.
    p_ = np.where(w_ > 0, p_, 0.5)
    if not ((p_ >= 0) & (p_ <= 1)).all():
        raise LabelMatrixError(f"{model}.fit: p holds values outside [0, 1] or NaN. Pass P(B beats A).")
    return p_, w_
