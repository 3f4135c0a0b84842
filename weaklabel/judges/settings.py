"""The settings of judges, judge columns and crowds, checked when they are made: before anything is asked or read.

As in `weaklabel.lf.settings`, one class per kind is behind the front door's function, the table in `weaklabel.toml` and
the spec.
"""

from __future__ import annotations

import functools
import math
from collections.abc import Mapping
from dataclasses import KW_ONLY, dataclass, field
from pathlib import Path
from typing import Any, ClassVar, Final, Literal

from weaklabel.errors import LabelingFunctionError, SettingError
from weaklabel.judges.template import read_template
from weaklabel.judges.verdict import Words
from weaklabel.lf.settings import PYDANTIC, check_choice, check_gap, check_two_columns, meanings, put
from weaklabel.servers.endpoint import Endpoint
from weaklabel.servers.protocol import Api

DEFAULT_CACHE: Final = ".weaklabel/judges"

Meaning = Literal["a", "b", "first", "second", "tie", "abstain"]
"""Of a verdict: one of the source's responses, one of the two as they were shown, or neither."""
MEANINGS: Final = ("a", "b", "first", "second", "tie", "abstain")


@dataclass(frozen=True)
class JudgeSettings:
    """Settings of `judge`.

    Attributes:
        name: the labeling function's name.
        url: base of an OpenAI-compatible API, e.g. `http://127.0.0.1:8000/v1`.
        model: name of the model there.
        api: "chat", or "completions" for a model without a chat template.
        key_env: name of the environment variable that holds the key. Plain http to another machine is then refused.
        template: what is asked, as text or as a file (a `Path`, or a name that ends in .txt or .md), with places
            {prompt}, {conversation}, {response_a} (shown first) and {response_b} (shown second). Default:
            `weaklabel.judges.template.DEFAULT_TEMPLATE`.
        system: a system message.
        words: the words of the verdicts, default {"a": "A", "b": "B", "tie": "tie"}; tie = "" for a judge that must
            decide. They need a template of your own.
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
    """

    __pydantic_config__: ClassVar = PYDANTIC

    name: str
    _: KW_ONLY
    url: str
    model: str
    api: Api = "chat"
    key_env: str | None = None
    template: str | Path | None = None
    system: str = ""
    words: Mapping[Literal["a", "b", "tie"], str] | None = None
    max_tokens: int = 16
    logprobs: int = 20
    body: Mapping[str, Any] = field(default_factory=dict)
    min_gap: float = 1.0
    price_in: float | None = None
    price_out: float | None = None
    max_pairs: int | None = None
    max_cost: float | None = None
    concurrency: int = 8
    timeout: float = 60.0
    max_tries: int = 5
    cache: str | Path = DEFAULT_CACHE
    version: str = "1"

    def __post_init__(self) -> None:
        put(self, cache=str(self.cache), body=dict(self.body or {}), words=dict(self.words or {}))
        self._check_verdicts()
        self.endpoint()
        check_gap(self.name, self.min_gap)
        for setting in ("price_in", "price_out", "max_pairs", "max_cost"):
            value = getattr(self, setting)
            if value is not None and not (math.isfinite(value) and value >= 0):
                raise SettingError(self.name, setting, f"is {value!r}. Allowed: a number of at least 0.")
        if self.max_cost is not None and (self.price_in is None or self.price_out is None):
            problem = "needs price_in and price_out, the prices of a million tokens. They are on the provider's page."
            raise SettingError(self.name, "max_cost", problem)
        if self.max_tokens < 1:
            raise SettingError(self.name, "max_tokens", f"is {self.max_tokens!r}. Allowed: at least 1.")
        if not 0 <= self.logprobs <= 20:
            raise SettingError(self.name, "logprobs", f"is {self.logprobs!r}. Allowed: 0 to 20.")
        if secret := [name for name in self.body if "key" in name.lower() or "auth" in name.lower()]:
            problem = f"holds {secret[0]!r}. A key goes into an environment variable: key_env."
            raise SettingError(self.name, "body", problem)

    def _check_verdicts(self) -> None:
        if odd := sorted(set(self.words or {}) - {"a", "b", "tie"}):
            raise SettingError(self.name, "words", f"has {odd[0]!r}. Allowed: a, b, tie.")
        if self.words and self.template is None:
            raise SettingError(
                self.name, "words", "need a template of your own that asks for them. Give template."
            )
        _ = self.verdict_words

    @functools.cached_property
    def verdict_words(self) -> Words:
        """What the judge says for each verdict."""
        chosen = {"a": "A", "b": "B", "tie": "tie"} | dict(self.words or {})
        return Words(chosen["a"], chosen["b"], chosen["tie"])

    @functools.cached_property
    def asks(self) -> str:
        """The template as text; read from its file where it is one.

        Raises:
            ConfigError: a file that cannot be read, or a template that cannot be filled.
        """
        return read_template(self.template)

    def endpoint(self) -> Endpoint:
        """Where the model is asked. Asks nothing."""
        return Endpoint(
            url=self.url,
            model=self.model,
            api=self.api,
            key_env=self.key_env,
            timeout=self.timeout,
            max_tries=self.max_tries,
            concurrency=self.concurrency,
        )

    @property
    def asked(self) -> dict[str, Any]:
        """What an answer rests on, beside the texts. Neither the address nor the key: a server may move."""
        names = ("model", "api", "system", "max_tokens", "logprobs", "version")
        own = {name: getattr(self, name) for name in names}
        return own | {"template": self.asks, "body": dict(self.body)}


