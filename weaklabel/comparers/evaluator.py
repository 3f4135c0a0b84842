"""`Evaluator`: a classifier that is asked whether a proposed answer should take the place of the current one.

It reads both answers at once, so it is not a reward model: no answer has a score of its own. What it says depends on which
answer stands first, so both orders are asked and averaged.

Source: Ye, Laidlaw & Steinhardt (2025, arXiv 2501.07886), whose evaluator is a fine-tuned sequence classifier; defaults of
its training are theirs but for the learning rate.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final, Self

import numpy as np
from numpy.typing import ArrayLike, NDArray

from weaklabel._arguments import checked
from weaklabel._shown import Shown
from weaklabel._validation import check_gold, check_settings
from weaklabel.artifacts import content_hash
from weaklabel.comparers.both_orders import AskedBothWays, OrderEffect
from weaklabel.errors import ConfigError, MissingExtraError, NotFittedError, WeaklabelError
from weaklabel.export.selection import require_calibrated
from weaklabel.groups import Group
from weaklabel.reward.base import GOLD_PROMPTS, check_targets, prompt_hashes
from weaklabel.reward.saved import ArrayKind, Saved, write_saved
from weaklabel.reward.teaching import teaching_groups
from weaklabel.reward.train import training_targets
from weaklabel.training.settings import TrainingSettings, current_names, kinds_of
from weaklabel.types import Comparer, FloatArray, Labels, Pairs

KIND: Final = "evaluator"
HELD_OUT: Final = "held_out_prompts.npy"
UNSAVED: Final = frozenset({"checkpoints", "resume_from_checkpoint"})
_PAPER: Final = {"num_train_epochs": 5.0, "lr_scheduler_type": "cosine"}


class Evaluator(Comparer, Shown):
    """P(B beats A), the mean of P(accept b in place of a) and P(keep b when a is proposed).

    Args:
        base: folder or hub name of a pretrained model (decoder or encoder), or "minilm".
        adapter: folder or hub name of a LoRA adapter of `base`, merged into it before training.
        from_scratch: instead, the size of a new decoder (tiny, small, medium) with a tokenizer of its own.
        dtype: of the weights, "float32" or "bfloat16".
        held_out_share: of the prompts, below .5: they teach nothing, stop the training and choose its best checkpoint.
            0 trains on everything, to the end.
        checkpoints: a folder for training's checkpoints, in which a killed `fit` goes on when called again; without it
            they are kept until `fit` ends.
        seed: of new weights, batches, dropout and the prompts held out.
        **training: further fields of `weaklabel.training.settings.TrainingSettings`. Defaults are those of the paper, 5
            epochs with a cosine schedule, stopped after the first evaluation (one per epoch) that is no better;
            learning_rate is by default 2e-5, with LoRA 2e-4, from scratch 1e-3; max_length 1024 or what the model reads.

    Learned: `model_`, `tokenizer_`, `gold_prompts_` (see `saw`), `held_out_prompts_` (see `held_out`).

    Raises:
        ConfigError: neither or both of `base` and `from_scratch`; a setting that is out of range.
        MissingExtraError: torch and transformers are not installed.
    """

    name: Final = KIND

    def __init__(
        self,
        *,
        base: str | Path | None = None,
        adapter: str | Path | None = None,
        from_scratch: str | None = None,
        dtype: str = "float32",
        held_out_share: float = 0.1,
        checkpoints: str | Path | None = None,
        seed: int = 0,
        **training: Any,
    ) -> None:
        if not 0 <= held_out_share < 0.5:
            raise ConfigError(f"evaluator: held_out_share is {held_out_share!r}. Allowed: 0 to below 0.5.")
        self.base, self.adapter = base and str(base), adapter and str(adapter)
        self.from_scratch, self.dtype, self.seed = from_scratch, dtype, seed
        self.held_out_share, self.checkpoints = held_out_share, checkpoints
        self._start = _start_class()(
            name=KIND, base=base, adapter=adapter, from_scratch=from_scratch, dtype=dtype, seed=seed
        )
        self.training = current_names(training)
        given: dict[str, Any] = {**_PAPER, "learning_rate": self._start.learning_rate(self.training)}
        if held_out_share:
            given["early_stopping_patience"] = 1
        self._settings = TrainingSettings(**given | self.training, seed=seed)
        self.model_: Any = None
        self.tokenizer_: Any = None
        self.gold_prompts_: NDArray[np.uint64] = np.empty(0, dtype=np.uint64)
        self.held_out_prompts_: NDArray[np.uint64] = np.empty(0, dtype=np.uint64)
        self._about: dict[str, Any] = {}

    def fit(
        self, pairs: Pairs, p: ArrayLike, w: ArrayLike | None = None, *, gold: ArrayLike | None = None
    ) -> Self:
        """Learn from beliefs and weights.

        Args:
            pairs: `n` pairs.
            p: `(n,)` in [0, 1], the belief that B is better; .5 is a tie.
            w: `(n,)` >= 0, how much each pair counts; None counts 1. Pairs of weight 0 are left out.
            gold: `(n,)` 0, .5, 1 or NaN: whose gold is in `p`, so that `saw` can tell. None: no gold.

        Raises:
            LabelMatrixError: `p`, `w` or `gold` that do not fit the pairs.
            DataError: nothing left to train on. ArtifactError: a model that cannot be loaded.
            TrainingError: no memory, or a loss that is not a number; with `checkpoints` they are kept.
        """
        from weaklabel.training.evaluator.train import train_classifier
        from weaklabel.training.models.start import checkpoint_folder, fitting, merged, with_adapters

        p_, w_ = check_targets("Evaluator", len(pairs), p, w)
        known = ~np.isnan(check_gold(gold, len(pairs)))
        taught, held = self._divided(pairs, p_, w_)
        texts = [text for group in taught for text in (group.prompt, *group.responses)]
        model, tokenizer = self._start.opened(texts, labels=2)
        settings = fitting(self._settings, self.training, model, tokenizer)
        model = with_adapters(model, settings, self.seed)
        with checkpoint_folder(self.checkpoints, KIND) as folder:
            trained = train_classifier(model, tokenizer, taught, gold=held, settings=settings, folder=folder)
        self.model_, self.tokenizer_ = merged(model, settings), tokenizer
        self.gold_prompts_ = np.unique(prompt_hashes(pairs.take(known)))
        self._about = {
            "steps": trained.steps,
            "best step": trained.best,
            "last loss": trained.losses[-1][1] if trained.losses else None,
            "layout": f"{trained.layout.name}: {trained.layout.reason}",
            "truncated": str(trained.truncated),
            "prompts": len(taught),
            "prompts held out": len(held),
            "pairs left out": int((w_ == 0).sum()) + trained.identical,
            "groups": content_hash(*map(repr, (*taught, *held))),
        }
        return self

    @checked
    def compare(self, pairs: Pairs) -> FloatArray:
        """`(n_pairs,)` float64: P(B beats A). Turning a pair round gives 1 - p.

        Raises:
            NotFittedError: before `fit`.
        """
        return self._both_ways.compare(pairs)

    def order_effect(self, pairs: Pairs, *, seed: int = 0) -> OrderEffect:
        """What the order of the answers does to what it says of `pairs`: the answer shown first is the current one."""
        return self._both_ways.order_effect(pairs, seed=seed)

    @property
    def _both_ways(self) -> AskedBothWays:
        if self.model_ is None:
            raise NotFittedError(
                "Evaluator is not fitted: call fit(pairs, p) or train_evaluator(labels) first."
            )
        return AskedBothWays(self.one_order, name=KIND)

    @property
    def one_order(self) -> Comparer:
        """What it says when a is the current answer and b is proposed, without the other order."""
        return _OneOrder(self)

    def saw(self, pairs: Pairs) -> NDArray[np.bool_]:
        """`(n_pairs,)`: whether gold of the pair's prompt was used to fit, or to choose the checkpoint."""
        return np.isin(prompt_hashes(pairs), self.gold_prompts_)

    def held_out(self, pairs: Pairs) -> NDArray[np.bool_]:
        """`(n_pairs,)`: whether the pair's prompt was held out: it taught nothing, and had a say in the checkpoint."""
        return np.isin(prompt_hashes(pairs), self.held_out_prompts_)

    @property
    def settings(self) -> dict[str, Any]:
        """What the constructor was given, but for where its training begins and keeps checkpoints: it ends the same."""
        own = ("base", "adapter", "from_scratch", "dtype", "held_out_share", "seed")
        given = {name: getattr(self, name) for name in own} | self.training
        return {name: value for name, value in given.items() if name not in UNSAVED}

    def facts(self) -> dict[str, str]:
        """How it was trained, by name."""
        return {name: str(value) for name, value in self._about.items() if name != "groups"}

    def _values(self) -> list[tuple[str, Any]]:
        return [*self.settings.items(), ("fitted", self.model_ is not None)]

    @checked
    def save(self, folder: str | Path, *, beside: Mapping[str, str] | None = None) -> None:
        """Write the fitted evaluator into a folder, whole or not at all; transformers opens it too.

        Args:
            folder: where it shall stand; an earlier evaluator there is replaced.
            beside: text files to lie with it, name -> content, such as a card.

        Raises:
            NotFittedError: before `fit`. ArtifactError: the folder holds other files.
        """
        _ = self._both_ways
        from weaklabel.training.models.start import libraries, save_model

        write_saved(
            Path(folder),
            KIND,
            {GOLD_PROMPTS: self.gold_prompts_, HELD_OUT: self.held_out_prompts_},
            beside or {},
            lambda work: save_model(self.model_, self.tokenizer_, work),
            inputs={"groups": self._about["groups"]},
            libraries=libraries(),
            settings=self.settings,
            trained=self._about,
        )

    @classmethod
    @checked
    def load(cls, folder: str | Path) -> Self:
        """The evaluator that `save` wrote, equal to the bit. It is data: nothing that it names is imported or fetched.

        Raises:
            ArtifactError: the folder holds no evaluator, or a torn one.
        """
        saved = Saved.open(folder, KIND)
        settings = saved.table("settings")
        try:
            check_settings(KIND, settings, cls._kinds())
            evaluator = cls(**settings)
        except MissingExtraError:
            raise
        except (WeaklabelError, TypeError, ValueError) as error:
            saved.fail(f"settings: {error}")
        evaluator._about = saved.table("trained")
        if not isinstance(evaluator._about.get("groups"), str):
            saved.fail("trained names no groups")
        kinds = {GOLD_PROMPTS: ArrayKind(("k",), "uint64"), HELD_OUT: ArrayKind(("h",), "uint64")}
        arrays = saved.arrays(kinds)
        evaluator.gold_prompts_, evaluator.held_out_prompts_ = arrays[GOLD_PROMPTS], arrays[HELD_OUT]
        from weaklabel.training.models.start import saved_model

        evaluator.model_, evaluator.tokenizer_ = saved_model(saved.folder, labels=2, dtype=evaluator.dtype)
        return evaluator

    @classmethod
    def _kinds(cls) -> dict[str, str]:
        """The settings that a saved evaluator may name, and their kinds."""
        own = {k: str(v) for k, v in cls.__init__.__annotations__.items() if k not in ("training", "return")}
        return {k: v for k, v in (own | kinds_of(TrainingSettings)).items() if k not in UNSAVED}

    # ------------------------------------------------------------------------------------ training
    def _divided(self, pairs: Pairs, p: FloatArray, w: FloatArray) -> tuple[list[Group], list[Group]]:
        """What teaches, and what is held out: whole prompts, drawn by the seed. Pairs of weight 0 are in neither."""
        counts = w > 0
        prompts = pairs.prompt_groups
        # By their hashes, so that the order of the pairs has no say.
        by_hash = dict(zip(prompts[counts].tolist(), prompt_hashes(pairs)[counts].tolist(), strict=True))
        drawn = np.random.default_rng(self.seed).permutation(sorted(by_hash, key=by_hash.__getitem__))
        n_held = max(1, round(self.held_out_share * len(drawn))) if self.held_out_share else 0
        if n_held == len(drawn):
            raise ConfigError(
                f"evaluator: held_out_share is {self.held_out_share} of {len(drawn)} prompt(s), which leaves nothing to learn "
                "from. Give more prompts, or set held_out_share to 0 and train to the end."
            )
        held = np.isin(prompts, drawn[:n_held])
        self.held_out_prompts_ = np.unique(prompt_hashes(pairs.take(held)))
        parts = (counts & ~held, counts & held)
        taught, kept = (teaching_groups(pairs.take(rows), p[rows], w[rows]) for rows in parts)
        return taught, kept


