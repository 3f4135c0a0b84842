"""The tone of the words."""

from weaklabel.lf import Text, features, response_scorer


@response_scorer(min_gap=0.05)
def vader_polarity(response: Text) -> float:
    """The more positive answer (VADER): friendly and constructive beats negative."""
    return features.sentiment(response)


@response_scorer
def exclamations(response: Text) -> float:
    """The answer with more exclamation marks: it sounds engaged."""
    return features.n_exclamations(response)
