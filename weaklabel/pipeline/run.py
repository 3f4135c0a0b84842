"""One run, `runs/<name>/`: pairs, votes, labeler, labels, exports, reward model and figures, each a step.

Every property makes what it stands for, with the steps before it, and skips whatever has not changed. So the
single commands and `weaklabel run` are the same code, and a run that was killed continues where it was.

    pairs.parquet  set_aside.jsonl     read
    verdicts.parquet  judges.json      judge (where the settings have one; the answers are in .weaklabel/judges)
    votes.parquet  faults.jsonl        apply (and .weaklabel/votes, which other runs share)
    labeler/                           fit
    labels.parquet                     label
    export/<format>/                   export
    reward/                            reward train
    report.json                        figures on held-out prompts
"""

from __future__ import annotations

import glob
import json
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from functools import cached_property
from pathlib import Path
from typing import Any, Final

import numpy as np

from weaklabel import artifacts
from weaklabel.config import DataSettings, ExportSettings, LoadedConfig, TrlSettings
from weaklabel.data import read_pairs
from weaklabel.engine import VoteStore, apply, fingerprint
from weaklabel.errors import ConfigError, DataError, FaultShareError
from weaklabel.export import get_exporter
from weaklabel.labeler import Labeler, fit
from weaklabel.lf.core import LabelingFunction
from weaklabel.lf.snorkel import position_dependent_share
from weaklabel.pipeline.functions import configured_lfs
from weaklabel.pipeline.judging import annotation_files, judge_pairs, judges_of
from weaklabel.pipeline.report import Report, make_report
from weaklabel.pipeline.steps import OnStep, StepKeeper, clear_torn, path_hash
from weaklabel.pipeline.tables import read_pairs_file, read_votes_file, write_pairs_file, write_votes_file
from weaklabel.reward import RewardModel, load_reward, train_reward, training_targets
from weaklabel.types import Labels, Pairs, Votes

Progress = Callable[[int, int], None]
_ASKED_IN_BOTH_ORDERS: Final = 1000


