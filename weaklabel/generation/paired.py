"""Responses of one prompt as pairs: what cannot be compared set aside and counted, the order drawn by a coin."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from itertools import combinations, pairwise
from typing import Any, Final, Literal

import pyarrow as pa

from weaklabel.artifacts import content_hash
from weaklabel.data.asked.prompts import Prompt
from weaklabel.data.readers.base import encodes
from weaklabel.servers.protocol import Reply
from weaklabel.training.sampling import TOO_LONG
from weaklabel.types import CANONICAL

PairUp = Literal["all", "neighbours"]
"""All pairs of a prompt's responses, or each response with the next."""

COLUMNS: Final = pa.schema(
    [
        *CANONICAL,
        pa.field("model_a", pa.string()),
        pa.field("model_b", pa.string()),
        pa.field("number_a", pa.int64()),
        pa.field("number_b", pa.int64()),
        pa.field("finish_a", pa.string()),
        pa.field("finish_b", pa.string()),
    ]
)


@dataclass(frozen=True, slots=True)
class Response:
    """One usable response: its text without white space at the ends, who gave it, as which, and why it ended."""

    text: str
    model: str
    number: int
    finish: str


@dataclass(slots=True)
class Pairing:
    """Makes pairs and counts what it could not use.

    Attributes:
        pair_up: which responses of a prompt are compared.
        seed: of the coin that draws the order.
        counts: responses by what became of them, and prompts left without a pair.
    """

    pair_up: PairUp
    seed: int
    counts: Counter[str] = field(default_factory=Counter)

    def rows(self, prompt: Prompt, replies: Sequence[tuple[str, Reply | None]]) -> Iterator[dict[str, Any]]:
        """The pairs of one prompt from `(model, reply)` in the order of their numbers; none if a request failed.

        A prompt of which a response is still missing waits, so that the next run makes all of its pairs at once.
        """
        if any(reply is None for _, reply in replies):
            self.counts["failed"] += sum(reply is None for _, reply in replies)
            self.counts["prompts_failed"] += 1
            return
        usable = self._usable(replies)
        if len(usable) < 2:
            self.counts["prompts_without_pairs"] += 1
            return
        self.counts["prompts_with_pairs"] += 1
        chosen = combinations(usable, 2) if self.pair_up == "all" else pairwise(usable)
        for first, second in chosen:
            yield self._row(prompt, first, second)

    def _usable(self, replies: Sequence[tuple[str, Reply | None]]) -> list[Response]:
        found: dict[str, Response] = {}
        for number, (model, reply) in enumerate(replies):
            assert reply is not None
            text = reply.text.strip()
            self.counts["responses"] += 1
            if why := _unusable(text, reply, found):
                self.counts[why] += 1
                continue
            self.counts["cut_off"] += reply.finish == "length"
            found[text] = Response(text, model, number, reply.finish)
        return list(found.values())

    def _row(self, prompt: Prompt, first: Response, second: Response) -> dict[str, Any]:
        key = content_hash(prompt.text, prompt.told, *sorted((first.text, second.text)))
        swapped = int(content_hash("order", str(self.seed), key)[:8], 16) % 2 == 1
        a, b = (second, first) if swapped else (first, second)
        return {
            "id": f"generated-{key[:16]}",
            "prompt": prompt.text,
            "response_a": a.text,
            "response_b": b.text,
            "messages": [dict(turn) for turn in prompt.messages] if prompt.given else None,
            "part": "pool",
            "source": "generated",
            "swapped": swapped,
            **{f"{name}_a": getattr(a, name) for name in ("model", "number", "finish")},
            **{f"{name}_b": getattr(b, name) for name in ("model", "number", "finish")},
        }


def _unusable(text: str, reply: Reply, found: dict[str, Response]) -> str | None:
    if reply.finish == TOO_LONG:
        return "too_long"
    if reply.refused:
        return "refused"
    if not text or not encodes(text):
        return "empty"
    return "identical" if text in found else None
