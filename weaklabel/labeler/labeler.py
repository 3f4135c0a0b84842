"""The one meeting place: labeling functions + label model + calibrator, fitted, saved and loaded as one thing.

A `Labeler` is a comparer: it answers P(B beats A) for any pairs. What it says means what it says when it was
calibrated, and says so when it was not.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final, Self, Unpack

import numpy as np
from numpy.typing import NDArray

from weaklabel import artifacts
from weaklabel._arguments import check_value, checked
from weaklabel._shown import Shown, Sketch
from weaklabel._validation import lookup, number_within, saved_texts
from weaklabel.calibration import (
    CANDIDATES,
    SCALED_CANDIDATES,
    Calibrator,
    VennAbers,
    calibrator_from_dict,
    get_calibrator,
)
from weaklabel.calibration.ties import TieModel
from weaklabel.data import as_pairs
from weaklabel.data.sources import PairSource
from weaklabel.engine.apply import ApplySettings, apply, apply_with_costs
from weaklabel.errors import ArtifactError, ConfigError, LabelMatrixError, ShiftWarning, WeaklabelError, warn
from weaklabel.groups import MIN_GOLD, MIN_PROMPTS
from weaklabel.label_models import LABEL_MODELS, LabelModel, get_label_model
from weaklabel.label_models.streaming import fit_on_shards
from weaklabel.labeler.asking import (
    around,
    ask,
    calibrated_shares,
    chosen_by_gold,
    cross_calibrated,
    features_for,
    unfitted_copy,
    with_direction,
    without_asking,
)
from weaklabel.labeler.refitting import Refitted
from weaklabel.lf.core import LabelingFunction
from weaklabel.lf.sources.saved import SavedFunction, check_can_be_found, functions_of
from weaklabel.lf.writing import current
from weaklabel.logistic import one_thread
from weaklabel.metrics import Interval, score_all
from weaklabel.shift import Reference, Shift, shift
from weaklabel.types import (
    ABSTAIN,
    Explanation,
    FloatArray,
    Labels,
    Pair,
    Pairs,
    Refit,
    Votes,
    sigmoid,
)
from weaklabel.types.result import json_values

_FILE: Final = "labeler.json"
_FORMAT: Final = 1
_LONGEST_REASON: Final = 200


@dataclass(frozen=True, repr=False)
class Labeler(Shown):
    """Labels, compares and explains pairs. Made by `fit` or `Labeler.load`.

    Attributes:
        lfs: the labeling functions, in the order of the model's columns.
        model: the fitted label model.
        calibrator: the fitted calibrator, None where there was too little gold or calibration was switched off.
        gold_ids: pairs whose gold was used to fit or calibrate; their labels are marked `in_sample`.
        out_of_fold: accuracy, NLL, Brier and ECE on the dev gold, each pair judged by a model and a calibrator
            that were fitted to gold of other prompts; empty without a calibrator.
        notes: what a reader of the labels should know, one sentence each.
        out_of_fold_p: id of a gold pair -> P(B beats A) by a model and a calibrator that saw other prompts only.
        ties: how likely a tie is at each p; None where gold held none.
        reference: what the pairs it was fitted on look like, in numbers; None for labelers of older versions.
        intervals: how far gold leaves each p open; None without a calibrator, and for labelers of older versions.
        refit: makes its labels without a part of the gold, see `Labels.logit_without`. It is not saved, so a labeler
            that was loaded has none.
    """

    lfs: tuple[LabelingFunction, ...]
    model: LabelModel
    calibrator: Calibrator | None
    gold_ids: frozenset[str] = field(default=frozenset(), repr=False)
    out_of_fold: Mapping[str, Interval] = field(default_factory=dict)
    notes: tuple[str, ...] = ()
    out_of_fold_p: Mapping[str, float] = field(default_factory=dict, repr=False)
    ties: TieModel | None = None
    reference: Reference | None = field(default=None, repr=False)
    intervals: VennAbers | None = field(default=None, repr=False)
    refit: Refit | None = field(default=None, repr=False, compare=False)

    def __post_init__(self) -> None:
        check_value("Labeler: lfs", self.lfs, "tuple[LabelingFunction, ...]")
        check_value("Labeler: model", self.model, "LabelModel")
        check_value("Labeler: calibrator", self.calibrator, "Calibrator | None")

    def __repr__(self) -> str:
        """What it is made of, and how right it is: not its numbers."""
        how = (
            f"{type(self.calibrator).__name__} on {len(self.gold_ids):,} gold pairs"
            if self.calibrated
            else "not calibrated"
        )
        figures = ", ".join(f"{name} {interval}" for name, interval in self.out_of_fold.items())
        known = f"; out of fold: {figures}" if figures else ""
        return f"Labeler of {len(self.lfs):,} labeling functions ({self.model.name}, {how}{known})"

    def _sketch(self) -> Sketch:
        rows = [[lf.name, lf.family, lf.doc] for lf in self.lfs]
        header = ("labeling function", "family", "what it does")
        return Sketch("\n".join([repr(self), *self.notes]), header, rows, left=3)

    @property
    def calibrated(self) -> bool:
        """Whether the log-odds were fitted to gold. The identity leaves them as they were."""
        return self.calibrator is not None and self.calibrator.calibrates

    def label(
        self, pairs: PairSource, *, votes: Votes | None = None, **apply_settings: Unpack[ApplySettings]
    ) -> Labels:
        """Labels of every pair, with the votes behind them.

        Warns with `ShiftWarning` where the pairs are unlike those that the labeler was fitted on.

        Args:
            pairs: `Pairs`, or whatever `read_pairs` takes.
            votes: the labeler's own LFs' votes on these pairs, when they are at hand; applied otherwise.
            apply_settings: `workers`, `time_limit`, `store`, ... of `apply`.
        """
        table = as_pairs(pairs)
        votes = self._votes(table, votes, apply_settings)
        self.warn_of_shift(table, votes)
        return self._label(table, votes, shares=True)

    def label_known(self, pairs: Pairs, votes: Votes, *, shares: bool = False) -> Labels:
        """Labels of some of many pairs: no word about a shift; the shares of functions in each where they are wanted."""
        return self._label(pairs, self._votes(pairs, votes, {}), shares=shares)

    def _label(self, table: Pairs, votes: Votes, *, shares: bool) -> Labels:
        raw, parts = ask(self.model, table, votes, shares=shares)
        logit = raw if self.calibrator is None else self.calibrator.transform(raw)
        low, high = (
            (None, None) if self.intervals is None else around(sigmoid(logit), self.intervals.intervals(raw))
        )
        return Labels(
            pairs=table,
            votes=votes,
            logit=logit,
            w=(votes.L != ABSTAIN).any(axis=1).astype(np.float64),
            contributions=calibrated_shares(parts, raw, logit, self.calibrator),
            calibrated=self.calibrated,
            in_sample=self.saw(table),
            extra_names=self.model.extra_names,
            lfs=self.lfs,
            p_tie=None if self.ties is None else self.ties.p_tie(sigmoid(logit)),
            p_low=low,
            p_high=high,
            refit=self.refit,
        )

    def warn_of_shift(self, pairs: Pairs, votes: Votes) -> None:
        """Warn with `ShiftWarning` where the pairs, with their votes, are unlike those that the labeler was fitted on."""
        found = self.shift(pairs, votes)
        if found is not None and found.warning:
            warn(found.warning, ShiftWarning)

    @property
    def checks_shift(self) -> bool:
        """Whether it was fitted on enough prompts to notice pairs of another kind."""
        return self.reference is not None and bool(self.reference.limits)

    def shift(self, pairs: Pairs, votes: Votes) -> Shift | None:
        """How far these pairs are from those the labeler was fitted on; None where it does not know those."""
        return None if self.reference is None else shift(self.reference, votes, pairs)

    @checked
    def compare(self, pairs: Pairs) -> FloatArray:
        """P(B beats A), `(n_pairs,)` float64. `compare(pairs.swapped())` is `1 - compare(pairs)` exactly.

        Judges among the functions are not asked, for that costs money: what they have said before counts, and where
        that is nothing they abstain, with a word in the log. `label` asks them, within their budgets.

        Warns with `ShiftWarning` as `label` does.
        """
        return self._compared(pairs).p

    @checked
    def interval(self, pairs: Pairs) -> FloatArray:
        """Between which gold leaves P(B beats A) open, `(n_pairs, 2)` float64; NaN where the labeler has no intervals.

        `interval(pairs.swapped())` is `1 - interval(pairs)[:, ::-1]` exactly, and `compare(pairs)` lies between. Judges
        are not asked, as for `compare`.
        """
        labels = self._compared(pairs)
        if labels.p_low is None or labels.p_high is None:
            return np.full((len(pairs), 2), np.nan)
        return np.column_stack([labels.p_low, labels.p_high])

    def _compared(self, pairs: Pairs) -> Labels:
        # Whoever compares has no setting for it: what fails is told, and abstains.
        votes = _apply(self.lfs, without_asking(self.lfs, pairs), max_fault_share=None)
        self.warn_of_shift(pairs, votes)
        return self._label(pairs, votes, shares=False)

    def saw(self, pairs: Pairs) -> NDArray[np.bool_]:
        """`(n_pairs,)`: whether the pair's gold was used to fit or calibrate."""
        return np.array([pair_id in self.gold_ids for pair_id in pairs.ids], dtype=np.bool_)

    @checked
    def explain(self, pair: Pair) -> Explanation:
        """Which LFs speak on one pair, with what weight; their log-odds add up to the logit."""
        return self.label(Pairs.of([pair]), max_fault_share=None).explain(pair.id)

    @checked
    def save(self, folder: str | Path) -> None:
        """Write `labeler.json`: settings, numbers, and where each LF is found. No code and no pickle.

        Raises:
            ArtifactError: when an LF, or the label model, lives only in this process and could not be found again.
        """
        check_can_be_found(self.lfs, "labeler")
        if self.model.name not in LABEL_MODELS:
            raise ArtifactError(
                f"the label model {self.model.name!r} is not in LABEL_MODELS, so a saved labeler could not find it "
                "again. Add its line there."
            )
        saved = [SavedFunction.of(lf) for lf in self.lfs]
        state = artifacts.manifest(
            "labeler",
            inputs={lf.name: lf.source for lf in saved},
            settings={"model": self.model.name},
            fingerprints={lf.name: lf.version for lf in saved},
            lfs=[lf.to_state() for lf in saved],
            model=self.model.to_dict(),
            calibrator=None if self.calibrator is None else self.calibrator.to_dict(),
            gold_ids=sorted(self.gold_ids),
            out_of_fold=json_values(self.out_of_fold),
            notes=list(self.notes),
            out_of_fold_p=dict(self.out_of_fold_p),
            ties=None if self.ties is None else self.ties.to_dict(),
            reference=None if self.reference is None else self.reference.to_dict(),
            intervals=None if self.intervals is None else self.intervals.to_dict(),
        )
        artifacts.write_json(Path(folder) / _FILE, artifacts.sealed(state))

    @classmethod
    @checked
    def load(
        cls,
        folder: str | Path,
        lfs: Sequence[LabelingFunction] = (),
        *,
        allow_changed: bool = False,
    ) -> Self:
        """The labeler saved in `folder`. Nothing that it names is imported, contacted or read.

        Args:
            folder: what `save` wrote.
            lfs: labeling functions of yours, among which its own are found by name and hash; others may be among
                them. Shipped functions, those of installed plug-ins and those of columns are found without.
            allow_changed: take a function of that name although it is another version than the one fitted with.

        Raises:
            ArtifactError: when it is missing, torn, edited or of a version that kept other numbers; when a function
                was not given, or changed since it was fitted, unless `allow_changed`.
        """
        state = artifacts.read_json(Path(folder) / _FILE)
        if not isinstance(state, dict) or state.get("kind") != "labeler":
            raise ArtifactError(f"{folder} holds no labeler. Pass the folder that `weaklabel fit` wrote.")
        try:
            saved = SavedFunction.from_state(state)
            found = functions_of(saved, lfs, folder, allow_changed=allow_changed)
            labeler = cls._from_state(state, found)
            if "seal" in state and not artifacts.is_sealed(state):  # labelers of older versions have none
                raise ValueError("it is not what save() wrote")
            return labeler
        except WeaklabelError:
            raise
        except (ArithmeticError, AttributeError, LookupError, TypeError, ValueError) as error:
            reason = " ".join(f"{type(error).__name__}: {error}".split())[:_LONGEST_REASON]
            raise ArtifactError(
                f"{folder} holds no whole labeler that this version can read ({reason}): it was edited, or saved by "
                "another version. Fit and save it again."
            ) from error

    @classmethod
    def _from_state(cls, state: Mapping[str, Any], lfs: tuple[LabelingFunction, ...]) -> Self:
        """Every number and text of a labeler's JSON is checked here, or by the `from_dict` of its kind."""
        calibrator, name = state["calibrator"], state["settings"]["model"]
        (name,) = saved_texts([name])
        if state["format"] != _FORMAT or state["model"]["name"] != name:
            raise ValueError(f"format {state['format']!r}, model {state['model']['name']!r}")
        model = get_label_model(name).from_dict(state["model"])
        if model.n_classes is not None or model._n_lfs() != len(lfs):
            raise ValueError(f"its model is of {model._n_lfs()} functions, and it names {len(lfs)}")
        return cls(
            lfs=lfs,
            model=model,
            calibrator=None if calibrator is None else calibrator_from_dict(calibrator),
            gold_ids=frozenset(saved_texts(state["gold_ids"])),
            out_of_fold={name: Interval.from_dict(value) for name, value in state["out_of_fold"].items()},
            notes=saved_texts(state["notes"]),
            out_of_fold_p={i: number_within(p, 0.0, 1.0) for i, p in state.get("out_of_fold_p", {}).items()},
            ties=TieModel.from_dict(state["ties"]) if state.get("ties") else None,
            reference=Reference.from_dict(state["reference"]) if state.get("reference") else None,
            intervals=VennAbers.from_dict(state["intervals"]) if state.get("intervals") else None,
        )

    def _votes(self, pairs: Pairs, votes: Votes | None, settings: ApplySettings) -> Votes:
        if votes is None:
            return _apply(self.lfs, pairs, **settings)
        votes = votes.select([lf.name for lf in self.lfs])
        if votes.ids != pairs.ids:
            raise LabelMatrixError(
                "the votes are of other pairs. Pass votes from apply() on these very pairs."
            )
        return votes


