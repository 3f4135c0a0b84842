"""What models have answered, on disk: one line of JSON per answer, in a file that only grows.

    <folder>/<model>@<first 12 of the identity>.jsonl

A line is written by one call that appends, and flushed to the disk, before the answer is used: a run that is killed
pays nothing twice. A last line that was torn (the disk was full, the power went) is skipped and counts as not asked.
Several processes may append at once; who asks holds the file meanwhile, so that nobody asks the same. A line holds
the hash of the question, the answer, what the answer cost and the candidates for its tokens; what was asked and the
key are not in it.
"""

from __future__ import annotations

import os
import re
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Final

from weaklabel._terminal import logger
from weaklabel.artifacts import json_line, parse_json
from weaklabel.errors import ArtifactError
from weaklabel.servers.protocol import Reply, Token

_MOST_TOKENS: Final = 64
_log = logger()


class ReplyCache:
    """Answers of one model to one template by the hash of the question.

    Args:
        folder: where the file lives; made when the asking begins.
        name: of the model, for people.
        identity: hash of everything that an answer rests on beside the texts.
    """

    def __init__(self, folder: str | Path, name: str, identity: str) -> None:
        self.path = Path(folder) / f"{re.sub(r'[^A-Za-z0-9_.-]', '_', name)[:60]}@{identity[:12]}.jsonl"
        self._lock = threading.Lock()
        self._replies: dict[str, Reply] = {}
        self._read = 0
        self.refresh()

    def __len__(self) -> int:
        return len(self._replies)

    def __contains__(self, key: str) -> bool:
        return key in self._replies

    def get(self, key: str) -> Reply | None:
        return self._replies.get(key)

    @property
    def replies(self) -> tuple[Reply, ...]:
        return tuple(self._replies.values())

    def refresh(self) -> None:
        """Read what has been appended since the last look, by whomever."""
        try:
            with self.path.open("rb") as file:
                file.seek(self._read)
                data = file.read()
        except FileNotFoundError:
            return
        except OSError as error:
            raise ArtifactError(f"{self.path}: answers cannot be read: {error.strerror or error}.") from error
        whole = data.rfind(b"\n") + 1
        for line in data[:whole].splitlines():
            if found := _parsed(line):
                self._replies.setdefault(*found)
        self._read += whole

    @contextmanager
    def held(self) -> Iterator[None]:
        """The file for oneself, with all that others have answered until then: what they ask is not paid twice.

        Raises:
            ArtifactError: the file cannot be written to, found out before anything is paid.
        """
        with self._writing("answers cannot be kept"):
            self.path.parent.mkdir(parents=True, exist_ok=True)
            descriptor = os.open(self.path, os.O_RDWR | os.O_APPEND | os.O_CREAT, 0o644)
        try:
            self._lock_file(descriptor)
            self.refresh()
            yield
        finally:
            os.close(descriptor)

    def _lock_file(self, descriptor: int) -> None:
        import fcntl  # not everywhere; looking at answers needs it nowhere

        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            _log.warning("%s: another run is asking this model; waiting for it to end.", self.path)
            fcntl.flock(descriptor, fcntl.LOCK_EX)
        except OSError as error:  # some network file systems have no locks
            _log.warning("%s: no lock to be had (%s); let one run at a time ask.", self.path, error.strerror)

    @contextmanager
    def _writing(self, problem: str) -> Iterator[None]:
        try:
            yield
        except OSError as error:
            raise ArtifactError(
                f"{self.path}: {problem}: {error.strerror or error}. Make room or mend the folder; the same command continues."
            ) from error

    def add(self, key: str, reply: Reply) -> None:
        """Keep an answer. From any thread.

        Raises:
            ArtifactError: the disk is full or the folder cannot be written to.
        """
        line = json_line({"key": key, **_record(reply)}).encode()
        with self._writing("an answer could not be kept"), self._lock:
            self.path.parent.mkdir(parents=True, exist_ok=True)
            descriptor = os.open(self.path, os.O_RDWR | os.O_APPEND | os.O_CREAT, 0o644)
            try:
                # After a torn line a fresh one begins.
                size = os.fstat(descriptor).st_size
                torn = size > 0 and os.pread(descriptor, 1, size - 1) != b"\n"
                data = (b"\n" if torn else b"") + line
                while written := os.write(descriptor, data):
                    data = data[written:]  # what a full disk took a part of; the next call says why
                os.fsync(descriptor)
            finally:
                os.close(descriptor)
            # As it will be read back: a run that continues sees the same numbers, to the bit.
            self._replies.setdefault(*(_parsed(line) or (key, reply)))


def _record(reply: Reply) -> dict[str, Any]:
    record: dict[str, Any] = {"text": reply.text, "finish": reply.finish}
    if reply.refused:
        record["refused"] = True
    if reply.tokens_in is not None or reply.tokens_out is not None:
        record["usage"] = [reply.tokens_in, reply.tokens_out]
    if reply.tokens:
        record["tokens"] = [[t.text, [[c, _short(lp)] for c, lp in t.candidates]] for t in _kept(reply)]
    return record


def _kept(reply: Reply) -> list[Token]:
    """The tokens, with the candidates of the first and last few alone: the verdict is at either end."""
    half, n = _MOST_TOKENS // 2, len(reply.tokens)
    return [t if i < half or i >= n - half else Token(t.text, ()) for i, t in enumerate(reply.tokens)]


def _short(logprob: float) -> float:
    # JSON has no infinity; some servers give -inf for what cannot come, or no number at all.
    return round(min(0.0, max(-1e4, logprob)), 6)


def _parsed(line: bytes) -> tuple[str, Reply] | None:
    try:
        found = parse_json(line)
        usage = found.get("usage") or (None, None)
        tokens = tuple(
            Token(text, tuple((c, lp) for c, lp in tops)) for text, tops in found.get("tokens", ())
        )
        reply = Reply(found["text"], tokens, found["finish"], bool(found.get("refused")), usage[0], usage[1])
        return (str(found["key"]), reply) if isinstance(reply.text, str) else None
    except (ValueError, KeyError, TypeError, AttributeError, IndexError):
        return None
