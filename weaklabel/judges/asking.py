"""Asking a judge: which questions are open, what they will cost, and the answers."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from contextlib import closing
from typing import Any, Final

import pyarrow as pa

from weaklabel._terminal import logger
from weaklabel.artifacts import content_hash
from weaklabel.errors import EndpointError
from weaklabel.judges.both_orders import SAID_NOTHING
from weaklabel.judges.costs import Estimate, Job, Prices, Question, guessed_in, jobs, ledger_of
from weaklabel.judges.settings import JudgeSettings
from weaklabel.judges.verdict import read_reply
from weaklabel.ledger import Cost, Ledger
from weaklabel.servers.client import Client, Failure
from weaklabel.servers.protocol import Reply
from weaklabel.servers.replies import ReplyCache
from weaklabel.types import CANONICAL, Pairs

_MOST_IN_A_ROW: Final = 20  # requests that fail one after another before the work ends
_log = logger()

Both = tuple[Question | None, Question | None]
"""A pair with response a shown first and with b shown first; None where the two are the same."""


def identity_of(settings: JudgeSettings) -> str:
    """Hash of what an answer rests on, beside the texts."""
    return content_hash("judge 1", json.dumps(settings.asked, sort_keys=True))


def questions_of(table: pa.Table, settings: JudgeSettings) -> list[Both]:
    """Per pair what is asked with response a shown first, and with b; None where the two are the same."""
    identity = identity_of(settings)
    wanted = table.select([f.name for f in CANONICAL])
    found: list[Both] = []
    for pair in Pairs(wanted).iter_pairs():
        if pair.response_a == pair.response_b:
            found.append((None, None))
            continue
        of = (Question.of(shown, settings, identity) for shown in (pair, pair.swapped()))
        found.append((next(of), next(of)))
    return found


def open_questions(questions: Sequence[Both], cache: ReplyCache) -> list[tuple[Question, ...]]:
    """Distinct pairs with what is still to be asked, in the order of their hashes."""
    todo: dict[tuple[str, ...], tuple[Question, ...]] = {}
    for both in questions:
        known = [q for q in both if q is not None]
        open_ = tuple(q for q in known if q.key not in cache)
        if open_:
            todo.setdefault(tuple(sorted(q.key for q in known)), open_)
    return [todo[keys] for keys in sorted(todo)]


def ask(
    name: str,
    settings: JudgeSettings,
    questions: Sequence[Both],
    cache: ReplyCache,
) -> dict[str, Failure]:
    """Ask what is not known, as far as the budget reaches; why what failed has failed, by key."""
    todo, prices = open_questions(questions, cache), Prices(settings)
    if not todo or not ledger_of(settings, cache).holds(*map(prices.at_most, todo[0])):
        return {}
    _log.info("%s", estimate(name, settings, questions, cache))
    with Client(settings.endpoint()) as client, cache.held():
        # Again: while this waited for the file, others may have asked.
        todo, ledger = open_questions(questions, cache), ledger_of(settings, cache)
        answers = client.ask_all(
            jobs(todo, ledger, prices),
            on_reply=lambda job, reply: cache.add({job.question.key: prices.counted(job.question, reply)}),
        )
        # Closed before the client is: what is under way when the work ends is paid for, and is waited for.
        with closing(answers):
            return _collected(name, answers, ledger, prices, cache, sum(map(len, todo)))


def _collected(
    name: str,
    answers: Iterable[tuple[Job, Reply | Failure]],
    ledger: Ledger,
    prices: Prices,
    cache: ReplyCache,
    total: int,
) -> dict[str, Failure]:
    """The failures among `answers`, by key."""
    failures: dict[str, Failure] = {}
    in_a_row = 0
    for (question, reserved), answer in answers:
        if isinstance(answer, Reply):
            prices.learn(question, answer)
            ledger.settle(reserved, prices.of(prices.counted(question, answer)))
            in_a_row = 0
            continue
        ledger.release(reserved)
        failures[question.key] = answer
        in_a_row += 1
        # A server that is gone, or one that never took such a request; not some pairs that are too long for it.
        never = not len(cache) and in_a_row >= min(_MOST_IN_A_ROW, total)
        if never or (in_a_row >= _MOST_IN_A_ROW and not answer.lasting):
            raise EndpointError(
                f"judge {name!r}: {in_a_row} requests in a row failed, the last because "
                f"{answer.error}. {len(cache):,} answers are kept; the same command continues."
            )
    return failures


def estimate(name: str, settings: JudgeSettings, questions: Sequence[Both], cache: ReplyCache) -> Estimate:
    """What the open questions will cost, as far as the budget reaches."""
    todo, ledger, prices = open_questions(questions, cache), ledger_of(settings, cache), Prices(settings)
    priced = settings.price_in is not None
    set_aside = Cost.sum(map(prices.at_most, todo[0])).money if priced and todo else None
    taken: list[Question] = []
    expected: list[Cost] = []
    n_asked = 0
    for both in todo:
        # A pair is asked if the budget holds the most that it can cost once those before it have cost what they will.
        if not ledger.holds(*map(prices.at_most, both)):
            break
        for reserved in ledger.reserve(*map(prices.about, both)) or ():
            ledger.settle(reserved, reserved.cost)
            expected.append(reserved.cost)
        taken += both
        n_asked += 1
    return Estimate(
        judge=name,
        n_pairs=len(questions),
        n_known=sum(all(q is None or q.key in cache for q in both) for both in questions),
        n_asked=n_asked,
        n_left=len(todo) - n_asked,
        calls=len(taken),
        tokens_in=sum(guessed_in(q.request(settings)) for q in taken),
        tokens_out=len(taken) * settings.max_tokens,
        cost=Cost.sum(expected).money if priced else None,
        spent=ledger_of(settings, cache).spent.money if priced else None,
        max_cost=settings.max_cost,
        set_aside=set_aside,
    )


def said_of(
    settings: JudgeSettings,
    both: Both,
    side: int,
    cache: ReplyCache,
    failures: Mapping[str, Failure],
    *,
    asked: bool,
) -> dict[str, Any]:
    """What was said with response a (`side` 0) or b (1) shown first, as `both_orders.SAID`."""
    question = both[side]
    if question is None:
        return SAID_NOTHING | {"state": "same"}
    reply = cache.get(question.key)
    if reply is None:
        failure = failures.get(question.key)
        if failure is None:
            return SAID_NOTHING | {"state": "budget" if asked else "unasked"}
        return SAID_NOTHING | {
            "state": "rejected" if failure.lasting else "failed",
            "note": failure.error,
        }
    reading = read_reply(reply, settings.verdict_words)
    if reading.verdict is None:
        return SAID_NOTHING | {"state": "unread", "note": reading.problem}
    return {"state": "said", "verdict": reading.verdict, "log_odds": reading.log_odds, "note": None}
