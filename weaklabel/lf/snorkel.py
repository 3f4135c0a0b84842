"""Existing Snorkel labeling functions, unchanged: preprocessors, resources and all.

A Snorkel function labels one data point, here a pandas Series as `PandasLFApplier` would hand it over, and cannot
know that a pair has no direction. So each pair is shown in both orders. A vote that does not turn round with the
pair was a vote on a position: it becomes an abstain, and `position_dependent_share` counts such votes.

Snorkel itself is never imported here: whatever has a `name` and can be called with a data point will do.
"""

from __future__ import annotations

import importlib
import json
import sys
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from types import ModuleType
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from weaklabel.artifacts import parse_json
from weaklabel.errors import DiscoveryError, LabelingFunctionError, MissingExtraError
from weaklabel.lf.core import LabelingFunction, WrittenFunction, family_of
from weaklabel.lf.fingerprints import resource_hash
from weaklabel.lf.modules import load_file
from weaklabel.lf.votes import BatchVotes, NotAVote, fault_of, shortened
from weaklabel.types import ABSTAIN, Fault, Int8Array, Pair, Pairs, swap_votes

DEFAULT_VOTES: Final = {1: "a", 2: "b"}
SPEC_PREFIX: Final = "snorkel:"

_VOTE_OF: Final = {"a": 0, "b": 1, "abstain": ABSTAIN}
_TEXT_FIELDS: Final = ("id", "prompt", "response_a", "response_b", "messages")
_ALWAYS: Final = ("id", "prompt", "response_a", "response_b")


@dataclass(frozen=True, kw_only=True)
class SnorkelFunction(WrittenFunction):
    """A Snorkel labeling function as one of ours. Made by `from_snorkel`.

    Attributes:
        wrapped: the Snorkel object.
        vote_map: its votes and what they mean, e.g. `((1, "a"), (2, "b"))`.
        fields: name in the data point and name in the pair, e.g. `(("answer_0", "response_a"),)`.
    """

    wrapped: Any
    vote_map: tuple[tuple[int, str], ...]
    fields: tuple[tuple[str, str], ...]

    def vote_all(self, pairs: Sequence[Pair]) -> BatchVotes:
        votes, turned, faults = self._both_orders(pairs)
        kept = np.where(votes == swap_votes(turned), votes, np.int8(ABSTAIN)).astype(np.int8)
        return BatchVotes.without_margins(kept, faults)

    def unflipped(self, pairs: Sequence[Pair]) -> tuple[NDArray[np.bool_], NDArray[np.bool_]]:
        """`(n,)` bool each: pairs with a vote in either order, and those of them whose vote did not turn round."""
        votes, turned, _ = self._both_orders(pairs)
        return (votes != ABSTAIN) | (turned != ABSTAIN), votes != swap_votes(turned)

    @property
    def parameters(self) -> dict[str, Any]:
        return super().parameters | {
            "votes": [list(item) for item in self.vote_map],
            "fields": [list(item) for item in self.fields],
            "resources": {name: resource_hash(value) for name, value in self.resources.items()},
        }

    @property
    def resources(self) -> dict[str, Any]:
        preprocessors = enumerate(getattr(self.wrapped, "_pre", ()))
        found = {f"preprocessor {number}": value for number, value in preprocessors}
        if self.wrapped is not self.fn:
            found["wrapper"] = type(self.wrapped)
        return found | {
            f"resource {name}": value for name, value in getattr(self.wrapped, "_resources", {}).items()
        }

    def _both_orders(self, pairs: Sequence[Pair]) -> tuple[Int8Array, Int8Array, tuple[Fault, ...]]:
        import pandas as pd

        index = pd.Index([name for name, _ in self.fields])
        votes = np.full((2, len(pairs)), ABSTAIN, dtype=np.int8)
        faults = []
        for row, pair in enumerate(pairs):
            try:
                both = [self._vote(self._point(p, index, pd.Series)) for p in (pair, pair.swapped())]
            except (Exception, SystemExit) as error:
                faults.append(fault_of(self.name, pair.id, error, self.fn))
            else:
                votes[:, row] = both
        return votes[0], votes[1], tuple(faults)

    def _point(self, pair: Pair, index: Any, series: Any) -> Any:
        # Plain strings: compiled tokenisers refuse subclasses of str.
        values = [
            _plain(getattr(pair, ours) if ours in _TEXT_FIELDS else pair.columns[ours])
            for _, ours in self.fields
        ]
        return series(values, index=index, dtype=object, name=pair.id)

    def _vote(self, point: Any) -> int:
        value = self.wrapped(point)
        if isinstance(value, (int, np.integer)) and not isinstance(value, bool):
            for theirs, ours in self.vote_map:
                if value == theirs:
                    return _VOTE_OF[ours]
            if value == ABSTAIN:
                return ABSTAIN
        known = ", ".join(f"{theirs} ({ours})" for theirs, ours in self.vote_map)
        raise NotAVote(
            f"returned {shortened(value)}",
            f"Its votes are {known} and -1 (abstain). "
            "Name every other vote in votes={...}, as 'a', 'b' or 'abstain'.",
        )


