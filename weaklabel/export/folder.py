"""An export as a folder: data, a card for people, a manifest for machines; whole or not there at all."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any

from weaklabel.artifacts import json_line, manifest, parse_json, write_folder, write_json
from weaklabel.errors import ArtifactError
from weaklabel.export.selection import ExportReport, Selection, written_to
from weaklabel.types import Labels

MANIFEST = "manifest.json"


def write_export(
    folder: str | Path,
    family: str,
    selection: Selection,
    settings: Mapping[str, Any],
    write: Callable[[Path, Iterator[Labels]], None],
    card: Callable[[ExportReport], str] | None = None,
) -> ExportReport:
    """Let `write` put the selected labels into a folder part by part, add card and manifest, and move it in place.

    The manifest names the labels by content and says what was left out. Nothing in it depends on the time
    or the place, so the same labels and settings give the same bytes.

    Args:
        folder: where the export shall stand.
        family: the exporter's name.
        selection: the labels and the filter.
        settings: of the export, for the manifest.
        write: gets the temporary folder and the labels to write.
        card: the text of README.md, which wants to know what was written.

    Raises:
        DataError: when no pair is left to write.
        ArtifactError: when `folder` holds something that is no export of ours.
    """
    target, labels = Path(folder), selection.labels
    check_replaceable(target, "export:")

    def fill(temporary: Path) -> None:
        write(temporary, selection.kept())
        report = selection.report()
        if card is not None:
            (temporary / "README.md").write_text(card(report), encoding="utf-8")
        counts = {name: value for name, value in report.to_dict().items() if name != "path"}
        files = sorted(file.relative_to(temporary).as_posix() for file in temporary.rglob("*"))
        about = manifest(
            f"export:{family}",
            inputs={"labels": selection.labels_hash},
            settings=settings,
            calibrated=labels.calibrated,
            lf_names=list(labels.lf_names),
            report=counts,
            files=files,
        )
        write_json(temporary / MANIFEST, about)

    write_folder(target, fill)
    return written_to(selection.report(), target)


def write_jsonl(path: Path, rows: Iterable[Mapping[str, Any]]) -> None:
    """One JSON object per line, keys in the order given, in UTF-8; what ends a line elsewhere is escaped."""
    with path.open("w", encoding="utf-8", newline="\n") as file:
        for row in rows:
            file.write(json_line(row))


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
        about = parse_json((target / MANIFEST).read_text(encoding="utf-8"))
        return {MANIFEST, *about["files"]} if about["kind"].startswith(kind) else set()
    except (OSError, ValueError, KeyError, TypeError, AttributeError):
        return set()
