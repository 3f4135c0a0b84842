"""`analyze`: how each labeling function votes, how the functions relate, and how often gold says they are right.

Works on any `Votes`. Coverage, overlap and conflict are Snorkel's words (Ratner et al. 2017): the share of pairs
on which a function votes, on which another one votes too, and on which another one votes differently.

Accuracy is over gold pairs on which the function votes, with gold ties left out (nobody can be right on them),
as in `weaklabel.metrics`. `over_all` counts an abstain as one half, so that functions of different coverage can
be compared.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any, Final

import numpy as np
from numpy.typing import ArrayLike, NDArray

from weaklabel._arguments import checked
from weaklabel._shown import Sketch
from weaklabel._tables import plain_table, short
from weaklabel._validation import lookup
from weaklabel.errors import ConfigError, UnknownNameError, needs_pandas
from weaklabel.metrics import Interval, bootstrap
from weaklabel.types import ABSTAIN, FloatArray, Int8Array, Pairs, Votes, signed_votes
from weaklabel.types.result import Result, json_fields
from weaklabel.workbench._dev import rows_of_gold

if TYPE_CHECKING:
    import pandas as pd

    from weaklabel.pictures import Picture


FEW_PROMPTS: Final = 20
"""Below this many prompts a bootstrap is too narrow; Wilson's interval on the number of prompts stands in."""

SORTS: Final = ("lf", "coverage", "overlap", "conflict", "faults", "accuracy", "over_all")
"""What functions can be ordered by."""

_CHUNK: Final = 1 << 18  # rows per matrix product: float32 counts stay exact and memory flat
_HEADER: Final = ("lf", "coverage", "overlap", "conflict", "votes", "b share", "faults")
_GOLD_HEADER: Final = ("accuracy", "95% interval", "on gold", "over all")


@dataclass(frozen=True, slots=True, repr=False)
class LFAnalysis(Result):
    """One labeling function.

    Attributes:
        name: its name.
        coverage: share of pairs on which it votes, in [0, 1]; `overlap` and `conflict` are shares of all pairs too.
        polarity: the votes it ever emits, out of "a" and "b".
        b_share: share of its votes that are for b; near .5 for whatever looks at responses, not positions. NaN
            where it never votes.
        faults: pairs on which it failed.
        accuracy: share of right votes with its 95% interval over prompts, `n` gold votes; None without any.
        over_all: accuracy over all gold pairs, an abstain counted one half; None without gold.
    """

    name: str
    coverage: float
    overlap: float
    conflict: float
    polarity: tuple[str, ...]
    b_share: float
    faults: int
    accuracy: Interval | None = None
    over_all: float | None = None

    def figure(self, name: str) -> float:
        """The figure that `ordered` goes by; minus infinity where it is not known."""
        value = getattr(self, name)
        value = value.value if isinstance(value, Interval) else value
        return -np.inf if value is None else float(value)

    def to_dict(self) -> dict[str, Any]:
        """JSON values."""
        return json_fields(self, name="lf")


