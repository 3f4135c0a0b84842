"""Values as text: equal in every process for equal values, with the state of objects in it."""

from __future__ import annotations

import datetime
import enum
import functools
import os
import re
import sys
import types
import weakref
from abc import ABC, abstractmethod
from collections.abc import Iterable
from dataclasses import fields
from decimal import Decimal
from fractions import Fraction
from logging import Logger
from threading import Lock, RLock
from types import CellType, FunctionType, MethodType, ModuleType
from typing import Any, Final

import numpy as np

from weaklabel.artifacts import content_hash
from weaklabel.lf._modules import place_of_module
from weaklabel.lf.core import LabelingFunction

PLAIN: Final = (
    type(None), bool, int, float, complex, str, bytes, range, slice, type(...), type(NotImplemented), Decimal, Fraction,
    datetime.date, datetime.datetime, datetime.time, datetime.timedelta, datetime.timezone
)  # fmt: skip
_STATELESS: Final = (Logger, type(Lock()), type(RLock()))
_DESCRIPTORS: Final = (
    types.MemberDescriptorType, types.GetSetDescriptorType, types.MethodDescriptorType, types.WrapperDescriptorType,
    types.ClassMethodDescriptorType, types.MethodWrapperType
)  # fmt: skip
# What wrappers copy from a function, for people. Code that reads one of these cannot be followed.
_COPIED: Final = {"__doc__", "__module__", "__name__", "__qualname__", "__annotations__"}
# The folder in the name of a module that was loaded by path: where a project lies does not count.
_FOLDER: Final = re.compile(r"weaklabel_lfs_[0-9a-f]{12}\.")
_MOST_OBJECTS: Final = 100_000


