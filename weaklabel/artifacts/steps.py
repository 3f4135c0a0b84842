"""One step of a run: a manifest that says what it was made of, and the rule when it need not be made again."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

from weaklabel import artifacts
from weaklabel.errors import ArtifactError

OnStep = Callable[["Step"], None]

_LARGE: Final = 4 << 20
_SETTLED_NS: Final = 2_000_000_000


@dataclass(frozen=True)
class Step:
    """What a step did, for whoever reports it.

    Attributes:
        name: `read`, `judge`, `apply`, `fit`, `label`, `export`, `reward` or `figures`.
        fresh: nothing had changed, so nothing was done.
        seconds: how long it took.
        counts: numbers that a person wants to see, in order.
    """

    name: str
    fresh: bool
    seconds: float
    counts: Mapping[str, Any] = field(default_factory=dict)


@dataclass
class StepKeeper:
    """Runs steps in a folder and skips those whose inputs, settings and outputs are what they were.

    A step's manifest `<folder>/<name>.json` is written after its outputs. A run that is killed leaves either
    the old manifest, which no longer fits, or none: the step runs again.
    """

    folder: Path
    hashes: HashMemo
    on_step: OnStep = lambda step: None

    def run(
        self,
        name: str,
        *,
        inputs: Mapping[str, str],
        settings: Mapping[str, Any],
        outputs: Sequence[str],
        make: Callable[[], Mapping[str, Any]],
        quiet: bool = False,
    ) -> dict[str, Any]:
        """The step's manifest; `make` writes the outputs and returns counts, unless they are fresh.

        A `quiet` step is one that no person asked for.
        """
        began = time.perf_counter()
        wanted = artifacts.manifest(f"step:{name}", inputs=inputs, settings=settings)
        known = self._known(name)
        if known is not None and self._is_fresh(known, wanted):
            if not quiet:
                self.on_step(Step(name, True, time.perf_counter() - began, known["counts"]))
            return known
        counts = dict(make())
        made = wanted | {"counts": counts, "outputs": {out: self.hash_of(out) for out in outputs}}
        artifacts.write_json(self.folder / f"{name}.json", made)
        if not quiet:
            self.on_step(Step(name, False, time.perf_counter() - began, counts))
        return made

    def is_fresh(self, name: str, *, inputs: Mapping[str, str], settings: Mapping[str, Any]) -> bool:
        """Whether the step would be skipped."""
        known = self._known(name)
        return known is not None and self._is_fresh(
            known, artifacts.manifest(f"step:{name}", inputs=inputs, settings=settings)
        )

    def forget(self, name: str) -> None:
        """Make the step again next time, whatever its files say."""
        (self.folder / f"{name}.json").unlink(missing_ok=True)

    def hash_of(self, output: str) -> str:
        """Content hash of a file or a folder of the run; empty where it does not exist."""
        return self.hashes.of(self.folder / output)

    def _known(self, name: str) -> dict[str, Any] | None:
        try:
            found = artifacts.read_json(self.folder / f"{name}.json")
        except ArtifactError:
            return None
        return found if isinstance(found, dict) and "outputs" in found and "counts" in found else None

    def _is_fresh(self, known: Mapping[str, Any], wanted: Mapping[str, Any]) -> bool:
        # The outputs are hashed too: one that was edited, torn or deleted is made again.
        same = all(known.get(key) == value for key, value in wanted.items())
        return same and all(self.hash_of(out) == digest for out, digest in known["outputs"].items())


class HashMemo:
    """Content hashes of files, and a folder that remembers those of large ones while size and times are the same.

    Args:
        folder: where they are kept; made when the first is.
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def of(self, path: Path) -> str:
        """Hash of a file, or of the names and contents of all files below a folder; empty for nothing."""
        if path.is_file():
            return self._of_file(path)
        if path.is_dir():
            files = sorted(file for file in path.rglob("*") if file.is_file())
            return artifacts.content_hash(
                *(part for file in files for part in (str(file.relative_to(path)), self._of_file(file)))
            )
        return ""

    def _of_file(self, path: Path) -> str:
        about = path.stat()
        if about.st_size < _LARGE:
            return artifacts.file_hash(path)
        memo = self.folder / f"{artifacts.content_hash(str(path.resolve()))[:32]}.json"
        seen = {"size": about.st_size, "changed": about.st_ctime_ns, "inode": about.st_ino}
        with suppress(ArtifactError, AttributeError):
            known = artifacts.read_json(memo)
            if {key: known.get(key) for key in seen} == seen:
                return str(known["hash"])
        digest = artifacts.file_hash(path)
        # Of a file that was changed a moment ago the times may not tell the next change.
        if time.time_ns() - about.st_ctime_ns > _SETTLED_NS and path.stat().st_ctime_ns == about.st_ctime_ns:
            with suppress(OSError):  # a project that is only read from
                artifacts.write_json(memo, seen | {"hash": digest})
        return digest
