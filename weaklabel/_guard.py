"""Code that somebody else wrote, run inside a process of ours: it fails with its name, and the process goes on.

Labeling functions vote, and their files are imported, in the process of the command or in a worker. While they do,
`os._exit` raises instead, Ctrl-C is told from a KeyboardInterrupt that a function raised, and a change of the working
directory is taken back. Where stdout is kept for results, what is written to it past Python goes to stderr, with a line
that says who wrote it. What ends a process without asking Python (a signal, a crash in C) still ends it: a worker dies
alone.
"""

from __future__ import annotations

import os
import signal
import sys
import tempfile
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from types import FrameType
from typing import Final, NoReturn

from weaklabel._terminal import logger

_log = logger()
_end_process: Final = os._exit
_told: set[str] = set()


class OutOfTime(BaseException):
    """The alarm of a time limit rang. Not an Exception: what is guarded shall not catch this."""


class Overstepped(BaseException):
    """Guarded code did what it may not. Not an Exception, so that a function's own `except Exception` lets it by.

    Attributes:
        what: what it did, to be read after its name ("changed the working directory to '/tmp'").
        hint: what to do instead.
    """

    def __init__(self, what: str, hint: str) -> None:
        super().__init__(what, hint)
        self.what, self.hint = what, hint

    def __str__(self) -> str:
        return f"{self.what}. {self.hint}"


class _State:
    """Of this process: how many guards are up, and whether Ctrl-C was pressed under one."""

    depth = 0
    pid = 0
    interrupted = False
    keeps_stdout = False
    lock = threading.Lock()


def is_own(error: BaseException) -> bool:
    """Whether guarded code raised it for itself. Not so Ctrl-C and the end of a time limit, which are for us."""
    if isinstance(error, OutOfTime):
        return False
    if not isinstance(error, KeyboardInterrupt):
        return True
    knows = _State.depth > 0 and _tells_interrupts()
    return knows and not _State.interrupted


@contextmanager
def stdout_for_results() -> Iterator[None]:
    """Until the block ends, guarded code writes nothing to stdout."""
    before, _State.keeps_stdout = _State.keeps_stdout, True
    try:
        yield
    finally:
        _State.keeps_stdout = before


@contextmanager
def guarded() -> Iterator[Callable[[str], Overstepped | None]]:
    """Guard what somebody else's code does in the block.

    Yields:
        `look(who)`, to be called after each piece of such code: what it did to its surroundings, which is undone; None
        where that is nothing. `who` is named where it wrote to stdout.
    """
    folder = _folder()
    with _no_exit(), _interrupts(), _stdout() as forward:

        def look(who: str) -> Overstepped | None:
            forward(who)
            now = _folder()
            if now == folder or folder is None:
                return None
            os.chdir(folder)
            return Overstepped(
                f"changed the working directory to {now!r}", "Open files by their full path instead."
            )

        yield look
        if _State.interrupted and _State.depth == 1:  # and the code swallowed it
            raise KeyboardInterrupt


@contextmanager
def _no_exit() -> Iterator[None]:
    with _State.lock:
        if not _State.depth or _State.pid != os.getpid():
            _State.depth, _State.pid, _State.interrupted = 0, os.getpid(), False
            os._exit = _raise_instead
        _State.depth += 1
    try:
        yield
    finally:
        with _State.lock:
            _State.depth -= 1
            if not _State.depth:
                os._exit = _end_process


def _raise_instead(status: int) -> NoReturn:
    # Whoever imported the name under a guard keeps this function; a process that was forked may end as it likes.
    if _State.depth and _State.pid == os.getpid():
        raise Overstepped(f"ended the process with os._exit({status})", "Return a vote, or raise an error.")
    _end_process(status)


@contextmanager
def _interrupts() -> Iterator[None]:
    ours = (
        threading.current_thread() is threading.main_thread()
        and signal.getsignal(signal.SIGINT) is signal.default_int_handler
    )
    if not ours:
        yield
        return
    signal.signal(signal.SIGINT, _interrupted)
    try:
        yield
    finally:
        signal.signal(signal.SIGINT, signal.default_int_handler)


def _interrupted(signum: int, frame: FrameType | None) -> NoReturn:
    _State.interrupted = True
    raise KeyboardInterrupt


def _tells_interrupts() -> bool:
    """Whether a KeyboardInterrupt that we did not see coming can only have been raised by guarded code."""
    away = threading.current_thread() is not threading.main_thread()
    return away or signal.getsignal(signal.SIGINT) in (_interrupted, signal.SIG_IGN)


@contextmanager
def _stdout() -> Iterator[Callable[[str], None]]:
    """What is written to the descriptor 1 lands in a file; the function yielded sends it on to stderr."""
    if not _State.keeps_stdout:
        yield lambda who: None
        return
    try:
        real = os.dup(1)
    except OSError:  # there is no stdout
        yield lambda who: None
        return
    with tempfile.TemporaryFile(buffering=0) as caught:
        os.dup2(caught.fileno(), 1)

        def forward(who: str) -> None:
            # Python's own stdout is redirected already, but a function may have kept the first one.
            with suppress(ValueError, OSError, AttributeError):
                sys.__stdout__.flush()  # type: ignore[union-attr]
            if not caught.tell():
                return
            caught.seek(0)
            text = caught.read()
            caught.seek(0)
            caught.truncate()
            if who not in _told:
                _told.add(who)
                _log.warning("%s writes to stdout, which is kept for results; it goes to stderr", who)
            with suppress(OSError):
                os.write(2, text)

        try:
            yield forward
        finally:
            os.dup2(real, 1)
            os.close(real)


def _folder() -> str | None:
    try:
        return os.getcwd()
    except OSError:  # it was removed
        return None
