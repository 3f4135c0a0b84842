"""The table that ends a run: our labels, and what they must beat, on held-out prompts.

Every arm gets the same dev gold, the same votes and the same calibrators, so that what differs is the model.
"""

from __future__ import annotations

import importlib.util
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final, Self

from weaklabel import artifacts
from weaklabel._progress import bar
from weaklabel._shown import Shown, Sketch
from weaklabel._tables import plain_table
from weaklabel._validation import saved_texts, whole_within
from weaklabel.comparers.known import Known
from weaklabel.config import Config
from weaklabel.errors import ArtifactError
from weaklabel.labeler import Labeler, fit
from weaklabel.lf.core import LabelingFunction
from weaklabel.metrics import Interval
from weaklabel.reward import RewardModel, evaluate, train_reward
from weaklabel.reward.evaluation.evaluation import LONGER
from weaklabel.types import Comparer, Labels, Pairs, Votes
from weaklabel.types.result import json_values

_SNORKEL_NEEDS: Final = 3  # functions that vote
_FILE: Final = "report.json"
METRIC_ORDER: Final = ("accuracy", "nll", "brier", "ece")


@dataclass(frozen=True, repr=False)
class RunFigures(Shown):
    """Figures of a run on its held-out prompts.

    Attributes:
        name: the run's name.
        arms: per arm, per metric its interval, in the order of the table; empty without held-out gold.
        differences: per arm but ours, per metric its value minus that of our labels, on the same resamples.
        ece_perfect: per arm, the ECE that perfectly calibrated probabilities of these sizes would show.
        calibrated: whether the labels were fitted to gold.
        counts: pairs, dev, test, unlabelled and set aside.
        notes: what a reader must know beside the table.
    """

    name: str
    arms: Mapping[str, Mapping[str, Interval]]
    differences: Mapping[str, Mapping[str, Interval]]
    ece_perfect: Mapping[str, Interval]
    calibrated: bool
    counts: Mapping[str, int]
    notes: tuple[str, ...]

    def to_dict(self) -> dict[str, Any]:
        """JSON values, with the figures as rows of `arm, metric, value, low, high, n`."""
        return {
            "kind": "report",
            "name": self.name,
            "calibrated": self.calibrated,
            "counts": dict(self.counts),
            "rows": _rows(self.arms),
            "differences": _rows(self.differences),
            "ece_if_perfect": json_values(self.ece_perfect),
            "notes": list(self.notes),
        }

    @classmethod
    def load(cls, folder: Path) -> Self:
        """The figures that a run's folder holds.

        Raises:
            ArtifactError: there is none, or it was edited.
        """
        state = artifacts.read_json(folder / _FILE)
        try:
            (name,) = saved_texts([state["name"]])
            return cls(
                name=name,
                arms=_table(state["rows"]),
                differences=_table(state["differences"]),
                ece_perfect={arm: Interval.from_dict(i) for arm, i in state["ece_if_perfect"].items()},
                calibrated=state["calibrated"] is True,
                counts={key: whole_within(n, 0, 2**53) for key, n in state["counts"].items()},
                notes=saved_texts(state["notes"]),
            )
        except (AttributeError, LookupError, TypeError, ValueError) as error:
            reason = " ".join(f"{type(error).__name__}: {error}".split())[:200]
            raise ArtifactError(
                f"{folder / _FILE} is no table of figures ({reason}). Delete it and run again."
            ) from error

    def save(self, folder: Path) -> None:
        """Write it beside what else a run made."""
        artifacts.write_json(folder / _FILE, self.to_dict())

    def table(self) -> tuple[list[str], list[list[str]]]:
        """Header and rows as text."""
        header = ["on held-out prompts", *(m for m in METRIC_ORDER if m != "brier"), "ece if perfect"]
        rows = [
            [arm, *(str(figures.get(m, "-")) for m in header[1:-1]), _median(self.ece_perfect.get(arm))]
            for arm, figures in self.arms.items()
        ]
        return header, rows

    def differences_table(self) -> tuple[list[str], list[list[str]]]:
        """Header and rows as text: each arm less our labels, on the same resamples of prompts."""
        metrics = ("accuracy", "nll")
        rows = [[arm, *(str(d.get(m, "-")) for m in metrics)] for arm, d in self.differences.items()]
        return ["less our labels (paired)", *metrics], rows

    def _sketch(self) -> Sketch:
        summary = "\n".join([f"run {self.name}", *self.notes])
        return Sketch(summary, *self.table()) if self.arms else Sketch(summary)

    def __str__(self) -> str:
        if not self.arms:
            return "\n".join(self.notes)
        tables = [plain_table(*self.table()), plain_table(*self.differences_table())]
        return "\n".join([*(f"{table}\n" for table in tables), *self.notes, _LEGEND])


