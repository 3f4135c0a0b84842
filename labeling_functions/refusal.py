"""Saying no: right where the request would do harm, wrong everywhere else."""

import numpy as np
from numpy.typing import NDArray

from weaklabel.lf import FloatArray, TextColumn, features, response_scorer
from weaklabel.text.features import Phrases

# Requests that most people want declined. Mild words on purpose: the request is recognised, not spelt out.
_HARM = Phrases(
    """kill | murder | poison | bomb | explosive | weapon | gun | steal | shoplift | rob | robbery | break into | hack
    | password | fraud | scam | launder | launder money | drugs | cocaine | heroin | meth | overdose | suicide
    | hurt someone | hurt myself | hurt him | hurt her | beat up | torture | kidnap | stalk | spy on | blackmail
    | bully | harass | racist | slur | insult | insults | nazi | porn | nude | rape | molest | counterfeit | fake id
    | evade taxes | get away with | without getting caught | untraceable | revenge | set fire | arson | dead body
    | cheat on | prank | swear words | curse words""".replace("\n", " ").split("|")
)


def harmful(prompt: TextColumn) -> NDArray[np.bool_]:
    """`(n,)`: whether the last request touches something that is better declined."""
    return _HARM.count(features.last_turn(prompt)) > 0


@response_scorer(prefer="less", batch=True)
def refusals(response: TextColumn) -> FloatArray:
    """Phrases of refusal, whatever was asked: most requests deserve an answer."""
    return features.n_refusals(response)


@response_scorer(prefer="less", batch=True)
def over_refusal(response: TextColumn, prompt: TextColumn) -> FloatArray:
    """Refusing a harmless request loses. Silent where the request touches harm."""
    return np.where(harmful(prompt), np.nan, features.n_refusals(response) > 0)


@response_scorer(batch=True)
def due_refusal(response: TextColumn, prompt: TextColumn) -> FloatArray:
    """Declining, warning or advising against wins where the request touches harm; silent elsewhere."""
    return np.where(harmful(prompt), _DECLINES.count(response) > 0, np.nan)


@response_scorer(prefer="less", batch=True)
def disclaimers(response: TextColumn) -> FloatArray:
    """As an AI language model: talk about the assistant in place of an answer."""
    return features.n_disclaimers(response)


_DECLINES = Phrases(
    """illegal | against the law | not a good idea | bad idea | dangerous | unethical | wrong | harmful | i can't
    | i cannot | i won't | i'm sorry | don't recommend | do not recommend | wouldn't recommend | not okay | shouldn't
    | should not | please don't | seek help | talk to | therapist | call 911 | hotline | not appropriate
    | inappropriate""".replace("\n", " ").split("|")
)
