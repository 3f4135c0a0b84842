"""Finding labeling functions by name: in files and folders, in modules, among the shipped ones, in plug-ins.

    folder/                     every .py file in it, sorted; names that start with "_" are skipped
    file.py, file.py:name       one file, or one object of it
    module:name                 an object of an importable module: an LF, or a list or tuple of them
    shipped, shipped:<family>, shipped:<family>.<name>, shipped:<preset>
    entry:<name>                a plug-in of the entry-point group `weaklabel.labeling_functions`, loaded only
                                when asked for by name
    column:{json}               a column of the data as an LF; so are judge:, judge_column: and crowd: (`SPECS`)
    snorkel:{json}              Snorkel's labeling functions (see `weaklabel.lf.snorkel`)
    <source>::<name>            one labeling function of any of these: what `LabelingFunction.spec` holds

What is found: module-level labeling functions, and those in module-level lists and tuples. A plain function
is none. Every LF that comes out carries its `spec`, by which another process finds it again.
"""

from __future__ import annotations

import functools
import importlib
import json
import sys
import tomllib
from collections.abc import Iterable, Sequence
from dataclasses import fields, replace
from importlib import metadata
from pathlib import Path
from types import ModuleType
from typing import Any, Final, NamedTuple

from weaklabel.errors import DiscoveryError, UnknownNameError
from weaklabel.lf import snorkel
from weaklabel.lf.core import LabelingFunction, ResponseScorer, WrittenFunction
from weaklabel.lf.fingerprints import Grain, grain_of, hash_of, ingredients_of, remember, source_hash_of
from weaklabel.lf.modules import load_file, shipped_folder, sources_of
from weaklabel.lf.specs import SPECS, from_spec, is_described

ENTRY_POINT_GROUP: Final = "weaklabel.labeling_functions"
_SOURCES = "A source is a folder, file.py, file.py:name, module:name, shipped, shipped:<family or preset> or entry:<name>."
# What a source may begin with that is no path.
PREFIXES: Final = ("shipped", "entry:", snorkel.SPEC_PREFIX, *(f"{kind}:" for kind in SPECS))
_PRESET_KEYS = {"use", "name", "prefer", "min_gap", "max_gap"}


class CatalogueEntry(NamedTuple):
    """One line of the catalogue. `source` is what `load_lfs` takes; `doc` the first line of the docstring."""

    source: str
    family: str
    name: str
    doc: str


def load_lfs(*sources: str | Path) -> list[LabelingFunction]:
    """The labeling functions of all sources, in order, each with its `family` and `spec`.

    Args:
        sources: see the top of this module. Relative paths count from the current folder.

    Raises:
        DiscoveryError: a source that does not exist, does not load (every broken file is named) or holds no
            labeling function; two different functions of one name.
        UnknownNameError: no such family, preset, function or plug-in.
    """
    found: list[LabelingFunction] = []
    problems: list[str] = []
    for source in sources:
        try:
            found += _load(str(source))
        except DiscoveryError as error:
            problems.append(str(error))
    if problems:
        raise DiscoveryError("; ".join(dict.fromkeys(problems)))
    return _without_repeats(found)


def load_object(source: str) -> Any:
    """The object that `module:name` or `file.py:name` names, whatever it is; how Snorkel's own LFs are found.

    Raises:
        DiscoveryError: no such file or module, or it does not load.
        UnknownNameError: no such object in it.
    """
    path, name, _ = _split_file(source)
    if path is not None and name:
        module = load_file(path)
    else:
        module, name = _import(source)
    if name not in vars(module):
        raise UnknownNameError.for_name(f"object in {source}", name, _public(module))
    return vars(module)[name]


def load_spec(spec: str) -> LabelingFunction:
    """The one labeling function that `LabelingFunction.spec` names."""
    if is_described(spec):
        return from_spec(spec)
    source, _, name = spec.rpartition("::")
    return _pick(_load(source), name, source)


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
    source = spec.rpartition("::")[0]
    if is_described(spec):
        return None
    if source.startswith("shipped:"):
        name = source.removeprefix("shipped:")
        preset = _presets().get(name)
        if preset is not None:
            wanted = spec.rpartition("::")[2]
            name = next(e["use"] for e in preset if e.get("name", e["use"].partition(".")[2]) == wanted)
        return shipped_folder() / f"{name.partition('.')[0]}.py"
    if source.startswith(snorkel.SPEC_PREFIX):
        source = json.loads(source.removeprefix(snorkel.SPEC_PREFIX))["use"]
    path, _, _ = _split_file(source)
    if path is not None:
        return path
    module = _entry_point(source[6:]).module if source.startswith("entry:") else source.partition(":")[0]
    file = getattr(sys.modules.get(module), "__file__", None)
    return Path(file) if file else None


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
        CatalogueEntry(f"shipped:{lf.family}.{lf.name}", lf.family, lf.name, lf.doc)
        for lf in _load("shipped")
    ]
    for preset in _presets():
        source = f"shipped:{preset}"
        entries += [CatalogueEntry(source, lf.family, lf.name, lf.doc) for lf in _load(source)]
    for given in sources:
        entries += [CatalogueEntry(str(given), lf.family, lf.name, lf.doc) for lf in load_lfs(given)]
    for point in sorted(metadata.entry_points(group=ENTRY_POINT_GROUP), key=lambda p: p.name):
        entries.append(CatalogueEntry(f"entry:{point.name}", "", "", f"plug-in {point.value}, not loaded"))
    return entries


