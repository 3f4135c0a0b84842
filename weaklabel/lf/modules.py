"""Loading Python files that hold labeling functions, by path, and knowing which sources their votes rest on.

A file becomes a module under a name made from its path, so that two folders may both hold a `style.py`,
and a worker process that loads the same path gets the same name. Its code can import the files beside
it (`import helpers`), and only by them: another folder may have helpers of its own.

Sources are kept as they were when they were executed. Votes are filed under those bytes, so a file that is
edited after it was loaded can never file the old code's votes under the new code's name.
"""

from __future__ import annotations

import ast
import builtins
import functools
import hashlib
import importlib
import os
import sys
import sysconfig
import traceback
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from importlib.machinery import ModuleSpec
from importlib.util import resolve_name
from pathlib import Path
from types import ModuleType
from typing import Any, Literal, TypeVar

from weaklabel._guard import Overstepped, guarded, is_own
from weaklabel.errors import DiscoveryError

T = TypeVar("T")
Place = Literal["project", "ours", "installed", "memory"]

SHIPPED_PACKAGE = "weaklabel.shipped"
_PACKAGE = Path(__file__).resolve().parent.parent
_INSTALLED = tuple(
    Path(p).resolve() for p in {sysconfig.get_path(k) for k in ("stdlib", "purelib", "platlib")}
)


@dataclass
class _Loaded:
    module: ModuleType
    source: bytes
    # Files that the source imports, directly or not, as they were; None while the code is still running.
    reached: dict[Path, bytes] | None = None


_LOADED: dict[Path, _Loaded] = {}  # files that this module executed, by resolved path
_IMPORTED: dict[Path, _Loaded] = {}  # files that Python imported, as they were when first asked about


def load_file(path: Path) -> ModuleType:
    """The module of a file; executed once, and again when it or a helper beside it changed.

    Raises:
        DiscoveryError: the file is missing or its code does not run; names the line and Python's message.
    """
    path = path.resolve()
    known = _LOADED.get(path)
    if known and not _is_stale(path, known):
        return known.module
    try:
        source = path.read_bytes()
    except OSError as error:
        raise DiscoveryError(
            f"{path}: {error.strerror}. Give an existing .py file or a folder of them."
        ) from None
    module = ModuleType(module_name(path))
    module.__file__ = str(path)
    module.__dict__["__builtins__"] = _builtins_for(path)
    # Known before the code runs, so that files may import each other.
    loaded = _LOADED[path] = _Loaded(module, source)
    before, sys.modules[module.__name__] = sys.modules.get(module.__name__), module
    with guarded() as look:
        try:
            exec(compile(source, str(path), "exec", dont_inherit=True), module.__dict__)
            loaded.reached = _reached(path, source)
            if (overstepped := look(str(path))) is not None:
                raise overstepped
        except BaseException as error:
            del _LOADED[path]
            sys.modules.pop(module.__name__)
            if before is not None:
                sys.modules[module.__name__] = before
            look(str(path))  # what failed may have moved us too
            if not is_own(error):
                raise
            raise DiscoveryError(_where(path, error)) from error
    return module


def import_guarded(load: Callable[[], T], who: str) -> T:
    """What `load()` gives, which runs modules that somebody else wrote.

    Raises:
        Exception: whatever an import raises; what is no Exception (a SystemExit, say) as an ImportError that names it.
    """
    with guarded() as look:
        try:
            found = load()
        except BaseException as error:
            look(who)
            if isinstance(error, Exception) or not is_own(error):
                raise
            raise ImportError(_said(error)) from error
        if (overstepped := look(who)) is not None:
            raise ImportError(_said(overstepped))
    return found


def sources_of(path: Path) -> dict[Path, bytes]:
    """The bytes of a file and of the project's files that it imports, as they were when they were executed.

    Installed packages, the standard library and `weaklabel` itself are left out: they have versions.
    """
    path = path.resolve()
    loaded = _LOADED.get(path) or _IMPORTED.get(path)
    if loaded is None:
        loaded = _IMPORTED[path] = _Loaded(ModuleType(path.stem), path.read_bytes())
        loaded.reached = _reached(path, loaded.source)
    return {path: loaded.source} | (loaded.reached or {})