OURS: Final = "our labels (the label model itself)"
_LEGEND: Final = (
    "ece if perfect: what perfectly calibrated probabilities of these sizes would show on as many pairs. The interval of "
    "an ECE takes out the bias of small samples, so it lies to the left of the figure."
)


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
    found = evaluate(_arms(run, notes), gold=test, seed=run.config.data.seed)
    notes += found.notes()
    if found.figures[OURS]["accuracy"].low <= 0.5:
        notes.append(
            "our labels are not shown to be better than a coin on held-out prompts. Look for other functions (weaklabel explore), "
            "or give more gold, before training on them."
        )
    notes += worse_than_a_coin(found.figures)
    order = [LONGER, *(arm for arm in found.figures if arm != LONGER)]
    figures = {arm: found.figures[arm] for arm in order}
    return RunFigures(
        name, figures, found.differences, found.ece_perfect, labels.calibrated, counts, tuple(notes)
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
    arms: dict[str, Comparer] = {OURS: Known(run.labels)}
    # Where every visible pair has gold, no label is ever used: all arms are one model, trained once.
    same = run.reward if bool(run.pairs.visible.has_gold.all()) else None
    if len(run.pairs.dev):
        arms["reward model: gold only"] = same or _train(run, run.pairs, "gold only")
    if run.reward is None:
        return arms
    n_voting = sum(t["n_a"] + t["n_b"] > 0 for t in run.applied["tallies"].values())
    for name, model in _baselines(n_voting, notes).items():
        arms[f"reward model: + {name} labels"] = same or _train(run, _labels_by(run, model), f"{name} labels")
    arms["reward model: + our labels"] = run.reward
    return arms


def _labels_by(run: Outcome, model: str) -> Labels:
    """Labels of the same pairs by another label model, all else equal."""
    labeler = fit(
        run.lfs,
        run.pairs,
        model=model,
        calibration=run.config.labeler.calibration,
        votes=run.votes,
        reference=run.labeler.reference,
        seed=run.config.data.seed,
    )
    # What is to be said of a shift, and of the functions' shares, was said of our own labels.
    return labeler.label_known(run.pairs, run.votes)


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
    settings = run.config.reward
    with bar(f"figures: reward model of {what}"):
        return train_reward(
            labels, model=settings.model, allow_uncalibrated=settings.allow_uncalibrated, **settings.settings
        )


def _notes(run: Outcome) -> list[str]:
    """What this run could not do, and what would change that."""
    pairs, calibrated = run.pairs, run.labels.calibrated
    notes = [*run.labeler.notes, *run.unwritten]
    if not len(pairs.test):
        why = "no pair has gold" if not pairs.has_gold.any() else "no gold fell into the test part"
        notes.append(
            f"no held-out figures: {why}. Give gold in the pairs or with data.gold, and a data.test_share above 0."
        )
    if not calibrated:
        notes.append(
            "the labels are uncalibrated, so exports and reward models that need probabilities are left out. "
            "Give gold, or set export.<format>.allow_uncalibrated and reward.allow_uncalibrated."
        )
    if len(pairs.visible) and pairs.visible.has_gold.all():
        notes.append(
            "every pair has gold, so labels add nothing to it here: all reward arms learn from the same gold. "
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


def _rows(figures: Mapping[str, Mapping[str, Interval]]) -> list[dict[str, Any]]:
    return [
        {"arm": arm, "metric": metric, **interval.to_dict()}
        for arm, metrics in figures.items()
        for metric, interval in metrics.items()
    ]


def _table(rows: object) -> dict[str, dict[str, Interval]]:
    if not isinstance(rows, list):
        raise TypeError(f"{str(rows)[:40]!r} is no list of rows")
    found: dict[str, dict[str, Interval]] = {}
    for row in rows:
        arm, metric = saved_texts([row["arm"], row["metric"]])
        found.setdefault(arm, {})[metric] = Interval.from_dict(row)
    return found


def _median(interval: Interval | None) -> str:
    return "-" if interval is None else f"{interval.value:.3f}".lstrip("0")
