"""Labeling functions of the user's own files and modules.

folder/                     every .py file in it, sorted; names that start with "_" are skipped
file.py, file.py:name       one file, or one object of it
module:name                 an object of an importable module: a labeling function, or a list or tuple of them
"""

from __future__ import annotations

import importlib
import sys
from collections.abc import Callable
from pathlib import Path
from types import ModuleType
from typing import Final, NamedTuple

from weaklabel._paths import check_name, expanded
from weaklabel.errors import DiscoveryError
from weaklabel.lf.core import LabelingFunction, WrittenFunction
from weaklabel.lf.modules import import_guarded, load_file
from weaklabel.lf.sources.kinds import Kind
from weaklabel.lf.sources.members import (
    at_home,
    attribute,
    file_of,
    keep_sources,
    members,
    members_named,
    shortened,
)

_SOURCES: Final = "A source is a folder, file.py, file.py:name, module:name, shipped, shipped:<family or preset> or entry:<name>."


class Place(NamedTuple):
    """Where a source leads: to a path or to a module, and perhaps to an object there."""

    path: str
    module: str
    name: str


def place_of(source: str) -> Place:
    """Where `folder`, `file.py`, `file.py:name` or `module:name` leads.

    >>> place_of("lfs/style.py:polite"), place_of("acme.lfs:LFS"), place_of("lfs/")
    (Place(path='lfs/style.py', module='', name='polite'), Place(path='', module='acme.lfs', name='LFS'), \
Place(path='lfs/', module='', name=''))
    """
    before, colon, name = source.rpartition(":")
    if before.endswith(".py") and not source.endswith(".py"):
        return Place(before, "", name)
    # The name of a folder may have a colon, that of a module has no slash.
    return (
        Place("", before, name)
        if colon and "/" not in source and not source.endswith(".py")
        else Place(source, "", "")
    )


class Files(Kind):
    """What begins with the name of no other kind."""

    def split(self, source: str) -> tuple[str, str]:
        # What is there comes before what colons mean: the name of a folder may have two.
        is_there = Path(source).is_dir() or Path(place_of(source).path).is_file()
        return (source, "") if is_there else super().split(source)

    def load_all(self, source: str) -> list[LabelingFunction]:
        if not source.strip():
            # "" as a path would be the working folder, and every file in it would be run.
            raise DiscoveryError(f"a source of labeling functions is empty. {_SOURCES}")
        source = expanded(source, "a source of labeling functions")
        path, _, name = place_of(source)
        if Path(source).is_dir():
            return _load_folder(Path(source))
        if path.endswith(".py"):
            return _load_file(Path(path), name, source)
        module, name = _import(source)
        lfs = members_named(module, name, source)
        return at_home(lfs, module.__name__.rpartition(".")[2], source, file_of(module))

    def home(self, spec: str) -> Path | None:
        path, module, _ = place_of(self.split(spec)[0])
        if path:
            return Path(path)
        return file_of(sys.modules.get(module))

    def moved(self, source: str, turn: Callable[[str], str]) -> str:
        path = place_of(self.split(source)[0]).path
        return turn(path) + source[len(path) :] if path.strip() else source


FILES: Final = Files()


def load_object(source: str) -> object:
    """The object that `module:name` or `file.py:name` names, whatever it is; how Snorkel's functions are found.

    Raises:
        DiscoveryError: no such file or module, or it does not load.
        UnknownNameError: no such object in it.
    """
    path, _, name = place_of(source)
    if path and name:
        return attribute(load_file(Path(path)), name, source)
    module, name = _import(source)
    return attribute(module, name, source)


def _load_folder(folder: Path) -> list[LabelingFunction]:
    """Every file of a folder. A file may hold helpers only; the folder may not."""
    modules: dict[Path, ModuleType] = {}
    problems = []
    for path in sorted(folder.glob("*.py")):
        if path.name.startswith("_"):
            continue
        check_name(str(path), "a file of labeling functions")
        try:
            modules[path] = load_file(path)
        except DiscoveryError as error:
            problems.append(str(error))
    names = {module.__name__ for module in modules.values()}
    found = []
    for path, module in modules.items():
        own = [lf for lf in members(module) if not _is_of(lf, names - {module.__name__})]
        found += at_home(own, path.stem, path.as_posix(), path)
    if problems:
        raise DiscoveryError("; ".join(dict.fromkeys(problems)))
    if not found:
        raise DiscoveryError(
            f"{folder}/ holds no labeling function in any .py file. "
            "Decorate one with @labeling_function or @response_scorer."
        )
    return found


def _is_of(lf: LabelingFunction, modules: set[str]) -> bool:
    """Whether the function was written in one of these: what a file imports from its neighbour is the neighbour's."""
    return isinstance(lf, WrittenFunction) and lf.fn.__module__ in modules


def _load_file(path: Path, name: str, source: str) -> list[LabelingFunction]:
    module = load_file(path)
    lfs = members_named(module, name, source.removesuffix(f":{name}")) if name else members(module)
    if not lfs:
        raise DiscoveryError(
            f"{source} holds no labeling function. Decorate one with @labeling_function or @response_scorer; "
            "a plain function is none."
        )
    return at_home(lfs, path.stem, source, path)


def _import(source: str) -> tuple[ModuleType, str]:
    """The module and the object name of `module:name`."""
    module_name, _, name = source.partition(":")
    if not name or not all(part.isidentifier() for part in module_name.split(".")):
        raise DiscoveryError(f"there is no folder or file {source!r}. {_SOURCES}")
    if not {"", str(Path.cwd())} & set(sys.path):
        # An installed command does not see the project's folder; last, so that it hides nothing.
        sys.path.append(str(Path.cwd()))
    try:
        module = import_guarded(lambda: importlib.import_module(module_name), f"the module {module_name}")
    except Exception as error:
        raise DiscoveryError(f"{source}: importing {module_name!r} failed: {shortened(error)}.") from error
    keep_sources(module)
    return module, name
