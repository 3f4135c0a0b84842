"""What a project's files do that no captured value shows: two reasons to count files as a whole.

`outside` finds code that changes something beyond the project when a file is loaded (`random.seed(3)`, a patched
package, a plug-in that is registered with one). `changed_elsewhere` finds functions that change a global which a
labeling function uses, but which it does not call itself: whether they ran before it votes, nobody can know.

Both look at the syntax and ask the live names what they are. What they do not know to be harmless counts as harmful.
"""

from __future__ import annotations

import ast
import functools
import re
import sys
import types
from collections.abc import Iterator, Mapping
from decimal import Decimal
from enum import Enum
from typing import Any, Final

from weaklabel.lf._code import Function, inner_codes, line_of, name_of, stripped
from weaklabel.lf._modules import place_of, place_of_module

_CHANGING: Final = {
    "add", "append", "appendleft", "clear", "difference_update", "discard", "extend", "extendleft", "insert",
    "intersection_update", "move_to_end", "pop", "popitem", "popleft", "remove", "reverse", "rotate", "setdefault",
    "sort", "symmetric_difference_update", "update", "__setattr__", "__setitem__", "__delitem__", "setattr"
}  # fmt: skip
_READING: Final = {
    "get", "items", "keys", "values", "index", "count", "copy", "union", "intersection", "difference", "isdisjoint",
    "issubset", "issuperset", "symmetric_difference", "most_common", "elements", "total", "__contains__", "__len__"
}  # fmt: skip
_TAKING: Final = {  # methods that read what they are given
    "join", "union", "intersection", "difference", "isdisjoint", "issubset", "issuperset", "symmetric_difference",
    "startswith", "endswith", "update", "extend", "format"
}  # fmt: skip
_PURE: Final = {
    "all", "any", "bool", "dict", "enumerate", "filter", "frozenset", "isinstance", "len", "list", "map", "max", "min",
    "print", "repr", "reversed", "set", "sorted", "str", "sum", "tuple", "zip"
}  # fmt: skip
_SETTERS: Final = re.compile(
    r"(seed|set(_\w+|[A-Z]\w*|err|attr|locale|recursionlimit|defaulttimeout)|register\w*|patch\w*|install\w*|putenv"
    r"|unsetenv|__set\w+)$"
)
_QUIET: Final = {"logging", "warnings"}  # nothing that these are told changes a vote
_DECORATING: Final = {
    "abc", "collections", "contextlib", "dataclasses", "enum", "functools", "types", "typing", "typing_extensions"
}  # fmt: skip
_FIXED: Final = (
    type(None), bool, int, float, complex, str, bytes, range, re.Pattern, Decimal, types.MappingProxyType, types.FunctionType,
    types.BuiltinFunctionType, types.ModuleType, Enum
)  # fmt: skip
_STORES: Final = (
    "STORE_ATTR",
    "STORE_SUBSCR",
    "DELETE_ATTR",
    "DELETE_SUBSCR",
    "STORE_GLOBAL",
    "DELETE_GLOBAL",
)


def outside(source: bytes, namespace: Mapping[str, Any]) -> str | None:
    """What a file changes beyond the project, in words; None where nothing was found."""
    tree = stripped(source)
    for statement, at_load in _statements(tree.body, at_load=True, run=_run_at_load(tree)):
        found = _outside_of(statement, namespace, at_load)
        if found:
            return f"{found} in line {statement.lineno}"
    return None


def changed_elsewhere(
    name: str,
    value: Any,
    owner: Mapping[str, Any],
    files: Mapping[str, tuple[bytes, Mapping[str, Any]]],
    reached: set[tuple[str, str, int]],
) -> str | None:
    """A function that may change the global `name` and is not among those reached; None where there is none.

    Args:
        name, value, owner: the global, what it is, and the namespace that it lives in.
        files: by file name, the source and the live namespace.
        reached: (file, name, first line) of functions that count anyway.
    """
    for file, (source, namespace) in files.items():
        bare = {n for n, v in namespace.items() if (v is value and not _is_fixed(value))}
        bare |= {name} if namespace is owner else set()
        modules = {n for n, v in namespace.items() if isinstance(v, types.ModuleType) and vars(v) is owner}
        for function, is_reached in _functions(source, file, reached):
            if not is_reached and _may_change(function, name, bare, modules, value, namespace is owner):
                return f"{name} may be changed by {name_of(function)}() in line {function.lineno}"
    return None


# ----------------------------------------------------------------------------------------------- outside


