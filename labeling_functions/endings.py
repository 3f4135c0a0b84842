"""How an answer opens and ends."""

from weaklabel.lf import FloatArray, TextColumn, features, response_scorer


@response_scorer(prefer="less", batch=True)
def unfinished(response: TextColumn) -> FloatArray:
    """An answer that breaks off in the middle loses."""
    return features.unfinished(response)


@response_scorer(prefer="less", batch=True)
def filler_opening(response: TextColumn) -> FloatArray:
    """An answer that opens with words that say nothing ("Sure!") starts late."""
    return features.opens_with_filler(response)
