"""Pairs of the same texts under several ids: who answers one has answered all."""

from __future__ import annotations

from collections.abc import Sequence

from weaklabel.acquisition.queue import Question
from weaklabel.acquisition.source import Rows, Source

Shown = tuple[str, frozenset[str]]
"""What a person sees of a pair: the prompt, and the two responses in no order."""


class Twins:
    """Finds questions that gold, or another question, has answered under another id.

    Responses are read of those pairs with gold alone whose prompt is that of a question.

    Args:
        source: of the pairs.
        known: rows with gold, rising.
    """

    def __init__(self, source: Source, known: Rows) -> None:
        self._source, self._known, self._prompts = source, known, source.prompts(known)

    def among(self, questions: Sequence[Question]) -> list[int]:
        """Places of the questions whose pair comes before, in gold or in a question."""
        seen = self._with_gold({question.prompt for question in questions})
        found = []
        for place, question in enumerate(questions):
            shown = (question.prompt, frozenset((question.response_a, question.response_b)))
            if shown in seen:
                found.append(place)
            seen.add(shown)
        return found

    def _with_gold(self, prompts: set[str]) -> set[Shown]:
        """What is seen of the pairs with gold on some prompts."""
        rows = self._known[[prompt in prompts for prompt in self._prompts]]
        if not len(rows):
            return set()
        table = self._source.pairs(rows).table
        columns = (table[name].to_pylist() for name in ("prompt", "response_a", "response_b"))
        return {(prompt, frozenset((a, b))) for prompt, a, b in zip(*columns, strict=True)}
