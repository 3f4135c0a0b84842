"""Crowd workers: a table of annotations, one row per pair, worker and vote, as one labeling function per worker.

A majority of three hides that one worker is right nine times in ten and another tosses coins; a label model learns it,
if it sees who said what. Workers with few votes are pooled: nothing can be learned of them one by one.

Annotations are joined by pair id. They speak of the order of the *source* (as columns do, see
`weaklabel.lf.columns`), or of the order in which the worker saw the responses, where a column says which that was.
The margin is the number of votes for b less the number for a: one for a worker, several for a pool, 0 for a tie.
"""

from __future__ import annotations

import csv
import functools
import logging
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from weaklabel._shown import Shown
from weaklabel._terminal import plain_line
from weaklabel.artifacts import parse_json
from weaklabel.errors import DataError, LabelingFunctionError
from weaklabel.judges.columns import place_of
from weaklabel.judges.settings import CrowdSettings, check_spec_name
from weaklabel.judges.verdict import FIRST, SECOND
from weaklabel.lf.columns import ColumnFunction, Remark, made_for
from weaklabel.lf.core import LabelingFunction
from weaklabel.lf.settings import arguments, takes
from weaklabel.lf.sources.kinds import Described
from weaklabel.lf.votes import NotAVote
from weaklabel.types import Pairs
from weaklabel.types.verdicts import verdict_key

_KINDS: Final = (".jsonl", ".ndjson", ".csv", ".tsv", ".parquet")
_OTHERS: Final = "others"


@dataclass(frozen=True, slots=True)
class _Annotations:
    """Annotations by worker and pair: `[votes for the source's first response, for its second]`; a tie adds none.

    `first` counts votes for the response shown first and votes in all, per worker, where the order is known.
    """

    by_worker: Mapping[str, Mapping[str, Sequence[int]]]
    n_rows: Mapping[str, int]
    first: Mapping[str, tuple[int, int]]


@dataclass(frozen=True, kw_only=True, repr=False)
class CrowdFunction(ColumnFunction):
    """The votes of one worker, or of several that are pooled. Made by `crowd_workers`."""

    settings: CrowdSettings
    workers: tuple[str, ...]

    @property
    def doc(self) -> str:
        who = (
            repr(self.workers[0]) if len(self.workers) == 1 else f"{len(self.workers)} workers with few votes"
        )
        return f"Votes as {who} did in {self.file.name}."

    @property
    def file(self) -> Path:
        """Where the annotations are."""
        return Path(self.settings.annotations)

    @property
    def parameters(self) -> dict[str, Any]:
        # What the file holds counts through the columns made of it; the votes on a shard are filed under those.
        return {"workers": list(self.workers), "votes": self.settings.votes, "version": self.version}

    def derive(self, table: pa.Table, *, ask: bool = True) -> pa.Table:
        if self.is_derived(table):
            return table
        found = read_annotations(self.settings).by_worker
        ids = table["id"].to_pylist()
        known = [[votes[i] for w in self.workers if i in (votes := found.get(w, {}))] for i in ids]
        sums = [np.sum(said, axis=0).tolist() if said else (None, None) for said in known]
        return self._with_scores(table, [a for a, _ in sums], [b for _, b in sums], pa.float64())

    def remark(self, table: pa.Table) -> Remark:
        match = _match_of(self.settings, table["id"].to_pylist())
        none_fits = match.n_unmatched == match.n_annotations
        return Remark(str(match), logging.WARNING if none_fits else logging.INFO)


