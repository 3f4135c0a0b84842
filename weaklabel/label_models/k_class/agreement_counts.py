"""How often each two labeling functions speak together and agree: all that `triplet` and `moments` look at.

The counts are whole numbers of an `(m, m)` table, whatever the number of rows, and add up over parts. Two sources
that are right with probabilities `a_i` and `a_j`, independently, and wrong evenly over the other classes, agree
with probability `a_i a_j + (1 - a_i)(1 - a_j) / (k - 1)`. In terms of the *edge* `r = (k a - 1) / (k - 1)`, which
is 0 at chance and 1 for the perfect, that is a product, whatever the class balance:

    G_ij = (k P(agree) - 1) / (k - 1) = r_i r_j
"""

from __future__ import annotations

from typing import Final

import numpy as np
from numpy.typing import ArrayLike

from weaklabel.label_models.k_class.bit_counts import count_together
from weaklabel.label_models.k_class.counting_model import Counts
from weaklabel.types import FloatArray, Int8Array

PRIOR_EDGE: Final = 0.2
"""The belief about an LF of which nothing is known: of two classes it is right six times in ten."""

MAX_EDGE: Final = 0.9
"""No LF is believed righter (of two classes: .95), since votes cannot show a mistake that all sources share."""


def count_agreements(votes: Int8Array, k: int) -> Counts:
    """`both` and `agree` `(m, m)` int64: rows in which two LFs speak, and in which they say the same; `cast` `(m,)`.

    >>> counts = count_agreements(np.array([[0, 0], [1, 0], [1, -1]], np.int8), 2)
    >>> counts["both"].tolist(), counts["agree"].tolist(), counts["cast"].tolist()
    ([[3, 2], [2, 2]], [[3, 1], [1, 2]], [3, 2])
    """
    both, agree = count_together(votes, k)
    return {"cast": np.diag(both).copy(), "both": both, "agree": agree}


def edge_products(counts: Counts, k: int) -> tuple[FloatArray, FloatArray]:
    """`G` and `n` `(m, m)` float64: estimated products of edges, and rows they rest on; both 0 on the diagonal."""
    n = counts["both"].astype(np.float64)
    np.fill_diagonal(n, 0.0)
    share = counts["agree"] / np.maximum(n, 1.0)
    return np.where(n > 0, (k * share - 1.0) / (k - 1.0), 0.0), n


def held_edges(edges: ArrayLike, k: int) -> FloatArray:
    """Edges within what is believed: at most .9, and so far from the lowest there is, that of the always wrong."""
    return np.clip(np.asarray(edges, dtype=np.float64), -MAX_EDGE / (k - 1.0), MAX_EDGE)


def accuracy_of(edges: FloatArray, k: int) -> FloatArray:
    """`(m,)` accuracies in (0, 1) from edges."""
    return np.asarray(((k - 1.0) * edges + 1.0) / k, dtype=np.float64)
