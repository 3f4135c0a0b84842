"""Votes on disk: one Parquet file per labeling function and shard.

    votes/<name>@<first 12 of the fingerprint>/<first 16 of the shard's hash>.parquet     votes, margins
    votes/<name>@<first 12 of the fingerprint>/<first 16 of the shard's hash>.faults.json failures, if any
    votes/<name>@<first 12 of the fingerprint>/about.json     what the fingerprint is made of, for `weaklabel status`

A file is written under its final name whole or not at all, its faults before it, and it is the only record of
being done: there is no list of what is finished that could disagree. Each holds a checksum of all its bytes, and one of
its faults, both looked at whenever it is read. A file that is damaged, of another version of a function, or not ours
counts as missing; of damage a line is logged. The name in the folder is for people; a function that was renamed finds
its votes by fingerprint.
"""

from __future__ import annotations

import hashlib
import json
import os
import re
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from weaklabel._arguments import checked
from weaklabel._shown import Shown
from weaklabel._terminal import logger
from weaklabel.artifacts import atomic_file, json_line, parse_json, read_json, write_json
from weaklabel.errors import ArtifactError
from weaklabel.lf.core import LabelingFunction
from weaklabel.lf.discovery import fingerprint as fingerprint
from weaklabel.lf.discovery import grain, ingredients
from weaklabel.lf.votes import BatchVotes
from weaklabel.text.tokens import arrow_of
from weaklabel.types import Fault

_SCHEMA = pa.schema([pa.field("vote", pa.int8(), nullable=False), pa.field("margin", pa.float32())])
_FORMAT = "3"  # of the files; what was written in another one counts as missing
# A file's checksum stands in its own metadata; it is of the file with zeros in that place.
_CHECKSUM: Final = re.compile(rb"checksum:([0-9a-f]{64})")
_BLANK: Final = b"checksum:" + b"0" * 64
_NAMED: Final = 3  # damaged files that are named in the log, by each store
_STALE_SECONDS = 3600.0
_TRIES = 100  # each loses at most to one sweep of a collector, and the writer is quicker than that
ABOUT = "about.json"
_log = logger()


class _Damaged(ValueError):
    """A file of votes whose bytes are not those that were written."""


@dataclass(frozen=True, slots=True)
class Cell:
    """The address of one labeling function's votes on one shard."""

    name: str
    fingerprint: str
    shard: str

    @property
    def metadata(self) -> dict[str, str]:
        return {"format": _FORMAT, "fingerprint": self.fingerprint, "shard": self.shard}


@dataclass(frozen=True, slots=True, repr=False)
class Tally(Shown):
    """Votes of one labeling function on one shard, counted. `n_pairs - n_a - n_b` are abstains, faults among them."""

    n_pairs: int
    n_a: int
    n_b: int
    n_faults: int

    @classmethod
    def of(cls, found: BatchVotes) -> Tally:
        votes = found.votes
        return cls(len(votes), int((votes == 0).sum()), int((votes == 1).sum()), len(found.faults))


@dataclass(frozen=True, repr=False)
class Version(Shown):
    """One version of a labeling function in the store.

    Attributes:
        name: of the function when its first votes were kept.
        short: first 12 digits of the fingerprint.
        folder: where its votes are.
        ingredients: what the fingerprint is made of, name -> short hash or version; empty where that was not kept.
        made: when it was first kept, seconds since 1970.
    """

    name: str
    short: str
    folder: Path
    ingredients: dict[str, str]
    made: float

    @property
    def shards(self) -> set[str]:
        """First 16 digits of the hashes of the shards that have votes."""
        return {path.stem for path in self.folder.glob("*.parquet") if not path.name.startswith(".")}


