"""Wrong Python types at the front door: one line that names the argument, what came, and what is allowed.

The annotations of a function say it all, so `checked` reads them instead of asking every function to check by hand.
They are read as text, and classes are compared by name: nothing has to be imported to find that None is not `Pairs`,
and a module of the ground floor can guard functions of every other.
"""

from __future__ import annotations

import ast
import functools
import inspect
import numbers
import os
import sys
from collections.abc import Callable, Iterable, Mapping, Sequence, Set
from dataclasses import dataclass
from pathlib import Path
from types import UnionType
from typing import (
    Any,
    Final,
    Literal,
    NamedTuple,
    ParamSpec,
    TypeVar,
    Union,
    get_args,
    get_origin,
    is_typeddict,
)

from weaklabel._paths import expanded
from weaklabel.errors import ArgumentError

P = ParamSpec("P")
R = TypeVar("R")

# Arguments that are a path or something else: the text of a template, the name of a source.
_OR_NO_PATH: Final = ("template", "sources")
_SEEDS: Final = 1 << 32  # what scikit-learn takes, too
_WORDS: Final = {
    "None": ("None", ""),
    "str": ("a text", "texts"),
    "int": ("a whole number", "whole numbers"),
    "float": ("a number", "numbers"),
    "bool": ("True or False", ""),
    "Path": ("a path", "paths"),
    "ArrayLike": ("a list or an array of numbers", ""),
    "ndarray": ("a numpy array of numbers", "numpy arrays of numbers"),
    "Callable": ("a function", "functions"),
    "Mapping": ("a dict", "dicts"),
    "Pairs": ("Pairs, as read_pairs returns", ""),
    "Votes": ("Votes, as apply returns", ""),
    "Labels": ("Labels, as Labeler.label returns", ""),
    "Labeler": ("a Labeler, as fit returns", ""),
    "RewardModel": ("a reward model, as train_reward returns", ""),
    "Comparer": ("a comparer, such as a labeler or a reward model", "comparers"),
    "CanCompare": ("a comparer, such as a labeler or a reward model", "comparers"),
    "CanScore": ("something that scores responses", ""),
    "LabelingFunction": (
        "a labeling function, made with @labeling_function or @response_scorer",
        "labeling functions, made with @labeling_function or @response_scorer",
    ),
    "Table": ("a pyarrow Table", ""),
    "PairSource": (
        "Pairs, a path, a glob, a list of paths or of dicts, a pandas or polars DataFrame, a pyarrow Table or a "
        "datasets.Dataset",
        "",
    ),
}
_TABLES: Final = {"Pairs", "Table", "DataFrame", "LazyFrame", "Dataset", "IterableDataset", "DatasetDict"}
_LISTS: Final = ("Sequence", "list", "tuple", "Iterable", "Set", "frozenset", "set")


class Arguments:
    """The arguments that something takes, by its annotations.

    Args:
        taker: a function, or a class whose `__init__` is annotated.
        owner: its name in messages.
    """

    def __init__(self, taker: Callable[..., Any], owner: str) -> None:
        self.owner, self.signature = owner, inspect.signature(taker)
        names = vars(sys.modules[taker.__module__])
        self.kinds = {
            name: _Kind.of(_parsed(parameter.annotation), names)
            for name, parameter in self.signature.parameters.items()
            if isinstance(parameter.annotation, str) and parameter.kind is not inspect.Parameter.VAR_KEYWORD
        }

        # Nothing can be done with no functions, unless leaving them out means something.
        self.not_empty = {
            name
            for name, kind in self.kinds.items()
            if kind.inside
            and kind.inside[0].base == "LabelingFunction"
            and self.signature.parameters[name].default is inspect.Parameter.empty
        }

    def call(self, function: Callable[..., R], args: tuple[Any, ...], kwargs: Mapping[str, Any]) -> R:
        """`function` with these arguments, once they are checked; paths come with `~` expanded.

        Raises:
            ArgumentError: an argument of another type; NaN for a number; a seed outside 0..2**32-1; an empty list of
                labeling functions.
            ConfigError: a path that is none (`weaklabel._paths`).
        """
        try:
            given = self.signature.bind(*args, **kwargs)
        except TypeError:
            return function(*args, **kwargs)  # which says what is missing or not known
        for name in given.arguments.keys() & self.kinds.keys():
            many = self.signature.parameters[name].kind is inspect.Parameter.VAR_POSITIONAL
            values = given.arguments[name] if many else (given.arguments[name],)
            found = tuple(_taken(self.owner, name, value, self.kinds[name]) for value in values)
            if name in self.not_empty and not found[0]:
                _refuse(
                    _Problem(f"{self.owner}: {name}", "empty", f"{self.kinds[name].words()}, at least one")
                )
            given.arguments[name] = found if many else found[0]
        return function(*given.args, **given.kwargs)


