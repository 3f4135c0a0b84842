"""What is counted of a set of pairs, to tell whether another set looks like it. No text is kept.

Every statistic is a share, `sum(top) / sum(below)`, summed over rows, prompt by prompt:

- `coverage`: how often a labeling function votes;
- `margin`: how often its |margin| is at most one of a few fixed values;
- `agreement`: how often two functions that both vote say the same: where the length heuristic turns against the
  others, this is where it shows;
- `prompt`, `response`: how often a number of the text (characters, share of digits, ...) is at most a fixed value;
- `prompt word`, `response word`: how often a text holds a word of one of `BUCKETS` hash classes.

All of them treat the two responses alike, so turning a pair round changes nothing, to the bit.
"""

from __future__ import annotations

import zlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np
import polars as pl
from numpy.typing import NDArray

from weaklabel.types import ABSTAIN, FloatArray, Pairs, Votes, signed_votes

BUCKETS: Final = 512
QUANTILES: Final = (0.1, 0.25, 0.5, 0.75, 0.9)
AGREEING_LFS: Final = 24
"""Agreement is looked at among this many functions, those that vote most often."""

_WORD: Final = r"[\p{L}\p{N}]+(?:['’][\p{L}\p{N}]+)*"
_CHARS: Final = {
    "digits": r"[0-9]",
    "capitals": r"\p{Lu}",
    "marks": r"[^\w\s]",
    "beyond ASCII": r"[^\x00-\x7f]",
}

Edges = Mapping[str, tuple[float, ...]]


@dataclass(frozen=True, slots=True)
class Statistic:
    """One share: of which kind, about what, and below which value (NaN where there is none)."""

    kind: str
    name: str
    edge: float = float("nan")


@dataclass(frozen=True)
class Sums:
    """Statistics summed per prompt.

    Attributes:
        statistics: `n_statistics` of them, in column order.
        top, below: `(n_prompts, n_statistics)` float32, the two sums; a share is top / below.
    """

    statistics: tuple[Statistic, ...]
    top: NDArray[np.float32]
    below: NDArray[np.float32]


def text_numbers(pairs: Pairs) -> dict[str, FloatArray]:
    """Numbers of the texts by name, `(n_pairs,)` float64 each; the two responses are averaged.

    The names begin with `prompt` or `response`.
    """
    table = pairs.table
    found = {f"prompt {name}": values for name, values in _numbers(table["prompt"].to_pylist()).items()}
    a, b = (_numbers(table[name].to_pylist()) for name in ("response_a", "response_b"))
    found |= {f"response {name}": (a[name] + b[name]) / 2 for name in a}
    found["response unequal lengths"] = np.abs(a["characters"] - b["characters"])
    return found


def text_number_names() -> tuple[str, ...]:
    """The names that `text_numbers` gives, whatever the pairs."""
    names = ("characters", *_CHARS, "lines")
    both = tuple(f"{what} {name}" for what in ("prompt", "response") for name in names)
    return (*both, "response unequal lengths")


def _numbers(texts: Sequence[str]) -> dict[str, FloatArray]:
    column = pl.Series("text", texts, dtype=pl.String)
    chars = column.str.len_chars().to_numpy().astype(np.float64)
    found = {"characters": np.log1p(chars)}
    for name, pattern in _CHARS.items():
        found[name] = column.str.count_matches(pattern).to_numpy() / np.maximum(chars, 1.0)
    found["lines"] = np.log1p(column.str.count_matches("\n", literal=True).to_numpy().astype(np.float64))
    return found


def edges_of(votes: Votes, numbers: Mapping[str, FloatArray]) -> dict[str, tuple[float, ...]]:
    """The fixed values that |margins| (under the functions' names, with `|` before) and numbers are held against."""
    columns = {f"|{name}": np.abs(votes.margins[:, j]) for j, name in enumerate(votes.lf_names)}
    return {name: _edges(values) for name, values in (columns | dict(numbers)).items()}


def _edges(values: NDArray[np.floating]) -> tuple[float, ...]:
    known = values[np.isfinite(values)].astype(np.float64)
    if not known.size:
        return ()
    found = np.unique(np.quantile(known, QUANTILES, method="inverted_cdf"))
    return tuple(float(v) for v in found if v < known.max())  # nothing lies above the largest


def agreeing(votes: Votes) -> tuple[tuple[str, str], ...]:
    """The pairs of functions whose agreement is looked at."""
    spoken = (votes.L != ABSTAIN).sum(axis=0)
    chosen = sorted(np.argsort(-spoken, kind="stable")[:AGREEING_LFS].tolist())
    names = [votes.lf_names[j] for j in chosen if spoken[j]]
    return tuple((one, two) for i, one in enumerate(names) for two in names[i + 1 :])


