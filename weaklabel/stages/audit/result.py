"""`Audit`: what the looks at a policy found, as a table, as figures, as the files of its folder."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from weaklabel._shown import Sketch
from weaklabel._tables import plain_table
from weaklabel.artifacts import json_line, parse_json, read_json
from weaklabel.errors import ArtifactError, ConfigError
from weaklabel.metrics import Interval
from weaklabel.stages.audit.settings import AuditSettings
from weaklabel.stages.audit.warned import DRIFT, Figures, Warned, warnings_of
from weaklabel.types.result import Result, json_values

LOOKS: Final = "audit.jsonl"
ABOUT: Final = "audit.json"
PAGE: Final = "audit.html"
_DIGITS: Final = 6


@dataclass(frozen=True, repr=False)
class Look(Result):
    """What one look measured.

    Attributes:
        step: of the training.
        figures: name -> value with its interval over prompts; see docs/audit.md for the names.
        faults: labeling function -> how many of its votes failed, where any did.
    """

    step: int
    figures: Figures
    faults: Mapping[str, int]

    def line(self) -> str:
        """Its line in audit.jsonl. In the last digits a run that went on after a kill may differ: they are left out."""
        told = {name: _rounded(value.to_dict()) for name, value in self.figures.items()}
        return json_line({"step": self.step, "figures": told, "faults": dict(self.faults)})

    @classmethod
    def parse(cls, line: str) -> Look:
        """The look that `line` told of.

        Raises:
            KeyError, TypeError, ValueError: it is another line.
        """
        told = parse_json(line)
        figures = {str(name): Interval.from_dict(value) for name, value in told["figures"].items()}
        return cls(int(told["step"]), figures, {str(k): int(v) for k, v in told["faults"].items()})


@dataclass(frozen=True, repr=False)
class Audit(Result):
    """What an audit found.

    Attributes:
        looks: in order of their steps; the first is what the others are held against.
        settings: with the thresholds.
        not_watched: labeling functions that cannot vote on new answers: they read columns of the data.

    >>> found = Interval(3.0, 2.5, 3.5, 32)
    >>> Audit((Look(0, {"length": found}, {}),), AuditSettings()).figures()
    {'length': 3.0, 'warnings': 0.0}
    """

    looks: tuple[Look, ...]
    settings: AuditSettings
    not_watched: tuple[str, ...] = ()

    @property
    def warnings(self) -> tuple[Warned, ...]:
        """Every warning that was given, at the last look that gave it; those of the newest look last."""
        found = {each.name: each for look in self.looks[1:] for each in self.warnings_at(look)}
        return tuple(sorted(found.values(), key=lambda each: each.step))

    def warnings_at(self, look: Look) -> tuple[Warned, ...]:
        """The warnings of one look; the first has none."""
        first = self.looks[0]
        if look.step == first.step:
            return ()
        return warnings_of(look.step, look.figures, first.figures, self.settings)

    def figures(self) -> dict[str, float | None]:
        """The last look's figures, six significant digits, and how many warnings it gave; None for what is not known."""
        if not self.looks:
            return {}
        last = self.looks[-1]
        found = {name: _rounded(json_values(each.value)) for name, each in last.figures.items()}
        return {**found, "warnings": float(len(self.warnings_at(last)))}

    def to_dict(self) -> dict[str, Any]:
        told = {"warnings": json_values(self.warnings)}
        return {"looks": json_values(self.looks), "not_watched": list(self.not_watched), **told}

    def table(self, *, functions: bool = True) -> tuple[list[str], list[list[str]]]:
        """A row per figure, those of labeling functions or not; a column per look, the first and the last ones of many."""
        shown = self.looks if len(self.looks) <= _COLUMNS else (self.looks[0], *self.looks[1 - _COLUMNS :])
        names = dict.fromkeys(name for look in self.looks for name in look.figures)
        rows = [
            [name, *(_cell(look.figures.get(name)) for look in shown)]
            for name in names
            if functions or not is_of_function(name)
        ]
        return ["audit", *(f"step {look.step:,}" for look in shown)], rows

    def __str__(self) -> str:
        if not self.looks:
            return "Audit of 0 looks."
        parts = [f"step {each.step:,}, {each}" for each in self.warnings] or ["No warnings."]
        if self.not_watched:
            parts.append(f"Not watched, because they read columns: {', '.join(self.not_watched)}.")
        if faults := {name: n for look in self.looks for name, n in look.faults.items()}:
            parts.append("Votes that failed: " + ", ".join(f"{name} {n}" for name, n in faults.items()) + ".")
        return "\n".join([*parts, "", plain_table(*self.table(functions=False)), *self._functions()])

    def _functions(self) -> list[str]:
        """The functions whose votes speak loudest, and how many more there are."""
        votes = {
            name: one.value for name, one in self.looks[-1].figures.items() if name.startswith(f"{DRIFT}/")
        }
        if not votes:
            return []
        header, rows = self.table()
        order = sorted(votes, key=lambda name: -abs(votes[name]))[:_LOUDEST]
        told = {row[0]: row for row in rows}
        more = len(votes) - len(order)
        rest = [f"and {more:,} more functions, in {PAGE}"] if more else []
        return ["", plain_table(header, [told[name] for name in order]), *rest]

    def _sketch(self) -> Sketch:
        header, rows = self.table(functions=False)
        said = "\n".join(map(str, self.warnings)) or "No warnings."
        return Sketch(said, header if self.looks else (), rows)

    @classmethod
    def load(cls, folder: str | Path) -> Audit:
        """The audit that stands in a folder.

        Raises:
            ArtifactError: there is none, or its files are not as they were written.
        """
        folder = Path(folder)
        about = read_json(folder / ABOUT)
        try:
            settings = AuditSettings(**about["settings"])
            not_watched = tuple(map(str, about["not_watched"]))
        except (KeyError, TypeError, ConfigError):
            raise ArtifactError(
                f"{folder / ABOUT} is not as an audit writes it. Run the audit again in a new folder."
            ) from None
        return cls(read_looks(folder), settings, not_watched)


_COLUMNS: Final = 6
_LOUDEST: Final = 6


def is_of_function(name: str) -> bool:
    """Whether a figure is of one labeling function."""
    return name.partition("/")[0] in (DRIFT, "score", "shift")


def read_looks(folder: Path) -> tuple[Look, ...]:
    """The looks that a folder holds, none where there is no file.

    Raises:
        ArtifactError: lines that are not of an audit.
    """
    path = folder / LOOKS
    if not path.exists():
        return ()
    try:
        return tuple(Look.parse(line) for line in path.read_text(encoding="utf-8").splitlines())
    except (OSError, KeyError, TypeError, ValueError, AttributeError):
        raise ArtifactError(
            f"{path} is not as an audit writes it. Remove the folder, and run the audit again."
        ) from None


def _rounded(value: Any) -> Any:
    if isinstance(value, Mapping):
        return {name: _rounded(each) for name, each in value.items()}
    return float(f"{value:.{_DIGITS}g}") if isinstance(value, float) else value


def _cell(value: Interval | None) -> str:
    if value is None or math.isnan(value.value):
        return "-"
    return f"{value.value:.3f}" if abs(value.value) < 10 else f"{value.value:.1f}"
