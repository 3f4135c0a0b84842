"""Samples in words that somebody likes or not, who says so, and what was answered: for tests of the proxy loop that need no model."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from weaklabel.comparers.expert import ByScore
from weaklabel.comparers.metered import Metered
from weaklabel.data.asked.prompts import Prompt
from weaklabel.errors import (
    DataError,
)
from weaklabel.servers.protocol import Reply
from weaklabel.stages.best_of.sampled import Draws
from weaklabel.stages.proxy.answers import Answer, Answers
from weaklabel.stages.proxy.asking import Asking, metered
from weaklabel.stages.proxy.candidates import ON_POLICY, Candidates
from weaklabel.stages.proxy.evaluation import EvaluationModel
from weaklabel.stages.proxy.settings import ProxySettings
from weaklabel.stages.taught import Taught

WORDS = ("good", "fine", "cat", "dog", "sun", "poor", "bad", "moon")


class Taste:
    """Somebody who counts words they like, and how often they were asked."""

    name = "taste"

    def __init__(self, most: float = np.inf) -> None:
        self.asked: list[tuple[str, str]] = []
        self.most = most

    def score(self, prompts: Sequence[str], responses: Sequence[str]) -> Any:
        if len(self.asked) + len(responses) > self.most:
            raise DataError("taste: gone home.")
        self.asked += list(zip(prompts, responses, strict=True))
        return np.array([worth(text) for text in responses])


def worth(text: str) -> float:
    """0 to 5."""
    words = text.split()
    return float(
        np.clip(
            2.5 + words.count("good") + words.count("fine") - words.count("poor") - words.count("bad"), 0, 5
        )
    )


def draws_of(n_prompts: int, k: int = 4, seed: int = 0) -> Draws:
    rng = np.random.default_rng(seed)
    prompts = [Prompt.of(f"Say something about number {row}.") for row in range(n_prompts)]
    return Draws.of_replies(
        prompts, [[Reply(" ".join(rng.choice(WORDS, 4)), "stop") for _ in range(k)] for _ in prompts]
    )


def settings_of(**more: Any) -> ProxySettings:
    return ProxySettings(**{"from_scratch": "tiny", "expert": "checks.py:score", "queries": 20, **more})


def asking_of(
    chosen: ProxySettings, expert: Any, folder: Path, seed: Taught | None = None, **more: Any
) -> tuple[Asking, Metered]:
    if chosen.unit == "pairs" and isinstance(expert, Taste):
        expert = ByScore(expert)
    paid = metered(expert, "taste", "hash", chosen, folder / "answers")
    return Asking(chosen, paid, EvaluationModel(chosen, seed=seed), **more), paid


def asked(chosen: ProxySettings, tmp_path: Path, draws: Draws | None = None, **more: Any) -> Any:
    draws = draws_of(20) if draws is None else draws
    asking, _ = asking_of(chosen, Taste(), tmp_path, **more)
    found = Candidates.of_draws(draws, single=chosen.unit == "responses")
    return asking.asked(found, Answers(), 0, tmp_path)


def answers_of(draws: Draws, n: int, single: bool = False) -> Answers:
    chosen = Candidates.of_draws(draws, single=single)
    rows = []
    for k in range(n):
        pair = chosen.pairs[k]
        a, b = str(pair.response_a), str(pair.response_b)
        said = worth(a) if single else (1 + np.sign(worth(b) - worth(a))) / 2
        rows.append(
            Answer(chosen.keys[k], Prompt.of(str(pair.prompt)), a, None if single else b, said, "random", 1.0, "", None, ON_POLICY, 0)
        )  # fmt: skip
    return Answers(tuple(rows))


def taught(n: int = 40) -> Taught:
    table = Candidates.of_draws(draws_of(n, seed=3), single=False).pairs
    y = np.array([(1 + np.sign(worth(str(p.response_b)) - worth(str(p.response_a)))) / 2 for p in table])
    known = np.arange(len(y)) % 2 == 0
    return Taught(table, y, np.ones(len(y)), np.where(known, y, np.nan), table.take([]))


def vars_of(answer: Answer) -> dict[str, Any]:
    return {name: getattr(answer, name) for name in Answer.__dataclass_fields__}
