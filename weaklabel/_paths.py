"""Paths as people write them, by one rule wherever one is taken: `~` is the home folder, names are UTF-8, and nothing else is special."""

from __future__ import annotations

import os

from weaklabel.errors import PathError


def expanded(path: str | os.PathLike[str], what: str) -> str:
    """`path` with a `~` or `~user` at its beginning replaced by that home folder.

    Args:
        path: as somebody wrote it, in a file, on a command line or in Python.
        what: where it stands, for messages.

    Raises:
        PathError: it is empty, holds a NUL, is not UTF-8, or begins with `~` and there is no such user.

    >>> expanded("data/~old.jsonl", "data.pairs")
    'data/~old.jsonl'
    """
    text = os.fspath(path)
    if not text.strip():
        raise PathError(f"{what}: the path is empty. Name a file or a folder.")
    check_name(text, what)
    if not text.startswith("~"):
        return text
    found = os.path.expanduser(text)
    if found.startswith("~"):
        raise PathError(
            f"{what} is {text[:80]!r}: the home folder of {text.partition('/')[0]!r} is not known. "
            f"For a file of that name write {'./' + text[:80]!r}."
        )
    return found


def check_name(path: str, what: str) -> None:
    """Raises PathError for a path with a NUL, which no system has, or one that is not UTF-8, which Arrow cannot open."""
    if "\0" in path:
        raise PathError(f"{what} is {path[:80]!r}: no path holds the character NUL. Correct it.")
    try:
        path.encode()
    except UnicodeEncodeError:
        raise PathError(
            f"{what} is {path[:80]!r}: the name is not UTF-8. Rename the file or folder."
        ) from None