def _load(source: str) -> list[LabelingFunction]:
    if not source.strip():
        # "" as a path would be the working folder, and every file in it would be run.
        raise DiscoveryError(f"a source of labeling functions is empty. {_SOURCES}")
    if source == "shipped":
        return [lf for path in _shipped_files() for lf in _load_family(path)]
    if source.startswith("shipped:"):
        return _load_shipped(source.removeprefix("shipped:"))
    if source.startswith("entry:"):
        return _load_entry_point(source)
    if is_described(source):
        return [from_spec(source)]
    if "::" in source:
        return [load_spec(source)]
    if source.startswith(snorkel.SPEC_PREFIX):
        return snorkel.load_spec(source)
    if Path(source).is_dir():
        return _load_folder(Path(source))
    path, name, written = _split_file(source)
    if path is not None:
        return _load_one_file(path, name, written)
    return _load_object(source)


def _split_file(source: str) -> tuple[Path | None, str, str]:
    """`(path, object name or "", path as written)`; path is None where `source` names no file."""
    if source.endswith(".py"):
        return Path(source), "", source
    path, _, name = source.rpartition(":")
    return (Path(path), name, path) if path.endswith(".py") else (None, "", "")


def _load_folder(folder: Path) -> list[LabelingFunction]:
    """Every file of a folder. A file may hold helpers only; the folder may not."""
    modules: dict[Path, ModuleType] = {}
    problems = []
    for path in sorted(folder.glob("*.py")):
        if path.name.startswith("_"):
            continue
        try:
            modules[path] = load_file(path)
        except DiscoveryError as error:
            problems.append(str(error))
    names = {module.__name__ for module in modules.values()}
    found = []
    for path, module in modules.items():
        # What a file imports from its neighbour is the neighbour's.
        others = names - {module.__name__}
        found += _named(
            [
                lf
                for lf in _members(module)
                if not (isinstance(lf, WrittenFunction) and lf.fn.__module__ in others)
            ],
            path.stem,
            path.as_posix(),
        )
    if problems:
        raise DiscoveryError("; ".join(dict.fromkeys(problems)))
    if not found:
        raise DiscoveryError(
            f"{folder}/ holds no labeling function in any .py file. "
            "Decorate one with @labeling_function or @response_scorer."
        )
    return found


def _load_one_file(path: Path, name: str, written: str) -> list[LabelingFunction]:
    module = load_file(path)
    lfs = _object_members(module, name, written) if name else _members(module)
    if not lfs:
        raise DiscoveryError(
            f"{written} holds no labeling function. Decorate one with @labeling_function or @response_scorer; "
            "a plain function is none."
        )
    return _named(lfs, path.stem, f"{written}:{name}" if name else written)


def _load_object(source: str) -> list[LabelingFunction]:
    module, name = _import(source)
    return _named(_object_members(module, name, source), module.__name__.rpartition(".")[2], source)


def _import(source: str) -> tuple[ModuleType, str]:
    """The module and the object name of `module:name`."""
    module_name, _, name = source.partition(":")
    if not name or not all(part.isidentifier() for part in module_name.split(".")):
        raise DiscoveryError(f"there is no folder or file {source!r}. {_SOURCES}")
    if not {"", str(Path.cwd())} & set(sys.path):
        sys.path.append(
            str(Path.cwd())
        )  # an installed command does not see the project's folder; last, to hide nothing
    try:
        module = importlib.import_module(module_name)
    except Exception as error:
        raise DiscoveryError(f"{source}: importing {module_name!r} failed: {_short(error)}.") from error
    _remember(module)
    return module, name


def _load_shipped(name: str) -> list[LabelingFunction]:
    presets = _presets()
    if name in presets:
        return [_from_preset(name, entry) for entry in presets[name]]
    families = {path.stem: path for path in _shipped_files()}
    family, _, function = name.partition(".")
    if family not in families:
        raise UnknownNameError.for_name("shipped family or preset", name, [*families, *presets])
    lfs = _load_family(families[family])
    return [_pick(lfs, function, f"shipped:{family}")] if function else lfs


def _load_family(path: Path) -> list[LabelingFunction]:
    return _named(_members(load_file(path)), path.stem, f"shipped:{path.stem}")


