"""Small tables of pairs, given by what matters to a test."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import pyarrow as pa

from weaklabel.types import CANONICAL, Pairs


def made_pairs(
    responses: Sequence[tuple[str, str]],
    *,
    gold: Sequence[str | None] | None = None,
    part: Sequence[str | None] | str | None = "dev",
    prompts: Sequence[str] | None = None,
    prefix: str = "p",
    columns: Mapping[str, Sequence[Any]] | None = None,
) -> Pairs:
    """One pair per `(response_a, response_b)`, with ids p0, p1, ... and a prompt of its own each."""
    n = len(responses)
    table = {
        "id": [f"{prefix}{i}" for i in range(n)],
        "prompt": prompts or [f"prompt {prefix}{i}" for i in range(n)],
        "response_a": [a for a, _ in responses],
        "response_b": [b for _, b in responses],
        "messages": [None] * n,
        "gold": gold or [None] * n,
        "part": [part] * n if isinstance(part, str) or part is None else part,
        "source": ["made"] * n,
        "swapped": [False] * n,
    }
    made = pa.table({f.name: pa.array(table[f.name], f.type) for f in CANONICAL}, schema=CANONICAL)
    for name, values in (columns or {}).items():
        made = made.append_column(name, pa.array(values))
    return Pairs(made)


def pairs_with(swapped: Sequence[bool] | None = None, **columns: Sequence[Any]) -> Pairs:
    """Pairs with further columns as the source wrote them; `swapped` says which stand in the other order."""
    n = len(next(iter(columns.values())))
    turned = swapped or [False] * n
    rows = [
        {"id": f"p{i}", "prompt": f"{i}?", "response_a": "x", "response_b": "y", "swapped": turned[i]}
        for i in range(n)
    ]
    table = pa.Table.from_pylist(rows, schema=CANONICAL)
    for name, values in columns.items():
        table = table.append_column(name, pa.array(values))
    return Pairs(table)