class VoteStore(Shown):
    """A folder of votes. Several processes may read and write it at once.

    Args:
        folder: where it lives; made when the first votes are saved.
    """

    @checked
    def __init__(self, folder: str | Path) -> None:
        self.folder = Path(folder)
        self._versions: dict[str, Path] = {}
        self._told = 0
        for version in self.folder.glob("votes/*@*"):
            self._versions.setdefault(version.name.rpartition("@")[2], version)

    def _values(self) -> list[tuple[str, Any]]:
        return [("folder", str(self.folder))]

    def load(self, cell: Cell, n_pairs: int) -> BatchVotes | None:
        """The votes at `cell`, None where there are none that can be trusted."""
        return self._load(self.file_of(cell), cell, n_pairs)

    def load_or_given_up(self, cell: Cell, n_pairs: int) -> BatchVotes | None:
        """The votes at `cell`, or the faults of a function that never came to an end there.

        What is neither, because it is damaged, is removed: the next run then computes it.
        """
        votes = self.load(cell, n_pairs) or self._load(_given_up(self.file_of(cell)), cell, n_pairs)
        if votes is None:
            self.file_of(cell).unlink(missing_ok=True)
        return votes

    def _load(self, path: Path, cell: Cell, n_pairs: int) -> BatchVotes | None:
        try:
            raw = _read(path)
            found = _about(raw, cell, n_pairs)
            if found is None:
                return None
            table = pq.read_table(pa.BufferReader(raw))
            votes = table["vote"].to_numpy().astype(np.int8)
            margins = table["margin"].to_numpy().astype(np.float32)
            records = _faults_of(path, found["faults_checksum"]) if found["faults"] else []
            faults = tuple(Fault.from_dict({**record, "lf": cell.name}) for record in records)
        except FileNotFoundError:
            return None
        except (OSError, pa.ArrowException, KeyError, TypeError, ValueError, AttributeError):
            self._tell(path)
            return None
        return BatchVotes(votes, margins, faults)

    def _tell(self, path: Path) -> None:
        self._told += 1
        if self._told <= _NAMED:
            _log.warning("%s is damaged: it is left aside, and its votes are computed again", path)
        elif self._told == _NAMED + 1:
            _log.warning("further damaged files of votes in %s are not named", self.folder)

    def tally(self, cell: Cell, n_pairs: int) -> Tally | None:
        """What stands at `cell`, counted; None where there is nothing that can be trusted."""
        path = self.file_of(cell)
        try:
            found = _about(_read(path), cell, n_pairs)
            if found is None:
                return None
            if found["faults"]:
                _faults_of(path, found["faults_checksum"])
            return Tally(n_pairs, found["a"], found["b"], found["faults"])
        except FileNotFoundError:
            return None
        except (OSError, pa.ArrowException, KeyError, TypeError, ValueError, AttributeError):
            self._tell(path)
            return None

    def save(self, cell: Cell, votes: BatchVotes, *, given_up: bool = False) -> None:
        """Keep `votes` at `cell`.

        Args:
            cell: the address.
            votes: the votes, margins and faults.
            given_up: the function never came to an end here. These faults stand in a file of their own: whoever applies
                the function again finds no votes and tries.

        Raises:
            ArtifactError: the disk is full or the folder cannot be written to.
        """
        path = _given_up(self.file_of(cell)) if given_up else self.file_of(cell)
        tally = Tally.of(votes)
        faults = json_line([_record(fault) for fault in votes.faults]).encode() if votes.faults else b""
        counts = {"faults": tally.n_faults, "a": tally.n_a, "b": tally.n_b}
        about = cell.metadata | counts | {"faults_checksum": hashlib.sha256(faults).hexdigest()}
        metadata = {"weaklabel": json.dumps(about, sort_keys=True), "weaklabel.checksum": _BLANK}
        arrays = [arrow_of(votes.votes), arrow_of(votes.margins)]
        raw = _with_checksum(pa.table(arrays, schema=_SCHEMA.with_metadata(metadata)))
        with self._writing():
            for tries_left in range(_TRIES - 1, -1, -1):
                try:
                    self._write(path, raw, faults)
                    break
                except (
                    FileNotFoundError
                ):  # `weaklabel gc` took the folder or the temporary file away under our hands
                    if not tries_left:
                        raise
        self._versions.setdefault(cell.fingerprint[:12], path.parent)

    def _write(self, path: Path, raw: bytes, faults: bytes) -> None:
        for target, content in ((_faults_path(path), faults), (path, raw)):
            if content:
                with atomic_file(target) as temporary:
                    temporary.write_bytes(content)

    def describe(self, lfs: Sequence[LabelingFunction]) -> None:
        """Keep what the fingerprints of `lfs` are made of beside their votes, for `weaklabel status --why`.

        Raises:
            ArtifactError: the disk is full or the folder cannot be written to.
        """
        for lf in lfs:
            version = fingerprint(lf)
            if version is None:
                continue
            path = self.file_of(Cell(lf.name, version, "")).parent / ABOUT
            if path.exists():
                continue
            kind, reason = grain(lf)
            about = {"name": lf.name, "fingerprint": version, "grain": kind, "reason": reason}
            with self._writing():
                write_json(path, about | {"ingredients": ingredients(lf)})
            self._versions.setdefault(version[:12], path.parent)

    def versions(self) -> list[Version]:
        """Every version in the store, the newest first."""
        found = []
        for folder in self.folder.glob("votes/*@*"):
            name, _, short = folder.name.rpartition("@")
            made, kept = 0.0, {}
            with suppress(OSError, ArtifactError, KeyError, TypeError):
                made = folder.stat().st_mtime
                about = read_json(folder / ABOUT)
                name, kept = str(about["name"]), dict(about["ingredients"])
                made = (folder / ABOUT).stat().st_mtime
            found.append(Version(name, short, folder, kept, made))
        return sorted(found, key=lambda version: (-version.made, version.folder.name))

    def sweep(self) -> None:
        """Remove what killed writers left behind more than an hour ago."""
        before = time.time() - _STALE_SECONDS
        for path in self.folder.glob("votes/*@*/.*.tmp-*"):
            with suppress(OSError):  # its writer was faster
                if path.stat().st_mtime < before:
                    path.unlink()

    def is_there(self, cell: Cell) -> bool:
        """Whether there is a file for `cell`; what is in it is looked at when it is read."""
        path = self.file_of(cell)
        return path.exists() or _given_up(path).exists()

    def file_of(self, cell: Cell) -> Path:
        """The file in which the votes at `cell` stand, or would."""
        short = cell.fingerprint[:12]
        named = self.folder / "votes" / f"{re.sub(r'[^A-Za-z0-9_.-]', '_', cell.name)[:80]}@{short}"
        return self._versions.get(short, named) / f"{cell.shard[:16]}.parquet"

    @contextmanager
    def _writing(self) -> Iterator[None]:
        try:
            yield
        except OSError as error:
            said = (
                os.strerror(error.errno) if error.errno else error
            )  # arrow wraps the system's words in its own
            raise ArtifactError(
                f"{self.folder}: votes could not be written: {said}. Make room or choose another "
                "folder; what is done is kept, and the same command continues."
            ) from error


