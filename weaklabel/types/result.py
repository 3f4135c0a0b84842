"""What a function found, as JSON values: one rule for every result."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import fields
from pathlib import Path
from typing import Any

import numpy as np

from weaklabel._shown import Shown


class Result(Shown):
    """Base of the frozen dataclasses that functions return: their JSON is their fields, in their order.

    >>> from dataclasses import dataclass
    >>> @dataclass(frozen=True, repr=False)
    ... class Found(Result):
    ...     share: float
    ...     names: tuple[str, ...]
    >>> Found(float("nan"), ("a", "b")).to_dict()
    {'share': None, 'names': ['a', 'b']}
    """

    __slots__ = ()

    def to_dict(self) -> dict[str, Any]:
        """JSON values: arrays and tuples are lists, a number that is not finite is null."""
        return json_fields(self)


def json_fields(result: Any, **names: str) -> dict[str, Any]:
    """The fields of a dataclass as JSON values; `names` gives fields another name there: `lf_names="lfs"`."""
    return {
        names.get(field.name, field.name): json_values(getattr(result, field.name))
        for field in fields(result)
    }


def json_values(value: Any) -> Any:
    """A value as JSON values, with null in the place of NaN and infinity.

    >>> json_values({"score": float("nan"), "scores": (1.5, float("inf"))})
    {'score': None, 'scores': [1.5, None]}
    """
    if isinstance(value, float):
        return value if math.isfinite(value) else None
    if isinstance(value, Result):
        return value.to_dict()
    if isinstance(value, Mapping):
        return {name: json_values(item) for name, item in value.items()}
    if isinstance(value, list | tuple):
        return [json_values(item) for item in value]
    if isinstance(value, np.ndarray | np.generic):
        return json_values(value.tolist())
    return str(value) if isinstance(value, Path) else value
