"""The settings of labeling functions that are described by settings: one frozen class per kind, checked when made.

The front door's function (`takes`), the tables of `weaklabel.toml` (pydantic reads these classes) and the specs by which
workers find a function all use the same class, so a setting, its default and its check stand once. Nothing heavy is
imported here: reading a configuration must not cost what voting costs.
"""

from __future__ import annotations

import functools
import inspect
import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import KW_ONLY, dataclass, fields
from typing import Any, ClassVar, Final, Literal, ParamSpec, TypeVar

from weaklabel._arguments import Arguments
from weaklabel.errors import LabelingFunctionError, SettingError

MAX_FAULT_SHARE: Final = 0.01
"""The largest share of a function's votes that may fail where nobody said otherwise."""

Prefer = Literal["more", "less"]
P = ParamSpec("P")
S = TypeVar("S")
T = TypeVar("T")

PYDANTIC: Final = {"extra": "forbid"}
"""How pydantic reads the classes: a misspelt key is an error."""
VERDICTS: Final = ("a", "b", "tie", "abstain")
SNORKEL_MEANINGS: Final = ("a", "b", "abstain")


@dataclass(frozen=True)
class ColumnScoresSettings:
    """Settings of `column_scores`.

    Attributes:
        name: the labeling function's name.
        score_a, score_b: columns with the score of the first and of the second response. Names that differ in
            their ending `_a`/`_b` alone change places with the texts; others count in the source's order.
        prefer: whether "more" or "less" of the score wins.
        min_gap: differences below this abstain, in units of the score.
        version: raise it when the scores change and their columns' names do not.
        allow: whether columns that say what gold says may be read.
    """

    __pydantic_config__: ClassVar = PYDANTIC

    name: str
    score_a: str
    score_b: str
    _: KW_ONLY
    prefer: Prefer = "more"
    min_gap: float = 0.0
    version: str = "1"
    allow: bool = False

    def __post_init__(self) -> None:
        check_prefer(self.name, self.prefer)
        check_gap(self.name, self.min_gap)
        check_two_columns(self.name, self.score_a, self.score_b)


@dataclass(frozen=True)
class ColumnVerdictSettings:
    """Settings of `column_verdict`.

    Attributes:
        name: the labeling function's name.
        column: it holds verdicts about the source's order, whatever order the pair was redrawn to.
        votes: value -> "a", "b", "tie" or "abstain". Values are compared as text, so that 1, 1.0 and "1" are
            one value. Null abstains; any value that is not listed is a fault.
        version: raise it when the verdicts change and their column's name does not.
        allow: whether columns that say what gold says may be read.
    """

    __pydantic_config__: ClassVar = PYDANTIC

    name: str
    column: str
    _: KW_ONLY
    votes: Mapping[Any, Literal["a", "b", "tie", "abstain"]]
    version: str = "1"
    allow: bool = False

    def __post_init__(self) -> None:
        put(self, votes=meanings(self.name, "votes", self.votes, VERDICTS))


@dataclass(frozen=True)
class SnorkelSettings:
    """Settings of `load_snorkel`.

    Attributes:
        use: where the functions are: `module:NAME` or `path/file.py:NAME`, a function, a list of them, or an applier.
        votes: what their votes mean: number -> "a", "b" or "abstain". -1 abstains; a vote that is not named is a fault.
        columns: what their data points hold beyond `id`, `prompt`, `response_a` and `response_b`: the name they use and
            where it comes from, e.g. `{"answer_0": "response_a", "topic": "category"}`, or just names of source
            columns. Name both of a `*_a`/`*_b` couple, so that they can change places.
    """

    __pydantic_config__: ClassVar = PYDANTIC

    use: str
    votes: Mapping[Any, Literal["a", "b", "abstain"]]
    columns: Mapping[str, str] | Sequence[str] | None = None

    def __post_init__(self) -> None:
        columns: Any = {} if self.columns is None else self.columns
        if isinstance(columns, str):
            raise SettingError(
                "snorkel", "columns", f"is the string {columns!r}. Give a list of names, or a map."
            )
        named = dict(columns) if isinstance(columns, Mapping) else {name: name for name in columns}
        put(self, votes=_snorkel_votes(self.votes), columns=named)


