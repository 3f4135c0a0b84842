"""A server that drips, floods, bombs, nests or redirects: one line each, within the deadline, in bounded memory."""

from __future__ import annotations

import gzip
import itertools
import json
import random
import socket
import threading
import time
import tracemalloc
import zlib
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress

import pytest
from hypothesis import given
from hypothesis import strategies as st
from model_server import completion, in_turn, serving

from weaklabel.errors import EndpointError
from weaklabel.servers.client import Client, Failure
from weaklabel.servers.connections import unpacked
from weaklabel.servers.endpoint import Endpoint
from weaklabel.servers.protocol import Reply, Request, message_of, reply_of

HEAD = b"HTTP/1.1 200 OK\r\ncontent-type: application/json\r\n"
GOOD = completion("A")[2]


@contextmanager
def speaking(talk: Callable[[socket.socket], None]) -> Iterator[str]:
    """A server that reads each request and then does with the connection as `talk` does, until it breaks."""
    listener = socket.create_server(("127.0.0.1", 0))
    open_: list[socket.socket] = []

    def serve() -> None:
        with suppress(OSError):
            while True:
                connection, _ = listener.accept()
                open_.append(connection)
                threading.Thread(target=answer, args=(connection,), daemon=True).start()

    def answer(connection: socket.socket) -> None:
        with suppress(OSError), connection:
            connection.recv(1 << 16)
            talk(connection)

    thread = threading.Thread(target=serve, daemon=True)
    thread.start()
    try:
        yield f"http://127.0.0.1:{listener.getsockname()[1]}/v1"
    finally:
        listener.shutdown(socket.SHUT_RDWR)
        listener.close()
        for connection in open_:
            with suppress(OSError):
                connection.shutdown(socket.SHUT_RDWR)
        thread.join()


def asked(url: str, *, seconds: float = 5.0, tries: int = 1) -> Reply | Failure | str:
    """What comes of one request; an error that ends the work as its one line."""
    endpoint = Endpoint(url=url, model="tiny", timeout=seconds, max_tries=tries)
    with Client(endpoint, sleep=lambda _: None, rng=random.Random(0)) as client:
        try:
            found = client.ask(Request("Hi"))
        except EndpointError as error:
            found = str(error)
    assert "\n" not in (found.error if isinstance(found, Failure) else str(found))
    return found


def slowly(parts: Iterator[bytes]) -> Callable[[socket.socket], None]:
    def talk(connection: socket.socket) -> None:
        for part in parts:
            connection.sendall(part)
            time.sleep(0.02)

    return talk


DRIPS = {
    "the body": itertools.chain([HEAD, b"content-length: 99999\r\n\r\n"], itertools.repeat(b" ")),
    "a body in chunks": itertools.chain(
        [HEAD, b"transfer-encoding: chunked\r\n\r\n"], itertools.repeat(b"1\r\n \r\n")
    ),
    "the headers": itertools.chain([HEAD, b"x-padding: "], itertools.repeat(b"x")),
    "the status line": itertools.repeat(b"H"),
    "a reason to wait": itertools.repeat(b"HTTP/1.1 100 Continue\r\n\r\n"),
    "nothing": iter(()),
}


@pytest.mark.parametrize("what", DRIPS)
def test_a_server_that_drips_is_given_up_when_the_time_is_over(what: str) -> None:
    hold = threading.Event()

    def talk(connection: socket.socket) -> None:
        slowly(DRIPS[what])(connection)
        hold.wait(30)

    with speaking(talk) as url:
        found = asked(url, seconds=0.3)
        hold.set()
    assert isinstance(found, Failure)
    assert found.error.startswith(("no whole answer within 0.3 s", "connection failed"))


def flood(head: bytes, part: bytes, sent: list[int]) -> Callable[[socket.socket], None]:
    def talk(connection: socket.socket) -> None:
        connection.sendall(HEAD + head)
        for _ in range(10_000):  # ten gigabytes
            connection.sendall(part)
            sent.append(len(part))

    return talk


