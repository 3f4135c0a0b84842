"""The first sections: what the run holds, how good its labels are, and what they must beat."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Final

import numpy as np

from weaklabel._tables import short
from weaklabel.errors import ArgumentError
from weaklabel.metrics import Interval
from weaklabel.pictures.forest import forest_picture
from weaklabel.report.baselines import HINDSIGHT, Arm
from weaklabel.report.ceiling import GoldAgreement
from weaklabel.report.judged import Judged
from weaklabel.report.sections import Section, Table, Tile
from weaklabel.reward.evaluation.evaluation import Evaluation
from weaklabel.types import Labels

METRICS: Final = ("accuracy", "nll", "brier", "ece")
Figures = Mapping[str, Mapping[str, Interval]]


def summary_section(
    labels: Labels, judged: Judged | str, arms: Sequence[Arm], human: GoldAgreement, model: str
) -> Section:
    """Numbers that a reader wants first, and the table of what must be beaten on dev gold."""
    gold = "" if isinstance(judged, str) else judged.basis
    return Section(
        "summary",
        "Summary",
        tiles=_tiles(labels, arms, model),
        warnings=[] if labels.calibrated else [_UNCALIBRATED],
        intro=judged if isinstance(judged, str) else "What the labels must beat: on " + gold,
        tables=_arm_tables(arms),
        pictures=_arm_pictures(arms, human, gold),
        notes=[_human_note(human), *_arm_notes(arms)],
    )


_UNCALIBRATED: Final = (
    "These labels were never calibrated on gold: the order of p can be used, its value cannot."
)


def _tiles(labels: Labels, arms: Sequence[Arm], model: str) -> list[Tile]:
    parts, gold = labels.pairs.parts, labels.pairs.has_gold
    dev, test = int(((parts == "dev") & gold).sum()), int(((parts == "test") & gold).sum())
    found = [
        Tile(f"{len(labels):,}", "pairs", f"{dev:,} dev gold, {test:,} locked test"),
        Tile(
            f"{labels.votes.n_lfs:,}",
            "labeling functions",
            f"{short(labels.votes.coverage)} of the pairs have a vote",
        ),
        Tile(model, "label model", "calibrated on gold" if labels.calibrated else "NOT calibrated"),
    ]
    ours = arms[0].figures if arms else {}
    for metric, name in (
        ("accuracy", "accuracy on dev gold"),
        ("nll", "NLL, nats per pair"),
        ("ece", "ECE"),
    ):
        if metric in ours:
            found.append(Tile(short(ours[metric].value), name, _range(ours[metric])))
    return found


def _arm_tables(arms: Sequence[Arm]) -> list[Table]:
    if not arms:
        return []
    metrics = [m for m in METRICS if any(m in arm.figures for arm in arms)]
    header = ["on dev gold", *metrics, "accuracy less ours", "NLL less ours"]
    rows = [
        [
            arm.name,
            *(_cell(arm.figures.get(m)) for m in metrics),
            *(_cell(arm.difference.get(m)) for m in ("accuracy", "nll")),
        ]
        for arm in arms
    ]
    return [Table(header, rows)]


def _arm_pictures(arms: Sequence[Arm], human: GoldAgreement, basis: str) -> list[Any]:
    if not arms:
        return []
    accuracy = [(arm.name, arm.figures["accuracy"]) for arm in arms if _known(arm.figures.get("accuracy"))]
    if human.agree is not None:
        accuracy.append(("gold with itself", human.agree))
    nll = [(arm.name, arm.figures["nll"]) for arm in arms if "nll" in arm.figures]
    found = [forest_picture(accuracy, "Accuracy", reference=0.5, reference_name="coin", note=basis)]
    if nll:
        found.append(
            forest_picture(
                nll,
                "NLL, nats per pair",
                reference=float(np.log(2)),
                reference_name="coin",
                lower_is_better=True,
                note="NLL is the score: it rewards probabilities that mean what they say.",
            )
        )
    return found


def _human_note(human: GoldAgreement) -> str:
    if human.agree is None:
        return "Human ceiling: unknown, no pair of the dev gold was judged twice."
    ties = f" ({human.n_ties:,} comparisons with a tie left out)" if human.n_ties else ""
    return (
        f"Human ceiling: where the same two responses were judged more than once ({human.n_repeated:,} pairs, "
        f"{human.n_judgements:,} judgements), two judgements agree on {human.agree}{ties}. No labels can be expected "
        "to agree with single judgements much more often."
    )


def _arm_notes(arms: Sequence[Arm]) -> list[str]:
    if not arms:
        return []
    notes = [
        "Brackets hold 95% intervals that resample prompts; differences are paired, on the same resamples.",
        "Accuracy is that of bare verdicts. For NLL, Brier and ECE every row is calibrated by the same candidates, on "
        "other prompts. The single best function is chosen on other prompts, too; the best in hindsight on these very "
        "pairs, so it is no rival that anybody could have picked.",
        *(f"The {arm.name}: {arm.chosen}." for arm in arms if arm.chosen),
    ]
    worse = [
        arm.name
        for arm in arms[1:]
        if arm.name != HINDSIGHT and _known(arm.difference.get("nll")) and arm.difference["nll"].high < 0
    ]
    if worse:
        notes.insert(0, f"Our labels are shown to be worse than: {', '.join(worse)} (NLL).")
    return notes


def _in_short(arm: str) -> str:
    """An arm's name as a picture has room for; the table beside it has the whole."""
    return arm.replace("reward model: ", "reward: ").partition(" (")[0]


