"""Lists and dicts that say no: what several labeling functions read, and none may change for the others."""

from __future__ import annotations

from typing import Any, NoReturn


def _refuse(self: object, *_: Any, **__: Any) -> NoReturn:
    raise TypeError(
        "messages and columns cannot be changed, because other labeling functions read them too. Change a copy: "
        "copy.deepcopy(...)"
    )


class FrozenDict(dict[str, Any]):
    """A dict whose items stay. A copy of it, deep or not, is a plain dict."""

    __slots__ = ()
    __setitem__ = __delitem__ = __ior__ = clear = pop = popitem = setdefault = update = _refuse

    def __reduce__(self) -> tuple[type[dict[str, Any]], tuple[dict[str, Any]]]:
        return dict, (dict(self),)


class FrozenList(list[Any]):
    """A list whose items stay. A copy of it, deep or not, is a plain list."""

    __slots__ = ()
    __setitem__ = __delitem__ = __iadd__ = __imul__ = _refuse
    append = clear = extend = insert = pop = remove = reverse = sort = _refuse

    def __reduce__(self) -> tuple[type[list[Any]], tuple[list[Any]]]:
        return list, (list(self),)


def frozen(value: Any) -> Any:
    """`value` with every list and dict in it replaced by one that cannot be changed; it is equal to what it was.

    >>> turns = frozen([{"role": "user", "content": "Hi"}])
    >>> turns == [{"role": "user", "content": "Hi"}], turns[0]["content"]
    (True, 'Hi')
    >>> turns[0]["content"] = "Bye"
    Traceback (most recent call last):
    TypeError: messages and columns cannot be changed, because other labeling functions read them too. Change a copy: \
copy.deepcopy(...)
    """
    if isinstance(value, dict):
        return FrozenDict({key: frozen(item) for key, item in value.items()})
    if isinstance(value, list):
        return FrozenList(map(frozen, value))
    return tuple(map(frozen, value)) if isinstance(value, tuple) else value
