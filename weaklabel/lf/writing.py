"""Writing labeling functions: the decorators, and what else a file of labeling functions needs.

`weaklabel.lf` offers all of it under the same names.
"""

from __future__ import annotations

import math
import sys
from collections.abc import Callable, Sequence
from typing import Any, overload
from weakref import WeakValueDictionary

from weaklabel._arguments import checked
from weaklabel.errors import LabelingFunctionError, WeaklabelWarning, warn
from weaklabel.lf.core import (
    LabelingFunction,
    PairFunction,
    ResponseScorer,
    WrittenFunction,
    family_of,
    positional,
)
from weaklabel.lf.settings import Prefer
from weaklabel.lf.votes import shortened
from weaklabel.text import features as features
from weaklabel.text.column import TextColumn as TextColumn
from weaklabel.text.patterns import Pattern as Pattern
from weaklabel.types import ABSTAIN as ABSTAIN
from weaklabel.types import PREFER_A as PREFER_A
from weaklabel.types import PREFER_B as PREFER_B
from weaklabel.types import FloatArray as FloatArray
from weaklabel.types import Pair as Pair
from weaklabel.types import Text as Text

VoteFunction = Callable[[Pair], int]
ScoreFunction = Callable[..., Any]


@overload
def labeling_function(fn: VoteFunction, /) -> PairFunction: ...
@overload
def labeling_function(
    *, name: str | None = None, columns: Sequence[str] = (), version: str = "1", allow: bool = False
) -> Callable[[VoteFunction], PairFunction]: ...
@checked
def labeling_function(
    fn: VoteFunction | None = None,
    /,
    *,
    name: str | None = None,
    columns: Sequence[str] = (),
    version: str = "1",
    allow: bool = False,
) -> PairFunction | Callable[[VoteFunction], PairFunction]:
    """Turn `pair -> vote` into a labeling function. Works with and without parentheses.

    Args:
        name: another name than the function's own.
        columns: source columns that `pair.columns` shall hold. Nothing else of the source is visible.
        version: raise it when something outside the code changes the votes.
        allow: whether the columns may be such that say what gold says.

    >>> @labeling_function
    ... def prefers_thanks(pair):
    ...     a, b = "thank" in pair.response_a, "thank" in pair.response_b
    ...     return ABSTAIN if a == b else int(b)
    >>> prefers_thanks(Pair("1", "Hi", "No.", "thanks, no"))
    1
    """

    def wrap(function: VoteFunction) -> PairFunction:
        _check_arity(function, (1,), "a labeling function takes the pair")
        made = PairFunction(
            name=name or _name_of(function),
            family=family_of(function),
            fn=function,
            columns=tuple(columns),
            version=version,
            allow=allow,
        )
        _enter(made)
        return made

    return wrap if fn is None else wrap(fn)