@checked
def fit(
    lfs: Sequence[LabelingFunction],
    pairs: PairSource,
    *,
    model: str | LabelModel = "pair_model",
    settings: Mapping[str, Any] | None = None,
    calibration: str = "auto",
    votes: Votes | None = None,
    all_votes: Callable[[], Iterable[Votes]] | None = None,
    reference: Reference | None = None,
    seed: int = 0,
    **apply_settings: Unpack[ApplySettings],
) -> Labeler:
    """Fit a labeler on pairs, most of them unlabelled, and whatever dev gold they hold.

    Pairs of locked test prompts are left out. With gold, the calibrator is learned on out-of-fold logits
    (folds of prompts), then the label model is refitted on all of it. Without gold everything still runs:
    the labels then say that they are not calibrated. Ties count as gold beside decided pairs; where nothing else
    is there, or too little, no direction was learned, and the labels are not calibrated either.

    Args:
        lfs: labeling functions with distinct names.
        pairs: `Pairs`, or whatever `read_pairs` takes.
        model: a name in `LABEL_MODELS`, or an unfitted model.
        settings: settings of the named model. Functions that `declared` names may stand there by name.
        calibration: `auto` (chosen by cross-validated NLL), a name in `CALIBRATORS`, or `none`.
        votes: votes of these LFs on these pairs, when they are at hand.
        all_votes: where `pairs` are a sample of more than memory holds, the votes on all pairs outside locked test
            prompts, by shards. Label models that only count learn from these; others from the sample.
        reference: of another labeler, fitted on these very pairs and functions: what the pairs look like in numbers,
            which does not depend on the label model. Made anew by default.
        seed: draws folds and resamples.
        apply_settings: `workers`, `time_limit`, `store`, ... of `apply`.

    Raises:
        ConfigError: settings for a model that has its own already.
        UnknownNameError: no such label model or calibrator.
    """
    if calibration not in ("auto", "none"):
        get_calibrator(calibration)  # a misspelt name is an error with little gold too
    lfs = current(lfs)
    table = as_pairs(pairs)
    if votes is None:
        votes = apply(lfs, table.visible, **apply_settings)
    else:
        votes = votes.select([lf.name for lf in lfs]).on(table.visible.ids)
    table = table.visible
    y, groups = with_direction(table.y), table.prompt_groups
    decided = np.abs(y - 0.5) > 0
    make = _maker(model, _by_number(settings or {}, votes.lf_names))
    unfitted, known = make(), np.flatnonzero(~np.isnan(y))
    features = features_for(unfitted, table, ~np.isnan(y)) if len(known) else None
    if all_votes is not None and unfitted.merges:
        fitted = fit_on_shards(unfitted, ((shard.L, shard.margins) for shard in all_votes()))
    else:
        fitted = unfitted.fit(votes.L, margins=votes.margins, y=y, groups=groups, features=features)
    if reference is None:
        with one_thread():
            reference = Reference.of(votes, table, seed=seed)
    names = _candidates(calibration, fitted)
    refit = Refitted(table, votes, make, fitted, names, seed)
    n_prompts = len(np.unique(groups[decided]))
    why = _why_uncalibrated(int(decided.sum()), n_prompts, int((table.y == 0.5).sum()), calibration)
    found = chosen_by_gold(make, fitted, votes, y, groups, candidates=names, seed=seed, features=features)
    if found is None:
        used = known if fitted.uses_gold else known[:0]
        notes = (why, *fitted.remarks)
        seen = frozenset(votes.ids[i] for i in used)
        return Labeler(tuple(lfs), fitted, None, seen, notes=notes, reference=reference, refit=refit)
    calibrator, logit = found
    p = sigmoid(cross_calibrated(logit, y[known], groups[known], candidates=names, seed=seed))
    return Labeler(
        lfs=tuple(lfs),
        model=fitted,
        calibrator=calibrator,
        gold_ids=frozenset(votes.ids[i] for i in known),
        out_of_fold=score_all(p, y[known], groups[known], seed=seed),
        out_of_fold_p={votes.ids[i]: float(value) for i, value in zip(known, p, strict=True)},
        notes=fitted.remarks if calibrator.calibrates else (why, *fitted.remarks),
        ties=TieModel().fit(p, y[known]) if (y[known] == 0.5).any() else None,
        reference=reference,
        intervals=VennAbers().fit(logit, y[known], groups[known]) if calibrator.calibrates else None,
        refit=refit,
    )