@dataclass(frozen=True)
class JudgeColumnsSettings:
    """Settings of `judge_columns`.

    Attributes:
        name: the labeling function's name.
        first_a: column of what it said when the source's first response was shown first.
        first_b: column of what it said when the source's second response was shown first.
        votes: value -> "a", "b" (the source's first and second response), "first", "second" (as shown), "tie" or
            "abstain"; values compare as text. None: the columns hold numbers, such as differences of log-odds.
        toward: of numbers, what a positive one favours: the response shown "first", or the source's second one, "b".
        min_gap: margins from here on vote although the two verdicts disagree. Default 1 for verdicts (a verdict
            counts 1, so they never do), 0 for numbers.
        version: raise it when the judge changes and its columns' names do not.
        allow: whether columns that say what gold says may be read.
    """

    __pydantic_config__: ClassVar = PYDANTIC

    name: str
    first_a: str
    first_b: str
    _: KW_ONLY
    votes: Mapping[Any, Meaning] | None = None
    toward: Literal["first", "b"] = "first"
    min_gap: float | None = None
    version: str = "1"
    allow: bool = False

    def __post_init__(self) -> None:
        check_two_columns(self.name, self.first_a, self.first_b)
        check_choice(self.name, "toward", self.toward, ("first", "b"))
        gap = float(self.votes is not None) if self.min_gap is None else self.min_gap
        check_gap(self.name, gap)
        votes = None if self.votes is None else meanings(self.name, "votes", self.votes, MEANINGS)
        put(self, votes=votes, min_gap=gap)


@dataclass(frozen=True)
class JudgeColumnSettings:
    """Settings of `judge_column`.

    Attributes:
        name: the labeling function's name.
        column: its verdicts.
        shown: column that says which of the source's responses it saw first.
        votes: value of `column` -> "a", "b" (the source's), "first", "second" (as shown), "tie" or "abstain".
        shown_as: value of `shown` -> "a" or "b". Default: "a" and "b" themselves.
        version: raise it when the judge changes and its column's name does not.
        allow: whether columns that say what gold says may be read.
    """

    __pydantic_config__: ClassVar = PYDANTIC

    name: str
    column: str
    shown: str
    _: KW_ONLY
    votes: Mapping[Any, Meaning]
    shown_as: Mapping[Any, Literal["a", "b"]] | None = None
    version: str = "1"
    allow: bool = False

    def __post_init__(self) -> None:
        orders: Mapping[Any, Any] = {"a": "a", "b": "b"} if self.shown_as is None else self.shown_as
        put(
            self,
            votes=meanings(self.name, "votes", self.votes, MEANINGS),
            shown_as=meanings(self.name, "shown_as", orders, ("a", "b")),
        )


@dataclass(frozen=True)
class CrowdSettings:
    """Settings of `crowd_workers`.

    Attributes:
        annotations: a file (.jsonl, .csv, .tsv, .parquet), one row per vote of a worker on a pair.
        worker, id, vote: its columns: who, on which pair, what.
        votes: value of `vote` -> "a", "b" (the source's first and second response), "first", "second" (as shown; needs
            `shown`), "tie" or "abstain"; values compare as text. Default: a, b and tie themselves.
        shown: column that says which response the worker saw first, "a" or "b" of the source.
        min_votes: workers with fewer votes are pooled.
        name: what the names begin with.
        version: raise it when a worker's ways change.
        allow: whether columns that say what gold says may be read.
    """

    __pydantic_config__: ClassVar = PYDANTIC

    annotations: str | Path
    _: KW_ONLY
    worker: str = "worker"
    id: str = "id"
    vote: str = "vote"
    votes: Mapping[Any, Meaning] | None = None
    shown: str | None = None
    min_votes: int = 20
    name: str = "crowd"
    version: str = "1"
    allow: bool = False

    def __post_init__(self) -> None:
        plain: Mapping[Any, Any] = {"a": "a", "b": "b", "tie": "tie"}
        votes = meanings(self.name, "votes", self.votes or plain, MEANINGS)
        put(self, annotations=str(self.annotations), votes=votes)
        if self.shown is None and {"first", "second"} & set(votes.values()):
            problem = (
                "for 'first' or 'second' need shown, the column that says which response was shown first."
            )
            raise SettingError(self.name, "votes", problem)
        if self.min_votes < 1:
            raise SettingError(self.name, "min_votes", f"is {self.min_votes!r}. Allowed: at least 1.")

    def __hash__(self) -> int:
        return hash((self.annotations, self.name))


def check_spec_name(name: str, what: str) -> None:
    """Raises LabelingFunctionError for a name that no spec could hold."""
    if not name or "::" in name:
        raise LabelingFunctionError(
            f"{what} is named {name!r}. Choose a name without '::', which ends a source."
        )
