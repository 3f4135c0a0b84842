"""`Labels`: per pair a belief, an importance, a verdict, and the reasons for it."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, ClassVar, Final, Protocol

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from weaklabel._arguments import check_value
from weaklabel._shown import ROWS, Shown, Sketch
from weaklabel._terminal import plain_line
from weaklabel.errors import LabelMatrixError, RowError, UnknownNameError
from weaklabel.types.pair import ABSTAIN
from weaklabel.types.pairs import Pairs
from weaklabel.types.result import Result
from weaklabel.types.rows import Rows, as_pandas, checked_rows, distinct_rows, one_row
from weaklabel.types.votes import FloatArray, Votes

if TYPE_CHECKING:
    import pandas as pd


def sigmoid(logit: FloatArray) -> FloatArray:
    """1 / (1 + exp(-logit)) in float64, computed on |logit| and reflected: sigmoid(-z) is 1 - sigmoid(z) to the bit.

    >>> z = np.array([0.3, 40.0])
    >>> bool((sigmoid(-z) == 1 - sigmoid(z)).all())
    True
    """
    upper = 1.0 / (1.0 + np.exp(-np.abs(logit)))
    # From one half up, float64 takes away one half, and gives it back either way, without rounding.
    return np.asarray(0.5 + np.copysign(upper - 0.5, logit), dtype=np.float64)


_FIELDS: Final = {
    "pairs": "Pairs",
    "votes": "Votes",
    **dict.fromkeys(("logit", "w", "in_sample"), "ndarray"),
    **dict.fromkeys(("contributions", "p_tie", "p_low", "p_high"), "ndarray | None"),
    "calibrated": "bool",
    "extra_names": "tuple[str, ...]",
    "lfs": "tuple",
}


VOTE_PREFIX: Final = "vote:"
LABEL_COLUMNS: Final[Mapping[str, Callable[[Labels], pa.Array]]] = {
    "p": lambda labels: pa.array(labels.p),
    "p_low": lambda labels: float_column(labels.p_low, len(labels)),
    "p_high": lambda labels: float_column(labels.p_high, len(labels)),
    "w": lambda labels: pa.array(labels.w),
    "label": lambda labels: pa.array(labels.label.tolist(), pa.string()),
    "confidence": lambda labels: pa.array(labels.confidence),
    "calibrated": lambda labels: pa.array([labels.calibrated] * len(labels), pa.bool_()),
    "logit": lambda labels: pa.array(labels.logit),
    "in_sample": lambda labels: pa.array(labels.in_sample),
    "p_tie": lambda labels: pa.array(labels.p_tie),
}
"""What a table of labels holds between the pairs and the votes, in its order."""


class Refit(Protocol):
    """Labels again, by labelers of the same kind that saw less gold. See `Labels.logit_without`."""

    def __call__(self, pairs: Pairs, votes: Votes, held: NDArray[np.bool_]) -> FloatArray:
        """`(n_pairs, k)` float64 log-odds of `pairs`, given their `votes` and `held` `(n_pairs, k)`."""


@dataclass(frozen=True, slots=True, repr=False)
class Labels(Shown):
    """What a labeler says of pairs. Belief and importance stay two columns, down to the loss.

    Attributes:
        pairs: the labelled pairs, `n_pairs` rows.
        votes: the votes behind the labels, rows as in `pairs`.
        logit: `(n_pairs,)` float64, log-odds that B wins; swapping the responses flips its sign exactly.
        w: `(n_pairs,)` float64 >= 0, how much the pair counts: 1, or 0 where no LF voted.
        contributions: `(n_pairs, n_lfs + len(extra_names))` float64 log-odds per LF, then per extra term, or None
            where the model has no such sum. Each row adds up to `logit`.
        calibrated: whether the log-odds were fitted to gold.
        in_sample: `(n_pairs,)` bool, True where the pair's own gold was used to fit or calibrate.
        extra_names: what else speaks besides LFs: views of the texts, `text:words` and so on.
        p_tie: `(n_pairs,)` float64, how likely people are to call a tie; None where gold held no tie to learn from.
            `p` counts half of it, so P(B) is `p - p_tie / 2`.
        p_low, p_high: `(n_pairs,)` float64, 0 <= p_low <= p <= p_high <= 1, between which gold leaves `p` open
            (Venn-Abers); None where the labels are not calibrated. Swapping the responses gives 1 - p_high and
            1 - p_low exactly.
        refit: makes such labels without a part of the gold (`logit_without`). None where that cannot be done: labels
            that were read from a file, or come from a labeler that was.
        lfs: the labeling functions behind the votes, in column order; empty where they are not at hand, as for labels
            read from a file.
    """

    pairs: Pairs
    votes: Votes
    logit: FloatArray
    w: FloatArray
    contributions: FloatArray | None
    calibrated: bool
    in_sample: NDArray[np.bool_]
    extra_names: tuple[str, ...] = ()
    p_tie: FloatArray | None = None
    p_low: FloatArray | None = None
    p_high: FloatArray | None = None
    refit: Refit | None = None
    lfs: tuple[Any, ...] = ()

    def __post_init__(self) -> None:
        for name, kind in _FIELDS.items():
            check_value(f"Labels: {name}", getattr(self, name), kind)
        n = len(self.pairs)
        if not (len(self.votes) == n == len(self.logit) == len(self.w) == len(self.in_sample)):
            raise LabelMatrixError(
                f"labels of {n} pairs came with {len(self.votes)} rows of votes and {len(self.logit)} logits. "
                "Pass arrays from the same label() call."
            )

    def __len__(self) -> int:
        return len(self.pairs)

    def __repr__(self) -> str:
        """How many, whether calibrated, how they fall: not the arrays."""
        a, b = int((self.logit < 0).sum()), int((self.logit > 0).sum())
        kind = (
            "calibrated"
            if self.calibrated
            else "not calibrated: the order of p can be used, its value cannot"
        )
        return (
            f"Labels of {len(self):,} pairs ({kind}): {a:,} a, {b:,} b, {len(self) - a - b:,} tie; "
            f"{int((self.w == 0).sum()):,} without a vote, {int(self.in_sample.sum()):,} whose own gold was fitted to"
        )

    def _sketch(self) -> Sketch:
        rows = range(min(ROWS, len(self)))
        prompts = self.pairs.table["prompt"].slice(0, ROWS).to_pylist()
        p, confidence, label = (
            sigmoid(self.logit[:ROWS]),
            sigmoid(np.abs(self.logit[:ROWS])),
            self.label[:ROWS],
        )
        cells = [
            [self.pairs.table["id"][row].as_py(), prompts[row], str(label[row])]
            + [f"{value:.3f}" for value in (p[row], confidence[row])]
            + [f"{self.w[row]:g}", f"{int((self.votes.L[row] != ABSTAIN).sum())} of {self.votes.n_lfs}"]
            for row in rows
        ]
        header = ("id", "prompt", "label", "p of b", "confidence", "w", "votes")
        return Sketch(repr(self), header, cells, len(self), 2)

    @property
    def lf_names(self) -> tuple[str, ...]:
        """The labeling functions, in column order."""
        return self.votes.lf_names

    @property
    def p(self) -> FloatArray:
        """`(n_pairs,)` float64 in [0, 1]: P(B) + P(tie) / 2."""
        return sigmoid(self.logit)

    @property
    def confidence(self) -> FloatArray:
        """`(n_pairs,)` float64 in [.5, 1]: the larger of p and 1 - p."""
        return sigmoid(np.abs(self.logit))

    @property
    def label(self) -> NDArray[np.str_]:
        """`(n_pairs,)` str: `a`, `b`, or `tie` where the logit is exactly zero."""
        return np.where(self.logit > 0, "b", np.where(self.logit < 0, "a", "tie"))

    def take(self, rows: Rows) -> Labels:
        """The labels of some rows, in the order given; a row that is named twice comes twice.

        Raises:
            RowError: rows that are not there.
        """
        return self._rows(checked_rows(rows, len(self), "Labels.take"))

    # Python would take brackets for a loop over rows, and end it at the first error.
    __iter__: ClassVar[None] = None

    def __getitem__(self, rows: Rows) -> Labels:
        """The labels of some rows, each at most once; `explain(id)` says everything of one.

        Args:
            rows: a slice; a list or `(k,)` array of numbers, below 0 from the end; `(n_pairs,)` True or False.

        Raises:
            RowError: a single number, rows that are not there, a mask of another length, a row that is named twice.
        """
        if (row := one_row(rows, len(self), "labels")) is not None:
            raise RowError(
                f"labels[{row}] is one row. Write labels[{row}:{row + 1}], or labels.explain({self.votes.ids[row]!r})."
            )
        return self._rows(distinct_rows(rows, len(self), "labels"))

    def to_pandas(self) -> pd.DataFrame:
        """`to_table` as a pandas DataFrame, one row per pair.

        Raises:
            MissingExtraError: pandas is not installed.
        """
        return as_pandas(self.to_table())

    def _rows(self, index: NDArray[np.int64]) -> Labels:
        def some(column: FloatArray | None) -> FloatArray | None:
            return None if column is None else column[index]

        return replace(
            self,
            pairs=self.pairs.take(index),
            votes=self.votes.take(index),
            logit=self.logit[index],
            w=self.w[index],
            contributions=some(self.contributions),
            in_sample=self.in_sample[index],
            p_tie=some(self.p_tie),
            p_low=some(self.p_low),
            p_high=some(self.p_high),
        )

    def logit_without(self, held: NDArray[np.bool_]) -> FloatArray:
        """`(n_pairs, k)` float64: log-odds of every pair by labelers that saw none of the held gold. Nothing is applied again.

        Args:
            held: `(n_pairs, k)` bool: per labeler, the pairs whose prompts' gold it must not see, all pairs of them.

        Raises:
            LabelMatrixError: these labels cannot be made again (`refit` is None), or `held` has another shape.
        """
        if self.refit is None or held.ndim != 2 or len(held) != len(self):
            raise LabelMatrixError(
                "these labels cannot be made without a part of the gold: nobody kept what they were fitted on. Take labels "
                "from the labeler that fit returned."
                if self.refit is None
                else f"held has shape {held.shape}, expected ({len(self)}, k): one row per pair."
            )
        return self.refit(self.pairs, self.votes, held)

    def to_table(self) -> pa.Table:
        """The pairs, then `p`, `p_low`, `p_high`, `w`, `label`, `confidence`, `calibrated`, `logit`, `in_sample`, `p_tie` if
        known, `vote:<lf>` per LF. Where the labels are not calibrated `p_low` and `p_high` are null.

        What the pairs hold under these names, from an earlier labelling as a rule, is replaced or left out.
        """
        table = self.pairs.table
        table = table.select(
            [n for n in table.column_names if n not in LABEL_COLUMNS and not n.startswith(VOTE_PREFIX)]
        )
        left_out = {"p_tie"} if self.p_tie is None else set()
        columns = {name: column(self) for name, column in LABEL_COLUMNS.items() if name not in left_out}
        for j, name in enumerate(self.votes.lf_names):
            columns[VOTE_PREFIX + name] = pa.array(self.votes.L[:, j])
        for name, column in columns.items():
            table = table.append_column(name, column)
        return table

    def explain(self, pair_id: str) -> Explanation:
        """Which labeling functions spoke on one pair, with what weight.

        Raises:
            UnknownNameError: when no pair has that id.
        """
        try:
            row = self.votes.ids.index(pair_id)
        except ValueError:
            raise UnknownNameError(
                f"no pair {pair_id!r} among the {len(self)} labelled ones. Look its id up in the labels' id column."
            ) from None
        spoke = [
            Reason(
                name,
                int(self.votes.L[row, j]),
                float(self.votes.margins[row, j]),
                None if self.contributions is None else float(self.contributions[row, j]),
            )
            for j, name in enumerate(self.votes.lf_names)
            if self.votes.L[row, j] != ABSTAIN
            or (self.contributions is not None and self.contributions[row, j] != 0.0)
        ]
        if self.contributions is not None:
            spoke += [
                Reason(name, None, math.nan, float(self.contributions[row, self.votes.n_lfs + k]))
                for k, name in enumerate(self.extra_names)
            ]
        spoke.sort(key=lambda r: -abs(r.log_odds or 0.0))
        return Explanation(
            pair_id,
            float(self.p[row]),
            float(self.logit[row]),
            self.calibrated,
            tuple(spoke),
            self.votes.n_lfs,
            *(
                None if column is None else float(column[row])
                for column in (self.p_tie, self.p_low, self.p_high)
            ),
        )


def float_column(values: FloatArray | None, n: int) -> pa.Array:
    """`(n,)` as a column of float64; NaN is null, and so is every row where there is nothing to say.

    >>> float_column(None, 2).to_pylist()
    [None, None]
    """
    return pa.nulls(n, pa.float64()) if values is None else pa.array(values, pa.float64(), from_pandas=True)


_SAID: Final = {None: "learned", ABSTAIN: "no vote", 0: "votes a", 1: "votes b"}


@dataclass(frozen=True, slots=True, repr=False)
class Reason(Result):
    """What one labeling function said of one pair. `log_odds` is its share of the logit, positive for B.

    `vote` is None, and `lf` the name of a view, where the texts themselves spoke.
    """

    lf: str
    vote: int | None
    margin: float
    log_odds: float | None


@dataclass(frozen=True, slots=True, repr=False)
class Explanation(Result):
    """Why a pair got its label. `str()` gives a small table; the log-odds add up to `logit`."""

    pair_id: str
    p: float
    logit: float
    calibrated: bool
    reasons: tuple[Reason, ...]
    n_lfs: int
    p_tie: float | None = None
    p_low: float | None = None
    p_high: float | None = None

    def _sketch(self) -> Sketch:
        rows = [
            [
                r.lf, _SAID[r.vote], "" if r.log_odds is None else f"{r.log_odds:+.3f}",
                "" if np.isnan(r.margin) else f"{r.margin:+.4g}",
            ]
            for r in self.reasons
        ]  # fmt: skip
        return Sketch(str(self).partition("\n")[0], ("", "", "log-odds", "margin"), rows, left=2)

    def __str__(self) -> str:
        kind = "calibrated" if self.calibrated else "not calibrated"
        if self.p_low is not None and self.p_high is not None:
            kind += f", gold leaves {self.p_low:.3f} to {self.p_high:.3f} open"
        lines = [
            f"pair {plain_line(self.pair_id)}: P(b beats a) = {self.p:.3f} ({kind}, log-odds {self.logit:+.2f}); "
            f"{sum(r.vote not in (None, ABSTAIN) for r in self.reasons)} of {self.n_lfs} labeling functions voted"
        ]
        if self.p_tie is not None:
            lines.append(f"  P(tie) = {self.p_tie:.3f}, half of which is in P(b beats a)")
        width = max((len(r.lf) for r in self.reasons), default=0)
        for r in self.reasons:
            said = _SAID[r.vote]
            margin = "" if np.isnan(r.margin) else f"  margin {r.margin:+.4g}"
            share = "" if r.log_odds is None else f"  log-odds {r.log_odds:+.3f}"
            lines.append(f"  {r.lf:<{width}}  {said}{share}{margin}")
        if any(r.vote == ABSTAIN for r in self.reasons):
            lines.append(
                "A function that abstains can still count: the model uses margins inside the abstain band too."
            )
        if any(r.vote is None for r in self.reasons):
            lines.append(
                "text: what gold taught of the responses themselves, beside the functions: words, characters, layout "
                "(how a text is set), style (small words and punctuation)."
            )
        if any((r.log_odds or 0.0) * (2 * (r.vote or 0) - 1) < 0 for r in self.reasons if r.vote in (0, 1)):
            lines.append("Log-odds against a function's own vote: beside the others, gold speaks against it.")
        return "\n".join(lines)
