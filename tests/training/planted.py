"""Groups with a planted preference, and a tiny scorer, for the tests of training."""

from __future__ import annotations

import random
from collections.abc import Sequence

from weaklabel.groups import Comparison, Group

GOOD = ("kind", "clear", "sound", "bright")
BAD = ("rude", "vague", "false", "dull")
FILLER = ("the", "answer", "is", "then", "so", "it", "that", "word", "and", "here")


def planted_groups(
    n: int, *, seed: int = 0, responses: int = 2, hard: bool = True, noise: float = 0.0, words: int = 12
) -> list[Group]:
    """Groups in which the response with more good and fewer bad words wins; all pairs of a group are compared.

    With `hard` the belief is 0 or 1 and the weight 1, otherwise both vary. `noise` flips that share of beliefs.
    """
    draw = random.Random(seed)
    return [_group(k, draw, responses, hard, noise, words) for k in range(n)]


def _group(k: int, draw: random.Random, responses: int, hard: bool, noise: float, words: int) -> Group:
    scores = draw.sample(range(-4, 5), responses)
    texts = tuple(_text(score, draw, words) for score in scores)
    compared = []
    for i in range(responses):
        for j in range(i + 1, responses):
            p = float(scores[j] > scores[i])
            p = 1 - p if draw.random() < noise else p
            p = p if hard else 0.1 + 0.8 * p + 0.1 * (draw.random() - 0.5)
            compared.append(Comparison(i, j, p, 1.0 if hard else draw.uniform(0.1, 3.0)))
    return Group(f"question {k} about {draw.choice(FILLER)}", texts, tuple(compared))


def _text(score: int, draw: random.Random, words: int) -> str:
    loaded = [draw.choice(GOOD if score > 0 else BAD) for _ in range(abs(score))]
    text = loaded + [draw.choice(FILLER) for _ in range(words - len(loaded))]
    draw.shuffle(text)
    return " ".join(text)


def texts_of(groups: Sequence[Group]) -> list[str]:
    return [text for group in groups for text in (group.prompt, *group.responses)]
