"""`load` as people meet it: saved comparers, with the labeling functions of the project that one works in."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from weaklabel import comparers
from weaklabel._arguments import checked
from weaklabel.comparers.loading import reads_functions
from weaklabel.config import LoadedConfig, load_config
from weaklabel.lf.core import LabelingFunction
from weaklabel.pipeline.functions import configured_lfs

if TYPE_CHECKING:
    from weaklabel.comparers.evaluator import Evaluator
    from weaklabel.labeler import Labeler
    from weaklabel.reward import RewardModel


@checked
def load(
    folder: str | Path, lfs: Sequence[LabelingFunction] | None = None, *, allow_changed: bool = False
) -> Labeler | RewardModel | Evaluator:
    """The labeler, reward model or evaluator saved in `folder`; each answers `compare(pairs)`.

    A run folder (`runs/base`) stands for the labeler in it. What is saved is data: loading it runs no code, contacts
    no server and reads no secret that it names. The functions of a labeler, or of a reward model that reads some, are
    found by name and hash among your own, shipped ones and installed plug-ins.

    Args:
        folder: where it was saved.
        lfs: your functions. None takes those of your project: of [lfs] in the nearest weaklabel.toml, in the working
            folder or above it.
        allow_changed: take a function although it is another version than the one that it was fitted with.

    Raises:
        ArtifactError: when there is none, or it is torn; when it needs functions that are not among these, or
            that changed.
        DiscoveryError, ConfigError: when the project's own functions or settings do not load.
    """
    if lfs is None:
        return load_in_project(load_config(), folder, allow_changed=allow_changed)
    return comparers.load(folder, lfs, allow_changed=allow_changed)


def load_in_project(
    project: LoadedConfig, folder: str | Path, *, allow_changed: bool = False
) -> Labeler | RewardModel | Evaluator:
    """`load` with the functions that the settings of a project ask for."""
    # Most reward models need none of them, so they are not run for those.
    lfs = configured_lfs(project) if reads_functions(folder) else ()
    return comparers.load(folder, lfs, allow_changed=allow_changed)
