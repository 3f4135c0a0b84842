"""Runs the grid, cell by cell: label models on gold slices, then reward models on gold and weak labels."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import numpy as np

from weaklabel import artifacts
from weaklabel._arguments import checked
from weaklabel._progress import tracked
from weaklabel.config import SweepSettings
from weaklabel.engine.apply import apply
from weaklabel.lf.core import LabelingFunction
from weaklabel.lf.writing import current
from weaklabel.pipeline.sweep.grid import GOLD_ONLY, Arm, arms_of, cells, draw, main_arm, sizes_of
from weaklabel.pipeline.sweep.making import Maker, Reward
from weaklabel.pipeline.sweep.measured import Measured
from weaklabel.pipeline.sweep.result import SweepResult
from weaklabel.pipeline.sweep.store import CellStore, base_hash
from weaklabel.types import Pairs, Votes

if TYPE_CHECKING:
    from weaklabel.pipeline.run import Run

FOLDER: Final = "sweep"


@checked
def sweep(
    lfs: Sequence[LabelingFunction],
    pairs: Pairs,
    settings: SweepSettings | None = None,
    *,
    votes: Votes | None = None,
    label_settings: Mapping[str, Mapping[str, Any]] | None = None,
    folder: str | Path | None = None,
    seed: int = 0,
    on_note: Callable[[str], None] = lambda text: None,
) -> SweepResult:
    """Reward models on slices of gold, without and with weak labels on the rest, each judged on held-out prompts.

    For each seed a fresh part of the prompts is held out. Label model, calibrator, reward model and the scale of
    its scores see one slice of the other gold, and pairs whose gold is hidden from them. Locked test prompts are
    left out of all of it.

    Args:
        lfs: labeling functions with distinct names.
        pairs: pairs, some with gold; what has none, or whose gold is not in the slice, can be labelled.
        settings: the grid; None takes the defaults.
        votes: votes of these LFs on these pairs, when they are at hand.
        label_settings: per label model its settings.
        folder: where cells are kept, so that a killed sweep goes on; None keeps them in memory.
        seed: the first of `settings.seeds` seeds.
        on_note: told the grid and what it will cost, before it starts.

    Raises:
        GoldError: too little gold for any cell of the grid.
        ConfigError, UnknownNameError: sources, models or settings that do not exist.
    """
    chosen = settings or SweepSettings()
    where = None if folder is None else Path(folder)
    runner = _Runner(current(lfs), pairs, chosen, votes, label_settings or {}, where, seed)
    on_note(runner.grid())
    on_note(runner.cost())
    return runner.run()


def sweep_run(
    run: Run,
    settings: SweepSettings | None = None,
    *,
    on_note: Callable[[str], None] = lambda text: None,
) -> SweepResult:
    """`sweep` on the pairs, functions and settings of a run; leaves `sweep.json`, `sweep.txt` and `sweep.svg` in its folder."""
    labeler = run.config.labeler
    result = sweep(
        run.lfs,
        run.pairs,
        settings or run.config.sweep,
        votes=run.votes,
        label_settings={labeler.model: labeler.settings},
        folder=run.folder / FOLDER,
        seed=run.config.data.seed,
        on_note=on_note,
    )
    target = run.folder / FOLDER
    with run.lock:
        artifacts.write_json(target / "sweep.json", result.to_dict())
        artifacts.write_text(target / "sweep.txt", result.table() + "\n")
        artifacts.write_text(target / "sweep.svg", result.picture().svg() + "\n")
    return result


@dataclass(frozen=True)
class _Plan:
    """One reward model's part of the grid."""

    title: str
    reward: Reward
    arms: Sequence[Arm]
    sizes: Sequence[int]
    cells: Sequence[tuple[int, int, Arm]]

    @property
    def label_models(self) -> list[str]:
        return list(dict.fromkeys(arm.label_model for arm in self.arms if arm.source))


