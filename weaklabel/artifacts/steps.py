"""Steps of a run: what each is made of, what it writes, and the one place where steps are made, skipped and told.

A step's manifest `<folder>/<key>.json` is written after its outputs. A run that is killed leaves either the old manifest,
which no longer fits, or none: the step is made again.

Only one process at a time makes steps in a folder; what is fresh is read without asking. A file that another process
replaced while this one rested on it is noticed, by its hash, before anything is made of it.
"""

from __future__ import annotations

import time
from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Any, ClassVar, Generic, NamedTuple, TypeVar

from weaklabel import artifacts
from weaklabel._progress import bar
from weaklabel.artifacts.hash_memo import HashMemo
from weaklabel.artifacts.locks import FolderLock
from weaklabel.errors import ArtifactError, WeaklabelError

T = TypeVar("T")


class Made(NamedTuple, Generic[T]):
    """What `Step.make` gives back: numbers that a person wants to see, in order, and the value where it is at hand."""

    counts: Mapping[str, Any]
    value: T | None = None


class Step(ABC, Generic[T]):
    """One step of a run: inputs, settings, outputs, how it is made, and how it is read back.

    A subclass says these; `counts` and `value` are then there when they are asked for: the step is made first, with the
    steps before it, unless nothing has changed. The constructor makes nothing.
    """

    name: ClassVar[str]
    quiet: ClassVar[bool] = False
    """Whether nobody asked for it: it is made where another step wants it, and not told of."""
    may_be_empty: ClassVar[bool] = False
    """Whether a run goes on where there is nothing to write (a DataError), and says so in its figures."""

    def __init__(self, keeper: StepKeeper) -> None:
        self.keeper = keeper

    @property
    def key(self) -> str:
        """Name of its manifest: its own name, unless a run holds several of its kind."""
        return self.name

    @property
    @abstractmethod
    def inputs(self) -> Mapping[str, str | None]:
        """Content hashes of everything that it is made of, by name; what other steps write is made first.

        None stands for what cannot be hashed: with it, the step is never fresh.
        """

    @property
    @abstractmethod
    def settings(self) -> Mapping[str, Any]:
        """Settings that change what it writes, as JSON values."""

    @property
    @abstractmethod
    def outputs(self) -> Sequence[str]:
        """Files and folders that it writes, below the run's folder; one that is absent is an output too."""

    @abstractmethod
    def make(self) -> Made[T]:
        """Write the outputs."""

    @abstractmethod
    def load(self, counts: Mapping[str, Any]) -> T:
        """The value, from the outputs and the counts of their making."""

    @property
    def applies(self) -> bool:
        """Whether it is part of the run."""
        return True

    def stands(self) -> bool:
        """Whether what the outputs refer to outside the run's folder is still there; otherwise it is made again."""
        return True

    def settle(self, counts: Mapping[str, Any]) -> bool:
        """Whether it may be skipped next time; a WeaklabelError where it may not be used at all, nor skipped."""
        return True

    @property
    def is_fresh(self) -> bool:
        """Whether it would be skipped."""
        return self.keeper.is_fresh(self)

    def ensure(self) -> None:
        """Make it, unless it is fresh."""
        self._made  # noqa: B018 - asking for it makes it

    @property
    def counts(self) -> Mapping[str, Any]:
        """The numbers of its making."""
        return self._made.counts

    @cached_property
    def value(self) -> T:
        """What it stands for."""
        counts, value = self._made
        return self.load(counts) if value is None else value

    def hashes(self, *outputs: str) -> dict[str, str]:
        """Content hashes of some of its outputs, for the inputs of another step.

        Raises:
            ArtifactError: one is no longer what it was when this process made it, or found it fresh.
        """
        self.ensure()
        return {output: self.keeper.unchanged_hash_of(self.key, output) for output in outputs}

    @cached_property
    def _made(self) -> Made[T]:
        return self.keeper.make(self)


@dataclass(frozen=True)
class StepRecord:
    """What was done for a step, for whoever reports it.

    Attributes:
        name: of the step.
        fresh: nothing had changed, so nothing was done.
        seconds: how long it took.
        counts: numbers that a person wants to see, in order.
    """

    name: str
    fresh: bool
    seconds: float
    counts: Mapping[str, Any] = field(default_factory=dict)


OnStep = Callable[[StepRecord], None]


