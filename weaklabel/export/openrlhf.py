"""Export for OpenRLHF's reward and DPO training: JSONL with `prompt`, `chosen` and `rejected`.

Conversational rows are for `--apply_chat_template`; plain ones for `--input_template`. OpenRLHF, like TRL,
reads a column named `margin` into its loss, so there is none.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Final

from weaklabel._arguments import checked
from weaklabel.export.folder import write_export, write_jsonl
from weaklabel.export.rows import rows_of
from weaklabel.export.selection import AnyLabels, Exported, Selection
from weaklabel.types import Labels

DATA_FILE: Final = "train.jsonl"


@checked
def export_openrlhf(
    labels: AnyLabels,
    folder: str | Path,
    *,
    min_confidence: float = 0.0,
    conversational: bool = True,
    join_system: bool = False,
    include_test: bool = False,
    allow_uncalibrated: bool = False,
) -> Exported:
    """Write `train.jsonl` for OpenRLHF: pass `--prompt_key prompt --chosen_key chosen --rejected_key rejected`.

    Each row also holds `p_chosen`, its interval, `w`, `logit`, `id` and `label_source`, which OpenRLHF ignores. Arguments,
    what is left out, and errors: as for `export_trl`.
    """
    selection = Selection(
        labels,
        min_confidence=min_confidence,
        include_test=include_test,
        allow_uncalibrated=allow_uncalibrated,
    )
    form = {"conversational": conversational, "join_system": join_system}

    def write(target: Path, kept: Iterator[Labels]) -> None:
        parts = rows_of(kept, selection, **form)
        write_jsonl(target / DATA_FILE, (row for part in parts for row in part))

    return write_export(folder, "openrlhf", selection, form, write)
