"""The toy task of `dpo_labels.py`: five digits to repeat, people who want them right, and functions that fall for flourish.

A prompt names one of four topics and gives five digits. A response repeats some of them right, plainly or with a flourish:
an opening of confident words and an exclamation mark. Its quality is the share of digits that are right, less COST where
there is a flourish. In a pair the numbers of right digits differ, so they decide which is better; flourish falls on either
side by a coin.

Three of five labeling functions read the answer where they know the topic, four digits each, and elsewhere go by flourish,
each by a trace of its own. Two more look at the first digits and at the last ones, on all topics. So on an unknown topic
the majority is wrong wherever the worse response alone has the flourish: together, and where both texts show it.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import pyarrow as pa

import weaklabel as wl
from weaklabel.lf.core import PairFunction
from weaklabel.types import CANONICAL, Pair, Pairs

TOPICS = ("code", "date", "price", "route")
N_DIGITS = 5
OPENINGS = ("Surely the answer is", "Certainly it must be", "Without any doubt it is")
CONFIDENT = {opening.split()[0] for opening in OPENINGS}
COST = 0.15  # below 1 / N_DIGITS: a digit more is worth more than a flourish less
FLOURISHED_PAIRS = 0.8  # pairs in which one response alone has a flourish: twice the most that can be wrong
SKILLS = (0.9, 0.4)  # how likely a digit is right, in a careful and in a sloppy response


@dataclass(frozen=True)
class Answer:
    """A response with what the simulator knows of it."""

    text: str
    right: int
    flourish: bool


@dataclass(frozen=True)
class Task:
    """Pairs with what is true of them, all arrays `(n_pairs,)`.

    Attributes:
        pairs: with the gold of some of them, which alone `wl.fit` sees.
        truth: 1.0 where b is better, else 0.0.
        topics: a number into TOPICS.
        split: whether the flourish is on the worse side alone: where it misleads whoever goes by it.
    """

    pairs: Pairs
    truth: np.ndarray
    topics: np.ndarray
    split: np.ndarray


def drawn_prompts(n: int, rng: np.random.Generator, taken: set[str] | None = None) -> list[str]:
    """Different prompts, the topics by a coin; none of `taken`, to which they are added."""
    found: dict[str, None] = {}
    taken = set() if taken is None else taken
    while len(found) < n:
        digits = " ".join(map(str, rng.integers(10, size=N_DIGITS)))
        prompt = f"Repeat the {TOPICS[rng.integers(len(TOPICS))]} {digits}"
        if prompt not in taken:
            found[prompt] = None
            taken.add(prompt)
    return list(found)


def topic_of(prompt: str) -> int:
    return TOPICS.index(str(prompt).split()[2])


def digits_of(text: str) -> list[str]:
    return re.findall(r"\d", str(text))


def quality(prompt: str, text: str) -> float:
    """What people think of a response, in [-COST, 1]; digits beyond the fifth are not read."""
    return right_digits(prompt, text) / N_DIGITS - COST * has_flourish(text)


def right_digits(prompt: str, text: str, places: Sequence[int] = range(N_DIGITS)) -> int:
    asked, said = digits_of(prompt), digits_of(text)
    return sum(place < len(said) and said[place] == asked[place] for place in places)


def has_flourish(text: str) -> bool:
    """Whether there is an opening or an exclamation mark."""
    return bool(re.search(r"[a-z!]", str(text), re.IGNORECASE))


def drawn_answer(prompt: str, rng: np.random.Generator, flourish: bool | None = None) -> Answer:
    """A response, careful or sloppy by a coin, with a flourish by a coin unless that is given."""
    skill = SKILLS[rng.integers(2)]
    asked = [int(digit) for digit in digits_of(prompt)]
    keep = rng.random(N_DIGITS) < skill
    other = (np.array(asked) + rng.integers(1, 10, size=N_DIGITS)) % 10
    digits = " ".join(map(str, np.where(keep, asked, other)))
    dressed = bool(rng.random() < 0.5) if flourish is None else flourish
    text = f"{OPENINGS[rng.integers(len(OPENINGS))]} {digits} !" if dressed else digits
    return Answer(text, int(keep.sum()), dressed)


def drawn_task(
    prompts: Sequence[str],
    rng: np.random.Generator,
    *,
    n_gold: int = 0,
    gold_topics: Sequence[int] = (0, 1, 2, 3),
) -> Task:
    """One pair per prompt, with gold on the first `n_gold` whose topic is among `gold_topics`."""
    pairs = [_drawn_pair(prompt, rng) for prompt in prompts]
    truth = np.array([float(b.right > a.right) for a, b in pairs])
    topics = np.array([topic_of(prompt) for prompt in prompts])
    worse = [a if y else b for (a, b), y in zip(pairs, truth, strict=True)]
    split = np.array([a.flourish != b.flourish for a, b in pairs]) & np.array([one.flourish for one in worse])
    known = np.flatnonzero(np.isin(topics, gold_topics))[:n_gold]
    gold: list[str | None] = [None] * len(prompts)
    for row in known:
        gold[row] = "b" if truth[row] else "a"
    columns = {
        "id": [f"{k}" for k in range(len(prompts))],
        "prompt": list(prompts),
        "response_a": [a.text for a, _ in pairs],
        "response_b": [b.text for _, b in pairs],
        "gold": gold,
        "part": ["pool" if one is None else "dev" for one in gold],
        "source": ["toy"] * len(prompts),
    }
    arrays = [pa.array(columns.get(f.name, [None] * len(prompts)), f.type) for f in CANONICAL]
    return Task(Pairs(pa.Table.from_arrays(arrays, schema=CANONICAL)), truth, topics, split)


def _drawn_pair(prompt: str, rng: np.random.Generator) -> tuple[Answer, Answer]:
    first = bool(rng.random() < 0.5)
    second = first if rng.random() >= FLOURISHED_PAIRS else not first
    while True:
        a, b = drawn_answer(prompt, rng, first), drawn_answer(prompt, rng, second)
        if a.right != b.right:
            return a, b


# ------------------------------------------------------------------------------------------------ labeling functions
TRACES = {
    "long_answers": lambda text: len(str(text).split()),
    "confident_words": lambda text: str(text).split()[0] in CONFIDENT,
    "exclamation": lambda text: "!" in str(text),
}


def functions(unknown: Sequence[int]) -> list[PairFunction]:
    """The five functions, three of which go by flourish on the `unknown` topics."""
    reads = [[k for k in range(N_DIGITS) if k != left_out] for left_out in (1, 2, 3)]
    made = [
        _vote_by(name, trace, places, set(unknown))
        for (name, trace), places in zip(TRACES.items(), reads, strict=True)
    ]
    return [*made, _vote_by("begins_right", None, (0,)), _vote_by("ends_right", None, (4,))]


def _vote_by(
    name: str, trace: object, places: Sequence[int], unknown: set[int] | None = None
) -> PairFunction:
    @wl.labeling_function(name=name, version=f"{sorted(unknown or ())} {tuple(places)}")
    def by(pair: Pair) -> int:
        asked = str(pair.prompt)
        if unknown and topic_of(asked) in unknown:
            a, b = (trace(text) for text in (pair.response_a, pair.response_b))  # type: ignore[operator]
        else:
            a, b = (right_digits(asked, text, places) for text in (pair.response_a, pair.response_b))
        return wl.ABSTAIN if a == b else int(b > a)

    return by
