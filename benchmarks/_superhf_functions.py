"""What somebody would write who has read a dozen answers of `_superhf_task.py`. All hold for demonstrations; most can be gamed."""

from _superhf_task import ADJECTIVES, LINKS, thing_of

import weaklabel as wl


@wl.response_scorer()
def names_the_thing(prompt: str, response: str) -> float:
    return float(thing_of(str(prompt)) in str(response).split())


@wl.response_scorer(min_gap=2)
def longer(response: str) -> float:
    return len(str(response).split())


@wl.response_scorer()
def more_adjectives(response: str) -> float:
    return sum(word in ADJECTIVES for word in str(response).split())


@wl.response_scorer(prefer="less")
def says_twice(response: str) -> float:
    words = [word for word in str(response).split() if word not in LINKS]
    return len(words) - len(set(words))
