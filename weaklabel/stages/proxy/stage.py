"""The stage `proxy`: few answers of an expert teach an evaluation model, which labels many pairs, which teach the policy.

    policy --> samples --(rule)--> questions --(expert)--> answers --> evaluation model --> best against worst --(DPO)--> policy

Source: Chen et al. (2024, arXiv 2407.02119), of which no code was published. Departures: the evaluation model is a reward model (or a
head that expects a rubric's score), for a small model writes no justifications; its pairs are learned with their beliefs, and those
that the expert answered with the answers; questions can be asked in batches between which it is fitted again; and labels that were
there before, of people or of labeling functions, teach it too.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any, ClassVar

import numpy as np

from weaklabel._arguments import checked as checked_arguments
from weaklabel.acquisition.embedding import Reader, reader_of
from weaklabel.artifacts import content_hash, file_hash
from weaklabel.comparers.checker import Check
from weaklabel.comparers.expert import CanScore
from weaklabel.comparers.metered import Metered
from weaklabel.data.sources import PairSource
from weaklabel.errors import DataError
from weaklabel.export.selection import AnyLabels
from weaklabel.lf.core import LabelingFunction
from weaklabel.metrics import bootstrap
from weaklabel.stages.best_of.sampled import Draws, prompts_hash, samples_of
from weaklabel.stages.contract import Figures, Round, Stage, StageResult, scratch
from weaklabel.stages.ending import end_round
from weaklabel.stages.materials import Materials, names_apart
from weaklabel.stages.policy import Policy, named_model_hash
from weaklabel.stages.proxy.answers import Answers
from weaklabel.stages.proxy.asking import Asked, Asking, metered
from weaklabel.stages.proxy.candidates import OFF_POLICY, Candidates
from weaklabel.stages.proxy.curve import POINTS, curve_of
from weaklabel.stages.proxy.evaluation import Evaluated, EvaluationModel
from weaklabel.stages.proxy.given import Given, given_of
from weaklabel.stages.proxy.labelling import (
    BY_PROXY,
    PAIRS,
    Labelled,
    agreement,
    learned_pairs,
    read_groups,
    write_pairs,
    write_samples,
)
from weaklabel.stages.proxy.reports import Histogram, figures_of, responses_of, told_apart
from weaklabel.stages.proxy.settings import THIS_POLICY, ProxySettings
from weaklabel.stages.rounds import carry_out
from weaklabel.training.dpo.settings import DPOTrainingSettings
from weaklabel.types import CanCompare, Pairs, answer_of

EVALUATOR = "evaluator"
_BY = (
    "by direct preference optimisation on pairs of its own samples, which an evaluation model labelled. Beside its folder, pairs.parquet "
    "holds what it learned, answers.jsonl what the expert was asked, and evaluator/ the model that stands in for the expert"
)


class Proxy(Stage):
    """Rounds of the proxy-reward loop.

    Args:
        settings: how.
        given: prompts, expert and labels.
    """

    kind: ClassVar[str] = "proxy"

    def __init__(self, settings: ProxySettings, given: Given) -> None:
        super().__init__()
        self._settings, self._given = settings, given
        texts = [prompt.text for prompt in given.prompts]
        for pairs in (given.off_policy, None if given.seed is None else given.seed.pairs):
            texts += [] if pairs is None else responses_of(pairs)[1]
        self._policy = Policy(settings, texts)

    @classmethod
    def of(
        cls, settings: ProxySettings, materials: Materials, *, expert: Any = None, held_out: Any = None
    ) -> Proxy:
        """The stage from settings whose paths are resolved, and what they draw on.

        Args:
            settings: how.
            materials: labels, functions and comparers.
            expert, held_out: objects in the place of the settings' names.

        Raises:
            ConfigError: no prompts, no expert, or one that reads columns; settings that ask for labels that are not there.
            NotCalibratedError: weak labels that were never calibrated.
            DataError, LayoutError: data that cannot be read, a pool of one prompt, or nothing of a kind that is asked for.
        """
        settings = settings.placed(materials.resolve)
        given, notes = given_of(settings, materials, expert, held_out)
        made = cls(settings, given)
        made.notes += notes
        return made

    @property
    def inputs(self) -> Mapping[str, str]:
        given = self._given
        found = self._policy.inputs | {"prompts": prompts_hash(given.prompts)} | dict(given.hashes)
        found |= {
            f"model of {name}": named_model_hash(value) for name, value in self._settings.models.items()
        }
        for name, taught in (("seed_labels", given.seed), ("gold", given.gold)):
            found |= {} if taught is None else {name: taught.hash}
        if given.off_policy is not None:
            found["off_policy_data"] = content_hash(
                *(part for both in responses_of(given.off_policy) for part in both)
            )
        return found if given.watched is None else found | given.watched.inputs

    @property
    def settings(self) -> Mapping[str, Any]:
        return self._settings.told()

    @property
    def n_rounds(self) -> int:
        return self._settings.num_rounds

    def make_round(self, number: int, work: Path, before: Sequence[Round]) -> Figures:
        settings = self._settings
        now = before[-1].model if before else None
        model, tokenizer = self._policy.load(now)
        drawing = (
            replace(settings.sampling, seed=settings.seed + number),
            settings.batch_size,
            settings.num_generations,
        )
        draws = samples_of(
            model, tokenizer, self._given.prompts, drawing, scratch(work) / "samples", who="proxy"
        )
        known = Answers.read(made.folder for made in before)
        expert = self._metered(work)
        evaluation = self._evaluation(now)
        asked = self._asking(expert, evaluation, model, tokenizer).asked(
            self._candidates(draws), known, number, scratch(work)
        )
        asked.answers.write(work)
        every = known + asked.answers.rows
        self.notes += asked.notes
        figures = self._asked(draws, asked, every, expert)
        figures |= self._labelled(draws, evaluation, every, asked, number, work)
        figures |= self._train(model, tokenizer, now, before, work, figures)
        return figures

    # ------------------------------------------------------------------------------------ asking
    def _metered(self, work: Path) -> Metered:
        settings, given = self._settings, self._given
        name = settings.expert or str(getattr(given.expert, "name", type(given.expert).__name__))
        return metered(
            given.expert, Path(name).name, given.hashes["expert"], settings, self._answers_in(work)
        )

    def _answers_in(self, work: Path) -> Path:
        """The folder of the expert's answers."""
        named = self._settings.answers_dir
        return work.parent / "answers" if named is None else Path(named)

    def _evaluation(self, now: Path | None) -> EvaluationModel:
        settings = self._settings
        policy = now if now is not None else None if settings.model is None else Path(settings.model)
        return EvaluationModel(settings, self._given.lfs, self._given.seed, policy)

    def _asking(self, expert: Metered, evaluation: EvaluationModel, model: Any, tokenizer: Any) -> Asking:
        settings, reader = self._settings, None
        if {"features", "text"} & set(settings.rule.needs) or settings.min_gain:
            reader = _reader(settings.embedding, model, tokenizer)
        return Asking(settings, expert, evaluation, reader, self._given.prior)

    def _candidates(self, draws: Draws) -> Candidates:
        single, given = self._settings.unit == "responses", self._given
        if given.off_policy is not None:
            found = Candidates.of(given.off_policy, single=single, origin=OFF_POLICY)
        else:
            found = Candidates.of_draws(draws, single=single)
        # What is known already is no question, nor is what judges.
        for taught in (given.seed, given.gold):
            if taught is not None and not single:
                known = taught.pairs.take(~np.isnan(taught.y))
                found = found.without(Candidates.of(known, single=False, origin="").keys)
        if not len(found):
            raise DataError(
                "proxy: there is nothing to ask: no prompt has two different samples, or all are known. Raise temperature, "
                "num_generations or max_new_tokens."
            )
        return found

    def _asked(
        self, draws: Draws, asked: Asked, every: Answers, expert: Metered
    ) -> dict[str, float | int | str | None]:
        spent = expert.ledger.spent
        figures: dict[str, float | int | str | None] = {
            **draws.counts,
            "questions": len(asked.answers),
            "answers": len(every),
            f"{self._settings.unit} paid": getattr(spent, self._settings.unit),
        }
        for unit in ("calls", "tokens", "money"):
            if amount := getattr(spent, unit):
                figures[f"{unit} paid"] = amount
        if asked.gain is not None:
            figures["expected gain of the best question"] = asked.gain
        return figures

    # ------------------------------------------------------------------------------------ labelling
    def _labelled(
        self, draws: Draws, evaluation: EvaluationModel, every: Answers, asked: Asked, number: int, work: Path
    ) -> dict[str, float | int | str | None]:
        settings, given = self._settings, self._given
        model = evaluation.fitted(every, scratch(work) / f"evaluator-{every.mark}")
        if model is None:
            raise DataError(_untaught(every, self._answers_in(work)))
        model.reward.save(work / EVALUATOR)
        self.notes += [f"the evaluation model: {note}" for note in model.reward.notes]
        labelled = Labelled.of(
            draws,
            model,
            policy=settings.from_scratch or Path(str(settings.model)).name,
            number=number,
            tie_margin=settings.tie_margin,
            max_pairs=settings.max_pairs,
            seed=settings.seed,
        )
        write_samples(draws, labelled, model, work)
        own = labelled if settings.learn != "answers" else None
        table = learned_pairs(own, every if settings.learn != "proxy" else Answers())
        if not len(table):
            raise DataError(_nothing(settings, labelled, draws))
        if (table["p"].to_numpy() == 0.5).all():
            raise DataError(
                f"proxy: all {len(table):,} pairs to learn are ties, which say nothing of what is better. {_elsewhere(self._answers_in(work))}"
            )
        write_pairs(table, work)
        n_proxy = table["labelled_by"].to_pylist().count(BY_PROXY)
        figures: dict[str, float | int | str | None] = {
            "pairs learned": len(table),
            "pairs by the evaluation model": n_proxy,
            "pairs per answer": n_proxy / len(every) if len(every) else None,
            "ties left out": labelled.n_ties,
            "pairs beyond max_pairs": labelled.n_beyond,
            "prompts without a choice": labelled.chosen.few + labelled.chosen.equal,
            "scale calibrated": str(model.reward.calibrated).lower(),
        }
        if not model.reward.calibrated:
            self.notes.append(
                f"how sure the evaluation model may be was not calibrated: that takes 50 certain answers or gold, and there are "
                f"{model.reward.n_gold_:,}."
            )
        if given.held_out is not None and len(labelled):
            figures |= self._agreeing(labelled)
        figures |= self._reports(draws, evaluation, model, labelled, every, asked, work)
        return figures

    def _agreeing(self, labelled: Labelled) -> dict[str, float | int | str | None]:
        """How often the held-out comparer names the same of the labelled pairs."""
        judge = self._given.held_out
        assert judge is not None
        p, gold, groups = agreement(labelled.table, answer_of("held_out", judge.asked, Pairs(labelled.table)))
        if not (gold != 0.5).any():
            return {"held-out agreement": None}
        drawn: dict[str, Any] = {"groups": groups, "seed": self._settings.seed}
        found = bootstrap("accuracy", p, gold, **drawn)
        return {
            "held-out agreement": found.value,
            "held-out agreement low": found.low,
            "held-out agreement high": found.high,
            "held-out nll": bootstrap("nll", p, gold, **drawn).value,
        }

    def _reports(
        self,
        draws: Draws,
        evaluation: EvaluationModel,
        model: Evaluated,
        labelled: Labelled,
        every: Answers,
        asked: Asked,
        work: Path,
    ) -> dict[str, float | int | str | None]:
        settings, given = self._settings, self._given
        others = {}
        if len(asked.answers):
            others["asked about"] = responses_of(asked.answers.pairs)
        seeds = given.off_policy if given.seed is None else given.seed.pairs
        if seeds is not None:
            others["seed responses"] = responses_of(seeds)
        scores = {name: model.expected(model.reward.score(*texts)) for name, texts in others.items()}
        histogram = Histogram.of(model.expected(labelled.scores), scores, every.words)
        histogram.write(work)
        distance = None
        if "seed responses" in others:
            distance = told_apart((draws.asked, list(draws.texts)), others["seed responses"], settings.seed)
        figures = figures_of(histogram, distance)
        n_points = settings.curve_points
        if n_points is None:
            n_points = POINTS if evaluation.is_quick else 0
        gold = None if given.gold is None else given.gold.pairs.take(~np.isnan(given.gold.y))
        curve = curve_of(
            evaluation, every, gold if gold is not None and len(gold) else None, n_points, settings.seed
        )
        if curve is not None and n_points:
            curve.write(work)
            last = curve.points[-1]
            self.notes.append(
                f"the evaluation model is judged {curve.judged_on}; curve.svg has it with fewer."
            )
            figures |= {
                "evaluation accuracy": last.accuracy.value,
                "evaluation accuracy low": last.accuracy.low,
                "evaluation accuracy high": last.accuracy.high,
                "evaluation nll": last.nll.value,
            }
        return figures

    # ------------------------------------------------------------------------------------ the policy
    def _train(
        self,
        model: Any,
        tokenizer: Any,
        now: Path | None,
        before: Sequence[Round],
        work: Path,
        so_far: Mapping[str, float | int | str | None],
    ) -> dict[str, float | int | str | None]:
        from weaklabel.training.dpo.train import train_dpo

        settings, given = self._settings, self._given
        start = now if settings.start_from == "previous" else None
        if start != now:
            model, tokenizer = self._policy.load(start)
        training, lowered = self._policy.fitting(model, tokenizer, DPOTrainingSettings)
        self.notes += [] if lowered is None else [lowered]
        held_to = now if settings.reference == "previous" else None
        reference = None if held_to == start else self._policy.load(held_to)[0].requires_grad_(False)
        auditor = None if given.watched is None else given.watched.auditor(tokenizer, work)
        # A budget that was raised after a kill leaves other pairs to learn.
        folder = scratch(work) / f"training-{file_hash(work / PAIRS)[:12]}"
        done = train_dpo(
            model,
            tokenizer,
            read_groups(work),
            gold=[] if given.gold is None else given.gold.groups(),
            settings=training,
            folder=folder,
            reference=reference,
            watch=None if auditor is None else auditor.watch,
        )
        figures: dict[str, float | int | str | None] = {
            "steps": done.steps,
            "best step": done.best,
            "loss": done.losses[-1][1] if done.losses else None,
        }
        told = dict(so_far) | figures
        end_round(
            self, self._policy, (model, tokenizer), told, work,
            by=_BY, auditor=auditor, training=folder, previous=start,
        )  # fmt: skip
        return {name: value for name, value in told.items() if name not in so_far}


