"""The fingerprint of a labeling function: a hash of everything that its votes rest on, except its name.

Into it go the function and what it reaches in the project's files: functions and classes by their syntax trees (no
comments, layout, docstrings), word lists and other values by what they held when the function was loaded, so that a
list read from a file counts by its words; statements at the top of those files that do more than define something;
settings, `version` and resources; Python, the installed packages that it uses, and `VOTES_VERSION` of our own code.

What cannot be followed makes the bytes of all the project's files behind the function count, and `grain` says why: code
that looks names up as it runs, objects that may change as they are used, files in which some function may change what
outlives its call. Not seen at all: what no file shows (a model on a server, a file or an environment variable that is
read while voting), for which `version=` is there; functions of other files that change what they share with these.
"""

from __future__ import annotations

import functools
import json
import sys
import weakref
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, fields
from importlib import metadata
from pathlib import Path
from typing import Any, Final, Literal, NamedTuple

from weaklabel.artifacts import content_hash
from weaklabel.lf import syntax
from weaklabel.lf.core import LabelingFunction, PairFunction, ResponseScorer, WrittenFunction
from weaklabel.lf.modules import imported_file, live_modules, place_of, place_of_module, sources_of
from weaklabel.lf.reach import THE_FUNCTION, Reach

VOTES_VERSION: Final = 1
"""Raised whenever the library's own code votes differently. `tests/golden_votes.py` holds the votes and says when."""

SHOWN: Final = ("kind", "package ", "python", "setting ", "weaklabel")
"""How the names of ingredients begin whose text is shown as it is."""

_FORMAT: Final = "votes 3"
# What the library's own features are computed with.
_ALWAYS: Final = ("numpy", "polars", "pyarrow", "pyphen", "snowballstemmer", "vaderSentiment")
# Packages whose functions leave the lists alone that they are given, or are known for it by name (`syntax`).
_CAREFUL: Final = (sys.stdlib_module_names | {"numpy", "polars", "pyarrow", "weaklabel"}) - {
    "array", "bisect", "copyreg", "ctypes", "gc", "heapq", "operator", "random", "struct"
}  # fmt: skip


class Grain(NamedTuple):
    """How finely edits are told apart: by "function", or by "file" for the `reason` given in words."""

    kind: Literal["function", "file"]
    reason: str


@dataclass(frozen=True)
class _MadeOf:
    """What votes rest on beside settings, as it was when the function was loaded."""

    parts: dict[str, str]
    packages: tuple[str, ...]
    sources: dict[Path, bytes]
    reason: str


# ------------------------------------------------------------------------------------------------ questions


def hash_of(lf: LabelingFunction, home: Path | None) -> str:
    """sha256 in hex of everything that votes rest on.

    Args:
        lf: a labeling function; its name, family and spec do not count.
        home: the file that it was found in, whose statements count as well.
    """
    return content_hash(_FORMAT, *(part for item in sorted(_ingredients(lf, home).items()) for part in item))


def ingredients_of(lf: LabelingFunction, home: Path | None) -> dict[str, str]:
    """What `hash_of` hashes, by name: settings and versions as they are, all else as 12 digits of its hash."""
    return {
        # Values are never shown: one of them may be a key.
        name: text if name.startswith(SHOWN) else content_hash(text)[:12]
        for name, text in _ingredients(lf, home).items()
    }


def grain_of(lf: LabelingFunction, home: Path | None) -> Grain:
    """How finely edits to the project are told apart for `lf`."""
    reason = remember(lf, home).reason
    return Grain("file" if reason else "function", reason)


def source_hash_of(lf: LabelingFunction, home: Path | None) -> str:
    """sha256 of the texts of its files and its settings: equal wherever the same files were loaded."""
    texts = [
        part
        for path, text in sorted(remember(lf, home).sources.items())
        for part in (path.name, _without_comments(path, text))
    ]
    settings = (part for item in sorted(_settings_of(lf).items()) for part in item)
    return content_hash(_FORMAT, *settings, *texts, *(f"{name} {_version(name)}" for name in _ALWAYS))


def _without_comments(path: Path, text: bytes) -> str:
    try:
        return syntax.source(text, str(path)).text
    except (SyntaxError, ValueError):  # nobody has loaded it
        return content_hash(text)


def resource_hash(value: Any) -> str:
    """sha256 of an object that votes rest on: of a function or class by its code, of others by what they hold."""
    return content_hash(repr(sorted(_remembered([("the resource", value)], None).parts.items())))


def remember(lf: LabelingFunction, home: Path | None) -> _MadeOf:
    """What the votes of `lf` rest on, fixed at the first call: a memo that it fills as it votes is no part of it."""
    # What nobody wrote is its class, which counts by VOTES_VERSION, and its settings.
    code = lf.fn if isinstance(lf, WrittenFunction) else type(lf)
    roots = [(THE_FUNCTION, code), *lf.resources.items()]
    if place_of_module(sys.modules.get(type(lf).__module__)) != "ours":
        roots.append(("the kind", type(lf)))
    return _remembered(roots, home)


