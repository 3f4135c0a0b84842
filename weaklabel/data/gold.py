"""Gold in a file of its own: joined by id, and checked against the texts where it repeats them."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import Any

import pyarrow as pa

from weaklabel.data.blocks import Block
from weaklabel.data.build import Batch
from weaklabel.data.fields.gold import is_coded
from weaklabel.data.plan import with_plain_ids
from weaklabel.data.readers import listed
from weaklabel.data.readers.base import GOLD_COLUMNS, GoldProblem, Row, RowProblem, given_id
from weaklabel.data.readers.gold_rule import LABEL_NUMBERS, GoldRule, gold_question
from weaklabel.data.sources import Stream, open_source
from weaklabel.errors import GoldError
from weaklabel.types import TURNED_GOLD, SetAside, collapse_whitespace
from weaklabel.types.verdicts import VerdictMap


@dataclass(slots=True)
class _Entry:
    file: str
    line: int
    gold: str
    prompt: str | None
    responses: tuple[str, str] | None
    used: bool = False


class GoldTable:
    """Gold by pair id. `join` fills batches; `unmatched` says at the end what fitted no pair.

    Args:
        source: whatever holds rows with an id and a verdict.
        values: how the user codes gold.

    Raises:
        GoldError: no gold, no id, or values whose meaning is not known.
    """

    def __init__(self, source: Any, values: VerdictMap | None = None) -> None:
        self._values = values
        self.set_aside: list[SetAside] = []
        self._entries: dict[str, _Entry] = {}
        self._contradicted: set[str] = set()
        for stream in open_source(source, "gold"):
            self._load(stream)
        if not self._entries and not self._contradicted:
            reason = f" First problem: {_told(self.set_aside[0])}." if self.set_aside else ""
            raise GoldError(
                f"{_name(source)} holds no gold.{reason} Expected an id and a, b or tie in each row."
            )

    def _load(self, stream: Stream) -> None:
        for block in map(with_plain_ids, stream.blocks()):
            self.set_aside += block.set_aside
            value = next((name for name in GOLD_COLUMNS if name in block.columns), None)
            if len(block.lines) and (value is None or "id" not in block.columns):
                missing = "id" if value else "gold"
                raise GoldError(
                    f"{stream.name} has no column {missing!r}. Found: {listed(block.columns)}. A gold file needs "
                    f"id and one of {', '.join(GOLD_COLUMNS)}."
                )
            rule = self._rule(stream, block, value or "gold")
            for line, row in zip(block.lines, block.rows(), strict=True):
                self._add(block.file, line, row, rule)

    def _rule(self, stream: Stream, block: Block, column: str) -> GoldRule:
        numbers = LABEL_NUMBERS if column in ("gold", "label") else {}
        models = ("model_a", "model_b") if {"model_a", "model_b"} <= set(block.columns) else None
        rule = GoldRule(column, column, self._values, numbers, models=models)
        unread = [] if numbers else rule.unknown(block.rows())
        if any(map(is_coded, unread)):
            raise GoldError(f"{stream.name}: {gold_question(rule, unread)}")
        return rule

    def _add(self, file: str, line: int, row: Row, rule: GoldRule) -> None:
        try:
            pair_id, gold = given_id(row), rule.read(row)
            if pair_id is None:
                raise RowProblem("id is missing")
        except RowProblem as error:
            self.set_aside.append(SetAside(file, line, str(error)))
            return
        except GoldProblem as error:
            raise GoldError(f"{file}, line {line}: {error}") from None
        if gold is None or pair_id in self._contradicted:
            if gold is not None:
                self._reject(file, line, pair_id)
            return
        texts = row.get("response_a"), row.get("response_b")
        responses = texts if isinstance(texts[0], str) and isinstance(texts[1], str) else None
        prompt = row.get("prompt")
        entry = _Entry(file, line, gold, prompt if isinstance(prompt, str) else None, responses)  # type: ignore[arg-type]
        earlier = self._entries.setdefault(pair_id, entry)
        if earlier is not entry and _view(earlier) != _view(entry):
            # Two verdicts that differ are no gold; nobody said which one is right.
            del self._entries[pair_id]
            self._contradicted.add(pair_id)
            self._reject(earlier.file, earlier.line, pair_id)
            self._reject(file, line, pair_id)

    def _reject(self, file: str, line: int, pair_id: str) -> None:
        self.set_aside.append(
            SetAside(file, line, f"contradictory gold for id {pair_id!r}: its pair keeps none")
        )

    @property
    def ids(self) -> tuple[str, ...]:
        """Of the pairs that it has gold for, in their order."""
        return tuple(self._entries)

    def verdict(self, pair_id: str, table: pa.Table, row: int, *, redrawn: bool) -> str:
        """What it says of a pair that it has gold for, in the order of the pair's row in a canonical table.

        Raises:
            GoldError: as `join`.
        """
        return _verdict(self._entries[pair_id], pair_id, table, row, redrawn)

    def verdict_or_none(self, pair_id: str, table: pa.Table, row: int) -> str | None:
        """The same; None where it has no gold for the pair, or gold of another pair with its id."""
        try:
            return self.verdict(pair_id, table, row, redrawn=False)
        except (KeyError, GoldError):
            return None

    def rejected(self, pair_id: str, reason: str) -> SetAside:
        """The row that the gold of a pair stands in, as one that cannot be used."""
        entry = self._entries[pair_id]
        return SetAside(entry.file, entry.line, reason)

    def join(self, batch: Batch, redrawn: bool) -> Batch:
        """The batch with gold filled in where this table has some.

        Raises:
            GoldError: when the texts beside the gold are not those of the pair, or when the order of the
                pairs was redrawn and the gold has no texts that would tell which response it means.
        """
        ids = batch.table["id"].to_pylist()
        gold = batch.table["gold"].to_pylist()
        for row, pair_id in enumerate(ids):
            if pair_id in self._contradicted:
                gold[row] = None
            elif entry := self._entries.get(pair_id):
                entry.used = True
                gold[row] = _verdict(entry, pair_id, batch.table, row, redrawn)
        at = batch.table.column_names.index("gold")
        return replace(batch, table=batch.table.set_column(at, "gold", pa.array(gold, pa.string())))

    def unmatched(self, some_ids: list[str]) -> Iterator[SetAside]:
        """Rows whose id is that of no pair.

        Raises:
            GoldError: when that is every row.
        """
        lost = [(pair_id, e) for pair_id, e in self._entries.items() if not e.used]
        if lost and len(lost) == len(self._entries):
            theirs = ", ".join(repr(pair_id) for pair_id, _ in lost[:3])
            raise GoldError(
                f"{lost[0][1].file}: none of its {len(lost)} ids is that of a pair. Gold has {theirs}; the pairs "
                f"have {', '.join(map(repr, some_ids[:3]))}. Give both the same ids."
            )
        for pair_id, entry in lost:
            yield SetAside(entry.file, entry.line, f"no pair has the id {pair_id!r}")


def _view(entry: _Entry) -> tuple[Any, ...]:
    """What an entry claims, whatever the order of its responses."""
    if entry.responses and entry.responses[0] > entry.responses[1]:
        return TURNED_GOLD[entry.gold], (entry.responses[1], entry.responses[0])
    return entry.gold, entry.responses


def _verdict(entry: _Entry, pair_id: str, table: pa.Table, row: int, redrawn: bool) -> str:
    where = f"{entry.file}, line {entry.line}, id {pair_id!r}"
    if entry.prompt is not None and collapse_whitespace(entry.prompt) != collapse_whitespace(
        table["prompt"][row].as_py()
    ):
        raise GoldError(f"{where}: its prompt is not that of the pair. Is this the gold of other pairs?")
    if entry.responses is None:
        if redrawn and entry.gold != "tie":
            raise GoldError(
                f"{where}: the order of these pairs was redrawn, so {entry.gold!r} does not tell which response "
                "is meant. Add the columns response_a and response_b to the gold."
            )
        return entry.gold
    ours = tuple(table[name][row].as_py().strip() for name in ("response_a", "response_b"))
    theirs = tuple(text.strip() for text in entry.responses)
    if theirs == ours:
        return entry.gold
    if theirs == ours[::-1]:
        return TURNED_GOLD[entry.gold]
    raise GoldError(f"{where}: its responses are not those of the pair. Is this the gold of other pairs?")


def _told(row: SetAside) -> str:
    return f"{row.file}, line {row.line}: {row.reason}"


def _name(source: Any) -> str:
    return str(source) if isinstance(source, str) else f"the gold ({type(source).__name__})"
