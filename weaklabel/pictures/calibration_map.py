"""What calibrators do to a confidence: the model's own on one axis, the calibrated one on the other."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

import numpy as np
from numpy.typing import ArrayLike

from weaklabel.calibration import Calibrator, VennAbers
from weaklabel.errors import ConfigError
from weaklabel.pictures.drawing import WIDTH, Canvas, Picture, Scale, axes, share
from weaklabel.pictures.text import name as one_line
from weaklabel.types import FloatArray, sigmoid

_HEIGHT: Final = 310
_LOOKS: Final = (
    ("wl-lb", "wl-tb"),
    ("wl-la", "wl-ta"),
    ("wl-lg", "wl-tg"),
    ("wl-l3", "wl-t3"),
    ("wl-lm", "wl-s"),
)
_POINTS: Final = 160
_STATED: Final = (0.55, 0.6, 0.7, 0.8, 0.9, 0.95, 0.99)


def calibration_map_picture(
    calibrators: Mapping[str, Calibrator],
    intervals: VennAbers | None = None,
    *,
    most: float = 0.99,
    note: str = "",
) -> Picture:
    """Calibrated confidence against the model's own, one line per calibrator, with the Venn-Abers band behind them.

    Args:
        calibrators: by name, fitted; at most five.
        intervals: fitted, for the band; None draws none.
        most: the model's confidence at which the lines end, in (.5, 1).
        note: what they were fitted on.

    Above the dashed line a calibrator makes labels surer, below it humbler.

    Raises:
        ConfigError: no calibrator, or more than five, whose lines nobody could tell apart.
        NotFittedError: one of them is not fitted.
    """
    if not 1 <= len(calibrators) <= len(_LOOKS):
        raise ConfigError(
            f"calibration_map_picture got {len(calibrators)} calibrators. Pass 1 to {len(_LOOKS)}."
        )
    logit = np.linspace(1e-3, float(np.log(most / (1 - most))), _POINTS)
    own = sigmoid(logit)
    x, y = Scale(0.5, 1, 40, WIDTH - 14), Scale(0.5, 1, _HEIGHT - 44, 48)
    canvas = Canvas()
    axes(canvas, x, y, "confidence of the label model", "calibrated confidence")
    if intervals is not None:
        low, high = np.maximum(intervals.intervals(logit), 0.5).T
        canvas.path([*_line(x, y, own, low), *reversed(_line(x, y, own, high))], "wl-band", closed=True)
    canvas.path([(x(0.5), y(0.5)), (x(1), y(1))], "wl-dash")
    at = x.start
    for (label, calibrator), (line, words) in zip(calibrators.items(), _LOOKS, strict=False):
        canvas.path(_line(x, y, own, sigmoid(calibrator.transform(logit))), line)
        canvas.text(at, 14, one_line(label, 14), words)
        at += 12 + 7.2 * len(one_line(label, 14))
    stated = np.log(np.array(_STATED) / (1 - np.array(_STATED)))
    columns = [sigmoid(calibrator.transform(stated)) for calibrator in calibrators.values()]
    columns += [] if intervals is None else list(np.maximum(intervals.intervals(stated), 0.5).T)
    band = [] if intervals is None else ["band from", "to"]
    return Picture(
        "What calibration does to a confidence",
        "Each line says what becomes of the label model's own confidence; on the dashed line it stays as it is."
        + ("" if intervals is None else " The grey band holds the two probabilities of Venn-Abers."),
        str(canvas),
        WIDTH,
        _HEIGHT,
        ("model says", *calibrators, *band),
        [(share(said), *(share(float(column[k])) for column in columns)) for k, said in enumerate(_STATED)],
        note,
    )


def _line(x: Scale, y: Scale, own: FloatArray, said: ArrayLike) -> list[tuple[float, float]]:
    values = np.asarray(said, dtype=np.float64).tolist()
    return [(x(before), y(after)) for before, after in zip(own.tolist(), values, strict=True)]
