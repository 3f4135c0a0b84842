"""How responses are drawn, and where they end. No torch in here."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Any, Final

from weaklabel._validation import check_least
from weaklabel.errors import ConfigError

NEXT_TURN: Final = "\n\nHuman:"
"""Where a model without a chat template begins to speak for the other side."""

TOO_LONG: Final = "too_long"
"""`Reply.finish` of a prompt for which the model's context has no room: its text is empty."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Sampling:
    """How a response is drawn, token by token, or searched for.

    Attributes:
        max_new_tokens: longest response, in tokens. Default 256.
        temperature: divides the logits; 0 takes the likeliest token each time. Default 1.
        top_p: only the likeliest tokens that together have this probability are drawn from. Default 1: all.
        top_k: only so many of the likeliest tokens are drawn from. Default 0: all.
        seed: of the draws. Default 0.
        num_beams: above 1, beam search keeps so many sequences and returns the one with the highest mean of log p per
            token, its end token counted. Needs temperature 0. Default 1: none.
        stop: texts at which a response ends; each is cut off with what follows. Default: none.

    Raises:
        ConfigError: a number out of range, beam search at a temperature, or a stop that is not a text.
    """

    max_new_tokens: int = 256
    temperature: float = 1.0
    top_p: float = 1.0
    top_k: int = 0
    seed: int = 0
    num_beams: int = 1
    stop: Sequence[str] = ()

    def __post_init__(self) -> None:
        check_least("max_new_tokens", self.max_new_tokens, 1)
        if not (math.isfinite(self.temperature) and self.temperature >= 0):
            raise ConfigError(f"temperature is {self.temperature}. Allowed: 0 (no chance) or more.")
        if not 0 < self.top_p <= 1:
            raise ConfigError(f"top_p is {self.top_p}. Allowed: above 0, at most 1.")
        check_least("top_k", self.top_k, 0, "all tokens")
        check_least("seed", self.seed, 0)
        check_least("num_beams", self.num_beams, 1, "no beam search")
        if self.num_beams > 1 and self.temperature:
            raise ConfigError(
                f"num_beams is {self.num_beams} at temperature {self.temperature}. Beam search draws nothing: set "
                "temperature to 0, or num_beams to 1."
            )
        if not isinstance(self.stop, list | tuple) or not all(
            isinstance(text, str) and text for text in self.stop
        ):
            raise ConfigError(f"stop is {self.stop!r}. Allowed: a list of texts, none of them empty.")
        object.__setattr__(self, "stop", tuple(self.stop))

    @property
    def in_force(self) -> dict[str, Any]:
        """The settings by name; `num_beams` and `stop` only where they change something.

        >>> sorted(Sampling(temperature=0, num_beams=4).in_force)
        ['max_new_tokens', 'num_beams', 'seed', 'temperature', 'top_k', 'top_p']
        """
        unused = {
            name for name, nothing in (("num_beams", 1), ("stop", ())) if getattr(self, name) == nothing
        }
        found = {name: value for name, value in asdict(self).items() if name not in unused}
        return found | ({"stop": list(self.stop)} if self.stop else {})

    def stops(self, *, has_template: bool) -> tuple[str, ...]:
        """Where a response ends: at `stop`, and without a chat template where the other side's turn begins."""
        return (*self.stop, *(() if has_template else (NEXT_TURN,)))


def cut_at(text: str, stops: Sequence[str]) -> str:
    """The text before the first of `stops`; all of it where there is none.

    >>> cut_at(" 4\\n\\nHuman: 3 + 3?", [NEXT_TURN, "###"])
    ' 4'
    """
    return text[: min((at for stop in stops if (at := text.find(stop)) >= 0), default=len(text))]
