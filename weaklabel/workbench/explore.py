"""`explore`: which heuristics are worth writing. The first step of Hauptvogel et al. 2024 (arXiv 2410.20869), tested.

Every clue is a sign per pair: which response has more of something. On dev gold, the effect is the accuracy of
"the response with more wins" minus one half, over the pairs in which the two differ; gold ties are left out.

- Kinds: `scorer` (shipped or given labeling functions, by their margins), `pattern` (marks and openings), `word` and
  `bigram` (found in exactly one of the two responses).
- p-value: z = sum(s) / sqrt(sum over prompts of (sum of s in the prompt)^2), s = +1 where the clue is right and -1
  where it is wrong. With one pair per prompt this is the sign test; pairs of one prompt may depend on each other.
- Interval: Wilson's, its sample size divided by the design effect of the prompts (Kish 1965).
- q: Benjamini & Hochberg (1995) within each kind. Among clues with q <= .05, one in twenty is expected to be chance.

Departure from the paper, which picked features by eye and by correlation: intervals, prompts as the unit, and q.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final, Literal

import numpy as np

from weaklabel._arguments import checked
from weaklabel._guard import guarded
from weaklabel._shown import ROWS, Sketch
from weaklabel._tables import chance, plain_table, short
from weaklabel._validation import check_least
from weaklabel.errors import GoldError, needs_pandas
from weaklabel.lf.checks import rows_of
from weaklabel.lf.core import LabelingFunction, ResponseScorer
from weaklabel.lf.writing import current
from weaklabel.metrics import Interval
from weaklabel.types import FloatArray, Pair, Pairs, Text, signed_votes
from weaklabel.types.result import Result, json_fields
from weaklabel.workbench._clues import PATTERNS, Words, bigrams_of, opening_pattern, words_of
from weaklabel.workbench._dev import is_dev
from weaklabel.workbench.analysis import wilson

if TYPE_CHECKING:
    import pandas as pd

    from weaklabel.pictures import Picture


Kind = Literal["scorer", "pattern", "word", "bigram"]
KINDS: Final[tuple[Kind, ...]] = ("scorer", "pattern", "word", "bigram")
SURVIVES: Final = 0.05

_HEADER: Final = ("kind", "clue", "wins", "coverage", "pairs", "effect", "95% interval", "q", "")


@dataclass(frozen=True, slots=True, repr=False)
class Clue(Result):
    """One thing in which responses differ, and how it goes with preference.

    Attributes:
        kind: one of `KINDS`.
        name: the scorer, mark, word or bigram.
        wins: which side of it is preferred on dev gold, "more" or "less".
        coverage: share of dev pairs in which the responses differ in it; `n` is their number.
        effect: accuracy of "more wins" minus .5, in [-.5, .5]; `low` and `high` bound it at 95%.
        p: two-sided p-value; `q` the share of false discoveries when this clue and all better ones are believed.
        suggestion: the line to write.
    """

    kind: Kind
    name: str
    wins: str
    coverage: float
    n: int
    effect: float
    low: float
    high: float
    p: float
    q: float
    suggestion: str

    @property
    def survives(self) -> bool:
        """Whether q is at most .05."""
        return self.q <= SURVIVES

    def to_dict(self) -> dict[str, Any]:
        """JSON values."""
        return json_fields(self) | {"survives": self.survives}


@dataclass(frozen=True, slots=True, repr=False)
class Exploration(Result):
    """What `explore` found. `str()` prints a table, `to_dict()` gives JSON values, `to_pandas()` a row per clue.

    Attributes:
        clues: the best of each kind, strongest evidence first within a kind.
        tested: how many clues of each kind were tested; q refers to these.
        n_pairs: decided dev pairs looked at, of `n_prompts` prompts.
        notes: what was left out, in words.
    """

    clues: tuple[Clue, ...]
    tested: Mapping[str, int]
    n_pairs: int
    n_prompts: int
    notes: tuple[str, ...] = ()

    @property
    def surviving(self) -> tuple[Clue, ...]:
        """The clues with q <= .05."""
        return tuple(clue for clue in self.clues if clue.survives)

    def __str__(self) -> str:
        return self.text()

    def text(self, top: int = 15) -> str:
        """The table, with `top` clues of each kind, and the lines to write for those that survive."""
        shown = self._best(top)
        lines = [plain_table(_HEADER, [_cells(clue) for clue in shown], left=3), "", self._summary()]
        if worth := [clue for clue in shown if clue.survives]:
            lines += ["", "Worth writing (see that you believe them):", *(f"  {c.suggestion}" for c in worth)]
        return "\n".join(lines)

    def _summary(self) -> str:
        tested = ", ".join(f"{count} {kind}s" for kind, count in self.tested.items())
        lines = [
            f"{self.n_pairs} dev pairs on {self.n_prompts} prompts; tested {tested}. Effect: accuracy of 'more wins' "
            f"minus .5. * survives: q <= {SURVIVES:g}, at most one in twenty of these by chance.",
            *self.notes,
        ]
        return "\n".join(lines)

    def _sketch(self) -> Sketch:
        strongest = sorted(self._best(ROWS), key=lambda clue: clue.q)
        return Sketch(self._summary(), _HEADER, [_cells(clue) for clue in strongest], len(self.clues), 3)

    def plot(self, top: int = 10) -> Picture:
        """How well the `top` surest clues of each kind tell what people prefer, as a picture for notebooks."""
        from weaklabel.pictures import forest_picture

        rows = [
            (f"{clue.kind}: {clue.name}", Interval(clue.effect, clue.low, clue.high, clue.n))
            for clue in self._best(top)
        ]
        return forest_picture(
            rows,
            "What goes with preference",
            reference=0.0,
            reference_name="nothing",
            signed=True,
            axis="right: more of it wins; left: less of it",
            note=f"On {self.n_pairs:,} dev pairs of {self.n_prompts:,} prompts, 95% intervals, each for itself. "
            "The figure is the accuracy of 'more wins' minus .5.",
        )

    def _best(self, top: int) -> list[Clue]:
        return [clue for kind in KINDS for clue in [c for c in self.clues if c.kind == kind][:top]]

    def to_pandas(self) -> pd.DataFrame:
        """A pandas DataFrame, one row per clue."""
        with needs_pandas("to_pandas"):
            import pandas as pd

        return pd.DataFrame([clue.to_dict() for clue in self.clues])


@checked
def explore(
    pairs: Pairs,
    *,
    lfs: Sequence[LabelingFunction] | None = None,
    min_count: int = 10,
    limit: int = 100,
    max_pairs: int = 5000,
    seed: int = 0,
) -> Exploration:
    """Rank scorers, patterns, words and bigrams by how strongly they go with preference on dev gold.

    Args:
        pairs: pairs with dev gold; nothing else of them is looked at.
        lfs: what to rank as scorers; None takes the shipped ones.
        min_count: a clue is tested when it differs in at least this many pairs, of at least this many prompts.
        limit: clues of each kind to keep, after testing all.
        max_pairs: a random sample of this size stands for more dev gold than that.
        seed: of that sample.

    Raises:
        ConfigError: `min_count`, `limit` or `max_pairs` below 1.
        GoldError: no decided dev gold.
        DataError: a labeling function declares a column that the pairs do not have.
    """
    for name, value in (("min_count", min_count), ("limit", limit), ("max_pairs", max_pairs)):
        check_least(f"explore: {name}", value, 1)
    dev, notes = _dev_pairs(pairs, max_pairs, seed)
    if lfs is None:
        from weaklabel.lf.discovery import load_lfs

        lfs = load_lfs("shipped")
    lfs = current(lfs)
    rows, test = list(dev.iter_pairs()), _Test(dev, min_count)
    found: dict[Kind, list[Clue]] = {
        "scorer": test.scorers(lfs, dev, rows, notes),
        "pattern": test.words("pattern", rows, _marks_of, _suggest_pattern),
        "word": test.words("word", rows, words_of, _suggest_words),
        "bigram": test.words("bigram", rows, bigrams_of, _suggest_words),
    }
    return Exploration(
        tuple(clue for kind in KINDS for clue in found[kind][:limit]),
        {kind: len(found[kind]) for kind in KINDS},
        len(dev),
        len(np.unique(test.groups)),
        tuple(notes),
    )


class _Test:
    """The decided dev pairs as numbers, and the tests on them."""

    def __init__(self, dev: Pairs, min_count: int) -> None:
        from scipy import sparse

        self.n, self.min_count = len(dev), min_count
        self.groups = np.unique(dev.prompt_groups, return_inverse=True)[1].reshape(-1)
        # Gold as +1 (B) and -1 (A) on the diagonal; prompts as rows of ones.
        self.gold = sparse.diags_array(2.0 * dev.y - 1.0, format="csr")
        shape = (int(self.groups.max()) + 1, self.n)
        self.by_prompt = sparse.csr_array((np.ones(self.n), (self.groups, np.arange(self.n))), shape=shape)

    def scorers(
        self, lfs: Sequence[LabelingFunction], dev: Pairs, rows: list[Pair], notes: list[str]
    ) -> list[Clue]:
        """One clue per labeling function, by the sign of its margin, or its vote where it has none."""
        from scipy import sparse

        signs = np.zeros((self.n, len(lfs)))
        for j, lf in enumerate(lfs):
            with guarded() as look:
                found = lf.vote_all(rows_of(lf, dev) if lf.columns else rows)
                overstepped = look(f"labeling function {lf.name!r}")
            if overstepped is not None:
                notes.append(f"{lf.name} {overstepped}")
                continue  # as when labels are made: none of its votes count
            if found.faults:
                notes.append(f"{lf.name} failed on {len(found.faults)} pairs, first: {found.faults[0]}")
            no_margin = np.isnan(found.margins)
            signs[:, j] = np.where(
                no_margin, signed_votes(found.votes), np.sign(np.nan_to_num(found.margins))
            )
            if isinstance(lf, ResponseScorer) and lf.prefer == "less":
                signs[:, j] *= -1.0  # back to "more of the score"
        names = [f"{lf.family}.{lf.name}" for lf in lfs]
        return self._clues(
            "scorer", sparse.csr_array(signs), names, lambda j, wins: _suggest_scorer(lfs[j], wins)
        )

    def words(
        self,
        kind: Kind,
        rows: Sequence[Pair],
        found_in: Callable[[Text], Iterable[str]],
        suggest: Callable[[str, str], str],
    ) -> list[Clue]:
        """One clue per string that `found_in` finds in exactly one response of enough pairs."""
        words = Words(rows, found_in, self.min_count)
        return self._clues(kind, words.signs, words.names, lambda j, wins: suggest(words.names[j], wins))

    def _clues(
        self, kind: Kind, signs: Any, names: Sequence[str], suggest: Callable[[int, str], str]
    ) -> list[Clue]:
        """Clues with q, strongest evidence first. `signs` is a sparse `(n_pairs, n_clues)` of -1, 0 and +1."""
        right = self.gold @ signs
        n, per_prompt, n_per_prompt = _sums(abs(right)), self.by_prompt @ right, self.by_prompt @ abs(right)
        n_prompts = _sums(n_per_prompt > 0)
        kept = np.flatnonzero((n >= self.min_count) & (n_prompts >= self.min_count))
        if not kept.size:
            return []
        n, n_prompts, lead = n[kept], n_prompts[kept], _sums(right)[kept] / n[kept]
        squares, mixed, sizes = (
            _sums(product)[kept]
            for product in (
                per_prompt.multiply(per_prompt),
                per_prompt.multiply(n_per_prompt),
                n_per_prompt.multiply(n_per_prompt),
            )
        )
        p = _p_value(lead * n / np.sqrt(np.maximum(squares, 1.0)))
        residuals = squares - 2 * lead * mixed + lead**2 * sizes
        low, high = wilson((1 + lead) / 2, _effective(n, n_prompts, lead, residuals))
        q = benjamini_hochberg(p)
        return [
            Clue(
                kind,
                names[kept[i]],
                wins := "more" if lead[i] >= 0 else "less",
                float(n[i] / self.n),
                int(n[i]),
                float(lead[i] / 2),
                float(low[i] - 0.5),
                float(high[i] - 0.5),
                float(p[i]),
                float(q[i]),
                suggest(int(kept[i]), wins),
            )
            for i in np.lexsort((-n, p))
        ]


def benjamini_hochberg(p: FloatArray) -> FloatArray:
    """False-discovery-adjusted p-values, `(n,)` in [0, 1]: the least rate at which each would be believed.

    >>> benjamini_hochberg(np.array([0.01, 0.04, 0.03, 0.5])).round(4).tolist()
    [0.04, 0.0533, 0.0533, 0.5]
    """
    order = np.argsort(p)
    scaled = p[order] * len(p) / np.arange(1, len(p) + 1)
    q = np.empty_like(p)
    q[order] = np.minimum.accumulate(scaled[::-1])[::-1]
    return np.minimum(q, 1.0)


def _p_value(z: FloatArray) -> FloatArray:
    from scipy.special import ndtr

    return np.asarray(2.0 * ndtr(-np.abs(z)), dtype=np.float64)


def _effective(n: FloatArray, n_prompts: FloatArray, lead: FloatArray, residuals: FloatArray) -> FloatArray:
    """Independent trials that `n` pairs of `n_prompts` prompts are worth: n over the design effect."""
    several = n_prompts / np.maximum(n_prompts - 1.0, 1.0)
    clustered, independent = several * residuals / n**2, (1.0 - lead**2) / n
    # Where all agree there is no spread to measure: each prompt counts once.
    worth = np.divide(
        n * independent, clustered, out=n_prompts.copy(), where=(clustered > 0) & (independent > 0)
    )
    return np.clip(worth, 1.0, n)


def _sums(matrix: Any) -> FloatArray:
    return np.asarray(matrix.sum(axis=0), dtype=np.float64).reshape(-1)


def _dev_pairs(pairs: Pairs, max_pairs: int, seed: int) -> tuple[Pairs, list[str]]:
    notes: list[str] = []
    decided = np.flatnonzero(is_dev(pairs) & (pairs.y != 0.5))
    if not decided.size:
        raise GoldError(
            "explore: no pair has dev gold with a winner. Give gold with the pairs or as a file of its own: "
            "read_pairs(..., gold=...). Test gold stays locked."
        )
    if decided.size > max_pairs:
        notes.append(f"A sample of {max_pairs} of {decided.size} dev pairs was looked at.")
        decided = np.sort(np.random.default_rng(seed).choice(decided, max_pairs, replace=False))
    return pairs.take(decided), notes


def _marks_of(response: Text) -> Iterable[str]:
    for name, pattern in PATTERNS.items():
        if pattern.search(response):
            yield name
    if response.words:
        yield f"opens with {response.words[0]}"


def _suggest_pattern(name: str, wins: str) -> str:
    pattern = (
        PATTERNS[name].pattern if name in PATTERNS else opening_pattern(name.removeprefix("opens with "))
    )
    # Named apart from the shipped functions, which a pasted line must not collide with.
    return f'pattern_scorer("pattern_{name.replace(" ", "_")}", good=[r"{pattern}"], prefer="{wins}")'


def _suggest_words(words: str, wins: str) -> str:
    return f'keyword_scorer("says_{words.replace(" ", "_")}", ["{words}"], prefer="{wins}")'


def _suggest_scorer(lf: LabelingFunction, wins: str) -> str:
    source = (lf.spec or "").rpartition("::")[0]
    shipped = source.startswith("shipped:") or source == "shipped"
    name = f'load_lfs("shipped:{lf.family}.{lf.name}")' if shipped else lf.name
    if not isinstance(lf, ResponseScorer):
        return name if wins == "more" else f"# {name} votes the wrong way round here"
    if lf.prefer == wins:
        return name
    return f'{name}{"[0]" if shipped else ""}.with_settings(prefer="{wins}")'


def _cells(clue: Clue) -> list[str]:
    interval = f"[{short(clue.low, sign=True)}, {short(clue.high, sign=True)}]"
    mark = "*" if clue.survives else ""
    return [
        clue.kind, clue.name, clue.wins, short(clue.coverage), str(clue.n), short(clue.effect, sign=True),
        interval, chance(clue.q), mark,
    ]  # fmt: skip
