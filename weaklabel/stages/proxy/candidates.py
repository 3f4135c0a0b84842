"""What the expert can be asked about: pairs of a policy's samples, single samples, or the responses of other hands."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

from weaklabel.comparers.content import Content
from weaklabel.errors import DataError
from weaklabel.stages.best_of.sampled import Draws
from weaklabel.types import Pair, Pairs

ON_POLICY: Final = "on_policy"
OFF_POLICY: Final = "off_policy"


@dataclass(frozen=True)
class Candidates:
    """Possible questions, `n` of them.

    Attributes:
        pairs: what each is about; of a single response both responses are that one.
        single: whether questions are about single responses.
        origin: `ON_POLICY` or `OFF_POLICY`: who gave the responses.
        keys: `n` hashes of what is asked; swapping the responses does not change them.
    """

    pairs: Pairs
    single: bool
    origin: str
    keys: tuple[str, ...]

    @classmethod
    def of(cls, pairs: Pairs, *, single: bool, origin: str) -> Candidates:
        """Distinct questions about some pairs, or about their responses. Equal responses are no question."""
        if single:
            asked = [
                (pair.prompt, pair.messages, text)
                for pair in pairs.iter_pairs()
                for text in (pair.response_a, pair.response_b)
            ]
            pairs = Pairs.of(
                Pair(str(k), prompt, text, text, messages=m) for k, (prompt, m, text) in enumerate(asked)
            )
        content = Content.of(pairs, "proxy question")
        first = {key: row for row, key in reversed(list(enumerate(content.keys)))}
        rows = np.array(sorted(first.values()), dtype=np.intp)
        rows = rows if single else rows[~content.same[rows]]
        return cls(
            _named(pairs.take(rows), [content.keys[k] for k in rows]),
            single,
            origin,
            tuple(content.keys[k] for k in rows),
        )

    @classmethod
    def of_draws(cls, draws: Draws, *, single: bool) -> Candidates:
        """Every two different samples of a prompt, or every sample."""
        if single:
            once = np.unique(draws.first)
            return cls.of(draws.pairs(once, once), single=True, origin=ON_POLICY)
        return cls.of(draws.every_two()[0], single=False, origin=ON_POLICY)

    def __len__(self) -> int:
        return len(self.keys)

    @property
    def prompts(self) -> list[str]:
        """`n`."""
        return list(self.pairs.table["prompt"].to_pylist())

    @property
    def responses(self) -> list[str]:
        """`n`, of single responses."""
        return list(self.pairs.table["response_a"].to_pylist())

    def take(self, rows: NDArray[np.intp]) -> Candidates:
        """Some of them, in the order given."""
        return Candidates(self.pairs.take(rows), self.single, self.origin, tuple(self.keys[k] for k in rows))

    def without(self, known: Sequence[str] | set[str]) -> Candidates:
        """Those whose keys are not known."""
        gone = set(known)
        return self.take(np.array([k for k, key in enumerate(self.keys) if key not in gone], dtype=np.intp))

    def drawn(self, most: int, seed: int) -> Candidates:
        """At most so many of them."""
        if len(self) <= most:
            return self
        return self.take(np.sort(np.random.default_rng(seed).choice(len(self), most, replace=False)))


def require_prompts(n: int) -> None:
    """Raises DataError for a pool from which no answer could be carried to another prompt."""
    if n < 2:
        raise DataError(
            f"proxy: the pool has {n} prompt, and an evaluation model carries what the expert says of some prompts to others. Give "
            "more prompts."
        )


def _named(pairs: Pairs, keys: Sequence[str]) -> Pairs:
    """With ids that say what is asked."""
    import pyarrow as pa

    table = pairs.table
    at = table.column_names.index("id")
    return Pairs(table.set_column(at, "id", pa.array([key[:24] for key in keys], pa.string())))
