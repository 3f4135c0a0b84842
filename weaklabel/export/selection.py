"""Which labelled pairs leave the house: the filter that every export shares, and the report of what it left out."""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from weaklabel.artifacts import content_hash, table_hash
from weaklabel.errors import ConfigError, DataError, NotCalibratedError
from weaklabel.types import FloatArray, Labels, LabelsFile
from weaklabel.types.result import Result, json_fields

AnyLabels = Labels | LabelsFile
"""Labels in memory, or in a file that memory cannot hold."""

_PART: Final = 8192

REASONS: Final = {
    "test": "locked test prompts",
    "no_vote": "no labeling function voted (w = 0)",
    "tie": "exact ties (p = .5)",
    "low_confidence": "below the confidence filter",
}
"""Why a pair is left out, in the order in which the reasons are asked; each pair counts under the first that holds."""


@dataclass(frozen=True, slots=True, repr=False)
class Exported(Result):
    """What an export kept and left out. `str()` gives three or four lines for a person.

    Attributes:
        n_pairs: labelled pairs that came in.
        n_kept: pairs written.
        dropped: per reason of `REASONS`, pairs left out; they and `n_kept` add up to `n_pairs`.
        expected_accuracy: mean confidence of the kept pairs, in [.5, 1]; None where the labels were never
            calibrated, or where nothing was kept.
        gold_agreement: share of kept dev pairs with gold (ties apart) whose label is the gold; None without any.
        n_gold: how many pairs that share rests on.
        gold_in_sample: whether the gold of any of them was used to fit or calibrate the labels.
        path: the folder written, None before.
        notes: what a user of the export should know besides.
    """

    n_pairs: int
    n_kept: int
    dropped: dict[str, int]
    expected_accuracy: float | None
    gold_agreement: float | None
    n_gold: int
    gold_in_sample: bool
    path: Path | None = None
    notes: tuple[str, ...] = ()

    @property
    def kept_share(self) -> float:
        """Kept pairs as a share of all that came in."""
        return self.n_kept / self.n_pairs if self.n_pairs else 0.0

    def to_dict(self) -> dict[str, Any]:
        """The report as JSON values."""
        return json_fields(self) | {"kept_share": self.kept_share}

    def lines(self) -> list[str]:
        """The report without the path, one fact per line."""
        left = ", ".join(f"{count:,} {REASONS[why]}" for why, count in self.dropped.items() if count)
        expected = (
            "unknown: not calibrated" if self.expected_accuracy is None else f"{self.expected_accuracy:.3f}"
        )
        lines = [
            f"kept {self.n_kept:,} of {self.n_pairs:,} labelled pairs ({self.kept_share:.1%})",
            f"left out: {left or 'nothing'}",
            *([f"expected accuracy: {expected}"] if self.n_kept else []),
        ]
        if self.gold_agreement is not None:
            flag = "in-sample: this gold was used to fit" if self.gold_in_sample else "not used to fit"
            lines.append(f"agrees with gold: {self.gold_agreement:.3f} of {self.n_gold:,} dev pairs ({flag})")
        return [*lines, *self.notes]

    def __str__(self) -> str:
        return "\n".join([*self.lines(), *([] if self.path is None else [f"written to {self.path}"])])


class NothingLeftError(DataError):
    """No labelled pair may be written under the settings of an export."""


