"""Layouts that name the better answer: HH-RLHF, TRL preference, UltraFeedback-style.

All store `chosen` and `rejected`; they differ in where the prompt is. The better answer comes first in every
row, so the reader redraws the order, and each column about one of the two answers goes with its text.

Trap: binarised UltraFeedback has a column `messages` that repeats the *chosen* conversation. It is left
behind here, because a canonical `messages` is the context only.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Any, Final

from weaklabel.data.readers.base import (
    CANONICAL_NAMES,
    Draft,
    Layout,
    Row,
    RowProblem,
    common,
    is_missing,
    needs_all,
    read_messages,
    read_number,
    shown,
)
from weaklabel.types.messages import Message, parse_transcript, prompt_of

_SIDE: Final = re.compile(
    r"(?P<first>chosen|rejected)[_-](?P<stem_1>.+)|(?P<stem_2>.+)[_-](?P<last>chosen|rejected)"
)
_SCORES: Final = (
    ("score_chosen", "score_rejected"),
    ("chosen_score", "rejected_score"),
    ("chosen_rating", "rejected_rating"),
    ("chosen-rating", "rejected-rating"),
)
_Context = tuple[Any, list[Message] | None, Any, Any]  # prompt, messages, chosen, rejected


def split_transcripts(chosen: object, rejected: object) -> _Context:
    """Prompt and answers of two HH-RLHF dialogues, which share everything up to the last assistant turn.

    Raises:
        RowProblem: when one does not end in an assistant turn, or the two differ before it.
    """
    a, b = (_dialogue(n, v) for n, v in (("chosen", chosen), ("rejected", rejected)))
    if a[:-1] != b[:-1]:
        raise RowProblem("chosen and rejected differ before their last assistant turn")
    return prompt_of(a[:-1]), a[:-1], a[-1]["content"], b[-1]["content"]


def _dialogue(name: str, value: object) -> list[Message]:
    if not isinstance(value, str):
        raise RowProblem(f"{name} is {shown(value)}, expected a transcript")
    turns = parse_transcript(value)
    if len(turns) < 2 or turns[-1]["role"] != "assistant":
        raise RowProblem(f"{name} does not end in an 'Assistant:' turn after a 'Human:' turn")
    return turns


def split_preference(row: Row) -> _Context:
    """Prompt and answers of a TRL row: prompt explicit or implicit, plain or conversational."""
    prompt, chosen, rejected = row.get("prompt"), row.get("chosen"), row.get("rejected")
    if isinstance(chosen, list) and isinstance(rejected, list):
        return _split_conversations(prompt, chosen, rejected)
    context = read_messages("prompt", prompt) if isinstance(prompt, list) else None
    if context:
        return prompt_of(context), context, chosen, rejected
    if is_missing(prompt) and isinstance(chosen, str) and isinstance(rejected, str):
        return _split_prefix(chosen, rejected)
    return prompt, None, chosen, rejected


def _split_conversations(prompt: object, chosen: object, rejected: object) -> _Context:
    a, b = read_messages("chosen", chosen), read_messages("rejected", rejected)
    if not a or not b or a[-1]["role"] != "assistant" or b[-1]["role"] != "assistant":
        raise RowProblem("chosen and rejected must both end in an assistant message")
    if a[:-1] != b[:-1]:
        raise RowProblem("chosen and rejected differ before their last message")
    before = read_messages("prompt", prompt) if isinstance(prompt, list) else None
    context = a[:-1]
    if before and context[: len(before)] != before:
        # TRL's explicit form: chosen and rejected hold only what follows the prompt.
        context = before + context
    context = context or before or []
    if not context:
        return prompt, None, a[-1]["content"], b[-1]["content"]
    return prompt_of(context), context, a[-1]["content"], b[-1]["content"]


def _split_prefix(chosen: str, rejected: str) -> _Context:
    """Without a prompt column the shared beginning is the prompt, cut at white space so that no word is torn.

    Words with which both answers begin go to the prompt too; only an explicit prompt column can tell.
    """
    prefix = chosen[: _shared_length(chosen, rejected)]
    cut = max((mark.start() for mark in re.finditer(r"\s", prefix)), default=0)
    if not prefix[:cut].strip():
        raise RowProblem("there is no prompt column, and chosen and rejected share no beginning")
    return prefix[:cut].rstrip(), None, chosen[cut:].strip(), rejected[cut:].strip()


def _shared_length(a: str, b: str) -> int:
    """Length of the common beginning, by bisection: comparing slices is far faster than walking characters."""
    low, high = 0, min(len(a), len(b))
    while low < high:
        middle = (low + high + 1) // 2
        if a[low:middle] == b[low:middle]:
            low = middle
        else:
            high = middle - 1
    return low


def sides(row: Row, used: Sequence[str] = ()) -> dict[str, Any]:
    """The further columns, with `chosen_x`/`x_chosen` called `x_a` and their counterparts `x_b`.

    >>> sides({"chosen": "..", "rejected": "..", "score_chosen": 9, "rejected-model": "m"})
    {'score_a': 9, 'score_b': None, 'model_b': 'm', 'model_a': None}
    """
    found: dict[str, Any] = {}
    prefixed = {match["stem_1"] for name in row if (match := _SIDE.fullmatch(name))}
    for name, value in row.items():
        if name in CANONICAL_NAMES or name in ("chosen", "rejected", *used):
            continue
        match = _SIDE.fullmatch(name)
        if match is None:
            found[name] = value
            continue
        stem = match["stem_1"] or match["stem_2"]
        twice = match["stem_2"] is not None and stem in prefixed  # chosen_x and x_chosen side by side
        if twice or {f"{stem}_a", f"{stem}_b"} & (CANONICAL_NAMES | set(row)):
            stem = f"other_{stem}"
        side, other = ("a", "b") if (match["first"] or match["last"]) == "chosen" else ("b", "a")
        found[f"{stem}_{side}"] = value
        # A column about one answer only still has to change places with it.
        found.setdefault(f"{stem}_{other}", None)
    return found


def _draft(row: Row, parts: _Context, gold: str | None = "a") -> list[Draft]:
    prompt, messages, chosen, rejected = parts
    return [Draft(prompt, chosen, rejected, messages, gold=gold, extra=sides(row), **common(row))]


def _read_hh(row: Row) -> list[Draft]:
    return _draft(row, split_transcripts(row.get("chosen"), row.get("rejected")))


def _read_trl(row: Row) -> list[Draft]:
    # Our own exports say whose choice it was. A label must never come back as gold.
    ours = str(row.get("label_source") or "").startswith("weaklabel")
    return _draft(row, split_preference(row), gold=None if ours else "a")


def _read_ultrafeedback(row: Row) -> list[Draft]:
    names = next((pair for pair in _SCORES if pair[0] in row and pair[1] in row), _SCORES[0])
    for name in names:
        value = row.get(name)
        if isinstance(value, float) and value != value:
            raise RowProblem(f"{name} is NaN")
    chosen, rejected = (read_number(name, row.get(name)) for name in names)
    if chosen is None or rejected is None:
        return _draft(row, split_preference(row))  # no scores: the choice itself still stands
    if chosen < rejected:
        raise RowProblem(f"{names[0]} {chosen:g} is below {names[1]} {rejected:g}")
    return _draft(row, split_preference(row), gold="tie" if chosen == rejected else "a")


def _two_sided(columns: frozenset[str]) -> bool:
    return {"chosen", "rejected"} <= columns


def _has_scores(columns: frozenset[str]) -> bool:
    return any(set(pair) <= columns for pair in _SCORES)


def _is_hh(columns: frozenset[str], rows: Sequence[Row]) -> bool:
    texts = [row.get("chosen") for row in rows]
    transcripts = sum(isinstance(t, str) and len(parse_transcript(t)) > 1 for t in texts)
    return _two_sided(columns) and "prompt" not in columns and 2 * transcripts > len(texts)


_missing = needs_all("chosen", "rejected")


def _scores_missing(columns: frozenset[str]) -> list[str]:
    return _missing(columns) + ([] if _has_scores(columns) else list(_SCORES[0]))


HH: Final = Layout("hh", "chosen, rejected (transcripts)", _is_hh, _read_hh, _missing, redraws=True)
ULTRAFEEDBACK: Final = Layout(
    "ultrafeedback",
    "chosen, rejected, score_chosen, score_rejected",
    lambda columns, _rows: _two_sided(columns) and _has_scores(columns),
    _read_ultrafeedback,
    _scores_missing,
    redraws=True,
)
TRL: Final = Layout(
    "trl",
    "chosen, rejected (and mostly prompt)",
    lambda columns, _rows: _two_sided(columns),
    _read_trl,
    _missing,
    redraws=True,
)
