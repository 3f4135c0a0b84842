"""Layouts that name the better answer: HH-RLHF, TRL preference, UltraFeedback-style, ms-swift's.

All store a chosen and a rejected answer; they differ in where the prompt is. The better answer comes first in every
row, so the reader redraws the order, and each column about one of the two answers goes with its text.

Trap: binarised UltraFeedback has a column `messages` that repeats the *chosen* conversation. Its last turn is left
off, because a canonical `messages` is the context only.
"""

from __future__ import annotations

import functools
import re
from collections.abc import Iterable, Mapping, Sequence
from typing import Any, Final, NamedTuple

from weaklabel.data.readers.answers import (
    SCORE_KEYS,
    Answer,
    dialogue_answer,
    first_of,
    read_answer,
    whole_context,
)
from weaklabel.data.readers.base import (
    CANONICAL_NAMES,
    Draft,
    Row,
    RowProblem,
    common,
    is_missing,
    read_messages,
    read_number,
)
from weaklabel.data.readers.context import USED, Context, read_context
from weaklabel.data.readers.gold_rule import GoldRule, larger
from weaklabel.data.readers.layout import Layout, needs_all
from weaklabel.types.messages import Message

_SIDE: Final = re.compile(
    r"(?P<first>chosen|rejected)[_-](?P<stem_1>.+)|(?P<stem_2>.+)[_-](?P<last>chosen|rejected)"
)
_SCORE_STEMS: Final = frozenset({"score", "rating", "overall_score", "avg_rating", "avg-rating", "grade"})
_BOTH_SCORES: Final = ("rating", "ratings", "score", "scores")


def two_sides(row: Row) -> tuple[Context, Any, Any, float | None, float | None]:
    """Context, both answers, and their scores where they stand inside them.

    Raises:
        RowProblem: answers whose contexts differ, or that do not end in a turn of the assistant.
    """
    context = read_context({**row, "messages": None})
    a, b = (read_answer(name, row.get(name)) for name in ("chosen", "rejected"))
    if not (a.before or b.before):
        a, b = _opened(context, a, b)
    if not (context.messages or a.before):
        context = context._replace(messages=_given(row, a, has_prompt=not is_missing(context.prompt)))
    scores = (_score_in("chosen", a.held), _score_in("rejected", b.held))
    return context.behind(whole_context(context.messages, (a, b))), a.text, b.text, *scores


def _opened(context: Context, a: Answer, b: Answer) -> tuple[Answer, Answer]:
    """Answers that are whole dialogues as their last turns; others as they are."""
    whole_a, whole_b = dialogue_answer(a.text), dialogue_answer(b.text)
    if whole_a is None or whole_b is None:
        return a, b
    prompt, messages = context.settled()
    asked = messages or ([Message(role="user", content=prompt)] if prompt else whole_a.before)
    if whole_a.before[-len(asked) :] != asked:
        if whole_a.before != whole_b.before:
            return a, b
        raise RowProblem("the prompt is not what the dialogues in chosen and rejected begin with")
    return whole_a, whole_b


def _given(row: Row, chosen: Answer, has_prompt: bool) -> list[Message] | None:
    """The column `messages` as context: without the chosen answer, where it ends in that."""
    messages = read_messages("messages", row.get("messages"))
    if not messages or messages[-1]["role"] != "assistant":
        return messages
    if messages[-1]["content"] == chosen.text:
        return messages[:-1]
    if has_prompt:
        return None
    raise RowProblem("messages ends in an answer that is not the chosen one")


def _score_in(name: str, held: Mapping[str, Any]) -> float | None:
    key = first_of(SCORE_KEYS, held)
    return None if key is None else read_number(f"{name}.{key}", held[key])


class _Sided(NamedTuple):
    """A column about one of the two answers: which one, what it says of it, and whether its side stands first."""

    side: str
    stem: str
    is_prefix: bool


@functools.cache
def _sided(name: str) -> _Sided | None:
    match = _SIDE.fullmatch(name)
    if match is None:
        return None
    return _Sided(match["first"] or match["last"], match["stem_1"] or match["stem_2"], bool(match["first"]))


def sides(row: Row, used: Sequence[str] = ()) -> dict[str, Any]:
    """The further columns, with `chosen_x`/`x_chosen` called `x_a` and their counterparts `x_b`.

    >>> sides({"chosen": "..", "rejected": "..", "score_chosen": 9, "rejected-model": "m"})
    {'score_a': 9, 'score_b': None, 'model_b': 'm', 'model_a': None}
    """
    found: dict[str, Any] = {}
    prefixed = {sided.stem for name in row if (sided := _sided(name)) and sided.is_prefix}
    for name, value in row.items():
        if name in CANONICAL_NAMES or name in ("chosen", "rejected", *used):
            continue
        sided = _sided(name)
        if sided is None:
            found[name] = value
            continue
        stem = sided.stem
        twice = not sided.is_prefix and stem in prefixed  # chosen_x and x_chosen side by side
        if twice or {f"{stem}_a", f"{stem}_b"} & (CANONICAL_NAMES | row.keys()):
            stem = f"other_{stem}"
        side, other = ("a", "b") if sided.side == "chosen" else ("b", "a")
        found[f"{stem}_{side}"] = value
        # A column about one answer only still has to change places with it.
        found.setdefault(f"{stem}_{other}", None)
    return found


