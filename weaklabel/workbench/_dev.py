"""Which gold a person writing labeling functions may look at."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from weaklabel.types import Pairs


def is_dev(pairs: Pairs) -> NDArray[np.bool_]:
    """`(n_pairs,)` bool: gold of the dev part, or gold that was never split. Never the locked test part."""
    return np.asarray(pairs.has_gold & np.isin(pairs.parts.astype(str), ("dev", "None")), dtype=np.bool_)
