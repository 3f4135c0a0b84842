"""Saying things twice."""

from weaklabel.lf import FloatArray, TextColumn, features, response_scorer
from weaklabel.text.features.faults import repeated_lines as lines_again


@response_scorer(prefer="less", batch=True)
def repeated_sentences(response: TextColumn) -> FloatArray:
    """Sentences that stood there before: a model in a loop."""
    return features.repeated_sentence_share(response)


@response_scorer(prefer="less", min_gap=0.05, batch=True)
def repeated_phrases(response: TextColumn) -> FloatArray:
    """Runs of three words that stood there before: padding."""
    return features.repeated_trigram_share(response)


@response_scorer(prefer="less", batch=True)
def stretched_words(response: TextColumn) -> FloatArray:
    """Runs of four or more of one letter: sooooo."""
    return features.longest_run(response)


@response_scorer(prefer="less", batch=True)
def repeated_lines(response: TextColumn) -> FloatArray:
    """Lines that stood there before, their numbers and bullets left out: a list that pads itself."""
    return lines_again(response)