@dataclass(frozen=True, slots=True, repr=False)
class CrowdMatch(Shown):
    """How the annotations of a file fit the pairs.

    Attributes:
        file: its name.
        n_annotations: its rows with a vote.
        n_workers: who voted.
        n_unmatched: annotations whose id is no pair's; `first_unmatched` is one.
        n_repeated: annotations by a worker on a pair that the worker had annotated before.
        share_first: per worker the share of the votes that are for the response shown first, where that is known.
    """

    file: str
    n_annotations: int
    n_workers: int
    n_unmatched: int
    first_unmatched: str | None
    n_repeated: int
    share_first: Mapping[str, float]

    def __str__(self) -> str:
        if not self.n_unmatched:
            return f"{self.file}: {self.n_annotations:,} annotations of {self.n_workers} workers, all of these pairs"
        if self.n_unmatched == self.n_annotations:
            return (
                f"{self.file}: none of its {self.n_annotations:,} annotations is of a pair here, "
                f"first {self.first_unmatched!r}"
            )
        return (
            f"{self.file}: {self.n_unmatched:,} of {self.n_annotations:,} annotations are of no pair here, "
            f"first {self.first_unmatched!r}"
        )


@takes(CrowdSettings)
def crowd_workers(settings: CrowdSettings) -> list[LabelingFunction]:
    """A table of annotations as labeling functions: `<name>.<worker>` each, and `<name>.others` for the rest.

    The file is read, to learn who the workers are; what they said is read again when it is applied. A worker who
    voted twice on a pair, for both sides, abstains there.

    Raises:
        DataError: a file that cannot be read, a column that it has not, a vote that is not defined.
        LabelingFunctionError: `votes` that map to something else.
    """
    found = read_annotations(settings)
    many = sorted(who for who, n in found.n_rows.items() if n >= settings.min_votes)
    few = sorted(found.n_rows.keys() - set(many))
    if few and _OTHERS in many:
        raise LabelingFunctionError(
            f"{settings.name}: a worker is called {_OTHERS!r}, as the pool is. Rename that worker."
        )
    groups = {who: (who,) for who in many} | ({_OTHERS: tuple(few)} if few else {})
    return [_made(settings, f"{settings.name}.{plain_line(who)}", workers) for who, workers in groups.items()]


def crowd_match(lfs: Sequence[LabelingFunction], pairs: Pairs) -> list[CrowdMatch]:
    """How the annotations behind `lfs` fit `pairs`, one entry per file; other labeling functions are passed over."""
    found: list[CrowdMatch] = []
    for settings in dict.fromkeys(lf.settings for lf in lfs if isinstance(lf, CrowdFunction)):
        match = _match_of(settings, pairs.ids)
        found += [match] if match not in found else []
    return found


def _made(settings: CrowdSettings, name: str, workers: tuple[str, ...]) -> CrowdFunction:
    check_spec_name(name, "a worker")
    values = {"name": name, "workers": workers, "settings": arguments(settings)}
    return CrowdFunction(
        name=name,
        family="crowd",
        columns=made_for(name),
        version=settings.version,
        spec=CROWD.spec(values),
        allow=settings.allow,
        settings=settings,
        workers=workers,
    )


def _from_spec(values: Mapping[str, Any]) -> CrowdFunction:
    return _made(CrowdSettings(**values["settings"]), values["name"], tuple(values["workers"]))


CROWD: Final = Described("crowd", _from_spec)


def read_annotations(settings: CrowdSettings) -> _Annotations:
    """The annotations of a file, read again only when the file has changed.

    Raises:
        DataError: a file that cannot be read, a column that it has not, a vote that is not defined.
    """
    try:
        stat = Path(settings.annotations).stat()
    except OSError as error:
        raise DataError(
            f"{settings.annotations}: the annotations cannot be read ({error.strerror}). Name an existing file."
        ) from None
    return _read(settings, stat.st_mtime_ns, stat.st_size)


