"""The kinds of sources that labeling functions come from, in one registry.

A *source* is what `load_lfs` takes: it names some functions. A *spec* is what `LabelingFunction.spec` holds: it names
one, so that another process finds it again. Both begin with their kind, or are the name of a folder, file or module:

    <folder, file or module>        <source>::<name>        lfs/style.py::polite
    shipped..., entry:<name>        <source>::<name>        shipped:style::polite
    snorkel:{json}                  <source>::<name>
    column:{json} and others        the source              all of the function is in it

A kind answers what is asked of any of them: load what a source holds, say which file a spec leads to, and count its
paths from another folder. To add a kind, write a `Kind` and a line in `KINDS`; its module is loaded when such a source
is met, so that rooms above this one can stand in the table.
"""

from __future__ import annotations

import json
from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping
from importlib import import_module
from pathlib import Path
from typing import Any, Final

from weaklabel.artifacts import parse_json
from weaklabel.errors import DiscoveryError
from weaklabel.lf.core import LabelingFunction
from weaklabel.lf.sources.members import pick

KINDS: Final[Mapping[str, str]] = {
    "": "weaklabel.lf.sources.files:FILES",
    "shipped": "weaklabel.lf.sources.shipped:SHIPPED",
    "entry": "weaklabel.lf.sources.plugins:PLUGINS",
    "snorkel": "weaklabel.lf.snorkel:SNORKEL",
    "column": "weaklabel.lf.columns:COLUMN",
    "judge_column": "weaklabel.judges.columns:JUDGE_COLUMN",
    "judge": "weaklabel.judges.prompted:JUDGE",
    "crowd": "weaklabel.judges.crowd:CROWD",
}
"""What a source begins with -> `module:object`, a `Kind`. "" is for what begins with none of the others."""


class Kind(ABC):
    """One kind of source. Sources and specs are given and written whole, with what they begin with.

    Attributes:
        is_harmless: whether a spec that comes from elsewhere, such as a stranger's labeler, may be loaded: it names
            installed code and columns of the pairs alone, no file, server or key.
    """

    is_harmless = False

    def load(self, source: str) -> list[LabelingFunction]:
        """The functions that a source or spec names, each with its `family` and `spec`.

        Raises:
            DiscoveryError: it leads nowhere, or does not load.
            UnknownNameError: no such function in it.
        """
        whole, name = self.split(source)
        lfs = self.load_all(whole)
        return [pick(lfs, name, whole)] if name else lfs

    def split(self, source: str) -> tuple[str, str]:
        """The source without a function's name, and that name; "" where there is none."""
        whole, mark, name = source.rpartition("::")
        return (whole, name) if mark else (source, "")

    @abstractmethod
    def load_all(self, source: str) -> list[LabelingFunction]:
        """The functions that a source without a function's name holds."""

    def home(self, spec: str) -> Path | None:
        """The file that defines the function behind a spec; None where there is none."""
        return None

    def moved(self, source: str, turn: Callable[[str], str]) -> str:
        """The source with the path in it turned by `turn`, itself where it holds none."""
        return source


class Described(Kind):
    """Functions that their settings describe whole: `<prefix>:{json}` is source and spec in one.

    Args:
        prefix: the key in `KINDS`.
        make: takes the settings and returns the labeling function.
        is_harmless: see `Kind`.
    """

    def __init__(
        self, prefix: str, make: Callable[[Mapping[str, Any]], LabelingFunction], *, is_harmless: bool = False
    ) -> None:
        self.prefix, self.make, self.is_harmless = prefix, make, is_harmless

    def spec(self, settings: Mapping[str, Any]) -> str:
        """The spec of the function with these settings.

        >>> Described("column", lambda settings: ...).spec({"name": "old_model", "score_a": "rm_a"})
        'column:{"name": "old_model", "score_a": "rm_a"}'
        """
        return json_spec(self.prefix, settings)

    def split(self, source: str) -> tuple[str, str]:
        return source, ""  # "::" may stand in its settings

    def load_all(self, source: str) -> list[LabelingFunction]:
        try:
            return [self.make(settings_in(source))]
        except (ValueError, TypeError, KeyError, AttributeError) as error:
            raise DiscoveryError(
                f"{source[:200]!r} describes no labeling function of the kind {self.prefix!r} "
                f"({type(error).__name__}: {error})."
            ) from None


def json_spec(prefix: str, settings: Mapping[str, Any]) -> str:
    """`<prefix>:{json}`."""
    return f"{prefix}:{json.dumps(settings, sort_keys=True, ensure_ascii=False)}"


def settings_in(source: str) -> dict[str, Any]:
    """The settings in `<prefix>:{json}`.

    Raises:
        ValueError: what follows the prefix is not a JSON object.
    """
    found = parse_json(source.partition(":")[2])
    if not isinstance(found, dict):
        raise ValueError("its settings are not a JSON object")
    return found


def kind_of(source: str) -> Kind:
    """The kind of a source or spec.

    >>> [type(kind_of(s)).__name__ for s in ("shipped:style", "shipped_by_us/", "column:{}", "column:LFS")]
    ['Shipped', 'Files', 'Described', 'Files']
    """
    prefix, colon, rest = source.partition(":")
    # A module may be called as a kind is: `judge:LFS`. Settings begin with a brace.
    is_named = prefix == "shipped" or (prefix == "entry" and bool(colon))
    known = prefix if is_named or (prefix in KINDS and rest.startswith("{")) else ""
    module, _, name = KINDS[known].partition(":")
    kind: Kind = getattr(import_module(module), name)
    return kind
