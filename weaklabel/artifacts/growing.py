"""A file of JSON lines that only grows: answers that cost something, kept before they are used.

Lines are written by one call that appends, and flushed to the disk: a run that is killed pays nothing twice. A last
line that was torn (the disk was full, the power went) is skipped, and the next one begins afresh. Several processes
may append at once; a process that holds the file meanwhile sees what the others wrote, so that none asks the same.
"""

from __future__ import annotations

import os
import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from weaklabel._terminal import logger
from weaklabel.artifacts.json_text import json_line
from weaklabel.errors import ArtifactError

_log = logger()


class GrowingFile:
    """Lines that are appended and never changed.

    Args:
        path: where it stands; its folder is made with the first line.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self._read = 0
        self._lock = threading.Lock()

    def news(self) -> list[bytes]:
        """The whole lines that were appended since the last look, by any process.

        Raises:
            ArtifactError: the file cannot be read.
        """
        try:
            with self.path.open("rb") as file:
                file.seek(self._read)
                data = file.read()
        except FileNotFoundError:
            return []
        except OSError as error:
            raise ArtifactError(f"{self.path}: answers cannot be read: {error.strerror or error}.") from error
        whole = data.rfind(b"\n") + 1
        self._read += whole
        return data[:whole].splitlines()

    @contextmanager
    def held(self) -> Iterator[None]:
        """The file for oneself. Look for `news` first: others may have asked what was missing.

        Raises:
            ArtifactError: the file cannot be written to, found out before anything is paid.
        """
        with self._writing("answers cannot be kept"):
            descriptor = self._open()
        try:
            self._lock_file(descriptor)
            # Nobody else is writing now: a last line without its end was torn, or an editor took it off.
            if (size := os.fstat(descriptor).st_size) and os.pread(descriptor, 1, size - 1) != b"\n":
                with self._writing("answers cannot be kept"):
                    os.write(descriptor, b"\n")
            yield
        finally:
            os.close(descriptor)

    def append(self, *records: Mapping[str, Any]) -> list[bytes]:
        """Write lines, from any thread; the lines, as they will be read back. Those of one call reach the disk together.

        Raises:
            ArtifactError: the disk is full or the folder cannot be written to.
        """
        lines = [json_line(record).encode() for record in records]
        with self._writing("an answer could not be kept"), self._lock:
            descriptor = self._open()
            try:
                # After a torn line a fresh one begins.
                size = os.fstat(descriptor).st_size
                torn = size > 0 and os.pread(descriptor, 1, size - 1) != b"\n"
                data = b"".join([b"\n" if torn else b"", *lines])
                while written := os.write(descriptor, data):
                    data = data[written:]  # what a full disk took a part of; the next call says why
                os.fsync(descriptor)
            finally:
                os.close(descriptor)
        return lines

    def _open(self) -> int:
        self.path.parent.mkdir(parents=True, exist_ok=True)
        return os.open(self.path, os.O_RDWR | os.O_APPEND | os.O_CREAT, 0o644)

    def _lock_file(self, descriptor: int) -> None:
        import fcntl  # not everywhere; looking at answers needs it nowhere

        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            _log.warning("%s: another run is asking; waiting for it to end.", self.path)
            fcntl.flock(descriptor, fcntl.LOCK_EX)
        except OSError as error:  # some network file systems have no locks
            _log.warning("%s: no lock to be had (%s); let one run at a time ask.", self.path, error.strerror)

    @contextmanager
    def _writing(self, problem: str) -> Iterator[None]:
        try:
            yield
        except OSError as error:
            raise ArtifactError(
                f"{self.path}: {problem}: {error.strerror or error}. Make room or mend the folder; the same command continues."
            ) from error
