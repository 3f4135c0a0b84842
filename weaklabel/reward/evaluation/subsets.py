"""`evaluate_subsets`: the figures of `evaluate` by subset, by section, by length tag, and how steady under a swap."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, Final

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from weaklabel._tables import plain_table, short
from weaklabel.errors import GoldError, LayoutError
from weaklabel.metrics import METRICS, Interval, bootstrap, score_all
from weaklabel.reward.base import RewardModel
from weaklabel.reward.evaluation.evaluation import (
    LONGER,
    Comparers,
    Evaluation,
    compare_answers,
    fitted_on,
    longer_wins,
    named_arms,
    unsaid,
    with_gold,
)
from weaklabel.reward.evaluation.rewardbench import (
    LENGTH_TAGS,
    REWARD_BENCH,
    length_tags,
    section_scores,
)
from weaklabel.types import CANONICAL, Comparer, FloatArray, Pairs, answer_of
from weaklabel.types.result import json_fields

SUBSET: Final = "subset"
ALL: Final = "(none)"
"""The subset of a row that names none."""

Figures = dict[str, dict[str, Interval]]


@dataclass(frozen=True, slots=True)
class Consistency:
    """What happens to answers when the two responses change places.

    Attributes:
        same: share of pairs with the same winner in both orders; undecided in both counts as the same.
        largest_gap: the largest |p + p' - 1|; 0 for a comparer that is antisymmetric.
    """

    same: float
    largest_gap: float

    to_dict = json_fields


@dataclass(frozen=True, slots=True)
class SubsetEvaluation:
    """Comparers on gold, whole and in parts. `str()` shows tables.

    Attributes:
        whole: `evaluate` on all rows.
        subsets: per arm, per subset, per metric its interval; one subset where the file names none.
        sections: per arm, per section (and `overall`) its score; empty where no subset is in a section.
        lengths: per arm, per length tag (True: the better response is the longer one) its accuracy.
        consistency: per arm; the rule `longer_response` is antisymmetric and not listed.
        left_out: pairs with gold that were not looked at, because an arm was fitted to gold of their prompts.
    """

    whole: Evaluation
    subsets: dict[str, Figures]
    sections: Figures
    lengths: Figures
    consistency: dict[str, Consistency]
    left_out: int

    def to_dict(self) -> dict[str, Any]:
        """Everything as JSON values."""
        own = json_fields(self)
        return {**own.pop("whole"), **own}

    def __str__(self) -> str:
        tables = [str(self.whole)]
        if self.left_out:
            tables.append(
                f"{self.left_out:,} more pairs were left out: gold of their prompts was used to fit."
            )
        if any(len(parts) > 1 for parts in self.subsets.values()):
            tables.append(self._subset_table())
        if self.sections:
            tables.append(_interval_table("section (accuracy, weighted as RewardBench)", self.sections))
        tables.append(_interval_table("better response is longer (accuracy)", self.lengths))
        rows = [[arm, short(c.same), f"{c.largest_gap:.1e}"] for arm, c in self.consistency.items()]
        tables.append(plain_table(["responses change places", "same winner", "largest |p + p' - 1|"], rows))
        return "\n\n".join(tables)

    def _subset_table(self) -> str:
        rows = [
            [f"{name}: {arm}", str(figures["accuracy"].n), *(str(figures.get(m, "")) for m in METRICS)]
            for name in next(iter(self.subsets.values()))
            for arm, parts in self.subsets.items()
            for figures in [parts[name]]
        ]
        return plain_table(["subset: arm", "n", *METRICS], rows)


def evaluate_subsets(
    comparers: Comparers,
    gold: Pairs,
    *,
    subset: str = SUBSET,
    length_tag: str | None = None,
    sections: Mapping[str, Sequence[str]] = REWARD_BENCH,
    n_draws: int = 1000,
    seed: int = 0,
) -> SubsetEvaluation:
    """Comparers on gold in the style of RewardBench, never on gold of a prompt that one of them was fitted to.

    Args:
        comparers: one, a list, or a dict of names. Differences are against the first.
        gold: pairs with gold, read from any file.
        subset: the column that names each row's subset; without it all rows are one.
        length_tag: a column that says whether the better response is the longer one: True, False or Neutral.
            Without it, the texts say so (`length_tags`).
        sections: section -> its subsets.
        n_draws, seed: of the bootstrap over prompts.

    Raises:
        GoldError: no pair has gold, or all of it was used to fit.
        LayoutError: no column `length_tag`, or a value in it that is no tag.
        LabelMatrixError: as for `evaluate`.
    """
    arms = named_arms(comparers)
    rows, left_out = unseen(arms, with_gold(gold))
    tags = length_tags(rows) if length_tag is None else _given_tags(rows, length_tag)
    answers, consistency = {}, {}
    for name, comparer in arms.items():
        answers[name], turned = _both_orders(name, comparer, rows)
        consistency[name] = _consistency(answers[name], turned)
    everything = answers | {LONGER: longer_wins(rows)}
    cut = _Cut(rows, n_draws, seed)
    names = np.array(_subsets(rows, subset), dtype=np.object_)
    without_gold = len(gold) - len(rows) - left_out
    n_dev = int((rows.parts == "dev").sum())
    whole = compare_answers(answers, rows, without_gold, n_dev, n_draws=n_draws, seed=seed)
    return SubsetEvaluation(
        whole=replace(whole, unsaid=unsaid(arms)),
        subsets={
            arm: {str(s): cut.figures(arm, p, names == s) for s in dict.fromkeys(names.tolist())}
            for arm, p in everything.items()
        },
        sections={
            arm: scores
            for arm, p in everything.items()
            if (
                scores := section_scores(
                    p, cut.y, cut.groups, names.tolist(), sections, n_draws=n_draws, seed=seed
                )
            )
        },
        lengths={
            arm: {tag: cut.accuracy(p, tags == tag) for tag in LENGTH_TAGS if (tags == tag).any()}
            for arm, p in everything.items()
        },
        consistency=consistency,
        left_out=left_out,
    )


def unseen(arms: Mapping[str, Comparer], rows: Pairs) -> tuple[Pairs, int]:
    """The pairs of prompts that no arm was fitted to gold of, and how many were left out.

    Raises:
        GoldError: when none is left.
    """
    groups = rows.prompt_groups
    seen = np.isin(groups, groups[fitted_on(arms, rows)])
    if seen.all():
        raise GoldError(
            f"evaluate: gold of the prompts of all {len(rows)} pairs was used to fit. Give gold of other prompts."
        )
    return rows.take(~seen), int(seen.sum())


class _Cut:
    """Figures of some of the rows."""

    def __init__(self, rows: Pairs, n_draws: int, seed: int) -> None:
        self.y, self.groups = rows.y, rows.prompt_groups
        self.draws = {"n_draws": n_draws, "seed": seed}

    def figures(self, arm: str, p: FloatArray, some: NDArray[np.bool_]) -> dict[str, Interval]:
        if arm == LONGER:  # a rule, no probability
            return {"accuracy": self.accuracy(p, some)}
        return score_all(p[some], self.y[some], self.groups[some], **self.draws)

    def accuracy(self, p: FloatArray, some: NDArray[np.bool_]) -> Interval:
        return bootstrap("accuracy", p[some], self.y[some], self.groups[some], **self.draws)


def _subsets(rows: Pairs, column: str) -> list[str]:
    if column not in rows.table.column_names:
        return [ALL] * len(rows)
    return [ALL if value is None else str(value) for value in rows.table[column].to_pylist()]


def _given_tags(rows: Pairs, column: str) -> NDArray[np.object_]:
    if column not in rows.table.column_names:
        raise LayoutError(
            f"there is no column {column!r} of length tags. The pairs have: {', '.join(rows.table.column_names)}."
        )
    given = [str(value).strip().capitalize() for value in rows.table[column].to_pylist()]
    if odd := sorted(set(given) - set(LENGTH_TAGS)):
        raise LayoutError(
            f"column {column!r} holds {odd[0]!r} ({len(odd)} such values). Allowed: {', '.join(LENGTH_TAGS)}."
        )
    return np.array(given, dtype=np.object_)


def _both_orders(name: str, comparer: Comparer, rows: Pairs) -> tuple[FloatArray, FloatArray]:
    """Answers on the pairs, and on the pairs with their responses swapped."""
    if isinstance(comparer, RewardModel):
        # In one call: a response that was scored once is not scored again.
        bare = Pairs(rows.table.select(CANONICAL.names).cast(CANONICAL))
        turned = bare.swapped().table.cast(CANONICAL)
        both = answer_of(name, comparer, Pairs(pa.concat_tables([bare.table, turned])))
        return both[: len(rows)], both[len(rows) :]
    return answer_of(name, comparer, rows), answer_of(name, comparer, rows.swapped())


def _consistency(p: FloatArray, turned: FloatArray) -> Consistency:
    same = np.sign(p - 0.5) == -np.sign(turned - 0.5)
    return Consistency(float(same.mean()), float(np.abs(p + turned - 1.0).max()))


def _interval_table(title: str, figures: Figures) -> str:
    columns = list(dict.fromkeys(key for row in figures.values() for key in row))
    counts = {key: row[key].n for row in figures.values() for key in row}
    header = [title, *(f"{key} (n={counts[key]:,})" for key in columns)]
    return plain_table(header, [[arm, *(str(row[key]) for key in columns)] for arm, row in figures.items()])
