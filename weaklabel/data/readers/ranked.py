"""K responses to one prompt with ratings (more is better) or ranks (1 is best): a group, read as its pairs.

Every two responses i < j make a pair, `<id>/<i>-<j>` where the row has an id. Equal ratings are a tie; a
response without rating (null, NaN, "N/A") makes pairs without gold. Lists may stand in columns of their own
(`responses`, `ratings`, `models`) or in one list of objects (`completions`, as UltraFeedback publishes it). Of two
responses gold may also stand in a verdict, as in summarize_from_feedback's `choice`.

Trap: in UltraFeedback's own files `overall_score` was parsed wrongly from some critiques (10 where 1 was
meant), so the mean of the fine-grained ratings is preferred where both are there.
"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import combinations
from typing import Any, Final, NamedTuple

from weaklabel.data.readers.answers import RANK_KEYS, SCORE_KEYS, Answer, first_of, read_answer, whole_context
from weaklabel.data.readers.base import Draft, Row, RowProblem, carried, common, read_number, shown
from weaklabel.data.readers.context import USED, read_context
from weaklabel.data.readers.gold_rule import GoldRule, larger
from weaklabel.data.readers.layout import Layout

LISTS: Final = ("responses", "completions", "answers", "candidates", "generations", "summaries", "outputs")
"""What files call the list of responses."""
RATINGS: Final = ("ratings", "scores", "rewards", "rating")


class _Ratings(NamedTuple):
    """A number for each response, by what they are called, and the columns they came from."""

    numbers: list[float | None]
    stem: str
    columns: list[str]


def _missing(columns: frozenset[str]) -> list[str]:
    found = (("prompt", ("prompt", "messages")), ("responses", LISTS))
    return [word for word, names in found if not columns & set(names)]


def _matches(columns: frozenset[str], rows: Sequence[Row]) -> bool:
    name = first_of(LISTS, columns)
    lists = sum(isinstance(row.get(name), list) for row in rows) if name else 0
    return not _missing(columns) and 2 * lists > len(rows)


def _read(row: Row, gold: GoldRule) -> list[Draft]:
    name = first_of(LISTS, row) or "responses"
    answers = _answers(name, row.get(name))
    context = read_context(row)
    prompt, messages = context.behind(whole_context(context.messages, answers)).settled()
    ratings = _ratings(row, answers)
    by_side = {ratings.stem: ratings.numbers} | _models(row, answers)
    verdicts = _verdicts(row, gold, ratings)
    shared = common(row)
    row_id = shared.pop("id")
    rest = carried(row, (*USED, name, "models", *ratings.columns, *gold.used))
    drafts = []
    for i, j in combinations(range(len(answers)), 2):
        extra = dict(rest)
        for stem, values in by_side.items():
            extra |= {f"{stem}_a": values[i], f"{stem}_b": values[j]}
        pair_id = None if row_id is None else f"{row_id}/{i}-{j}"
        texts = answers[i].text, answers[j].text
        drafts.append(Draft(prompt, *texts, messages, verdicts[i, j], pair_id, extra=extra, **shared))
    return drafts


def _answers(name: str, items: Any) -> list[Answer]:
    if not isinstance(items, list | tuple) or len(items) < 2:
        came = f"a list of {len(items)}" if isinstance(items, list | tuple) else shown(items)
        raise RowProblem(f"{name} is {came}, expected a list of at least two responses")
    return [read_answer(f"{name}[{k}]", item) for k, item in enumerate(items)]


def _ratings(row: Row, answers: Sequence[Answer]) -> _Ratings:
    column = first_of((*RATINGS, *RANK_KEYS), row)
    if column is not None:
        raw, key = _beside(column, row, len(answers)), column
        if column == "ranking" and _may_be_order(raw):
            raise RowProblem(
                f"ranking is {shown(raw)}, which can be the rank of each response or their order, best first: if it is the rank, write "
                'ranks = "ranking" in columns'
            )
    else:
        keys = dict.fromkeys(key for answer in answers for key in answer.held)
        key = first_of((*SCORE_KEYS, *RANK_KEYS), keys) or "ratings"
        raw = [answer.held.get(key) for answer in answers]
    numbers = [read_number(key, value) for value in raw]
    return _Ratings(numbers, "rank" if key in RANK_KEYS else "score", [] if column is None else [column])


def _may_be_order(values: Sequence[Any]) -> bool:
    """Whether numbers say one thing as ranks and another as the places of the best, the next, and so on."""
    if not all(isinstance(value, int) for value in values):
        return False
    first: int = min(values)
    if first not in (0, 1) or sorted(values) != list(range(first, first + len(values))):
        return False
    places = [v - first for v in values]
    return any(places[place] != k for k, place in enumerate(places))


def _models(row: Row, answers: Sequence[Answer]) -> dict[str, list[Any]]:
    if any("model" in answer.held for answer in answers):
        return {"model": [answer.held.get("model") for answer in answers]}
    return {"model": _beside("models", row, len(answers))} if "models" in row else {}


def _beside(column: str, row: Row, n_answers: int) -> list[Any]:
    values = row.get(column)
    if values is None:
        return [None] * n_answers
    if not isinstance(values, list | tuple) or len(values) != n_answers:
        raise RowProblem(f"{column} does not hold one value for each of {n_answers} responses")
    return list(values)


def _verdicts(row: Row, gold: GoldRule, ratings: _Ratings) -> dict[tuple[int, int], str | None]:
    """Gold of every pair of responses."""
    n = len(ratings.numbers)
    if gold.used:
        if n != 2:
            raise RowProblem(
                f"{gold.shown or gold.used[0]} says which of two responses is better, and there are {n}"
            )
        return {(0, 1): gold.read(row)}
    numbers = [None if x is None else -x if ratings.stem == "rank" else x for x in ratings.numbers]
    return {(i, j): larger(numbers[i], numbers[j]) for i, j in combinations(range(n), 2)}


RANKED: Final = Layout(
    "ranked", "prompt, responses (a list), ratings or ranks", _matches, _read, _missing, redraws=True
)
