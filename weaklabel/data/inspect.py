"""What a file probably is: the settings that read it, and what has to be asked. Behind `weaklabel init`."""

from __future__ import annotations

import math
import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Final

from weaklabel._shown import Shown
from weaklabel.data.blocks import Block
from weaklabel.data.fields.gold import verdict_column
from weaklabel.data.fields.nested import FILL_IN, better_and_worse, names_within, reach
from weaklabel.data.fields.roles import MARKS, Ambiguous, context_columns, sibling
from weaklabel.data.plan import PROBE, Plan, make_plan
from weaklabel.data.readers.base import Row, is_missing
from weaklabel.data.readers.context import PROMPT_NAMES
from weaklabel.data.readers.ranked import LISTS
from weaklabel.data.readers.single import OneResponseError, list_of_responses
from weaklabel.data.reading import iter_batches
from weaklabel.data.sources import open_source
from weaklabel.errors import DataError, GoldError, LayoutError, WeaklabelError
from weaklabel.types import SetAside, prompt_key
from weaklabel.types.verdicts import VerdictMap, verdict_key

_NOUNS: Final = frozenset(
    [
        "response",
        "resp",
        "answer",
        "ans",
        "output",
        "completion",
        "reply",
        "candidate",
        "generation",
        "summary",
        "continuation",
        "solution",
        "ref",
        "text",
        "story",
    ]
)
# What may stand before the noun: "model_a_answer", "human_ref_A".
_BEFORE: Final = frozenset(["model", "human", "chat", "assistant", "llm", "ai", "bot", "system", "generated"])
_LOOSE: Final = re.compile("|".join(sorted(_NOUNS - {"text", "ref"})), re.IGNORECASE)
# What the text of an object is called.
_INNER: Final = ("full_text", "text", "content", "body")
ENOUGH_DEV: Final = 200
"""Prompts with gold that should stay for fitting and calibration."""
_MOST_ROWS: Final = 200_000
_SIDES: Final = ("response_a", "response_b")


@dataclass(frozen=True, repr=False)
class Found(Shown):
    """What a look into a file told.

    Attributes:
        layout: the layout that the file has as it is; None where the responses must be named.
        columns: ours -> theirs, `FILL_IN` where a person has to say.
        names: the columns of the file.
        gold_values: how gold is coded, where that is known.
        asked: role -> candidates with a value of each; what a person has to choose from.
        lines: what else a person should know: columns that may be gold, questions about its values.
    """

    layout: str | None
    columns: Mapping[str, str]
    names: tuple[str, ...]
    gold_values: Mapping[str, str] = field(default_factory=dict)
    asked: Mapping[str, Sequence[tuple[str, str]]] = field(default_factory=dict)
    lines: tuple[str, ...] = ()


def look_at(datafile: str) -> Found:
    """The settings that read a data file, as far as its columns and first rows tell.

    Raises:
        DataError: the file does not exist, is empty or cannot be read.
        LayoutError: each row holds one response.
    """
    block = _first_block(datafile)
    try:
        return _readable(block, {})
    except LayoutError as error:
        first = error
    rows = block.rows(PROBE)
    named = _prompt(block, rows) | _responses(block, rows)
    try:
        return _readable(block, named)
    except LayoutError:
        if isinstance(first, OneResponseError) and not named.keys() & {*_SIDES, "responses"}:
            raise first from None
        return _asking(block, rows, named, str(first))


def _first_block(datafile: str) -> Block:
    bad: list[SetAside] = []
    for stream in open_source(datafile)[:1]:
        for block in stream.blocks():
            if len(block.lines):
                return block
            bad += block.set_aside
    if bad:
        raise DataError(
            f"{datafile}: none of {len(bad)} rows can be read. The first, line {bad[0].line}: {bad[0].reason}. A file has to "
            "be UTF-8, with a pair per row."
        )
    raise DataError(f"{datafile} holds no rows. Name a file with one pair per row.")


@dataclass(frozen=True)
class GoldCount:
    """How much gold a file holds, and how much of it may be locked away.

    Attributes:
        prompts, pairs: prompts with gold, and pairs with it.
        is_all: whether the file was read to its end.
    """

    prompts: int
    pairs: int
    is_all: bool

    @property
    def test_share(self) -> float:
        """Half, or what leaves `ENOUGH_DEV` prompts for fitting; a fifth where there are not that many.

        >>> [GoldCount(n, n, True).test_share for n in (1000, 300, 150)]
        [0.5, 0.33, 0.2]
        """
        if self.prompts <= ENOUGH_DEV:
            return 0.2
        return min(0.5, math.floor(100 * (1 - ENOUGH_DEV / self.prompts)) / 100)

    def __str__(self) -> str:
        """What the share means in pairs.

        >>> str(GoldCount(300, 330, True))
        'about 109 of 330 pairs with gold; 201 of 300 prompts stay for fitting'
        """
        locked = round(self.test_share * self.pairs)
        stay = self.prompts - math.floor(self.test_share * self.prompts)
        first = "" if self.is_all else "the first "
        return f"about {locked:,} of {first}{self.pairs:,} pairs with gold; {stay:,} of {self.prompts:,} prompts stay for fitting"


