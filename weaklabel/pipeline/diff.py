"""Two runs side by side: labels that flipped, figures that moved."""

from __future__ import annotations

import math
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from weaklabel._shown import Sketch
from weaklabel._tables import plain_table, short
from weaklabel.errors import ArtifactError
from weaklabel.metrics import Interval, paired_difference
from weaklabel.pipeline.run_figures import RunFigures
from weaklabel.types import CANONICAL, FloatArray, Pairs
from weaklabel.types.result import Result, json_fields

_METRICS: Final = ("accuracy", "nll", "brier", "ece")
_SHOWN: Final = 60


@dataclass(frozen=True, repr=False)
class Flip(Result):
    """A pair whose label changed. `prompt` is empty for the locked test part, whose texts are not shown."""

    id: str
    prompt: str
    label_a: str
    label_b: str
    p_a: float
    p_b: float

    def to_dict(self) -> dict[str, Any]:
        return {
            "id": self.id,
            "prompt": self.prompt,
            "before": {"label": self.label_a, "p": self.p_a},
            "after": {"label": self.label_b, "p": self.p_b},
        }


_FLIPPED: Final = ("flipped", "label", "p", "prompt")


@dataclass(frozen=True, repr=False)
class Difference(Result):
    """What changed from one run to another.

    Attributes:
        before, after: names of the runs.
        n_common: pairs that both runs labelled; `only_before` and `only_after` have one label only.
        n_flipped: common pairs whose label changed.
        mean_change: mean of |p after - p before| over common pairs.
        flips: the flips with the largest change of p, largest first.
        paired: per metric, label model after minus before on the same held-out gold, with its paired interval.
        figures: `(arm, metric, before, after)` for every figure that either report holds.
        lfs_removed, lfs_added: names of labeling functions.
    """

    before: str
    after: str
    n_common: int
    only_before: int
    only_after: int
    n_flipped: int
    mean_change: float
    flips: tuple[Flip, ...]
    paired: dict[str, Interval]
    figures: tuple[tuple[str, str, float | None, float | None], ...]
    lfs_removed: tuple[str, ...]
    lfs_added: tuple[str, ...]

    @property
    def flipped_share(self) -> float:
        """Flipped labels as a share of the common pairs."""
        return self.n_flipped / self.n_common if self.n_common else 0.0

    def to_dict(self) -> dict[str, Any]:
        """JSON values."""
        names = ("arm", "metric", "before", "after")
        figures = [dict(zip(names, row, strict=True)) for row in self.figures]
        return json_fields(self) | {"flipped_share": self.flipped_share, "figures": figures}

    def _sketch(self) -> Sketch:
        flips = [_cells(flip) for flip in self.flips]
        summary = "\n".join([*self._head(), *(self._paired() if self.paired else [])])
        return Sketch(summary, _FLIPPED if flips else (), flips, self.n_flipped, 4)

    def __str__(self) -> str:
        lines = self._head()
        if self.flips:
            lines += ["", plain_table(_FLIPPED, [_cells(f) for f in self.flips], left=4)]
        if moved := self._moved():
            header = ["figure", "metric", self.before, self.after, "change"]
            lines += ["", plain_table(header, moved, left=2)]
        if same := len(self.figures) - len(moved):
            lines.append(f"{same} of {len(self.figures)} figures did not change.")
        if self.paired:
            lines += ["", *self._paired()]
        return "\n".join(lines)

    def _head(self) -> list[str]:
        lines = [
            f"{self.before} -> {self.after}: {self.n_flipped:,} of {self.n_common:,} labels flipped "
            f"({self.flipped_share:.1%}); p moved by {self.mean_change:.3f} on average."
        ]
        if self.only_before or self.only_after:
            lines.append(
                f"{self.only_before:,} pairs only in {self.before}, {self.only_after:,} only in {self.after}."
            )
        for what, names in (("removed", self.lfs_removed), ("added", self.lfs_added)):
            if names:
                lines.append(f"labeling functions {what}: {', '.join(names)}")
        return lines

    def _paired(self) -> list[str]:
        shown = ", ".join(f"{metric} {interval}" for metric, interval in self.paired.items())
        return [f"label model, {self.after} - {self.before}, paired on the same held-out pairs: {shown}"]

    def _moved(self) -> list[list[str]]:
        return [
            [arm, metric, short(a), short(b), short(None if a is None or b is None else b - a, sign=True)]
            for arm, metric, a, b in self.figures
            if a != b
        ]


