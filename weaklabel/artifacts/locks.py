"""One folder, one writer: a lock that names its holder, and that nobody has to clean up.

The lock is the system's (`flock`) on a small file that says who holds it. It ends with its process, however that
ends, so a lock never outlives its holder; what is left in the file then says who was stopped in the middle.
"""

from __future__ import annotations

import errno
import fcntl
import json
import os
import shlex
import sys
import time
from collections.abc import Callable
from dataclasses import asdict, dataclass
from pathlib import Path
from types import TracebackType
from typing import Final, Self

from weaklabel.artifacts.json_text import parse_json
from weaklabel.errors import BusyError

FILE_NAME: Final = ".lock"
PATIENCE: Final = 10.0
"""Seconds that a second writer waits unless it is told otherwise."""
_LOOK_UP_SECONDS: Final = 0.1
# File systems without such locks, and folders that may only be read: there it is as it was without a lock.
_NO_LOCK: Final = (
    errno.ENOLCK,
    errno.ENOSYS,
    errno.EOPNOTSUPP,
    errno.EINVAL,
    errno.EROFS,
    errno.EACCES,
    errno.EPERM,
)


@dataclass(frozen=True)
class Holder:
    """Who holds a lock.

    Attributes:
        pid: process id.
        host: name of the machine.
        command: what it was started with, on one line.
        since: when it took the lock, local time.
    """

    pid: int
    host: str
    command: str
    since: str

    def __str__(self) -> str:
        where = "" if self.host == os.uname().nodename else f" on {self.host}"
        return f"{self.command!r} (process {self.pid}{where}, since {self.since})"


class FolderLock:
    """The right to write into a folder; entered again by its own holder as often as that likes.

    Args:
        folder: made when the lock is first taken.
        patience: seconds to wait for another holder; `inf` waits until it ends.
        on_wait: told who holds the lock, once, before waiting for it.
        on_take_over: told whose process ended while it held the lock.

    >>> import tempfile
    >>> with tempfile.TemporaryDirectory() as name, FolderLock(Path(name)) as lock:
    ...     lock.is_held
    True
    """

    def __init__(
        self,
        folder: Path,
        *,
        patience: float = PATIENCE,
        on_wait: Callable[[Holder], None] = lambda holder: None,
        on_take_over: Callable[[Holder], None] = lambda holder: None,
    ) -> None:
        self.folder, self.patience = folder, patience
        self._on_wait, self._on_take_over = on_wait, on_take_over
        self._descriptor: int | None = None
        self._depth = 0

    @property
    def is_held(self) -> bool:
        """Whether this lock is taken here."""
        return self._depth > 0

    def __enter__(self) -> Self:
        """Take the lock.

        Raises:
            BusyError: another process holds it, and went on holding it; names that.
        """
        if not self._depth:
            self._descriptor = self._take()
        self._depth += 1
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._depth -= 1
        if not self._depth and self._descriptor is not None:
            os.ftruncate(self._descriptor, 0)
            os.close(self._descriptor)
            self._descriptor = None

    def _take(self) -> int | None:
        try:
            self.folder.mkdir(parents=True, exist_ok=True)
            descriptor = os.open(self.folder / FILE_NAME, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o644)
        except OSError as error:
            if error.errno in _NO_LOCK:
                return None
            raise
        try:
            if not self._wait_for(descriptor):
                os.close(descriptor)
                return None
            if (before := _holder(descriptor)) is not None:
                self._on_take_over(before)
            _sign(descriptor)
        except BaseException:
            os.close(descriptor)
            raise
        if not _is_still(descriptor, self.folder / FILE_NAME):
            # Its folder was removed while we waited: what we hold is a lock on nothing.
            os.close(descriptor)
            return self._take()
        return descriptor

    def _wait_for(self, descriptor: int) -> bool:
        """Whether the lock was taken; False where the file system has no locks."""
        told, until = False, time.monotonic() + self.patience
        while True:
            try:
                fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
                return True
            except BlockingIOError:
                holder = _holder(descriptor)
            except OSError as error:
                if error.errno in _NO_LOCK:
                    return False
                raise
            if time.monotonic() >= until:
                who = "another command" if holder is None else str(holder)
                raise BusyError(
                    f"{self.folder} is being written by {who}. Wait until it has ended, or give this command --wait "
                    "(in Python: wait=True)."
                )
            if not told and holder is not None:  # one who has it for a moment has not signed yet
                self._on_wait(holder)
                told = True
            time.sleep(min(_LOOK_UP_SECONDS, max(0.0, until - time.monotonic())))


def _holder(descriptor: int) -> Holder | None:
    try:
        return Holder(**parse_json(os.pread(descriptor, 1 << 16, 0)))
    except (ValueError, TypeError):
        return None


def _sign(descriptor: int) -> None:
    script = Path(sys.argv[0])
    # A script by its name; a module, or what was typed into an interpreter, as it was started.
    asked = sys.argv if script.name not in ("", "-", "-c", "__main__.py") else sys.orig_argv
    command = shlex.join([Path(asked[0]).name, *asked[1:]])[:500]
    now = time.strftime("%H:%M:%S")
    about = json.dumps(asdict(Holder(os.getpid(), os.uname().nodename, command, now)))
    os.ftruncate(descriptor, 0)
    os.pwrite(descriptor, about.encode("ascii"), 0)


def _is_still(descriptor: int, path: Path) -> bool:
    try:
        return os.path.samestat(os.fstat(descriptor), path.stat())
    except FileNotFoundError:
        return False
