"""Specs that say all of a labeling function: `<kind>:{json}`, and the registry of who makes one from them.

A function of a file has a spec that leads to its file. A column, a judge or a crowd has no file: its settings are all
of it, so its spec holds them. A newcomer adds a line to `SPECS`; the module is loaded when such a spec is met, so
that rooms above this one can stand in the table.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from importlib import import_module
from typing import Any, Final

from weaklabel.artifacts import parse_json
from weaklabel.errors import DiscoveryError
from weaklabel.lf.core import LabelingFunction

SPECS: Final[dict[str, str]] = {
    "column": "weaklabel.lf.columns:from_settings",
    "judge_column": "weaklabel.judges.columns:from_settings",
    "judge": "weaklabel.judges.prompted:from_settings",
    "crowd": "weaklabel.judges.crowd:from_settings",
}
"""Kind -> `module:function` that takes the settings and returns the labeling function."""


def spec_of(kind: str, settings: Mapping[str, Any]) -> str:
    """The spec that describes a labeling function by its settings.

    >>> spec_of("column", {"name": "old_model", "score_a": "rm_a"})
    'column:{"name": "old_model", "score_a": "rm_a"}'
    """
    return f"{kind}:{json.dumps(settings, sort_keys=True, ensure_ascii=False)}"


def is_described(spec: str) -> bool:
    """Whether `spec` describes a labeling function whole.

    >>> is_described('column:{"name": "x"}'), is_described("lfs/style.py::polite")
    (True, False)
    """
    kind, colon, _ = spec.partition(":")
    return bool(colon) and kind in SPECS


def from_spec(spec: str) -> LabelingFunction:
    """The labeling function that `spec` describes.

    Raises:
        DiscoveryError: its kind is not known, or what follows the kind describes none.
    """
    kind, _, text = spec.partition(":")
    module, _, name = SPECS[kind].partition(":")
    make = getattr(import_module(module), name)
    try:
        found: LabelingFunction = make(parse_json(text))
        return found
    except (ValueError, TypeError, KeyError, AttributeError) as error:
        raise DiscoveryError(
            f"{spec[:200]!r} describes no labeling function of the kind {kind!r} ({type(error).__name__}: {error})."
        ) from None
