"""Runs the grid, cell by cell: label models on gold slices, then reward models on gold and weak labels."""

from __future__ import annotations

import inspect
import json
import time
from collections.abc import Callable, Mapping, Sequence
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from weaklabel import artifacts
from weaklabel.config import SweepReward, SweepSettings
from weaklabel.engine.apply import apply
from weaklabel.errors import LabelMatrixError
from weaklabel.labeler import fit
from weaklabel.lf.core import LabelingFunction
from weaklabel.pipeline.sweep.grid import ALL, GOLD_ONLY, Arm, arms_of, cells, draw, main_arm, sizes_of
from weaklabel.pipeline.sweep.measured import Cell, Measured
from weaklabel.pipeline.sweep.result import SweepResult
from weaklabel.pipeline.sweep.store import CellStore, base_hash
from weaklabel.reward import get_reward_model
from weaklabel.reward.registry import reward_model_class
from weaklabel.types import FloatArray, Pairs, Votes, sigmoid

if TYPE_CHECKING:
    from weaklabel.pipeline.run import Run

FOLDER: Final = "sweep"
_Rows = NDArray[np.intp]


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
    progress: Callable[[int, int], None] | None = None,
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
        progress: told after every cell how many of how many are done.

    Raises:
        GoldError: too little gold for any cell of the grid.
        ConfigError, UnknownNameError: sources, models or settings that do not exist.
    """
    chosen = settings or SweepSettings()
    runner = _Runner(lfs, pairs, chosen, votes, label_settings or {}, folder, seed)
    on_note(runner.grid())
    on_note(runner.cost())
    return runner.run(progress)


def sweep_run(
    run: Run,
    settings: SweepSettings | None = None,
    *,
    on_note: Callable[[str], None] = lambda text: None,
    progress: Callable[[int, int], None] | None = None,
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
        progress=progress,
    )
    target = run.folder / FOLDER
    artifacts.write_json(target / "sweep.json", result.to_dict())
    artifacts.write_text(target / "sweep.txt", result.table() + "\n")
    artifacts.write_text(target / "sweep.svg", result.picture().svg() + "\n")
    return result


class _Runner:
    """One sweep: what all cells share, and how each is made."""

    def __init__(
        self,
        lfs: Sequence[LabelingFunction],
        pairs: Pairs,
        settings: SweepSettings,
        votes: Votes | None,
        label_settings: Mapping[str, Mapping[str, Any]],
        folder: str | Path | None,
        seed: int,
    ) -> None:
        self.lfs, self.settings, self.seed = lfs, settings, seed
        self.label_settings = label_settings
        # A sweep without Snorkel is a sweep; every other name has to exist.
        self.without = () if find_spec("snorkel") is not None else ("snorkel",)
        self.rewards = [(r, arms_of(settings, r, self.without)) for r in settings.reward]
        self.folder = None if folder is None else Path(folder)
        self.models = [self._reward_settings(reward) for reward in settings.reward]
        names = [reward.name for reward in settings.reward]
        self.titles = [
            name if names.count(name) == 1 else f"{name} ({names[:k].count(name) + 1})"
            for k, name in enumerate(names)
        ]
        outside = pairs.parts != "test"
        self.pairs, self.n_locked = pairs.take(outside), int((~outside).sum())
        self.y, self.blind = self.pairs.y, _without_gold(self.pairs)
        self.draws = [draw(self.pairs, settings.held_out, seed + k) for k in range(settings.seeds)]
        self.most = min(len(d.gold) for d in self.draws)
        self.sizes = [
            sizes_of(settings.gold if r.gold is None else r.gold, self.most) for r in settings.reward
        ]
        self.votes = apply(lfs, self.pairs) if votes is None else _votes_on(self.pairs, votes, lfs)
        self.store = CellStore(
            None if self.folder is None else self.folder / "cells", base_hash(self.pairs, self.votes)
        )

    def grid(self) -> str:
        """What will be done, in words."""
        held = np.mean([len(d.held) for d in self.draws])
        lines = [
            f"sweep: {len(self.draws)} seeds; each holds out about {held:.0f} pairs with gold and leaves at least "
            f"{self.most} to draw gold from, {len(self.pairs):,} pairs in all"
        ]
        for title, (_, arms), sizes in zip(self.titles, self.rewards, self.sizes, strict=True):
            n = len(self._cells(arms, sizes))
            lines.append(
                f"{title}: {n:,} cells = {len(self.draws)} seeds x {len(sizes)} gold sizes "
                f"({', '.join(map(str, sizes))}) x {len(arms)} arms, and gold only with {self.most}"
            )
        if self.without:
            lines.append("snorkel is not installed (extra 'snorkel'): its arms are left out")
        return "\n".join(lines)

    def cost(self) -> str:
        """Makes the dearest cells of every reward model: no cell takes longer, and many are equal to others.

        What is done once, such as embedding the texts, falls into the first seed; the second one is what is timed.
        """
        took = 0.0
        for k, (_, arms) in enumerate(self.rewards):
            n_cells, n_labels = len(self._cells(arms, self.sizes[k])), len(self.draws) * len(self.sizes[k])
            for s, times in ((0, (1, 1)), (1, (n_labels - 1, n_cells - 1))):
                labels, cell = self._timed(k, s, arms)
                took += times[0] * labels + times[1] * cell
        return (
            f"at most about {took / 60:.1f} minutes, judged by the dearest cell; cells that are there already "
            "are not made again"
        )

    def _timed(self, k: int, s: int, arms: Sequence[Arm]) -> tuple[float, float]:
        """Seconds for the labels, and for the cell, of one seed's largest slice of gold."""
        size = self.sizes[k][-1]
        began = time.perf_counter()
        for name in dict.fromkeys(arm.label_model for arm in arms if arm.source):
            self._labels(s, size, name)
        labelled = time.perf_counter()
        self._cell(k, s, size, main_arm(arms) or GOLD_ONLY)
        return labelled - began, time.perf_counter() - labelled

    def run(self, progress: Callable[[int, int], None] | None) -> SweepResult:
        plans = [self._cells(arms, self.sizes[k]) for k, (_, arms) in enumerate(self.rewards)]
        total, done = sum(map(len, plans)), 0
        measured = Measured.of(self.pairs, [d.held for d in self.draws])
        for k, plan in enumerate(plans):
            for s, size, arm in plan:
                measured.add(self.titles[k], size, arm, s, self._cell(k, s, size, arm))
                done += 1
                if progress is not None:
                    progress(done, total)
            for s, size, name in dict.fromkeys((s, n, arm.label_model) for s, n, arm in plan if arm.source):
                labels = self._labels(s, size, name)
                measured.add_labels(name, size, s, np.array(labels["held"]), labels["calibrated"])
        mains = {title: main_arm(arms) for title, (_, arms) in zip(self.titles, self.rewards, strict=True)}
        return SweepResult.of(measured, mains, self._notes())

    def _notes(self) -> list[str]:
        notes = [
            f"{len(self.draws)} seeds, held-out part {self.settings.held_out:.0%} of the gold, whole prompts; intervals "
            "resample seeds and prompts, differences are paired."
        ]
        if self.n_locked:
            notes.append(f"{self.n_locked:,} pairs of locked test prompts were not looked at.")
        if self.without:
            notes.append("snorkel is not installed: its arms were left out.")
        return notes

    def _cells(self, arms: Sequence[Arm], sizes: Sequence[int]) -> list[tuple[int, int, Arm]]:
        return list(cells(arms, sizes, len(self.draws), self.most))

    def _cell(self, k: int, s: int, size: int, arm: Arm) -> Cell:
        """The held-out p of one reward model, and what it learned from."""
        gold = self.draws[s].gold_slice(size)
        rows, p = gold, self.y[gold]
        if arm.source:
            weak, beliefs = self._weak(s, size, arm)
            rows = np.concatenate([gold, weak])
            p = np.concatenate([p, beliefs])
            order = np.argsort(rows)
            rows, p = rows[order], p[order]
        known = np.where(np.isin(rows, gold), self.y[rows], np.nan)
        held = self.draws[s].held
        name, about, settings = self.models[k]

        def make() -> dict[str, Any]:
            model = get_reward_model(name, **settings)
            model.fit(_with_gold(self.blind.take(rows), known), p, gold=known)
            return {"held": model.compare(self.blind.take(held)).tolist()}

        made_of = ("reward", name, about, rows.tobytes(), p.tobytes(), known.tobytes(), held.tobytes())
        made = self.store.get(made_of, make)
        weak_rows = rows[np.isnan(known)]
        return Cell(np.array(made["held"]), len(weak_rows), self._right(weak_rows, p[np.isnan(known)]))

    def _weak(self, s: int, size: int, arm: Arm) -> tuple[_Rows, FloatArray]:
        """The pairs that an arm labels and keeps, and what it believes of them."""
        labels = self._labels(s, size, arm.label_model)
        pool = self.draws[s].pool(size)
        logit, voted = np.array(labels["logit"]), np.array(labels["voted"], dtype=np.bool_)
        within = np.arange(len(pool)) < (len(pool) if arm.weak == ALL else int(arm.weak))
        keep = within & voted & (sigmoid(np.abs(logit)) >= arm.threshold)
        if not arm.soft:
            keep &= logit != 0  # an exact tie names no winner
        return pool[keep], sigmoid(logit[keep]) if arm.soft else (logit[keep] > 0).astype(np.float64)

    def _labels(self, s: int, size: int, name: str) -> dict[str, Any]:
        """What a label model, fitted to a slice of gold and all unlabelled pairs, says of these and of held-out pairs."""
        d = self.draws[s]
        gold, pool = d.gold_slice(size), d.pool(size)
        rows = np.sort(np.concatenate([gold, pool]))
        settings = dict(self.label_settings.get(name, {}))

        def make() -> dict[str, Any]:
            known = np.where(np.isin(rows, gold), self.y[rows], np.nan)
            pairs, votes = _with_gold(self.blind.take(rows), known), self.votes.take(rows)
            labeler = fit(self.lfs, pairs, model=name, settings=settings, votes=votes, seed=self.seed + s)
            inside = labeler.label_known(self.blind.take(pool), self.votes.take(pool))
            held = labeler.label_known(self.blind.take(d.held), self.votes.take(d.held))
            return {
                "logit": inside.logit.tolist(),
                "voted": (inside.w > 0).tolist(),
                "held": held.p.tolist(),
                "calibrated": labeler.calibrated,
            }

        about = json.dumps([name, settings, self.seed + s], sort_keys=True, default=str)
        return self.store.get(("labels", about, gold.tobytes(), pool.tobytes(), d.held.tobytes()), make)

    def _right(self, rows: _Rows, p: FloatArray) -> float | None:
        """Share of weak labels that name the winner, where gold that nothing saw can tell."""
        known = np.abs(self.y[rows] - 0.5) == 0.5
        if not known.any():
            return None
        return float(np.where(p[known] == 0.5, 0.5, (p[known] > 0.5) == (self.y[rows][known] > 0.5)).mean())

    def _reward_settings(self, reward: SweepReward) -> tuple[str, str, dict[str, Any]]:
        """Name, what a cell's key says of the settings, and the settings themselves."""
        settings = dict(reward.settings)
        # Made once to no purpose: a misspelt setting is an error before the first hour.
        full = getattr(get_reward_model(reward.name, **settings), "settings", settings)
        about = json.dumps(full, sort_keys=True, default=str)
        takes_cache = "cache" in inspect.signature(reward_model_class(reward.name)).parameters
        if takes_cache and self.folder is not None:
            settings.setdefault("cache", str(self.folder / "cache"))
        return reward.name, about, settings


def _without_gold(pairs: Pairs) -> Pairs:
    return _with_gold(pairs, np.full(len(pairs), np.nan))


def _with_gold(pairs: Pairs, y: FloatArray) -> Pairs:
    """The pairs with this gold and no other, as dev pairs; the rest as pool."""
    words = {0.0: "a", 1.0: "b", 0.5: "tie"}
    gold = [words.get(v) for v in y.tolist()]
    table = pairs.table
    for name, values in (("gold", gold), ("part", ["pool" if g is None else "dev" for g in gold])):
        at = table.schema.get_field_index(name)
        table = table.set_column(at, table.schema.field(at), pa.array(values, pa.string()))
    return Pairs(table)


def _votes_on(pairs: Pairs, votes: Votes, lfs: Sequence[LabelingFunction]) -> Votes:
    where = {pair_id: row for row, pair_id in enumerate(votes.ids)}
    missing = [i for i in pairs.ids if i not in where]
    if missing:
        raise LabelMatrixError(
            f"sweep: the votes lack pair {missing[0]!r} ({len(missing)} in all). Pass votes from apply() on these pairs."
        )
    return votes.select([lf.name for lf in lfs]).take(np.array([where[i] for i in pairs.ids], dtype=np.intp))
