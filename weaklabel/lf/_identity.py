"""The fingerprint of a labeling function: a hash of everything its votes rest on, except its name.

Into it go the function and all that it reaches in the project's files (`_reach`): functions and classes without
comments, layout and docstrings; word lists and other values as they were when the function was loaded, so that a list
read from a file counts by its words; settings and `version`; Python, weaklabel's own code, and the versions of the
packages that it uses. An edit to anything else recomputes nothing.

What cannot be followed (code that looks up names as it runs, functions that change others' globals) makes the sources
of the files count as a whole, as bytes; `grain` says so and why. What no source shows (a model on a server, a file or
an environment variable that is read while voting) is what `version=` is for.
"""

from __future__ import annotations

import contextlib
import functools
import json
import sys
import weakref
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final, Literal, NamedTuple

from weaklabel.artifacts import content_hash
from weaklabel.lf._code import without_comments
from weaklabel.lf._effects import outside
from weaklabel.lf._modules import is_installed, live_modules, place_of, place_of_module, sources_of
from weaklabel.lf._packages import packages_of, versions
from weaklabel.lf._reach import Reach
from weaklabel.lf._shared import changed_beside, changed_elsewhere
from weaklabel.lf._values import settings_in
from weaklabel.lf.core import LabelingFunction, PairFunction, ResponseScorer

_NO_VOTES: Final = {
    "__init__.py", "_code.py", "_effects.py", "_identity.py", "_modules.py", "_packages.py", "_reach.py", "_shared.py", "_values.py", "analysis.py", "checks.py",
    "discovery.py"
}  # fmt: skip
_ROOM: Final = Path(__file__).resolve().parent
_FORMAT: Final = "votes 2"
_SHOWN: Final = ("kind", "package ", "python", "setting ")
# What callables reached when they were first asked about: a memo that a function fills as it runs is no setting.
_KNOWN: dict[int, tuple[Any, Reach]] = {}


class Grain(NamedTuple):
    """How finely edits are told apart: by "function", or by "file" for the `reason` given in words."""

    kind: Literal["function", "file"]
    reason: str


@dataclass(frozen=True)
class _Identity:
    ingredients: dict[str, str]
    grain: Grain


def hash_of(lf: LabelingFunction, home: Path | None) -> str:
    """sha256 in hex of everything that votes rest on.

    Args:
        lf: a labeling function; its name, family and spec do not count.
        home: the file that it was found in; the file that defines its function counts as well.
    """
    found = _identity(lf, home).ingredients
    return content_hash(_FORMAT, *(part for item in sorted(found.items()) for part in item))


def ingredients_of(lf: LabelingFunction, home: Path | None) -> dict[str, str]:
    """What `hash_of` hashes, by name: settings and versions as they are, all else as 12 digits of its hash."""
    return {
        # Values are never shown: one of them may be a key.
        name: text if name.startswith(_SHOWN) else content_hash(text)[:12]
        for name, text in _identity(lf, home).ingredients.items()
    }


def grain_of(lf: LabelingFunction, home: Path | None) -> Grain:
    """How finely edits to the project are told apart for `lf`."""
    return _identity(lf, home).grain


def source_hash_of(lf: LabelingFunction, home: Path | None) -> str:
    """sha256 of the texts of its files without comments, and its settings: equal wherever the same files were loaded."""
    files = _files(lf, home)
    texts = (part for path, source in sorted(files.items()) for part in (path.name, _text_of_file(source)))
    settings = (part for item in sorted(_settings(lf).items()) for part in item)
    return content_hash(_FORMAT, *settings, *texts, _library(), *versions())


def captured(fn: Any) -> str:
    """What `fn` (a function, or any object) is made of and carries along, as text. Fixed at the first call."""
    return _reach(fn).text


def _reach(root: Any) -> Reach:
    # By identity: objects that are equal may carry different things.
    known = _KNOWN.get(id(root))
    if known is not None and (known[0]() if isinstance(known[0], weakref.ref) else known[0]) is root:
        return known[1]
    found = Reach(root)
    holder: Any = root
    with contextlib.suppress(TypeError):  # some objects cannot be referred to weakly: they live on
        holder = weakref.ref(root, functools.partial(_forget, _KNOWN, id(root)))
    _KNOWN[id(root)] = holder, found
    return found


def _forget(known: dict[int, tuple[Any, Reach]], key: int, dead: Any) -> None:
    if key in known and known[key][0] is dead:
        del known[key]


