"""Everything that a function, or any object, reaches: what its fingerprint is made of.

From a function to the globals that its code names, to the functions, classes and values behind them, and on through
closures, defaults and attributes, across the project's files. The live objects are asked rather than the text, so that
star imports, decorators, conditional definitions and lists that were filled at import are what they turned out to be.
Installed packages count by version, our own code by `VOTES_VERSION`. What cannot be followed is written down as a
reason, and then the files count as a whole (`fingerprints`).
"""

from __future__ import annotations

import copyreg
import functools
import os
import re
import sys
import types
from collections import ChainMap, Counter, OrderedDict, deque
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from types import FunctionType, ModuleType
from typing import Any, Final

import numpy as np

from weaklabel.artifacts import content_hash
from weaklabel.lf import syntax
from weaklabel.lf.modules import import_for, place_of, place_of_module, sources_of

THE_FUNCTION: Final = "the function"

_DYNAMIC: Final = {"__import__", "compile", "eval", "exec", "globals"}
_HIDING: Final = {
    "code", "ctypes", "dill", "cloudpickle", "gc", "importlib", "inspect", "joblib", "linecache", "marshal",
    "pickle", "pkgutil", "runpy", "shelve", "traceback"
}  # fmt: skip
_MACHINERY: Final = {"__builtins__", "__loader__", "__spec__"}
_PLACES: Final = {"__cached__", "__file__", "__path__"}  # where a project lies does not count
_PLAIN: Final = {type(None), bool, int, float, complex, str, bytes, type(...), type(NotImplemented)}
_CONTAINERS: Final = {list, dict, set, deque, Counter, OrderedDict, ChainMap, bytearray, np.ndarray}
# Kinds of other packages whose objects change by nothing but the methods and statements that `syntax` knows.
_STEADY: Final = _PLAIN | _CONTAINERS | {
    object, tuple, frozenset, range, slice, property, types.BuiltinFunctionType, types.ClassMethodDescriptorType,
    types.MappingProxyType, types.MethodDescriptorType, types.MethodType, types.MethodWrapperType, types.WrapperDescriptorType
}  # fmt: skip
_STEADY_MODULES: Final = {
    "abc", "collections.abc", "dataclasses", "datetime", "decimal", "enum", "fractions", "functools", "logging", "numbers", "numpy",
    "numpy.dtypes", "operator", "pathlib", "re", "types", "typing", "zoneinfo"
}  # fmt: skip
# What wrappers copy from a function, for people. Code that reads one of these cannot be followed.
_COPIED: Final = {"__doc__", "__module__", "__name__", "__qualname__", "__annotations__"}
_MANGLED: Final = re.compile(r"_[^\W_]\w*?__\w*(?<!__)$")  # what __X stands for in a class C: _C__X
# The folder in the name of a module that was loaded by path.
_FOLDER: Final = re.compile(r"weaklabel_lfs_[0-9a-f]{12}\.")


