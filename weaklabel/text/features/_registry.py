"""How a feature is written: once for one text, and once more for a whole column where that is worth it.

The form for one text is the meaning; tests hold the form for columns to it, bit for bit. A feature without a form
for columns works on columns as well, text by text.
"""

from __future__ import annotations

import functools
from collections.abc import Callable
from typing import Any, Final, Protocol, TypeVar, cast, overload

import numpy as np

from weaklabel.text.column import FEW, TextColumn, read_only
from weaklabel.types import FloatArray, Text

T = TypeVar("T")
ColumnForm = Callable[[TextColumn], Any]
PromptForm = Callable[[TextColumn, TextColumn], Any]


class Remembered(Protocol[T]):
    """A value of one text, kept by the text; of a column, a list of them."""

    __name__: str

    @overload
    def __call__(self, text: TextColumn, /) -> list[T]: ...
    @overload
    def __call__(self, text: str, /) -> T: ...
    def on_columns(self, form: ColumnForm, /) -> ColumnForm:
        """Take `form` for the distinct texts of a column: it returns a sequence with one value for each."""


class Feature(Protocol):
    """A number of one text, or a `(n,)` float64 array of a column."""

    __name__: str

    @overload
    def __call__(self, text: TextColumn, /) -> FloatArray: ...
    @overload
    def __call__(self, text: str, /) -> float: ...
    def on_columns(self, form: ColumnForm, /) -> ColumnForm:
        """Take `form` for the distinct texts of a column: it returns one number for each."""


class PromptFeature(Protocol):
    """A number of a response and its prompt, or a `(n,)` float64 array of two columns."""

    __name__: str

    @overload
    def __call__(self, response: TextColumn, prompt: TextColumn, /) -> FloatArray: ...
    @overload
    def __call__(self, response: str, prompt: str, /) -> float: ...
    def on_columns(self, form: PromptForm, /) -> PromptForm:
        """Take `form` for two columns of equal length: it returns one number per row."""


FEATURES: Final[dict[str, Feature]] = {}
"""Name -> feature of one response."""

PROMPT_FEATURES: Final[dict[str, PromptFeature]] = {}
"""Name -> feature of a response and its prompt, called as `f(response, prompt)`."""


def remembered(fn: Callable[[Text], T]) -> Remembered[T]:
    """`fn` computed at most once per `Text`; a plain `str` is taken as well, and a column gives a list."""
    key, forms = _key(fn), list[ColumnForm]()

    @functools.wraps(fn)
    def once(text: Any) -> Any:
        return _recall(key, fn, forms, text)

    once.on_columns = functools.partial(_register, forms)  # type: ignore[attr-defined]
    return cast("Remembered[T]", once)


def feature(fn: Callable[[Text], float]) -> Feature:
    """A remembered number, listed in `FEATURES` under the function's name.

    >>> @feature
    ... def n_vowels(text):
    ...     return sum(text.count(v) for v in "aeiou")
    >>> n_vowels("audio"), n_vowels(TextColumn.of(["audio", "sky"])).tolist()
    (4.0, [4.0, 0.0])
    >>> FEATURES.pop("n_vowels") is n_vowels
    True
    """
    key, forms = _key(fn), list[ColumnForm]()

    @functools.wraps(fn)
    def once(text: Any) -> Any:
        return _number(key, fn, forms, text)

    once.on_columns = functools.partial(_register, forms)  # type: ignore[attr-defined]
    FEATURES[fn.__name__] = made = cast("Feature", once)
    return made


def prompt_feature(fn: Callable[[Text, Text], float]) -> PromptFeature:
    """A number of a response and its prompt, remembered by the response, listed in `PROMPT_FEATURES`."""
    key, forms = _key(fn), list[PromptForm]()

    @functools.wraps(fn)
    def once(response: Any, prompt: Any) -> Any:
        return _prompted(key, fn, forms, response, prompt)

    once.on_columns = functools.partial(_register, forms)  # type: ignore[attr-defined]
    PROMPT_FEATURES[fn.__name__] = made = cast("PromptFeature", once)
    return made


def as_text(text: str) -> Text:
    """`text` itself if it remembers, else one that does."""
    return text if isinstance(text, Text) else Text(text)


def _key(fn: Callable[..., Any]) -> str:
    return f"{fn.__module__}:{fn.__qualname__}"


# A feature carries its form for columns with it, in a list of none or one: a table of all forms would make the votes
# of every labeling function depend on the packages of every feature.


def _register(forms: list[Any], form: Callable[..., Any]) -> Callable[..., Any]:
    forms[:] = [form]
    return form


def _form(forms: list[Any]) -> Any:
    return forms[0] if forms else None


def _recall(key: str, fn: Callable[[Text], Any], forms: list[ColumnForm], text: Any) -> Any:
    if isinstance(text, TextColumn):
        return [_recall(key, fn, forms, known) for known in text.texts]
    return as_text(text).remember(key, fn, _form(forms))


def _number(key: str, fn: Callable[[Text], float], forms: list[ColumnForm], text: Any) -> Any:
    if not isinstance(text, TextColumn):
        return float(as_text(text).remember(key, fn, _form(forms)))
    if not forms or len(text.distinct) <= FEW:
        return text.numbers(("each", key), lambda column: [known.remember(key, fn) for known in column.texts])
    return text.numbers(key, forms[0])


def _prompted(
    key: str, fn: Callable[[Text, Text], float], forms: list[PromptForm], response: Any, prompt: Any
) -> Any:
    if not isinstance(response, TextColumn):
        known, asked = as_text(response), as_text(prompt)
        return float(known.remember((key, asked), lambda text: fn(text, asked)))
    if forms and len(response) > FEW:
        form = forms[0]
        return response.remember((key, prompt), lambda column: read_only(form(column, prompt)))
    rows = zip(response.texts, prompt.texts, strict=True)
    return np.array([_prompted(key, fn, forms, *both) for both in rows], np.float64)
