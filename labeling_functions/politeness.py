"""Manners."""

from weaklabel.lf import FloatArray, TextColumn, features, response_scorer


@response_scorer(batch=True)
def polite_words(response: TextColumn) -> FloatArray:
    """Please, thank you, feel free."""
    return features.n_polite(response)


@response_scorer(batch=True)
def empathy(response: TextColumn) -> FloatArray:
    """An answer that takes notice of how the person feels."""
    return features.n_empathy(response)


@response_scorer(prefer="less", batch=True)
def apologies(response: TextColumn) -> FloatArray:
    """Apologies instead of an answer."""
    return features.n_apologies(response)


@response_scorer(batch=True)
def advice(response: TextColumn) -> FloatArray:
    """You can, make sure, try to: something to act on."""
    return features.n_advice(response)


@response_scorer(prefer="less", min_gap=0.005, batch=True)
def first_person(response: TextColumn) -> FloatArray:
    """Less "I": the answer is about the question, not about the assistant."""
    return features.n_first_person(response) / features.n_words(response).clip(20)


@response_scorer(min_gap=0.005, batch=True)
def second_person(response: TextColumn) -> FloatArray:
    """More "you": the answer speaks to the person."""
    return features.n_second_person(response) / features.n_words(response).clip(20)
