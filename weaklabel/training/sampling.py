"""How responses are drawn, and where they end for a model without a chat template. No torch in here."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Final

from weaklabel._validation import check_least
from weaklabel.errors import ConfigError

NEXT_TURN: Final = "\n\nHuman:"
"""Where a model without a chat template begins to speak for the other side."""

TOO_LONG: Final = "too_long"
"""`Reply.finish` of a prompt for which the model's context has no room: its text is empty."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Sampling:
    """How a response is drawn, token by token.

    Attributes:
        max_new_tokens: longest response, in tokens. Default 256.
        temperature: divides the logits; 0 takes the likeliest token each time. Default 1.
        top_p: only the likeliest tokens that together have this probability are drawn from. Default 1: all.
        top_k: only so many of the likeliest tokens are drawn from. Default 0: all.
        seed: of the draws. Default 0.

    Raises:
        ConfigError: a number out of range.
    """

    max_new_tokens: int = 256
    temperature: float = 1.0
    top_p: float = 1.0
    top_k: int = 0
    seed: int = 0

    def __post_init__(self) -> None:
        check_least("max_new_tokens", self.max_new_tokens, 1)
        if not (math.isfinite(self.temperature) and self.temperature >= 0):
            raise ConfigError(f"temperature is {self.temperature}. Allowed: 0 (no chance) or more.")
        if not 0 < self.top_p <= 1:
            raise ConfigError(f"top_p is {self.top_p}. Allowed: above 0, at most 1.")
        check_least("top_k", self.top_k, 0, "all tokens")
        check_least("seed", self.seed, 0)


def own_turn(text: str) -> str:
    """What a model said before it began to speak for the other side.

    >>> own_turn(" 4\\n\\nHuman: 3 + 3?")
    ' 4'
    """
    return text.partition(NEXT_TURN)[0]
