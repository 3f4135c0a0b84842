"""Files of single responses (HelpSteer's ratings, KTO's thumbs), which are no pairs: recognised in order to say so."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from weaklabel.data.readers.base import Row
from weaklabel.errors import LayoutError
from weaklabel.types.messages import looks_like_messages


class OneResponseError(LayoutError):
    """A row holds one response, and a pair needs two."""


NAMES: Final = ("response", "completion", "answer", "output", "generation", "reply", "text")


def single_response(columns: frozenset[str], rows: Sequence[Row]) -> str | None:
    """The column that holds the one response of each row, None where the file is not of that kind."""
    if not columns & {"prompt", "messages"}:
        return None
    lower = {name.lower(): name for name in columns}
    named = [lower[name] for name in NAMES if name in lower]
    if named:
        return named[0]
    ends = [ends_in_answer(row.get("messages")) for row in rows if row.get("messages")]
    return "messages" if ends and all(ends) else None


def list_of_responses(columns: frozenset[str], rows: Sequence[Row]) -> str | None:
    """The column, named as if it held one response, that holds a list of them; None where there is none."""
    lower = {name.lower(): name for name in columns}
    found = [lower[name] for name in NAMES if name in lower]
    return next((name for name in found if rows and all(_holds_several(row.get(name)) for row in rows)), None)


def _holds_several(value: object) -> bool:
    return isinstance(value, list) and len(value) > 1 and not looks_like_messages(value)


def is_message_tree(columns: frozenset[str]) -> bool:
    """Whether rows are messages that name the message they reply to, as OpenAssistant publishes them."""
    return {"parent_id", "role"} <= columns and bool(columns & {"text", "content"})


def ends_in_answer(value: object) -> bool:
    """Whether a conversation ends in a turn of the assistant."""
    if not isinstance(value, list) or not looks_like_messages(value):
        return False
    last = value[-1]
    return str(last.get("role") or last.get("from")).lower() in ("assistant", "gpt", "model", "bot")
