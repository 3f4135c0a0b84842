"""`Votes`: what labeling functions said of a set of pairs."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, ClassVar

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from weaklabel._arguments import check_value
from weaklabel._shown import ROWS, Shown, Sketch
from weaklabel.errors import LabelMatrixError, RowError, UnknownNameError
from weaklabel.types.fault import Fault
from weaklabel.types.pair import ABSTAIN
from weaklabel.types.rows import Rows, as_pandas, checked_rows, distinct_rows, one_row

if TYPE_CHECKING:
    import pandas as pd

Int8Array = NDArray[np.int8]
FloatArray = NDArray[np.float64]
Float32Array = NDArray[np.float32]


def swap_votes(L: Int8Array) -> Int8Array:
    """The votes on the same pairs in the other order: 0 and 1 change places, abstains stay.

    >>> swap_votes(np.array([[0, 1, -1]], dtype=np.int8))
    array([[ 1,  0, -1]], dtype=int8)
    """
    return np.where(L == ABSTAIN, L, 1 - L).astype(np.int8)


def signed_votes(L: Int8Array) -> FloatArray:
    """Votes as -1 (A), +1 (B) and 0 (abstain), float64, the shape of `L`."""
    return np.where(L == ABSTAIN, 0.0, 2.0 * L - 1.0)


@dataclass(frozen=True, slots=True, repr=False)
class Votes(Shown):
    """Votes and margins of `m` labeling functions on `n` pairs.

    Attributes:
        L: `(n_pairs, n_lfs)` int8, -1 abstain, 0 prefers A, 1 prefers B.
        margins: `(n_pairs, n_lfs)` float32, the directed raw difference, positive for B, NaN where an LF
            has none. Its sign agrees with every vote that is not an abstain.
        lf_names: `n_lfs` distinct names, in column order.
        ids: `n_pairs` pair ids, in row order.
        faults: failures, kept apart from abstains.

    Raises:
        LabelMatrixError: when the shapes, names or ids do not fit together, or a vote is not -1, 0 or 1.
    """

    L: Int8Array
    margins: Float32Array
    lf_names: tuple[str, ...]
    ids: tuple[str, ...]
    faults: tuple[Fault, ...] = field(default=())

    def __post_init__(self) -> None:
        for name, kind in (
            ("L", "ndarray"),
            ("margins", "ndarray"),
            ("lf_names", "tuple[str, ...]"),
            ("ids", "tuple"),
        ):
            check_value(f"Votes: {name}", getattr(self, name), kind)
        n, m = len(self.ids), len(self.lf_names)
        for what, array in (("L", self.L), ("margins", self.margins)):
            if array.shape != (n, m):
                raise LabelMatrixError(
                    f"{what} has shape {array.shape} but {n} ids and {m} LF names were given. "
                    "Pass arrays, names and ids from the same apply() call."
                )
        if self.L.size and (self.L.min() < -1 or self.L.max() > 1):
            odd = sorted({int(v) for v in np.unique(self.L)} - {-1, 0, 1})
            raise LabelMatrixError(f"L holds {odd}. A vote is -1 (abstain), 0 (A) or 1 (B).")
        if len(set(self.lf_names)) != m:
            twice = sorted({name for name in self.lf_names if self.lf_names.count(name) > 1})
            raise LabelMatrixError(f"two labeling functions are named {twice[0]!r}. Rename one of them.")

    def __len__(self) -> int:
        return len(self.ids)

    def __repr__(self) -> str:
        """How many, and how they fall: not the arrays."""
        failed = f", {len(self.faults):,} of them failed" if self.faults else ""
        return (
            f"Votes of {self.n_lfs:,} labeling functions on {len(self):,} pairs ({self.coverage:.1%} with a vote): "
            f"{int((self.L == 0).sum()):,} for a, {int((self.L == 1).sum()):,} for b, "
            f"{int((self.L == ABSTAIN).sum()):,} abstains{failed}"
        )

    def _sketch(self) -> Sketch:
        failed = Counter(fault.lf for fault in self.faults)
        rows = [
            [
                name,
                *(f"{int((self.L[:, j] == vote).sum()):,}" for vote in (0, 1, ABSTAIN)),
                f"{failed[name]:,}",
            ]
            for j, name in enumerate(self.lf_names[:ROWS])
        ]
        header = ("labeling function", "votes a", "votes b", "abstains", "of these failed")
        return Sketch(repr(self), header, rows, self.n_lfs)

    @property
    def n_lfs(self) -> int:
        return len(self.lf_names)

    @property
    def coverage(self) -> float:
        """Share of pairs with at least one vote."""
        return float((self.L != ABSTAIN).any(axis=1).mean()) if len(self) else 0.0

    @property
    def fault_share(self) -> float:
        """Failed votes as a share of all `n_pairs * n_lfs` votes."""
        return len(self.faults) / self.L.size if self.L.size else 0.0

    def column(self, name: str) -> int:
        """Index of the labeling function called `name`."""
        try:
            return self.lf_names.index(name)
        except ValueError:
            raise UnknownNameError.for_name("labeling function", name, self.lf_names) from None

    def take(self, rows: Rows) -> Votes:
        """The votes on some rows, in the order given; a row that is named twice comes twice.

        Raises:
            RowError: rows that are not there.
        """
        return self._rows(checked_rows(rows, len(self), "Votes.take"))

    # Python would take brackets for a loop over rows, and end it at the first error.
    __iter__: ClassVar[None] = None

    def __getitem__(self, rows: Rows) -> Votes:
        """The votes on some rows, each at most once; `votes.L[row]` are the votes of one.

        Args:
            rows: a slice; a list or `(k,)` array of numbers, below 0 from the end; `(n_pairs,)` True or False.

        Raises:
            RowError: a single number, rows that are not there, a mask of another length, a row that is named twice.

        >>> L = np.array([[0], [1], [-1]], dtype=np.int8)
        >>> votes = Votes(L, np.full(L.shape, np.nan, np.float32), ("longer",), ("x", "y", "z"))
        >>> votes[1:].ids, votes[[True, False, True]].L.tolist()
        (('y', 'z'), [[0], [-1]])
        """
        if (row := one_row(rows, len(self), "votes")) is not None:
            raise RowError(
                f"votes[{row}] is one row. Write votes[{row}:{row + 1}], or votes.L[{row}] for its votes."
            )
        return self._rows(distinct_rows(rows, len(self), "votes"))

    def to_pandas(self) -> pd.DataFrame:
        """A pandas DataFrame: `id`, then `vote:<lf>` per labeling function: -1, 0 or 1, int8.

        Raises:
            MissingExtraError: pandas is not installed.
        """
        columns = [pa.array(self.ids, pa.string()), *(pa.array(column) for column in self.L.T)]
        return as_pandas(
            pa.Table.from_arrays(columns, names=["id", *(f"vote:{name}" for name in self.lf_names)])
        )

    def _rows(self, index: NDArray[np.int64]) -> Votes:
        ids = tuple(self.ids[i] for i in index)
        kept = set(ids)
        return Votes(
            self.L[index],
            self.margins[index],
            self.lf_names,
            ids,
            tuple(f for f in self.faults if f.pair_id in kept),
        )

    def on(self, ids: Sequence[str]) -> Votes:
        """The votes on some pairs, in the order of `ids`.

        Raises:
            LabelMatrixError: a pair without votes, or votes that repeat an id.
        """
        where = {pair_id: row for row, pair_id in enumerate(self.ids)}
        if len(where) < len(self):
            raise LabelMatrixError(
                f"{len(self) - len(where)} votes repeat an id. Give every pair an id of its own."
            )
        if missing := [pair_id for pair_id in ids if pair_id not in where]:
            raise LabelMatrixError(
                f"the votes lack pair {missing[0]!r} ({len(missing)} in all). Pass votes from apply() on these pairs."
            )
        return self.take(np.array([where[pair_id] for pair_id in ids], dtype=np.intp))

    def select(self, names: Sequence[str]) -> Votes:
        """The columns of some labeling functions, in the order asked for."""
        columns = [self.column(name) for name in names]
        wanted = set(names)
        return Votes(
            np.ascontiguousarray(self.L[:, columns]),
            np.ascontiguousarray(self.margins[:, columns]),
            tuple(names),
            self.ids,
            tuple(f for f in self.faults if f.lf in wanted),
        )

    def swapped(self) -> Votes:
        """The same votes with the two responses of every pair in the other order."""
        return Votes(swap_votes(self.L), -self.margins, self.lf_names, self.ids, self.faults)
