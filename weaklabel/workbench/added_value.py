"""`added_value`: what the labels lose, out of fold, when one labeling function is left out.

The figure is the NLL on dev gold without the function minus the NLL with all of them, in nats per pair, each pair
judged by a model that was fitted to other prompts; both sides use the same folds, and the interval resamples prompts
for both at once. Positive is worth having. Copies cover for each other: left out one at a time, each of them adds
nothing. So sets of functions can be left out together, and near-duplicates should be.

`alone` is the other end: what the function says when nobody else speaks, against a coin (log 2 = .693 nats).
"""

from __future__ import annotations

import math
import time
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

import numpy as np

from weaklabel._arguments import checked
from weaklabel._progress import tracked
from weaklabel._shown import Sketch
from weaklabel._tables import plain_table, short
from weaklabel.errors import needs_pandas
from weaklabel.logistic import one_thread
from weaklabel.metrics import Interval, bootstrap, paired_difference
from weaklabel.types import ABSTAIN, FloatArray, Pairs, Votes
from weaklabel.types.result import Result, json_fields
from weaklabel.workbench._dev import DevGold
from weaklabel.workbench._out_of_fold import RIDGE, Ridge, enough_gold, out_of_fold_p

if TYPE_CHECKING:
    import pandas as pd

    from weaklabel.pictures import Picture


_ALONE: Final = 1.0  # one weight needs little holding
_HEADER: Final = ("lf", "coverage", "adds", "95% interval", "alone", "95% interval", "")


@dataclass(frozen=True, slots=True, repr=False)
class Added(Result):
    """One function, or several left out together.

    Attributes:
        lfs: their names.
        coverage: share of the gold pairs on which one of them votes.
        adds: NLL without them minus NLL with all, nats per pair; positive is worth having.
        alone: NLL of a coin minus NLL of these alone, nats per pair.
    """

    lfs: tuple[str, ...]
    coverage: float
    adds: Interval
    alone: Interval

    @property
    def verdict(self) -> str:
        """`+` where the interval of `adds` lies above zero, `-` where it lies below, else nothing."""
        return "+" if self.adds.low > 0 else "-" if self.adds.high < 0 else ""

    def to_dict(self) -> dict[str, Any]:
        """JSON values."""
        return json_fields(self) | {"verdict": self.verdict}


@dataclass(frozen=True, slots=True, repr=False)
class AddedValue(Result):
    """What `added_value` found. `str()` prints a table, `to_dict()` gives JSON values.

    Attributes:
        rows: one per function, then one per set that was left out together; what adds most comes first.
        model: the model that the figures are about.
        nll: out-of-fold NLL with all functions, nats per pair.
        n_gold, n_prompts: dev gold behind the figures.
        seconds: time it took.
    """

    rows: tuple[Added, ...]
    model: str
    nll: Interval
    n_gold: int
    n_prompts: int
    seconds: float

    def __str__(self) -> str:
        sets = [row for row in self.rows if len(row.lfs) > 1]
        tables = [plain_table(_HEADER, [_cells(row) for row in self.rows if len(row.lfs) == 1]), ""]
        if sets:
            tables += [plain_table(("left out together", *_HEADER[1:]), [_cells(row) for row in sets]), ""]
        return "\n".join([*tables, self._summary()])

    def _summary(self) -> str:
        lines = [
            f"NLL in nats per pair, out of fold on {self.n_gold} dev pairs of {self.n_prompts} prompts, model: {self.model} "
            f"({self.seconds:.1f} s). With all functions: {self.nll}; a coin: .693.",
            "adds: what is lost without it. alone: what it gains over a coin by itself. + and -: the interval excludes "
            "zero (one row in twenty by chance). Copies cover for each other: leave them out together.",
        ]
        return "\n".join(lines)

    def plot(self) -> Picture:
        """What labels lose without each function that votes, as a picture for notebooks."""
        from weaklabel.pictures import forest_picture

        return forest_picture(
            [(row.lfs[0], row.adds) for row in self.rows if len(row.lfs) == 1 and row.coverage > 0],
            "What each function adds",
            reference=0.0,
            reference_name="nothing",
            signed=True,
            axis="nats per pair lost without it: right helps",
            note=f"Out of fold on {self.n_gold:,} dev gold pairs of {self.n_prompts:,} prompts, model {self.model}.",
        )

    def _sketch(self) -> Sketch:
        return Sketch(self._summary(), _HEADER, [_cells(row) for row in self.rows])

    def to_dict(self) -> dict[str, Any]:
        """JSON values; how long it took is left out, so that equal input gives equal output."""
        found = json_fields(self)
        del found["seconds"]
        return found

    def to_pandas(self) -> pd.DataFrame:
        """A pandas DataFrame, one row per function or set."""
        with needs_pandas("to_pandas"):
            import pandas as pd

        return pd.DataFrame(
            [
                {
                    "lfs": ", ".join(row.lfs), "coverage": row.coverage, "verdict": row.verdict,
                    "adds": row.adds.value, "adds_low": row.adds.low, "adds_high": row.adds.high,
                    "alone": row.alone.value, "alone_low": row.alone.low, "alone_high": row.alone.high,
                }
                for row in self.rows
            ]
        )  # fmt: skip


