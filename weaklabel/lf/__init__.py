"""Labeling functions: write them, build them, find them, check them.

What a file of labeling functions needs can be imported from here. Text features are in `weaklabel.text.features`,
LLM judges, judge columns and crowds in `weaklabel.judges`.
"""

from weaklabel.lf.builders import keyword_scorer, load_keywords, pattern_scorer, threshold_scorer
from weaklabel.lf.checks import assert_labeling_function, check_labeling_function
from weaklabel.lf.columns import column_scores, column_verdict, with_derived_columns
from weaklabel.lf.core import (
    LabelingFunction,
    PairFunction,
    ResponseScorer,
    labeling_function,
    response_scorer,
)
from weaklabel.lf.discovery import catalogue, fingerprint, load_lfs
from weaklabel.lf.snorkel import from_snorkel
from weaklabel.text import features
from weaklabel.text.column import TextColumn
from weaklabel.text.patterns import Pattern
from weaklabel.types import ABSTAIN, PREFER_A, PREFER_B, FloatArray, Pair, Text

__all__ = [
    "ABSTAIN",
    "PREFER_A",
    "PREFER_B",
    "FloatArray",
    "LabelingFunction",
    "Pair",
    "PairFunction",
    "Pattern",
    "ResponseScorer",
    "Text",
    "TextColumn",
    "assert_labeling_function",
    "catalogue",
    "check_labeling_function",
    "column_scores",
    "column_verdict",
    "features",
    "fingerprint",
    "from_snorkel",
    "keyword_scorer",
    "labeling_function",
    "load_keywords",
    "load_lfs",
    "pattern_scorer",
    "response_scorer",
    "threshold_scorer",
    "with_derived_columns",
]
