"""`best_of_n`: how often the response that a comparer ranks first is a right one."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import combinations
from typing import Any, Final

import numpy as np

from weaklabel._shown import Shown, Sketch
from weaklabel._tables import plain_table
from weaklabel.data.readers.base import shown
from weaklabel.data.sources import PairSource, open_source
from weaklabel.errors import DataError
from weaklabel.metrics import Interval, Metric, bootstrap
from weaklabel.metrics.rows import ratio
from weaklabel.reward.base import RewardModel
from weaklabel.reward.evaluation.evaluation import LONGER, Comparers, named_arms
from weaklabel.types import Comparer, FloatArray, Pair, Pairs, Text, answer_of
from weaklabel.types.result import Result

RANDOM: Final = "random choice"


@dataclass(frozen=True, slots=True, repr=False)
class Candidates(Shown):
    """One prompt, its candidate responses, and which of them are right (at least one, not all)."""

    prompt: str
    responses: tuple[str, ...]
    right: tuple[bool, ...]


@dataclass(frozen=True, slots=True, repr=False)
class BestOfN(Result):
    """How often the first choice is right.

    Attributes:
        figures: per arm the share of prompts whose first choice is right, prompts resampled; equal first choices
            count their share of right ones. The rows `longer_response` (the longest) and `random choice` come last.
        n_prompts: rows; `n_candidates` the mean number of candidates.
    """

    figures: dict[str, Interval]
    n_prompts: int
    n_candidates: float

    def _sketch(self) -> Sketch:
        return Sketch(self._summary(), *self._cells())

    def __str__(self) -> str:
        return f"{plain_table(*self._cells())}\n{self._summary()}"

    def _cells(self) -> tuple[list[str], list[list[str]]]:
        rows = [[arm, str(interval)] for arm, interval in self.figures.items()]
        return ["best of n", "first choice right"], rows

    def _summary(self) -> str:
        return f"{self.n_prompts:,} prompts, {self.n_candidates:.1f} candidates each on average."


def read_candidates(source: PairSource) -> list[Candidates]:
    """Rows of one prompt with several candidates.

    A row holds `prompt` and either `chosen` and `rejected` (texts or lists of texts), or `responses` and `correct`
    (as many true or false values).

    Args:
        source: what `read_pairs` takes: a path (Parquet, JSONL, JSON, CSV), a list of dicts, a DataFrame.

    Raises:
        DataError: a row without these, or whose candidates are all right or all wrong; names file and line.
    """
    found = [
        _candidates(row, f"{block.file}, line {line}")
        for stream in open_source(source)
        for block in stream.blocks()
        for line, row in zip(block.lines, block.rows(), strict=True)
    ]
    if not found:
        raise DataError("there are no rows of candidates. Expected one prompt with its candidates per row.")
    return found


def best_of_n(
    comparers: Comparers,
    rows: Sequence[Candidates],
    *,
    n_draws: int = 1000,
    seed: int = 0,
) -> BestOfN:
    """The share of prompts whose first choice is right, per comparer.

    A reward model scores each candidate; any other comparer is asked about every two of them, and a candidate's
    standing is the sum of its chances to win. For a reward model both give the same order.

    Raises:
        DataError: no rows. LabelMatrixError: as for `evaluate`.
    """
    if not rows:
        raise DataError("best_of_n: no rows were given. Read some with read_candidates.")
    arms = named_arms(comparers)
    standings = {name: _standings(name, comparer, rows) for name, comparer in arms.items()}
    standings[LONGER] = [np.array([len(r) for r in row.responses], dtype=np.float64) for row in rows]
    standings[RANDOM] = [np.zeros(len(row.responses)) for row in rows]
    figures = {}
    for name, scores in standings.items():
        won = np.array([_share_right(s, row.right) for s, row in zip(scores, rows, strict=True)])
        figures[name] = bootstrap(_MEAN, won, np.ones(len(rows)), n_draws=n_draws, seed=seed)
    return BestOfN(figures, len(rows), float(np.mean([len(row.responses) for row in rows])))


_MEAN: Final = Metric(
    "best_of_n",
    lambda p, y: np.column_stack([p, y]),
    lambda sums: ratio(sums[..., 0], sums[..., 1]),
)


def _standings(name: str, comparer: Comparer, rows: Sequence[Candidates]) -> list[FloatArray]:
    if isinstance(comparer, RewardModel):
        flat = comparer.score(
            [row.prompt for row in rows for _ in row.responses], [r for row in rows for r in row.responses]
        )
        return np.split(flat, np.cumsum([len(row.responses) for row in rows])[:-1])
    p = answer_of(name, comparer, Pairs.of(_every_two(rows)))
    standings, at = [], 0
    for row in rows:
        standing = np.zeros(len(row.responses))
        for i, j in combinations(range(len(row.responses)), 2):
            standing[i] += 1.0 - p[at]
            standing[j] += p[at]
            at += 1
        # Sums in another order differ in their last bits, which must not decide between equal candidates.
        standings.append(standing.round(12))
    return standings


def _every_two(rows: Sequence[Candidates]) -> Iterator[Pair]:
    for number, row in enumerate(rows):
        prompt, texts = Text(row.prompt), [Text(response) for response in row.responses]
        for i, j in combinations(range(len(texts)), 2):
            yield Pair(f"{number}/{i}-{j}", prompt, texts[i], texts[j])


def _share_right(standing: FloatArray, right: Sequence[bool]) -> float:
    return float(np.mean(np.asarray(right)[standing == standing.max()]))


def _candidates(row: Mapping[str, Any], where: str) -> Candidates:
    if "chosen" in row and "rejected" in row:
        good, bad = _texts(row, "chosen", where), _texts(row, "rejected", where)
        responses, right = [*good, *bad], [True] * len(good) + [False] * len(bad)
    elif "responses" in row and "correct" in row:
        responses, right = _texts(row, "responses", where), row["correct"]
        if (
            not isinstance(right, list)
            or len(right) != len(responses)
            or any(v not in (True, False) for v in right)
        ):
            raise DataError(
                f"{where}: correct is {shown(right)}. Give a list with true or false for each response."
            )
    else:
        raise DataError(
            f"{where}: found the columns {', '.join(row)}. Best of n needs prompt, and chosen with rejected or "
            "responses with correct."
        )
    if not isinstance(row.get("prompt"), str):
        raise DataError(f"{where}: prompt is {shown(row.get('prompt'))}. Expected a text.")
    if all(right) or not any(right):
        raise DataError(f"{where}: all candidates are {'right' if any(right) else 'wrong'}. Drop the row.")
    return Candidates(row["prompt"], tuple(responses), tuple(bool(v) for v in right))


def _texts(row: Mapping[str, Any], name: str, where: str) -> list[str]:
    value = row[name]
    texts = [value] if isinstance(value, str) else value
    if not isinstance(texts, list) or any(not isinstance(text, str) for text in texts):
        raise DataError(f"{where}: {name} is {shown(value)}. Expected a text or a list of texts.")
    return texts
