"""A client for servers that speak the OpenAI protocol (chat completions, or plain completions).

What it takes care of, so that nobody above has to:

- **the key** is read from an environment variable when the client is made, and lives in it alone: it is in no
  setting, no file, no log line, no `repr`, and it is cut out of whatever a server says before that becomes a
  message. It is never sent over plain http to another machine, nor after a redirect (there are none).
- **patience**: 429, 5xx, time-outs and broken connections are tried again, with growing waits and jitter, not before
  `Retry-After` says so, and a bounded number of times. When one request is told to wait, all of them wait.
- **servers differ**: where one refuses log-probabilities, or wants `max_completion_tokens`, the request is repeated
  in the form it takes, and later ones are sent like that at once.
- **what one request costs** is counted as the server reports it.

A mistake that every request would meet (a wrong key, a model that is not there, nobody listening) is an
`EndpointError` and ends the work. A failure of one request is a `Failure`, to be recorded where the reply would be.
"""

from __future__ import annotations

import email.utils
import ipaddress
import json
import os
import random
import threading
import time
from collections.abc import Callable, Iterable, Iterator, Mapping
from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor, wait
from dataclasses import dataclass, field
from typing import Any, Final, Literal, TypeVar
from urllib.parse import urlsplit

from weaklabel.errors import ConfigError, EndpointError

Api = Literal["chat", "completions"]
K = TypeVar("K")

_AGAIN: Final = frozenset({408, 409, 425, 429, 500, 502, 503, 504, 529})
_MONEY: Final = ("insufficient_quota", "billing_hard_limit_reached")
_OMIT: Final = "omit"