@functools.cache
def place_of(filename: str) -> Place:
    """Whose a file is: "project", "ours" (weaklabel), "installed" (a package, or Python), "memory" (no file)."""
    if filename.startswith("<"):
        return "installed" if filename.startswith("<frozen ") else "memory"
    path = Path(filename).resolve()
    if path.parent == shipped_folder().resolve():
        return "project"
    if path.is_relative_to(_PACKAGE):
        return "ours"
    return "installed" if is_installed(path) else "project"


def place_of_module(module: ModuleType | None) -> Place:
    """Whose a module is; a module without a file is Python's own, or made in memory."""
    if module is None:
        return "memory"
    file = getattr(module, "__file__", None)
    if isinstance(file, str):
        return place_of(file)
    search = [str(path) for path in getattr(module, "__path__", ())]  # a namespace package
    if search:
        return place_of(search[0])
    known = (
        module.__name__ in sys.builtin_module_names
        or module.__name__.partition(".")[0] in sys.stdlib_module_names
    )
    return "installed" if known else "memory"


def import_for(globals_: dict[str, Any], name: str, level: int) -> ModuleType | None:
    """The project's module that `import name` means inside a function, loaded; None for what is not the project's.

    Raises:
        Exception: whatever importing it raises.
    """
    own = globals_.get("__builtins__")
    if level:
        name = resolve_name("." * level + name, globals_.get("__package__") or "")
    elif isinstance(own, dict) and _sibling(Path(globals_["__file__"]), name):
        found: ModuleType = own["__import__"](
            name
        )  # by the file's own import, which keeps to what it gave once
        return found
    if not _project_file(name):
        return None
    return import_guarded(lambda: importlib.import_module(name), f"the module {name}")


def live_modules(paths: Iterable[Path]) -> dict[Path, ModuleType]:
    """The modules that were made from files, as far as they are loaded."""
    found = {path: _LOADED[path].module for path in paths if path in _LOADED}
    wanted = {path.name: path for path in paths if path not in found}
    for module in list(sys.modules.values()) if wanted else ():
        file = getattr(module, "__file__", None)
        if isinstance(file, str) and os.path.basename(file) in wanted:
            found.setdefault(Path(file).resolve(), module)
    return {path: found[path] for path in paths if path in found}


def imported_file(path: Path, name: str) -> Path | None:
    """The project's file that `import name` in the file `path` means; None for what is installed or built in."""
    return _sibling(path, name) or _project_file(name)


def shipped_folder() -> Path:
    """Where the shipped labeling functions lie: in the package (wheel) or beside it (checkout)."""
    inside = _PACKAGE / "shipped"
    return inside if inside.is_dir() else _PACKAGE.parent / "labeling_functions"


def is_installed(path: Path) -> bool:
    """Whether a file belongs to the standard library or an installed package: those have versions."""
    # Packages may be borrowed from another environment, by PYTHONPATH or a .pth file.
    borrowed = "site-packages" in path.parts or "dist-packages" in path.parts
    return borrowed or any(path.is_relative_to(root) for root in _INSTALLED)


def module_name(path: Path) -> str:
    """A name that is stable and unique for a resolved path, and ends with the file's stem."""
    if path.parent == shipped_folder():
        return f"{SHIPPED_PACKAGE}.{path.stem}"
    return f"weaklabel_lfs_{hashlib.sha256(str(path.parent).encode()).hexdigest()[:12]}.{path.stem}"


def _is_stale(path: Path, loaded: _Loaded) -> bool:
    if loaded.reached is None:
        return False
    beside = {p: s for p, s in loaded.reached.items() if p.parent == path.parent}
    return any(not p.is_file() or p.read_bytes() != s for p, s in (beside | {path: loaded.source}).items())


def _sibling(path: Path, name: str) -> Path | None:
    """The file beside `path` that `import name` means to it, None where it means something else."""
    if not name.isidentifier() or name == path.stem or name in sys.stdlib_module_names:
        return None
    file = path.parent / f"{name}.py"
    return file if file.is_file() else None


