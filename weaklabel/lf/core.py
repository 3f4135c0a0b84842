"""Labeling functions: what yields votes.

Two kinds. A *labeling function* maps a pair to a vote. A *response scorer* maps one response (and, if it
asks for it, the prompt) to a number; the pair's vote is the sign of the difference. The second kind cannot
depend on which response stands first, is computed once per distinct response, and keeps its margin:
"12 words longer" and "400 words longer" are different evidence. Write scorers where you can.
"""

from __future__ import annotations

import inspect
import math
from abc import ABC, abstractmethod
from collections.abc import Callable, Sequence
from dataclasses import MISSING, dataclass, fields, replace
from pathlib import Path
from typing import Any

import numpy as np

from weaklabel._arguments import check_value, places, required_names
from weaklabel._guard import is_own
from weaklabel._shown import Shown, Sketch
from weaklabel._terminal import plain_line
from weaklabel.errors import LabelingFunctionError, VoteError
from weaklabel.lf.batch import PairBatch
from weaklabel.lf.settings import Prefer, check_prefer
from weaklabel.lf.votes import BatchVotes, NotAVote, check_score, check_vote, fault_of, shortened
from weaklabel.text.column import TextColumn
from weaklabel.types import ABSTAIN, Float32Array, FloatArray, Int8Array, Pair


@dataclass(frozen=True, kw_only=True, repr=False)
class LabelingFunction(Shown, ABC):
    """What every labeling function has, whichever way it votes.

    Attributes:
        name: unique among the functions that are applied together.
        family: where it is at home, the stem of its file; family and name are its identity.
        columns: source columns it may see; nothing else of the source reaches it.
        version: raise it when something outside the code changes what it says (a model, a word list).
        spec: how another process finds it again, e.g. `lfs/style.py::polite`; None for a function that lives
            only in this process, such as one in a notebook cell.
    """

    name: str
    family: str
    columns: tuple[str, ...] = ()
    version: str = "1"
    spec: str | None = None
    allow: bool = False

    def __post_init__(self) -> None:
        check_name(self.name)

    def _values(self) -> list[tuple[str, Any]]:
        """Its name, its family, and what is not as it is by default: in a list of many each is one line."""
        told = [
            (field.name, value)
            for field in fields(self)
            if field.default is not MISSING and (value := getattr(self, field.name)) != field.default
        ]
        return [("name", self.name), ("family", self.family), *told]

    def _sketch(self) -> Sketch:
        doc = f": {self.doc}" if self.doc else ""
        return self._fields(f"{type(self).__name__} {self.name}, family {self.family}{doc}")

    @abstractmethod
    def vote_all(self, pairs: Sequence[Pair]) -> BatchVotes:
        """Votes on pairs. A pair on which the function raises gets an abstain and a `Fault`."""

    def vote_batch(self, batch: PairBatch) -> BatchVotes:
        """Votes on a shard: the same as `vote_all` gives."""
        return self.vote_all(batch.pairs(self.columns))

    def __call__(self, pair: Pair) -> int:
        """The vote on one pair.

        Raises:
            VoteError: when the function raised, or returned something that is not a vote.
        """
        check_value(f"{self.name!r}: pair", pair, "Pair")
        found = self.vote_all([pair])
        if found.faults:
            raise VoteError(str(found.faults[0]))
        return int(found.votes[0])

    @property
    def doc(self) -> str:
        """What it does, in one line; may be empty."""
        return ""

    @property
    def source_file(self) -> Path | None:
        """The file that defines it, None for one that is described by its settings or typed into an interpreter."""
        return None

    @property
    def parameters(self) -> dict[str, Any]:
        """Settings beside the code that change its votes, as JSON values."""
        return {"columns": list(self.columns), "version": self.version}

    @property
    def resources(self) -> dict[str, Any]:
        """Objects beside `fn` that its votes rest on, by name; they count by what they are made of."""
        return {}


