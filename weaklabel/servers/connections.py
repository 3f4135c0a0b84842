"""One request to a server over HTTP, within a deadline and a size, whatever the server does.

The time-out of a socket is that of one read, and a server that sends a byte a second never meets it. So requests run
on an event loop in a thread of their own, where a whole try can be given up anywhere: looking up the name,
connecting, in the headers or in the body. The body is counted as it arrives and again while it is unpacked.
"""

from __future__ import annotations

import asyncio
import threading
import zlib
from collections.abc import Mapping
from typing import Any, Final, NamedTuple
from urllib.parse import urlsplit

import httpx2

from weaklabel.artifacts import json_text
from weaklabel.errors import ConfigError
from weaklabel.servers.endpoint import Endpoint, is_loopback

_GZIP_OR_ZLIB: Final = 32 + zlib.MAX_WBITS
_SENT: Final = {"content-type": "application/json", "accept-encoding": "gzip"}


class Answer(NamedTuple):
    """What came back, unpacked."""

    status: int
    headers: Mapping[str, str]
    body: bytes


class Connections:
    """Connections to one server, as many as requests may be under way. Safe to use from several threads.

    Raises:
        ConfigError: an address or a proxy that no client takes.
    """

    def __init__(self, endpoint: Endpoint) -> None:
        self._seconds = endpoint.timeout
        self._http = _client(endpoint)
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, name="weaklabel-http", daemon=True)
        self._thread.start()

    def post(self, address: str, body: Mapping[str, Any], headers: Mapping[str, str], limit: int) -> Answer:
        """The answer to one request. Redirects are not followed.

        Args:
            address, body, headers: what is sent where; the body as JSON.
            limit: bytes that the answer may have, as it comes and unpacked.

        Raises:
            TimeoutError: it was not there, whole, within the endpoint's time-out.
            httpx2.HTTPError: the connection failed, or what came is no HTTP.
            ValueError: it is too large, or packed in a way that was not asked for.
        """
        sent = self._post(address, json_text(body).encode(), {**_SENT, **headers}, limit)
        status, found, raw = asyncio.run_coroutine_threadsafe(sent, self._loop).result()
        return Answer(status, found, unpacked(raw, found.get("content-encoding", ""), limit))

    def close(self) -> None:
        """Give up what is under way and close the connections."""
        if self._loop.is_closed():
            return
        asyncio.run_coroutine_threadsafe(self._end(), self._loop).result()
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join()
        self._loop.close()

    async def _post(
        self, address: str, data: bytes, headers: Mapping[str, str], limit: int
    ) -> tuple[int, Mapping[str, str], bytes]:
        raw = bytearray()
        async with (
            asyncio.timeout(self._seconds),
            self._http.stream("POST", address, content=data, headers=headers) as response,
        ):
            async for chunk in response.aiter_raw():
                raw += chunk
                _check_size(len(raw), limit)
        self._http.cookies.clear()  # a server that sets a new one each time would be sent all of them
        return response.status_code, response.headers, bytes(raw)

    async def _end(self) -> None:
        under_way = asyncio.all_tasks() - {asyncio.current_task()}
        for task in under_way:
            task.cancel()
        await asyncio.gather(*under_way, return_exceptions=True)
        await self._http.aclose()


def unpacked(raw: bytes, encoding: str, limit: int) -> bytes:
    """`raw` without its compression, of which at most `limit` bytes are made.

    Raises:
        ValueError: another compression than gzip or zlib, a torn one, or more than `limit` bytes.
    """
    if encoding.strip().lower() in ("", "identity"):
        return raw
    if encoding.strip().lower() not in ("gzip", "x-gzip", "deflate"):
        raise ValueError(f"packed as {encoding[:40]!r}, which was not asked for")
    packed = zlib.decompressobj(_GZIP_OR_ZLIB)
    try:
        data = packed.decompress(raw, limit + 1)
    except zlib.error as error:
        raise ValueError(f"not {encoding[:40]}: {error}") from None
    _check_size(len(data), limit)
    if not packed.eof:
        raise ValueError(f"the {encoding[:40]} data end too early")
    return data


def _check_size(n_bytes: int, limit: int) -> None:
    if n_bytes > limit:
        raise ValueError(f"it has more than {limit / 2**20:.0f} MB, far more than was asked for")


def _client(endpoint: Endpoint) -> httpx2.AsyncClient:
    try:
        httpx2.URL(endpoint.address)
    except httpx2.InvalidURL as error:
        raise ConfigError(
            f"url is {endpoint.url!r}: {str(error).rstrip('.')}. Write the base of the API: http://127.0.0.1:8000/v1"
        ) from None
    limits = httpx2.Limits(max_connections=endpoint.concurrency)
    # A proxy is for the way out; and no .netrc may add a password of its own on the loopback.
    outside = not is_loopback(urlsplit(endpoint.url).hostname or "")
    try:
        return httpx2.AsyncClient(timeout=None, limits=limits, trust_env=outside, follow_redirects=False)
    except (ValueError, ImportError, httpx2.InvalidURL):
        # Not shown: a proxy may hold a password.
        raise ConfigError(
            "the proxy in the environment (ALL_PROXY, HTTPS_PROXY, HTTP_PROXY) cannot be used. "
            "Write it as http://host:port, or unset it."
        ) from None
