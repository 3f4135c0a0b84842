"""The fingerprint of a labeling function: a hash of everything its votes rest on, except its name.

Into it go the source of its file and of the project files that this imports, the values it has captured
(closures, defaults, and the globals that its code names: a word list read from a file counts by its words, an
object by its attributes, an array by its numbers),
its settings and `version`, the library's own code, Python, and the packages that the text features use. What
cannot be followed (a model on a server, a C extension's data) is what `version=` is for.

An edit anywhere in the file changes the fingerprint, a comment too: coarse, and never wrong.
"""

from __future__ import annotations

import contextlib
import datetime
import functools
import json
import os
import re
import sys
import weakref
from collections import deque
from collections.abc import Iterator, Mapping
from decimal import Decimal
from importlib import metadata
from logging import Logger
from pathlib import Path
from types import CellType, CodeType, FunctionType, ModuleType
from typing import Any, Final

import numpy as np

from weaklabel.artifacts import content_hash
from weaklabel.lf._modules import is_installed, sources_of
from weaklabel.lf.core import LabelingFunction

_PACKAGES: Final = ("polars", "pyphen", "snowballstemmer", "vaderSentiment")
_OURS: Final = ("weaklabel.lf.", "weaklabel.types.")
_NO_VOTES: Final = {"__init__.py", "_identity.py", "_modules.py", "analysis.py", "checks.py", "discovery.py"}
_PLAIN: Final = (
    type(None), bool, int, float, complex, str, bytes, bytearray, range, datetime.date, datetime.timedelta, Decimal
)  # fmt: skip
_MOST_OBJECTS: Final = 100_000  # of a larger graph (a language pipeline, say) the rest counts by type alone
_ROOM: Final = Path(__file__).resolve().parent
# Captured values as they were when first asked about: a memo that a function fills as it runs is no setting.
_CAPTURED: weakref.WeakKeyDictionary[Any, str] = weakref.WeakKeyDictionary()


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


def captured(fn: Any) -> str:
    """What `fn` (a function, or any object) is made of and carries along, as text. Fixed at the first call."""
    try:
        return _CAPTURED[fn]
    except (KeyError, TypeError):
        try:
            text = _encode(fn)
        except RecursionError:  # a chain of objects too long to follow
            text = _name(fn)
    with contextlib.suppress(TypeError):  # cannot be weakly referenced or hashed: looked at again each time
        _CAPTURED[fn] = text
    return text


@functools.cache
def _library() -> str:
    """Hash of this room's code that votes and of `Text` and `Pair`, and the versions of what it uses."""
    files = [p for p in sorted(_ROOM.rglob("*.py")) if p.name not in _NO_VOTES]
    files += [_ROOM.parent / "types" / name for name in ("text.py", "pair.py")]
    return content_hash(*(part for p in files for part in (p.name, p.read_bytes())), *_versions())


def _versions() -> Iterator[str]:
    for name in _PACKAGES:
        try:
            yield f"{name} {metadata.version(name)}"
        except metadata.PackageNotFoundError:
            yield f"{name} missing"


def _encode(value: Any, seen: dict[int, tuple[int, Any]] | None = None) -> str:
    """`value` as text that is equal in every process for equal values, with the state of objects in it."""
    if isinstance(value, _PLAIN):
        return repr(value)
    seen = {} if seen is None else seen
    if id(value) in seen:
        return f"#{seen[id(value)][0]}"
    if len(seen) >= _MOST_OBJECTS:
        return _name(value)
    seen[id(value)] = len(seen), value  # kept alive, so that no other object gets its id
    if isinstance(value, (list, tuple, deque)):
        return f"[{', '.join(_encode(item, seen) for item in value)}]"
    if isinstance(value, (set, frozenset)):
        # Each on its own: numbers that depend on the order would make the text depend on it.
        return f"{{{', '.join(sorted(_encode(item, dict(seen)) for item in value))}}}"
    if isinstance(value, Mapping):
        return f"{{{', '.join(f'{_encode(k, seen)}: {_encode(v, seen)}' for k, v in value.items())}}}"
    if isinstance(value, re.Pattern):
        return f"re({value.pattern!r}, {value.flags})"
    if isinstance(value, (np.ndarray, np.generic)):
        values = _encode(value.tolist(), seen) if value.dtype.hasobject else content_hash(value.tobytes())
        return f"array({value.dtype}, {value.shape}, {values})"
    if isinstance(value, functools.partial):
        return f"partial{_encode([value.func, value.args, value.keywords], seen)}"
    if isinstance(value, FunctionType):
        return _encode_function(value, seen)
    return _encode_object(value, seen)


def _encode_object(value: Any, seen: dict[int, tuple[int, Any]]) -> str:
    if isinstance(value, (type, ModuleType, Logger)):
        return _name(value)  # its code counts through its file; what a logger is set to does not count
    if isinstance(value, os.PathLike):
        return repr(os.fspath(value))
    owner = getattr(value, "__self__", None)  # a bound method, of Python or of C
    if owner is not None and not isinstance(owner, (type, ModuleType)):
        return f"{_name(value)}{_encode([owner, getattr(value, '__func__', None)], seen)}"
    return f"{_name(value)}{_encode(object.__getstate__(value), seen)}"


def _encode_function(fn: FunctionType, seen: dict[int, tuple[int, Any]]) -> str:
    if (fn.__module__ or "").startswith(_OURS) and not fn.__closure__:
        return fn.__qualname__  # its code counts with the library
    codes = list(_codes(fn.__code__))
    names = {name for code in codes for name in code.co_names}
    # Installed packages have versions; ours counts alike however it was installed.
    ours = (fn.__module__ or "").startswith("weaklabel.")
    installed = not ours and is_installed(Path(fn.__code__.co_filename))
    follow = () if installed else sorted(names & fn.__globals__.keys())
    used = [(name, fn.__globals__[name]) for name in follow]
    cells = [_cell(cell) for cell in fn.__closure__ or ()]
    # The code too: a file may hold many lambdas, and they all have one name.
    own = [
        (code.co_code, code.co_names, [c for c in code.co_consts if not isinstance(c, CodeType)])
        for code in codes
    ]
    return f"{fn.__qualname__}{_encode([own, cells, fn.__defaults__, fn.__kwdefaults__, used], seen)}"


def _name(value: Any) -> str:
    return str(getattr(value, "__qualname__", type(value).__qualname__))


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