@dataclass(frozen=True, slots=True, repr=False)
class Analysis(Result):
    """What `analyze` found. `str()` prints a table, `to_dict()` gives JSON values, `to_pandas()` a row per function.

    Attributes:
        lfs: one entry per labeling function, in column order.
        n_pairs: rows of votes.
        coverage: share of pairs with at least one vote; `overlap` with at least two; `conflict` with both sides.
        agreement: `(n_lfs, n_lfs)` float64 in [0, 1], share of equal votes where both vote; NaN where they never do.
        both: `(n_lfs, n_lfs)` int64, the number of pairs on which both vote.
        n_gold: gold pairs behind the accuracies, ties apart; 0 without gold.
        notes: what was left out, in words.
    """

    lfs: tuple[LFAnalysis, ...]
    n_pairs: int
    coverage: float
    overlap: float
    conflict: float
    agreement: FloatArray
    both: NDArray[np.int64]
    n_gold: int = 0
    notes: tuple[str, ...] = field(default=())

    def __getitem__(self, name: str) -> LFAnalysis:
        return lookup("labeling function", {lf.name: lf for lf in self.lfs}, name)

    @checked
    def ordered(self, by: str | None = None, *, min_coverage: float = 0.0) -> Analysis:
        """The same figures with the functions in another order, the highest first, and without those that seldom vote.

        Args:
            by: one of `SORTS`; None keeps the order. What has no accuracy comes last.
            min_coverage: share of pairs in [0, 1] on which a function has to vote to stay.

        Raises:
            ConfigError: an order or a share that does not exist.
        """
        if by is not None and by not in SORTS:
            raise UnknownNameError.for_name("order", by, SORTS)
        if not 0 <= min_coverage <= 1:
            raise ConfigError(f"min_coverage is {min_coverage}. Allowed: a share of the pairs, from 0 to 1.")
        kept = [j for j, lf in enumerate(self.lfs) if lf.coverage >= min_coverage]
        if by == "lf":
            kept.sort(key=lambda j: self.lfs[j].name)
        elif by is not None:
            kept.sort(key=lambda j: -self.lfs[j].figure(by))
        left_out = len(self.lfs) - len(kept)
        note = f"{left_out} functions that vote on less than {min_coverage:.1%} of the pairs were left out."
        at = np.ix_(kept, kept)
        return replace(
            self,
            lfs=tuple(self.lfs[j] for j in kept),
            agreement=self.agreement[at],
            both=self.both[at],
            notes=(*self.notes, note) if left_out else self.notes,
        )

    def __str__(self) -> str:
        return "\n".join([plain_table(*self._cells()), "", self._summary()])

    def _summary(self) -> str:
        gold = f"{self.n_gold} gold pairs" if self.n_gold else "no gold, so no accuracies"
        summary = (
            f"{self.n_pairs} pairs, {len(self.lfs)} labeling functions, {gold}. Share of pairs with a vote "
            f"{short(self.coverage)}, with two or more {short(self.overlap)}, in conflict {short(self.conflict)}."
        )
        return "\n".join([summary, *self._alike(), *self.notes])

    def _sketch(self) -> Sketch:
        return Sketch(self._summary(), *self._cells())

    def plot(self, names: Sequence[str] | None = None) -> Picture:
        """How often each function is right on gold, with 95% intervals, as a picture for notebooks.

        Args:
            names: the functions to draw, in this order; None draws all, the most accurate first.

        Raises:
            UnknownNameError: no such function.
        """
        from weaklabel.pictures import forest_picture

        known = [
            (name, accuracy)
            for name in ([lf.name for lf in self.lfs] if names is None else names)
            if (accuracy := self[name].accuracy) is not None
        ]
        if names is None:
            known.sort(key=lambda row: -row[1].value)
        return forest_picture(
            known,
            "How often each function is right",
            reference=0.5,
            reference_name="coin",
            note=f"On the dev gold where it votes ({self.n_gold:,} pairs, ties apart); 95% intervals over prompts."
            if self.n_gold
            else "No gold, so no accuracies. Pass gold= to analyze.",
        )

    def _cells(self) -> tuple[list[str], list[list[str]]]:
        header = [*_HEADER, *(_GOLD_HEADER if self.n_gold else ())]
        return header, [_row(lf, gold=bool(self.n_gold)) for lf in self.lfs]

    def _alike(self) -> list[str]:
        """A word about functions that nearly always agree: dependent votes make a label model over-confident."""
        return [
            f"{self.lfs[i].name} and {self.lfs[j].name} agree on {short(float(self.agreement[i, j]))} "
            f"of the {self.both[i, j]} pairs on which both vote."
            for i, j in zip(*np.triu_indices(len(self.lfs), k=1), strict=True)
            if self.both[i, j] >= 20 and self.agreement[i, j] >= 0.95
        ]

    def to_pandas(self) -> pd.DataFrame:
        """A pandas DataFrame, one row per labeling function, the interval in columns of its own."""
        with needs_pandas("to_pandas"):
            import pandas as pd

        rows = []
        for lf in self.lfs:
            row = lf.to_dict() | {"polarity": "".join(lf.polarity)}
            found = row.pop("accuracy") or {"value": None, "low": None, "high": None, "n": 0}
            rows.append(
                row
                | {
                    "accuracy": found["value"],
                    "low": found["low"],
                    "high": found["high"],
                    "gold_votes": found["n"],
                }
            )
        return pd.DataFrame(rows)


