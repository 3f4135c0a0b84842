"""`tune`: which direction and which thresholds suit each response scorer, searched on dev gold and told honestly.

A scorer alone is a small model: a vote for B says P(B) = c, a vote for A says 1 - c, an abstain says one half; c is
its accuracy on the pairs it was fitted on, one right and one wrong vote added, and at least one half, for a function
below chance is not to be believed the other way round. The score is its NLL over all pairs, so that coverage and
accuracy are weighed against each other: an abstain costs log 2.

The search goes through both directions and a grid of quantiles of |margin| for `min_gap` and `max_gap`. A threshold
must be worth its description, half a log n each (Rissanen 1978; Schwarz 1978). The gain that the search seems to
bring on the pairs it was made on is flattering, the *naive gain*; the *honest gain* redoes the whole search inside
each of five folds of prompts and is scored on the prompts left out. Only what has the honest interval above zero,
and survives false-discovery control over all scorers (Benjamini & Hochberg 1995), is suggested.

NLL asks more of a turned direction than its sign: whether the stated confidence pays. So a turn is also believed on the
*net gain*, the share of right minus wrong votes over all pairs, after minus before, out of fold in the same way.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, Final

import numpy as np
from numpy.typing import NDArray

from weaklabel._arguments import checked
from weaklabel._progress import tracked
from weaklabel._shown import Sketch
from weaklabel._tables import chance, plain_table, short
from weaklabel.errors import ConfigError
from weaklabel.groups import folds_by_prompt
from weaklabel.labeler import N_FOLDS
from weaklabel.lf.core import LabelingFunction, ResponseScorer
from weaklabel.lf.writing import current
from weaklabel.metrics import Interval, Metric, nll, paired_difference
from weaklabel.metrics.rows import group_numbers, standard_error
from weaklabel.types import Float32Array, FloatArray, Pairs, Votes
from weaklabel.types.result import Result, json_fields
from weaklabel.workbench._dev import is_dev
from weaklabel.workbench._out_of_fold import enough_gold
from weaklabel.workbench._settings import Settings, best_settings, confidence, votes_under
from weaklabel.workbench.explore import benjamini_hochberg

if TYPE_CHECKING:
    from weaklabel.pictures import Picture


BELIEVED: Final = 0.1
_HEADER: Final = ("scorer", "now", "proposed", "accuracy", "coverage", "naive gain", "honest gain", "q", "")


@dataclass(frozen=True, slots=True, repr=False)
class Tuned(Result):
    """What the search says of one scorer.

    Attributes:
        lf: its name; `spec` is where it is found, None for one that lives in this process.
        now, proposed: settings in force, and those the search would choose on all dev gold.
        accuracy: before and after, of the votes; after is out of fold. NaN where there are no votes.
        coverage: before and after, share of pairs with a vote; after is out of fold.
        naive_gain: NLL before minus after on the very pairs that were searched, nats per pair.
        honest_gain: the same with the search redone in each fold and scored outside it, 95% interval over prompts.
        net_gain: share of right minus wrong votes over all pairs, after minus before, out of fold likewise.
        same_direction: share of the folds in which the search chose the proposed direction.
        q: share of false discoveries when this gain and all surer ones are believed.
    """

    lf: str
    spec: str | None
    now: Settings
    proposed: Settings
    accuracy: tuple[float, float]
    coverage: tuple[float, float]
    naive_gain: float
    honest_gain: Interval
    net_gain: Interval
    same_direction: float
    q: float

    @property
    def turned(self) -> bool:
        """Whether the proposal prefers the other side."""
        return self.proposed.prefer != self.now.prefer

    @property
    def above_chance(self) -> bool:
        """Whether the honest gain's interval lies above zero; for a turned direction, this or the net gain's."""
        gained = self.honest_gain.low > 0 or (self.turned and self.net_gain.low > 0)
        return self.proposed != self.now and gained

    @property
    def suggested(self) -> bool:
        """Whether it is above chance by itself, and q is at most .1."""
        return self.above_chance and self.q <= BELIEVED

    @property
    def code(self) -> str:
        """The call that makes the proposed scorer from the present one."""
        return f"with_settings({self.proposed.instead_of(self.now)})"

    def to_dict(self) -> dict[str, Any]:
        """JSON values; what is not known is None."""
        return json_fields(self) | {"suggested": self.suggested}


@dataclass(frozen=True, slots=True, repr=False)
class Tuning(Result):
    """What `tune` found. `str()` prints a table, `code()` the suggestions as a file of labeling functions.

    Attributes:
        rows: per scorer, suggestions first, then by honest gain.
        n_gold, n_prompts: decided dev gold behind the figures.
        notes: what was left out.
    """

    rows: tuple[Tuned, ...]
    n_gold: int
    n_prompts: int
    notes: tuple[str, ...] = ()

    @property
    def suggestions(self) -> tuple[Tuned, ...]:
        """The rows that are worth following."""
        return tuple(row for row in self.rows if row.suggested)

    @property
    def _changed(self) -> list[list[str]]:
        """Cells of the scorers that the search would change."""
        return [_cells(row) for row in self.rows if row.proposed != row.now]

    def __str__(self) -> str:
        worth = [f"  {row.lf}: {row.code}" for row in self.suggestions]
        table = [plain_table(_HEADER, self._changed, left=3), ""] if self._changed else []
        return "\n".join([*table, self._summary(), *(["", "Suggested:", *worth] if worth else [])])

    def _summary(self) -> str:
        many = len(self.rows) > 1
        among = f" over all {len(self.rows)} scorers" if many else ""
        lucky = ", which happens among so many" if many else ""
        alone = len(self.rows) - len(self._changed)
        lines = [
            *(
                [f"{alone} of {len(self.rows)} scorers are best as they are, and are left out."]
                if alone
                else []
            ),
            f"{self.n_gold} decided dev pairs of {self.n_prompts} prompts. Gains: NLL of the scorer alone, nats per pair; "
            "naive is in-sample, honest has the search redone in five folds and scored outside (95% interval over prompts).",
            f"* suggested: above chance out of fold (a turned direction also by right minus wrong votes), and q <= {BELIEVED:g}"
            f"{among}. ? above chance by itself{lucky}.",
            *self.notes,
        ]
        if not self.suggestions:
            lines.append("Nothing to suggest: no gain is above chance out of fold.")
        return "\n".join(lines)

    def plot(self) -> Picture:
        """What the proposed settings gain out of fold, per scorer, as a picture for notebooks."""
        from weaklabel.pictures import forest_picture

        return forest_picture(
            [(row.lf, row.honest_gain) for row in self.rows],
            "What tuning gains",
            reference=0.0,
            reference_name="nothing",
            signed=True,
            axis="nats per pair, on prompts left out",
            note=f"{self.n_gold:,} decided dev pairs of {self.n_prompts:,} prompts, 95% intervals, each for itself. "
            "The search is redone in five folds and scored outside.",
        )

    def _sketch(self) -> Sketch:
        return Sketch(self._summary(), _HEADER, self._changed, left=3)

    def code(self) -> str:
        """Python source that makes the suggested scorers under the name `<name>_tuned`; `load_lfs` reads it.

        Raises:
            ConfigError: nothing is suggested, or a scorer lives in this process alone and cannot be loaded again.
        """
        if not self.suggestions:
            raise ConfigError("tune: nothing is suggested, so there is nothing to write.")
        if homeless := [row.lf for row in self.suggestions if row.spec is None]:
            raise ConfigError(
                f"tune: {homeless[0]!r} lives only in this process, so a file could not load it. Move it into a file."
            )
        lines = [
            f'"""Settings that tune found on {self.n_gold} dev pairs of {self.n_prompts} prompts. '
            'Use these beside or instead of the originals."""',
            "",
            "from weaklabel.lf.discovery import load_spec",
            "",
            "tuned = [",
        ]
        for row in self.suggestions:
            lines.append(f"    # honest gain {_nats(row.honest_gain)}; was {row.now}")
            lines.append(
                f"    load_spec({row.spec!r}).with_settings(name={row.lf + '_tuned'!r}, {row.proposed.instead_of(row.now)}),"
            )
        return "\n".join([*lines, "]", ""])


