"""What a Python file says of its functions, read from its syntax; nothing is executed.

A fingerprint takes three things from here: the text of each function and class with the names in it, the statements at
the top of a file that do more than define something, and what functions may change that outlives their call. Where they
change nothing, the votes of one function cannot depend on another that it does not reach.
"""

from __future__ import annotations

import ast
import functools
import re
from collections import defaultdict
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from types import CodeType
from typing import Final

Chain = tuple[str, ...]
Function = ast.FunctionDef | ast.AsyncFunctionDef | ast.Lambda

_DEFINING: Final = (
    ast.Import, ast.ImportFrom, ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef, ast.Assign, ast.AnnAssign, ast.Pass
)  # fmt: skip
# Methods of lists, dicts, sets, arrays and their kin that change them in place.
_CHANGING: Final = {
    "add", "append", "appendleft", "clear", "difference_update", "discard", "extend", "extendleft", "fill", "insert",
    "intersection_update", "move_to_end", "pop", "popitem", "popleft", "put", "remove", "resize", "reverse", "rotate",
    "setdefault", "setfield", "setflags", "sort", "subtract", "symmetric_difference_update", "update", "__delattr__",
    "__delitem__", "__iadd__", "__ior__", "__setattr__", "__setitem__", "__setstate__"
}  # fmt: skip
_REFLECTING: Final = {"delattr", "eval", "exec", "setattr"}
# Functions of other packages that change something for everybody, and decorators that enter a function in a table.
_SETTING: Final = re.compile(
    r"(seed|set(_\w+|[A-Z]\w*|err|attr|locale|recursionlimit|defaulttimeout)|register\w*|patch\w*|install\w*|putenv"
    r"|unsetenv|__set\w+|feature|prompt_feature|on_columns)$"
)
# Nothing that these modules and methods are told changes a vote.
_TELLING: Final = {
    "critical", "debug", "error", "exception", "info", "log", "logging", "time", "warning", "warnings"
}  # fmt: skip
# What makes an object that nobody else has.
_NEW: Final = (
    ast.Constant, ast.JoinedStr, ast.List, ast.Tuple, ast.Dict, ast.Set, ast.ListComp, ast.SetComp, ast.DictComp,
    ast.BinOp, ast.UnaryOp, ast.Compare
)  # fmt: skip
_MAKERS: Final = {
    "abs", "bool", "bytearray", "Counter", "defaultdict", "deque", "dict", "float", "frozenset", "int", "len", "list",
    "round", "set", "sorted", "str", "tuple"
}  # fmt: skip
_MAKING_METHODS: Final = {"copy", "findall", "lower", "replace", "split", "splitlines", "strip", "tolist"}
_FILLING: Final = {"__init__", "__init_subclass__", "__new__", "__post_init__", "__set_name__"}
# Ways to get at what is not named, or at what only people read.
LOOKING_IN: Final = {
    "__annotations__", "__bases__", "__builtins__", "__closure__", "__code__", "__dict__", "__doc__", "__globals__",
    "__module__", "__mro__", "__name__", "__qualname__", "__subclasses__", "__traceback__", "_getframe",
    "co_firstlineno", "currentframe", "f_globals", "f_lineno", "f_locals", "modules", "mro", "tb_frame", "tb_lineno"
}  # fmt: skip


@dataclass(frozen=True)
class Piece:
    """A function, a class, or some statements.

    Attributes:
        text: the syntax tree; equal where only comments, layout, docstrings and a function's name differ.
        names: names in it, each with the attributes read off it: `helper.sub.X` is one chain.
        imports: (module, level) of what import statements inside it may load.
        strings: its string constants.
        odd: an attribute by which it may reach what it does not name, None where it has none.
    """

    text: str
    names: frozenset[Chain]
    imports: frozenset[tuple[str, int]]
    strings: frozenset[str]
    odd: str | None


@functools.lru_cache(maxsize=10_000)
def _piece(*nodes: ast.AST) -> Piece:
    parts = [part for node in nodes for part in (_body(node) if isinstance(node, Function) else [node])]
    heads = [f"{type(node).__name__} {ast.dump(node.args)}" for node in nodes if isinstance(node, Function)]
    inside = [item for part in parts for item in ast.walk(part)]
    strings = {i.value for i in inside if isinstance(i, ast.Constant) and isinstance(i.value, str)}
    read = {item.attr for item in inside if isinstance(item, ast.Attribute)}
    read |= {text for text in strings if text.startswith("__")}  # getattr(f, "__code__")
    return Piece(
        "\n".join(heads + [ast.dump(part) for part in parts]),
        frozenset(name for part in parts for name in _names(part)),
        frozenset(one for item in inside for one in _imports(item)),
        frozenset(strings),
        min(read & LOOKING_IN, default=None),
    )