def checked(function: Callable[P, R]) -> Callable[P, R]:
    """`function` with its arguments checked against its annotations, see `Arguments.call`."""
    arguments = Arguments(function, function.__qualname__.removesuffix(".__init__"))

    @functools.wraps(function)
    def wrapper(*args: P.args, **kwargs: P.kwargs) -> R:
        return arguments.call(function, args, kwargs)

    return wrapper


def check_value(where: str, value: object, annotation: str) -> None:
    """One value against an annotation, for those whom `checked` does not fit.

    Raises:
        ArgumentError: it is of another type.

    >>> check_value("Votes: ids", ("a", "b"), "tuple[str, ...]")
    """
    _refuse(_kind_of(annotation).problem(where, value))


@functools.cache
def _kind_of(annotation: str) -> _Kind:
    return _Kind.of(_parsed(annotation), {})


def _parsed(annotation: str) -> ast.expr:
    return ast.parse(annotation, mode="eval").body


def _taken(owner: str, name: str, value: Any, kind: _Kind) -> Any:
    where = f"{owner}: {name}"
    _refuse(kind.problem(where, value))
    if _is_of_numpy(value, "generic"):
        value = value.item()  # JSON and hashes know Python's own numbers alone
    if name == "seed" and not 0 <= value < _SEEDS:
        raise ArgumentError(f"{where} is {value}. Allowed: 0 to {_SEEDS - 1}.")
    is_path = kind.names("Path") and not (name in _OR_NO_PATH and isinstance(value, str))
    if not is_path or not isinstance(value, str | os.PathLike):
        return value
    path = expanded(value, where)
    return path if isinstance(value, str) else Path(path)


class _Problem(NamedTuple):
    where: str
    came: str
    allowed: str


def _refuse(problem: _Problem | None) -> None:
    if problem is not None:
        raise ArgumentError(f"{problem.where} is {problem.came}. Allowed: {problem.allowed}.")


