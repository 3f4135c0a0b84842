"""`Reference`: what the pairs looked like that a labeler was fitted on; small, JSON-able, and without a text.

Each statistic is kept with its share and its variance over prompts, split into what prompts share and what pairs of
one prompt do not, so that a batch with another number of pairs per prompt is judged rightly. How far chance
carries a batch of a given size away is not taken from a table: batches are drawn from the reference itself, prompt
by prompt, and compared with the rest of it. The largest of thousands of dependent differences then has its own
distribution, and that is what a new batch is held against.

Source: Westfall & Young (1993), max-T by resampling, here over subsets of prompts; ratio estimates and their variance
over clusters, Cochran (1977), chapters 6 and 9; Cohen's h for two shares, Cohen (1988), chapter 6.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Final, Self

import numpy as np
from numpy.typing import NDArray

from weaklabel._validation import number_within, numbers_within, saved_texts, whole_within
from weaklabel.errors import ArtifactError, LabelMatrixError
from weaklabel.groups import some_prompts
from weaklabel.shift.statistics import (
    BUCKETS,
    Statistic,
    Sums,
    agreeing,
    edges_of,
    sums_of,
    text_number_names,
    text_numbers,
)
from weaklabel.types import FloatArray, Pairs, Votes
from weaklabel.types.result import Result, json_fields

MAX_PAIRS: Final = 4000
"""A sample of whole prompts with about this many pairs stands for more of them."""
FEWEST_PROMPTS: Final = 15
"""A batch of fewer prompts, or a reference of fewer than twice as many, cannot be told apart from chance."""
EXPECTED: Final = 5.0
"""A share counts where it makes at least so many prompts of the batch, going by the middle of was and is."""
FALSE_ALARMS: Final = 0.05
"""The chance that a batch like the reference looks unlike it, before the effect is asked for as well."""

FAMILIES: Final[Mapping[str, tuple[str, ...]]] = {
    "votes": ("coverage", "margin", "agreement"),
    "texts": ("prompt", "response"),
    "words": ("prompt word", "response word"),
}
# Per family the mean square of z, which sees many small changes; over votes and texts the largest |z|, which sees one.
TESTS: Final = (*FAMILIES, "largest")
_DRAWS: Final = 400
# Variance that a share has at least: what was never seen among a few hundred pairs may still be one in a thousand.
_RARE: Final = 1e-3
_LARGEST: Final = 1e100  # of a saved number: its square is finite


@dataclass(frozen=True, repr=False)
class Reference(Result):
    """What a labeler was fitted on, in shares. Made by `Reference.of`.

    Attributes:
        lf_names: the labeler's functions.
        n_pairs: how many pairs the labeler was fitted on.
        n_prompts: the prompts that the shares are about: all of them, or the sample for more than `MAX_PAIRS` pairs.
        edges: the values that |margins| and numbers of the texts are held against, by name.
        couples: the pairs of functions whose agreement is looked at.
        share: `(n_statistics,)` float64, NaN where a statistic was never active.
        between, within: `(n_statistics,)` float64, variance of a share per prompt, and per pair of a prompt.
        noise: `(n_statistics,)` float64, variance of the share itself.
        limits: per batch size in prompts, the largest value of each of `TESTS` that chance explains.
    """

    lf_names: tuple[str, ...]
    n_pairs: int
    n_prompts: int
    edges: Mapping[str, tuple[float, ...]]
    couples: tuple[tuple[str, str], ...]
    share: FloatArray
    between: FloatArray
    within: FloatArray
    noise: FloatArray
    limits: Mapping[int, Mapping[str, float]]

    @classmethod
    def of(cls, votes: Votes, pairs: Pairs, *, seed: int = 0) -> Self:
        """The reference of the pairs that a labeler is fitted on.

        Args:
            votes: the labeler's votes on `pairs`, rows in the same order.
            pairs: the pairs; their gold is not looked at.
            seed: of the sample of prompts and of the batches that tell what chance does.

        Raises:
            LabelMatrixError: votes of other pairs.
        """
        n_pairs = len(pairs)
        votes, pairs, groups = sampled(votes, pairs, seed)
        edges = edges_of(votes, text_numbers(pairs))
        couples = agreeing(votes)
        sums = sums_of(votes, pairs, edges, couples, groups)
        parts = _Parts.of(sums)
        moments = _Moments.of(parts, np.ones(len(sums.top), dtype=np.float32))
        share, (between, within) = _six_digits(moments.share), map(_six_digits, moments.variances())
        per_prompt = between + within / np.maximum(moments.rows, 1.0)
        noise = _six_digits(per_prompt / np.maximum(moments.active, 1))
        limits = _limits(parts, kinds_of(sums.statistics), seed)
        n_prompts = len(sums.top)
        return cls(votes.lf_names, n_pairs, n_prompts, edges, couples, share, between, within, noise, limits)

    def to_dict(self) -> dict[str, Any]:
        """JSON values; `from_dict` gives an equal reference back."""
        return json_fields(self) | {
            "limits": {str(size): dict(limits) for size, limits in self.limits.items()}
        }

    @classmethod
    def from_dict(cls, state: Mapping[str, Any]) -> Self:
        """The reference that `to_dict` wrote.

        Raises:
            ArtifactError: when something in it is missing, or no set of pairs gives it.
        """
        try:
            names = saved_texts(state["lf_names"])
            edges = {name: _rising(values) for name, values in state["edges"].items()}
            couples = tuple((one, two) for one, two in map(saved_texts, state["couples"]))
            if edges.keys() != {*(f"|{name}" for name in names), *text_number_names()}:
                raise ValueError("its edges are of other functions or numbers")
            n = len(names) + sum(map(len, edges.values())) + len(couples) + 2 * BUCKETS  # statistics
            unknown = [v is None for v in state["share"]]
            share = numbers_within([0.0 if v is None else v for v in state["share"]], (n,), 0.0, 1.0 + 1e-6)
            between, within, noise = (
                numbers_within(state[name], (n,), 0.0, _LARGEST) for name in ("between", "within", "noise")
            )
            limits = {
                whole_within(int(size), 1, 2**53): {t: number_within(most[t], 0.0, _LARGEST) for t in TESTS}
                for size, most in state["limits"].items()
            }
            n_pairs, n_prompts = (whole_within(state[key], 0, 2**53) for key in ("n_pairs", "n_prompts"))
            share = np.where(unknown, np.nan, share)
            return cls(names, n_pairs, n_prompts, edges, couples, share, between, within, noise, limits)
        except (AttributeError, KeyError, TypeError, ValueError) as error:
            raise ArtifactError(
                f"the shift reference is not whole ({type(error).__name__}: {error}). Fit the labeler again."
            ) from error

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Reference) and self.to_dict() == other.to_dict()

    __hash__ = None  # type: ignore[assignment]


def sampled(votes: Votes, pairs: Pairs, seed: int) -> tuple[Votes, Pairs, NDArray[np.int64]]:
    """All pairs, or those of randomly drawn prompts with about `MAX_PAIRS` pairs, and prompt numbers from 0.

    Raises:
        LabelMatrixError: votes of other pairs.
    """
    if votes.ids != pairs.ids:
        raise LabelMatrixError(
            "the votes are of other pairs. Pass votes from apply() on these very pairs, in their order."
        )
    groups = pairs.prompt_groups
    if len(pairs) > MAX_PAIRS:
        rows = some_prompts(groups, MAX_PAIRS, seed)
        votes, pairs, groups = votes.take(rows), pairs.take(rows), groups[rows]
    return votes, pairs, np.unique(groups, return_inverse=True)[1].reshape(-1)


def z_scores(
    was: FloatArray, now: FloatArray, noise: FloatArray, live: NDArray[Any]
) -> tuple[FloatArray, NDArray[np.bool_]]:
    """Differences in standard errors, and which can be used; 0 where too little was seen to say anything.

    `noise` is the variance that the share `was` implies. A word that was rare and is not any more has to be judged
    by the variance in between, else three occurrences would be a sensation.
    """
    middle, before = (now + was) / 2, was
    expected = live * np.nan_to_num(np.minimum(middle, 1 - middle))
    usable = ~np.isnan(middle) & (expected >= EXPECTED) & (noise > 0)
    own = np.maximum(np.nan_to_num(before * (1 - before)), _RARE)
    wider = np.maximum(1.0, np.nan_to_num(middle * (1 - middle)) / own)
    spread = np.sqrt(np.where(usable, noise * wider, 1.0))
    return np.where(usable, np.nan_to_num(now - was) / spread, 0.0), usable


def family_values(z: FloatArray, usable: NDArray[np.bool_], kinds: NDArray[np.str_]) -> dict[str, FloatArray]:
    """Each of `TESTS` for one batch per row of `z`, `(n_batches, n_statistics)`."""
    found: dict[str, FloatArray] = {}
    for family, members in FAMILIES.items():
        chosen = np.isin(kinds, members)
        count = usable[:, chosen].sum(axis=1)
        found[family] = (z[:, chosen] ** 2).sum(axis=1) / np.maximum(count, 1)
    single = ~np.isin(kinds, FAMILIES["words"])
    found["largest"] = np.abs(z[:, single]).max(axis=1, initial=0.0)
    return found


def kinds_of(statistics: tuple[Statistic, ...]) -> NDArray[np.str_]:
    return np.array([s.kind for s in statistics])


def shares(sums: Sums) -> FloatArray:
    """`(n_statistics,)` float64, NaN where nothing was counted."""
    top, below = sums.top.sum(axis=0, dtype=np.float64), sums.below.sum(axis=0, dtype=np.float64)
    found: FloatArray = np.divide(top, below, out=np.full_like(top, np.nan), where=below > 0)
    return found


def rows_per_prompt(sums: Sums) -> FloatArray:
    active = (sums.below > 0).sum(axis=0)
    return np.asarray(sums.below.sum(axis=0, dtype=np.float64) / np.maximum(active, 1))


def _rising(values: object) -> tuple[float, ...]:
    found = numbers_within(values, (None,), -_LARGEST, _LARGEST)
    if (np.diff(found) <= 0).any():
        raise ValueError(f"{str(values)[:40]!r} does not rise")
    return tuple(found.tolist())


def _six_digits(values: FloatArray) -> FloatArray:
    """Rounded, so that what is saved is what is used."""
    return np.array([float(f"{v:.6g}") for v in values], dtype=np.float64)


@dataclass(frozen=True, slots=True)
class _Parts:
    """What `_Moments` sums, each distinct column once: most words share what is below them, and of 0 and 1 squares are equal.

    Attributes:
        distinct: `(n_prompts, n_distinct)` float32. Whole numbers, so a sum has the same bits in any order.
        columns: per field of `_Moments`, which of them it is made of, `(n_statistics,)`.
    """

    distinct: NDArray[np.float32]
    columns: tuple[NDArray[np.intp], ...]

    @classmethod
    def of(cls, sums: Sums) -> Self:
        known: dict[bytes, int] = {}
        columns = []
        for part in _summed(sums):
            rows = np.ascontiguousarray(part.T)
            columns.append(
                np.array([known.setdefault(row.tobytes(), len(known)) for row in rows], dtype=np.intp)
            )
        distinct = np.frombuffer(b"".join(known), dtype=np.float32).reshape(len(known), len(sums.top)).T
        return cls(distinct, tuple(columns))


def _summed(sums: Sums) -> Iterator[NDArray[np.float32]]:
    """What the fields of `_Moments` are sums of, one after the other: all of them at once would be most of a fit's memory."""
    t, b = sums.top, sums.below
    yield t
    yield b
    yield t * t
    yield t * b
    yield b * b
    yield (b > 0).astype(np.float32)


