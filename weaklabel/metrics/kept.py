"""What a confidence filter keeps, and how right the kept pairs are."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import ArrayLike

from weaklabel._validation import check_least
from weaklabel.metrics.interval import Interval
from weaklabel.metrics.rows import checked, confidence_of, correctness, group_numbers
from weaklabel.metrics.shares import share_intervals
from weaklabel.types import FloatArray
from weaklabel.types.result import json_fields

POINTS: Final = 20

_DECIMALS: Final = 10_000


@dataclass(frozen=True, slots=True)
class KeptRow:
    """One threshold: pairs with at least that confidence, as a share of all, and the accuracy of these."""

    threshold: float
    kept_share: float
    n: int
    accuracy: Interval

    to_dict = json_fields


def kept_share_curve(
    p: ArrayLike,
    y: ArrayLike,
    groups: ArrayLike | None = None,
    *,
    points: int = POINTS,
    n_draws: int = 1000,
    seed: int = 0,
    level: float = 0.95,
) -> list[KeptRow]:
    """Kept share against accuracy, from keeping everything to keeping the surest twentieth.

    Accuracy is that of every table: gold ties are left out, p = .5 is half right. Each interval is about its own
    threshold. The curve is for looking: a threshold that was picked from it because its interval looks good is
    worse than it looks. `find_threshold` gives one with a guarantee.

    Args:
        p: `(n,)` in [0, 1].
        y: `(n,)`, 0, .5 or 1.
        groups: `(n,)`, equal values for equal prompts; None takes each row for a prompt of its own.
        points: thresholds, at most; fewer where many pairs have the same confidence. They depend on `p` alone.
        n_draws, seed, level: of the bootstrap over prompts; the same draws for all thresholds.

    Raises:
        LabelMatrixError: as for `accuracy`, and when groups have another length.
        ConfigError: fewer than one point.

    >>> rows = kept_share_curve([0.6, 0.6, 0.1, 0.9], [1, 0, 0, 1], points=2)
    >>> [(row.threshold, row.kept_share, row.accuracy.value) for row in rows]
    [(0.6, 1.0, 0.75), (0.9, 0.5, 1.0)]
    """
    check_least("points", points, 1)
    p_, y_ = checked(p, y)
    said, right, decided = confidence_of(p_), correctness(p_, y_), y_ != 0.5
    surest_first = np.sort(said)[::-1]
    last = np.ceil(len(p_) * np.arange(points, 0, -1) / points).astype(np.intp) - 1
    thresholds = np.unique(rounded_down(surest_first[last]))
    kept = said[:, None] >= thresholds
    counted = kept & decided[:, None]
    prompts = group_numbers(groups, len(p_))
    shares = share_intervals(right, counted, prompts, n_draws=n_draws, seed=seed, level=level)
    return [
        KeptRow(
            float(threshold),
            float(kept[:, t].mean()),
            int(kept[:, t].sum()),
            shares[t],
        )
        for t, threshold in enumerate(thresholds)
    ]


def rounded_down(said: FloatArray) -> FloatArray:
    """Confidences with four decimals, so that a threshold can be printed, copied and still keep the same pairs.

    At most .9999: an export takes no threshold of 1, which almost no probability reaches.
    """
    down = np.floor(said * _DECIMALS)
    # The product of a confidence of .7 may fall just short of 7,000: try the next number before settling.
    next_up = (down + 1) / _DECIMALS
    return np.minimum(np.where(next_up <= said, next_up, down / _DECIMALS), 1 - 1 / _DECIMALS)