MEGABYTE = b" " * (1 << 20)
FLOODS = {
    "a body": (b"content-length: 10485760000\r\n\r\n", MEGABYTE, "more than 4 MB"),
    "chunks": (b"transfer-encoding: chunked\r\n\r\n", b"100000\r\n" + MEGABYTE + b"\r\n", "more than 4 MB"),
    "no length": (b"connection: close\r\n\r\n", MEGABYTE, "more than 4 MB"),
    "headers": (b"", b"x-more: " + b"y" * (1 << 16) + b"\r\n", "connection failed"),
}


@pytest.mark.parametrize("what", FLOODS)
def test_a_server_that_sends_ten_gigabytes_is_cut_off(what: str) -> None:
    head, part, words = FLOODS[what]
    sent: list[int] = []
    tracemalloc.start()
    try:
        with speaking(flood(head, part, sent)) as url:
            found = asked(url, seconds=30)
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert words in (found.error if isinstance(found, Failure) else str(found))
    assert sum(sent) < 64 << 20  # what the sockets of both sides hold
    assert peak < 64 << 20


def packed_reply(data: bytes, encoding: str) -> tuple[int, dict[str, str], bytes]:
    return 200, {"content-encoding": encoding}, data


def test_a_gzip_bomb_is_not_unpacked() -> None:
    bomb = gzip.compress(b'{"choices": "' + bytes(200 << 20), 1)
    tracemalloc.start()
    try:
        with serving(in_turn(packed_reply(bomb, "gzip"))) as server:
            found = asked(server.url)
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert "more than 4 MB" in str(found)
    assert peak < 32 << 20


@pytest.mark.parametrize(
    ("data", "encoding", "words"),
    [
        (gzip.compress(json.dumps(GOOD).encode(), mtime=0), "gzip", None),
        (zlib.compress(json.dumps(GOOD).encode()), "Deflate ", None),
        (json.dumps(GOOD).encode(), "identity", None),
        (b"\x0b\x02\x80", "br", "packed as 'br', which was not asked for"),
        (gzip.compress(gzip.compress(b"{}", mtime=0), mtime=0), "gzip, gzip", "which was not asked for"),
        (b"{}", "gzip", "not gzip"),
        (gzip.compress(json.dumps(GOOD).encode(), mtime=0)[:-9], "gzip", "end too early"),
    ],
)
def test_only_what_was_asked_for_is_unpacked(data: bytes, encoding: str, words: str | None) -> None:
    with serving(in_turn(packed_reply(data, encoding))) as server:
        found = asked(server.url)
    if words is None:
        assert isinstance(found, Reply)
        assert found.text == "A"
    else:
        assert "something else than a completion" in str(found)
        assert words in str(found)


@given(st.binary(max_size=300), st.integers(0, 200))
def test_what_is_unpacked_never_passes_the_limit(data: bytes, limit: int) -> None:
    if len(data) <= limit:
        assert unpacked(gzip.compress(data), "gzip", limit) == data
    else:
        with pytest.raises(ValueError, match="far more than was asked for"):
            unpacked(gzip.compress(data), "gzip", limit)


def message(**parts: object) -> bytes:
    return json.dumps({"choices": [{"message": parts}]}).encode()


NO_COMPLETION = [
    b"[]", b"null", b"3", b'"text"', b"NaN", b"{}", b'{"choices": null}', b'{"choices": {}}', b'{"choices": [null]}',
    b'{"choices": [[]]}', b'{"choices": ["message"]}', b'{"choices": [{"message": null}]}', b"[" * 200_000,
    b'{"choices": ' + b'[{"a":' * 100_000, message(content=[{"type": "text"}]), message(content=7),
    message(content=None, refusal=["no"]), b'{"choices": [{"message": {"content": NaN}}]}', b"9" * 5000, b"\xff\xfe{", b"",
]  # fmt: skip


@pytest.mark.parametrize("body", NO_COMPLETION, ids=lambda body: repr(body[:40]))
def test_json_that_is_no_completion_is_one_line(body: bytes) -> None:
    with serving(in_turn((200, {}, body))) as server:
        found = asked(server.url)
    assert isinstance(found, str)
    assert "something else than a completion" in found
    assert len(found) < 500


