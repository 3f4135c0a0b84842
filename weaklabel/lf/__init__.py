"""Labeling functions: write them, build them, find them, see how good they are.

What a file of labeling functions needs can be imported from here. Each name is loaded when it is first used:
the parts that analyse and check need more than those that vote. Text features are in `weaklabel.lf.features`.
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any, Final

if TYPE_CHECKING:
    from weaklabel.lf.analysis import Analysis as Analysis
    from weaklabel.lf.analysis import analyze as analyze
    from weaklabel.lf.both_orders import position_bias as position_bias
    from weaklabel.lf.builders import keyword_scorer as keyword_scorer
    from weaklabel.lf.builders import load_keywords as load_keywords
    from weaklabel.lf.builders import pattern_scorer as pattern_scorer
    from weaklabel.lf.builders import threshold_scorer as threshold_scorer
    from weaklabel.lf.checks import assert_labeling_function as assert_labeling_function
    from weaklabel.lf.checks import check_labeling_function as check_labeling_function
    from weaklabel.lf.column_judges import judge_column as judge_column
    from weaklabel.lf.column_judges import judge_columns as judge_columns
    from weaklabel.lf.columns import column_scores as column_scores
    from weaklabel.lf.columns import column_verdict as column_verdict
    from weaklabel.lf.columns import with_derived_columns as with_derived_columns
    from weaklabel.lf.core import LabelingFunction as LabelingFunction
    from weaklabel.lf.core import PairFunction as PairFunction
    from weaklabel.lf.core import ResponseScorer as ResponseScorer
    from weaklabel.lf.core import labeling_function as labeling_function
    from weaklabel.lf.core import response_scorer as response_scorer
    from weaklabel.lf.crowd import crowd_match as crowd_match
    from weaklabel.lf.crowd import crowd_workers as crowd_workers
    from weaklabel.lf.discovery import catalogue as catalogue
    from weaklabel.lf.discovery import fingerprint as fingerprint
    from weaklabel.lf.discovery import load_lfs as load_lfs
    from weaklabel.lf.features import FEATURES as FEATURES
    from weaklabel.lf.features import PROMPT_FEATURES as PROMPT_FEATURES
    from weaklabel.lf.features import Phrases as Phrases
    from weaklabel.lf.features import feature as feature
    from weaklabel.lf.features import prompt_feature as prompt_feature
    from weaklabel.lf.features import remembered as remembered
    from weaklabel.lf.linear import Pattern as Pattern
    from weaklabel.lf.prompted import judge as judge
    from weaklabel.lf.snorkel import from_snorkel as from_snorkel
    from weaklabel.lf.text_column import TextColumn as TextColumn
    from weaklabel.types import ABSTAIN as ABSTAIN
    from weaklabel.types import PREFER_A as PREFER_A
    from weaklabel.types import PREFER_B as PREFER_B
    from weaklabel.types import FloatArray as FloatArray
    from weaklabel.types import Pair as Pair
    from weaklabel.types import Text as Text

_HOME: Final = {
    "ABSTAIN": "types",
    "Analysis": "lf.analysis",
    "FEATURES": "lf.features",
    "FloatArray": "types",
    "LabelingFunction": "lf.core",
    "PREFER_A": "types",
    "PREFER_B": "types",
    "PROMPT_FEATURES": "lf.features",
    "Pair": "types",
    "PairFunction": "lf.core",
    "Pattern": "lf.linear",
    "Phrases": "lf.features",
    "ResponseScorer": "lf.core",
    "Text": "types",
    "TextColumn": "lf.text_column",
    "analyze": "lf.analysis",
    "assert_labeling_function": "lf.checks",
    "catalogue": "lf.discovery",
    "check_labeling_function": "lf.checks",
    "column_scores": "lf.columns",
    "column_verdict": "lf.columns",
    "crowd_match": "lf.crowd",
    "crowd_workers": "lf.crowd",
    "feature": "lf.features",
    "fingerprint": "lf.discovery",
    "from_snorkel": "lf.snorkel",
    "judge": "lf.prompted",
    "judge_column": "lf.column_judges",
    "judge_columns": "lf.column_judges",
    "keyword_scorer": "lf.builders",
    "labeling_function": "lf.core",
    "load_keywords": "lf.builders",
    "load_lfs": "lf.discovery",
    "pattern_scorer": "lf.builders",
    "position_bias": "lf.both_orders",
    "prompt_feature": "lf.features",
    "remembered": "lf.features",
    "response_scorer": "lf.core",
    "threshold_scorer": "lf.builders",
    "with_derived_columns": "lf.columns",
}

__all__ = [
    "ABSTAIN",
    "FEATURES",
    "PREFER_A",
    "PREFER_B",
    "PROMPT_FEATURES",
    "Analysis",
    "FloatArray",
    "LabelingFunction",
    "Pair",
    "PairFunction",
    "Pattern",
    "Phrases",
    "ResponseScorer",
    "Text",
    "TextColumn",
    "analyze",
    "assert_labeling_function",
    "catalogue",
    "check_labeling_function",
    "column_scores",
    "column_verdict",
    "crowd_match",
    "crowd_workers",
    "feature",
    "fingerprint",
    "from_snorkel",
    "judge",
    "judge_column",
    "judge_columns",
    "keyword_scorer",
    "labeling_function",
    "load_keywords",
    "load_lfs",
    "pattern_scorer",
    "position_bias",
    "prompt_feature",
    "remembered",
    "response_scorer",
    "threshold_scorer",
    "with_derived_columns",
]


def __getattr__(name: str) -> Any:
    if name not in _HOME:
        raise AttributeError(f"module 'weaklabel.lf' has no attribute {name!r}")
    value = getattr(importlib.import_module(f"weaklabel.{_HOME[name]}"), name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return sorted(__all__)