def from_snorkel(
    lfs: Any,
    *,
    votes: Mapping[int, str] | Mapping[str, str] | None = None,
    columns: Mapping[str, str] | Sequence[str] | None = None,
) -> list[LabelingFunction]:
    """Snorkel labeling functions as ours.

    Args:
        lfs: one Snorkel `LabelingFunction`, a list of them, or an applier (`PandasLFApplier(lfs)`).
        votes: what their votes mean: "a", "b" or "abstain". -1 abstains; a vote that is not named is a fault.
            Default `{1: "a", 2: "b"}`.
        columns: what their data points hold beyond `id`, `prompt`, `response_a` and `response_b`: the name they use
            and where it comes from, e.g. `{"answer_0": "response_a", "answer_1": "response_b", "topic": "category"}`,
            or just names of source columns. Name both of a `*_a`/`*_b` couple, so that they can change places.

    Raises:
        LabelingFunctionError: something that is no Snorkel labeling function, or a vote map without an a and a b.

    >>> class Old:
    ...     name = "longer"
    ...     def __call__(self, x):
    ...         return 1 if len(x.left) > len(x.right) else 2
    >>> [lf] = from_snorkel(Old(), columns={"left": "response_a", "right": "response_b"})
    >>> lf(Pair("p", "Hi", "Hello there", "Hey")), lf(Pair("q", "Hi", "Hey", "Yes"))  # a tie votes on the position
    (0, -1)
    """
    vote_map, fields = _vote_map(DEFAULT_VOTES if votes is None else votes), _fields(columns)
    source_columns = tuple(dict.fromkeys(ours for _, ours in fields if ours not in _TEXT_FIELDS))
    found: list[LabelingFunction] = []
    for wrapped in _members(lfs):
        fn = getattr(wrapped, "_f", wrapped)
        made = SnorkelFunction(
            name=wrapped.name,
            family=family_of(fn),
            fn=fn,
            columns=source_columns,
            wrapped=wrapped,
            vote_map=vote_map,
            fields=fields,
        )
        use = _importable_as(wrapped, fn)
        found.append(replace(made, spec=_spec(use, votes, columns, made.name)) if use else made)
    return found


def load_snorkel(
    use: str,
    votes: Mapping[int, str] | Mapping[str, str] | None = None,
    columns: Mapping[str, str] | Sequence[str] | None = None,
) -> list[LabelingFunction]:
    """`from_snorkel` for what `use` names: `module:NAME` or `path/file.py:NAME` (a function, a list or an applier).

    Raises:
        DiscoveryError: the module does not load or has no such name.
        MissingExtraError: it needs Snorkel, which is not installed.
    """
    where, _, name = use.rpartition(":")
    if not where or not name:
        raise DiscoveryError(
            f"snorkel: use is {use!r}. Write module:NAME or file.py:NAME, NAME being a list of Snorkel functions."
        )
    module = _load(where, use)
    if not hasattr(module, name):
        raise DiscoveryError(
            f"snorkel: {where!r} has no {name!r}. Name the list, applier or function itself."
        )
    found = from_snorkel(getattr(module, name), votes=votes, columns=columns)
    return [replace(lf, spec=_spec(use, votes, columns, lf.name)) for lf in found]


def load_spec(source: str) -> list[LabelingFunction]:
    """The functions behind a `spec`'s source, `snorkel:{"use": ..., "votes": ..., "columns": ...}`.

    Raises:
        DiscoveryError: what follows `snorkel:` is no such JSON object.
    """
    try:
        settings = parse_json(source.removeprefix(SPEC_PREFIX))
        use, votes, columns = settings["use"], settings.get("votes"), settings.get("columns")
    except (ValueError, TypeError, KeyError, AttributeError):
        raise DiscoveryError(
            f'{source!r} is no Snorkel source. Write snorkel:{{"use": "module:NAME", "votes": {{"1": "a"}}}}.'
        ) from None
    return load_snorkel(use, votes, columns)


