"""A real headless Chromium for tests, spoken to over the pipe of its DevTools protocol: no driver, no port, no package.

Source: https://chromedevtools.github.io/devtools-protocol/. Messages are JSON, each ended by a zero byte; Chromium reads
them from descriptor 3 and answers on 4.
"""

from __future__ import annotations

import base64
import json
import os
import select
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

NAMES = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable", "chrome")
# Moves our ends of the pipes to the numbers that Chromium expects, then becomes Chromium. Through numbers above ten,
# because one of them may stand at 3 or 4 already.
_MOVE = (
    "import fcntl, os, sys; r, w = (fcntl.fcntl(int(a), fcntl.F_DUPFD, 10) for a in sys.argv[1:3]); "
    "os.dup2(r, 3); os.dup2(w, 4); os.execv(sys.argv[3], sys.argv[3:])"
)
PATIENCE = 60.0  # seconds that one answer may take on a machine that is busy


def find() -> str | None:
    """Path of a Chromium, or None."""
    named = os.environ.get("WEAKLABEL_CHROMIUM")
    return named or next((found for name in NAMES if (found := shutil.which(name))), None)


class Browser:
    """One page of one browser."""

    def __init__(self, read: int, write: int) -> None:
        self._read, self._write = read, write
        self._rest, self._next, self._session = b"", 0, ""
        self.events: list[dict[str, Any]] = []

    def call(self, method: str, **params: Any) -> dict[str, Any]:
        """The result of one command; events that come meanwhile are kept."""
        self._next += 1
        message: dict[str, Any] = {"id": self._next, "method": method, "params": params}
        if self._session:
            message["sessionId"] = self._session
        os.write(self._write, json.dumps(message).encode() + b"\0")
        while True:
            answer = self._receive()
            if answer.get("id") == self._next:
                assert "error" not in answer, f"{method}: {answer['error']}"
                result: dict[str, Any] = answer["result"]
                return result
            self.events.append(answer)

    def open_tab(self) -> None:
        target = self.call("Target.createTarget", url="about:blank")["targetId"]
        self._session = self.call("Target.attachToTarget", targetId=target, flatten=True)["sessionId"]
        for domain in ("Page", "Runtime", "Log", "Network"):
            self.call(f"{domain}.enable")

    def visit(self, file: Path, *, width: int, height: int = 900, dark: bool = False) -> None:
        """Load a file as a screen of that width, and forget the events of pages before."""
        scheme = {"name": "prefers-color-scheme", "value": "dark" if dark else "light"}
        self.call("Emulation.setEmulatedMedia", features=[scheme])
        self.call(
            "Emulation.setDeviceMetricsOverride",
            width=width,
            height=height,
            deviceScaleFactor=1,
            mobile=width < 600,
        )
        self.events.clear()
        self.call("Page.navigate", url=file.resolve().as_uri())
        while not any(event.get("method") == "Page.loadEventFired" for event in self.events):
            self.events.append(self._receive())

    def ask(self, expression: str) -> Any:
        """The value of a JavaScript expression; the page's own policy does not bind the debugger."""
        found = self.call("Runtime.evaluate", expression=expression, returnByValue=True)
        assert "exceptionDetails" not in found, found["exceptionDetails"]
        return found["result"].get("value")

    def seen(self, method: str) -> list[dict[str, Any]]:
        return [event["params"] for event in self.events if event.get("method") == method]

    def complaints(self) -> list[str]:
        """What the console, the log and the policy said."""
        logged = [entry["entry"]["text"] for entry in self.seen("Log.entryAdded")]
        said = [str(entry["args"]) for entry in self.seen("Runtime.consoleAPICalled")]
        thrown = [str(entry["exceptionDetails"]) for entry in self.seen("Runtime.exceptionThrown")]
        return logged + said + thrown

    def requests(self) -> list[str]:
        """Addresses that the page asked for, itself included."""
        return [event["request"]["url"] for event in self.seen("Network.requestWillBeSent")]

    def picture(self, *, whole: bool = False) -> bytes:
        found = self.call("Page.captureScreenshot", format="png", captureBeyondViewport=whole)
        return base64.b64decode(found["data"])

    def pdf(self) -> bytes:
        return base64.b64decode(self.call("Page.printToPDF", printBackground=True)["data"])

    def _receive(self) -> dict[str, Any]:
        ends = time.monotonic() + PATIENCE
        while b"\0" not in self._rest:
            ready, _, _ = select.select([self._read], [], [], max(0.0, ends - time.monotonic()))
            chunk = os.read(self._read, 1 << 16) if ready else b""
            assert chunk, "Chromium said nothing more"
            self._rest += chunk
        line, _, self._rest = self._rest.partition(b"\0")
        message: dict[str, Any] = json.loads(line)
        return message


@contextmanager
def chromium(path: str) -> Iterator[Browser]:
    """A browser with one open tab; its profile is a folder that goes with it."""
    to_child, from_parent = os.pipe()
    from_child, to_parent = os.pipe()
    with tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as profile:
        command = [
            path,
            "--headless=new",
            "--no-sandbox",  # CI runs as root, where the sandbox refuses to start; the pages are our own
            "--disable-gpu",
            "--disable-dev-shm-usage",
            "--no-first-run",
            "--disable-background-networking",
            f"--user-data-dir={profile}",
            "--remote-debugging-pipe",
        ]
        moved = [sys.executable, "-c", _MOVE, str(to_child), str(to_parent), *command]
        process = subprocess.Popen(
            moved, pass_fds=(to_child, to_parent), stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
        )
        os.close(to_child)
        os.close(to_parent)
        try:
            browser = Browser(from_child, from_parent)
            browser.open_tab()
            yield browser
        finally:
            process.terminate()
            process.wait(timeout=PATIENCE)
            os.close(from_child)
            os.close(from_parent)
