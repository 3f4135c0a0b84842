"""The evaluation model: a reward model taught by the expert's answers and by labels that were there before."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa

from weaklabel.errors import ConfigError, DataError
from weaklabel.lf.core import LabelingFunction, ResponseScorer
from weaklabel.lf.sources.saved import check_can_be_found
from weaklabel.reward.base import RewardModel, prompt_hashes
from weaklabel.reward.registry import get_reward_model, reward_model_class
from weaklabel.reward.ridge import RidgeReward
from weaklabel.stages.proxy.answers import Answers, as_gold
from weaklabel.stages.proxy.settings import THIS_POLICY, ProxySettings
from weaklabel.stages.taught import Taught
from weaklabel.types import CANONICAL, FloatArray, Pairs, prompt_key, sigmoid


@dataclass(frozen=True)
class Evaluated:
    """A fitted evaluation model.

    Attributes:
        reward: it scores and compares.
        thresholds: `(k,)` float64 rewards from which each further score of the rubric is likelier than not; None where pairs
            taught it.
        lowest: score of the rubric.
    """

    reward: RewardModel
    thresholds: FloatArray | None = None
    lowest: int = 0

    def compare(self, pairs: Pairs) -> FloatArray:
        """`(n_pairs,)` P(b is better)."""
        return self.reward.compare(pairs)

    def expected(self, rewards: FloatArray) -> FloatArray:
        """`(n,)` the rubric's score that is expected of responses of these rewards; the rewards where no rubric taught it."""
        if self.thresholds is None:
            return rewards
        above = sigmoid((rewards[:, None] - self.thresholds) / self.reward.scale_)
        return np.asarray(self.lowest + above.sum(axis=1), dtype=np.float64)


@dataclass(frozen=True)
class EvaluationModel:
    """How an evaluation model is made, as often as there are new answers.

    Attributes:
        settings: of the stage.
        lfs: for a model that reads functions.
        seed: labels that were there before; None for none.
        policy: the folder of the policy that is sampled, for `base = "policy"`; None where it has none.
    """

    settings: ProxySettings
    lfs: Sequence[LabelingFunction] = ()
    seed: Taught | None = None
    policy: Path | None = None

    @property
    def is_quick(self) -> bool:
        """Whether a fit is a matter of seconds."""
        return not reward_model_class(self.settings.evaluator).resumes

    def without(self, prompts: Collection[str]) -> EvaluationModel:
        """The same without labels of some prompts, given as `prompt_key` does: those of which something judges."""
        if self.seed is None:
            return self
        asked = self.seed.pairs.table["prompt"].to_pylist()
        gone = set(prompts)
        kept = np.array([prompt_key(prompt) not in gone for prompt in asked], dtype=np.bool_)
        return replace(self, seed=self.seed.take(kept, ""))

    def fitted(self, answers: Answers, folder: Path | None = None) -> Evaluated | None:
        """The model taught by what is known; None where nothing is, or scores of responses that are all equal.

        Args:
            answers: of the expert.
            folder: where a training that takes long keeps its checkpoints.

        Raises:
            ConfigError: `base = "policy"`, and the policy has no folder.
            DataError: too little for this model.
        """
        model = get_reward_model(self.settings.evaluator, **self._given(folder))
        seed = self.seed
        if self.settings.unit == "responses":
            return self._by_scores(model, answers)
        pairs, p = answers.compared()
        w, y = np.ones(len(p)), as_gold(p)
        if seed is not None and len(seed):
            pairs = _together(seed.pairs, pairs)
            p, w, y = (np.concatenate(both) for both in ((seed.p, p), (seed.w, w), (seed.y, y)))
        if not len(pairs):
            return None
        return Evaluated(model.fit(pairs, p, w, gold=y))

    def _by_scores(self, model: RewardModel, answers: Answers) -> Evaluated | None:
        assert isinstance(model, RidgeReward)
        seed, low = self.seed, int(self.settings.rubric[0])
        if seed is None or not len(seed):
            if len(np.unique(answers.said)) < 2:
                return None
        elif not len(answers):
            return Evaluated(model.fit(seed.pairs, seed.p, seed.w, gold=seed.y))
        more: dict[str, Any] = {} if seed is None else {"pairs": seed.pairs, "p": seed.p, "w": seed.w}
        found = model.fit_scores(
            [each.prompt.text for each in answers.rows],
            [each.a for each in answers.rows],
            answers.said,
            rubric=(low, int(self.settings.rubric[1])),
            **more,
        )
        # As `saw` knows prompts, with their conversations; and the gold of labels was seen too.
        seen = [answers.pairs, *([] if seed is None else [seed.pairs.take(~np.isnan(seed.y))])]
        model.gold_prompts_ = np.unique(np.concatenate([prompt_hashes(pairs) for pairs in seen]))
        return Evaluated(model, found, low)

    def _given(self, folder: Path | None) -> dict[str, Any]:
        cls = reward_model_class(self.settings.evaluator)
        given: dict[str, Any] = dict(self.settings.evaluator_settings)
        if given.get("base") == THIS_POLICY:
            if self.policy is None:
                raise ConfigError(
                    'proxy: evaluator_settings has base = "policy", and a policy from scratch has no folder before its first round. '
                    "Give model, or another base."
                )
            given["base"] = str(self.policy)
        if cls.takes_functions:
            given = {"lfs": tuple(self.lfs), **given}
        if "seed" in cls.annotations():
            given.setdefault("seed", self.settings.seed)
        if cls.resumes and folder is not None:
            given.setdefault("checkpoints", str(folder))
        return given


def check_evaluator(settings: ProxySettings, lfs: Sequence[LabelingFunction]) -> None:
    """Refuse functions that a saved evaluation model could not read, before anybody is asked.

    Raises:
        ConfigError: the model reads functions and there are none, or some that read columns of the data.
        ArtifactError: one that scores responses lives only in this process.
    """
    if not reward_model_class(settings.evaluator).takes_functions:
        return
    if not lfs:
        raise ConfigError(
            f"proxy: evaluator {settings.evaluator!r} reads labeling functions, and there are none. Give lfs, or take another."
        )
    if reading := [lf.name for lf in lfs if lf.columns]:
        raise ConfigError(
            f"proxy: the evaluation model's functions {', '.join(reading[:5])} read columns of the data, which a new answer does not "
            "have. Leave them out, or take another evaluator."
        )
    check_can_be_found([lf for lf in lfs if isinstance(lf, ResponseScorer)], "evaluation model")


def seed_of(taught: Taught | None, which: str) -> Taught | None:
    """The labels that teach the evaluation model.

    Args:
        taught: all that there are.
        which: "gold", "weak", "both" or "none".

    Raises:
        ConfigError: some are asked for, and there are none at all. DataError: none of that kind.
    """
    if which == "none" or (which == "both" and taught is None):
        return None
    if taught is None:
        raise ConfigError(
            f'proxy: seed_labels is "{which}", and there are no labels. Give seed_data, or "none".'
        )
    rows = {"gold": ~np.isnan(taught.y), "weak": np.isnan(taught.y), "both": np.ones(len(taught), np.bool_)}[
        which
    ]
    if not rows.any():
        raise DataError(
            f'proxy: seed_labels is "{which}", and none of {len(taught):,} labels is of that kind. Allowed: gold, weak, both, none.'
        )
    return taught.take(rows, f"of another kind than seed_labels, {which}")


def _together(*parts: Pairs) -> Pairs:
    """The canonical columns of several, one under the other."""
    return Pairs(pa.concat_tables([part.table.select(CANONICAL.names).cast(CANONICAL) for part in parts]))
