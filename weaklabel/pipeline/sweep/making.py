"""How one cell is made: a label model on a slice of gold, or a reward model on gold and weak labels."""

from __future__ import annotations

import inspect
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from weaklabel.config import SweepReward
from weaklabel.labeler import fit, refit_of
from weaklabel.lf.core import LabelingFunction
from weaklabel.pipeline.sweep.grid import ALL, Arm, Draw
from weaklabel.pipeline.sweep.measured import Cell
from weaklabel.pipeline.sweep.store import CellStore
from weaklabel.reward import get_reward_model
from weaklabel.reward.judges import Held, Judges
from weaklabel.reward.registry import reward_model_class
from weaklabel.types import FloatArray, Pairs, Votes, sigmoid

_Rows = NDArray[np.intp]


@dataclass(frozen=True)
class Reward:
    """A reward model of the sweep.

    Attributes:
        name: in `REWARD_MODELS`.
        settings: of the model.
        about: what a cell's name says of them: all settings, those that change nothing apart.
    """

    name: str
    settings: Mapping[str, Any]
    about: str

    @classmethod
    def of(cls, chosen: SweepReward, folder: Path | None) -> Reward:
        """With a cache below `folder`, where the model takes one: what does not depend on labels is done once.

        Raises:
            UnknownNameError, ConfigError: no such model or setting; told now, and not after an hour.
        """
        settings = dict(chosen.settings)
        full = get_reward_model(chosen.name, **settings).settings
        if folder is not None and "cache" in inspect.signature(reward_model_class(chosen.name)).parameters:
            settings.setdefault("cache", str(folder / "cache"))
        return cls(chosen.name, settings, json.dumps(full, sort_keys=True, default=str))


