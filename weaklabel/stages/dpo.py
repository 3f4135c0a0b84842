"""The stage `dpo`: a language model learns which response of a prompt is better, by beliefs and weights.

    labels, or pairs with gold --(gold held out, prompts of the audit)--> train_dpo --> model/  audit.*  log.jsonl

What is compared, and how much it counts, is `taught`; the loss and the reference are `training.dpo`. Figures of how well the
policy tells the better response are of gold that it never saw: that of the locked test part.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar

import numpy as np

from weaklabel._arguments import checked as checked_arguments
from weaklabel.data.sources import PairSource
from weaklabel.export.selection import AnyLabels
from weaklabel.lf.core import LabelingFunction
from weaklabel.metrics import bootstrap
from weaklabel.stages.contract import Figures, Round, Stage, StageResult, scratch
from weaklabel.stages.dpo_settings import DPOSettings
from weaklabel.stages.ending import end_round
from weaklabel.stages.materials import Materials
from weaklabel.stages.policy import Policy
from weaklabel.stages.rounds import carry_out
from weaklabel.stages.taught import Taught, taught_by, watched_by_taught
from weaklabel.stages.watching import Watched, shared_prompts
from weaklabel.training.dpo.settings import DPOTrainingSettings
from weaklabel.types import (
    CanCompare,
    FloatArray,
    Pairs,
    sigmoid,
)

if TYPE_CHECKING:
    from weaklabel.training.dpo.implied import ImpliedRewards


class DPO(Stage):
    """One round of direct preference optimisation.

    Args:
        settings: how.
        taught: what is learned.
        gold: what chooses the checkpoint; None keeps the last one.
        watched: what the audit looks at; None for no audit.
        store: where log-probabilities of references are kept; None in the round's scratch.
    """

    kind: ClassVar[str] = "dpo"

    def __init__(
        self,
        settings: DPOSettings,
        taught: Taught,
        *,
        gold: Taught | None = None,
        watched: Watched | None = None,
        store: Path | None = None,
    ) -> None:
        super().__init__()
        self._settings, self._taught, self._gold = settings, taught, gold
        self._watched, self._store = watched, store
        parts = [taught] if gold is None else [taught, gold]
        self._policy = Policy(settings, [text for part in parts for text in part.texts])
        self.notes += taught.told()

    @classmethod
    def of(cls, settings: DPOSettings, materials: Materials) -> DPO:
        """The stage from settings whose paths are resolved, and what they draw on.

        Raises:
            ConfigError: nothing to learn from. NotCalibratedError: beliefs that were never calibrated.
            DataError, LayoutError: data that cannot be read, or that leaves nothing.
        """
        reading: dict[str, Any] = {
            "columns": settings.columns,
            "allow_uncalibrated": settings.allow_uncalibrated,
            "test_share": 0.0,  # what a file given to learn from locks, it says itself
        }
        data = settings.data if settings.data is not None else materials.source
        taught = taught_by(data, materials, who="dpo", **reading)
        if settings.eval_data is not None:
            gold: Taught | None = taught_by(settings.eval_data, materials, who="dpo: eval_data", **reading)
        else:
            taught, gold = taught.gold_apart(settings.held_out_share, settings.seed)
        taught = taught.confident(settings.min_confidence)
        taught, watched, note = watched_by_taught(settings, materials, taught, gold)
        made = cls(
            settings, taught, gold=gold, watched=watched, store=materials.store(settings.reference_store)
        )
        made.notes += [] if note is None else [note]
        if gold is not None and settings.eval_data is not None:
            made.notes += gold.told("eval_data")
            made.notes += shared_prompts(taught.pairs.prompt_keys, gold.pairs.prompt_keys)
        if gold is None:
            made.notes.append(
                "no gold was held out, so nothing chose the checkpoint: the last one is kept. Give eval_data, or more gold."
            )
        return made

    @property
    def inputs(self) -> Mapping[str, str]:
        found = self._policy.inputs | {"pairs": self._taught.hash}
        if self._gold is not None:
            found |= {"gold": self._gold.hash}
        return found if self._watched is None else found | self._watched.inputs

    @property
    def settings(self) -> Mapping[str, Any]:
        return self._settings.told()

    def make_round(self, number: int, work: Path, before: Sequence[Round]) -> Figures:
        model, tokenizer = self._policy.load()
        from weaklabel.training.dpo.implied import (
            ImpliedRewards,
        )  # behind `load`, which says so where torch is missing
        from weaklabel.training.dpo.train import train_dpo

        settings, lowered = self._policy.fitting(model, tokenizer, DPOTrainingSettings)
        self.notes += [] if lowered is None else [lowered]
        ref_model = self._settings.ref_model
        reference = None if ref_model is None else self._policy.reference(ref_model, tokenizer)
        training = scratch(work) / "training"
        store = training / "reference" if self._store is None else self._store
        test, implied = self._taught.test, None
        if len(test):  # the model that starts is its own reference, and soon is another one
            referee = model if reference is None else reference
            implied = ImpliedRewards(referee, tokenizer, test, settings=settings, store=store)
        auditor = None if self._watched is None else self._watched.auditor(tokenizer, work)
        done = train_dpo(
            model,
            tokenizer,
            self._weighted(self._taught).groups(),
            gold=[] if self._gold is None else self._gold.groups(),
            settings=settings,
            folder=training,
            reference=reference,
            reference_store=store,
            watch=None if auditor is None else auditor.watch,
        )
        best = min(done.checks, key=lambda check: check[1], default=(None, None, None))
        figures: dict[str, float | int | str | None] = {
            "comparisons": len(self._taught) - done.identical - done.weightless,
            "left out": sum(self._taught.left_out.values()),
            "identical": done.identical,
            "weightless": done.weightless,
            "prompts cut": done.truncated.prompts,
            "responses cut": done.truncated.responses,
            "steps": done.steps,
            "best step": done.best,
            "loss": done.losses[-1][1] if done.losses else None,
            "eval nll": best[1],
            "eval accuracy": best[2],
        }
        if implied is not None:
            figures |= _judged(implied, model, test, self._settings.seed)
        if done.truncated.prompts or done.truncated.responses:
            self.notes.append(
                f"max_length is {settings.max_length}: {done.truncated}. Responses that differ only behind the cut are not "
                "compared; raise max_length where there are many."
            )
        end_round(
            self,
            self._policy,
            (model, tokenizer),
            figures,
            work,
            by="by direct preference optimisation",
            auditor=auditor,
            training=training,
        )
        return figures

    def _weighted(self, taught: Taught) -> Taught:
        """With beliefs and weights as `hard_labels` and `weighting` say."""
        p, w = taught.p, taught.w
        if self._settings.weighting == "confidence":
            w = w * np.abs(2 * p - 1)
        if self._settings.hard_labels:
            p = (1 + np.sign(p - 0.5)) / 2
        return replace(taught, p=p, w=w)


def _judged(
    implied: ImpliedRewards, model: Any, test: Pairs, seed: int
) -> dict[str, float | int | str | None]:
    """How well the rewards that the policy implies know the gold of the locked test part."""
    p: FloatArray = sigmoid(implied.differences(model))
    drawn: dict[str, Any] = {"groups": test.prompt_groups, "seed": seed}
    figures: dict[str, float | int | str | None] = {
        "judged pairs": len(test),
        "nll": bootstrap("nll", p, test.y, **drawn).value,
    }
    if (test.y != 0.5).any():
        accuracy = bootstrap("accuracy", p, test.y, **drawn)
        figures |= {"accuracy": accuracy.value, "accuracy low": accuracy.low, "accuracy high": accuracy.high}
    return figures


@checked_arguments
def dpo(
    data: AnyLabels | Pairs | PairSource,
    *,
    output_dir: str | Path,
    lfs: Sequence[LabelingFunction] = (),
    comparer: CanCompare | None = None,
    **settings: Any,
) -> StageResult:
    """Train a language model on labels, or on pairs with gold or beliefs, by direct preference optimisation.

    Called again with the same arguments after a kill, it goes on and ends with the same files.

    Args:
        data: labels; pairs with gold or beliefs, as `read_pairs` takes them; or `Pairs` with gold.
        output_dir: the stage's own folder; see `stages.contract` for what stands in it.
        lfs: labeling functions that watch what the policy says; see `stages.audit`.
        comparer: what made the labels, watched too.
        **settings: of `DPOSettings`: `model` or `from_scratch`, `beta`, `loss_type`, and any of TRL's that mean the same.

    Raises:
        ConfigError, UnknownNameError: settings that are not known or do not fit.
        DataError, LayoutError: nothing to learn. NotCalibratedError: labels that were never calibrated.
        ArtifactError: a model that does not load, or the folder of another stage.
        TrainingError: no memory, a loss that is no number, or an audit that ends the run.
    """
    chosen = DPOSettings(**settings)
    return carry_out(DPO.of(chosen, Materials.given(chosen, data, lfs, comparer)), output_dir)
