"""Functions that run in processes of their own, which begin with torch imported.

Importing what trains takes several seconds of CPU, and a test that kills a training starts it again and again. So one
process imports it, trains nothing, and is forked: what runs in a child is what would run in a fresh process.
"""

from __future__ import annotations

import os
import resource
from collections.abc import Callable
from multiprocessing import get_context
from multiprocessing.connection import Connection
from types import TracebackType
from typing import Any, Final

TRAINING: Final = (
    "weaklabel.stages.registry",
    "weaklabel.training.chains.train",
    "weaklabel.training.decoding",
    "weaklabel.training.dpo.train",
    "weaklabel.training.evaluator.train",
    "weaklabel.training.sft",
    "weaklabel.training.superhf.train",
    "weaklabel.training.reward",
    "peft",
)
"""What trains, and imports torch."""


class Forked:
    """A function at work in a process of its own; leaving the `with` block kills it.

    Args:
        function: of a module that can be imported. It starts in the folder and with the environment of the first such
            process, whatever has been changed since.
        args: its arguments.
        largest_file: files that grow beyond so many bytes cannot be written.
    """

    def __init__(self, function: Callable[..., Any], *args: Any, largest_file: int | None = None) -> None:
        context = get_context("forkserver")
        context.set_forkserver_preload(list(TRAINING))
        self._said, end = context.Pipe(duplex=False)
        self._process = context.Process(target=_within, args=(end, largest_file, function, args))
        self._process.start()
        end.close()

    def __enter__(self) -> Forked:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: Any, trace: TracebackType | None) -> None:
        self.kill()
        self._said.close()

    def kill(self) -> int | None:
        """How it ended: by the signal, unless it was over by then."""
        self._process.kill()
        self._process.join()
        return self._process.exitcode

    @property
    def ended(self) -> bool:
        return not self._process.is_alive()

    def end(self) -> tuple[int | None, str]:
        """How it ended, 0 where all went well, and what it wrote to its standard error."""
        pieces = []
        while piece := os.read(self._said.fileno(), 1 << 16):
            pieces.append(piece)
        self._process.join()
        return self._process.exitcode, b"".join(pieces).decode(errors="replace")


def _within(
    said: Connection, largest_file: int | None, function: Callable[..., Any], args: tuple[Any, ...]
) -> None:
    for stream in (1, 2):
        os.dup2(said.fileno(), stream)
    if largest_file is not None:
        resource.setrlimit(resource.RLIMIT_FSIZE, (largest_file, largest_file))
    function(*args)
