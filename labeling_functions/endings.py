"""How an answer opens and ends."""

from weaklabel.lf import Text, features, response_scorer


@response_scorer(prefer="less")
def unfinished(response: Text) -> float:
    """An answer that breaks off in the middle loses."""
    return features.unfinished(response)


@response_scorer(prefer="less")
def filler_opening(response: Text) -> float:
    """An answer that opens with words that say nothing ("Sure!") starts late."""
    return features.opens_with_filler(response)
