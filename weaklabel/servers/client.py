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

import random
import threading
import time
from collections.abc import Callable, Generator, Iterable, Mapping
from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor, wait
from dataclasses import dataclass
from typing import Final, TypeVar

from weaklabel.errors import EndpointError
from weaklabel.servers.endpoint import Endpoint, key_of
from weaklabel.servers.protocol import (
    Reply,
    Request,
    body_of,
    is_out_of_money,
    message_of,
    refused_field,
    reply_of,
    retry_after,
)

K = TypeVar("K")

_AGAIN: Final = frozenset({408, 409, 425, 429, 500, 502, 503, 504, 529})
_PAGE_BYTES: Final = 4 << 20
_CANDIDATE_BYTES: Final = 512
_SHORTEST_KEY: Final = 8  # what is shorter is a placeholder, and may be a word of an answer


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
        # 100 ms that only those pay who ask.
        import httpx2

        from weaklabel.servers.connections import Connections

        self.endpoint, self.usage = endpoint, Usage()
        self._closed = threading.Event()
        self._sleep = sleep or self._closed.wait
        self._rng = rng or random.Random()
        self._lock = threading.Lock()
        self._not_before = 0.0
        self._answered = False
        self._refused: set[str] = set()  # fields that this server does not take
        self.__key = key_of(endpoint)
        self._httpx = httpx2
        self._connections = Connections(endpoint)

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
        self._connections.close()

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
    ) -> Generator[tuple[K, Reply | Failure], None, None]:
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
        to = self.endpoint
        while True:
            body = body_of(request, model=to.model, api=to.api, refused=self._refused)
            self._count(sent=1)
            try:
                came = self._connections.post(to.address, body, self._headers(), _most_bytes(request))
            except TimeoutError:
                return _Again(f"no whole answer within {to.timeout:g} s")
            except self._httpx.HTTPError as error:
                return self._broken(error)
            except ValueError as error:
                return self._unusable(str(error))
            answer = _Answer(came.status, came.headers, self._keyless(came.body.decode("utf-8", "replace")))
            if answer.status == 200:
                return self._read(answer)
            refused = refused_field(answer.status, answer.text, body, request)
            if refused is None:
                return self._error(answer)
            with self._lock:
                self._refused.add(refused)

    def _headers(self) -> dict[str, str]:
        return {"authorization": f"Bearer {self.__key}"} if self.__key else {}

    def _read(self, answer: _Answer) -> Reply | Failure:
        try:
            reply = reply_of(answer.text)
        except ValueError as error:
            kind = answer.headers.get("content-type", "no content type")
            return self._unusable(f"{kind}: {self._line(answer.text[:500], 60)!r}; {error}")
        self._answered = True
        self._count(tokens_in=reply.tokens_in or 0, tokens_out=reply.tokens_out or 0)
        return reply

    def _unusable(self, why: str) -> Failure:
        """An answer that is no completion. From the start, it is the wrong address."""
        problem = (
            f"{self.endpoint.address} answered something else than a completion ({self._line(why, 200)})"
        )
        if not self._answered:
            raise EndpointError(
                f"{problem}. Check that url is the base of an OpenAI-compatible API, usually ending in /v1."
            )
        return Failure(problem)

    def _broken(self, error: Exception) -> _Again:
        """A connection that was refused or broke off. Nobody listening from the start is a wrong address."""
        what = self._line(str(error) or type(error).__name__, 160)
        if not self._answered and isinstance(error, self._httpx.ConnectError):
            raise EndpointError(
                f"no connection to {self.endpoint.url}: {what}. Start the server, or correct url."
            ) from None
        return _Again(f"connection failed: {what}")

    def _error(self, answer: _Answer) -> Failure | _Again:
        status, said = answer.status, self._line(message_of(answer.text), 200)
        what = f"{self.endpoint.url} answered {status}" + (f": {said}" if said else "")
        if status == 403 and self._answered:
            # The key is good: this text was flagged, or the key has just been taken back.
            return Failure(what, lasting=False)
        if hint := self._mistake(answer):
            raise EndpointError(f"{what.rstrip('.')}{hint}")
        return _Again(what, retry_after(answer.headers)) if status in _AGAIN else Failure(what)

    def _mistake(self, answer: _Answer) -> str:
        """What a person has to do, where every request would meet the same; "" elsewhere."""
        status = answer.status
        if status in (401, 403) and self.endpoint.key_env:
            return f". Check the key in {self.endpoint.key_env}."
        if status in (401, 403):
            return ". Name the environment variable that holds the key: key_env = 'MY_KEY'."
        if is_out_of_money(status, answer.text):
            return ". The account has no money left there."
        if status == 404:
            return f". Check the model {self.endpoint.model!r}, and that url is the base of the API."
        return ": a redirect, which is not followed. Correct url." if 300 <= status < 400 else ""

    def _pause(self, attempt: int, asked: float | None) -> float | None:
        """Seconds before the next try, None where the server asks for more than is allowed."""
        if asked is not None and asked > self.endpoint.max_wait:
            return None
        grown = min(self.endpoint.max_wait, self.endpoint.first_wait * 2.0 ** min(attempt, 32))
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

    def _keyless(self, text: str) -> str:
        """`text` without the key: servers like to quote it. JSON may write its slashes as `\\/`."""
        if len(self.__key) >= _SHORTEST_KEY:
            for quoted in (self.__key, self.__key.replace("/", "\\/")):
                text = text.replace(quoted, "[key]")
        return text

    def _line(self, text: str, length: int) -> str:
        """`text` on one line, cut, without the key."""
        line = " ".join(self._keyless(text).split())
        return line if len(line) <= length else line[: length - 3] + "..."


def _most_bytes(request: Request) -> int:
    """What an answer may have: a page of JSON, and its tokens with their candidates, generously."""
    return _PAGE_BYTES + _CANDIDATE_BYTES * request.max_tokens * (1 + request.top_logprobs)


@dataclass(frozen=True, slots=True)
class _Answer:
    """A response of the server, without the key."""

    status: int
    headers: Mapping[str, str]
    text: str


@dataclass(frozen=True, slots=True)
class _Again:
    """A try that may go better the next time, and the seconds that the server asks to wait before it."""

    error: str
    wait: float | None = None
