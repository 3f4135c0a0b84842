"""Manners."""

from weaklabel.lf import Text, features, response_scorer


@response_scorer
def polite_words(response: Text) -> float:
    """Please, thank you, feel free."""
    return features.n_polite(response)


@response_scorer
def empathy(response: Text) -> float:
    """An answer that takes notice of how the person feels."""
    return features.n_empathy(response)


@response_scorer(prefer="less")
def apologies(response: Text) -> float:
    """Apologies instead of an answer."""
    return features.n_apologies(response)


@response_scorer
def advice(response: Text) -> float:
    """You can, make sure, try to: something to act on."""
    return features.n_advice(response)


@response_scorer(prefer="less", min_gap=0.005)
def first_person(response: Text) -> float:
    """Less "I": the answer is about the question, not about the assistant."""
    return features.n_first_person(response) / max(20.0, features.n_words(response))


@response_scorer(min_gap=0.005)
def second_person(response: Text) -> float:
    """More "you": the answer speaks to the person."""
    return features.n_second_person(response) / max(20.0, features.n_words(response))