class Run:
    """The run called `name` (default: `run.name`) of a configuration.

    Args:
        loaded: settings in force.
        name: folder below `run.folder`.
        on_step: told of every step, made or skipped.
        progress: told of votes done and votes in all, while `apply` works.
        on_note: told what a person should know before it happens: what judges will cost.
    """

    def __init__(
        self,
        loaded: LoadedConfig,
        name: str | None = None,
        *,
        on_step: OnStep = lambda step: None,
        progress: Progress | None = None,
        on_note: Callable[[str], None] = lambda text: None,
    ) -> None:
        self.on_note = on_note
        self.loaded = loaded
        self.config = loaded.config
        self.folder = loaded.run_folder(name)
        self.progress = progress
        self.unwritten: list[str] = []  # exports that had nothing to write, one sentence each
        self._steps = StepKeeper(self.folder, on_step)

    @cached_property
    def pairs(self) -> Pairs:
        """The pairs with their gold and parts."""
        data = self.config.data
        if data.pairs is None:
            raise ConfigError(
                "data.pairs is not set: there is nothing to read. Name the file in weaklabel.toml (weaklabel init makes one), "
                "or pass --pairs FILE."
            )

        def make() -> dict[str, Any]:
            pairs = read_configured_pairs(self.loaded)
            write_pairs_file(self.folder, pairs)
            return {
                "pairs": len(pairs),
                "dev": len(pairs.dev),
                "test": len(pairs.test),
                "set_aside": len(pairs.set_aside),
            }

        self._steps.run(
            "read",
            inputs=_source_hashes(self.loaded),
            settings=data.model_dump(mode="json", exclude={"pairs", "gold"}),
            outputs=["pairs.parquet", "set_aside.jsonl"],
            make=make,
        )
        # Read back even when just written: a run that continues must see the same table, to the byte.
        return read_pairs_file(self.folder)

    @cached_property
    def lfs(self) -> tuple[LabelingFunction, ...]:
        """The labeling functions that the settings ask for."""
        found = tuple(configured_lfs(self.loaded))
        if not found:
            raise ConfigError(
                "lfs.use is empty: no labeling function to apply. Try --lfs shipped, or write one."
            )
        return found

    @cached_property
    def judged(self) -> Pairs:
        """The pairs, with what the judges among the labeling functions say of them."""
        asked = {f"lf:{judge.name}": fingerprint(judge) or "" for judge in judges_of(self.lfs)}
        inputs = self._hashes("pairs.parquet") | asked
        return judge_pairs(
            self.lfs, self.pairs, self._steps, inputs, on_note=self.on_note, seed=self.config.data.seed
        )

    @cached_property
    def votes(self) -> Votes:
        """Their votes on every pair; the store keeps them for other runs."""
        settings, pairs = self.config.lfs, self.judged
        made_of = self._hashes("verdicts.parquet") if judges_of(self.lfs) else {}

        def make() -> dict[str, Any]:
            votes = apply(
                self.lfs,
                pairs,
                workers=settings.workers,
                time_limit=settings.time_limit,
                on_fault=settings.on_fault,
                store=VoteStore(self.loaded.store_folder),
                progress=self.progress,
            )
            # Votes that cost an hour are kept even when too many of them failed.
            write_votes_file(self.folder, votes)
            counts = {"lfs": votes.n_lfs, "coverage": votes.coverage, "faults": len(votes.faults)}
            return counts | {
                "fault_share": votes.fault_share,
                "position_dependent": _position_dependent(self.lfs, pairs, votes, self.config.data.seed),
            }

        # Workers change nothing in the votes, so they are no setting of the step.
        self._steps.run(
            "apply",
            inputs=self._hashes("pairs.parquet") | self._lf_versions() | made_of | annotation_files(self.lfs),
            settings={"time_limit": settings.time_limit, "on_fault": settings.on_fault},
            outputs=["votes.parquet", "faults.jsonl"],
            make=make,
        )
        votes = read_votes_file(self.folder)
        self._check_faults(votes)
        return votes

    @cached_property
    def labeler(self) -> Labeler:
        """Label model and calibrator, fitted on everything but the locked test prompts."""
        settings, votes = self.config.labeler, self.votes
        made: list[Labeler] = []

        def make() -> dict[str, Any]:
            labeler = fit(
                self.lfs,
                self.pairs,
                model=settings.model,
                settings=settings.settings,
                calibration=settings.calibration,
                votes=votes,
                seed=self.config.data.seed,
            )
            labeler.save(self.folder / "labeler")
            made.append(labeler)
            figures = {name: interval.to_dict() for name, interval in labeler.out_of_fold.items()}
            return {
                "model": labeler.model.name,
                "calibrated": labeler.calibrated,
                "calibrator": None if labeler.calibrator is None else labeler.calibrator.name,
                "out_of_fold": figures,
                "checks_shift": labeler.checks_shift,
                "notes": list(labeler.notes),
            }

        self._steps.run(
            "fit",
            # A function may change without changing a vote; the labeler names the versions it was fitted on.
            inputs=self._hashes("pairs.parquet", "votes.parquet") | self._lf_versions(),
            settings=settings.model_dump(mode="json") | {"seed": self.config.data.seed},
            outputs=["labeler"],
            make=make,
        )
        return made[0] if made else Labeler.load(self.folder / "labeler")

    @cached_property
    def labels(self) -> Labels:
        """Every pair with p, w, label, confidence, calibrated and the votes behind it."""
        labels = self.labeler.label(self.pairs, votes=self.votes)

        def make() -> dict[str, Any]:
            artifacts.write_parquet(self.folder / "labels.parquet", labels.to_table())
            verdicts = labels.label.tolist()
            counts: dict[str, Any] = {verdict: verdicts.count(verdict) for verdict in ("a", "b", "tie")}
            return counts | {"without_votes": int((labels.w == 0).sum()), "calibrated": labels.calibrated}

        self._steps.run(
            "label",
            inputs=self._hashes("pairs.parquet", "votes.parquet", "labeler"),
            settings={},
            outputs=["labels.parquet"],
            make=make,
        )
        return labels

    def export(self, formats: Mapping[str, Mapping[str, Any]] | None = None) -> dict[str, dict[str, Any]]:
        """Write the exports that are configured (or `formats`: name -> settings); per format its report.

        Raises:
            NotCalibratedError: labels without calibration, where `allow_uncalibrated` is not set.
        """
        wanted = self.export_settings() if formats is None else {k: dict(v) for k, v in formats.items()}
        labels = self.labels

        def make() -> dict[str, Any]:
            reports = {}
            for name, settings in wanted.items():
                clear_torn(self.folder / "export" / name)
                report = get_exporter(name)(labels, self.folder / "export" / name, **settings)
                reports[name] = report.to_dict() | {"path": f"export/{name}", "lines": report.lines()}
            return reports

        return dict(
            self._steps.run(
                "export",
                inputs=self._hashes("labels.parquet"),
                settings=wanted,
                outputs=[f"export/{name}" for name in wanted],
                make=make,
            )["counts"]
        )

    @cached_property
    def reward(self) -> RewardModel:
        """The reward model trained on the labels (and on dev gold where there is any).

        Raises:
            NotCalibratedError: labels without calibration, where `reward.allow_uncalibrated` is not set.
        """
        settings, labels = self.config.reward, self.labels
        made: list[RewardModel] = []

        def make() -> dict[str, Any]:
            model = train_reward(
                labels,
                model=settings.model,
                allow_uncalibrated=settings.allow_uncalibrated,
                **settings.settings,
            )
            clear_torn(self.folder / "reward")
            model.save(self.folder / "reward")
            made.append(model)
            return {"model": settings.model, "trained_on": len(training_targets(labels)[0])}

        self._steps.run(
            "reward",
            inputs=self._hashes("labels.parquet"),
            settings=settings.model_dump(mode="json"),
            outputs=["reward"],
            make=make,
        )
        return made[0] if made else load_reward(self.folder / "reward")

    def report(self) -> Report:
        """The figures on held-out prompts, of our labels and of everything they must beat."""
        made: list[Report] = []

        def make() -> dict[str, Any]:
            report = make_report(self)
            artifacts.write_json(self.folder / "report.json", report.to_dict())
            made.append(report)
            return {"arms": len(report.arms)}

        may_train = self.labels.calibrated or self.config.reward.allow_uncalibrated
        self._steps.run(
            "figures",
            inputs=self._hashes("labels.parquet", "labeler", *(["reward"] if may_train else [])),
            settings=self.config.reward.model_dump(mode="json") | {"seed": self.config.data.seed},
            outputs=["report.json"],
            make=make,
        )
        return made[0] if made else Report.from_dict(artifacts.read_json(self.folder / "report.json"))

    def all(self) -> Report:
        """Every step in order: read, apply, fit, label, export, reward train, figures.

        Without calibration the exports and the reward model are left out, unless the settings allow it: the
        report says so.
        """
        exports = self.export_settings()
        if not self.labels.calibrated:
            exports = {name: s for name, s in exports.items() if s["allow_uncalibrated"]}
        if exports:
            try:
                self.export(exports)
            except DataError as error:
                # Nothing left to write is a fact about the labels, and the figures say why.
                self.unwritten.append(str(error))
        if self.labels.calibrated or self.config.reward.allow_uncalibrated:
            self.reward  # noqa: B018 - making it is the point
        return self.report()

    def export_settings(self, formats: Sequence[str] | None = None) -> dict[str, dict[str, Any]]:
        """Settings per format: of those that are configured, or of `formats`, with defaults for the rest."""
        tables = self.config.export
        named = {name: getattr(tables, name) for name in type(tables).model_fields}
        if formats is None:
            chosen = {name: table for name, table in named.items() if table is not None}
        else:
            blank = {name: TrlSettings() if name == "trl" else ExportSettings() for name in formats}
            chosen = {name: named.get(name) or blank[name] for name in formats}
        return {name: table.model_dump(mode="json") for name, table in chosen.items()}

    def _lf_versions(self) -> dict[str, str]:
        return {f"lf:{lf.name}": fingerprint(lf) or "" for lf in self.lfs}

    def _hashes(self, *outputs: str) -> dict[str, str]:
        return {output: self._steps.hash_of(output) for output in outputs}

    def _check_faults(self, votes: Votes) -> None:
        allowed, n = self.config.lfs.max_fault_share, max(1, len(votes))
        for name, count in Counter(fault.lf for fault in votes.faults).items():
            if count / n > allowed:
                first = next(fault for fault in votes.faults if fault.lf == name)
                raise FaultShareError(
                    f"{name!r} failed on {count} of {n} pairs ({count / n:.2%}), more than lfs.max_fault_share = {allowed:g}. "
                    f"First: {first.error} (pair {first.pair_id!r}). Repair it, or raise the share; every failure is "
                    f"in {self.folder / 'faults.jsonl'}."
                )


