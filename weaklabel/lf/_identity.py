"""The fingerprint of a labeling function: a hash of everything its votes rest on, except its name.

Into it go the source of its file and of the project files that this imports, the values it has captured
(closures, defaults, and the globals that its code names: a word list read from a file counts by its words),
its settings and `version`, the library's own code, Python, and the packages that the text features use. What
cannot be followed (a model on a server, a C extension's data) is what `version=` is for.

An edit anywhere in the file changes the fingerprint, a comment too: coarse, and never wrong.
"""

from __future__ import annotations

import contextlib
import functools
import json
import re
import sys
import weakref
from collections.abc import Callable, Iterator
from importlib import metadata
from pathlib import Path
from types import CellType, CodeType, FunctionType
from typing import Any, Final

from weaklabel.artifacts import content_hash
from weaklabel.lf._modules import sources_of
from weaklabel.lf.core import LabelingFunction

_PACKAGES: Final = ("polars", "pyphen", "snowballstemmer", "vaderSentiment")
_OURS: Final = ("weaklabel.lf.", "weaklabel.types.")
_NO_VOTES: Final = {"__init__.py", "_identity.py", "_modules.py", "analysis.py", "checks.py", "discovery.py"}
_ROOM: Final = Path(__file__).resolve().parent
# Captured values as they were when first asked about: a memo that a function fills as it runs is no setting.
_CAPTURED: weakref.WeakKeyDictionary[Callable[..., Any], str] = weakref.WeakKeyDictionary()


def hash_of(lf: LabelingFunction, home: Path | None, *, values: bool = True) -> str:
    """sha256 in hex.

    Args:
        lf: a labeling function; its name, family and spec do not count.
        home: the file that it was found in; the file that defines its function counts as well.
        values: whether captured values count; without them only sources and settings do.
    """
    files = {home, lf.source_file} - {None, Path("")}
    sources: dict[Path, bytes] = {}
    for file in files:
        if file is not None and file.is_file() and not file.resolve().is_relative_to(_ROOM):
            sources |= sources_of(file)
    return content_hash(
        "votes 1",
        f"{sys.version_info.major}.{sys.version_info.minor}",
        type(lf).__qualname__,
        getattr(lf.fn, "__qualname__", type(lf.fn).__qualname__),
        json.dumps(lf.parameters, sort_keys=True, default=_encode),
        captured(lf.fn) if values else "",
        *(part for path in sorted(sources) for part in (path.name, sources[path])),
        _library(),
    )


def captured(fn: Callable[..., Any]) -> str:
    """The values that `fn` carries along, as text. Fixed at the first call."""
    try:
        return _CAPTURED[fn]
    except (KeyError, TypeError):
        text = _encode(fn)
    with contextlib.suppress(TypeError):  # cannot be weakly referenced or hashed: looked at again each time
        _CAPTURED[fn] = text
    return text


@functools.cache
def _library() -> str:
    """Hash of this room's code that votes and of `Text` and `Pair`, and the versions of what it uses."""
    files = [p for p in sorted(_ROOM.iterdir()) if p.is_file() and p.name not in _NO_VOTES]
    files += [_ROOM.parent / "types" / name for name in ("text.py", "pair.py")]
    return content_hash(*(part for p in files for part in (p.name, p.read_bytes())), *_versions())


def _versions() -> Iterator[str]:
    for name in _PACKAGES:
        try:
            yield f"{name} {metadata.version(name)}"
        except metadata.PackageNotFoundError:
            yield f"{name} missing"


def _encode(value: Any, seen: dict[int, Any] | None = None) -> str:
    if value is None or isinstance(value, (bool, int, float, complex, str, bytes)):
        return repr(value)
    seen = {} if seen is None else seen
    if id(value) in seen:
        return "..."
    seen[id(value)] = value  # kept alive, so that no other object gets its id
    if isinstance(value, (list, tuple)):
        return f"[{', '.join(_encode(item, seen) for item in value)}]"
    if isinstance(value, (set, frozenset)):
        return f"{{{', '.join(sorted(_encode(item) for item in value))}}}"
    if isinstance(value, dict):
        return f"{{{', '.join(f'{_encode(k, seen)}: {_encode(v, seen)}' for k, v in value.items())}}}"
    if isinstance(value, re.Pattern):
        return f"re({value.pattern!r}, {value.flags})"
    if isinstance(value, functools.partial):
        return f"partial{_encode([value.func, value.args, value.keywords], seen)}"
    if isinstance(value, FunctionType):
        return _encode_function(value, seen)
    if inner := getattr(value, "__wrapped__", None):
        return _encode(inner, seen)
    return str(getattr(value, "__qualname__", type(value).__qualname__))  # its code counts through its file


def _encode_function(fn: FunctionType, seen: dict[int, Any]) -> str:
    if (fn.__module__ or "").startswith(_OURS) and not fn.__closure__:
        return fn.__qualname__  # its code counts with the library
    names = {name for code in _codes(fn.__code__) for name in code.co_names}
    used = [(name, fn.__globals__[name]) for name in sorted(names & fn.__globals__.keys())]
    cells = [_cell(cell) for cell in fn.__closure__ or ()]
    return f"{fn.__qualname__}{_encode([cells, fn.__defaults__, fn.__kwdefaults__, used], seen)}"


def _codes(code: CodeType) -> Iterator[CodeType]:
    yield code
    for constant in code.co_consts:
        if isinstance(constant, CodeType):
            yield from _codes(constant)


def _cell(cell: CellType) -> Any:
    try:
        return cell.cell_contents
    except ValueError:  # not filled yet
        return None
