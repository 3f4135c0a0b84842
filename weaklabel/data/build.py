"""From drafts to canonical tables: texts checked, order drawn, ids given, nothing dropped in silence.

The order of a pair whose source puts the better answer first is drawn by a coin that depends on the seed and
on the *unordered* texts. So neither the position of a row nor its chunk nor the answer people preferred has
any say, the same two texts always come out in the same order, and shuffling a file changes nothing.
"""

from __future__ import annotations

import json
import re
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any, Final

import pyarrow as pa
import pyarrow.compute as pc

from weaklabel._shown import Shown
from weaklabel.artifacts import content_hash
from weaklabel.data.blocks import Block
from weaklabel.data.plan import Plan
from weaklabel.data.readers import Layout
from weaklabel.data.readers.base import (
    CANONICAL_NAMES,
    NOTES,
    Draft,
    GoldProblem,
    RowProblem,
    encodes,
    is_missing,
    shown,
)
from weaklabel.data.seen_ids import SeenIds
from weaklabel.errors import DataError, GoldError
from weaklabel.types import CANONICAL, GOLD_VALUES, PARTS, TURNED_GOLD, SetAside
from weaklabel.types.pair import swapped_name

_TEXTS: Final = ("prompt", "response_a", "response_b")
# Numbers that text can hold without losing anything: "01" and "1_000" stay text.
_NUMBER: Final = re.compile(r"-?(?:0|[1-9]\d{0,17})(\.\d+)?(?:[eE][+-]?\d+)?", re.ASCII)


@dataclass(frozen=True, slots=True, repr=False)
class Batch(Shown):
    """Some pairs in the canonical schema, and the rows that were set aside beside them."""

    table: pa.Table
    set_aside: tuple[SetAside, ...] = ()
    notes: tuple[str, ...] = ()  # of `NOTES`, one for each pair that has one
    hints: tuple[str, ...] = ()  # lines on columns that may be gold, in the last batch


class Account:
    """What is told of the pairs in batches that have gone by: rows set aside, and lines for the user."""

    def __init__(self) -> None:
        self.set_aside: list[SetAside] = []
        self._notes: Counter[str] = Counter()
        self._hints: dict[str, None] = {}

    def add(self, batch: Batch) -> None:
        self.set_aside += batch.set_aside
        self._notes.update(batch.notes)
        self._hints |= dict.fromkeys(batch.hints)

    def lines(self) -> list[str]:
        """What a user should know, a line each."""
        return [*(f"{count:,} pairs {NOTES[note]}" for note, count in self._notes.items()), *self._hints]