@checked
def added_value(
    votes: Votes,
    pairs: Pairs,
    *,
    model: str = RIDGE,
    together: Sequence[Sequence[str]] = (),
    seed: int = 0,
) -> AddedValue:
    """Leave-one-out change of the out-of-fold NLL, per labeling function, with paired intervals over prompts.

    Args:
        votes: what `apply` returned.
        pairs: pairs with dev gold, matched by id; the locked test part is not looked at.
        model: `ridge`, a logistic regression on the functions' effects: seconds for a hundred functions. Or a label
            model by name, fitted and calibrated as by `fit`, five fits per function: minutes.
        together: sets of names to leave out at once, in addition.
        seed: of folds and resamples.

    Raises:
        GoldError: too little dev gold, or gold for pairs without votes.
        UnknownNameError: no such label model, or no such function in `together`.

    >>> from weaklabel.data.sample import sample_pairs
    >>> pairs = sample_pairs(n_pairs=200, n_gold=150).dev
    >>> knows = np.where(pairs.y == 0.5, -1, pairs.y)
    >>> L = np.column_stack([knows, np.arange(len(pairs)) % 2]).astype(np.int8)  # one knows, one tosses a coin
    >>> votes = Votes(L, np.full(L.shape, np.nan, np.float32), ("knows", "coin"), pairs.ids)
    >>> [(row.lfs, row.verdict) for row in added_value(votes, pairs).rows][0]
    (('knows',), '+')
    """
    start = time.perf_counter()
    gold = enough_gold(votes, pairs, "added_value")
    sets = [(name,) for name in votes.lf_names] + [tuple(names) for names in together]
    columns = [[votes.column(name) for name in names] for names in sets]
    ridge = None
    with one_thread():
        if model == RIDGE:
            ridge = Ridge(votes.take(gold.rows), gold, seed=seed)
            everything = ridge.p()
        else:
            everything = out_of_fold_p(votes, pairs, gold, model=model, seed=seed)
        rows = []
        cases = list(zip(sets, columns, strict=True))
        for names, chosen in tracked(cases, "leaving out", lambda case: ", ".join(case[0])):
            rest = [j for j in range(votes.n_lfs) if j not in chosen]
            without = _p(ridge, votes, pairs, gold, rest, model, seed)
            alone = _p(ridge, votes, pairs, gold, chosen, model, seed, strength=_ALONE)
            rows.append(_added(names, chosen, votes, gold, everything, without, alone, seed))
    singles, several = ([r for r in rows if (len(r.lfs) == 1) is one] for one in (True, False))
    ordered = [*sorted(singles, key=_best_first), *sorted(several, key=_best_first)]
    nll = bootstrap("nll", everything, gold.y, gold.groups, seed=seed)
    seconds = time.perf_counter() - start
    return AddedValue(tuple(ordered), model, nll, len(gold.y), gold.n_prompts, seconds)


def _best_first(row: Added) -> tuple[float, tuple[str, ...]]:
    return -row.adds.value, row.lfs


def _p(
    ridge: Ridge | None, votes: Votes, pairs: Pairs, gold: DevGold, columns: list[int], model: str, seed: int,
    strength: float | None = None,
) -> FloatArray:  # fmt: skip
    if not columns or not (votes.L[:, columns] != ABSTAIN).any():
        return np.full(len(gold.y), 0.5)
    if ridge is not None:
        return ridge.p(columns, strength)
    chosen = votes.select([votes.lf_names[j] for j in columns])
    return out_of_fold_p(chosen, pairs, gold, model=model, seed=seed)


def _added(
    names: tuple[str, ...], columns: list[int], votes: Votes, gold: DevGold,
    everything: FloatArray, without: FloatArray, alone: FloatArray, seed: int,
) -> Added:  # fmt: skip
    coin = np.full(len(gold.y), 0.5)
    return Added(
        names,
        float((votes.L[gold.rows][:, columns] != ABSTAIN).any(axis=1).mean()),
        paired_difference("nll", without, everything, gold.y, gold.groups, seed=seed),
        paired_difference("nll", coin, alone, gold.y, gold.groups, seed=seed),
    )


def _cells(row: Added) -> list[str]:
    shown = ", ".join(row.lfs[:3]) + (f" and {len(row.lfs) - 3} more" if len(row.lfs) > 3 else "")
    return [
        shown, short(row.coverage), _nats(row.adds.value),
        f"[{_nats(row.adds.low)}, {_nats(row.adds.high)}]", _nats(row.alone.value),
        f"[{_nats(row.alone.low)}, {_nats(row.alone.high)}]", row.verdict,
    ]  # fmt: skip


def _nats(value: float) -> str:
    """Four decimals: what one function of many adds is small."""
    return f"{value:+.4f}".replace("0.", ".", 1) if math.isfinite(value) else "-"
