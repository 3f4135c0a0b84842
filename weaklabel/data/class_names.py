"""`ClassLabel` columns of Hugging Face data sets: numbers in the table, their names in its metadata."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any, Final

import pyarrow as pa
import pyarrow.compute as pc

_KEY: Final = b"huggingface"


def with_class_names(table: pa.Table) -> pa.Table:
    """The table with the names of classes in place of their numbers; -1, which stands for no class, is null."""
    for name, classes in _classes(table.schema.metadata or {}).items():
        at = table.schema.get_field_index(name)
        if at >= 0 and pa.types.is_integer(table.schema.field(at).type):
            known = pc.and_(pc.greater_equal(table[name], 0), pc.less(table[name], len(classes)))
            numbers = pc.if_else(known, table[name], None)
            table = table.set_column(at, name, pc.take(pa.array(classes, pa.string()), numbers))
    return table


def _classes(metadata: Mapping[bytes, bytes]) -> dict[str, list[str]]:
    """Column -> names of its classes, as a data set's metadata tells them."""
    try:
        features: Any = json.loads(metadata.get(_KEY, b"{}")).get("info", {}).get("features", {})
        return {
            str(name): [str(label) for label in feature["names"]]
            for name, feature in features.items()
            if isinstance(feature, dict) and feature.get("_type") == "ClassLabel" and feature.get("names")
        }
    except (ValueError, AttributeError, TypeError):  # somebody else's metadata
        return {}
