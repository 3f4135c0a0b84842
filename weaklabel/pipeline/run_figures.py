"""`RunFigures`: the table that ends a run, as a file keeps it and a terminal shows it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final, Self

from weaklabel import artifacts
from weaklabel._shown import Shown, Sketch
from weaklabel._tables import plain_table
from weaklabel._validation import saved_texts, whole_within
from weaklabel.errors import ArtifactError
from weaklabel.metrics import Interval
from weaklabel.pipeline.sweep.worth import Worth
from weaklabel.types.result import json_values

_FILE: Final = "report.json"
METRIC_ORDER: Final = ("accuracy", "nll", "brier", "ece")
_LEGEND: Final = (
    "ece if perfect: what perfectly calibrated probabilities of these sizes would show on as many pairs. The interval of "
    "an ECE takes out the bias of small samples, so it lies to the left of the figure."
)
_WORTH: Final = (
    "worth in gold: the dev gold at which a linear model taught by gold alone has the same NLL; > and <: beyond what there "
    "is dev gold for."
)


@dataclass(frozen=True, repr=False)
class RunFigures(Shown):
    """Figures of a run on its held-out prompts.

    Attributes:
        name: the run's name.
        arms: per arm, per metric its interval, in the order of the table; empty without held-out gold.
        differences: per arm but ours, per metric its value minus that of our labels, on the same resamples.
        ece_perfect: per arm, the ECE that perfectly calibrated probabilities of these sizes would show.
        calibrated: whether the labels were fitted to gold.
        counts: pairs, dev, test, unlabelled and set aside.
        notes: what a reader must know beside the table.
        less_gold: per arm but gold only, its accuracy and NLL minus those of gold only, on the same resamples.
        worth: per arm, the gold pairs at which gold alone has the same NLL; empty where that cannot be told.
        export: the arm to export, by the rule of `weaklabel.pipeline.advice`; "" without held-out gold.
    """

    name: str
    arms: Mapping[str, Mapping[str, Interval]]
    differences: Mapping[str, Mapping[str, Interval]]
    ece_perfect: Mapping[str, Interval]
    calibrated: bool
    counts: Mapping[str, int]
    notes: tuple[str, ...]
    less_gold: Mapping[str, Mapping[str, Interval]] = field(default_factory=dict)
    worth: Mapping[str, Worth] = field(default_factory=dict)
    export: str = ""

    def to_dict(self) -> dict[str, Any]:
        """JSON values, with the figures as rows of `arm, metric, value, low, high, n`."""
        return {
            "kind": "report",
            "name": self.name,
            "calibrated": self.calibrated,
            "counts": dict(self.counts),
            "rows": _rows(self.arms),
            "differences": _rows(self.differences),
            "ece_if_perfect": json_values(self.ece_perfect),
            "less_gold_only": _rows(self.less_gold),
            "worth_in_gold": _worth_rows(self.worth),
            "export": self.export,
            "notes": list(self.notes),
        }

    @classmethod
    def load(cls, folder: Path) -> Self:
        """The figures that a run's folder holds.

        Raises:
            ArtifactError: there is none, or it was edited.
        """
        state = artifacts.read_json(folder / _FILE)
        try:
            name, export = saved_texts([state["name"], state.get("export", "")])
            return cls(
                name=name,
                arms=_table(state["rows"]),
                differences=_table(state["differences"]),
                ece_perfect={arm: Interval.from_dict(i) for arm, i in state["ece_if_perfect"].items()},
                calibrated=state["calibrated"] is True,
                counts={key: whole_within(n, 0, 2**53) for key, n in state["counts"].items()},
                notes=saved_texts(state["notes"]),
                less_gold=_table(state.get("less_gold_only", [])),
                worth=_worth_table(state.get("worth_in_gold", [])),
                export=export,
            )
        except (AttributeError, LookupError, TypeError, ValueError) as error:
            reason = " ".join(f"{type(error).__name__}: {error}".split())[:200]
            raise ArtifactError(
                f"{folder / _FILE} is no table of figures ({reason}). Delete it and run again."
            ) from error

    def save(self, folder: Path) -> None:
        """Write it beside what else a run made."""
        artifacts.write_json(folder / _FILE, self.to_dict())

    def table(self) -> tuple[list[str], list[list[str]]]:
        """Header and rows as text."""
        metrics = [m for m in METRIC_ORDER if m != "brier"]
        rows = [
            [arm, *(str(figures.get(m, "-")) for m in metrics), _median(self.ece_perfect.get(arm))]
            for arm, figures in self.arms.items()
        ]
        header = ["on held-out prompts", *metrics, "ece if perfect"]
        if not self.worth:
            return header, rows
        worths = [str(self.worth.get(arm, "-")) for arm in self.arms]
        return [*header, "worth in gold"], [[*row, cell] for row, cell in zip(rows, worths, strict=True)]

    def differences_table(self) -> tuple[list[str], list[list[str]]]:
        """Header and rows as text: each arm less our labels, on the same resamples of prompts."""
        metrics = ("accuracy", "nll")
        rows = [[arm, *(str(d.get(m, "-")) for m in metrics)] for arm, d in self.differences.items()]
        return ["less our labels (paired)", *metrics], rows

    def _sketch(self) -> Sketch:
        summary = "\n".join([f"run {self.name}", *self.notes])
        return Sketch(summary, *self.table()) if self.arms else Sketch(summary)

    def __str__(self) -> str:
        if not self.arms:
            return "\n".join(self.notes)
        tables = [plain_table(*self.table()), plain_table(*self.differences_table())]
        return "\n".join(
            [*(f"{table}\n" for table in tables), *self.notes, _LEGEND, *([_WORTH] if self.worth else [])]
        )


def _rows(figures: Mapping[str, Mapping[str, Interval]]) -> list[dict[str, Any]]:
    return [
        {"arm": arm, "metric": metric, **interval.to_dict()}
        for arm, metrics in figures.items()
        for metric, interval in metrics.items()
    ]


def _table(rows: object) -> dict[str, dict[str, Interval]]:
    if not isinstance(rows, list):
        raise TypeError(f"{str(rows)[:40]!r} is no list of rows")
    found: dict[str, dict[str, Interval]] = {}
    for row in rows:
        arm, metric = saved_texts([row["arm"], row["metric"]])
        found.setdefault(arm, {})[metric] = Interval.from_dict(row)
    return found


def _worth_rows(worth: Mapping[str, Worth]) -> list[dict[str, Any]]:
    return [
        {"arm": arm, **each.to_dict(), "smallest": each.smallest, "largest": each.largest}
        for arm, each in worth.items()
    ]


def _worth_table(rows: object) -> dict[str, Worth]:
    if not isinstance(rows, list):
        raise TypeError(f"{str(rows)[:40]!r} is no list of rows")
    found = {}
    for row in rows:
        (arm,) = saved_texts([row["arm"]])
        smallest, largest = (whole_within(row[name], 1, 2**53) for name in ("smallest", "largest"))
        found[arm] = Worth.from_dict(row, smallest, largest)
    return found


def _median(interval: Interval | None) -> str:
    return "-" if interval is None else f"{interval.value:.3f}".lstrip("0")
