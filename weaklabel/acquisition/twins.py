"""Pairs of the same texts under several ids: who answers one has answered all."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from typing import Final

import numpy as np

from weaklabel.acquisition.queue import Question
from weaklabel.acquisition.source import Rows, Source
from weaklabel.artifacts import content_hash

_AT_ONCE: Final = 4_096


class Twins:
    """Finds pairs that gold, or another pair, answers under another id.

    Responses are read of those alone whose prompt comes twice, or has gold.

    Args:
        source: of the pairs.
        known: rows with gold, rising.
    """

    def __init__(self, source: Source, known: Rows) -> None:
        self._source, self._known, self._prompts = source, known, source.prompts(known)

    def among(self, questions: Sequence[Question]) -> bool:
        """Whether one of the questions has the texts of another, or of a pair with gold."""
        asked = {_shown(q.prompt, q.response_a, q.response_b) for q in questions}
        return len(asked) < len(questions) or bool(asked & self._with_gold({q.prompt for q in questions}))

    def first(self, rows: Rows, prompts: Sequence[str]) -> Rows:
        """`(m,)` places, rising, of the candidates of which none with the same texts comes before, in gold or among them.

        Args:
            rows: of the candidates, rising.
            prompts: theirs.
        """
        times, with_gold = Counter(prompts), set(self._prompts)
        doubtful = np.array([times[prompt] > 1 or prompt in with_gold for prompt in prompts], dtype=np.bool_)
        seen, gone = self._with_gold(set(prompts)), []
        for place, shown in zip(np.flatnonzero(doubtful), self._read(rows[doubtful]), strict=True):
            if shown in seen:
                gone.append(place)
            seen.add(shown)
        return np.delete(np.arange(len(rows)), gone)

    def _with_gold(self, prompts: set[str]) -> set[str]:
        """What is seen of the pairs with gold on some prompts."""
        return set(self._read(self._known[[prompt in prompts for prompt in self._prompts]]))

    def _read(self, rows: Rows) -> Iterator[str]:
        for start in range(0, len(rows), _AT_ONCE):
            table = self._source.pairs(rows[start : start + _AT_ONCE]).table
            columns = (table[name].to_pylist() for name in ("prompt", "response_a", "response_b"))
            yield from map(_shown, *columns)


def _shown(prompt: str, a: str, b: str) -> str:
    """A hash of what a person sees of a pair: the prompt, and the two responses in no order."""
    return content_hash(prompt, *sorted((a, b)))
