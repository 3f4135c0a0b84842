"""Finding labeling functions by name, and knowing which version of a function one has.

The walk of one function, from its decorator to a vote in a worker process:

1. `@response_scorer` (`writing`) makes a `ResponseScorer` (`core`) of the user's function; it has no `spec` yet.
2. `load_lfs("lfs/")` asks the source's kind (`sources.kinds`) to load it: a folder runs its files (`modules`), takes
   the functions out of their modules and gives each its family and its spec, `lfs/style.py::polite` (`sources.members`).
3. The engine takes its `fingerprint`, under which votes are kept, and sends workers the spec, the plain settings
   (`settings_of`) and the `source_hash`. A function without a spec, such as one of a notebook, votes in this process.
4. A worker loads the spec by the same kind (`load_spec`), puts the settings on it, and refuses if the hash differs.
5. It makes a `PairBatch` of each shard and asks `vote_batch` for `BatchVotes` (`votes`): votes, margins and faults.

Sources are described where they are loaded: `sources.files`, `sources.shipped`, `sources.plugins`, `snorkel`; columns,
judges and crowds are described by their settings. What is found: module-level labeling functions, and those in
module-level lists and tuples; a plain function is not one.
"""

from __future__ import annotations

import sys
from collections.abc import Sequence
from dataclasses import fields, replace
from pathlib import Path
from typing import Any, NamedTuple

from weaklabel._arguments import checked
from weaklabel.errors import DiscoveryError
from weaklabel.lf.core import LabelingFunction, WrittenFunction
from weaklabel.lf.fingerprints import Grain, grain_of, hash_of, ingredients_of, source_hash_of
from weaklabel.lf.sources.kinds import kind_of
from weaklabel.lf.sources.plugins import entry_points
from weaklabel.lf.sources.shipped import all_families, presets


class CatalogueEntry(NamedTuple):
    """One line of the catalogue. `source` is what `load_lfs` takes; `doc` the first line of the docstring."""

    source: str
    family: str
    name: str
    doc: str


@checked
def load_lfs(*sources: str | Path) -> list[LabelingFunction]:
    """The labeling functions of all sources, in order, each with its `family` and `spec`.

    Args:
        sources: folders, files, modules, shipped functions, plug-ins and specs, see `weaklabel.lf.sources.kinds`.
            Relative paths count from the current folder.

    Raises:
        DiscoveryError: a source that does not exist, does not load (every broken file is named) or holds no
            labeling function; two different functions of one name.
        UnknownNameError: no such family, preset, function or plug-in.
    """
    found: list[LabelingFunction] = []
    problems: list[str] = []
    for source in map(str, sources):
        try:
            found += kind_of(source).load(source)
        except DiscoveryError as error:
            problems.append(str(error))
    if problems:
        raise DiscoveryError("; ".join(dict.fromkeys(problems)))
    return _without_repeats(found)


def load_spec(spec: str) -> LabelingFunction:
    """The one labeling function that `LabelingFunction.spec` names.

    Raises:
        DiscoveryError: it does not load, or names several.
        UnknownNameError: no such function.
    """
    lfs = kind_of(spec).load(spec)
    if len(lfs) != 1:
        raise DiscoveryError(f"{spec!r} names {len(lfs)} labeling functions, not one. Add ::<name>.")
    return lfs[0]


def settings_of(lf: LabelingFunction) -> dict[str, Any]:
    """The plain settings of `lf`: `replace(load_spec(lf.spec), **settings_of(lf))` is `lf` again."""
    values = {f.name: getattr(lf, f.name) for f in fields(lf) if f.name != "fn"}
    return {name: value for name, value in values.items() if _is_plain(value)}


def _is_plain(value: object) -> bool:
    if isinstance(value, tuple):
        return all(_is_plain(item) for item in value)
    return value is None or isinstance(value, (str, int, float, bool))


def locate(lf: LabelingFunction) -> LabelingFunction:
    """`lf` with its `spec` filled in where it lives at the top of an importable module, unchanged elsewhere."""
    if lf.spec is not None or not isinstance(lf, WrittenFunction):
        return lf
    module = sys.modules.get(getattr(lf.fn, "__module__", None) or "")
    if module is None or module.__name__ == "__main__" or module.__spec__ is None:
        return lf
    names = [name for name, value in vars(module).items() if value is lf]
    return replace(lf, spec=f"{module.__name__}:{names[0]}::{lf.name}") if names else lf


def home_of(spec: str) -> Path | None:
    """The file that `spec` leads to, None where there is none (columns of the data, judges, crowds)."""
    return kind_of(spec).home(spec)


def fingerprint(lf: LabelingFunction) -> str | None:
    """A hash of everything that the votes of `lf` rest on, None where its sources cannot be known (no `spec`)."""
    return None if lf.spec is None else hash_of(lf, home_of(lf.spec))


def source_hash(lf: LabelingFunction) -> str | None:
    """A hash of the text of its files and of its settings: equal in every process that loaded the same files."""
    return None if lf.spec is None else source_hash_of(lf, home_of(lf.spec))


def ingredients(lf: LabelingFunction) -> dict[str, str] | None:
    """What the fingerprint is made of: name (`function helper.count`, `value style.WORDS`) -> hash or version."""
    return None if lf.spec is None else ingredients_of(lf, home_of(lf.spec))


def grain(lf: LabelingFunction) -> Grain:
    """Whether an edit counts where the function reaches it ("function") or anywhere in its files ("file"), and why."""
    return (
        Grain("file", "it lives only in this process") if lf.spec is None else grain_of(lf, home_of(lf.spec))
    )


def catalogue(*sources: str | Path) -> list[CatalogueEntry]:
    """What can be loaded by name: shipped families and presets, `sources`, and plug-ins (named, not loaded)."""
    entries = [
        CatalogueEntry(f"shipped:{lf.family}.{lf.name}", lf.family, lf.name, lf.doc) for lf in all_families()
    ]
    for source in (*(f"shipped:{preset}" for preset in presets()), *map(str, sources)):
        entries += [CatalogueEntry(source, lf.family, lf.name, lf.doc) for lf in load_lfs(source)]
    for point in entry_points():
        entries.append(CatalogueEntry(f"entry:{point.name}", "", "", f"plug-in {point.value}, not loaded"))
    return entries


def _without_repeats(lfs: Sequence[LabelingFunction]) -> list[LabelingFunction]:
    """Each function once. The same function by two ways is one; two functions of one name are a mistake."""
    kept: dict[str, LabelingFunction] = {}
    for lf in lfs:
        first = kept.setdefault(lf.name, lf)
        if replace(first, family=lf.family, spec=lf.spec) != lf:
            raise DiscoveryError(
                f"two labeling functions are named {lf.name!r}: {first.spec} and {lf.spec}. Rename one of them."
            )
    return list(kept.values())
