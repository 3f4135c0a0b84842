"""TRL's implicit prompt: no prompt column, chosen and rejected both begin with the prompt.

Never recognised by itself: words with which two *answers* begin would become the prompt, and nothing would tell. Who
knows that a file is of this form names the layout.
"""

from __future__ import annotations

import re
from typing import Final

from weaklabel.data.readers.base import Draft, Row, RowProblem, common, shown
from weaklabel.data.readers.gold_rule import GoldRule
from weaklabel.data.readers.layout import Layout, needs_all
from weaklabel.data.readers.preference import sides


def _read(row: Row, _gold: GoldRule) -> list[Draft]:
    chosen, rejected = row.get("chosen"), row.get("rejected")
    for name, text in (("chosen", chosen), ("rejected", rejected)):
        if not isinstance(text, str):
            raise RowProblem(f"{name} is {shown(text)}, expected text")
    prompt, chosen, rejected = split_prefix(str(chosen), str(rejected))
    return [Draft(prompt, chosen, rejected, gold="a", extra=sides(row), **common(row))]


def split_prefix(chosen: str, rejected: str) -> tuple[str, str, str]:
    """The shared beginning and what follows it, cut at white space so that no word is torn.

    Raises:
        RowProblem: nothing is shared.

    >>> split_prefix("The sky is blue.", "The sky is black.")
    ('The sky is', 'blue.', 'black.')
    """
    prefix = chosen[: _shared_length(chosen, rejected)]
    cut = max((mark.start() for mark in re.finditer(r"\s", prefix)), default=0)
    if not prefix[:cut].strip():
        raise RowProblem("chosen and rejected share no beginning")
    return prefix[:cut].rstrip(), chosen[cut:].strip(), rejected[cut:].strip()


def _shared_length(a: str, b: str) -> int:
    """Length of the common beginning, by bisection: comparing slices is far faster than walking characters."""
    low, high = 0, min(len(a), len(b))
    while low < high:
        middle = (low + high + 1) // 2
        if a[low:middle] == b[low:middle]:
            low = middle
        else:
            high = middle - 1
    return low


TRL_IMPLICIT: Final = Layout(
    "trl_implicit",
    "chosen, rejected, each with the prompt before it; must be named",
    lambda _columns, _rows: False,
    _read,
    needs_all("chosen", "rejected"),
    redraws=True,
)
