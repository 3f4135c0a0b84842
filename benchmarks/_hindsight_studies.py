"""The studies of `hindsight_toy.py`: study -> arm -> a function of a seed that trains and measures."""

from __future__ import annotations

import random
from collections.abc import Callable, Mapping
from functools import partial
from typing import Any

from _hindsight_task import WORDS, Seed
from _sorting import sorted_digits

from weaklabel.stages.hindsight.chaining import Rules, Strengths, asking
from weaklabel.stages.hindsight.ranked import Output, Ranked, log_odds
from weaklabel.training.chains.tokens import Chain, Part
from weaklabel.training.decoding import Responder

Measures = dict[str, float]
Arm = Callable[[Seed], Measures]
UNCLEAR = 0.7
"""The share of pairs whose labels may be wrong, in the study of soft feedback."""
LEFT_OUT = 0.2
"""The share of pairs, the least clear ones, that make no chain with soft feedback."""
NOISE = (0.0, 0.1, 0.2, 0.3)


def chains_of(lists: list[Ranked], **rules: Any) -> list[Chain]:
    return Rules(template=WORDS, **rules).chains(lists)[0]


def by_words(seed: Seed, policy: Responder, good: str = "good:", bad: str = "bad:") -> Measures:
    """What is said when a good answer is asked for, and when a bad one is."""
    return {
        f"{name} {what}": value
        for name, words in (("asked for good:", good), ("asked for bad:", bad))
        for what, value in seed.asked(policy, words).items()
    }


def without_words(seed: Seed, policy: Responder) -> Measures:
    return {f"asked for good: {what}": value for what, value in seed.asked(policy, None).items()}


# ---------------------------------------------------------------------------------------- control
def control(arm: str, seed: Seed) -> Measures:
    if arm == "SFT on all":
        both = [Chain((Part(each.prompt, o.text),)) for each in seed.pairs() for o in each.outputs]
        return without_words(seed, seed.trained(both))
    policy = seed.trained(chains_of(seed.pairs(), arm=arm))
    if arm in ("chosen", "unlikelihood"):
        return without_words(seed, policy)
    return by_words(seed, policy) | (seed.refined(policy, "bad:") if arm == "hindsight" else {})


# ---------------------------------------------------------------------------------------- few positives
def few(arm: str, seed: Seed) -> Measures:
    """A tenth of the prompts have a good output, and all of them a bad one."""
    pairs = seed.pairs()
    known, rest = pairs[: seed.sizes.few], pairs[seed.sizes.few :]
    chains = chains_of(known, arm=arm)
    if arm == "chosen":
        return without_words(seed, seed.trained(chains))
    bad = [(asking(WORDS, each.prompt, "bad:"), seed.wrong[each.prompt]) for each in rest]
    chains += [Chain((Part(part.asked, text, part.feedback),)) for part, text in bad]
    return by_words(seed, seed.trained(chains))


# ---------------------------------------------------------------------------------------- copying
def copied(rates: Mapping[str, float], seed: Seed) -> Measures:
    """Few pairs, always the bad output first."""
    known = seed.pairs()[: seed.sizes.few]
    return seed.copies(seed.trained(chains_of(known, kinds={"np": 1.0, "p": 1.0}), **rates))


# ---------------------------------------------------------------------------------------- forgetting
def forgetting(weight: float | None, seed: Seed) -> Measures:
    if weight is None:
        return {"general NLL": seed.general_nll(seed.trained([], well_read=True))}
    more = {"general": seed.general, "pretrain_weight": weight} if weight else {}
    policy = seed.trained(chains_of(seed.pairs()), well_read=True, **more)
    return {"general NLL": seed.general_nll(policy), **seed.asked(policy, "good:")}


# ---------------------------------------------------------------------------------------- soft feedback
def labelled(seed: Seed, noise: float) -> list[Ranked]:
    """Pairs by a weak label. Seven in ten prompts are unclear, and of these those with the largest sums are labelled wrongly.

    So errors depend on the prompt and can be learned. The belief is calibrated among the unclear: p = 1 - their share of errors,
    more or less by up to .04; the others have .99.
    """
    draw = random.Random(seed.number)
    unclear = {prompt for prompt in seed.prompts if draw.random() < UNCLEAR}
    order = sorted(unclear, key=lambda prompt: (sum(map(int, prompt.split())), prompt))
    n_wrong = round(noise * len(seed.prompts))
    wrong = set(order[len(order) - n_wrong :])
    lists = []
    for prompt in seed.prompts:
        p = 0.99
        if prompt in unclear and noise:
            p = min(max(1 - noise / UNCLEAR + draw.uniform(-0.04, 0.04), 0.505), 0.985)
        good, bad = sorted_digits(prompt), seed.wrong[prompt]
        chosen, other = (bad, good) if prompt in wrong else (good, bad)
        lists.append(Ranked(prompt, (Output(other, 0.0), Output(chosen, log_odds(p))), log_odds=True))
    return lists


def soft(arm: str, noise: float, seed: Seed) -> Measures:
    lists = labelled(seed, noise)
    if arm == "chosen":
        return without_words(seed, seed.trained(chains_of(lists, arm="chosen")))
    if arm == "hard":
        return by_words(seed, seed.trained(chains_of(lists)))
    chains = chains_of(lists, strengths=Strengths.of(lists, LEFT_OUT, UNCLEAR))
    return by_words(seed, seed.trained(chains), "much better:", "much worse:")


STUDIES: dict[str, dict[str, Arm]] = {
    "control": {
        arm: partial(control, arm)
        for arm in ("hindsight", "conditional", "chosen", "unlikelihood", "SFT on all")
    },
    "few positives": {arm: partial(few, arm) for arm in ("hindsight", "conditional", "chosen")},
    "copying": {
        "no dropout": partial(copied, {}),
        "links .15": partial(copied, {"link_dropout": 0.15}),
        "links .5": partial(copied, {"link_dropout": 0.5}),
        "tokens .15": partial(copied, {"token_dropout": 0.15}),
    },
    "forgetting": {
        "before": partial(forgetting, None),
        "no general text": partial(forgetting, 0.0),
        "weight .1": partial(forgetting, 0.1),
        "weight 1.5": partial(forgetting, 1.5),
    },
    **{
        f"noise {noise:.0%}": {arm: partial(soft, arm, noise) for arm in ("hard", "soft", "chosen")}
        for noise in (0.2, 0.0, 0.3, 0.1)  # what says most is whole first
    },
}
