"""Folders of ours that are replaced whole: which may be, and which were torn. Exports and reward models share this."""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import Final

from weaklabel.artifacts.files import read_json
from weaklabel.errors import ArtifactError

MANIFEST: Final = "manifest.json"


def check_replaceable(target: Path, kind: str) -> None:
    """Refuse a folder that holds anything but an earlier artefact whose kind starts with `kind`.

    `write_folder` replaces a folder as a whole, so other files must never stand in it. Which files are the
    artefact's own is told by `files` in its manifest.

    Raises:
        ArtifactError: when `target` is a file, holds other things, or is the folder that is worked in.
    """
    if not target.exists():
        return
    if not target.is_dir():
        raise ArtifactError(f"{target} is a file, but a folder is written. Name one that does not exist yet.")
    if target.resolve() == Path.cwd():
        raise ArtifactError(f"{target} is the folder you are in and would be replaced. Name one below it.")
    found = {file.relative_to(target).as_posix() for file in target.rglob("*")}
    if foreign := sorted(found - _own_files(target, kind)):
        raise ArtifactError(
            f"{target} holds files that weaklabel did not write there ({foreign[0]!r}, {len(foreign)} in all), and "
            "would be replaced. Name another folder, or move them away."
        )


def clear_torn(folder: Path) -> None:
    """Remove a folder of ours whose manifest cannot be read: writers refuse to replace what they do not know."""
    try:
        read_json(folder / MANIFEST)
    except ArtifactError:
        if (folder / MANIFEST).exists():
            shutil.rmtree(folder)


def _own_files(target: Path, kind: str) -> set[str]:
    """What an earlier artefact of that kind wrote into `target`; nothing where there is none."""
    try:
        about = read_json(target / MANIFEST)
        return {MANIFEST, *about["files"]} if about["kind"].startswith(kind) else set()
    except (ArtifactError, OSError, KeyError, TypeError, AttributeError):
        return set()
