"""Reward against sameness: SuperHF at several values of one setting, by several seeds, as a table and a picture.

<folder>/
  beta-0.1-seed-0/   the stage of an arm, as `carry_out` makes it
  frontier.json      what each arm came to
  frontier.svg       the picture
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, fields, replace
from pathlib import Path
from typing import Any, Final

import numpy as np

from weaklabel._arguments import checked as checked_arguments
from weaklabel._tables import plain_table
from weaklabel.artifacts import write_json, write_text
from weaklabel.comparers.checker import Check
from weaklabel.comparers.expert import CanScore
from weaklabel.data.sources import PairSource
from weaklabel.errors import ConfigError
from weaklabel.export.selection import AnyLabels
from weaklabel.lf.core import LabelingFunction
from weaklabel.metrics import Interval
from weaklabel.pictures import Picture, trade_off_picture
from weaklabel.stages.contract import Figures, Stage, rounded
from weaklabel.stages.materials import Materials, names_apart
from weaklabel.stages.rounds import carry_out
from weaklabel.stages.superhf.settings import SuperHFSettings
from weaklabel.stages.superhf.stage import SuperHF
from weaklabel.types import CanCompare
from weaklabel.types.result import Result

_SHOWN: Final = {
    "reward after": "reward",
    "training_comparer": "beats the first answers",
    "held-out reward after": "held-out reward",
    "held_out_comparer": "beats them, held out",
    "sameness": "sameness",
    "kl": "KL per token",
}
"""Figures of the last round of an arm -> their names in the table."""
Told = Callable[[str], None]


@dataclass(frozen=True, repr=False)
class ArmResult(Result):
    """What an arm came to.

    Attributes:
        value: of the setting.
        seed: of all that is drawn.
        folder: of its stage.
        figures: of its last round.
    """

    value: float
    seed: int
    folder: Path
    figures: Figures


@dataclass(frozen=True, repr=False)
class Frontier(Result):
    """SuperHF at several values of a setting.

    Attributes:
        setting: its name.
        arms: by value, then seed.
    """

    setting: str
    arms: tuple[ArmResult, ...]

    @property
    def values(self) -> list[float]:
        """Of the setting, in the order given."""
        return list(dict.fromkeys(arm.value for arm in self.arms))

    def figure(self, name: str, value: float) -> Interval | None:
        """The mean over seeds, between the lowest and the highest; None where an arm lacks it.

        Args:
            name: of a figure of the arms' last rounds.
            value: of the setting.
        """
        found = [arm.figures.get(name) for arm in self.arms if arm.value == value]
        numbers = [float(each) for each in found if isinstance(each, int | float)]
        if not numbers or len(numbers) < len(found):
            return None
        return Interval(float(np.mean(numbers)), min(numbers), max(numbers), len(numbers))

    def table(self) -> tuple[list[str], list[list[str]]]:
        """A row per value: means over seeds, and from where to where they lie."""
        known = {name: words for name, words in _SHOWN.items() if self.figure(name, self.values[0])}
        rows = [[f"{value:g}", *(_cell(self.figure(name, value)) for name in known)] for value in self.values]
        return [self.setting, *known.values()], rows

    def picture(self) -> Picture:
        """The reward of the policies against how alike their answers to different prompts are."""
        upwards = next((name for name in _SHOWN if self.figure(name, self.values[0])), "reward after")
        points = []
        for value in self.values:
            x, y = self.figure("sameness", value), self.figure(upwards, value)
            if x is not None and y is not None:
                points.append((f"{self.setting} {value:g}", x, y))
        n = len({arm.seed for arm in self.arms})
        return trade_off_picture(
            points,
            "Reward against sameness",
            x_axis="sameness of answers to different prompts (METEOR)",
            y_axis=_SHOWN[upwards],
            note=f"Whiskers reach from the lowest to the highest of {n} seeds.",
        )

    def __str__(self) -> str:
        return plain_table(*self.table(), left=1)


def frontier_of(
    make: Callable[[SuperHFSettings], Stage],
    settings: SuperHFSettings,
    folder: str | Path,
    *,
    setting: str = "beta",
    values: Sequence[float],
    seeds: Sequence[int] = (0,),
    told: Told = lambda line: None,
) -> Frontier:
    """The stage at each value and seed; arms that are whole already are not made again.

    Args:
        make: the stage of some settings.
        settings: of all arms, but for the setting and the seed.
        folder: of the arms, the table and the picture.
        setting: the name of a setting that is a number.
        values: of it, in the order of the picture's line.
        seeds: one run each.
        told: a line when an arm is there.

    Raises:
        ConfigError: no such number among the settings, no values or seeds or one twice, or no audit, which asks the policies.
        WeaklabelError: what an arm raises; those before it stay.
    """
    kinds = {each.name: str(each.type) for each in fields(SuperHFSettings)}
    if setting == "seed" or not kinds.get(setting, "").startswith(("int", "float")):
        raise ConfigError(
            f"superhf: the frontier is over {setting!r}. Allowed: a setting that is a number, such as beta, superbatch_size or "
            "learning_rate; seeds are given apart."
        )
    for name, some in (("values", list(values)), ("seeds", list(seeds))):
        if not some or len(set(some)) < len(some):
            raise ConfigError(f"superhf: the {name} of the frontier are {some}. Give one or more, each once.")
    if settings.audit is False:
        raise ConfigError(
            "superhf: a frontier needs the audit, whose prompts all policies answer. Leave audit out."
        )
    folder = Path(folder)
    arms = []
    for value in values:
        number: float = (
            int(value) if kinds[setting].startswith("int") and float(value).is_integer() else value
        )
        for seed in seeds:
            given: dict[str, Any] = {setting: number, "seed": seed}
            place = folder / f"{setting}-{value:g}-seed-{seed}"
            made = carry_out(make(replace(settings, **given)), place).rounds[-1]
            arms.append(ArmResult(float(value), seed, place, made.figures))
            told(f"{setting} {value:g}, seed {seed}: {_line(made.figures)}")
    found = Frontier(setting, tuple(arms))
    rows = [
        {"value": arm.value, "seed": arm.seed, "folder": arm.folder.name, "figures": dict(arm.figures)}
        for arm in arms
    ]
    write_json(folder / "frontier.json", {"setting": setting, "arms": rows})
    write_text(folder / "frontier.svg", found.picture().svg())
    return found


def _line(figures: Mapping[str, Any]) -> str:
    told = [
        f"{words} {rounded(figures[name])}" for name, words in _SHOWN.items() if figures.get(name) is not None
    ]
    return ", ".join(told)


def _cell(found: Interval | None) -> str:
    if found is None:
        return "-"
    return f"{found.value:.3g}" if found.n == 1 else f"{found.value:.3g} [{found.low:.3g}, {found.high:.3g}]"


@checked_arguments
def superhf_frontier(
    prompts: AnyLabels | PairSource,
    *,
    output_dir: str | Path,
    values: Sequence[float],
    setting: str = "beta",
    seeds: Sequence[int] = (0,),
    comparer: CanCompare | CanScore | Check | str | Path | None = None,
    held_out: CanCompare | CanScore | Check | str | Path | None = None,
    lfs: Sequence[LabelingFunction] = (),
    **settings: Any,
) -> Frontier:
    """SuperHF at several values of one setting: what reward each reaches, and how alike its answers become.

    Called again after a kill, it goes on; arms that are there are not made again.

    Args:
        prompts, comparer, held_out, lfs, **settings: as for `superhf`.
        output_dir: of the arms, `frontier.json` and `frontier.svg`.
        values: of the setting, one stage each and per seed.
        setting: a setting that is a number.
        seeds: of the stages; several show how much is chance.

    Raises:
        ConfigError: a setting that is no number, or as for `superhf`; further errors too.
    """
    judges, named = names_apart(comparer=comparer, held_out=held_out)
    chosen = SuperHFSettings(**settings, **named)

    def make(some: SuperHFSettings) -> Stage:
        return SuperHF.of(some, Materials.given(some, prompts, lfs), **judges)

    return frontier_of(make, chosen, output_dir, setting=setting, values=values, seeds=seeds)
