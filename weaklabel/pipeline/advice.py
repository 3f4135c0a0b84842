"""What the arms of a run are worth in gold, and what to export: read off held-out prompts, by a rule stated here.

**Worth.** Linear models taught by a half, a quarter and an eighth of the dev gold, four draws of whole prompts each, and
by all of it, give a curve of NLL over gold; an arm is worth the gold at which that curve reaches the arm's own NLL. More
than all dev gold cannot be told, and is written `>200` where there are 200. Intervals resample draws and held-out prompts.

**What to export.** An arm is better than another if its NLL is lower and the paired 95% interval of the difference ends
below 0. Where no arm is better than gold only: gold only. Otherwise the labels of the label model, if they are better
than gold only, unless the reward model that they taught is better than they are, or alone is better than gold only.
Without dev gold there is nothing to compare with: the labels, if they are shown to be better than a coin. On too few
decided held-out pairs (`groups.enough_gold`) intervals mean little, and nothing is recommended. The rule looks at the
figures that it stands beside, at most three comparisons, so what it picks is flattered by that much.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Final

import numpy as np
from numpy.typing import NDArray

from weaklabel._progress import tracked
from weaklabel.groups import MIN_GOLD, MIN_PROMPTS, enough_gold
from weaklabel.metrics import METRICS, Interval, paired_difference
from weaklabel.pipeline.sweep.making import with_gold
from weaklabel.pipeline.sweep.worth import CrossedDraws, Worth, summed, worth
from weaklabel.reward import train_reward
from weaklabel.types import FloatArray, Pairs

LABELS: Final = "our labels (the label model itself)"
GOLD: Final = "reward model: gold only"
TAUGHT: Final = "reward model: + our labels"
NOTHING: Final = "nothing yet"

_SHARES: Final = (8, 4, 2)  # an eighth of the gold, a quarter, a half
_DRAWS: Final = 4


def worth_in_gold(
    answers: Mapping[str, FloatArray], gold: Pairs, rows: Pairs, *, seed: int = 0
) -> dict[str, Worth]:
    """Per arm the gold pairs at which a linear model taught by gold alone has the same NLL; empty with too little gold.

    Args:
        answers: per arm `(n_rows,)` P(B beats A) of `rows`.
        gold: pairs with dev gold, all that the arms were given.
        rows: held-out pairs with gold.
        seed: of the draws.
    """
    sizes = [len(gold) // share for share in _SHARES]
    slices = [drawn_gold(gold, sizes, seed + k) for k in range(_DRAWS)]
    kept = [i for i, size in enumerate(sizes) if all(enough_gold(gold.prompt_groups[s[i]]) for s in slices)]
    if not kept:
        return {}
    whole = _gold_only(gold, np.arange(len(gold)), rows)
    curve = [
        [_gold_only(gold, some[i], rows) for some in tracked(slices, "figures: what labels are worth")]
        for i in kept
    ]
    measured = _Measured(rows)
    points = np.column_stack([measured.nll(ps) for ps in [*curve, [whole] * _DRAWS]])
    at = [*(sizes[i] for i in kept), len(gold)]
    # NLL falls where a curve of accuracy rises.
    return {arm: worth(at, -points, -measured.nll([p] * _DRAWS), len(gold)) for arm, p in answers.items()}


def drawn_gold(gold: Pairs, sizes: Sequence[int], seed: int) -> list[NDArray[np.intp]]:
    """Rows of nested slices of the gold: prompts in a drawn order, the last one cut where it does not fit."""
    place = np.random.default_rng(seed).permutation(int(gold.prompt_groups.max()) + 1)[gold.prompt_groups]
    order = np.argsort(place, kind="stable")
    return [np.sort(order[:size]) for size in sizes]


def _gold_only(gold: Pairs, some: NDArray[np.intp], rows: Pairs) -> FloatArray:
    return train_reward(with_gold(gold.take(some), gold.y[some]), "linear").compare(rows)


class _Measured:
    """NLL of answers on the same rows, as measured and in the same resamples."""

    def __init__(self, rows: Pairs) -> None:
        self.y = rows.y
        self.prompts = np.unique(rows.prompt_groups, return_inverse=True)[1].reshape(-1)
        self.n_prompts = int(self.prompts.max()) + 1
        self.draws = CrossedDraws(_DRAWS, self.n_prompts)

    def nll(self, ps: Sequence[FloatArray]) -> FloatArray:
        """`(1 + n_draws,)`: over all draws of gold, then in every resample."""
        n = len(ps)
        sums = summed("nll", ps, [self.y] * n, [self.prompts] * n, self.n_prompts)
        whole = METRICS["nll"].combine(sums.sum(axis=(0, 1)))
        return np.concatenate([[whole], self.draws.figures(METRICS["nll"], sums)])


def less_gold_only(
    answers: Mapping[str, FloatArray], rows: Pairs, *, seed: int = 0
) -> dict[str, dict[str, Interval]]:
    """Per arm its accuracy and NLL minus those of gold only, on the same resamples; empty without that arm."""
    if GOLD not in answers:
        return {}
    return {
        arm: {
            metric: paired_difference(metric, p, answers[GOLD], rows.y, rows.prompt_groups, seed=seed)
            for metric in ("accuracy", "nll")
        }
        for arm, p in answers.items()
        if arm != GOLD
    }


def in_words(less_gold: Mapping[str, Mapping[str, Interval]]) -> list[str]:
    """A sentence where the reward model that labels taught is not better than the one that gold alone taught."""
    gap = less_gold.get(TAUGHT)
    if gap is None or gap["nll"].high < 0:
        return []
    said = f"accuracy {gap['accuracy']}, NLL {gap['nll']} (paired differences)"
    if gap["nll"].low > 0:
        return [f"the labels do harm here: the reward model + our labels is worse than gold only: {said}."]
    return [f"the reward model + our labels is not shown to be better than gold only: {said}."]


def recommended(
    figures: Mapping[str, Mapping[str, Interval]],
    less_gold: Mapping[str, Mapping[str, Interval]],
    less_labels: Mapping[str, Mapping[str, Interval]],
    prompts: NDArray[np.int64],
) -> tuple[str, str]:
    """The arm to export, by the rule at the top, and why.

    Args:
        figures: per arm, per metric its interval.
        less_gold: per arm its difference from gold only; empty where that is not there.
        less_labels: per arm its difference from our labels.
        prompts: `(n_decided,)` int64, the prompt of each held-out pair whose gold is no tie.
    """
    if not len(prompts):
        return (
            NOTHING,
            "the held-out gold is all ties, which say of no arm that it is right. Give gold that decides",
        )
    if not enough_gold(prompts):
        return NOTHING, (
            f"{len(prompts)} decided held-out pairs on {len(np.unique(prompts))} prompts are too few to choose by. Give "
            f"gold for more: at least {MIN_GOLD} on {MIN_PROMPTS}"
        )
    if not less_gold:
        if figures[LABELS]["accuracy"].low > 0.5:
            return LABELS, "better than a coin, and there is no dev gold to compare them with"
        return NOTHING, "the labels are not shown to be better than a coin"
    better = {arm for arm in (LABELS, TAUGHT) if arm in less_gold and less_gold[arm]["nll"].high < 0}
    if not better:
        return GOLD, "nothing is shown to be better than it by NLL"
    if LABELS not in better:
        return TAUGHT, "better than gold only by NLL, which the labels themselves are not shown to be"
    if TAUGHT in better and less_labels[TAUGHT]["nll"].high < 0:
        return TAUGHT, "better by NLL than gold only, and than the labels that taught it"
    return LABELS, "better than gold only by NLL, and nothing is shown to be better than they are"
