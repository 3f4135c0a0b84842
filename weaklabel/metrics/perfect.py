"""What a calibration error would be if the probabilities were perfect: the band to read it against."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

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
    return when_as_said(confidence_of(p), p == 0.5, cells, combine, n_draws, seed, level)


def when_as_said(
    said: FloatArray,
    tossed: NDArray[np.bool_],
    cells: FloatArray,
    combine: Callable[[FloatArray], FloatArray],
    n_draws: int,
    seed: int,
    level: float,
) -> Interval:
    """As `when_perfect`, of answers of which `(n,)` says how likely each is right, in [0, 1]; `tossed` `(n,)` are half right."""
    rng = np.random.default_rng(seed)
    found = []
    for size in chunks(n_draws, len(said)):
        right = (rng.random((size, len(said))) < said).astype(np.float64)
        right[:, tossed] = 0.5  # as every metric counts them
        found.append(combine((said - right) @ cells) / len(said))
    low, middle, high = np.quantile(np.concatenate(found), [(1 - level) / 2, 0.5, (1 + level) / 2])
    return Interval(float(middle), float(low), float(high), len(said))
