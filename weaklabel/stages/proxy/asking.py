"""Which questions the expert is asked: a rule chooses a batch, the answers teach the evaluation model, and it begins again."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from weaklabel.acquisition.base import Acquisition
from weaklabel.acquisition.embedding import Reader, differences, one_scale, texts
from weaklabel.acquisition.next import chosen_of, log_odds
from weaklabel.acquisition.pool import Pool
from weaklabel.acquisition.posterior import Posterior
from weaklabel.acquisition.registry import DEFAULT, get_acquisition
from weaklabel.acquisition.strata import strata
from weaklabel.acquisition.strategies.expected_gain import gains
from weaklabel.artifacts import content_hash
from weaklabel.comparers.expert import ByScore, CanScore, Expert, check_scores
from weaklabel.comparers.metered import Metered
from weaklabel.comparers.people import People
from weaklabel.data.asked.prompts import Prompt
from weaklabel.errors import BudgetError, ConfigError, LabelMatrixError, WaitingError, WeaklabelError
from weaklabel.logistic import one_thread
from weaklabel.stages.proxy.answers import Answer, Answers
from weaklabel.stages.proxy.candidates import Candidates
from weaklabel.stages.proxy.evaluation import Evaluated, EvaluationModel
from weaklabel.stages.proxy.settings import ProxySettings
from weaklabel.types import Comparer, FloatArray

_AT_ONCE: Final = 32  # questions after which answers are on the disk, whoever fails later
_JUDGED: Final = 1_000  # candidates over which the expected gain is taken
_STEP: Final = 1_000  # between the seeds of a round and those of the next


@dataclass(frozen=True)
class Asked:
    """What a round asked.

    Attributes:
        answers: those of this round.
        gain: nats by which the best question was expected to lower the candidates' mean entropy, when questions were chosen last;
            None where nobody worked it out.
        notes: sentences on what was not asked, and why.
    """

    answers: Answers
    gain: float | None = None
    notes: list[str] = field(default_factory=list)


@dataclass(frozen=True)
class Asking:
    """Who is asked, and how questions are chosen.

    Attributes:
        settings: of the stage.
        expert: who is asked, within the budget.
        evaluation: how the evaluation model is made.
        reader: an embedding of responses, for rules that compare; None where none does.
        prior: what believes before there is an evaluation model, and what it is held against by `disagreement`; None for nobody.
    """

    settings: ProxySettings
    expert: Metered
    evaluation: EvaluationModel
    reader: Reader | None = None
    prior: Comparer | None = None

    def asked(self, candidates: Candidates, known: Answers, number: int, folder: Path) -> Asked:
        """The round's questions, answered.

        Args:
            candidates: possible questions.
            known: answers of earlier rounds.
            number: of the round.
            folder: where evaluation models that take long keep checkpoints.

        Raises:
            WaitingError: people have not answered yet; their questions are written.
            BudgetError: the budget holds no question, and there is no answer yet.
            WeaklabelError: what the expert raises; answers until then are kept.
        """
        settings, found = self.settings, Asked(Answers())
        left = candidates.without(known.keys).drawn(settings.candidates, settings.seed + number)
        embedded, prior = self._embedded(left, known), self._believed(left)
        step = settings.query_batch or settings.queries
        new, gain = Answers(), None
        while len(left) and len(new) < settings.queries:
            every = known + new.rows
            model = self.evaluation.fitted(every, folder / f"evaluator-{every.mark}")
            pool, rule, why = self._pool(left, embedded, prior, model)
            found.notes.extend([] if why is None else [why])
            if settings.min_gain and (gain := _best_gain(pool, settings.seed)) < settings.min_gain:
                found.notes.append(
                    f"asking ended after {len(new):,} of {settings.queries:,} questions: the best one left is expected to lower the "
                    f"candidates' mean entropy by {gain:.2g} nats, and costs min_gain, {settings.min_gain:g}."
                )
                break
            n = min(step, settings.queries - len(new), len(left))
            share = settings.random_share
            seed = settings.seed + _STEP * number + len(new)
            chosen, rules = chosen_of(pool, rule, n, share, seed)
            rows = chosen.rows[: self._affordable(left.take(chosen.rows))]
            if not len(rows):
                if not len(known) + len(new):
                    raise BudgetError(
                        f"proxy: the budget of {self.expert.name!r} holds no question ({self.expert.spending()}). Raise budget."
                    )
                found.notes.append(
                    f"the budget is spent: {len(new):,} of {settings.queries:,} questions were asked."
                )
                break
            said = self._said(left.take(rows), len(new))
            told = zip(rules, chosen.value.tolist(), chosen.reasons, strict=True)
            new += _answers(
                left.take(rows), said, list(told)[: len(rows)], self._beliefs(model, left.take(rows)), number
            )
            kept = np.setdiff1d(np.arange(len(left)), rows)
            embedded = {name: _moved(both, rows, kept) for name, both in embedded.items()}
            left, prior = left.take(kept), None if prior is None else prior[kept]
        if len(new) < settings.queries and not len(left):
            found.notes.append(
                f"{len(new):,} questions were asked of {settings.queries:,}: there are no more."
            )
        return Asked(new, gain, list(dict.fromkeys(found.notes)))

    # ------------------------------------------------------------------------------ what the rule sees
    def _embedded(self, left: Candidates, known: Answers) -> dict[str, tuple[FloatArray, FloatArray]]:
        """Rows of the candidates and of what is known, for each part of a pool that is needed."""
        wanted = {"features", "text"} & set(self.settings.rule.needs)
        wanted |= {"features"} if self.settings.min_gain else set()
        if not wanted:
            return {}
        assert self.reader is not None
        embeds: dict[str, Any] = {"features": differences, "text": texts}
        found = {}
        for name in sorted(wanted):
            rows = embeds[name](self.reader, left.pairs)
            # An embedding need not know what it would make of no text at all.
            others = embeds[name](self.reader, known.pairs) if len(known) else rows[:0]
            scaled = one_scale(rows, others)
            found[name] = scaled[0], scaled[1]
        return found

    def _believed(self, left: Candidates) -> FloatArray | None:
        """`(n,)` log-odds of what believed before, asked once."""
        return None if self.prior is None or left.single else log_odds(self.prior.compare(left.pairs))

    def _pool(
        self,
        left: Candidates,
        embedded: dict[str, tuple[FloatArray, FloatArray]],
        prior: FloatArray | None,
        model: Evaluated | None,
    ) -> tuple[Pool, Acquisition, str | None]:
        """The candidates as rules see them, the rule that chooses, and why that is not the one that was asked for."""
        rule, why = self.settings.rule, None
        logit, other = np.zeros(len(left)), None
        if not left.single:
            logit = logit if prior is None else prior
            learned = logit if model is None else log_odds(model.compare(left.pairs))
            if "other" in rule.needs and model is not None and prior is not None:
                other = learned
            else:
                logit = learned
        missing = "other" in rule.needs and other is None
        if missing or (not rule.needs and rule.name != DEFAULT and not logit.any()):
            why = f"nothing was believed of the pairs yet, so the first were drawn at random and not by {rule.name}."
            rule = get_acquisition(DEFAULT)
        parts: dict[str, Any] = {}
        for name, (rows, known) in embedded.items():
            parts |= {name: rows, f"known_{name}": known}
        if "features" in parts:  # what is believed of an answered pair hardly matters to how much it said
            parts["known_logit"] = np.zeros(len(parts["known_features"]))
        kinds = strata(left.prompts, seed=self.settings.seed)
        return Pool(left.keys, logit, kinds, other=other, **parts), rule, why

    def _beliefs(self, model: Evaluated | None, some: Candidates) -> list[float | None]:
        if model is None:
            return [None] * len(some)
        found = model.reward.score(some.prompts, some.responses) if some.single else model.compare(some.pairs)
        return [round(value, 6) for value in found.tolist()]

    # ------------------------------------------------------------------------------ who is asked
    def _affordable(self, some: Candidates) -> int:
        if some.single:
            return self.expert.held_responses(some.prompts, some.responses)
        return self.expert.held_pairs(some.pairs)

    def _said(self, some: Candidates, before: int) -> FloatArray:
        """`(n,)` answers, kept as they come. People are shown all questions at once."""
        at_once = len(some) if isinstance(_within(self.expert.expert), People) else _AT_ONCE
        found: list[FloatArray] = [np.empty(0)]
        for start in range(0, len(some), at_once):
            part = some.take(np.arange(start, min(start + at_once, len(some))))
            try:
                found.append(
                    self.expert.score(part.prompts, part.responses)
                    if part.single
                    else self.expert.compare(part.pairs)
                )
            except WaitingError:
                raise
            except WeaklabelError as error:
                said = f"{error} {before + start:,} answers of this round are kept; the same command goes on behind them."
                raise type(error)(said) from error
        return np.concatenate(found)


class InRubric:
    """An expert who scores responses, held to the rubric: a score outside it is no answer."""

    def __init__(self, expert: CanScore, name: str, rubric: Sequence[int]) -> None:
        self.inner, self.name, self.rubric = expert, name, (rubric[0], rubric[1])

    def score(self, prompts: Sequence[str], responses: Sequence[str]) -> FloatArray:
        """`(n,)` float64.

        Raises:
            LabelMatrixError: a score outside the rubric, or none.
        """
        found = check_scores(self.name, self.inner.score(prompts, responses), len(responses))
        low, high = self.rubric
        wrong = np.flatnonzero((found < low) | (found > high))
        if len(wrong):
            raise LabelMatrixError(
                f"proxy: expert {self.name!r} gives {found[wrong[0]]:g} to the response {responses[wrong[0]][:60]!r}. Allowed by the "
                f"rubric: {low} to {high}. Change rubric, or the expert."
            )
        return found


def metered(expert: Any, name: str, known: str, settings: ProxySettings, folder: Path) -> Metered:
    """The expert as it is asked: its answers kept, its budget held.

    Args:
        expert: a comparer, something that scores, or one that is metered already.
        name: for messages and files.
        known: the hash by which it is known again.
        settings: have the unit, the rubric, the price and the budget.
        folder: where answers are kept.

    Raises:
        ConfigError: single responses are asked about, and the expert scores none.
    """
    if isinstance(expert, Metered):
        return expert
    if settings.unit == "responses":
        expert = _scoring(expert, name, settings.rubric)
        known = content_hash(known, *map(str, settings.rubric))  # what a 3 says rests on what is best
    cost = settings.cost
    return Metered(
        expert,
        name=name,
        identity=known,
        price=cost,
        response_price=cost,
        budget=settings.limits,
        folder=folder,
    )


def _scoring(expert: Expert, name: str, rubric: Sequence[int]) -> Expert:
    inner: Any = _within(expert)
    if isinstance(inner, People):
        return People(inner.path, scale=(float(rubric[0]), float(rubric[1])))
    if not isinstance(inner, CanScore):
        raise ConfigError(
            f'proxy: unit is "responses", and expert {name!r} scores none: it is a {type(inner).__name__}. Give a function of '
            '(prompt, response), people:FILE.jsonl or a reward model; or unit = "pairs".'
        )
    return InRubric(inner, name, rubric)


def _within(expert: Any) -> Any:
    return expert.expert if isinstance(expert, ByScore) else expert


def _best_gain(pool: Pool, seed: int) -> float:
    rng = np.random.default_rng(seed)
    judged = np.sort(rng.choice(len(pool), min(_JUDGED, len(pool)), replace=False))
    with one_thread():
        return float(gains(pool, Posterior(pool), judged, judged).max())


def _moved(
    both: tuple[FloatArray, FloatArray], rows: NDArray[np.int64], kept: NDArray[np.int64]
) -> tuple[FloatArray, FloatArray]:
    """Rows that were asked about are known now."""
    return both[0][kept], np.concatenate([both[1], both[0][rows]])


def _answers(
    some: Candidates,
    said: FloatArray,
    told: Sequence[tuple[str, float, str]],
    beliefs: Sequence[float | None],
    number: int,
) -> tuple[Answer, ...]:
    found = []
    for k, pair in enumerate(some.pairs.iter_pairs()):
        rule, value, reason = told[k]
        found.append(
            Answer(
                key=some.keys[k],
                prompt=Prompt.of(str(pair.prompt), pair.messages),
                a=str(pair.response_a),
                b=None if some.single else str(pair.response_b),
                said=float(said[k]),
                rule=rule,
                value=float(f"{value:.6g}"),
                reason=reason,
                belief=beliefs[k],
                origin=some.origin,
                round=number,
            )
        )
    return tuple(found)
