"""Functions that may change what a labeling function uses, without being called by it.

Whether they ran before it votes, nobody can know: a reason to count the files as a whole. A mention of a shared list,
dict, set or object that is not known to be a reading one counts as a change.
"""

from __future__ import annotations

import ast
import dis
import functools
import sys
import types
from collections.abc import Iterator, Mapping
from typing import Any, Final

from weaklabel.lf._code import Function, inner_codes, line_of, name_of, stripped
from weaklabel.lf._effects import CHANGING, FIXED
from weaklabel.lf._modules import place_of_module

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
_STORES: Final = (
    "STORE_ATTR",
    "STORE_SUBSCR",
    "DELETE_ATTR",
    "DELETE_SUBSCR",
    "STORE_GLOBAL",
    "DELETE_GLOBAL",
)


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
    return isinstance(value, FIXED)


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
        if isinstance(parent, ast.Attribute) and parent.attr in CHANGING:
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
        return kind.__module__.startswith("weaklabel.") or kind in FIXED
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
    return any(
        step.opname in _STORES or (step.opcode in dis.hasname and step.argval in CHANGING)
        for part in inner_codes(code)
        for step in dis.get_instructions(part)
    )
