"""`KeptAnswers`: what an expert has said, in memory and in a file that only grows."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import asdict
from pathlib import Path
from typing import Any

from weaklabel.artifacts import parse_json
from weaklabel.artifacts.growing import GrowingFile
from weaklabel.errors import ArtifactError, ConfigError
from weaklabel.ledger import Cost

PAIR, RESPONSE = "pair", "response"


class KeptAnswers:
    """Answers by the key of what was asked.

    Args:
        path: of the file; None keeps them in memory.
    """

    def __init__(self, path: Path | None) -> None:
        self._file = None if path is None else GrowingFile(path)
        self._values: dict[str, float] = {}
        self._unwritten: list[dict[str, Any]] = []

    def __contains__(self, key: str) -> bool:
        return key in self._values

    def __getitem__(self, key: str) -> float:
        return self._values[key]

    @contextmanager
    def held(self) -> Iterator[None]:
        """The file for oneself. Look at `news` first: another process may have asked.

        Raises:
            ArtifactError: the file cannot be written to.
        """
        if self._file is None:
            yield
            return
        with self._file.held():
            self._write()
            yield

    def news(self) -> Cost:
        """Read what has been added since the last look, by any process; what it cost.

        Raises:
            ArtifactError: a line that no `add` wrote. A line that was torn is skipped.
        """
        costs = []
        for line in [] if self._file is None else self._file.news():
            found = self._parsed(line)
            if found is not None and found[0] not in self._values:
                self._values[found[0]] = found[1]
                costs.append(found[2])
        return Cost.sum(costs)

    def add(self, values: Mapping[str, float], of: str, cost: Cost) -> None:
        """Keep answers, each of which cost `cost`; `of` is what they are about, `PAIR` or `RESPONSE`.

        Raises:
            ArtifactError: the disk is full. They are known to this process, which writes them the next time.
        """
        paid = {unit: amount for unit, amount in asdict(cost).items() if amount}
        self._values |= values
        if self._file is not None:
            self._unwritten += [{"key": k, "of": of, "answer": v, "cost": paid} for k, v in values.items()]
            self._write()

    def _write(self) -> None:
        while self._file is not None and self._unwritten:
            self._file.append(self._unwritten[0])
            del self._unwritten[0]

    def _parsed(self, line: bytes) -> tuple[str, float, Cost] | None:
        try:
            found: Any = parse_json(line)
        except ValueError:
            return None  # torn
        try:
            answer, of = found["answer"], found["of"]
            is_number = isinstance(answer, int | float) and not isinstance(answer, bool)
            if of not in (PAIR, RESPONSE) or not is_number or not math.isfinite(answer):
                raise ValueError
            if of == PAIR and not 0 <= answer <= 1:
                raise ValueError
            return str(found["key"]), float(answer), Cost(**found["cost"])
        except (ConfigError, KeyError, OverflowError, TypeError, ValueError):
            assert self._file is not None
            shown = line[:80].decode("utf-8", "replace")
            raise ArtifactError(
                f"{self._file.path}: {shown!r} is not an answer that was kept there. Mend the line, or delete it and it is asked again."
            ) from None
