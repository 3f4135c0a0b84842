"""Where a model is asked: the address of a server that speaks the OpenAI protocol, its key, the way there.

The key is never sent over plain http to another machine, and an address or a setting in which it may have been put
by mistake is never shown.
"""

from __future__ import annotations

import ipaddress
import os
from dataclasses import dataclass
from typing import Final
from urllib.parse import urlsplit

from weaklabel.errors import ConfigError
from weaklabel.servers.protocol import Api

_A_DAY: Final = 86_400


@dataclass(frozen=True, kw_only=True)
class Endpoint:
    """Where a model is asked, and how patiently.

    Attributes:
        url: base of the API, e.g. `http://127.0.0.1:8000/v1`.
        model: name of the model there.
        api: "chat" for chat completions, "completions" for a model without a chat template.
        key_env: name of the environment variable that holds the key; None where none is needed.
        timeout: seconds that one try may take, from looking up the name to the last byte. Default 60.
        max_tries: how often one request is sent at most. Default 5.
        concurrency: requests that are under way at once. Default 8.
        first_wait: seconds before the second try, doubled with each further one. Default 1.
        max_wait: longest wait in seconds; a server that asks for more has failed this request. Default 60.

    Raises:
        ConfigError: an address that cannot be used, one that holds credentials, or a number out of range.

    >>> Endpoint(url="http://127.0.0.1:8000/v1/", model="tiny").address
    'http://127.0.0.1:8000/v1/chat/completions'
    """

    url: str
    model: str
    api: Api = "chat"
    key_env: str | None = None
    timeout: float = 60.0
    max_tries: int = 5
    concurrency: int = 8
    first_wait: float = 1.0
    max_wait: float = 60.0

    def __post_init__(self) -> None:
        host = _checked_host(self.url)
        if self.api not in ("chat", "completions"):
            raise ConfigError(f"api is {self.api!r}. Allowed: 'chat', 'completions'.")
        for name in ("timeout", "max_tries", "concurrency", "first_wait", "max_wait"):
            if not 0 < getattr(self, name) <= _A_DAY:
                raise ConfigError(
                    f"{name} is {getattr(self, name)!r}. Allowed: a number above 0, at most {_A_DAY}."
                )
        if self.key_env is not None and not self.key_env.isidentifier():
            # Not shown: it may be the key itself.
            raise ConfigError(
                "key_env is no name of an environment variable. Put the key into one, and its name here."
            )
        if self.key_env is not None and self.url.startswith("http:") and not is_loopback(host):
            raise ConfigError(
                f"url is {self.url!r}: the key in {self.key_env} would cross the network in the open. "
                "Use https, or a tunnel to 127.0.0.1, or leave key_env out if the server needs no key."
            )

    @property
    def address(self) -> str:
        path = "chat/completions" if self.api == "chat" else "completions"
        return f"{self.url.rstrip('/')}/{path}"


def _checked_host(url: str) -> str:
    """The host in the address of an API. What is in an address may be a secret: then it is not shown."""
    try:
        parts = urlsplit(url)
        parts.port  # noqa: B018  # raises where it is no number
    except ValueError:
        raise ConfigError("url is no address. Write the base of the API: http://127.0.0.1:8000/v1") from None
    credentials = parts.username or parts.password or ("@" in url and not parts.hostname)
    if credentials or parts.query or parts.fragment:
        raise ConfigError(
            "url holds credentials, a query or a fragment. Give the base of the API alone, "
            "and name the variable with the key: key_env = 'MY_KEY'."
        )
    if parts.scheme not in ("http", "https") or not parts.hostname:
        raise ConfigError(f"url is {url!r}. Write the base of the API: http://127.0.0.1:8000/v1")
    return parts.hostname


def key_of(endpoint: Endpoint) -> str:
    if endpoint.key_env is None:
        return ""
    key = os.environ.get(endpoint.key_env, "").strip()
    if not key:
        # Names of variables are in capitals; anything else may be the key itself.
        name = endpoint.key_env if endpoint.key_env.isupper() else "that key_env names"
        raise ConfigError(
            f"the environment variable {name} is not set, and {endpoint.url} needs the key in it. "
            f"Set it, or leave key_env out if the server needs none."
        )
    if not key.isascii() or not key.isprintable():
        raise ConfigError(f"the key in {endpoint.key_env} holds characters that no key has. Set it again.")
    return key


def is_loopback(host: str) -> bool:
    """Whether a host is this machine."""
    if host == "localhost" or host.endswith(".localhost"):
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False