class Reach:
    """Everything that some objects reach.

    Attributes:
        parts: label (`function helper.count`, `value style.WORDS`) -> text; equal in every process for equal things.
        reasons: what could not be followed, in words, first met first.
        packages: import names of the installed packages in use.
        files: the project's files that were come by.
        shared: the label of a part that holds a list, dict or the like, which others could change; None without one.
        strings: string constants of all code among the parts.
        is_blind: whether some of that code looks names up as it runs, and may import what no statement names.
    """

    def __init__(self, roots: Iterable[tuple[str, Any]]) -> None:
        self.parts: dict[str, str] = {}
        self.reasons: list[str] = []
        self.packages: set[str] = set()
        self.files: set[Path] = set()
        self.shared: str | None = None
        self.strings: set[str] = set()
        self.is_blind = False
        self._label = ""
        self._seen: dict[int, tuple[str, Any]] = {}
        self._counts = Counter[str]()
        self._named: set[tuple[int, str]] = set()
        self._waiting: deque[tuple[str, Any]] = deque(roots)
        self._follow()

    def add_statements(self, path: Path, source: syntax.Source, module: ModuleType | None) -> None:
        """Add the statements of a file that count for all of its functions; all, if it is loaded as a function runs."""
        self._label = self.free(f"statements of {path.name}")
        text = self._piece(source.always, vars(module), source.always.names) if module else source.text
        if text:
            self.parts[self._label] = text
        self._follow()

    def free(self, label: str) -> str:
        """`label`, or the like where another part has it."""
        while label in self.parts or any(label == waiting for waiting, _ in self._waiting):
            label += "'"
        return label

    def _follow(self) -> None:
        while self._waiting:
            self._label, value = self._waiting.popleft()
            try:
                self.parts[self._label] = self._encode(value)
            except RecursionError:
                self.parts[self._label] = type(value).__qualname__
                self._cannot("holds a chain of objects too long to follow")

    def _cannot(self, reason: str) -> None:
        self.reasons.append(reason if self._label == THE_FUNCTION else f"{self._label} {reason}")

    def _cannot_see(self, name: str | None) -> None:
        self.is_blind = True
        self._cannot(f"uses {name}")

    def _package(self, name: str | None) -> None:
        top = (name or "").partition(".")[0]
        if top.lstrip("_") in _HIDING or name == "unittest.mock":
            self._cannot_see(name)
        if top:
            self.packages.add(top)

    # ---------------------------------------------------------------------------------------------- names

    def _piece(self, piece: syntax.Piece, namespace: dict[str, Any], names: Iterable[syntax.Chain]) -> str:
        """The text of a piece; `names` are followed."""
        self.strings |= piece.strings
        if piece.odd:
            self._cannot(f"reads .{piece.odd}")
        for chain in sorted(names):
            self._name(namespace, *chain)
        for module, level in sorted(piece.imports):
            self._import(namespace, module, level)
        return piece.text

    def _name(self, namespace: dict[str, Any], name: str, *rest: str) -> None:
        """What a name stands for; attributes of modules are followed as far as the code spells them out."""
        value = namespace.get(name)
        if name in _MACHINERY or (name in _DYNAMIC and name not in namespace):
            self._cannot_see(name)
        elif not isinstance(value, ModuleType) or place_of_module(value) != "project":
            if name in namespace and name not in _PLACES and (id(namespace), name) not in self._named:
                self._named.add((id(namespace), name))
                self._waiting.append((self.free(f"{_kind_of(value)} {_stem(namespace)}.{name}"), value))
        elif rest and rest[0] in vars(value):
            self._file(value)
            self._name(vars(value), *rest)
        elif rest and "__getattr__" in vars(value):
            self._name(vars(value), "__getattr__")
        elif not rest:
            self._module(value)

    def _import(self, namespace: dict[str, Any], name: str, level: int) -> None:
        """An import statement inside a function: the module is loaded now, as it would be then."""
        try:
            module = import_for(namespace, name, level)
        except Exception as error:
            self._cannot(f"imports {name}, which does not load ({type(error).__name__})")
        else:
            self._package(name) if module is None else self._module(module)

    def _module(self, module: ModuleType) -> str:
        """A module that is handed around: whatever it holds may be used."""
        if place_of_module(module) != "project":
            self._package(module.__name__)
            return f"module {module.__name__}"
        self._file(module)
        name = f"{_stem(vars(module))}.py"
        if (id(module), "") not in self._named:
            self._named.add((id(module), ""))
            self._cannot(f"uses {name} as a whole")
            for inside in sorted(vars(module).keys() - _MACHINERY):
                self._name(vars(module), inside)
        return f"module {name}"

    def _file(self, module: ModuleType | None) -> None:
        file = Path(getattr(module, "__file__", None) or "")
        if file.suffix == ".py":
            self.files.add(file.resolve())
        elif file.is_file():  # a compiled module of the project
            self.parts[f"file {file.name}"] = content_hash(file.read_bytes())

    # --------------------------------------------------------------------------------------------- values

    def _all(self, values: Iterable[Any]) -> str:
        return ", ".join(map(self._encode, values))

    def _encode(self, value: Any) -> str:
        """A value as text that is equal in every process for equal values, with the state of objects in it."""
        kind = type(value)
        if kind in _PLAIN:
            if kind is str and value.startswith("__") and value in syntax.LOOKING_IN:  # for getattr, it seems
                self._cannot(f"holds the name {value}")
            return repr(_FOLDER.sub("", value) if kind is str else value)
        if kind is tuple:
            return f"({self._all(value)})"
        if isinstance(value, ModuleType):
            return self._module(value)
        if value is os.environ:  # what is in it is nothing that a file says
            return "environment"
        if isinstance(value, type) and _place(value) in ("ours", "installed"):
            self._package(value.__module__)
            return f"{value.__module__}.{value.__qualname__}"
        if id(value) in self._seen:  # named by where it was met first
            return self._seen[id(value)][0]
        self._counts[self._label] += 1
        met = f"&{self._label}/{self._counts[self._label]}"
        self._seen[id(value)] = met, value  # the object too: while it lives, no other gets its id
        if isinstance(value, FunctionType):
            return self._function(value)
        if isinstance(value, type):
            return self._class(value)
        if kind in _CONTAINERS:
            self.shared = self.shared or self._label
        return self._object(value, kind)

    def _object(self, value: Any, kind: type) -> str:
        if not all(map(_is_steady, kind.__mro__)):
            self._cannot(f"holds a {kind.__module__}.{kind.__qualname__}, which may change as it is used")
        if kind is list:
            return f"[{self._all(value)}]"
        if kind in (dict, types.MappingProxyType):
            return f"{{{self._all(value.items())}}}"
        if kind is np.ndarray and not value.dtype.hasobject:
            return f"array({value.dtype}, {value.shape}, {content_hash(value.tobytes())})"
        if isinstance(value, functools._lru_cache_wrapper):  # what it remembers is no part of it
            self.shared = self.shared or self._label
            return f"cached {self._encode(value.__wrapped__)}"
        return self._state(value, kind)

    def _state(self, value: Any, kind: type) -> str:
        """What an object of a class carries: what its class would pickle and, of a project's class, its attributes."""
        raw = object.__getstate__(value) if _place(kind) in ("project", "memory") else None
        if isinstance(value, (set, frozenset)):
            return f"{self._encode(kind)}{self._set(value)} {self._encode(raw)}"
        reduce: Callable[[Any], Any] = copyreg.dispatch_table.get(kind, _reduced)
        try:
            reduced = reduce(value)
        except Exception:
            self._cannot(f"holds a {kind.__qualname__}, which cannot be looked into")
            reduced = ()
        if isinstance(reduced, str):  # it is pickled by its name
            home = sys.modules.get(value.__module__)
            self._package(value.__module__) if place_of_module(home) == "installed" else self._file(home)
            return f"{value.__module__}.{reduced} {self._encode(raw)}"
        pieces = [list(p) if i in (3, 4) and p is not None else p for i, p in enumerate(reduced[:5])]
        return f"{self._encode(kind)}({self._all([*pieces, raw])})"

    def _set(self, values: Iterable[Any]) -> str:
        # Each item on its own: numbers that depend on the order would make the text depend on it.
        items, seen, counts = [], self._seen, self._counts
        for item in values:
            if type(item) not in _PLAIN:
                self._seen, self._counts = dict(seen), counts.copy()
            items.append(self._encode(item))
        self._seen, self._counts = seen, counts
        return f"{{{', '.join(sorted(items))}}}"

    def _function(self, fn: FunctionType) -> str:
        code, place = fn.__code__, place_of(fn.__code__.co_filename)
        text = f"{fn.__globals__.get('__name__')}.{code.co_qualname}"
        if place in ("ours", "installed"):
            self._package(fn.__globals__.get("__name__"))
            if fn.__closure__ is None and "<" not in text:
                return text  # a function at the top of a module is all said by its name
        else:
            text = self._code(fn)
        kept = [(key, value) for key, value in vars(fn).items() if key not in _COPIED]
        cells = [_content(cell) for cell in fn.__closure__ or ()]
        return f"{text} {self._all([*cells, fn.__defaults__, *(fn.__kwdefaults__ or {}).items(), *kept])}"

    def _code(self, fn: FunctionType) -> str:
        code = fn.__code__
        source = self._source(Path(code.co_filename)) if place_of(code.co_filename) == "project" else None
        found = source.function(code) if source else None
        if found is None:
            self._cannot(f"{code.co_name}() is not as its file says")
            return repr([code.co_code, code.co_names, code.co_consts])
        number, piece = found
        used = {name for part in syntax.codes_in(code) for name in part.co_names}
        chains = {chain for chain in piece.names if chain[0] in used}  # the others are local
        chains |= {(name,) for name in used if _MANGLED.match(name)}
        return f"{number} {self._piece(piece, fn.__globals__, chains)}"

    def _class(self, cls: type) -> str:
        """A project's class: its text, and what no text shows of what it holds."""
        module = sys.modules.get(cls.__module__)
        source = self._source(Path(getattr(module, "__file__", None) or ""))
        piece = source.classes(cls.__qualname__.rpartition(".")[2]) if source else None
        if piece is None or module is None:
            self._cannot(f"{cls.__qualname__} is not as its file says")
            text = cls.__qualname__
        else:
            text = self._piece(piece, vars(module), piece.names)
        return f"{text} {self._all([*cls.__bases__, type(cls), *sorted(_held_by(cls))])}"

    def _source(self, file: Path) -> syntax.Source | None:
        file = file.resolve()
        try:
            found = syntax.source(sources_of(file)[file], str(file))
        except (OSError, SyntaxError, ValueError):  # a notebook's cell, say
            return None
        self.files.add(file)
        return found


