"""The table that ends a run: our labels, and what they must beat, on held-out prompts.

Every arm gets the same dev gold, the same votes and the same calibrators, so that what differs is the model. Where the run's
own reward model reads some thousands of the pairs without gold, the labels of others teach on those same pairs: more of them
taught a linear reward hardly more (docs/performance.md).
"""

from __future__ import annotations

import importlib.util
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import numpy as np

from weaklabel._progress import bar, tracked
from weaklabel.comparers.known import Known
from weaklabel.config import Config
from weaklabel.labeler import Labeler, fit
from weaklabel.lf.core import LabelingFunction
from weaklabel.metrics import Interval
from weaklabel.pipeline.advice import (
    GOLD,
    LABELS,
    NOTHING,
    TAUGHT,
    in_words,
    less_gold_only,
    recommended,
    worth_in_gold,
)
from weaklabel.pipeline.run_figures import RunFigures
from weaklabel.reward import RewardModel, train_reward, training_targets
from weaklabel.reward.evaluation.evaluation import LONGER, compare_answers, fitted_on, with_gold
from weaklabel.reward.registry import plain_model
from weaklabel.types import Comparer, Labels, Pairs, Votes, answer_of

_SNORKEL_NEEDS: Final = 3  # functions that vote


@dataclass(frozen=True)
class Outcome:
    """What a run came to, as far as its figures need it.

    Attributes:
        folder: of the run; its name is the run's.
        config: settings in force.
        read, applied: counts of the steps `read` and `apply`.
        lfs: the labeling functions.
        pairs, votes, labels: of the pairs in memory.
        labeler: what labelled them.
        reward: what was trained on the labels; None where it is not needed, or they may not be trained on.
        unwritten: exports that had nothing to write, one sentence each.
    """

    folder: Path
    config: Config
    read: Mapping[str, Any]
    applied: Mapping[str, Any]
    lfs: Sequence[LabelingFunction]
    pairs: Pairs
    votes: Votes
    labels: Labels
    labeler: Labeler
    reward: RewardModel | None
    unwritten: Sequence[str] = ()


def make_figures(run: Outcome) -> RunFigures:
    """Evaluate every arm of a run on its test pairs."""
    pairs, labels, name = run.pairs, run.labels, run.folder.name
    notes = _notes(run)
    test = pairs.test
    counts = {
        **{name: run.read[name] for name in ("pairs", "dev", "test")},
        "unlabelled": run.read["pairs"] - run.read["gold"],
        "set_aside": len(pairs.set_aside),
        "faults": run.applied["faults"],
    }
    if not len(test):
        return RunFigures(name, {}, {}, {}, labels.calibrated, counts, tuple(notes))
    arms, seed, rows = _arms(run, notes), run.config.data.seed, with_gold(test)
    answers = {
        name: answer_of(name, arm, rows) for name, arm in tracked(arms.items(), "answers", lambda arm: arm[0])
    }
    in_sample = int(fitted_on(arms, rows).sum())
    found = compare_answers(answers, rows, len(test) - len(rows), in_sample, seed=seed)
    notes += found.notes()
    less_gold = less_gold_only(answers, rows, seed=seed)
    worth = worth_in_gold(answers, pairs.dev, rows, seed=seed) if GOLD in answers else {}
    worth.pop(GOLD, None)
    decided = np.abs(rows.y - 0.5) == 0.5
    export, why = recommended(found.figures, less_gold, found.differences, rows.prompt_groups[decided])
    if not labels.calibrated:
        export, why = NOTHING, "the labels are not calibrated"
    if decided.any() and found.figures[LABELS]["accuracy"].low <= 0.5:
        notes.append(
            "our labels are not shown to be better than a coin on held-out prompts. Look for other functions (weaklabel explore), "
            "or give more gold, before training on them."
        )
    notes += in_words(less_gold) + worse_than_a_coin(found.figures)
    notes.append(f"to export: {export.removeprefix('reward model: ')} ({why}).")
    order = [LONGER, *(arm for arm in found.figures if arm != LONGER)]
    figures = {arm: found.figures[arm] for arm in order}
    return RunFigures(
        name,
        figures,
        found.differences,
        found.ece_perfect,
        labels.calibrated,
        counts,
        tuple(notes),
        less_gold,
        worth,
        export,
    )


def worse_than_a_coin(figures: Mapping[str, Mapping[str, Interval]]) -> list[str]:
    """A sentence about the arms that a coin beats: by NLL, or clearly by accuracy."""
    sure = [
        f"{arm} ({f['nll'].value:.3f})"
        for arm, f in figures.items()
        if "nll" in f and f["nll"].value > math.log(2)
    ]
    wrong = [arm for arm, f in figures.items() if "accuracy" in f and f["accuracy"].high < 0.5]
    notes = []
    if sure:
        notes.append(
            f"by NLL a coin ({math.log(2):.3f}) is better than: {', '.join(sure)}. They are surer than they are right, so "
            "take the order of their scores and not their probabilities."
        )
    if wrong:
        notes.append(
            f"right less often than a coin: {', '.join(wrong)}. What they say is worth more turned round."
        )
    return notes


