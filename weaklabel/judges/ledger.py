"""What a judge costs: the questions, an estimate before the first of them, and the budget that is never passed."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass, replace
from typing import Any, Final

from weaklabel.artifacts import content_hash
from weaklabel.judges.settings import JudgeSettings
from weaklabel.judges.template import fill, values_of
from weaklabel.servers.client import Failure
from weaklabel.servers.protocol import Reply, Request
from weaklabel.servers.replies import ReplyCache
from weaklabel.types import Pair

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
        return cls(content_hash(identity, fill(settings.template, values_of(pair))), pair)

    def request(self, settings: JudgeSettings) -> Request:
        most = settings.logprobs if settings.api == "chat" else min(5, settings.logprobs)
        prompt = fill(settings.template, values_of(self.pair))
        return Request(prompt, settings.system, settings.max_tokens, most, settings.body)


class Purse:
    """The budget of a judge over its whole life: what was spent, what is under way, what is left.

    What a request will cost is not known before: until its answer is there it counts as one token per byte, which no
    tokeniser over bytes exceeds, more than any chat template adds, and an answer as long as allowed. What is reserved
    too much comes back. Where a server counts more than that, the first answer shows it: a purse with a limit sends
    one pair ahead of all others.
    """

    def __init__(self, settings: JudgeSettings, cache: ReplyCache) -> None:
        self.settings = settings
        self.calls = len(cache)
        self.spent = math.fsum(self._cost(r.tokens_in or 0, r.tokens_out or 0) for r in cache.replies)
        self.held = 0.0  # for what is under way
        self._frame, self._longest, self._seen = _FRAME_AT_MOST, settings.max_tokens, False
        self._under_way: dict[str, float] = {}

    @property
    def waits(self) -> bool:
        """Whether something is under way whose answer may free money."""
        return bool(self._under_way)

    def can_take(self, both: Sequence[Question], *, guess: bool = False) -> bool:
        """Whether the budget allows both orders of a pair now; with `guess`, once what was taken by guess is answered."""
        limit = self.settings.max_pairs
        if limit is not None and self.calls + len(both) > 2 * limit:
            return False
        if self.settings.max_cost is None:
            return True
        if not self._seen and self._under_way and not guess:
            return False
        return self.spent + self.held + self.at_most(both) <= self.settings.max_cost

    def at_most(self, both: Sequence[Question]) -> float:
        """What both orders of a pair count as until their answers are there."""
        return math.fsum(self._before(question, guess=False) for question in both)

    def take(self, question: Question, *, guess: bool = False) -> None:
        self.calls += 1
        self._under_way[question.key] = self._before(question, guess)
        self.held += self._under_way[question.key]

    def settle(self, question: Question, answer: Reply | Failure) -> None:
        self.held -= self._under_way.pop(question.key, 0.0)
        if isinstance(answer, Failure):
            self.calls -= 1
        else:
            known = self.counted(question, answer)
            self._learn(question, answer)
            self.spent += self._cost(known.tokens_in or 0, known.tokens_out or 0)

    def counted(self, question: Question, reply: Reply) -> Reply:
        """The reply with tokens that the server did not report replaced by the estimate, so that they count."""
        if reply.tokens_in is not None and reply.tokens_out is not None:
            return reply
        asked = guessed_in(question.request(self.settings))
        return replace(reply, tokens_in=asked, tokens_out=math.ceil(len(reply.text) / _BYTES_PER_TOKEN))

    def _learn(self, question: Question, reply: Reply) -> None:
        self._seen = True
        size = _bytes_of(question.request(self.settings))
        self._frame = max(self._frame, (reply.tokens_in or 0) - size)
        self._longest = max(self._longest, reply.tokens_out or 0)

    def _before(self, question: Question, guess: bool) -> float:
        request = question.request(self.settings)
        if guess:
            return self._cost(guessed_in(request), self.settings.max_tokens)
        return self._cost(_bytes_of(request) + self._frame, self._longest)

    def _cost(self, tokens_in: float, tokens_out: float) -> float:
        return (tokens_in * (self.settings.price_in or 0) + tokens_out * (self.settings.price_out or 0)) / 1e6


def jobs(
    todo: Sequence[tuple[Question, ...]], purse: Purse, settings: JudgeSettings
) -> Iterator[tuple[Question, Request] | None]:
    """Both orders of one pair after another, while the budget allows; None while it has to be waited for."""
    for both in todo:
        while not purse.can_take(both):
            if not purse.waits:
                return
            yield None
        for question in both:
            purse.take(question)
        for question in both:
            yield question, question.request(settings)


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
            text = f"judge {self.judge}: the budget lets none of {self.n_left:,} open pairs be asked"
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

    def to_dict(self) -> dict[str, Any]:
        """JSON values."""
        return asdict(self)


def guessed_in(request: Request) -> int:
    """About how many tokens a request has."""
    return math.ceil(_bytes_of(request) / _BYTES_PER_TOKEN) + _FRAME_TOKENS


def _bytes_of(request: Request) -> int:
    return len(f"{request.system}{request.prompt}".encode("utf-8", "replace"))
