"""The functions of `labeling_functions/repetition.py`, one text at a time: what their columns have to equal."""

import re

from weaklabel.lf import Text, response_scorer

_MARK = re.compile(r"^[ \t]*(?:[-*+•]|[0-9]{1,3}[.)])[ \t]+")


@response_scorer(prefer="less")
def repeated_lines(response: Text) -> float:
    """Lines that stood there before, their numbers and bullets left out: a list that pads itself."""
    lines = [_MARK.sub("", line).strip().lower() for line in response.split("\n") if line.strip()]
    return len(lines) - len(set(lines))