class Builder:
    """Turns blocks into batches and remembers which ids it has given, over all files of one source."""

    def __init__(self, seed: int) -> None:
        self.seed = seed
        self._ids = SeenIds()
        self._repeats: Counter[str] = Counter()  # of texts that came without an id, more than once

    def build(self, block: Block, plan: Plan) -> Batch:
        """The pairs of one block.

        Raises:
            GoldError: for a gold value whose meaning is not known.
        """
        layout = plan.layout
        if plan.is_plain and isinstance(block.data, pa.Table) and self._is_clean(block.data):
            return Batch(conform(block.data, unify([block.data.schema])), block.set_aside)
        drafts: list[Draft] = []
        lines: list[int] = []
        aside = list(block.set_aside)
        for line, row in zip(block.lines, block.rows(), strict=True):
            try:
                for draft in plan.read(row):
                    problem = self._settle(draft, layout)
                    if problem:
                        aside.append(SetAside(block.file, line, problem))
                    else:
                        drafts.append(draft)
                        lines.append(line)
            except RowProblem as error:
                aside.append(SetAside(block.file, line, str(error)))
            except GoldProblem as error:
                raise GoldError(f"{block.file}, line {line}: {error}") from None
            except PartProblem as error:
                raise DataError(f"{block.file}, line {line}: {error}") from None
        new = self._name(drafts)
        for draft, line, is_new in zip(drafts, lines, new, strict=True):
            if not is_new:
                problem = f"id {draft.id!r} was given before; ids must differ"
                aside.append(SetAside(block.file, line, problem))
        aside.sort(key=lambda row: row.line)
        kept = [draft for draft, is_new in zip(drafts, new, strict=True) if is_new]
        table = _table(kept, block, layout.redraws)
        notes = tuple(draft.note for draft in kept if draft.note)
        return Batch(conform(table, unify([table.schema])), tuple(aside), notes)

    def _settle(self, draft: Draft, layout: Layout) -> str | None:
        """Check a draft, draw its order, and give it a key for an id; or say why it cannot be used."""
        if problem := _problem(draft):
            return problem
        if draft.id is None or layout.redraws:
            key = content_hash(draft.prompt, *sorted((draft.response_a, draft.response_b)))
            if layout.redraws:
                _redraw(draft, int(content_hash(str(self.seed), key)[:8], 16) % 2 == 1)
            if draft.id is None:
                draft.id, draft.id_is_made = key[:16], True
        return None

    def _name(self, drafts: Sequence[Draft]) -> list[bool]:
        """Per draft whether its id is new. An id that we made is never old: it gets a number instead."""
        new = self._ids.add([draft.id or "" for draft in drafts])
        for i, draft in enumerate(drafts):
            if draft.id_is_made and not new[i]:
                self._repeats[draft.id or ""] += 1
                draft.id = f"{draft.id}#{self._repeats[draft.id or ''] + 1}"
                (new[i],) = self._ids.add([draft.id])
        return new

    def _is_clean(self, table: pa.Table) -> bool:
        """Whether a canonical table can pass as it is; if so its ids count as given."""
        for field in CANONICAL:
            at = table.schema.get_field_index(field.name)
            if at < 0 or table.schema.field(at).type != field.type:
                return False
        if any(table[name].null_count for name in ("id", *_TEXTS)):
            return False
        turns = pc.list_flatten(table["messages"])
        if turns.null_count or any(pc.struct_field(turns, name).null_count for name in ("role", "content")):
            return False
        a, b = table["response_a"], table["response_b"]
        stripped = [pc.utf8_trim_whitespace(table[name]) for name in _TEXTS]
        legal = (("gold", GOLD_VALUES), ("part", PARTS))
        if (
            any(pc.any(pc.equal(text, "")).as_py() for text in stripped)
            or pc.any(pc.equal(a, b)).as_py()
            or pc.any(pc.equal(stripped[1], stripped[2])).as_py()
            or not all(
                pc.all(pc.is_in(table[n].drop_null(), pa.array(ok))).as_py() in (True, None)
                for n, ok in legal
            )
        ):
            return False
        ids = table["id"].to_pylist()
        # Added last: a table that is not clean has its ids added draft by draft.
        return len(set(ids)) == len(ids) and "" not in ids and self._ids.add_all_or_none(ids)


class PartProblem(Exception):
    """A `part` that is none of ours."""


def _problem(draft: Draft) -> str | None:
    for name in _TEXTS:
        value = getattr(draft, name)
        if is_missing(value):
            return f"{name} is missing"
        if not isinstance(value, str):
            return f"{name} is {shown(value)}, expected text"
        if not value.strip():
            return f"{name} is empty"
        if not encodes(value):
            return f"{name} holds half a character (a lone surrogate)"
    for turn in draft.messages or ():
        if not all(encodes(text) for text in turn.values() if isinstance(text, str)):
            return "messages holds half a character (a lone surrogate)"
    for name in ("id", "source"):
        if not encodes(getattr(draft, name) or ""):
            return f"{name} holds half a character (a lone surrogate)"
    if draft.response_a.strip() == draft.response_b.strip():
        return "the two responses are identical"
    draft.part = None if is_missing(draft.part) or draft.part == "" else draft.part
    if draft.part is not None and draft.part not in PARTS:
        raise PartProblem(f"part is {draft.part!r}. Allowed: dev, test, pool or nothing. Rename that column.")
    return None


def _redraw(draft: Draft, coin: bool) -> None:
    """Put the texts in the order that the coin says; `_table` moves the columns beside them."""
    if (draft.response_a < draft.response_b) == coin:
        return
    draft.response_a, draft.response_b = draft.response_b, draft.response_a
    draft.gold = TURNED_GOLD.get(draft.gold or "")
    draft.swapped = not draft.swapped


