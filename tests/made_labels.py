"""Small labelled pairs whose every number is known."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pyarrow as pa

from weaklabel.types import CANONICAL, Labels, Pairs, Votes

# id, prompt, messages, gold, part, logit, w: the reasons for leaving a pair out, one after the other.
TURNS = [
    {"role": "user", "content": "Hi"},
    {"role": "assistant", "content": "Hello."},
    {"role": "user", "content": "And \u2028 then?"},
]
ROWS: list[tuple[str, str, Any, str | None, str | None, float, float]] = [
    ("b-wins", "2 + 2?", None, "b", "dev", 2.0, 1.0),
    ("a-wins", "Human: Hi\n\nHuman: And \u2028 then?", TURNS, "b", "dev", -1.5, 1.0),
    ("unsure", "Name a fruit.", [], None, "pool", 0.25, 1.0),
    ("tie", "Name a tree.", None, None, "pool", 0.0, 1.0),
    ("silent", "Name a bird.", None, None, "pool", 0.0, 0.0),
    ("locked", "Name a fish.", None, "a", "test", -3.0, 1.0),
]


def build_labels(calibrated: bool = True, rows: list[Any] | None = None) -> Labels:
    rows = ROWS if rows is None else rows
    ids, prompts, messages, gold, part, logit, w = (list(column) for column in zip(*rows, strict=True))
    n = len(rows)
    columns = [
        ids,
        prompts,
        [f"first answer to {name} ünï" for name in ids],
        [f"second answer\nto {name}" for name in ids],
        messages,
        gold,
        part,
        ["made"] * n,
        [False] * n,
    ]
    arrays = [pa.array(c, field.type) for c, field in zip(columns, CANONICAL, strict=True)]
    z = np.array(logit, dtype=np.float64)
    L = np.sign(z).astype(np.int8)[:, None]
    votes = Votes(
        np.where(L == 0, -1, (L + 1) // 2).astype(np.int8), L.astype(np.float32), ("lf",), tuple(ids)
    )
    return Labels(
        Pairs(pa.table(arrays, schema=CANONICAL)),
        votes,
        z,
        np.array(w, dtype=np.float64),
        None,
        calibrated,
        np.array([p == "dev" for p in part]),
    )


def build_pairs(
    prompts: list[str],
    a: list[str],
    b: list[str],
    gold: list[str | None] | None = None,
    part: list[str | None] | None = None,
) -> Pairs:
    n = len(prompts)
    columns = [
        [str(i) for i in range(n)],
        prompts,
        a,
        b,
        [None] * n,
        gold or [None] * n,
        part or [None] * n,
        [None] * n,
        [False] * n,
    ]
    arrays = [pa.array(c, field.type) for c, field in zip(columns, CANONICAL, strict=True)]
    return Pairs(pa.table(arrays, schema=CANONICAL))


def with_column(pairs: Pairs, name: str, values: list[Any]) -> Pairs:
    """The pairs with one canonical column replaced."""
    field = CANONICAL.field(name)
    index = pairs.table.schema.get_field_index(name)
    return Pairs(pairs.table.set_column(index, field, pa.array(values, field.type)))


def labels_of(pairs: Pairs, logit: np.ndarray[Any, np.dtype[np.float64]]) -> Labels:
    """Calibrated labels with given log-odds, as if one labeling function had voted."""
    L = np.where(logit == 0, -1, logit > 0).astype(np.int8)[:, None]
    votes = Votes(L, logit.astype(np.float32)[:, None], ("lf",), pairs.ids)
    return Labels(pairs, votes, logit, np.ones(len(pairs)), None, True, np.zeros(len(pairs), dtype=bool))


def with_interval(labels: Labels, low: list[float], high: list[float]) -> Labels:
    """The labels with what gold leaves open of P(B)."""
    return replace(labels, p_low=np.array(low), p_high=np.array(high))


def swapped_labels(labels: Labels) -> Labels:
    """The same labels of the same pairs with the two responses in the other order."""
    no_interval = labels.p_low is None or labels.p_high is None
    return replace(
        labels,
        pairs=labels.pairs.swapped(),
        votes=labels.votes.swapped(),
        logit=-labels.logit,
        p_low=None if no_interval else 1.0 - labels.p_high,
        p_high=None if no_interval else 1.0 - labels.p_low,
    )
