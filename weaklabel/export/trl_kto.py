"""Export for TRL's `KTOTrainer`: single responses, each of them desirable or not.

A folder as that of `export_trl`, whose rows are single responses: two per pair.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pyarrow as pa

from weaklabel._arguments import checked
from weaklabel.export.card import loading, trl_card
from weaklabel.export.folder import write_export
from weaklabel.export.rows import rows_of
from weaklabel.export.selection import AnyLabels, Exported, Selection
from weaklabel.export.trl import TURNS, FileFormat, check_file_format, write_data
from weaklabel.export.unpaired import apart, with_notes
from weaklabel.types import Labels


@checked
def export_trl_kto(
    labels: AnyLabels,
    folder: str | Path,
    *,
    min_confidence: float = 0.0,
    conversational: bool = True,
    join_system: bool = False,
    include_test: bool = False,
    allow_uncalibrated: bool = False,
    file_format: FileFormat = "jsonl",
) -> Exported:
    """Write `prompt`, `completion`, `label`, `p_desirable`, its interval, `w`, `logit`, `id`, `label_source` for KTO.

    Each pair gives two rows: the response that the label prefers with `label` True, the other one with False. Rows stand in an
    order in which neighbours answer different prompts, as TRL's estimate of the KL term asks (`export/unpaired.py`). A
    response that won one pair and lost another stands in the rows of both; the report says how many there are.

    Arguments, what is left out (in pairs), and errors: as for `export_trl`.
    """
    check_file_format("export_trl_kto", file_format)
    selection = Selection(
        labels,
        min_confidence=min_confidence,
        include_test=include_test,
        allow_uncalibrated=allow_uncalibrated,
    )
    form = {"conversational": conversational, "join_system": join_system}

    def write(target: Path, kept: Iterator[Labels]) -> None:
        rows = (row for part in rows_of(kept, selection, **form) for row in part)
        blocks = with_notes(apart(rows), selection)
        write_data(target, file_format, blocks, _schema(conversational), "export_trl_kto")

    settings = {**form, "file_format": file_format}

    def card(report: Exported) -> str:
        return _card(labels, report, {**selection.settings, **settings})

    return write_export(folder, "trl_kto", selection, settings, write, card)


def _schema(conversational: bool) -> pa.Schema:
    text = TURNS if conversational else pa.string()
    beliefs = ("p_desirable", "p_desirable_low", "p_desirable_high", "w", "logit")
    return pa.schema(
        [("prompt", text), ("completion", text), ("label", pa.bool_())]
        + [(name, pa.float64()) for name in beliefs]
        + [(name, pa.string()) for name in ("id", "label_source")]
    )


def _card(labels: AnyLabels, report: Exported, settings: dict[str, Any]) -> str:
    form = "lists of role/content messages" if settings["conversational"] else "plain strings"
    columns = {
        "`prompt`, `completion`": f"{form}; each pair gives two rows, one per response",
        "`label`": "true where the completion is the response that the label prefers",
        "`p_desirable`": "belief that the completion is the better one of its pair: above .5 where label is true, below where it is false",
        "`p_desirable_low`, `p_desirable_high`": "between which gold leaves that belief open; null where it was never calibrated",
        "`w`": "how much the pair counts, the same in its two rows",
        "`logit`": "log-odds of `p_desirable`",
        "`id`": "the pair's id, the same in its two rows",
        "`label_source`": "weaklabel:calibrated or weaklabel:uncalibrated",
    }
    use = f"""**TRL ignores `p_desirable` and `w`.** KTOTrainer takes every row for certain and counts all rows alike.
`label` says which response of a pair is better, not that either is good: where both are poor, one of them is still true.

**Keep the order of the rows.** KTOTrainer reads them in the order of the file, and estimates its KL term by moving the
completions of each batch on by one row. Neighbours here answer different prompts, desirable and undesirable by turns. Sorted by
prompt, or with the two rows of a pair together, completions would be compared with their own prompts.

{loading(settings, "KTOTrainer")}

TRL cuts rows longer than its `max_length` at the end, and drops those whose prompt alone is as long; compare its row
count with twice the pairs above.
"""
    return trl_card(labels, report, settings, belief="p_desirable", columns=columns, use=use)
