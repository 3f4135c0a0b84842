"""What a stage learns from comparisons: pairs outside test, and for each a belief, a weight and its gold."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any, Final

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from weaklabel.artifacts import content_hash
from weaklabel.data.asked.demonstrations import Demonstrations
from weaklabel.errors import ConfigError, DataError
from weaklabel.export.selection import check_confidence, parts_of, require_calibrated
from weaklabel.groups import MIN_GOLD, MIN_PROMPTS, Group, enough_gold, gather_groups
from weaklabel.reward.base import prompt_hashes
from weaklabel.reward.files import BELIEFS, read_taught
from weaklabel.reward.train import training_targets
from weaklabel.stages.materials import Materials
from weaklabel.stages.policy import PolicySettings
from weaklabel.stages.watching import Watched, watched_by
from weaklabel.types import FloatArray, Pairs, prompt_key
from weaklabel.types.demonstration import Demonstration

Beliefs = tuple[FloatArray, FloatArray]
"""p and w, `(n_pairs,)` each."""
UNTAUGHT: Final = "neither gold nor a label that counts"
LOCKED: Final = "of the locked test part"


@dataclass(frozen=True)
class Taught:
    """What is learned from.

    Attributes:
        pairs: `n_pairs`, none of the locked test part.
        p, w, y: `(n_pairs,)` belief that B is better, weight, and gold (NaN unknown).
        test: pairs of the locked test part with gold, to judge by.
        left_out: why -> pairs that are not learned from.
    """

    pairs: Pairs
    p: FloatArray
    w: FloatArray
    y: FloatArray
    test: Pairs
    left_out: Mapping[str, int] = field(default_factory=dict)

    @classmethod
    def of(cls, pairs: Pairs, beliefs: Beliefs | None = None, *, who: str) -> Taught:
        """The pairs outside test, by their gold, else by the beliefs (p, w) that came with them.

        Args:
            pairs: `n` pairs.
            beliefs: `p` and `w`, `(n,)` each.
            who: asks, for messages.

        Raises:
            DataError: none teaches anything.
        """
        taught, p, w, y = training_targets(pairs, beliefs=beliefs, who=who)
        locked = int((pairs.parts == "test").sum())
        counts = {LOCKED: locked, UNTAUGHT: len(pairs) - locked - len(taught)}
        return cls(taught, p, w, y, pairs.test, {why: n for why, n in counts.items() if n})

    def __len__(self) -> int:
        return len(self.pairs)

    def take(self, rows: NDArray[np.bool_], why: str) -> Taught:
        """The pairs in `rows`, `(n_pairs,)`, with the others counted as left out."""
        lost = int((~rows).sum())
        return replace(
            self,
            pairs=self.pairs.take(rows),
            p=self.p[rows],
            w=self.w[rows],
            y=self.y[rows],
            left_out=dict(self.left_out) | ({why: lost} if lost else {}),
        )

    def confident(self, least: float) -> Taught:
        """The pairs whose larger of p and 1 - p is at least `least`, 0 or from .5.

        Raises:
            ConfigError: another `least`. DataError: no pair is left.
        """
        check_confidence(least)
        sure = np.maximum(self.p, 1 - self.p)
        if (sure < least).all():
            raise DataError(
                f"min_confidence is {least:g}, and the surest of {len(self)} pairs has {sure.max():.3f}, so none is left to learn "
                "from. Lower min_confidence."
            )
        return self.take(sure >= least, f"below the confidence {least:g}")

    def gold_apart(self, share: float, seed: int) -> tuple[Taught, Taught | None]:
        """What is learned, and pairs with gold of other prompts: at least `share` of the gold, twenty pairs, five prompts.

        Which prompts those are depends on their texts and the seed. None are held out where that would take more than half
        of the gold; the pairs of such a prompt that have no gold are left out.
        """
        known = ~np.isnan(self.y)
        least = max(MIN_GOLD, math.ceil(share * int(known.sum())))
        if not share or not known.any():
            return self, None
        hashes = prompt_hashes(self.pairs)
        prompts, counts = np.unique(hashes[known], return_counts=True)
        drawn = np.random.default_rng(seed).permutation(len(prompts))
        # Few prompts with many pairs each give enough pairs before they are enough prompts.
        n = max(MIN_PROMPTS, int(np.searchsorted(np.cumsum(counts[drawn]), least)) + 1)
        held = np.isin(hashes, prompts[drawn[:n]])
        if 2 * (held & known).sum() > known.sum() or not enough_gold(hashes[held & known]):
            return self, None
        return self.take(~held, "of prompts that choose the checkpoint"), self.take(held & known, "")

    @property
    def better(self) -> Demonstrations:
        """The better response of every pair, of a tie response a: a row per pair, for the audit."""
        rows = []
        for pair, p in zip(self.pairs.iter_pairs(), self.p, strict=True):
            answer = pair.response_b if p > 0.5 else pair.response_a
            rows.append(Demonstration(pair.prompt, answer, tuple(pair.messages or ())))
        return Demonstrations(rows)

    @property
    def texts(self) -> list[str]:
        """What a tokenizer is made of, where the model comes from scratch."""
        return [
            text
            for name in ("prompt", "response_a", "response_b")
            for text in self.pairs.table[name].to_pylist()
        ]

    def groups(self) -> list[Group]:
        """As groups to train on."""
        return gather_groups(self.pairs, self.p, self.w)

    def told(self, what: str = "") -> list[str]:
        """Sentences on what is not learned: rows that could not be used, and pairs that are left out.

        Args:
            what: the setting that the pairs come from, where that is not clear.
        """
        said, aside = [], self.pairs.set_aside
        if aside:
            said.append(f"{what or 'data'}: {len(aside):,} rows could not be used; first: {aside[0]}.")
        if left := ", ".join(f"{n:,} {why}" for why, n in self.left_out.items()):
            said.append(f"{what + ': ' if what else ''}pairs left out: {left}.")
        return said

    @property
    def hash(self) -> str:
        """Of the texts, beliefs and weights, and of the gold that judges."""
        groups = (*self.groups(), *gather_groups(self.test, self.test.y))
        return content_hash(*map(repr, groups))


def taught_by(
    data: Any,
    materials: Materials,
    *,
    who: str,
    columns: Mapping[str, str],
    allow_uncalibrated: bool,
    **reading: Any,
) -> Taught:
    """What `data` teaches: the gold of `Pairs`, or a file of pairs with gold or beliefs; or without it the labels.

    Args:
        data: None for the labels.
        materials: have them.
        who: asks, for messages.
        columns: our names -> those of the file.
        allow_uncalibrated: learn from beliefs that were never fitted to gold.
        **reading: further settings of `read_pairs`.

    Raises:
        ConfigError: there is neither. NotCalibratedError: uncalibrated beliefs without `allow_uncalibrated`.
        DataError, LayoutError: data that cannot be read, or that teaches nothing; `Pairs` with a column of beliefs.
    """
    if data is not None:
        beliefs: Beliefs | None = None
        if isinstance(data, Pairs):
            pairs = data
            if believed := sorted(BELIEFS & set(pairs.table.column_names)):
                raise DataError(
                    f"{who}: the Pairs have a column {believed[0]!r}, a belief by its name, and do not say which of their responses "
                    "it was about when they were read. Give the file or DataFrame that they come from, or Pairs without it to "
                    "learn from their gold."
                )
        else:
            pairs, beliefs = read_taught(
                data, columns=dict(columns) or None, allow_uncalibrated=allow_uncalibrated, **reading
            )
        return Taught.of(pairs, beliefs, who=who)
    if (labels := materials.the_labels) is None:
        raise ConfigError(f"{who}: there is nothing to learn from. Give data, or labels.")
    require_calibrated(labels, allow_uncalibrated, who)
    parts = list(parts_of(labels))
    pairs = Pairs(pa.concat_tables([part.pairs.table for part in parts], promote_options="permissive"))
    p, w = (np.concatenate([getattr(part, name) for part in parts]) for name in ("p", "w"))
    return Taught.of(pairs, (p, w), who=who)


def watched_by_taught(
    settings: PolicySettings, materials: Materials, taught: Taught, gold: Taught | None
) -> tuple[Taught, Watched | None, str | None]:
    """What is learned, without the prompts that the audit asks; what the audit looks at; and a sentence as for `watched_by`.

    Where the labels say nothing of pairs to look at, the decided ones of `gold` are.

    Raises:
        ConfigError, UnknownNameError, DataError: as for `watched_by`.
    """
    given = taught.better
    kept, watched, note = watched_by(settings, materials, given, None if gold is None else gold.better)
    if len(kept) < len(given):
        asked = {prompt_key(row.prompt) for row in kept.rows}
        rows = np.array([prompt_key(row.prompt) in asked for row in given.rows])
        taught = taught.take(rows, "of prompts that the audit asks")
    if watched is not None and watched.pairs is None and gold is not None:
        decided = gold.pairs.take(np.isin(gold.y, (0.0, 1.0)))
        watched = replace(watched, pairs=decided if len(decided) else None)
    return taught, watched, note
