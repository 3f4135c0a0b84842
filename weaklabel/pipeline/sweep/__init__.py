"""The experiment of the reference paper: do weak labels help, from how little gold, and how much gold are they worth?

Source: Hauptvogel et al. (2024), weak labels added to slices of gold of several sizes. Here the held-out part is
drawn by prompt, every arm sees the same gold, and differences are paired.
"""

from weaklabel.pipeline.sweep.grid import Arm
from weaklabel.pipeline.sweep.result import SweepResult
from weaklabel.pipeline.sweep.row import SweepRow
from weaklabel.pipeline.sweep.running import sweep, sweep_run
from weaklabel.pipeline.sweep.worth import Worth

__all__ = ["Arm", "SweepResult", "SweepRow", "Worth", "sweep", "sweep_run"]
