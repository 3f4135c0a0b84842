"""`write_report`: everything that is known of labels, in one HTML file."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from weaklabel import artifacts
from weaklabel._arguments import checked
from weaklabel.errors import LabelMatrixError
from weaklabel.labeler import Labeler
from weaklabel.report.baselines import baselines
from weaklabel.report.ceiling import gold_agreement
from weaklabel.report.dossiers import disputed_section
from weaklabel.report.functions import functions_section, mean_weights, relations_section
from weaklabel.report.judged import Judged, judge
from weaklabel.report.page import render
from weaklabel.report.sections import Section
from weaklabel.report.summary import figures_of, held_out_section, summary_section
from weaklabel.report.trust import bias_section, calibration_section, shift_section
from weaklabel.reward.evaluation.evaluation import Evaluation
from weaklabel.shift import Shift
from weaklabel.types import Labels
from weaklabel.workbench.added_value import AddedValue
from weaklabel.workbench.analysis import analyze
from weaklabel.workbench.bias import LabelBias
from weaklabel.workbench.dependencies import Dependencies


@checked
def write_report(
    labels: Labels,
    path: str | Path,
    *,
    labeler: Labeler | None = None,
    name: str = "",
    figures: Evaluation | Mapping[str, Any] | None = None,
    dependencies: Dependencies | None = None,
    added_value: AddedValue | None = None,
    bias: LabelBias | None = None,
    shift: Shift | None = None,
    out_of_fold: Mapping[str, float] | None = None,
    seed: int = 0,
) -> Path:
    """Write one self-contained HTML file about labels; gives back its path.

    It needs no network and no script, is readable on a phone, on paper and in the dark, and every text of a model is
    escaped. What is not handed in is left out, and the page says how to get it.

    Args:
        labels: what `Labeler.label` returned for all pairs.
        path: the file to write; a file of that name is replaced.
        labeler: the labeler behind the labels. With it, figures on dev gold are out of fold.
        name: of the run, for the title.
        figures: what `evaluate` said of the held-out test gold.
        dependencies: what `dependencies(votes)` found.
        added_value: what `added_value` found.
        bias: what `label_bias(labels)` found.
        shift: whether these pairs are like those it was fitted on; None asks the labeler.
        out_of_fold: pair id -> P(B beats A) of dev gold pairs, in which their own gold had no part; None asks the labeler.
        seed: of folds and resamples.
    """
    if not len(labels):
        raise LabelMatrixError("write_report got labels of no pairs. Label at least one pair first.")
    visible = labels.pairs.parts != "test"
    seen = labels if visible.all() else labels.take(visible)
    if shift is None and labeler is not None:
        shift = labeler.shift(seen.pairs, seen.votes)
    judged = judge(seen, labeler, out_of_fold=out_of_fold, seed=seed)
    sections = [
        *_quality(seen, labels, labeler, judged, figures, seed),
        *_functions(seen, dependencies, added_value, seed),
        bias_section(bias),
        *([] if shift is None else [shift_section(shift)]),
        disputed_section(seen),
    ]
    title = f"Labels of run {name}" if name else "Labels"
    lead = (
        f"{len(labels):,} pairs, {labels.votes.n_lfs} labeling functions. Figures on gold rest on pairs whose own gold "
        "had no part in the label; what they rest on stands beside each."
    )
    footer = (
        f"Made by weaklabel {artifacts.versions().get('weaklabel', '')}".strip()
        + ". This page loads nothing and runs no script."
    )
    artifacts.write_text(Path(path), render(title, lead, sections, footer))
    return Path(path)


def _quality(
    seen: Labels, labels: Labels, labeler: Labeler | None, judged: Judged | str, figures: Any, seed: int
) -> list[Section]:
    """How good the labels are, and whether their probabilities can be trusted."""
    arms = [] if isinstance(judged, str) else baselines(seen, judged, seed=seed)
    human = gold_agreement(seen.pairs, seed=seed)
    model = labeler.model.name if labeler is not None else "not named"
    return [
        summary_section(labels, judged, arms, human, model),
        held_out_section(*figures_of(figures)),
        calibration_section(seen, judged, seed=seed),
    ]


def _functions(
    seen: Labels, dependencies: Dependencies | None, added_value: AddedValue | None, seed: int
) -> list[Section]:
    """The functions, each for itself and against each other."""
    dev = seen.pairs.dev
    analysis = analyze(seen.votes, gold=dev if len(dev) else None, seed=seed)
    return [
        functions_section(analysis, mean_weights(seen), added_value),
        relations_section(analysis, dependencies),
    ]
