"""Who pays for shared work: seconds per feature, apart from the labeling functions that asked for it first.

Without it the first function that wants the words of a shard would seem to cost what all of them use.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Hashable, Iterator
from contextlib import contextmanager


class Timings(threading.local):
    """Seconds by name, each without those of what was charged inside it.

    Attributes:
        seconds: what was charged since `taken` was last called.
        total: seconds that were charged at all, ever.
    """

    def __init__(self) -> None:
        self.seconds: dict[str, float] = {}
        self.total = 0.0
        self._inside = [0.0]

    @contextmanager
    def charged(self, key: Hashable) -> Iterator[None]:
        """Charge what happens in the block to the name of `key`, as it stands in what a text remembers."""
        start, known = time.perf_counter(), self.total
        self._inside.append(0.0)
        try:
            yield
        finally:
            whole, name = time.perf_counter() - start, _name(key)
            inside = self._inside.pop()
            self._inside[-1] += whole
            self.seconds[name] = self.seconds.get(name, 0.0) + whole - inside
            self.total = known + whole

    def taken(self) -> dict[str, float]:
        """The seconds so far, which are forgotten here."""
        found, self.seconds = self.seconds, {}
        return found


TIMINGS = Timings()


def _name(key: Hashable) -> str:
    """A short name for people.

    >>> _name("weaklabel.text.features.words:n_words"), _name(("linear:count", r"\\bmaybe\\b", 40, True))
    ('n_words', 'count of \\\\bmaybe\\\\b')
    """
    if not isinstance(key, tuple):
        return str(key).rpartition(":")[2]
    first, more = _name(key[0]), key[1:]
    if first == "each":
        return _name(more[0])
    told = [m for m in more if isinstance(m, str)] + [", ".join(m[0]) for m in more if _are_phrases(m)]
    return f"{first} of {told[0][:40]}" if told else first


def _are_phrases(value: object) -> bool:
    return isinstance(value, tuple) and bool(value) and all(isinstance(part, tuple) for part in value)
