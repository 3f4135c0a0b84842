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

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Literal

import pyarrow as pa

from weaklabel._terminal import logger
from weaklabel.errors import ConfigError, LabelingFunctionError
from weaklabel.judges.asking import Progress, estimate, identity_of, questions_of, said_of
from weaklabel.judges.asking import ask as ask_all
from weaklabel.judges.both_orders import SAID, BothOrders, PositionBias, bias_of
from weaklabel.judges.costs import Estimate, ledger_of
from weaklabel.judges.settings import DEFAULT_CACHE, JudgeSettings
from weaklabel.judges.template import DEFAULT_TEMPLATE as DEFAULT_TEMPLATE
from weaklabel.judges.template import read_template
from weaklabel.lf.specs import spec_of
from weaklabel.servers.protocol import Api
from weaklabel.servers.replies import ReplyCache
from weaklabel.types import Pair, Pairs

_log = logger()


@dataclass(frozen=True, slots=True)
class JudgeReport:
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
        more = {"answers": self.answers, "cost": self.cost, "examples": list(self.examples)}
        return self.bias.to_dict() | more


@dataclass(frozen=True, kw_only=True)
class Judge(BothOrders):
    """An LLM judge. Made by `judge`; `estimate` before, `report` after."""

    settings: JudgeSettings

    @property
    def doc(self) -> str:
        return f"{self.settings.model} says which response is better, asked in both orders."

    @property
    def parameters(self) -> dict[str, Any]:
        return self.settings.asked | {"words": list(self.settings.words), "min_gap": self.min_gap}

    def __call__(self, pair: Pair) -> int:
        if not all(name in pair.columns for name in self.columns):
            table = self.derive(
                Pairs.of([Pair(pair.id, pair.prompt, pair.response_a, pair.response_b, pair.messages)]).table
            )
            (pair,) = Pairs(table).iter_pairs(self.columns)
        return super().__call__(pair)

    def derive(self, table: pa.Table, *, ask: bool = True) -> pa.Table:
        if all(name in table.column_names for name in self.columns):
            return table
        return self.judged(table, ask=ask)

    def judged(self, table: pa.Table, *, ask: bool = True, progress: Progress | None = None) -> pa.Table:
        """`table` with what the judge says; with `ask` it is asked what it has not been asked before.

        Raises:
            EndpointError: the server cannot be used. What was answered until then is kept.
        """
        settings, cache, questions = self.settings, self._cache(), questions_of(table, self.settings)
        failures = ask_all(self.name, settings, questions, cache, progress) if ask else {}
        for side, name in enumerate(self.columns):
            said = [said_of(settings, both, side, cache, failures, asked=ask) for both in questions]
            table = table.append_column(name, pa.array(said, SAID))
        if ask:
            self._warn(table)
        return table

    def estimate(self, pairs: Pairs) -> Estimate:
        """What judging `pairs` will cost. Asks nothing."""
        return estimate(self.name, self.settings, questions_of(pairs.table, self.settings), self._cache())

    def report(self, pairs: Pairs, *, seed: int = 0) -> JudgeReport:
        """What the judge has said of `pairs`, from the answers at hand; asks nothing. `seed` is of the interval."""
        table = self.derive(pairs.table, ask=False)
        first_a, first_b = (table[name].to_pylist() for name in self.columns)
        cache = self._cache()
        spent = ledger_of(self.settings, cache).spent.money if self.settings.price_in is not None else None
        examples = [x["note"] for x in (*first_a, *first_b) if x and x["state"] == "unread"][:3]
        bias = bias_of(self.name, first_a, first_b, pairs.prompt_groups, seed=seed)
        return JudgeReport(bias, len(cache), spent, tuple(examples))

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


