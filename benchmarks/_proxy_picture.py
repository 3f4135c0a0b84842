"""The picture of `proxy_toy.py`: what each arm gains over the policy that all start from."""

from __future__ import annotations

import math
from collections.abc import Mapping

from weaklabel.metrics import Interval
from weaklabel.pictures.drawing import Canvas, Picture, Scale, tick

_WIDTH, _NAMES, _ROW, _TOP = 480, 205, 19, 8


def gains_picture(found: Mapping[str, Interval]) -> Picture:
    """A dot with its interval for every arm, on one axis of points."""
    ends = [end for one in found.values() for end in (one.low, one.high, one.value) if _known(end)]
    bottom = _TOP + _ROW * len(found)
    x = Scale(min(0.0, *ends), max(ends), _NAMES, _WIDTH - 12)
    canvas = Canvas()
    for value in x.ticks(6):
        canvas.line(x(value), _TOP, x(value), bottom, "wl-grid")
        canvas.text(x(value), bottom + 14, tick(value), "wl-s", anchor="middle")
    canvas.line(x(0), _TOP, x(0), bottom, "wl-dash")
    for k, (arm, one) in enumerate(found.items()):
        y = _TOP + _ROW * (k + 0.5)
        canvas.text(2, y + 4, arm, "wl-s")
        if _known(one.low) and _known(one.high):
            canvas.line(x(one.low), y, x(one.high), y, "wl-whisker")
        canvas.dot(x(one.value), y, 3.5, "wl-b", f"{arm}: {one}")
    canvas.text(_NAMES, bottom + 29, "points of people above the policy at the start", "wl-s")
    return Picture(
        "What each arm gains",
        "A dot per arm with its 95% interval over seeds; the dashed line is the policy that all start from.",
        str(canvas),
        _WIDTH,
        bottom + 36,
        ("arm", "points gained with 95% interval", "seeds"),
        [(arm, str(one), str(one.n)) for arm, one in found.items()],
    )


def _known(value: float | None) -> bool:
    return value is not None and math.isfinite(value)