@dataclass(frozen=True)
class _Kind:
    """An annotation: a name with what stands in its brackets, or a choice of several (`base` is "")."""

    base: str
    inside: tuple[_Kind, ...] = ()
    members: frozenset[str] | None = None  # of a protocol

    @classmethod
    def of(cls, node: ast.expr, names: Mapping[str, Any]) -> _Kind:
        """What an annotation means; `names` are those of its module."""
        if isinstance(node, ast.BinOp):
            return cls("", (*_choices(cls.of(node.left, names)), *_choices(cls.of(node.right, names))))
        if isinstance(node, ast.Constant):
            return cls("..." if node.value is ... else "None")
        if isinstance(node, ast.Subscript):
            inside = node.slice.elts if isinstance(node.slice, ast.Tuple) else [node.slice]
            if ast.unparse(node.value) == "Literal":
                return cls("str")  # which words, those who take them say better
            outer = cls.of(node.value, names).base
            known = outer in (*_LISTS, "Mapping", "dict")
            return cls(outer, tuple(cls.of(item, names) for item in inside) if known else ())
        if isinstance(node, ast.List):  # the arguments of a Callable
            return cls("Any")
        name = node.attr if isinstance(node, ast.Attribute) else ast.unparse(node)
        found = names.get(name)
        return cls(name) if name in _FITS or found is None else cls.of_type(found)

    @classmethod
    def of_type(cls, found: Any) -> _Kind:
        """What a class, or an alias such as `Prefer = Literal["more", "less"]`, means."""
        if isinstance(found, str):
            return cls.of(_parsed(found), {})
        origin, inside = get_origin(found), get_args(found)
        if found is None or found is type(None):
            return cls("None")
        if is_typeddict(found):
            return cls("Mapping")  # which keys, those who take it say better
        if isinstance(found, type) and origin is None:
            return cls(found.__name__, members=_members_of(found))
        if origin in (Union, UnionType):
            return cls("", tuple(choice for part in inside for choice in _choices(cls.of_type(part))))
        if origin is Literal:
            return cls("str")
        if not isinstance(origin, type):
            return cls("Any")
        known = origin.__name__ in (*_LISTS, "Mapping", "dict")
        return cls(origin.__name__, tuple(map(cls.of_type, inside)) if known else ())

    def names(self, base: str) -> bool:
        """Whether `base` is it, or one of its choices."""
        return any(choice.base == base for choice in _choices(self))

    def problem(self, where: str, value: Any) -> _Problem | None:
        """What is wrong with `value`, None where nothing is."""
        if self.base == "":
            found = [choice.problem(where, value) for choice in self.inside]
            if None in found:
                return None
            # Of a choice that is right outside, what is wrong inside says more.
            inner = [problem for problem in found if problem is not None and problem.where != where]
            if inner:
                return inner[0]
            meant = next(filter(None, (choice._meant(value) for choice in self.inside)), "")
            return _Problem(where, _shown(value), f"{self.words()}{meant}")
        if not self._fits(value):
            return _Problem(where, _shown(value), f"{self.words()}{self._meant(value)}")
        return self._inner_problem(where, value)

    def _fits(self, value: Any) -> bool:
        simple = _FITS.get(self.base)
        if simple is not None:
            return simple(value)
        # A pandas object has a compare of another kind.
        theirs = type(value).__module__.partition(".")[0] in ("builtins", "pandas")
        if self.members is not None and not theirs and all(hasattr(value, name) for name in self.members):
            return True
        return any(parent.__name__ == self.base for parent in type(value).__mro__)

    def _meant(self, value: Any) -> str:
        """What was probably meant by one item where a list is wanted."""
        if self.base not in _LISTS or not self.inside or self.inside[0].problem("", value) is not None:
            return ""
        return f": [{_shown(value)}]" if isinstance(value, str) else "; put the one into a list"

    def _inner_problem(self, where: str, value: Any) -> _Problem | None:
        if self.base in ("Mapping", "dict") and self.inside:
            key_kind, value_kind = self.inside
            items = [(f"a key of {where}", key, key_kind) for key in value]
            items += [(f"{where}[{key!r:.40}]", item, value_kind) for key, item in value.items()]
        elif self.inside and isinstance(value, list | tuple):
            same = len(self.inside) == 1 or self.inside[-1].base == "..."
            if not same and len(value) != len(self.inside):
                return _Problem(where, f"{_shown(value)} of {len(value)}", self.words())
            kinds = [self.inside[0]] * len(value) if same else list(self.inside)
            items = [(f"{where}[{i}]", item, kinds[i]) for i, item in enumerate(value)]
        else:
            return None
        return next((found for w, v, kind in items if (found := kind.problem(w, v)) is not None), None)

    def words(self, many: bool = False) -> str:
        """What is allowed, for a person; `many` for the items of a list."""
        if self.base == "":
            return _joined([choice.words(many) for choice in self.inside])
        if self.base == "tuple" and len(self.inside) > 1 and self.inside[-1].base != "...":
            return f"a tuple of {len(self.inside)}: {', '.join(item.words() for item in self.inside)}"
        if self.base in _LISTS:
            items = f" of {self.inside[0].words(many=True)}" if self.inside else ""
            return f"lists{items}" if many else f"a list{items}"
        base = "Mapping" if self.base == "dict" else self.base
        one, several = _WORDS.get(base, (f"a {base}", f"{base} objects"))
        return (several or one) if many else one


def _choices(kind: _Kind) -> tuple[_Kind, ...]:
    return kind.inside if kind.base == "" else (kind,)


def _members_of(found: Any) -> frozenset[str] | None:
    """What an object must have to count as that protocol; None for what is none."""
    if not getattr(found, "_is_protocol", False):
        return None
    parts = (part for part in found.__mro__ if getattr(part, "_is_protocol", False))
    return frozenset(
        name
        for part in parts
        for name in (*vars(part), *inspect.get_annotations(part))
        if not name.startswith("_")
    )


def _is_plain(value: object, kind: Any) -> bool:
    # True is a number to Python and to nobody else; NaN is a number to nobody.
    return isinstance(value, kind) and not _is_bool(value) and value == value


