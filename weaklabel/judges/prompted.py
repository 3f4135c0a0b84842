"""LLM judges: a model behind an OpenAI-compatible endpoint as a labeling function.

Each pair is asked in both orders, so that the judge's taste for a place goes out of the margin exactly (see
`weaklabel.judges.both_orders`). Asking happens once, in the process that calls `apply`, before anything is voted on:
what was said travels to the workers in two columns, so no worker needs a network or the key, and no time limit can
end a judge that is only waiting.

Answers are kept by the hash of what was asked (`weaklabel.servers.replies`): a run that was killed continues, and
another run on the same texts pays nothing. A judge has a budget in pairs and in money over its whole life; it stops
before it would pass it, and the pairs that are left abstain, counted. Which pairs it gets to is decided by their
hash, not by their place in the file.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any, Final

import pyarrow as pa

from weaklabel._terminal import logger
from weaklabel.judges.asking import ask as ask_all
from weaklabel.judges.asking import estimate, identity_of, questions_of, said_of
from weaklabel.judges.both_orders import SAID, BothOrders, PositionBias, bias_of
from weaklabel.judges.costs import Estimate, ledger_of
from weaklabel.judges.settings import JudgeSettings, check_spec_name
from weaklabel.lf.columns import made_for
from weaklabel.lf.settings import takes
from weaklabel.lf.sources.kinds import Described
from weaklabel.servers.replies import ReplyCache
from weaklabel.types import Pair, Pairs
from weaklabel.types.result import json_fields

_log = logger()


@dataclass(frozen=True, slots=True)
class JudgeSummary:
    """What a judge said of some pairs, and what it has cost in all.

    Attributes:
        bias: counts of answers by kind, and the taste for the first place.
        answers: answers at hand in all, whatever pairs they are of.
        cost: what they have cost, None where no prices are set.
        examples: up to three answers that were no verdict.
    """

    bias: PositionBias
    answers: int
    cost: float | None
    examples: tuple[str, ...] = ()

    def __str__(self) -> str:
        counts = self.bias.counts
        words = {
            "unread": "answers are no verdict",
            "failed": "requests failed",
            "rejected": "requests were rejected",
            "budget": "answers are beyond the budget",
            "unasked": "answers were not asked for",
        }
        odd = "".join(f", {counts[s]:,} {said}" for s, said in words.items() if counts.get(s))
        if n := self.bias.without_log_odds:
            odd += f", {n:,} verdicts came without log-probabilities"
        cost = "" if self.cost is None else f", {self.cost:.4g} spent"
        return f"judge {self.bias}{odd}{cost}"

    def to_dict(self) -> dict[str, Any]:
        """JSON values."""
        own = json_fields(self)
        return {**own.pop("bias"), **own}


@dataclass(frozen=True, kw_only=True)
class Judge(BothOrders):
    """An LLM judge. Made by `judge`; `estimate` before, `summary` after."""

    settings: JudgeSettings

    @property
    def doc(self) -> str:
        return f"{self.settings.model} says which response is better, asked in both orders."

    @property
    def parameters(self) -> dict[str, Any]:
        return self.settings.asked | {
            "words": list(self.settings.verdict_words.given),
            "min_gap": self.settings.min_gap,
        }

    def __call__(self, pair: Pair) -> int:
        if not all(name in pair.columns for name in self.columns):
            table = self.derive(
                Pairs.of([Pair(pair.id, pair.prompt, pair.response_a, pair.response_b, pair.messages)]).table
            )
            (pair,) = Pairs(table).iter_pairs(self.columns)
        return super().__call__(pair)

    def derive(self, table: pa.Table, *, ask: bool = True) -> pa.Table:
        return table if self.is_derived(table) else self.judged(table, ask=ask)

    def judged(self, table: pa.Table, *, ask: bool = True) -> pa.Table:
        """`table` with what the judge says; with `ask` it is asked what it has not been asked before.

        Raises:
            EndpointError: the server cannot be used. What was answered until then is kept.
        """
        settings, cache, questions = self.settings, self._cache(), questions_of(table, self.settings)
        failures = ask_all(self.name, settings, questions, cache) if ask else {}
        for side, name in enumerate(self.columns):
            said = [said_of(settings, both, side, cache, failures, asked=ask) for both in questions]
            table = table.append_column(name, pa.array(said, SAID))
        if ask:
            self._warn(table)
        return table

    def estimate(self, pairs: Pairs) -> Estimate:
        """What judging `pairs` will cost. Asks nothing."""
        return estimate(self.name, self.settings, questions_of(pairs.table, self.settings), self._cache())

    def summary(self, pairs: Pairs, *, seed: int = 0) -> JudgeSummary:
        """What the judge has said of `pairs`, from the answers at hand; asks nothing. `seed` is of the interval."""
        table = self.derive(pairs.table, ask=False)
        first_a, first_b = (table[name].to_pylist() for name in self.columns)
        cache = self._cache()
        spent = ledger_of(self.settings, cache).spent.money if self.settings.price_in is not None else None
        examples = [x["note"] for x in (*first_a, *first_b) if x and x["state"] == "unread"][:3]
        bias = bias_of(self.name, first_a, first_b, pairs.prompt_groups, seed=seed)
        return JudgeSummary(bias, len(cache), spent, tuple(examples))

    def _cache(self) -> ReplyCache:
        return ReplyCache(self.settings.cache, self.settings.model, identity_of(self.settings))

    def _warn(self, table: pa.Table) -> None:
        """What a person has to know and no vote shows."""
        said = [x for name in self.columns for x in table[name].to_pylist()]
        states = [x["state"] for x in said]
        if left := states.count("budget"):
            _log.warning(
                "judge %r: the budget is used up; %d of %d answers were not asked for, and these pairs abstain. "
                "Raise max_pairs or max_cost to go on.", self.name, left, len(states),
            )  # fmt: skip
        if unread := states.count("unread"):
            example = next(x["note"] for x in said if x["state"] == "unread")
            _log.warning(
                "judge %r: %d of %d answers are no verdict, and these pairs abstain. First: %s",
                self.name, unread, len(states), example,
            )  # fmt: skip


@takes(JudgeSettings)
def judge(settings: JudgeSettings) -> Judge:
    """A language model as a labeling function: asked in both orders, its answers kept, its budget held.

    Nothing is asked here, and no key is read; a template that is a file is read, because the judge's identity rests on
    its text. `judge(...).estimate(pairs)` says what `apply` will cost.

    Raises:
        ConfigError: a setting that is out of range, a template or an address that cannot be used.

    Example:
        gpt = judge("gpt", url="http://127.0.0.1:8000/v1", model="tiny", max_pairs=100)
    """
    return _made(replace(settings, template=settings.asks))


def _made(settings: JudgeSettings) -> Judge:
    check_spec_name(settings.name, "a judge")
    return Judge.of(JUDGE, settings, "judges", made_for(settings.name, "first"))


# The template of a spec is text: a spec that comes from elsewhere must not have a file read.
JUDGE: Final = Described("judge", lambda values: _made(JudgeSettings(**values)))
