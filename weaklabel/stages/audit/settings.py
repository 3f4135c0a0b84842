"""What an audit is told: how much it looks at, from where it warns, and which warnings end a run."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, fields
from typing import Any, ClassVar

from weaklabel._validation import check_settings
from weaklabel.errors import ConfigError


@dataclass(frozen=True, kw_only=True)
class AuditSettings:
    """Settings of an audit. The defaults of the thresholds lie beyond what healthy runs reach; see docs/audit.md.

    Attributes:
        audit_prompts: prompts that are answered at every look, at most.
        audit_pairs: held-out pairs whose log-probabilities are read at every look, at most.
        audit_choices: multiple-choice questions that are asked at every look, at most.
        length_normalized: whether a choice counts by its log-probability per token, which long choices need.
        max_new_tokens: longest answer, in tokens. Answers are drawn at temperature 1.
        batch_size: answers that are drawn at once.
        seed: of the answers and of the intervals.
        stop_on: names of warnings that end the run; `drift` stands for all of `drift:<lf>`.
        max_length_ratio: `length` warns where the mean length has changed by this factor since the first look.
        min_ended: `no_end` warns where a smaller share of answers has an end token.
        max_empty: `empty` warns where a larger share of answers is empty.
        max_sameness: `collapse` warns where answers to different prompts are more alike, METEOR in [0, 1].
        max_kl: `kl` warns beyond so many nats per token between policy and reference.
        max_logps_fall: `falling_logps` warns where chosen responses have lost so many nats per token.
        max_drift: `drift:<lf>` warns where a function's mean vote against the current answers reaches this, in [0, 1].
        max_gap: `over_optimised` warns where P(current beats first) of the two comparers differs by more, in [0, 1].

    Raises:
        ConfigError: a setting of another kind, or a number out of range.

    >>> AuditSettings(stop_on=["collapse", "drift"]).stop_on
    ('collapse', 'drift')
    """

    audit_prompts: int = 32
    audit_pairs: int = 128
    audit_choices: int = 256
    length_normalized: bool = False
    max_new_tokens: int = 64
    batch_size: int = 16
    seed: int = 0
    stop_on: Sequence[str] = ()
    max_length_ratio: float = 2.0
    min_ended: float = 0.5
    max_empty: float = 0.1
    max_sameness: float = 0.5
    max_kl: float = 1.0
    max_logps_fall: float = 0.2
    max_drift: float = 0.3
    max_gap: float = 0.1

    MEASURED: ClassVar = ("audit_prompts", "audit_pairs", "max_new_tokens", "batch_size", "seed")
    """Those that decide what a look measures: a folder holds looks of one choice of them."""
    RANGES: ClassVar[Mapping[str, tuple[float, float]]] = {
        "audit_prompts": (2, 1 << 20),
        "audit_pairs": (2, 1 << 20),
        "audit_choices": (2, 1 << 20),
        "max_new_tokens": (1, 1 << 20),
        "batch_size": (1, 1 << 20),
        "seed": (0, (1 << 32) - 1),
        "max_length_ratio": (1, math.inf),
        "min_ended": (0, 1),
        "max_empty": (0, 1),
        "max_sameness": (0, 1),
        "max_kl": (0, math.inf),
        "max_logps_fall": (0, math.inf),
        "max_drift": (0, 1),
        "max_gap": (0, 1),
    }

    def __post_init__(self) -> None:
        given = {field.name: getattr(self, field.name) for field in fields(self)}
        check_settings("audit", given, {field.name: str(field.type) for field in fields(self)})
        for name, (low, high) in self.RANGES.items():
            if not low <= given[name] <= high or given[name] == math.inf:
                allowed = f"{low:g} or more, but finite" if math.isinf(high) else f"{low:g} to {high:g}"
                raise ConfigError(f"audit: {name} is {given[name]!r}. Allowed: {allowed}.")
        names = self.stop_on
        if not isinstance(names, list | tuple) or not all(isinstance(name, str) for name in names):
            raise ConfigError(f"audit: stop_on is {names!r}. Allowed: a list of names of warnings.")
        object.__setattr__(self, "stop_on", tuple(names))

    def to_dict(self) -> dict[str, Any]:
        """As JSON values, as `Audit.load` reads them."""
        return {**asdict(self), "stop_on": list(self.stop_on)}