@overload
def response_scorer(fn: ScoreFunction, /) -> ResponseScorer: ...
@overload
def response_scorer(
    *,
    name: str | None = None,
    prefer: Prefer = "more",
    min_gap: float = 0.0,
    max_gap: float = math.inf,
    batch: bool = False,
    version: str = "1",
) -> Callable[[ScoreFunction], ResponseScorer]: ...
@checked
def response_scorer(
    fn: ScoreFunction | None = None,
    /,
    *,
    name: str | None = None,
    prefer: Prefer = "more",
    min_gap: float = 0.0,
    max_gap: float = math.inf,
    batch: bool = False,
    version: str = "1",
) -> ResponseScorer | Callable[[ScoreFunction], ResponseScorer]:
    """Turn `response -> number` or `(response, prompt) -> number` into a labeling function.

    Arguments that are called `prompt` and `response` are given these, in whichever order they stand.

    With `batch=True` it receives a `TextColumn` (two, if it asks for the prompt) and returns one number per row:
    `features.n_words(response)` is then an array, and `response.series` a polars column of strings. Where the body
    is arithmetic of features, that is the one change, and about ten times as fast.

    Args:
        name: another name than the function's own.
        prefer: whether the response with "more" or with "less" of it wins.
        min_gap: differences below this abstain (an equal difference votes).
        max_gap: differences above this abstain.
        batch: the function works on whole columns.
        version: raise it when something outside the code changes the scores.

    >>> @response_scorer(prefer="less", min_gap=2)
    ... def exclaims(response):
    ...     return response.count("!")
    >>> exclaims(Pair("1", "Hi", "Hello!!!", "Hello!")), exclaims(Pair("2", "Hi", "Hello!!", "Hello!"))
    (1, -1)
    """

    def wrap(function: ScoreFunction) -> ResponseScorer:
        _check_arity(function, (1, 2), "a response scorer takes the response, and the prompt if it needs it")
        if positional(function) == ["prompt"]:
            raise LabelingFunctionError(
                f"{_name_of(function)!r} takes the prompt alone, which is the same for both responses: a response scorer takes the "
                "response. Call its argument response, or give it both."
            )
        made = ResponseScorer(
            name=name or _name_of(function),
            family=family_of(function),
            fn=function,
            version=version,
            prefer=prefer,
            min_gap=min_gap,
            max_gap=max_gap,
            batch=batch,
        )
        _enter(made)
        return made

    return wrap if fn is None else wrap(fn)


_typed: dict[tuple[str, str], WrittenFunction] = {}
"""The last function of each module and name that was typed: in a notebook's cell, or at a prompt."""
_earlier: WeakValueDictionary[int, WrittenFunction] = WeakValueDictionary()
"""Those that were typed again since, by their `id`."""


def current(lfs: Sequence[LabelingFunction]) -> list[LabelingFunction]:
    """The functions, each that was typed again since as it was typed last, and once.

    Lists that were made in other cells still hold what a cell defined before it was edited. Warns where one does.
    Functions of files, and those made inside other functions, are left alone.
    """
    found: list[LabelingFunction] = []
    for lf in lfs:
        last = _typed[_place(lf)] if isinstance(lf, WrittenFunction) and _earlier.get(id(lf)) is lf else lf
        if last is lf or not any(last is other for other in (*found, *lfs)):
            found.append(last)
    if again := [lf.name for lf in lfs if _earlier.get(id(lf)) is lf]:
        warn(
            f"{', '.join(map(repr, dict.fromkeys(again)))} was defined again: its last definition is used, though the list "
            "holds an earlier one. Make the list again; to keep both, give one another name (name='...').",
            WeaklabelWarning,
        )
    return found


def _enter(lf: WrittenFunction) -> None:
    module = sys.modules.get(lf.fn.__module__ or "")
    # Whatever has a file can be read again as it was; a closure is one of many on purpose.
    if (
        module is None
        or getattr(module, "__file__", None)
        or "<locals>" in getattr(lf.fn, "__qualname__", "")
    ):
        return
    before = _typed.get(_place(lf))
    if before is not None:
        _earlier[id(before)] = before
    _typed[_place(lf)] = lf


def _place(lf: WrittenFunction) -> tuple[str, str]:
    return lf.fn.__module__, lf.name


def _check_arity(fn: Callable[..., Any], allowed: tuple[int, ...], rule: str) -> None:
    if not callable(fn):
        raise LabelingFunctionError(f"{fn!r} is no function: {rule}.")
    found = positional(fn)
    if len(found) not in allowed:
        raise LabelingFunctionError(
            f"{getattr(fn, '__name__', fn)!r} takes {len(found)} arguments ({', '.join(found)}): {rule}."
        )


def _name_of(fn: Callable[..., Any]) -> str:
    found = getattr(fn, "__name__", None)
    if not isinstance(found, str):
        raise LabelingFunctionError(
            f"{shortened(fn)} has no name of its own. Give it one: name='...' in the decorator's parentheses."
        )
    return found
