"""Doubt: hedges, and not knowing."""

from weaklabel.lf import FloatArray, TextColumn, features, response_scorer


@response_scorer(prefer="less", min_gap=0.005, batch=True)
def hedge_share(response: TextColumn) -> FloatArray:
    """Fewer hedges per word: people prefer an answer that commits itself."""
    return features.n_hedges(response) / features.n_words(response).clip(20)


@response_scorer(prefer="less", batch=True)
def does_not_know(response: TextColumn) -> FloatArray:
    """An answer that says it does not know or understand loses."""
    return features.n_not_knowing(response)


@response_scorer(prefer="less", batch=True)
def asks_back(response: TextColumn) -> FloatArray:
    """An answer that ends with a question leaves the work to the person who asked."""
    return features.ends_with_question(response)