def judge(
    name: str,
    *,
    url: str,
    model: str,
    api: Api = "chat",
    key_env: str | None = None,
    template: str | Path | None = None,
    system: str = "",
    words: Mapping[Literal["a", "b", "tie"], str] | None = None,
    max_tokens: int = 16,
    logprobs: int = 20,
    body: Mapping[str, Any] | None = None,
    min_gap: float = 1.0,
    price_in: float | None = None,
    price_out: float | None = None,
    max_pairs: int | None = None,
    max_cost: float | None = None,
    concurrency: int = 8,
    timeout: float = 60.0,
    max_tries: int = 5,
    cache: str | Path = DEFAULT_CACHE,
    version: str = "1",
) -> Judge:
    """A language model as a labeling function: asked in both orders, its answers kept, its budget held.

    Nothing is asked here. `judge(...).estimate(pairs)` says what `apply` will cost.

    Args:
        name: the labeling function's name.
        url: base of an OpenAI-compatible API, e.g. `http://127.0.0.1:8000/v1`.
        model: name of the model there.
        api: "chat", or "completions" for a model without a chat template.
        key_env: name of the environment variable that holds the key. Plain http to another machine is then refused.
        template: what is asked, as text or as a file, with places {prompt}, {conversation}, {response_a} (shown
            first) and {response_b} (shown second). Default: `weaklabel.judges.prompted.DEFAULT_TEMPLATE`.
        system: a system message.
        words: the words of the verdicts, default {"a": "A", "b": "B", "tie": "tie"}; tie = "" for a judge that must decide.
        max_tokens: longest answer. More than the default only for a template that asks for reasons first.
        logprobs: candidates per token to ask for, 0 to 20; 0 takes the verdicts alone, as does a server without.
        body: further fields of the request; the value "omit" leaves a field out (`{"temperature": "omit"}`).
        min_gap: margins from here on vote although the two orders disagree, in nats (a verdict without
            log-probabilities counts 1). Default 1.
        price_in, price_out: prices of a million tokens, for estimates and for `max_cost`.
        max_pairs: most pairs that are ever asked with these settings.
        max_cost: most money that is ever spent with these settings.
        concurrency: requests at once.
        timeout: seconds that one try may take, to the last byte.
        max_tries: how often a request is sent at most.
        cache: folder of the answers.
        version: raise it when the model behind the name changes.

    Raises:
        ConfigError: a setting that is out of range, a template or an address that cannot be used.

    >>> gpt = judge("gpt", url="http://127.0.0.1:8000/v1", model="tiny", max_pairs=100)
    >>> gpt.columns
    ('gpt:first_a', 'gpt:first_b')
    """
    chosen = {"a": "A", "b": "B", "tie": "tie"} | dict(words or {})
    if set(chosen) - {"a", "b", "tie"}:
        raise ConfigError(f"judge {name!r}: words has {sorted(chosen)}. Allowed: a, b, tie.")
    if words and template is None:
        raise ConfigError(
            f"judge {name!r}: words need a template of your own that asks for them. Give template."
        )
    return _made(
        name,
        url=url,
        model=model,
        api=api,
        key_env=key_env,
        template=read_template(template),
        system=system,
        words=(chosen["a"], chosen["b"], chosen["tie"]),
        max_tokens=max_tokens,
        logprobs=logprobs,
        body=dict(body or {}),
        min_gap=min_gap,
        price_in=price_in,
        price_out=price_out,
        max_pairs=max_pairs,
        max_cost=max_cost,
        concurrency=concurrency,
        timeout=timeout,
        max_tries=max_tries,
        cache=str(cache),
        version=version,
    )


def from_settings(settings: Mapping[str, Any]) -> Judge:
    """The judge that the settings of a spec describe."""
    return _made(**dict(settings) | {"words": tuple(settings["words"])})


def _made(name: str, **settings: Any) -> Judge:
    if not name or "::" in name:
        raise LabelingFunctionError(f"a judge is named {name!r}. Choose a name without '::'.")
    made = JudgeSettings(**settings)
    return Judge(
        name=name,
        family="judges",
        columns=(f"{name}:first_a", f"{name}:first_b"),
        version=made.version,
        spec=spec_of("judge", {"name": name, **asdict(made)}),
        sources=(),
        min_gap=made.min_gap,
        settings=made,
    )