def _position_dependent(
    lfs: Sequence[LabelingFunction], pairs: Pairs, votes: Votes, seed: int
) -> dict[str, float]:
    """`position_dependent_share` on a sample. Functions that failed are left out: they may hang here too."""
    failed = {fault.lf for fault in votes.faults}
    rows = np.random.default_rng(seed).permutation(len(pairs))[:_ASKED_IN_BOTH_ORDERS]
    return position_dependent_share([lf for lf in lfs if lf.name not in failed], pairs.take(rows))


def read_configured_pairs(loaded: LoadedConfig) -> Pairs:
    """The pairs that `[data]` describes, divided into dev, test and pool."""
    data = loaded.config.data
    if data.pairs is None:
        raise ConfigError("data.pairs is not set. Name the file in weaklabel.toml, or pass --pairs FILE.")
    many = [data.pairs] if isinstance(data.pairs, str) else data.pairs
    sources = [loaded.resolve(path) for path in many]
    return read_pairs(
        sources[0] if len(sources) == 1 else sources,
        gold=loaded.resolve(data.gold) if data.gold else None,
        layout=data.layout,
        columns=data.columns or None,
        test_share=data.test_share,
        max_gold=data.max_gold,
        seed=data.seed,
        near_duplicates=data.near_duplicates,
    )


def _source_hashes(loaded: LoadedConfig) -> dict[str, str]:
    """Content hashes of everything that is read. Names of hub data sets stand for themselves."""
    data: DataSettings = loaded.config.data
    many = [data.pairs] if isinstance(data.pairs, str) else list(data.pairs or ())
    found: dict[str, str] = {}
    for pattern in [*many, *([data.gold] if data.gold else [])]:
        resolved = loaded.resolve(pattern)
        paths = sorted(glob.glob(resolved, recursive=True)) or [resolved]
        found[pattern] = artifacts.content_hash(json.dumps([[p, path_hash(Path(p))] for p in paths]))
    return found
