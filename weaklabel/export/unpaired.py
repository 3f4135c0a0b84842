"""Rows with one response and whether it is desirable, for trainers that take responses without their pairs.

Source: Ethayarajh, Xu, Muennighoff, Jurafsky and Kiela, KTO: Model Alignment as Prospect Theoretic Optimization (2024).

Trap: the KL term of the loss is estimated on completions of *other* prompts, and TRL finds them by moving the completions of
each batch on by one row, in the order of the file. If the two rows of a pair stood together, half of these completions would
be answers to their own prompt. `apart` gives an order in which that does not happen.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Iterator
from itertools import islice
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from weaklabel.export.selection import Selection

Row = dict[str, Any]

BLOCK: Final = 4096
"""Pairs whose rows are dealt out together; the last list may hold nearly twice as many."""


def unpaired(row: Row) -> tuple[Row, Row]:
    """A row of `preference_rows` as two: its chosen response is desirable, its rejected one undesirable.

    `p_desirable` is the belief that the completion is the better one of its pair: above .5 where `label` is True, below
    where it is False. Its interval and `logit` are about the completion too. `w` is the pair's, in both rows.

    >>> row = {"prompt": "2 + 2?", "chosen": "4", "rejected": "5", "p_chosen": 0.75, "logit": 1.0986, "w": 1.0}
    >>> row |= {"p_chosen_low": 0.5, "p_chosen_high": 0.875, "id": "1", "label_source": "weaklabel:calibrated"}
    >>> for side in unpaired(row):
    ...     print(side["completion"], side["label"], side["p_desirable"], side["p_desirable_low"], side["p_desirable_high"])
    4 True 0.75 0.5 0.875
    5 False 0.25 0.125 0.5
    """
    low, high = row["p_chosen_low"], row["p_chosen_high"]
    turned = tuple(None if end is None else 1.0 - end for end in (high, low))
    return (
        _side(row, row["chosen"], True, row["p_chosen"], (low, high), row["logit"]),
        _side(row, row["rejected"], False, 1.0 - row["p_chosen"], turned, -row["logit"]),
    )


def _side(
    row: Row, completion: Any, label: bool, p: float, ends: tuple[float | None, ...], logit: float
) -> Row:
    return {
        "prompt": row["prompt"],
        "completion": completion,
        "label": label,
        "p_desirable": p,
        "p_desirable_low": ends[0],
        "p_desirable_high": ends[1],
        "w": row["w"],
        "logit": logit,
        "id": row["id"],
        "label_source": row["label_source"],
    }


def apart(rows: Iterable[Row], block: int = BLOCK) -> Iterator[list[Row]]:
    """`unpaired` of rows, in lists: desirable and undesirable by turns, neighbours from pairs half a list apart.

    So two neighbours answer one prompt only where half of a list's pairs do, if pairs of one prompt follow one another. A list
    is of `block` pairs, the last one of up to twice as many, however the rows came.
    """
    for pairs in _blocks(iter(rows), block):
        sides = [unpaired(row) for row in pairs]
        half = len(sides) // 2
        yield [
            row
            for i, (desirable, _) in enumerate(sides)
            for row in (desirable, sides[(i + half) % len(sides)][1])
        ]


def _blocks(rows: Iterator[Row], size: int) -> Iterator[list[Row]]:
    """Lists of `size` rows; what is left at the end joins the last one, as a short list cannot keep rows apart."""
    held: list[Row] = []
    while taken := list(islice(rows, size)):
        if held and len(taken) == size:
            yield held
            held = []
        held += taken
    if held:
        yield held


def with_notes(blocks: Iterable[list[Row]], selection: Selection) -> Iterator[list[Row]]:
    """The same lists; once they have gone by, the selection's account tells what a trainer on single rows must know."""
    seen: list[NDArray[np.uint64]] = []
    labels: list[NDArray[np.bool_]] = []
    neighbours, before = 0, None
    for rows in blocks:
        seen.append(np.array([_key(row) for row in rows], np.uint64))
        labels.append(np.array([row["label"] for row in rows], np.bool_))
        for row in rows:
            neighbours += row["prompt"] == before
            before = row["prompt"]
        yield rows
    if not seen:
        return
    keys, desirable = np.concatenate(seen), np.concatenate(labels)
    both = np.intersect1d(keys[desirable], keys[~desirable])
    if len(both):
        n_rows = int(np.isin(keys, both).sum())
        selection.notes.append(
            f"{len(both):,} completions are desirable in one row and undesirable in another, because they won one pair and "
            f"lost another: {n_rows:,} of {len(keys):,} rows, all written, and KTO takes each by itself"
        )
    if neighbours:
        selection.notes.append(
            f"{neighbours:,} of {len(keys):,} rows follow a row of the same prompt, and TRL estimates KTO's KL term on the completion of "
            "the row before: with few prompts, use loss_type apo_zero_unpaired, which has no such term"
        )


def _key(row: Row) -> int:
    """64 bits of a prompt and its completion. Among a million different rows two share them with a chance of 3 in 100 million."""
    text = repr((row["prompt"], row["completion"]))
    return int.from_bytes(hashlib.blake2b(text.encode(), digest_size=8).digest())
