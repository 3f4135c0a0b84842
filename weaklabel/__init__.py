"""Weak supervision of preference pairs: labeling functions in, calibrated soft labels and reward models out.

The names below are the whole front door. They are loaded when they are first used: scikit-learn alone takes
a second to import, and `import weaklabel` shall not.
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any, Final

if TYPE_CHECKING:
    from weaklabel.data import read_pairs as read_pairs
    from weaklabel.data import write_pairs as write_pairs
    from weaklabel.engine.apply import apply as apply
    from weaklabel.engine.store import VoteStore as VoteStore
    from weaklabel.errors import WeaklabelError as WeaklabelError
    from weaklabel.export import export_datasets as export_datasets
    from weaklabel.export import export_openrlhf as export_openrlhf
    from weaklabel.export import export_parquet as export_parquet
    from weaklabel.export import export_trl as export_trl
    from weaklabel.label_models.checks import check_label_model as check_label_model
    from weaklabel.labeler import Labeler as Labeler
    from weaklabel.labeler import fit as fit
    from weaklabel.lf.analysis import analyze as analyze
    from weaklabel.lf.builders import keyword_scorer as keyword_scorer
    from weaklabel.lf.builders import pattern_scorer as pattern_scorer
    from weaklabel.lf.builders import threshold_scorer as threshold_scorer
    from weaklabel.lf.checks import check_labeling_function as check_labeling_function
    from weaklabel.lf.column_judges import judge_column as judge_column
    from weaklabel.lf.column_judges import judge_columns as judge_columns
    from weaklabel.lf.columns import column_scores as column_scores
    from weaklabel.lf.columns import column_verdict as column_verdict
    from weaklabel.lf.core import labeling_function as labeling_function
    from weaklabel.lf.core import response_scorer as response_scorer
    from weaklabel.lf.crowd import crowd_workers as crowd_workers
    from weaklabel.lf.discovery import load_lfs as load_lfs
    from weaklabel.lf.prompted import judge as judge
    from weaklabel.lf.snorkel import from_snorkel as from_snorkel
    from weaklabel.loading import load as load
    from weaklabel.pipeline.generate import generate_pairs as generate_pairs
    from weaklabel.pipeline.sweep import sweep as sweep
    from weaklabel.report.build import write_report as write_report
    from weaklabel.reward.evaluation import evaluate as evaluate
    from weaklabel.reward.train import train_reward as train_reward
    from weaklabel.types import ABSTAIN as ABSTAIN
    from weaklabel.types import PREFER_A as PREFER_A
    from weaklabel.types import PREFER_B as PREFER_B
    from weaklabel.types import Comparer as Comparer
    from weaklabel.types import Labels as Labels
    from weaklabel.types import Pair as Pair
    from weaklabel.types import Pairs as Pairs
    from weaklabel.types import Text as Text
    from weaklabel.types import Votes as Votes
    from weaklabel.workbench.added_value import what_each_adds as what_each_adds
    from weaklabel.workbench.bias import label_bias as label_bias
    from weaklabel.workbench.check import check as check
    from weaklabel.workbench.compare_sets import compare_sets as compare_sets
    from weaklabel.workbench.dependencies import dependencies as dependencies
    from weaklabel.workbench.explore import explore as explore
    from weaklabel.workbench.mistakes import mistakes as mistakes
    from weaklabel.workbench.tune import tune as tune

_HOME: Final = {
    "ABSTAIN": "types",
    "Comparer": "types",
    "Labeler": "labeler",
    "Labels": "types",
    "PREFER_A": "types",
    "PREFER_B": "types",
    "Pair": "types",
    "Pairs": "types",
    "Text": "types",
    "VoteStore": "engine.store",
    "Votes": "types",
    "WeaklabelError": "errors",
    "analyze": "lf.analysis",
    "apply": "engine.apply",
    "check": "workbench.check",
    "check_label_model": "label_models.checks",
    "check_labeling_function": "lf.checks",
    "column_scores": "lf.columns",
    "column_verdict": "lf.columns",
    "compare_sets": "workbench.compare_sets",
    "crowd_workers": "lf.crowd",
    "dependencies": "workbench.dependencies",
    "evaluate": "reward.evaluation",
    "explore": "workbench.explore",
    "export_datasets": "export",
    "export_openrlhf": "export",
    "export_parquet": "export",
    "export_trl": "export",
    "fit": "labeler",
    "from_snorkel": "lf.snorkel",
    "generate_pairs": "pipeline.generate",
    "judge": "lf.prompted",
    "judge_column": "lf.column_judges",
    "judge_columns": "lf.column_judges",
    "keyword_scorer": "lf.builders",
    "label_bias": "workbench.bias",
    "labeling_function": "lf.core",
    "load": "loading",
    "load_lfs": "lf.discovery",
    "mistakes": "workbench.mistakes",
    "pattern_scorer": "lf.builders",
    "read_pairs": "data",
    "response_scorer": "lf.core",
    "sweep": "pipeline.sweep",
    "threshold_scorer": "lf.builders",
    "train_reward": "reward.train",
    "tune": "workbench.tune",
    "what_each_adds": "workbench.added_value",
    "write_pairs": "data",
    "write_report": "report.build",
}

__all__ = [
    "ABSTAIN",
    "PREFER_A",
    "PREFER_B",
    "Comparer",
    "Labeler",
    "Labels",
    "Pair",
    "Pairs",
    "Text",
    "VoteStore",
    "Votes",
    "WeaklabelError",
    "analyze",
    "apply",
    "check",
    "check_label_model",
    "check_labeling_function",
    "column_scores",
    "column_verdict",
    "compare_sets",
    "crowd_workers",
    "dependencies",
    "evaluate",
    "explore",
    "export_datasets",
    "export_openrlhf",
    "export_parquet",
    "export_trl",
    "fit",
    "from_snorkel",
    "generate_pairs",
    "judge",
    "judge_column",
    "judge_columns",
    "keyword_scorer",
    "label_bias",
    "labeling_function",
    "load",
    "load_lfs",
    "mistakes",
    "pattern_scorer",
    "read_pairs",
    "response_scorer",
    "sweep",
    "threshold_scorer",
    "train_reward",
    "tune",
    "what_each_adds",
    "write_pairs",
    "write_report",
]


def __getattr__(name: str) -> Any:
    if name not in _HOME:
        raise AttributeError(f"module 'weaklabel' has no attribute {name!r}")
    value = getattr(importlib.import_module(f"weaklabel.{_HOME[name]}"), name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return sorted(__all__)