def _reader(embedding: str, model: Any, tokenizer: Any) -> Reader | None:
    if embedding != THIS_POLICY:
        return reader_of(embedding)
    from weaklabel.training.hidden_states import HiddenStates

    return HiddenStates.of(model, tokenizer)


def _elsewhere(answers: Path) -> str:
    return (
        "Raise queries, take an expert who tells samples apart, or give seed_data: as another stage (another name, or output_dir in "
        f"Python), which with answers_dir = {str(answers)!r} pays nothing twice."
    )


def _untaught(every: Answers, kept_in: Path) -> str:
    if len(every):
        return (
            f"proxy: the expert gives all of {len(every):,} responses the score {every.said[0]:g}, which says nothing of what makes one "
            f"better. {_elsewhere(kept_in)}"
        )
    return (
        "proxy: nothing was asked, and there are no labels, so that nothing teaches the evaluation model. Lower min_gain, or give "
        "seed_data."
    )


def _nothing(settings: ProxySettings, labelled: Labelled, draws: Draws) -> str:
    if settings.learn == "answers":
        return (
            "proxy: the expert's answers leave no pair to learn: no prompt has two scored responses. Ask about pairs "
            '(unit = "pairs"), or learn the evaluation model\'s (learn = "proxy").'
        )
    return (
        f"proxy: the evaluation model leaves no pair to learn: of {len(draws.prompts):,} prompts {labelled.chosen.few:,} have fewer than "
        f"two usable samples, {labelled.chosen.equal:,} samples of one score, and {labelled.n_ties:,} are ties by tie_margin, "
        f"{settings.tie_margin:g}. Ask more, lower tie_margin, or raise temperature or num_generations."
    )


