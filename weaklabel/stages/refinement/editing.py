"""One round of edits: proposals that disagree with their labels, what is said of them, and which take the labels' places.

Nothing in here sees truth, unless an arm that is a control hands it over in the comparer's place.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from weaklabel.artifacts import content_hash
from weaklabel.comparers.metered import Metered
from weaklabel.stages.contract import Figures
from weaklabel.stages.incumbent import Incumbent
from weaklabel.stages.refinement.deciding import decide
from weaklabel.stages.refinement.labels import Label, round_belief
from weaklabel.stages.refinement.teacher import Teacher
from weaklabel.types import FloatArray, Pair, Pairs, Text

_EQUAL: Final = 1e-6


@dataclass(frozen=True)
class Edits:
    """What a round did with its proposals.

    Attributes:
        rows: `(n,)` of the labels that were compared with a proposal.
        proposals, sources: `n` texts, and who proposed each.
        p: `(n,)` what the comparer said, P(the proposal is better); None where chance decided.
        belief: `(n,)` with the prior.
        accepted: `(n,)` whether the proposal is taken.
        figures: counts.
        notes: sentences for a person.
    """

    rows: NDArray[np.intp]
    proposals: list[str]
    sources: list[str]
    p: FloatArray | None
    belief: FloatArray
    accepted: NDArray[np.bool_]
    figures: dict[str, float | int | str | None]
    notes: list[str] = field(default_factory=list)

    def rows_of(self, labels: Sequence[Label]) -> list[dict[str, Any]]:
        """A row per comparison, for the round's file of decisions."""
        return [
            {
                "prompt": labels[row].demonstration.prompt,
                "label": labels[row].text,
                "proposal": proposal,
                "source": source,
                "belief": round_belief(float(belief)),
                "accepted": bool(accepted),
            }
            for row, proposal, source, belief, accepted in zip(
                self.rows, self.proposals, self.sources, self.belief, self.accepted, strict=True
            )
        ]


def edits(
    teacher: Teacher,
    labels: Sequence[Label],
    proposals: Sequence[Sequence[str | None]],
    sources: Sequence[str],
    *,
    number: int,
    folder: Path,
) -> Edits:
    """The proposals that disagree with their labels, judged.

    Args:
        teacher: judges.
        labels: `n`.
        proposals: one list of `n`, or several, of which the teacher chooses first; None where there is none.
        sources: `n`, who proposes.
        number: of the round.
        folder: of the round, in which answers of an expert are kept.

    Raises:
        BudgetError: an expert whose budget does not hold the sample; nothing was asked.
    """
    pinned = sum(label.pinned for label in labels)
    n_asked = 0
    if len(proposals) == 1:
        best = list(proposals[0])
    else:
        best, n_asked = _better_of_two(teacher, labels, proposals)
    empty = sum(text is None for text, label in zip(best, labels, strict=True) if not label.pinned)
    open_ = [k for k, text in enumerate(best) if text is not None and not labels[k].pinned]
    texts = [str(best[k]) for k in open_]
    prompts, old = [labels[k].demonstration.prompt for k in open_], [labels[k].text for k in open_]
    same = teacher.agrees(prompts, old, texts, teacher.quantile)
    rows = np.array([k for k, agreed in zip(open_, same, strict=True) if not agreed], dtype=np.intp)
    n_disagree = len(rows)
    draw = np.random.default_rng([teacher.seed, number])
    if teacher.max_comparisons is not None and n_disagree > teacher.max_comparisons:
        rows = np.sort(draw.choice(rows, teacher.max_comparisons, replace=False))
    offered = [str(best[k]) for k in rows]
    pairs = pairs_of([labels[k] for k in rows], [labels[k].text for k in rows], offered)
    counts: dict[str, float | int | str | None] = {
        "proposals": len(open_),
        "agreed": int(same.sum()),
        "disagreed": n_disagree,
        "empty proposals": empty,
        "pinned": pinned,
    }
    notes = []
    if teacher.comparer is None:
        drawn = 1 - draw.random(len(rows)) / 2
        accepted = decide(drawn, alpha=teacher.alpha, of=teacher.alpha_of, n_all=len(labels)).replaces
        p, belief, n_compared = None, np.full(len(rows), 0.5), 0
    else:
        p = teacher.asked(pairs)
        n_compared = n_asked + len(rows)
        incumbent, verdicts = _audited(teacher, pairs, draw, folder)
        found = decide(
            p,
            alpha=teacher.alpha,
            of=teacher.alpha_of,
            n_all=len(labels),
            prior=incumbent.log_odds,
            seed=int(draw.integers(1 << 31)),
        )
        belief, accepted = found.belief, found.replaces.copy()
        for row, verdict in verdicts.items():  # who was asked decides what was asked
            belief[row], accepted[row] = verdict, verdict > 0.5
        counts |= {"threshold": found.threshold, "audited": len(verdicts), "prior": incumbent.log_odds}
        notes += _notes(number, p, accepted, incumbent, counts)
    counts |= {"comparisons": n_compared, "accepted": int(accepted.sum())}
    return Edits(rows, offered, [sources[k] for k in rows], p, belief, accepted, counts, notes)


