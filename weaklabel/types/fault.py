"""`Fault`: a labeling function that failed on a pair, as data."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any, Final, Literal, Self, get_args

from weaklabel._shown import Shown

FaultKind = Literal["raised", "no_vote", "unanswered", "timed_out", "out_of_memory", "killed", "overstepped"]
FAULT_KINDS: Final[tuple[FaultKind, ...]] = get_args(FaultKind)


@dataclass(frozen=True, slots=True, repr=False)
class Fault(Shown):
    """A labeling function that failed on one pair. The vote stands as an abstain, and is counted here.

    Attributes:
        lf: name of the function.
        pair_id: id of the pair.
        kind: what went wrong: it "raised" an exception, returned what is "no_vote", the model behind it left the pair
            "unanswered", it "timed_out", ran "out_of_memory", its process was "killed", or it "overstepped": it did what no function may.
        message: of "raised" what the exception says; otherwise what the function did, to be read after its name
            ("returned 2").
        exception: of "raised" the class of the exception.
        where: of "raised" the line of the function's file that raised, e.g. "style.py:12"; "" where it is not known.
        hint: what is allowed and what to do, in whole sentences; may be empty.

    >>> print(Fault("short", "p1", "no_vote", "returned 2", hint="A vote is -1, 0 or 1."))
    'short' returned 2 for pair 'p1'. A vote is -1, 0 or 1.
    >>> print(Fault("short", "p1", "raised", "'size'", exception="KeyError", where="style.py:12"))
    'short' raised KeyError: 'size' (pair 'p1') in style.py:12
    """

    lf: str
    pair_id: str
    kind: FaultKind
    message: str
    exception: str = ""
    where: str = ""
    hint: str = ""

    def __str__(self) -> str:
        if self.kind == "no_vote":
            said = f"{self.lf!r} {self.message} for pair {self.pair_id!r}"
        else:
            where = f" in {self.where}" if self.where else ""
            said = f"{self.lf!r} {self.what} (pair {self.pair_id!r}){where}"
        return f"{said}. {self.hint}" if self.hint else said

    @property
    def what(self) -> str:
        """What the function did, to be read after its name."""
        if self.kind != "raised":
            return self.message
        return f"raised {self.exception}" + (f": {self.message}" if self.message else "")

    def to_dict(self) -> dict[str, str]:
        """JSON values; what is empty is left out."""
        return {name: value for name, value in asdict(self).items() if value}

    @classmethod
    def from_dict(cls, values: Mapping[str, Any]) -> Self:
        """The fault that `to_dict` gave.

        Raises:
            KeyError: its kind is not known. TypeError: it lacks a value, or has one too many.
        """
        if values["kind"] not in FAULT_KINDS:
            raise KeyError(values["kind"])
        return cls(**{"message": "", **values})