def _statements(
    body: list[ast.stmt], *, at_load: bool, run: frozenset[str] = frozenset()
) -> Iterator[tuple[ast.stmt, bool]]:
    """Every statement, and whether it runs when the file is loaded, which the functions named in `run` do."""
    for statement in body:
        if isinstance(statement, ast.If) and _is_main_test(statement.test):
            yield from _statements(statement.orelse, at_load=at_load, run=run)
            continue
        yield statement, at_load
        is_def = isinstance(statement, (ast.FunctionDef, ast.AsyncFunctionDef))
        inside = at_load and (not is_def or getattr(statement, "name", "") in run)
        for field in ("body", "orelse", "finalbody"):
            yield from _statements(getattr(statement, field, []), at_load=inside, run=run)
        for part in [*getattr(statement, "handlers", []), *getattr(statement, "cases", [])]:
            yield from _statements(part.body, at_load=inside, run=run)


@functools.lru_cache(maxsize=200)
def _run_at_load(tree: ast.Module) -> frozenset[str]:
    """Names that are called while the file is loaded, by the file itself or by what it calls."""
    run: frozenset[str] = frozenset()
    while True:
        called: list[ast.expr] = []
        for statement, at_load in _statements(tree.body, at_load=True, run=run):
            if at_load:
                called += [call.func for call in _calls(statement)]
                called += getattr(statement, "decorator_list", [])
        found = frozenset(root for node in called if (root := _root(node)))
        if found <= run:
            return run
        run |= found


def _is_main_test(test: ast.expr) -> bool:
    return isinstance(test, ast.Compare) and isinstance(test.left, ast.Name) and test.left.id == "__name__"


def _outside_of(statement: ast.stmt, namespace: Mapping[str, Any], at_load: bool) -> str | None:
    for target in _targets(statement):
        root = _root(target)
        if root is not None and isinstance(target, (ast.Attribute, ast.Subscript)):
            whose = _whose(namespace.get(root))
            module_in_function = not at_load and isinstance(namespace.get(root), types.ModuleType)
            if whose == "foreign" or (module_in_function and root in namespace):
                return f"sets {ast.unparse(target)}"
    if isinstance(statement, (ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef)):
        return _odd_decorator(statement, namespace) if at_load else None
    for call in _calls(statement):
        if found := _odd_call(call, namespace, at_load and isinstance(statement, ast.Expr), at_load):
            return found
    return None


def _odd_call(call: ast.Call, namespace: Mapping[str, Any], thrown_away: bool, at_load: bool) -> str | None:
    """A call that changes something outside. `thrown_away`: nothing is done with what it returns."""
    root, shown = _root(call.func), f"calls {ast.unparse(call.func)[:60]}"
    method = call.func.attr if isinstance(call.func, ast.Attribute) else ""
    value = namespace.get(root or "")
    if root in ("exec", "eval", "setattr", "delattr", "globals", "__import__") and root not in namespace:
        if root in ("setattr", "delattr"):
            target = _root(call.args[0]) if call.args else None
            return shown if target is None or _whose(namespace.get(target)) == "foreign" else None
        return shown if at_load else None
    if root is None or root not in namespace:
        # print(...), or the method of a string or of a local variable
        return (
            shown if thrown_away and root is None and not isinstance(_base(call.func), ast.Constant) else None
        )
    if _whose(value) == "foreign":
        quiet = root in _QUIET or ast.unparse(call.func).startswith("sys.path.")
        changes = method in _CHANGING and isinstance(call.func, ast.Attribute) and call.func.value is not None
        direct = isinstance(call.func, ast.Attribute) and isinstance(call.func.value, ast.Name)
        if quiet or (
            changes and direct and not isinstance(value, types.ModuleType) and _is_plain_holder(value)
        ):
            return None
        named = method or getattr(value, "__name__", "")
        if thrown_away or _SETTERS.match(named) or changes:
            return shown
        return None
    if thrown_away and isinstance(value, types.FunctionType) and isinstance(call.func, ast.Name):
        return f"runs {root}()"
    return None


def _is_plain_holder(value: Any) -> bool:
    return type(value) in (list, dict, set, bytearray)


def _odd_decorator(
    statement: ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef, namespace: Mapping[str, Any]
) -> str | None:
    for decorator in statement.decorator_list:
        root = _root(decorator)
        value = namespace.get(root or "")
        top = _top_of(value)
        fine = top == "weaklabel" or top in _DECORATING or top == "builtins"
        if root in namespace and _whose(value) == "foreign" and not fine:
            return f"hands {statement.name} to {ast.unparse(decorator)[:60]}"
    return None


def _whose(value: Any) -> str:
    """ "foreign" for modules, classes and functions of installed packages and objects of their classes, else "own"."""
    if value is None or isinstance(value, _FIXED[:9]) or _is_plain_holder(value):
        return "own"
    if isinstance(value, types.ModuleType):
        return "own" if place_of_module(value) in ("project", "memory") else "foreign"
    if isinstance(value, types.FunctionType):
        return "own" if place_of(value.__code__.co_filename) in ("project", "memory") else "foreign"
    if isinstance(value, (type, types.BuiltinFunctionType)):
        return (
            "own"
            if place_of_module(sys.modules.get(value.__module__ or "")) in ("project", "memory")
            else "foreign"
        )
    return "own"  # an object: what was done to it shows in its state


