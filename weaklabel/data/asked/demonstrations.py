"""`read_demonstrations`: prompts with the response to learn, from files that hold one response per row."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any, Final

from weaklabel._arguments import check_value
from weaklabel._shown import Shown
from weaklabel.artifacts import content_hash
from weaklabel.data.blocks import Block
from weaklabel.data.fields.nested import check_distinct, with_columns
from weaklabel.data.plan import PROBE, Plan, prompts_plan
from weaklabel.data.readers.base import Row, RowProblem, encodes, is_missing, read_messages, shown
from weaklabel.data.readers.context import read_context
from weaklabel.data.readers.single import NAMES, ends_in_answer
from weaklabel.data.sources import PairSource, open_source
from weaklabel.errors import DataError, LayoutError
from weaklabel.types import SetAside
from weaklabel.types.demonstration import Demonstration

_W: Final = "w"
_PINNED: Final = "pinned"
_OURS: Final = ("completion", _W)
_MESSAGES: Final = "messages"
# A worked answer often stands beside the bare one in `answer`, as in files of sums: either may be meant.
_WORKED: Final = ("solution", "rationale", "explanation", "target")
_TEST: Final = "locked test prompts"


@dataclass(slots=True, repr=False)
class Demonstrations(Shown):
    """What a policy can learn from.

    Attributes:
        rows: in the order of the source.
        set_aside: rows that could not be used, with line and reason.
        left_out: why, in words -> how many were left out on purpose.
    """

    rows: list[Demonstration]
    set_aside: list[SetAside] = field(default_factory=list)
    left_out: dict[str, int] = field(default_factory=dict)

    def __len__(self) -> int:
        return len(self.rows)

    @property
    def hash(self) -> str:
        """Of all that is learned: texts, conversations, weights and their order."""
        return content_hash(*map(repr, self.rows))


def read_demonstrations(source: PairSource, *, columns: Mapping[str, str] | None = None) -> Demonstrations:
    """Rows of a prompt and one response, or of `messages` that end in the assistant's turn, as TRL's SFTTrainer reads them.

    Args:
        source: a path, a glob, a list of paths or dicts, a data frame or data set.
        columns: our names -> yours: `prompt`, `completion`, `messages`, `system`, `w`. Where `completion` is not named, the
            one column of a name such as `response` or `answer` is it; "messages" is their last turn. `w` is how much a row
            counts, 1 by default; `pinned` (true or false) says that no stage replaces it; rows whose `part` is `test` are left
            out and counted.

    Raises:
        DataError: nothing to read, or most rows cannot be used; names the first reasons.
        LayoutError: no response, several columns that can be it, or pairs of responses.
        ConfigError: one column that is two things at once.

    >>> found = read_demonstrations([{"prompt": "2 + 2?", "completion": "4"}, {"prompt": "3 + 3?", "completion": None}])
    >>> found.rows[0].completion, found.set_aside[0].reason
    ('4', 'completion is NoneType None, expected text')
    """
    check_value("read_demonstrations: columns", columns, "Mapping[str, str] | None")
    found, named = Demonstrations([]), dict(columns or {})
    for stream in open_source(source, "demonstrations"):
        reader: _Reader | None = None
        for block in stream.blocks():
            found.set_aside.extend(block.set_aside)
            if not len(block.lines):
                continue
            reader = reader or _Reader.of(block, named)
            for line, row in zip(block.lines, reader.plan.renamed(block).rows(), strict=True):
                try:
                    _add(found, reader, row)
                except RowProblem as problem:
                    found.set_aside.append(SetAside(block.file, line, str(problem)))
    _check(found, source)
    return found


@dataclass(frozen=True, slots=True)
class _Reader:
    """How the rows of a file are read: its plan, and the column of the response (None: the messages' last turn)."""

    plan: Plan
    completion: str | None

    @classmethod
    def of(cls, block: Block, named: Mapping[str, str]) -> _Reader:
        own = {name: named[name] for name in _OURS if name in named}
        rest = {name: theirs for name, theirs in named.items() if name not in own}
        last_turn = "completion" in own and own["completion"] in (_MESSAGES, rest.get(_MESSAGES))
        if last_turn:
            del own["completion"]
        check_distinct(rest | own)
        # The plan of a block whose response and weight are called as we do: no prompt is looked for in them.
        block = with_columns(block, own)
        plan = prompts_plan(block, rest)
        plan = replace(plan, columns={**plan.columns, **own})
        if "completion" in own:
            return cls(plan, "completion")
        return cls(plan, None if last_turn else _completion_of(block, plan))


def _completion_of(block: Block, plan: Plan) -> str | None:
    taken = set(plan.columns.values())
    lower = {name.lower(): name for name in block.columns if name not in taken}
    names = [lower[name] for name in (*NAMES, *_WORKED) if name in lower and _holds_any(block, lower[name])]
    if "completion" in block.columns:
        names = ["completion"]
    answered = any(ends_in_answer(row.get(_MESSAGES)) for row in plan.first_rows(block))
    if names and answered:
        names.append(_MESSAGES)
    if len(names) > 1:
        raise LayoutError(
            f"{block.file}: the response can be in several columns: {', '.join(names)}. Say which with --columns "
            f"completion={names[0]} (columns={{...}} in Python)."
        )
    if names:
        return names[0]
    pairs = {"chosen", "response_a"} & set(block.columns)
    # Beside a pair, messages that end in a question are what both responses answer.
    if (_MESSAGES in plan.columns or _MESSAGES in block.columns) and (answered or not pairs):
        return None
    what = "pairs of responses" if pairs else "prompts without a response"
    hint = "completion=chosen" if "chosen" in pairs else "completion=..."
    raise LayoutError(
        f"{block.file} holds {what}, in the columns {', '.join(block.columns[:12])}. Name the column to learn with --columns "
        f"{hint} (columns={{...}} in Python)."
    )


def _holds_any(block: Block, name: str) -> bool:
    return any(not is_missing(row.get(name)) for row in block.rows(PROBE))


def _add(found: Demonstrations, reader: _Reader, row: Row) -> None:
    decoded = reader.plan.decoded(row)
    if decoded.get("part") == "test":
        found.left_out[_TEST] = found.left_out.get(_TEST, 0) + 1
        return
    text, messages = read_context(decoded).settled()
    if reader.completion is None:
        if not messages or messages[-1]["role"] != "assistant":
            raise RowProblem("messages do not end in a turn of the assistant, which would be learned")
        answer, messages = messages[-1]["content"], messages[:-1]
        if not messages:
            raise RowProblem("messages hold an answer and nothing that it answers")
        text = next((turn["content"] for turn in reversed(messages) if turn["role"] == "user"), "")
    else:
        answer = _answer(reader.completion, decoded.get(reader.completion))
    if not isinstance(text, str) or not text.strip():
        raise RowProblem(f"the prompt is {shown(text)}, expected text")
    for name, said in (("the prompt", text), ("completion", answer)):
        if not encodes(said):
            raise RowProblem(f"{name} holds half a character (a lone surrogate)")
    w, pinned = _weight(decoded.get(_W)), _pinned(decoded.get(_PINNED))
    found.rows.append(Demonstration(text, answer, tuple(messages or ()), w, pinned))


def _answer(name: str, value: Any) -> str:
    """A response as text, or as the one turn of the assistant that TRL's conversational form has."""
    if isinstance(value, list):
        turns = read_messages(name, value) or []
        if len(turns) != 1 or turns[0]["role"] != "assistant":
            raise RowProblem(f"{name} holds {len(turns)} turns, expected one of the assistant")
        value = turns[0]["content"]
    if not isinstance(value, str):
        raise RowProblem(f"{name} is {shown(value)}, expected text")
    return value


def _weight(value: Any) -> float:
    if is_missing(value) or value == "":
        return 1.0
    try:
        w = float(value)  # what is no number is told below
    except (TypeError, ValueError):
        w = math.nan
    if isinstance(value, bool) or not (math.isfinite(w) and w >= 0):
        raise RowProblem(f"{_W} is {shown(value)}, expected a number of at least 0")
    return w


def _pinned(value: Any) -> bool:
    if is_missing(value) or value == "":
        return False
    said = {"true": True, "false": False}.get(str(value).lower())
    if said is None:
        raise RowProblem(f"{_PINNED} is {shown(value)}, expected true or false")
    return said


def _check(found: Demonstrations, source: Any) -> None:
    name = str(source)[:80] if isinstance(source, str) else f"the {type(source).__name__}"
    n_aside = len(found.set_aside)
    if not len(found) + n_aside:
        why = "".join(f": {n:,} rows are {why}" for why, n in found.left_out.items())
        raise DataError(f"{name} holds no demonstrations{why}. Expected a prompt and a response per row.")
    if n_aside > len(found):
        first = "; ".join(map(str, found.set_aside[:3]))
        raise DataError(
            f"{name}: {n_aside} of {len(found) + n_aside} rows hold no usable demonstration. First: {first}. Repair them, or "
            "name the columns with --columns prompt=...,completion=... (columns={...} in Python)."
        )