def _builtins_for(path: Path) -> dict[str, Any]:
    """Builtins whose `import x` means `x.py` beside `path` where there is one, for the code of `path` alone.

    What an import inside a function gave once, it gives again: an edited neighbour reaches the next loading of
    `path`, whose votes have another fingerprint, and never the functions that were loaded before.

    A folder on `sys.path` would do it for everybody: two folders' helpers would collide, and an LF file
    called `datasets.py` would hide the package from the whole process.
    """

    def import_(name: str, *rest: Any, **more: Any) -> Any:
        if name not in taken and (file := _sibling(path, name)):
            taken[name] = load_file(file)
        return taken.get(name) or builtins.__import__(name, *rest, **more)

    taken: dict[str, ModuleType] = {}

    return vars(builtins) | {"__import__": import_}


def _reached(path: Path, source: bytes) -> dict[Path, bytes]:
    """Every project file that `source` imports, directly or through another, with its bytes."""
    reached: dict[Path, bytes] = {}
    waiting = [(path, source)]
    while waiting:
        for file in _imports(*waiting.pop()):
            if file != path and file not in reached:
                known = _LOADED.get(file) or _IMPORTED.get(file)
                if known is None:
                    known = _IMPORTED[file] = _Loaded(ModuleType(file.stem), file.read_bytes())
                reached[file] = known.source
                waiting.append((file, known.source))
    return reached


def _imports(path: Path, source: bytes) -> Iterator[Path]:
    """The project files that import statements anywhere in `source` name."""
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Import):
            names = [alias.name for alias in node.names]
        elif isinstance(node, ast.ImportFrom):
            base = node.module or ""
            names = [base, *(f"{base}.{alias.name}".lstrip(".") for alias in node.names)]
            if node.level:
                folder = path.parents[node.level - 1]
                yield from filter(None, (_file_in(folder, name) for name in names))
                continue
        else:
            continue
        yield from filter(None, (imported_file(path, name) for name in names))


def _file_in(folder: Path, dotted: str) -> Path | None:
    stem = folder.joinpath(*dotted.split(".")) if dotted else folder
    return next((f for f in (stem.with_suffix(".py"), stem / "__init__.py") if f.is_file()), None)


def _project_file(name: str) -> Path | None:
    """The file that a module would be imported from, None for what is installed or built in. Imports nothing."""
    found, search = None, None
    for end in range(1, name.count(".") + 2):
        found = _find(".".join(name.split(".")[:end]), search)
        if found is None:
            return None
        search = found.submodule_search_locations
    if found is None or not found.origin or not found.origin.endswith(".py"):
        return None
    path = Path(found.origin).resolve()
    return None if path.is_relative_to(_PACKAGE) or is_installed(path) else path


def _find(name: str, search: Any) -> ModuleSpec | None:
    # Not by sys.modules: a worker that has imported less must find the same files.
    for finder in sys.meta_path:
        try:
            spec = finder.find_spec(name, search)
        except KeyError:
            spec = _namespace(name, search)
        if spec:
            return spec
    return None


def _namespace(name: str, search: Any) -> ModuleSpec | None:
    """A folder without `__init__.py` inside a package; importlib finds one only when the package is imported already."""
    folders = [folder for place in search if (folder := Path(place) / name.rpartition(".")[2]).is_dir()]
    if not folders:
        return None
    found = ModuleSpec(name, None, is_package=True)
    found.submodule_search_locations = [str(folder) for folder in folders]
    return found


def _where(path: Path, error: BaseException) -> str:
    """`file:line: Kind: message` of what went wrong while `path` was executed."""
    if isinstance(error, DiscoveryError):
        return str(error)  # a sibling that does not load: it names itself
    if isinstance(error, SyntaxError):
        return f"{error.filename or path}:{error.lineno}: {type(error).__name__}: {error.msg}"
    lines = [f.lineno for f in traceback.extract_tb(error.__traceback__) if f.filename == str(path)]
    return f"{path}:{lines[-1] if lines else 1}: {_said(error)}"


def _said(error: BaseException) -> str:
    return f"it {error}" if isinstance(error, Overstepped) else f"{type(error).__name__}: {error}"
