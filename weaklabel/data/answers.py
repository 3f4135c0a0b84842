"""Answers that people gave to questions about pairs: gold that came later, and never moves a prompt between parts.

Parts are drawn from the gold that a source has. Answers are joined afterwards: their prompts, which were in the pool or in
dev, are in dev, and the locked test part stays as it was drawn. Each answer repeats the texts of its pair, so that it is
recognised in either order of the responses, and whatever a seed draws.

    {"id": "3f2a", "prompt": "...", "response_a": "...", "response_b": "...", "gold": "b", "rule": "uncertainty", "p": 0.48}
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any, Final

import pyarrow as pa
import pyarrow.compute as pc

from weaklabel.artifacts.growing import GrowingFile
from weaklabel.data.gold import GoldTable
from weaklabel.data.pairs_file import PairsFile
from weaklabel.data.sources import PairSource
from weaklabel.data.splits import Keys
from weaklabel.errors import DataError, GoldError
from weaklabel.types import SetAside
from weaklabel.types.result import Result, json_fields

ASKED: Final = ["id", "prompt", "response_a", "response_b", "gold", "part"]
"""Columns by which answers are joined."""


class Answers:
    """Answers by pair id, joined with pairs that have their parts already.

    Args:
        source: whatever holds answers, as gold in a file of its own.

    Raises:
        GoldError: it holds none.

    Attributes:
        set_aside: answers that cannot be used, with the reason. Those of other pairs are not among them: a project has one
            file of answers for all its runs.
    """

    def __init__(self, source: PairSource) -> None:
        self._gold = GoldTable(source)
        self.set_aside: list[SetAside] = list(self._gold.set_aside)
        self._of_pair: dict[str, str] = {}
        self._prompts: set[str] = set()
        self._keys = Keys()

    @property
    def n_used(self) -> int:
        """Pairs that have an answer."""
        return len(self._of_pair)

    def asked(self, table: pa.Table) -> pa.Table:
        """The rows of a table that an answer is about."""
        return with_ids(table, self._gold.ids)

    def settle(self, tables: Iterable[pa.Table]) -> None:
        """Find the answers' pairs in canonical tables with parts."""
        for table in tables:
            asked = self.asked(table)
            for row, pair_id in enumerate(asked["id"].to_pylist()):
                try:
                    verdict = usable(self._gold, asked, row)
                except (GoldError, DataError) as error:
                    self.set_aside.append(self._gold.rejected(pair_id, str(error)))
                    continue
                self._of_pair[pair_id] = verdict
                self._prompts.add(self._keys.of(asked["prompt"][row].as_py()))

    def fill(self, table: pa.Table) -> pa.Table:
        """The table with answers as gold where it has none, and their prompts in dev."""
        if not self._of_pair:
            return table
        gold, part = table["gold"].to_pylist(), table["part"].to_pylist()
        keys = self._keys.of_prompts(table)
        for row, (pair_id, key) in enumerate(zip(table["id"].to_pylist(), keys, strict=True)):
            gold[row] = gold[row] or self._of_pair.get(pair_id)
            if key in self._prompts and part[row] == "pool":
                part[row] = "dev"
        for name, values in (("gold", gold), ("part", part)):
            table = table.set_column(table.column_names.index(name), name, pa.array(values, pa.string()))
        return table


def with_ids(table: pa.Table, ids: Iterable[str]) -> pa.Table:
    """The rows of some ids."""
    return table.filter(pc.is_in(table["id"], pa.array(list(ids), pa.string())))


def usable(gold: GoldTable, table: pa.Table, row: int) -> str:
    """The answer to the pair of a row, in the row's own order.

    Raises:
        GoldError: its texts are those of another pair. DataError: the pair is locked, or has other gold.
    """
    pair_id, known = table["id"][row].as_py(), table["gold"][row].as_py()
    verdict = gold.verdict(pair_id, table, row, redrawn=False)
    if table["part"][row].as_py() == "test":
        raise DataError(
            f"the prompt of pair {pair_id!r} is in the locked test part, which is never asked about"
        )
    if known not in (None, verdict):
        raise DataError(f"pair {pair_id!r} has the gold {known!r} already, and this says {verdict!r}")
    return verdict


