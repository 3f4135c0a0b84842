"""Which rows are meant: what stands in the brackets of pairs, votes and labels, checked against their number."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, TypeAlias

import numpy as np
from numpy.typing import NDArray

from weaklabel._shown import brief
from weaklabel.errors import RowError, needs_pandas

if TYPE_CHECKING:
    from collections.abc import Sequence

    import pandas as pd

Rows: TypeAlias = "slice | Sequence[int] | Sequence[bool] | NDArray[np.bool_] | NDArray[np.integer[Any]]"
"""A slice, numbers of rows (below 0 from the end), or one True or False a row."""
_ALLOWED = "a slice, a list or an array of row numbers, or one True or False a row"


def one_row(row: object, n: int, owner: str) -> int | None:
    """The number of the row that an integer means, counted from the front; None where it is not an integer.

    Raises:
        RowError: beyond the `n` rows there are.

    >>> one_row(-1, 5, "pairs"), one_row([1], 5, "pairs")
    (4, None)
    """
    if isinstance(row, bool | np.bool_) or not isinstance(row, int | np.integer):
        return None
    if not -n <= row < n:
        raise RowError(f"{owner}[{row}]: there are {n:,} rows. Allowed: {_range(n)}.")
    return int(row) % n


def checked_rows(rows: object, n: int, owner: str) -> NDArray[np.int64]:
    """`(k,)` int64: the rows that a slice, a mask or numbers mean, in the order given, counted from the front.

    Raises:
        RowError: a mask of another length, a number beyond the `n` rows, or what means no rows.

    >>> checked_rows(slice(3, None), 5, "pairs"), checked_rows([True, False, True], 3, "pairs")
    (array([3, 4]), array([0, 2]))
    """
    if isinstance(rows, slice):
        try:
            return np.arange(n, dtype=np.int64)[rows]
        except (TypeError, ValueError) as error:
            raise RowError(
                f"{owner}[{brief(rows)}]: {error}. Write whole numbers, as {owner}[:200]."
            ) from None
    if isinstance(rows, str | bytes | tuple):
        raise RowError(f"{owner}[{brief(rows)}] means no rows. Allowed: {_ALLOWED}.")
    try:
        given = np.asarray(rows)
    except ValueError:  # lists of different lengths
        given = np.empty((0, 0))
    if given.shape == (0,):
        return np.empty(0, dtype=np.int64)
    if given.ndim != 1 or given.dtype.kind not in "biu":
        raise RowError(f"{owner}[{brief(rows)}] means no rows. Allowed: {_ALLOWED}.")
    if given.dtype.kind == "b":
        if len(given) != n:
            raise RowError(f"{owner}: the mask has {len(given):,} values for {n:,} rows. Allowed: one a row.")
        return np.flatnonzero(given)
    outside = (given >= n) | (given < -n)
    if outside.any():
        raise RowError(f"{owner}: there is no row {given[outside][0]} among {n:,}. Allowed: {_range(n)}.")
    given = given.astype(np.int64)  # a narrow kind could not hold `given + n`
    return np.where(given < 0, given + n, given)


def distinct_rows(rows: object, n: int, owner: str) -> NDArray[np.int64]:
    """The same, each row at most once: ids are distinct wherever pairs are joined with votes and labels.

    Raises:
        RowError: as `checked_rows`; a row that is named twice.
    """
    found = checked_rows(rows, n, owner)
    values, counts = np.unique(found, return_counts=True)
    if len(values) < len(found):
        raise RowError(
            f"{owner}: row {values[counts > 1][0]} is named twice. Ids are distinct: name each row once."
        )
    return found


def _range(n: int) -> str:
    return f"{-n} to {n - 1}" if n else "no row, there is none"


def as_pandas(table: Any) -> pd.DataFrame:
    """An Arrow table as a DataFrame.

    Raises:
        MissingExtraError: pandas is not installed.
    """
    with needs_pandas("to_pandas"):
        frame: pd.DataFrame = table.to_pandas()
    return frame