class Source:
    """One file, as it was executed.

    Attributes:
        always: the statements at its top that do more than define something, in order.
        imported: local name -> package at its top, of every import statement that is not relative.
    """

    def __init__(self, text: bytes, path: str) -> None:
        self._tree = tree = _stripped(ast.parse(text))
        self.always = _piece(*(statement for statement in tree.body if not _only_defines(statement)))
        self.imported: dict[str, str] = {}
        self._codes: dict[tuple[str, int], list[CodeType]] = defaultdict(list)
        self._functions: dict[tuple[str, int], list[Function]] = defaultdict(list)
        self._classes: dict[str, list[ast.ClassDef]] = defaultdict(list)
        for code in codes_in(compile(text, path, "exec", dont_inherit=True)):
            self._codes[code.co_name, code.co_firstlineno].append(code)
        for node in ast.walk(tree):
            if isinstance(node, Function):
                # The compiler lets a function begin at its first decorator.
                first = min([node.lineno, *(d.lineno for d in getattr(node, "decorator_list", []))])
                self._functions[_name_of(node), first].append(node)
            elif isinstance(node, ast.ClassDef):
                self._classes[node.name].append(node)
            elif isinstance(node, (ast.Import, ast.ImportFrom)) and not getattr(node, "level", 0):
                for alias in node.names:
                    module = getattr(node, "module", alias.name) or ""
                    self.imported[(alias.asname or alias.name).partition(".")[0]] = module.partition(".")[0]

    def function(self, code: CodeType) -> tuple[int, Piece] | None:
        """The function that compiles to `code`; None where this file has none, because it was edited since.

        Lambdas of one line cannot be told apart by their place: the piece is all of them, the number says which.
        """
        key = code.co_name, code.co_firstlineno
        number = next((i for i, known in enumerate(self._codes[key]) if known == code), None)
        return None if number is None or not self._functions[key] else (number, _piece(*self._functions[key]))

    def classes(self, name: str) -> Piece | None:
        """All classes of a name, None where no class statement makes one."""
        return _piece(*self._classes[name]) if name in self._classes else None

    @functools.cached_property
    def text(self) -> str:
        """The whole file without comments, layout and docstrings."""
        return ast.dump(self._tree)

    @functools.cached_property
    def changes(self) -> list[tuple[bool, str]]:
        """What functions may change that outlives their call: whether it is nothing but a list or the like; in words."""
        return [
            (is_list, f"{_name_of(function)}() {words} in line {function.lineno}")
            for function in (node for nodes in self._functions.values() for node in nodes)
            for is_list, words in _lasting_changes(function, self.imported)
        ]


@functools.lru_cache(maxsize=500)
def source(text: bytes, path: str) -> Source:
    """The file of that text and path.

    Raises:
        SyntaxError, ValueError: it is no Python.
    """
    return Source(text, path)


def codes_in(code: CodeType) -> Iterator[CodeType]:
    """`code` and that of every function, class and comprehension inside."""
    yield code
    for constant in code.co_consts:
        if isinstance(constant, CodeType):
            yield from codes_in(constant)


def _stripped(tree: ast.Module) -> ast.Module:
    """`tree` without docstrings and other strings that stand alone, and without what runs as a main program only."""
    for node in ast.walk(tree):
        for field in ("body", "orelse", "finalbody"):
            block = getattr(node, field, None)
            if isinstance(block, list) and block:
                setattr(node, field, [item for item in block if not _is_string(item)] or [ast.Pass()])
    tree.body = [item for item in tree.body if not _is_main(item)]
    return tree


def _is_string(item: ast.AST) -> bool:
    return isinstance(item, ast.Expr) and isinstance(getattr(item.value, "value", None), (str, bytes))


def _is_main(item: ast.stmt) -> bool:
    return isinstance(item, ast.If) and not item.orelse and ast.unparse(item.test) == "__name__ == '__main__'"


def _name_of(node: Function) -> str:
    return "<lambda>" if isinstance(node, ast.Lambda) else node.name


def _body(node: Function) -> Sequence[ast.AST]:
    return [node.body] if isinstance(node, ast.Lambda) else node.body


def _names(node: ast.AST) -> Iterator[Chain]:
    if chain := _chain(node):
        yield chain
    else:
        for child in ast.iter_child_nodes(node):
            yield from _names(child)


def _chain(node: ast.AST) -> Chain | None:
    if isinstance(node, ast.Attribute):
        return (*inner, node.attr) if (inner := _chain(node.value)) else None
    return (node.id,) if isinstance(node, ast.Name) and isinstance(node.ctx, ast.Load) else None


def _imports(node: ast.AST) -> Iterator[tuple[str, int]]:
    if isinstance(node, ast.Import):
        yield from ((alias.name, 0) for alias in node.names)
    elif isinstance(node, ast.ImportFrom):
        base = node.module or ""
        names = [f"{base}.{alias.name}".lstrip(".") for alias in node.names]  # what is taken may be a module
        yield from ((name, node.level) for name in [base, *names] if name)


# -------------------------------------------------------------------------------------------------- changes


