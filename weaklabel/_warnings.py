"""Warnings that point at the line of the user's code that called us, however many of our frames lie between."""

from __future__ import annotations

import sys
import warnings
from pathlib import Path
from typing import Final

from weaklabel.errors import WeaklabelWarning

_OURS: Final = str(Path(__file__).parent) + "/"


def warn(message: str, kind: type[WeaklabelWarning] = WeaklabelWarning) -> None:
    """Warn at the nearest frame outside this package."""
    level, frame = 2, sys._getframe(1)
    while frame.f_back is not None and frame.f_code.co_filename.startswith(_OURS):
        level, frame = level + 1, frame.f_back
    warnings.warn(message, kind, stacklevel=level)
