"""Which gold may say how sure a reward model can be, and who taught the model that such gold judges.

Gold pairs are never judged by a model that saw their prompts. That is not enough where labels taught it: a labeler that
saw the gold of a prompt has put it into the labels of other prompts, and a model that learned from them looks surer of
that gold than it is of new pairs. So the labels, too, have to be made without the gold that judges
(`Labels.logit_without`), or that gold has to be left alone.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from weaklabel.types import FloatArray

Held = NDArray[np.bool_]
"""`(n_pairs, k)`: in each column, all pairs of the prompts whose gold is held out."""


@dataclass(frozen=True)
class Judges:
    """Gold that had no part in what taught the model that it judges.

    Attributes:
        rows: `(n_pairs,)` bool, the pairs whose gold may judge.
        without: from `Held` to `(n_pairs, k)` beliefs, each column made without the gold held there. None: the beliefs
            that teach had no part in the gold of `rows` to begin with.
        why_not: where gold may not judge, one sentence that says why; else "".
    """

    rows: NDArray[np.bool_]
    without: Callable[[Held], FloatArray] | None = None
    why_not: str = ""

    def beliefs(self, p: FloatArray, held: Held) -> FloatArray:
        """`(n_pairs, k)`: what teaches the model that the gold of each column judges; `p` teaches where nothing is held."""
        if self.without is None or not held.any():
            return np.repeat(p[:, None], held.shape[1], axis=1)
        return self.without(held)
