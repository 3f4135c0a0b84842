"""Unreliable demonstrations for experiments: what a weak model writes that learned the truth of other prompts.

The other parts of a simulated supervisor stand elsewhere: pairs for an evaluator from the checkpoints of a small model in
`evaluators.data`, comparers of a known accuracy and known biases in `comparers.simulated`.

Source: Ye, Laidlaw & Steinhardt (2025, arXiv 2501.07886), as their released code has it: half of the prompts, at a fixed seed, teach
the weak model; it answers the other half by a search with four beams.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

from weaklabel._shown import Shown
from weaklabel.errors import DataError
from weaklabel.stages.policy import Policy, PolicySettings
from weaklabel.stages.refinement.labels import given_labels
from weaklabel.training.sampling import Sampling
from weaklabel.training.settings import TrainingSettings
from weaklabel.types.demonstration import Demonstration


@dataclass(frozen=True, repr=False)
class Unreliable(Shown):
    """Demonstrations whose quality is known.

    Attributes:
        taught: the true ones that the weak model learned: what an evaluator may be built from.
        demonstrations: of the other prompts, as the weak model answers them.
        true: of those prompts, what is right. For reports alone.
        empty: prompts that are left out because the weak model's answer was empty.
    """

    taught: list[Demonstration]
    demonstrations: list[Demonstration]
    true: list[Demonstration]
    empty: int


def unreliable_demonstrations(
    true: Sequence[Demonstration],
    weak: PolicySettings,
    folder: str | Path,
    *,
    sampling: Sampling | None = None,
    batch_size: int = 16,
) -> Unreliable:
    """Train a weak model on half of the prompts, and have it write the demonstrations of the other half.

    Called again after a kill, it goes on and ends with the same demonstrations.

    Args:
        true: right demonstrations, of two prompts or more.
        weak: the weak model and its training; `seed` also divides the prompts.
        folder: this call's own.
        sampling: how it answers; by default a search with four beams.
        batch_size: answers at once.

    Raises:
        DataError: fewer than two prompts. ConfigError: settings that do not fit the model.
        ArtifactError: the folder of another run. TrainingError: no memory, or a loss that is not a number.
    """
    folder = Path(folder)
    keys = [label.key for label in given_labels(true)]
    prompts = sorted(set(keys))
    if len(prompts) < 2:
        raise DataError(
            f"the demonstrations have {len(prompts)} prompt(s), and a weak model learns half of them. Give more."
        )
    drawn = np.random.default_rng(weak.seed).permutation(len(prompts))
    first = {prompts[k] for k in drawn[: len(prompts) // 2]}
    taught = [row for row, key in zip(true, keys, strict=True) if key in first]
    others = [row for row, key in zip(true, keys, strict=True) if key not in first]
    policy = Policy(weak, [text for row in true for text in (row.prompt, row.completion)])
    model, tokenizer = policy.load()
    from weaklabel.stages.refinement.proposing import (
        answered,  # behind `load`, which says so where torch is missing
    )
    from weaklabel.training.sft import train_sft

    settings, _ = policy.fitting(model, tokenizer, TrainingSettings)
    train_sft(model, tokenizer, taught, settings=settings, folder=folder / "training")
    drawing = Sampling(temperature=0.0, num_beams=4, seed=weak.seed) if sampling is None else sampling
    asked = [label.asked for label in given_labels(others)]
    answers = answered(model, tokenizer, asked, (drawing, batch_size), folder / "replies")
    kept = [(row, text) for row, text in zip(others, answers, strict=True) if text is not None]
    return Unreliable(
        taught,
        [replace(row, completion=text) for row, text in kept],
        [row for row, _ in kept],
        len(others) - len(kept),
    )