@functools.lru_cache(maxsize=8)
def _read(settings: CrowdSettings, mtime: int, size: int) -> _Annotations:
    votes, meaning = settings.votes or {}, dict[str, dict[str, list[int]]]()
    n_rows, first, total = Counter[str](), Counter[str](), Counter[str]()
    for line, row in _rows(Path(settings.annotations)):
        who, pair_id, said = (row.get(column) for column in (settings.worker, settings.id, settings.vote))
        where = f"{settings.annotations}:{line}"
        _check_columns(settings, row, where)
        if _is_missing(said):
            continue
        if _is_missing(who) or _is_missing(pair_id):
            raise DataError(
                f"{where}: a vote without {settings.worker!r} or {settings.id!r}. Fill it in, or drop it."
            )
        order = verdict_key(row[settings.shown]) if settings.shown else "a"
        if order not in ("a", "b"):
            raise DataError(
                f"{where}: {settings.shown!r} is {order!r}. Allowed: 'a', 'b', which was shown first."
            )
        try:
            place = place_of(said, votes, order)
        except NotAVote as error:
            raise DataError(f"{where}: {settings.vote!r} is {said!r}. {error.hint}") from None
        if place == "abstain":
            continue
        counts = meaning.setdefault(verdict_key(who), {}).setdefault(verdict_key(pair_id), [0, 0])
        n_rows[verdict_key(who)] += 1
        if place in (FIRST, SECOND):
            counts[(place == SECOND) ^ (order == "b")] += 1
            total[verdict_key(who)] += 1
            first[verdict_key(who)] += place == FIRST
    if not n_rows:
        raise DataError(f"{settings.annotations}: there is no vote in it. Name a file with one row per vote.")
    shares = {who: (first[who], n) for who, n in total.items()} if settings.shown else {}
    return _Annotations(meaning, dict(n_rows), shares)


def _is_missing(value: Any) -> bool:
    return value is None or value == "" or value != value


def _rows(path: Path) -> Iterator[tuple[int, dict[str, Any]]]:
    """Line number and row, by the file's ending."""
    if path.suffix not in _KINDS:
        raise DataError(
            f"{path}: annotations are read from {', '.join(_KINDS)}. Convert the file to one of these."
        )
    try:
        if path.suffix == ".parquet":
            yield from enumerate(pq.read_table(path).to_pylist(), 1)
        elif path.suffix in (".csv", ".tsv"):
            with path.open(encoding="utf-8-sig", newline="") as file:
                yield from enumerate(
                    csv.DictReader(file, delimiter="\t" if path.suffix == ".tsv" else ","), 2
                )
        else:
            with path.open(encoding="utf-8-sig") as file:
                for number, line in enumerate(file, 1):
                    if line.strip():
                        yield number, _object(line, f"{path}:{number}")
    except (OSError, ValueError, csv.Error, pa.ArrowException) as error:
        if isinstance(error, DataError):
            raise
        raise DataError(f"{path}: the annotations cannot be read ({error}). Repair the file.") from None


def _object(line: str, where: str) -> dict[str, Any]:
    try:
        found = parse_json(line)
    except ValueError as error:
        raise DataError(f"{where}: no JSON ({error}). Repair the line.") from None
    if not isinstance(found, dict):
        raise DataError(f"{where}: {line.strip()[:40]!r} is no JSON object. Repair the line.")
    return found


def _check_columns(settings: CrowdSettings, row: Mapping[str, Any], where: str) -> None:
    wanted = [settings.worker, settings.id, settings.vote, *([settings.shown] if settings.shown else [])]
    missing = [column for column in wanted if column not in row]
    if missing:
        raise DataError(
            f"{where}: there is no column {missing[0]!r}. It has: {', '.join(map(str, row))}. "
            "Name its columns: worker = ..., id = ..., vote = ..."
        )


def _match_of(settings: CrowdSettings, ids: Sequence[str]) -> CrowdMatch:
    found, known = read_annotations(settings), set(ids)
    annotated = [(i, sum(c) or 1) for pairs in found.by_worker.values() for i, c in pairs.items()]
    unmatched = [(i, n) for i, n in annotated if i not in known]
    return CrowdMatch(
        file=Path(settings.annotations).name,
        n_annotations=sum(found.n_rows.values()),
        n_workers=len(found.n_rows),
        n_unmatched=sum(n for _, n in unmatched),
        first_unmatched=unmatched[0][0] if unmatched else None,
        n_repeated=sum(found.n_rows.values()) - len(annotated),
        share_first={who: first / n for who, (first, n) in sorted(found.first.items()) if n},
    )
