"""The sections on trust: are the probabilities right, are the labels biased, do they fit these pairs at all."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from weaklabel._tables import short
from weaklabel.metrics import (
    bootstrap,
    calibration_gap,
    calibration_gap_when_perfect,
    ece_when_perfect,
)
from weaklabel.pictures.compared import compared_picture
from weaklabel.pictures.kept_share import kept_share_picture, no_kept_share
from weaklabel.pictures.posterior import posterior_picture
from weaklabel.pictures.reliability import no_reliability, reliability_picture
from weaklabel.report.judged import Judged
from weaklabel.report.sections import Section, Table
from weaklabel.shift import Shift
from weaklabel.types import Labels
from weaklabel.workbench.bias import LabelBias, LengthBias


def calibration_section(labels: Labels, judged: Judged | str, *, seed: int = 0) -> Section:
    """Reliability and kept share on gold that had no part in the fit; how sure all labels are."""
    visible = labels.pairs.parts != "test"
    spoken = visible & (labels.w > 0)
    silent = int((visible & (labels.w == 0)).sum())
    pictures = []
    if isinstance(judged, str):
        pictures += [no_reliability(judged), no_kept_share(judged)]
    else:
        given = (judged.p, judged.y, judged.groups)
        pictures += [
            reliability_picture(*given, note=f"{judged.basis} Intervals 95%, over prompts."),
            kept_share_picture(
                *given, note=f"{judged.basis} The band holds for one confidence named beforehand."
            ),
        ]
    if spoken.any():
        pictures.append(
            posterior_picture(
                labels.p[spoken],
                note="All pairs with a vote outside the locked test part, with and without gold.",
            )
        )
    notes = [] if isinstance(judged, str) else _gaps(judged, seed)
    notes += _left_open(labels, spoken)
    if silent:
        notes.append(f"{silent:,} pairs have no vote: whatever their p, they count nothing (w = 0).")
    return Section(
        "calibration",
        "Do the probabilities mean what they say?",
        intro="A soft label can be trusted where the blue line stays inside the grey band. The second "
        "picture shows what a filter on confidence would keep. Do not read a threshold off it: `weaklabel threshold` "
        "gives one that may be relied on.",
        pictures=pictures,
        details=[confidence_table(labels)],
        notes=notes,
    )


def bias_section(found: LabelBias | None) -> Section:
    """Do labels favour a position or a length more than people do?"""
    if found is None:
        return Section("bias", "Bias", intro="Bias was not looked for: pass bias= to write_report.")
    pictures = [found.plot()]
    if found.by_ratio:
        told = f"Labels: {found.n_pairs:,} pairs with a vote. Gold: {found.n_gold:,} of them, on dev."
        rows = [(row.name.replace("ratio", "longer / shorter"), row.soft, row.gold) for row in found.by_ratio]
        pictures.append(compared_picture(rows, "Belief in the longer response", note=told))
    columns = [row for rows in found.by_column.values() for row in rows]
    notes = [] if found.length is not None else ["No two responses differ in length."]
    if found.n_in_sample:
        notes.append(
            f"{found.n_in_sample:,} of these labels were fitted on their own gold and flatter themselves."
        )
    return Section(
        "bias",
        "Bias",
        intro="Where the order of responses was drawn by chance, labels should favour no position; and they should favour "
        "length no more than people do.",
        pictures=pictures,
        details=[_length_table(columns)] if columns else [],
        notes=notes,
    )


def _length_table(rows: Sequence[LengthBias]) -> Table:
    cells = [
        [row.name, str(row.soft), str(row.hard), str(row.gold or "-"), f"{row.soft.n:,}"] for row in rows
    ]
    return Table(["the longer response", "belief", "labels", "gold", "pairs"], cells)


def shift_section(found: Shift) -> Section:
    """Are the labelled pairs like those that the labeler was fitted on?"""
    title = "Are these pairs like those it was fitted on?"
    calm = "No shift found." if found.tests else "Nothing can be said about a shift."
    rows = [
        [str(change), short(change.was), short(change.now), short(change.effect, sign=True)]
        for change in found.changes[:15]
    ]
    table = Table(["what changed", "was", "is", "effect (Cohen's h)"], rows)
    return Section(
        "shift",
        title,
        intro="" if found.shifted else calm,
        warnings=[found.warning or calm] if found.shifted else [],
        tables=[table] if rows else [],
        notes=list(found.notes),
    )


def _left_open(labels: Labels, rows: NDArray[np.bool_]) -> list[str]:
    """How far gold leaves the probabilities open; nothing where the labels have no intervals."""
    if labels.p_low is None or labels.p_high is None or not rows.any():
        return []
    low, high = labels.p_low[rows], labels.p_high[rows]
    undecided = float(((low < 0.5) & (high > 0.5)).mean())
    return [
        f"Gold leaves p open by {float(np.median(high - low)):.3f} in the median (Venn-Abers, p_low to p_high of each pair); in "
        f"{undecided:.1%} of the pairs it does not say which response is better."
    ]


def _gaps(judged: Judged, seed: int) -> list[str]:
    """Calibration in two numbers, each beside what perfect probabilities of these sizes would show."""
    given = (judged.p, judged.y, judged.groups)
    found = {
        "ECE (15 bins)": (bootstrap("ece", *given, seed=seed), ece_when_perfect(judged.p, seed=seed)),
        "Gap without bins": (
            bootstrap(calibration_gap, *given, seed=seed),
            calibration_gap_when_perfect(judged.p, seed=seed),
        ),
    }
    return [
        f"{name}: {short(gap.value)}; perfect probabilities of these sizes would show {short(perfect.low)} to "
        f"{short(perfect.high)} ({'inside' if gap.value <= perfect.high else 'ABOVE'})."
        for name, (gap, perfect) in found.items()
    ]


def confidence_table(labels: Labels) -> Table:
    """How many pairs each confidence keeps, with and without gold."""
    visible = labels.pairs.parts != "test"
    confidence, n = labels.confidence[visible & (labels.w > 0)], max(1, int(visible.sum()))
    rows = []
    for level in (0.5, 0.6, 0.7, 0.8, 0.9, 0.95):
        kept = int(np.count_nonzero(confidence >= level))
        rows.append([f"at least {short(level)}", f"{kept:,}", short(kept / n)])
    return Table(["confidence", "pairs", "share"], rows, "labels by confidence, outside the locked test part")