@checked
def analyze(votes: Votes, gold: Pairs | None = None, *, seed: int = 0) -> Analysis:
    """Coverage, overlap, conflict, polarity and agreement of labeling functions, and their accuracy on gold.

    Args:
        votes: what `apply` returned.
        gold: pairs with gold, matched by id; they may be some of the voted pairs. Hand in `pairs.dev`. Of pairs
            that hold both parts only the dev part is used: the locked test part is looked at only when it is
            handed in alone.
        seed: of the bootstrap.

    Raises:
        GoldError: gold for a pair that has no votes.

    >>> L = np.array([[0, 0], [1, 0], [1, -1], [-1, -1]], dtype=np.int8)
    >>> votes = Votes(L, np.full((4, 2), np.nan, np.float32), ("x", "y"), ("1", "2", "3", "4"))
    >>> found = analyze(votes)
    >>> found["x"].coverage, found["x"].overlap, found["x"].conflict, float(found.agreement[0, 1])
    (0.75, 0.5, 0.25, 0.5)
    """
    L = votes.L
    spoke, disputed = (L != ABSTAIN).sum(axis=1), (L == 0).any(axis=1) & (L == 1).any(axis=1)
    agreement, both = pairwise_agreement(L)
    on_gold = _Gold.match(votes, gold) if gold is not None else _Gold.none()
    faults = _faults_per_lf(votes)
    return Analysis(
        tuple(
            _analyze_one(name, L[:, j], spoke, disputed, faults[name], on_gold, seed)
            for j, name in enumerate(votes.lf_names)
        ),
        len(votes),
        _share(spoke >= 1),
        _share(spoke >= 2),
        _share(disputed),
        agreement,
        both,
        int(on_gold.rows.size),
        on_gold.notes,
    )


def pairwise_agreement(L: Int8Array) -> tuple[FloatArray, NDArray[np.int64]]:
    """Share of equal votes where both vote `(m, m)` float64, NaN where they never do, and how often they do, int64.

    >>> agreement, both = pairwise_agreement(np.array([[0, 0], [1, 0], [1, -1]], dtype=np.int8))
    >>> agreement.tolist(), both.tolist()
    ([[1.0, 0.5], [0.5, 1.0]], [[3, 2], [2, 2]])
    """
    m = L.shape[1]
    both, signed = np.zeros((m, m)), np.zeros((m, m))
    for start in range(0, len(L), _CHUNK):
        part = L[start : start + _CHUNK]
        spoke, sign = (part != ABSTAIN).astype(np.float32), signed_votes(part).astype(np.float32)
        both += spoke.T @ spoke
        signed += sign.T @ sign
    # Equal votes add 1 to both sums, opposite ones 1 and -1.
    agreement = np.divide((both + signed) / 2, both, out=np.full((m, m), np.nan), where=both > 0)
    return agreement, both.astype(np.int64)


def accuracy_interval(
    votes: Int8Array, y: FloatArray, groups: ArrayLike, *, seed: int = 0
) -> Interval | None:
    """Share of right votes with a 95% interval over prompts; None where no vote meets decided gold.

    Args:
        votes: `(n,)` int8, -1, 0 or 1.
        y: `(n,)` float64, gold as 0, 1, .5 (tie) or NaN (unknown); the last two are left out.
        groups: `(n,)`, equal values for equal prompts.

    The bounds resample prompts. Where a bootstrap says nothing, because there are fewer than `FEW_PROMPTS` prompts
    or all votes are right or all wrong, they are Wilson's with the number of prompts as sample size.
    """
    counts = (votes != ABSTAIN) & ((y == 0) | (y == 1))
    if not counts.any():
        return None
    prompts = np.asarray(groups)[counts]
    value, n_prompts = float((votes[counts] == y[counts]).mean()), len(np.unique(prompts))
    if n_prompts < FEW_PROMPTS or value in (0.0, 1.0):
        low, high = wilson(np.array(value), np.array(n_prompts))
        return Interval(value, float(low), float(high), int(counts.sum()))
    return bootstrap("accuracy", votes[counts].astype(np.float64), y[counts], prompts, seed=seed)


