"""The rules of acquisition by name. Values are `module:Class`, loaded when asked for."""

from __future__ import annotations

from importlib import import_module
from typing import Any, Final

from weaklabel._validation import check_settings, lookup
from weaklabel.acquisition.base import Acquisition

_FOLDER: Final = "weaklabel.acquisition.strategies"
ACQUISITIONS: Final[dict[str, str]] = {
    "badge": f"{_FOLDER}.badge:Badge",
    "bald": f"{_FOLDER}.bald:Bald",
    "coreset": f"{_FOLDER}.coreset:Coreset",
    "d_optimal": f"{_FOLDER}.d_optimal:DOptimal",
    "disagreement": f"{_FOLDER}.disagreement:Disagreement",
    "expected_gain": f"{_FOLDER}.expected_gain:ExpectedGain",
    "random": f"{_FOLDER}.stratified:Random",
    "typical": f"{_FOLDER}.typical:Typical",
    "uncertain_coreset": f"{_FOLDER}.uncertain_coreset:UncertainCoreset",
    "uncertainty": f"{_FOLDER}.uncertainty:Uncertainty",
}
"""Every rule by name."""
DEFAULT: Final = "random"


def get_acquisition(name: str, **settings: Any) -> Acquisition:
    """A rule by its name.

    Raises:
        UnknownNameError: no rule of that name.
        ConfigError: a setting that it does not have, of another kind, or out of range.

    >>> get_acquisition("coreset", space="text").space
    'text'
    """
    module, _, attribute = lookup("acquisition", ACQUISITIONS, name).partition(":")
    cls: type[Acquisition] = getattr(import_module(module), attribute)
    # A rule without settings has no constructor of its own, and the one it inherits no annotations.
    found = getattr(cls.__init__, "__annotations__", {})
    check_settings(name, settings, {k: str(v) for k, v in found.items() if k != "return"})
    return cls(**settings)
