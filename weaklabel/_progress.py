"""How far a long step has come: a bar on stderr with the time left, in terminals and notebooks, nothing in a log file.

There is one bar at a time. What runs inside a step that cannot count itself lends it its count; inside one that can, it
is told beside the bar. `TQDM_DISABLE=1` turns all of it off.
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Collection, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from typing import Any, Final, Protocol, TypeVar

from weaklabel._terminal import plain_line

T = TypeVar("T")
_COUNTED: Final = "{desc}: {percentage:3.0f}%|{bar:20}| {n_fmt}/{total_fmt} [{elapsed}<{remaining}{postfix}]"
_UNCOUNTED: Final = "{desc} [{elapsed}{postfix}]"
_outer: ContextVar[Any] = ContextVar("outer", default=None)


class Step(Protocol):
    """Told that `n` units are done, and in words how things stand."""

    def __call__(self, n: int = 1, told: str = "") -> None: ...


def is_watched() -> bool:
    """Whether somebody sees stderr change: a terminal, or a notebook."""
    if sys.stderr.isatty():
        return True
    shell = getattr(sys.modules.get("IPython"), "get_ipython", lambda: None)()
    return hasattr(shell, "kernel")


@contextmanager
def bar(what: str, total: int | None = None) -> Iterator[Step]:
    """A bar for one step, shown from its start and taken away at its end.

    Args:
        what: is being done, in a word or two.
        total: units of work; None where nobody knows.
    """
    outer = _outer.get()
    if outer is None and not is_watched():
        yield _nothing
        return
    if outer is not None:
        yield outer.within(what, total)
        return
    shown = _Bar(what, total)
    token = _outer.set(shown)
    try:
        yield shown
    finally:
        _outer.reset(token)
        shown.close()


def tracked(items: Collection[T], what: str, named: Callable[[T], str] = lambda item: "") -> Iterator[T]:
    """The items of a loop, with a bar; `named` says in words which one is being worked on."""
    with bar(what, len(items)) as step:
        for item in items:
            step(0, named(item))
            yield item
            step()


class _Bar:
    """The bar that is shown."""

    def __init__(self, what: str, total: int | None) -> None:
        from tqdm import tqdm

        self._what, self._counts = what, total is not None
        self._tqdm = tqdm(
            total=total,
            desc=plain_line(what),
            file=sys.stderr,
            leave=False,
            dynamic_ncols=True,
            bar_format=_COUNTED if self._counts else _UNCOUNTED,
        )

    def __call__(self, n: int = 1, told: str = "") -> None:
        self._tqdm.set_postfix_str(plain_line(told), refresh=False)
        self._tqdm.update(n)
        self._tqdm.refresh()

    def within(self, what: str, total: int | None) -> Step:
        """For a step inside this one."""
        lends = not self._counts and total is not None
        if lends:
            self._tqdm.bar_format = _COUNTED
            self._tqdm.set_description_str(plain_line(f"{self._what}: {what}"), refresh=False)
            self._tqdm.set_postfix_str("", refresh=False)  # of the inner step before
            self._tqdm.reset(total)
        done = 0

        def step(n: int = 1, told: str = "") -> None:
            nonlocal done
            done += n
            if lends:
                self(n, told)
                return
            count = "" if total is None else f" {done:,} of {total:,}"
            self._tqdm.set_postfix_str(plain_line(f"{what}{count}{told and f', {told}'}"))

        if not lends:
            step(0)
        return step

    def close(self) -> None:
        self._tqdm.close()


def _nothing(n: int = 1, told: str = "") -> None:
    """Nobody is watching."""