class Values(ABC):
    """The half of a walk that writes values down; functions, classes and modules are followed by the other half.

    An object that is met again is named by the part and the number under which it was met first.
    """

    def __init__(self) -> None:
        self.words: set[str] = set()
        self.ours: dict[int, Any] = {}
        self._label = ""
        self._seen: dict[int, tuple[str, Any]] = {}
        self._numbers: dict[str, int] = {}
        self._count = 0

    @abstractmethod
    def _reference(self, value: Any) -> str | None: ...

    @abstractmethod
    def _function(self, fn: FunctionType) -> str: ...

    @abstractmethod
    def _class(self, cls: type) -> str: ...

    @abstractmethod
    def _whole_module(self, module: ModuleType) -> str: ...

    @abstractmethod
    def _package(self, name: str | None) -> None: ...

    @abstractmethod
    def _cannot(self, reason: str) -> None: ...

    def encode(self, value: Any) -> str:
        """A value as text that is equal in every process for equal values, with the state of objects in it."""
        kind = type(value)
        if kind in PLAIN:
            if kind is str:
                self.words.add(value)
                return repr(_FOLDER.sub("", value))
            return repr(value)
        if kind in (tuple, frozenset, set) or isinstance(value, (re.Pattern, os.PathLike)):
            return self._encode_fixed(value)
        if kind in _STATELESS:
            return name_of(value)
        if isinstance(value, (FunctionType, type)) and (known := self._reference(value)) is not None:
            return known
        if isinstance(value, ModuleType):
            return self._whole_module(value)
        if id(value) in self._seen:
            return self._seen[id(value)][0]
        number = self._numbers[self._label] = self._numbers.get(self._label, 0) + 1
        self._seen[id(value)] = f"&{self._label}/{number}", value  # kept alive, so that no other gets its id
        return self._encode_object(value, kind)

    def _encode_fixed(self, value: Any) -> str:
        if isinstance(value, re.Pattern):
            return f"re({value.pattern!r}, {value.flags})"
        if isinstance(value, os.PathLike):
            return repr(os.fspath(value))
        if isinstance(value, tuple):
            return f"({', '.join(map(self.encode, value))})"
        return f"{type(value).__name__}{self._encode_set(value)}"

    def _encode_set(self, value: Iterable[Any]) -> str:
        # Each item on its own: numbers that depend on the order would make the text depend on it.
        items, seen, numbers = [], self._seen, self._numbers
        for item in value:
            if type(item) not in PLAIN:
                self._seen, self._numbers = dict(seen), dict(numbers)
            items.append(self.encode(item))
        self._seen, self._numbers = seen, numbers
        return f"{{{', '.join(sorted(items))}}}"

    def _encode_object(self, value: Any, kind: type) -> str:
        if kind is list:
            return f"[{', '.join(map(self.encode, value))}]"
        if kind is dict or kind is types.MappingProxyType:
            return f"{{{', '.join(f'{self.encode(k)}: {self.encode(v)}' for k, v in value.items())}}}"
        if isinstance(value, FunctionType):
            return self._function(value)
        if isinstance(value, type):
            return self._type(value)
        if kind is bytearray:
            return repr(value)
        if kind is MethodType:
            return f"method{self.encode([value.__func__, value.__self__])}"
        if kind is types.BuiltinFunctionType:
            return self._builtin(value)
        if kind in _DESCRIPTORS:
            return f"{name_of(getattr(value, '__objclass__', value))}.{name_of(value)}"
        if kind is property:
            return f"property{self.encode([value.fget, value.fset, value.fdel])}"
        if kind in (staticmethod, classmethod):
            return f"{kind.__name__}{self.encode(value.__func__)}"
        if kind is functools.partial:
            return f"partial{self.encode([value.func, value.args, value.keywords, vars(value)])}"
        if isinstance(value, weakref.ref):
            return f"weak{self.encode(value())}"
        if kind in (weakref.WeakKeyDictionary, weakref.WeakValueDictionary):
            return f"weak{self.encode(dict(value))}"
        if kind is CellType:
            return f"cell{self.encode(content_of(value))}"
        if kind is np.ndarray or isinstance(value, np.generic):
            rows = self.encode(value.tolist()) if value.dtype.hasobject else content_hash(value.tobytes())
            return f"array({value.dtype}, {value.shape}, {rows})"
        if isinstance(value, LabelingFunction):
            return (
                f"{self.encode(kind)}{self.encode(settings_in(value) | {'fn': getattr(value, 'fn', None)})}"
            )
        if isinstance(value, enum.Enum):
            return f"{self.encode(kind)}.{value.name}={self.encode(value.value)}"
        return f"{self.encode(kind)}{self._state(value, kind)}"

    def _type(self, cls: type) -> str:
        module = module_named(cls.__module__)
        if place_of_module(module) in ("ours", "installed"):
            self._package(cls.__module__)
            if cls.__module__.startswith("weaklabel."):
                self.ours[id(cls)] = cls
            return f"{cls.__module__}.{cls.__qualname__}"
        return self._class(cls)  # made inside a function

    def _builtin(self, value: Any) -> str:
        owner = value.__self__
        if owner is None or isinstance(owner, ModuleType):
            self._package(value.__module__)
            return f"{value.__module__}.{value.__qualname__}"
        return f"{name_of(value)} of {self.encode(owner)}"

    def _state(self, value: Any, kind: type) -> str:
        """What an object of a class carries: its attributes, and what its class would pickle."""
        self._count += 1
        if self._count > _MOST_OBJECTS:
            self._cannot("holds more objects than are looked at")
            return name_of(value)
        places = {place_of_module(module_named(cls.__module__)) for cls in kind.__mro__[:-1]}
        raw = without_copied(object.__getstate__(value))
        if isinstance(value, str):  # of a subclass
            return self.encode([str.__str__(value), None if places == {"ours", "installed"} else raw])
        if isinstance(value, (set, frozenset)):  # its order is nobody's
            return f"{self._encode_set(value)}{self.encode(raw)}"
        if not places & {"ours", "installed"}:
            return self.encode(raw)
        try:
            reduced = value.__reduce_ex__(4)
        except Exception:
            self._cannot(f"holds a {kind.__qualname__}, which cannot be looked into")
            return self.encode(raw)
        if isinstance(reduced, str):  # it is pickled by its name
            return self.encode(raw) if raw is not None else reduced
        pieces = [_listed(p) if i in (3, 4) else without_copied(p) for i, p in enumerate(reduced[:5])]
        return self.encode([*pieces, raw if places & {"project", "memory"} else None])


def settings_in(lf: LabelingFunction) -> dict[str, Any]:
    """The fields of a labeling function that may change a vote: all but its function and what it is called."""
    names = sorted({f.name for f in fields(lf)} - {"name", "family", "spec", "fn"})
    return {name: getattr(lf, name) for name in names}


def without_copied(state: Any) -> Any:
    if type(state) is not dict or not state.keys() & _COPIED:
        return state
    return {key: value for key, value in state.items() if key not in _COPIED}


def _listed(piece: Iterable[Any] | None) -> list[Any] | None:
    return None if piece is None else list(piece)


def content_of(cell: CellType) -> Any:
    try:
        return cell.cell_contents
    except ValueError:  # not filled yet
        return None


def module_named(name: Any) -> ModuleType | None:
    return sys.modules.get(name) if isinstance(name, str) else None


def name_of(value: Any) -> str:
    return str(getattr(value, "__qualname__", type(value).__qualname__))