def _with_checksum(table: pa.Table) -> bytes:
    """The table as a Parquet file that holds the checksum of its own bytes."""
    sink = pa.BufferOutputStream()
    pq.write_table(table, sink, compression="zstd")
    blank: bytes = sink.getvalue().to_pybytes()
    assert blank.count(_BLANK) == 1
    return blank.replace(_BLANK, b"checksum:" + hashlib.sha256(blank).hexdigest().encode("ascii"))


def _read(path: Path) -> bytes:
    """The bytes of a file of votes.

    Raises:
        _Damaged: they are not those that were written. A file without a checksum is looked at by `_about`.
    """
    raw = path.read_bytes()
    found = _CHECKSUM.search(raw)
    if found is not None and hashlib.sha256(raw.replace(found[0], _BLANK)).hexdigest().encode() != found[1]:
        raise _Damaged(path)
    return raw


def _about(raw: bytes, cell: Cell, n_pairs: int) -> dict[str, Any] | None:
    """What a file says of itself; None where it is of other votes, or of another format.

    Raises:
        _Damaged: it is of our format and has no checksum. ArrowException, KeyError, ValueError: it is no such file.
    """
    about = pq.read_metadata(pa.BufferReader(raw))
    found: dict[str, Any] = parse_json(about.metadata[b"weaklabel"])
    if {key: found.get(key) for key in cell.metadata} != cell.metadata or about.num_rows != n_pairs:
        return None
    if _CHECKSUM.search(raw) is None:
        raise _Damaged
    return found


def _faults_of(path: Path, checksum: str) -> list[dict[str, str]]:
    try:
        raw = _faults_path(path).read_bytes()
    except FileNotFoundError:
        raise _Damaged(path) from None
    if hashlib.sha256(raw).hexdigest() != checksum:
        raise _Damaged(path)
    records: list[dict[str, str]] = parse_json(raw)
    return records


def _given_up(path: Path) -> Path:
    return path.with_suffix(".given-up.parquet")


def _faults_path(path: Path) -> Path:
    return path.with_suffix(".faults.json")


def _record(fault: Fault) -> dict[str, str]:
    # Without the name, under which the votes are found: the function may be renamed. A message may quote half of a
    # surrogate pair, which no UTF-8 file can hold.
    values = fault.to_dict().items()
    return {key: text.encode("utf-8", "replace").decode("utf-8") for key, text in values if key != "lf"}
