"""Content hashes of files and folders; those of large files are remembered while size and times are the same."""

from __future__ import annotations

import time
from contextlib import suppress
from pathlib import Path
from typing import Final

from weaklabel import artifacts
from weaklabel.errors import ArtifactError

_LARGE: Final = 4 << 20
_SETTLED_NS: Final = 2_000_000_000


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
        return artifacts.folder_hash(path, self._of_file) if path.is_dir() else ""

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
