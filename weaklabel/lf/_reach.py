"""Everything that a function reaches, walked from the live objects: what its fingerprint is made of.

From a function to the globals that its code names, to the functions, classes, word lists and objects behind them, and
on through closures, defaults, attributes and dispatch tables, across the project's files. The live objects are asked
rather than the source, so conditional definitions, star imports, decorators and lists that were filled at import are
what they turned out to be. Installed packages count by version, weaklabel by its own hash.

Whatever cannot be followed is written down as a reason, and then the files count as a whole (`_identity`).
"""

from __future__ import annotations

from collections import deque
from collections.abc import Mapping
from pathlib import Path
from types import FunctionType, MethodType, ModuleType
from typing import Any, Final

from weaklabel.artifacts import content_hash
from weaklabel.lf._code import text_of, uses
from weaklabel.lf._modules import import_for, place_of, place_of_module
from weaklabel.lf._values import PLAIN, Values, content_of, module_named, name_of, without_copied

# Of a class: what the compiler or a decorator writes beside the code, and what only people read.
_BESIDE: Final = {
    "__doc__", "__module__", "__dict__", "__weakref__", "__annotations__", "__annotate__", "__annotate_func__",
    "__annotations_cache__", "__firstlineno__", "__static_attributes__", "__orig_bases__", "__parameters__",
    "__type_params__", "_abc_impl", "__abstractmethods__"
}  # fmt: skip
# Ways to get at things without naming them.
_DYNAMIC: Final = {"exec", "eval", "compile", "globals", "__import__"}
_MACHINERY: Final = {"__builtins__", "__loader__", "__spec__"}
_HIDING: Final = {
    "code", "ctypes", "dill", "cloudpickle", "gc", "importlib", "inspect", "joblib", "linecache", "marshal",
    "pickle", "pkgutil", "runpy", "shelve", "traceback"
}  # fmt: skip
_LOOKING_IN: Final = {
    "__annotations__", "__bases__", "__builtins__", "__closure__", "__code__", "__dict__", "__doc__", "__globals__",
    "__module__", "__mro__", "__name__", "__qualname__", "__subclasses__", "__traceback__", "_getframe",
    "co_firstlineno", "currentframe", "f_globals", "f_lineno", "f_locals", "modules", "mro", "tb_frame", "tb_lineno"
}  # fmt: skip
THE_FUNCTION: Final = "the function"


