"""Ranked lists: the outputs of a prompt with a score each, from comparisons or from a file; ties by a stated rule."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Final

import numpy as np

from weaklabel.artifacts import content_hash
from weaklabel.data.fields.nested import with_columns
from weaklabel.data.readers.base import RowProblem, is_missing, shown
from weaklabel.data.readers.context import read_context
from weaklabel.data.sources import PairSource, open_source
from weaklabel.errors import DataError
from weaklabel.groups import Comparison, Group, trainable_groups
from weaklabel.types import SetAside
from weaklabel.types.messages import Message

_OUTPUTS: Final = "outputs"
_SUREST: Final = 1e-9  # beliefs of 0 and 1 have a score too


@dataclass(frozen=True, slots=True)
class Output:
    """A response with its score, more being better, and words about it where the data has them."""

    text: str
    score: float
    feedback: str | None = None


@dataclass(frozen=True, slots=True)
class Ranked:
    """Outputs of one prompt.

    Attributes:
        prompt: what they answer.
        outputs: two or more, in any order.
        messages: the conversation that stands for the prompt where the tokenizer has a chat template; may be empty.
        w: how much the list counts.
        log_odds: whether a difference of two scores is the log-odds of which is better.
    """

    prompt: str
    outputs: tuple[Output, ...]
    messages: tuple[Message, ...] = ()
    w: float = 1.0
    log_odds: bool = False

    def rising(self, least: float = 0.0) -> tuple[Output, ...]:
        """The outputs from the worst to the best. Of outputs that tie, the first one given stays.

        Args:
            least: with scores in log-odds, neighbours whose belief is nearer to 1/2 than this tie too.

        >>> two = Ranked("?", (Output("b", 1.0), Output("a", 0.0), Output("c", 1.0)))
        >>> [each.text for each in two.rising()]
        ['a', 'b']
        """
        kept: list[Output] = []
        for each in sorted(self.outputs, key=lambda output: output.score):
            gap = math.inf if not kept else each.score - kept[-1].score
            if gap > 0 and (not self.log_odds or belief_gap(gap) >= least):
                kept.append(each)
        return tuple(kept)


def belief_gap(difference: float) -> float:
    """How far the belief of a log-odds is from 1/2, in [0, .5].

    >>> belief_gap(0.0), round(belief_gap(math.log(3)), 12)
    (0.0, 0.25)
    """
    return abs(math.tanh(difference / 2) / 2)


@dataclass(slots=True)
class Lists:
    """Ranked lists, and rows that could not be used."""

    rows: list[Ranked]
    set_aside: list[SetAside] = field(default_factory=list)

    def __len__(self) -> int:
        return len(self.rows)

    @property
    def hash(self) -> str:
        """Of all that they hold."""
        return content_hash(*map(repr, self.rows))


def lists_of(groups: Sequence[Group], max_outputs: int) -> list[Ranked]:
    """Comparisons as lists: one each where `max_outputs` is 2; otherwise one per prompt, of at most so many outputs.

    The scores of a prompt's responses are those whose differences are nearest to the log-odds of its comparisons, by weighted
    least squares. Of more responses the best, the worst and evenly spaced ones between them are taken. A prompt whose comparisons
    do not connect all its responses gives a list per comparison.

    Raises:
        DataError: nothing to learn from; see `trainable_groups`.
    """
    found: list[Ranked] = []
    for group in trainable_groups(groups).groups:
        scores = _scores(group) if max_outputs > 2 and len(group.responses) > 2 else None
        found += (
            [_compared(group, c) for c in group.comparisons]
            if scores is None
            else [_whole(group, scores, max_outputs)]
        )
    return found


def _compared(group: Group, c: Comparison) -> Ranked:
    outputs = (Output(group.responses[c.i], 0.0), Output(group.responses[c.j], log_odds(c.p)))
    return Ranked(group.prompt, outputs, group.messages, c.w, log_odds=True)


def _whole(group: Group, scores: Sequence[float], most: int) -> Ranked:
    order = np.argsort(scores, kind="stable")
    if len(order) > most:
        order = order[np.round(np.linspace(0, len(order) - 1, most)).astype(int)]
    outputs = tuple(Output(group.responses[k], float(scores[k])) for k in sorted(order.tolist()))
    w = float(np.mean([c.w for c in group.comparisons]))
    return Ranked(group.prompt, outputs, group.messages, w, log_odds=True)


def _scores(group: Group) -> list[float] | None:
    """Of the responses, in log-odds; None where the comparisons do not connect them."""
    n = len(group.responses)
    design, wanted = np.zeros((len(group.comparisons), n)), np.zeros(len(group.comparisons))
    for row, c in enumerate(group.comparisons):
        root = math.sqrt(c.w)
        design[row, c.i], design[row, c.j], wanted[row] = -root, root, root * log_odds(c.p)
    solution, _, rank, _ = np.linalg.lstsq(design, wanted, rcond=None)
    return None if rank < n - 1 else [float(score) for score in solution]


def log_odds(p: float) -> float:
    """Of a belief; of 0 and 1 those of a belief very near."""
    inside = min(max(p, _SUREST), 1 - _SUREST)
    return math.log(inside) - math.log1p(-inside)


def read_lists(source: PairSource, *, columns: Mapping[str, str] | None = None) -> Lists:
    """Rows of a prompt and `outputs`, a list of objects with `text`, `score` (more is better) or `rank` (1 is best), and `feedback`.

    Args:
        source: a path, a glob, a list of paths or dicts, a data frame or data set.
        columns: our names -> yours: `prompt`, `messages`, `system`, `outputs`.

    Raises:
        DataError: nothing to read, or no row that can be used; names the first reason.

    >>> row = {"prompt": "2 + 2?", "outputs": [{"text": "5", "rank": 2, "feedback": "Wrong:"}, {"text": "4", "rank": 1}]}
    >>> read_lists([row]).set_aside[0].reason
    'outputs have feedback in some and none in others; give all of them words, or none'
    """
    found = Lists([])
    for stream in open_source(source, "ranked lists"):
        for block in stream.blocks():
            found.set_aside.extend(block.set_aside)
            rows = with_columns(block, dict(columns or {})).rows()
            for line, row in zip(block.lines, rows, strict=True):
                try:
                    found.rows.append(_read(row))
                except RowProblem as problem:
                    found.set_aside.append(SetAside(block.file, line, str(problem)))
    return found


def check_lists(found: Lists, what: str) -> Lists:
    """The lists, if there are any.

    Raises:
        DataError: there is none.
    """
    if not found.rows:
        first = f" First: {found.set_aside[0]}." if found.set_aside else ""
        raise DataError(f"{what}: none of {len(found.set_aside):,} rows is a list of ranked outputs.{first}")
    return found


def _read(row: Mapping[str, Any]) -> Ranked:
    prompt, messages = read_context(row).settled()
    if not isinstance(prompt, str) or not prompt.strip():
        raise RowProblem(f"prompt is {shown(prompt)}, expected text")
    given = row.get(_OUTPUTS)
    if not isinstance(given, list) or len(given) < 2:
        raise RowProblem(
            f"outputs is {shown(given)}, expected a list of two or more objects with text, and score or rank"
        )
    outputs = tuple(_outputs(given))
    named = sum(output.feedback is not None for output in outputs)
    if named not in (0, len(outputs)):
        raise RowProblem("outputs have feedback in some and none in others; give all of them words, or none")
    return Ranked(prompt, outputs, tuple(messages or ()))


def _outputs(given: Sequence[Any]) -> Iterator[Output]:
    key = "score" if isinstance(given[0], Mapping) and not is_missing(given[0].get("score")) else "rank"
    for number, each in enumerate(given, 1):
        text = each.get("text") if isinstance(each, Mapping) else None
        if not isinstance(text, str) or not text.strip():
            raise RowProblem(f"output {number} has the text {shown(text)}, expected words")
        value = each.get(key)
        if isinstance(value, bool) or not isinstance(value, int | float) or not math.isfinite(value):
            raise RowProblem(
                f"output {number} has {key} {shown(value)}, expected a number; all have score, or all rank"
            )
        feedback = each.get("feedback")
        if not (feedback is None or (isinstance(feedback, str) and feedback.strip())):
            raise RowProblem(f"output {number} has the feedback {shown(feedback)}, expected words")
        yield Output(text, float(value if key == "score" else -value), feedback)
