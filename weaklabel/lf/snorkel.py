"""Existing Snorkel labeling functions, unchanged: preprocessors, resources and all.

A Snorkel function labels one data point, here a pandas Series as `PandasLFApplier` would hand it over, and cannot
know that a pair has no direction. So each pair is shown in both orders. A vote that does not turn round with the
pair was a vote on a position: it becomes an abstain, and `position_dependent_share` counts such votes.

Snorkel itself is never imported here: whatever has a `name` and can be called with a data point will do.
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from weaklabel._arguments import checked
from weaklabel._guard import is_own
from weaklabel.errors import DiscoveryError, LabelingFunctionError, MissingExtraError
from weaklabel.lf.core import LabelingFunction, WrittenFunction, family_of
from weaklabel.lf.fingerprints import resource_hash
from weaklabel.lf.settings import SnorkelSettings, arguments
from weaklabel.lf.sources.files import FILES, load_object
from weaklabel.lf.sources.kinds import Kind, json_spec, settings_in
from weaklabel.lf.votes import BatchVotes, NotAVote, fault_of, shortened
from weaklabel.types import ABSTAIN, Fault, Int8Array, Pair, Pairs, swap_votes

DEFAULT_VOTES: Final = {1: "a", 2: "b"}

_VOTE_OF: Final = {"a": 0, "b": 1, "abstain": ABSTAIN}
_TEXT_FIELDS: Final = ("id", "prompt", "response_a", "response_b", "messages")
_ALWAYS: Final = ("id", "prompt", "response_a", "response_b")


@dataclass(frozen=True, kw_only=True, repr=False)
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
            except BaseException as error:
                if not is_own(error):
                    raise
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


@checked
def from_snorkel(
    lfs: Any,
    *,
    votes: Mapping[int, str] | Mapping[str, str] | None = None,
    columns: Mapping[str, str] | Sequence[str] | None = None,
) -> list[LabelingFunction]:
    """Snorkel labeling functions as ours.

    Args:
        lfs: one Snorkel `LabelingFunction`, a list of them, or an applier (`PandasLFApplier(lfs)`).
        votes, columns: as in `SnorkelSettings`. Default of `votes`: `{1: "a", 2: "b"}`.

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
    return _wrapped(lfs, _checked_settings("", votes, columns))


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
    if not use.rpartition(":")[0]:
        raise DiscoveryError(
            f"snorkel: use is {use!r}. Write module:NAME or file.py:NAME, NAME being a list of Snorkel functions."
        )
    return _wrapped(_load(use), _checked_settings(use, votes, columns))


class Snorkel(Kind):
    """What begins with `snorkel:`; the settings follow as JSON, and "::" and a name for one function."""

    def split(self, source: str) -> tuple[str, str]:
        return (source, "") if source.endswith("}") else super().split(source)

    def load_all(self, source: str) -> list[LabelingFunction]:
        try:
            settings = SnorkelSettings(**settings_in(source))
        except (ValueError, TypeError) as error:
            raise DiscoveryError(
                f"{source!r} is not a Snorkel source ({error}). "
                'Write snorkel:{"use": "module:NAME", "votes": {"1": "a", "2": "b"}}.'
            ) from None
        return load_snorkel(**arguments(settings))

    def home(self, spec: str) -> Path | None:
        return FILES.home(settings_in(self.split(spec)[0])["use"])

    def moved(self, source: str, turn: Callable[[str], str]) -> str:
        whole, name = self.split(source)
        settings = settings_in(whole)
        settings["use"] = FILES.moved(settings["use"], turn)
        return json_spec("snorkel", settings) + (f"::{name}" if name else "")


SNORKEL: Final = Snorkel()


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


def _checked_settings(use: str, votes: Mapping[Any, Any] | None, columns: Any) -> SnorkelSettings:
    meanings: Mapping[Any, Any] = DEFAULT_VOTES if votes is None else votes
    return SnorkelSettings(use, meanings, columns)


def _wrapped(lfs: Any, settings: SnorkelSettings) -> list[LabelingFunction]:
    """The functions, each with a spec where another process can find it: by `use`, or where its module binds it."""
    columns: Any = settings.columns
    fields = tuple(({name: name for name in _ALWAYS} | columns).items())
    found: list[LabelingFunction] = []
    for wrapped in _members(lfs):
        fn = getattr(wrapped, "_f", wrapped)
        use = settings.use or _importable_as(wrapped, fn)
        spec = None if use is None else json_spec("snorkel", arguments(replace(settings, use=use)))
        made = SnorkelFunction(
            name=wrapped.name,
            family=family_of(fn),
            fn=fn,
            columns=tuple(dict.fromkeys(ours for _, ours in fields if ours not in _TEXT_FIELDS)),
            spec=spec and f"{spec}::{wrapped.name}",
            wrapped=wrapped,
            vote_map=tuple((int(theirs), ours) for theirs, ours in settings.votes.items()),
            fields=fields,
        )
        found.append(made)
    return found


def _importable_as(wrapped: Any, fn: Any) -> str | None:
    """How another process finds the function: where its module binds it, None for one from a notebook cell."""
    module = sys.modules.get(getattr(fn, "__module__", None) or "")
    name = getattr(fn, "__name__", None)
    if module is None or module.__name__ == "__main__" or getattr(module, name or "", None) is not wrapped:
        return None
    loaded_by_path = module.__spec__ is None
    return f"{module.__file__ if loaded_by_path else module.__name__}:{name}"


def _load(use: str) -> object:
    try:
        return load_object(use)
    except DiscoveryError as error:
        cause = error.__cause__
        if isinstance(cause, ModuleNotFoundError) and (cause.name or "").split(".")[0] == "snorkel":
            raise MissingExtraError.for_extra(repr(use), "snorkel") from error
        raise


def _plain(value: Any) -> Any:
    return str(value) if isinstance(value, str) else value
