"""Figures: an answer that gives them commits itself."""

from weaklabel.lf import FloatArray, TextColumn, features, response_scorer


@response_scorer(min_gap=1, batch=True)
def numbers(response: TextColumn) -> FloatArray:
    """The answer with more numbers: figures, dates and numbered steps are concrete."""
    return features.n_numbers(response)


@response_scorer(batch=True)
def units(response: TextColumn) -> FloatArray:
    """The answer that measures: 20 minutes, 3 kg, $15."""
    return features.n_units(response)


@response_scorer(batch=True)
def equations(response: TextColumn) -> FloatArray:
    """The answer that shows its working."""
    return features.n_equations(response)


@response_scorer(min_gap=0.005, batch=True)
def number_density(response: TextColumn) -> FloatArray:
    """More numbers per word, so that length alone does not win."""
    return features.n_numbers(response) / features.n_words(response).clip(10)
