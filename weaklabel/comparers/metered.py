"""`Metered`: an expert whose answers are kept, so that none is paid twice, and counted against a budget.

Answers are kept by the content of what was asked: a pair that comes back with another id, or with its responses
swapped, costs nothing. Before something is asked its price is reserved in the ledger; where the budget does not hold
it, nothing is asked.
"""

from __future__ import annotations

import bisect
import re
import threading
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from weaklabel._paths import expanded
from weaklabel.artifacts import content_hash
from weaklabel.comparers.content import Content, in_key_order
from weaklabel.comparers.expert import CanScore, Expert, check_asked, check_expert, check_scores
from weaklabel.comparers.kept import PAIR, RESPONSE, KeptAnswers
from weaklabel.errors import BudgetError, ConfigError
from weaklabel.ledger import UNITS, Budget, Cost, Ledger
from weaklabel.types import CanCompare, Comparer, FloatArray, Pairs
from weaklabel.types.comparer import check_answer
from weaklabel.types.result import Result

Ask = Callable[[NDArray[np.intp]], Any]
Check = Callable[[str, Any, int], FloatArray]
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
                told.append(f"{_shown(amount)}{'' if limit is None else f' of {_shown(limit)}'} {unit} spent")
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
        budget: the most that may be spent over the life of the answers that `folder` holds of this name and identity.
        ledger: one ledger for several experts of different names, in place of `budget`.
        folder: where answers are kept; None keeps them in memory.
        columns: columns of the source that the expert reads, beside the texts.

    Raises:
        ConfigError: budget and ledger at once, an expert that is metered already, or columns that are one text.

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
        if isinstance(expert, Metered):
            raise ConfigError(f"Metered {name!r}: the expert is metered already. Pass what it asks.")
        if isinstance(columns, str):
            raise ConfigError(f"Metered {name!r}: columns is {columns!r}. Give a list of names.")
        self.expert, self.name, self.columns = expert, name, tuple(columns)
        self.price, self.response_price = price, response_price
        self.ledger = Ledger(budget) if ledger is None else ledger
        self._salt = content_hash("expert 1", name, identity)
        file = (
            None
            if folder is None
            else Path(expanded(folder, "folder")) / f"{_slug(name)}@{self._salt[:12]}.jsonl"
        )
        self._kept = KeptAnswers(file)
        self._lock = threading.Lock()
        self._counts = dict.fromkeys(("pairs", "pairs_kept", "responses", "responses_kept"), 0)
        self.ledger.count(self._kept.news())

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
        expert = self.expert
        if not isinstance(expert, CanCompare):
            raise ConfigError(
                f"{self.name!r} scores single responses and compares no pairs. Wrap it: ByScore(...)."
            )
        content = self._content(pairs)
        rows = np.flatnonzero(~content.same)

        def ask(some: NDArray[np.intp]) -> Any:
            return expert.compare(in_key_order(pairs, rows[some], content.turned))

        p = np.full(len(pairs), 0.5)
        p[rows] = self._answered(PAIR, [content.keys[i] for i in rows], self.price, ask, check_answer)
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
        keys = self._response_keys(prompts, responses)

        def ask(some: NDArray[np.intp]) -> Any:
            return expert.score([prompts[i] for i in some], [responses[i] for i in some])

        return self._answered(RESPONSE, keys, self.response_price, ask, check_scores)

    def _content(self, pairs: Pairs) -> Content:
        return Content.of(pairs, "pair", self._salt, columns=self.columns)

    def missing(self, pairs: Pairs) -> int:
        """How many different pairs would have to be asked about: what `compare` would cost, in pairs."""
        content = self._content(pairs)
        asked = {key for key, same in zip(content.keys, content.same, strict=True) if not same}
        return sum(key not in self._kept for key in asked)

    def held_pairs(self, pairs: Pairs) -> int:
        """How many of the pairs, beginning with the first, the budget holds. What was answered before costs nothing."""
        content = self._content(pairs)
        asked = [None if same else key for key, same in zip(content.keys, content.same, strict=True)]
        return self._held(asked, self.price)

    def held_responses(self, prompts: Sequence[str], responses: Sequence[str]) -> int:
        """How many of the responses, beginning with the first, the budget holds."""
        return self._held(self._response_keys(prompts, responses), self.response_price)

    def _held(self, keys: Sequence[str | None], price: Cost) -> int:
        with self._lock:
            self.ledger.count(self._kept.news())
            asked = [(n, key) for n, key in enumerate(keys) if key is not None and key not in self._kept]
        new = sorted({key: n for n, key in reversed(asked)}.values())
        # What holds k more questions holds fewer of them.
        most = bisect.bisect_left(
            range(len(new)), True, key=lambda k: not self.ledger.holds(*[price] * (k + 1))
        )
        return new[most] if most < len(new) else len(keys)

    def _response_keys(self, prompts: Sequence[str], responses: Sequence[str]) -> list[str]:
        check_asked(self.name, prompts, responses)
        return [content_hash("response", self._salt, x, y) for x, y in zip(prompts, responses, strict=True)]

    def spending(self) -> Spending:
        """What was asked and spent until now."""
        spent, budget = asdict(self.ledger.spent), asdict(self.ledger.budget)
        return Spending(self.name, **self._counts, spent=spent, budget=budget)

    def _answered(self, of: str, keys: Sequence[str], price: Cost, ask: Ask, check: Check) -> FloatArray:
        """An answer per key; what is missing is asked, by one thread and one process at a time."""
        with self._lock:
            asked = 0
            if any(key not in self._kept for key in keys):
                with self._kept.held():
                    self.ledger.count(self._kept.news())
                    asked = self._ask(of, keys, price, ask, check)
            self._counts[f"{of}s"] += len(keys)
            self._counts[f"{of}s_kept"] += len(keys) - asked
            return np.array([self._kept[key] for key in keys], dtype=np.float64)

    def _ask(self, of: str, keys: Sequence[str], price: Cost, ask: Ask, check: Check) -> int:
        rows = {key: row for row, key in reversed(list(enumerate(keys))) if key not in self._kept}
        if not rows:
            return 0
        todo = np.array(sorted(rows.values()), dtype=np.intp)
        with self._reserved([price] * len(todo)):
            given = ask(todo)
        # An answer that is of no use was paid for all the same.
        values = check(self.name, given, len(todo))
        self._kept.add(dict(zip((keys[row] for row in todo), values.tolist(), strict=True)), of, price)
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
            f"{_shown(getattr(limits, u) - getattr(spent, u))} of {_shown(getattr(limits, u))} {u}"
            for u in units
        )
        return (
            f"{self.name!r} would have to be asked {n:,} times, and its budget has {left or 'other questions under way'} left. "
            "Nothing was asked. Raise the budget, or ask about fewer."
        )


def _shown(amount: float) -> str:
    return f"{amount:,}" if isinstance(amount, int) else f"{amount:,.6g}"


def _slug(name: str) -> str:
    return re.sub(r"[^A-Za-z0-9_.-]", "_", name)[:60]
