"""Pairs of drawn words, and files of labeling functions that behave or do not."""

from __future__ import annotations

import random

from weaklabel.types import Pair, Pairs

WORDS = [
    "a",
    "quick",
    "fox,",
    "so",
    "they",
    "say,",
    "12",
    "dogs!",
    "Thanks.",
    "Is",
    "it?",
    "It",
    "is:",
    "sure",
]

STEADY = """
    from weaklabel.lf import ABSTAIN, labeling_function, response_scorer

    @response_scorer(min_gap=2)
    def longer(response):
        return len(response)

    @response_scorer(prefer="less")
    def exclaims(response):
        return response.count("!")

    @response_scorer(batch=True)
    def more_words(response):
        return response.series.str.count_matches(" ")

    @labeling_function
    def thanks(pair):
        a, b = "Thanks" in pair.response_a, "Thanks" in pair.response_b
        return ABSTAIN if a == b else int(b)

    @labeling_function
    def fragile(pair):
        if pair.id in ("p3", "p11"):
            raise ValueError("cannot say")
        return int(len(pair.response_b) > len(pair.response_a))
"""

ONE_BAD = """
    import os, sys, time
    from os import _exit
    from weaklabel.lf import labeling_function

    @labeling_function
    def bad(pair):
        if pair.id == "p12":
            {act}
        return 0
"""


def made_pairs(n: int, seed: int = 0) -> Pairs:
    rng = random.Random(seed)

    def text() -> str:
        return " ".join(rng.choices(WORDS, k=rng.randint(1, 30)))

    return Pairs.of([Pair(f"p{i}", text(), text(), text()) for i in range(n)])
