"""The curve of n: what the best of n samples has of the reward that chooses, and of one that had no part in the choice.

Where the first goes on rising and the second falls, the choice has begun to find the reward's mistakes (Gao et al. 2023, arXiv
2210.10760). Both are estimated without bias from the K samples that are there, `metrics.best_of`. A win rate is a
sample's standing among these K; of it the curve says what n of them would have, not n others.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, Final

import numpy as np

from weaklabel.metrics import Interval, best_of_curve, bootstrap_ratio
from weaklabel.pictures import Picture, curves_picture
from weaklabel.stages.best_of.sampled import Draws
from weaklabel.types import FloatArray

REWARD: Final = "reward"
HELD_OUT: Final = "held_out"
_WORDS: Final = {REWARD: "by the reward that chooses", HELD_OUT: "by the held-out reward"}


@dataclass(frozen=True)
class Curve:
    """The best of n = 1, 2, ..., `most`, of `n_prompts` prompts.

    Attributes:
        means: `reward`, and `held_out` where there is one -> `(n_prompts, most)`.
        units: of each the standard deviation of a prompt's samples, pooled over prompts; 0 where they are all equal.
        left_out: prompts that have fewer than `most` usable samples.
        seed: of the intervals.
    """

    means: dict[str, FloatArray]
    units: dict[str, float]
    left_out: int
    seed: int

    @classmethod
    def of(cls, draws: Draws, value: FloatArray, held_out: FloatArray | None, seed: int) -> Curve:
        """The curve up to the most samples that half of the prompts have.

        Args:
            draws: the samples.
            value: `(m,)` by which is chosen.
            held_out: `(m,)` what the held-out reward makes of them; None where there is none.
            seed: of the intervals.
        """
        most = max(1, int(np.sort(draws.sizes)[len(draws.sizes) // 2]))
        rows = [each for each in draws.rows if len(each) >= most]
        wanted = {REWARD: value} | ({} if held_out is None else {HELD_OUT: held_out})
        means = {
            name: np.array([best_of_curve(value[each], other[each], most=most) for each in rows])
            for name, other in wanted.items()
        }
        units = {name: _unit([other[each] for each in rows]) for name, other in wanted.items()}
        return cls(means, units, len(draws.rows) - len(rows), seed)

    @property
    def most(self) -> int:
        """The largest n."""
        return int(self.means[REWARD].shape[1])

    def mean(self, name: str, n: int) -> Interval:
        """What the best of n has on average."""
        return bootstrap_ratio(self.means[name][:, n - 1], seed=self.seed)

    def gain(self, name: str, n: int, than: int = 1) -> Interval:
        """What the best of n has more than the best of `than`, prompt by prompt, in the reward's own unit."""
        found = self.means[name]
        return bootstrap_ratio(found[:, n - 1] - found[:, than - 1], seed=self.seed)

    def rows(self) -> Iterator[dict[str, Any]]:
        """A row per n: means, gains over one sample, and how far the choice can be from the policy at most.

        `kl_bound` is log n - (n - 1)/n nats, which the KL of the best of n to the policy does not pass (Beirami et al. 2024,
        arXiv 2401.01879).
        """
        for n in range(1, self.most + 1):
            told = {
                key: value
                for name in self.means
                for key, value in (
                    (name, self.mean(name, n).to_dict()),
                    (f"{name}_gain", self.gain(name, n).to_dict()),
                )
            }
            yield {"n": n, **told, "kl_bound": math.log(n) - (n - 1) / n}

    def picture(self) -> Picture:
        """Gains in standard deviations of a prompt's samples, which make the two rewards' units one."""
        curves = {
            _WORDS[name]: [(n, _over(self.gain(name, n), unit)) for n in range(1, self.most + 1)]
            for name, unit in self.units.items()
            if unit
        }
        n_prompts = len(self.means[REWARD])
        return curves_picture(
            curves,
            "The best of n samples",
            axis="gain over one sample, standard deviations of a prompt's samples",
            across="best of",
            reference=0.0,
            reference_name="one sample",
            note=f"{n_prompts:,} prompts with {self.most:,} or more usable samples; bands are 95% intervals over prompts.",
        )

    def remarks(self) -> Iterator[str]:
        """Sentences on what a person should know before learning from the choice."""
        if self.left_out:
            n = len(self.means[REWARD])
            yield (
                f"the curve ends at n = {self.most}; it rests on the {n:,} of {n + self.left_out:,} prompts that have as many usable "
                "samples."
            )
        if HELD_OUT not in self.means or self.most < 2:
            return
        best = int(self.means[HELD_OUT].mean(axis=0).argmax()) + 1
        if best < self.most and self.gain(HELD_OUT, best, than=self.most).low > 0:
            yield (
                f"the held-out reward is highest at n = {best} and falls to n = {self.most}, as where a reward's mistakes are "
                "found: draw fewer samples, raise pessimism, or better the reward."
            )
        elif self.gain(HELD_OUT, self.most).low <= 0:
            yield (
                f"the held-out reward does not clearly gain: {self.gain(HELD_OUT, self.most)} from one sample to the best of "
                f"{self.most}. What is chosen is not known to be better."
            )


def _unit(values: list[FloatArray]) -> float:
    several = [each for each in values if len(each) > 1]
    return math.sqrt(float(np.mean([each.var(ddof=1) for each in several]))) if several else 0.0


def _over(one: Interval, unit: float) -> Interval:
    return Interval(one.value / unit, one.low / unit, one.high / unit, one.n)