def pairs_of(labels: Sequence[Label], first: Sequence[str], second: Sequence[str]) -> Pairs:
    """Pairs of two responses to the prompts of labels: a is the first, b the second. They hold nothing else."""
    return Pairs.of(
        Pair(
            content_hash("compared", label.key, a, b, str(k))[:24],
            Text(label.demonstration.prompt),
            Text(a),
            Text(b),
            messages=label.demonstration.messages,
        )
        for k, (label, a, b) in enumerate(zip(labels, first, second, strict=True))
    )


def _better_of_two(
    teacher: Teacher, labels: Sequence[Label], proposals: Sequence[Sequence[str | None]]
) -> tuple[list[str | None], int]:
    """Of two proposals the one that the teacher prefers, and how many pairs that took."""
    one, two = proposals
    best = [a if a is not None else b for a, b in zip(one, two, strict=True)]
    rows = [
        k
        for k, (a, b) in enumerate(zip(one, two, strict=True))
        if a is not None and b is not None and a != b and not labels[k].pinned
    ]
    if rows and teacher.comparer is not None:
        some = [labels[k] for k in rows]
        p = teacher.asked(pairs_of(some, [str(one[k]) for k in rows], [str(two[k]) for k in rows]))
        for k, value in zip(rows, p, strict=True):
            best[k] = two[k] if value > 0.5 else one[k]
    return best, len(rows)


def _audited(
    teacher: Teacher, pairs: Pairs, draw: np.random.Generator, folder: Path
) -> tuple[Incumbent, dict[int, float]]:
    """What an expert says of a sample: how often proposals are better, and its verdict by row."""
    if teacher.expert is None or not teacher.audit_sample or not len(pairs):
        return Incumbent(), {}
    rows = np.sort(draw.permutation(len(pairs))[: teacher.audit_sample])
    expert = teacher.expert
    if not isinstance(expert, Metered):
        expert = Metered(expert, name="expert", folder=folder / "expert")
    said = expert.compare(pairs.take(rows))
    found = Incumbent.of((1 + np.sign(said - 0.5)) / 2)
    return found, dict(zip(rows.tolist(), said.tolist(), strict=True))


def _notes(
    number: int, p: FloatArray, accepted: NDArray[np.bool_], incumbent: Incumbent, counts: Figures
) -> list[str]:
    """A sentence where a round replaces nothing, with the reason that can be seen."""
    if accepted.any():
        return []
    if not len(p):
        return [
            f"round {number} replaces nothing, for nothing could be compared: {counts['agreed']:,} proposals agree with their "
            f"labels, {counts['empty proposals']:,} are empty, {counts['pinned']:,} labels are pinned."
        ]
    if (np.abs(p - 0.5) <= _EQUAL).all():
        return [
            f"round {number} replaces nothing: the comparer says .5 of all {len(p):,} proposals, so it tells nothing. Look at "
            "what it was fitted on, or at the order in which it is asked."
        ]
    if incumbent.log_odds < 0 and (p > 0.5).any():
        return [f"round {number} replaces nothing: {incumbent.remark(0, len(p))}"]
    return [f"round {number} replaces nothing: the comparer holds no proposal for better than its label."]
