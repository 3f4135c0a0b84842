"""An export as a folder: data, a card for people, a manifest for machines; whole or not there at all."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any

from weaklabel.artifacts import json_line, manifest, write_folder, write_json
from weaklabel.artifacts.folders import MANIFEST, check_replaceable
from weaklabel.errors import warn
from weaklabel.export.selection import Exported, NothingLeftError, Selection, written_to
from weaklabel.types import Labels


def write_export(
    folder: str | Path,
    family: str,
    selection: Selection,
    settings: Mapping[str, Any],
    write: Callable[[Path, Iterator[Labels]], None],
    card: Callable[[Exported], str] | None = None,
) -> Exported:
    """Let `write` put the selected labels into a folder part by part, add card and manifest, and move it in place.

    The manifest names the labels by content and says what was left out. Nothing in it depends on the time
    or the place, so the same labels and settings give the same bytes.

    Args:
        folder: where the export shall stand.
        family: the exporter's name.
        selection: the labels and the filter.
        settings: of the layout, for the manifest, where they stand beside those of the selection.
        write: gets the temporary folder and the labels to write.
        card: the text of README.md, which wants to know what was written.

    Where no pair is left to write, `folder` stays as it is: the report says so in its notes, and has no path.

    Raises:
        DataError: there are no labelled pairs.
        ArtifactError: when `folder` holds something that is no export of ours.
    """
    target, labels = Path(folder), selection.labels
    check_replaceable(target, "export:")

    def fill(temporary: Path) -> None:
        write(temporary, selection.kept())
        report = selection.account()
        if card is not None:
            (temporary / "README.md").write_text(card(report), encoding="utf-8")
        counts = {name: value for name, value in report.to_dict().items() if name != "path"}
        files = sorted(file.relative_to(temporary).as_posix() for file in temporary.rglob("*"))
        about = manifest(
            f"export:{family}",
            inputs={"labels": selection.labels_hash},
            settings={**selection.settings, **settings},
            calibrated=labels.calibrated,
            lf_names=list(labels.lf_names),
            report=counts,
            files=files,
        )
        write_json(temporary / MANIFEST, about)

    try:
        write_folder(target, fill)
    except NothingLeftError as error:
        selection.notes.append(str(error))
        warn(str(error))
        return selection.account()
    return written_to(selection.account(), target)


def write_jsonl(path: Path, rows: Iterable[Mapping[str, Any]]) -> None:
    """One JSON object per line, keys in the order given, in UTF-8; what ends a line elsewhere is escaped."""
    with path.open("w", encoding="utf-8", newline="\n") as file:
        for row in rows:
            file.write(json_line(row))
