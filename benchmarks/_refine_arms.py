"""The arms of `refine_gsm8k.py`: a comparer fitted to gold of some questions, and rules that say what is replaced."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import NamedTuple

import numpy as np
from _refine_data import COMBOS, FUNCTIONS, MODELS, Flags, Floats, Ints, Pool, Solved, agreement_names

import weaklabel as wl
from weaklabel.stages.incumbent import Incumbent

ALPHA = 0.15


class Arm(NamedTuple):
    """A comparer.

    Attributes:
        name: of its rows.
        agreement: whether functions that look at other models' answers are among its functions.
        judged: whose solutions the gold questions judge: "two" models' (demonstrations and proposals), or all "four".
        model: the label model.
        text: whether functions that look at the solutions themselves are among them.
    """

    name: str
    agreement: bool
    judged: str = "two"
    model: str = "pair_model"
    text: bool = True


ARMS = (
    Arm("functions", False),
    Arm("functions + agreement", True),
    Arm("functions, gold judges four models", False, "four"),
    Arm("functions + agreement, gold judges four models", True, "four"),
    Arm("fitted agreement, gold judges four models", True, "four", text=False),
    Arm("majority vote of functions", False, model="majority_vote"),
    Arm("majority vote of functions + agreement", True, model="majority_vote"),
    Arm("Snorkel on functions", False, model="snorkel"),
    Arm("Snorkel on functions + agreement", True, model="snorkel"),
)


@dataclass(frozen=True, eq=False)
class Task:
    """Labels of one model that may be replaced by another's proposals.

    Attributes:
        labels, proposals: places in `MODELS`.
    """

    solved: Solved
    pool: Pool
    labels: int
    proposals: int
    combo: int = field(init=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "combo", COMBOS.index(tuple(sorted((self.labels, self.proposals)))))  # type: ignore[arg-type]

    @property
    def disagree(self) -> Flags:
        return self.solved.disagree(self.labels, self.proposals)

    def right(self, replaced: Flags) -> Flags:
        """`(n,)`: whether each label is right after the replacement."""
        right = self.solved.right
        return np.where(replaced & self.disagree, right[:, self.proposals], right[:, self.labels])

    def prior(self, gold: Ints) -> Incumbent:
        right = self.solved.right[gold]
        better = right[:, self.proposals].astype(float)
        return Incumbent.of((better - right[:, self.labels] + 1)[self.disagree[gold]] / 2)

    def toward_proposals(self, log_odds: Floats) -> Floats:
        """Log-odds of the pairs of the pool, `(n_pairs,)`, as those of each question's proposal; 0 where there is no pair."""
        mine = self.pool.combo == self.combo
        found = np.zeros(len(self.solved.ids))
        turn = 1.0 if self.labels < self.proposals else -1.0
        found[self.pool.question[mine]] = log_odds[mine] * turn
        return found

    def longer(self) -> Flags:
        label, proposal = self.solved.solutions[self.labels], self.solved.solutions[self.proposals]
        return np.array([len(b) > len(a) for a, b in zip(label, proposal, strict=True)])

    def agreement(self, models: tuple[int, ...] | None = None) -> Flags:
        """`(n,)`: whether more of the other models agree with the proposal than with the label."""
        same = self.solved.same
        others = (
            [m for m in range(len(MODELS)) if m not in (self.labels, self.proposals)]
            if models is None
            else models
        )
        return sum((same(m, self.proposals) - same(m, self.labels) for m in others), np.zeros(1)) > 0


def fit(task: Task, arm: Arm, gold: Ints, unseen: Ints, seed: int) -> wl.Labeler:
    """A labeler of gold of the questions `gold`; of the questions `unseen` it sees labels and proposals, and no gold."""
    pool = task.pool
    mine = pool.combo == task.combo
    judged = np.isin(pool.question, gold) & (mine | (arm.judged == "four"))
    rows = np.flatnonzero(judged | (mine & np.isin(pool.question, unseen)))
    lfs = [pool.lfs[name] for name in functions_of(task, arm)]
    votes = pool.votes.select([lf.name for lf in lfs]).take(rows)
    return wl.fit(lfs, pool.with_gold(rows, judged), model=arm.model, votes=votes, seed=seed)


def functions_of(task: Task, arm: Arm) -> list[str]:
    everybody = tuple(range(len(MODELS)))
    others = tuple(m for m in everybody if m not in (task.labels, task.proposals))
    looks_at = agreement_names(everybody if arm.judged == "four" else others)
    return [*(FUNCTIONS if arm.text else ()), *(looks_at if arm.agreement else [])]


def log_odds(pool: Pool, labeler: wl.Labeler, unseen: Ints) -> Floats:
    """`(n_pairs,)` of the pairs of the questions `unseen`; 0 elsewhere."""
    rows = np.flatnonzero(np.isin(pool.question, unseen))
    votes = pool.votes.select([lf.name for lf in labeler.lfs]).take(rows)
    found = np.zeros(len(pool.question))
    found[rows] = labeler.label_known(pool.pairs.take(rows), votes).logit
    return found


def capped_rounds(toward: Floats, disagree: Flags, n_rounds: int) -> list[Flags]:
    """What stands replaced after each round: of those still in dispute at most the surest `ALPHA`, all with log-odds above 0."""
    replaced = np.zeros(len(toward), dtype=np.bool_)
    after = []
    for _ in range(n_rounds):
        open_ = disagree & ~replaced
        if open_.any():
            replaced = replaced | (open_ & (toward > max(0.0, float(np.quantile(toward[open_], 1 - ALPHA)))))
        after.append(replaced)
    return after


def best_of_four(pool: Pool, found: Floats, bonus: Mapping[int, float], n: int) -> Ints:
    """`(n,)` the model whose solution wins: summed log-odds against the other three, and a bonus by model."""
    score = np.zeros((n, len(MODELS)))
    first, second = np.array(COMBOS)[pool.combo].T
    np.add.at(score, (pool.question, second), found)
    np.add.at(score, (pool.question, first), -found)
    score += len(MODELS) * np.array([bonus.get(m, 0.0) for m in range(len(MODELS))])
    return score.argmax(axis=1)
