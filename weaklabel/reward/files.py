"""Preference files as teaching material and as work: beliefs in a file's own columns; rewards added to a file."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, Final

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq
from numpy.typing import NDArray

from weaklabel.artifacts import atomic_file, json_line
from weaklabel.data import read_pairs
from weaklabel.data.blocks import Block
from weaklabel.data.fields.nested import with_columns
from weaklabel.data.readers.base import is_missing, shown
from weaklabel.data.sources import open_source
from weaklabel.errors import ConfigError, DataError, LayoutError, NotCalibratedError
from weaklabel.reward.base import RewardModel
from weaklabel.types import CANONICAL, FloatArray, Pairs
from weaklabel.types.result import json_values

ENDINGS: Final = (".parquet", ".jsonl")
REWARD: Final = "reward"
BELIEFS: Final = frozenset({"p", "p_a", "p_b"})
"""Columns of pairs that say how sure a label is: `p` as in the file, the others from `p_chosen`."""
_ROUNDED: Final = 1e-6  # what files written with six digits may be off


def read_taught(
    source: Any, *, allow_uncalibrated: bool = False, **settings: Any
) -> tuple[Pairs, tuple[FloatArray, FloatArray] | None]:
    """The pairs of a preference file, and the beliefs in its own columns where it has some.

    Beliefs are `p` (P(B beats A), beside `response_a` and `response_b`) or `p_chosen` (beside `chosen` and
    `rejected`), and `w`, how much a pair counts (1 without that column): what weaklabel's exports hold. A row
    without a belief counts 0. Where `p_chosen` says how sure the choice is, the choice is a label and no gold.

    Args:
        source: what `read_pairs` takes.
        allow_uncalibrated: take beliefs that say of themselves that they were never fitted to gold.
        **settings: of `read_pairs`.

    Returns:
        The pairs, and `(p, w)`, `(n_pairs,)` each, or None.

    Raises:
        NotCalibratedError: uncalibrated beliefs without `allow_uncalibrated`.
        DataError: a belief outside [0, 1] or a weight below 0, with the pair's id; `p` beside chosen and rejected, or
            `p_chosen` without them.
    """
    pairs = read_pairs(source, **settings)
    names = set(pairs.table.column_names)
    if "p_chosen" in names:  # beside chosen and rejected the reader calls it after the side that was chosen
        raise DataError(
            "column p_chosen is about a chosen response, and the rows have response_a and response_b. Call the belief "
            "that response b is better p, or leave p_chosen out."
        )
    if not names & BELIEFS:
        return pairs, None
    if "p" in names and _tells_the_better_one(source):
        raise DataError(
            "column p stands beside chosen and rejected, which have no order. Call the belief that the chosen "
            "response is better p_chosen and leave p out, or give response_a and response_b."
        )
    _require_calibrated(pairs, allow_uncalibrated)
    if "p" in names:
        p = _numbers(pairs, "p", 1.0)
    else:  # p_chosen, which the reader called after the side that was chosen
        a, b = _numbers(pairs, "p_a", 1.0), _numbers(pairs, "p_b", 1.0)
        p = np.where(np.isnan(b), 1.0 - a, b)
        # Without a share of its own nothing is drawn: what is test then, the file says is locked.
        locked = read_pairs(source, **settings | {"test_share": 0.0}).parts == "test"
        pairs = _without_gold(pairs, ~np.isnan(p), locked)
    w = _numbers(pairs, "w", np.inf) if "w" in names else np.ones(len(pairs))
    w = np.where(np.isnan(p) | np.isnan(w), 0.0, w)
    return pairs, (np.where(w > 0, p, 0.5), w)


def taught_interval(pairs: Pairs) -> tuple[FloatArray, FloatArray] | None:
    """The bounds that a file's own columns set to the beliefs of `read_taught`, as P(B beats A), or None where it has none.

    They are `p_low` and `p_high` beside `p`, and `p_chosen_low` and `p_chosen_high` beside `p_chosen`; the latter are turned
    where the chosen response stands as A. Both are what weaklabel's exports hold.

    Args:
        pairs: from `read_taught` or `read_pairs`.

    Returns:
        `p_low` and `p_high`, `(n_pairs,)` float64 each, for `gather_groups`; NaN where a row has no bounds.

    Raises:
        DataError: a bound outside [0, 1], one bound without the other, bounds in the wrong order, or a belief outside them,
            with the pair's id; bounds of `p` beside `p_chosen`, or those of `p_chosen` beside `p`.

    >>> from weaklabel.data import read_pairs
    >>> row = {"prompt": "q", "response_a": "x", "response_b": "y", "p": 0.75, "p_low": 0.5, "p_high": 0.875}
    >>> low, high = taught_interval(read_pairs([row]))
    >>> low.tolist(), high.tolist()
    ([0.5], [0.875])
    """
    names = set(pairs.table.column_names)
    about_b, about_chosen = ("p_low", "p_high"), ("p_chosen_low", "p_chosen_high")
    if "p" in names:
        _require_no_other_bounds(names, "p", about_b, about_chosen)
    elif names & BELIEFS:
        _require_no_other_bounds(names, "p_chosen", about_chosen, about_b)
    if "p" in names and names & set(about_b):
        low, high = _bounds(pairs, *about_b, names)
        p = _numbers(pairs, "p", 1.0)
    elif names & {"p_a", "p_b"} and names & set(about_chosen):
        low, high = _bounds(pairs, *about_chosen, names)
        a, b = (_numbers(pairs, name, 1.0) for name in ("p_a", "p_b"))
        a_won, b_won = ~np.isnan(a), ~np.isnan(b)
        low, high = (
            np.select([a_won, b_won], [1.0 - there, here], np.nan)
            for here, there in ((low, high), (high, low))
        )
        p = np.where(b_won, b, 1.0 - a)
    else:
        return None
    _require_within(pairs, p, low, high)
    return None if np.isnan(low).all() else (low, high)


def _require_no_other_bounds(
    names: set[str], belief: str, own: tuple[str, str], other: tuple[str, str]
) -> None:
    """Bounds that are about another belief than the one in the file would be overlooked."""
    if not names & set(own) and names & set(other):
        raise DataError(
            f"the bounds {' and '.join(other)} stand beside {belief}. Those of {belief} are called {' and '.join(own)}: rename them, "
            "or leave them out."
        )


def _require_within(pairs: Pairs, p: FloatArray, low: FloatArray, high: FloatArray) -> None:
    odd = np.flatnonzero((p < low - _ROUNDED) | (p > high + _ROUNDED))
    if len(odd):
        row = odd[0]
        raise DataError(
            f"pair {pairs.ids[row]!r}: the belief that response b is better is {p[row]:g}, outside its interval of {low[row]:g} to "
            f"{high[row]:g} ({len(odd)} of {len(pairs)} pairs). Take belief and interval from the same labels."
        )


def _bounds(pairs: Pairs, first: str, second: str, names: set[str]) -> tuple[FloatArray, FloatArray]:
    low, high = (
        _numbers(pairs, name, 1.0) if name in names else np.full(len(pairs), np.nan)
        for name in (first, second)
    )
    odd = np.flatnonzero((np.isnan(low) != np.isnan(high)) | (low > high))
    if len(odd):
        row = odd[0]
        raise DataError(
            f"pair {pairs.ids[row]!r}: {first} is {low[row]:g} and {second} is {high[row]:g} ({len(odd)} of {len(pairs)} pairs). "
            f"Allowed: 0 <= {first} <= {second} <= 1, or neither. Take both from the same labels."
        )
    return low, high


def score_file(
    model: RewardModel, source: str | Path, target: str | Path, columns: Mapping[str, str] | None = None
) -> int:
    """Write the rows of a file with a column `reward`; how many. A block in memory at a time, whole or not at all.

    Args:
        model: fitted.
        source: a file with `prompt` and `response` in each row (Parquet, JSONL, JSON, CSV).
        target: ending in `.parquet` or `.jsonl`.
        columns: our names -> the file's, as ``{"response": "answer"}``.

    Raises:
        ConfigError: another ending, or the file that is read. LayoutError: a column that is missing, or `reward` that is there already.
        DataError: a prompt or response that is no text, a row that cannot be read, a file without rows.
    """
    path = Path(target)
    if path.suffix not in ENDINGS:
        raise ConfigError(f"--out {path}: the ending is {path.suffix!r}. Allowed: {', '.join(ENDINGS)}.")
    if path.exists() and Path(source).exists() and path.samefile(source):
        raise ConfigError(f"--out {path} is the file that is read, and would be replaced. Name another.")
    with atomic_file(path) as temporary:
        scored = _scored_blocks(model, str(source), columns or {})
        count = (_write_parquet if path.suffix == ".parquet" else _write_jsonl)(temporary, scored)
        if not count:
            raise DataError(f"{source} holds no rows. Expected a prompt and a response per row.")
    return count


def _tells_the_better_one(source: Any) -> bool:
    block = next(iter(open_source(source)[0].blocks()), None)
    return block is not None and {"chosen", "rejected"} <= set(block.columns)


def _require_calibrated(pairs: Pairs, allowed: bool) -> None:
    names = pairs.table.column_names
    flags = pairs.table["calibrated"].to_pylist() if "calibrated" in names else []
    sources = pairs.table["label_source"].to_pylist() if "label_source" in names else []
    if not allowed and (False in flags or "weaklabel:uncalibrated" in sources):
        raise NotCalibratedError(
            "the beliefs in this file were never calibrated on gold, so their values mean nothing. "
            "Calibrate the labels, or pass --allow-uncalibrated (allow_uncalibrated=True)."
        )


def _numbers(pairs: Pairs, column: str, high: float) -> FloatArray:
    """`(n_pairs,)` numbers in [0, high]; NaN where there is none."""
    values = pairs.table[column].to_pylist()
    found = np.full(len(pairs), np.nan)
    for row, value in enumerate(values):
        if is_missing(value) or value == "":
            continue
        number = _number(value)
        if number is None or not 0 <= number <= high or np.isinf(number):
            allowed = "0 to 1" if high == 1.0 else "0 or more"
            raise DataError(
                f"pair {pairs.ids[row]!r}: {column} is {shown(value)}. Allowed: {allowed}, or nothing."
            )
        found[row] = number
    return found


def _number(value: object) -> float | None:
    try:
        return None if isinstance(value, bool | list | dict) else float(value)  # type: ignore[arg-type]
    except (TypeError, ValueError):
        return None


def _without_gold(pairs: Pairs, rows: NDArray[np.bool_], locked: NDArray[np.bool_]) -> Pairs:
    """The pairs with no gold in `rows`, which go back to the pool unless they are `locked`; both `(n_pairs,)`."""
    table = pairs.table
    for name, nothing, where in (("gold", None, rows), ("part", "pool", rows & ~locked)):
        at = table.schema.get_field_index(name)
        column = pc.if_else(pa.array(where), pa.scalar(nothing, pa.string()), table[name])
        table = table.set_column(at, CANONICAL.field(name), column)
    return Pairs(table, pairs.set_aside)


def _scored_blocks(
    model: RewardModel, source: str, columns: Mapping[str, str]
) -> Iterator[tuple[Block, FloatArray]]:
    for stream in open_source(source):
        for block in stream.blocks():
            block = with_columns(block, columns)
            if block.set_aside:
                bad = block.set_aside[0]
                raise DataError(f"{bad.file}, line {bad.line}: {bad.reason}. Repair or remove the line.")
            _check_columns(block)
            rows = block.rows()
            texts = [_texts(rows, name, block) for name in ("prompt", "response")]
            yield block, model.score(*texts)


def _check_columns(block: Block) -> None:
    found = block.columns
    for name in ("prompt", "response"):
        if name not in found:
            raise LayoutError(
                f"{block.file}: there is no column {name!r}. Found: {', '.join(found)}. "
                f"Say which it is: --columns {name}=..."
            )
    if REWARD in found:
        raise LayoutError(
            f"{block.file} has a column {REWARD!r} already. Rename it, or score the file it was made from."
        )


def _texts(rows: Sequence[Mapping[str, Any]], name: str, block: Block) -> list[str]:
    for line, row in zip(block.lines, rows, strict=True):
        if not isinstance(row.get(name), str):
            raise DataError(f"{block.file}, line {line}: {name} is {shown(row.get(name))}. Expected a text.")
    return [row[name] for row in rows]


def _write_parquet(path: Path, scored: Iterator[tuple[Block, FloatArray]]) -> int:
    count, writer = 0, None
    try:
        for block, rewards in scored:
            table = block.data if isinstance(block.data, pa.Table) else pa.Table.from_pylist(block.data)
            table = table.append_column(REWARD, pa.array(rewards))
            writer = writer or pq.ParquetWriter(path, table.schema, compression="zstd")
            writer.write_table(table.cast(writer.schema))
            count += len(rewards)
    except (pa.ArrowException, ValueError) as error:
        if isinstance(error, DataError):
            raise
        raise DataError(
            f"the rows do not fit one Parquet table ({str(error)[:100]}). Write .jsonl instead."
        ) from None
    finally:
        if writer is not None:
            writer.close()
    return count


def _write_jsonl(path: Path, scored: Iterator[tuple[Block, FloatArray]]) -> int:
    count = 0
    with path.open("w", encoding="utf-8", newline="\n") as file:
        for block, rewards in scored:
            for row, reward in zip(block.rows(), rewards.tolist(), strict=True):
                file.write(json_line(json_values(row | {REWARD: reward}), default=str))
            count += len(rewards)
    return count
