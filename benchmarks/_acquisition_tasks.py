"""What `acquisition.py` asks about: made pools with and without clusters, and the real pairs."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from functools import cached_property
from pathlib import Path
from typing import NamedTuple
from unittest.mock import patch

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

import weaklabel as wl
from weaklabel.acquisition import Pool, get_acquisition, next_pairs
from weaklabel.acquisition.embedding import READERS, Reader
from weaklabel.acquisition.geometry import unit
from weaklabel.data import read_pairs
from weaklabel.groups import folds_by_prompt
from weaklabel.labeler import asking
from weaklabel.labeler import labeler as labeler_module
from weaklabel.lf.core import LabelingFunction
from weaklabel.logistic import fit_logistic, nll_of_logit
from weaklabel.shift.reference import Reference
from weaklabel.text.ngrams import asked_features
from weaklabel.types import Labels, PairFeatures, Pairs

Array = NDArray[np.float64]
Mask = NDArray[np.bool_]
MADE_RULES = (
    "uncertainty",
    "bald",
    "coreset",
    "badge",
    "typical",
    "d_optimal",
    "expected_gain",
    "uncertain_coreset",
)
REAL_RULES = ("bald", "coreset", "badge", "typical", "d_optimal", "expected_gain", "uncertain_coreset")


class Arm(NamedTuple):
    """A rule, by what it compares pairs, and which share of the questions is drawn at random beside it."""

    rule: str
    embedding: str = "-"
    random_share: float = 0.0

    def __str__(self) -> str:
        name = self.rule if self.embedding == "-" else f"{self.rule}, {self.embedding}"
        return f"{name}, {self.random_share:.0%} random" if self.random_share else name


class Scores(NamedTuple):
    """Of held-out pairs."""

    accuracy: float
    nll: float


def scores(logit: Array, y: Array) -> Scores:
    decided = y != 0.5
    right = np.where(logit == 0, 0.5, (logit > 0) == (y > 0.5))
    return Scores(float(right[decided].mean()), float(nll_of_logit(logit, y).mean()))


class Made:
    """A preference that is linear in 16 features, and a logistic model that learns it from what is asked.

    Args:
        kind: "clustered": nine pairs of ten are near-copies of one of twelve, the first of which has two thirds of them;
            held-out pairs are of all twelve alike, so that what is rare in the pool counts. "alike": pool and held-out pairs are
            drawn from one normal distribution. "alike, of one length": the same, brought to one length, so that no pair says
            more than another.
    """

    budgets = (25, 50, 100, 200, 400)

    def __init__(self, kind: str) -> None:
        self.kind = kind
        self.name = f"made, {kind}"
        self.arms = [Arm("random"), *map(Arm, MADE_RULES)]

    def run(self, arm: Arm, seed: int, budgets: Sequence[int]) -> list[Scores]:
        rng = np.random.default_rng(seed)
        d, n = 16, 2_000
        weights, centres = rng.normal(size=d) * 3, rng.normal(size=(12, d)) / np.sqrt(d)
        shares = np.array([2 / 3, *[1 / 33] * 11])
        x = self._drawn(rng, n, centres, shares)
        held = self._drawn(rng, 2_000, centres, np.full(12, 1 / 12))
        y, held_y = (self._said(rng, rows, weights) for rows in (x, held))
        asked, found = np.empty(0, np.int64), []
        theta = np.zeros(d)
        for budget in budgets:
            left = np.setdiff1d(np.arange(n), asked)
            pool = Pool(
                tuple(f"p{i:04}" for i in left), x[left] @ theta, np.zeros(len(left), dtype=np.int64),
                features=x[left], known_features=x[asked], known_logit=x[asked] @ theta,
            )  # fmt: skip
            chosen = get_acquisition(arm.rule).choose(pool, budget - len(asked), seed=seed)
            asked = np.concatenate([asked, left[chosen.rows]])
            theta = fit_logistic(x[asked], y[asked], precision=1.0).theta
            found.append(scores(held @ theta, held_y))
        return found

    def _drawn(self, rng: np.random.Generator, n: int, centres: Array, shares: Array) -> Array:
        alone = rng.normal(size=(n, centres.shape[1])) / np.sqrt(centres.shape[1])
        if self.kind == "alike":
            return alone
        if self.kind == "alike, of one length":
            return unit(alone)
        near = centres[rng.choice(len(centres), n, p=shares)] + alone * 0.15
        return np.where(rng.random((n, 1)) < 0.9, near, alone)

    def _said(self, rng: np.random.Generator, x: Array, weights: Array) -> Array:
        return (rng.random(len(x)) < 1 / (1 + np.exp(-(x @ weights)))).astype(np.float64)


class Real:
    """Real pairs: the labeler with all shipped functions, fitted to the gold that is asked and to all votes.

    Half of the prompts are held out, by a seed; gold of the rest is hidden until it is asked. What no answer changes is worked
    out once: votes, what the label model reads in the texts, and rows of the embeddings for a set; the first labels and the
    labeler's `reference` for a seed. Figures of a labeler on its own gold, a third of the time of a fit, are left out. The
    log-odds are those of `fit` and `label` to the bit.
    """

    def __init__(
        self, file: Path, name: str, budgets: Sequence[int], embeddings: Sequence[str], model: str
    ) -> None:
        self.file, self.name, self.budgets, self.model = file, f"{name}, {model}", tuple(budgets), model
        by_features = [Arm(rule, embedding) for embedding in embeddings for rule in REAL_RULES]
        self.arms = [Arm("random"), Arm("uncertainty"), Arm("disagreement"), *by_features]
        self._readers = {name: remembered(READERS[name]) for name in embeddings}
        self._first: dict[int, First] = {}
        self._read: dict[tuple[str, ...], PairFeatures] = {}

    @cached_property
    def _given(self) -> tuple[Pairs, wl.Votes, list[LabelingFunction]]:
        pairs = read_pairs(str(self.file), test_share=0.0)
        pairs = pairs.take(pairs.has_gold)
        lfs = list(wl.load_lfs("shipped"))
        return pairs, wl.apply(lfs, pairs), lfs

    def run(self, arm: Arm, seed: int, budgets: Sequence[int]) -> list[Scores]:
        """Held-out scores at rising numbers of gold; a number beyond what can be asked is all of it, and 0 asks nothing."""
        pairs, _, _ = self._given
        asked, first = np.zeros(len(pairs), dtype=np.bool_), self._begun(seed)
        labels, found = first.labels, []
        for budget in budgets:
            more = min(budget, self.n_open(seed)) - int(asked.sum())
            if more:
                ids = next_pairs(
                    labels, more, acquisition=arm.rule, embedding=self._readers.get(arm.embedding, "votes"),
                    random_share=arm.random_share, seed=seed,
                ).ids  # fmt: skip
                asked = asked | np.isin(pairs.ids, ids)
                labels = self._labels(asked, first.held, first.reference)
            found.append(scores(labels.logit[first.held], pairs.y[first.held]))
        return found

    def n_open(self, seed: int) -> int:
        """How many pairs can be asked, those of the same texts counted once."""
        return len(np.unique(self._texts[~self._held(seed)]))

    @cached_property
    def _texts(self) -> NDArray[np.int64]:
        """A number per pair, the same for the same prompt and responses: several people judged some pairs of MT-Bench."""
        columns = (self._given[0].table[name].to_pylist() for name in ("prompt", "response_a", "response_b"))
        numbers: dict[object, int] = {}
        shown = [(prompt, frozenset((a, b))) for prompt, a, b in zip(*columns, strict=True)]
        return np.array([numbers.setdefault(each, len(numbers)) for each in shown])

    def _held(self, seed: int) -> Mask:
        return np.asarray(folds_by_prompt(self._given[0].prompt_groups, 2, seed) == 0)

    def _begun(self, seed: int) -> First:
        """The same for all arms of a seed."""
        if seed not in self._first:
            pairs, votes, lfs = self._given
            held = self._held(seed)
            hidden = self._hidden(np.zeros(len(pairs), dtype=np.bool_), held)
            labeler = wl.fit(lfs, hidden, model=self.model, votes=votes)
            self._first = {seed: First(held, labeler.label_known(hidden, votes), labeler.reference)}
        return self._first[seed]

    def _labels(self, asked: Mask, held: Mask, reference: Reference | None) -> Labels:
        _, votes, lfs = self._given
        hidden = self._hidden(asked, held)
        with (
            patch.object(labeler_module, "cross_calibrated", lambda logit, *_, **__: logit),
            patch.object(asking, "asked_features", self._features),
        ):
            labeler = wl.fit(lfs, hidden, model=self.model, votes=votes, reference=reference)
            return labeler.label_known(hidden, votes)

    def _features(self, pairs: Pairs) -> PairFeatures:
        """What the labeler reads of all pairs, read once."""
        if pairs.ids not in self._read:
            self._read = {pairs.ids: asked_features(pairs)}
        return self._read[pairs.ids]

    def _hidden(self, asked: Mask, held: Mask) -> Pairs:
        """The pairs with the gold that was asked and no other; what is held out is locked."""
        table = self._given[0].table
        gold = [g if known else None for g, known in zip(table["gold"].to_pylist(), asked, strict=True)]
        part = np.where(held, "test", np.where(asked, "dev", "pool")).tolist()
        for name, values in (("gold", gold), ("part", part)):
            table = table.set_column(table.column_names.index(name), name, pa.array(values, pa.string()))
        return replace(self._given[0], table=table)


class First(NamedTuple):
    """What a seed begins with: what is held out, and the labels and the reference of the labeler without gold."""

    held: Mask
    labels: Labels
    reference: Reference | None


def remembered(reader: Reader) -> Reader:
    """The same rows, each response to a prompt read once."""
    known: dict[tuple[str, str], Array] = {}

    def read(prompts: Sequence[str], responses: Sequence[str]) -> Array:
        asked = list(zip(prompts, responses, strict=True))
        if new := [each for each in dict.fromkeys(asked) if each not in known]:
            known.update(zip(new, reader([p for p, _ in new], [r for _, r in new]), strict=True))
        return np.array([known[each] for each in asked]) if asked else reader([], [])

    return read
