"""The stage `evaluator`: a classifier that says whether a proposed answer should take the place of the current one.

    demonstrations and a checker --(build_pairs)--> pairs with gold \\
    pairs with gold, or labels -------------------------------------> Evaluator --> model/

Its model is a comparer: a folder that `comparer = "runs/base/evaluator/round-00/model"` names. Figures are of prompts that
taught it nothing: the gold of the locked test part where there is some, else the prompts that were held out, which chose
the checkpoint.
"""

from __future__ import annotations

import shutil
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, ClassVar, Final

import numpy as np

from weaklabel._arguments import checked as checked_arguments
from weaklabel.comparers.checker import Check, Checker
from weaklabel.comparers.evaluator import Evaluator
from weaklabel.data import write_pairs
from weaklabel.data.asked.demonstrations import Demonstrations, read_demonstrations
from weaklabel.data.sources import PairSource
from weaklabel.errors import ConfigError, DataError
from weaklabel.export.selection import AnyLabels
from weaklabel.reward.evaluation import evaluate
from weaklabel.stages.contract import MODEL, Figures, Round, Stage, StageResult, scratch
from weaklabel.stages.ending import card
from weaklabel.stages.evaluators.data import build_pairs
from weaklabel.stages.evaluators.settings import EvaluatorSettings
from weaklabel.stages.materials import Materials
from weaklabel.stages.policy import PolicySettings
from weaklabel.stages.rounds import carry_out
from weaklabel.stages.taught import Taught, taught_by
from weaklabel.types import FloatArray, Labels, LabelsFile, Pairs

PAIRS: Final = "pairs.parquet"
_USE: Final = (
    "A sequence classifier of two labels, keep and accept, over a question, the current answer and a proposed one. "
    "`weaklabel.load(folder)` gives it as a comparer, which asks about both orders."
)


@dataclass(frozen=True)
class ToBuild:
    """What pairs are built from: prompts with reference answers, and what says which answers are right."""

    demonstrations: Demonstrations
    checker: Checker


class EvaluatorStage(Stage):
    """One round: pairs are built where they have to be, an evaluator is trained and judged.

    Args:
        settings: how.
        source: what it learns from, or what that is built from.
    """

    kind: ClassVar[str] = "evaluator"

    def __init__(self, settings: EvaluatorSettings, source: Taught | ToBuild) -> None:
        super().__init__()
        self._settings, self._source = settings, source
        if isinstance(source, ToBuild) and (unusable := source.demonstrations.set_aside):
            self.notes.append(f"data: {len(unusable):,} rows could not be used; first: {unusable[0]}.")
        if isinstance(source, Taught):
            self.notes += source.told()

    @classmethod
    def of(cls, settings: EvaluatorSettings, materials: Materials) -> EvaluatorStage:
        """The stage from settings whose paths are resolved, and what they draw on.

        Raises:
            ConfigError: nothing to learn from. DataError, LayoutError: data that cannot be read.
            NotCalibratedError: beliefs that were never calibrated. DiscoveryError, UnknownNameError: no such checker.
        """
        data = settings.data if settings.data is not None else materials.source
        if settings.checker is None:
            taught = taught_by(
                data,
                materials,
                who="evaluator",
                columns=settings.columns,
                allow_uncalibrated=settings.allow_uncalibrated,
            )
            return cls(settings, taught)
        if data is None:
            raise ConfigError("evaluator: a checker needs demonstrations. Give data.")
        answers = dict(settings.answers)
        answers |= {n: materials.resolve(answers[n]) for n in ("model", "adapter") if n in answers}
        checker = Checker.named(settings.checker)
        found = read_demonstrations(data, columns=dict(settings.columns))
        return cls(replace(settings, answers=answers), ToBuild(found, checker))

    @property
    def inputs(self) -> Mapping[str, str]:
        found = _hashes(self._settings, "")
        if isinstance(self._source, Taught):
            return found | {"pairs": self._source.hash}
        answering = _hashes(self._settings.answering, "answers ")
        built = {
            "demonstrations": self._source.demonstrations.hash,
            "checker": self._source.checker.code_hash(),
        }
        return found | answering | built

    @property
    def settings(self) -> Mapping[str, Any]:
        told = self._settings.told()
        told.pop("checker")
        if isinstance(self._source, Taught):
            return told
        return told | {"answers": self._settings.answering.told()}

    def make_round(self, number: int, work: Path, before: Sequence[Round]) -> Figures:
        figures: dict[str, float | int | str | None] = {}
        given = self._source
        taught = given if isinstance(given, Taught) else self._built(given, work, figures)
        training = scratch(work) / "training"
        evaluator = Evaluator(**self._settings.of_the_evaluator, checkpoints=training)
        evaluator.fit(taught.pairs, taught.p, taught.w, gold=taught.y)
        facts = evaluator.facts()
        figures |= {
            "pairs": len(taught.pairs),
            "left out": sum(taught.left_out.values()),
            "prompts": int(facts["prompts"]),
            "held out": int(facts["prompts held out"]),
            "steps": int(facts["steps"]),
            "best step": int(facts["best step"]),
        }
        figures |= self._judged(evaluator, taught)
        shutil.copyfile(training / "log.jsonl", work / "log.jsonl")
        about = card("Evaluator", self.inputs, self.settings, figures, _USE)
        evaluator.save(work / MODEL, beside={"README.md": about})
        return figures

    def _built(self, given: ToBuild, work: Path, figures: dict[str, float | int | str | None]) -> Taught:
        """The pairs that checkpoints give, in a file of the round."""
        folder = scratch(work) / "answers"
        built = build_pairs(
            given.demonstrations.rows, given.checker, settings=self._settings.answering, folder=folder
        )
        figures |= {f"built: {name}": count for name, count in built.counts.items()}
        _, right, usable = built.checkpoints[-1]
        figures["built: right at the last checkpoint"] = right / usable if usable else None
        if built.counts["wrong references"]:
            self.notes.append(
                f"the checker calls {built.counts['wrong references']:,} of {built.counts['prompts']:,} references wrong; they "
                "are taken for right."
            )
        write_pairs(built.pairs, work / PAIRS)
        return Taught.of(built.pairs, who="evaluator")

    def _judged(self, evaluator: Evaluator, taught: Taught) -> dict[str, float | int | str | None]:
        """How well it knows gold of prompts that taught it nothing, with both orders and with one."""
        decided = (taught.y == 0) | (taught.y == 1)
        held = taught.pairs.take(evaluator.held_out(taught.pairs) & decided)
        gold, of = (taught.test, "test gold") if len(taught.test) else (held, "held-out gold")
        if not len(gold):
            self.notes.append("no gold was held out, so nothing says how good the evaluator is.")
            return {}
        found = evaluate({"evaluator": evaluator}, gold, seed=self._settings.seed).figures["evaluator"]
        effect = evaluator.order_effect(gold, seed=self._settings.seed)
        if effect.tells_nothing:
            self.notes.append(f"{effect}.")
        answers = [evaluator.one_order.compare(gold), 1 - evaluator.one_order.compare(gold.swapped())]
        alone = np.concatenate([_right(answer, gold.y) for answer in answers])
        return {
            "judged by": of,
            "judged pairs": len(gold),
            "accuracy": found["accuracy"].value,
            "accuracy low": found["accuracy"].low,
            "accuracy high": found["accuracy"].high,
            "ece": found["ece"].value,
            "accuracy of one order": float(alone.mean()) if len(alone) else None,
            "shown first": effect.first.value,
            "contradictory": effect.contradictory,
        }


