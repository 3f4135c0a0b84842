"""`Text`: a prompt or a response, a `str` that remembers what was computed from it.

Labeling functions are most of the cost of a run, and a dozen of them want the same words. Splitting a
response once and sharing the result is worth about 3x, so the text itself carries the memory: it lives
as long as the shard it belongs to and needs no cache to size or to clear.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Hashable
from typing import Any, Protocol, TypeVar

T = TypeVar("T")


class Home(Protocol):
    """A batch that a text belongs to, which may work out a thing for all its texts at once."""

    def knows(self, key: Hashable) -> bool:
        """Whether the batch has a way of its own to what is remembered under `key`."""

    def recall(self, key: Hashable, row: int, at_once: Callable[[Any], Any] | None) -> object:
        """What is remembered under `key` for the text in that row.

        Args:
            key, row: see there.
            at_once: given the batch, a sequence with one item per text, each equal to what the text would find
                itself; None where the batch knows the key.
        """


# A word is a run of letters or digits, with inner apostrophes ("don't"); the underscore is not a letter.
_WORD = re.compile(r"[^\W_]+(?:['’][^\W_]+)*")
_SENTENCE_END = re.compile(r"(?<=[.!?])[\"')\]]*\s+|\n+")


class Text(str):
    """A string with `.words`, `.sentences` and `.lines`, each computed at most once.

    Everything a `str` can do works as well: ``"sorry" in text``, ``len(text)``, ``re.search(p, text)``.

    >>> t = Text("Do not panic. It's fine!")
    >>> t.words
    ('do', 'not', 'panic', "it's", 'fine')
    >>> t.sentences
    ('Do not panic.', "It's fine!")
    """

    __slots__ = ("_home", "_memo")
    _memo: dict[Hashable, object]
    _home: tuple[Callable[[], Home | None], int]

    @classmethod
    def at(cls, raw: str, home: Callable[[], Home | None], row: int) -> Text:
        """A text in row `row` of a batch, which it asks first; `home()` is the batch, or None where it is gone."""
        text = cls(raw)
        text._home = home, row
        return text

    @property
    def text(self) -> str:
        """The plain string."""
        return str(self)

    @property
    def words(self) -> tuple[str, ...]:
        """Lower-cased words: runs of letters or digits with inner apostrophes."""
        return self.remember("words", lambda t: tuple(_WORD.findall(t.lower())))

    @property
    def sentences(self) -> tuple[str, ...]:
        """Non-empty sentences: split behind ``. ! ?`` and at line ends."""
        return self.remember(
            "sentences", lambda t: tuple(s for part in _SENTENCE_END.split(t) if (s := part.strip()))
        )

    @property
    def lines(self) -> tuple[str, ...]:
        """Non-blank lines, stripped on the right."""
        return self.remember("lines", lambda t: tuple(s.rstrip() for s in t.splitlines() if s.strip()))

    def remember(
        self, key: Hashable, compute: Callable[[Text], T], at_once: Callable[[Any], Any] | None = None
    ) -> T:
        """`compute(self)`, run once per `key` for the life of this text.

        A text in a batch takes its part of `at_once(batch)` instead, which is run once for all of them.
        """
        try:
            memo = self._memo
        except AttributeError:
            memo = self._memo = {}
        try:
            return memo[key]  # type: ignore[return-value]
        except KeyError:
            value = memo[key] = self._work_out(key, compute, at_once)
            return value

    def _work_out(
        self, key: Hashable, compute: Callable[[Text], T], at_once: Callable[[Any], Any] | None
    ) -> T:
        try:
            home, row = self._home
        except AttributeError:
            return compute(self)
        batch = home()
        if batch is None or (at_once is None and not batch.knows(key)):
            return compute(self)
        return batch.recall(key, row, at_once)  # type: ignore[return-value]

    def __reduce__(self) -> tuple[type[Text], tuple[str]]:
        # The memory stays behind: it can be larger than the text and is cheap to rebuild.
        return Text, (str(self),)


def collapse_whitespace(text: str) -> str:
    """The text with every run of white space turned into one space, ends trimmed: whether two are one text."""
    return " ".join(text.split())