class Reach(Values):
    """What `root` (a function, or any callable object) reaches, fixed when this is made.

    Attributes:
        parts: label (`function helper.count`, `value style.WORDS`) -> text; equal in every process for equal things.
        reasons: what could not be followed, in words, first met first.
        packages: import names of the installed packages that it uses.
        ours: functions and classes of weaklabel that it uses.
        words: every attribute name and string constant, by which features may be asked for.
        functions: (file, name, first line) of every function whose code is in a part.
        cells: (file, name, value) of every variable that such a function has captured from one around it.
        globals: label -> (namespace, name, value) of every global value that it uses.
        files: what `_identity` found out about its files, once.
    """

    def __init__(self, root: Any) -> None:
        super().__init__()
        self.parts: dict[str, str] = {}
        self.reasons: list[str] = []
        self.packages: set[str] = set()
        self.functions: set[tuple[str, str, int]] = set()
        self.cells: list[tuple[str, str, Any]] = []
        self.globals: dict[str, tuple[dict[str, Any], str, Any]] = {}
        self.files: dict[Any, tuple[dict[Path, bytes], str | None]] = {}
        self._labels: dict[str, Any] = {}
        self._waiting: deque[tuple[str, Any]] = deque([(THE_FUNCTION, root)])
        self._whole: set[str] = set()
        while self._waiting:
            self._label, value = self._waiting.popleft()
            try:
                text = self._text(value)
                self.parts[self._label] = text if len(text) <= 1000 else content_hash(text)
            except RecursionError:
                self.parts[self._label] = name_of(value)
                self._cannot("holds a chain of objects too long to follow")

    def holds(self, value: Any) -> bool:
        """Whether this very object, one that may change, is part of it."""
        return id(value) in self._seen

    @property
    def text(self) -> str:
        """All parts as one text."""
        return repr(sorted(self.parts.items()))

    # ------------------------------------------------------------------------------------------ parts

    def _text(self, value: Any) -> str:
        """A part's text: functions and classes in full, everything else by its content."""
        if isinstance(value, FunctionType):
            return self._function(value)
        if isinstance(value, type):
            return self._class(value)
        return self.encode(value)

    def _part(self, label: str, value: Any) -> str:
        """The label under which `value` is, or will be, a part."""
        while label in self._labels and self._labels[label] is not value:
            label += "'"
        if label not in self._labels:
            self._labels[label] = value
            self._waiting.append((label, value))
        return f"<{label}>"

    def _cannot(self, reason: str) -> None:
        where = "" if self._label == THE_FUNCTION else f"{self._label} "
        if (text := f"{where}{reason}") not in self.reasons:
            self.reasons.append(text)

    # -------------------------------------------------------------------------------------- functions

    def _function(self, fn: FunctionType) -> str:
        code, place = fn.__code__, place_of(fn.__code__.co_filename)
        carried = [self._cells(fn), fn.__defaults__, fn.__kwdefaults__, without_copied(fn.__dict__)]
        if place in ("ours", "installed"):
            self._package(fn.__globals__.get("__name__"))
            if place == "ours":
                self.ours[id(fn)] = fn
            name = f"{fn.__globals__.get('__name__')}.{code.co_qualname}"
            # A function at the top of a module is all said by its name; one made inside another carries things.
            return name if fn.__closure__ is None and "<" not in name else f"{name} {self.encode(carried)}"
        self.functions.add((code.co_filename, code.co_name, code.co_firstlineno))
        used = uses(code)
        self.words |= used.attributes | used.strings
        # The methods that @dataclass writes tell the class's name, which its label holds.
        allowed = {"__name__", "__qualname__"} if place == "memory" else set()
        dunder = {text for text in used.strings if text.startswith("__")}  # getattr(f, "__code__")
        if odd := sorted((used.attributes | dunder) & _LOOKING_IN - allowed):
            self._cannot(f"reads .{odd[0]}")
        named = [f"{'.'.join(chain)}={self._global(fn.__globals__, chain)}" for chain in used.names]
        taken = [self._import(fn.__globals__, *one) for one in used.imports]
        return f"{text_of(code)} {named} {taken} {self.encode(carried)}"

    def _cells(self, fn: FunctionType) -> list[Any]:
        chains = [chain for chain in uses(fn.__code__).cells if len(chain) > 1]
        found: list[Any] = []
        for name, cell in zip(fn.__code__.co_freevars, fn.__closure__ or (), strict=True):
            value = content_of(cell)
            self.cells.append((fn.__code__.co_filename, name, value))
            if isinstance(value, ModuleType) and all(
                len(c) > 1 for c in uses(fn.__code__).cells if c[0] == name
            ):
                found += [self._named(value, name, fn.__globals__, c[1:]) for c in chains if c[0] == name]
            else:
                found.append(value)
        return found

    def _global(self, namespace: dict[str, Any], chain: tuple[str, ...]) -> str:
        name = chain[0]
        if name in _MACHINERY:
            self._cannot(f"uses {name}")
            return name
        if name in namespace:
            return self._named(namespace[name], name, namespace, chain[1:])
        if name in _DYNAMIC:
            self._cannot(f"uses {name}")
        known = namespace.get("__builtins__")
        table = known if isinstance(known, dict) else vars(known) if isinstance(known, ModuleType) else {}
        value = table.get(name, _MISSING)
        if value is _MISSING:  # perhaps another function will set it
            self.globals[f"value {_stem(namespace)}.{name}"] = (namespace, name, None)
            return "not there"
        return self.encode(value) if isinstance(value, FunctionType) else "builtin"

    def _named(self, value: Any, name: str, namespace: dict[str, Any], rest: tuple[str, ...]) -> str:
        """What a name stands for, the attributes of modules followed as far as the code spells them out."""
        while isinstance(value, ModuleType):
            if not rest or rest[0].startswith("__"):
                return self._whole_module(value)
            module, name, rest = value, rest[0], rest[1:]
            place, namespace = place_of_module(module), vars(module)
            if place != "project":
                return self._of_package(module, name, rest)
            value = namespace.get(name, _MISSING)
            if value is _MISSING:
                if "__getattr__" not in namespace:
                    return "not there"
                value, name = namespace["__getattr__"], "__getattr__"
        return self._known_as(value, name, namespace)

    def _known_as(self, value: Any, name: str, namespace: dict[str, Any]) -> str:
        if isinstance(value, (FunctionType, type)):
            found = self._reference(value)
            if found is not None:
                self.globals.setdefault(f"value {_stem(namespace)}.{name}", (namespace, name, value))
                return found
        label = f"value {_stem(namespace)}.{name}"
        self.globals.setdefault(label, (namespace, name, value))
        return self._part(label, value)

    def _of_package(self, module: ModuleType, name: str, rest: tuple[str, ...]) -> str:
        """An attribute of an installed module: its version says what it is, unless the project has put it there."""
        self._package(module.__name__)
        if module.__name__ == "builtins":
            self._cannot("uses builtins")
        value = vars(module).get(name, _MISSING)
        if value is _MISSING and place_of_module(module) == "ours":
            value = getattr(module, name, _MISSING)  # our front doors are lazy
        if isinstance(value, ModuleType) and rest:
            return self._named(value, name, vars(module), rest)
        if value is _MISSING or isinstance(value, ModuleType):
            return f"{module.__name__}.{name}"
        if place_of_module(module) == "ours":
            self.ours[id(value)] = value
        plain = type(value) in PLAIN or isinstance(value, (FunctionType, MethodType))
        return f"{module.__name__}.{name} {self.encode(value) if plain else ''}"

    def _reference(self, value: Any) -> str | None:
        """The label of a project's function or class that stands at the top of its module, else None."""
        if isinstance(value, type):
            module = module_named(value.__module__)
            place, namespace, kind = place_of_module(module), vars(module) if module else {}, "class"
        else:
            place, namespace, kind = place_of(value.__code__.co_filename), value.__globals__, "function"
        if place in ("ours", "installed") or _at(namespace, value.__qualname__) is not value:
            return None
        return self._part(f"{kind} {_stem(namespace)}.{value.__qualname__}", value)

    # ---------------------------------------------------------------------------------------- modules

    def _import(self, namespace: dict[str, Any], name: str, level: int, taken: tuple[str, ...]) -> str:
        """An import statement inside a function: the module is loaded now, as it would be then."""
        if not level and name.partition(".")[0] in _HIDING:
            self._cannot(f"uses {name}")
        try:
            module = import_for(namespace, name, level)
        except (Exception, SystemExit) as error:
            self._cannot(f"imports {name}, which does not load ({type(error).__name__})")
            return name
        if module is None:
            self._package(name)
            return name
        if not taken:
            return self._whole_module(module)
        found = []
        for attribute in taken:
            value = vars(module).get(attribute, _MISSING)
            if value is _MISSING and not name.endswith(f".{attribute}"):
                found.append(self._import(namespace, f"{name}.{attribute}".lstrip("."), level, ()))
                continue
            found.append(self._known_as(value, attribute, vars(module)))
        return f"{name} {sorted(found)}"

    def _whole_module(self, module: ModuleType) -> str:
        """A module that is handed around: whatever it holds may be used."""
        place, file = place_of_module(module), Path(getattr(module, "__file__", None) or "")
        if place != "project":
            self._package(module.__name__)
            return f"module {module.__name__}"
        self._cannot(f"uses {file.name} as a whole")
        if module.__name__ not in self._whole:
            self._whole.add(module.__name__)
            if file.suffix != ".py" and file.is_file():
                self.parts[f"file {file.name}"] = content_hash(file.read_bytes())
            for name, value in sorted(vars(module).items()):
                if not name.startswith("__"):
                    self._named(value, name, vars(module), ())
        return f"module {file.stem}"

    def _package(self, name: str | None) -> None:
        top = (name or "").partition(".")[0]
        if top in _HIDING or name == "unittest.mock":
            self._cannot(f"uses {name}")
        if top and top != "weaklabel":
            self.packages.add(top)

    # ---------------------------------------------------------------------------------------- classes

    def _class(self, cls: type) -> str:
        """A project's class: its bases, and everything in its body."""
        bases = [self.encode(base) for base in cls.__bases__]
        body = [
            f"{name}={self.encode(value)}" for name, value in sorted(vars(cls).items()) if name not in _BESIDE
        ]
        return f"class {cls.__qualname__} {bases} {self.encode(type(cls))} {body}"


class _Missing:
    pass


_MISSING: Final = _Missing()


def _at(namespace: Mapping[str, Any], qualname: str) -> Any:
    first, *rest = qualname.split(".")
    value = namespace.get(first, _MISSING)
    for name in rest:
        value = vars(value).get(name, _MISSING) if isinstance(value, type) else _MISSING
    return value


def _stem(namespace: Mapping[str, Any]) -> str:
    file = namespace.get("__file__")
    if isinstance(file, str):
        path = Path(file)
        return path.parent.name if path.stem == "__init__" else path.stem
    return str(namespace.get("__name__", "?"))