def count_gold(datafile: str, found: Found) -> GoldCount | None:
    """The gold of a file under the settings that were found; None where there is none, or it cannot be read yet.

    It stops as soon as half of the gold is enough to fit on, or after `_MOST_ROWS` rows.
    """
    if found.asked or FILL_IN in found.columns.values():
        return None
    prompts: set[str] = set()
    n_pairs = n_rows = 0
    settings: dict[str, Any] = {"columns": found.columns, "gold_values": found.gold_values}
    try:
        for batch in iter_batches(datafile, layout=found.layout, **settings):
            known = batch.table.filter(batch.table["gold"].is_valid())
            prompts.update(prompt_key(prompt) for prompt in known["prompt"].to_pylist())
            n_pairs, n_rows = n_pairs + len(known), n_rows + len(batch.table)
            if len(prompts) >= 2 * ENOUGH_DEV or n_rows >= _MOST_ROWS:
                return GoldCount(len(prompts), n_pairs, is_all=False) if prompts else None
    except WeaklabelError:
        return None  # `read` tells what is wrong, and where
    return GoldCount(len(prompts), n_pairs, is_all=True) if prompts else None


def _readable(block: Block, columns: dict[str, str]) -> Found:
    """The settings, if the file can be read with these columns; what its gold means may still be a question.

    Raises:
        LayoutError: it cannot.
    """
    names = tuple(block.columns)
    try:
        plan = make_plan(block, columns=columns)
        columns, values = _with_gold(block, plan)
        plan = make_plan(block, columns=columns, values=VerdictMap(values) if values else None)
    except GoldError as error:
        question = str(error).removeprefix(f"{block.file}: ")
        return Found(None if columns else "canonical", columns, names, lines=(question,))
    layout = None if columns.keys() & {*_SIDES} else plan.layout.name
    lines = (plan.gold.problem(plan.gold.unread[0]),) if plan.gold.unread else plan.hints
    return Found(layout, plan.columns, names, values, lines=lines)


def _with_gold(block: Block, plan: Plan) -> tuple[dict[str, str], dict[str, str]]:
    """The plan's columns with one whose verdicts mean one thing only, and how they are coded."""
    columns = dict(plan.columns)
    if plan.gold.used:
        return columns, {}
    if plan.layout.name == "ranked" and _is_choice(block.rows(PROBE)):
        return columns | {"gold": "choice"}, {"0": "a", "1": "b"}
    if plan.layout.name != "canonical":
        return columns, {}
    found = verdict_column(plan.renamed(block).columns, plan.first_rows(block), columns)
    return columns if found is None else columns | {"gold": found}, {}


def _is_choice(rows: Sequence[Row]) -> bool:
    """Whether rows are comparisons of summarize_from_feedback: two summaries, and the number of the better one."""
    return all(
        len(row.get("summaries") or ()) == 2 and verdict_key(row.get("choice")) in ("0", "1") for row in rows
    )


def _prompt(block: Block, rows: Sequence[Row]) -> dict[str, str]:
    """The prompt's column, maybe one that is reached into; none where there is not exactly one."""
    try:
        found = context_columns(block.columns, rows)
    except Ambiguous:
        return {}
    if found.keys() & {"prompt", "messages"} or {"prompt", "messages"} & set(block.columns):
        return {ours: theirs for ours, theirs in found.items() if ours != theirs} or {"prompt": "prompt"}
    nested = [name for name in names_within(block) if _is_nested_prompt(name) and _is_text(rows, name)]
    return found | ({"prompt": nested[0]} if len(nested) == 1 else {})


def _is_nested_prompt(name: str) -> bool:
    *above, last = name.lower().split(".")
    return bool(above) and (last in PROMPT_NAMES or (above[-1] in PROMPT_NAMES and last in _INNER))


