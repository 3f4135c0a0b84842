"""An export as a folder: data, a card for people, a manifest for machines; whole or not there at all."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path
from typing import Any

from weaklabel.artifacts import manifest, table_hash, write_folder, write_json
from weaklabel.errors import ArtifactError
from weaklabel.export.selection import ExportReport, written_to
from weaklabel.types import Labels

MANIFEST = "manifest.json"


def write_export(
    folder: str | Path,
    family: str,
    labels: Labels,
    report: ExportReport,
    settings: Mapping[str, Any],
    fill: Callable[[Path], None],
) -> ExportReport:
    """Let `fill` write the data, add the manifest, and put the folder in its place in one step.

    The manifest names the labels by content and says what was left out. Nothing in it depends on the time
    or the place, so the same labels and settings give the same bytes.

    Raises:
        ArtifactError: when `folder` holds something that is no export of ours.
    """
    target = Path(folder)
    check_replaceable(target, "export:")
    counts = {name: value for name, value in report.to_dict().items() if name != "path"}
    about = manifest(
        f"export:{family}",
        inputs={"labels": table_hash(labels.to_table())},
        settings=settings,
        calibrated=labels.calibrated,
        lf_names=list(labels.votes.lf_names),
        report=counts,
    )

    def fill_all(temporary: Path) -> None:
        fill(temporary)
        files = sorted(file.relative_to(temporary).as_posix() for file in temporary.rglob("*"))
        write_json(temporary / MANIFEST, about | {"files": files})

    write_folder(target, fill_all)
    return written_to(report, target)


def write_jsonl(path: Path, rows: Iterable[Mapping[str, Any]]) -> None:
    """One JSON object per line, keys in the order given, UTF-8 as it is."""
    with path.open("w", encoding="utf-8", newline="\n") as file:
        for row in rows:
            file.write(json.dumps(row, ensure_ascii=False, allow_nan=False) + "\n")


def check_replaceable(target: Path, kind: str) -> None:
    """Refuse a folder that holds anything but an earlier artefact whose kind starts with `kind`.

    `write_folder` replaces a folder as a whole, so somebody's other files must never stand in it. Which files
    are the artefact's own is told by `files` in its manifest.

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


def _own_files(target: Path, kind: str) -> set[str]:
    """What an earlier artefact of that kind wrote into `target`; nothing where there is none."""
    try:
        about = json.loads((target / MANIFEST).read_text(encoding="utf-8"))
        return {MANIFEST, *about["files"]} if about["kind"].startswith(kind) else set()
    except (OSError, ValueError, KeyError, TypeError, AttributeError):
        return set()