class StepKeeper:
    """Makes steps in a folder and skips those whose inputs, settings and outputs are what they were.

    Args:
        folder: of the run.
        hashes: content hashes of its files.
        on_step: told of every step, made or skipped, but the quiet ones.
        lock: the right to write into the folder. Default: one of its own.
        until: once taken, the lock is held until this closes. Default: until the step that was asked for is there.
    """

    def __init__(
        self,
        folder: Path,
        hashes: HashMemo,
        on_step: OnStep = lambda step: None,
        *,
        lock: FolderLock | None = None,
        until: ExitStack | None = None,
    ) -> None:
        self.folder, self.hashes, self.on_step = folder, hashes, on_step
        self.lock = FolderLock(folder) if lock is None else lock
        self._until = until
        self._outputs: dict[str, Mapping[str, str]] = {}  # per step, as this process made or found them

    def make(self, step: Step[T]) -> Made[T]:
        """The step, made unless it is fresh and stands.

        Raises:
            WeaklabelError: what making or settling it raises. A step that does not settle is made again next time.
            BusyError: it has to be made, and another process is making steps here.
        """
        if self._until is not None:
            return self._settled(step)
        with ExitStack() as self._until:
            try:
                return self._settled(step)
            finally:
                self._until = None

    def _settled(self, step: Step[T]) -> Made[T]:
        made = self._make(step)
        if not step.stands():
            self.forget(step.key)
            made = self._make(step)
        try:
            settled = step.settle(made.counts)
        except WeaklabelError:
            self.forget(step.key)
            raise
        if not settled:
            self.forget(step.key)
        return made

    def _make(self, step: Step[T]) -> Made[T]:
        began = time.perf_counter()
        wanted = _wanted(step)
        fresh = self._fresh(step, wanted, began)
        if fresh is None and not self.lock.is_held:
            assert self._until is not None  # set by `make`
            self._until.enter_context(self.lock)
            wanted = _wanted(step)  # another process may have made it while we waited
            fresh = self._fresh(step, wanted, began)
        if fresh is not None:
            return fresh
        with bar(step.name), artifacts.written_below(self.folder) as written:
            made = step.make()
        counts = dict(made.counts)
        hashes = {output: self._hash_of_written(output, written) for output in step.outputs}
        about = artifacts.sealed(wanted | {"counts": counts, "outputs": hashes})
        artifacts.write_json(self.folder / f"{step.key}.json", about)
        self._outputs[step.key] = hashes
        self._tell(step, False, began, counts)
        return Made(counts, made.value)

    def _fresh(self, step: Step[T], wanted: Mapping[str, Any], began: float) -> Made[T] | None:
        """What is known of the step if nothing has changed; None if it has to be made."""
        known = self._known(step.key)
        if known is None or not self._is_fresh(known, wanted):
            return None
        self._outputs[step.key] = known["outputs"]
        self._tell(step, True, began, known["counts"])
        return Made(known["counts"])

    def _tell(self, step: Step[Any], fresh: bool, began: float, counts: Mapping[str, Any]) -> None:
        if not step.quiet:
            self.on_step(StepRecord(step.name, fresh, time.perf_counter() - began, counts))

    def is_fresh(self, step: Step[Any]) -> bool:
        """Whether the step would be skipped."""
        known = self._known(step.key)
        return known is not None and self._is_fresh(known, _wanted(step))

    def forget(self, key: str) -> None:
        """Make the step again next time, whatever its files say."""
        (self.folder / f"{key}.json").unlink(missing_ok=True)

    def hash_of(self, output: str) -> str:
        """Content hash of a file or a folder of the run; empty where it does not exist."""
        return self.hashes.of(self.folder / output)

    def _hash_of_written(self, output: str, written: Mapping[Path, str]) -> str:
        """Content hash of an output that was just made, as far as possible of the bytes that were written."""
        path = self.folder.absolute() / output
        if path in written or not path.is_dir():
            return written.get(path) or self.hash_of(output)
        return artifacts.folder_hash(path, lambda file: written.get(file) or self.hashes.of(file))

    def unchanged_hash_of(self, step: str, output: str) -> str:
        """Content hash of an output of a step that is there.

        Raises:
            ArtifactError: it is not what it was when this process made it, or found it fresh.
        """
        known, found = self._outputs[step][output], self.hash_of(output)
        if found != known:
            raise ArtifactError(
                f"{self.folder / output} was changed by another command while this one used it. Run this one again."
            )
        return found

    def _known(self, key: str) -> dict[str, Any] | None:
        try:
            found = artifacts.read_json(self.folder / f"{key}.json")
        except ArtifactError:
            return None
        # Its seal vouches for its counts and hashes: a step whose manifest was edited, or has none, is made again.
        return found if isinstance(found, dict) and artifacts.is_sealed(found) else None

    def _is_fresh(self, known: Mapping[str, Any], wanted: Mapping[str, Any]) -> bool:
        # The outputs are hashed too: one that was edited, torn or deleted is made again.
        hashed = all(digest is not None for digest in wanted["inputs"].values())
        same = hashed and all(known.get(key) == value for key, value in wanted.items())
        return same and all(self.hash_of(out) == digest for out, digest in known["outputs"].items())


def _wanted(step: Step[Any]) -> dict[str, Any]:
    """The manifest that the step would have, but for what comes of making it."""
    return artifacts.manifest(f"step:{step.name}", inputs=step.inputs, settings=step.settings)