def _is_a_source(value: object) -> bool:
    """Whether `value` may hold pairs; tables are told by name, for nobody need have what makes them."""
    if isinstance(value, str | os.PathLike | list | tuple):
        return True
    return not _TABLES.isdisjoint(parent.__name__ for parent in type(value).__mro__)


def _is_bool(value: object) -> bool:
    return isinstance(value, bool) or _is_of_numpy(value, "bool_")


def _is_of_numpy(value: object, kind: str) -> bool:
    """Whether `value` is one of numpy's, which is not loaded for those who have none."""
    numpy = sys.modules.get("numpy")
    return numpy is not None and isinstance(value, getattr(numpy, kind))


def _is_numbers(value: object) -> bool:
    import numpy as np

    try:
        return np.asarray(value).dtype.kind in "biuf"
    except (ValueError, TypeError):
        return False


_FITS: Final[dict[str, Callable[[Any], bool]]] = {
    "Any": lambda value: True,
    "object": lambda value: True,
    "...": lambda value: True,
    "None": lambda value: value is None,
    "str": lambda value: isinstance(value, str),
    "int": lambda value: _is_plain(value, numbers.Integral) and abs(value) < 1 << 63,
    "float": lambda value: _is_plain(value, numbers.Real),
    "bool": _is_bool,
    "Path": lambda value: isinstance(value, os.PathLike),
    "ArrayLike": _is_numbers,
    "ndarray": lambda value: _is_of_numpy(value, "ndarray") and _is_numbers(value),
    "PairSource": lambda value: _is_a_source(value),
    "Callable": callable,
    "Sequence": lambda value: isinstance(value, list | tuple),
    "list": lambda value: isinstance(value, list | tuple),
    "tuple": lambda value: isinstance(value, list | tuple),
    "Iterable": lambda value: isinstance(value, Iterable) and not isinstance(value, str | bytes | Mapping),
    **dict.fromkeys(("Set", "set", "frozenset"), lambda value: isinstance(value, Set)),
    **dict.fromkeys(("Mapping", "dict"), lambda value: isinstance(value, Mapping)),
}


def _joined(words: list[str]) -> str:
    distinct = list(dict.fromkeys(words))
    return distinct[0] if len(distinct) == 1 else f"{', '.join(distinct[:-1])} or {distinct[-1]}"


def _shown(value: object) -> str:
    """What came, in a few words: a plain value itself, its kind for everything else."""
    if value is None or isinstance(value, bool | int | float | str | bytes):
        text = repr(value)
        return text if len(text) <= 60 else f"{text[:57]}..."
    if isinstance(value, type):
        return f"the class {value.__name__!r}"
    name = getattr(value, "__name__", None)
    if callable(value) and isinstance(name, str):
        return f"the function {name!r}"
    kind = type(value).__name__
    return f"an {kind}" if kind[:1] in "AEIOUaeiou" else f"a {kind}"


def required_names(function: Callable[..., Any]) -> list[str]:
    """The arguments that a function has to be given by place, by their names.

    Raises:
        ValueError: it does not say; some functions of C do not.
    """
    kinds = (inspect.Parameter.POSITIONAL_ONLY, inspect.Parameter.POSITIONAL_OR_KEYWORD)
    parameters = inspect.signature(function).parameters.values()
    return [p.name for p in parameters if p.kind in kinds and p.default is inspect.Parameter.empty]


def places(function: Callable[..., Any], names: Sequence[str]) -> tuple[int, ...]:
    """Which of the values called `names` each argument of a user's function is to be given.

    Names decide: some functions here are given (response, prompt) and others (prompt, response), and two texts in each other's
    places are no error that anybody would see. Arguments of other names get what is left, in order.

    >>> places(lambda prompt, response: 0, ["response", "prompt"]), places(lambda x, y: 0, ["response", "prompt"])
    ((1, 0), (0, 1))
    """
    try:
        own = required_names(function)[: len(names)]
    except (TypeError, ValueError):
        own = []
    own += [""] * (len(names) - len(own))
    named = [names.index(name) if name in names else None for name in own]
    left = iter([k for k in range(len(names)) if k not in named])
    return tuple(next(left) if place is None else place for place in named)
