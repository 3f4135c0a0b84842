"""`read_prompts`: the distinct prompts of pairs in any layout, or of a file that holds prompts alone."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import pyarrow as pa

from weaklabel._shown import Shown
from weaklabel.artifacts import content_hash
from weaklabel.data.blocks import Block
from weaklabel.data.plan import Plan, make_plan, prompts_plan
from weaklabel.data.readers.base import RowProblem, encodes, shown
from weaklabel.data.readers.context import read_context
from weaklabel.data.reading import iter_batches
from weaklabel.data.sources import PairSource, open_source
from weaklabel.errors import DataError, LayoutError
from weaklabel.types import Message, SetAside, collapse_whitespace, prompt_key
from weaklabel.types.messages import conversation, prompt_of


@dataclass(frozen=True, slots=True, repr=False)
class Prompt(Shown):
    """What a model is asked.

    Attributes:
        text: as in the column `prompt` of pairs.
        messages: the conversation, ending in a turn that is not the assistant's; one user turn where none was given.
        given: whether the source gave the conversation.
        part: of the source: dev, test, pool or None.
    """

    text: str
    messages: tuple[Message, ...]
    given: bool = False
    part: str | None = None

    @classmethod
    def of(cls, text: str, messages: Sequence[Message] | None = None, part: str | None = None) -> Prompt:
        """A prompt, with the conversation that ends in it where there is one."""
        turns = conversation(text, messages)
        return cls(text, turns, given=bool(messages) or len(turns) > 1, part=part)

    @property
    def told(self) -> str:
        """The conversation as JSON: what is asked, in a form to hash."""
        return json.dumps([list(turn.values()) for turn in self.messages])

    @property
    def keys(self) -> frozenset[str]:
        """The folded prompt and conversation: prompts that share one are repeats."""
        return frozenset(
            filter(None, (collapse_whitespace(self.text), collapse_whitespace(_told(self.messages))))
        )

    @property
    def looks(self) -> frozenset[str]:
        """Hashes of prompt and conversation: prompts that share one count as the same in a split."""
        return looks_of(self.text, self.messages)


def looks_of(text: str, messages: Iterable[Message] | None) -> frozenset[str]:
    """See `Prompt.looks`."""
    return frozenset(content_hash(prompt_key(said))[:32] for said in (text, _told(messages)) if said)


def _told(messages: Iterable[Message] | None) -> str:
    return " ".join(turn["content"] or "" for turn in messages or ())


@dataclass(slots=True, repr=False)
class Prompts(Shown):
    """Distinct prompts in the order of the source.

    Attributes:
        prompts: each once.
        repeated: rows whose prompt had been there before.
        set_aside: rows without a usable prompt, with line and reason.
    """

    prompts: list[Prompt]
    repeated: int = 0
    set_aside: list[SetAside] = field(default_factory=list)

    def __len__(self) -> int:
        return len(self.prompts)


def read_prompts(source: PairSource, *, columns: Mapping[str, str] | None = None) -> Prompts:
    """The distinct prompts of `source`, which `read_pairs` reads, or which has a column `prompt` or `messages`.

    Where messages without responses end in the assistant's turn, that turn is left off: it is what is asked for.
    Repeats are prompts that differ in white space alone. A prompt is in `test` where one that counts as the same in a
    split is in `test` anywhere in the source.

    Raises:
        DataError: nothing to read, or most rows have no usable prompt; names the first reasons.
        LayoutError: neither pairs nor prompts; names the columns found.

    >>> found = read_prompts([{"prompt": "2 + 2?"}, {"prompt": "2 + 2? "}, {"prompt": ""}])
    >>> len(found), found.repeated, found.set_aside[0].reason
    (1, 1, 'the prompt is empty')
    """
    found, place, locked = Prompts([]), dict[str, int](), set[str]()
    for prompt in _rows_of(source, columns or {}, found.set_aside):
        at = next((place[key] for key in sorted(prompt.keys) if key in place), None)
        if at is not None:
            found.repeated += 1
        else:
            at = len(found.prompts)
            found.prompts.append(prompt)
        for key in prompt.keys:
            place.setdefault(key, at)
        if prompt.part == "test":
            locked |= prompt.looks
    if locked:
        found.prompts = [replace(p, part="test") if p.looks & locked else p for p in found.prompts]
    _check(found, source)
    return found


def _check(found: Prompts, source: Any) -> None:
    name = str(source)[:80] if isinstance(source, str) else f"the {type(source).__name__}"
    n_read, n_aside = len(found) + found.repeated, len(found.set_aside)
    if not n_read + n_aside:
        raise DataError(f"{name} holds no prompts. Expected one per row, in a column prompt or messages.")
    if n_aside > n_read:
        first = "; ".join(f"{row.file}, line {row.line}: {row.reason}" for row in found.set_aside[:3])
        raise DataError(
            f"{name}: {n_aside} of {n_read + n_aside} rows hold no usable prompt. First: {first}. Repair them, or name "
            "the column with --columns prompt=... (columns={...} in Python)."
        )


def _rows_of(source: Any, columns: Mapping[str, str], aside: list[SetAside]) -> Iterator[Prompt]:
    streams = open_source(source, "prompts")
    first = next((block for stream in streams for block in stream.blocks() if len(block.lines)), None)
    if first is None:
        return
    try:
        make_plan(first, columns=columns)
    except LayoutError:
        plan = prompts_plan(first, columns)
        for stream in streams:
            for block in stream.blocks():
                yield from _alone(plan, plan.renamed(block), aside)
        return
    for batch in iter_batches(source, columns=columns):
        aside.extend(batch.set_aside)
        yield from _of_pairs(batch.table)


def _of_pairs(table: pa.Table) -> Iterator[Prompt]:
    wanted = table.select(["prompt", "messages", "part"])
    for row in wanted.to_pylist():
        yield Prompt.of(row["prompt"], row["messages"], row["part"])


def _alone(plan: Plan, block: Block, aside: list[SetAside]) -> Iterator[Prompt]:
    aside.extend(block.set_aside)
    for line, row in zip(block.lines, block.rows(), strict=True):
        try:
            text, messages = read_context(plan.decoded(row)).settled()
            while messages and messages[-1]["role"] == "assistant":
                messages = messages[:-1]
                text = prompt_of(messages)
            yield Prompt.of(_usable(text), messages, row.get("part"))
        except RowProblem as error:
            aside.append(SetAside(block.file, line, str(error)))


def _usable(text: Any) -> str:
    if not isinstance(text, str):
        raise RowProblem(f"the prompt is {shown(text)}, expected text")
    if not text.strip():
        raise RowProblem("the prompt is empty")
    if not encodes(text):
        raise RowProblem("the prompt holds half a character (a lone surrogate)")
    return text
