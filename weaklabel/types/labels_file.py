"""`LabelsFile`: labels on disk, as `weaklabel label` writes them, read a part at a time."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any, Final

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from weaklabel._shown import ROWS, Shown, Sketch
from weaklabel.artifacts.files import open_parquet
from weaklabel.errors import DataError
from weaklabel.types.labels import LABEL_COLUMNS, VOTE_PREFIX, Labels
from weaklabel.types.pairs import Pairs
from weaklabel.types.votes import FloatArray, Votes

_OPTIONAL: Final = ("p_tie", "p_low", "p_high")


class LabelsFile(Shown):
    """Labels in a Parquet file with the columns of `Labels.to_table()`.

    Iterating gives `Labels` of one row group after another. They hold no margins and no contributions: those are
    not in the file.

    Args:
        path: the file.

    Attributes:
        calibrated: whether the log-odds were fitted to gold.
        column_names: of the file.
        lf_names: the labeling functions, in column order.

    Raises:
        DataError: the file is missing, torn, or holds no labels.
    """

    def __init__(self, path: str | Path) -> None:
        self.path = Path(path)
        self._file = open_parquet(self.path, "weaklabel label")
        names = self._file.schema_arrow.names
        if missing := {"logit", "w", "calibrated", "in_sample"} - set(names):
            raise DataError(f"{self.path} has no column {min(missing)!r}. Write it with weaklabel label.")
        self.column_names: tuple[str, ...] = tuple(names)
        self.lf_names = tuple(n.removeprefix(VOTE_PREFIX) for n in names if n.startswith(VOTE_PREFIX))
        first = self._file.read_row_group(0, columns=["calibrated"]) if self._file.num_row_groups else None
        self.calibrated = bool(first is not None and len(first) and first["calibrated"][0].as_py())

    def __len__(self) -> int:
        return int(self._file.metadata.num_rows)

    def __repr__(self) -> str:
        kind = "calibrated" if self.calibrated else "not calibrated"
        return f"LabelsFile({str(self.path)!r}: {len(self):,} pairs, {kind})"

    def _sketch(self) -> Sketch:
        if not len(self):
            return Sketch(repr(self))
        first = self._file.iter_batches(batch_size=ROWS)
        shown = labels_of(pa.Table.from_batches([next(first)]))._sketch()
        return replace(shown, summary=repr(self), total=len(self))

    def __iter__(self) -> Iterator[Labels]:
        for group in range(self._file.num_row_groups):
            yield labels_of(self._file.read_row_group(group))

    def tables(self, columns: list[str]) -> Iterator[pa.Table]:
        """Some columns of one row group after another; what else is in the file is not read."""
        for group in range(self._file.num_row_groups):
            yield self._file.read_row_group(group, columns=columns).replace_schema_metadata(None)

    def beliefs(self, pairs: Pairs, votes: Votes, rows: NDArray[np.int64]) -> Labels:
        """Labels of some pairs as they stand in the file, without contributions.

        Args:
            pairs, votes: the pairs, and the votes behind their labels.
            rows: `(n_pairs,)`, where in the file each of them stands, rising.
        """
        names = [n for n in ("logit", "w", "in_sample", *_OPTIONAL) if n in self._file.schema_arrow.names]
        parts, start = [self._file.schema_arrow.empty_table().select(names)], 0
        for group in range(self._file.num_row_groups):
            end = start + self._file.metadata.row_group(group).num_rows
            here = rows[(rows >= start) & (rows < end)] - start
            if len(here):
                parts.append(self._file.read_row_group(group, columns=names).take(pa.array(here)))
            start = end
        found: dict[str, Any] = {
            name: column.to_numpy()
            for name, column in zip(names, pa.concat_tables(parts).columns, strict=True)
        }
        return Labels(
            pairs=pairs,
            votes=votes,
            logit=found["logit"],
            w=found["w"],
            contributions=None,
            calibrated=self.calibrated,
            in_sample=found["in_sample"],
            **_known(found),
        )


def labels_of(table: pa.Table) -> Labels:
    """The labels in a table with the columns of `Labels.to_table()`, without margins and contributions."""
    names = [n for n in table.column_names if n.startswith(VOTE_PREFIX)]
    pairs = Pairs(table.select([n for n in table.column_names if n not in LABEL_COLUMNS and n not in names]))
    L = np.empty((len(table), len(names)), dtype=np.int8)
    for j, name in enumerate(names):
        L[:, j] = table[name].to_numpy()
    lf_names = tuple(name.removeprefix(VOTE_PREFIX) for name in names)
    return Labels(
        pairs=pairs,
        votes=Votes(L, np.full(L.shape, np.nan, dtype=np.float32), lf_names, pairs.ids),
        logit=table["logit"].to_numpy(),
        w=table["w"].to_numpy(),
        contributions=None,
        calibrated=bool(len(table) and table["calibrated"][0].as_py()),
        in_sample=table["in_sample"].to_numpy(),
        **_known({name: table[name].to_numpy() for name in _OPTIONAL if name in table.column_names}),
    )


def _known(columns: Mapping[str, FloatArray]) -> dict[str, Any]:
    """The optional columns that are there and not null all the way down."""
    return {
        name: columns[name] for name in _OPTIONAL if name in columns and not np.isnan(columns[name]).all()
    }