@pytest.mark.parametrize(
    "odd",
    [
        {"usage": [1]},
        {"usage": {"prompt_tokens": 10**400, "completion_tokens": float("nan")}},
        {"usage": "none"},
        {"choices": [{"message": {"content": "A"}, "finish_reason": ["stop"], "logprobs": [1, 2]}]},
        {"choices": [{"message": {"content": "A"}, "logprobs": {"content": [{"token": "A", "logprob": 10**400}]}}]},
        {"choices": [{"message": {"content": "A"}, "logprobs": {"content": {"token": "A"}}}]},
        {"choices": [{"message": {"content": "A"}, "logprobs": "content"}]},
        {"choices": [{"message": {"content": "A"}, "logprobs": 5}]},
        {"choices": [{"text": "A", "logprobs": {"tokens": 3}}]},
    ],
)  # fmt: skip
def test_what_is_odd_beside_the_text_costs_no_answer(odd: dict[str, object]) -> None:
    with serving(in_turn((200, {}, GOOD | odd))) as server:
        found = asked(server.url)
    assert isinstance(found, Reply)
    assert (found.text, found.tokens) == ("A", ())
    assert isinstance(found.finish, str)
    assert found.tokens_in in (None, 100)


def test_half_a_character_and_bytes_that_are_no_utf8_become_the_replacement_character() -> None:
    half = b'{"choices": [{"message": {"content": "a\\ud83d"}}]}'
    with serving(in_turn((200, {}, half))) as server:
        assert asked(server.url) == Reply("a\ufffd")
    with serving(in_turn((200, {}, half.replace(b"\\ud83d", b"\xf0\x9f")))) as server:
        assert asked(server.url) == Reply("a\ufffd")
    assert reply_of(json.dumps({"choices": [{"text": "🙂"}]})).text == "🙂"


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
    lambda inner: st.lists(inner, max_size=3)
    | st.dictionaries(
        st.sampled_from(["choices", "message", "content", "logprobs", "usage", "text", "error", "tokens", "token"])
        | st.text(max_size=2),
        inner,
        max_size=4,
    ),
    max_leaves=12,
)  # fmt: skip


@given(JSON)
def test_any_json_is_a_reply_or_no_completion(value: object) -> None:
    for shape in (value, {"choices": value}, {"choices": [value]}, {"choices": [{"message": value}]}):
        text = json.dumps(shape)
        try:
            found = reply_of(text)
        except ValueError:
            continue
        assert isinstance(found.text, str)
        found.text.encode()


@given(JSON)
def test_any_json_is_an_error_in_words(value: object) -> None:
    assert isinstance(message_of(json.dumps({"error": value})), str)


@pytest.mark.parametrize("place", ["http://127.0.0.1:{port}/v1", "//127.0.0.1:{port}", "http://[::1", "\x7f"])
def test_a_redirect_is_refused_and_nobody_else_is_asked(place: str) -> None:
    with serving(in_turn(completion("A"))) as other:
        port = other.url.rpartition(":")[2].partition("/")[0]
        with serving(in_turn((307, {"location": place.format(port=port)}, {}))) as server:
            found = asked(server.url)
    assert other.bodies == []
    assert not isinstance(found, Reply)


def test_cookies_are_neither_kept_nor_sent() -> None:
    answers = in_turn((200, {"set-cookie": f"a={'x' * 2000}"}, GOOD))
    with (
        serving(answers) as server,
        Client(Endpoint(url=server.url, model="tiny")) as client,
    ):
        client.ask(Request("1"))
        client.ask(Request("2"))
    assert not any("cookie" in headers for headers in server.headers)


def test_a_client_that_is_closed_gives_up_what_is_under_way() -> None:
    begun, hold = threading.Event(), threading.Event()

    def talk(connection: socket.socket) -> None:
        begun.set()
        hold.wait(30)

    with speaking(talk) as url:
        client = Client(Endpoint(url=url, model="tiny", timeout=60, max_tries=1))
        asking = threading.Thread(target=lambda: suppress_all(lambda: client.ask(Request("Hi"))), daemon=True)
        asking.start()
        begun.wait(10)
        client.close()
        asking.join(10)
        hold.set()
    assert not asking.is_alive()


def suppress_all(work: Callable[[], object]) -> None:
    with suppress(BaseException):
        work()


def test_a_prompt_with_half_a_character_is_sent_as_json() -> None:
    with serving(in_turn(completion("A"))) as server, Client(Endpoint(url=server.url, model="t")) as client:
        client.ask(Request("a\ud83d"))
    assert server.prompts == ["a\ud83d"]