@dataclass(frozen=True, kw_only=True)
class Endpoint:
    """Where a model is asked, and how patiently.

    Attributes:
        url: base of the API, e.g. `http://127.0.0.1:8000/v1`.
        model: name of the model there.
        api: "chat" for chat completions, "completions" for a model without a chat template.
        key_env: name of the environment variable that holds the key; None where none is needed.
        timeout: seconds that the server may be silent in one try. Default 60.
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
        parts = urlsplit(self.url)
        if parts.username or parts.password or parts.query or parts.fragment:
            # The address is not shown: what is in it may be the secret.
            raise ConfigError(
                "url holds credentials, a query or a fragment. Give the base of the API alone, "
                "and name the variable with the key: key_env = 'MY_KEY'."
            )
        if parts.scheme not in ("http", "https") or not parts.hostname:
            raise ConfigError(f"url is {self.url!r}. Write the base of the API: http://127.0.0.1:8000/v1")
        if self.api not in ("chat", "completions"):
            raise ConfigError(f"api is {self.api!r}. Allowed: 'chat', 'completions'.")
        for name in ("timeout", "max_tries", "concurrency", "first_wait", "max_wait"):
            if not getattr(self, name) > 0:
                raise ConfigError(f"{name} is {getattr(self, name)!r}. Allowed: a number above 0.")
        if self.key_env is not None and not self.key_env.isidentifier():
            # Not shown: it may be the key itself.
            raise ConfigError(
                "key_env is no name of an environment variable. Put the key into one, and its name here."
            )
        if self.key_env is not None and parts.scheme == "http" and not _is_loopback(parts.hostname):
            raise ConfigError(
                f"url is {self.url!r}: the key in {self.key_env} would cross the network in the open. "
                "Use https, or a tunnel to 127.0.0.1, or leave key_env out if the server needs no key."
            )

    @property
    def address(self) -> str:
        path = "chat/completions" if self.api == "chat" else "completions"
        return f"{self.url.rstrip('/')}/{path}"


@dataclass(frozen=True, slots=True)
class Request:
    """One question. `body` holds further fields of the protocol; a field set to "omit" is left out.

    Attributes:
        prompt: the user's message (chat), or the text to be continued (completions).
        system: the system message, put before the prompt by an empty line for completions. "" for none.
        max_tokens: longest answer, in tokens.
        top_logprobs: how many candidates per token to ask for; 0 asks for no log-probabilities.
    """

    prompt: str
    system: str = ""
    max_tokens: int = 16
    top_logprobs: int = 0
    body: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Token:
    """A token of the answer: its text, and the candidates for its place as `(text, log-probability in nats)`."""

    text: str
    candidates: tuple[tuple[str, float], ...]


@dataclass(frozen=True, slots=True)
class Reply:
    """What the model answered.

    Attributes:
        text: the answer.
        tokens: its tokens with their log-probabilities; empty where the server gave none.
        finish: why it ended: "stop", "length", "content_filter", ... or "".
        refused: whether the server marked it as a refusal.
        tokens_in, tokens_out: what the server says it cost, None where it does not say.
    """

    text: str
    tokens: tuple[Token, ...] = ()
    finish: str = ""
    refused: bool = False
    tokens_in: int | None = None
    tokens_out: int | None = None


@dataclass(frozen=True, slots=True)
class Failure:
    """Why one request has no reply, in one line; `lasting` where sending it again would not help."""

    error: str
    lasting: bool = True


@dataclass(slots=True)
class Usage:
    """What a client has done so far: tries that were sent, how many of them again, and tokens as reported."""

    sent: int = 0
    again: int = 0
    failed: int = 0
    tokens_in: int = 0
    tokens_out: int = 0


class Client:
    """Asks an endpoint. Safe to use from several threads; a context manager that closes its connections.

    Args:
        endpoint: whom to ask.
        sleep: waits so many seconds. Default: until then, or until the client is closed.
        rng: draws the jitter.

    Raises:
        ConfigError: `key_env` names a variable that is not set.
    """

    def __init__(
        self,
        endpoint: Endpoint,
        *,
        sleep: Callable[[float], object] | None = None,
        rng: random.Random | None = None,
    ) -> None:
        import httpx2  # 60 ms that only those pay who ask

        self.endpoint, self.usage = endpoint, Usage()
        self._closed = threading.Event()
        self._sleep = sleep or self._closed.wait
        self._rng = rng or random.Random()
        self._lock = threading.Lock()
        self._not_before = 0.0
        self._answered = False
        self._renamed: set[str] = set()  # what this server has refused so far
        self.__key = _key_of(endpoint)
        self._httpx = httpx2
        limits = httpx2.Limits(max_connections=endpoint.concurrency)
        # A proxy is for the way out; and no .netrc may add a password of its own on the loopback.
        outside = not _is_loopback(urlsplit(endpoint.url).hostname or "")
        self._http = httpx2.Client(
            timeout=endpoint.timeout, limits=limits, trust_env=outside, follow_redirects=False
        )

    def __repr__(self) -> str:
        return f"Client({self.endpoint!r})"

    def __getstate__(self) -> None:
        raise TypeError("a Client holds a key and is not for saving. Save its Endpoint.")

    def __enter__(self) -> Client:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """End waits between tries and close the connections."""
        self._closed.set()
        self._http.close()

    def ask(self, request: Request) -> Reply | Failure:
        """One answer.

        Raises:
            EndpointError: what no further request would survive either.
        """
        problem = ""
        for attempt in range(self.endpoint.max_tries):
            if attempt and self._closed.is_set():
                break
            self._count(again=int(attempt > 0))
            self._hold()
            found = self._once(request)
            if not isinstance(found, _Again):
                self._count(failed=int(isinstance(found, Failure)))
                return found
            problem, pause = found.error, self._pause(attempt, found.wait)
            if pause is None:
                problem += (
                    f", and asks for a wait of {found.wait:.0f} s (max_wait is {self.endpoint.max_wait:g})"
                )
                break
            if attempt + 1 < self.endpoint.max_tries and not self._closed.is_set():
                self._wait(pause, everybody=found.wait is not None)
        self._count(failed=1)
        return Failure(f"{problem}; given up after {attempt + 1} tries", lasting=False)

    def ask_all(
        self,
        jobs: Iterable[tuple[K, Request] | None],
        *,
        on_reply: Callable[[K, Reply], None] | None = None,
    ) -> Iterator[tuple[K, Reply | Failure]]:
        """Answers as they come in, at most `concurrency` requests under way.

        Args:
            jobs: `(key, request)`, taken only when there is room for it. None says "not now": the next is asked for
                when something has come back; None while nothing is under way ends the work.
            on_reply: called in the thread that has the reply, before it is yielded: what was paid for is in
                safety even when the caller is interrupted.

        Raises:
            EndpointError: as `ask`; what was under way is finished first.
        """
        source, pending = iter(jobs), dict[Future[Reply | Failure], K]()

        def work(key: K, request: Request) -> Reply | Failure:
            found = self.ask(request)
            if on_reply is not None and isinstance(found, Reply):
                on_reply(key, found)
            return found

        with ThreadPoolExecutor(self.endpoint.concurrency, "weaklabel-ask") as pool:
            try:
                while True:
                    while len(pending) < self.endpoint.concurrency and (job := next(source, None)):
                        pending[pool.submit(work, *job)] = job[0]
                    if not pending:
                        return
                    done, _ = wait(pending, return_when=FIRST_COMPLETED)
                    for future in done:
                        yield pending.pop(future), future.result()
            except BaseException:
                self._closed.set()  # whoever waits for a further try gives up now
                raise

    def _once(self, request: Request) -> Reply | Failure | _Again:
        """One try; or two and three, where the server refuses a field that it can do without."""
        while True:
            self._count(sent=1)
            try:
                answer = self._http.post(
                    self.endpoint.address, json=self._body(request), headers=self._headers()
                )
            except self._httpx.TimeoutException:
                return _Again(f"no answer within {self.endpoint.timeout:g} s")
            except self._httpx.HTTPError as error:
                return self._broken(error)
            if answer.status_code == 200:
                return self._read(answer)
            refused = self._refusal(answer, request)
            if refused is None:
                return self._error(answer)
            with self._lock:
                self._renamed.add(refused)

    def _headers(self) -> dict[str, str]:
        return {"authorization": f"Bearer {self.__key}"} if self.__key else {}

    def _body(self, request: Request) -> dict[str, Any]:
        chat = self.endpoint.api == "chat"
        body: dict[str, Any] = {"model": self.endpoint.model, "temperature": 0, "stream": False}
        if chat:
            system = [{"role": "system", "content": request.system}] if request.system else []
            body["messages"] = [*system, {"role": "user", "content": request.prompt}]
        else:
            body["prompt"] = f"{request.system}\n\n{request.prompt}" if request.system else request.prompt
        longest = "max_completion_tokens" if "max_tokens" in self._renamed else "max_tokens"
        body[longest] = request.max_tokens
        if request.top_logprobs and "logprobs" not in self._renamed:
            body |= (
                {"logprobs": True, "top_logprobs": request.top_logprobs}
                if chat
                else {"logprobs": request.top_logprobs}
            )
        body |= request.body
        return {name: value for name, value in body.items() if value != _OMIT}

    def _refusal(self, answer: Any, request: Request) -> str | None:
        """The field that the server refused and can do without, None where that is not what happened."""
        if answer.status_code not in (400, 422):
            return None
        said = answer.text
        if "logprob" in said and request.top_logprobs and "logprobs" not in self._renamed:
            return "logprobs"
        if "max_completion_tokens" in said and "max_tokens" not in self._renamed:
            return "max_tokens"
        return None

    def _read(self, answer: Any) -> Reply | Failure:
        try:
            reply = _reply_of(json.loads(answer.content))
        except (ValueError, KeyError, IndexError, TypeError, AttributeError) as error:
            kind = answer.headers.get("content-type", "no content type")
            start = self._clean(answer.text, 60)
            problem = f"{self.endpoint.address} answered something else than a completion ({kind}: {start!r}; {error!r})"
            if not self._answered:
                raise EndpointError(
                    f"{problem}. Check that url is the base of an OpenAI-compatible API, usually ending in /v1."
                ) from None
            return Failure(problem)
        self._answered = True
        self._count(tokens_in=reply.tokens_in or 0, tokens_out=reply.tokens_out or 0)
        return reply

    def _broken(self, error: Exception) -> _Again:
        """A connection that was refused or broke off. Nobody listening from the start is a wrong address."""
        what = self._clean(str(error) or type(error).__name__, 160)
        if not self._answered and isinstance(error, self._httpx.ConnectError):
            raise EndpointError(
                f"no connection to {self.endpoint.url}: {what}. Start the server, or correct url."
            ) from None
        return _Again(f"connection failed: {what}")

    def _error(self, answer: Any) -> Failure | _Again:
        status, said = answer.status_code, self._clean(_message_of(answer), 200)
        what = f"{self.endpoint.url} answered {status}" + (f": {said}" if said else "")
        if status in (401, 403):
            hint = (
                f"Check the key in {self.endpoint.key_env}."
                if self.endpoint.key_env
                else "Name the environment variable that holds the key: key_env = 'MY_KEY'."
            )
            raise EndpointError(f"{what.rstrip('.')}. {hint}")
        if status == 402 or any(word in answer.text for word in _MONEY):
            raise EndpointError(f"{what.rstrip('.')}. The account has no money left there.")
        if status == 404:
            raise EndpointError(
                f"{what.rstrip('.')}. Check the model {self.endpoint.model!r}, and that url is the base of the API."
            )
        if 300 <= status < 400:
            raise EndpointError(f"{what.rstrip('.')}: a redirect, which is not followed. Correct url.")
        return _Again(what, _retry_after(answer.headers)) if status in _AGAIN else Failure(what)

    def _pause(self, attempt: int, asked: float | None) -> float | None:
        """Seconds before the next try, None where the server asks for more than is allowed."""
        if asked is not None and asked > self.endpoint.max_wait:
            return None
        grown = min(self.endpoint.max_wait, self.endpoint.first_wait * 2.0**attempt)
        jittered = grown * (0.5 + 0.5 * self._rng.random())
        # Never earlier than asked; a little later, so that not all come back at the same moment.
        return jittered if asked is None else asked + 0.1 * jittered

    def _wait(self, pause: float, *, everybody: bool) -> None:
        if everybody:
            with self._lock:
                self._not_before = max(self._not_before, time.monotonic() + pause)
        self._sleep(pause)

    def _hold(self) -> None:
        left = self._not_before - time.monotonic()
        if left > 0:
            self._sleep(left)

    def _count(self, **what: int) -> None:
        with self._lock:
            for name, more in what.items():
                setattr(self.usage, name, getattr(self.usage, name) + more)

    def _clean(self, text: str, length: int) -> str:
        """`text` on one line, cut, without the key: servers like to quote it."""
        if self.__key:
            text = text.replace(self.__key, "[key]")
        line = " ".join(text.split())
        return line if len(line) <= length else line[: length - 3] + "..."


@dataclass(frozen=True, slots=True)
class _Again:
    """A try that may go better the next time, and the seconds that the server asks to wait before it."""

    error: str
    wait: float | None = None


def _key_of(endpoint: Endpoint) -> str:
    if endpoint.key_env is None:
        return ""
    key = os.environ.get(endpoint.key_env, "").strip()
    if not key:
        raise ConfigError(
            f"the environment variable {endpoint.key_env} is not set, and {endpoint.url} needs the key in it. "
            f"Set it, or leave key_env out if the server needs none."
        )
    if not key.isascii() or not key.isprintable():
        raise ConfigError(f"the key in {endpoint.key_env} holds characters that no key has. Set it again.")
    return key


def _is_loopback(host: str) -> bool:
    if host == "localhost" or host.endswith(".localhost"):
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False


def _retry_after(headers: Mapping[str, str]) -> float | None:
    """Seconds to wait, from `Retry-After` (a number or a date) or `retry-after-ms`."""
    try:
        if "retry-after-ms" in headers:
            return max(0.0, float(headers["retry-after-ms"]) / 1000)
        value = headers["retry-after"]
    except (KeyError, ValueError):
        return None
    try:
        seconds = float(value)
    except ValueError:
        date = email.utils.parsedate_tz(value)
        return None if date is None else max(0.0, email.utils.mktime_tz(date) - time.time())
    return max(0.0, seconds) if seconds == seconds else None


def _message_of(answer: Any) -> str:
    """The words of an error: {"error": {"message": ...}}, or {"detail": ...}, or the body as it is."""
    try:
        found = json.loads(answer.content)
        error = found.get("error", found.get("detail", found.get("message", "")))
        words = error.get("message", error) if isinstance(error, dict) else error
        return words if isinstance(words, str) else json.dumps(words)
    except (ValueError, AttributeError):
        return str(answer.text)


def _reply_of(value: Any) -> Reply:
    choice = value["choices"][0]
    usage = value.get("usage") or {}
    chat = "message" in choice
    text = choice["message"].get("content") if chat else choice["text"]
    refusal = choice["message"].get("refusal") if chat else None
    if text is not None and not isinstance(text, str):
        raise TypeError("content is no text")
    finish = choice.get("finish_reason") or ""
    return Reply(
        text=text or refusal or "",
        tokens=_tokens_of(choice.get("logprobs")),
        finish=finish,
        refused=bool(refusal) or finish == "content_filter",
        tokens_in=_count_of(usage.get("prompt_tokens")),
        tokens_out=_count_of(usage.get("completion_tokens")),
    )


def _tokens_of(logprobs: Any) -> tuple[Token, ...]:
    """Tokens with candidates, of chat completions ({"content": [...]}) or of completions (parallel lists)."""
    if not logprobs:
        return ()
    if "content" in logprobs:
        return tuple(
            Token(
                item["token"],
                tuple((c["token"], float(c["logprob"])) for c in item.get("top_logprobs") or [item]),
            )
            for item in logprobs["content"] or ()
        )
    tops = logprobs.get("top_logprobs") or [None] * len(logprobs["tokens"])
    own = logprobs.get("token_logprobs") or [None] * len(logprobs["tokens"])
    return tuple(
        Token(
            text,
            tuple((t, float(lp)) for t, lp in top.items())
            if top
            else (() if lp is None else ((text, float(lp)),)),
        )
        for text, top, lp in zip(logprobs["tokens"], tops, own, strict=True)
    )


def _count_of(value: Any) -> int | None:
    return value if isinstance(value, int) and not isinstance(value, bool) and value >= 0 else None
