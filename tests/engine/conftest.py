"""Pairs and files of labeling functions for the tests of the engine."""

from __future__ import annotations

import random
from pathlib import Path
from textwrap import dedent

import pytest

from weaklabel.lf import load_lfs
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


@pytest.fixture
def pairs() -> Pairs:
    return made_pairs(100)


@pytest.fixture
def lf_file(tmp_path, monkeypatch):
    """A writer of LF files in the working folder: `lf_file("x.py", text) -> Path`."""
    monkeypatch.chdir(tmp_path)

    def write(name: str, text: str) -> Path:
        path = tmp_path / name
        path.parent.mkdir(exist_ok=True)
        path.write_text(dedent(text))
        return path

    return write


@pytest.fixture
def steady(lf_file):
    """Source of five functions of every kind, one of which fails on two pairs."""
    lf_file("lfs/steady.py", STEADY)
    return "lfs/steady.py"


@pytest.fixture
def with_bad(lf_file, steady):
    """The steady functions around one that misbehaves on the pair p12."""

    def make(act: str):
        lf_file("lfs/bad.py", ONE_BAD.replace("{act}", act))
        return load_lfs("lfs/")

    return make
