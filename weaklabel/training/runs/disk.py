"""What a full disk says while a model or a checkpoint is written: one line, whatever library met it."""

from __future__ import annotations

import errno
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final

from safetensors import SafetensorError

from weaklabel.errors import ArtifactError

_FULL: Final = (errno.ENOSPC, errno.EDQUOT, errno.EFBIG)
# torch and safetensors, which are not written in Python, tell what the system said as a text.
_TOLD: Final = (
    "pytorchstreamwriter",
    "no space left",
    "file too large",
    "os error",
    "write failed",
    "unexpected pos",
)


@contextmanager
def explaining_disk(folder: Path) -> Iterator[None]:
    """Turns what comes of a disk that takes no more into an error of one line.

    Raises:
        ArtifactError: the disk below `folder` is full.
    """
    try:
        yield
    except OSError as error:
        if error.errno not in _FULL:
            raise
        raise _full(folder, str(error.strerror)) from error
    except (RuntimeError, SafetensorError) as error:
        if not any(words in str(error).lower() for words in _TOLD):
            raise
        raise _full(folder, str(error).splitlines()[0][:120]) from error


def _full(folder: Path, said: str) -> ArtifactError:
    return ArtifactError(
        f"{folder} could not be written to: {said}. Make room; the same command goes on from the last whole checkpoint."
    )
