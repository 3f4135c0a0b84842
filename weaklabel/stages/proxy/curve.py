"""The learning curve: how well the evaluation model, taught by fewer answers, tells what the expert says."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from weaklabel import artifacts
from weaklabel.acquisition.registry import DEFAULT
from weaklabel.errors import DataError
from weaklabel.groups import MIN_GOLD, MIN_PROMPTS, folds_by_prompt
from weaklabel.metrics import Interval, bootstrap
from weaklabel.pictures import Picture, curves_picture
from weaklabel.reward.scale import others
from weaklabel.stages.contract import rounded
from weaklabel.stages.proxy.answers import Answers
from weaklabel.stages.proxy.evaluation import Evaluated, EvaluationModel
from weaklabel.types import FloatArray, Pairs, sigmoid

CURVE: Final = "curve.json"
PICTURE: Final = "curve.svg"
_FOLDS: Final = 5
POINTS: Final = 5


@dataclass(frozen=True)
class Point:
    """The evaluation model at a number of answers.

    Attributes:
        answers: that taught it.
        accuracy, nll: on what it did not see; of decided pairs, and of all.
    """

    answers: int
    accuracy: Interval
    nll: Interval


@dataclass(frozen=True)
class Curve:
    """Points by rising numbers of answers.

    Attributes:
        points: at least one.
        judged_on: by what, in words.
    """

    points: tuple[Point, ...]
    judged_on: str

    def write(self, work: Path) -> None:
        """`curve.json` and `curve.svg`."""
        artifacts.write_json(work / CURVE, {"judged_on": self.judged_on, "points": list(self._rows())})
        artifacts.write_text(work / PICTURE, self.picture().svg())

    def _rows(self) -> Iterator[dict[str, Any]]:
        for point in self.points:
            told = {name: getattr(point, name).to_dict() for name in ("accuracy", "nll")}
            digits = {name: {k: rounded(v) for k, v in each.items()} for name, each in told.items()}
            yield {"answers": point.answers, **digits}

    def picture(self) -> Picture:
        """The accuracy."""
        return curves_picture(
            {"accuracy of the evaluation model": [(point.answers, point.accuracy) for point in self.points]},
            "What the expert's answers teach",
            axis="accuracy",
            across="answers",
            reference=0.5,
            reference_name="a coin",
            note=f"Judged {self.judged_on}; bands are 95% intervals over prompts.",
        )


def curve_of(
    evaluation: EvaluationModel, answers: Answers, gold: Pairs | None, n_points: int, seed: int
) -> Curve | None:
    """The curve up to all answers; None where there is too little to judge by.

    Args:
        evaluation: how a model is made.
        answers: in the order in which they were asked.
        gold: pairs with gold that nothing learns; without them answers of other prompts judge, those drawn at random where they
            are enough, for what a rule chose is no fair sample.
        n_points: numbers of answers.
        seed: of folds and intervals.
    """
    counts = np.unique(np.linspace(0, len(answers), n_points + 1)[1:].round().astype(int))
    if gold is not None:
        points = [_on_gold(evaluation, answers.take(range(n)), gold, seed) for n in counts]
        return (
            Curve(tuple(filter(None, points)), f"on {len(gold):,} pairs of eval_data")
            if any(points)
            else None
        )
    groups = (
        np.unique(answers.groups, return_inverse=True)[1].reshape(-1) if len(answers) else np.empty(0, int)
    )
    random = np.array([each.rule == DEFAULT for each in answers.rows], dtype=np.bool_)
    fair = random.sum() >= MIN_GOLD and len(np.unique(groups[random])) >= MIN_PROMPTS
    judges = random if fair else np.ones(len(answers), np.bool_)
    if judges.sum() < MIN_GOLD or len(np.unique(groups[judges])) < _FOLDS:
        return None
    fold = np.full(len(answers), -1)
    fold[judges] = folds_by_prompt(groups[judges], _FOLDS, seed)
    found = [_out_of_fold(evaluation, answers, n, groups, fold, seed) for n in counts]
    words = "answers drawn at random" if fair else "answers that a rule chose, which are no fair sample"
    told = f"out of fold on {int(judges.sum()):,} {words if not random.all() else 'answers'}"
    return Curve(tuple(point for point in found if point is not None), told) if any(found) else None


def _on_gold(evaluation: EvaluationModel, some: Answers, gold: Pairs, seed: int) -> Point | None:
    model = _fitted(evaluation, some)
    if model is None:
        return None
    return _point(len(some), model.compare(gold), gold.y, gold.prompt_groups, seed)


def _fitted(evaluation: EvaluationModel, some: Answers) -> Evaluated | None:
    """A part of the answers may be too few for a model that all can teach."""
    try:
        return evaluation.fitted(some)
    except DataError:
        return None


def _out_of_fold(
    evaluation: EvaluationModel,
    answers: Answers,
    n: int,
    groups: NDArray[np.int64],
    fold: NDArray[np.int64],
    seed: int,
) -> Point | None:
    """The first `n` answers teach, and labels, but for those of a fold's prompts, of which answers judge."""
    parts: list[tuple[FloatArray, FloatArray, NDArray[np.int64]]] = []
    taught = []
    for k in range(_FOLDS):
        held = np.flatnonzero(fold == k)
        rows = np.flatnonzero(~np.isin(groups, groups[held]) & (np.arange(len(answers)) < n))
        judged = answers.take(held)
        model = _fitted(evaluation.without(judged.groups), answers.take(rows))
        if model is None or not len(rows):
            return None
        taught.append(len(rows))
        parts.append((*_judged(model, judged, seed), groups[held]))
    p, y, of = (np.concatenate([part[i] for part in parts]) for i in range(3))
    return _point(round(float(np.mean(taught))), p, y, of, seed)


def _judged(model: Evaluated, some: Answers, seed: int) -> tuple[FloatArray, FloatArray]:
    """What is believed and what the expert says: of pairs as they are; of scored responses each against another one."""
    if some.rows[0].b is not None:
        return model.compare(some.pairs), (1 + np.sign(some.said - 0.5)) / 2
    other = others(len(some), np.random.default_rng(seed))
    rewards = model.reward.score([each.prompt.text for each in some.rows], [each.a for each in some.rows])
    y = (1 + np.sign(some.said[other] - some.said)) / 2
    return sigmoid(rewards[other] - rewards), y


def _point(n: int, p: FloatArray, y: FloatArray, groups: NDArray[np.int64], seed: int) -> Point | None:
    if not (y != 0.5).any():
        return None
    drawn: dict[str, Any] = {"groups": groups, "seed": seed}
    return Point(n, bootstrap("accuracy", p, y, **drawn), bootstrap("nll", p, y, **drawn))
