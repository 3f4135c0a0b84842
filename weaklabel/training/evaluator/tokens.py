"""What an evaluator reads, as token ids: a question, the current answer, a proposed answer, and what is asked.

    Question: ...   Current answer: ...   Proposed answer: ...   Accept the change?

Every piece is tokenised apart, so an answer's ids are the same in either place, and both orders of a pair are equally
long. An encoder reads the question as its first text and the rest as its second; a decoder's label is read from the
end token. Chat templates are not used: nothing is to be answered.

A text that is too long loses the beginning of its question first, down to a quarter of the room. Then the longer of the
two answers is cut to the length of the other, and both alike after that; an answer loses its middle, so that its
beginning and its conclusion stay. So neither answer is cut more for standing second.

Source: the template's idea is that of Ye, Laidlaw & Steinhardt (2025), in other words.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any, Final

from weaklabel.errors import ConfigError
from weaklabel.groups import Comparison, Group
from weaklabel.training.encoding import text_ids
from weaklabel.training.tokens import PROMPT_SHARE, Kind, Truncated, frame_of

WORDS: Final = ("Question:\n", "\n\nCurrent answer:\n", "\n\nProposed answer:\n", "\n\nAccept the change?")
LEAST_ROOM: Final = 16
"""Tokens that must be left for the question and both answers."""


@dataclass(frozen=True, slots=True)
class Question:
    """A comparison as token ids; a row of the model is `prompt + orders[k]`.

    Attributes:
        prompt: the question.
        orders: the answers with what is asked: i current and j proposed, then the other way round.
        p: the probability that j beats i: the target of "accept" in the first order, of "keep" in the second.
        w: how much each order counts.
    """

    prompt: list[int]
    orders: tuple[list[int], ...]
    p: float
    w: float

    @property
    def weight(self) -> float:
        """What it counts in all its orders."""
        return self.w * len(self.orders)

    def weightless(self) -> Question:
        """The same with weight zero: it takes part in a step and changes nothing."""
        return replace(self, w=0.0)


def tokenize_questions(
    groups: Sequence[Group], tokenizer: Any, *, max_length: int, kind: Kind, both_orders: bool = True
) -> tuple[list[Question], Truncated]:
    """A question per comparison, in order of groups, then comparisons, and what was cut to make them fit.

    Args:
        groups: `n` groups; comparison (i, j) has i as the current answer.
        tokenizer: of transformers.
        max_length: tokens of one row.
        kind: "decoder" or "encoder".
        both_orders: False gives the first order alone.

    Returns:
        The questions, and their cuts: a question counts once per comparison, an answer once in each.

    Raises:
        ConfigError: a `max_length` that leaves fewer than `LEAST_ROOM` tokens beside the words of the template, or a
            tokenizer without the special tokens that the kind needs.
    """
    template = _Template.of(tokenizer, kind)
    room = max_length - template.length
    if room < LEAST_ROOM:
        raise ConfigError(
            f"max_length is {max_length} tokens, of which {template.length} go to the evaluator's own words. Allowed: "
            f"{template.length + LEAST_ROOM} or more."
        )
    asked = text_ids(tokenizer, [group.prompt for group in groups])
    answers = iter(text_ids(tokenizer, [text for group in groups for text in group.responses]))
    made: list[Question] = []
    cut = Truncated()
    for group, question in zip(groups, asked, strict=True):
        given = [next(answers) for _ in group.responses]
        for c in group.comparisons:
            whole = (question, given[c.i], given[c.j])
            fitted = _fitted(*whole, room)
            made.append(template.filled(*fitted, c, both_orders=both_orders))
            cut = _counted(cut, whole, fitted)
    return made, cut


@dataclass(frozen=True)
class _Template:
    """Ids before the question and behind it, before the current answer, between the two, and behind the proposed one."""

    before: list[int]
    behind: list[int]
    current: list[int]
    proposed: list[int]
    asking: list[int]

    @classmethod
    def of(cls, tokenizer: Any, kind: Kind) -> _Template:
        question, current, proposed, asking = text_ids(tokenizer, list(WORDS))
        if kind == "encoder":
            first, between, last = frame_of(tokenizer, "a", "b")
            return cls(first + question, between, current, proposed, asking + last)
        if (end := tokenizer.eos_token_id) is None:
            raise ConfigError(
                "the tokenizer has no end-of-sequence token, which a decoder's label is read from. Set "
                "tokenizer.eos_token, or use a model that comes with one."
            )
        return cls(frame_of(tokenizer, "a")[0] + question, [], current, proposed, [*asking, end])

    @property
    def length(self) -> int:
        return sum(map(len, (self.before, self.behind, self.current, self.proposed, self.asking)))

    def filled(
        self, question: list[int], i: list[int], j: list[int], c: Comparison, *, both_orders: bool
    ) -> Question:
        orders = [(i, j), (j, i)] if both_orders else [(i, j)]
        rows = (self.current + now + self.proposed + new + self.asking for now, new in orders)
        return Question(self.before + question + self.behind, tuple(rows), c.p, c.w)


def _fitted(
    question: list[int], i: list[int], j: list[int], room: int
) -> tuple[list[int], list[int], list[int]]:
    """The question without its beginning and the answers without their middles, as far as `room` asks."""
    kept = max(room - len(i) - len(j), room // PROMPT_SHARE)
    question = question[max(0, len(question) - kept) :]
    left = room - len(question)
    # The most that either answer may have: all of the shorter one where it takes no more than half of what is left.
    most = max(left // 2, left - min(len(i), len(j)))
    return question, _without_middle(i, most), _without_middle(j, most)


def _without_middle(ids: list[int], most: int) -> list[int]:
    return ids if len(ids) <= most else ids[: most - most // 2] + ids[len(ids) - most // 2 :]


def _counted(cut: Truncated, whole: Sequence[list[int]], fitted: Sequence[list[int]]) -> Truncated:
    lost = [len(before) - len(after) for before, after in zip(whole, fitted, strict=True)]
    return Truncated(
        cut.prompts + (lost[0] > 0),
        cut.responses + sum(n > 0 for n in lost[1:]),
        cut.tokens + sum(lost),
        cut.n_prompts + 1,
        cut.n_responses + 2,
        cut.n_tokens + sum(map(len, whole)),
    )
