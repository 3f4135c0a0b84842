"""`EmbeddedReward`: a pretrained reward model on a CPU in seconds, a kernel on what a frozen encoder sees.

A response is the encoder's vector of prompt and response together (`training/embedding.py`): mean and standard deviation
over its tokens after the fourth layer of six. Its reward is a function in the space of a Gaussian kernel (`kernel.py`),
linear in features phi of the vector. Of a pair the differences count, as in `linear.py`:

    sum_i w_i * [ -p_i log sigmoid(theta . d_i) - (1 - p_i) log sigmoid(-theta . d_i) ] + l2 / 2 * |theta|^2

with d = phi(b) - phi(a), scaled to a mean square of 1.

What the layer, the deviation, the kernel and other readings are worth: docs/reward_models.md, "What MiniLM reaches".
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, ClassVar, Final, Self

import numpy as np
from numpy.typing import ArrayLike

from weaklabel._validation import check_gold
from weaklabel.artifacts import manifest, write_folder, write_json
from weaklabel.artifacts.folders import check_replaceable
from weaklabel.errors import ArtifactError, ConfigError, LabelMatrixError, NotFittedError
from weaklabel.logistic import fit_logistic
from weaklabel.reward.base import (
    GOLD_PROMPTS,
    RewardModel,
    check_targets,
    prompt_hashes,
    read_array,
    read_manifest,
    write_array,
)
from weaklabel.reward.kernel import Kernel
from weaklabel.reward.scale import scale_out_of_fold
from weaklabel.training.embedding import LAYERS, WEIGHTS, embedder
from weaklabel.types import FloatArray, Pairs

KIND: Final = "reward:minilm-frozen"


class EmbeddedReward(RewardModel):
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

    def __init__(
        self,
        *,
        l2: float = 3.0,
        layer: int = 4,
        n_folds: int = 5,
        seed: int = 0,
        cache: str | Path | None = None,
    ) -> None:
        if not (np.isfinite(l2) and l2 > 0):
            raise ConfigError(f"EmbeddedReward: l2 is {l2!r}. Allowed: a finite number above 0; default 3.")
        if layer not in range(LAYERS + 1):
            raise ConfigError(f"EmbeddedReward: layer is {layer!r}. Allowed: 0 to {LAYERS}; default 4.")
        if n_folds < 2:
            raise ConfigError(f"EmbeddedReward: n_folds is {n_folds!r}. Allowed: 2 or more; default 5.")
        self.l2 = l2
        self.layer = layer
        self.n_folds = n_folds
        self.seed = seed
        self.cache = cache
        self.kernel_: Kernel | None = None
        self.coef_: FloatArray | None = None

    def fit(
        self, pairs: Pairs, p: ArrayLike, w: ArrayLike | None = None, *, gold: ArrayLike | None = None
    ) -> Self:
        """Learn from beliefs and weights; see `RewardModel.fit`. The scale is calibrated as `LinearReward`'s is.

        Raises:
            DataError: when no row has a weight above zero.
            LabelMatrixError: `p`, `w` or `gold` that do not fit the pairs.
            MissingExtraError: the `minilm` extra is not installed.
        """
        p_, w_ = check_targets(type(self).__name__, len(pairs), p, w)
        y = check_gold(gold, len(pairs))
        prompts = pairs.table["prompt"].to_pylist()
        a, b = (
            self._vectors(prompts, pairs.table[name].to_pylist()) for name in ("response_a", "response_b")
        )
        kernel = Kernel.of(np.concatenate([a, b]), self.seed)
        basis = kernel.basis()
        d = (kernel.at(b) - kernel.at(a)) @ basis
        self.kernel_, self.coef_ = kernel, basis @ _solve(d, p_, w_, self.l2)
        self.scale_, self.n_gold_ = scale_out_of_fold(
            lambda some: d @ _solve(d, p_, some, self.l2), w_, y, pairs.prompt_groups, self.n_folds, self.seed
        )
        self.gold_prompts_ = np.unique(prompt_hashes(pairs.take(~np.isnan(y))))
        return self

    def score(self, prompts: Sequence[str], responses: Sequence[str]) -> FloatArray:
        """`(n,)` float64 log-odds; each depends on its own prompt and response alone."""
        if self.coef_ is None or self.kernel_ is None:
            raise NotFittedError(
                "EmbeddedReward is not fitted. Call fit(pairs, p) or train_reward(labels) first."
            )
        if len(prompts) != len(responses):
            raise LabelMatrixError(
                f"EmbeddedReward.score: {len(prompts)} prompts came with {len(responses)} responses. "
                "Pass one prompt per response."
            )
        # Summed row by row: a matrix product would round by the number of rows.
        columns = self.kernel_.at(self._vectors(prompts, responses)) * self.coef_
        return np.asarray(columns.sum(axis=1) * self.scale_, dtype=np.float64)

    def save(self, folder: str | Path, *, beside: Mapping[str, str] | None = None) -> None:
        """Write landmarks, coefficients, `gold_prompts.npy` and `manifest.json`; see `RewardModel.save`."""
        if self.coef_ is None or self.kernel_ is None:
            raise NotFittedError("EmbeddedReward is not fitted: there is nothing to save. Call fit first.")
        target, texts = Path(folder), beside or {}
        arrays = {
            GOLD_PROMPTS: self.gold_prompts_,
            "landmarks.npy": self.kernel_.landmarks,
            "widths.npy": self.kernel_.widths,
            "coefficients.npy": self.coef_,
        }
        check_replaceable(target, "reward:")

        def fill(temporary: Path) -> None:
            about = manifest(
                KIND,
                inputs={"encoder": WEIGHTS},
                settings=self.settings,
                scale=self.scale_,
                n_gold=self.n_gold_,
                arrays={name: write_array(temporary / name, array) for name, array in arrays.items()},
                files=sorted([*arrays, *texts]),
            )
            for name, text in texts.items():
                (temporary / name).write_text(text, encoding="utf-8")
            write_json(temporary / "manifest.json", about)

        write_folder(target, fill)

    @classmethod
    def load(cls, folder: str | Path) -> Self:
        target = Path(folder)
        about = read_manifest(target)
        if about.get("kind") != KIND:
            raise ArtifactError(
                f"{target} holds {about.get('kind')!r}, not {KIND!r}. Name a saved EmbeddedReward."
            )
        try:
            model = cls(**about["settings"])
            model.scale_, model.n_gold_ = float(about["scale"]), int(about["n_gold"])
            encoder, arrays = about["inputs"]["encoder"], dict(about["arrays"])
        except (KeyError, TypeError, ValueError) as error:
            raise ArtifactError(
                f"{target / 'manifest.json'} is no whole manifest ({type(error).__name__}: {error}). Train again."
            ) from None
        if encoder != WEIGHTS:
            raise ArtifactError(
                f"{target} was trained on the encoder {str(encoder)[:12]}..., this version has {WEIGHTS[:12]}... "
                "Train again."
            )
        found = (
            read_array(target / name, arrays.get(name))
            for name in ("landmarks.npy", "widths.npy", "coefficients.npy")
        )
        landmarks, widths, model.coef_ = found
        model.kernel_ = Kernel(landmarks, widths)
        model.gold_prompts_ = read_array(target / GOLD_PROMPTS, arrays.get(GOLD_PROMPTS))
        return model

    @property
    def settings(self) -> dict[str, Any]:
        """What the constructor was given, the cache apart: it changes nothing."""
        return {"l2": self.l2, "layer": self.layer, "n_folds": self.n_folds, "seed": self.seed}

    def _vectors(self, prompts: Sequence[str], responses: Sequence[str]) -> FloatArray:
        """`(n, 768)` float64: the vectors."""
        known = embedder(self.layer, None if self.cache is None else Path(self.cache))
        return known.embed(prompts, responses).astype(np.float64)


def _solve(d: FloatArray, p: FloatArray, w: FloatArray, l2: float) -> FloatArray:
    """`(r,)` coefficients of the features as they are, penalised as if scaled; rows turned round change nothing."""
    mean = float(w @ (d**2).sum(axis=1) / w.sum())
    return fit_logistic(d, p, w, precision=l2 * (mean if mean > 0 else 1.0)).theta
