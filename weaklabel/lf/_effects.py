"""What a project's files do beyond the project: a reason to count them as a whole.

`random.seed(3)` when a file is loaded, a patched package, a plug-in that is registered with one: no captured value
shows it. The syntax is looked at, and the live names are asked what they are.
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

from weaklabel.lf._code import stripped
from weaklabel.lf._modules import place_of, place_of_module

CHANGING: Final = {
    "add", "append", "appendleft", "clear", "difference_update", "discard", "extend", "extendleft", "insert",
    "intersection_update", "move_to_end", "pop", "popitem", "popleft", "remove", "reverse", "rotate", "setdefault",
    "sort", "symmetric_difference_update", "update", "__setattr__", "__setitem__", "__delitem__", "setattr"
}  # fmt: skip
_SETTERS: Final = re.compile(
    r"(seed|set(_\w+|[A-Z]\w*|err|attr|locale|recursionlimit|defaulttimeout)|register\w*|patch\w*|install\w*|putenv"
    r"|unsetenv|__set\w+)$"
)
_QUIET: Final = {"logging", "warnings"}  # nothing that these are told changes a vote
_DECORATING: Final = {
    "abc", "collections", "contextlib", "dataclasses", "enum", "functools", "types", "typing", "typing_extensions"
}  # fmt: skip
FIXED: Final = (
    type(None), bool, int, float, complex, str, bytes, range, re.Pattern, Decimal, types.MappingProxyType, types.FunctionType,
    types.BuiltinFunctionType, types.ModuleType, Enum
)  # fmt: skip


def outside(source: bytes, namespace: Mapping[str, Any]) -> str | None:
    """What a file changes beyond the project, in words; None where nothing was found."""
    tree = stripped(source)
    for statement, at_load in _statements(tree.body, at_load=True, run=_run_at_load(tree)):
        found = _outside_of(statement, namespace, at_load)
        if found:
            return f"{found} in line {statement.lineno}"
    return None


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
        changes = method in CHANGING and isinstance(call.func, ast.Attribute) and call.func.value is not None
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
    if value is None or isinstance(value, FIXED[:9]) or _is_plain_holder(value):
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
