"""What comes after the labels: language models trained in rounds, files in and files out, and watched on the way."""

# `best_of`, `dpo`, `evaluator`, `proxy`, `sft` and `superhf` are functions: their modules, of the same names, are loaded first, so that nothing
# puts a module in the place of its function later.
from weaklabel.stages.best_of.stage import best_of
from weaklabel.stages.checks import check_stage
from weaklabel.stages.contract import Round, Stage, StageResult
from weaklabel.stages.dpo import dpo
from weaklabel.stages.evaluators.stage import evaluator
from weaklabel.stages.hindsight import hindsight
from weaklabel.stages.proxy.stage import proxy
from weaklabel.stages.refinement.stage import ilr
from weaklabel.stages.rounds import carry_out, read_rounds
from weaklabel.stages.sft import sft
from weaklabel.stages.superhf.frontier import superhf_frontier
from weaklabel.stages.superhf.stage import superhf

__all__ = [
    "Round",
    "Stage",
    "StageResult",
    "best_of",
    "carry_out",
    "check_stage",
    "dpo",
    "evaluator",
    "hindsight",
    "ilr",
    "proxy",
    "read_rounds",
    "sft",
    "superhf",
    "superhf_frontier",
]