def _from_preset(preset: str, entry: dict[str, Any]) -> LabelingFunction:
    settings = {key: value for key, value in entry.items() if key != "use"}
    if "use" not in entry or not entry.keys() <= _PRESET_KEYS:
        raise DiscoveryError(
            f"presets.toml, preset {preset!r}: {entry} has keys other than {sorted(_PRESET_KEYS)}, or no 'use'."
        )
    (lf,) = _load_shipped(entry["use"])
    if settings.keys() <= {"name"}:
        lf = replace(lf, **settings)
    elif isinstance(lf, ResponseScorer):
        lf = lf.with_settings(**settings)
    else:
        raise DiscoveryError(
            f"presets.toml, preset {preset!r}: {lf.name!r} is no response scorer, so only its name can be set."
        )
    return replace(lf, spec=f"shipped:{preset}::{lf.name}")


def _presets() -> dict[str, list[dict[str, Any]]]:
    path = shipped_folder() / "presets.toml"
    if not path.is_file():
        return {}
    return _presets_in(path.read_text(encoding="utf-8"), path)


@functools.lru_cache(maxsize=4)
def _presets_in(text: str, path: Path) -> dict[str, list[dict[str, Any]]]:
    try:
        tables = tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        raise DiscoveryError(f"{path}: {error}.") from None
    return {name: value["lfs"] if isinstance(value, dict) else value for name, value in tables.items()}


def _shipped_files() -> list[Path]:
    files = [p for p in sorted(shipped_folder().glob("*.py")) if not p.name.startswith("_")]
    if not files:
        raise DiscoveryError(f"no shipped labeling functions in {shipped_folder()}. Install weaklabel again.")
    return files


def _load_entry_point(source: str) -> list[LabelingFunction]:
    point = _entry_point(source.removeprefix("entry:"))
    owner = f"{source} ({point.value}, from {point.dist.name if point.dist else 'an unknown package'})"
    try:
        value = point.load()
    except Exception as error:
        raise DiscoveryError(
            f"{owner} does not load: {_short(error)}. Repair or uninstall the plug-in."
        ) from error
    _remember(sys.modules[point.module])
    lfs = _members(value) if isinstance(value, ModuleType) else _flat([value])
    if not lfs:
        raise DiscoveryError(f"{owner} is {type(value).__name__}, not a labeling function or a list of them.")
    return _named(lfs, point.module.rpartition(".")[2], source)


def _entry_point(name: str) -> metadata.EntryPoint:
    points = {point.name: point for point in metadata.entry_points(group=ENTRY_POINT_GROUP)}
    if name not in points:
        raise UnknownNameError.for_name(f"plug-in in the group {ENTRY_POINT_GROUP}", name, points)
    return points[name]


def _remember(module: ModuleType) -> None:
    """Keep the module's sources as they are now: the votes of its LFs are filed under them."""
    if module.__file__ and module.__file__.endswith(".py"):
        sources_of(Path(module.__file__))


def _object_members(module: ModuleType, name: str, source: str) -> list[LabelingFunction]:
    """The labeling functions in the object `name` of a module, or the one whose LF name is `name`."""
    if name not in vars(module):
        lfs = _members(module)
        if any(lf.name == name for lf in lfs):
            return [_pick(lfs, name, source)]
        raise UnknownNameError.for_name(f"object in {source}", name, _public(module))
    lfs = _flat([vars(module)[name]])
    if not lfs:
        raise DiscoveryError(
            f"{source}: {name!r} is {type(vars(module)[name]).__name__}, not a labeling function or a list of them. "
            "Decorate it with @labeling_function or @response_scorer."
        )
    return lfs


def _public(module: ModuleType) -> list[str]:
    return [name for name in vars(module) if not name.startswith("_")]


def _members(module: ModuleType) -> list[LabelingFunction]:
    return _flat(vars(module).values())


def _flat(values: Iterable[object]) -> list[LabelingFunction]:
    """Labeling functions among `values` and in the lists and tuples among them, each once, in order."""
    found: dict[int, LabelingFunction] = {}
    for value in values:
        for item in value if isinstance(value, (list, tuple)) else (value,):
            if isinstance(item, LabelingFunction):
                found.setdefault(id(item), item)
    return list(found.values())


def _named(lfs: Sequence[LabelingFunction], family: str, source: str) -> list[LabelingFunction]:
    for lf in lfs:
        if "::" in lf.name:
            raise DiscoveryError(
                f"{source}: {lf.name!r} holds '::', which ends a source. Choose another name."
            )
    found = [replace(lf, family=family, spec=f"{source}::{lf.name}") for lf in lfs]
    for lf in found:  # as it is now, before the function has run and filled memos of its own
        remember(lf, home_of(lf.spec or ""))
    return found


def _pick(lfs: Sequence[LabelingFunction], name: str, source: str) -> LabelingFunction:
    for lf in lfs:
        if lf.name == name:
            return lf
    raise UnknownNameError.for_name(f"labeling function in {source}", name, [lf.name for lf in lfs])


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


def _short(error: Exception) -> str:
    return f"{type(error).__name__}: {str(error)[:300]}"
