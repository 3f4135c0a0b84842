"""Saying things twice."""

import re

from weaklabel.lf import Text, features, response_scorer

_MARK = re.compile(r"^[ \t]*(?:[-*+•]|[0-9]{1,3}[.)])[ \t]+")


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
    """Runs of four or more of one letter: sooooo."""
    return features.longest_run(response)


@response_scorer(prefer="less")
def repeated_lines(response: Text) -> float:
    """Lines that stood there before, their numbers and bullets left out: a list that pads itself."""
    lines = [_MARK.sub("", line).strip().lower() for line in response.split("\n") if line.strip()]
    return len(lines) - len(set(lines))
