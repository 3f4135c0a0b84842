"""What one function's code says, and what it uses: the unit from which fingerprints are put together.

The text of a function is its syntax tree without comments, layout, docstrings, and what stands outside its body
(name, decorators, annotations, defaults): what those do shows in the live objects. The tree comes from the source
as it was executed, and only where compiling it gives the very code that the function holds; any other function (one
made by `exec`, one of two lambdas on a line) counts by its byte code.
"""

from __future__ import annotations

import ast
import dis
import functools
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from types import CodeType
from typing import Any, Final

from weaklabel.lf._modules import kept_source

_GLOBAL: Final = {"LOAD_GLOBAL", "LOAD_NAME", "LOAD_FROM_DICT_OR_GLOBALS", "STORE_GLOBAL", "DELETE_GLOBAL"}
_CELL: Final = {"LOAD_DEREF", "LOAD_CLASSDEREF", "LOAD_FROM_DICT_OR_DEREF"}
_ATTRIBUTE: Final = {"LOAD_ATTR", "LOAD_METHOD"}
_BETWEEN: Final = {"CACHE", "EXTENDED_ARG", "NOP", "PUSH_NULL"}
_HAS_DOCSTRING: Final = 0x4000000  # a flag of 3.13
_DEFS: Final = (ast.FunctionDef, ast.AsyncFunctionDef)
Function = ast.FunctionDef | ast.AsyncFunctionDef | ast.Lambda


@dataclass(frozen=True)
class Uses:
    """What a function's code names, its inner functions' included.

    Attributes:
        names: global names, each with the attributes read off it there and then: `helper.sub.X` is one chain.
        cells: the same of captured variables.
        imports: import statements inside: module, level, names taken from it.
        attributes: every attribute name.
        strings: every string constant.
    """

    names: tuple[tuple[str, ...], ...]
    cells: tuple[tuple[str, ...], ...]
    imports: tuple[tuple[str, int, tuple[str, ...]], ...]
    attributes: frozenset[str]
    strings: frozenset[str]


@functools.lru_cache(maxsize=20_000)
def uses(code: CodeType) -> Uses:
    """What `code` names."""
    names: set[tuple[str, ...]] = set()
    cells: set[tuple[str, ...]] = set()
    imports: set[tuple[str, int, tuple[str, ...]]] = set()
    attributes: set[str] = set()
    strings: set[str] = set()
    for part in inner_codes(code):
        steps = [step for step in dis.get_instructions(part) if step.opname not in _BETWEEN]
        for i, step in enumerate(steps):
            if step.opname in _GLOBAL or step.opname in _CELL:
                chain = [step.argval]
                for after in steps[i + 1 :]:
                    if after.opname not in _ATTRIBUTE:
                        break
                    chain.append(after.argval)
                (names if step.opname in _GLOBAL else cells).add(tuple(chain))
            elif step.opname == "IMPORT_NAME":
                imports.add((step.argval, steps[i - 2].argval or 0, tuple(steps[i - 1].argval or ())))
            elif step.opcode in dis.hasname and ("ATTR" in step.opname or step.opname == "LOAD_METHOD"):
                attributes.add(step.argval)
        strings |= set(_strings(part.co_consts))
    return Uses(
        tuple(sorted(names)),
        tuple(sorted(cells)),
        tuple(sorted(imports)),
        frozenset(attributes),
        frozenset(strings),
    )


def inner_codes(code: CodeType) -> Iterator[CodeType]:
    """`code` and that of every function, class and comprehension inside."""
    yield code
    for constant in code.co_consts:
        if isinstance(constant, CodeType):
            yield from inner_codes(constant)


def text_of(code: CodeType) -> str:
    """The function's code as text: equal where two functions do the same by the same words."""
    known = _known(code.co_filename, kept_source(code.co_filename))
    nodes, codes = known.get((code.co_name, code.co_firstlineno), ((), ()))
    if len(nodes) == len(codes) == 1 and byte_code(codes[0]) == byte_code(code):
        return _node_text(nodes[0])
    return byte_code(code)


