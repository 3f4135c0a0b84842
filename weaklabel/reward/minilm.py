"""`MinilmReward`: the pretrained reward model of the `minilm` extra."""

from __future__ import annotations

from typing import Any, ClassVar

from weaklabel.errors import ConfigError
from weaklabel.reward.transformer import TransformerReward


class MinilmReward(TransformerReward):
    """all-MiniLM-L6-v2 (22.7 M parameters) as a cross-encoder, from the wheel of the `minilm` extra: runs offline.

    Args: those of `TransformerReward`, but for `base` and `from_scratch`.
    """

    name: ClassVar[str] = "minilm"

    def __init__(self, **settings: Any) -> None:
        given = {
            name for name in ("base", "from_scratch") if settings.pop(name, None) not in (None, "minilm")
        }
        if given:
            raise ConfigError(f"minilm is a model already: leave {min(given)} out, or take 'transformer'.")
        super().__init__(base="minilm", **settings)
