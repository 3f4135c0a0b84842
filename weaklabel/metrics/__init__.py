"""How good probabilities are: accuracy, NLL, Brier and ECE, each with an interval that resamples prompts.

Throughout, `p` is `(n,)` float64, the stated P(B beats A), and `y` `(n,)` the gold: 0 (A), 1 (B) or .5 (tie).
Rows without gold are refused, not skipped: which rows a figure is about is the caller's decision.

- A stated `p` of exactly .5 is half right.
- A gold tie has no winner: it is left out of accuracy (an interval's `n` is the number of rows that count) and
  enters NLL, Brier and ECE as y = .5.

Every metric here is a function of sums over rows, so a bootstrap needs one matrix product: sum the parts per
prompt, draw how often each prompt occurs, multiply. A thousand draws on a thousand pairs cost milliseconds.

    rows metric interval     what every figure is made of
    scores resampling        accuracy, F1, NLL, Brier, and the intervals of every metric
    equal_width equal_mass   the ECE and its bins; bins that hold equally many pairs, with intervals
    gap                      calibration without bins
    kept threshold           what a confidence filter keeps and how right it is; a threshold with a guarantee
    best_of                  what the best of n draws is worth
"""

from __future__ import annotations

from weaklabel.metrics.best_of import best_of_curve, best_of_weights
from weaklabel.metrics.equal_mass import ReliabilityBin, reliability_equal_mass
from weaklabel.metrics.equal_width import (
    ECE_BINS,
    ReliabilityRow,
    choice_ece_metric,
    choice_ece_when_perfect,
    ece,
    ece_metric,
    ece_when_perfect,
    reliability,
)
from weaklabel.metrics.gap import calibration_gap, calibration_gap_when_perfect
from weaklabel.metrics.interval import Interval
from weaklabel.metrics.kept import KeptRow, kept_share_curve
from weaklabel.metrics.metric import Metric
from weaklabel.metrics.resampling import bootstrap, bootstrap_ratio, paired_difference, score_all
from weaklabel.metrics.scores import EPS, METRICS, accuracy, brier, f1, nll
from weaklabel.metrics.threshold import Refusal, Threshold, find_threshold

__all__ = [
    "ECE_BINS",
    "EPS",
    "METRICS",
    "Interval",
    "KeptRow",
    "Metric",
    "Refusal",
    "ReliabilityBin",
    "ReliabilityRow",
    "Threshold",
    "accuracy",
    "best_of_curve",
    "best_of_weights",
    "bootstrap",
    "bootstrap_ratio",
    "brier",
    "calibration_gap",
    "calibration_gap_when_perfect",
    "choice_ece_metric",
    "choice_ece_when_perfect",
    "ece",
    "ece_metric",
    "ece_when_perfect",
    "f1",
    "find_threshold",
    "kept_share_curve",
    "nll",
    "paired_difference",
    "reliability",
    "reliability_equal_mass",
    "score_all",
]