def _responses(block: Block, rows: Sequence[Row]) -> dict[str, str]:
    """The columns of both responses, or that of a list of them; none where it is not plain which they are.

    The two are named together or not at all: half a guess invites the user to fill in the other half the wrong way
    round, and gold would be read inverted.
    """
    names, within = block.columns, names_within(block)
    lower = {name.lower(): name for name in names}
    if {"chosen", "rejected"} <= lower.keys():
        return {ours: lower[ours] for ours in ("chosen", "rejected")}
    opposed = [
        {"chosen": one, "rejected": two}
        for one in names
        for two in names
        if better_and_worse(one, two) and _is_text(rows, one) and _is_text(rows, two)
    ]
    if len(opposed) == 1:
        return opposed[0]
    lists = [name for name in names if name.lower() in LISTS and _holds_lists(rows, name)]
    if not lists and (one := list_of_responses(frozenset(names), rows)):
        lists = [one]
    pairs = _text_pairs(names, rows) or _text_pairs(within, rows)
    pairs = [pair for pair in pairs if _is_plain_name(*pair)] or [p for p in pairs if _LOOSE.search(p[0])]
    if len(pairs) == 1 and not _has_third(pairs[0][0], within):
        return dict(zip(_SIDES, pairs[0], strict=True))
    return {"responses": lists[0]} if len(lists) == 1 and not pairs else {}


def _has_third(first: str, names: Sequence[str]) -> bool:
    """Whether there are more than two responses, in columns of their own."""
    return any(sibling(first, *marks) in names for marks in (("a", "c"), ("1", "3"), ("0", "2")))


def _text_pairs(names: Sequence[str], rows: Sequence[Row]) -> list[tuple[str, str]]:
    """Columns of texts that differ in the mark of their side alone."""
    pairs = {
        (name, other): None
        for marks in MARKS
        for name in names
        if (other := sibling(name, *marks)) in names and other is not None
    }
    return [pair for pair in pairs if all(_is_text(rows, name) for name in pair)]


def _is_plain_name(first: str, second: str) -> bool:
    """Whether a column is named for a response and nothing else: "answer_1" is, "answer_1_source" is not."""
    words = [
        re.findall(r"[a-z]+|\d+", re.sub(r"(?<=[a-z])(?=[A-Z])", "_", name.rpartition(".")[2]).lower())
        for name in (first, second)
    ]
    same = [word for word, other in zip(*words, strict=False) if word == other]
    return bool(same) and same[-1] in _NOUNS and all(word in _NOUNS | _BEFORE for word in same)


def _is_text(rows: Sequence[Row], name: str) -> bool:
    """Whether a column holds texts, or what can hold one: messages, objects."""
    values = [
        value for row in rows if not is_missing(value := reach(row, name) if name not in row else row[name])
    ]
    return bool(values) and all(isinstance(value, str | list | Mapping) for value in values)


def _holds_lists(rows: Sequence[Row], name: str) -> bool:
    return any(isinstance(row.get(name), list) or str(row.get(name)).startswith("[") for row in rows)


def _asking(block: Block, rows: Sequence[Row], named: dict[str, str], why: str) -> Found:
    """The settings with places for a person to fill in, and what there is to choose from; without that, why it cannot be read."""
    has_prompt = bool(named.keys() & {"prompt", "messages"} or "prompt" in block.columns)
    sided = bool(named.keys() & {*_SIDES, "responses", "chosen"})
    roles = [*([] if has_prompt else ["prompt"]), *([] if sided else _SIDES)]
    texts = [name for name in names_within(block) if name not in named.values() and _is_long_text(rows, name)]
    if sided and (prompts := [name for name in texts if name.lower() in PROMPT_NAMES]):
        texts = prompts
    candidates = [(name, _sample(rows, name)) for name in texts[:12]]
    if has_prompt and "prompt" not in named and "messages" not in named:
        named = {"prompt": "prompt"} | named
    return Found(
        None,
        named | dict.fromkeys(roles, FILL_IN),
        tuple(block.columns),
        asked=dict.fromkeys(roles, candidates),
        lines=() if candidates else (why.removeprefix(f"{block.file}: "),),
    )


def _is_long_text(rows: Sequence[Row], name: str) -> bool:
    values = [
        value for row in rows if not is_missing(value := reach(row, name) if name not in row else row[name])
    ]
    return bool(values) and all(isinstance(value, str) for value in values)


def _sample(rows: Iterable[Row], name: str) -> str:
    values = (reach(row, name) if name not in row else row[name] for row in rows)
    value: Any = next((value for value in values if not is_missing(value) and value != ""), "")
    text = " ".join(str(value).split())
    return text if len(text) <= 50 else text[:47] + "..."