@dataclass(frozen=True, slots=True)
class _Moments:
    """Sums over prompts of top, below, their squares and product, and of being active: `(..., n_statistics)`."""

    top: FloatArray
    below: FloatArray
    top2: FloatArray
    both: FloatArray
    below2: FloatArray
    active: FloatArray

    @classmethod
    def of(cls, parts: _Parts, drawn: NDArray[np.float32]) -> Self:
        """Over the prompts that `drawn` `(..., n_prompts)` counts."""
        found = (drawn @ parts.distinct).astype(np.float64)
        return cls(*(found[..., columns] for columns in parts.columns))

    def __sub__(self, other: _Moments) -> _Moments:
        return _Moments(*(getattr(self, name) - getattr(other, name) for name in self.__slots__))

    @property
    def share(self) -> FloatArray:
        return np.divide(self.top, self.below, out=np.full_like(self.top, np.nan), where=self.below > 0)

    @property
    def rows(self) -> FloatArray:
        """Rows per active prompt."""
        return np.asarray(self.below / np.maximum(self.active, 1))

    def variances(self) -> tuple[FloatArray, FloatArray]:
        """Variance of a share between prompts, and between the pairs of one prompt.

        One pair alone has share * (1 - share) = between + within; a prompt of `rows` pairs, by the ratio estimate,
        between + within / rows. Where prompts have one pair each, all of it counts as between.
        """
        share, rows = np.nan_to_num(self.share), np.maximum(self.rows, 1.0)
        of_row = np.maximum(share * (1 - share), _RARE)
        rest = np.maximum(self.top2 - 2 * share * self.both + share**2 * self.below2, 0.0)
        of_prompt = rest / np.maximum(self.below, 1.0) ** 2 * self.active
        of_prompt = np.maximum(of_prompt * self.active / np.maximum(self.active - 1, 1), _RARE / rows)
        repeats = rows > 1.05
        within = np.where(repeats, (of_row - of_prompt) / np.where(repeats, 1 - 1 / rows, 1.0), 0.0)
        within = np.clip(within, 0.0, of_row)
        return np.where(repeats, of_row - within, of_prompt), within


