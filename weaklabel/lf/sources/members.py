"""The labeling functions in a module: module-level ones, and those in module-level lists and tuples."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import replace
from pathlib import Path
from types import ModuleType

from weaklabel.errors import DiscoveryError, UnknownNameError
from weaklabel.lf.core import LabelingFunction
from weaklabel.lf.fingerprints import remember
from weaklabel.lf.modules import sources_of


def members(module: ModuleType) -> list[LabelingFunction]:
    """All labeling functions of a module, in order."""
    return functions_in(vars(module).values())


def members_named(module: ModuleType, name: str, source: str) -> list[LabelingFunction]:
    """The labeling functions in the object `name` of a module, or the one whose own name is `name`.

    Raises:
        UnknownNameError: no such object.
        DiscoveryError: an object that holds none.
    """
    if name not in vars(module):
        lfs = members(module)
        if any(lf.name == name for lf in lfs):
            return [pick(lfs, name, source)]
    value = attribute(module, name, source)
    lfs = functions_in([value])
    if not lfs:
        raise DiscoveryError(
            f"{source}: {name!r} is {type(value).__name__}, not a labeling function or a list of them. "
            "Decorate it with @labeling_function or @response_scorer."
        )
    return lfs


def attribute(module: ModuleType, name: str, source: str) -> object:
    """The object `name` of a module.

    Raises:
        UnknownNameError: no such object; lists the public ones.
    """
    if name not in vars(module):
        public = [known for known in vars(module) if not known.startswith("_")]
        raise UnknownNameError.for_name(f"object in {source}", name, public)
    return vars(module)[name]


def functions_in(values: Iterable[object]) -> list[LabelingFunction]:
    """Labeling functions among `values` and in the lists and tuples among them, each once, in order."""
    found: dict[int, LabelingFunction] = {}
    for value in values:
        for item in value if isinstance(value, (list, tuple)) else (value,):
            if isinstance(item, LabelingFunction):
                found.setdefault(id(item), item)
    return list(found.values())


def at_home(
    lfs: Sequence[LabelingFunction], family: str, source: str, home: Path | None
) -> list[LabelingFunction]:
    """The functions with their `family`, and with a `spec` that finds them in `source` again; `home` is their file.

    Raises:
        DiscoveryError: a name that no spec can hold.
    """
    for lf in lfs:
        if "::" in lf.name:
            raise DiscoveryError(
                f"{source}: {lf.name!r} holds '::', which ends a source. Choose another name."
            )
    found = [replace(lf, family=family, spec=f"{source}::{lf.name}") for lf in lfs]
    for lf in found:  # as it is now, before the function has run and filled memos of its own
        remember(lf, home)
    return found


def pick(lfs: Sequence[LabelingFunction], name: str, source: str) -> LabelingFunction:
    """The function called `name`.

    Raises:
        UnknownNameError: no such function.
    """
    for lf in lfs:
        if lf.name == name:
            return lf
    raise UnknownNameError.for_name(f"labeling function in {source}", name, [lf.name for lf in lfs])


def keep_sources(module: ModuleType) -> None:
    """Keep the module's sources as they are now: the votes of its functions are filed under them."""
    file = file_of(module)
    if file is not None and file.suffix == ".py":
        sources_of(file)


def file_of(module: ModuleType | None) -> Path | None:
    """The file of a module; None where there is none."""
    file = getattr(module, "__file__", None)
    return Path(file) if file else None


def shortened(error: Exception) -> str:
    """An error as the reason in another one."""
    return f"{type(error).__name__}: {str(error)[:300]}"
