"""`label_bias`: do the labels lean to a position, or to the longer response, and more than people do?

Position: with pairs in random order the mean p is one half. Length: `soft` is the mean belief in the longer
response, `hard` the share of pairs whose label is the longer one (ties count one half). A labeler can have the first
right and still exaggerate with the second: a belief of .6 in the longer response, everywhere, is honest where gold
prefers it in six cases of ten, but taken as hard labels it prefers it always.

Beside the labels stands gold on the same pairs, and the difference of the two with an interval over prompts. Response
length is in characters. Pairs of equal length have no longer response and are left out of the length figures.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import TYPE_CHECKING, Any, Final

import numpy as np
from numpy.typing import NDArray

from weaklabel._arguments import checked
from weaklabel._shown import Sketch
from weaklabel._tables import plain_table, short
from weaklabel._terminal import one_line
from weaklabel.errors import DataError, GoldError
from weaklabel.metrics import Interval, Metric, bootstrap, paired_difference
from weaklabel.types import FloatArray, Labels, Pairs
from weaklabel.types.result import Result, json_fields
from weaklabel.workbench._dev import DevGold, dev_gold, is_dev

if TYPE_CHECKING:
    from weaklabel.pictures import Picture


RATIOS: Final = (1.0, 1.1, 1.25, 1.5, 2.0, 3.0, math.inf)
"""Edges of the length-ratio rows, longer over shorter."""
_BY: Final = ("source", "category")
_MAX_KINDS: Final = 20
_HEADER: Final = ("pairs", "n", "soft", "95% interval", "hard", "gold", "soft - gold", "hard - gold")

# The mean of p, as a metric, so that it gets the same bootstrap as everything else.
_MEAN: Final = Metric(
    "mean",
    lambda p, y: np.column_stack([p, np.ones_like(p)]),
    lambda sums: np.asarray(sums[..., 0] / sums[..., 1]),
)


@dataclass(frozen=True, slots=True, repr=False)
class LengthBias(Result):
    """How strongly labels prefer the longer response, in one kind of pair.

    Attributes:
        name: the kind: all, a range of length ratios, or a value of a column.
        soft: mean belief in the longer response.
        hard: share of labels that name the longer response, ties one half.
        gold: the same share of gold, on the pairs that have it; None without.
        soft_minus_gold, hard_minus_gold: on the pairs with gold, paired; None without.
    """

    name: str
    soft: Interval
    hard: Interval
    gold: Interval | None
    soft_minus_gold: Interval | None
    hard_minus_gold: Interval | None

    def to_dict(self) -> dict[str, Any]:
        """JSON values."""
        return json_fields(self, name="pairs")


@dataclass(frozen=True, slots=True, repr=False)
class LabelBias(Result):
    """What `label_bias` found. `str()` prints it, `to_dict()` gives JSON values.

    Attributes:
        position: mean p, the belief in b; one half within its interval for a labeler without position bias, when
            the order of the responses says nothing.
        gold_position: the same of gold, ties one half; None without gold.
        length: over all pairs; None where no two responses differ in length.
        by_ratio: per range of longer / shorter, the ranges that hold a pair.
        by_column: column -> a row per value.
        n_pairs: labels with a vote behind them; `n_gold` with dev gold; `n_in_sample` of these were fitted on it.
    """

    position: Interval
    gold_position: Interval | None
    length: LengthBias | None
    by_ratio: tuple[LengthBias, ...]
    by_column: dict[str, tuple[LengthBias, ...]]
    n_pairs: int
    n_gold: int
    n_in_sample: int

    def __str__(self) -> str:
        if self.length is None:
            return f"{self._position()}\n\nNo two responses differ in length."
        return "\n".join(
            [self._position(), "", plain_table(_HEADER, self._cells()), "", *self._remarks(self.length)]
        )

    def plot(self) -> Picture:
        """What labels favour beside what gold favours, as a picture for notebooks."""
        from weaklabel.pictures import compared_picture

        rows = [("Position: belief in B", self.position, self.gold_position)]
        if self.length is not None:
            rows.append(("Length: belief in the longer response", self.length.soft, self.length.gold))
            rows.append(("Length: labels that name the longer one", self.length.hard, self.length.gold))
        told = f"Labels: {self.n_pairs:,} pairs with a vote. Gold: {self.n_gold:,} of them, on dev."
        return compared_picture(rows, "What labels favour, and what gold favours", note=told)

    def _position(self) -> str:
        gold = f"; gold: {self.gold_position}" if self.gold_position else ""
        leans = "" if self.position.low <= 0.5 <= self.position.high else " (leans to one position)"
        return f"Position: mean p of b is {self.position}{leans}{gold}."

    def _remarks(self, length: LengthBias) -> list[str]:
        lines = [
            "Length: belief in the longer response (soft), share of labels that name it (hard), and what gold does on "
            f"the same pairs ({self.n_gold} of {self.n_pairs} labels have dev gold).",
        ]
        if self.n_in_sample:
            lines.append(
                f"{self.n_in_sample} of these labels were fitted on their own gold: soft - gold is flattered by it."
            )
        if length.hard_minus_gold is not None and length.hard_minus_gold.low > 0:
            lines.append(
                "Hard labels exaggerate length: train on p, or keep confident pairs of like lengths."
            )
        return lines

    def _sketch(self) -> Sketch:
        if self.length is None:
            return Sketch(str(self))
        summary = "\n".join([self._position(), *self._remarks(self.length)])
        return Sketch(summary, _HEADER, self._cells())

    def _cells(self) -> list[list[str]]:
        overall = [self.length] if self.length else []
        kinds = [row for rows in self.by_column.values() for row in rows]
        return [_cells(row) for row in [*overall, *self.by_ratio, *kinds]]


@checked
def label_bias(
    labels: Labels, gold: Pairs | None = None, *, by: Sequence[str] | None = None, seed: int = 0
) -> LabelBias:
    """Position bias and length bias of labels, beside gold's own.

    Args:
        labels: labels of pairs; those without a vote are left out.
        gold: pairs with dev gold, matched by id; None takes the dev gold that the labelled pairs hold. The locked
            test part is not looked at.
        by: columns whose values get rows of their own; None takes `source` and `category` where they are there and
            hold 2 to 20 values.
        seed: of the bootstrap.

    Raises:
        DataError: no label has a vote behind it, or a column of `by` that the pairs do not have.
        GoldError: `gold` holds no dev gold, or gold for pairs without labels or with other responses.

    >>> from weaklabel.types import Pair, Votes
    >>> pairs = Pairs.of([Pair(str(i), f"q{i}", "longer", "short") for i in range(4)])
    >>> votes = Votes(np.zeros((4, 1), np.int8), np.zeros((4, 1), np.float32), ("lf",), pairs.ids)
    >>> logit = -np.log(np.array([1.5, 1.5, 1.5, 1.5]))  # P(b) = .4: the longer response has .6, and every hard label
    >>> labels = Labels(pairs, votes, logit, np.ones(4), None, True, np.zeros(4, bool))
    >>> found = label_bias(labels)
    >>> round(found.position.value, 3), round(found.length.soft.value, 3), found.length.hard.value
    (0.4, 0.6, 1.0)
    """
    spoken = np.flatnonzero(labels.w > 0)
    if not spoken.size:
        raise DataError("label_bias: no label has a vote behind it. Label pairs on which a function votes.")
    known = _gold_of(labels, gold)
    y = np.full(len(labels), np.nan)
    if known is not None:
        y[known.rows] = known.y
    labels, y = labels.take(spoken), y[spoken]
    look = _Look(labels, y, seed)
    everything = np.ones(len(labels), dtype=np.bool_)
    has = ~np.isnan(y)
    ratio = np.maximum(look.a, look.b) / np.maximum(np.minimum(look.a, look.b), 1.0)
    by_ratio = [
        look.row(_range(low, high), (ratio >= low) & (ratio < high)) for low, high in pairwise(RATIOS)
    ]
    return LabelBias(
        bootstrap(_MEAN, labels.p, np.zeros(len(labels)), look.groups, seed=seed),
        bootstrap(_MEAN, y[has], np.zeros(int(has.sum())), look.groups[has], seed=seed)
        if has.any()
        else None,
        look.row("all", everything),
        tuple(row for row in by_ratio if row is not None),
        {name: look.rows_by(name) for name in _columns(labels.pairs, by)},
        len(labels),
        int(has.sum()),
        int((has & labels.in_sample).sum()),
    )


class _Look:
    """Labels, gold and lengths as arrays, seen from the longer response."""

    def __init__(self, labels: Labels, y: FloatArray, seed: int) -> None:
        table = labels.pairs.table
        self.pairs, self.seed = labels.pairs, seed
        self.groups = labels.pairs.prompt_groups
        self.a, self.b = (
            np.array([len(text) for text in table[f"response_{side}"].to_pylist()], dtype=np.float64)
            for side in "ab"
        )
        # Turned so that the longer response stands at b.
        side = np.sign(self.b - self.a)
        self.unequal = side != 0
        self.soft = np.where(side > 0, labels.p, 1 - labels.p)
        self.hard = 0.5 + 0.5 * np.sign(labels.logit) * side
        self.gold = np.where(side > 0, y, 1 - y)

    def row(self, name: str, rows: NDArray[np.bool_]) -> LengthBias | None:
        """One row of the table; None where nothing is in it."""
        rows = rows & self.unequal
        if not rows.any():
            return None
        both = rows & ~np.isnan(self.gold)
        return LengthBias(
            name,
            self._mean(self.soft, rows),
            self._mean(self.hard, rows),
            self._mean(self.gold, both) if both.any() else None,
            self._difference(self.soft, both) if both.any() else None,
            self._difference(self.hard, both) if both.any() else None,
        )

    def rows_by(self, column: str) -> tuple[LengthBias, ...]:
        values = np.array([str(v) for v in self.pairs.table[column].to_pylist()], dtype=object)
        found = (self.row(f"{column}: {one_line(v, 40)}", values == v) for v in sorted(set(values)))
        return tuple(row for row in found if row is not None)

    def _mean(self, values: FloatArray, rows: NDArray[np.bool_]) -> Interval:
        chosen = values[rows]
        return bootstrap(_MEAN, chosen, np.zeros(len(chosen)), self.groups[rows], seed=self.seed)

    def _difference(self, values: FloatArray, rows: NDArray[np.bool_]) -> Interval:
        chosen, gold = values[rows], self.gold[rows]
        return paired_difference(_MEAN, chosen, gold, np.zeros(len(gold)), self.groups[rows], seed=self.seed)


def _gold_of(labels: Labels, gold: Pairs | None) -> DevGold | None:
    if gold is None:
        return dev_gold(labels.votes, labels.pairs, "label_bias") if is_dev(labels.pairs).any() else None
    found = dev_gold(labels.votes, gold, "label_bias")
    where = {pair_id: row for row, pair_id in enumerate(labels.pairs.ids)}
    # Gold may come with its responses in the other order than the labels have them.
    chosen = gold.take(found.places)
    theirs, ours = _responses(chosen), _responses(labels.pairs.take(np.array([where[i] for i in chosen.ids])))
    same = np.array([one == other for one, other in zip(theirs, ours, strict=True)], dtype=np.bool_)
    turned = np.array([one == other[::-1] for one, other in zip(theirs, ours, strict=True)], dtype=np.bool_)
    if strangers := int((~same & ~turned).sum()):
        raise GoldError(
            f"label_bias: {strangers} of {len(same)} gold pairs hold other responses than the labelled pairs of the same "
            "id. Pass gold of the very pairs that were labelled."
        )
    turned &= ~same
    return DevGold(found.rows, found.places, np.where(turned, 1 - found.y, found.y), found.groups)


def _responses(pairs: Pairs) -> list[tuple[str, str]]:
    a, b = (pairs.table[f"response_{side}"].to_pylist() for side in "ab")
    return list(zip(a, b, strict=True))


def _columns(pairs: Pairs, by: Sequence[str] | None) -> list[str]:
    names = pairs.table.column_names
    if by is not None:
        if missing := [name for name in by if name not in names]:
            raise DataError(
                f"label_bias: there is no column {missing[0]!r}. The pairs have: {', '.join(names)}."
            )
        return list(by)
    return [
        name for name in _BY if name in names and 2 <= len(set(pairs.table[name].to_pylist())) <= _MAX_KINDS
    ]


def _range(low: float, high: float) -> str:
    return f"ratio from {low:g} to {high:g}" if math.isfinite(high) else f"ratio from {low:g}"


def _cells(row: LengthBias) -> list[str]:
    def shown(value: Interval | None) -> str:
        return "-" if value is None else str(value)

    bounds = f"[{short(row.soft.low)}, {short(row.soft.high)}]"
    gold = "-" if row.gold is None else short(row.gold.value)
    return [
        row.name, str(row.soft.n), short(row.soft.value), bounds, short(row.hard.value), gold,
        shown(row.soft_minus_gold), shown(row.hard_minus_gold),
    ]  # fmt: skip