@dataclass(frozen=True, kw_only=True, repr=False)
class WrittenFunction(LabelingFunction):
    """A labeling function around a function that somebody wrote.

    Attributes:
        fn: the function.
    """

    fn: Callable[..., Any]

    @property
    def doc(self) -> str:
        return (inspect.getdoc(self.fn) or "").partition("\n")[0]

    @property
    def source_file(self) -> Path | None:
        try:
            return Path(inspect.getsourcefile(inspect.unwrap(self.fn)) or "")
        except TypeError:
            return None


@dataclass(frozen=True, kw_only=True, repr=False)
class PairFunction(WrittenFunction):
    """A labeling function given as pair -> vote. Made by `@labeling_function`."""

    def vote_all(self, pairs: Sequence[Pair]) -> BatchVotes:
        votes = np.full(len(pairs), ABSTAIN, dtype=np.int8)
        faults = []
        for row, pair in enumerate(pairs):
            try:
                votes[row] = check_vote(self.fn(pair))
            except BaseException as error:
                if not is_own(error):
                    raise
                faults.append(fault_of(self.name, pair.id, error, self.fn))
        return BatchVotes.without_margins(votes, faults)


@dataclass(frozen=True, kw_only=True, repr=False)
class ResponseScorer(WrittenFunction):
    """A labeling function given as a score of one response. Made by `@response_scorer`.

    The margin is `score(b) - score(a)`, its sign turned for `prefer="less"`. The vote is its sign; it
    abstains where the margin is zero, smaller than `min_gap` or larger than `max_gap`. The margin is kept
    even where it abstains. A score of NaN says "this cannot be scored": the margin is NaN, the vote an abstain.

    Attributes:
        prefer: which direction wins, "more" or "less".
        min_gap: smallest difference that votes, in units of the score, inclusive. Default 0.
        max_gap: largest difference that votes, inclusive. Default infinity.
        batch: the function receives a `TextColumn` of responses (and one of prompts) and returns one number per row.
    """

    prefer: Prefer = "more"
    min_gap: float = 0.0
    max_gap: float = math.inf
    batch: bool = False

    def __post_init__(self) -> None:
        super().__post_init__()
        check_prefer(self.name, self.prefer)
        if not (math.isfinite(self.min_gap) and 0 <= self.min_gap <= self.max_gap):
            raise LabelingFunctionError(
                f"{self.name!r}: min_gap is {self.min_gap} and max_gap {self.max_gap}. "
                "Allowed: 0 <= min_gap <= max_gap, in units of the score."
            )
        if self.columns:
            raise LabelingFunctionError(
                f"{self.name!r}: a response scorer sees one response and its prompt, no columns. "
                "Use @labeling_function(columns=...) or a column LF."
            )

    @property
    def sees_prompt(self) -> bool:
        return len(positional(self.fn)) == 2

    @property
    def _prompt_first(self) -> bool:
        """Whether the function names its arguments so."""
        return self.sees_prompt and places(self.fn, ("response", "prompt")) == (1, 0)

    @property
    def parameters(self) -> dict[str, Any]:
        return super().parameters | {
            "prefer": self.prefer,
            "min_gap": self.min_gap,
            "max_gap": None if math.isinf(self.max_gap) else self.max_gap,
            **({"given": "prompt, response"} if self._prompt_first else {}),
        }

    def with_settings(
        self,
        *,
        name: str | None = None,
        prefer: Prefer | None = None,
        min_gap: float | None = None,
        max_gap: float | None = None,
    ) -> ResponseScorer:
        """The same scorer with other settings; how presets are made."""
        return replace(
            self,
            name=self.name if name is None else name,
            prefer=self.prefer if prefer is None else prefer,
            min_gap=self.min_gap if min_gap is None else min_gap,
            max_gap=self.max_gap if max_gap is None else max_gap,
        )

    def score(self, response: str, prompt: str = "") -> float:
        """The score of one response."""
        scores, errors = self.scores(TextColumn.of([response]), TextColumn.of([prompt]))
        for error in errors.values():
            raise VoteError(f"{self.name!r} {error}") if isinstance(error, NotAVote) else error
        return float(scores[0])

    def vote_all(self, pairs: Sequence[Pair]) -> BatchVotes:
        return self.vote_batch(PairBatch.of(pairs))

    def vote_batch(self, batch: PairBatch) -> BatchVotes:
        # One score per distinct response (with its prompt, if that is seen): often half of all responses.
        if self.sees_prompt:
            response, prompt, rows = batch.asked
            scores, errors = self.scores(response, prompt)
        else:
            rows = batch.response_rows
            scores, errors = self.scores(batch.responses, None)
        with np.errstate(over="ignore"):  # a difference beyond float32 becomes infinite, and keeps its sign
            margins = (scores[rows[:, 1]] - scores[rows[:, 0]]).astype(np.float32)
        if self.prefer == "less":
            margins = -margins
        faults = []
        if errors:
            for pair_id, (a, b) in zip(batch.ids, rows.tolist(), strict=True):
                error = errors.get(a) or errors.get(b)
                if error is not None:
                    faults.append(fault_of(self.name, pair_id, error, self.fn))
        return BatchVotes(self._votes(margins), margins, tuple(faults))

    def _votes(self, margins: Float32Array) -> Int8Array:
        # The vote comes from the stored float32 margin, so that the two can never disagree.
        gap = np.abs(margins)
        with np.errstate(over="ignore"):  # a threshold beyond float32 becomes infinite too
            speaks = (gap > 0) & (gap >= np.float32(self.min_gap)) & (gap <= np.float32(self.max_gap))
        return np.where(speaks, (margins > 0).astype(np.int8), np.int8(ABSTAIN)).astype(np.int8)

    def scores(
        self, response: TextColumn, prompt: TextColumn | None
    ) -> tuple[FloatArray, dict[int, BaseException]]:
        """A score per row, and what went wrong in which rows."""
        given: tuple[TextColumn, ...] = (response,)
        if prompt is not None and self.sees_prompt:
            given = (prompt, response) if self._prompt_first else (response, prompt)
        if self.batch:
            return self._scores_at_once(given)
        scores, errors = np.full(len(response), np.nan), dict[int, BaseException]()
        for i, texts in enumerate(zip(*(column.texts for column in given), strict=True)):
            try:
                scores[i] = check_score(self.fn(*texts))
            except BaseException as error:
                if not is_own(error):
                    raise
                errors[i] = error
        return scores, errors

    def _scores_at_once(self, given: tuple[TextColumn, ...]) -> tuple[FloatArray, dict[int, BaseException]]:
        n = len(given[0])
        try:
            scores = np.asarray(self.fn(*given), dtype=np.float64)
            if scores.shape != (n,):
                raise NotAVote(
                    f"returned shape {scores.shape} for {n} responses",
                    "A batch scorer returns one number per row.",
                )
            if np.isinf(scores).any():
                raise NotAVote(
                    "returned an infinite score", "Return a finite number, or NaN where it cannot say."
                )
        except BaseException as error:
            if not is_own(error):
                raise
            # A batch scorer fails as a whole: every response in the batch is a fault.
            return np.full(n, np.nan), dict.fromkeys(range(n), error)
        return scores, {}


def check_name(name: object) -> None:
    """Raises LabelingFunctionError unless `name` is a text that shows as it is, on one line."""
    if not isinstance(name, str) or not name.strip() or plain_line(name) != name:
        raise LabelingFunctionError(
            f"a labeling function is named {shortened(name)}. Allowed: a text on one line, without control characters."
        )


def positional(fn: Callable[..., Any]) -> list[str]:
    """The arguments that a function has to be given, by name."""
    try:
        return required_names(fn)
    except ValueError:
        raise LabelingFunctionError(
            f"{fn!r} does not say what arguments it takes. Wrap it: lambda response: ..., with name=..."
        ) from None


def family_of(fn: Callable[..., Any]) -> str:
    """The family of a function: the last part of its module's name."""
    return fn.__module__.rpartition(".")[2] if fn.__module__ else "unknown"
