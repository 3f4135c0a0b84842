"""How responses are drawn and paired, and what becomes of the file: the settings of `generate`."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

from weaklabel._validation import check_least
from weaklabel.errors import ConfigError
from weaklabel.generation.paired import PairUp
from weaklabel.training.sampling import Sampling

DEFAULT_CACHE: Final = ".weaklabel/responses"
_ENDINGS: Final = (".parquet", ".jsonl", ".ndjson")


@dataclass(frozen=True, kw_only=True)
class GenerationSettings:
    """Settings of `generate`; `weaklabel.generate_pairs` says what each is."""

    k: int = 2
    each: bool = False
    pair_up: PairUp = "all"
    sampling: Sampling = field(default_factory=Sampling)
    columns: Mapping[str, str] | None = None
    limit: int | None = None
    include_test: bool = False
    append: bool = False
    batch_size: int = 16
    dtype: str = "auto"
    device: str | None = None
    body: Mapping[str, Any] | None = None
    price_in: float | None = None
    price_out: float | None = None
    cache: str | Path = DEFAULT_CACHE

    @property
    def about(self) -> dict[str, Any]:
        """What the manifest of the file says: the settings that change the pairs in it."""
        own = {name: getattr(self, name) for name in ("k", "each", "pair_up", "include_test")}
        return own | {"sampling": self.sampling.in_force}

    def check(self, n_models: int, out: Path) -> None:
        """Raises ConfigError for a setting that is out of range for so many models, or a file of another kind."""
        if not n_models:
            raise ConfigError("no model was named. Name a folder, hf:org/name, or NAME@http://host:port/v1.")
        least = 1 if self.each and n_models > 1 else 2 if self.each else max(2, n_models)
        if self.k < least:
            raise ConfigError(
                f"k is {self.k} with {n_models} model(s). Allowed: at least {least}, since a pair needs two responses "
                "and every model a turn."
            )
        if self.sampling.temperature == 0 and (self.k > 1 if self.each else self.k > n_models):
            raise ConfigError(
                "temperature is 0, so a model gives the same response every time, and there is nothing to compare. "
                "Raise it, or take one response of each of several models."
            )
        if self.pair_up not in ("all", "neighbours"):
            raise ConfigError(f"pair_up is {self.pair_up!r}. Allowed: 'all', 'neighbours'.")
        if self.limit is not None:
            check_least("limit", self.limit, 1)
        if out.suffix not in _ENDINGS:
            raise ConfigError(f"out is {str(out)!r}. Allowed: a file ending in {', '.join(_ENDINGS)}.")


def check_names(names: Sequence[str]) -> None:
    """Raises ConfigError for a model that is named twice."""
    if twice := next((name for name in names if names.count(name) > 1), None):
        raise ConfigError(f"model {twice!r} is named twice. Name each once; k sets the number of responses.")
