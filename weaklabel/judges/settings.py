"""What makes a judge, checked: every mistake is found before anything is asked."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Final

from weaklabel.errors import ConfigError
from weaklabel.judges.template import DEFAULT_TEMPLATE, checked_template
from weaklabel.judges.verdict import Words
from weaklabel.servers.endpoint import Endpoint
from weaklabel.servers.protocol import Api

DEFAULT_CACHE: Final = ".weaklabel/judges"


@dataclass(frozen=True, kw_only=True)
class JudgeSettings:
    """What makes a judge, beside its name. See `judge` for what each means."""

    url: str
    model: str
    api: Api = "chat"
    key_env: str | None = None
    template: str = DEFAULT_TEMPLATE
    system: str = ""
    words: tuple[str, str, str] = ("A", "B", "tie")
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
    cache: str = DEFAULT_CACHE
    version: str = "1"

    def __post_init__(self) -> None:
        Words(*self.words)
        checked_template(self.template)
        self.endpoint()
        for name in ("price_in", "price_out", "max_pairs", "max_cost"):
            value = getattr(self, name)
            if value is not None and not (math.isfinite(value) and value >= 0):
                raise ConfigError(f"{name} is {value!r}. Allowed: a number of at least 0.")
        if self.max_cost is not None and (self.price_in is None or self.price_out is None):
            raise ConfigError(
                "max_cost needs price_in and price_out, the prices of a million tokens. They are on the provider's page."
            )
        if self.max_tokens < 1 or not 0 <= self.logprobs <= 20:
            raise ConfigError(
                f"max_tokens is {self.max_tokens} and logprobs {self.logprobs}. Allowed: at least 1, and 0 to 20."
            )
        if secret := [name for name in self.body if "key" in name.lower() or "auth" in name.lower()]:
            raise ConfigError(f"body holds {secret[0]!r}. A key goes into an environment variable: key_env.")

    def endpoint(self) -> Endpoint:
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
        names = ("model", "api", "template", "system", "max_tokens", "logprobs", "version")
        return {name: getattr(self, name) for name in names} | {"body": dict(self.body)}
