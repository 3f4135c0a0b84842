"""What the store holds of a run's votes: fresh, stale or missing, and what changed since.

A shard's votes are *fresh* where this very version of the function has voted on this very content, *stale* where only
an earlier version of it has, *missing* where none has. Nothing here computes a vote or writes a file.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

import pyarrow.parquet as pq

from weaklabel.data.pairs_file import PairsFile
from weaklabel.engine.sources import FileSource
from weaklabel.engine.store import Version, VoteStore
from weaklabel.errors import ArtifactError
from weaklabel.lf.core import LabelingFunction
from weaklabel.lf.discovery import fingerprint, grain, ingredients
from weaklabel.lf.fingerprints import SHOWN
from weaklabel.types.result import json_fields


@dataclass(frozen=True)
class Shard:
    """A slice of a run's pairs.

    Attributes:
        number: its position in row order.
        n_pairs: how many rows it has.
    """

    number: int
    n_pairs: int
    _source: FileSource = field(repr=False)

    def hash_for(self, lf: LabelingFunction) -> str:
        """Hash of the part of it that `lf` can see."""
        return self._source.address(self.number, lf)


@dataclass(frozen=True)
class Standing:
    """How one labeling function stands.

    Attributes:
        name: of the function.
        fresh, stale, missing: numbers of shards.
        pairs_to_do: pairs in the shards that are not fresh.
        kept_as: the name under which its votes were first kept, where that is another.
        grain, reason: how finely edits to its files are told apart, and why no finer.
        changed: what changed since the votes that exist, one phrase each.
    """

    name: str
    fresh: int
    stale: int
    missing: int
    pairs_to_do: int
    kept_as: str | None
    grain: str
    reason: str
    changed: tuple[str, ...]

    to_dict = json_fields


def shards_of(folder: Path, lfs: Sequence[LabelingFunction]) -> list[Shard]:
    """The shards of a run's `pairs.parquet`.

    Raises:
        ArtifactError: the run has read no pairs yet.
    """
    path = folder / "pairs.parquet"
    if not path.is_file():
        raise ArtifactError(f"{path} does not exist: this run has read no pairs. Run: weaklabel apply.")
    # Judges are not asked: what they have not said yet is missing.
    file, verdicts = PairsFile(path), folder / "verdicts.parquet"
    source = FileSource(file, lfs, verdicts if _fits(verdicts, file) else None)
    return [Shard(number, source.n_rows(number), source) for number in range(len(source))]


def _fits(verdicts: Path, file: PairsFile) -> bool:
    """Whether what judges said is of these pairs, or of those that were read before them."""
    if not verdicts.is_file():
        return False
    about = pq.read_metadata(verdicts)
    rows = [about.row_group(i).num_rows for i in range(about.num_row_groups)]
    return rows == [file.n_rows(shard) for shard in range(len(file))]


def standings(
    lfs: Sequence[LabelingFunction], shards: Sequence[Shard], store: VoteStore
) -> tuple[Standing, ...]:
    """How each of `lfs` stands on `shards`."""
    versions = store.versions()
    return tuple(_standing(lf, shards, versions) for lf in lfs)


def _standing(lf: LabelingFunction, shards: Sequence[Shard], versions: Sequence[Version]) -> Standing:
    kind, reason = grain(lf)
    version, made_of = fingerprint(lf), ingredients(lf) or {}
    if version is None:
        n = sum(shard.n_pairs for shard in shards)
        why = ("it lives only in this process, and its votes are not kept",)
        return Standing(lf.name, 0, 0, len(shards), n, None, kind, reason, why)
    current = next((v for v in versions if v.short == version[:12]), None)
    earlier = [v for v in versions if v is not current and _is_akin(v, lf.name, made_of)]
    have = current.shards if current else set()
    old = {shard for v in earlier for shard in v.shards}
    hashes = [shard.hash_for(lf)[:16] for shard in shards]
    todo = [shard for shard, name in zip(shards, hashes, strict=True) if name not in have]
    stale = sum(name not in have and name in old for name in hashes)
    renamed = current.name if current and current.name != lf.name and have else None
    missing = len(todo) - stale
    changed = tuple(_changes(made_of, have, earlier, len(todo), missing, len(shards)))
    return Standing(
        lf.name,
        len(shards) - len(todo),
        stale,
        missing,
        sum(s.n_pairs for s in todo),
        renamed,
        kind,
        reason,
        changed,
    )


def _is_akin(version: Version, name: str, made_of: dict[str, str]) -> bool:
    """Whether a version is an earlier one of the function: by its name, or the same function under another."""
    same_body = version.ingredients.get("the function") == made_of.get("the function") is not None
    return version.name == name or same_body


def _changes(
    made_of: dict[str, str],
    have: set[str],
    earlier: Sequence[Version],
    todo: int,
    missing: int,
    n_shards: int,
) -> list[str]:
    if not todo:
        return []
    if have:
        return [f"{missing} of {n_shards} shards hold pairs that it has not voted on"] if missing else []
    if not earlier:
        return ["it has never voted"]
    last = earlier[0]
    found = [f"{missing} of {n_shards} shards hold pairs that it has not voted on"] if missing else []
    if not last.ingredients:
        return [*found, f"what {last.folder.name} was made of was not kept"]
    return difference(last.ingredients, made_of) + found


def difference(before: dict[str, str], after: dict[str, str]) -> list[str]:
    """What changed from one version's ingredients to another's, one phrase each, the function itself first."""
    phrases = []
    for name in sorted(before.keys() | after.keys(), key=lambda name: (name != "the function", name)):
        old, new = before.get(name), after.get(name)
        if old == new:
            continue
        if old is None:
            phrases.append(f"it now uses {name}")
        elif new is None:
            phrases.append(f"it no longer uses {name}")
        elif name.startswith(SHOWN):
            phrases.append(f"{name}: {old} -> {new}")
        else:
            phrases.append(f"{name} changed")
    return phrases
