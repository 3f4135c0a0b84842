"""`read_pairs` and `iter_batches`: whatever holds pairs, as canonical tables, whole or in batches."""

from __future__ import annotations

import logging
from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any, Final

import pyarrow as pa

from weaklabel._arguments import checked
from weaklabel._validation import lookup
from weaklabel.data.answers import Answers
from weaklabel.data.build import Account, Batch, Builder, conform, unify
from weaklabel.data.gold import GoldTable
from weaklabel.data.plan import Plan, make_plan
from weaklabel.data.readers import LAYOUTS, Layout
from weaklabel.data.sources import PairSource, Stream, open_source
from weaklabel.data.splits import split_by_prompt
from weaklabel.errors import ConfigError, DataError, GoldError
from weaklabel.types import Pairs, SetAside
from weaklabel.types.verdicts import VerdictMap

_FEW: Final = 3  # verdicts, of which all may say the same by chance
_log = logging.getLogger("weaklabel")


@checked
def read_pairs(
    source: PairSource,
    *,
    gold: PairSource | None = None,
    answers: PairSource | None = None,
    layout: str | None = None,
    columns: Mapping[str, str] | None = None,
    gold_values: Mapping[Any, str] | None = None,
    test_share: float = 0.5,
    max_gold: int | None = None,
    seed: int = 0,
    near_duplicates: bool = False,
    max_set_aside: float = 0.5,
) -> Pairs:
    """Preference pairs in the canonical schema, gold split by prompt into `dev` and a locked `test`.

    Args:
        source: a path (Parquet, JSONL, CSV; text also .gz or .zst), a glob, a folder, a list of paths or of
            dicts, a pandas or polars DataFrame, a pyarrow Table, a `datasets.Dataset`, a data set's name as
            "hf:org/name:split", or `Pairs`, which are returned as they are (or joined with `gold`).
        gold: gold in a source of its own: `id` and `gold` (or label, winner, preferred); where it repeats
            the responses they are checked, and their reversed order is recognised.
        answers: gold that people gave to questions (`next_pairs`), with its pairs' texts. It is joined after the split, so
            that it moves no prompt out of the locked test part or into it.
        layout: a name of `LAYOUTS`; by itself recognised from the columns and first rows.
        columns: our names -> yours, as ``{"prompt": "question", "response_a": "ans1"}``; a dotted name reaches into
            objects and lists (`question.full_text`). `gold_a` and `gold_b` name a score of each response as gold.
        gold_values: what the values of gold mean, as ``{1: "a", 2: "b", "skipped": ""}``; see `VerdictMap`.
        test_share, max_gold, seed, near_duplicates: see `split_by_prompt`; `seed` also draws the order of
            pairs whose source puts the better answer first.
        max_set_aside: share of unusable rows above which reading fails, 0 to 1.

    Returns:
        `Pairs` in file order; `.set_aside` lists every row that could not be used, with file, line, reason.

    Raises:
        DataError: nothing to read, or too many rows set aside; names the first reasons.
        LayoutError: columns that no layout has; names those found.
        GoldError: a gold value whose meaning is not known, or gold of other pairs.
        ConfigError: `columns` or `gold_values` that contradict themselves or the layout.

    >>> pairs = read_pairs([{"prompt": "2 + 2?", "chosen": "4", "rejected": "5"}])
    >>> pairs.table["gold"].to_pylist() in (["a"], ["b"]) and len(pairs) == 1
    True
    """
    if isinstance(source, Pairs) and gold is None and answers is None:
        return source
    settings: dict[str, Any] = {
        "gold": gold,
        "layout": layout,
        "columns": columns,
        "gold_values": gold_values,
    }
    batches = list(iter_batches(source, seed=seed, max_set_aside=max_set_aside, **settings))
    account = Account()
    for batch in batches:
        account.add(batch)
    for line in account.lines():
        _log.warning("%s", line)
    schema = unify(batch.table.schema for batch in batches)
    table = pa.concat_tables([conform(batch.table, schema) for batch in batches])
    pairs = split_by_prompt(
        Pairs(table, tuple(account.set_aside)),
        test_share=test_share,
        seed=seed,
        near_duplicates=near_duplicates,
        max_gold=max_gold,
    )
    if answers is None:
        return pairs
    given = Answers(answers)
    given.settle([pairs.table])
    return Pairs(given.fill(pairs.table), (*pairs.set_aside, *given.set_aside))


def as_pairs(obj: PairSource) -> Pairs:
    """`Pairs` from anything that `read_pairs` takes; `Pairs` unchanged."""
    return read_pairs(obj)


def redrawing_layout(
    source: PairSource,
    *,
    layout: str | None = None,
    columns: Mapping[str, str] | None = None,
    gold_values: Mapping[Any, str] | None = None,
    gold: PairSource | None = None,
    **reading: Any,
) -> str | None:
    """The layout of the first file whose responses have no order of their own, so that `read_pairs` draws one; None where
    the order stands as it is. A column about response b means nothing there. Arguments are those of `read_pairs`.

    >>> redrawing_layout([{"prompt": "Hi", "chosen": "Hello!", "rejected": "Hm."}])
    'trl'
    >>> redrawing_layout([{"prompt": "Hi", "response_a": "Hello!", "response_b": "Hm."}])
    """
    chosen = lookup("layout", LAYOUTS, layout) if layout else None
    values = VerdictMap(gold_values) if gold_values else None
    for stream in open_source(source):
        block = next((block for block in stream.blocks() if len(block.lines)), None)
        if block is not None:
            found = make_plan(block, chosen, columns, values, beside_gold=gold is not None).layout
            if found.redraws:
                return found.name
    return None


