"""`EmbeddedReward`: a pretrained reward model on a CPU in seconds, a kernel on what a frozen encoder sees.

A response is the encoder's vector of prompt and response together (`training/embedding.py`): mean and standard deviation
over its tokens after the fourth layer of six. Its reward is a function in the space of a Gaussian kernel (`kernel.py`),
linear in features phi of the vector. Of a pair the difference phi(b) - phi(a) counts; the loss stands in `ridge.py`.

What the layer, the deviation, the kernel and other readings are worth: docs/reward_models.md, "What MiniLM reaches".
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, ClassVar, Final

import numpy as np
from numpy.typing import NDArray

from weaklabel.errors import ArtifactError, ConfigError
from weaklabel.reward.kernel import Kernel
from weaklabel.reward.ridge import RidgeReward, Spread, mean_squared_difference
from weaklabel.reward.saved import ArrayKind, Saved
from weaklabel.training.embedding import LAYERS, WEIGHTS, WIDTH, embedder
from weaklabel.types import FloatArray, Pairs

_KINDS: Final = {
    "landmarks.npy": ArrayKind(("m", WIDTH)),
    "widths.npy": ArrayKind((2,), positive=True),
    "coefficients.npy": ArrayKind(("m",)),
}


class EmbeddedReward(RidgeReward):
    """A reward by kernel on the vectors of a frozen encoder. Needs the `minilm` extra to fit and to score.

    Args:
        l2: strength of the ridge penalty, on scaled features.
        layer: after which of the encoder's six layers texts are read; what follows is not computed.
        n_folds: folds by prompt in which the scale of the scores is calibrated on gold.
        seed: of those folds, and of the kernel's landmarks where there are more than 1024 distinct responses.
        cache: folder where vectors are kept for the next fit; None remembers them for this process alone.

    Learned: `kernel_`, `coef_` `(m,)` float64 of its landmarks, and what every reward model learns.
    """

    name: ClassVar[str] = "minilm-frozen"
    unsaved: ClassVar[frozenset[str]] = frozenset({"cache"})
    kernel_: Kernel

    def __init__(
        self,
        *,
        l2: float = 3.0,
        layer: int = 4,
        n_folds: int = 5,
        seed: int = 0,
        cache: str | Path | None = None,
    ) -> None:
        super().__init__(l2=l2, n_folds=n_folds, seed=seed)
        if layer not in range(LAYERS + 1):
            raise ConfigError(f"EmbeddedReward: layer is {layer!r}. Allowed: 0 to {LAYERS}; default 4.")
        self.layer = layer
        self.cache = cache

    def _differences(self, pairs: Pairs) -> tuple[FloatArray, Spread]:
        prompts = pairs.table["prompt"].to_pylist()
        a, b = (
            self._vectors(prompts, pairs.table[name].to_pylist()) for name in ("response_a", "response_b")
        )
        self.kernel_ = Kernel.of(np.concatenate([a, b]), self.seed)
        basis = self.kernel_.basis()
        return (self.kernel_.at(b) - self.kernel_.at(a)) @ basis, lambda theta: basis @ theta

    def _size(self, d: FloatArray, w: FloatArray) -> float:
        mean = float(w @ (d**2).sum(axis=1) / w.sum())
        return mean if mean > 0 else 1.0

    def _of_texts(
        self, prompts: Sequence[str], responses: Sequence[str]
    ) -> tuple[FloatArray, FloatArray, Spread]:
        vectors = self._vectors(prompts, responses)
        self.kernel_ = Kernel.of(vectors, self.seed)
        basis = self.kernel_.basis()
        x = self.kernel_.at(vectors) @ basis
        return x, np.full(x.shape[1], self.l2 * mean_squared_difference(x)), lambda theta: basis @ theta

    def last_layer(self, prompts: Sequence[str], responses: Sequence[str]) -> FloatArray:
        return self.kernel_.at(self._vectors(prompts, responses)) @ self.kernel_.basis()

    def unseen(self, features: FloatArray) -> FloatArray:
        # Far from every landmark the features vanish, as if all were known of such a response (Snelson & Ghahramani 2006).
        return np.asarray(np.maximum(1.0 - (features**2).sum(axis=1), 0.0), dtype=np.float64)

    def prior_precision(self, pairs: Pairs, w: FloatArray) -> FloatArray:
        prompts = pairs.table["prompt"].to_pylist()
        a, b = (
            self.last_layer(prompts, pairs.table[name].to_pylist()) for name in ("response_a", "response_b")
        )
        return np.full(a.shape[1], self.l2 * self._size(b - a, w))

    def _raw(self, prompts: Sequence[str], responses: Sequence[str]) -> FloatArray:
        """Each depends on its own prompt and response alone."""
        # Summed row by row: a matrix product would round by the number of rows.
        columns = self.kernel_.at(self._vectors(prompts, responses)) * self.coef_
        return np.asarray(columns.sum(axis=1), dtype=np.float64)

    def _vectors(self, prompts: Sequence[str], responses: Sequence[str]) -> FloatArray:
        """`(n, 768)` float64: the vectors."""
        known = embedder(self.layer, None if self.cache is None else Path(self.cache))
        return known.embed(prompts, responses).astype(np.float64)

    def _entries(self) -> dict[str, Any]:
        return {"inputs": {"encoder": WEIGHTS}}

    def _arrays(self) -> dict[str, NDArray[Any]]:
        return dict(zip(_KINDS, (self.kernel_.landmarks, self.kernel_.widths, self.coef_), strict=True))

    def _array_kinds(self) -> dict[str, ArrayKind]:
        return dict(_KINDS)

    def _restore(self, saved: Saved, arrays: Mapping[str, NDArray[Any]]) -> None:
        if (encoder := saved.table("inputs").get("encoder")) != WEIGHTS:
            raise ArtifactError(
                f"{saved.folder} was trained on the encoder {str(encoder)[:12]}..., this version has {WEIGHTS[:12]}... "
                "Train again."
            )
        landmarks, widths, self.coef_ = (arrays[name] for name in _KINDS)
        self.kernel_ = Kernel(landmarks, widths)