@checked
def tune(
    lfs: Sequence[LabelingFunction],
    pairs: Pairs,
    *,
    votes: Votes | None = None,
    seed: int = 0,
) -> Tuning:
    """Search direction, `min_gap` and `max_gap` of each response scorer on dev gold, by nested cross-validation.

    Args:
        lfs: labeling functions; those that are no response scorers have nothing to tune and are left out, with a note.
        pairs: pairs with dev gold; the locked test part is not looked at.
        votes: votes of these functions, matched by id, when they are at hand; applied to the dev pairs otherwise.
        seed: of folds and resamples.

    Raises:
        GoldError: too little decided dev gold.
        ConfigError: no response scorer among `lfs`.

    >>> from weaklabel import response_scorer
    >>> from weaklabel.data.sample import sample_pairs
    >>> pairs = sample_pairs(n_pairs=200, n_gold=150).dev
    >>> texts = zip(*(pairs.table[f"response_{side}"].to_pylist() for side in "ab"), strict=True)
    >>> good = {texts_[int(y)] for texts_, y in zip(texts, pairs.y, strict=True) if y != 0.5}
    >>> @response_scorer(prefer="less")
    ... def wrong_way_round(response):
    ...     return response.text in good
    >>> row = tune([wrong_way_round], pairs).rows[0]
    >>> row.suggested, row.code
    (True, 'with_settings(prefer="more")')
    """
    from weaklabel.engine.apply import apply

    lfs = current(lfs)
    scorers = [lf for lf in lfs if isinstance(lf, ResponseScorer)]
    if not scorers:
        raise ConfigError(
            "tune: none of the labeling functions is a response scorer, and others have no settings. Write one with "
            "@response_scorer."
        )
    notes = (
        [f"{len(lfs) - len(scorers)} functions are no response scorers."] if len(scorers) < len(lfs) else []
    )
    dev = pairs.take(is_dev(pairs))
    if votes is None:
        votes = apply(scorers, dev, workers=1)
    gold = enough_gold(votes, dev, "tune", decided=True)
    folds = folds_by_prompt(gold.groups, N_FOLDS, seed)
    found = []
    for lf in tracked(scorers, "tuning", lambda lf: lf.name):
        margins = votes.margins[gold.rows, votes.column(lf.name)]
        more = -margins if lf.prefer == "less" else margins
        found.append(_tune_one(lf, more, gold.y, gold.groups, folds, seed))
    q = benjamini_hochberg(np.array([p for _, p in found]))
    rows = [_with_q(row, float(value)) for (row, _), value in zip(found, q, strict=True)]
    rows.sort(key=lambda row: (not row.suggested, -row.honest_gain.value, row.lf))
    return Tuning(tuple(rows), len(gold.y), gold.n_prompts, tuple(notes))


