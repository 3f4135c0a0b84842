"""One run, `runs/<name>/`: pairs, votes, labeler, labels, exports, reward model and figures, each a step.

Every property makes what it stands for, with the steps before it, and skips whatever has not changed. So the
single commands and `weaklabel run` are the same code, and a run that was killed continues where it was.

    pairs.parquet  set_aside.jsonl     read
    sample.parquet                     of these, all with gold and `data.sample` others, where there are more
    verdicts.parquet  judges.json      judge (where the settings have one; the answers are in .weaklabel/judges)
    votes.json  faults.jsonl           apply: where in .weaklabel/votes, which other runs share, the votes stand
    votes.parquet                      of the sample
    labeler/                           fit
    labels.parquet                     label
    export/<format>/                   export
    reward/  training/                 reward train (training/ only while a transformer is being trained)
    report.json                        figures on held-out prompts

What needs every pair (read, apply, label, export) works shard by shard; what needs rows in memory (label models that
learn from rows, reward models, figures, the workbench) sees the sample. Where there are few pairs it is all of them.
"""

from __future__ import annotations

import glob
import json
import shutil
from collections.abc import Callable, Iterator, Mapping, Sequence
from functools import cached_property
from pathlib import Path
from typing import Any, Final

import numpy as np
import pyarrow.parquet as pq
from numpy.typing import NDArray

from weaklabel import artifacts
from weaklabel.artifacts.folders import clear_torn
from weaklabel.artifacts.steps import HashMemo, OnStep, StepKeeper
from weaklabel.config import DataSettings, ExportSettings, LoadedConfig, PreferenceSettings, TrlSettings
from weaklabel.data import PairsFile, read_pairs
from weaklabel.engine import VoteStore, fingerprint
from weaklabel.engine.driver import OnProgress, Progress
from weaklabel.engine.stream import AppliedFile, StoredVotes
from weaklabel.errors import ConfigError, DataError, FaultShareError, UnknownNameError
from weaklabel.export import get_exporter
from weaklabel.export.selection import parts_of
from weaklabel.labeler import Labeler, fit
from weaklabel.lf.core import LabelingFunction
from weaklabel.pipeline.functions import configured_lfs
from weaklabel.pipeline.judging import annotation_files, judge_pairs, judges_of
from weaklabel.pipeline.report import Report, make_report
from weaklabel.pipeline.streams import configured_source, labels_by_shard, read_to_file, write_labels
from weaklabel.pipeline.tables import read_set_aside, read_votes_file, write_faults, write_votes_file
from weaklabel.pipeline.voting import check_faults, discard_faulty, remark_on, vote, vote_counts
from weaklabel.report.card import model_card
from weaklabel.reward import RewardModel, load_reward, train_reward, training_targets
from weaklabel.reward.registry import reward_model_class
from weaklabel.types import Explanation, Labels, LabelsFile, Pairs, Votes

_ASKED_IN_BOTH_ORDERS: Final = 1000


