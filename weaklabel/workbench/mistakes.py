"""`mistakes`: where one labeling function is wrong on dev gold, most confident first, and what these pairs share.

A mistake is a vote against gold. Gold ties cannot be met and are left out. On top stand patterns: kinds of pairs in
which the function is wrong more, or less, often than elsewhere. They are a place to look, tested with
false-discovery control over all kinds; the pairs below them are the evidence.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

import numpy as np
from numpy.typing import ArrayLike, NDArray

from weaklabel._arguments import checked
from weaklabel._shown import ROWS, Sketch
from weaklabel._tables import chance, plain_table, short
from weaklabel._terminal import one_line, plain_line, plain_text
from weaklabel.errors import LabelMatrixError, needs_pandas
from weaklabel.metrics import Interval
from weaklabel.types import ABSTAIN, FloatArray, Int8Array, Pairs, Votes
from weaklabel.types.result import Result, json_fields
from weaklabel.workbench._dev import DevGold, dev_gold
from weaklabel.workbench.analysis import accuracy_interval
from weaklabel.workbench.explore import benjamini_hochberg

if TYPE_CHECKING:
    import pandas as pd

    from weaklabel.pictures import Picture


FEWEST_IN_PATTERN: Final = 10
_SIDES: Final = np.array(["a", "b"])
_SHOWN: Final = 160
_HEADER: Final = ("kind of pair", "votes", "wrong", "95% interval", "elsewhere", "q")
# Columns of the source that may say what kind of pair it is, where they hold a few distinct values.
_KINDS: Final = ("category", "source", "task", "language")
_MAX_KINDS: Final = 12


@dataclass(frozen=True, slots=True, repr=False)
class Mistake(Result):
    """One pair on which the function voted against gold.

    Attributes:
        id: of the pair.
        gold: "a" or "b"; `vote` is the other one.
        margin: of the function, positive for b; NaN where it has none.
        p_gold: the probability that a model which did not see this gold gives to its side; NaN where none was asked.
        others_right: share of the other functions' votes on this pair that are right; NaN where nobody else voted.
        prompt, response_a, response_b: the texts, whole and as they are.
    """

    id: str
    gold: str
    vote: str
    margin: float
    p_gold: float
    others_right: float
    prompt: str
    response_a: str
    response_b: str

    def text(self, full: bool = False) -> str:
        """The mistake for a terminal; control characters are written out. Texts are shortened unless `full`."""
        facts = [f"pair {plain_line(self.id)}: voted {self.vote}, gold says {self.gold}"]
        if not np.isnan(self.margin):
            facts.append(f"margin {self.margin:+.4g}")
        if not np.isnan(self.p_gold):
            facts.append(f"out of fold, P of gold's side is {short(self.p_gold)}")
        if not np.isnan(self.others_right):
            facts.append(f"{self.others_right:.0%} of the other votes are right")
        lines = ["; ".join(facts)]
        for name, text in (("prompt", self.prompt), ("a", self.response_a), ("b", self.response_b)):
            mark = " (gold)" if name == self.gold else " (voted for)" if name == self.vote else ""
            if full:
                body = "\n".join(f"    {line}" for line in plain_text(text).splitlines())
                lines.append(f"  {name}{mark}:\n{body}")
            else:
                lines.append(f"  {name}{mark}: {one_line(text, _SHOWN)}")
        return "\n".join(lines)


@dataclass(frozen=True, slots=True, repr=False)
class Pattern(Result):
    """A kind of pair: how often the function is wrong in it, and elsewhere.

    Attributes:
        name: the kind, in words.
        wrong: share of wrong votes in it, with its 95% interval over prompts; `n` votes.
        elsewhere: share of wrong votes in the other pairs.
        q: share of false discoveries when this pattern and all stronger ones are believed.
    """

    name: str
    wrong: Interval
    elsewhere: float
    q: float

    def to_dict(self) -> dict[str, Any]:
        """JSON values."""
        return json_fields(self, name="kind")


@dataclass(frozen=True, slots=True, repr=False)
class Mistakes(Result):
    """What `mistakes` found. `str()` shows the first ten, `text()` as many as asked for.

    Attributes:
        lf: the function.
        mistakes: the most confident first: by |margin|, then by how sure the labeler was of gold's side.
        patterns: kinds of pairs, those that differ most surely first.
        wrong: share of wrong votes on decided dev gold with its 95% interval; None where it never votes there.
        notes: what was left out.
    """

    lf: str
    mistakes: tuple[Mistake, ...]
    patterns: tuple[Pattern, ...]
    wrong: Interval | None
    notes: tuple[str, ...] = ()

    def __len__(self) -> int:
        return len(self.mistakes)

    def __str__(self) -> str:
        return self.text()

    def text(self, limit: int | None = 10, *, full: bool = False) -> str:
        """Summary, patterns, and the first `limit` mistakes (None shows all), equal texts once for all judgements."""
        return "\n".join(self.lines(limit, full=full))

    def lines(self, limit: int | None = 10, *, full: bool = False) -> Iterator[str]:
        """The parts of `text`, one after the other, for a pager."""
        yield self._summary()
        yield from self.notes
        if self.patterns:
            yield ""
            yield plain_table(_HEADER, [_cells(pattern) for pattern in self.patterns])
        shown = _by_texts(self.mistakes)[:limit]
        for first, *again in shown:
            yield f"\n{first.text(full)}"
            if again:
                yield f"  judged so again: {', '.join(plain_line(mistake.id) for mistake in again)}"
        rest = len(self) - sum(len(same) for same in shown)
        if rest:
            yield f"\n... and {rest} more."

    def _summary(self) -> str:
        if self.wrong is None:
            return f"{self.lf} never votes on decided dev gold: nothing to be wrong about."
        return f"{self.lf} is wrong on {len(self)} of {self.wrong.n} votes on dev gold: {self.wrong}"

    def plot(self) -> Picture:
        """How often it is wrong in each kind of pair, beside how often it is at all, as a picture for notebooks."""
        from weaklabel.pictures import forest_picture

        return forest_picture(
            [(pattern.name, pattern.wrong) for pattern in self.patterns],
            f"Where {self.lf} is wrong",
            reference=None if self.wrong is None else self.wrong.value,
            reference_name="in all",
            lower_is_better=True,
            axis="share that is wrong: left is better",
            note=f"{self._summary().rstrip('.')}. Kinds with prompts enough; 95% intervals, each for itself.",
        )

    def _sketch(self) -> Sketch:
        kinds = [
            f"{pattern.name}: wrong on {pattern.wrong}, elsewhere {short(pattern.elsewhere)} (q {chance(pattern.q)})"
            for pattern in self.patterns[:3]
        ]
        header = ("id", "voted", "gold", "margin", "prompt", "response a", "response b")
        rows = [
            [
                m.id,
                m.vote,
                m.gold,
                "" if np.isnan(m.margin) else f"{m.margin:+.4g}",
                m.prompt,
                m.response_a,
                m.response_b,
            ]
            for m in self.mistakes[:ROWS]
        ]
        summary = "\n".join([self._summary(), *self.notes, *kinds])
        return Sketch(summary, header if rows else (), rows, len(self), len(header))

    def to_pandas(self) -> pd.DataFrame:
        """A pandas DataFrame, one row per mistake."""
        with needs_pandas("to_pandas"):
            import pandas as pd

        return pd.DataFrame(
            [mistake.to_dict() for mistake in self.mistakes], columns=list(Mistake.__dataclass_fields__)
        )


@checked
def mistakes(lf: str, votes: Votes, pairs: Pairs, *, p: ArrayLike | None = None, seed: int = 0) -> Mistakes:
    """The pairs on which a labeling function votes against dev gold.

    Args:
        lf: its name.
        votes: what `apply` returned.
        pairs: pairs with dev gold, matched by id; the locked test part is not looked at.
        p: `(n_pairs,)` P(B beats A) per row of `pairs`, from a labeler that did not see that pair's gold; NaN or None
            where there is none.
        seed: of the bootstrap.

    Raises:
        UnknownNameError: no such function in the votes.
        GoldError: no dev gold, or gold for pairs without votes.
        LabelMatrixError: `p` of another length.

    >>> from weaklabel.data.sample import sample_pairs
    >>> pairs = sample_pairs(n_pairs=60, n_gold=40).dev
    >>> always_a = np.zeros((len(pairs), 1), np.int8)
    >>> votes = Votes(always_a, np.full(always_a.shape, np.nan, np.float32), ("always_a",), pairs.ids)
    >>> found = mistakes("always_a", votes, pairs)
    >>> len(found) == int((pairs.y == 1).sum()), {mistake.vote for mistake in found.mistakes}
    (True, {'a'})
    """
    column = votes.column(lf)
    known = dev_gold(votes, pairs, "mistakes")
    gold = known.decided()
    said = _said(p, len(pairs))[gold.places]
    cast = votes.L[gold.rows, column]
    spoke = cast != ABSTAIN
    wrong = np.flatnonzero(spoke & (cast != gold.y))
    margin = votes.margins[gold.rows, column].astype(np.float64)
    p_gold = np.where(gold.y == 1, said, 1 - said)
    others = _others_right(votes.L[gold.rows], column, gold.y)
    ids = np.array(pairs.ids, dtype=object)[gold.places]
    order = np.lexsort(
        (ids[wrong].astype(str), -np.nan_to_num(p_gold[wrong]), -np.nan_to_num(np.abs(margin[wrong])))
    )
    rows = wrong[order]
    texts = pairs.take(gold.places[rows]).table.select(["prompt", "response_a", "response_b"]).to_pylist()
    found = tuple(
        Mistake(
            str(ids[row]), str(_SIDES[int(gold.y[row])]), str(_SIDES[int(cast[row])]),
            float(margin[row]), float(p_gold[row]), float(others[row]), **text,
        )
        for row, text in zip(rows, texts, strict=True)
    )  # fmt: skip
    ties = len(known.y) - len(gold.y)
    notes = (f"{ties} gold ties were left out.",) if ties else ()
    return Mistakes(
        lf, found, _patterns(pairs, gold, cast, margin, seed), _wrong(cast, gold, spoke, seed), notes
    )


def _by_texts(found: Sequence[Mistake]) -> list[list[Mistake]]:
    """The mistakes in their order, those about the same prompt and responses together, either response first."""
    same: dict[tuple[str, frozenset[str]], list[Mistake]] = {}
    for mistake in found:
        key = (mistake.prompt, frozenset((mistake.response_a, mistake.response_b)))
        same.setdefault(key, []).append(mistake)
    return list(same.values())


def _said(p: ArrayLike | None, n: int) -> FloatArray:
    if p is None:
        return np.full(n, np.nan)
    array = np.asarray(p, dtype=np.float64)
    if array.shape != (n,):
        raise LabelMatrixError(f"p has shape {array.shape}, expected ({n},): one probability per pair.")
    return array


def _others_right(L: Int8Array, column: int, y: FloatArray) -> FloatArray:
    spoke = L != ABSTAIN
    spoke[:, column] = False
    right = (spoke & (y[:, None] == L)).sum(axis=1)
    count = spoke.sum(axis=1)
    found: FloatArray = np.divide(right, count, out=np.full(len(y), np.nan), where=count > 0)
    return found


def _wrong(cast: Int8Array, gold: DevGold, rows: NDArray[np.bool_], seed: int) -> Interval | None:
    """Share of wrong votes among `rows`: one minus the accuracy, bounds changing places."""
    found = accuracy_interval(cast[rows], gold.y[rows], gold.groups[rows], seed=seed)
    return None if found is None else Interval(1 - found.value, 1 - found.high, 1 - found.low, found.n)


def _patterns(
    pairs: Pairs, gold: DevGold, cast: Int8Array, margin: FloatArray, seed: int
) -> tuple[Pattern, ...]:
    spoke = cast != ABSTAIN
    kinds = _kinds(pairs.take(gold.places), cast, margin)
    tested, p_values = [], []
    for name, member in kinds:
        inside, outside = spoke & member, spoke & ~member
        # Prompts, not pairs: ten pairs of two prompts are two opinions.
        if min(len(np.unique(gold.groups[rows])) for rows in (inside, outside)) < FEWEST_IN_PATTERN:
            continue
        wrong = (cast != gold.y).astype(np.float64)
        one = _wrong(cast, gold, inside, seed)
        assert one is not None  # it holds votes on decided gold
        tested.append((name, one, float(wrong[outside].mean())))
        p_values.append(_p_of_difference(wrong, inside, outside, gold.groups))
    if not tested:
        return ()
    q = benjamini_hochberg(np.array(p_values))
    found = [Pattern(*row, float(value)) for row, value in zip(tested, q, strict=True)]
    return tuple(sorted(found, key=lambda pattern: (pattern.q, -pattern.wrong.value)))


def _p_of_difference(
    wrong: FloatArray, inside: NDArray[np.bool_], outside: NDArray[np.bool_], groups: NDArray[np.int64]
) -> float:
    """Two-sided p-value of the difference of two shares, its variance summed over prompts."""
    from scipy.stats import t as student

    influence = np.zeros(len(wrong))
    for rows, sign in ((inside, 1.0), (outside, -1.0)):
        influence[rows] = sign * (wrong[rows] - wrong[rows].mean()) / rows.sum()
    per_prompt = np.bincount(np.unique(groups, return_inverse=True)[1].reshape(-1), influence)
    spread = float(np.sqrt((per_prompt**2).sum()))
    # All right here and all wrong there leave no spread to measure: one pair's worth stands in.
    spread = max(spread, 1.0 / float(min(inside.sum(), outside.sum())))
    difference = float(wrong[inside].mean() - wrong[outside].mean())
    return float(2 * student.sf(abs(difference) / spread, len(np.unique(groups[inside])) - 1))


def _kinds(pairs: Pairs, cast: Int8Array, margin: FloatArray) -> list[tuple[str, NDArray[np.bool_]]]:
    """Kinds of pairs by name. None of them depends on which response stands first."""
    table = pairs.table
    prompt = np.array([len(text) for text in table["prompt"].to_pylist()], dtype=np.float64)
    a, b = (
        np.array([len(text) for text in table[f"response_{side}"].to_pylist()], dtype=np.float64)
        for side in "ab"
    )
    ratio = np.maximum(a, b) / np.maximum(np.minimum(a, b), 1.0)
    voted, other = np.where(cast == 1, b, a), np.where(cast == 1, a, b)
    raw = table["prompt"].to_pylist()
    found = [
        ("votes for the longer response", voted > other),
        ("votes for the shorter response", voted < other),
        ("lengths within 1.25 to 1", ratio <= 1.25),
        ("lengths 2 to 1 and more", ratio >= 2.0),
        ("long prompt (upper third)", prompt > np.quantile(prompt, 2 / 3) if len(prompt) else prompt > 0),
        ("short prompt (lower third)", prompt < np.quantile(prompt, 1 / 3) if len(prompt) else prompt > 0),
        ("prompt asks (ends with ?)", np.array([t.rstrip().endswith("?") for t in raw], dtype=np.bool_)),
        ("prompt holds a number", np.array([any(c.isdigit() for c in t) for t in raw], dtype=np.bool_)),
        ("prompt holds code", np.array(["```" in t for t in raw], dtype=np.bool_)),
        (
            "several turns",
            np.array([len(m or ()) > 1 for m in table["messages"].to_pylist()], dtype=np.bool_),
        ),
    ]
    size = np.abs(margin)
    known = size[(cast != ABSTAIN) & np.isfinite(size)]
    if known.size and known.min() < known.max():
        found.append(("margin below its median", size < np.median(known)))
        found.append(("margin in its top quarter", size >= np.quantile(known, 0.75)))
    return found + _column_kinds(pairs)


def _column_kinds(pairs: Pairs) -> list[tuple[str, NDArray[np.bool_]]]:
    found = []
    for column in _KINDS:
        if column not in pairs.table.column_names:
            continue
        values = np.array([str(v) for v in pairs.table[column].to_pylist()], dtype=object)
        distinct = sorted(set(values))
        if 2 <= len(distinct) <= _MAX_KINDS:
            found += [(f"{column}: {one_line(value, 40)}", values == value) for value in distinct]
    return found


def _cells(pattern: Pattern) -> list[str]:
    wrong = pattern.wrong
    interval = f"[{short(wrong.low)}, {short(wrong.high)}]"
    return [
        pattern.name,
        str(wrong.n),
        short(wrong.value),
        interval,
        short(pattern.elsewhere),
        chance(pattern.q),
    ]
