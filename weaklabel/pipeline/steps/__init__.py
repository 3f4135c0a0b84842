"""The steps of a run, a file each: what it is made of, what it writes, how it is made and read back."""

from weaklabel.pipeline.steps.apply import Apply
from weaklabel.pipeline.steps.base import Functions, Place, RunStep
from weaklabel.pipeline.steps.export import Export
from weaklabel.pipeline.steps.figures import Figures
from weaklabel.pipeline.steps.fit import Fit
from weaklabel.pipeline.steps.gather import Gather
from weaklabel.pipeline.steps.judge import AskJudges
from weaklabel.pipeline.steps.label import Label
from weaklabel.pipeline.steps.read import Read
from weaklabel.pipeline.steps.reward import Reward
from weaklabel.pipeline.steps.second_opinion import Opinion

__all__ = [
    "Apply",
    "AskJudges",
    "Export",
    "Figures",
    "Fit",
    "Functions",
    "Gather",
    "Label",
    "Opinion",
    "Place",
    "Read",
    "Reward",
    "RunStep",
]