def position_dependent_share(lfs: Iterable[LabelingFunction], pairs: Pairs) -> dict[str, float]:
    """Per Snorkel function, votes that did not turn round with the pair, as a share of the pairs it votes on.

    In [0, 1], 0 where it never votes; a pair counts when there is a vote in either order. Other labeling functions
    are left out: `check_labeling_function` says whether they depend on position.
    """
    shares = {}
    for lf in lfs:
        if isinstance(lf, SnorkelFunction):
            spoke, odd = lf.unflipped(list(pairs.iter_pairs(lf.columns)))
            shares[lf.name] = float(odd.sum() / max(1, spoke.sum()))
    return shares


def _members(lfs: Any) -> list[Any]:
    inner = getattr(lfs, "_lfs", lfs)
    members = list(inner) if isinstance(inner, Iterable) and not isinstance(inner, str) else [inner]
    for i, member in enumerate(members):
        if isinstance(member, LabelingFunction):
            raise LabelingFunctionError(
                f"from_snorkel: {member.name!r} is ours already. Pass it on as it is."
            )
        if not (callable(member) and isinstance(getattr(member, "name", None), str)):
            raise LabelingFunctionError(
                f"from_snorkel: item {i} is {shortened(member)}, no Snorkel labeling function. "
                "Pass objects made by Snorkel's @labeling_function(), or an applier that holds them."
            )
    return members


def _vote_map(votes: Mapping[Any, str]) -> tuple[tuple[int, str], ...]:
    try:
        found = {int(theirs): ours for theirs, ours in votes.items()}
    except (ValueError, TypeError):
        found = {}
    meanings = set(found.values())
    if not {"a", "b"} <= meanings <= set(_VOTE_OF):
        raise LabelingFunctionError(
            f"from_snorkel: votes is {dict(votes)!r}. Map whole numbers to 'a', 'b' or 'abstain', e.g. {{1: 'a', 2: 'b'}}."
        )
    return tuple(sorted(found.items()))


def _fields(columns: Mapping[str, str] | Sequence[str] | None) -> tuple[tuple[str, str], ...]:
    if isinstance(columns, str):
        raise LabelingFunctionError(
            f"from_snorkel: columns is the string {columns!r}. Pass a list of names, or a map."
        )
    named = dict(columns) if isinstance(columns, Mapping) else {name: name for name in columns or ()}
    return tuple(({name: name for name in _ALWAYS} | named).items())


def _importable_as(wrapped: Any, fn: Any) -> str | None:
    """How another process finds the function: where its module binds it, None for one from a notebook cell."""
    module = sys.modules.get(getattr(fn, "__module__", None) or "")
    name = getattr(fn, "__name__", None)
    if module is None or module.__name__ == "__main__" or getattr(module, name or "", None) is not wrapped:
        return None
    loaded_by_path = module.__spec__ is None
    return f"{module.__file__ if loaded_by_path else module.__name__}:{name}"


def _spec(use: str, votes: Mapping[Any, str] | None, columns: Any, name: str) -> str:
    chosen = {str(theirs): ours for theirs, ours in (DEFAULT_VOTES if votes is None else votes).items()}
    fields = dict(columns) if isinstance(columns, Mapping) else list(columns or ())
    settings = {"use": use, "votes": chosen, "columns": fields}
    return f"{SPEC_PREFIX}{json.dumps(settings, sort_keys=True)}::{name}"


def _load(where: str, use: str) -> ModuleType:
    try:
        return load_file(Path(where)) if where.endswith(".py") else importlib.import_module(where)
    except Exception as error:
        cause = error.__cause__ if isinstance(error, DiscoveryError) else error
        if isinstance(cause, ModuleNotFoundError) and (cause.name or "").split(".")[0] == "snorkel":
            raise MissingExtraError.for_extra(repr(use), "snorkel") from error
        if isinstance(error, DiscoveryError):
            raise
        raise DiscoveryError(f"snorkel: {where!r} does not load: {type(error).__name__}: {error}") from error


def _plain(value: Any) -> Any:
    return str(value) if isinstance(value, str) else value