def sums_of(
    votes: Votes, pairs: Pairs, edges: Edges, couples: Sequence[tuple[str, str]], groups: NDArray[np.int64]
) -> Sums:
    """Every statistic of `pairs`, summed over each of `groups` (numbers 0..G-1)."""
    order = np.argsort(groups, kind="stable")
    starts = np.searchsorted(groups[order], np.arange(int(groups.max()) + 1 if len(groups) else 0))
    first = order[starts]  # what is said of prompts counts each prompt once
    blocks = [_vote_block(votes, edges, couples), _text_block(pairs, edges), _word_block(pairs)]
    statistics = tuple(s for names, _, _ in blocks for s in names)
    top = np.hstack([top for _, top, _ in blocks])
    below = np.hstack([below for _, _, below in blocks])
    once = np.array([s.kind.startswith("prompt") for s in statistics])
    repeats = np.ones(len(votes), dtype=np.bool_)
    repeats[first] = False
    for part in (top, below):
        part[np.ix_(repeats, once)] = 0.0
    summed = [part[first] for part in (top, below)]
    for whole, part in zip(summed, (top, below), strict=True):
        np.add.at(whole, groups[repeats], part[repeats])  # whole numbers, whose order means nothing
    top, below = summed
    return Sums(statistics, top, below)


Block = tuple[list[Statistic], NDArray[np.float32], NDArray[np.float32]]


def _vote_block(votes: Votes, edges: Edges, couples: Sequence[tuple[str, str]]) -> Block:
    spoke = (votes.L != ABSTAIN).astype(np.float32)
    names = [Statistic("coverage", name) for name in votes.lf_names]
    tops, belows = [spoke], [np.ones_like(spoke)]
    for j, lf in enumerate(votes.lf_names):
        gap = np.abs(votes.margins[:, j]).astype(np.float64)
        cells, known = _below_edges(gap, edges[f"|{lf}"])
        names += [Statistic("margin", lf, edge) for edge in edges[f"|{lf}"]]
        tops.append(cells)
        belows.append(known)
    signed = signed_votes(votes.L).astype(np.float32)
    one, two = ([votes.column(couple[side]) for couple in couples] for side in (0, 1))
    together = np.abs(signed[:, one] * signed[:, two])
    names += [Statistic("agreement", f"{a} and {b}") for a, b in couples]
    tops.append((together + signed[:, one] * signed[:, two]) / 2)
    belows.append(together)
    return names, np.hstack(tops), np.hstack(belows)


def _text_block(pairs: Pairs, edges: Edges) -> Block:
    names: list[Statistic] = []
    tops, belows = [], []
    for name, values in text_numbers(pairs).items():
        cells, known = _below_edges(values, edges[name])
        kind, _, what = name.partition(" ")
        names += [Statistic(kind, what, edge) for edge in edges[name]]
        tops.append(cells)
        belows.append(known)
    return names, np.hstack(tops), np.hstack(belows)


def _below_edges(
    values: FloatArray, edges: Sequence[float]
) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    known = np.repeat(~np.isnan(values)[:, None], len(edges), axis=1)
    with np.errstate(invalid="ignore"):
        return (values[:, None] <= np.asarray(edges)).astype(np.float32), known.astype(np.float32)


def _word_block(pairs: Pairs) -> Block:
    prompts, a, b = (
        _buckets(pairs.table[name].to_pylist()) for name in ("prompt", "response_a", "response_b")
    )
    names = [Statistic(f"{what} word", str(k)) for what in ("prompt", "response") for k in range(BUCKETS)]
    ones = np.ones((len(pairs), BUCKETS), dtype=np.float32)
    return names, np.hstack([prompts, a + b]), np.hstack([ones, 2 * ones])


def _buckets(texts: Sequence[str]) -> NDArray[np.float32]:
    """`(n, BUCKETS)`: 1 where a text holds a word of the class. The classes are those of CRC-32, on any machine."""
    words = pl.Series("word", texts, dtype=pl.String).str.to_lowercase().str.extract_all(_WORD)
    rows = np.repeat(np.arange(len(texts)), words.list.len().to_numpy())
    coded = words.explode().drop_nulls().to_arrow().dictionary_encode()  # a text without words becomes a null
    classes = [zlib.crc32(word.encode()) % BUCKETS for word in coded.dictionary.to_pylist()]
    held = np.zeros((len(texts), BUCKETS), dtype=np.float32)
    if classes:
        numbers = np.frombuffer(coded.indices.buffers()[1], dtype=np.int32, count=len(coded))
        held[rows, np.array(classes)[numbers]] = 1.0
    return held
