"""Whole groups into batches of like length, the same way on every rank.

Batches hold groups, never halves of one: the comparisons of a group need all its rewards at once. Groups are
shuffled, cut into mega-batches, sorted by length inside each and cut into batches, so that little is padding while
what meets in a batch stays random. That happens once, by `seed`; an epoch only redraws the order of the batches.
So every epoch has the same number of steps, which a trainer's schedule and its resuming rely on.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from typing import Protocol, Self

import numpy as np
from numpy.typing import ArrayLike, NDArray
from torch.utils.data import Dataset, Sampler

from weaklabel._validation import check_least
from weaklabel.errors import ConfigError


class Weighted(Protocol):
    """What can be trained on: a `TokenGroup`, or another thing whose weights are known and can be taken away."""

    @property
    def weight(self) -> float:
        """What it counts in all: the sum of `w` in a batch that holds it alone."""

    def weightless(self) -> Self:
        """The same with every weight zero: it takes part in a step and changes nothing."""


class GroupDataset(Dataset[Weighted]):
    """Groups by index; a negative index `~k` is group k with all its weights zero.

    The sampler asks for `~k` where a rank has run out of groups and needs a batch all the same.
    """

    def __init__(self, groups: Sequence[Weighted]) -> None:
        self.groups = groups

    def __len__(self) -> int:
        return len(self.groups)

    def __getitem__(self, index: int) -> Weighted:
        return self.groups[index] if index >= 0 else self.groups[~index].weightless()


class GroupBatchSampler(Sampler[list[int]]):
    """Batches of group indices for one rank. Each group appears once an epoch over all ranks together.

    A batch costs (longest row) x (rows): what its padded tensor holds. A group that alone costs more than
    `tokens_per_batch` is a batch of its own. Where the batches do not divide by `world`, the last ranks get a
    batch of weight zero: negative indices `~k`, which `GroupDataset` understands.

    Args:
        lengths: `(n,)` int, the longest row of each group in tokens.
        rows: `(n,)` int, rows of each group; None counts 1. A layout's `sizes` gives both.
        tokens_per_batch, groups_per_batch: the budget of one batch on one rank; exactly one of them.
        seed: the same arguments and seed give the same batches everywhere.
        rank, world: this process and how many there are.
        mega_batch: how many batches are sorted by length together; 0 sorts nothing.
        together: batches of one optimiser step (ranks x accumulation); they have like lengths, so that no rank
            waits, and the same `together` gives the same steps however they are spread over ranks. None: `world`.

    Raises:
        ConfigError: a setting out of range, or no groups.
    """

    def __init__(
        self,
        lengths: ArrayLike,
        rows: ArrayLike | None = None,
        *,
        tokens_per_batch: int | None = None,
        groups_per_batch: int | None = None,
        seed: int = 0,
        rank: int = 0,
        world: int = 1,
        mega_batch: int = 50,
        together: int | None = None,
    ) -> None:
        self._lengths = np.asarray(lengths, dtype=np.int64)
        self._rows = np.ones_like(self._lengths) if rows is None else np.asarray(rows, dtype=np.int64)
        self._together = world if together is None else together
        _check(self._lengths, tokens_per_batch, groups_per_batch, rank, world, self._together, mega_batch)
        self.seed, self.rank, self.world, self.epoch = seed, rank, world, 0
        order = np.random.default_rng(seed).permutation(len(self._lengths))
        mega = _mega_size(self._lengths * self._rows, tokens_per_batch, groups_per_batch, mega_batch)
        self._batches = [
            batch
            for start in range(0, len(order), mega)
            for batch in self._cut(
                self._sorted(order[start : start + mega], mega_batch), tokens_per_batch, groups_per_batch
            )
        ]

    def set_epoch(self, epoch: int) -> None:
        """Orders the batches anew, the same way on every rank."""
        self.epoch = epoch

    def __len__(self) -> int:
        return math.ceil(len(self._batches) / self.world)

    def __iter__(self) -> Iterator[list[int]]:
        batches = self._shuffled()
        missing = len(self) * self.world - len(batches)
        batches += [[~batches[0][0]]] * missing
        yield from batches[self.rank :: self.world]

    def _shuffled(self) -> list[list[int]]:
        steps = [
            self._batches[start : start + self._together]
            for start in range(0, len(self._batches), self._together)
        ]
        # Only full steps change places: a short one in the middle would shift all that follow to other ranks.
        full = len(steps) - (len(steps[-1]) < self._together)
        order = np.random.default_rng((self.seed, self.epoch)).permutation(full)
        return [batch for step in (*order, *range(full, len(steps))) for batch in steps[step]]

    def _sorted(self, groups: NDArray[np.int64], mega_batch: int) -> NDArray[np.int64]:
        if not mega_batch:
            return groups
        # By the longest row, then by rows, so that equal shapes meet.
        return groups[np.lexsort((self._rows[groups], self._lengths[groups]))[::-1]]

    def _cut(self, groups: NDArray[np.int64], tokens: int | None, count: int | None) -> Iterator[list[int]]:
        batch: list[int] = []
        longest = rows = 0
        for group in groups.tolist():
            longest, rows = max(longest, int(self._lengths[group])), rows + int(self._rows[group])
            full = len(batch) == count if tokens is None else longest * rows > tokens
            if batch and full:
                yield batch
                batch, longest, rows = [], int(self._lengths[group]), int(self._rows[group])
            batch.append(group)
        if batch:
            yield batch


def _mega_size(costs: NDArray[np.int64], tokens: int | None, count: int | None, mega_batch: int) -> int:
    """How many groups are sorted together."""
    if not mega_batch:
        return len(costs)
    per_batch = count if count is not None else max(1, round((tokens or 0) / float(costs.mean())))
    return per_batch * mega_batch


def _check(
    lengths: NDArray[np.int64],
    tokens: int | None,
    count: int | None,
    rank: int,
    world: int,
    together: int,
    mega_batch: int,
) -> None:
    if not len(lengths):
        raise ConfigError("no groups to make batches of. Pass at least one group.")
    if (tokens is None) == (count is None):
        raise ConfigError(
            f"tokens_per_batch is {tokens} and groups_per_batch is {count}. Give exactly one of the two."
        )
    budget = tokens if tokens is not None else count
    if budget is None or budget < 1:
        raise ConfigError(f"a batch of {budget} is empty. Allowed: 1 or more tokens or groups.")
    if not 0 <= rank < world:
        raise ConfigError(f"rank is {rank} of {world} processes. Allowed: 0 to world - 1.")
    if together < world or together % world:
        raise ConfigError(f"together is {together} with {world} processes. Allowed: a multiple of world.")
    check_least("mega_batch", mega_batch, 0, "no sorting")