def _top_of(value: Any) -> str:
    if isinstance(value, types.FunctionType):  # its __module__ may be copied from what it wraps
        name = value.__globals__.get("__name__")
    else:
        name = value.__name__ if isinstance(value, types.ModuleType) else getattr(value, "__module__", None)
    return str(name or "").partition(".")[0]


def _targets(statement: ast.stmt) -> Iterator[ast.expr]:
    if isinstance(statement, (ast.Assign, ast.Delete)):
        found = list(statement.targets)
    elif isinstance(statement, (ast.AugAssign, ast.AnnAssign, ast.For)):
        found = [statement.target]
    elif isinstance(statement, ast.With):
        found = [item.optional_vars for item in statement.items if item.optional_vars]
    else:
        found = []
    for target in found:
        yield from target.elts if isinstance(target, (ast.Tuple, ast.List)) else [target]


def _calls(statement: ast.stmt) -> Iterator[ast.Call]:
    """Calls in a statement itself, not in the statements inside it, the outermost first."""
    waiting: list[ast.AST] = [statement]
    while waiting:
        node = waiting.pop()
        if isinstance(node, ast.Call):
            yield node
        waiting += [
            child
            for child in ast.iter_child_nodes(node)
            if not isinstance(child, (ast.stmt, ast.Lambda, ast.excepthandler, ast.match_case))
        ]


def _base(node: ast.expr) -> ast.expr:
    while True:
        if isinstance(node, (ast.Attribute, ast.Subscript, ast.Starred)):
            node = node.value
        elif isinstance(node, ast.Call):
            node = node.func
        else:
            return node


def _root(node: ast.expr) -> str | None:
    """The name that an expression like `a.b[c].d()` starts from."""
    base = _base(node)
    return base.id if isinstance(base, ast.Name) else None


# ------------------------------------------------------------------------------------- changed elsewhere


def changed_beside(
    name: str, value: Any, file: str, source: bytes, reached: set[tuple[str, str, int]]
) -> str | None:
    """A function that shares the captured variable `name` with one that is reached, is not, and may change it."""
    for function, is_reached in _functions(source, file, reached):
        if function in _inner(source) and not is_reached:
            rebinds = f"nonlocal {name}" in _mentions(function)
            if rebinds or _may_change(function, name, {name}, set(), value, False):
                return f"{name} may be changed by {name_of(function)}() in line {function.lineno}"
    return None


@functools.lru_cache(maxsize=200)
def _inner(source: bytes) -> frozenset[Function]:
    return frozenset(function for function, around in _outer_functions(source) if around)


@functools.lru_cache(maxsize=200)
def _outer_functions(source: bytes) -> tuple[tuple[Function, tuple[Function, ...]], ...]:
    """Every function of a file with those that it stands in."""
    found: list[tuple[Function, tuple[Function, ...]]] = []

    def walk(node: ast.AST, around: tuple[Function, ...]) -> None:
        for child in ast.iter_child_nodes(node):
            if isinstance(child, (ast.FunctionDef, ast.AsyncFunctionDef, ast.Lambda)):
                found.append((child, around))
                walk(child, (*around, child))
            else:
                walk(child, around)

    walk(stripped(source), ())
    return tuple(found)


def _functions(
    source: bytes, file: str, reached: set[tuple[str, str, int]]
) -> Iterator[tuple[Function, bool]]:
    for function, around in _outer_functions(source):
        keys = {(file, name_of(f), line_of(f)) for f in (function, *around)}
        yield function, bool(keys & reached)


@functools.lru_cache(maxsize=5_000)
def _parents(function: Function) -> dict[ast.AST, ast.AST]:
    return {child: node for node in ast.walk(function) for child in ast.iter_child_nodes(node)}


@functools.lru_cache(maxsize=5_000)
def _mentions(function: Function) -> frozenset[str]:
    names: set[str] = set()
    for node in ast.walk(function):
        if isinstance(node, ast.Name):
            names.add(node.id)
        elif isinstance(node, ast.Global):
            names |= {f"global {name}" for name in node.names}
        elif isinstance(node, ast.Nonlocal):
            names |= {f"nonlocal {name}" for name in node.names}
    return frozenset(names)


