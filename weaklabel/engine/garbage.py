"""Removing votes that no run refers to, and what killed writers left behind.

Files younger than an hour stay: somebody may be writing them, or about to say that they are needed. Two collectors
at once take nothing twice, and a writer that loses an empty folder makes it again.
"""

from __future__ import annotations

import shutil
import time
from collections.abc import Iterable, Iterator
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from weaklabel.artifacts import read_json
from weaklabel.engine.store import ABOUT, Version, VoteStore
from weaklabel.errors import ArtifactError

YOUNG_SECONDS: Final = 3600.0


@dataclass(frozen=True)
class Removal:
    """One file to remove.

    Attributes:
        path: the file.
        size: its bytes.
        what: "votes", "faults", "about" or "torn".
        version: the folder of the store that it lies in, "" outside.
    """

    path: Path
    size: int
    what: str
    version: str


@dataclass(frozen=True)
class References:
    """What a run needs of the store.

    Attributes:
        versions: first 12 digits of fingerprints.
        shards: first 16 digits of shard hashes; None means every shard of these versions.
    """

    versions: frozenset[str]
    shards: frozenset[str] | None


def references(run_folder: Path) -> References:
    """What a run refers to, by its `votes.json`; without one, by the manifest of its `apply`."""
    with suppress(ArtifactError, KeyError, TypeError, AttributeError, OSError):
        votes = read_json(run_folder / "votes.json")
        names = frozenset(str(lf["fingerprint"])[:12] for lf in votes["lfs"])
        return References(names, frozenset(text[:16] for text in _texts(votes["shards"])))
    with suppress(ArtifactError, KeyError, TypeError, AttributeError, OSError):
        inputs = read_json(run_folder / "apply.json")["inputs"]
        return References(
            frozenset(str(v)[:12] for name, v in inputs.items() if name.startswith("lf:") and v), None
        )
    return References(frozenset(), frozenset())


def unreferenced(
    store: VoteStore, runs: Path, *, everything: bool = False, now: float | None = None
) -> list[Removal]:
    """What can go: votes that no run below `runs` refers to, and torn temporaries.

    Args:
        store: the votes.
        runs: the folder that holds the runs' folders.
        everything: also what is younger than an hour; only where nothing is running.
        now: seconds since 1970, for tests.
    """
    before = float("inf") if everything else (time.time() if now is None else now) - YOUNG_SECONDS
    needed = [references(folder) for folder in sorted(runs.glob("*")) if folder.is_dir()]
    found: list[Removal] = []
    for version in store.versions():
        needs = [r.shards for r in needed if version.short in r.versions]
        if None not in needs:
            found += _of_version(version, {s for some in needs if some for s in some}, before)
    for place in (store.folder, runs):
        found += _torn(place, before)
    return found


def remove(removals: Iterable[Removal]) -> int:
    """Remove files, votes before the faults that they need; the bytes that this call freed.

    Raises:
        OSError: a file that may not be removed.
    """
    freed, folders = 0, set()
    for removal in removals:
        with suppress(FileNotFoundError):  # another collector was faster
            if removal.path.is_dir():
                shutil.rmtree(removal.path)
            else:
                removal.path.unlink()
            freed += removal.size
        if removal.what == "about":
            folders.add(removal.path.parent)
    for folder in folders:
        with suppress(OSError):  # somebody writes here again
            folder.rmdir()
    return freed


def _torn(place: Path, before: float) -> Iterator[Removal]:
    """Files and folders that killed writers left: what was being written, and what was being replaced."""
    found: list[Path] = []
    for path in sorted([*place.glob("**/.*.tmp-*"), *place.glob("**/.*.old-*")]):
        if any(path.is_relative_to(folder) for folder in found):
            continue
        inside = [member for member in path.rglob("*") if member.is_file()] if path.is_dir() else []
        sizes = [_size_if_older(member, before) for member in (*inside, path)]
        if None not in sizes:
            found.append(path)
            yield Removal(path, sum(size or 0 for size in sizes), "torn", "")


def _of_version(version: Version, needed: set[str], before: float) -> Iterator[Removal]:
    files = [path for path in version.folder.glob("*") if not path.name.startswith(".")]
    going = [p for p in files if p.name != ABOUT and p.name.partition(".")[0] not in needed]
    sizes = {path: _size_if_older(path, before) for path in files}
    # A shard goes whole or not at all, and its votes first: faults alone are nobody's, votes without them torn.
    young = {path.name.partition(".")[0] for path in going if sizes[path] is None}
    gone = sorted(
        (p for p in going if p.name.partition(".")[0] not in young),
        key=lambda p: (p.suffix == ".json", p.name),
    )
    for path in gone:
        what = "faults" if path.suffix == ".json" else "votes"
        yield Removal(path, sizes[path] or 0, what, version.folder.name)
    about = version.folder / ABOUT
    if (
        not needed
        and len(gone) == len([p for p in files if p.name != ABOUT])
        and sizes.get(about) is not None
    ):
        yield Removal(about, sizes[about] or 0, "about", version.folder.name)


def _size_if_older(path: Path, before: float) -> int | None:
    try:
        found = path.stat()
    except FileNotFoundError:
        return None
    return found.st_size if found.st_mtime < before else None


def _texts(value: Any) -> Iterator[str]:
    if isinstance(value, str):
        yield value
    elif isinstance(value, dict):
        for item in value.values():
            yield from _texts(item)
    elif isinstance(value, list):
        for item in value:
            yield from _texts(item)