def iter_batches(
    source: PairSource,
    *,
    gold: PairSource | None = None,
    layout: str | None = None,
    columns: Mapping[str, str] | None = None,
    gold_values: Mapping[Any, str] | None = None,
    seed: int = 0,
    max_set_aside: float = 0.5,
) -> Iterator[Batch]:
    """The same pairs in batches of at most some thousand rows, a file at a time, never a whole file in memory.

    `part` is filled only where the source has it, because splitting needs all prompts. Ids are kept in
    memory to find repeats. Arguments and errors are those of `read_pairs`; too many rows set aside is
    raised at the end, when the share is known.
    """
    if not 0 <= max_set_aside <= 1:
        raise ConfigError(f"max_set_aside is {max_set_aside}. Allowed: 0 to 1, a share of the rows.")
    chosen = lookup("layout", LAYOUTS, layout) if layout else None
    values = VerdictMap(gold_values) if gold_values else None
    table = None if gold is None else GoldTable(gold, values)
    builder, tally = Builder(seed), _Tally(max_set_aside)
    # Rows that were set aside when `Pairs` were read stay on record, but are not counted again.
    held = Batch(source.table[:0], source.set_aside) if isinstance(source, Pairs) else None
    for stream in open_source(source):
        for batch in _stream_batches(stream, builder, chosen, columns, values, table, tally):
            if held is not None:
                yield held
            held = batch
    tally.check(source)
    if held is None:
        raise DataError(f"{_name(source)} holds no pairs.")
    if table is not None:
        held = replace(held, set_aside=(*held.set_aside, *table.set_aside, *table.unmatched(tally.some_ids)))
    yield replace(held, hints=tally.hints())


def _stream_batches(
    stream: Stream,
    builder: Builder,
    chosen: Layout | None,
    columns: Mapping[str, str] | None,
    values: VerdictMap | None,
    gold: GoldTable | None,
    tally: _Tally,
) -> Iterator[Batch]:
    plan: Plan | None = None
    for block in stream.blocks():
        if plan is None and len(block.lines):
            plan = make_plan(block, chosen, columns, values, beside_gold=gold is not None)
            tally.plans.append((stream.name, plan))
        if plan is not None:
            block = plan.renamed(block)
        batch = builder.build(block, plan or Plan(LAYOUTS["canonical"]))
        tally.add(batch)
        if gold is not None and plan is not None:
            batch = gold.join(batch, plan.layout.redraws)
        yield batch


class _Tally:
    """How many pairs were read and how many rows set aside, with the first reasons."""

    def __init__(self, limit: float) -> None:
        self.limit = limit
        self.read = self.lost = 0
        self.first: list[SetAside] = []
        self.some_ids: list[str] = []
        self.plans: list[tuple[str, Plan]] = []
        self.gold: Counter[str] = Counter()

    def add(self, batch: Batch) -> None:
        self.read += batch.table.num_rows
        self.lost += len(batch.set_aside)
        self.first = (self.first + list(batch.set_aside))[:3]
        for verdict in batch.table["gold"].value_counts().to_pylist():
            self.gold[verdict["values"] or ""] += verdict["counts"]
        if len(self.some_ids) < 3:
            self.some_ids += batch.table["id"].slice(0, 3).to_pylist()

    def check(self, source: Any) -> None:
        reasons = "; ".join(f"{row.file}, line {row.line}: {row.reason}" for row in self.first)
        total = self.read + self.lost
        if self.lost and not self.read:
            raise DataError(f"{_name(source)}: none of {total} rows can be used. First: {reasons}.")
        if not total:
            raise DataError(f"{_name(source)} holds no rows. Expected one pair per row.")
        if self.lost > self.limit * total:
            raise DataError(
                f"{_name(source)}: {self.lost} of {total} rows cannot be used, more than max_set_aside = "
                f"{self.limit:g} allows. First: {reasons}. Repair them, or raise max_set_aside."
            )
        self._check_gold()

    def _check_gold(self) -> None:
        """Whether gold that the user named knows both sides: in a file that has the better answer first it does not."""
        named = next(((name, plan.gold) for name, plan in self.plans if plan.gold.named), None)
        if named is None or named[1].values is not None or sum(bool(self.gold[side]) for side in "ab") > 1:
            return
        side = "a" if self.gold["a"] else "b"
        if self.gold[side] >= _FEW:
            first, other = ("chosen", "rejected") if side == "a" else ("rejected", "chosen")
            raise GoldError(
                f"{named[0]}: every verdict in {named[1].shown} is {side!r} ({self.gold[side]:,} of them). If response_{side} "
                f"is always the better one, name the columns {first} and {other} in place of response_a and response_b; if "
                f'the verdicts are right, say so with gold_values, for example {{ "{side}" = "{side}" }} under [data].'
            )

    def hints(self) -> tuple[str, ...]:
        """On columns that may be gold, where no pair has any."""
        found = dict.fromkeys(hint for _, plan in self.plans for hint in plan.hints)
        return tuple(found) if not self.gold["a"] + self.gold["b"] + self.gold["tie"] else ()


def _name(source: Any) -> str:
    if isinstance(source, str | Path):
        return str(source)
    if isinstance(source, list | tuple) and source and isinstance(source[0], str | Path):
        return str(source[0]) + (f" and {len(source) - 1} more" if len(source) > 1 else "")
    return f"the {type(source).__name__}"
