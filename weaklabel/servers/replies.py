"""What models have answered, on disk: one line of JSON per answer, in a file that only grows.

    <folder>/<model>@<first 12 of the identity>.jsonl

A line holds the hash of the question, the answer, what the answer cost and the candidates for its tokens; what was
asked and the key are not in it.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Final

from weaklabel.artifacts import parse_json
from weaklabel.artifacts.growing import GrowingFile
from weaklabel.servers.protocol import Reply, Token

_MOST_TOKENS: Final = 64


class ReplyCache:
    """Answers of one model to one template by the hash of the question.

    Args:
        folder: where the file lives; made when the asking begins.
        name: of the model, for people.
        identity: hash of everything that an answer rests on beside the texts.
    """

    def __init__(self, folder: str | Path, name: str, identity: str) -> None:
        self.path = Path(folder) / f"{re.sub(r'[^A-Za-z0-9_.-]', '_', name)[:60]}@{identity[:12]}.jsonl"
        self._file = GrowingFile(self.path)
        self._replies: dict[str, Reply] = {}
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
        """Read what has been appended since the last look, by any process."""
        for line in self._file.news():
            if found := _parsed(line):
                self._replies.setdefault(*found)

    @contextmanager
    def held(self) -> Iterator[None]:
        """The file for oneself, with all that others have answered until then: what they ask is not paid twice.

        Raises:
            ArtifactError: the file cannot be written to, found out before anything is paid.
        """
        with self._file.held():
            self.refresh()
            yield

    def add(self, answers: Mapping[str, Reply]) -> None:
        """Keep answers by the hashes of their questions; those of one call reach the disk together. From any thread.

        Raises:
            ArtifactError: the disk is full or the folder cannot be written to.
        """
        lines = self._file.append(*({"key": key, **_record(reply)} for key, reply in answers.items()))
        for given, line in zip(answers.items(), lines, strict=True):
            # As it will be read back: a run that continues sees the same numbers, to the bit.
            self._replies.setdefault(*(_parsed(line) or given))


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
