"""The one meeting place: labeling functions + label model + calibrator, fitted, saved and loaded as one thing."""

from weaklabel.labeler.asking import (
    N_FOLDS,
    antisymmetric_logit,
    cross_calibrated,
    features_for,
    out_of_fold_logit,
    unfitted_copy,
)
from weaklabel.labeler.labeler import Labeler, fit, refit_of

__all__ = [
    "N_FOLDS",
    "Labeler",
    "antisymmetric_logit",
    "cross_calibrated",
    "features_for",
    "fit",
    "out_of_fold_logit",
    "refit_of",
    "unfitted_copy",
]
