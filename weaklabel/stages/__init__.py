"""What comes after the labels: language models trained in rounds, files in and files out, and watched on the way."""

# `sft` is the function: its module, of the same name, is loaded first, so nothing puts the module in its place later.
from weaklabel.stages.checks import check_stage
from weaklabel.stages.contract import Round, Stage, StageResult
from weaklabel.stages.rounds import carry_out, read_rounds
from weaklabel.stages.sft import sft

__all__ = ["Round", "Stage", "StageResult", "carry_out", "check_stage", "read_rounds", "sft"]
