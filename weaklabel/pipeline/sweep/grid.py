"""The grid: which cells there are, and which prompts each seed holds out, gives gold of, and leaves without."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Final, TypeVar

import numpy as np
from numpy.typing import NDArray

from weaklabel._shown import Shown
from weaklabel._tables import short
from weaklabel._validation import lookup
from weaklabel.config import SweepReward, SweepSettings
from weaklabel.errors import ConfigError, GoldError
from weaklabel.label_models import LABEL_MODELS
from weaklabel.types import Pairs

MIN_PROMPTS: Final = 10  # with gold: fewer cannot be held out and learned from at once
ALL: Final = "all"
T = TypeVar("T")


@dataclass(frozen=True, slots=True, repr=False)
class Arm(Shown):
    """What a reward model learns from beside gold.

    Attributes:
        source: `label_model:hard` or `label_model:soft`; empty for gold alone.
        weak: unlabelled pairs that are labelled, a number or `all`.
        threshold: confidence from which a label is kept.
    """

    source: str
    weak: int | str
    threshold: float

    @property
    def label_model(self) -> str:
        return self.source.partition(":")[0]

    @property
    def soft(self) -> bool:
        return self.source.endswith(":soft")

    def __str__(self) -> str:
        if not self.source:
            return "gold only"
        sure = f", confidence {short(self.threshold)} up" if self.threshold else ""
        return f"{self.source}, {self.weak} weak{sure}"


GOLD_ONLY: Final = Arm("", 0, 0.0)


def arms_of(settings: SweepSettings, reward: SweepReward, without: Sequence[str] = ()) -> list[Arm]:
    """Gold alone, then every source, amount and threshold; sources of the label models `without` are left out.

    Raises:
        ConfigError: a source that is not `label_model:hard` or `label_model:soft`.
        UnknownNameError: no label model of that name.
    """
    sources = settings.sources if reward.sources is None else reward.sources
    amounts = settings.weak if reward.weak is None else reward.weak
    thresholds = settings.thresholds if reward.thresholds is None else reward.thresholds
    found = [GOLD_ONLY]
    for source in sources:
        name, _, kind = source.partition(":")
        if kind not in ("hard", "soft"):
            raise ConfigError(
                f"sweep.sources holds {source!r}. Allowed: a label model with ':hard' or ':soft' behind it, "
                "such as 'pair_model:soft'."
            )
        lookup("label model", LABEL_MODELS, name)
        if name not in without:
            found += [Arm(source, n, t) for n in _distinct(amounts) for t in _distinct(thresholds)]
    return list(dict.fromkeys(found))


def main_arm(arms: Sequence[Arm]) -> Arm | None:
    """The arm that the verdict is about, named before anything is measured: last source, most labels, no filter."""
    weak = [arm for arm in arms if arm.source]
    if not weak:
        return None
    same = [arm for arm in weak if arm.source == weak[-1].source]
    most = max(same, key=lambda arm: np.inf if arm.weak == ALL else float(arm.weak)).weak
    return min((arm for arm in same if arm.weak == most), key=lambda arm: arm.threshold)


@dataclass(frozen=True)
class Draw:
    """Who is who for one seed; rows of the pairs.

    Attributes:
        held: pairs with gold whose prompts nothing is fitted to, rising.
        gold: all other pairs with gold, prompt by prompt: gold of size n is the first n.
        train: all pairs of prompts that are not held out, with gold or without, prompt by prompt from the other end.
    """

    held: NDArray[np.intp]
    gold: NDArray[np.intp]
    train: NDArray[np.intp]

    def gold_slice(self, n: int) -> NDArray[np.intp]:
        """The pairs whose gold is known, rising. A smaller slice is part of a larger one."""
        return np.sort(self.gold[:n])

    def pool(self, n_gold: int) -> NDArray[np.intp]:
        """All other training pairs; the first m of them are the pairs to label."""
        return self.train[~np.isin(self.train, self.gold[:n_gold])]


def draw(pairs: Pairs, held_out: float, seed: int) -> Draw:
    """Whole prompts, shuffled by `seed`: about `held_out` of the pairs with gold are held out.

    Raises:
        GoldError: gold on fewer than 10 prompts.
    """
    groups, known = pairs.prompt_groups, pairs.has_gold
    n_prompts = len(np.unique(groups[known]))
    if n_prompts < MIN_PROMPTS:
        raise GoldError(
            f"sweep: gold stands on {n_prompts} prompts outside the locked test part, at least {MIN_PROMPTS} are "
            "needed. Give more gold, or lower data.test_share."
        )
    place = np.random.default_rng(seed).permutation(int(groups.max()) + 1)[groups]
    in_order = np.argsort(place, kind="stable")
    gold_per_prompt = np.bincount(place, known)
    so_far = np.cumsum(gold_per_prompt)
    # The first prompts, as many as come nearest to the share.
    n_held = int(np.argmin(np.abs(so_far - held_out * known.sum()))) + 1
    train = in_order[place[in_order] >= n_held]
    return Draw(
        held=np.flatnonzero((place < n_held) & known), gold=train[known[train]], train=train[::-1].copy()
    )


def sizes_of(wanted: Sequence[int], most: int) -> list[int]:
    """The gold sizes that there is gold for, rising.

    Raises:
        GoldError: there is gold for none.
    """
    found = [n for n in sorted(_distinct(wanted)) if n <= most]
    if not found:
        raise GoldError(
            f"sweep: {most} pairs with gold are left to learn from, the smallest gold size is {min(wanted)}. "
            "Give more gold, lower data.test_share, or set smaller sizes: --set 'sweep.gold=[25, 50]'."
        )
    return found


def cells(
    arms: Sequence[Arm], sizes: Sequence[int], n_seeds: int, most: int
) -> Iterator[tuple[int, int, Arm]]:
    """(seed, gold pairs, arm) of one reward model. Gold alone also has all the gold there is."""
    for seed in range(n_seeds):
        for size in sizes:
            yield from ((seed, size, arm) for arm in arms)
        if most not in sizes:
            yield seed, most, GOLD_ONLY


def _distinct(values: Sequence[T]) -> list[T]:
    return list(dict.fromkeys(values))
