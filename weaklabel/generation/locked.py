"""Which prompts belong to a locked test part, so that nothing is generated from them unasked."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from weaklabel.data import PairsFile
from weaklabel.data.prompts import Prompt, Prompts, looks_of
from weaklabel.errors import DataError


def allowed(found: Prompts, comparer: Any, include_test: bool) -> tuple[list[Prompt], int]:
    """The prompts that may be asked, and how many are locked.

    Raises:
        DataError: all are locked.
    """
    if include_test:
        return found.prompts, 0
    locked = _locked_keys(comparer)
    kept = [p for p in found.prompts if p.part != "test" and not p.looks & locked]
    if not kept:
        raise DataError(
            f"all {len(found):,} prompts are in the locked test part. Give others, or --include-test (include_test=True) "
            "if no figure will be reported on them."
        )
    return kept, len(found) - len(kept)


def _locked_keys(comparer: Any) -> frozenset[str]:
    """Keys of the test prompts of the run to which a comparer's folder belongs; none where it belongs to none."""
    if not isinstance(comparer, str | Path):
        return frozenset()
    folder = Path(comparer)
    run = folder if (folder / "pairs.parquet").is_file() else folder.resolve().parent
    if not (run / "pairs.parquet").is_file():
        return frozenset()
    file = PairsFile(run / "pairs.parquet")
    rows = (row for i in range(len(file)) for row in file.read(i, ["prompt", "messages", "part"]).to_pylist())
    return frozenset(
        key for row in rows if row["part"] == "test" for key in looks_of(row["prompt"], row["messages"])
    )