def _held_by(cls: type) -> Iterator[tuple[str, Any]]:
    """The project's functions and the data in a class, without what Python or a decorator has written there."""
    for name, member in vars(cls).items():
        value = getattr(member, _INNER.get(type(member), ""), member)
        if isinstance(value, FunctionType):
            if place_of(value.__code__.co_filename) == "project":
                yield name, value
        elif not name.startswith(("__", "_abc_")) and type(value).__name__ not in _SLOTS:
            yield name, value


_INNER: Final[dict[type, str]] = {
    staticmethod: "__func__", classmethod: "__func__", property: "fget", functools.cached_property: "func",
    functools._lru_cache_wrapper: "__wrapped__"
}  # fmt: skip
_SLOTS: Final = {"member_descriptor", "getset_descriptor", "_tuplegetter", "property"}


def _reduced(value: Any) -> Any:
    return value.__reduce_ex__(4)


def _place(kind: type) -> str:
    return place_of_module(sys.modules.get(kind.__module__))


def _is_steady(kind: type) -> bool:
    """Whether what a class gives its objects lets them be as long as functions keep to what `syntax` lets pass."""
    if _place(kind) != "installed":  # the functions of a project's class are looked at, and ours are known
        return True
    return kind in _STEADY or kind.__module__ in _STEADY_MODULES or issubclass(kind, BaseException)


def _content(cell: types.CellType) -> Any:
    try:
        return cell.cell_contents
    except ValueError:  # not filled yet
        return None


def _kind_of(value: Any) -> str:
    return "function" if isinstance(value, FunctionType) else "class" if isinstance(value, type) else "value"


def _stem(namespace: dict[str, Any]) -> str:
    path = Path(str(namespace.get("__file__") or namespace.get("__name__")))
    return path.parent.name if path.stem == "__init__" else path.stem
