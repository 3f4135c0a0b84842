"""What comes out of a labeling function: `BatchVotes`, and the checks that make a `Fault` of anything else."""

from __future__ import annotations

import inspect
import math
import traceback
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import numpy as np

from weaklabel._guard import Overstepped
from weaklabel._shown import Shown
from weaklabel.errors import VoteError
from weaklabel.types import ABSTAIN, Fault, FaultKind, Float32Array, Int8Array

_LONGEST: Final = 500


@dataclass(frozen=True, slots=True, repr=False)
class BatchVotes(Shown):
    """One labeling function's votes on a batch: `votes` int8 and `margins` float32, both `(n_pairs,)`."""

    votes: Int8Array
    margins: Float32Array
    faults: tuple[Fault, ...] = ()

    @classmethod
    def concat(cls, parts: Sequence[BatchVotes]) -> BatchVotes:
        """The votes on some pairs, then those on the next."""
        if len(parts) == 1:
            return parts[0]
        votes = np.concatenate([part.votes for part in parts])
        margins = np.concatenate([part.margins for part in parts])
        return cls(votes, margins, tuple(fault for part in parts for fault in part.faults))

    @classmethod
    def without_margins(cls, votes: Int8Array, faults: Sequence[Fault] = ()) -> BatchVotes:
        """Votes of a function that has no margins: they are NaN."""
        return cls(votes, np.full(len(votes), np.nan, dtype=np.float32), tuple(faults))

    @classmethod
    def failed(cls, faults: Sequence[Fault]) -> BatchVotes:
        """A fault for every pair: what stands for votes that could not be had."""
        return cls.without_margins(np.full(len(faults), ABSTAIN, dtype=np.int8), faults)


class NotAVote(VoteError):
    """What a labeling function returned is not a vote or a score.

    Attributes:
        what: what it did, to be read after its name ("returned 2").
        hint: what is allowed and what to do.
    """

    def __init__(self, what: str, hint: str) -> None:
        super().__init__(what, hint)
        self.what, self.hint = what, hint

    def __str__(self) -> str:
        return f"{self.what}. {self.hint}"


def fault_of(lf: str, pair_id: str, error: BaseException, fn: Callable[..., Any] | None = None) -> Fault:
    """What went wrong on a pair, as data.

    Args:
        lf: name of the labeling function.
        pair_id: id of the pair.
        error: what was raised.
        fn: the function that somebody wrote, where there is one; the line in it that raised is looked up.
    """
    if isinstance(error, NotAVote):
        return Fault(lf, pair_id, "no_vote", error.what[:_LONGEST], hint=error.hint[:_LONGEST])
    if isinstance(error, Overstepped):
        return Fault(lf, pair_id, "overstepped", error.what, where=_line_of(error, fn), hint=error.hint)
    return Fault(
        lf,
        pair_id,
        "raised",
        str(error)[:_LONGEST],
        exception=type(error).__name__,
        where=_line_of(error, fn),
    )


def faults_of_all(lf: str, ids: Sequence[str], kind: FaultKind, message: str) -> list[Fault]:
    """The same fault for each pair."""
    return [Fault(lf, pair_id, kind, message) for pair_id in ids]


def _line_of(error: BaseException, fn: Callable[..., Any] | None) -> str:
    """`file:line` of the last line of the function's own file in the traceback, "" where there is none.

    The name of the file alone: where the project lies differs between machines, and faults are kept.
    """
    code = None if fn is None else getattr(inspect.unwrap(fn), "__code__", None)
    if code is None:
        return ""
    frames = traceback.walk_tb(error.__traceback__)
    lines = [line for frame, line in frames if frame.f_code.co_filename == code.co_filename]
    file = Path(code.co_filename)
    # A notebook's cells have files of made names.
    typed = file.parent.name.startswith("ipykernel_") or file.name.startswith("<ipython-input")
    return f"{'notebook cell' if typed else file.name}:{lines[-1]}" if lines else ""


def check_vote(value: object) -> int:
    """`value` as a vote.

    Raises:
        NotAVote: when it is not -1, 0 or 1.
    """
    # bool is refused: True would silently mean "b".
    if isinstance(value, (int, np.integer)) and not isinstance(value, bool) and -1 <= value <= 1:
        return int(value)
    raise NotAVote(
        f"returned {shortened(value)}",
        "A vote is -1 (abstain), 0 (A) or 1 (B). Return ABSTAIN when unsure.",
    )


def check_score(value: object) -> float:
    """`value` as a finite score, or NaN for "cannot say".

    Raises:
        NotAVote: when it is not a number, or infinite.
    """
    if isinstance(value, (bool, int, float, np.integer, np.floating, np.bool_)):
        number = float(value)
        if not math.isinf(number):
            return number
    raise NotAVote(
        f"returned {shortened(value)} as a score",
        "A score is a finite number, or NaN where the response cannot be scored.",
    )


def shortened(value: object) -> str:
    """The `repr` of a value, 60 characters at most."""
    shown = " ".join(repr(value).split())
    return shown if len(shown) <= 60 else shown[:57] + "..."
