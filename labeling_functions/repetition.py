"""Saying things twice."""

import re
from typing import Final

import numpy as np
import polars as pl

from weaklabel.lf import FloatArray, TextColumn, features, response_scorer
from weaklabel.text.features.wording import SPACES
from weaklabel.text.tokens import Kind

_MARK: Final = r"^[ \t]*(?:[-*+•]|[0-9]{1,3}[.)])[ \t]+"


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
    return response.numbers("repeated lines", _repeated_lines)


def _repeated_lines(responses: TextColumn) -> FloatArray:
    lines = (
        pl.DataFrame({"row": np.arange(len(responses)), "line": responses.series.str.split("\n")})
        .explode("line")
        .filter(pl.col("line").str.strip_chars(SPACES) != "")
        .with_columns(pl.col("line").str.replace(_MARK, "").str.strip_chars(SPACES).str.to_lowercase())
    )
    n, distinct = (
        np.bincount(some["row"].to_numpy(), minlength=len(responses)) for some in (lines, lines.unique())
    )
    repeated = (n - distinct).astype(np.float64)
    beyond, rows = responses.beyond
    odd = np.unique(rows[beyond.are(Kind.CAPITAL)])  # Python has its own way with these
    repeated[odd] = [_repeated(text) for text in responses.series.gather(odd).to_list()]
    return repeated


def _repeated(response: str) -> int:
    lines = [re.sub(_MARK, "", line).strip().lower() for line in response.split("\n") if line.strip()]
    return len(lines) - len(set(lines))
