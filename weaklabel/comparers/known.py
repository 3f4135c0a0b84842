"""`Known`: labels as a comparer: what was said of these pairs already, so that no function votes on them again."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from weaklabel.errors import DataError
from weaklabel.types import FloatArray, Labels, Pairs


class Known:
    """A comparer that answers for the pairs of some labels, by id, whatever their order and that of their responses.

    Args:
        labels: labels of pairs with distinct ids.
    """

    def __init__(self, labels: Labels) -> None:
        self._labels = labels
        self._row = {pair_id: row for row, pair_id in enumerate(labels.pairs.ids)}
        self._first = labels.pairs.table["response_a"].to_pylist()
        self._second = labels.pairs.table["response_b"].to_pylist()

    @property
    def calibrated(self) -> bool:
        """Whether the labels are."""
        return self._labels.calibrated

    def saw(self, pairs: Pairs) -> NDArray[np.bool_]:
        """`(n_pairs,)`: whether the pair's own gold was used for its label."""
        return np.asarray(self._labels.in_sample[self._rows(pairs)], dtype=np.bool_)

    def compare(self, pairs: Pairs) -> FloatArray:
        """`(n_pairs,)` P(B beats A).

        Raises:
            DataError: a pair that was not labelled, or other responses under its id.
        """
        rows, turned = self._found(pairs)
        p = self._labels.p[rows]
        return np.where(turned, 1 - p, p)

    def interval(self, pairs: Pairs) -> FloatArray:
        """`(n_pairs, 2)`, between which gold leaves it open; NaN where the labels are not calibrated.

        Raises:
            DataError: as `compare`.
        """
        rows, turned = self._found(pairs)
        low, high = self._labels.p_low, self._labels.p_high
        if low is None or high is None:
            return np.full((len(rows), 2), np.nan)
        ends = np.column_stack([low[rows], high[rows]])
        return np.where(turned[:, None], 1 - ends[:, ::-1], ends)

    def _found(self, pairs: Pairs) -> tuple[NDArray[np.intp], NDArray[np.bool_]]:
        """The labels' rows of these pairs, and whether the responses stand the other way round there."""
        rows = self._rows(pairs)
        turned = np.zeros(len(rows), dtype=np.bool_)
        texts = (pairs.table[name].to_pylist() for name in ("response_a", "response_b"))
        for i, (row, a, b) in enumerate(zip(rows.tolist(), *texts, strict=True)):
            known = self._first[row], self._second[row]
            if (a, b) != known and (b, a) != known:
                raise DataError(
                    f"pair {pairs.ids[i]!r} has other responses than the labelled pair of that id. Read both from "
                    "the same files."
                )
            turned[i] = (a, b) != known
        return rows, turned

    def _rows(self, pairs: Pairs) -> NDArray[np.intp]:
        missing = [pair_id for pair_id in pairs.ids if pair_id not in self._row]
        if missing:
            raise DataError(
                f"pair {missing[0]!r} ({len(missing)} in all) has no label here. Label these pairs first."
            )
        return np.array([self._row[pair_id] for pair_id in pairs.ids], dtype=np.intp)
