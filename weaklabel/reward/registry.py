"""The reward models by name. Values are `module:Class`, loaded when asked for."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from importlib import import_module
from pathlib import Path
from typing import Any, Final

from weaklabel._validation import check_settings, lookup
from weaklabel.errors import ArtifactError, MissingExtraError
from weaklabel.lf.core import LabelingFunction
from weaklabel.reward.base import RewardModel
from weaklabel.reward.saved import read_manifest

REWARD_MODELS: Final[dict[str, str]] = {
    "functions": "weaklabel.reward.functions.model:FunctionsReward",
    "linear": "weaklabel.reward.linear:LinearReward",
    "minilm": "weaklabel.reward.minilm:MinilmReward",
    "minilm-frozen": "weaklabel.reward.embedded:EmbeddedReward",
    "transformer": "weaklabel.reward.transformer:TransformerReward",
}
PLAIN: Final = "linear"
"""The reward model that needs nothing but pairs and what is believed of them: for labels whose functions are not known, and
beside models that read functions, which learn little from the labels of others."""
_TRAIN_EXTRA: Final = ("torch", "transformers", "accelerate", "tokenizers", "safetensors")


def reward_model_class(name: str) -> type[RewardModel]:
    """The class called `name`.

    Raises:
        UnknownNameError: when there is none.
        MissingExtraError: when it needs torch and that is not installed.
    """
    module, _, attribute = lookup("reward model", REWARD_MODELS, name).partition(":")
    try:
        found: type[RewardModel] = getattr(import_module(module), attribute)
    except ImportError as error:
        if error.name not in _TRAIN_EXTRA:
            raise
        raise MissingExtraError.for_extra(f"reward model {name!r}", "train") from None
    return found


def plain_model(name: str) -> str:
    """The reward model that gold alone, or labels whose functions are not at hand, teach where `name` is asked for.

    Raises:
        UnknownNameError, MissingExtraError: as `reward_model_class`.

    >>> plain_model("functions"), plain_model("minilm-frozen")
    ('linear', 'minilm-frozen')
    """
    return PLAIN if reward_model_class(name).takes_functions else name


def get_reward_model(name: str, **settings: Any) -> RewardModel:
    """A fresh reward model.

    Raises:
        UnknownNameError: no model of that name.
        ConfigError: a setting that the model does not have (any more), of another kind, or out of range.

    >>> get_reward_model("linear", l2=2.0).l2
    2.0
    """
    cls = reward_model_class(name)
    settings = cls.current_names(settings)
    check_settings(name, settings, cls.annotations())
    return cls(**settings)


def written_settings(name: str, given: Mapping[str, Any]) -> dict[str, Any]:
    """The settings of a reward model as somebody wrote them in a file or on a command line, checked.

    Raises:
        UnknownNameError, ConfigError: as `get_reward_model`.
    """
    cls = reward_model_class(name)
    settings = cls.current_names(given)
    check_settings(name, settings, {k: kind for k, kind in cls.annotations().items() if k not in cls.handed})
    return settings


def load_reward(
    folder: str | Path, lfs: Sequence[LabelingFunction] = (), *, allow_changed: bool = False
) -> RewardModel:
    """The reward model saved in a folder, whatever its kind.

    Args:
        folder: where it was saved.
        lfs, allow_changed: for a model that reads labeling functions; see `RewardModel.load`.

    Raises:
        ArtifactError: when there is none, or as `RewardModel.load`.
    """
    return saved_class(folder).load(folder, lfs, allow_changed=allow_changed)


def saved_class(folder: str | Path) -> type[RewardModel]:
    """The class of the reward model saved in a folder.

    Raises:
        ArtifactError: when there is none.
    """
    kind = str(read_manifest(Path(folder)).get("kind"))
    family, _, name = kind.partition(":")
    if family != "reward" or name not in REWARD_MODELS:
        raise ArtifactError(
            f"{folder} holds {kind!r}, which is no reward model. Name a folder that save() wrote."
        )
    return reward_model_class(name)
