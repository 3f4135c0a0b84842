"""`Metered`: an expert whose answers are kept, so that none is paid twice, and counted against a budget.

Answers are kept by the content of what was asked: a pair that comes back with another id, or with its responses
swapped, costs nothing. Before something is asked its price is reserved in the ledger; where the budget does not hold
it, nothing is asked.
"""

from __future__ import annotations

import re
import threading
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager, nullcontext
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from weaklabel.artifacts import content_hash, parse_json
from weaklabel.artifacts.growing import GrowingFile
from weaklabel.comparers.content import Content, in_key_order
from weaklabel.comparers.expert import CanScore, Expert, check_expert, check_scores
from weaklabel.errors import BudgetError, ConfigError
from weaklabel.ledger import UNITS, Budget, Cost, Ledger
from weaklabel.types import CanCompare, Comparer, FloatArray, Pairs, answer_of
from weaklabel.types.result import Result

_PAIR: Final = Cost(pairs=1)
_RESPONSE: Final = Cost(responses=1)


@dataclass(frozen=True, slots=True, repr=False)
class Spending(Result):
    """What an expert was asked, and what it cost.

    Attributes:
        name: of the expert.
        pairs, responses: answered in this process, those kept from before included.
        pairs_kept, responses_kept: of these, answers that were at hand and cost nothing.
        spent: per unit of `Cost`, over the ledger's whole life.
        budget: per unit its limit, None for none.
    """

    name: str
    pairs: int
    pairs_kept: int
    responses: int
    responses_kept: int
    spent: Mapping[str, float]
    budget: Mapping[str, float | None]

    def __str__(self) -> str:
        told = [f"{self.name}: {self.pairs:,} pairs answered, {self.pairs_kept:,} of them from the cache"]
        if self.responses:
            told.append(
                f"{self.responses:,} responses scored, {self.responses_kept:,} of them from the cache"
            )
        for unit, amount in self.spent.items():
            limit = self.budget[unit]
            if amount or limit is not None:
                told.append(f"{amount:,g}{'' if limit is None else f' of {limit:,g}'} {unit} spent")
        return "; ".join(told)