@dataclass
class Maker:
    """Makes cells, each once.

    Attributes:
        lfs: labeling functions; `votes` are theirs on `pairs`.
        pairs: everything outside the locked test part.
        draws: per seed who is held out; `seed` is the number of the first.
        label_settings: per label model its settings.
        store: where cells are kept.
    """

    lfs: Sequence[LabelingFunction]
    pairs: Pairs
    votes: Votes
    draws: Sequence[Draw]
    seed: int
    label_settings: Mapping[str, Mapping[str, Any]]
    store: CellStore
    y: FloatArray = field(init=False)
    blind: Pairs = field(init=False)

    def __post_init__(self) -> None:
        self.y = self.pairs.y
        self.blind = with_gold(self.pairs, np.full(len(self.pairs), np.nan))

    def cell(self, reward: Reward, s: int, size: int, arm: Arm) -> Cell:
        """The held-out p of one reward model, and what it learned from."""
        gold = self.draws[s].gold_slice(size)
        rows, p, weak = gold, self.y[gold], gold[:0]
        if arm.source:
            weak, beliefs = self._weak(s, size, arm)
            rows = np.concatenate([gold, weak])
            p = np.concatenate([p, beliefs])
            order = np.argsort(rows)
            rows, p = rows[order], p[order]
        known = np.where(np.isin(rows, gold), self.y[rows], np.nan)
        held = self.draws[s].held
        judges = Judges(~np.isnan(known))
        if len(weak):
            judges = Judges(judges.rows, lambda hidden: self._without(s, size, arm, rows, known, hidden))
        # Gold alone knows no functions: a model that reads them is then the linear one.
        reads = bool(arm.source) and reward_model_class(reward.name).takes_functions
        votes = self.votes.take(rows) if reads else None

        def make() -> dict[str, Any]:
            functions = {"lfs": self.lfs, "votes": votes} if reads else {}
            model = get_reward_model(reward.name, **reward.settings, **functions)
            model.fit(with_gold(self.blind.take(rows), known), p, gold=known, judges=judges)
            return {"held": model.compare(self.blind.take(held)).tolist()}

        made_of = (
            "reward 2",  # 1: its scale was fitted on gold that the labels had seen
            reward.name,
            reward.about,
            rows.tobytes(),
            p.tobytes(),
            known.tobytes(),
            held.tobytes(),
            self._about(s, arm.label_model) if len(weak) else "",  # which labels judged gold is spared, too
            *(() if votes is None else (votes.L.tobytes(), votes.margins.tobytes())),
        )
        made = self.store.get(made_of, make)
        weak_rows = rows[np.isnan(known)]
        return Cell(np.array(made["held"]), len(weak_rows), self._right(weak_rows, p[np.isnan(known)]))

    def _weak(self, s: int, size: int, arm: Arm) -> tuple[_Rows, FloatArray]:
        """The pairs that an arm labels and keeps, and what it believes of them."""
        labels = self.labels(s, size, arm.label_model)
        pool = self.draws[s].pool(size)
        logit, voted = np.array(labels["logit"]), np.array(labels["voted"], dtype=np.bool_)
        within = np.arange(len(pool)) < (len(pool) if arm.weak == ALL else int(arm.weak))
        keep = within & voted & (sigmoid(np.abs(logit)) >= arm.threshold)
        if not arm.soft:
            keep &= logit != 0  # an exact tie names no winner
        return pool[keep], sigmoid(logit[keep]) if arm.soft else (logit[keep] > 0).astype(np.float64)

    def _without(
        self, s: int, size: int, arm: Arm, rows: _Rows, known: FloatArray, hidden: Held
    ) -> FloatArray:
        """`(n_rows, k)` beliefs of an arm's rows by labelers that did not see the gold hidden in each column.

        Which weak pairs the arm keeps, the labeler with all gold has said: hidden gold has that much of a say.
        """
        groups, name = self.pairs.prompt_groups, arm.label_model
        d = self.draws[s]
        gold, everything = d.gold_slice(size), np.sort(np.concatenate([d.gold_slice(size), d.pool(size)]))
        held = np.column_stack([np.isin(groups[everything], groups[rows[column]]) for column in hidden.T])
        settings = self.label_settings.get(name, {})

        def make() -> dict[str, Any]:
            truth = np.where(np.isin(everything, gold), self.y[everything], np.nan)
            pairs, votes = with_gold(self.blind.take(everything), truth), self.votes.take(everything)
            refit = refit_of(self.lfs, pairs, votes, model=name, settings=dict(settings), seed=self.seed + s)
            return {"logit": refit(pairs, votes, held).tolist()}

        made_of = (
            "labels without",
            self._about(s, name),
            gold.tobytes(),
            everything.tobytes(),
            held.tobytes(),
        )
        made = np.array(self.store.get(made_of, make)["logit"])
        logit = made[np.searchsorted(everything, rows)]
        p = sigmoid(logit) if arm.soft else (np.sign(logit) + 1) / 2
        return np.where(np.isnan(known)[:, None], p, known[:, None])

    def labels(self, s: int, size: int, name: str) -> dict[str, Any]:
        """What a label model, fitted to a slice of gold and all unlabelled pairs, says of these and of held-out pairs."""
        d = self.draws[s]
        gold, pool = d.gold_slice(size), d.pool(size)
        rows = np.sort(np.concatenate([gold, pool]))
        settings = dict(self.label_settings.get(name, {}))

        def make() -> dict[str, Any]:
            known = np.where(np.isin(rows, gold), self.y[rows], np.nan)
            pairs, votes = with_gold(self.blind.take(rows), known), self.votes.take(rows)
            labeler = fit(self.lfs, pairs, model=name, settings=settings, votes=votes, seed=self.seed + s)
            inside = labeler.label_known(self.blind.take(pool), self.votes.take(pool))
            held = labeler.label_known(self.blind.take(d.held), self.votes.take(d.held))
            return {
                "logit": inside.logit.tolist(),
                "voted": (inside.w > 0).tolist(),
                "held": held.p.tolist(),
                "calibrated": labeler.calibrated,
            }

        return self.store.get(
            ("labels", self._about(s, name), gold.tobytes(), pool.tobytes(), d.held.tobytes()), make
        )

    def _about(self, s: int, name: str) -> str:
        """What the labels of a label model hang on besides gold and pairs."""
        settings = dict(self.label_settings.get(name, {}))
        return json.dumps([name, settings, self.seed + s], sort_keys=True, default=str)

    def _right(self, rows: _Rows, p: FloatArray) -> float | None:
        """Share of weak labels that name the winner, where gold that nothing saw can tell."""
        known = np.abs(self.y[rows] - 0.5) == 0.5
        if not known.any():
            return None
        return float(np.where(p[known] == 0.5, 0.5, (p[known] > 0.5) == (self.y[rows][known] > 0.5)).mean())


def with_gold(pairs: Pairs, y: FloatArray) -> Pairs:
    """The pairs with this gold and no other, as dev pairs; the rest as pool."""
    words = {0.0: "a", 1.0: "b", 0.5: "tie"}
    gold = [words.get(v) for v in y.tolist()]
    table = pairs.table
    for name, values in (("gold", gold), ("part", ["pool" if g is None else "dev" for g in gold])):
        at = table.schema.get_field_index(name)
        table = table.set_column(at, table.schema.field(at), pa.array(values, pa.string()))
    return Pairs(table)
