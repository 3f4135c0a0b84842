"""Label models: votes (and margins) in, log-odds that B is better out.

A newcomer adds one file with a `LabelModel` and one line in `LABEL_MODELS`; `check_label_model` holds it to the
contract.
"""

from __future__ import annotations

import inspect
from collections.abc import Mapping
from importlib import import_module
from typing import Any, Final

from weaklabel._validation import lookup
from weaklabel.errors import ConfigError
from weaklabel.label_models.base import LabelModel

LABEL_MODELS: Final[Mapping[str, str]] = {
    "majority_vote": "weaklabel.label_models.k_class.majority_vote:MajorityVote",
    "weighted_vote": "weaklabel.label_models.k_class.weighted_vote:WeightedVote",
    "dawid_skene": "weaklabel.label_models.k_class.dawid_skene:DawidSkene",
    "one_sided": "weaklabel.label_models.k_class.one_sided:OneSided",
    "triplet": "weaklabel.label_models.k_class.triplet:Triplet",
    "moments": "weaklabel.label_models.k_class.moments:Moments",
    "snorkel": "weaklabel.label_models.k_class.snorkel:SnorkelLabelModel",
    "pair_model": "weaklabel.label_models.pair.model:PairModel",
    "auto": "weaklabel.label_models.auto.model:Auto",
}
"""Every label model by name, as `module:Class`, loaded when asked for."""


def get_label_model(name: str, **settings: Any) -> LabelModel:
    """A label model, not fitted, by its name.

    >>> get_label_model("dawid_skene", max_iter=10).max_iter
    10

    Raises:
        UnknownNameError: a name that is not in `LABEL_MODELS`.
        ConfigError: a setting that the model does not have.
    """
    kind = _load(name)
    known = [p.name for p in inspect.signature(kind).parameters.values() if p.kind is not p.VAR_KEYWORD]
    if unknown := sorted(set(settings) - set(known)):
        raise ConfigError(
            f"label model {name!r} has no setting {unknown[0]!r}. Known: {', '.join(known) or 'none'}."
        )
    return kind(**settings)


def _load(name: str) -> type[LabelModel]:
    module, _, attribute = lookup("label model", LABEL_MODELS, name).partition(":")
    kind: type[LabelModel] = getattr(import_module(module), attribute)
    return kind


__all__ = ["LABEL_MODELS", "LabelModel", "get_label_model"]