def takes(settings: Callable[P, S]) -> Callable[[Callable[[S], T]], Callable[P, T]]:
    """Give a function of a settings object the arguments of its settings class, so that they stand once.

    >>> @takes(ColumnScoresSettings)
    ... def named(settings):
    ...     return settings.name, settings.prefer
    >>> named("old_model", "rm_a", "rm_b", prefer="less")
    ('old_model', 'less')
    """

    def wrap(make: Callable[[S], T]) -> Callable[P, T]:
        given = Arguments(settings, make.__name__)

        @functools.wraps(make)
        def taking(*args: P.args, **kwargs: P.kwargs) -> T:
            return make(given.call(settings, args, kwargs))

        own, arguments = (inspect.getdoc(make) or "").rstrip(), inspect.getdoc(settings) or ""
        _, _, listed = arguments.partition("Attributes:\n")
        taking.__doc__ = f"{own}\n\nArgs:\n{listed}"
        returns = inspect.signature(make).return_annotation
        taking.__signature__ = inspect.signature(settings).replace(return_annotation=returns)  # type: ignore[attr-defined]
        return taking

    return wrap


def arguments(settings: Any) -> dict[str, Any]:
    """The fields of a settings object by name: `type(settings)(**arguments(settings))` is `settings` again."""
    return {field.name: getattr(settings, field.name) for field in fields(settings)}


def put(settings: Any, **values: Any) -> None:
    """Set fields of a frozen settings object, in its `__post_init__` alone: a value in its one form."""
    for name, value in values.items():
        object.__setattr__(settings, name, value)


def check_prefer(owner: str, prefer: str) -> None:
    """Raises SettingError for anything but "more" and "less"."""
    check_choice(owner, "prefer", prefer, ("more", "less"))


def check_choice(owner: str, setting: str, value: object, allowed: Sequence[str]) -> None:
    """Raises SettingError for a value that is not one of those allowed."""
    if value not in allowed:
        raise SettingError(owner, setting, f"is {value!r}. Allowed: {', '.join(map(repr, allowed))}.")


def check_gap(owner: str, min_gap: float) -> None:
    """Raises SettingError for a band that is negative or not finite."""
    if not (math.isfinite(min_gap) and min_gap >= 0):
        raise SettingError(owner, "min_gap", f"is {min_gap!r}. Allowed: a number >= 0.")


def check_two_columns(owner: str, one: str, two: str) -> None:
    """Raises LabelingFunctionError where two columns are one."""
    if one == two:
        raise LabelingFunctionError(f"{owner!r}: column {one!r} is named twice. Name two columns.")


def meanings(owner: str, setting: str, given: Mapping[Any, str], allowed: Sequence[str]) -> dict[str, Any]:
    """What values mean, with the values as text, sorted.

    Raises:
        SettingError: a meaning that is not allowed, none at all, or one value with two of them.
    """
    from weaklabel.types.verdicts import keyed  # which loads numpy: only for those who have such a setting

    try:
        return dict(sorted(keyed(given, allowed).items()))
    except ValueError as error:
        raise SettingError(owner, setting, str(error)) from None


def _snorkel_votes(given: Mapping[Any, str]) -> dict[str, str]:
    odd = [vote for vote in given if not str(vote).removeprefix("-").isdecimal()]
    if odd or not {"a", "b"} <= set(given.values()) <= set(SNORKEL_MEANINGS):
        which = f", and {odd[0]!r} is no vote of a Snorkel function" if odd else ""
        raise SettingError(
            "snorkel",
            "votes",
            f"is {dict(given)!r}{which}. Map whole numbers to 'a', 'b' or 'abstain', "
            "in Python {1: 'a', 2: 'b'}, in TOML { 1 = 'a', 2 = 'b' }.",
        )
    return {str(int(vote)): given[vote] for vote in sorted(given, key=int)}
