"""Answers of the expert with their provenance: which rule asked, what was believed before, in which round."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import numpy as np

from weaklabel import artifacts
from weaklabel.artifacts import content_hash, parse_json
from weaklabel.data.asked.prompts import Prompt
from weaklabel.errors import ArtifactError
from weaklabel.export.folder import write_jsonl
from weaklabel.types import FloatArray, Pair, Pairs, Text, prompt_key
from weaklabel.types.messages import copied

ANSWERS: Final = "answers.jsonl"


@dataclass(frozen=True)
class Answer:
    """What the expert said of one pair, or of one response.

    Attributes:
        key: of the question; swapping the responses does not change it.
        prompt: that was answered.
        a, b: the responses; b is None where the question was about a alone.
        said: P(b is better), or the score of a.
        rule, value, reason: who chose the question, what it was worth by that rule, and why.
        belief: what the evaluation model said before: P(b is better), or the reward of a; None where there was none yet.
        origin: who gave the responses, `candidates.ON_POLICY` or `OFF_POLICY`.
        round: in which it was asked.
    """

    key: str
    prompt: Prompt
    a: str
    b: str | None
    said: float
    rule: str
    value: float
    reason: str
    belief: float | None
    origin: str
    round: int

    def to_row(self) -> dict[str, Any]:
        """As a line of the round's file."""
        told = {"messages": [dict(turn) for turn in self.prompt.messages]} if self.prompt.given else {}
        texts = {"response": self.a} if self.b is None else {"response_a": self.a, "response_b": self.b}
        rest = ("said", "rule", "value", "reason", "belief", "origin", "round")
        return {
            "key": self.key,
            "prompt": self.prompt.text,
            **told,
            **texts,
            **{name: getattr(self, name) for name in rest},
        }

    @classmethod
    def of_row(cls, row: Mapping[str, Any]) -> Answer:
        """What `to_row` gave."""
        rest = ("said", "rule", "value", "reason", "belief", "origin", "round")
        prompt = Prompt.of(row["prompt"], copied(row.get("messages") or ()))
        a = row["response"] if "response" in row else row["response_a"]
        return cls(row["key"], prompt, a, row.get("response_b"), **{name: row[name] for name in rest})


@dataclass(frozen=True)
class Answers:
    """All answers so far, in the order in which they were asked; `n` of them."""

    rows: tuple[Answer, ...] = ()

    @classmethod
    def read(cls, folders: Iterable[Path]) -> Answers:
        """Those of some rounds.

        Raises:
            ArtifactError: a file that is missing or torn.
        """
        found: list[Answer] = []
        for folder in folders:
            try:
                lines = (folder / ANSWERS).read_text(encoding="utf-8").splitlines()
                found += [Answer.of_row(parse_json(line)) for line in lines if line.strip()]
            except (OSError, ValueError, KeyError, TypeError) as error:
                raise ArtifactError(
                    f"{folder / ANSWERS} cannot be read ({error}). Carry out the round again."
                ) from None
        return cls(tuple(found))

    def write(self, folder: Path) -> None:
        """Into `answers.jsonl` of a round."""
        with artifacts.atomic_file(folder / ANSWERS) as path:
            write_jsonl(path, (each.to_row() for each in self.rows))

    def __len__(self) -> int:
        return len(self.rows)

    def __add__(self, more: Sequence[Answer]) -> Answers:
        return Answers((*self.rows, *more))

    @property
    def said(self) -> FloatArray:
        """`(n,)`."""
        return np.array([each.said for each in self.rows], dtype=np.float64)

    @property
    def words(self) -> list[str]:
        """`n`: of a pair "decided" or "tie", for which side won says nothing; of a response its score."""
        return [
            f"{each.said:g}" if each.b is None else "tie" if each.said == 0.5 else "decided"
            for each in self.rows
        ]

    @property
    def keys(self) -> set[str]:
        """Of the questions."""
        return {each.key for each in self.rows}

    @property
    def mark(self) -> str:
        """A name for what these answers teach: with others, as after a budget was raised, a training is another one."""
        return content_hash(*(part for each in self.rows for part in (each.key, repr(each.said))))[:12]

    @property
    def groups(self) -> list[str]:
        """`n` keys, equal for equal prompts."""
        return [prompt_key(each.prompt.text) for each in self.rows]

    def take(self, rows: Iterable[int]) -> Answers:
        """Some of them."""
        return Answers(tuple(self.rows[k] for k in rows))

    @property
    def pairs(self) -> Pairs:
        """`n`; of single responses both are that one."""
        return Pairs.of(
            _pair(each.key, each.prompt, each.a, each.a if each.b is None else each.b) for each in self.rows
        )

    def compared(self) -> tuple[Pairs, FloatArray]:
        """Pairs with P(b is better), `(m,)`: as they were asked, or every two scored responses of one prompt."""
        if not self.rows or self.rows[0].b is not None:
            return self.pairs, self.said
        of: dict[str, list[Answer]] = {}
        for each in self.rows:
            of.setdefault(each.prompt.told, []).append(each)
        found, said = [], []
        for some in of.values():
            for k, one in enumerate(some):
                for other in some[k + 1 :]:
                    if one.a != other.a:
                        found.append(_pair(one.key[:12] + other.key[:12], one.prompt, one.a, other.a))
                        said.append((1 + np.sign(other.said - one.said)) / 2)
        return Pairs.of(found), np.array(said, dtype=np.float64)


def as_gold(said: FloatArray) -> FloatArray:
    """`(n,)` answers that are certain as gold; NaN for others, which are beliefs.

    >>> as_gold(np.array([1.0, 0.5, 0.8])).tolist()
    [1.0, 0.5, nan]
    """
    return np.where(np.isin(said, (0.0, 0.5, 1.0)), said, np.nan)


def _pair(key: str, prompt: Prompt, a: str, b: str) -> Pair:
    return Pair(
        key[:24], Text(prompt.text), Text(a), Text(b), messages=prompt.messages if prompt.given else ()
    )
