"""What a function found, as JSON values: one rule for every result."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import fields, is_dataclass
from pathlib import Path
from typing import Any

import numpy as np


def json_fields(result: Any, **names: str) -> dict[str, Any]:
    """JSON values: its fields in their order; arrays and tuples are lists, a number that is not finite is null.

    The `to_dict` of the dataclasses that functions return; `names` gives fields another name there: `lf_names="lfs"`.

    >>> from dataclasses import dataclass
    >>> @dataclass(frozen=True)
    ... class Found:
    ...     share: float
    ...     names: tuple[str, ...]
    ...     to_dict = json_fields
    >>> Found(float("nan"), ("a", "b")).to_dict()
    {'share': None, 'names': ['a', 'b']}
    """
    return {
        names.get(field.name, field.name): json_values(getattr(result, field.name))
        for field in fields(result)
    }


def json_values(value: Any) -> Any:
    """A value as JSON values, with null in the place of NaN and infinity; a result in it by its own `to_dict`.

    >>> json_values({"score": float("nan"), "scores": (1.5, float("inf"))})
    {'score': None, 'scores': [1.5, None]}
    """
    if isinstance(value, float):
        return value if math.isfinite(value) else None
    if is_dataclass(value) and hasattr(value, "to_dict"):
        return value.to_dict()
    if isinstance(value, Mapping):
        return {name: json_values(item) for name, item in value.items()}
    if isinstance(value, list | tuple):
        return [json_values(item) for item in value]
    if isinstance(value, np.ndarray):
        return json_values(value.tolist())
    return str(value) if isinstance(value, Path) else value
