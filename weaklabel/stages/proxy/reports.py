"""Two reports on what the evaluation model learned from: how scores lie, and how far seed responses are from the policy's."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import numpy as np

from weaklabel import artifacts
from weaklabel.acquisition.embedding import ngrams, one_scale
from weaklabel.groups import folds_by_prompt
from weaklabel.logistic import fit_logistic, one_thread
from weaklabel.metrics import Interval, bootstrap
from weaklabel.pictures import Picture, bars_picture
from weaklabel.stages.contract import rounded
from weaklabel.types import FloatArray, Pairs, prompt_key

SAMPLES: Final = "samples of the policy"
SCORES: Final = "scores.json"
PICTURE: Final = "scores.svg"
_BINS: Final = 10
_MOST: Final = 1_000
_FOLDS: Final = 5


@dataclass(frozen=True)
class Histogram:
    """How the evaluation model's scores lie, in bins that hold a tenth of the policy's samples each.

    What the expert was asked about teaches where it lies: seed responses that are mostly good fill the upper bins, and say little
    of what makes a sample bad (Chen et al. 2024, section on off-policy data).

    Attributes:
        edges: `(_BINS - 1,)` between the bins.
        counts: who gave the responses -> `(_BINS,)`.
        answers: what the expert said -> how often.
    """

    edges: FloatArray
    counts: Mapping[str, list[int]]
    answers: Mapping[str, int]

    @classmethod
    def of(cls, samples: FloatArray, others: Mapping[str, FloatArray], said: Sequence[str]) -> Histogram:
        """Of the samples' scores, those of others by who gave them, and the expert's answers in words."""
        edges = np.quantile(samples, np.arange(1, _BINS) / _BINS)
        every = {SAMPLES: samples, **others}
        counts = {
            name: np.bincount(np.searchsorted(edges, each, side="right"), minlength=_BINS).tolist()
            for name, each in every.items()
            if len(each)
        }
        return cls(edges, counts, dict(sorted(Counter(said).items())))

    @property
    def imbalance(self) -> float | None:
        """The share of the expert's answers that are the commonest one; None without answers."""
        total = sum(self.answers.values())
        return max(self.answers.values()) / total if total else None

    def upper(self, name: str) -> float | None:
        """The share of these responses whose score is in the upper half of the policy's samples; None where there are none."""
        counts = self.counts.get(name)
        return None if counts is None else sum(counts[_BINS // 2 :]) / sum(counts)

    def write(self, work: Path) -> None:
        """`scores.json` and `scores.svg`."""
        told = {
            "edges": [rounded(edge) for edge in self.edges.tolist()],
            "counts": dict(self.counts),
            "answers": dict(self.answers),
        }
        artifacts.write_json(work / SCORES, told)
        artifacts.write_text(work / PICTURE, self.picture().svg())

    def picture(self) -> Picture:
        """Which share of what was asked about, and of seed responses, lies in each tenth of the policy's samples."""
        others = {name: counts for name, counts in self.counts.items() if name != SAMPLES}
        looks = dict(zip(others, "ba", strict=False))
        rows = [
            (f"{k + 1}. tenth, {_short(name)}", 100 * counts[k] / sum(counts), looks[name])
            for k in range(_BINS)
            for name, counts in others.items()
        ]
        return bars_picture(
            rows,
            "Scores of what was asked about",
            axis="percent of these responses",
            kinds={look: name for name, look in looks.items()},
            note="Each tenth holds a tenth of the policy's samples, the lowest scores first: 10 percent is as many as there are.",
        )


def _short(name: str) -> str:
    return name.split()[0]


def told_apart(
    ours: tuple[Sequence[str], Sequence[str]], theirs: tuple[Sequence[str], Sequence[str]], seed: int
) -> Interval | None:
    """How surely responses of two hands are told apart by their n-grams: the accuracy of a linear classifier out of fold.

    1/2 is chance: the evaluation model is then taught by responses like those that it judges. Source: the proxy distance of
    Ben-David et al. (2007), 2 (2 accuracy - 1). At most a thousand responses of each hand are drawn, and as many of one as of the
    other. Folds are of whole prompts, so that what is asked tells nobody apart.

    Args:
        ours, theirs: prompts and responses.
        seed: of the draw, of folds and of the interval.
    """
    rng, n = np.random.default_rng(seed), min(len(ours[1]), len(theirs[1]), _MOST)
    prompts: list[str] = []
    texts: list[str] = []
    for asked, answers in (ours, theirs):
        for k in np.sort(rng.choice(len(answers), n, replace=False)):
            prompts.append(prompt_key(asked[k]))
            texts.append(answers[k])
    groups = np.unique(prompts, return_inverse=True)[1].reshape(-1) if n else np.empty(0, int)
    if n < _FOLDS or len(np.unique(groups)) < _FOLDS:
        return None
    y = np.repeat([0.0, 1.0], n)
    (x,) = one_scale(ngrams(prompts, texts))
    fold, p = folds_by_prompt(groups, _FOLDS, seed), np.empty(2 * n)
    with one_thread():
        for k in range(_FOLDS):
            held = fold == k
            middle = x[~held].mean(axis=0)
            theta = fit_logistic(x[~held] - middle, y[~held], precision=1.0).theta
            p[held] = 1 / (1 + np.exp(-((x[held] - middle) @ theta)))
    return bootstrap("accuracy", p, y, groups=groups, seed=seed)


def responses_of(pairs: Pairs) -> tuple[list[str], list[str]]:
    """Prompts and responses, both of every pair."""
    prompts, a, b = (pairs.table[name].to_pylist() for name in ("prompt", "response_a", "response_b"))
    return [*prompts, *prompts], [*a, *b]


def figures_of(histogram: Histogram, distance: Interval | None) -> dict[str, Any]:
    """What a round tells of them."""
    found: dict[str, Any] = {"commonest answer": histogram.imbalance}
    for name in histogram.counts:
        if name != SAMPLES:
            found[f"{name} in the upper half"] = histogram.upper(name)
    if distance is not None:
        found |= {
            "told apart": distance.value,
            "told apart low": distance.low,
            "told apart high": distance.high,
        }
    return found
