"""Samples of a policy: which prompts are asked, the answers, and the usable ones laid out in columns."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from weaklabel.artifacts import content_hash
from weaklabel.data.asked.prompts import Prompt, Prompts, read_prompts
from weaklabel.data.readers.base import encodes
from weaklabel.errors import ConfigError, DataError
from weaklabel.export.selection import parts_of
from weaklabel.generation.responders import MemorySource, answers_of
from weaklabel.servers.protocol import Reply
from weaklabel.stages.contract import MODEL
from weaklabel.stages.materials import Materials
from weaklabel.training.sampling import TOO_LONG, Sampling
from weaklabel.types import Pair, Pairs, Text

CUT: Final = "length"


@dataclass(frozen=True)
class Draws:
    """The usable samples of all prompts, in columns; `m` of them, those of a prompt next to each other.

    Attributes:
        prompts: that were asked.
        replies: of each prompt as many as were drawn.
        of: `(m,)` which prompt each answers, rising; number: `(m,)` the how-manieth sample of it.
        texts: `m` samples without white space at the ends; none is empty.
    """

    prompts: Sequence[Prompt]
    replies: Sequence[Sequence[Reply]]
    of: NDArray[np.intp]
    number: NDArray[np.intp]
    texts: Sequence[str]

    @classmethod
    def of_replies(cls, prompts: Sequence[Prompt], replies: Sequence[Sequence[Reply]]) -> Draws:
        """Those that are not empty and had room."""
        found = [
            (row, number, reply.text.strip())
            for row, drawn in enumerate(replies)
            for number, reply in enumerate(drawn)
            if usable(reply)
        ]
        of, number = (np.array([each[k] for each in found], dtype=np.intp) for k in (0, 1))
        return cls(prompts, replies, of, number, [text for _, _, text in found])

    def __len__(self) -> int:
        return len(self.texts)

    @property
    def asked(self) -> list[str]:
        """`m` the prompt of each sample."""
        return [self.prompts[row].text for row in self.of]

    @cached_property
    def sizes(self) -> NDArray[np.intp]:
        """`(n_prompts,)` usable samples of each."""
        return np.bincount(self.of, minlength=len(self.prompts))

    @cached_property
    def rows(self) -> list[NDArray[np.intp]]:
        """Of each prompt its places in the columns."""
        return np.split(np.arange(len(self)), np.cumsum(self.sizes)[:-1])

    @cached_property
    def place(self) -> dict[tuple[int, int], int]:
        """From a prompt and the number of a usable sample of it to its place in the columns."""
        told = zip(self.of.tolist(), self.number.tolist(), strict=True)
        return {key: at for at, key in enumerate(told)}

    @property
    def differ(self) -> bool:
        """Whether any prompt has two different samples."""
        return len(np.unique(self.first)) > int((self.sizes > 0).sum())

    @cached_property
    def first(self) -> NDArray[np.intp]:
        """`(m,)` where the same text to the same prompt stands first: equal samples are judged once."""
        place: dict[tuple[int, str], int] = {}
        told = zip(self.of.tolist(), self.texts, strict=True)
        return np.array([place.setdefault(key, at) for at, key in enumerate(told)], dtype=np.intp)

    def every_two(self) -> tuple[Pairs, NDArray[np.intp], NDArray[np.intp]]:
        """Pairs of every two different samples of a prompt, and where the two stand in the columns."""
        chosen = [np.unique(self.first[rows]) for rows in self.rows]
        i, j = (
            np.concatenate(
                [np.empty(0, np.intp), *(each[np.triu_indices(len(each), 1)[k]] for each in chosen)]
            )
            for k in (0, 1)
        )
        return self.pairs(i, j), i, j

    def pairs(self, i: NDArray[np.intp], j: NDArray[np.intp]) -> Pairs:
        """Pairs of the samples at `i` and `j`, `(n,)` each: the first is response a."""
        return Pairs.of(self._pair(int(a), int(b)) for a, b in zip(i, j, strict=True))

    def _pair(self, a: int, b: int) -> Pair:
        prompt = self.prompts[self.of[a]]
        key = content_hash("best of", prompt.told, self.texts[a], self.texts[b])
        messages = prompt.messages if prompt.given else ()
        return Pair(key[:24], Text(prompt.text), Text(self.texts[a]), Text(self.texts[b]), messages=messages)

    @property
    def counts(self) -> dict[str, int]:
        """What became of the samples."""
        every = [reply for drawn in self.replies for reply in drawn]
        n_room = sum(reply.finish == TOO_LONG for reply in every)
        found = {"prompts": len(self.prompts), "samples": len(every)}
        found |= {"empty samples": len(every) - len(self) - n_room, "samples without room": n_room}
        return found | {"repeated samples": int((self.first != np.arange(len(self))).sum())}


def usable(reply: Reply) -> bool:
    """Whether a sample can be chosen: it has a text that a file can hold."""
    text = reply.text.strip()
    return reply.finish != TOO_LONG and bool(text) and encodes(text)


def prompts_of(
    data: str | None, columns: Mapping[str, str], materials: Materials, who: str = "best_of"
) -> tuple[Prompts, int]:
    """The prompts that may be asked, and how many of the locked test part are left out.

    Raises:
        ConfigError: there are neither prompts nor labels. DataError: no prompt, or locked ones alone.
    """
    source: Any = data if data is not None else materials.source
    if source is None:
        if materials.the_labels is None:
            raise ConfigError(
                f"{who}: there are no prompts to sample. Give data, a file with a column prompt."
            )
        tables = (part.pairs.table for part in parts_of(materials.the_labels))
        source = [row for each in tables for row in each.select(["prompt", "messages", "part"]).to_pylist()]
    found = read_prompts(source, columns=columns)
    allowed = [prompt for prompt in found.prompts if prompt.part != "test"]
    if not allowed:
        raise DataError(
            f"{who}: all {len(found):,} prompts are in the locked test part, of which nothing may be learned. Give others."
        )
    return Prompts(allowed, found.repeated, found.set_aside), len(found) - len(allowed)


def left_out_of_prompts(found: Prompts, n_locked: int) -> list[str]:
    """Sentences on what `prompts_of` left out."""
    said = [f"{n_locked:,} prompts of the locked test part are left out."] if n_locked else []
    if found.set_aside:
        n, first = len(found.set_aside), found.set_aside[0]
        said.append(f"data: {n:,} rows hold no usable prompt; first: {first}.")
    return said


def prompts_hash(prompts: Sequence[Prompt]) -> str:
    """Content hash of what is asked, texts and conversations."""
    return content_hash(*(part for prompt in prompts for part in (prompt.text, prompt.told)))


def samples_of(
    model: Any,
    tokenizer: Any,
    prompts: Sequence[Prompt],
    drawing: tuple[Sampling, int, int],
    folder: Path,
    *,
    who: str = "best_of",
) -> Draws:
    """K samples of each prompt; what is answered already is not asked again.

    Args:
        model, tokenizer: the policy.
        prompts: at least one.
        drawing: how samples are drawn, how many at once, and how many of a prompt.
        folder: where answers are kept.
        who: asks, for messages.

    Raises:
        DataError: no sample can be used.
    """
    from weaklabel.training.decoding import Responder, placed

    sampling, at_once, times = drawing
    source = MemorySource(Responder(placed(model), tokenizer, name=MODEL), sampling, at_once)
    replies = answers_of(source, [(prompt, k) for prompt in prompts for k in range(times)], folder)
    told = [reply for reply in replies if reply is not None]  # a model in memory answers all
    draws = Draws.of_replies(prompts, [told[at : at + times] for at in range(0, len(told), times)])
    if not len(draws):
        counts = draws.counts
        raise DataError(
            f"{who}: none of {counts['samples']:,} samples can be used: {counts['empty samples']:,} are empty, for "
            f"{counts['samples without room']:,} the model's context has no room. Raise max_new_tokens, or lower it; or take a "
            "policy that answers."
        )
    return draws
