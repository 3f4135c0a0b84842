"""Pairs of samples as the comparer sees them: a table that other stages read, and where the two of each pair stand."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from weaklabel.generation.generated import labelled
from weaklabel.generation.paired import Pairing
from weaklabel.stages.best_of.judging import Judge, win_rates
from weaklabel.stages.best_of.sampled import Draws
from weaklabel.types import FloatArray

Ends = frozenset[int]
"""Where the two samples of a pair stand in the columns, in either order."""


@dataclass(frozen=True)
class Compared:
    """Pairs of different samples of a prompt, in the columns that `generation` writes: texts, p, w, who gave them.

    Attributes:
        table: `n` pairs.
        a, b: `(n,)` where their responses stand among the samples; of equal samples the first.
    """

    table: pa.Table
    a: NDArray[np.intp]
    b: NDArray[np.intp]

    @classmethod
    def of(
        cls,
        draws: Draws,
        judge: Judge,
        *,
        policy: str,
        constants: Mapping[str, Any],
        only: Collection[Ends] | None = None,
    ) -> Compared:
        """Every two different samples of a prompt, or `only` some of these pairs; at least one.

        Args:
            draws: the samples.
            judge: who compares.
            policy: the name of what was sampled.
            constants: what every row says of how it came about.
            only: the pairs that are wanted.
        """
        rows, places = [], []
        for row, a, b in _pairs(draws, policy):
            if only is None or frozenset((a, b)) in only:
                rows.append(row)
                places.append((a, b))
        where = np.array(places, dtype=np.intp).reshape(-1, 2)
        return cls(pa.concat_tables(labelled(rows, judge.asked, constants)), where[:, 0], where[:, 1])

    def win_rates(self, draws: Draws) -> FloatArray:
        """`(m,)` in [0, 1] of each sample, where every two were compared."""
        return win_rates(draws, self.a, self.b, self.table["p"].to_numpy())

    def scored(self, score: FloatArray) -> pa.Table:
        """The table with the samples' scores, `(m,)`, as `score_a` and `score_b`."""
        table = self.table.append_column("score_a", pa.array(score[self.a]))
        return table.append_column("score_b", pa.array(score[self.b]))

    def are(self, wanted: Collection[Ends]) -> NDArray[np.bool_]:
        """`(n,)` whether a pair is one of those."""
        every = zip(self.a.tolist(), self.b.tolist(), strict=True)
        return np.array([frozenset(ends) in wanted for ends in every], dtype=np.bool_)


def _pairs(draws: Draws, policy: str) -> Iterator[tuple[dict[str, Any], int, int]]:
    """Rows of pairs, and where their responses stand."""
    pairing = Pairing("all", 0)
    for of, (prompt, replies) in enumerate(zip(draws.prompts, draws.replies, strict=True)):
        for row in pairing.rows(prompt, [(policy, reply) for reply in replies]):
            yield row, draws.place[of, row["number_a"]], draws.place[of, row["number_b"]]