class _Runner:
    """One sweep: what all cells share, and the order in which they are made."""

    def __init__(
        self,
        lfs: Sequence[LabelingFunction],
        pairs: Pairs,
        settings: SweepSettings,
        votes: Votes | None,
        label_settings: Mapping[str, Mapping[str, Any]],
        folder: Path | None,
        seed: int,
    ) -> None:
        # A sweep without Snorkel is a sweep; every other name has to exist.
        self.without = () if find_spec("snorkel") is not None else ("snorkel",)
        chosen = [(Reward.of(r, folder), arms_of(settings, r, self.without)) for r in settings.reward]
        outside = pairs.parts != "test"
        pairs, self.n_locked = pairs.take(outside), int((~outside).sum())
        draws = [draw(pairs, settings.held_out, seed + k) for k in range(settings.seeds)]
        self.held_out, self.most = settings.held_out, min(len(d.gold) for d in draws)
        wanted = [settings.gold if r.gold is None else r.gold for r in settings.reward]
        sizes = [sizes_of(each, self.most) for each in wanted]
        self.plans = [
            _Plan(title, reward, arms, each, list(cells(arms, each, len(draws), self.most)))
            for title, (reward, arms), each in zip(_titles(settings), chosen, sizes, strict=True)
        ]
        votes = apply(lfs, pairs) if votes is None else votes.select([lf.name for lf in lfs]).on(pairs.ids)
        store = CellStore(None if folder is None else folder / "cells", base_hash(pairs, votes))
        self.maker = Maker(lfs, pairs, votes, draws, seed, label_settings, store)

    def grid(self) -> str:
        """What will be done, in words."""
        draws = self.maker.draws
        lines = [
            f"sweep: {len(draws)} seeds; each holds out about {np.mean([len(d.held) for d in draws]):.0f} pairs with "
            f"gold and leaves at least {self.most} to draw gold from, {len(self.maker.pairs):,} pairs in all"
        ]
        lines += [
            f"{plan.title}: {len(plan.cells):,} cells = {len(draws)} seeds x {len(plan.sizes)} gold sizes "
            f"({', '.join(map(str, plan.sizes))}) x {len(plan.arms)} arms, and gold only with {self.most}"
            for plan in self.plans
        ]
        if self.without:
            lines.append("snorkel is not installed (extra 'snorkel'): its arms are left out")
        return "\n".join(lines)

    def cost(self) -> str:
        """Makes the dearest cells of every reward model: no cell takes longer, and many are equal to others.

        What is done once, such as embedding the texts, falls into the first seed; the second one is what is timed.
        """
        took = 0.0
        for plan in tracked(self.plans, "sweep: what will it cost", lambda plan: plan.title):
            n_labels = len(self.maker.draws) * len(plan.sizes)
            for s, (n, m) in enumerate(((1, 1), (n_labels - 1, len(plan.cells) - 1))):
                labels, cell = self._timed(plan, s)
                took += n * labels + m * cell
        return (
            f"at most about {took / 60:.1f} minutes, judged by the dearest cell; cells that are there already "
            "are not made again"
        )

    def _timed(self, plan: _Plan, s: int) -> tuple[float, float]:
        """Seconds of one seed for the labels, and for a cell: that with most pairs, or that with most gold."""
        began = time.perf_counter()
        for name in plan.label_models:
            self.maker.labels(s, plan.sizes[-1], name)
        ends = [began, time.perf_counter()]
        for size, arm in ((plan.sizes[-1], main_arm(plan.arms) or GOLD_ONLY), (self.most, GOLD_ONLY)):
            self.maker.cell(plan.reward, s, size, arm)
            ends.append(time.perf_counter())
        return ends[1] - ends[0], max(ends[2] - ends[1], ends[3] - ends[2])

    def run(self) -> SweepResult:
        """All cells, and what they say together."""
        maker = self.maker
        measured = Measured.of(maker.pairs, [d.held for d in maker.draws])
        cells = [(plan, *cell) for plan in self.plans for cell in plan.cells]
        for plan, s, size, arm in tracked(cells, "sweep", lambda cell: f"{cell[2]} gold, {cell[3]}"):
            measured.add(plan.title, size, arm, s, maker.cell(plan.reward, s, size, arm))
        for plan in self.plans:
            asked = [(s, size, arm.label_model) for s, size, arm in plan.cells if arm.source]
            for s, size, name in dict.fromkeys(asked):
                labels = maker.labels(s, size, name)
                measured.add_labels(name, size, s, np.array(labels["held"]), labels["calibrated"])
        return SweepResult.of(measured, {p.title: main_arm(p.arms) for p in self.plans}, self._notes())

    def _notes(self) -> list[str]:
        notes = [
            f"{len(self.maker.draws)} seeds, held-out part {self.held_out:.0%} of the gold, whole prompts; intervals "
            "resample seeds and prompts, differences are paired."
        ]
        if self.n_locked:
            notes.append(f"{self.n_locked:,} pairs of locked test prompts were not looked at.")
        if self.without:
            notes.append("snorkel is not installed: its arms were left out.")
        return notes


def _titles(settings: SweepSettings) -> list[str]:
    """The names of the reward models, numbered where two are the same."""
    names = [reward.name for reward in settings.reward]
    return [
        name if names.count(name) == 1 else f"{name} ({names[:k].count(name) + 1})"
        for k, name in enumerate(names)
    ]
