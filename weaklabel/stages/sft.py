"""The stage `sft`: a language model learns demonstrations, or the better response of every labelled pair.

    demonstrations --(held-out prompts)--> train_sft, watched by the audit --> model/  audit.*  log.jsonl

The loss is that of `training.sft`: tokens of the response alone, each example by its weight.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, ClassVar

from weaklabel._arguments import checked as checked_arguments
from weaklabel.data.asked.demonstrations import Demonstrations, read_demonstrations
from weaklabel.data.sources import PairSource
from weaklabel.export.selection import AnyLabels
from weaklabel.lf.core import LabelingFunction
from weaklabel.stages.contract import Figures, Round, Stage, StageResult, scratch
from weaklabel.stages.ending import end_round
from weaklabel.stages.materials import Materials, left_out_of
from weaklabel.stages.policy import Policy, PolicySettings
from weaklabel.stages.rounds import carry_out
from weaklabel.stages.watching import Watched, shared_prompts, watched_by
from weaklabel.training.settings import TrainingSettings, checked
from weaklabel.types import CanCompare, prompt_key


@checked
@dataclass(frozen=True, kw_only=True)
class SFTSettings(PolicySettings):
    """Settings of supervised finetuning, beside those of every policy and its training.

    `data` are demonstrations, as `read_demonstrations` takes them; without, the better response of every label is learned.

    Attributes:
        min_confidence: of the labels to learn from, where there is no `data`: 0 for all, or from .5 on.
        allow_uncalibrated: learn from labels that were never calibrated.

    Raises:
        ConfigError, UnknownNameError: as for every policy.
    """

    min_confidence: float = 0.0
    allow_uncalibrated: bool = False

    OWNER: ClassVar[str] = "sft"
    RANGES: ClassVar[Mapping[str, tuple[float, float]]] = {
        **PolicySettings.RANGES,
        "min_confidence": (0, 1),
    }


class SFT(Stage):
    """One round of supervised finetuning.

    Args:
        settings: how.
        demonstrations: to learn.
        eval_data: demonstrations that choose the checkpoint; none keeps the last one.
        watched: what the audit looks at; None for no audit.
    """

    kind: ClassVar[str] = "sft"

    def __init__(
        self,
        settings: SFTSettings,
        demonstrations: Demonstrations,
        *,
        eval_data: Demonstrations | None = None,
        watched: Watched | None = None,
    ) -> None:
        super().__init__()
        self._settings, self._data, self._watched = settings, demonstrations, watched
        self._eval = Demonstrations([]) if eval_data is None else eval_data
        texts = [
            text for row in (*demonstrations.rows, *self._eval.rows) for text in (row.prompt, row.completion)
        ]
        self._policy = Policy(settings, texts)
        self.notes += [*left_out_of(demonstrations, "data"), *left_out_of(self._eval, "eval_data")]

    @classmethod
    def of(cls, settings: SFTSettings, materials: Materials) -> SFT:
        """The stage from settings whose paths are resolved, and what they draw on.

        Raises:
            ConfigError: nothing to learn from. DataError, LayoutError: data that cannot be read.
        """
        columns = dict(settings.columns)
        found = materials.demonstrations(
            settings.data,
            columns,
            min_confidence=settings.min_confidence,
            allow_uncalibrated=settings.allow_uncalibrated,
        )
        given = (
            None if settings.eval_data is None else read_demonstrations(settings.eval_data, columns=columns)
        )
        found, watched, note = watched_by(settings, materials, found, given)
        made = cls(settings, found, eval_data=given, watched=watched)
        made.notes += [] if note is None else [note]
        learned, judging = (
            (prompt_key(row.prompt) for row in each.rows) for each in (made._data, made._eval)
        )
        made.notes += shared_prompts(learned, judging)
        return made

    @property
    def inputs(self) -> Mapping[str, str]:
        data = {"demonstrations": self._data.hash, "eval_data": self._eval.hash}
        return self._policy.inputs | data | ({} if self._watched is None else self._watched.inputs)

    @property
    def settings(self) -> Mapping[str, Any]:
        return self._settings.told()

    def make_round(self, number: int, work: Path, before: Sequence[Round]) -> Figures:
        model, tokenizer = self._policy.load()
        from weaklabel.training.sft import train_sft  # behind `load`, which says so where torch is missing

        settings, lowered = self._policy.fitting(model, tokenizer, TrainingSettings)
        if lowered is not None:
            self.notes.append(lowered)
        auditor = None if self._watched is None else self._watched.auditor(tokenizer, work)
        training = scratch(work) / "training"
        done = train_sft(
            model,
            tokenizer,
            self._data.rows,
            gold=self._eval.rows,
            settings=settings,
            folder=training,
            watch=None if auditor is None else auditor.watch,
        )
        figures: dict[str, float | int | str | None] = {
            "demonstrations": len(self._data) - done.empty - done.weightless,
            "empty responses": done.empty,
            "weightless": done.weightless,
            "prompts cut": done.truncated.prompts,
            "responses cut": done.truncated.responses,
            "steps": done.steps,
            "best step": done.best,
            "loss": done.losses[-1][1] if done.losses else None,
            "eval nll": min((nll for _, nll in done.checks), default=None),
        }
        if done.truncated.prompts or done.truncated.responses:
            self.notes.append(
                f"max_length is {settings.max_length}: {done.truncated}. A response that is cut teaches no end; raise max_length "
                "where there are many."
            )
        end_round(
            self,
            self._policy,
            (model, tokenizer),
            figures,
            work,
            by="by supervised finetuning",
            auditor=auditor,
            training=training,
        )
        return figures


@checked_arguments
def sft(
    data: AnyLabels | PairSource,
    *,
    output_dir: str | Path,
    lfs: Sequence[LabelingFunction] = (),
    comparer: CanCompare | None = None,
    **settings: Any,
) -> StageResult:
    """Train a language model on demonstrations, or on the better response of every label.

    Called again with the same arguments after a kill, it goes on and ends with the same files.

    Args:
        data: demonstrations, as `read_demonstrations` takes them, or labels.
        output_dir: the stage's own folder; see `stages.contract` for what stands in it.
        lfs: labeling functions that watch what the policy says; see `stages.audit`.
        comparer: what made the labels, watched too.
        **settings: of `SFTSettings`: `model` or `from_scratch`, and any of TRL's that mean the same.

    Raises:
        ConfigError, UnknownNameError: settings that are not known or do not fit.
        DataError, LayoutError: nothing to learn.
        ArtifactError: a model that does not load, or the folder of another stage.
        TrainingError: no memory, a loss that is no number, or an audit that ends the run.
    """
    chosen = SFTSettings(**settings)
    return carry_out(SFT.of(chosen, Materials.given(chosen, data, lfs, comparer)), output_dir)