def refit_of(
    lfs: Sequence[LabelingFunction],
    pairs: Pairs,
    votes: Votes,
    *,
    model: str | LabelModel = "pair_model",
    settings: Mapping[str, Any] | None = None,
    calibration: str = "auto",
    seed: int = 0,
    fitted: LabelModel | None = None,
) -> Refit:
    """What `fit` with these arguments gives its labeler as `refit`, without fitting anything yet.

    Args:
        fitted: the label model that `fit` came to, where it is at hand: it spares fitting one that has no use for gold.
    """
    votes = votes.select([lf.name for lf in lfs]).on(pairs.visible.ids)
    make = _maker(model, _by_number(settings or {}, votes.lf_names))
    return Refitted(pairs.visible, votes, make, fitted, _candidates(calibration, make()), seed)


def _candidates(calibration: str, model: LabelModel) -> Sequence[str]:
    """Names of the calibrators to choose from; none where calibration is switched off."""
    if calibration == "auto":
        return SCALED_CANDIDATES if model.uses_gold else CANDIDATES
    return () if calibration == "none" else (calibration,)


def _apply(lfs: Sequence[LabelingFunction], pairs: Pairs, **settings: Unpack[ApplySettings]) -> Votes:
    """Votes of the very functions that were fitted with, whatever was typed since."""
    return apply_with_costs(lfs, pairs, **settings).votes


