"""The file of generated pairs: labelled, written or added to, with a manifest beside it; and what is told of it."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import numpy as np
import pyarrow as pa

from weaklabel import artifacts
from weaklabel.data import Batch, iter_batches, write_pairs
from weaklabel.data.build import conform, unify
from weaklabel.errors import ArtifactError, ConfigError
from weaklabel.generation.paired import COLUMNS
from weaklabel.labeler import Labeler
from weaklabel.types import Comparer, Pairs, answer_of, interval_of
from weaklabel.types.labels import float_column
from weaklabel.types.result import Result, json_values

KIND: Final = "generated_pairs"
_BLOCK: Final = 16384  # pairs that are labelled at once


@dataclass(frozen=True, slots=True, repr=False)
class Generated(Result):
    """What `generate_pairs` made.

    Attributes:
        path: the file.
        n_prompts: prompts that were asked; n_locked: left out because they are in the test part.
        n_pairs: pairs that were made and labelled.
        n_kept: pairs of an earlier file that stayed (`append`).
        counts: what became of the responses: empty, identical, cut_off, too_long, refused, failed, ...
        tokens: per model what was read and written, as tokenizer or server count.
        cost: with `price_in` and `price_out`, what the endpoints' answers cost; else None.
    """

    path: Path
    n_prompts: int
    n_locked: int
    n_pairs: int
    n_kept: int
    counts: Mapping[str, int]
    tokens: Mapping[str, tuple[int, int]]
    cost: float | None

    def __str__(self) -> str:
        said = {
            "empty": "responses were empty",
            "identical": "were the same as another",
            "refused": "were refused",
            "too_long": "had no room beside their prompt",
            "cut_off": "were cut off at the longest length (and stay)",
            "failed": "failed; the same command asks for them again",
            "prompts_without_pairs": "prompts have no two different responses",
        }
        counts = [f"{self.counts[name]:,} {words}" for name, words in said.items() if self.counts.get(name)]
        if self.n_locked:
            counts.insert(0, f"{self.n_locked:,} prompts of the locked test part left out")
        if self.n_kept:
            counts.append(f"{self.n_kept:,} pairs were there before")
        paid = "" if self.cost is None else f"; {self.cost:.4g} spent at endpoints"
        tokens = ", ".join(f"{name}: {i:,} tokens in, {o:,} out" for name, (i, o) in self.tokens.items())
        lines = [f"{self.n_pairs:,} pairs of {self.n_prompts:,} prompts: {self.path}", f"{tokens}{paid}"]
        return "\n".join([*lines, *(["; ".join(counts)] if counts else [])])


def labelled(rows: list[dict[str, Any]], comparer: Comparer, constants: Mapping[str, Any]) -> list[pa.Table]:
    """Rows of `paired.COLUMNS` as tables with what the comparer says and, in each row, the `constants`."""
    return [_labelled(rows[at : at + _BLOCK], comparer, constants) for at in range(0, len(rows), _BLOCK)]


def _labelled(rows: list[dict[str, Any]], comparer: Comparer, constants: Mapping[str, Any]) -> pa.Table:
    """Canonical columns, who gave the responses, what the comparer says, and how they were drawn."""
    table = pa.Table.from_pylist(rows, schema=COLUMNS)
    pairs = Pairs(table)
    if isinstance(comparer, Labeler):
        labels = comparer.label(pairs, max_fault_share=None)  # after hours of generating, what fails is told
        p, w, label, calibrated = labels.p, labels.w, labels.label, labels.calibrated
        low, high = labels.p_low, labels.p_high
    else:
        p = answer_of(str(constants["comparer"]), comparer, pairs)
        w, calibrated = np.ones(len(p)), comparer.calibrated
        label = np.where(p > 0.5, "b", np.where(p < 0.5, "a", "tie"))
        low, high = interval_of(str(constants["comparer"]), comparer, pairs).T
    said: dict[str, Any] = {
        "p": pa.array(p),
        "p_low": float_column(low, len(p)),
        "p_high": float_column(high, len(p)),
        "w": pa.array(w),
        "label": pa.array(label.tolist(), pa.string()),
        "confidence": pa.array(np.maximum(p, 1 - p)),
        "calibrated": pa.array([calibrated] * len(p), pa.bool_()),
    }
    for name, column in said.items():
        table = table.append_column(name, column)
    for name, value in constants.items():
        table = table.append_column(name, pa.array([value] * len(table)))
    return table


def earlier_pairs(out: Path) -> list[pa.Table]:
    """The pairs of an earlier file. Nothing of it may be lost, so all of it must be readable, as canonical pairs.

    Raises:
        DataError: it is not, or not all of it.
    """
    if not out.exists():
        return []
    return [batch.table for batch in iter_batches(str(out), layout="canonical", max_set_aside=0)]


def without(tables: Sequence[pa.Table], ids: set[str]) -> list[pa.Table]:
    """The tables less the rows with some ids, and less what is then empty."""
    kept = (t.filter(pa.array([i not in ids for i in t["id"].to_pylist()], pa.bool_())) for t in tables)
    return [table for table in kept if len(table)]


def write_tables(out: Path, tables: Sequence[pa.Table]) -> None:
    schema = unify(table.schema for table in tables)
    whole = (conform(table, schema) for table in tables)
    if out.suffix == ".parquet":
        write_pairs((Batch(table) for table in whole), out)
        return
    with artifacts.atomic_file(out) as temporary, temporary.open("w", encoding="utf-8") as file:
        file.writelines(_json_lines(whole))


def _json_lines(tables: Iterable[pa.Table]) -> Iterator[str]:
    for table in tables:
        for row in table.to_pylist():
            yield artifacts.json_line(json_values(row))


def _manifest_path(out: Path) -> Path:
    return out.with_name(f"{out.name}.manifest.json")


def check_target(out: Path, append: bool) -> None:
    """Nothing but what was made here, all of it, is ever replaced.

    Raises:
        ConfigError: `out` is there and holds other pairs, and they are not to be kept.
    """
    if out.exists() and not append and _about(out).get("all_made_here") is not True:
        raise ConfigError(
            f"{out} exists, and not all of it was made by weaklabel generate. Choose another file, or --append "
            "(append=True) to add to the pairs in it."
        )


def _about(out: Path) -> dict[str, Any]:
    """The manifest of `out`; empty where it was not made here."""
    try:
        about = artifacts.read_json(_manifest_path(out))
    except ArtifactError:
        return {}
    whole = isinstance(about, dict) and about.get("kind") == KIND and _are_runs(about.get("runs"))
    return about if whole else {}


def _are_runs(runs: object) -> bool:
    return isinstance(runs, list) and all(
        isinstance(r, dict) and {"inputs", "settings"} <= r.keys() for r in runs
    )


def write_manifest(
    result: Generated, *, inputs: Mapping[str, str], settings: Mapping[str, Any], append: bool
) -> None:
    """Written before the file itself: a run that is killed between the two can tell whose file that is."""
    run = {
        "inputs": dict(inputs),
        "settings": dict(settings),
        "n_prompts": result.n_prompts,
        "n_locked": result.n_locked,
        "n_pairs": result.n_pairs,
        "counts": dict(result.counts),
        "tokens": {name: list(both) for name, both in result.tokens.items()},
    }
    before = _about(result.path) if append else {}
    ours = not append or not result.path.exists() or before.get("all_made_here") is True
    runs = [
        old
        for old in before.get("runs", [])
        if any(old[name] != run[name] for name in ("inputs", "settings"))
    ]
    about = artifacts.manifest(
        KIND, inputs=inputs, settings=settings, runs=[*runs, run], all_made_here=bool(ours)
    )
    artifacts.write_json(_manifest_path(result.path), about)
