"""Export for TRL's preference trainers (`RewardTrainer`, `DPOTrainer`).

A folder with one data file, a card (README.md) whose header lets `load_dataset(folder)` find it, and a
manifest. TRL's RewardTrainer subtracts a column named `margin` inside its loss, so there is none: the
log-odds of the chosen response are called `logit`, the belief `p_chosen`.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any, Final, Literal

import pyarrow as pa

from weaklabel._arguments import checked
from weaklabel.errors import ConfigError
from weaklabel.export.card import loading, trl_card
from weaklabel.export.folder import write_export, write_jsonl
from weaklabel.export.rows import rows_of
from weaklabel.export.selection import AnyLabels, Exported, Selection
from weaklabel.export.tabular import write_tables
from weaklabel.types import Labels

FileFormat = Literal["jsonl", "parquet"]
FORMATS: Final = ("jsonl", "parquet")
TURNS: Final = pa.list_(pa.struct([("role", pa.string()), ("content", pa.string())]))


@checked
def export_trl(
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
    """Write `prompt`, `chosen`, `rejected`, `p_chosen`, its interval, `w`, `logit`, `id`, `label_source` for TRL.

    Left out and counted: locked test prompts, pairs on which no labeling function voted, exact ties, and what
    the confidence filter drops. The same labels give the same bytes.

    Args:
        labels: from `Labeler.label`; which response is chosen is decided by the label.
        folder: written as a whole; an earlier export there is replaced.
        min_confidence: keep pairs at least this confident, in [.5, 1); 0 keeps all.
        conversational: lists of `{"role", "content"}` (the prompt from `messages` where the pair has them);
            False writes plain strings.
        join_system: put what the system says into the user's next turn, for chat templates that refuse system turns.
        include_test: write the locked test prompts too.
        allow_uncalibrated: write labels whose probabilities were never fitted to gold.
        file_format: "jsonl" or "parquet".

    Raises:
        NotCalibratedError, ConfigError, DataError: as for `Selection`; Parquet cannot hold tool calls either.
        ArtifactError: when `folder` holds other files.
    """
    check_file_format("export_trl", file_format)
    selection = Selection(
        labels,
        min_confidence=min_confidence,
        include_test=include_test,
        allow_uncalibrated=allow_uncalibrated,
    )
    form = {"conversational": conversational, "join_system": join_system}

    def write(target: Path, kept: Iterator[Labels]) -> None:
        rows = rows_of(kept, selection, **form)
        write_data(target, file_format, rows, _schema(conversational), "export_trl")

    settings = {**form, "file_format": file_format}

    def card(report: Exported) -> str:
        return _card(labels, report, {**selection.settings, **settings})

    return write_export(folder, "trl", selection, settings, write, card)


def check_file_format(who: str, file_format: str) -> None:
    """Raises ConfigError unless TRL's data can be written so."""
    if file_format not in FORMATS:
        raise ConfigError(f"{who}: file_format is {file_format!r}. Allowed: {', '.join(FORMATS)}.")


def write_data(
    folder: Path,
    file_format: FileFormat,
    parts: Iterable[Iterable[dict[str, Any]]],
    schema: pa.Schema,
    who: str,
) -> None:
    """Write `train.jsonl` or `train.parquet`, a row group or more for each part; `who` is named in errors."""
    path = folder / f"train.{file_format}"
    if file_format == "jsonl":
        write_jsonl(path, (row for part in parts for row in part))
        return
    write_tables(
        path,
        (pa.Table.from_pylist([_without_tools(row, who) for row in part], schema) for part in parts),
    )


def _without_tools(row: dict[str, Any], who: str) -> dict[str, Any]:
    """The row, unless a turn of its prompt holds more than a Parquet column of role and content can."""
    if not isinstance(row["prompt"], str) and any(len(turn) > 2 for turn in row["prompt"]):
        raise ConfigError(
            f"{who}: the prompt of pair {row['id']!r} holds tool calls, which are written as JSON lines only. "
            "Set file_format to jsonl."
        )
    return row


def _schema(conversational: bool) -> pa.Schema:
    text = TURNS if conversational else pa.string()
    return pa.schema(
        [(name, text) for name in ("prompt", "chosen", "rejected")]
        + [(name, pa.float64()) for name in ("p_chosen", "p_chosen_low", "p_chosen_high", "w", "logit")]
        + [(name, pa.string()) for name in ("id", "label_source")]
    )


def _card(labels: AnyLabels, report: Exported, settings: dict[str, Any]) -> str:
    form = "lists of role/content messages" if settings["conversational"] else "plain strings"
    columns = {
        "`prompt`, `chosen`, `rejected`": f"{form}; chosen is the response that the label prefers",
        "`p_chosen`": "belief that the chosen response is the better one, at least .5",
        "`p_chosen_low`, `p_chosen_high`": "between which gold leaves that belief open; null where it was never calibrated",
        "`w`": "how much the pair counts",
        "`logit`": "log-odds of `p_chosen`, above 0",
        "`id`": "the pair's id",
        "`label_source`": "weaklabel:calibrated or weaklabel:uncalibrated",
    }
    use = f"""**TRL ignores `p_chosen` and `w`.** Its trainers take every row for certain and count all rows alike; to use belief
and importance in the loss, train with weaklabel. No column is called `margin`, because TRL's RewardTrainer would
subtract it from the reward difference.

{loading(settings, "RewardTrainer", "or DPOTrainer")}

TRL drops pairs longer than its `max_length` from reward training without cutting them; compare its row count with
the one above.
"""
    return trl_card(labels, report, settings, belief="p_chosen", columns=columns, use=use)
