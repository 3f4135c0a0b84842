"""`LabelsFile`: labels on disk, as `weaklabel label` writes them, read a part at a time."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Final

import numpy as np
import pyarrow as pa

from weaklabel.artifacts.files import open_parquet
from weaklabel.errors import DataError
from weaklabel.types.labels import Labels
from weaklabel.types.pairs import Pairs
from weaklabel.types.votes import Votes

VOTE_PREFIX: Final = "vote:"
_OWN: Final = {"p", "w", "label", "confidence", "calibrated", "logit", "in_sample", "p_tie"}


class LabelsFile:
    """Labels in a Parquet file with the columns of `Labels.to_table()`.

    Iterating gives `Labels` of one row group after another. They hold no margins and no contributions: those are
    not in the file.

    Args:
        path: the file.

    Attributes:
        calibrated: whether the log-odds were fitted to gold.
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
        self.lf_names = tuple(n.removeprefix(VOTE_PREFIX) for n in names if n.startswith(VOTE_PREFIX))
        first = self._file.read_row_group(0, columns=["calibrated"]) if self._file.num_row_groups else None
        self.calibrated = bool(first is not None and len(first) and first["calibrated"][0].as_py())

    def __len__(self) -> int:
        return int(self._file.metadata.num_rows)

    def __repr__(self) -> str:
        kind = "calibrated" if self.calibrated else "not calibrated"
        return f"LabelsFile({str(self.path)!r}: {len(self):,} pairs, {kind})"

    def __iter__(self) -> Iterator[Labels]:
        for group in range(self._file.num_row_groups):
            yield labels_of(self._file.read_row_group(group))


def labels_of(table: pa.Table) -> Labels:
    """The labels in a table with the columns of `Labels.to_table()`, without margins and contributions."""
    names = [n for n in table.column_names if n.startswith(VOTE_PREFIX)]
    pairs = Pairs(table.select([n for n in table.column_names if n not in _OWN and n not in names]))
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
        p_tie=table["p_tie"].to_numpy() if "p_tie" in table.column_names else None,
    )
