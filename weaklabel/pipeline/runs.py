"""The runs of a project: which there are, what each keeps of the settings it was given, copies to look at, removal."""

from __future__ import annotations

import os
import shutil
import tempfile
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Final

from weaklabel import artifacts
from weaklabel.artifacts.locks import FolderLock
from weaklabel.config import LoadedConfig
from weaklabel.errors import ArtifactError, UnknownNameError
from weaklabel.pipeline.run import Run

SETTINGS: Final = "settings.json"
# What says that a folder is a run: every step comes after reading, and settings are kept of what was made.
_SIGNS: Final = ("read.json", "pairs.parquet", SETTINGS)
# What no step reads again.
_LEFT_OUT: Final = ("export", "training", "sweep", SETTINGS)


@dataclass(frozen=True)
class Kept:
    """A setting that a run keeps.

    Attributes:
        value: JSON value.
        by: the command that was given it.
    """

    value: Any
    by: str


def kept_settings(folder: Path) -> dict[str, Kept]:
    """What a run keeps of the settings that its commands were given, by dotted key."""
    with suppress(ArtifactError, AttributeError, TypeError):
        return {key: Kept(**each) for key, each in artifacts.read_json(folder / SETTINGS).items()}
    return {}


def keep_settings(run: Run, given: Mapping[str, Any], *, by: str, forget: bool = False) -> None:
    """Keep settings that were checked, for the run's next commands; what it kept before stays, unless `forget`."""
    before = {} if forget else kept_settings(run.folder)
    after = before | {key: Kept(value, by) for key, value in given.items() if not _same(before, key, value)}
    if after == before and not forget:
        return
    with run.lock:
        if after:
            artifacts.write_json(run.folder / SETTINGS, {key: asdict(each) for key, each in after.items()})
        else:
            (run.folder / SETTINGS).unlink(missing_ok=True)


def forget_settings(folder: Path) -> list[str]:
    """Drop what a run keeps of the settings that its commands were given; their dotted keys."""
    dropped = list(kept_settings(folder))
    with FolderLock(folder):
        (folder / SETTINGS).unlink(missing_ok=True)
    return dropped


def _same(before: Mapping[str, Kept], key: str, value: Any) -> bool:
    return key in before and before[key].value == value


def run_names(loaded: LoadedConfig) -> list[str]:
    """The runs of a project, by name."""
    folder = loaded.run_folder().parent
    found = [path for path in folder.glob("*") if not path.name.startswith(".") and is_run(path)]
    return sorted(path.name for path in found)


def is_run(folder: Path) -> bool:
    """Whether a folder holds something of a run."""
    return any((folder / name).is_file() for name in _SIGNS)


def check_exists(loaded: LoadedConfig, name: str) -> Path:
    """The folder of the run called `name`.

    Raises:
        UnknownNameError: there is none; names those that there are.
    """
    folder = loaded.run_folder(name)
    if is_run(folder):
        return folder
    known = run_names(loaded)
    there = f"there are: {', '.join(known)}" if known else f"{folder.parent} holds none yet"
    raise UnknownNameError(f"no run {name!r}; {there}. Make one with: weaklabel run --name {name}")


@contextmanager
def copy_to_look_at(folder: Path, store: Path) -> Iterator[Path]:
    """A folder whose steps are those of a run until they are made again; removed at the end.

    Its files are links: ours are never written in place, so that what is made anew takes the place of a link alone.
    """
    store.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(prefix=".look.tmp-", dir=store, ignore_cleanup_errors=True) as name:
        copy = Path(name) / folder.name
        if folder.is_dir():
            shutil.copytree(
                folder, copy, copy_function=_link, ignore=shutil.ignore_patterns(".*", *_LEFT_OUT)
            )
        yield copy


def _link(source: str, target: str) -> None:
    os.symlink(os.path.abspath(source), target)


@dataclass(frozen=True)
class RunSummary:
    """A run at a glance. What a run does not have is None.

    Attributes:
        name: of its folder.
        when: when something of it was last made, seconds since 1970.
        n_pairs, n_lfs: pairs that were read, labeling functions that voted.
        model: the label model.
        accuracy: of the labeler on dev gold, out of fold.
        bytes: size on disk, without votes, which runs share.
    """

    name: str
    when: float
    n_pairs: int | None
    n_lfs: int | None
    model: str | None
    accuracy: float | None
    bytes: int

    @property
    def made(self) -> str:
        """`when` as local time, to the minute."""
        return time.strftime("%Y-%m-%d %H:%M", time.localtime(self.when))


def summary_of(folder: Path) -> RunSummary:
    """What a run's manifests say of it; nothing is computed."""
    read, apply, fit = (_counts(folder / f"{step}.json") for step in ("read", "apply", "fit"))
    files = [path for path in folder.rglob("*") if path.is_file()]
    steps = list(folder.glob("*.json"))
    return RunSummary(
        folder.name,
        max((path.stat().st_mtime for path in steps or files), default=0.0),
        read.get("pairs"),
        apply.get("lfs"),
        fit.get("model"),
        (fit.get("out_of_fold") or {}).get("accuracy", {}).get("value"),
        sum(path.lstat().st_size for path in files),
    )


def _counts(manifest: Path) -> dict[str, Any]:
    with suppress(ArtifactError, AttributeError, TypeError):
        about = artifacts.read_json(manifest)
        return dict(about["counts"]) if artifacts.is_sealed(about) else {}
    return {}


def remove_run(folder: Path) -> int:
    """Remove a run, unless another command writes it; its size. Votes stay in the store: `weaklabel gc` removes them.

    Raises:
        BusyError: another command writes it.
    """
    size = summary_of(folder).bytes
    with FolderLock(folder, patience=0.0):
        # Out of sight in one step: a kill while files are removed leaves no half of a run.
        gone = Path(tempfile.mkdtemp(prefix=f".{folder.name}.old-", dir=folder.parent))
        os.replace(folder, gone / folder.name)
        shutil.rmtree(gone)
    return size
