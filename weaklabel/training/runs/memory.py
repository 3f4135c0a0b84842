"""Running out of memory, however torch says it."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any, Final

import torch

from weaklabel.errors import TrainingError, WeaklabelError

_WORDS: Final = ("out of memory", "can't allocate memory", "not enough memory")


def is_out_of_memory(error: BaseException) -> bool:
    """Whether an error means that memory ran out, of a GPU or of the machine.

    >>> is_out_of_memory(RuntimeError("DefaultCPUAllocator: can't allocate memory")), is_out_of_memory(RuntimeError("no"))
    (True, False)
    """
    if isinstance(error, torch.OutOfMemoryError | MemoryError):
        return True
    return isinstance(error, RuntimeError) and any(words in str(error) for words in _WORDS)


@contextmanager
def explaining_memory(
    where: Callable[..., str], *of: Any, kind: type[WeaklabelError] = TrainingError
) -> Iterator[None]:
    """Turns running out of memory into an error of that kind: "out of memory", then what `where(*of)` says of it.

    Raises:
        WeaklabelError: memory ran out. Any other error passes.
    """
    try:
        yield
    except (RuntimeError, MemoryError) as error:
        if not is_out_of_memory(error):
            raise
        raise kind(f"out of memory{where(*of)}") from error
