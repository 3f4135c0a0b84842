"""Saying things twice."""

import re

from weaklabel.lf import FloatArray, Text, TextColumn, features, response_scorer

_MARK = re.compile(r"^[ \t]*(?:[-*+•]|[0-9]{1,3}[.)])[ \t]+")


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


@response_scorer(prefer="less")
def repeated_lines(response: Text) -> float:
    """Lines that stood there before, their numbers and bullets left out: a list that pads itself."""
    lines = [_MARK.sub("", line).strip().lower() for line in response.split("\n") if line.strip()]
    return len(lines) - len(set(lines))
