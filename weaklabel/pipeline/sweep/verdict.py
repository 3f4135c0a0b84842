"""The verdict of a sweep in words, on an arm that was named beforehand, with a guard against happy accidents."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from statistics import NormalDist
from typing import Final

from weaklabel._tables import short
from weaklabel.pipeline.sweep.grid import Arm
from weaklabel.pipeline.sweep.row import SweepRow

_LEVEL: Final = 0.95


def verdict(rows: Sequence[SweepRow], mains: Mapping[str, Arm | None]) -> list[str]:
    """Per reward model: a line on every gold size, a summary, and what the rest of the grid shows."""
    found: list[str] = []
    for reward, main in mains.items():
        # Where the filter kept nothing there is nothing to compare.
        own = [row for row in rows if row.reward == reward and row.n_weak]
        told = [row for row in own if row.arm == main]
        if not told:
            found.append(
                f"{reward}: no weak label of {main or 'any source'} was kept, so there is nothing to say."
            )
            continue
        found.append(f"{reward}, {main} against gold only:")
        found += [f"  {_line(row)}" for row in told]
        found.append(f"  {_summary(told)}")
        found.append(f"  {_others([row for row in own if row.arm != main], len(own))}")
    return found


def side(row: SweepRow) -> str:
    """`helps`, `hurts`, or `no difference shown`: where the 95% interval of the gain in accuracy lies."""
    gain = row.gains["accuracy"]
    return "helps" if gain.low > 0 else "hurts" if gain.high < 0 else "no difference shown"


def _line(row: SweepRow) -> str:
    moved = {name: _moved(row, name) for name in ("accuracy", "nll")}
    return f"{row.gold} gold: {moved['accuracy']}: {side(row)}. {_worth(row)} NLL {moved['nll']}."


def _moved(row: SweepRow, metric: str) -> str:
    """`.640 -> .690, +.050 [+.020, +.081]`: gold alone, with weak labels, the difference."""
    after, gain = row.figures[metric].value, row.gains[metric]
    change, low, high = (short(v, sign=True) for v in (gain.value, gain.low, gain.high))
    return f"{short(after - gain.value)} -> {short(after)}, {change} [{low}, {high}]"


def _worth(row: SweepRow) -> str:
    w = row.worth
    assert w is not None  # rows with gains have one
    if math.isinf(w.size) or side(row) == "no difference shown":  # a number would say more than was seen
        return f"As good as gold alone of {w}."
    more = w.extra
    word = f"worth {more:.0f} more" if more >= 0.5 else f"cost {-more:.0f}" if more <= -0.5 else "worth none"
    return f"As good as gold alone of {w}: {word}."


def _summary(rows: Sequence[SweepRow]) -> str:
    by: dict[str, list[str]] = {}
    for row in rows:
        by.setdefault(side(row), []).append(str(row.gold))
    words = {
        "helps": "weak labels help with",
        "hurts": "hurt with",
        "no difference shown": "no difference is shown with",
    }
    said = [f"{words[key]} {', '.join(by[key])} gold pairs" for key in words if key in by]
    text = "; ".join(said)
    return f"{text[0].upper()}{text[1:]}."


def _others(rows: Sequence[SweepRow], n_all: int) -> str:
    """What the arms that the verdict is not about show, and how much of it chance would."""
    if not rows:
        return f"{n_all} comparisons were made, no others."
    helps = sum(side(row) == "helps" for row in rows)
    hurts = sum(side(row) == "hurts" for row in rows)
    limit = NormalDist().inv_cdf(1 - (1 - _LEVEL) / 2 / n_all)
    clear = [row for row in rows if row.se > 0 and abs(row.gains["accuracy"].value) > limit * row.se]
    up = sum(row.gains["accuracy"].value > 0 for row in clear)
    best = max(rows, key=lambda row: row.gains["accuracy"].value)
    return (
        f"{n_all} comparisons were made in all. Of the {len(rows)} others {helps} lie above 0 and {hurts} below; chance "
        f"alone would put about {len(rows) * (1 - _LEVEL) / 2:.1f} on either side. Corrected for {n_all} comparisons "
        f"(Bonferroni) {up} and {len(clear) - up} remain. The largest gain, picked because it is: "
        f"{best.arm} with {best.gold} gold, {short(best.gains['accuracy'].value, sign=True)}."
    )