def _table(drafts: Sequence[Draft], block: Block, redrawn: bool) -> pa.Table:
    columns: dict[str, Any] = {
        field.name: pa.array([getattr(draft, field.name) for draft in drafts], field.type)
        for field in CANONICAL
    }
    names = {name: None for draft in drafts for name in draft.extra}
    for name in names:
        # In a redrawn layout every `*_a`/`*_b` column goes where its text went.
        other = swapped_name(name, names) if redrawn else name
        values = [draft.extra.get(other if draft.swapped else name) for draft in drafts]
        if block.text_only:
            values = numbers_of(values)
        columns[name] = array_of(values, block.types.get(name))
    return pa.table(columns)


def numbers_of(cells: list[Any]) -> list[Any]:
    """Cells of a CSV column as numbers where all of them are, with None for an empty one; else as they are.

    >>> numbers_of(["1", "", "3"]), numbers_of(["1.5", "2"]), numbers_of(["01", "2"])
    ([1, None, 3], [1.5, 2.0], ['01', '2'])
    """
    if not all(c is None or c == "" or _is_number(c) for c in cells):
        return cells
    whole = all(c.lstrip("-").isdigit() for c in cells if c)
    return [(int(c) if whole else float(c)) if c else None for c in cells]


def _is_number(cell: object) -> bool:
    return isinstance(cell, str) and len(cell) < 40 and _NUMBER.fullmatch(cell) is not None


def array_of(values: Sequence[Any], kind: pa.DataType | None = None) -> pa.Array:
    """Python values as an Arrow array: of `kind` if they fit, else as they are, else as JSON text."""
    if kind is None and any(isinstance(value, list | dict) for value in values):
        return pa.array([_json_text(value) for value in values], pa.string())
    try:
        return pa.array(values, kind)
    except (pa.ArrowException, OverflowError, UnicodeEncodeError, ValueError, TypeError):
        if kind is not None:
            return array_of(values)
        return pa.array([_json_text(value) for value in values], pa.string())


def _json_text(value: Any) -> str | None:
    if value is None or (isinstance(value, str) and encodes(value)):
        return value
    try:
        return json.dumps(value, default=str)
    except (TypeError, ValueError, RecursionError):  # keys that are no text, a list inside itself
        return ascii(value)


def _as_text(column: Any) -> pa.Array:
    return pa.array([None if is_missing(v) else _json_text(v) for v in column.to_pylist()], pa.string())


def unify(schemas: Iterable[pa.Schema]) -> pa.Schema:
    """One schema for tables whose further columns differ: all columns, the wider type, text where none fits."""
    kinds: dict[str, pa.DataType] = {}
    for schema in schemas:
        for field in schema:
            known = kinds.get(field.name, field.type)
            kinds[field.name] = known if known == field.type else _wider(known, field.type)
    return pa.schema([*CANONICAL, *(pa.field(n, k) for n, k in kinds.items() if n not in CANONICAL_NAMES)])


def _wider(first: pa.DataType, second: pa.DataType) -> pa.DataType:
    try:
        one, two = (pa.schema([pa.field("x", kind)]) for kind in (first, second))
        return pa.unify_schemas([one, two], promote_options="permissive").field(0).type
    except pa.ArrowException:
        return pa.string()


def conform(table: pa.Table, schema: pa.Schema) -> pa.Table:
    """The table in `schema`: columns cast, missing ones null.

    Whole numbers above 2**53 are rounded where other rows of their column hold decimals.

    Raises:
        DataError: when a value does not fit the type that its column has in other rows.
    """
    columns = []
    for field in schema:
        if field.name not in table.column_names:
            columns.append(pa.nulls(table.num_rows, field.type))
            continue
        column = table[field.name]
        if column.type != field.type:
            column = _as_text(column) if field.type == pa.string() else _cast(column, field)
        columns.append(column)
    return pa.table(columns, schema=schema)


def _cast(column: pa.ChunkedArray, field: pa.Field) -> pa.ChunkedArray:
    try:
        return column.cast(field.type, safe=not pa.types.is_floating(field.type))
    except pa.ArrowException as error:
        raise DataError(
            f"column {field.name!r} is {column.type} in some rows and {field.type} in others, and does not fit "
            f"({str(error)[:80]}). Store it in one type, or leave it out."
        ) from None
