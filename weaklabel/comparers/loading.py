"""`load`: whatever was saved in a folder, by the kind that its manifest names."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from weaklabel.errors import ArtifactError

if TYPE_CHECKING:
    from weaklabel.labeler import Labeler
    from weaklabel.reward import RewardModel


def load(folder: str | Path) -> Labeler | RewardModel:
    """The labeler or reward model saved in `folder`; both answer `compare(pairs)`.

    A run folder (`runs/base`) stands for the labeler in it.

    Raises:
        ArtifactError: when there is neither, or it is torn.
    """
    path = Path(folder)
    if (path / "labeler" / "labeler.json").is_file():
        path = path / "labeler"
    if (path / "labeler.json").is_file():
        from weaklabel.labeler import Labeler

        return Labeler.load(path)
    if (path / "manifest.json").is_file():
        from weaklabel.reward import load_reward

        return load_reward(path)
    raise ArtifactError(
        f"{folder} holds no labeler and no reward model. Name a folder such as runs/base/labeler or runs/base/reward."
    )
