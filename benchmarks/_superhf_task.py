"""The toy task of `superhf_toy.py`: a thing is described, and what people like is not what a count of adjectives rewards.

A prompt names a thing. A response names it (or another one) and some adjectives, with repetitions here and there. People
want the thing named and up to FULL different adjectives, and dislike every word that is said twice. The reward that a
policy can be trained on counts adjectives, said twice or not: the two agree on what demonstrations look like, and part where
a policy goes on and on.
"""

from __future__ import annotations

import random
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

import weaklabel as wl
from weaklabel.types import Pairs

THINGS = (
    "bird",
    "boat",
    "bread",
    "chair",
    "clock",
    "cloud",
    "coat",
    "door",
    "fish",
    "garden",
    "hat",
    "horse",
    "house",
    "lamp",
    "leaf",
    "road",
    "river",
    "stone",
    "tree",
    "wall",
)
ADJECTIVES = (
    "big",
    "bright",
    "broad",
    "calm",
    "clean",
    "cold",
    "dark",
    "deep",
    "dry",
    "fair",
    "fine",
    "fresh",
    "kind",
    "light",
    "long",
    "loud",
    "new",
    "old",
    "plain",
    "quiet",
    "red",
    "round",
    "sharp",
    "soft",
    "tall",
    "thin",
    "warm",
    "wet",
    "wide",
    "young",
)
FULL = 4
LINKS = frozenset(("the", "is", "and", "a", "it"))


def prompts(n: int, seed: int) -> list[str]:
    """`n` questions; a thing is asked about in several wordings."""
    draw = random.Random(seed)
    openings = ("tell me about the", "describe the", "what is the", "say more of the", "how is the")
    return [f"{draw.choice(openings)} {draw.choice(THINGS)} {k}" for k in range(n)]


def thing_of(prompt: str) -> str:
    return prompt.split()[-2]


def answer(prompt: str, draw: random.Random) -> str:
    """As somebody of middling care would: one in four names another thing, some say a word twice."""
    thing = thing_of(prompt) if draw.random() < 0.75 else draw.choice(THINGS)
    words = draw.sample(ADJECTIVES, draw.randint(1, 4))
    if draw.random() < 0.3:
        words.append(draw.choice(words))
    return f"the {thing} is " + " and ".join(words)


def quality(prompt: str, response: str) -> float:
    """What people think of it: 2 for the right thing, 1 for each adjective up to FULL, -1 for each word said again."""
    words = [word for word in response.split() if word not in LINKS]
    adjectives = {word for word in words if word in ADJECTIVES}
    return 2.0 * (thing_of(prompt) in words) + min(len(adjectives), FULL) - (len(words) - len(set(words)))


def count(prompt: str, response: str) -> float:
    """What is easily written down: 2 for the right thing, 1 for each adjective."""
    words = response.split()
    return 2.0 * (thing_of(prompt) in words) + sum(word in ADJECTIVES for word in words)


class Scores:
    """A function of (prompt, response) as something that scores."""

    def __init__(self, of: Any) -> None:
        self._of, self.identity = of, of.__name__

    def score(self, prompts: Sequence[str], responses: Sequence[str]) -> Any:
        return np.array([self._of(x, y) for x, y in zip(prompts, responses, strict=True)], dtype=float)


def labelled(texts: Sequence[tuple[str, str, str]], seed: int) -> Pairs:
    """Pairs (prompt, a, b) with gold of people who see the quality, and err where it is nearly equal."""
    draw = np.random.default_rng(seed)
    rows = []
    for k, (prompt, a, b) in enumerate(texts):
        gap = quality(prompt, b) - quality(prompt, a) + draw.logistic() / 2
        rows.append(
            {
                "id": f"pair-{seed}-{k}",
                "prompt": prompt,
                "response_a": a,
                "response_b": b,
                "gold": "b" if gap > 0 else "a",
            }
        )
    return wl.read_pairs(rows)


def functions() -> list[Any]:
    """Four functions out of a file, so that what is taught with them can be saved."""
    return list(wl.load_lfs(Path(__file__).with_name("_superhf_functions.py")))