def _maker(model: str | LabelModel, settings: Mapping[str, Any]) -> Any:
    if isinstance(model, str):
        return lambda: get_label_model(model, **settings)
    if settings:
        raise ConfigError(
            f"fit: {', '.join(settings)} came with a label model that has its settings already. "
            "Name the model, or set them where it is made."
        )
    return lambda: unfitted_copy(model)


def _by_number(settings: Mapping[str, Any], names: Sequence[str]) -> Mapping[str, Any]:
    """The settings with the functions that `declared` names as column numbers, as label models know them."""
    if "declared" not in settings:
        return settings
    columns = {name: column for column, name in enumerate(names)}
    for group in settings["declared"]:
        if isinstance(group, str) or not isinstance(group, Sequence):
            raise ConfigError(
                f'declared holds {group!r}. Allowed: groups of functions, e.g. [["judge_plain", "judge_reference"]].'
            )
    declared = [
        [lookup("labeling function", columns, lf) if isinstance(lf, str) else lf for lf in group]
        for group in settings["declared"]
    ]
    return {**settings, "declared": declared}


def _why_uncalibrated(n_decided: int, n_prompts: int, n_ties: int, calibration: str) -> str:
    if calibration in ("none", "identity"):
        return "not calibrated: calibration was switched off."
    if n_ties and not n_decided:
        return (
            f"not calibrated: all {n_ties} gold pairs are ties, and a tie teaches no direction; at least {MIN_GOLD} decided "
            f"pairs on {MIN_PROMPTS} prompts are needed. The ties were not used."
        )
    beside = f" beside {n_ties} ties" if n_ties else ""
    return (
        f"not calibrated: {n_decided} {'decided ' if n_ties else ''}gold pairs{beside} on {n_prompts} prompts, at least "
        f"{MIN_GOLD} on {MIN_PROMPTS} are needed. The order of p can be used, its value cannot."
    )
