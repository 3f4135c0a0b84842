"""The tone of the words."""

from weaklabel.lf import FloatArray, TextColumn, features, response_scorer


@response_scorer(min_gap=0.05, batch=True)
def vader_polarity(response: TextColumn) -> FloatArray:
    """The more positive answer (VADER): friendly and constructive beats negative."""
    return features.sentiment(response)


@response_scorer(batch=True)
def exclamations(response: TextColumn) -> FloatArray:
    """The answer with more exclamation marks: it sounds engaged."""
    return features.n_exclamations(response)