def _right(p: FloatArray, y: FloatArray) -> FloatArray:
    """1, 1/2 or 0 for each pair that has a winner: whether it was named."""
    rows = y != 0.5
    return np.where(p[rows] == 0.5, 0.5, ((p[rows] > 0.5) == (y[rows] == 1)).astype(np.float64))


def _hashes(settings: PolicySettings, prefix: str) -> dict[str, str]:
    """Of the model that settings name, and its adapter."""
    if settings.model is None:
        return {}
    from weaklabel.training.embedding import minilm_folder
    from weaklabel.training.models.saving import model_hash

    model = str(minilm_folder()) if settings.model == "minilm" else settings.model
    named = {"model": model, "adapter": settings.adapter}
    return {f"{prefix}{name}": model_hash(value) for name, value in named.items() if value is not None}


@checked_arguments
def evaluator(
    data: AnyLabels | Pairs | PairSource,
    *,
    output_dir: str | Path,
    checker: Check | str | None = None,
    **settings: Any,
) -> StageResult:
    """Train an evaluator from labels, from gold, or from what a small model answers while it learns demonstrations.

    Called again with the same arguments after a kill, it goes on and ends with the same files.

    Args:
        data: demonstrations, as `read_demonstrations` takes them, where there is a checker; else labels, or pairs with gold.
        output_dir: the stage's own folder; `result.model` in it is the evaluator, which `weaklabel.load` opens.
        checker: `(prompt, response)` -> True, False or a number, right above 0.5; or its name, `module:function`.
        **settings: of `EvaluatorSettings`: `model` or `from_scratch`, `held_out_share`, `answers`, and those of training.

    Raises:
        ConfigError, UnknownNameError: settings that are not known or do not fit.
        DataError, LayoutError: nothing to learn. NotCalibratedError: labels that were never calibrated.
        ArtifactError: a model that does not load, or the folder of another stage.
        TrainingError: no memory, or a loss that is not a number.
    """
    if callable(checker):
        given = EvaluatorSettings(**settings, checker="given:function")
        if isinstance(data, Labels | LabelsFile | Pairs):
            raise DataError(
                "evaluator: a checker needs demonstrations, not pairs. Give prompts with reference answers."
            )
        found = read_demonstrations(data, columns=dict(given.columns))
        return carry_out(EvaluatorStage(given, ToBuild(found, Checker(checker))), output_dir)
    chosen = EvaluatorSettings(**settings, checker=checker)
    return carry_out(EvaluatorStage.of(chosen, Materials.given(chosen, data)), output_dir)
