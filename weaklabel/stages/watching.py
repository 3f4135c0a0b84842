"""What the audit of a stage looks at: which prompts are held out, which pairs, functions and comparers speak of them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from weaklabel.artifacts import content_hash
from weaklabel.data.demonstrations import Demonstrations
from weaklabel.lf.core import LabelingFunction
from weaklabel.stages.audit import Auditor, AuditSettings
from weaklabel.stages.materials import Materials, held_out
from weaklabel.stages.policy import PolicySettings
from weaklabel.types import Comparer, Pairs
from weaklabel.types.demonstration import Demonstration


@dataclass(frozen=True)
class Watched:
    """What an audit is made with, but for the folder and the tokenizer.

    Attributes:
        prompts: that are asked.
        settings: of the audit.
        lfs: the functions that watch.
        comparer, held_out_comparer: what made the labels, and another one that did not.
        pairs: held-out pairs, whose better response is known from gold or belief, for their log-probabilities.
    """

    prompts: Sequence[Demonstration]
    settings: AuditSettings
    lfs: Sequence[LabelingFunction] = ()
    comparer: Comparer | None = None
    held_out_comparer: Comparer | None = None
    pairs: Pairs | None = None

    @property
    def inputs(self) -> dict[str, str]:
        """The hash of the prompts, as a stage names its inputs."""
        return {"audit": content_hash(*(repr((row.prompt, row.messages)) for row in self.prompts))}

    def auditor(self, tokenizer: Any, folder: Path) -> Auditor:
        """The auditor of one round."""
        return Auditor(
            self.prompts,
            tokenizer,
            folder,
            settings=self.settings,
            lfs=self.lfs,
            comparer=self.comparer,
            held_out_comparer=self.held_out_comparer,
            pairs=self.pairs,
        )


def watched_by(
    settings: PolicySettings, materials: Materials, given: Demonstrations, eval_data: Demonstrations | None
) -> tuple[Demonstrations, Watched | None, str | None]:
    """What is trained on, what the audit looks at, and a sentence where that was trained on too.

    Its prompts are those of `eval_data`; or the locked test prompts of the labels that are learned; or a twentieth of the
    demonstrations' own prompts, which are then left out of training.

    Raises:
        ConfigError, UnknownNameError: settings of the audit that are not known or do not fit.
        DataError: fewer than two prompts.
    """
    if settings.audit is False:
        return given, None, None
    table = {} if settings.audit is True else dict(settings.audit)
    other = materials.opened(table.pop("held_out_comparer", None))
    chosen = AuditSettings(**{"seed": settings.seed, **table})
    watching = {
        "settings": chosen,
        "lfs": tuple(materials.lfs()),
        "comparer": None if materials.comparer is None or settings.data is not None else materials.comparer(),
        "held_out_comparer": other,
    }
    note = None
    prompts: Sequence[Demonstration] = () if eval_data is None else eval_data.rows
    if not prompts:
        given, prompts = held_out(given, chosen.audit_prompts)
    if not prompts:
        prompts = given.rows
        note = "the audit asks prompts that are trained on, since there are too few to hold some out. Give eval_data."
    return given, Watched(prompts=prompts, **watching), note
