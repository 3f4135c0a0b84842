"""`dependencies`: which labeling functions say the same thing, beyond what the truth makes them agree on.

For two functions that both vote, the figure is the correlation of their votes *given the truth*: of being right,
that is, since the truth only turns the sign. It is 0 for functions that err independently and 1 for copies.

- With gold it is counted: the correlation of being right on the pairs on which both vote.
- Without gold, votes as -1 and +1 have `E[s_i s_j] = a_i a_j` where functions err independently (a = 2 accuracy - 1):
  a matrix of rank one. It is fitted by medians, which a few dependent functions do not move; what is left over is
  the dependence. A bias that *most* functions share (length, as a rule) looks like truth here: only gold tells.

z-scores come from sums per prompt; q is Benjamini & Hochberg's (1995) over all couples. Copies are told apart from
functions that are merely both good: they agree on .95 of the pairs, *and* their errors go together.

Sources: rank one, Parisi et al. (2014), PNAS 111(4), and Ratner et al. (2019), AAAI; the effective number of
functions is Kish's (1965), m / (1 + (m - 1) mean correlation).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Final

import numpy as np
from numpy.typing import ArrayLike, NDArray

from weaklabel._arguments import checked
from weaklabel._shown import Sketch
from weaklabel._tables import chance, plain_table, short
from weaklabel.errors import needs_pandas
from weaklabel.groups import some_prompts
from weaklabel.metrics.rows import group_numbers
from weaklabel.types import ABSTAIN, FloatArray, Pairs, Votes, signed_votes
from weaklabel.types.result import Result
from weaklabel.workbench._correlation import (
    ENOUGH,
    ErrorCorrelations,
    error_correlations,
    rank_correlation,
    signs_given_truth,
)
from weaklabel.workbench._dev import dev_gold
from weaklabel.workbench.analysis import pairwise_agreement
from weaklabel.workbench.explore import benjamini_hochberg

if TYPE_CHECKING:
    import pandas as pd

    from weaklabel.pictures import Picture


MAX_PAIRS: Final = 10_000
"""A sample of whole prompts with about this many pairs tells the correlations of more of them."""
COPY_AGREEMENT: Final = 0.95
COPY_OVERLAP: Final = 0.5
"""Share of the pairs on which either of two copies votes on which both must."""
COPY_CORRELATION: Final = 0.5
TOGETHER: Final = 0.5
"""Mean correlation at which functions are put into one cluster."""
BELIEVED: Final = 0.05

_HEADER: Final = ("one", "other", "correlation", "95% interval", "q", "agree", "margins", "pairs", "")


@dataclass(frozen=True, slots=True, repr=False)
class Link(Result):
    """Two functions whose errors go together.

    Attributes:
        one, other: their names.
        correlation: of their errors given the truth, in [-1, 1], with `low` and `high` at 95%.
        q: share of false discoveries when this couple and all stronger ones are believed.
        agreement: share of equal votes where both vote, `n` pairs.
        margins: rank correlation of their margins, NaN where one of them has none.
        copies: whether they are near-duplicates.
    """

    one: str
    other: str
    correlation: float
    low: float
    high: float
    q: float
    agreement: float
    n: int
    margins: float
    copies: bool


@dataclass(frozen=True, repr=False)
class Dependencies(Result):
    """What `dependencies` found. `str()` prints a table; the arrays are what a heatmap or a graph is drawn from.

    Attributes:
        lf_names: the functions, in column order; all arrays follow it.
        by: "gold" or "agreement", where the correlations come from.
        correlation: `(n_lfs, n_lfs)` float64 in [-1, 1], correlation of errors given the truth; 1 on the diagonal, NaN
            where fewer than `ENOUGH` pairs or prompts tell, or one of the two is always right or always wrong.
        low, high: `(n_lfs, n_lfs)` float64, its 95% interval.
        q: `(n_lfs, n_lfs)` float64 in [0, 1], NaN where the correlation is.
        both: `(n_lfs, n_lfs)` int64, pairs on which both vote: those that tell the correlation.
        agreement: `(n_lfs, n_lfs)` float64 in [0, 1], share of equal votes where both vote, over all votes.
        margins: `(n_lfs, n_lfs)` float64 in [-1, 1], rank correlation of margins, NaN where there are none.
        links: couples with q <= .05 and a positive correlation, strongest first; near-duplicates among them.
        clusters: names of functions whose errors correlate at .5 or more on average; only clusters of two and more.
        order: column numbers in which neighbours resemble each other, for a heatmap.
        effective: how many independent functions these are worth, in [1, n_lfs] (0 without a function).
        n_pairs: rows of votes; `n_gold` of them with gold behind the correlations.
        notes: what was left out, in words.
    """

    lf_names: tuple[str, ...]
    by: str
    correlation: FloatArray
    low: FloatArray
    high: FloatArray
    q: FloatArray
    both: NDArray[np.int64]
    agreement: FloatArray
    margins: FloatArray
    links: tuple[Link, ...]
    clusters: tuple[tuple[str, ...], ...]
    order: tuple[int, ...]
    effective: float
    n_pairs: int
    n_gold: int
    notes: tuple[str, ...] = field(default=())

    @property
    def near_duplicates(self) -> tuple[Link, ...]:
        """The links between copies."""
        return tuple(link for link in self.links if link.copies)

    def __str__(self) -> str:
        return self.text()

    def text(self, top: int = 20) -> str:
        """The strongest `top` links as a table, then clusters and the effective number."""
        if not self._anything_known():
            return self._summary()
        lines = [plain_table(_HEADER, [_cells(link) for link in self.links[:top]], left=2), ""]
        if not self.links:
            lines = ["No two functions err together beyond chance.", ""]
        elif len(self.links) > top:
            lines[-1:] = [f"... and {len(self.links) - top} weaker links.", ""]
        return "\n".join([*lines, self._summary()])

    def _summary(self) -> str:
        told = f"{self.n_gold} gold pairs" if self.by == "gold" else "agreement alone (no gold)"
        if not self._anything_known():
            nothing = (
                f"Nothing can be told by {told}: two functions must both vote on {ENOUGH} pairs of as many prompts, each "
                "right on some and wrong on others."
            )
            return "\n".join([nothing, *self.notes])
        lines = [f"cluster: {', '.join(names)}" for names in self.clusters]
        lines.append(
            f"{len(self.lf_names)} functions are worth about {self.effective:.1f} independent ones. "
            f"Correlation of errors given the truth, told by {told}; links have q <= {BELIEVED:g}."
        )
        return "\n".join([*lines, *self.notes])

    def plot(self) -> Picture:
        """The functions in a ring, with a bow between those that err together, as a picture for notebooks."""
        from weaklabel.pictures import dependency_picture

        told = f"{self.n_gold:,} gold pairs" if self.by == "gold" else "agreement alone, without gold"
        return dependency_picture(
            [(link.one, link.other, link.correlation) for link in self.links],
            order=[self.lf_names[j] for j in self.order],
            note=f"Thickness: how strongly the errors of two functions go together, given the truth; told by {told}.",
        )

    def _anything_known(self) -> bool:
        others = ~np.eye(len(self.lf_names), dtype=np.bool_)
        return len(self.lf_names) < 2 or not bool(np.isnan(self.correlation[others]).all())

    def _sketch(self) -> Sketch:
        rows = [_cells(link) for link in self.links]
        none = "" if rows else "No two functions err together beyond chance.\n"
        return Sketch(f"{none}{self._summary()}", _HEADER if rows else (), rows, left=2)

    def to_pandas(self) -> pd.DataFrame:
        """A pandas DataFrame, one row per link."""
        with needs_pandas("to_pandas"):
            import pandas as pd

        return pd.DataFrame([link.to_dict() for link in self.links], columns=list(Link.__dataclass_fields__))


@checked
def dependencies(
    votes: Votes, gold: Pairs | None = None, *, groups: ArrayLike | None = None, seed: int = 0
) -> Dependencies:
    """How much more each two functions agree than the truth explains. Swapping responses changes nothing.

    Args:
        votes: what `apply` returned.
        gold: pairs with dev gold, matched by id; the locked test part is not looked at. None tells the dependence by
            agreement alone.
        groups: `(n_pairs,)`, equal numbers for equal prompts, used without gold (gold brings its own). None takes
            every pair for a prompt of its own, which overstates the evidence where prompts repeat.
        seed: draws the sample of prompts that stands for more than `MAX_PAIRS` pairs.

    Raises:
        GoldError: `gold` holds no dev gold, or gold for pairs without votes.
        LabelMatrixError: groups of another length.

    >>> rng = np.random.default_rng(0)
    >>> truth, wrong = rng.integers(2, size=600), rng.random((600, 3)) < 0.3
    >>> L = np.where(wrong, 1 - truth[:, None], truth[:, None])
    >>> L = np.column_stack([L, L[:, 0]]).astype(np.int8)  # the last column copies the first
    >>> names = ("x", "y", "z", "copy")
    >>> votes = Votes(L, np.full(L.shape, np.nan, np.float32), names, tuple(map(str, range(600))))
    >>> found = dependencies(votes)
    >>> [(link.one, link.other) for link in found.near_duplicates], found.clusters
    ([('x', 'copy')], (('x', 'copy'),))
    """
    notes: list[str] = []
    if gold is None:
        signs, n_gold = signed_votes(votes.L), 0
        cluster_of = group_numbers(groups, len(votes))
        centre: FloatArray | None = signs_given_truth(votes)
    else:
        known = dev_gold(votes, gold, "dependencies")
        told = known.decided()
        if ties := len(known.y) - len(told.y):
            notes.append(f"{ties} gold ties were left out.")
        # +1 right, -1 wrong: the truth turns every vote of a row, so only errors are left to go together.
        signs, n_gold = signed_votes(votes.L[told.rows]) * (2 * told.y - 1)[:, None], len(told.y)
        cluster_of, centre = group_numbers(told.groups, n_gold), None
    if len(signs) > MAX_PAIRS:
        rows = some_prompts(cluster_of, MAX_PAIRS, seed)
        signs, cluster_of = signs[rows], cluster_of[rows]
        notes.append(f"The correlations are those of a sample of {len(rows)} pairs.")
    found = error_correlations(signs, cluster_of, centre)
    agreement, _ = pairwise_agreement(votes.L)
    ranked = np.random.default_rng(seed).permutation(len(votes))[:MAX_PAIRS]
    margins = rank_correlation(votes.margins[np.sort(ranked)])
    q = _false_discoveries(found.p)
    links = _links(votes, found, q, agreement, margins)
    order, clusters = _clusters(found.correlation, votes.lf_names)
    return Dependencies(
        votes.lf_names,
        "agreement" if gold is None else "gold",
        found.correlation, found.low, found.high, q, found.both, agreement, margins,
        links, clusters, order,
        _effective(found.correlation, q),
        len(votes), n_gold, tuple(notes),
    )  # fmt: skip


def _false_discoveries(p: FloatArray) -> FloatArray:
    q = np.full(p.shape, np.nan)
    upper = np.triu(~np.isnan(p), k=1)
    if upper.any():
        q[upper] = benjamini_hochberg(p[upper])
        q.T[upper] = q[upper]
    return q


def _links(
    votes: Votes, found: ErrorCorrelations, q: FloatArray, agreement: FloatArray, margins: FloatArray
) -> tuple[Link, ...]:
    spoke = votes.L != ABSTAIN
    with np.errstate(invalid="ignore"):  # a BLAS kernel may raise the flag for lanes behind a short row
        meet = spoke.astype(np.float32).T @ spoke.astype(np.float32)
    either = np.diag(meet)[:, None] + np.diag(meet)[None] - meet
    links = []
    for i, j in zip(*np.where(np.triu(q <= BELIEVED, k=1) & (found.correlation > 0)), strict=True):
        alike = agreement[i, j] >= COPY_AGREEMENT and found.correlation[i, j] >= COPY_CORRELATION
        links.append(
            Link(
                votes.lf_names[i],
                votes.lf_names[j],
                float(found.correlation[i, j]),
                float(found.low[i, j]),
                float(found.high[i, j]),
                float(q[i, j]),
                float(agreement[i, j]),
                int(found.both[i, j]),
                float(margins[i, j]),
                bool(alike and meet[i, j] >= COPY_OVERLAP * either[i, j]),
            )
        )
    return tuple(sorted(links, key=lambda link: (-link.correlation, link.one, link.other)))


def _clusters(
    correlation: FloatArray, names: Sequence[str]
) -> tuple[tuple[int, ...], tuple[tuple[str, ...], ...]]:
    """Column order of a dendrogram with average linkage, and its branches above `TOGETHER`."""
    from scipy.cluster.hierarchy import fcluster, leaves_list, linkage
    from scipy.spatial.distance import squareform

    if len(names) < 2:
        return tuple(range(len(names))), ()
    near = np.clip(np.nan_to_num(correlation), 0, 1)
    distance = 1 - (near + near.T) / 2
    np.fill_diagonal(distance, 0.0)
    tree = linkage(squareform(distance, checks=False), "average")
    which = fcluster(tree, 1 - TOGETHER, "distance")
    members = [tuple(names[int(j)] for j in np.flatnonzero(which == k)) for k in np.unique(which)]
    found = sorted((m for m in members if len(m) > 1), key=lambda m: (-len(m), m))
    return tuple(int(j) for j in leaves_list(tree)), tuple(found)


def _effective(correlation: FloatArray, q: FloatArray) -> float:
    """Kish's number, with correlations that are believed and positive: noise, and what opposite biases seem to make
    up for, shall not count as independence."""
    m = len(correlation)
    total = m + float(np.where(q <= BELIEVED, np.maximum(np.nan_to_num(correlation), 0.0), 0.0).sum())
    return float(m**2 / total) if m else 0.0


def _cells(link: Link) -> list[str]:
    return [
        link.one, link.other, short(link.correlation, sign=True),
        f"[{short(link.low, sign=True)}, {short(link.high, sign=True)}]", chance(link.q), short(link.agreement),
        short(link.margins, sign=True), str(link.n), "copies" if link.copies else "",
    ]  # fmt: skip
