"""`read_choices`: multiple-choice questions from a local file, each with the answer that is right."""

from __future__ import annotations

import string
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

from weaklabel._shown import Shown
from weaklabel.data.readers.base import encodes, shown
from weaklabel.data.sources import PairSource, open_source
from weaklabel.errors import DataError, LayoutError

_COLUMNS: Final = ("question", "choices", "answer")


@dataclass(frozen=True, slots=True, repr=False)
class Choice(Shown):
    """A question, the answers to choose from, two or more and all different, and the place of the right one, from 0."""

    question: str
    choices: tuple[str, ...]
    answer: int


def read_choices(source: PairSource) -> list[Choice]:
    """Rows of `question`, `choices` (a list of texts) and `answer`: the place of the right choice, counted from 0, or its letter.

    Every row has to be right: of a test with holes a figure says nothing.

    Args:
        source: what `read_pairs` takes: a path (JSONL, JSON, Parquet), a list of dicts, a data frame.

    Raises:
        DataError: no rows, or a row that is no such question; names file and line. LayoutError: a column that is missing.

    >>> read_choices([{"question": "2 + 2?", "choices": ["3", "4"], "answer": "B"}])[0].answer
    1
    """
    found = []
    for stream in open_source(source, "questions"):
        for block in stream.blocks():
            if block.set_aside:
                raise DataError(f"{block.set_aside[0]}. Repair or remove the line.")
            if len(block.lines) and (missing := [name for name in _COLUMNS if name not in block.columns]):
                raise LayoutError(
                    f"{block.file}: there is no column {missing[0]!r}. Found: {', '.join(block.columns[:12])}. Multiple choice needs "
                    f"{', '.join(_COLUMNS)}."
                )
            rows = zip(block.lines, block.rows(), strict=True)
            found += [_choice(row, f"{block.file}, line {line}") for line, row in rows]
    if not found:
        raise DataError(f"{str(source)[:80]} holds no questions. Expected {', '.join(_COLUMNS)} in each row.")
    return found


def _choice(row: Mapping[str, Any], where: str) -> Choice:
    question, choices = row["question"], row["choices"]
    if not isinstance(question, str) or not question.strip() or not encodes(question):
        raise DataError(f"{where}: question is {shown(question)}. Expected a text that is not empty.")
    texts = list(choices) if isinstance(choices, list | tuple) else []
    if len(texts) < 2 or not all(isinstance(text, str) and text.strip() and encodes(text) for text in texts):
        raise DataError(
            f"{where}: choices is {shown(choices)}. Expected a list of two texts or more, none empty."
        )
    if len({text.strip() for text in texts}) < len(texts):
        raise DataError(f"{where}: two of the choices are the same. Leave one out.")
    return Choice(question, tuple(text.strip() for text in texts), _place(row["answer"], texts, where))


def _place(answer: Any, texts: list[str], where: str) -> int:
    allowed = f"0 to {len(texts) - 1}, counted from 0, or a letter from A to {string.ascii_uppercase[min(len(texts), 26) - 1]}"
    place: Any = answer
    if isinstance(answer, str):
        letter = answer.strip().upper()
        place = string.ascii_uppercase.find(letter) if len(letter) == 1 else None
        meant = [at for at, text in enumerate(texts) if text.strip() == answer.strip()]
        if meant and meant != [place] and place is not None and 0 <= place < len(texts):
            raise DataError(
                f"{where}: answer {answer!r} is the letter of choice {place} and the text of choice {meant[0]}. Give the place, {allowed}."
            )
    if isinstance(place, bool) or not isinstance(place, int) or not 0 <= place < len(texts):
        raise DataError(f"{where}: answer is {shown(answer)}. Allowed: {allowed}.")
    return place