def wilson(share: FloatArray, n: NDArray[Any], z: float = 1.959964) -> tuple[FloatArray, FloatArray]:
    """Wilson's score interval (1927) of a share seen in `n` independent trials, elementwise.

    >>> low, high = wilson(np.array([0.5, 1.0]), np.array([100, 10]))
    >>> low.round(3).tolist(), high.round(3).tolist()
    ([0.404, 0.722], [0.596, 1.0])
    """
    shrink = 1.0 + z**2 / n
    middle = (share + z**2 / (2 * n)) / shrink
    half = z * np.sqrt(share * (1 - share) / n + z**2 / (4 * n**2)) / shrink
    return np.maximum(middle - half, 0.0), np.minimum(middle + half, 1.0)


@dataclass(frozen=True, slots=True)
class _Gold:
    """Gold joined to votes: rows of `L`, and for each its gold (0 or 1) and prompt."""

    rows: NDArray[np.intp]
    y: FloatArray
    groups: NDArray[np.int64]
    notes: tuple[str, ...] = ()

    @classmethod
    def none(cls, *notes: str) -> _Gold:
        return cls(np.empty(0, np.intp), np.empty(0), np.empty(0, np.int64), notes)

    @classmethod
    def match(cls, votes: Votes, gold: Pairs) -> _Gold:
        known, notes = gold.has_gold, []
        locked = known & (gold.parts == "test")
        if locked.any() and (known & ~locked).any():
            known = known & ~locked
            notes.append(f"The {int(locked.sum())} locked test pairs were left out.")
        if not known.any():
            return cls.none("The pairs handed in as gold hold no gold.")
        chosen = gold.take(known)
        ties = chosen.y == 0.5
        if ties.any():
            notes.append(f"{int(ties.sum())} gold ties were left out of the accuracies.")
        return cls(
            rows_of_gold(votes, chosen.ids, "analyze")[~ties],
            chosen.y[~ties],
            chosen.prompt_groups[~ties],
            tuple(notes),
        )


def _analyze_one(
    name: str,
    column: Int8Array,
    spoke: NDArray[Any],
    disputed: NDArray[np.bool_],
    faults: int,
    gold: _Gold,
    seed: int,
) -> LFAnalysis:
    voted, on_gold = column != ABSTAIN, column[gold.rows]
    right = np.where(on_gold == ABSTAIN, 0.5, on_gold == gold.y)
    return LFAnalysis(
        name,
        _share(voted),
        _share(voted & (spoke >= 2)),
        # In a pair with votes for both sides, everyone who votes meets somebody who differs.
        _share(voted & disputed),
        tuple(side for side, vote in (("a", 0), ("b", 1)) if (column == vote).any()),
        float((column[voted] == 1).mean()) if voted.any() else float("nan"),
        faults,
        accuracy_interval(on_gold, gold.y, gold.groups, seed=seed),
        float(right.mean()) if right.size else None,
    )


def _faults_per_lf(votes: Votes) -> dict[str, int]:
    counts = dict.fromkeys(votes.lf_names, 0)
    for fault in votes.faults:
        counts[fault.lf] = counts.get(fault.lf, 0) + 1
    return counts


def _share(mask: NDArray[np.bool_]) -> float:
    return float(mask.mean()) if mask.size else 0.0


def _row(lf: LFAnalysis, *, gold: bool) -> list[str]:
    cells = [lf.name, short(lf.coverage), short(lf.overlap), short(lf.conflict), " ".join(lf.polarity) or "-"]
    cells += [short(lf.b_share), str(lf.faults)]
    if not gold:
        return cells
    if lf.accuracy is None:
        return [*cells, "-", "-", "0", short(lf.over_all)]
    found = lf.accuracy
    interval = f"[{short(found.low)}, {short(found.high)}]"
    return [*cells, short(found.value), interval, str(found.n), short(lf.over_all)]
