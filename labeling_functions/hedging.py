"""Doubt: hedges, and not knowing."""

from weaklabel.lf import Text, features, response_scorer


@response_scorer(prefer="less", min_gap=0.005)
def hedge_share(response: Text) -> float:
    """Fewer hedges per word: people prefer an answer that commits itself."""
    return features.n_hedges(response) / max(20.0, features.n_words(response))


@response_scorer(prefer="less")
def does_not_know(response: Text) -> float:
    """An answer that says it does not know or understand loses."""
    return features.n_not_knowing(response)


@response_scorer(prefer="less")
def asks_back(response: Text) -> float:
    """An answer that ends with a question leaves the work to the person who asked."""
    return features.ends_with_question(response)
