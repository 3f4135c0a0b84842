"""K responses to one prompt with ratings (more is better) or ranks (1 is best): a group, read as its pairs.

Every two responses i < j make a pair, `<id>/<i>-<j>` where the row has an id. Equal ratings are a tie; a
response without rating (null, NaN, "N/A") makes pairs without gold. Lists may stand in columns of their own
(`responses`, `ratings`, `models`) or in one list of objects (`completions`, as UltraFeedback publishes it).

Trap: in UltraFeedback's own files `overall_score` was parsed wrongly from some critiques (10 where 1 was
meant), so the mean of the fine-grained ratings is preferred where both are there.
"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import combinations
from typing import Any, Final

from weaklabel.data.readers.base import (
    Draft,
    Layout,
    Row,
    RowProblem,
    carried,
    common,
    read_number,
    shown,
)
from weaklabel.data.readers.canonical import read_prompt

_RESPONSES: Final = ("responses", "completions", "answers", "candidates", "generations")
_PROMPTS: Final = ("prompt", "messages", "instruction", "question")
_RATINGS: Final = ("ratings", "scores", "rewards")
_RANKS: Final = ("ranks", "rank", "ranking")
_TEXT_KEYS: Final = ("response", "text", "content", "completion", "answer")
_SCORE_KEYS: Final = ("fine-grained_score", "rating", "score", "overall_score", "reward")


def _first(names: Sequence[str], columns: object) -> str | None:
    return next((name for name in names if name in columns), None)  # type: ignore[operator]


def _missing(columns: frozenset[str]) -> list[str]:
    found = (("prompt", _PROMPTS), ("responses", _RESPONSES))
    return [word for word, names in found if not columns & set(names)]


def _matches(columns: frozenset[str], rows: Sequence[Row]) -> bool:
    name = _first(_RESPONSES, columns)
    lists = sum(isinstance(row.get(name), list) for row in rows) if name else 0
    return not _missing(columns) and 2 * lists > len(rows)


def _read(row: Row) -> list[Draft]:
    prompt_name = _first(_PROMPTS, row) or "prompt"
    prompt, messages = read_prompt({**row, "prompt": row.get("prompt", row.get(prompt_name))})
    name = _first(_RESPONSES, row) or "responses"
    texts, numbers, direction, sides, used = _answers(name, row)
    shared = common(row)
    row_id = shared.pop("id")
    rest = carried(row, [prompt_name, name, *used])
    drafts = []
    for i, j in combinations(range(len(texts)), 2):
        extra = dict(rest)
        for stem, values in sides.items():
            extra |= {f"{stem}_a": values[i], f"{stem}_b": values[j]}
        gold = _verdict(numbers[i], numbers[j], direction)
        pair_id = None if row_id is None else f"{row_id}/{i}-{j}"
        drafts.append(Draft(prompt, texts[i], texts[j], messages, gold, pair_id, extra=extra, **shared))
    return drafts


def _answers(
    name: str, row: Row
) -> tuple[list[Any], list[float | None], int, dict[str, list[Any]], list[str]]:
    """Texts, numbers, +1 (more is better) or -1, columns per response, and the names of the columns used."""
    items = row.get(name)
    if not isinstance(items, list) or len(items) < 2:
        came = f"a list of {len(items)}" if isinstance(items, list) else shown(items)
        raise RowProblem(f"{name} is {came}, expected a list of at least two responses")
    keys = set().union(*(item for item in items if isinstance(item, dict)))
    text_key, model_key = _first(_TEXT_KEYS, keys), _first(("model",), keys)
    texts = _inside(items, text_key) if text_key else items
    column = _first((*_RATINGS, *_RANKS), row)
    number_key = column or _first((*_SCORE_KEYS, *_RANKS), keys)
    raw = _beside(column, row, items) if column else _inside(items, number_key)
    numbers = [read_number(number_key or "ratings", value) for value in raw]
    sides: dict[str, list[Any]] = {"rank" if number_key in _RANKS else "score": list(numbers)}
    if model_key or "models" in row:
        sides["model"] = _inside(items, model_key) if model_key else _beside("models", row, items)
    used = [c for c in (column, "models" if "models" in row else None) if c]
    return texts, numbers, -1 if number_key in _RANKS else 1, sides, used


def _inside(items: list[Any], key: str | None) -> list[Any]:
    return [item.get(key) if isinstance(item, dict) and key else None for item in items]


def _beside(column: str, row: Row, items: list[Any]) -> list[Any]:
    values = row.get(column)
    if values is None:
        return [None] * len(items)
    if not isinstance(values, list) or len(values) != len(items):
        raise RowProblem(f"{column} does not hold one value for each of {len(items)} responses")
    return values


def _verdict(first: float | None, second: float | None, direction: int) -> str | None:
    if first is None or second is None:
        return None
    if first == second:
        return "tie"
    return "a" if (first > second) == (direction > 0) else "b"


RANKED: Final = Layout(
    "ranked", "prompt, responses (a list), ratings or ranks", _matches, _read, _missing, redraws=True
)
