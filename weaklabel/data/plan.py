"""How one file is read, settled once by its columns and first rows: what is called what, decoded, and gold."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, Final

import pyarrow as pa

from weaklabel.data.blocks import Block
from weaklabel.data.fields.decode import Kind
from weaklabel.data.fields.gold import gold_hints, gold_rule, rating_hints
from weaklabel.data.fields.nested import check_columns, names_within, with_columns
from weaklabel.data.fields.roles import Ambiguous, context_columns, decoded_row, encoded_columns
from weaklabel.data.readers import LAYOUTS, Layout, check_layout, detect_layout, listed
from weaklabel.data.readers.answers import dialogue_answer
from weaklabel.data.readers.base import Draft, GoldProblem, Row, RowProblem, is_missing
from weaklabel.data.readers.gold_rule import GoldRule
from weaklabel.data.readers.single import NAMES as SINGLE_NAMES
from weaklabel.data.readers.single import OneResponseError
from weaklabel.errors import LayoutError
from weaklabel.types import PARTS
from weaklabel.types.verdicts import VerdictMap

PROBE: Final = 50
# What pandas makes of whole numbers in a column with a gap.
_WHOLE: Final = re.compile(r"(-?\d+)\.0")


@dataclass(frozen=True, slots=True)
class Plan:
    """How the rows of a file become pairs.

    Attributes:
        layout: the file's.
        columns: ours -> theirs: what the user named, and what was found by its name.
        kinds: columns whose text is decoded.
        gold: how gold is read.
        hints: columns that may be gold, where none was found; a line each.
        foreign_part: whether the column `part` means something else here.
    """

    layout: Layout
    columns: Mapping[str, str] = field(default_factory=dict)
    kinds: Mapping[str, Kind] = field(default_factory=dict)
    gold: GoldRule = field(default_factory=GoldRule)
    hints: tuple[str, ...] = ()
    foreign_part: bool = False

    @property
    def is_plain(self) -> bool:
        """Whether a canonical table may pass as it is."""
        changed = self.columns or self.kinds or self.gold.values or self.foreign_part
        return self.layout.name == "canonical" and not changed

    def renamed(self, block: Block) -> Block:
        """A block of the file with the columns called as the layout expects them."""
        block = with_columns(block, self.columns, strict=False)
        if self.foreign_part:
            block = _part_moved(block)
        return with_plain_ids(block)

    def first_rows(self, block: Block) -> list[dict[str, Any]]:
        """The first rows of a block of the file as the layout sees them; rows that cannot be decoded left out."""
        return _decoded(self.renamed(block).rows(PROBE), self.kinds)

    def read(self, row: Row) -> list[Draft]:
        """The pairs of one row of a renamed block.

        Raises:
            RowProblem: the row cannot be used.
            GoldProblem: a gold value whose meaning is not known.
        """
        return self.layout.read(self.decoded(row), self.gold)

    def decoded(self, row: Row) -> Row:
        """The row with what it holds as text of lists and objects opened; raises `RowProblem`."""
        if not self.kinds:
            return row
        try:
            return decoded_row(row, self.kinds)
        except ValueError as error:
            raise RowProblem(str(error)) from None


def make_plan(
    block: Block,
    layout: Layout | None = None,
    columns: Mapping[str, str] | None = None,
    values: VerdictMap | None = None,
    *,
    beside_gold: bool = False,
) -> Plan:
    """The plan for a file, from its first block with rows.

    Args:
        block: that block, as the file has it.
        layout: what the user named; None to recognise it.
        columns: ours -> theirs, as the user named them.
        values: how the user codes gold.
        beside_gold: whether gold also comes in a file of its own, which `values` code too.

    Raises:
        LayoutError: columns that are missing, or that no layout has; several that can be the prompt, or none.
        GoldError, ConfigError, UnknownNameError: see `gold_rule` and `check_columns`.
    """
    named = dict(columns or {})
    start, plan = _started(block, named)
    rows = _decoded(start.rows(PROBE), plan.kinds)
    if layout is None:
        layout = _detected(block, start.columns, rows)
    else:
        check_layout(layout, start.columns, block.file)
    _check_prompt(layout, start, rows)
    gold = gold_rule(layout, start.columns, rows, named, values, block.file, beside_gold=beside_gold)
    plan = replace(plan, layout=layout, gold=gold)
    return replace(plan, hints=tuple(_hints(plan, start.columns, rows)))


def _hints(plan: Plan, names: Sequence[str], rows: Sequence[Row]) -> list[str]:
    """Lines on what may be gold, where nothing is."""
    if plan.gold.used or (plan.layout.redraws and plan.layout.name != "ranked"):
        return []
    if plan.layout.name != "ranked":
        return gold_hints(names, rows, plan.columns)
    drafts = [draft for row in rows for draft in _drafts(plan, row)]
    if any(draft.gold is not None for draft in drafts):
        return []
    listed_in = plan.columns.get("responses", "responses")
    if listed_in.lower() in SINGLE_NAMES:
        return [
            f"nothing says which response in {listed_in} is better: if the first is, write columns chosen and rejected"
        ]
    own = [name for name in names if name != "responses"]
    of_two = gold_hints(own, rows, plan.columns) if len(drafts) <= len(rows) else []
    return [*rating_hints(names, rows), *of_two]


def _drafts(plan: Plan, row: Row) -> list[Draft]:
    try:
        return plan.layout.read(row, plan.gold)
    except (RowProblem, GoldProblem):  # told when the row is read
        return []


def prompts_plan(block: Block, columns: Mapping[str, str] | None = None) -> Plan:
    """The plan for a file that holds prompts without responses.

    Raises:
        LayoutError: there is no prompt, or several columns can be it.
    """
    start, plan = _started(block, dict(columns or {}))
    if not {"prompt", "messages"} & set(start.columns):
        raise LayoutError(
            f"{block.file}: there are neither pairs nor prompts in the columns {listed(start.columns)}. Name the "
            "column of the prompts with --columns prompt=... (columns={...} in Python)."
        )
    return plan


def _started(block: Block, named: dict[str, str]) -> tuple[Block, Plan]:
    """The block with its columns called as we do, and what that took."""
    check_columns(named, block.columns)
    start = with_columns(block, named)
    foreign = _has_foreign_part(start)
    start = _part_moved(start) if foreign else start
    try:
        found = context_columns(start.columns, _probe(start))
    except Ambiguous as error:
        raise LayoutError(_which(block, error)) from None
    start = with_columns(start, found)
    kinds = encoded_columns(start.columns, start.rows(PROBE))
    return start, Plan(LAYOUTS["canonical"], named | found, kinds, foreign_part=foreign)


def _probe(block: Block) -> list[dict[str, Any]]:
    """The first rows, decoded as far as their columns look like lists."""
    rows = block.rows(PROBE)
    return _decoded(rows, encoded_columns(block.columns, rows))


def _decoded(rows: Sequence[Row], kinds: Mapping[str, Kind]) -> list[dict[str, Any]]:
    made = []
    for row in rows:
        try:
            made.append(decoded_row(row, kinds))
        except ValueError:  # told when the row is read
            continue
    return made


def _which(block: Block, error: Ambiguous) -> str:
    samples = "; ".join(f"{name} ({_sample(block, name)})" for name in error.columns)
    return (
        f"{block.file}: the {error.role} can be in several columns: {samples}. Say which with --columns "
        f'{error.role}={error.columns[0]} (columns = {{ {error.role} = "{error.columns[0]}" }} under [data], '
        "columns={...} in Python)."
    )


def _sample(block: Block, name: str) -> str:
    value = next((row[name] for row in block.rows(PROBE) if not is_missing(row.get(name))), None)
    text = " ".join(str(value).split())
    return repr(text if len(text) <= 40 else text[:37] + "...")


def _detected(block: Block, names: Sequence[str], rows: Sequence[Row]) -> Layout:
    try:
        return detect_layout(names, rows, block.file)
    except LayoutError as error:
        nested = [name for name in names_within(block) if "." in name]
        if not nested or isinstance(error, OneResponseError):
            raise
        raise LayoutError(f"{error} Objects can be reached into: {', '.join(nested[:8])}.") from None


def _check_prompt(layout: Layout, block: Block, rows: Sequence[Row]) -> None:
    """Whether a file of chosen and rejected answers says anywhere what they answer."""
    if layout.name not in ("trl", "ultrafeedback") or {"prompt", "messages"} & set(block.columns):
        return
    if 2 * sum(map(_is_bare, rows)) > len(rows):
        raise LayoutError(
            f"{block.file}: there is no prompt column beside chosen and rejected. Found: {', '.join(block.columns)}. Name it "
            "with --columns prompt=... (columns={...} in Python); if both answers begin with the prompt, write "
            'layout = "trl_implicit".'
        )


def _is_bare(row: Row) -> bool:
    """Whether both answers are texts that do not bring their prompt along, as transcripts do."""
    texts = [row.get(name) for name in ("chosen", "rejected")]
    return all(isinstance(text, str) and dialogue_answer(text) is None for text in texts)


def _has_foreign_part(block: Block) -> bool:
    """Whether `part` means something else in this file: a column of that name with values that are not ours."""
    values = (row.get("part") for row in block.rows(PROBE))
    return any(not is_missing(value) and value not in (*PARTS, "") for value in values)


def _part_moved(block: Block) -> Block:
    return with_columns(block, {"source_part": "part"}) if "part" in block.columns else block


def with_plain_ids(block: Block) -> Block:
    """The block with ids such as `7.0`, which CSV files have where a column had a gap, as `7`."""
    if not block.text_only or "id" not in block.columns or isinstance(block.data, pa.Table):
        return block
    return replace(block, data=[_with_plain_id(row) for row in block.data])


def _with_plain_id(row: dict[str, Any]) -> dict[str, Any]:
    found = _WHOLE.fullmatch(row.get("id") or "")
    return {**row, "id": found[1]} if found else row
