"""A real HTTP server on the loopback that speaks the OpenAI protocol as a test wants it to."""

from __future__ import annotations

import json
import math
import socket
import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

Answer = tuple[int, dict[str, str], Any]


def completion(
    text: str,
    *,
    tops: dict[str, float] | None = None,
    tokens: Sequence[str] = (),
    finish: str = "stop",
    **more: Any,
) -> Answer:
    """A chat completion. `tops` are probabilities of candidates for every token of it (default: one token)."""
    logprobs = None
    if tops is not None:
        listed = [{"token": t, "logprob": math.log(p)} for t, p in tops.items()]
        own = {"logprob": listed[0]["logprob"], "top_logprobs": listed}
        logprobs = {"content": [{"token": t, **own} for t in tokens or (text,)]}
    message = {"role": "assistant", "content": text, **more}
    choice = {"index": 0, "message": message, "finish_reason": finish, "logprobs": logprobs}
    usage = {"prompt_tokens": 100, "completion_tokens": 1, "total_tokens": 101}
    return 200, {}, {"object": "chat.completion", "choices": [choice], "usage": usage}


def refusal(status: int, message: str = "no", **headers: str) -> Answer:
    return (
        status,
        {name.replace("_", "-"): value for name, value in headers.items()},
        {"error": {"message": message}},
    )


def shown(prompt: str) -> tuple[str, str]:
    """The two responses of a prompt made from the template `<1>{response_a}</1><2>{response_b}</2>`."""
    return tuple(prompt.split(f"<{i}>")[1].split(f"</{i}>")[0] for i in (1, 2))  # type: ignore[return-value]


TEMPLATE = "{prompt}<1>{response_a}</1><2>{response_b}</2>"


class ModelServer:
    """Answers requests by calling `answer(body)`; keeps what it was sent.

    Attributes:
        url: base of the API.
        bodies, headers: of every request, in order of arrival.
        most_at_once: the most requests that were under way together.
    """

    def __init__(self, answer: Callable[[dict[str, Any]], Answer]) -> None:
        self.answer = answer
        self.bodies: list[dict[str, Any]] = []
        self.headers: list[dict[str, str]] = []
        self.paths: list[str] = []
        self.most_at_once = self._now = 0
        self._lock = threading.Lock()
        self._connections: list[socket.socket] = []
        self._http = ThreadingHTTPServer(("127.0.0.1", 0), self._handler())
        self._http.daemon_threads = True
        self._http.handle_error = lambda *_: None  # type: ignore[method-assign]  # whoever asked has gone
        self.url = f"http://127.0.0.1:{self._http.server_address[1]}/v1"

    @property
    def prompts(self) -> list[str]:
        return [b["messages"][-1]["content"] if "messages" in b else b["prompt"] for b in self.bodies]

    def close(self) -> None:
        self._http.shutdown()
        for connection in self._connections:
            with suppress(OSError):
                connection.shutdown(socket.SHUT_RDWR)  # else those that are kept alive go on being served
        self._http.server_close()

    def _handler(server) -> type[BaseHTTPRequestHandler]:
        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def setup(self) -> None:
                super().setup()
                server._connections.append(self.connection)

            def do_POST(self) -> None:
                body = json.loads(self.rfile.read(int(self.headers["content-length"])))
                with server._lock:
                    server.bodies.append(body)
                    server.headers.append({k.lower(): v for k, v in self.headers.items()})
                    server.paths.append(self.path)
                    server._now += 1
                    server.most_at_once = max(server.most_at_once, server._now)
                try:
                    status, headers, value = server.answer(body)
                finally:
                    with server._lock:
                        server._now -= 1
                data = value if isinstance(value, bytes) else json.dumps(value).encode()
                try:
                    self.send_response(status)
                    for name, text in ({"content-type": "application/json"} | headers).items():
                        self.send_header(name, text)
                    self.send_header("content-length", str(len(data)))
                    self.end_headers()
                    self.wfile.write(data)
                except OSError:
                    pass  # whoever asked has gone

            def log_message(self, *_: object) -> None:
                pass

        return Handler


@contextmanager
def serving(answer: Callable[[dict[str, Any]], Answer]) -> Iterator[ModelServer]:
    server = ModelServer(answer)
    thread = threading.Thread(target=server._http.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True)
    thread.start()
    try:
        yield server
    finally:
        server.close()
        thread.join()


def in_turn(*answers: Answer) -> Callable[[dict[str, Any]], Answer]:
    """The answers one after another, the last for ever."""
    left = list(answers)
    return lambda body: left.pop(0) if len(left) > 1 else left[0]


def closed_port() -> int:
    """A port on which nobody listens."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])
