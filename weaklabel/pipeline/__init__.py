"""From pairs to reward model, in steps that are skipped when nothing changed; and two runs side by side."""

from weaklabel.artifacts.steps import Step, StepRecord
from weaklabel.pipeline.diff import Difference, diff
from weaklabel.pipeline.functions import configured_lfs
from weaklabel.pipeline.run import Run
from weaklabel.pipeline.run_figures import RunFigures
from weaklabel.pipeline.steps.read import read_configured_pairs

__all__ = [
    "Difference",
    "Run",
    "RunFigures",
    "Step",
    "StepRecord",
    "configured_lfs",
    "diff",
    "read_configured_pairs",
]
