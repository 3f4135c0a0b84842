"""The toy of refinement: digits to be sorted, demonstrations that are wrong in two ways, comparers that err with a direction.

Source of the task: the character-level toys of weak-to-strong studies. Half of the demonstrations are wrong: half of those are
the digits in falling order, an error that can be learned; in the others two neighbours have changed places.
"""

from __future__ import annotations

import json
import random
from pathlib import Path
from typing import Any, NamedTuple

DIGITS = 6


class Regime(NamedTuple):
    """How good a comparer is: its accuracy where no bias speaks, and the log-odds of its bias."""

    accuracy: float
    bias: float

    @property
    def name(self) -> str:
        return f"accuracy {self.accuracy:.2f}, bias {self.bias:g}"


def sorted_digits(prompt: str) -> str:
    return " ".join(sorted(prompt.split()))


def is_right(prompt: str, response: str) -> bool:
    return response == sorted_digits(prompt)


def digits(n: int, seed: int) -> list[str]:
    """`n` different prompts."""
    draw = random.Random(seed)
    found: dict[str, None] = {}
    while len(found) < n:
        found[" ".join(str(draw.randrange(10)) for _ in range(DIGITS))] = None
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


def comparer(regime: Regime, seed: int) -> Any:
    """Knows the truth, errs at random, and likes answers that begin with a large digit."""
    from weaklabel.comparers.checker import Checker
    from weaklabel.comparers.simulated import Simulated
    from weaklabel.lf import response_scorer

    @response_scorer()
    def first_digit(prompt: Any, response: Any) -> float:
        text = str(response).strip()
        return float(text[0]) if text[:1].isdigit() else 0.0

    truth = Checker(is_right, name="sorted").comparer()
    biases = [(first_digit, regime.bias)] if regime.bias else []
    return Simulated(truth, accuracy=regime.accuracy, biases=biases, soft=True, seed=seed)
