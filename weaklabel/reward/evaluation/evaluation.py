"""`evaluate`: comparers side by side on gold, with intervals over prompts and paired differences."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, Final

import numpy as np
import pyarrow.compute as pc
from numpy.typing import NDArray

from weaklabel._arguments import checked
from weaklabel._progress import tracked
from weaklabel._shown import Sketch
from weaklabel._tables import plain_table
from weaklabel.errors import GoldError, LabelMatrixError
from weaklabel.metrics import METRICS, Interval, bootstrap, ece_when_perfect, paired_difference, score_all
from weaklabel.types import Bare, CanCompare, Comparer, FloatArray, Pairs, answer_of, as_comparer
from weaklabel.types.result import Result

if TYPE_CHECKING:
    from weaklabel.pictures import Picture


LONGER: Final = "longer_response"
"""The rule that every table shows: the response with more characters wins, equal lengths are half right."""


@dataclass(frozen=True, slots=True, repr=False)
class Evaluation(Result):
    """How well comparers know what people said. `str()` and notebooks show a table.

    Attributes:
        figures: per arm, in the order given, per metric (`accuracy`, `f1`, `nll`, `brier`, `ece`) its interval; the rule
            `longer_response` comes last and has an accuracy alone.
        differences: per arm but the first, per metric its value minus the first arm's, on the same draws.
        ece_perfect: per arm the ECE that perfectly calibrated probabilities of these sizes would show (median,
            5% and 95%).
        n_pairs: pairs with gold; `n_ties` of them are gold ties, which accuracy leaves out.
        n_prompts: distinct prompts, the unit that the intervals resample.
        n_without_gold: pairs given that have no gold, and are not looked at.
        n_in_sample: pairs among them of the dev part, or whose gold a comparer `saw`.
        unsaid: arms that do not say whose gold they saw.
    """

    figures: dict[str, dict[str, Interval]]
    differences: dict[str, dict[str, Interval]]
    ece_perfect: dict[str, Interval]
    n_pairs: int
    n_ties: int
    n_prompts: int
    n_without_gold: int
    n_in_sample: int
    unsaid: tuple[str, ...] = ()

    def rows(self) -> list[list[str]]:
        """The table as text: a heading, then one row per arm."""
        first = next(iter(self.figures))
        heading = ["", *METRICS, "ece if perfect", f"accuracy - {first}", f"nll - {first}"]
        return [heading, *(self._row(name) for name in self.figures)]

    def notes(self) -> list[str]:
        """What a reader must know beside the table."""
        notes = [
            f"{self.n_pairs:,} pairs with gold on {self.n_prompts:,} prompts ({self.n_ties:,} ties, apart from "
            "accuracy); 95% intervals resample prompts; differences are paired."
        ]
        if self.n_without_gold:
            notes.append(f"{self.n_without_gold:,} pairs without gold were not looked at.")
        if self.n_in_sample:
            notes.append(
                f"in-sample: {self.n_in_sample:,} of these pairs are dev gold, which comparers may have been fitted on."
            )
        if self.unsaid:
            notes.append(
                f"whose gold it saw is not said by {', '.join(self.unsaid)} (no method saw), so it is taken to be none."
            )
        return notes

    def __str__(self) -> str:
        heading, *rows = self.rows()
        return "\n".join([plain_table(heading, rows, left=len(heading)), *self.notes()])

    def plot(self) -> Picture:
        """How often each arm is right, with 95% intervals, as a picture for notebooks."""
        from weaklabel.pictures import forest_picture

        return forest_picture(
            [(name, figures["accuracy"]) for name, figures in self.figures.items()],
            "How often each arm is right",
            reference=0.5,
            reference_name="coin",
            note=" ".join(self.notes()),
        )

    def _sketch(self) -> Sketch:
        heading, *body = self.rows()
        return Sketch("\n".join(self.notes()), heading, body)

    def _row(self, name: str) -> list[str]:
        figures, against = self.figures[name], self.differences.get(name, {})
        cells: list[Interval | None] = [
            *(figures.get(metric) for metric in METRICS),
            self.ece_perfect.get(name),
            against.get("accuracy"),
            against.get("nll"),
        ]
        return [name, *("" if cell is None else str(cell) for cell in cells)]


Comparers = CanCompare | Sequence[CanCompare] | Mapping[str, CanCompare]
"""One comparer, several (named after themselves), or several by name."""


@checked
def evaluate(
    comparers: Comparers,
    gold: Pairs,
    *,
    n_draws: int = 1000,
    seed: int = 0,
) -> Evaluation:
    """Accuracy, F1, NLL, Brier score and ECE of each comparer on the same gold, beside the longer-response rule.

    Args:
        comparers: one, a list (named after themselves), or a dict of names. Differences are against the first.
        gold: pairs with gold, as a rule `pairs.test`.
        n_draws: bootstrap draws over prompts.
        seed: of the draws.

    Raises:
        GoldError: when no pair has gold.
        LabelMatrixError: when a comparer's answer is no probability per pair, or none was given.
    """
    arms = named_arms(comparers)
    rows = with_gold(gold)
    answers = {
        name: answer_of(name, comparer, rows)
        for name, comparer in tracked(arms.items(), "answers", lambda arm: arm[0])
    }
    in_sample = int(((rows.parts == "dev") | fitted_on(arms, rows)).sum())
    found = compare_answers(answers, rows, len(gold) - len(rows), in_sample, n_draws=n_draws, seed=seed)
    return replace(found, unsaid=unsaid(arms))


def compare_answers(
    answers: Mapping[str, FloatArray],
    rows: Pairs,
    n_without_gold: int = 0,
    n_in_sample: int = 0,
    *,
    n_draws: int = 1000,
    seed: int = 0,
) -> Evaluation:
    """`evaluate` for answers that are known: per arm `(n_pairs,)` P(B beats A) of pairs that all have gold."""
    y, groups = rows.y, rows.prompt_groups
    draws = {"n_draws": n_draws, "seed": seed}
    figures = {
        name: score_all(p, y, groups, **draws)
        for name, p in tracked(answers.items(), "intervals", lambda arm: arm[0])
    }
    longer = longer_wins(rows)
    figures[LONGER] = {"accuracy": bootstrap("accuracy", longer, y, groups, **draws)}
    base, *others = answers
    differences = {
        name: {m: paired_difference(m, answers[name], answers[base], y, groups, **draws) for m in METRICS}
        for name in others
    }
    differences[LONGER] = {
        "accuracy": paired_difference("accuracy", longer, answers[base], y, groups, **draws)
    }
    return Evaluation(
        figures=figures,
        differences=differences,
        ece_perfect={name: ece_when_perfect(p, seed=seed) for name, p in answers.items()},
        n_pairs=len(rows),
        n_ties=int((y == 0.5).sum()),
        n_prompts=len(np.unique(groups)),
        n_without_gold=n_without_gold,
        n_in_sample=n_in_sample,
    )


def with_gold(gold: Pairs) -> Pairs:
    """The pairs that have gold.

    Raises:
        GoldError: when none has.
    """
    rows = gold.take(gold.has_gold)
    if not len(rows):
        raise GoldError(
            f"evaluate: none of {len(gold)} pairs has gold. Pass pairs that have, such as pairs.test; "
            "read_pairs(..., gold=...) joins gold from a file."
        )
    return rows


def longer_wins(pairs: Pairs) -> FloatArray:
    """`(n_pairs,)`: 1 where response b has more characters, 0 where a has, .5 where both have the same."""
    a, b = (pc.utf8_length(pairs.table[name]).to_numpy() for name in ("response_a", "response_b"))
    return np.asarray((np.sign(b.astype(np.int64) - a.astype(np.int64)) + 1) / 2, dtype=np.float64)


def named_arms(comparers: Comparers) -> dict[str, Comparer]:
    """The comparers by name.

    Raises:
        LabelMatrixError: none was given, one is no comparer, or takes the name of the built-in rule.
    """
    given: dict[str, Any] = {}
    if isinstance(comparers, Mapping):
        given |= comparers
    else:
        for comparer in [comparers] if isinstance(comparers, CanCompare) else comparers:
            given[_free_name(comparer, given)] = comparer
    if not given:
        raise LabelMatrixError(
            "evaluate: no comparer was given. Pass a labeler, a reward model, or a list of them."
        )
    if LONGER in given:
        raise LabelMatrixError(
            f"evaluate: {LONGER!r} is the name of the built-in rule. Give your comparer another."
        )
    return {name: as_comparer(comparer, name) for name, comparer in given.items()}


def fitted_on(arms: Mapping[str, Comparer], rows: Pairs) -> NDArray[np.bool_]:
    """Rows whose gold a comparer says it was fitted to: a file that is split anew turns dev pairs into test pairs."""
    seen = [comparer.saw(rows) for comparer in arms.values()]
    return np.asarray(np.any(seen, axis=0), dtype=np.bool_)


def unsaid(arms: Mapping[str, Comparer]) -> tuple[str, ...]:
    """The arms that do not say whose gold they saw."""
    return tuple(name for name, comparer in arms.items() if isinstance(comparer, Bare))


def _free_name(comparer: Any, taken: Mapping[str, Any]) -> str:
    own = getattr(comparer, "name", None)
    name = own if isinstance(own, str) and own else type(comparer).__name__
    number = 2
    free = name
    while free in taken:
        free, number = f"{name} ({number})", number + 1
    return free
