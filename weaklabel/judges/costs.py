"""What a judge costs: its questions, their prices, its ledger, and an estimate before the first of them."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Final, NamedTuple

from weaklabel.artifacts import content_hash
from weaklabel.judges.settings import JudgeSettings
from weaklabel.judges.template import fill, values_of
from weaklabel.ledger import Budget, Cost, Ledger, Reservation
from weaklabel.servers.protocol import Reply, Request
from weaklabel.servers.replies import ReplyCache
from weaklabel.types import Pair
from weaklabel.types.result import json_fields

_BYTES_PER_TOKEN: Final = 4.0  # of English text; an estimate, replaced by what the server reports
_FRAME_TOKENS: Final = 16  # what a chat template adds around a message, as a rule
_FRAME_AT_MOST: Final = 128  # and at most, until an answer shows that it is more


@dataclass(frozen=True, slots=True)
class Question:
    """A pair in one order: the hash of what is asked, and how to ask it."""

    key: str
    pair: Pair

    @classmethod
    def of(cls, pair: Pair, settings: JudgeSettings, identity: str) -> Question:
        return cls(content_hash(identity, fill(settings.asks, values_of(pair))), pair)

    def request(self, settings: JudgeSettings) -> Request:
        most = settings.logprobs if settings.api == "chat" else min(5, settings.logprobs)
        prompt = fill(settings.asks, values_of(self.pair))
        return Request(prompt, settings.system, settings.max_tokens, most, settings.body)


class Prices:
    """What questions cost: at most before they are answered, and by count afterwards.

    Until its answer is there a request counts as one token per byte, which no tokeniser over bytes exceeds, more than
    any chat template adds, and an answer as long as allowed. Where a server counts more than that, the first answers
    show it, and later questions count so much more.

    Attributes:
        is_known: whether an answer has shown what this server counts.
    """

    def __init__(self, settings: JudgeSettings) -> None:
        self.settings = settings
        self.is_known = False
        self._frame, self._longest = _FRAME_AT_MOST, settings.max_tokens

    def at_most(self, question: Question) -> Cost:
        """What a question counts as until its answer is there."""
        return self._cost(_bytes_of(question.request(self.settings)) + self._frame, self._longest)

    def about(self, question: Question) -> Cost:
        """What a question will cost if it is ordinary text and its answer as long as allowed."""
        return self._cost(guessed_in(question.request(self.settings)), self.settings.max_tokens)

    def of(self, reply: Reply) -> Cost:
        """What an answer has cost."""
        return self._cost(reply.tokens_in or 0, reply.tokens_out or 0)

    def counted(self, question: Question, reply: Reply) -> Reply:
        """The reply with tokens that the server did not report replaced by the estimate, so that they count."""
        if reply.tokens_in is not None and reply.tokens_out is not None:
            return reply
        asked = guessed_in(question.request(self.settings))
        return replace(reply, tokens_in=asked, tokens_out=math.ceil(len(reply.text) / _BYTES_PER_TOKEN))

    def learn(self, question: Question, reply: Reply) -> None:
        """Take note of what the server counted."""
        self.is_known = True
        size = _bytes_of(question.request(self.settings))
        self._frame = max(self._frame, (reply.tokens_in or 0) - size)
        self._longest = max(self._longest, reply.tokens_out or 0)

    def _cost(self, tokens_in: int, tokens_out: int) -> Cost:
        price_in, price_out = self.settings.price_in or 0, self.settings.price_out or 0
        money = (tokens_in * price_in + tokens_out * price_out) / 1e6
        return Cost(calls=1, tokens=tokens_in + tokens_out, money=money)


def ledger_of(settings: JudgeSettings, cache: ReplyCache) -> Ledger:
    """The ledger of a judge over its whole life: its budget, and what the answers at hand have cost."""
    calls = None if settings.max_pairs is None else 2 * settings.max_pairs
    prices = Prices(settings)
    return Ledger(
        Budget(calls=calls, money=settings.max_cost), Cost.sum(prices.of(reply) for reply in cache.replies)
    )


class Job(NamedTuple):
    """A question under way, and what is set aside for it."""

    question: Question
    reserved: Reservation


def jobs(
    todo: Sequence[tuple[Question, ...]], ledger: Ledger, prices: Prices
) -> Iterator[tuple[Job, Request] | None]:
    """Both orders of one pair after another, while the budget allows; None while it has to be waited for.

    With a budget in money one pair goes ahead of all others: its answers show what the server counts.
    """
    settings = prices.settings
    for both in todo:
        while (settings.max_cost is not None and not prices.is_known and ledger.is_waiting) or (
            reserved := ledger.reserve(*map(prices.at_most, both))
        ) is None:
            if not ledger.is_waiting:
                return
            yield None
        for question, part in zip(both, reserved, strict=True):
            yield Job(question, part), question.request(settings)


@dataclass(frozen=True, slots=True)
class Estimate:
    """What judging some pairs will cost, before the first call.

    Attributes:
        judge: its name.
        n_pairs: pairs in all.
        n_known: of these, pairs whose answers are at hand, or that need none.
        n_asked: pairs that will be asked, in both orders; the budget holds no more, if the server counts as estimated.
        n_left: pairs beyond the budget.
        calls: requests that will be sent.
        tokens_in, tokens_out: an estimate (four bytes of text a token, answers as long as allowed).
        cost: in the currency of the prices; None where no prices are set.
        spent: what the answers at hand have cost.
        max_cost: the budget in money, None for none.
        set_aside: what `max_cost` has to hold for the next pair until it is answered; None without prices or open pairs.
    """

    judge: str
    n_pairs: int
    n_known: int
    n_asked: int
    n_left: int
    calls: int
    tokens_in: int
    tokens_out: int
    cost: float | None
    spent: float | None
    max_cost: float | None = None
    set_aside: float | None = None

    def __str__(self) -> str:
        if not self.n_asked and self.n_left:
            text = f"judge {self.judge}: 0 of {self.n_left:,} open pairs can be asked within the budget"
        elif not self.n_asked:
            text = (
                f"judge {self.judge}: nothing to ask, {self.n_known:,} of {self.n_pairs:,} pairs are judged"
            )
        else:
            text = (
                f"judge {self.judge}: {self.n_asked:,} of {self.n_pairs:,} pairs to ask, {self.calls:,} calls, about "
                f"{self.tokens_in:,} tokens in and at most {self.tokens_out:,} out"
            )
        if self.cost is not None and self.spent is not None:
            limit = "" if self.max_cost is None else f" of {self.max_cost:g}"
            text += f"; about {self.cost:.4g} to pay, {self.spent:.4g}{limit} spent"
        elif self.n_asked:
            text += "; no price_in and price_out set, so no estimate of the cost"
        if not self.n_left:
            return text
        if self.max_cost is not None and self.set_aside is not None:
            text += (
                f"; until it is answered, the next pair counts as {self.set_aside:.4g}, the most it can cost"
            )
        return f"{text}; {self.n_left:,} pairs are beyond the budget and will abstain"

    to_dict = json_fields


def guessed_in(request: Request) -> int:
    """About how many tokens a request has."""
    return math.ceil(_bytes_of(request) / _BYTES_PER_TOKEN) + _FRAME_TOKENS


def _bytes_of(request: Request) -> int:
    return len(f"{request.system}{request.prompt}".encode("utf-8", "replace"))
