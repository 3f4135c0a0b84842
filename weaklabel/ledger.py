"""What asking has cost, in every unit that a budget can be set in, and a budget that is never passed.

Before something is asked (of a judge, a server, a person), the most that it can cost is reserved; the ledger refuses
what the budget does not hold beside all that is spent and under way. With the answer the reservation is settled: what
it did cost is spent, and what was reserved too much is free again. The ledger knows nothing of who is asked and of how
a cost is known beforehand, and any number of threads may use it.

    ledger = Ledger(Budget(calls=100))
    reserved = ledger.reserve(Cost(calls=1))       # None: the budget does not hold it now
    ...
    ledger.settle(reserved[0], Cost(calls=1, tokens=412))
"""

from __future__ import annotations

import math
import threading
from collections.abc import Iterable
from dataclasses import dataclass
from decimal import Decimal
from typing import Final

from weaklabel.errors import ConfigError

UNITS: Final = ("pairs", "responses", "calls", "tokens", "money")


@dataclass(frozen=True, slots=True)
class Cost:
    """What was asked.

    Attributes:
        pairs: pairs compared.
        responses: single responses scored.
        calls: requests sent, or questions put to people.
        tokens: read and written by a model.
        money: in the currency of the prices.

    Raises:
        ConfigError: an amount below 0, or one that is not a finite number.

    >>> Cost(calls=1, money=0.5) + Cost(calls=1)
    Cost(pairs=0, responses=0, calls=2, tokens=0, money=0.5)
    """

    pairs: int = 0
    responses: int = 0
    calls: int = 0
    tokens: int = 0
    money: float = 0.0

    def __post_init__(self) -> None:
        for unit in UNITS:
            amount = getattr(self, unit)
            is_number = isinstance(amount, int | float) and not isinstance(amount, bool)
            if not (is_number and math.isfinite(amount) and amount >= 0):
                raise ConfigError(f"a cost in {unit} is {amount!r}. Allowed: a finite number of at least 0.")

    def __add__(self, other: Cost) -> Cost:
        return Cost.sum([self, other])

    @classmethod
    def sum(cls, costs: Iterable[Cost]) -> Cost:
        """All of them together; money as it is written, so that ten times 0.1 is 1."""
        parts = list(costs)
        counts = {unit: sum(getattr(part, unit) for part in parts) for unit in UNITS if unit != "money"}
        return cls(
            **counts, money=float(sum(Decimal(repr(float(part.money))) for part in parts if part.money))
        )


@dataclass(frozen=True, slots=True)
class Budget:
    """The most that may be asked, per unit of `Cost`; None is no limit.

    Raises:
        ConfigError: a limit below 0, or one that is not finite.
    """

    pairs: int | None = None
    responses: int | None = None
    calls: int | None = None
    tokens: int | None = None
    money: float | None = None

    def __post_init__(self) -> None:
        for unit in UNITS:
            limit = getattr(self, unit)
            if limit is not None and not (math.isfinite(limit) and limit >= 0):
                raise ConfigError(
                    f"the budget in {unit} is {limit!r}. Allowed: a number of at least 0, or None."
                )

    def holds(self, cost: Cost) -> bool:
        """Whether `cost` is within every limit."""
        limits = ((getattr(self, unit), getattr(cost, unit)) for unit in UNITS)
        return all(limit is None or amount <= limit for limit, amount in limits)


@dataclass(frozen=True, slots=True, eq=False)
class Reservation:
    """A cost that is set aside until its answer is there."""

    cost: Cost


class Ledger:
    """What is spent and what is under way, against a budget. Safe to use from several threads.

    Args:
        budget: the most that may be spent, over the ledger's whole life.
        spent: what was spent before, such as by an earlier run.
    """

    def __init__(self, budget: Budget | None = None, spent: Cost | None = None) -> None:
        self.budget = budget or Budget()
        self._spent = spent or Cost()
        self._under_way: set[Reservation] = set()
        self._lock = threading.Lock()

    @property
    def spent(self) -> Cost:
        """What the answers have cost, those of before included."""
        return self._spent

    @property
    def under_way(self) -> Cost:
        """What is reserved and not settled yet."""
        with self._lock:
            return self._held()

    @property
    def is_waiting(self) -> bool:
        """Whether something is under way; settling it may make room in the budget."""
        return bool(self._under_way)

    def holds(self, *costs: Cost) -> bool:
        """Whether the budget holds these beside all that is spent and under way."""
        with self._lock:
            return self._has_room_for(costs)

    def reserve(self, *costs: Cost) -> tuple[Reservation, ...] | None:
        """Set the costs aside, each to be settled on its own; None where the budget does not hold all of them.

        Args:
            costs: the most that each question can cost. What turns out to cost more is counted all the same.
        """
        with self._lock:
            if not self._has_room_for(costs):
                return None
            reserved = tuple(Reservation(cost) for cost in costs)
            self._under_way |= set(reserved)
            return reserved

    def settle(self, reservation: Reservation, cost: Cost) -> None:
        """The answer is there: `cost` is spent, and the reservation ends.

        Raises:
            KeyError: it was settled before, or is of another ledger.
        """
        with self._lock:
            self._under_way.remove(reservation)
            self._spent += cost

    def count(self, cost: Cost) -> None:
        """Add what was spent elsewhere, such as by an earlier run whose answers are at hand."""
        with self._lock:
            self._spent += cost

    def release(self, reservation: Reservation) -> None:
        """There was no answer, and it cost nothing: the reservation ends."""
        self.settle(reservation, Cost())

    def _held(self) -> Cost:
        return Cost.sum(reservation.cost for reservation in self._under_way)

    def _has_room_for(self, costs: Iterable[Cost]) -> bool:
        return self.budget.holds(Cost.sum([self._spent, self._held(), *costs]))
