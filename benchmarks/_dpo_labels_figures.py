"""Figures and picture of `dpo_labels.py`, from rows of runs."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from itertools import product

import numpy as np
from _dpo_labels_arms import ARMS, HARD, MAJORITY, REMOVED, SOFT
from _figures import Figures
from scipy.stats import t

from weaklabel.metrics import Interval
from weaklabel.pictures.drawing import Canvas, Picture, Scale, tick

START, LABELS, CHOICE = "no DPO", "labels", "choice"
Done = Mapping[tuple[int, str, str], Mapping[str, float]]
"""(seed, level, arm) -> measures."""
Wanted = Mapping[int, Mapping[str, Sequence[str]]]
"""Seed -> level -> arms."""
MEASURES = ("quality", "digits right", "flourish", "KL", "implied accuracy")
COMPARED = ("quality", "implied accuracy")
SHARES = ("flipped", "left out")


def mean_of_seeds(values: Sequence[float]) -> Interval:
    """The mean with Student's 95% interval; of one seed without one."""
    mean, n = float(np.mean(values)), len(values)
    half = float(t.ppf(0.975, n - 1) * np.std(values, ddof=1) / np.sqrt(n)) if n > 1 else float("nan")
    return Interval(mean, mean - half, mean + half, n)


def seeds_and_levels(wanted: Wanted) -> tuple[list[int], list[str]]:
    """Of the arms, by rising noise: without seeds and level of the choice, and without the policy that begins."""
    seeds = [number for number, levels in wanted.items() if CHOICE not in levels]
    levels = [level for level in wanted[seeds[0]] if level != START]
    return seeds, sorted(
        levels, key=lambda level: ("," in level, level.partition(",")[2], int(level.partition("%")[0]))
    )


def add_figures(figures: Figures, done: Done, wanted: Wanted) -> None:
    """Of the choice, of the labels, of every arm at every level, and differences by seed."""
    choosing = [number for number, levels in wanted.items() if CHOICE in levels]
    for arm in dict.fromkeys(arm for number in choosing for arm in wanted[number][CHOICE]):
        for name in MEASURES:
            _add(
                figures,
                "choice",
                arm,
                name,
                [done[number, CHOICE, arm][name] for number in choosing],
                ends=False,
            )
    if len(choosing) == len(wanted):
        return
    seeds, levels = seeds_and_levels(wanted)
    for level in levels:
        rows = [done[seed, level, LABELS] for seed in seeds if LABELS in wanted[seed][level]]
        for name in dict.fromkeys(name for row in rows for name in row):
            _add(figures, "labels", level, name, [row[name] for row in rows if name in row])
    for level in levels:
        for name in MEASURES[:4]:
            _add(figures, f"{level} wrong", START, name, [done[seed, START, START][name] for seed in seeds])
        for arm, name in product(arms_at(wanted, level), (*MEASURES, *SHARES)):
            values = [done[seed, level, arm][name] for seed in seeds]
            _add(figures, f"{level} wrong", arm, name, values, ends=name not in SHARES)
    add_differences(figures, done, wanted)


def arms_at(wanted: Wanted, level: str) -> list[str]:
    return next(
        [arm for arm in levels[level] if arm != LABELS] for levels in wanted.values() if level in levels
    )


def add_differences(figures: Figures, done: Done, wanted: Wanted) -> None:
    """By seed, at each level and of the mean over the levels with noise that gold can see."""
    seeds, levels = seeds_and_levels(wanted)
    noisy = [level for level in levels if level != "0%" and "," not in level]
    cases = {f"{level} wrong": [level] for level in levels}
    if len(noisy) > 1:
        cases = {f"{noisy[0]} to {noisy[-1]} wrong": noisy, **cases}
    for base, arms in ((SOFT, list(ARMS)), (HARD, [MAJORITY, REMOVED])):
        for case, some in cases.items():
            for arm, name in product(arms, COMPARED):
                if arm != base and all(arm in arms_at(wanted, level) for level in some):
                    gaps = [[done[s, at, arm][name] - done[s, at, base][name] for at in some] for s in seeds]
                    _add(figures, f"{case}: less {base}", arm, name, [float(np.mean(one)) for one in gaps])


def _add(
    figures: Figures, case: str, arm: str, name: str, values: Sequence[float], *, ends: bool = True
) -> None:
    found = mean_of_seeds(values)
    ends_ = (found.low, found.high) if ends and found.n > 1 else (None, None)
    figures.add(case, arm, name, found.value, *ends_, found.n)