def _arms(run: Outcome, notes: list[str]) -> dict[str, Comparer]:
    """The comparers of the table, our labels first: differences are against them."""
    arms: dict[str, Comparer] = {LABELS: Known(run.labels)}
    # Where every visible pair has gold, no label is ever used: what is taught alike is one model, trained once.
    alike = bool(run.pairs.visible.has_gold.all())
    own = _baseline(run) == run.config.reward.model
    if len(run.pairs.dev):
        arms[GOLD] = (alike and own and run.reward) or _train(run, run.pairs, "gold only")
    same = arms.get(GOLD) if alike else None
    if run.reward is None:
        return arms
    n_voting = sum(t["n_a"] + t["n_b"] > 0 for t in run.applied["tallies"].values())
    baselines = _baselines(n_voting, notes)
    visible = run.pairs.visible  # once: what is worked out of its prompts serves both fits
    read = visible if same else _pairs_read(run, run.reward, baselines, notes)
    for name, model in baselines.items():
        arms[f"reward model: + {name} labels"] = same or _train(
            run, _labels_by(run, model, visible, read), f"{name} labels"
        )
    arms[TAUGHT] = run.reward
    return arms


def _pairs_read(run: Outcome, reward: RewardModel, baselines: Mapping[str, str], notes: list[str]) -> Pairs:
    """The pairs on which others' labels teach: what the run's own reward model reads of those that it was given."""
    pairs, _, _, y = training_targets(run.labels)
    rows = reward.rows_read(pairs, y)
    if len(rows) < len(pairs) and baselines:
        n_read, n_all = (int(np.isnan(gold).sum()) for gold in (y[rows], y))
        notes.append(
            f"{' and '.join(f'+ {name} labels' for name in baselines)}: taught on gold and the same {n_read:,} of {n_all:,} "
            f"pairs without gold that the run's own reward model reads."
        )
    return pairs.take(rows)


def _labels_by(run: Outcome, model: str, visible: Pairs, pairs: Pairs) -> Labels:
    """Labels of these pairs by another label model, fitted to all visible pairs as ours was."""
    labeler = fit(
        run.lfs,
        visible,
        model=model,
        calibration=run.config.labeler.calibration,
        votes=run.votes,
        reference=run.labeler.reference,
        seed=run.config.data.seed,
    )
    # What is to be said of a shift, and of the functions' shares, was said of our own labels.
    return labeler.label_known(pairs, run.votes.on(pairs.ids))


def _baselines(n_lfs: int, notes: list[str]) -> dict[str, str]:
    found = {"majority-vote": "majority_vote"}
    if n_lfs < _SNORKEL_NEEDS:
        notes.append(
            f"Snorkel's label model needs {_SNORKEL_NEEDS} labeling functions, so its row is left out."
        )
    elif not snorkel_is_installed():
        notes.append(
            "Snorkel is not installed, so its row is left out. To add it: pip install 'weaklabel[snorkel]'"
        )
    else:
        found["Snorkel"] = "snorkel"
    return found


def snorkel_is_installed() -> bool:
    """Whether the extra that the Snorkel row needs is there; nothing is imported to find out."""
    return importlib.util.find_spec("snorkel") is not None


def _train(run: Outcome, labels: Labels | Pairs, what: str) -> Comparer:
    settings, model = run.config.reward, _baseline(run)
    more = settings.settings if model == settings.model else {}
    with bar(f"figures: reward model of {what}"):
        return train_reward(labels, model=model, allow_uncalibrated=settings.allow_uncalibrated, **more)


def _baseline(run: Outcome) -> str:
    """The reward model that gold alone, and the labels of others, teach."""
    return plain_model(run.config.reward.model)


def _left_out(config: Config) -> str:
    """What these settings leave out where labels are uncalibrated: the end of a sentence."""
    tables = config.export
    exports = [(f"export.{name}", getattr(tables, name)) for name in type(tables).model_fields]
    named = [*exports, ("reward", config.reward)]
    missing = [name for name, table in named if table is not None and not table.allow_uncalibrated]
    if not missing:
        return ": nothing says how often they are right. Give gold to calibrate them."
    settings = " and ".join(f"{name}.allow_uncalibrated" for name in missing)
    return f", so what needs probabilities is left out: {', '.join(missing)}. Give gold, or set {settings}."


def _notes(run: Outcome) -> list[str]:
    """What this run could not do, and what would change that."""
    pairs, calibrated = run.pairs, run.labels.calibrated
    notes = [*run.labeler.notes, *run.unwritten, *(() if run.reward is None else run.reward.notes)]
    if run.reward is not None and run.reward.scale_note_:
        notes.append(f"the reward model is not calibrated on all gold: {run.reward.scale_note_}.")
    if not len(pairs.test):
        why = "no pair has gold" if not pairs.has_gold.any() else "no gold fell into the test part"
        notes.append(
            f"no held-out figures: {why}. Give gold in the pairs or with data.gold, and a data.test_share above 0."
        )
    if not calibrated:
        notes.append(f"the labels are uncalibrated{_left_out(run.config)}")
    if len(pairs.visible) and pairs.visible.has_gold.all():
        notes.append(
            "every pair has gold, so labels add nothing to it here: all reward arms learn from the same gold, and one that "
            "reads functions from what they say beside it. "
            "To hold gold back from training and see what labels add, set data.max_gold."
        )
    if run.read["pairs"] > len(pairs):
        notes.append(
            f"reward models and figures are of {len(pairs):,} of {run.read['pairs']:,} pairs, all with gold among them; "
            "labels and exports are of all. To hold more in memory, raise data.sample."
        )
    if pairs.set_aside:
        notes.append(
            f"{len(pairs.set_aside)} rows were set aside; see {run.folder / 'set_aside.jsonl'} for file, line and reason."
        )
    if faults := run.applied["faults"]:
        notes.append(f"{faults} votes failed and count as abstains; see {run.folder / 'faults.jsonl'}.")
    return notes
