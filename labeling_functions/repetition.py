"""Saying things twice."""

from weaklabel.lf import Text, features, response_scorer


@response_scorer(prefer="less")
def repeated_sentences(response: Text) -> float:
    """Sentences that stood there before: a model in a loop."""
    return features.repeated_sentence_share(response)


@response_scorer(prefer="less", min_gap=0.05)
def repeated_phrases(response: Text) -> float:
    """Runs of three words that stood there before: padding."""
    return features.repeated_trigram_share(response)


@response_scorer(prefer="less")
def stretched_words(response: Text) -> float:
    """Runs of one letter beyond three: sooooo."""
    return max(3.0, features.longest_run(response))