def _remembered(roots: Sequence[tuple[str, Any]], home: Path | None) -> _MadeOf:
    # By identity: objects that are equal may carry different things.
    key = home, *(id(root) for _, root in roots)
    known = _KNOWN.get(key)
    if known is None or any(ref() is not root for ref, (_, root) in zip(known[0], roots, strict=True)):
        known = _KNOWN[key] = [_reference(root) for _, root in roots], _made_of(roots, home)
    return known[1]


_KNOWN: Final[dict[tuple[Any, ...], tuple[list[Callable[[], Any]], _MadeOf]]] = {}


def _reference(value: Any) -> Callable[[], Any]:
    try:
        return weakref.ref(value)
    except TypeError:
        return lambda: value


def _ingredients(lf: LabelingFunction, home: Path | None) -> dict[str, str]:
    made = remember(lf, home)
    return _settings_of(lf) | made.parts | {f"package {name}": _version(name) for name in made.packages}


def _settings_of(lf: LabelingFunction) -> dict[str, str]:
    values = dict(lf.parameters)
    if isinstance(lf, (PairFunction, ResponseScorer)):
        names = sorted({f.name for f in fields(lf)} - {"name", "family", "spec", "fn"})
        values = {name: getattr(lf, name) for name in names} | values
    found = {
        f"setting {name}": json.dumps(value, sort_keys=True, default=resource_hash)
        for name, value in values.items()
    }
    found["kind"] = type(lf).__qualname__
    optimised = f" -{'O' * sys.flags.optimize}" if sys.flags.optimize else ""
    found["python"] = f"{sys.version_info.major}.{sys.version_info.minor}{optimised}"
    found["weaklabel"] = f"votes {VOTES_VERSION}"
    return found


def _made_of(roots: Sequence[tuple[str, Any]], home: Path | None) -> _MadeOf:
    reach = Reach(roots)
    if home is not None and home.suffix == ".py" and home.is_file() and place_of(str(home)) != "ours":
        reach.files.add(home.resolve())
    sources = {path: text for file in sorted(reach.files) for path, text in sources_of(file).items()}
    parsed = {path: syntax.source(text, str(path)) for path, text in sources.items() if _is_project(path)}
    modules = live_modules(parsed)
    for path, source in parsed.items():
        reach.add_statements(path, source, modules.get(path))
    reason = next(iter([*reach.reasons, *_reasons(parsed, reach.shared, home)]), "")
    if reason:
        sources |= _importable(sources, reach.strings) if reach.is_blind else {}
        for path, text in sources.items():
            reach.parts[reach.free(f"file {path.name}")] = content_hash(text)
    names = reach.packages.union(_ALWAYS) - sys.stdlib_module_names - {"weaklabel", "__main__"}
    return _MadeOf(reach.parts, tuple(sorted(names)), sources, reason)


def _is_project(path: Path) -> bool:
    return place_of(str(path)) == "project"


def _reasons(parsed: dict[Path, syntax.Source], shared: str | None, home: Path | None) -> Iterator[str]:
    """Why files must count as a whole, although all that the function reaches could be followed."""
    if home is not None and place_of(str(home)) == "installed":
        yield f"{home.name} belongs to an installed package"
    # Such statements may have hung a list where no name of the project leads, into a package.
    anything = shared or any(source.always.text for source in parsed.values())
    for path, source in parsed.items():
        for is_list, words in source.changes:
            if anything or not is_list:
                yield f"{path.name}: {words}"
        for name in sorted(set(source.imported.values()) - _CAREFUL) if shared else ():
            if imported_file(path, name) is None:
                yield f"{path.name} uses {name}, which may change {shared}"


def _importable(sources: dict[Path, bytes], strings: set[str]) -> dict[Path, bytes]:
    """Files that code which looks names up as it runs may import: those beside it, and those that its strings name."""
    found: dict[Path, bytes] = {}
    for path in filter(_is_project, sources):
        found |= {file: file.read_bytes() for file in sorted(path.parent.glob("*.py")) if file not in sources}
        for text in sorted(strings):
            if all(part.isidentifier() for part in text.split(".")) and (file := imported_file(path, text)):
                found |= sources_of(file)
    return found


@functools.cache
def _version(top: str) -> str:
    try:
        return metadata.version(top)
    except metadata.PackageNotFoundError:
        pass
    # The package may have another name than what is imported (`sklearn`, `yaml`).
    names = sorted(set(_distributions().get(top, ())))
    return " ".join(f"{name} {metadata.version(name)}" for name in names) or "missing"


@functools.cache
def _distributions() -> dict[str, list[str]]:
    return dict(metadata.packages_distributions())
