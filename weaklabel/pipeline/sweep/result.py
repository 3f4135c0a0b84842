"""The result of a sweep: figures per cell of the grid, the verdict in words, the picture."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

import numpy as np

from weaklabel._shown import Shown, Sketch
from weaklabel._tables import plain_table
from weaklabel.metrics import METRICS, Interval
from weaklabel.metrics.draws import bounds
from weaklabel.pictures.drawing import Picture
from weaklabel.pipeline.sweep.drawn import sweep_picture
from weaklabel.pipeline.sweep.grid import GOLD_ONLY, Arm
from weaklabel.pipeline.sweep.measured import Measured
from weaklabel.pipeline.sweep.row import HEADER, SweepRow
from weaklabel.pipeline.sweep.verdict import verdict
from weaklabel.pipeline.sweep.worth import CrossedDraws, summed, worth
from weaklabel.types import FloatArray

_METRICS: Final = ("accuracy", "nll")


@dataclass(frozen=True, repr=False)
class SweepResult(Shown):
    """Everything that a sweep found. `str()` shows the main rows and the verdict, `table()` all rows.

    Attributes:
        rows: per reward model, gold size and arm.
        labels: (label model, gold size, accuracy on held-out pairs) of the labels themselves: what there is to teach.
        mains: per reward model the arm that its verdict is about, chosen before anything was measured.
        notes: what the figures rest on.
    """

    rows: tuple[SweepRow, ...]
    labels: tuple[tuple[str, int, Interval], ...]
    mains: Mapping[str, Arm | None]
    notes: tuple[str, ...]

    @classmethod
    def of(cls, measured: Measured, mains: Mapping[str, Arm | None], notes: Sequence[str]) -> SweepResult:
        """Figures with their intervals, all from the same resamples."""
        judge = _Judge(measured)
        rows: list[SweepRow] = []
        for reward in dict.fromkeys(name for name, _, _ in measured.cells):
            rows += judge.rows(reward)
        labels = [(*key, judge.labels(ps)) for key, ps in measured.labels.items()]
        odd = [
            f"{model} with {gold} gold pairs could not be calibrated in {times} of {measured.n_seeds} seeds: too little "
            "gold, or on too few prompts."
            for (model, gold), times in sorted(measured.uncalibrated.items())
        ]
        return cls(tuple(rows), tuple(labels), dict(mains), (*notes, *odd))

    @property
    def verdict(self) -> list[str]:
        """In words: where weak labels help, by how much, what they are worth, and how many comparisons were made."""
        return verdict(self.rows, self.mains)

    def row(self, reward: str, gold: int, arm: Arm) -> SweepRow:
        """One row of the grid. Raises StopIteration where there is none."""
        return next(r for r in self.rows if (r.reward, r.gold, r.arm) == (reward, gold, arm))

    def picture(self) -> Picture:
        """Accuracy against gold, and the gain over gold alone, with intervals."""
        return sweep_picture(self.shown(), list(self.mains))

    def to_dict(self) -> dict[str, Any]:
        """JSON values; no times of day, so that the same sweep gives the same bytes."""
        return {
            "kind": "sweep",
            "rows": [row.to_dict() for row in self.rows],
            "labels": [{"label_model": n, "gold": g, "accuracy": i.to_dict()} for n, g, i in self.labels],
            "verdict_on": {reward: None if arm is None else str(arm) for reward, arm in self.mains.items()},
            "verdict": self.verdict,
            "notes": list(self.notes),
        }

    def table(self) -> str:
        """Every row of the grid as text."""
        return plain_table(HEADER, [row.cells() for row in self.rows], left=3)

    def shown(self) -> list[SweepRow]:
        """Gold alone, and the arms that differ from the verdict's in their source alone."""
        found = []
        for row in self.rows:
            main = self.mains[row.reward]
            same = main is not None and (row.arm.weak, row.arm.threshold) == (main.weak, main.threshold)
            if same or not row.arm.source:
                found.append(row)
        return found

    def _sketch(self) -> Sketch:
        rows = [row.cells() for row in self.shown()]
        return Sketch("\n".join([*self.verdict, *self.notes]), HEADER, rows, left=3)

    def __str__(self) -> str:
        shown = self.shown()
        parts = [plain_table(HEADER, [row.cells() for row in shown], left=3)]
        if len(shown) < len(self.rows):
            parts[0] += f"\n({len(self.rows) - len(shown)} rows with other amounts and thresholds: sweep.txt)"
        if self.labels:
            body = [[name, str(gold), str(interval)] for name, gold, interval in self.labels]
            parts.append(
                plain_table(["the labels themselves", "gold", "accuracy on held-out pairs"], body, left=1)
            )
        return "\n\n".join([*parts, "\n".join(self.notes), "\n".join(self.verdict)])


class _Judge:
    """Figures, paired gains and worth, all from one set of resamples."""

    def __init__(self, measured: Measured) -> None:
        self.measured = measured
        self.draws = CrossedDraws(measured.n_seeds, measured.n_prompts)

    def rows(self, reward: str) -> list[SweepRow]:
        """All rows of one reward model, gold alone first at every size."""
        found = {(size, arm): c for (name, size, arm), c in self.measured.cells.items() if name == reward}
        drawn = {key: self._drawn([cell.held for cell in cells]) for key, cells in found.items()}
        sizes = sorted(size for size, arm in found if arm == GOLD_ONLY)
        curve = np.column_stack([drawn[size, GOLD_ONLY]["accuracy"] for size in sizes])
        rows = []
        for size, arm in sorted(found, key=lambda key: key[0]):
            cells, own = found[size, arm], drawn[size, arm]
            gains: dict[str, FloatArray] = {}
            if arm != GOLD_ONLY:
                gains = {name: own[name] - drawn[size, GOLD_ONLY][name] for name in _METRICS}
            right = [cell.right for cell in cells if cell.right is not None]
            rows.append(
                SweepRow(
                    reward=reward,
                    gold=size,
                    arm=arm,
                    n_weak=float(np.mean([cell.n_weak for cell in cells])),
                    right=float(np.mean(right)) if right else None,
                    figures={name: self._interval(own[name]) for name in _METRICS},
                    gains={name: self._interval(values) for name, values in gains.items()},
                    se=float(np.nanstd(gains["accuracy"][1:])) if gains else 0.0,
                    worth=worth(sizes, curve, own["accuracy"], size) if gains else None,
                )
            )
        return rows

    def labels(self, ps: Sequence[FloatArray]) -> Interval:
        return self._interval(self._drawn(ps)["accuracy"])

    def _drawn(self, ps: Sequence[FloatArray]) -> dict[str, FloatArray]:
        """Per metric `(1 + n_draws,)`: the figure over all seeds, then in every resample."""
        m = self.measured
        found = {}
        for name in _METRICS:
            sums = summed(name, ps, m.ys, m.prompts, m.n_prompts)
            whole = METRICS[name].combine(sums.sum(axis=(0, 1)))
            found[name] = np.concatenate([[whole], self.draws.figures(METRICS[name], sums)])
        return found

    def _interval(self, values: FloatArray) -> Interval:
        value = float(values[0])
        low, high = bounds(value, values[1:], 0.95, basic=False)
        return Interval(value, low, high, sum(map(len, self.measured.ys)))