@checked_arguments
def proxy(
    prompts: AnyLabels | PairSource,
    *,
    output_dir: str | Path,
    expert: CanCompare | CanScore | Check | str | Path | None = None,
    held_out: CanCompare | CanScore | Check | str | Path | None = None,
    comparer: CanCompare | None = None,
    lfs: Sequence[LabelingFunction] = (),
    **settings: Any,
) -> StageResult:
    """Ask an expert a few questions, let an evaluation model answer the many, and train a language model on its answers.

    Called again with the same arguments after a kill, it goes on and ends with the same files; what the expert answered is kept and
    never paid twice. An expert that is an object is told from another by its class and, where it has one, its attribute `identity`.

    Args:
        prompts: whatever `read_pairs` takes, or rows with a column `prompt` or `messages`; or labels, for their prompts, which then
            teach the evaluation model too (`seed_labels`).
        output_dir: the stage's own folder. Beside each round's model stand answers.jsonl, pairs.parquet, samples.jsonl, evaluator/,
            curve.json and scores.json, with pictures.
        expert: who is asked: people, a judge, a function of (prompt, response), a reward model, ..., or the name of one.
        held_out: another one, which has no part in anything; how often it agrees with the labelled pairs is reported.
        comparer: what believes before there are answers: what made the labels.
        lfs: labeling functions that watch what the policy says, and that an evaluation model of functions reads.
        **settings: of `ProxySettings`: `model` or `from_scratch`, `queries`, `acquisition`, `unit`, `evaluator`, ...

    Raises:
        ConfigError, UnknownNameError: settings that are not known or do not fit, or nobody to ask.
        DataError, LayoutError: no prompts, or nothing to learn. LabelMatrixError: answers that are none, scores outside the rubric.
        WaitingError: people have not answered yet. BudgetError: a budget that holds no question.
        ArtifactError: a model that does not load, or the folder of another stage.
        TrainingError: no memory, a loss that is not a number, or an audit that ends the run.
    """
    others, named = names_apart(expert=expert, held_out=held_out)
    chosen = ProxySettings(**settings, **named)
    return carry_out(Proxy.of(chosen, Materials.given(chosen, prompts, lfs, comparer), **others), output_dir)
