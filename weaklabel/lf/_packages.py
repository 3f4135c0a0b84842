"""The installed packages that votes rest on, with their versions: those that a function reaches, and no others.

What a function uses itself is known from the walk. What it asks of the library (a feature by name, an attribute of a
text) is followed through the library's own code, so that only what counts syllables depends on pyphen.
"""

from __future__ import annotations

import functools
import sys
from collections.abc import Iterator, Sequence
from importlib import metadata
from types import FunctionType, ModuleType
from typing import Any, Final

from weaklabel.lf._code import uses
from weaklabel.lf._modules import place_of, place_of_module
from weaklabel.lf._reach import Reach

# What the library itself uses for a vote; which of them a function needs is looked up in the library's code.
_PACKAGES: Final = ("polars", "pyphen", "snowballstemmer", "vaderSentiment")
_ALWAYS: Final = ("polars",)  # features are computed in it without being called by the function


def packages_of(reaches: Sequence[Reach], *, is_coarse: bool) -> Iterator[tuple[str, str]]:
    """Name and version of the installed packages that a function, or what it asks of the library, uses."""
    names = set(_PACKAGES) if is_coarse else set(_ALWAYS)
    for reach in reaches:
        names |= reach.packages
        asked = [entry for word in sorted(reach.words & _askable().keys()) for entry in _askable()[word]]
        for entry in [*reach.ours.values(), *asked]:
            names |= _used_by_ours(entry)
    for top in sorted(names - sys.stdlib_module_names - {"weaklabel", "__main__"}):
        module = sys.modules.get(top)
        if module is None or place_of_module(module) == "installed":
            yield top, _version(top)


def _askable() -> dict[str, list[Any]]:
    """What of the library an attribute or a string may stand for, by its name."""
    from weaklabel.lf import features
    from weaklabel.types import Pair, Text

    found: dict[str, list[Any]] = {}
    for table in (features.FEATURES, features.PROMPT_FEATURES, vars(Text), vars(Pair)):
        for name, entry in table.items():
            found.setdefault(name, []).append(getattr(entry, "fget", None) or entry)
    return found


def _used_by_ours(entry: Any) -> set[str]:
    """Packages that a function or class of the library needs, whatever way its code leads to them."""
    if id(entry) not in _USED:
        _USED[id(entry)] = entry, _walk_ours(entry)
    return _USED[id(entry)][1]


_USED: dict[int, tuple[Any, set[str]]] = {}


def _walk_ours(entry: Any) -> set[str]:
    packages: set[str] = set()
    seen: dict[int, Any] = {}
    waiting = [entry]
    while waiting:
        value = waiting.pop()
        if id(value) in seen:
            continue
        seen[id(value)] = value
        value = getattr(value, "__wrapped__", value) if not isinstance(value, (type, FunctionType)) else value
        if isinstance(value, FunctionType):
            place = place_of(value.__code__.co_filename)
            if place == "installed":
                packages.add(str(value.__globals__.get("__name__")).partition(".")[0])
            if place != "ours":  # the project's own functions were walked for their own sake
                continue
            waiting += _named_in(value, packages)
            waiting += [cell.cell_contents for cell in value.__closure__ or () if _is_filled(cell)]
        elif isinstance(value, type):
            own = value.__module__.startswith("weaklabel.")
            waiting += [getattr(v, "fget", None) or v for v in vars(value).values()] if own else []
            if place_of_module(sys.modules.get(value.__module__)) == "installed":
                packages.add(value.__module__.partition(".")[0])
        elif isinstance(value, dict):
            waiting += list(value.values())
        elif isinstance(value, (list, tuple, set, frozenset)):
            waiting += [item for item in value if not isinstance(item, (str, int, float))]
        elif isinstance(value, (staticmethod, classmethod)):
            waiting.append(value.__func__)
        elif not isinstance(value, ModuleType):
            waiting.append(type(value))
    return packages


def _named_in(fn: FunctionType, packages: set[str]) -> Iterator[Any]:
    used = uses(fn.__code__)
    packages |= {name.partition(".")[0] for name, level, _ in used.imports if not level}
    for chain in used.names:
        value = fn.__globals__.get(chain[0])
        for attribute in chain[1:]:
            if not isinstance(value, ModuleType):
                break
            packages.add(value.__name__.partition(".")[0])
            value = vars(value).get(attribute)
        yield value
    for name, _, taken in used.imports:
        module = sys.modules.get(name)
        if module is not None and name.startswith("weaklabel."):
            yield from (vars(module).get(attribute) for attribute in taken)


def _is_filled(cell: Any) -> bool:
    try:
        return cell.cell_contents is not None
    except ValueError:
        return False


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


def versions() -> Iterator[str]:
    """What the library itself uses, with versions."""
    return (f"{name} {_version(name)}" for name in _PACKAGES)
