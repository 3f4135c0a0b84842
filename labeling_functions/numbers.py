"""Figures: an answer that gives them commits itself."""

from weaklabel.lf import Text, features, response_scorer


@response_scorer(min_gap=1)
def numbers(response: Text) -> float:
    """The answer with more numbers: figures, dates and numbered steps are concrete."""
    return features.n_numbers(response)


@response_scorer
def units(response: Text) -> float:
    """The answer that measures: 20 minutes, 3 kg, $15."""
    return features.n_units(response)


@response_scorer
def equations(response: Text) -> float:
    """The answer that shows its working."""
    return features.n_equations(response)


@response_scorer(min_gap=0.005)
def number_density(response: Text) -> float:
    """More numbers per word, so that length alone does not win."""
    return features.n_numbers(response) / max(10.0, features.n_words(response))
