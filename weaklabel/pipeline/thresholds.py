"""A confidence threshold for a run's labels, certified on the one gold that neither fit nor calibration has seen."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from weaklabel._tables import plain_table
from weaklabel.errors import GoldError
from weaklabel.metrics import KeptRow, Refusal, Threshold, find_threshold, kept_share_curve
from weaklabel.types import Labels
from weaklabel.types.result import Result, json_fields

if TYPE_CHECKING:
    from weaklabel.pipeline.run import Run


@dataclass(frozen=True, repr=False)
class ThresholdFound(Result):
    """The curve of kept share against accuracy on locked test gold, and a certified threshold or a refusal.

    Attributes:
        run: the run's name.
        found: the threshold, or why there is none.
        curve: per threshold what is kept and how right it is; to look at, not to choose from.
        n_pairs, n_prompts, n_ties: of the test gold that all this rests on.
        n_elsewhere, n_kept_elsewhere: pairs outside the test part with a vote, and how many of these the threshold
            keeps (None without one).
        notes: what a reader must know beside the table.
    """

    run: str
    found: Threshold | Refusal
    curve: tuple[KeptRow, ...]
    n_pairs: int
    n_prompts: int
    n_ties: int
    n_elsewhere: int
    n_kept_elsewhere: int | None
    notes: tuple[str, ...]

    def to_dict(self) -> dict[str, Any]:
        """JSON values."""
        return {"kind": "threshold", "part": "test", **json_fields(self)}

    def __str__(self) -> str:
        rows = [
            [f"{row.threshold:g}", f"{row.kept_share:.1%}", f"{row.n:,}", str(row.accuracy)]
            for row in self.curve
        ]
        table = plain_table(["confidence at least", "kept", "pairs", "accuracy"], rows)
        return "\n".join([f"{table}\n", *self.notes, "", str(self.found), *self._elsewhere()])

    def _elsewhere(self) -> list[str]:
        if not isinstance(self.found, Threshold):
            return []
        return [
            f"outside the test part it keeps {self.n_kept_elsewhere:,} of {self.n_elsewhere:,} pairs with a vote. "
            f"To use it: --min-confidence {self.found.threshold:g} with weaklabel export."
        ]


def certified_threshold(run: Run, *, accuracy: float = 0.9, level: float = 0.9) -> ThresholdFound:
    """The lowest threshold whose kept pairs are certified to be right `accuracy` of the time.

    Rests on gold of the locked test part alone. Out-of-fold figures will not do: every dev pair has had a say in
    the model and the calibrator of the labels that are to be filtered.

    Raises:
        GoldError: the run has no gold in a locked test part.
        ConfigError: accuracy or level out of range.
    """
    labels = run.beliefs
    locked = labels.pairs.parts == "test"
    test = labels.take(locked & labels.pairs.has_gold)
    if not len(test):
        raise GoldError(_why_no_gold(labels))
    assert not test.in_sample.any(), "test gold was used to fit"
    y, groups, seed = test.pairs.y, test.pairs.prompt_groups, run.config.data.seed
    found = find_threshold(test.p, y, groups, accuracy=accuracy, level=level, seed=seed)
    elsewhere = labels.take(~locked & (labels.w > 0))
    kept = int((elsewhere.confidence >= found.threshold).sum()) if isinstance(found, Threshold) else None
    n_prompts, n_ties = len(set(groups.tolist())), int((y == 0.5).sum())
    return ThresholdFound(
        run.folder.name,
        found,
        tuple(kept_share_curve(test.p, y, groups, seed=seed)),
        len(test),
        n_prompts,
        n_ties,
        len(elsewhere),
        kept,
        _notes(test, n_prompts, n_ties),
    )


def _why_no_gold(labels: Labels) -> str:
    if not labels.pairs.has_gold.any():
        return "no threshold can be certified: no pair has gold. Give gold in the pairs or with data.gold."
    return (
        "no threshold can be certified: all gold is in the dev part, where it was used to fit and to calibrate, and a "
        "figure on such gold, out of fold or not, is no guarantee for these labels. Set data.test_share above 0 (or "
        "give more gold) and run again."
    )


def _notes(test: Labels, n_prompts: int, n_ties: int) -> tuple[str, ...]:
    notes = [
        f"judged on {len(test):,} gold pairs of the locked test part ({n_prompts:,} prompts), which neither the fit nor "
        "the calibration has seen. The intervals resample prompts, and each is about its own row alone.",
        "the guarantee is for one look: whoever changes the functions after this, or asks for another accuracy, looks "
        "again, and needs fresh test gold to be as sure.",
    ]
    if n_ties:
        notes.append(
            f"{n_ties:,} of these pairs are gold ties: left out of the accuracies above, counted as wrong for the guarantee."
        )
    if not test.calibrated:
        notes.append(
            "the labels are not calibrated: the guarantee holds all the same, but a confidence does not mean what it says."
        )
    return tuple(notes)