def _limits(parts: _Parts, kinds: NDArray[np.str_], seed: int) -> dict[int, dict[str, float]]:
    """What chance explains, for batches of some sizes: quantiles of each test over batches drawn from here.

    A batch is held against the prompts that were not drawn, their variance included: a reference does not know
    the variance of what is still to come either.
    """
    n_prompts = len(parts.distinct)
    level = 1 - FALSE_ALARMS / len(TESTS)
    rng = np.random.default_rng(seed)
    everything = _Moments.of(parts, np.ones(n_prompts, dtype=np.float32))
    found = {}
    for size in _sizes(n_prompts):
        drawn = np.zeros((_DRAWS, n_prompts), dtype=np.float32)
        for row in drawn:
            row[rng.permutation(n_prompts)[:size]] = 1.0
        one = _Moments.of(parts, drawn)
        rest = everything - one
        between, within = rest.variances()
        noise = (between + within / np.maximum(one.rows, 1.0)) / np.maximum(one.active, 1)
        noise += (between + within / np.maximum(rest.rows, 1.0)) / np.maximum(rest.active, 1)
        z, usable = z_scores(rest.share, one.share, noise, one.active)
        values = family_values(z, usable, kinds)
        found[size] = {test: float(np.quantile(values[test], level)) for test in TESTS}
    return found


def _sizes(n_prompts: int) -> list[int]:
    """Batch sizes in prompts: fourfold from the fewest, and half of what there is."""
    half = n_prompts // 2
    sizes = []
    size = FEWEST_PROMPTS
    while size < half:
        sizes.append(size)
        size *= 4
    return [*sizes, half] if half >= FEWEST_PROMPTS else []
