"""The sections on labeling functions: each for itself, and against each other."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Final

import numpy as np

from weaklabel._tables import short
from weaklabel.metrics import Interval
from weaklabel.pictures.dependency import no_dependencies
from weaklabel.pictures.drawing import Picture
from weaklabel.pictures.forest import nats
from weaklabel.pictures.heatmap import LIMIT, by_likeness, heatmap_picture
from weaklabel.pictures.text import name as one_line
from weaklabel.report.sections import Section, Table
from weaklabel.types import ABSTAIN, FloatArray, Labels
from weaklabel.workbench.added_value import AddedValue
from weaklabel.workbench.analysis import Analysis
from weaklabel.workbench.dependencies import Dependencies

_ROWS: Final = 300


def functions_section(analysis: Analysis, weights: FloatArray, added: AddedValue | None) -> Section:
    """One row per function, the heaviest first, and its accuracy as a picture."""
    adds = {} if added is None else {row.lfs[0]: row.adds for row in added.rows if len(row.lfs) == 1}
    voting = [j for j, lf in enumerate(analysis.lfs) if lf.coverage > 0 or lf.faults]
    order = sorted(
        voting,
        key=lambda j: (-np.nan_to_num(abs(weights[j])), -analysis.lfs[j].coverage, analysis.lfs[j].name),
    )
    header = ["function", "coverage", "overlap", "conflict", "votes for b"]
    faults = any(lf.faults for lf in analysis.lfs)
    header += ["faults"] if faults else []
    header += ["accuracy", "gold votes"] if analysis.n_gold else []
    header += ["weight"] if not np.isnan(weights).all() else []
    header += ["adds"] if adds else []
    rows = [_row(analysis, j, weights, adds, faults=faults) for j in order[:_ROWS]]
    hidden = len(order) - len(rows)
    notes = [
        "Coverage, overlap and conflict are shares of all pairs: it votes, another votes too, another votes differently."
    ]
    if not np.isnan(weights).all():
        notes.append(
            "Weight: mean log-odds that the label model gives to one of its votes; below zero, gold speaks against it "
            "beside the others."
        )
    if added is not None:
        notes.append(
            f"Adds: nats per pair that labels lose without it, out of fold on {added.n_gold:,} dev gold pairs of "
            f"{added.n_prompts:,} prompts, model {added.model}. Copies cover for each other: each alone adds nothing."
        )
    if len(voting) < len(analysis.lfs):
        silent = [one_line(lf.name) for j, lf in enumerate(analysis.lfs) if j not in voting]
        more = f" and {len(silent) - 30} more" if len(silent) > 30 else ""
        notes.append(f"Never vote: {', '.join(silent[:30])}{more}.")
    if hidden:
        notes.append(f"{hidden} further functions with less weight are not listed.")
    return Section(
        "functions",
        "Labeling functions",
        intro=f"{len(analysis.lfs)} functions on {analysis.n_pairs:,} pairs. Share of the pairs with a vote "
        f"{short(analysis.coverage)}, with two or more {short(analysis.overlap)}, in conflict {short(analysis.conflict)}.",
        tables=[Table(header, rows)],
        pictures=_function_pictures(analysis, order, added),
        notes=[*notes, *analysis.notes],
    )


def _row(
    analysis: Analysis, j: int, weights: FloatArray, adds: Mapping[str, Interval], *, faults: bool
) -> list[str]:
    lf = analysis.lfs[j]
    cells = [one_line(lf.name, 60), short(lf.coverage), short(lf.overlap), short(lf.conflict)]
    cells += [short(lf.b_share)]
    if faults:
        cells.append(f"{lf.faults:,}")
    if analysis.n_gold:
        cells += ["-", "0"] if lf.accuracy is None else [str(lf.accuracy), f"{lf.accuracy.n:,}"]
    if not np.isnan(weights).all():
        cells.append(short(float(weights[j]), sign=True))
    if adds:
        found = adds.get(lf.name)
        cells.append("-" if found is None else f"{nats(found.value)} [{nats(found.low)}, {nats(found.high)}]")
    return cells


def _function_pictures(analysis: Analysis, order: Sequence[int], added: AddedValue | None) -> list[Picture]:
    drawn = []
    if any(analysis.lfs[j].accuracy is not None for j in order):
        drawn.append(analysis.plot([analysis.lfs[j].name for j in order]))
    if added is not None:
        drawn.append(added.plot())
    return drawn


def relations_section(analysis: Analysis, found: Dependencies | None) -> Section:
    """How functions go together: agreement, overlap and conflict of each two, and which depend on each other."""
    names = [lf.name for lf in analysis.lfs]
    title = "Functions against each other"
    if len(names) < 2:
        return Section("relations", title, intro="One function alone: there is nothing to compare it with.")
    order = by_likeness(analysis.agreement, analysis.both)
    voting = int((np.diag(analysis.both) > 0).sum())
    notes = [f"{len(names) - voting} functions never vote and are not drawn."] if voting < len(names) else []
    if analysis.conflict == 0:
        notes.append("No two functions ever vote against each other.")
    if voting > LIMIT:
        notes.append(f"The squares show the {LIMIT} functions that vote most.")
    return Section(
        "relations",
        title,
        intro="Functions that vote alike share their mistakes, too; the label model has to count them less. "
        "Neighbours in these squares resemble each other.",
        pictures=[*_squares(analysis, names, order), _dependency(found)],
        notes=[*notes, *_told(found)],
    )


def _squares(analysis: Analysis, names: Sequence[str], order: Sequence[int]) -> list[Picture]:
    both = analysis.both / max(1, analysis.n_pairs)
    apart = np.where(analysis.both > 0, (1 - np.nan_to_num(analysis.agreement)) * both, 0.0)
    agree = "Share of equal votes where both vote: blue above one half, orange below, empty where they never meet."
    cover = "Share of all pairs on which both vote; on the diagonal, on which the function itself does. Full blue is 1."
    differ = "Share of all pairs on which they vote against each other; full blue is the largest"
    return [
        heatmap_picture(
            analysis.agreement, names, "Agreement", middle=0.5, top=0.5, order=order, words=agree
        ),
        heatmap_picture(both, names, "Coverage", order=order, top=1.0, words=cover),
        heatmap_picture(
            apart, names, "Conflict", order=order, words=f"{differ}, {short(float(apart.max()))}."
        ),
    ]


def _dependency(found: Dependencies | None) -> Picture:
    if found is None:
        return no_dependencies("Dependence was not looked for: pass dependencies= to write_report.")
    return found.plot()


def _told(found: Dependencies | None) -> list[str]:
    if found is None:
        return []
    groups = [", ".join(one_line(name) for name in cluster) for cluster in found.clusters]
    return [
        f"{len(found.lf_names)} functions are worth about {found.effective:.1f} independent ones.",
        *(f"They err together: {group}." for group in groups[:12]),
        *([f"and {len(groups) - 12} more such groups."] if len(groups) > 12 else []),
        *found.notes,
    ]


def mean_weights(labels: Labels) -> FloatArray:
    """`(n_lfs,)` float64: mean log-odds that a function gives in the direction of its vote, where it votes; NaN for none.

    Below zero, gold speaks against its votes beside the others'.
    """
    out = np.full(labels.votes.n_lfs, np.nan)
    if labels.contributions is None:
        return out
    for j in range(labels.votes.n_lfs):
        votes = labels.votes.L[:, j]
        spoke = votes != ABSTAIN
        if spoke.any():
            out[j] = float((labels.contributions[spoke, j] * (2.0 * votes[spoke] - 1)).mean())
    return out