def held_out_section(figures: Figures, ece_perfect: Mapping[str, Interval], notes: Sequence[str]) -> Section:
    """The table that ends a run, on held-out prompts."""
    if not figures:
        return Section(
            "held-out",
            "Held-out figures",
            intro="No figures on held-out prompts: no gold in the test part, or `weaklabel run` has not made them.",
            notes=notes,
        )
    metrics = [m for m in METRICS if any(m in f for f in figures.values())]
    rows = [
        [arm, *(_cell(found.get(m)) for m in metrics), _cell(ece_perfect.get(arm), value_only=True)]
        for arm, found in figures.items()
    ]
    accuracy = [(_in_short(arm), f["accuracy"]) for arm, f in figures.items() if _known(f.get("accuracy"))]
    nll = [(_in_short(arm), f["nll"]) for arm, f in figures.items() if _known(f.get("nll"))]
    pictures = [
        forest_picture(rows_, title, reference=coin, reference_name="coin", lower_is_better=lower)
        for rows_, title, coin, lower in (
            (accuracy, "Accuracy on held-out prompts", 0.5, False),
            (nll, "NLL on held-out prompts", float(np.log(2)), True),
        )
        if rows_
    ]
    return Section(
        "held-out",
        "Held-out figures",
        intro="Gold of the locked test prompts, seen by nothing that was fitted. Labels, and reward models trained on "
        "gold alone or on gold and labels.",
        tables=[Table(["on held-out prompts", *metrics, "ECE if perfect"], rows)],
        pictures=pictures,
        notes=list(notes),
    )


def figures_of(
    found: Evaluation | Mapping[str, Any] | None,
) -> tuple[Figures, dict[str, Interval], list[str]]:
    """Figures, the ECE of perfect calibration, and notes, from `evaluate` or from the JSON of a run's table."""
    if found is None:
        return {}, {}, []
    if isinstance(found, Evaluation):
        return found.figures, found.ece_perfect, found.notes()
    if missing := [name for name in ("rows", "ece_if_perfect", "notes") if name not in found]:
        raise ArgumentError(
            f"write_report: figures has no {missing[0]!r}. Allowed: what evaluate returns, or what a run's report.json holds."
        )
    figures: dict[str, dict[str, Interval]] = {}
    for row in found["rows"]:
        figures.setdefault(row["arm"], {})[row["metric"]] = Interval.from_dict(row)
    perfect = {arm: Interval.from_dict(state) for arm, state in found["ece_if_perfect"].items()}
    return figures, perfect, list(found["notes"])


def _cell(interval: Interval | None, *, value_only: bool = False) -> str:
    if interval is None or not _known(interval):
        return "-"
    return short(interval.value) if value_only else str(interval)


def _known(interval: Interval | None) -> bool:
    return interval is not None and interval.value == interval.value


def _range(interval: Interval) -> str:
    return f"95%: {short(interval.low)} to {short(interval.high)}"
