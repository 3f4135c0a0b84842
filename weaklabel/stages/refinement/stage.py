"""The stage `ilr`: iterative label refinement. Comparisons are spent on the demonstrations, and training starts again.

    round 0    demonstrations --> policy
    round k    labels of round k - 1 --(fold models)--> proposals --(comparer)--> labels of round k --> policy, from the base

Source: Ye, Laidlaw & Steinhardt (2025, arXiv 2501.07886), section 3. Departures: the comparer is anything that can compare, such as
a label model over labeling functions; any number of folds; and the prior of `stages.incumbent`.

What a round decides stands in `editing`, what only reports see in `judging`.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import partial
from pathlib import Path
from typing import Any, ClassVar, Final

import numpy as np

from weaklabel._arguments import checked as checked_arguments
from weaklabel.artifacts import atomic_file, content_hash
from weaklabel.comparers.checker import Check, Checker
from weaklabel.data.asked.demonstrations import Demonstrations, read_demonstrations
from weaklabel.data.sources import PairSource
from weaklabel.errors import ConfigError, DataError
from weaklabel.export.folder import write_jsonl
from weaklabel.groups import Comparison, Group
from weaklabel.lf.core import LabelingFunction
from weaklabel.stages.contract import Figures, Round, Stage, StageResult, scratch, starting_model
from weaklabel.stages.ending import end_round
from weaklabel.stages.materials import Materials, left_out_of, names_apart
from weaklabel.stages.policy import Policy
from weaklabel.stages.refinement import judging
from weaklabel.stages.refinement.editing import Edits, edits
from weaklabel.stages.refinement.labels import Label, folds_of, given_labels, read_labels, write_labels
from weaklabel.stages.refinement.sampled import samples_compared
from weaklabel.stages.refinement.settings import ILRSettings
from weaklabel.stages.refinement.teacher import Teacher, teacher_of
from weaklabel.stages.rounds import carry_out
from weaklabel.stages.watching import Watched, shared_prompts, watched_by
from weaklabel.training.sampling import Sampling
from weaklabel.training.settings import TrainingSettings
from weaklabel.types import CanCompare, prompt_key
from weaklabel.types.demonstration import Demonstration

DECISIONS: Final = "decisions.jsonl"
_BY: Final = (
    "on demonstrations that were refined. Beside its folder, labels.jsonl holds what it learned and where each label comes "
    "from, decisions.jsonl what was compared"
)


@dataclass(frozen=True)
class Known:
    """What only reports see.

    Attributes:
        truth: whether a response is right; None where nobody knows.
        prompts: demonstrations whose prompts the policy of each round is asked.
    """

    truth: Checker | None = None
    prompts: Sequence[Demonstration] = ()


@dataclass
class _Refined:
    """What a round came to before its policy learned it."""

    labels: list[Label]
    figures: dict[str, float | int | str | None] = field(default_factory=dict)
    decisions: list[dict[str, Any]] = field(default_factory=list)
    groups: list[Group] = field(default_factory=list)


class ILR(Stage):
    """Rounds of iterative label refinement.

    Args:
        settings: how.
        demonstrations: as they were given.
        teacher: who compares.
        hashes: of the comparer, the expert and the agreement test, by name.
        known: what only reports see.
        eval_data: demonstrations that choose the checkpoint of each round's policy; none keeps the last one.
        watched: what the audit looks at; None for no audit.
    """

    kind: ClassVar[str] = "ilr"

    def __init__(
        self,
        settings: ILRSettings,
        demonstrations: Demonstrations,
        teacher: Teacher,
        *,
        hashes: Mapping[str, str],
        known: Known | None = None,
        eval_data: Demonstrations | None = None,
        watched: Watched | None = None,
    ) -> None:
        super().__init__()
        self._settings, self._data, self._teacher, self._hashes = settings, demonstrations, teacher, hashes
        self._known = Known() if known is None else known
        self._eval = Demonstrations([]) if eval_data is None else eval_data
        self._watched = watched
        rows = (*demonstrations.rows, *self._eval.rows)
        self._policy = Policy(settings, [text for row in rows for text in (row.prompt, row.completion)])
        self.notes += left_out_of(demonstrations, "data")

    @classmethod
    def of(
        cls, settings: ILRSettings, materials: Materials, *, truth: Checker | None = None, expert: Any = None
    ) -> ILR:
        """The stage from settings whose paths are resolved, and what they draw on.

        Raises:
            ConfigError: no demonstrations, no comparer, fewer prompts than folds, or an arm that needs truth without it.
            DataError, LayoutError: data that cannot be read.
        """
        columns = dict(settings.columns)
        source = settings.data if settings.data is not None else materials.source
        if source is None:
            raise ConfigError("ilr: there are no demonstrations to refine. Give data.")
        found = read_demonstrations(source, columns=columns)
        given = (
            None if settings.eval_data is None else read_demonstrations(settings.eval_data, columns=columns)
        )
        truth = Checker.named(settings.truth) if truth is None and settings.truth is not None else truth
        teacher, hashes = teacher_of(settings, materials, truth, expert)
        test = (
            []
            if settings.test_data is None
            else read_demonstrations(settings.test_data, columns=columns).rows
        )
        if test and truth is None:
            raise ConfigError("ilr: test_data is set, and nothing says which answers are right. Give truth.")
        found, watched, note = watched_by(settings, materials, found, given)
        if settings.way.divides:
            folds_of(given_labels(found.rows), settings.n_folds, settings.seed)  # before anything is trained
        made = cls(
            settings,
            found,
            teacher,
            hashes=hashes,
            known=Known(truth, test),
            eval_data=given,
            watched=None if watched is None else replace(watched, training_comparer=None),
        )
        made.notes += [] if note is None else [note]
        learned = [prompt_key(row.prompt) for row in found.rows]
        for what, rows in (("eval_data", made._eval.rows), ("test_data", test)):
            made.notes += shared_prompts(learned, (prompt_key(row.prompt) for row in rows), what)
        return made

    @property
    def inputs(self) -> Mapping[str, str]:
        pinned = [k for k, row in enumerate(self._data.rows) if row.pinned]
        data = {
            "demonstrations": content_hash(self._data.hash, repr(pinned)),
            "eval_data": self._eval.hash,
            "test_data": content_hash(*map(repr, self._known.prompts)),
        }
        if self._known.truth is not None:
            data["truth"] = self._known.truth.code_hash()
        found = self._policy.inputs | data | dict(self._hashes)
        return found if self._watched is None else found | self._watched.inputs

    @property
    def settings(self) -> Mapping[str, Any]:
        return self._settings.told()

    @property
    def n_rounds(self) -> int:
        return self._settings.num_rounds + 1

    def make_round(self, number: int, work: Path, before: Sequence[Round]) -> Figures:
        made = self._first() if number == 0 else self._refined(number, work, before)
        if not made.labels:
            raise DataError(f"ilr: round {number} leaves no demonstration to learn. Choose another arm.")
        write_labels(made.labels, work)
        with atomic_file(work / DECISIONS) as path:
            write_jsonl(path, made.decisions)
        if self._known.truth is not None:
            made.figures |= judging.of_labels(self._known.truth, made.labels)
        made.figures |= {"demonstrations": len(made.labels)}
        self._train(made, work, before)
        return made.figures

    # ------------------------------------------------------------------------------------ what is learned
    def _first(self) -> _Refined:
        labels = given_labels(self._data.rows)
        if not self._settings.way.drops_wrong:
            return _Refined(labels)
        assert self._known.truth is not None
        right = judging.are_right(
            self._known.truth,
            [label.demonstration.prompt for label in labels],
            [label.text for label in labels],
        )
        kept = [label for label, good in zip(labels, right, strict=True) if good]
        return _Refined(kept, {"dropped as wrong": len(labels) - len(kept)})

    def _refined(self, number: int, work: Path, before: Sequence[Round]) -> _Refined:
        way = self._settings.way
        labels = read_labels(before[-1].folder)
        if way.compares == "samples":
            return self._sampled(number, labels, work, before)
        found = self._edited(number, labels, work, before)
        made = _Refined(list(labels), dict(found.figures), found.rows_of(labels))
        if way.then == "drop":
            gone = set(found.rows[found.accepted].tolist())
            made.labels = [label for k, label in enumerate(labels) if k not in gone]
        elif way.then == "prefer":
            made.groups = [
                _group(labels[row], labels[row].text, proposal, float(belief))
                for row, proposal, belief in zip(found.rows, found.proposals, found.belief, strict=True)
            ]
        else:
            for k in np.flatnonzero(found.accepted):
                row, source = int(found.rows[k]), f"round {number}, {found.sources[k]}"
                made.labels[row] = labels[row].replaced_by(
                    found.proposals[k], round=number, source=source, belief=float(found.belief[k])
                )
            made.figures["replaced"] = int(found.accepted.sum())
        if self._known.truth is not None:  # everything is decided
            some = [labels[row] for row in found.rows]
            made.figures |= judging.of_decisions(
                self._known.truth, some, found.proposals, found.p, found.accepted
            )
        idle = sum(not each.figures.get("accepted") for each in before[1:]) + (not found.accepted.any())
        made.figures["share of rounds that change nothing"] = idle / number
        self.notes += found.notes
        return made

    def _edited(self, number: int, labels: Sequence[Label], work: Path, before: Sequence[Round]) -> Edits:
        from weaklabel.stages.refinement import proposing

        folder, settings = scratch(work) / "proposals", self._settings
        start = None if settings.start_from == "base" else Path(starting_model("", "previous", before))
        load = partial(self._policy.load, start)
        sources: Sequence[str]
        if settings.way.proposes == "itself":
            model, tokenizer = self._policy.load(before[-1].model)
            asked = [label.asked for label in labels]
            found = [proposing.answered(model, tokenizer, asked, settings.proposing, folder)]
            sources = ["the policy before"] * len(labels)
        else:
            model, tokenizer = load()
            training, _ = self._policy.fitting(model, tokenizer, TrainingSettings)
            given: dict[str, Any] = {"n_folds": settings.n_folds, "seed": settings.seed + number}
            if settings.way.proposes == "both":
                found, sources = proposing.proposals_of_two(
                    load, labels, training, settings.proposing, folder, **given
                )
            else:
                one, sources = proposing.proposals_of_others(
                    load, labels, training, settings.proposing, folder, **given
                )
                found = [one]
        return edits(self._teacher, labels, found, sources, number=number, folder=work)

    def _sampled(self, number: int, labels: Sequence[Label], work: Path, before: Sequence[Round]) -> _Refined:
        settings = self._settings
        model, tokenizer = self._policy.load(before[-1].model)
        found = samples_compared(
            model, tokenizer, labels, self._teacher, settings.sampling, number, scratch(work) / "samples"
        )
        made = _Refined(list(labels), dict(found.figures), found.decisions())
        if settings.way.then == "prefer":
            made.groups = [_group(label, a, b, p) for label, a, b, p in found.kept]
        else:
            for k, label, text, belief in found.chosen():
                made.labels[k] = label.replaced_by(
                    text, round=number, source=f"round {number}, a sample", belief=belief
                )
        return made

    # ------------------------------------------------------------------------------------ the policy
    def _train(self, made: _Refined, work: Path, before: Sequence[Round]) -> None:
        settings = self._settings
        by_dpo = settings.way.then == "prefer" and bool(before)
        nothing = by_dpo and all(c.p == 0.5 for group in made.groups for c in group.comparisons)
        start = before[-1].model if before and (by_dpo or settings.start_from == "previous") else None
        model, tokenizer = self._policy.load(start)
        training, lowered = self._policy.fitting(model, tokenizer, TrainingSettings)
        self.notes += [] if lowered is None else [lowered]
        auditor = None if self._watched is None else self._watched.auditor(tokenizer, work)
        folder = scratch(work) / "training"
        more: dict[str, Any] = {"folder": folder, "watch": None if auditor is None else auditor.watch}
        if nothing:
            self.notes.append(
                f"round {len(before)} teaches nothing: no comparison names a better answer. Its policy is that before."
            )
            done: Any = None
        elif by_dpo:
            from weaklabel.training.dpo.train import train_dpo

            learn = replace(settings.dpo_settings, max_length=training.max_length)
            reference = self._policy.load()[0] if settings.reference == "initial" else None
            done = train_dpo(model, tokenizer, made.groups, settings=learn, reference=reference, **more)
        else:
            from weaklabel.training.sft import train_sft

            rows = [label.demonstration for label in made.labels]
            done = train_sft(model, tokenizer, rows, gold=self._eval.rows, settings=training, **more)
        if done is not None:
            made.figures |= {"steps": done.steps, "best step": done.best}
            made.figures["loss"] = done.losses[-1][1] if done.losses else None
        if self._known.truth is not None and self._known.prompts:
            made.figures |= self._tested(model, tokenizer, work)
        end_round(
            self,
            self._policy,
            (model, tokenizer),
            made.figures,
            work,
            by=_BY,
            auditor=None if done is None else auditor,
            training=None if done is None else folder,
            previous=start,
        )

    def _tested(self, model: Any, tokenizer: Any, work: Path) -> Figures:
        from weaklabel.stages.refinement.proposing import answered

        drawing, at_once = self._settings.proposing
        greedy = Sampling(max_new_tokens=drawing.max_new_tokens, temperature=0.0, stop=drawing.stop)
        asked = [label.asked for label in given_labels(self._known.prompts)]
        answers = answered(model, tokenizer, asked, (greedy, at_once), scratch(work) / "test")
        assert self._known.truth is not None
        prompts = [row.prompt for row in self._known.prompts]
        return judging.of_policy(self._known.truth, prompts, answers, self._settings.seed)


def _group(label: Label, a: str, b: str, p: float) -> Group:
    row = label.demonstration
    return Group(row.prompt, (a, b), (Comparison(0, 1, p, 1.0),), row.messages)


@checked_arguments
def ilr(
    data: PairSource,
    *,
    output_dir: str | Path,
    comparer: CanCompare | str | Path | None = None,
    expert: CanCompare | str | Path | None = None,
    truth: Check | str | None = None,
    lfs: Sequence[LabelingFunction] = (),
    **settings: Any,
) -> StageResult:
    """Refine demonstrations by comparisons, and train a policy on them from its base, round after round.

    Called again with the same arguments after a kill, it goes on and ends with the same files. A comparer or an expert
    that is an object is told from another by its class and, where it has one, its attribute `identity`.

    Args:
        data: demonstrations, as `read_demonstrations` takes them; rows whose `pinned` is true are never replaced.
        output_dir: the stage's own folder. Each round's labels stand in `labels.jsonl` there, which `sft` takes as data.
        comparer: says which of two responses is better, such as a labeler, or the name of one, as `open_comparer` takes it.
        expert: asked about `audit_sample` pairs a round, to learn how often proposals are better.
        truth: `(prompt, response)` -> whether it is right, or its name; for figures alone.
        lfs: labeling functions that watch what the policy says; see `stages.audit`.
        **settings: of `ILRSettings`: `model` or `from_scratch`, `num_rounds`, `alpha`, `n_folds`, `agree`, and those of training.

    Raises:
        ConfigError, UnknownNameError: settings that are not known or do not fit, or nobody who compares.
        DataError, LayoutError: nothing to learn. ArtifactError: a model that does not load, or the folder of another stage.
        TrainingError: no memory, a loss that is no number, or an audit that ends the run.
    """
    objects, named = names_apart(comparer=comparer, expert=expert, truth=truth)
    if objects.get("expert") is not None:
        named["expert"] = "given"
    chosen = ILRSettings(**settings, **named)
    materials = Materials.given(chosen, data, lfs, objects.get("comparer"))
    known = Checker(objects["truth"]) if callable(objects.get("truth")) else None
    return carry_out(ILR.of(chosen, materials, truth=known, expert=objects.get("expert")), output_dir)