def _draft(row: Row, gold: str | None) -> Draft:
    context, chosen, rejected, score, other = two_sides(row)
    prompt, messages = context.settled()
    extra = sides(row, USED)
    if score is not None and other is not None:
        gold = gold and _checked("chosen.score", score, "rejected.score", other)
        extra |= {"score_a": score, "score_b": other}
    return Draft(prompt, chosen, rejected, messages, gold=gold, extra=extra, **common(row))


def _read_hh(row: Row, _gold: GoldRule) -> list[Draft]:
    draft = _draft(row, "a")
    if draft.messages is None:
        odd = "chosen" if dialogue_answer(row.get("chosen")) is None else "rejected"
        raise RowProblem(f"{odd} does not end in an 'Assistant:' turn after a 'Human:' turn")
    return [draft]


def _read_trl(row: Row, _gold: GoldRule) -> list[Draft]:
    # Our own exports say whose choice it was. A label must never come back as gold.
    ours = str(row.get("label_source") or "").startswith("weaklabel")
    return [_draft(row, None if ours else _tie_in(row) or "a")]


def _tie_in(row: Row) -> str | None:
    """A tie, where one column holds the scores of both answers and they are equal."""
    for name in _BOTH_SCORES:
        value = row.get(name)
        if isinstance(value, dict) and {"chosen", "rejected"} <= value.keys():
            value = [value["chosen"], value["rejected"]]
        if isinstance(value, list | tuple) and len(value) == 2:
            one, two = (read_number(name, number) for number in value)
            return "tie" if one is not None and one == two else None
    return None


def _read_ultrafeedback(row: Row, _gold: GoldRule) -> list[Draft]:
    names = score_columns(row) or ("score_chosen", "score_rejected")
    for name in names:
        value = row.get(name)
        if isinstance(value, float) and value != value:
            raise RowProblem(f"{name} is NaN")
    chosen, rejected = (read_number(name, row.get(name)) for name in names)
    if chosen is None or rejected is None:
        return [_draft(row, "a")]  # no scores: the choice itself still stands
    return [_draft(row, _checked(names[0], chosen, names[1], rejected))]


def _checked(name: str, chosen: float, other: str, rejected: float) -> str | None:
    if chosen < rejected:
        raise RowProblem(f"{name} {chosen:g} is below {other} {rejected:g}")
    return larger(chosen, rejected)


def score_columns(columns: Iterable[str]) -> tuple[str, str] | None:
    """The columns that rate the chosen and the rejected answer, such as `score_chosen` and `score_rejected`.

    >>> score_columns(["chosen", "rating_chosen", "rating_rejected"])
    ('rating_chosen', 'rating_rejected')
    """
    return _score_columns(tuple(columns))


@functools.lru_cache(maxsize=64)
def _score_columns(columns: tuple[str, ...]) -> tuple[str, str] | None:
    found: dict[str, dict[str, str]] = {}
    for name in columns:
        if (sided := _sided(name)) and sided.stem in _SCORE_STEMS:
            found.setdefault(name.replace(sided.side, "*"), {})[sided.side] = name
    return next(((s["chosen"], s["rejected"]) for s in found.values() if len(s) == 2), None)


def _read_swift(row: Row, _gold: GoldRule) -> list[Draft]:
    """ms-swift's form: `messages` ends in the chosen answer, `rejected_response` is the other one."""
    turns = read_messages("messages", row.get("messages")) or []
    if not turns or turns[-1]["role"] != "assistant":
        raise RowProblem(
            "messages does not end in an answer, which is the chosen one beside rejected_response"
        )
    rest = {k: v for k, v in row.items() if k not in ("messages", "rejected_response")}
    sided = {"messages": turns[:-1], "chosen": turns[-1]["content"], "rejected": row.get("rejected_response")}
    return [_draft(rest | sided, "a")]


def _two_sided(columns: frozenset[str]) -> bool:
    return {"chosen", "rejected"} <= columns


def _is_hh(columns: frozenset[str], rows: Sequence[Row]) -> bool:
    texts = [row.get("chosen") for row in rows]
    transcripts = sum(dialogue_answer(text) is not None for text in texts)
    return _two_sided(columns) and not columns & {"prompt", "messages"} and 2 * transcripts > len(texts)


_missing = needs_all("chosen", "rejected")


def _scores_missing(columns: frozenset[str]) -> list[str]:
    return _missing(columns) + ([] if score_columns(sorted(columns)) else ["score_chosen", "score_rejected"])


HH: Final = Layout("hh", "chosen, rejected (transcripts)", _is_hh, _read_hh, _missing, redraws=True)
ULTRAFEEDBACK: Final = Layout(
    "ultrafeedback",
    "chosen, rejected, score_chosen, score_rejected",
    lambda columns, _rows: _two_sided(columns) and score_columns(sorted(columns)) is not None,
    _read_ultrafeedback,
    _scores_missing,
    redraws=True,
)
TRL: Final = Layout(
    "trl",
    "prompt, chosen, rejected",
    lambda columns, _rows: _two_sided(columns),
    _read_trl,
    _missing,
    redraws=True,
)
SWIFT: Final = Layout(
    "swift",
    "messages, rejected_response",
    lambda columns, _rows: {"messages", "rejected_response"} <= columns,
    _read_swift,
    needs_all("messages", "rejected_response"),
    redraws=True,
)
