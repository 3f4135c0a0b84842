"""Pairs of samples of a policy, compared: what DPO that is iterated learns from, with the order average done right."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from weaklabel.stages.refinement.editing import pairs_of
from weaklabel.stages.refinement.labels import Label, round_belief
from weaklabel.stages.refinement.teacher import Teacher
from weaklabel.training.sampling import Sampling
from weaklabel.types import FloatArray


@dataclass(frozen=True)
class Samples:
    """Compared pairs of samples.

    Attributes:
        rows: which label's prompt each pair answers.
        labels: those labels.
        a, b: the two samples.
        p: `(n,)` P(b is better).
        keeps: `(n,)` whether the pair is among the most confident ones.
        figures: counts.
    """

    rows: list[int]
    labels: list[Label]
    a: list[str]
    b: list[str]
    p: FloatArray
    keeps: np.ndarray[Any, np.dtype[np.bool_]]
    figures: dict[str, float | int | str | None]

    @property
    def kept(self) -> list[tuple[Label, str, str, float]]:
        """(label of the prompt, a, b, p) of the pairs that are learned."""
        columns = zip(self.labels, self.a, self.b, self.p.tolist(), self.keeps.tolist(), strict=True)
        return [(label, a, b, p) for label, a, b, p, keeps in columns if keeps]

    def chosen(self) -> list[tuple[int, Label, str, float]]:
        """(row, label, better sample, belief) of each prompt's most confident pair that is kept and not pinned."""
        best: dict[int, int] = {}
        for k in np.flatnonzero(self.keeps):
            row = self.rows[k]
            if row not in best or abs(self.p[k] - 0.5) > abs(self.p[best[row]] - 0.5):
                best[row] = int(k)
        return [
            (
                row,
                self.labels[k],
                self.b[k] if self.p[k] > 0.5 else self.a[k],
                float(max(self.p[k], 1 - self.p[k])),
            )
            for row, k in best.items()
            if not self.labels[k].pinned
        ]

    def decisions(self) -> list[dict[str, Any]]:
        """A row per comparison, for the round's file of decisions."""
        return [
            {
                "prompt": label.demonstration.prompt,
                "sample_a": a,
                "sample_b": b,
                "belief": round_belief(p),
                "accepted": keeps,
            }
            for label, a, b, p, keeps in zip(
                self.labels, self.a, self.b, self.p.tolist(), self.keeps.tolist(), strict=True
            )
        ]


def samples_compared(
    model: Any,
    tokenizer: Any,
    labels: Sequence[Label],
    teacher: Teacher,
    sampling: tuple[Sampling, int, int],
    number: int,
    folder: Path,
) -> Samples:
    """Samples of a policy in pairs (1, 2), (3, 4), ..., compared, with the most confident share of them marked.

    Args:
        model, tokenizer: the policy.
        labels: whose prompts are asked; each prompt once.
        teacher: compares; its `alpha` is the share that is kept, and `max_comparisons` how many pairs are asked about.
        sampling: how samples are drawn, how many at once, and how many of a prompt.
        number: of the round.
        folder: where samples are kept.
    """
    from weaklabel.stages.refinement.proposing import answered

    drawing, at_once, times = sampling
    first = {label.key: row for row, label in reversed(list(enumerate(labels)))}
    rows = sorted(first.values())
    texts = answered(
        model, tokenizer, [labels[row].asked for row in rows], (drawing, at_once), folder, times=times
    )
    found = [
        (row, a, b)
        for k, row in enumerate(rows)
        for a, b in zip(
            texts[k * times : (k + 1) * times : 2], texts[k * times + 1 : (k + 1) * times : 2], strict=False
        )
        if a is not None and b is not None and a != b
    ]
    n_drawn = len(found)
    draw = np.random.default_rng([teacher.seed, number])
    if teacher.max_comparisons is not None and n_drawn > teacher.max_comparisons:
        some = np.sort(draw.choice(n_drawn, teacher.max_comparisons, replace=False))
        found = [found[k] for k in some]
    of, a, b = [row for row, _, _ in found], [x for _, x, _ in found], [y for _, _, y in found]
    some_labels = [labels[row] for row in of]
    p = teacher.asked(pairs_of(some_labels, a, b))
    share = 1.0 if teacher.alpha is None else teacher.alpha
    sure = np.abs(p - 0.5)
    keeps = np.zeros(len(p), dtype=np.bool_)
    keeps[np.argsort(-sure, kind="stable")[: int(np.ceil(share * len(p)))]] = True
    keeps &= sure > 0
    figures: dict[str, float | int | str | None] = {
        "samples": len(texts),
        "empty samples": sum(text is None for text in texts),
        "pairs of samples": n_drawn,
        "comparisons": len(p),
        "accepted": int(keeps.sum()),
    }
    return Samples(of, some_labels, a, b, p, keeps, figures)