@dataclass(frozen=True, slots=True, repr=False)
class Added(Result):
    """What `add_answers` took.

    Attributes:
        n_added: answers that are new.
        n_known: answers that were there already.
        set_aside: answers that were not taken, each with its line and reason.
        by_rule: rule of acquisition -> how many new answers, and on how many of those that decide the labels had been right.
    """

    n_added: int
    n_known: int
    set_aside: tuple[SetAside, ...]
    by_rule: Mapping[str, tuple[int, int]] = field(default_factory=dict)

    def to_dict(self) -> dict[str, Any]:
        """JSON values."""
        return json_fields(self) | {"set_aside": [asdict(row) for row in self.set_aside]}

    def __str__(self) -> str:
        lines = [
            f"{self.n_added:,} answers added, {self.n_known:,} known before, {len(self.set_aside):,} set aside"
        ]
        lines += [str(row) for row in self.set_aside]
        for rule, (n, right) in sorted(self.by_rule.items()):
            lines.append(f"asked by {rule}: the labels had been right on {right} of {n} that are no tie")
        return "\n".join(lines)


def add_answers(
    kept: Path,
    given: PairSource,
    file: PairsFile,
    asked: Mapping[str, Mapping[str, Any]],
    *,
    unasked: bool = False,
) -> Added:
    """Take answers into the file of a project. What cannot be taken is set aside, and the rest is kept all the same.

    Args:
        kept: the project's answers; it only grows.
        given: a queue that was filled in, or any gold in a file of its own. Rows without an answer are open questions.
        file: the pairs of the run that asked.
        asked: id -> what is kept beside its answer, such as the rule that asked and what was believed.
        unasked: take answers about other pairs of the run too.

    Raises:
        GoldError: no answer at all, or one whose meaning is not known.
    """
    gold, growing = GoldTable(given), GrowingFile(kept)
    with growing.held():
        earlier = GoldTable(str(kept)) if kept.stat().st_size else None
        taking = _Taking(gold, earlier, asked, unasked)
        for shard in range(len(file)):
            if len(with_ids(file.read(shard, ["id"]), gold.ids)):
                taking.look_at(with_ids(file.read(shard, ASKED), gold.ids))
        taking.finish()
        if taking.lines:
            growing.append(*taking.lines)
    return Added(len(taking.lines), taking.n_known, tuple(taking.set_aside), _by_rule(taking.lines))


class _Taking:
    """One call of `add_answers`: what is taken, what was known, and what is set aside."""

    def __init__(
        self,
        gold: GoldTable,
        earlier: GoldTable | None,
        asked: Mapping[str, Mapping[str, Any]],
        unasked: bool,
    ) -> None:
        self._gold, self._earlier, self._asked, self._unasked = gold, earlier, asked, unasked
        self.set_aside: list[SetAside] = list(gold.set_aside)
        self.lines: list[dict[str, Any]] = []
        self.n_known = 0
        self._found: set[str] = set()

    def look_at(self, table: pa.Table) -> None:
        """Take the answers about the pairs of a table."""
        for row, pair_id in enumerate(table["id"].to_pylist()):
            self._found.add(pair_id)
            try:
                verdict, is_new = self._judged(table, row, pair_id)
            except (GoldError, DataError) as error:
                self.set_aside.append(self._gold.rejected(pair_id, str(error)))
                continue
            if is_new:
                texts = {name: table[name][row].as_py() for name in ASKED[:4]}
                self.lines.append(
                    texts | {"gold": verdict} | dict(self._asked.get(pair_id, {"rule": "unasked"}))
                )
            else:
                self.n_known += 1

    def _judged(self, table: pa.Table, row: int, pair_id: str) -> tuple[str, bool]:
        """The answer, and whether it is new."""
        verdict = usable(self._gold, table, row)
        before = None if self._earlier is None else self._earlier.verdict_or_none(pair_id, table, row)
        if before not in (None, verdict):
            raise DataError(f"pair {pair_id!r} was answered {before!r} before, and this says {verdict!r}")
        if pair_id not in self._asked and not self._unasked:
            raise DataError(
                f"pair {pair_id!r} was not asked by this run; name the run that did, or take it with unasked"
            )
        return verdict, before is None and table["gold"][row].as_py() is None

    def finish(self) -> None:
        """Set aside what is about no pair, and bring all into the order in which it was given."""
        place = {pair_id: number for number, pair_id in enumerate(self._gold.ids)}
        lost = (pair_id for pair_id in self._gold.ids if pair_id not in self._found)
        self.set_aside += [self._gold.rejected(i, f"no pair of the run has the id {i!r}") for i in lost]
        self.set_aside.sort(key=lambda row: (row.file, row.line))
        self.lines.sort(key=lambda line: place[line["id"]])


def _by_rule(lines: Iterable[Mapping[str, Any]]) -> dict[str, tuple[int, int]]:
    found: dict[str, tuple[int, int]] = {}
    for line in lines:
        if line["gold"] == "tie" or "p" not in line:
            continue
        n, right = found.get(line["rule"], (0, 0))
        found[line["rule"]] = n + 1, right + ((line["p"] > 0.5) == (line["gold"] == "b") and line["p"] != 0.5)
    return found