def _p(
    cast: NDArray[np.int8], y: FloatArray, seen: NDArray[np.bool_], asked: NDArray[np.bool_]
) -> FloatArray:
    """P(B) on the `asked` rows by the one-function model fitted on the `seen` rows."""
    spoke = seen & (cast >= 0)
    c = confidence(int((cast[spoke] == y[spoke]).sum()), int(spoke.sum()))
    return np.where(cast[asked] == 1, c, np.where(cast[asked] == 0, 1 - c, 0.5))


def _tune_one(
    lf: ResponseScorer, more: Float32Array, y: FloatArray, groups: NDArray[np.int64], folds: Any, seed: int
) -> tuple[Tuned, float]:
    everything = np.ones(len(y), dtype=np.bool_)
    now = Settings.of(lf)
    proposed = best_settings(more, y, now)
    before = votes_under(more, now)
    naive = nll(_p(before, y, everything, everything), y) - nll(
        _p(votes_under(more, proposed), y, everything, everything), y
    )
    p_before, p_after = np.empty(len(y)), np.empty(len(y))
    after, same = np.empty(len(y), dtype=np.int8), 0
    for fold in range(N_FOLDS):
        held = folds == fold
        chosen = best_settings(more[~held], y[~held], now)
        cast = votes_under(more, chosen)
        same += chosen.prefer == proposed.prefer
        after[held] = cast[held]
        p_before[held] = _p(before, y, ~held, held)
        p_after[held] = _p(cast, y, ~held, held)
    gain = paired_difference("nll", p_before, p_after, y, groups, seed=seed)
    net = paired_difference(_NET, _as_p(after), _as_p(before), y, groups, seed=seed)
    row = Tuned(
        lf.name, lf.spec, now, proposed,
        (_accuracy(before, y), _accuracy(after, y)),
        (float((before >= 0).mean()), float((after >= 0).mean())),
        naive, gain, net, same / N_FOLDS, 1.0,
    )  # fmt: skip
    p_nll = _p_value(_loss(p_before, y) - _loss(p_after, y), groups)
    p_net = _p_value(_right(_as_p(after), y) - _right(_as_p(before), y), groups)
    return row, min(1.0, 2 * min(p_nll, p_net)) if row.turned else p_nll


def _loss(p: FloatArray, y: FloatArray) -> FloatArray:
    return -np.log(np.where(y == 1, p, 1 - p))


def _as_p(cast: NDArray[np.int8]) -> FloatArray:
    return np.where(cast < 0, 0.5, cast.astype(np.float64))


def _right(p: FloatArray, y: FloatArray) -> FloatArray:
    """1 for a right vote, -1 for a wrong one, 0 for none."""
    return np.asarray(np.sign(p - 0.5) * np.sign(y - 0.5))


_NET: Final = Metric(
    "net",
    lambda p, y: np.column_stack([_right(p, y), np.ones_like(p)]),
    lambda sums: np.asarray(sums[..., 0] / sums[..., 1]),
)


def _p_value(gained: FloatArray, groups: NDArray[np.int64]) -> float:
    """One-sided p-value of a mean gain being above zero: Student's t over prompts."""
    from scipy.stats import t as student

    prompts = group_numbers(groups, len(groups))
    error = standard_error(gained, prompts)
    if error > 0:
        return float(student.sf(gained.mean() / error, int(prompts.max())))
    return 0.0 if gained.mean() > 0 else 1.0


def _with_q(row: Tuned, q: float) -> Tuned:
    return replace(row, q=q)


def _accuracy(cast: NDArray[np.int8], y: FloatArray) -> float:
    spoke = cast >= 0
    return float((cast[spoke] == y[spoke]).mean()) if spoke.any() else math.nan


def _cells(row: Tuned) -> list[str]:
    return [
        row.lf, str(row.now), str(row.proposed),
        f"{short(row.accuracy[0])} > {short(row.accuracy[1])}", f"{short(row.coverage[0])} > {short(row.coverage[1])}",
        f"{row.naive_gain:+.4f}", _nats(row.honest_gain), chance(row.q), _mark(row),
    ]  # fmt: skip


def _mark(row: Tuned) -> str:
    return "*" if row.suggested else "?" if row.above_chance else ""


def _nats(gain: Interval) -> str:
    return f"{gain.value:+.4f} [{gain.low:+.4f}, {gain.high:+.4f}]"