class _OneOrder(Comparer):
    """What an evaluator says when a is the current answer and b is proposed."""

    def __init__(self, evaluator: Evaluator) -> None:
        self.evaluator = evaluator

    def compare(self, pairs: Pairs) -> FloatArray:
        from weaklabel.training.evaluator.train import acceptance
        from weaklabel.training.models.start import fitting

        it = self.evaluator
        asked = (pairs.table[name].to_pylist() for name in ("prompt", "response_a", "response_b"))
        settings = fitting(it._settings, it.training, it.model_, it.tokenizer_)
        return acceptance(
            it.model_, it.tokenizer_, *asked, max_length=settings.max_length, bf16=settings.bf16
        )


@checked
def train_evaluator(
    labels: Labels | Pairs,
    *,
    gold: Pairs | None = None,
    allow_uncalibrated: bool = False,
    **settings: Any,
) -> Evaluator:
    """An evaluator fitted to every labelled pair outside the locked test prompts.

    Pairs with dev gold teach what it says (p = 0, 1 or .5; w = 1); all others the labels' `p` and `w`. Pairs of weight 0
    are left out and counted in `facts()`.

    Args:
        labels: from `Labeler.label`; or `Pairs`, to learn from their gold alone, such as those of `built_pairs`.
        gold: pairs whose gold counts instead of that of the labelled pairs, joined by id.
        allow_uncalibrated: learn from probabilities that were never fitted to gold.
        **settings: of `Evaluator`: base or from_scratch, held_out_share, learning_rate, ...

    Raises:
        NotCalibratedError: uncalibrated labels without `allow_uncalibrated`.
        ConfigError: a setting that does not exist or is out of range.
        DataError: nothing to learn from, or gold of an id with other responses.
    """
    if isinstance(labels, Labels):
        require_calibrated(labels, allow_uncalibrated, "train_evaluator")
    evaluator = Evaluator(**settings)
    pairs, p, w, y = training_targets(labels, gold, who="train_evaluator")
    evaluator.fit(pairs, p, w, gold=y)
    given = labels.pairs if isinstance(labels, Labels) else labels
    evaluator._about["pairs left out"] += len(given) - len(pairs)
    return evaluator


def _start_class() -> Any:
    try:
        from weaklabel.training.models.start import Start
    except ImportError:
        raise MissingExtraError.for_extra("an evaluator", "train") from None
    return Start
