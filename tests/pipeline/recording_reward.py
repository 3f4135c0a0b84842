"""A reward model that writes down which prompts it was fitted to and asked about, and whose gold it saw."""

from __future__ import annotations

from collections.abc import Sequence
from typing import ClassVar

import numpy as np

from weaklabel.reward import RewardModel
from weaklabel.reward.judges import Judges
from weaklabel.types import FloatArray, Pairs


class Recording(RewardModel):
    """Scores by length; `fits` has (pairs, gold) and `asked` the pairs of every call, of all instances."""

    name: ClassVar[str] = "recording"
    fits: ClassVar[list[tuple[Pairs, FloatArray]]] = []
    asked: ClassVar[list[Pairs]] = []

    def _learn(self, pairs: Pairs, p: FloatArray, w: FloatArray, y: FloatArray, judges: Judges) -> float:
        type(self).fits.append((pairs, y))
        return 1.0

    def compare(self, pairs: Pairs) -> FloatArray:
        type(self).asked.append(pairs)
        return super().compare(pairs)

    def _raw(self, prompts: Sequence[str], responses: Sequence[str]) -> FloatArray:
        return np.array([float(len(response)) for response in responses])
