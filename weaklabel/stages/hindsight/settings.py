"""Settings of the stage `hindsight`."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import ClassVar, Literal, get_args

from weaklabel._arguments import check_value
from weaklabel._validation import lookup
from weaklabel.errors import ConfigError
from weaklabel.export.selection import check_confidence
from weaklabel.stages.hindsight.chaining import ARMS, KINDS, LOSS_ON, Rules, Strengths
from weaklabel.stages.hindsight.templates import Template, open_template
from weaklabel.stages.policy import PolicySettings
from weaklabel.training.chains.settings import ChainTrainingSettings
from weaklabel.training.settings import checked

Feedback = Literal["hard", "soft"]


@checked
@dataclass(frozen=True, kw_only=True)
class HindsightSettings(PolicySettings, ChainTrainingSettings):
    """Settings of hindsight finetuning, beside those of every policy and of training on chains.

    Attributes:
        data: pairs with gold or beliefs, as `read_pairs` takes them; None takes the labels.
        lists: ranked lists in the place of pairs, as `read_lists` takes them. eval_data are then lists too.
        pretrain_data: a plain text file that is learned beside the chains.
        template: a name in `TEMPLATES`, or a file that ends in .toml.
        arm: the method, or a baseline: "conditional" (single outputs with their words), "chosen" (the better outputs behind the
            bare prompt), "unlikelihood" (the same, and the worse ones become less likely).
        kinds: how much chains of each kind count: p, n, np and pn; one that is not named counts nothing.
        loss_on: which outputs of a chain carry loss: "all", "last" or "preferred".
        max_outputs: of a chain made of comparisons; above 2 all comparisons of a prompt make one list.
        feedback: "hard" says good and bad; "soft" says slightly and much better, by how sure the labels are.
        unclear_quantile, much_quantile: of |p - 1/2| over the comparisons that are learned, with soft feedback: below the first a
            comparison makes no chain, from the second on one output is "much" better.
        vary_feedback: each list draws one of the template's phrases; otherwise all have the first.
        unlikelihood_weight: how much a token of a worse output counts in that arm.
        min_confidence, held_out_share, allow_uncalibrated: of the pairs, as for dpo.

    Raises:
        ConfigError, UnknownNameError: as for every policy, and for a template or a value that is none of these.
    """

    lists: str | None = None
    pretrain_data: str | None = None
    template: str = "dialogue"
    arm: str = "hindsight"
    kinds: Mapping[str, float] = field(default_factory=lambda: dict.fromkeys(KINDS, 1.0))
    loss_on: str = "all"
    max_outputs: int = 2
    feedback: Feedback = "hard"
    unclear_quantile: float = 0.2
    much_quantile: float = 0.6
    vary_feedback: bool = False
    unlikelihood_weight: float = 1.0
    min_confidence: float = 0.0
    held_out_share: float = 0.1
    allow_uncalibrated: bool = False

    OWNER: ClassVar[str] = "hindsight"
    PATHS: ClassVar[tuple[str, ...]] = (*PolicySettings.PATHS, "lists", "pretrain_data", "template")
    RANGES: ClassVar[Mapping[str, tuple[float, float]]] = {
        **ChainTrainingSettings.RANGES,
        "max_outputs": (2, 64),
        "unclear_quantile": (0, 0.99),
        "much_quantile": (0, 1),
        "unlikelihood_weight": (0, math.inf),
        "min_confidence": (0, 1),
        "held_out_share": (0, 0.5),
    }

    def __post_init__(self) -> None:
        super().__post_init__()
        check_confidence(self.min_confidence)
        lookup("arm", dict.fromkeys(ARMS), self.arm)
        lookup("loss_on", dict.fromkeys(LOSS_ON), self.loss_on)
        self._check_kinds()
        if self.feedback not in get_args(Feedback):
            raise ConfigError(f'hindsight: feedback is {self.feedback!r}. Allowed: "hard" or "soft".')
        if self.unclear_quantile > self.much_quantile:
            raise ConfigError(
                f"hindsight: unclear_quantile is {self.unclear_quantile:g}, above much_quantile, which is {self.much_quantile:g}. "
                "Write them in rising order."
            )
        if self.lists is not None and self.data is not None:
            raise ConfigError("hindsight: data and lists are both given. Give the one to learn from.")
        if self.pretrain_data is None and self.pretrain_weight != ChainTrainingSettings.pretrain_weight:
            raise ConfigError(
                f"hindsight: pretrain_weight is {self.pretrain_weight:g} without pretrain_data. Name a text file."
            )

    def _check_kinds(self) -> None:
        check_value("hindsight: kinds", self.kinds, "Mapping[str, float]")
        for name, weight in self.kinds.items():
            lookup("kind of chain", dict.fromkeys(KINDS), name)
            if not 0 <= weight < math.inf:
                raise ConfigError(f"hindsight: kinds: {name} is {weight}. Allowed: 0 or more, and finite.")
        used = KINDS if self.arm == "hindsight" else ("p", "n")
        if self.arm in ("hindsight", "conditional") and not any(self.kinds.get(kind) for kind in used):
            raise ConfigError(
                f"hindsight: kinds is {dict(self.kinds)!r}, so the arm {self.arm!r} makes no chain. Give one of {', '.join(used)} a "
                "weight above 0."
            )

    def rules(self, strengths: Strengths) -> Rules:
        """How lists become chains.

        Raises:
            ConfigError, UnknownNameError: the template.
        """
        return Rules(
            template=self.opened,
            arm=self.arm,
            kinds=self.kinds,
            loss_on=self.loss_on,
            strengths=strengths if self.feedback == "soft" else None,
            vary=self.vary_feedback,
            unlikelihood=self.unlikelihood_weight,
            seed=self.seed,
        )

    @property
    def opened(self) -> Template:
        """The template.

        Raises:
            ConfigError, UnknownNameError: as for `open_template`.
        """
        return open_template(self.template)

    @property
    def wanted(self) -> str:
        """The words with which a good output is asked for; "" where the arm learns none."""
        if self.arm in ("chosen", "unlikelihood"):
            return ""
        return self.opened.much_better if self.feedback == "soft" else self.opened.good[0]

    @property
    def unwanted(self) -> str:
        """The words of a bad output."""
        return self.opened.much_worse if self.feedback == "soft" else self.opened.bad[0]
