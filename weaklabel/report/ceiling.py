"""How often gold agrees with itself: what no labels can be expected to beat."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from weaklabel.metrics import Interval, bootstrap
from weaklabel.types import Pairs


@dataclass(frozen=True, slots=True)
class GoldAgreement:
    """How often gold agrees with itself, where the same two responses were judged more than once.

    Attributes:
        agree: share of equal verdicts among comparisons of two judgements, ties apart, with its interval over
            prompts; None where no pair was judged twice.
        n_repeated: distinct pairs that were judged at least twice.
        n_judgements: their judgements.
        n_ties: comparisons left out because one of the two was a tie.
    """

    agree: Interval | None
    n_repeated: int
    n_judgements: int
    n_ties: int


def gold_agreement(pairs: Pairs, *, seed: int = 0) -> GoldAgreement:
    """Gold's agreement with itself on the dev part: the human ceiling, seen from below.

    Two people who agree 80% of the time leave a perfect guesser of the majority somewhat above .80, never at 1.
    The order of the two responses does not matter: a judgement of the turned pair is turned back.
    """
    dev = pairs.dev
    said = _judgements(dev)
    repeated = {key: verdicts for key, verdicts in said.items() if len(verdicts) > 1}
    first, second, groups, ties = [], [], [], 0
    for verdicts in repeated.values():
        for i, (one, group) in enumerate(verdicts):
            for other, _ in verdicts[i + 1 :]:
                if 0.5 in (one, other):
                    ties += 1
                    continue
                first.append(one)
                second.append(other)
                groups.append(group)
    agree = None
    if first:
        agree = bootstrap("accuracy", np.array(first), np.array(second), np.array(groups), seed=seed)
    return GoldAgreement(agree, len(repeated), sum(len(v) for v in repeated.values()), ties)


def _judgements(dev: Pairs) -> dict[tuple[int, str, str], list[tuple[float, int]]]:
    """Per prompt and unordered responses the verdicts, seen with the responses in alphabetical order."""
    found: dict[tuple[int, str, str], list[tuple[float, int]]] = {}
    columns = (dev.prompt_groups.tolist(), *(dev.table[c].to_pylist() for c in ("response_a", "response_b")))
    for group, a, b, y in zip(*columns, dev.y.tolist(), strict=True):
        low, high, verdict = (a, b, y) if a <= b else (b, a, 1 - y)
        found.setdefault((group, low, high), []).append((verdict, group))
    return found
