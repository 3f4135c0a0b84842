"""What new answers changed, said once when a step is made again: the figures of the labeler, and the labels that turned.

It is told, and kept nowhere: a step's files do not depend on what stood there before.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from weaklabel import artifacts
from weaklabel._tables import short
from weaklabel.errors import ArtifactError


def counts_before(folder: Path, step: str) -> Mapping[str, Any]:
    """The counts of a step as it was made last; none where it was not."""
    try:
        return dict(artifacts.read_json(folder / f"{step}.json")["counts"])
    except (ArtifactError, KeyError, TypeError):
        return {}


def said_of_fit(before: Mapping[str, Any], now: Mapping[str, Any]) -> str:
    """What answers changed in the figures of the labeler; "" where there are none that are new to it.

    >>> was = {"out_of_fold": {"nll": {"value": 0.61}, "accuracy": {"value": 0.7}}}
    >>> said_of_fit(was, {"answers": 9, "out_of_fold": {"nll": {"value": 0.58}, "accuracy": {"value": 0.72}}})
    '9 answers count as gold (0 at the last fit): out of fold, accuracy .700 -> .720, NLL .610 -> .580'
    """
    n, earlier = now.get("answers", 0), before.get("answers", 0)
    if not before or n == earlier:
        return ""
    figures = [
        f"{words} {short(_figure(before, name))} -> {short(_figure(now, name))}"
        for name, words in (("accuracy", "accuracy"), ("nll", "NLL"))
    ]
    return f"{n:,} answers count as gold ({earlier:,} at the last fit): out of fold, {', '.join(figures)}"


def _figure(counts: Mapping[str, Any], name: str) -> float | None:
    found: float | None = counts.get("out_of_fold", {}).get(name, {}).get("value")
    return found


class LabelsBefore(NamedTuple):
    """Labels as they stood in a file, in its order."""

    ids: pa.ChunkedArray
    logit: Any

    @classmethod
    def of(cls, path: Path) -> LabelsBefore | None:
        """None where there is no such file, or a torn one."""
        try:
            table = pq.read_table(path, columns=["id", "logit"])
        except (OSError, pa.ArrowException, KeyError):
            return None
        return cls(table["id"], table["logit"].to_numpy())

    def said(self, now: LabelsBefore | None) -> str:
        """How many labels changed sides; "" where these are the labels of other pairs."""
        if now is None or len(self.ids) != len(now.ids) or not self.ids.equals(now.ids):
            return ""
        turned = int((np.sign(self.logit) != np.sign(now.logit)).sum())
        moved = float(np.abs(np.tanh(self.logit / 2) - np.tanh(now.logit / 2)).mean() / 2)
        return f"{turned:,} of {len(self.ids):,} labels changed sides; p moved by {short(moved)} on average"
