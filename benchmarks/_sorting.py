"""The toy of refinement: digits to be sorted, demonstrations that are wrong in two ways, comparers that err with a direction.

Source of the task: the character-level toys of weak-to-strong studies. Half of the demonstrations are wrong: half of those are
the digits in falling order, an error that can be learned; in the others two neighbours have changed places.
"""

from __future__ import annotations

import hashlib
import json
import random
from collections.abc import Sequence
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from scipy import stats

from weaklabel.comparers.checker import Checker
from weaklabel.comparers.expert import ByScore

DIGITS = 4


class Regime(NamedTuple):
    """How good a comparer is: its accuracy where no bias speaks, and its bias, in standard deviations of its noise from digit 0 to 9."""

    accuracy: float
    bias: float

    @property
    def name(self) -> str:
        return f"accuracy {self.accuracy:.2f}, bias {self.bias:g}"


def sorted_digits(prompt: str) -> str:
    return " ".join(sorted(prompt.split()))


def is_right(prompt: str, response: str) -> bool:
    return response == sorted_digits(prompt)


def digits(n: int, seed: int, length: int = DIGITS) -> list[str]:
    """`n` different prompts of `length` digits."""
    draw = random.Random(seed)
    found: dict[str, None] = {}
    while len(found) < n:
        found[" ".join(str(draw.randrange(10)) for _ in range(length))] = None
    return list(found)


def demonstrations(n: int, seed: int) -> list[dict[str, str]]:
    """`n` demonstrations, half of them wrong."""
    draw = random.Random(seed + 1000)
    rows = []
    for prompt in digits(n, seed):
        right = sorted_digits(prompt).split()
        kind = draw.random()
        if kind < 0.25:
            answer = right[::-1]
        elif kind < 0.5:
            k = draw.randrange(DIGITS - 1)
            answer = [*right[:k], right[k + 1], right[k], *right[k + 2 :]]
        else:
            answer = right
        rows.append({"prompt": prompt, "completion": " ".join(answer)})
    return rows


def write_test(path: Path, n: int) -> None:
    """Prompts that no demonstration has, but for rare chance; their seed is no demonstration's."""
    rows = [{"prompt": prompt, "completion": sorted_digits(prompt)} for prompt in digits(n, 10_007)]
    path.write_text("".join(json.dumps(row) + "\n" for row in rows), encoding="utf-8")


class Taste:
    """Scores an answer: `strength` where it is right, `bias` by its first digit, and noise that is the same whenever it is asked.

    Errors are of both kinds: at random, and with a direction that a policy can find.
    """

    def __init__(self, strength: float, bias: float, seed: int) -> None:
        self.strength, self.bias, self.seed = strength, bias, seed

    def score(self, prompts: Sequence[str], responses: Sequence[str]) -> Any:
        return np.array([self._of(prompt, answer) for prompt, answer in zip(prompts, responses, strict=True)])

    def _of(self, prompt: str, answer: str) -> float:
        first = int(answer[0]) if answer[:1].isdigit() else 0
        key = hashlib.sha256(f"{self.seed}|{prompt}|{answer}".encode()).digest()
        noise = float(stats.norm.ppf((int.from_bytes(key[:6], "big") + 0.5) / (1 << 48)))
        return self.strength * is_right(prompt, answer) + self.bias * first / 9 + noise


def comparer(regime: Regime, seed: int) -> Any:
    """Somebody of that quality. Without a bias its beliefs would be right; it knows nothing of its bias."""
    if regime.accuracy == 1:
        return Checker(is_right, name="sorted").comparer()
    # Two answers differ by strength + sqrt(2) * normal noise where one is right: the accuracy is Phi(strength / sqrt(2)),
    # and the log-odds of a difference d are strength * d.
    strength = float(np.sqrt(2) * stats.norm.ppf(regime.accuracy))
    return ByScore(Taste(strength, regime.bias, seed), scale=strength)