def diff(before: str | Path, after: str | Path, *, top: int = 10, seed: int = 0) -> Difference:
    """Compare two run folders.

    Args:
        before, after: folders that hold `labels.parquet`, as `weaklabel label` and `run` write it.
        top: flips to show.
        seed: of the bootstrap.

    Raises:
        ArtifactError: a folder without labels, or two runs that share no pair.
    """
    one, two = _labels(Path(before)), _labels(Path(after))
    rows_one, rows_two = _common(one, two)
    if not len(rows_one):
        raise ArtifactError(f"{before} and {after} share no pair id: they are runs on different pairs.")
    left, right = one.take(pa.array(rows_one)), two.take(pa.array(rows_two))
    p_one, p_two = left["p"].to_numpy(), right["p"].to_numpy()
    flipped = np.array(left["label"].to_pylist()) != np.array(right["label"].to_pylist())
    order = np.flatnonzero(flipped)
    order = order[np.argsort(-np.abs(p_two - p_one)[order], kind="stable")][:top]
    votes_one, votes_two = _lf_names(one), _lf_names(two)
    return Difference(
        before=Path(before).name,
        after=Path(after).name,
        n_common=len(left),
        only_before=len(one) - len(left),
        only_after=len(two) - len(left),
        n_flipped=int(flipped.sum()),
        mean_change=float(np.abs(p_two - p_one).mean()),
        flips=tuple(_flip(left, right, int(row)) for row in order),
        paired=_paired(left, right, p_one, p_two, seed),
        figures=_figures(Path(before), Path(after)),
        lfs_removed=tuple(name for name in votes_one if name not in votes_two),
        lfs_added=tuple(name for name in votes_two if name not in votes_one),
    )


def _labels(folder: Path) -> pa.Table:
    file = folder / "labels.parquet"
    if not file.is_file():
        known = sorted(p.parent.name for p in folder.parent.glob("*/labels.parquet"))
        hint = f" Labelled runs there: {', '.join(known)}." if known else ""
        raise ArtifactError(f"{file} does not exist. Run: weaklabel run --name {folder.name}.{hint}")
    return pq.read_table(file)


def _common(one: pa.Table, two: pa.Table) -> tuple[list[int], list[int]]:
    where = {pair_id: row for row, pair_id in enumerate(two["id"].to_pylist())}
    both = [(row, where[i]) for row, i in enumerate(one["id"].to_pylist()) if i in where]
    return [row for row, _ in both], [row for _, row in both]


def _lf_names(table: pa.Table) -> list[str]:
    return [name.removeprefix("vote:") for name in table.column_names if name.startswith("vote:")]


def _flip(left: pa.Table, right: pa.Table, row: int) -> Flip:
    locked = "test" in (left["part"][row].as_py(), right["part"][row].as_py())
    prompt = "" if locked else " ".join(left["prompt"][row].as_py().split())[:_SHOWN]
    return Flip(
        left["id"][row].as_py(),
        prompt,
        left["label"][row].as_py(),
        right["label"][row].as_py(),
        left["p"][row].as_py(),
        right["p"][row].as_py(),
    )


def _cells(flip: Flip) -> list[str]:
    return [
        flip.id,
        f"{flip.label_a} -> {flip.label_b}",
        f"{flip.p_a:.3f} -> {flip.p_b:.3f}",
        flip.prompt or "(test part: text not shown)",
    ]


def _paired(
    left: pa.Table, right: pa.Table, p_one: FloatArray, p_two: FloatArray, seed: int
) -> dict[str, Interval]:
    """Label model after minus before, on pairs that are held out in both runs."""
    pairs = Pairs(left.select([*CANONICAL.names]))
    held = (pairs.parts == "test") & (np.array(right["part"].to_pylist(), dtype=object) == "test")
    held &= pairs.has_gold
    if not held.any():
        return {}
    y, groups = pairs.y[held], pairs.prompt_groups[held]
    return {m: paired_difference(m, p_two[held], p_one[held], y, groups, seed=seed) for m in _METRICS}


def _figures(before: Path, after: Path) -> tuple[tuple[str, str, float | None, float | None], ...]:
    one, two = _report_figures(before), _report_figures(after)
    return tuple((*key, one.get(key), two.get(key)) for key in dict.fromkeys([*one, *two]))


def _report_figures(folder: Path) -> dict[tuple[str, str], float | None]:
    if not (folder / "report.json").exists():
        return {}
    arms = RunFigures.load(folder).arms
    values = {
        (arm, metric): figure.value for arm, metrics in arms.items() for metric, figure in metrics.items()
    }
    return {key: None if math.isnan(value) else value for key, value in values.items()}
