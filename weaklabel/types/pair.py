"""`Pair`: one prompt and two responses, as a labeling function sees it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Final

from weaklabel._arguments import check_value
from weaklabel._shown import Shown
from weaklabel.errors import DataError, UndeclaredColumnError
from weaklabel.types.frozen import FrozenDict
from weaklabel.types.messages import Message
from weaklabel.types.text import Text

ABSTAIN: Final = -1
PREFER_A: Final = 0
PREFER_B: Final = 1


class _Declared(FrozenDict):
    """Columns by name, and a word on how to declare one that is missing."""

    __slots__ = ()

    def __missing__(self, name: object) -> Any:
        raise UndeclaredColumnError(
            f"the pair does not hold column {name!r}: a labeling function sees the columns that it declares "
            f"({', '.join(self) or 'none'}). Declare it: @labeling_function(columns=[{name!r}])."
        )

    def get(self, name: str, default: Any = None) -> Any:
        """The same as with brackets: what is never there has no default that would not hide it."""
        return self[name]


def declared_columns(columns: Mapping[str, Any]) -> Mapping[str, Any]:
    """The columns that a function declared, which it cannot change; asking for another is an error that says how.

    Values that hold lists or dicts should be `frozen` already.

    >>> declared_columns({"size": 3})["size"]
    3

    Raises, when another is asked for:
        UndeclaredColumnError: its name, and how to declare it.
    """
    return _Declared(columns)


@dataclass(frozen=True, slots=True, repr=False)
class Pair(Shown):
    """A prompt with two candidate responses. Their order means nothing.

    `columns` holds only what the labeling function declared with ``columns=[...]``, so that no
    bookkeeping column of the source can leak the answer.

    >>> pair = Pair("p1", "2 + 2?", "4", "5")
    >>> pair.swapped().response_a
    '5'
    """

    id: str
    prompt: Text
    response_a: Text
    response_b: Text
    messages: tuple[Message, ...] = ()
    columns: Mapping[str, Any] = field(default_factory=_Declared)

    def __post_init__(self) -> None:
        if not (
            isinstance(self.id, str)
            and isinstance(self.columns, Mapping)
            and isinstance(self.messages, tuple)
        ):
            for name, kind in (("id", "str"), ("columns", "Mapping"), ("messages", "tuple[Mapping, ...]")):
                check_value(f"Pair: {name}", getattr(self, name), kind)
        for name in ("prompt", "response_a", "response_b"):
            value = getattr(self, name)
            if not isinstance(value, str):
                raise DataError(f"pair {self.id!r}: {name} is {type(value).__name__}, expected text.")
            if not isinstance(value, Text):
                object.__setattr__(self, name, Text(value))

    def swapped(self) -> Pair:
        """The same pair in the other order; columns ending in `_a` and `_b` change places too."""
        return Pair(
            id=self.id,
            prompt=self.prompt,
            response_a=self.response_b,
            response_b=self.response_a,
            messages=self.messages,
            columns=_Declared((swapped_name(n, self.columns), value) for n, value in self.columns.items()),
        )


def swapped_name(name: str, names: Mapping[str, Any] | set[str]) -> str:
    """The column that `name` changes places with when a pair is turned round, itself if none.

    Works for names and for name parts at the end only: `score_a` pairs with `score_b` when both exist.

    >>> swapped_name("score_a", {"score_a", "score_b"}), swapped_name("schema_a", {"schema_a"})
    ('score_b', 'schema_a')
    """
    other = {"_a": "_b", "_b": "_a"}.get(name[-2:])
    if other is None:
        return name
    partner = name[:-2] + other
    return partner if partner in names else name
