"""`compare_sets`: sets of labeling functions side by side, each with a labeler of its own, on the same gold and folds."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

from weaklabel._arguments import checked
from weaklabel._progress import tracked
from weaklabel._shown import Sketch
from weaklabel._tables import plain_table, short
from weaklabel.errors import ConfigError
from weaklabel.metrics import METRICS, Interval, ece_when_perfect, paired_difference, score_all
from weaklabel.types import FloatArray, Pairs, Votes
from weaklabel.types.result import Result, json_fields
from weaklabel.workbench._dev import DevGold
from weaklabel.workbench._out_of_fold import enough_gold, out_of_fold_p

if TYPE_CHECKING:
    from weaklabel.pictures import Picture


SCORES: Final = ("accuracy", "nll", "ece")
_HEADER: Final = ("set", "lfs", "coverage", "accuracy", "NLL", "ECE", "ECE if perfect")


@dataclass(frozen=True, slots=True, repr=False)
class SetFigures(Result):
    """One set of functions.

    Attributes:
        name: what the set was called.
        n_lfs: functions in it; `coverage` the share of gold pairs on which one of them votes.
        scores: accuracy, NLL, Brier and ECE of its labeler, out of fold, with 95% intervals over prompts.
        ece_when_perfect: the ECE that perfect calibration would show with the same p.
        against_first: metric -> this set minus the first one, paired; empty for the first.
    """

    name: str
    n_lfs: int
    coverage: float
    scores: Mapping[str, Interval]
    ece_when_perfect: Interval
    against_first: Mapping[str, Interval]

    def to_dict(self) -> dict[str, Any]:
        """JSON values."""
        return json_fields(self, name="set")


@dataclass(frozen=True, slots=True, repr=False)
class SetComparison(Result):
    """What `compare_sets` found. `str()` prints two tables, `to_dict()` gives JSON values.

    Attributes:
        sets: in the order given.
        model: the label model that was fitted with each.
        n_gold, n_prompts: dev gold behind the figures.
    """

    sets: tuple[SetFigures, ...]
    model: str
    n_gold: int
    n_prompts: int

    def __str__(self) -> str:
        first = self.sets[0].name
        lines = [plain_table(_HEADER, [_cells(s) for s in self.sets]), "", self._summary()]
        rows = [[s.name, *(str(s.against_first[name]) for name in SCORES)] for s in self.sets[1:]]
        header = [f"minus {first}", "accuracy", "NLL", "ECE"]
        return "\n".join([*lines, "", plain_table(header, rows)] if rows else lines)

    def _summary(self) -> str:
        return f"Out of fold on {self.n_gold} dev pairs of {self.n_prompts} prompts, model: {self.model}, 95% intervals over prompts."

    def plot(self) -> Picture:
        """How often the labeler that each set gives is right, as a picture for notebooks."""
        from weaklabel.pictures import forest_picture

        return forest_picture(
            [(s.name, s.scores["accuracy"]) for s in self.sets],
            "How right the labels of each set are",
            reference=0.5,
            reference_name="coin",
            note=f"{self._summary()} Intervals of two sets overlap more than their paired difference says.",
        )

    def _sketch(self) -> Sketch:
        against = [f"{name} - {self.sets[0].name}" for name in ("accuracy", "NLL", "ECE")]
        rows = [
            [*_cells(s), *(str(s.against_first[name]) if name in s.against_first else "" for name in SCORES)]
            for s in self.sets
        ]
        return Sketch(self._summary(), (*_HEADER, *against), rows)


@checked
def compare_sets(
    sets: Mapping[str, Votes],
    pairs: Pairs,
    *,
    model: str = "pair_model",
    seed: int = 0,
) -> SetComparison:
    """Coverage, accuracy, NLL and ECE of the labeler that each set gives, and paired differences from the first set.

    Args:
        sets: name -> votes of one set's functions, all on the same pairs. Sets may share functions.
        pairs: pairs with dev gold, matched by id; the locked test part is not looked at.
        model: a label model by name, fitted and calibrated out of fold, or `ridge`, a fast stand-in.
        seed: of folds and resamples; every set gets the same ones.

    Raises:
        ConfigError: no set at all.
        GoldError: too little dev gold, or gold for pairs that a set has no votes on.
        UnknownNameError: no such label model.

    >>> import numpy as np
    >>> from weaklabel.data.sample import sample_pairs
    >>> pairs = sample_pairs(n_pairs=200, n_gold=150).dev
    >>> knows = np.where(pairs.y == 0.5, -1, pairs.y)[:, None].astype(np.int8)
    >>> good = Votes(knows, np.full(knows.shape, np.nan, np.float32), ("knows",), pairs.ids)
    >>> silent = Votes(np.full_like(knows, -1), good.margins, ("silent",), pairs.ids)
    >>> found = compare_sets({"silent": silent, "good": good}, pairs, model="ridge")
    >>> [(s.name, s.scores["accuracy"].value) for s in found.sets]
    [('silent', 0.5), ('good', 1.0)]
    """
    if not sets:
        raise ConfigError("compare_sets got no set. Pass at least one: {'mine': apply(lfs, pairs)}.")
    found: list[tuple[str, Votes, DevGold, FloatArray]] = []
    for name, votes in tracked(sets.items(), "judging sets", lambda item: item[0]):
        gold = enough_gold(votes, pairs, "compare_sets")
        found.append((name, votes, gold, out_of_fold_p(votes, pairs, gold, model=model, seed=seed)))
    first = found[0][3]
    figures = []
    for k, (name, votes, gold, p) in enumerate(
        found
    ):  # gold's rows are this set's, its y and prompts everybody's
        differences = {
            metric: paired_difference(metric, p, first, gold.y, gold.groups, seed=seed)
            for metric in (METRICS if k else ())
        }
        figures.append(
            SetFigures(
                name,
                votes.n_lfs,
                float((votes.L[gold.rows] >= 0).any(axis=1).mean()),
                score_all(p, gold.y, gold.groups, seed=seed),
                ece_when_perfect(p, seed=seed),
                differences,
            )
        )
    return SetComparison(tuple(figures), model, len(gold.y), gold.n_prompts)


def _cells(s: SetFigures) -> list[str]:
    perfect = f"{short(s.ece_when_perfect.low)} to {short(s.ece_when_perfect.high)}"
    return [s.name, str(s.n_lfs), short(s.coverage), *(str(s.scores[name]) for name in SCORES), perfect]
