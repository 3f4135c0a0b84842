"""Checks that more than one room needs, so that the same mistake gives the same sentence everywhere."""

from __future__ import annotations

import numbers
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final, TypeVar

import numpy as np
from numpy.typing import ArrayLike, NDArray

from weaklabel.errors import ConfigError, LabelMatrixError, UnknownNameError
from weaklabel.types.votes import Float32Array, FloatArray, Int8Array

T = TypeVar("T")


def lookup(kind: str, registry: Mapping[str, T], name: str) -> T:
    """`registry[name]`, or an error that lists what is known and guesses what was meant."""
    try:
        return registry[name]
    except KeyError:
        raise UnknownNameError.for_name(kind, name, registry) from None


def check_least(name: str, value: float, least: int, meaning: str = "") -> None:
    """Raises ConfigError for a number below `least`, and for NaN; `meaning` says what `least` does.

    >>> check_least("bins", 0, 1)
    Traceback (most recent call last):
    weaklabel.errors.ConfigError: bins is 0. Allowed: 1 or more.
    """
    if not value >= least:
        said = f"{least} ({meaning})" if meaning else str(least)
        raise ConfigError(f"{name} is {value!r}. Allowed: {said} or more.")


_NUMBERS: Final = (numbers.Integral, numbers.Real)  # which a bool is to Python and to nobody else
# Whole numbers that files can hold, and that a float can.
_LARGEST: Final[Mapping[Any, int]] = {numbers.Integral: 1 << 63, numbers.Real: 1 << 1000}
# Annotation -> what passes for it, and how a person calls it.
_KINDS: Final[Mapping[str, tuple[Any, str]]] = {
    "bool": (bool, "true or false"),
    "int": (numbers.Integral, "a whole number"),
    "float": (numbers.Real, "a number"),
    "str": (str, "a text"),
    "str | Path": ((str, Path), "a path or a name"),
    "Mapping": (Mapping, "a table of names and numbers"),
}


def check_settings(owner: str, given: Mapping[str, object], annotations: Mapping[str, str]) -> None:
    """Settings that came from a file or a command line, by name and kind, before anything is done with them.

    Args:
        owner: whose settings, for the message.
        given: name -> value.
        annotations: name -> annotation as text, such as "int | None"; of other kinds than the usual anything goes.

    Raises:
        ConfigError: a name that is not known, or a value of another kind.

    >>> check_settings("linear", {"seed": 1, "l2": 0.5}, {"seed": "int", "l2": "float"})
    """
    for name, value in given.items():
        if name not in annotations:
            raise ConfigError(str(UnknownNameError.for_name(f"setting of {owner}", name, annotations)))
        annotation = annotations[name]
        if value is None and annotation.endswith(" | None"):
            continue
        kind, words = _KINDS.get(annotation.removesuffix(" | None").partition("[")[0], (object, ""))
        if kind in _LARGEST and isinstance(value, int) and abs(value) >= _LARGEST[kind]:
            raise ConfigError(f"{owner}: {name} is {_cut(value)}. Allowed: {words} that is not as large.")
        if not isinstance(value, kind) or (isinstance(value, bool) and kind in _NUMBERS):
            raise ConfigError(f"{owner}: {name} is {value!r}. Allowed: {words}.")


def _cut(value: Any) -> str:
    """A whole number with few digits; Python refuses to write one with thousands."""
    return str(value) if abs(value) < 1 << 100 else f"a number of {value.bit_length()} bits"


def number_within(value: object, least: float, most: float) -> float:
    """A number of a saved file, as float.

    Raises:
        ValueError: no number (text and true are none), NaN, or outside `least` to `most`.

    >>> number_within(2, 0, 1e12)
    2.0
    """
    if isinstance(value, int | float) and not isinstance(value, bool) and least <= value <= most:
        return float(value)
    raise ValueError(f"{str(value)[:40]!r} is no number from {least:g} to {most:g}")


def numbers_within(values: object, shape: tuple[int | None, ...], least: float, most: float) -> FloatArray:
    """Lists of numbers of a saved file, one in another, as a float64 array of that shape; None is any length.

    Raises:
        ValueError: other lengths, or what `number_within` refuses.

    >>> numbers_within([[1, 2], [3, 4]], (None, 2), 0, 9).tolist()
    [[1.0, 2.0], [3.0, 4.0]]
    """
    flat: list[Any] = [values]
    found = []
    for wanted in shape:
        lengths = {len(part) if isinstance(part, list) else -1 for part in flat} or {wanted or 0}
        length = lengths.pop()
        if lengths or length < 0 or wanted not in (None, length):
            size = " x ".join("n" if side is None else str(side) for side in shape)
            raise ValueError(f"{str(values)[:40]!r} is no table of {size} numbers")
        found.append(length)
        flat = [value for part in flat for value in part]
    return np.array([number_within(value, least, most) for value in flat], dtype=np.float64).reshape(found)