def _run_with(node: ast.AST) -> Iterator[ast.AST]:
    """`node` and all in it that runs when it does: not the bodies of functions."""
    yield node
    later = _body(node) if isinstance(node, Function) else []
    for child in ast.iter_child_nodes(node):
        if child not in later:
            yield from _run_with(child)


def _only_defines(statement: ast.stmt) -> bool:
    """Whether all that a statement does is to give something a name."""
    if not isinstance(statement, _DEFINING):
        return False
    targets = getattr(statement, "targets", None) or [getattr(statement, "target", ast.Tuple([]))]
    names = [item for target in targets for item in getattr(target, "elts", [target])]
    run = list(_run_with(statement))
    called = [node.func for node in run if isinstance(node, ast.Call)]
    called += [decorator for node in run for decorator in getattr(node, "decorator_list", [])]
    return all(isinstance(name, ast.Name) for name in names) and not any(map(_has_effect, called))


def _has_effect(callee: ast.expr) -> bool:
    name = getattr(callee, "attr", getattr(callee, "id", ""))
    return name in _CHANGING | _REFLECTING or _SETTING.match(name) is not None


def _lasting_changes(function: Function, imported: dict[str, str]) -> Iterator[tuple[bool, str]]:
    """What a function may change that outlives its call: whether it is nothing but a list or the like; in words.

    It may change what it has made itself, by name. All else counts as shared: what it was given, what it got from a
    call, what lies inside something.
    """
    body = [node for item in _body(function) for node in _run_with(item)]
    own = _made_here(function, body)
    thrown_away = {id(node.value) for node in body if isinstance(node, ast.Expr)}
    for node in body:
        if isinstance(node, (ast.Global, ast.Nonlocal)):
            yield False, f"has the {type(node).__name__.lower()} {node.names[0]}"
        elif isinstance(node, ast.AugAssign) and isinstance(node.target, ast.Name):
            if node.target.id not in own:
                yield True, f"changes {node.target.id}"
        elif isinstance(node, (ast.Attribute, ast.Subscript)):
            is_store = not isinstance(node.ctx, ast.Load)
            is_method = isinstance(node, ast.Attribute) and node.attr in _CHANGING
            if (is_store or is_method) and getattr(node.value, "id", "") not in own:
                in_it = isinstance(node, ast.Subscript) or not is_store
                yield in_it and _root(node) not in imported, f"changes {ast.unparse(node.value)[:60]}"
        elif isinstance(node, ast.Call):
            found = _change_by(node, id(node) in thrown_away, own, imported)
            if found is not None:
                yield found, f"calls {ast.unparse(node.func)[:60]}"


def _change_by(call: ast.Call, is_thrown_away: bool, own: set[str], imported: dict[str, str]) -> bool | None:
    """Whether what a call may change is nothing but a list or the like; None where it changes nothing."""
    root = _root(call.func)
    if root in imported:
        if _has_effect(call.func) or (is_thrown_away and imported[root] not in _TELLING):
            return False
    elif root in _REFLECTING:
        return False
    elif is_thrown_away and isinstance(call.func, ast.Attribute):
        return None if call.func.attr in _TELLING or root in own | {"super"} else True
    # numpy writes its result there
    return True if any(keyword.arg == "out" for keyword in call.keywords) else None


def _root(node: ast.expr) -> str:
    """The name that an expression like `a.b[c].d()` starts from, "" where it starts from none."""
    while isinstance(node, (ast.Attribute, ast.Subscript, ast.Call)):
        node = node.func if isinstance(node, ast.Call) else node.value
    return node.id if isinstance(node, ast.Name) else ""


def _made_here(function: Function, body: Iterable[ast.AST]) -> set[str]:
    """Local names that stand for nothing but what the function has made itself."""
    a = function.args
    given = [one.arg for one in (*a.posonlyargs, *a.args, *a.kwonlyargs, a.vararg, a.kwarg) if one]
    made = {given.pop(0)} if given and _name_of(function) in _FILLING else set()
    known: set[int] = set()
    for node in body:
        if isinstance(node, ast.AugAssign):
            known.add(id(node.target))
        elif isinstance(node, (ast.Assign, ast.AnnAssign)) and _is_made(node.value):
            targets = node.targets if isinstance(node, ast.Assign) else [node.target]
            known |= {id(target) for target in targets}
            made |= {target.id for target in targets if isinstance(target, ast.Name)}
    stored = [n for n in body if isinstance(n, ast.Name) and isinstance(n.ctx, ast.Store)]
    return made - {n.id for n in stored if id(n) not in known} - set(given)


def _is_made(value: ast.expr | None) -> bool:
    if isinstance(value, ast.IfExp):
        return _is_made(value.body) and _is_made(value.orelse)
    if isinstance(value, ast.Call):
        callee = value.func
        return getattr(callee, "id", "") in _MAKERS or getattr(callee, "attr", "") in _MAKING_METHODS
    return isinstance(value, _NEW)