@functools.lru_cache(maxsize=20_000)
def byte_code(code: CodeType) -> str:
    """The function's byte code as text, without line numbers."""
    fields: list[Any] = [
        code.co_code.hex(),
        code.co_names,
        code.co_varnames,
        code.co_freevars,
        code.co_cellvars,
    ]
    fields += [
        code.co_argcount,
        code.co_posonlyargcount,
        code.co_kwonlyargcount,
        code.co_flags & ~_HAS_DOCSTRING,
    ]
    fields += [code.co_exceptiontable.hex(), [_constant(value) for value in code.co_consts]]
    return repr(fields)


@functools.lru_cache(maxsize=1000)
def without_comments(source: bytes) -> str:
    """A file's syntax tree as text: no comments, layout or docstrings."""
    return ast.dump(stripped(source))


@functools.lru_cache(maxsize=200)
def stripped(source: bytes) -> ast.Module:
    """The syntax tree of a file without docstrings and other strings that stand as statements of their own."""
    tree = ast.parse(source)
    for node in ast.walk(tree):
        for field in ("body", "orelse", "finalbody"):
            block = getattr(node, field, None)
            if isinstance(block, list) and block and isinstance(block[0], ast.stmt):
                kept = [item for item in block if not _is_string(item)]
                setattr(node, field, kept or [ast.Pass(lineno=block[0].lineno, col_offset=0)])
    return tree


def line_of(node: Function) -> int:
    """The line that the function's code counts from: that of its first decorator."""
    decorators = [] if isinstance(node, ast.Lambda) else node.decorator_list
    return min([node.lineno, *(decorator.lineno for decorator in decorators)])


def name_of(node: Function) -> str:
    return "<lambda>" if isinstance(node, ast.Lambda) else node.name


@functools.lru_cache(maxsize=200)
def _known(
    filename: str, source: bytes | None
) -> dict[tuple[str, int], tuple[list[Function], list[CodeType]]]:
    """By name and first line: the functions of a file as syntax, and as code."""
    found: dict[tuple[str, int], tuple[list[Function], list[CodeType]]] = {}
    if source is None:
        return found
    try:
        tree, compiled = stripped(source), compile(source, filename, "exec", dont_inherit=True)
    except (SyntaxError, ValueError):  # not what was executed
        return found
    for node in ast.walk(tree):
        if isinstance(node, (*_DEFS, ast.Lambda)):
            found.setdefault((name_of(node), line_of(node)), ([], []))[0].append(node)
    for code in inner_codes(compiled):
        found.setdefault((code.co_name, code.co_firstlineno), ([], []))[1].append(code)
    return found


def _node_text(node: Function) -> str:
    a = node.args
    star, stars = (None if one is None else one.arg for one in (a.vararg, a.kwarg))
    names = [[one.arg for one in some] for some in (a.posonlyargs, a.args, a.kwonlyargs)]
    body = node.body if isinstance(node.body, list) else [node.body]
    # A lambda and a def of one expression differ by their return statement.
    return repr([type(node).__name__, *names, star, stars, [ast.dump(item) for item in body]])


def _is_string(item: ast.stmt) -> bool:
    return (
        isinstance(item, ast.Expr)
        and isinstance(item.value, ast.Constant)
        and isinstance(item.value.value, (str, bytes))
    )


def _strings(constants: Any) -> Iterator[str]:
    for value in constants:
        if isinstance(value, str):
            yield value
        elif isinstance(value, (tuple, frozenset)):
            yield from _strings(value)


def _constant(value: Any) -> str:
    if isinstance(value, CodeType):
        return byte_code(value)
    if isinstance(value, tuple):
        return f"({', '.join(map(_constant, value))})"
    if isinstance(value, frozenset):  # their order differs from process to process
        return f"{{{', '.join(sorted(map(_constant, value)))}}}"
    return f"{type(value).__name__} {value!r}"


def file_of(code: CodeType) -> Path | None:
    """The file that a function stands in, None for code that was made in memory."""
    return None if code.co_filename.startswith("<") else Path(code.co_filename)