class Run:
    """The run called `name` (default: `run.name`) of a configuration.

    Args:
        loaded: settings in force.
        name: folder below `run.folder`.
        on_step: told of every step, made or skipped.
        progress: told how far `apply` has come, after every shard.
        on_note: told what a person should know before it happens: what judges will cost.
    """

    def __init__(
        self,
        loaded: LoadedConfig,
        name: str | None = None,
        *,
        on_step: OnStep = lambda step: None,
        progress: OnProgress | None = None,
        on_note: Callable[[str], None] = lambda text: None,
    ) -> None:
        self.on_note = on_note
        self.loaded = loaded
        self.config = loaded.config
        self.folder = loaded.run_folder(name)
        self.progress = progress
        self.counts: dict[str, Any] = {}  # of the step `read`
        self.vote_counts: dict[str, Any] = {}  # of the step `apply`
        self.label_counts: dict[str, Any] = {}  # of the step `label`
        self.cost: Progress | None = None  # of the step `apply`, where this process did it
        self.unwritten: list[str] = []  # exports that had nothing to write, one sentence each
        self._steps = StepKeeper(self.folder, HashMemo(loaded.store_folder / "hashes"), on_step)

    @cached_property
    def file(self) -> PairsFile:
        """All pairs, with their gold and parts."""
        if self.config.data.pairs is None:
            raise ConfigError(
                "data.pairs is not set: there is nothing to read. Name the file in weaklabel.toml (weaklabel init makes one), "
                "or pass --pairs FILE."
            )
        self.counts = self._steps.run(
            "read",
            **self._read_from,
            outputs=["pairs.parquet", "set_aside.jsonl", "sample.parquet"],
            make=lambda: read_to_file(self.loaded, self.folder),
        )["counts"]
        # Read back even when just written: a run that continues must see the same table, to the byte.
        return PairsFile(self.folder / "pairs.parquet", read_set_aside(self.folder))

    @property
    def is_read(self) -> bool:
        """Whether the pairs on disk are those that the settings name."""
        return self._steps.is_fresh("read", **self._read_from)

    @property
    def _read_from(self) -> dict[str, Any]:
        return {
            "inputs": _source_hashes(self.loaded, self._steps.hashes),
            "settings": self.config.data.model_dump(mode="json", exclude={"pairs", "gold"}),
        }

    @property
    def is_sample(self) -> bool:
        """Whether there are more pairs than are held in memory."""
        return self.file.n_pairs > len(self.pairs)

    @cached_property
    def pairs(self) -> Pairs:
        """The pairs that are held in memory: all of them, or the sample."""
        file = self.file
        sample = self.folder / "sample.parquet"
        table = pq.read_table(sample if sample.exists() else file.path)
        return Pairs(table.replace_schema_metadata(None), file.set_aside)

    @cached_property
    def rows(self) -> NDArray[np.int64]:
        """Where in the file the pairs in memory stand, rising."""
        return self.file.sample(self.config.data.sample, seed=self.config.data.seed)

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
    def verdicts(self) -> Path | None:
        """What the judges among the labeling functions say, in a file beside the pairs; None without judges.

        Judges cost money: they are asked about the pairs in memory, and abstain on all others.
        """
        judges = judges_of(self.lfs)
        if not judges:
            return None
        if self.is_sample:
            self.on_note(
                f"judges are asked about {len(self.pairs):,} of {self.file.n_pairs:,} pairs, all with gold among them, and "
                "abstain on the others. To have more judged, raise data.sample."
            )
        asked = {f"lf:{judge.name}": fingerprint(judge) or "" for judge in judges}
        return judge_pairs(
            judges,
            self.pairs,
            self.rows,
            self.file,
            self._steps,
            self._hashes("pairs.parquet") | asked,
            on_note=self.on_note,
            seed=self.config.data.seed,
        )

    @cached_property
    def stored(self) -> StoredVotes:
        """Every function's votes on every pair, as they stand in the store that other runs share."""
        settings, file, verdicts = self.config.lfs, self.file, self.verdicts
        made_of = {} if verdicts is None else self._hashes("verdicts.parquet")

        def make() -> dict[str, Any]:
            remark_on(self.lfs, file)
            applied = self._apply()
            self.cost = applied.progress
            # Votes that cost an hour are kept even when too many of them failed.
            write_faults(self.folder, applied.faults(file))
            return vote_counts(applied, self.lfs, file, verdicts, self.config.data.seed)

        def run() -> dict[str, Any]:
            done = self._steps.run(
                "apply",
                inputs=self._hashes("pairs.parquet")
                | self._lf_versions()
                | made_of
                | annotation_files(self.lfs, self._steps.hashes),
                # Workers change nothing in the votes, so they are no setting of the step.
                settings={
                    "time_limit": settings.time_limit,
                    "memory_limit": settings.memory_limit,
                    "on_fault": settings.on_fault,
                },
                outputs=["votes.json", "faults.jsonl"],
                make=make,
            )
            return dict(done["counts"])

        self.vote_counts = run()
        votes = StoredVotes.from_dict(artifacts.read_json(self.folder / "votes.json"), self._store)
        if not votes.are_there():
            # Somebody emptied the store: the step's own files cannot tell.
            self._steps.forget("apply")
            self.vote_counts = run()
        try:
            check_faults(self.vote_counts, settings.max_fault_share, self.folder)
        except FaultShareError:
            # What failed may be mended outside the code, a missing file for one: it gets another try next time.
            discard_faulty(votes, file)
            self._steps.forget("apply")
            raise
        return votes

    def apply_part(self, number: int, of: int) -> AppliedFile:
        """Votes on every `of`-th shard alone, beginning with the `number`-th: what one job of an array does.

        The step `apply` is not done by it; the next plain `apply` finds these votes in the store.

        Raises:
            ConfigError: judges have to be asked first, which is one process's work.
        """
        if judges_of(self.lfs) and not (self.folder / "verdicts.parquet").exists():
            raise ConfigError(
                "the jobs of an array cannot ask judges, whose budget is one. Run weaklabel apply once without --shards, "
                "or leave [[lfs.judge]] out."
            )
        return self._apply((number, of))

    def _apply(self, part: tuple[int, int] = (1, 1)) -> AppliedFile:
        return vote(
            self.config.lfs,
            self.lfs,
            self.file,
            self._store,
            # Before anything is computed: `weaklabel gc` leaves alone what stands in it, also after a kill.
            on_plan=lambda votes: artifacts.write_json(self.folder / "votes.json", votes.to_dict()),
            on_progress=self.progress,
            beside=self.verdicts,
            part=part,
        )

    @property
    def _store(self) -> VoteStore:
        return VoteStore(self.loaded.store_folder)

    @cached_property
    def votes(self) -> Votes:
        """The votes on the pairs in memory."""
        stored = self.stored

        def make() -> dict[str, Any]:
            write_votes_file(self.folder, stored.take(self.file, self.rows))
            return {}

        self._steps.run(
            "gather",
            inputs=self._hashes("votes.json", "faults.jsonl", "pairs.parquet"),
            settings=self._sampling,
            outputs=["votes.parquet"],
            make=make,
            quiet=True,
        )
        return read_votes_file(self.folder)

    @cached_property
    def labeler(self) -> Labeler:
        """Label model and calibrator, fitted on everything but the locked test prompts."""
        settings, _ = self.config.labeler, self.stored
        made: list[Labeler] = []

        def make() -> dict[str, Any]:
            labeler = fit(
                self.lfs,
                self.pairs,
                model=settings.model,
                settings=settings.settings,
                calibration=settings.calibration,
                votes=self.votes,
                all_votes=self._visible_votes if self.is_sample else None,
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
            inputs=self._hashes("pairs.parquet", "votes.json", "faults.jsonl") | self._lf_versions(),
            settings=settings.model_dump(mode="json") | self._sampling,
            outputs=["labeler"],
            make=make,
        )
        return made[0] if made else Labeler.load(self.folder / "labeler", self.lfs)

    @cached_property
    def labels(self) -> Labels:
        """The pairs in memory with p, w, label, confidence, calibrated and the votes behind it."""
        return self.labeler.label(self.pairs, votes=self.votes)

    @cached_property
    def labels_file(self) -> LabelsFile:
        """Labels of every pair, without the reasons for them."""
        labeler, target = self.labeler, self.folder / "labels.parquet"

        def make() -> dict[str, Any]:
            # The pairs in memory first: they speak for all, and a warning that they have shifted should come now.
            whole = self.labels
            parts = labels_by_shard(labeler, self.file, self.stored) if self.is_sample else parts_of(whole)
            return write_labels(target, parts)

        self.label_counts = self._steps.run(
            "label",
            inputs=self._hashes("pairs.parquet", "votes.json", "faults.jsonl", "labeler"),
            settings={},
            outputs=["labels.parquet"],
            make=make,
        )["counts"]
        return LabelsFile(target)

    def explain(self, pair_id: str) -> Explanation:
        """Which functions spoke on one pair, with what weight.

        Raises:
            UnknownNameError: when no pair has that id.
        """
        if self.is_sample and pair_id not in set(self.pairs.ids):
            for shard in range(len(self.file)):
                if pair_id in self.file.read(shard, ["id"])["id"].to_pylist():
                    votes = self.stored.shard(self.file, shard)
                    known = self.labeler.label_known(self.file.pairs(shard), votes, shares=True)
                    return known.explain(pair_id)
            raise UnknownNameError(
                f"no pair {pair_id!r} among the {self.file.n_pairs:,} labelled ones. Look its id up in the labels' id column."
            )
        return self.labels.explain(pair_id)

    def export(self, formats: Mapping[str, Mapping[str, Any]] | None = None) -> dict[str, dict[str, Any]]:
        """Write the exports that are configured (or `formats`: name -> settings); per format its report.

        Raises:
            NotCalibratedError: labels without calibration, where `allow_uncalibrated` is not set.
        """
        wanted = self.export_settings() if formats is None else {k: dict(v) for k, v in formats.items()}
        labels = self.labels_file

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
        settings, _ = self.config.reward, self.labels_file
        made: list[RewardModel] = []
        step: dict[str, Any] = {
            "inputs": self._hashes("labels.parquet"),
            "settings": settings.model_dump(mode="json") | self._sampling,
        }

        def make() -> dict[str, Any]:
            labels = self.labels
            model = train_reward(
                labels,
                model=settings.model,
                allow_uncalibrated=settings.allow_uncalibrated,
                **self._checkpoints(step) | settings.settings,
            )
            clear_torn(self.folder / "reward")
            n_taught, seed = len(training_targets(labels)[0]), self.config.data.seed
            card = model_card(
                model,
                self.pairs.test,
                facts={"pairs given, gold for the factor among them": f"{n_taught:,}"},
                seed=seed,
            )
            model.save(self.folder / "reward", beside=card)
            shutil.rmtree(self.folder / "training", ignore_errors=True)
            made.append(model)
            return {"model": settings.model, "trained_on": n_taught}

        self._steps.run(
            "reward",
            **step,
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

        may_train = self.labels_file.calibrated or self.config.reward.allow_uncalibrated
        self._steps.run(
            "figures",
            inputs=self._hashes("labels.parquet", "labeler", *(["reward"] if may_train else [])),
            settings=self.config.reward.model_dump(mode="json") | self._sampling,
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
        if not self.labels_file.calibrated:
            exports = {name: s for name, s in exports.items() if s["allow_uncalibrated"]}
        if exports:
            try:
                self.export(exports)
            except DataError as error:
                # Nothing left to write is a fact about the labels, and the figures say why.
                self.unwritten.append(str(error))
        if self.labels_file.calibrated or self.config.reward.allow_uncalibrated:
            self.reward  # noqa: B018 - making it is the point
        return self.report()

    def export_settings(self, formats: Sequence[str] | None = None) -> dict[str, dict[str, Any]]:
        """Settings per format: of those that are configured, or of `formats`, with defaults for the rest."""
        tables = self.config.export
        named = {name: getattr(tables, name) for name in type(tables).model_fields}
        if formats is None:
            chosen = {name: table for name, table in named.items() if table is not None}
        else:
            blank = {"trl": TrlSettings(), "openrlhf": PreferenceSettings()}
            chosen = {name: named.get(name) or blank.get(name, ExportSettings()) for name in formats}
        return {name: table.model_dump(mode="json") for name, table in chosen.items()}

    def _checkpoints(self, step: Mapping[str, Any]) -> dict[str, str]:
        """Where a reward model that can go on after a kill keeps its checkpoints: a folder for each thing to train."""
        if not reward_model_class(self.config.reward.model).resumes:
            return {}
        key = artifacts.content_hash(json.dumps(step, sort_keys=True))[:16]
        return {"checkpoints": str(self.folder / "training" / key)}

    @property
    def _sampling(self) -> dict[str, int]:
        """Settings that say which pairs are held in memory, and what is drawn."""
        return {"sample": self.config.data.sample, "seed": self.config.data.seed}

    def _lf_versions(self) -> dict[str, str]:
        return {f"lf:{lf.name}": fingerprint(lf) or "" for lf in self.lfs}

    def _hashes(self, *outputs: str) -> dict[str, str]:
        return {output: self._steps.hash_of(output) for output in outputs}

    def _visible_votes(self) -> Iterator[Votes]:
        """The votes on all pairs outside locked test prompts, a shard at a time."""
        for shard in range(len(self.file)):
            part = self.file.read(shard, ["part"])["part"].to_numpy(zero_copy_only=False)
            yield self.stored.shard(self.file, shard).take(np.asarray(part != "test", dtype=np.bool_))


def read_configured_pairs(loaded: LoadedConfig) -> Pairs:
    """The pairs that `[data]` describes, divided into dev, test and pool, in memory."""
    source, settings = configured_source(loaded)
    return read_pairs(source, **settings)


def _source_hashes(loaded: LoadedConfig, hashes: HashMemo) -> dict[str, str]:
    """Content hashes of everything that is read. Names of hub data sets stand for themselves."""
    data: DataSettings = loaded.config.data
    many = [data.pairs] if isinstance(data.pairs, str) else list(data.pairs or ())
    named = {f"pairs:{i}:{path}": path for i, path in enumerate(many)}
    named |= {f"gold:{data.gold}": data.gold} if data.gold else {}
    found: dict[str, str] = {}
    for name, pattern in named.items():
        resolved = loaded.resolve(pattern)
        paths = sorted(glob.glob(resolved, recursive=True)) or [resolved]
        found[name] = artifacts.content_hash(json.dumps([[p, hashes.of(Path(p))] for p in paths]))
    return found
