"""The rows that `label_quality.py` writes of an arm: figures over shuffles, ECE per shuffle, paired differences."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from _figures import Figures

from weaklabel.metrics import Interval, bootstrap, ece, ece_when_perfect, paired_difference
from weaklabel.report.ceiling import gold_agreement
from weaklabel.types import FloatArray, Pairs


def measure(figures: Figures, case: str, arm: str, by_shuffle: list[FloatArray], pairs: Pairs) -> None:
    y, groups = pairs.y, pairs.prompt_groups
    # The mean over shuffles of a mean over rows is a mean over all rows of all shuffles; prompts stay the unit.
    pooled, truth = np.concatenate(by_shuffle), np.tile(y, len(by_shuffle))
    prompts = np.tile(groups, len(by_shuffle))
    for name in ("accuracy", "nll", "brier"):
        interval = bootstrap(name, pooled, truth, prompts)
        figures.add(case, arm, name, interval.value, interval.low, interval.high, len(y))
    each = [ece(p, y) for p in by_shuffle]
    figures.add(case, arm, "ece", float(np.mean(each)), min(each), max(each), len(y))
    bands = [ece_when_perfect(p, n_draws=300) for p in by_shuffle]
    low, mean, high = (float(np.mean([getattr(b, k) for b in bands])) for k in ("low", "value", "high"))
    figures.add(case, arm, "ece if perfect", mean, low, high, len(y))
    ece_by_shuffle(figures, f"{case}: ece per shuffle", arm, each, bands)


def ece_by_shuffle(
    figures: Figures, case: str, arm: str, each: Sequence[float], bands: Sequence[Interval]
) -> None:
    """ECE of every shuffle with its own band, how many are not above the band's end, and the worst of them."""
    inside = [value <= band.high for value, band in zip(each, bands, strict=True)]
    figures.add(case, arm, "share inside the band", float(np.mean(inside)), n=len(each))
    worst = int(np.argmax(each))
    figures.add(case, arm, "largest ece", each[worst])
    figures.add(case, arm, "end of its band", float(bands[worst].high))
    for seed, (value, band) in enumerate(zip(each, bands, strict=True)):
        figures.add(case, arm, f"shuffle {seed + 1} [band]", value, float(band.low), float(band.high))


def differ(
    figures: Figures, pairs: Pairs, title: str, name: str, ours: list[FloatArray], theirs: list[FloatArray]
) -> None:
    """Paired differences on the same pairs, prompts resampled."""
    y, prompts = np.tile(pairs.y, len(ours)), np.tile(pairs.prompt_groups, len(ours))
    for metric in ("accuracy", "nll"):
        gap = paired_difference(metric, np.concatenate(ours), np.concatenate(theirs), y, prompts)
        figures.add(title, name, metric, gap.value, gap.low, gap.high, len(pairs))


def references(figures: Figures, case: str, pairs: Pairs) -> None:
    """What needs no model: the longer response, and gold beside itself."""
    y, prompts = pairs.y, pairs.prompt_groups
    found = {"longer response wins": bootstrap("accuracy", longer_response(pairs), y, prompts)}
    human = gold_agreement(pairs).agree
    if human is not None:
        found["gold with itself, where pairs repeat"] = human
    for arm, share in found.items():
        figures.add(case, arm, "accuracy", share.value, share.low, share.high, share.n)


def longer_response(pairs: Pairs) -> FloatArray:
    size = [np.array([len(t) for t in pairs.table[c].to_pylist()]) for c in ("response_a", "response_b")]
    return (np.sign(size[1] - size[0]) + 1) / 2
