"""Draws the pictures of calibration.md from simulated pairs: `python docs/make_pictures.py`.

600 pairs whose true probabilities are known, and a labeler that boasts: it states twice the log-odds that are deserved.
A temperature is learned on them out of fold. No file of anybody's data is needed, and the same bytes come out each time.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np

from weaklabel.calibration import VennAbers, get_calibrator
from weaklabel.labeler import cross_calibrated
from weaklabel.report.pictures import (
    Picture,
    calibration_map_picture,
    kept_share_picture,
    reliability_picture,
)
from weaklabel.types import sigmoid

FOLDER = Path(__file__).parent / "pictures"


def draw() -> dict[str, Picture]:
    """The pictures by file name."""
    rng = np.random.default_rng(0)
    deserved = rng.standard_normal(600)
    y = (rng.random(600) < sigmoid(deserved)).astype(np.float64)
    boasting, pairs = 2 * deserved, np.arange(600)
    repaired = cross_calibrated(boasting, y, pairs, candidates=("temperature",), seed=0)
    fitted = {name: get_calibrator(name).fit(boasting, y) for name in ("temperature", "beta", "isotonic")}
    return {
        "boasting": reliability_picture(sigmoid(boasting), y, note="Stated: twice the log-odds deserved."),
        "repaired": reliability_picture(
            sigmoid(repaired), y, note="The same after a temperature, out of fold."
        ),
        "curves": calibration_map_picture(fitted, VennAbers().fit(boasting, y)),
        "kept": kept_share_picture(sigmoid(repaired), y),
    }


def main() -> None:
    FOLDER.mkdir(exist_ok=True)
    for name, picture in draw().items():
        (FOLDER / f"{name}.svg").write_text(picture.svg() + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