class Selection:
    """The filter of one export, and the account of what it left out, over labels that come in parts.

    Args:
        labels: all of them, in memory or in a file.
        min_confidence: keep pairs at least this confident, in [.5, 1); 0 keeps all.
        include_test: write the locked test prompts too.
        keep_undecided: keep exact ties and pairs without votes; formats with a chosen response cannot.
        allow_uncalibrated: write labels whose probabilities were never fitted to gold.

    Raises:
        NotCalibratedError: uncalibrated labels without `allow_uncalibrated`.
        ConfigError: a confidence out of range.

    Attributes:
        settings: what chooses the pairs, for the manifest.
        notes: for the report, by who writes.
    """

    def __init__(
        self,
        labels: AnyLabels,
        *,
        min_confidence: float = 0.0,
        include_test: bool = False,
        keep_undecided: bool = False,
        allow_uncalibrated: bool = False,
    ) -> None:
        check_confidence(min_confidence)
        require_calibrated(labels, allow_uncalibrated, "export")
        self.labels = labels
        self.notes: list[str] = []
        self.settings: dict[str, Any] = {
            "min_confidence": min_confidence,
            "include_test": include_test,
            "keep_undecided": keep_undecided,
        }
        self._n_pairs = self._n_kept = self._n_gold = 0
        self._dropped = dict.fromkeys(REASONS, 0)
        self._confidence: list[float] = []
        self._right, self._in_sample = 0.0, False
        # Pairs that the confidence alone keeps or leaves out, by confidence in thousandths, rounded down.
        self._by_confidence = np.zeros(1001, np.int64)
        self._hashes: list[str] = []

    def kept(self) -> Iterator[Labels]:
        """The labels that may be written, part by part, in their order.

        Raises:
            DataError: there are no labelled pairs. NothingLeftError: at the end, where none may be written.
        """
        for part in parts_of(self.labels):
            why = _first_reason(part, **self.settings)
            kept = part.take(why == "")
            self._count(part, kept, why)
            if len(kept):
                yield kept
        if not self._n_pairs:
            raise DataError("export: there are no labelled pairs. Label some first.")
        if not self._n_kept:
            raise NothingLeftError(self._nothing_left())

    @property
    def labels_hash(self) -> str:
        """Hash of what the parts that have gone by hold, kept or not."""
        return content_hash(*self._hashes)

    def account(self) -> Exported:
        """What was kept and left out of the parts that have gone by."""
        known = self.labels.calibrated and self._n_kept
        return Exported(
            self._n_pairs,
            self._n_kept,
            dict(self._dropped),
            math.fsum(self._confidence) / self._n_kept if known else None,
            self._right / self._n_gold if self._n_gold else None,
            self._n_gold,
            self._in_sample,
            notes=tuple(self.notes),
        )

    def _nothing_left(self) -> str:
        counts = ", ".join(f"{count} {REASONS[why]}" for why, count in self._dropped.items() if count)
        said = f"export: none of {self._n_pairs} pairs is left ({counts}), so nothing was written."
        left = np.cumsum(self._by_confidence[::-1])[::-1]  # pairs at least so many thousandths confident
        if not left[0]:
            return f"{said} Label more pairs, or look for functions that vote on these."
        tenth = max(500, int(np.flatnonzero(left >= left[0] / 10)[-1]))
        return f"{said} min_confidence = {tenth / 1000:.3f} would keep {left[tenth]} of them."

    def _count(self, part: Labels, kept: Labels, why: NDArray[np.str_]) -> None:
        self._hashes.append(table_hash(part.to_table()))
        self._n_pairs += len(part)
        self._n_kept += len(kept)
        for reason in REASONS:
            self._dropped[reason] += int((why == reason).sum())
        sure = part.confidence[(why == "") | (why == "low_confidence")]
        self._by_confidence += np.bincount((sure * 1000).astype(np.int64), minlength=1001)
        self._confidence.append(math.fsum(kept.confidence.tolist()))
        y = kept.pairs.y
        rows = (kept.pairs.parts == "dev") & np.isin(y, (0.0, 1.0))
        # A label that is itself a tie is half right.
        self._right += float(np.where(kept.logit == 0, 0.5, (kept.logit > 0) == (y == 1))[rows].sum())
        self._n_gold += int(rows.sum())
        self._in_sample |= bool(kept.in_sample[rows].any())


def select(labels: Labels, **settings: Any) -> tuple[Labels, Exported]:
    """The labels that an export may write, in their order, and the account of the rest; settings of `Selection`.

    Raises:
        NotCalibratedError, ConfigError: as for `Selection`.
        DataError: when no pair is left to write.
    """
    selection = Selection(labels, **settings)
    kept = [part.pairs.ids for part in selection.kept()]
    wanted = {pair_id for ids in kept for pair_id in ids}
    rows = np.array([pair_id in wanted for pair_id in labels.pairs.ids], dtype=np.bool_)
    return labels.take(rows), selection.account()


def parts_of(labels: AnyLabels) -> Iterator[Labels]:
    """Labels in parts of at most 8192 pairs: the row groups of a file."""
    if isinstance(labels, LabelsFile):
        yield from labels
        return
    for start in range(0, len(labels), _PART):
        yield labels.take(np.arange(start, min(start + _PART, len(labels))))


def check_confidence(min_confidence: float) -> None:
    """Raises ConfigError unless `min_confidence` is 0 or in [.5, 1)."""
    if not (min_confidence == 0 or 0.5 <= min_confidence < 1):
        raise ConfigError(
            f"min_confidence is {min_confidence!r}. Allowed: 0 (no filter), or at least .5 and below 1; "
            "confidence is the larger of p and 1 - p."
        )


def require_calibrated(labels: AnyLabels, allow_uncalibrated: bool, what: str) -> None:
    """Raises NotCalibratedError where probabilities that mean nothing would be used as such."""
    if not (labels.calibrated or allow_uncalibrated):
        raise NotCalibratedError(
            f"{what}: the labels were never calibrated, so their p is no probability. Give the pairs gold "
            "(a few hundred dev labels) and fit again, or pass allow_uncalibrated=True."
        )


def written_to(report: Exported, path: Path) -> Exported:
    """The report of an export that stands in `path`."""
    return replace(report, path=path)


def chosen_first(labels: Labels) -> tuple[list[str], list[str], FloatArray]:
    """The responses that win and lose by label, and `(n_pairs,)` log-odds > 0 that the chosen one is better."""
    a, b = (labels.pairs.table[name].to_pylist() for name in ("response_a", "response_b"))
    b_wins = labels.logit > 0
    chosen = [y if won else x for x, y, won in zip(a, b, b_wins, strict=True)]
    rejected = [x if won else y for x, y, won in zip(a, b, b_wins, strict=True)]
    return chosen, rejected, np.abs(labels.logit)


def _first_reason(
    labels: Labels, min_confidence: float, include_test: bool, keep_undecided: bool
) -> NDArray[np.str_]:
    why = np.full(len(labels), "", dtype=f"<U{max(map(len, REASONS))}")
    holds = {
        "test": (labels.pairs.parts == "test") & (not include_test),
        "no_vote": (labels.w == 0) & (not keep_undecided),
        "tie": (labels.logit == 0) & (not keep_undecided),
        "low_confidence": labels.confidence < min_confidence,
    }
    for reason, mask in holds.items():
        why[mask & (why == "")] = reason
    return why