def whole_within(value: object, least: int, most: int) -> int:
    """A whole number of a saved file.

    Raises:
        ValueError: no whole number (text, true and 2.0 are none), or outside `least` to `most`.

    >>> whole_within(2, 0, 10)
    2
    """
    if isinstance(value, int) and not isinstance(value, bool) and least <= value <= most:
        return value
    raise ValueError(f"{str(value)[:40]!r} is no whole number from {least} to {most}")


def saved_texts(values: object) -> tuple[str, ...]:
    """A list of texts of a saved file.

    Raises:
        ValueError: no list, or something else in it.

    >>> saved_texts(["one", "two"])
    ('one', 'two')
    """
    if isinstance(values, list) and all(isinstance(value, str) for value in values):
        return tuple(values)
    raise ValueError(f"{str(values)[:40]!r} is no list of texts")


def check_label_matrix(L: ArrayLike, n_lfs: int | None = None, *, n_classes: int | None = None) -> Int8Array:
    """`L` as a two-dimensional int8 array of votes: -1, 0 and 1, or -1 and 0..n_classes-1.

    Raises:
        LabelMatrixError: wrong rank, wrong number of columns, or a value that is no vote.
    """
    array = np.asarray(L)
    if array.ndim != 2:
        raise LabelMatrixError(
            f"L has {array.ndim} dimension(s). Pass votes of shape (n_pairs, n_lfs), as apply() returns."
        )
    if n_lfs is not None and array.shape[1] != n_lfs:
        raise LabelMatrixError(
            f"L has {array.shape[1]} columns but the model was fitted on {n_lfs}. "
            "Apply the same labeling functions in the same order."
        )
    classes = range(-1, 2 if n_classes is None else n_classes)
    if array.size and not _all_within(array, classes):
        odd = sorted({float(v) for v in np.unique(array)} - set(classes))[:5]
        votes = "0 (A) or 1 (B)" if n_classes is None else f"a class 0..{n_classes - 1}"
        raise LabelMatrixError(
            f"L holds {odd}. A vote is -1 (abstain){',' if n_classes is None else ' or'} {votes}."
        )
    return array.astype(np.int8, copy=False)


def _all_within(array: NDArray[Any], classes: range) -> bool:
    if array.dtype.kind in "iu":  # whole numbers: the ends tell, many times faster
        return int(array.min()) >= classes[0] and int(array.max()) <= classes[-1]
    return bool(np.isin(array, classes).all())


def check_margins(margins: ArrayLike | None, L: Int8Array) -> Float32Array:
    """Margins as float32 of the shape of `L`; all NaN where none were given."""
    if margins is None:
        return np.full(L.shape, np.nan, dtype=np.float32)
    with np.errstate(over="ignore"):  # a margin too large for float32 is infinite, which counts as a vote
        array = np.asarray(margins, dtype=np.float32)
    if array.shape != L.shape:
        raise LabelMatrixError(
            f"margins have shape {array.shape} but L has {L.shape}. Pass both from the same apply() call."
        )
    return array


def check_gold(y: ArrayLike | None, n_rows: int, n_classes: int | None = None) -> FloatArray:
    """Gold as float64 `(n_rows,)`: 0 (A), 1 (B), .5 (tie), or a class 0..n_classes-1; NaN (unknown); all NaN for None.

    Raises:
        LabelMatrixError: another length, or a value that is no gold.
    """
    if y is None:
        return np.full(n_rows, np.nan)
    array = np.asarray(y, dtype=np.float64)
    if array.shape != (n_rows,):
        what = "pair" if n_classes is None else "row"
        raise LabelMatrixError(f"y has shape {array.shape}, expected ({n_rows},): one gold value per {what}.")
    allowed = (0.0, 0.5, 1.0) if n_classes is None else tuple(map(float, range(n_classes)))
    known = array[~np.isnan(array)]
    if not np.isin(known, allowed).all():
        odd = sorted({float(v) for v in known} - set(allowed))[:5]
        words = "0 (A), 1 (B), 0.5 (tie)" if n_classes is None else f"a class 0..{n_classes - 1},"
        raise LabelMatrixError(f"y holds {odd}. Gold is {words} or NaN (unknown).")
    return array
