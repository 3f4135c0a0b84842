"""`TransformerReward`: a pretrained or new transformer as reward model, over `weaklabel.training`.

Trained on groups (a prompt, its responses, all comparisons) with soft labels and weights; what is saved is a folder
that transformers opens as well. How its scores get their scale: see `weaklabel.reward.teaching`.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, ClassVar, Final

import numpy as np
from numpy.typing import NDArray

from weaklabel._arguments import checked
from weaklabel._progress import tracked
from weaklabel.artifacts import content_hash
from weaklabel.calibration.temperature import Temperature
from weaklabel.errors import ConfigError, LabelMatrixError
from weaklabel.reward.base import RewardModel
from weaklabel.reward.judges import Judges
from weaklabel.reward.saved import Saved
from weaklabel.reward.teaching import plan_gold, teaching_groups
from weaklabel.training.models.start import (
    Start,
    checkpoint_folder,
    fitting,
    libraries,
    merged,
    save_model,
    saved_model,
    with_adapters,
)
from weaklabel.training.reward import TrainedScorer, train_scorer
from weaklabel.training.scoring import score_texts
from weaklabel.training.settings import RewardTrainingSettings, current_names, kinds_of
from weaklabel.types import FloatArray, Message, Pairs, sigmoid
from weaklabel.types.messages import copied

SCORED_TOKENS: Final = 16384


class TransformerReward(RewardModel):
    """A reward that a transformer reads from prompt and response.

    Args:
        base: folder or hub name of a pretrained model (decoder or encoder), or "minilm".
        adapter: folder or hub name of a LoRA adapter of `base`, merged into it before training.
        from_scratch: instead, the size of a new decoder (tiny, small, medium) with a tokenizer of its own.
        dtype: of the weights, "float32" or "bfloat16".
        n_folds: how gold for the scale is set apart; None decides by size. See `weaklabel.reward.teaching`.
        checkpoints: a folder for training's checkpoints, in which a killed `fit` goes on when called again; without
            it they are kept until `fit` ends.
        seed: of new weights, batches, dropout and folds.
        **training: further fields of `weaklabel.training.settings.RewardTrainingSettings`: num_train_epochs,
            learning_rate (by default 2e-5, with LoRA 2e-4, from scratch 1e-3), max_length (1024 or what the model
            reads), tokens_per_batch, lora_r (adapters are merged at the end), loss_type, bf16, ...

    Learned: `model_`, `tokenizer_`, and what every reward model learns.

    Raises:
        ConfigError: neither or both of `base` and `from_scratch`; a setting of training that is out of range.
    """

    name: ClassVar[str] = "transformer"
    resumes: ClassVar[bool] = True
    unsaved: ClassVar[frozenset[str]] = frozenset({"checkpoints", "resume_from_checkpoint"})

    def __init__(
        self,
        *,
        base: str | Path | None = None,
        adapter: str | Path | None = None,
        from_scratch: str | None = None,
        dtype: str = "float32",
        n_folds: int | None = None,
        checkpoints: str | Path | None = None,
        seed: int = 0,
        **training: Any,
    ) -> None:
        self._start = Start(
            name=self.name, base=base, adapter=adapter, from_scratch=from_scratch, dtype=dtype, seed=seed
        )
        if n_folds is not None and (n_folds < 0 or n_folds == 1):
            raise ConfigError(f"{self.name}: n_folds is {n_folds}. Allowed: 0, or 2 and more.")
        self.base, self.adapter, self.from_scratch = (
            base and str(base),
            adapter and str(adapter),
            from_scratch,
        )
        self.dtype, self.n_folds, self.checkpoints, self.seed = dtype, n_folds, checkpoints, seed
        self.training = current_names(training)
        given = {"learning_rate": self._start.learning_rate(self.training), **self.training}
        self._settings = RewardTrainingSettings(**given, seed=seed)
        self.model_: Any = None
        self.tokenizer_: Any = None
        self._about: dict[str, Any] = {}

    @classmethod
    def annotations(cls) -> dict[str, str]:
        own = TransformerReward.__init__.__annotations__
        kinds = {k: str(v) for k, v in own.items() if k not in ("training", "return")}
        return {**kinds, **kinds_of(RewardTrainingSettings)}

    @classmethod
    def current_names(cls, settings: Mapping[str, Any]) -> dict[str, Any]:
        return current_names(settings)

    def _learn(self, pairs: Pairs, p: FloatArray, w: FloatArray, y: FloatArray, judges: Judges) -> float:
        """Train.

        Raises:
            DataError: nothing left to train on. ArtifactError, MissingExtraError: a model that cannot be loaded.
            TrainingError: no memory, or a loss that is no number; with `checkpoints` they are kept.
        """
        prompts = pairs.prompt_groups
        plan = plan_gold(np.where(judges.rows, y, np.nan), prompts, self.n_folds, self.seed)
        z, judged = np.zeros(len(pairs)), plan.fold >= 0
        # Parts that judge a model: one per fold, or the one that no model of this kind ever learns from.
        n_parts = plan.n_folds or 1
        parts = np.column_stack([np.isin(prompts, prompts[plan.fold == k]) for k in range(n_parts)])
        taught = judges.beliefs(p, parts)
        with checkpoint_folder(self.checkpoints, "reward") as folder:
            for k in tracked(range(plan.n_folds), "models of left-out prompts"):
                self._train(pairs, taught[:, k], np.where(parts[:, k], 0.0, w), folder / f"fold-{k}")
                z[plan.fold == k] = self._differences(pairs.take(plan.fold == k))
            held = parts[:, 0] if plan.kind == "held out" else np.zeros_like(judged)
            if held.any():
                p = taught[:, 0]
            best_by = pairs.take(held & judged), y[held & judged]
            trained = self._train(pairs, p, np.where(held, 0.0, w), folder / "whole", best_by)
        if held.any():
            z[judged] = self._differences(pairs.take(judged))
        self._about = _about(trained) | {
            "calibration": str(plan),
            "groups": content_hash(*map(repr, teaching_groups(pairs, p, w))),
        }
        return Temperature().fit(z[judged], y[judged]).factor_ if judged.any() else 1.0

    @checked
    def score(
        self,
        prompts: Sequence[str],
        responses: Sequence[str],
        *,
        messages: Sequence[Sequence[Message] | None] | None = None,
    ) -> FloatArray:
        """`(n,)` float64 log-odds. `messages` are conversations that stand for prompts where there is a chat template.

        A reward depends on what it is scored together with in its last bits alone (within 1e-6 in float32); a set of
        texts gives the same rewards in whatever order.
        """
        self._check_asked(prompts, responses)
        return self._scaled(self._raw(prompts, responses, messages))

    def compare(self, pairs: Pairs) -> FloatArray:
        """`(n_pairs,)` float64: P(B beats A). Turning all pairs round gives exactly 1 - p."""
        self._require_fit("Call fit(pairs, p) or train_reward(labels) first.")
        return sigmoid(self._scaled(self._differences(pairs)))

    @property
    def settings(self) -> dict[str, Any]:
        """What the constructor was given, but for where its training begins and keeps checkpoints: it ends the same."""
        own = ("base", "adapter", "from_scratch", "dtype", "n_folds", "seed")
        given = {name: getattr(self, name) for name in own} | self.training
        return {name: value for name, value in given.items() if name not in self.unsaved}

    def _entries(self) -> dict[str, Any]:
        return {
            "inputs": {"groups": self._about["groups"]},
            "libraries": libraries(),
            "trained": self._about,
        }

    def _write_more(self, folder: Path) -> None:
        save_model(self.model_, self.tokenizer_, folder)

    def _restore(self, saved: Saved, arrays: Mapping[str, NDArray[Any]]) -> None:
        self._about = saved.table("trained")
        if not isinstance(self._about.get("groups"), str):
            saved.fail("trained names no groups")
        self.model_, self.tokenizer_ = saved_model(saved.folder, labels=1, dtype=self.dtype)

    def facts(self) -> dict[str, str]:
        return {name: str(value) for name, value in self._about.items() if name != "groups"}

    # ------------------------------------------------------------------------------------ training
    def _train(
        self,
        pairs: Pairs,
        p: FloatArray,
        w: FloatArray,
        folder: Path,
        judges: tuple[Pairs, FloatArray] | None = None,
    ) -> TrainedScorer:
        """A fresh model in `model_`, trained on the pairs that count; `judges` (pairs, gold) choose its checkpoint."""
        groups = teaching_groups(pairs.take(w > 0), p[w > 0], w[w > 0])
        gold = (
            () if judges is None or not len(judges[0]) else teaching_groups(*judges, np.ones(len(judges[1])))
        )
        texts = [text for group in groups for text in (group.prompt, *group.responses)]
        model, tokenizer = self._start.opened(texts, labels=1)
        settings = fitting(self._settings, self.training, model, tokenizer)
        model = with_adapters(model, settings, self.seed)
        trained = train_scorer(model, tokenizer, groups, gold=gold, settings=settings, folder=folder)
        self.model_, self.tokenizer_ = merged(model, settings), tokenizer
        return trained

    # ------------------------------------------------------------------------------------ scoring
    def _differences(self, pairs: Pairs) -> FloatArray:
        """`(n_pairs,)`: raw score of b less that of a."""
        table = pairs.table
        prompts, turns = table["prompt"].to_pylist(), table["messages"].to_pylist()
        texts = [text for name in ("response_a", "response_b") for text in table[name].to_pylist()]
        raw = self._raw(prompts * 2, texts, turns * 2)
        return raw[len(pairs) :] - raw[: len(pairs)]

    def _raw(
        self,
        prompts: Sequence[str],
        responses: Sequence[str],
        messages: Sequence[Sequence[Message] | None] | None = None,
    ) -> FloatArray:
        given = [None] * len(prompts) if messages is None else messages
        if len(given) != len(prompts):
            raise LabelMatrixError(
                f"{self.name}: {len(given)} conversations came with {len(prompts)} prompts. Pass one per prompt, or None."
            )
        return score_texts(
            self.model_,
            self.tokenizer_,
            prompts,
            responses,
            messages=[copied(turns) for turns in given],
            max_length=fitting(self._settings, self.training, self.model_, self.tokenizer_).max_length,
            tokens_per_batch=SCORED_TOKENS,
            bf16=self._settings.bf16,
        )


def _about(trained: TrainedScorer) -> dict[str, Any]:
    return {
        "steps": trained.steps,
        "best step": trained.best,
        "last loss": trained.losses[-1][1] if trained.losses else None,
        "layout": f"{trained.layout.name}: {trained.layout.reason}",
        "truncated": str(trained.truncated),
        "comparisons left out": trained.identical + trained.weightless,
    }