# ------------------------------------------------------------------------------------------------ picture
_DRAWN = {
    "gold of all pairs": "gold",
    "majority": "majority",
    "majority, doubtful removed": "removed",
    "hard": "hard (flipped)",
    "soft": "soft",
    "nearest point": "nearest point",
    "filtered at .75": "filtered at .75",
    "confidence-weighted": "confidence-weighted",
    "geometric": "geometric",
    "robust": "robust",
}
_WIDTH, _PANEL, _TOP, _LEFT, _HEAD = 560, 112, 46, 38, 20


def picture(done: Done, wanted: Wanted) -> Picture:
    """Mean quality of answers by the share of wrong majority labels: a small panel per arm, soft and no DPO in each."""
    seeds, every = seeds_and_levels(wanted)
    levels = [level for level in every if set(_DRAWN) <= set(arms_at(wanted, level))]
    columns = 2
    names = [arm for arm in _DRAWN if arm != SOFT]
    by_arm = {arm: [_quality(done, seeds, level, arm) for level in levels] for arm in _DRAWN}
    start = mean_of_seeds([done[seed, START, START]["quality"] for seed in seeds]).value
    ends = [end for points in by_arm.values() for one in points for end in (one.low, one.high, one.value)]
    known = [end for end in [*ends, start] if np.isfinite(end)]
    low, high = min(known) - 0.02, max(known) + 0.02
    canvas = Canvas()
    canvas.text(
        2,
        13,
        "quality by share of wrong majority labels; blue: the arm, orange: soft, dashed: before DPO",
        "wl-s",
    )
    width = _WIDTH / columns
    for k, arm in enumerate(names):
        left, top = (k % columns) * width, _HEAD + (k // columns) * (_PANEL + _TOP)
        x = Scale(-0.3, len(levels) - 0.7, left + _LEFT, left + width - 10)
        y = Scale(low, high, top + _PANEL + 24, top + 24)
        _panel(canvas, x, y, levels, by_arm, arm, start)
    rows = -(-len(names) // columns)
    cells = [
        (_DRAWN[arm], level, f"{one.value:.3f}", f"{one.low:.3f}", f"{one.high:.3f}", str(one.n))
        for arm, points in by_arm.items()
        for level, one in zip(levels, points, strict=True)
    ]
    return Picture(
        "Quality of answers by the share of wrong majority labels",
        "A panel per arm, blue, beside soft labels, orange; the dashed line is the policy before DPO. Whiskers are 95% "
        f"intervals over {len(seeds)} seeds.",
        str(canvas),
        _WIDTH,
        _HEAD + rows * (_PANEL + _TOP) + 4,
        ("arm", "majority wrong", "quality", "95% from", "to", "n"),
        cells,
    )


def _quality(done: Done, seeds: Sequence[int], level: str, arm: str) -> Interval:
    return mean_of_seeds([done[seed, level, arm]["quality"] for seed in seeds])


def _panel(
    canvas: Canvas,
    x: Scale,
    y: Scale,
    levels: Sequence[str],
    by_arm: Mapping[str, Sequence[Interval]],
    arm: str,
    start: float,
) -> None:
    for value in y.ticks(4):
        canvas.line(x.start, y(value), x.end, y(value), "wl-grid")
        canvas.text(x.start - 5, y(value) + 4, tick(value), "wl-s", anchor="end")
    for k, level in enumerate(levels):
        canvas.text(x(k), y.start + 15, level.replace("20%, ", ""), "wl-s", anchor="middle")
    canvas.text(x.start, y.end - 6, _DRAWN[arm], "wl-tb")
    canvas.line(x.start, y(start), x.end, y(start), "wl-dash")
    for name, shift, dot, whisker, line in (
        (SOFT, 0.12, "wl-a", "wl-whisker-a", "wl-la"),
        (arm, -0.12, "wl-b", "wl-whisker", "wl-lb"),
    ):
        points = by_arm[name]
        places = [(x(k + shift), y(one.value)) for k, one in enumerate(points) if "," not in levels[k]]
        canvas.path(places, line)
        for k, one in enumerate(points):
            if np.isfinite(one.low):
                canvas.line(x(k + shift), y(one.low), x(k + shift), y(one.high), whisker)
            canvas.dot(x(k + shift), y(one.value), 3, dot, f"{_DRAWN[name]}, {levels[k]}: {one}")
