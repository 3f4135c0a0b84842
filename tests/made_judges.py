"""Judges with known tastes, and pairs for them."""

from __future__ import annotations

import math

from model_server import TEMPLATE, completion, shown

from weaklabel.judges.prompted import judge
from weaklabel.types import Pair, Pairs


def longer_wins(body):
    """A judge without bias: the longer response, equal ones tie."""
    one, two = map(len, shown(body["messages"][0]["content"]))
    return completion("A" if one > two else "B" if two > one else "tie")


def certain(quality, taste=0.0):
    """A judge with log-probabilities: logit = quality(first) - quality(second) + taste for the first place."""

    def answer(body):
        one, two = shown(body["messages"][0]["content"])
        p = 1 / (1 + math.exp(-(quality(one) - quality(two) + taste)))
        return completion("A" if p > 0.5 else "B", tops={"A": p, "B": 1 - p})

    return answer


def some_pairs(n=6):
    return Pairs.of([Pair(f"p{i}", f"Question {i}?", "x" * (i + 2), "y" * (2 * i + 1)) for i in range(n)])


def judges_in(folder):
    """Makes judges whose answers are kept in `folder`."""

    def make(url, name="gpt", **settings):
        settings = {"template": TEMPLATE, "cache": folder / "judges", "concurrency": 4} | settings
        return judge(name, url=url, model="tiny", **settings)

    return make
