"""What a calibration error would be if the probabilities were perfect: the band to read it against."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from weaklabel.metrics.draws import chunks
from weaklabel.metrics.interval import Interval
from weaklabel.metrics.rows import confidence_of
from weaklabel.types import FloatArray


def when_perfect(
    p: FloatArray,
    cells: FloatArray,
    combine: Callable[[FloatArray], FloatArray],
    n_draws: int,
    seed: int,
    level: float,
) -> Interval:
    """Median and middle `level` of `combine` over simulated outcomes that obey `p`.

    `cells` is `(n, c)`, the cell of each row as 0 and 1; `combine` takes `(draws, c)`, per cell the summed gap
    between confidence and being right, and gives `(draws,)`, which is divided by n.
    """
    said, tossed = confidence_of(p), p == 0.5
    rng = np.random.default_rng(seed)
    found = []
    for size in chunks(n_draws, len(p)):
        right = (rng.random((size, len(p))) < said).astype(np.float64)
        right[:, tossed] = 0.5  # as every metric counts them
        found.append(combine((said - right) @ cells) / len(p))
    low, middle, high = np.quantile(np.concatenate(found), [(1 - level) / 2, 0.5, (1 + level) / 2])
    return Interval(float(middle), float(low), float(high), len(p))