def _may_change(
    function: Function, name: str, bare: set[str], modules: set[str], value: Any, is_home: bool
) -> bool:
    mentioned = _mentions(function)
    if is_home and f"global {name}" in mentioned:
        return True
    if _is_fixed(value) or not mentioned & (bare | modules):
        return False
    parents = _parents(function)
    whole = isinstance(value, type) or (callable(value) and not _has_state(value))
    for node in ast.walk(function):
        is_it = isinstance(node, ast.Name) and node.id in bare and isinstance(node.ctx, ast.Load)
        through = (
            isinstance(node, ast.Attribute)
            and node.attr == name
            and isinstance(node.value, ast.Name)
            and node.value.id in modules
        )
        if (is_it or through) and (
            _is_changed(node, parents) if whole else not _is_harmless(node, parents, value, _is_deep(value))
        ):
            return True
    return False


def _is_fixed(value: Any) -> bool:
    """Whether nobody can change a value in place."""
    if isinstance(value, (tuple, frozenset)):
        return all(map(_is_fixed, value))
    return isinstance(value, _FIXED)


def _is_deep(value: Any) -> bool:
    """Whether a container holds things that could be changed in place."""
    if isinstance(value, Mapping):
        return not all(map(_is_fixed, value.values()))
    if isinstance(value, (list, set, tuple, frozenset)):
        return not all(map(_is_fixed, value))
    return True


def _has_state(value: Any) -> bool:
    return not isinstance(value, (types.FunctionType, types.BuiltinFunctionType)) and not hasattr(
        value, "__wrapped__"
    )


def _is_changed(node: ast.AST, parents: Mapping[ast.AST, ast.AST]) -> bool:
    """Whether a class or function is given an attribute here, or handed to `setattr`."""
    parent = parents.get(node)
    while isinstance(parent, (ast.Attribute, ast.Subscript)):
        if not isinstance(parent.ctx, ast.Load):
            return True
        if isinstance(parent, ast.Attribute) and parent.attr in _CHANGING:
            return True
        node, parent = parent, parents.get(parent)
    return isinstance(parent, ast.Call) and isinstance(parent.func, ast.Name) and "setattr" in parent.func.id


def _is_harmless(node: ast.AST, parents: Mapping[ast.AST, ast.AST], value: Any, deep: bool) -> bool:
    """Whether this mention of a list, dict, set or object only reads it."""
    parent = parents.get(node)
    if isinstance(parent, (ast.Compare, ast.BinOp, ast.UnaryOp, ast.FormattedValue, ast.Expr)):
        return True
    if isinstance(parent, (ast.If, ast.While, ast.IfExp, ast.Assert)) and parent.test is node:
        return True
    if isinstance(parent, (ast.For, ast.comprehension)):
        return parent.iter is node and not deep
    if isinstance(parent, ast.Subscript):
        read = parent.value is node and isinstance(parent.ctx, ast.Load)
        return read and (not deep or _is_harmless(parent, parents, None, True))
    if isinstance(parent, ast.Attribute):
        return _is_harmless_attribute(parent, parents, value, deep)
    if isinstance(parent, ast.Call) and node in parent.args:
        takes = isinstance(parent.func, ast.Attribute) and parent.func.attr in _TAKING
        pure = isinstance(parent.func, ast.Name) and parent.func.id in _PURE
        return (takes or pure) and not deep
    if isinstance(parent, ast.Call) and parent.func is node:
        return value is not None and _is_unchanging(value)
    return False


def _is_harmless_attribute(
    attribute: ast.Attribute, parents: Mapping[ast.AST, ast.AST], value: Any, deep: bool
) -> bool:
    if not isinstance(attribute.ctx, ast.Load):
        return False
    if value is not None and _is_unchanging(value):
        return True
    call = parents.get(attribute)
    called = isinstance(call, ast.Call) and call.func is attribute
    return called and attribute.attr in _READING and not deep


def _is_unchanging(value: Any) -> bool:
    kind: Any = type(value)
    return _never_changes_itself(kind)


@functools.cache
def _never_changes_itself(kind: Any) -> bool:
    """Whether the methods of a class, its making apart, write nothing: no attribute, no item, no list of its own."""
    place = place_of_module(sys.modules.get(kind.__module__))
    if place in ("ours", "installed"):
        return kind.__module__.startswith("weaklabel.") or kind in _FIXED
    for cls in kind.__mro__[:-1]:
        if place_of_module(sys.modules.get(cls.__module__)) not in ("project", "memory"):
            return False
        for name, member in vars(cls).items():
            code = getattr(getattr(member, "fget", member), "__code__", None)
            if code is None or name in ("__init__", "__new__", "__post_init__"):
                continue
            if _writes(code):
                return False
    return True


def _writes(code: types.CodeType) -> bool:
    import dis

    return any(
        step.opname in _STORES or (step.opcode in dis.hasname and step.argval in _CHANGING)
        for part in inner_codes(code)
        for step in dis.get_instructions(part)
    )