class Metered(Comparer):
    """An expert that is asked once for each pair or response, within a budget. Safe to use from several threads.

    Args:
        expert: it answers pairs (`compare`), single responses (`score`), or both.
        name: of the expert, for messages and for its file.
        identity: what an answer rests on beside the texts (a model's name and prompt, a rubric); answers under
            another identity do not count.
        price: of one pair.
        response_price: of one response.
        budget: the most that may be spent over the life of the answers in `folder`.
        ledger: one ledger for several experts, in place of `budget`.
        folder: where answers are kept; None keeps them in memory.
        columns: columns of the source that the expert reads, beside the texts.

    Raises:
        ConfigError: budget and ledger at once.

    >>> from weaklabel.types import Pair
    >>> class Longer(Comparer):
    ...     def compare(self, pairs):
    ...         return np.array([float(len(p.response_b) > len(p.response_a)) for p in pairs])
    >>> metered = Metered(Longer(), name="longer", budget=Budget(pairs=1))
    >>> pairs = Pairs.of([Pair("1", "Hi", "Hello!", "Hey")])
    >>> metered.compare(pairs).tolist(), metered.compare(pairs.swapped()).tolist(), metered.ledger.spent.pairs
    ([0.0], [1.0], 1)
    """

    def __init__(
        self,
        expert: Expert,
        *,
        name: str,
        identity: str = "",
        price: Cost = _PAIR,
        response_price: Cost = _RESPONSE,
        budget: Budget | None = None,
        ledger: Ledger | None = None,
        folder: str | Path | None = None,
        columns: Sequence[str] = (),
    ) -> None:
        if budget is not None and ledger is not None:
            raise ConfigError(
                f"Metered {name!r}: got budget and ledger. A ledger has its budget; pass one of them."
            )
        check_expert(expert, name)
        self.expert, self.name, self.columns = expert, name, tuple(columns)
        self.price, self.response_price = price, response_price
        self.ledger = Ledger(budget) if ledger is None else ledger
        self._salt = content_hash("expert 1", name, identity)
        self._file = (
            None if folder is None else GrowingFile(Path(folder) / f"{_slug(name)}@{self._salt[:12]}.jsonl")
        )
        self._answers: dict[str, float] = {}
        self._lock = threading.Lock()
        self._counts = dict.fromkeys(("pairs", "pairs_kept", "responses", "responses_kept"), 0)
        self._look()

    @property
    def calibrated(self) -> bool:
        """Whether the expert says that it is."""
        return bool(getattr(self.expert, "calibrated", False))

    def saw(self, pairs: Pairs) -> NDArray[np.bool_]:
        """`(n_pairs,)`: as the expert says; an expert that does not say saw none."""
        return self.expert.saw(pairs) if isinstance(self.expert, Comparer) else super().saw(pairs)

    def compare(self, pairs: Pairs) -> FloatArray:
        """`(n_pairs,)` P(B beats A). Equal responses are 1/2 and are not asked about.

        Raises:
            BudgetError: the budget does not hold what is missing; nothing was asked.
            ConfigError: the expert does not compare.
        """
        if not isinstance(self.expert, CanCompare):
            raise ConfigError(
                f"{self.name!r} scores single responses and compares no pairs. Wrap it: ByScore(...)."
            )
        content = Content.of(pairs, "pair", self._salt, columns=self.columns)

        def ask(rows: NDArray[np.intp]) -> FloatArray:
            return answer_of(self.name, self.expert, in_key_order(pairs, rows, content.turned))  # type: ignore[arg-type]

        open_rows = np.flatnonzero(~content.same)
        p = np.full(len(pairs), 0.5)
        p[open_rows] = self._answered(
            "pairs", [content.keys[i] for i in open_rows], self.price, lambda some: ask(open_rows[some])
        )
        return content.straightened(p)

    def score(self, prompts: Sequence[str], responses: Sequence[str]) -> FloatArray:
        """`(n,)` float64 scores by the expert's rubric.

        Raises:
            BudgetError: the budget does not hold what is missing; nothing was asked.
            ConfigError: the expert does not score.
        """
        expert = self.expert
        if not isinstance(expert, CanScore):
            raise ConfigError(
                f"{self.name!r} compares pairs and scores no single responses. Ask it to compare."
            )
        keys = [content_hash("response", self._salt, x, y) for x, y in zip(prompts, responses, strict=True)]

        def ask(rows: NDArray[np.intp]) -> FloatArray:
            some = [prompts[i] for i in rows], [responses[i] for i in rows]
            return check_scores(self.name, expert.score(*some), len(rows))

        return self._answered("responses", keys, self.response_price, ask)

    def missing(self, pairs: Pairs) -> int:
        """How many different pairs would have to be asked about: what `compare` would cost, in pairs."""
        content = Content.of(pairs, "pair", self._salt, columns=self.columns)
        asked = {key for key, same in zip(content.keys, content.same, strict=True) if not same}
        return len(asked - self._answers.keys())

    def spending(self) -> Spending:
        """What was asked and spent until now."""
        spent, budget = asdict(self.ledger.spent), asdict(self.ledger.budget)
        return Spending(self.name, **self._counts, spent=spent, budget=budget)

    def _answered(
        self, what: str, keys: Sequence[str], price: Cost, ask: Callable[[NDArray[np.intp]], FloatArray]
    ) -> FloatArray:
        """An answer per key; what is missing is asked, by one thread and one process at a time."""
        with self._lock:
            asked = 0
            if any(key not in self._answers for key in keys):
                with nullcontext() if self._file is None else self._file.held():
                    self._look()
                    asked = self._ask(keys, price, ask)
            self._counts[what] += len(keys)
            self._counts[f"{what}_kept"] += len(keys) - asked
            return np.array([self._answers[key] for key in keys], dtype=np.float64)

    def _ask(self, keys: Sequence[str], price: Cost, ask: Callable[[NDArray[np.intp]], FloatArray]) -> int:
        rows = {key: row for row, key in reversed(list(enumerate(keys))) if key not in self._answers}
        if not rows:
            return 0
        todo = np.array(sorted(rows.values()), dtype=np.intp)
        with self._reserved([price] * len(todo)):
            values = ask(todo)
        for row, value in zip(
            todo.tolist(), values.tolist(), strict=True
        ):  # paid for by now, even if the disk is full
            self._keep(keys[row], value, price)
        return len(todo)

    @contextmanager
    def _reserved(self, prices: Sequence[Cost]) -> Iterator[None]:
        """The prices set aside while the block asks: spent where it ends well, free again where it fails."""
        reserved = self.ledger.reserve(*prices)
        if reserved is None:
            raise BudgetError(self._beyond(len(prices), Cost.sum(prices)))
        try:
            yield
        except BaseException:
            for part in reserved:
                self.ledger.release(part)
            raise
        for part in reserved:
            self.ledger.settle(part, part.cost)

    def _beyond(self, n: int, cost: Cost) -> str:
        spent, limits = self.ledger.spent, self.ledger.budget
        units = [
            u
            for u in UNITS
            if (limit := getattr(limits, u)) is not None and getattr(spent, u) + getattr(cost, u) > limit
        ]
        left = ", ".join(
            f"{getattr(limits, u) - getattr(spent, u):,g} of {getattr(limits, u):,g} {u}" for u in units
        )
        return (
            f"{self.name!r} would have to be asked {n:,} times, and its budget has {left or 'other questions under way'} left. "
            "Nothing was asked. Raise the budget, or ask about fewer."
        )

    def _keep(self, key: str, value: float, cost: Cost) -> None:
        self._answers[key] = value
        if self._file is not None:
            paid = {unit: amount for unit, amount in asdict(cost).items() if amount}
            self._file.append({"key": key, "answer": value, "cost": paid})

    def _look(self) -> None:
        """Answers that were kept before, or by another process; what they cost is spent."""
        for line in [] if self._file is None else self._file.news():
            if (found := _parsed(line)) is not None and found[0] not in self._answers:
                self._answers[found[0]] = found[1]
                self.ledger.count(found[2])


def _parsed(line: bytes) -> tuple[str, float, Cost] | None:
    """A kept answer; None for a line that was torn."""
    try:
        found: Any = parse_json(line)
        return str(found["key"]), float(found["answer"]), Cost(**found["cost"])
    except (ValueError, KeyError, TypeError):
        return None


def _slug(name: str) -> str:
    return re.sub(r"[^A-Za-z0-9_.-]", "_", name)[:60]
