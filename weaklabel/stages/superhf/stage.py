"""The stage `superhf`: the policy is finetuned on the best of its own samples, superbatch after superbatch, held to a prior.

    prompts --(policy as it is)--> superbatch --(trim, comparer)--> the best of each prompt --(NLL + beta KL)--> policy ...

Source: Mukobi et al. (2023, arXiv 2310.16763), algorithm 1 and its code. Departures: the KL is a mean over tokens (see
`training.superhf.loss`); a text that was trimmed teaches where to end; only the words of transcripts (Human, Assistant, ...) begin
another speaker's turn, because "Note:" is a speaker of nobody; a step that is not finite ends the run and is not skipped.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any, ClassVar

from weaklabel._arguments import checked as checked_arguments
from weaklabel.comparers.checker import Check
from weaklabel.comparers.expert import CanScore
from weaklabel.data.asked.prompts import Prompt, read_prompts
from weaklabel.data.sources import PairSource
from weaklabel.export.selection import AnyLabels
from weaklabel.lf.core import LabelingFunction
from weaklabel.stages.best_of.judging import Judge, two_judges
from weaklabel.stages.best_of.sampled import left_out_of_prompts, prompts_hash, prompts_of
from weaklabel.stages.contract import Figures, Round, Stage, StageResult, scratch
from weaklabel.stages.ending import end_round
from weaklabel.stages.materials import Materials, names_apart
from weaklabel.stages.policy import Policy
from weaklabel.stages.rounds import carry_out
from weaklabel.stages.superhf.looking import rewards_gained, seconds_told, watching
from weaklabel.stages.superhf.settings import SuperHFSettings
from weaklabel.stages.superhf.superbatches import Superbatches
from weaklabel.stages.watching import Watched, as_rows, shared_prompts, watched_prompts
from weaklabel.training.superhf.settings import SuperHFTrainingSettings
from weaklabel.types import CanCompare, prompt_key


class SuperHF(Stage):
    """Rounds of SuperHF.

    Args:
        settings: how.
        prompts: that are sampled.
        judge: says which samples are best.
        held_out: only looks on; None for nobody.
        hashes: of the two, by name.
        watched: what the audit looks at; None for no audit.
    """

    kind: ClassVar[str] = "superhf"
    shown: ClassVar[tuple[str, ...]] = (
        *("prompts", "samples", "kept", "undecided prompts", "loss", "reward, first", "reward, last"),
        *("sameness of the kept, first", "sameness of the kept, last"),
        *("reward gained", "reward gained low", "reward gained high"),
        *("held-out reward gained", "held-out reward gained low", "held-out reward gained high"),
        *("kl", "ended", "warnings"),
    )

    def __init__(
        self,
        settings: SuperHFSettings,
        prompts: Sequence[Prompt],
        judge: Judge,
        *,
        held_out: Judge | None = None,
        hashes: Mapping[str, str],
        watched: Watched | None = None,
    ) -> None:
        super().__init__()
        self._settings, self._prompts, self._judge, self._held_out = settings, prompts, judge, held_out
        self._hashes, self._watched = hashes, watched
        self._policy = Policy(settings, [prompt.text for prompt in prompts])

    @classmethod
    def of(
        cls, settings: SuperHFSettings, materials: Materials, *, comparer: Any = None, held_out: Any = None
    ) -> SuperHF:
        """The stage from settings whose paths are resolved, and what they draw on.

        Args:
            settings: how.
            materials: labels, functions and comparers.
            comparer, held_out: objects in the place of the settings' names.

        Raises:
            ConfigError: no prompts, no comparer, one that reads columns, or the same one twice.
            DataError, LayoutError: prompts that cannot be read.
        """
        found, n_locked = prompts_of(settings.data, settings.columns, materials, "superhf")
        judge, looks_on, hashes = two_judges(
            settings.comparer,
            settings.held_out,
            materials,
            comparer=comparer,
            held_out=held_out,
            who="superhf",
        )
        judging = None
        if settings.eval_data is not None:
            judging = as_rows(read_prompts(settings.eval_data, columns=settings.columns).prompts)
        prompts, watched, note = watched_prompts(settings, materials, found.prompts, judging)
        if watched is not None:
            watched = watching(watched, settings, judge, looks_on)
        made = cls(settings, prompts, judge, held_out=looks_on, hashes=hashes, watched=watched)
        made.notes += [] if note is None else [note]
        made.notes += left_out_of_prompts(found, n_locked)
        if judging is not None:
            learned = (prompt_key(prompt.text) for prompt in prompts)
            made.notes += shared_prompts(learned, (prompt_key(row.prompt) for row in judging.rows))
        return made

    @property
    def inputs(self) -> Mapping[str, str]:
        found = self._policy.inputs | {"prompts": prompts_hash(self._prompts)} | dict(self._hashes)
        return found if self._watched is None else found | self._watched.inputs

    @property
    def settings(self) -> Mapping[str, Any]:
        return self._settings.told()

    @property
    def n_rounds(self) -> int:
        return self._settings.num_rounds

    def make_round(self, number: int, work: Path, before: Sequence[Round]) -> Figures:
        settings = replace(self._settings, seed=self._settings.seed + number)
        start = before[-1].model if settings.start_from == "previous" and before else None
        model, tokenizer = self._policy.load(start)
        from weaklabel.training.superhf.train import (
            train_superhf,
        )  # behind `load`, which says so where torch is missing

        training, lowered = self._policy.fitting(model, tokenizer, SuperHFTrainingSettings)
        self.notes += [] if lowered is None else [lowered]
        drawing = Superbatches(
            self._prompts, self._judge, self._held_out, settings, training.max_length, tokenizer, work
        )
        if drawing.n_cut:
            self.notes.append(
                f"{drawing.n_cut:,} of {len(self._prompts):,} prompts lost their beginning: max_length is {training.max_length}, and an "
                f"answer has room for max_new_tokens, {settings.max_new_tokens}."
            )
        auditor = None if self._watched is None else self._watched.auditor(tokenizer, work)
        folder = scratch(work) / "training"
        done = train_superhf(
            model,
            tokenizer,
            drawing,
            n_superbatches=drawing.in_a_pass,
            settings=replace(training, seed=settings.seed),
            folder=folder,
            data=self.inputs,
            prior=self._prior(tokenizer, start, before),
            told=drawing.kept.told,
            watch=None if auditor is None else auditor.watch,
        )
        drawing.kept.load()
        figures = {"prompts": len(self._prompts), **drawing.kept.figures()}
        learned = done.logged("loss", "nll", "kl")
        names = "loss", "nll", "kl of the kept"  # `kl` is the audit's, over answers to its own prompts
        figures |= dict(zip(names, learned[-1][1:] if learned else [None] * 3, strict=True))
        if settings.beta == 0:
            figures["kl of the kept"] = None  # no prior is asked
        if auditor is not None:
            figures |= rewards_gained(auditor, self._judge, self._held_out, settings.seed)
        self.notes += seconds_told(done.seconds)
        end_round(
            self,
            self._policy,
            (model, tokenizer),
            figures,
            work,
            by="by SuperHF: on the best of its own samples, held to a prior",
            auditor=auditor,
            training=folder,
            previous=start,
        )
        return figures

    def _prior(self, tokenizer: Any, start: Path | None, before: Sequence[Round]) -> Any:
        """The model that the KL is held against; None where it is the policy with its adapters off, or nobody."""
        settings = self._settings
        if not settings.beta:
            return None
        if settings.ref_model is not None:
            return self._policy.reference(settings.ref_model, tokenizer)
        wanted = before[-1].model if settings.reference == "previous" and before else None
        if settings.lora_r is not None and wanted == start:
            return None
        whole = Policy(replace(settings, lora_r=None), [prompt.text for prompt in self._prompts])
        return whole.load(wanted)[0].requires_grad_(False)


@checked_arguments
def superhf(
    prompts: AnyLabels | PairSource,
    *,
    output_dir: str | Path,
    comparer: CanCompare | CanScore | Check | str | Path | None = None,
    held_out: CanCompare | CanScore | Check | str | Path | None = None,
    lfs: Sequence[LabelingFunction] = (),
    **settings: Any,
) -> StageResult:
    """Finetune a language model on the best of its own samples, superbatch after superbatch, held to a prior.

    Called again with the same arguments after a kill, it goes on and ends with the same files. A comparer that is an object is
    told from another by its class and, where it has one, its attribute `identity`.

    Args:
        prompts: whatever `read_pairs` takes, or rows with a column `prompt` or `messages`; or labels, for their prompts.
        output_dir: the stage's own folder. Beside each round's model stands superbatches.jsonl: what was kept, with rewards.
        comparer: says which sample is better: a reward model, a labeler, a function of (prompt, response), ..., or the name of
            one, as `open_comparer` takes it.
        held_out: another one, which has no part in the choice; what it makes of the policy is reported.
        lfs: labeling functions that watch what the policy says, and among which a comparer that is named finds its own.
        **settings: of `SuperHFSettings`: `model` or `from_scratch`, `superbatch_size`, `beta`, `max_new_tokens`, and those of training.

    Raises:
        ConfigError, UnknownNameError: settings that are not known or do not fit, or nobody who compares.
        DataError, LayoutError: no prompts. LabelMatrixError: rewards that are not finite.
        ArtifactError: a model that does not load, or the folder of another stage.
        TrainingError: no memory, a loss that is not a number, rewards that tell nothing apart, or an audit that ends the run.
    """
    judges, named = names_apart(comparer=comparer, held_out=held_out)
    chosen = SuperHFSettings(**settings, **named)
    return carry_out(SuperHF.of(chosen, Materials.given(chosen, prompts, lfs), **judges), output_dir)
