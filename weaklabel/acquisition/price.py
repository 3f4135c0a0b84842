"""What questions cost, and which of them a budget holds."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np

from weaklabel._validation import check_least
from weaklabel.acquisition.queue import Question
from weaklabel.errors import ConfigError
from weaklabel.ledger import Budget, Cost, Ledger

_BYTES_PER_TOKEN: Final = 4.0  # of English text


@dataclass(frozen=True)
class Price:
    """What one pair costs.

    Attributes:
        answers: how many people, or calls of a judge, answer each pair.
        money: of one answer.

    Raises:
        ConfigError: `answers` below 1, or `money` below 0.
    """

    answers: int = 1
    money: float = 0.0

    def __post_init__(self) -> None:
        check_least("answers", self.answers, 1, "one person per pair")
        check_least("price", self.money, 0, "an answer that costs nothing")

    def of(self, question: Question) -> Cost:
        """Of one question; its tokens are guessed from its length, four bytes each."""
        size = len(f"{question.prompt}{question.response_a}{question.response_b}".encode())
        tokens = int(np.ceil(size / _BYTES_PER_TOKEN)) * self.answers
        return Cost(pairs=1, calls=self.answers, tokens=tokens, money=self.money * self.answers)


def within_budget(questions: Sequence[Question], budget: Budget, price: Price) -> tuple[list[Question], Cost]:
    """The questions that the budget holds, up to the first that it does not.

    Raises:
        ConfigError: it holds none.
    """
    ledger, kept = Ledger(budget), []
    for question in questions:
        reserved = ledger.reserve(price.of(question))
        if reserved is None:
            break
        kept.append(question)
    if not kept:
        first = price.of(questions[0])
        raise ConfigError(
            f"0 of {len(questions)} pairs can be asked within the budget: the first costs {first.calls} calls, about "
            f"{first.tokens:,} tokens and {first.money:g} in money. Raise the budget."
        )
    return kept, ledger.under_way
