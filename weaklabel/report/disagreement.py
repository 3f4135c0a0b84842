"""The pairs on which the labeling functions disagree most: where a label is least to be trusted, and ideas are found."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

from weaklabel.types import ABSTAIN, FloatArray, Labels

_CHUNK: Final = (
    1 << 16
)  # rows at a time: a million pairs with a hundred functions fit in memory once, not twice


@dataclass(frozen=True, slots=True)
class Dispute:
    """One disputed pair.

    Attributes:
        row: of the labels.
        n_a: votes for A; `n_b` for B.
        against: log-odds on the weaker side, in nats; NaN where the model has no such sum.
        chosen_by: `votes` or `weight`.
    """

    row: int
    n_a: int
    n_b: int
    against: float
    chosen_by: str


def disputes(labels: Labels, limit: int = 40) -> list[Dispute]:
    """Up to `limit` visible pairs, half by votes and half by weight, no pair of texts twice.

    By votes: the most votes on the weaker side, then the most even split. By weight: the most log-odds on the
    weaker side. Pairs of the locked test part are never shown. Turning pairs round changes nothing.
    """
    n_a, n_b, against = _sides(labels)
    visible = labels.pairs.parts != "test"
    weaker = np.minimum(n_a, n_b).astype(np.float64)
    by_votes = np.where(visible & (weaker > 0), weaker + weaker / np.maximum(1, n_a + n_b), -1.0)
    by_weight = np.where(visible & (against > 0), against, -1.0)
    seen: set[tuple[str, frozenset[str]]] = set()
    half = (limit + 1) // 2
    first = _top(labels, by_votes, half, seen)
    second = _top(labels, by_weight, limit - len(first), seen)
    # Where the model has no weights, or they dispute nothing more, votes fill the list.
    rest = _top(labels, by_votes, limit - len(first) - len(second), seen)
    return [
        Dispute(int(row), int(n_a[row]), int(n_b[row]), float(against[row]), how)
        for rows, how in ((first, "votes"), (second, "weight"), (rest, "votes"))
        for row in rows
    ]


def _sides(labels: Labels) -> tuple[NDArray[np.int64], NDArray[np.int64], FloatArray]:
    """Votes for A and for B, and the log-odds on the weaker side, per pair."""
    # Behind the functions' own columns may stand those of the texts, which no function says.
    L, shares = labels.votes.L, labels.contributions
    n_a, n_b = (L == 0).sum(axis=1), (L == 1).sum(axis=1)
    if shares is None:
        return n_a, n_b, np.full(len(L), np.nan)
    against = np.empty(len(L))
    for start in range(0, len(L), _CHUNK):
        part = shares[start : start + _CHUNK, : L.shape[1]]
        spoke = np.where(L[start : start + _CHUNK] == ABSTAIN, 0.0, part)
        against[start : start + _CHUNK] = np.minimum(
            np.maximum(spoke, 0).sum(axis=1), np.maximum(-spoke, 0).sum(axis=1)
        )
    return n_a, n_b, against


def _top(labels: Labels, score: FloatArray, limit: int, seen: set[tuple[str, frozenset[str]]]) -> list[int]:
    """Rows of the highest scores above zero, ties in row order, texts that were seen left out."""
    found: list[int] = []
    table = labels.pairs.table
    for row in np.argsort(-score, kind="stable").tolist():
        if len(found) >= limit or not score[row] > 0:
            break
        prompt, a, b = (table[c][row].as_py() for c in ("prompt", "response_a", "response_b"))
        key = (prompt, frozenset((a, b)))
        if key not in seen:
            seen.add(key)
            found.append(row)
    return found