def _identity(lf: LabelingFunction, home: Path | None) -> _Identity:
    reaches = [_reach(root) for root in _roots(lf)]
    # Kept with the function, so that a file which is loaded anew lends the old function nothing.
    key = (home, *map(id, reaches[1:]))
    if key not in reaches[0].files:
        sources = _files(lf, home)
        reaches[0].files[key] = sources, _first_reason(lf, home, reaches, sources)
    files, reason = reaches[0].files[key]
    found = _settings(lf)
    for number, reach in enumerate(reaches):
        for label, text in reach.parts.items():
            found[label if number == 0 else f"{label} ({number})"] = text
    if reason:
        for path, source in sorted(files.items()):
            label = f"file {path.name}"
            while label in found:
                label += "'"
            found[label] = content_hash(source)
    found["weaklabel"] = _library()
    found |= {f"package {name}": version for name, version in packages_of(reaches, is_coarse=bool(reason))}
    return _Identity(found, Grain("file" if reason else "function", reason or ""))


def _roots(lf: LabelingFunction) -> list[Any]:
    """The callables behind the votes: the function (else its class), and of Snorkel's what stands around it."""
    fn, wrapped = getattr(lf, "fn", type(lf)), getattr(lf, "wrapped", None)
    around = [] if wrapped is None or wrapped is fn else [type(wrapped), *getattr(wrapped, "_pre", ())]
    around += list(getattr(wrapped, "_resources", {}).values()) if around else []
    return [fn, *around]


def _settings(lf: LabelingFunction) -> dict[str, str]:
    values = dict(lf.parameters)
    if isinstance(lf, (PairFunction, ResponseScorer)):
        values = settings_in(lf) | values
    found = {
        f"setting {name}": json.dumps(value, sort_keys=True, default=captured)
        for name, value in values.items()
    }
    found["kind"] = type(lf).__qualname__
    if place_of_module(sys.modules.get(type(lf).__module__)) != "ours":
        found["kind"] += f" {captured(type(lf))}"
    optimised = f" -{'O' * sys.flags.optimize}" if sys.flags.optimize else ""
    found["python"] = f"{sys.version_info.major}.{sys.version_info.minor}{optimised}"
    return found


def _files(lf: LabelingFunction, home: Path | None) -> dict[Path, bytes]:
    """The project's files behind `lf` and their bytes as they were executed."""
    sources: dict[Path, bytes] = {}
    for file in {home, lf.source_file} - {None, Path("")}:
        if file is not None and file.is_file() and place_of(str(file)) != "ours" and file.suffix == ".py":
            sources |= sources_of(file)
    return sources


def _text_of_file(source: bytes) -> str:
    try:
        return without_comments(source)
    except (SyntaxError, ValueError):
        return content_hash(source)


# ---------------------------------------------------------------------------------------------------- grain


def _first_reason(
    lf: LabelingFunction, home: Path | None, reaches: list[Reach], files: dict[Path, bytes]
) -> str | None:
    """Why files must count as a whole, None where every edit can be told apart."""
    for reach in reaches:
        if reach.reasons:
            return reach.reasons[0]
    own = home or lf.source_file
    if own is not None and is_installed(own.resolve()) and place_of(str(own)) == "installed":
        return f"{own.name} belongs to an installed package"
    modules = live_modules(files)
    live = {str(path): (files[path], vars(modules[path])) for path in sorted(files) if path in modules}
    for file, (source, namespace) in live.items():
        with contextlib.suppress(SyntaxError, ValueError):
            if found := outside(source, namespace):
                return f"{Path(file).name} {found}"
    for reach in reaches:
        # Globals that it names, and those by which others get at what it holds.
        known = {(id(owner), name): (owner, name, value) for owner, name, value in reach.globals.values()}
        for _, namespace in live.values():
            for name, value in namespace.items():
                if reach.holds(value):
                    known.setdefault((id(namespace), name), (namespace, name, value))
        for owner, name, value in known.values():
            if found := changed_elsewhere(name, value, owner, live, reach.functions):
                return found
        for file, name, value in reach.cells:
            if file in live and (found := changed_beside(name, value, file, live[file][0], reach.functions)):
                return found
    return None


@functools.cache
def _library() -> str:
    """Hash of this room's code that votes and of `Text` and `Pair`."""
    files = [p for p in sorted(_ROOM.rglob("*.py")) if p.name not in _NO_VOTES]
    files += [_ROOM.parent / "types" / name for name in ("text.py", "pair.py")]
    return content_hash(*(part for p in files for part in (p.name, p.read_bytes())))
