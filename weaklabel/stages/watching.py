"""What the audit of a stage looks at: which prompts and pairs are held out, which functions and comparers speak of them."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Final

import numpy as np
import pyarrow as pa

from weaklabel.artifacts import content_hash
from weaklabel.data.asked.choices import Choice, read_choices
from weaklabel.data.asked.demonstrations import Demonstrations
from weaklabel.data.asked.prompts import Prompt
from weaklabel.export.selection import AnyLabels, parts_of
from weaklabel.lf.core import LabelingFunction
from weaklabel.stages.audit import Audit, Auditor, AuditSettings
from weaklabel.stages.contract import AUDIT, scratch
from weaklabel.stages.materials import Materials, held_out
from weaklabel.stages.policy import PolicySettings
from weaklabel.types import Comparer, Pairs, prompt_key
from weaklabel.types.demonstration import Demonstration

_FEWEST: Final = 2
_LOOKED_AT: Final = 500
_SHORTEST, _LONGEST = 16, 256
_OF_FUNCTIONS: Final = ("drift", "score", "shift")


@dataclass(frozen=True)
class Watched:
    """What an audit is made with, but for the folder and the tokenizer.

    Attributes:
        prompts: that are asked.
        settings: of the audit.
        lfs: the functions that watch.
        training_comparer: what made the labels that are learned; None where no labels are.
        held_out_comparer: another one, which had no part in the training.
        pairs: held-out pairs whose `gold` says which response the training would have chosen.
        choices: multiple-choice questions.
        learned: responses that are learned, which say how long an answer may be; none where the settings say it.
    """

    prompts: Sequence[Demonstration]
    settings: AuditSettings
    lfs: Sequence[LabelingFunction] = ()
    training_comparer: Comparer | None = None
    held_out_comparer: Comparer | None = None
    pairs: Pairs | None = None
    choices: Sequence[Choice] = ()
    learned: Sequence[str] = ()

    @property
    def inputs(self) -> dict[str, str]:
        """The hash of the prompts, as a stage names its inputs."""
        return {"audit": content_hash(*(repr((row.prompt, row.messages)) for row in self.prompts))}

    def auditor(self, tokenizer: Any, work: Path) -> Auditor:
        """The auditor of one round, in whose folder it keeps what it saw."""
        return Auditor(
            self.prompts,
            tokenizer,
            work / AUDIT,
            lfs=self.lfs,
            training_comparer=self.training_comparer,
            held_out_comparer=self.held_out_comparer,
            pairs=self.pairs,
            choices=self.choices,
            settings=replace(self.settings, max_new_tokens=self._longest(tokenizer)),
            scratch=scratch(work) / AUDIT,
        )

    def _longest(self, tokenizer: Any) -> int:
        """Tokens of an answer: room for nineteen in twenty of the responses that are learned, and their end."""
        if not self.learned:
            return self.settings.max_new_tokens
        lengths = [
            len(ids)
            for ids in tokenizer(list(self.learned), add_special_tokens=False, verbose=False)["input_ids"]
        ]
        return int(np.clip(np.percentile(lengths, 95) + 1, _SHORTEST, _LONGEST))


def watched_by(
    settings: PolicySettings, materials: Materials, given: Demonstrations, eval_data: Demonstrations | None
) -> tuple[Demonstrations, Watched | None, str | None]:
    """What is trained on, what the audit looks at, and a sentence where that was trained on too.

    Its prompts are those of `eval_data`; or the locked test prompts of the labels that are learned, of which the gold is not
    looked at; or a twentieth of the demonstrations' own prompts, which are then left out of training.

    Raises:
        ConfigError, UnknownNameError: settings of the audit that are not known or do not fit.
        DataError: fewer than two prompts.
    """
    if settings.audit is False:
        return given, None, None
    chosen = settings.auditing
    labels = materials.learned_labels(settings.data)
    pairs = None if labels is None else believed_test_pairs(labels, chosen.audit_pairs)
    prompts: Sequence[Demonstration] = () if eval_data is None else eval_data.rows
    if not prompts and pairs is not None and pairs.prompt_groups.max(initial=0) > 0:
        prompts = [Demonstration(pair.prompt, "", tuple(pair.messages or ())) for pair in pairs.iter_pairs()]
    if not prompts:
        given, prompts = held_out(given, chosen.audit_prompts)
    note = None
    if not prompts:
        prompts = given.rows
        note = "the audit asks prompts that are trained on, since there are too few to hold some out. Give eval_data."
    if len({prompt_key(row.prompt) for row in prompts}) < _FEWEST:
        return given, None, f"no audit: it needs {_FEWEST} prompts. Give eval_data."
    said = not isinstance(settings.audit, bool) and "max_new_tokens" in settings.audit
    watched = Watched(
        learned=() if said else [row.completion for row in given.rows[:_LOOKED_AT]],
        prompts=prompts,
        settings=chosen,
        lfs=tuple(materials.lfs()),
        training_comparer=None if labels is None or materials.comparer is None else materials.comparer(),
        held_out_comparer=materials.opened(settings.held_out_comparer),
        pairs=pairs,
        choices=choices_of(settings, materials),
    )
    return given, watched, note


def watched_prompts(
    settings: PolicySettings,
    materials: Materials,
    prompts: Sequence[Prompt],
    eval_data: Demonstrations | None,
) -> tuple[list[Prompt], Watched | None, str | None]:
    """As `watched_by`, for a stage that samples answers to prompts: there is no response to learn.

    Raises:
        ConfigError, UnknownNameError, DataError: as for `watched_by`.
    """
    kept, watched, note = watched_by(settings, materials, as_rows(prompts), eval_data)
    asked = {prompt_key(row.prompt) for row in kept.rows}
    return [prompt for prompt in prompts if prompt_key(prompt.text) in asked], watched, note


def as_rows(prompts: Sequence[Prompt]) -> Demonstrations:
    """Prompts as the audit divides them."""
    return Demonstrations([Demonstration(one.text, "", one.messages if one.given else ()) for one in prompts])


def choices_of(settings: PolicySettings, materials: Materials) -> list[Choice]:
    """The multiple-choice questions that the audit asks; none where no file is named.

    Raises:
        DataError, LayoutError: a file that does not hold such questions.
    """
    return (
        [] if settings.multiple_choice is None else read_choices(materials.resolve(settings.multiple_choice))
    )


def shared_prompts(learned: Iterable[str], judging: Iterable[str], what: str = "eval_data") -> list[str]:
    """A sentence where prompts of `what` are trained on too; none otherwise. Both as `prompt_key` gives them."""
    asked = set(judging)
    if not (shared := asked & set(learned)):
        return []
    return [
        f"{len(shared):,} of the {len(asked):,} prompts of {what} are trained on too, so that its figures favour what is known by heart. "
        "Leave them out of data."
    ]


def of_the_policy(audit: Audit) -> dict[str, float | int | str | None]:
    """The last figures of an audit without those of single functions, which stand in the audit's own folder."""
    found: dict[str, float | int | str | None] = {
        name: value for name, value in audit.figures().items() if name.partition("/")[0] not in _OF_FUNCTIONS
    }
    return found | {"warnings": len(audit.warnings)}


def seen_by(auditor: Auditor | None) -> tuple[dict[str, float | int | str | None], list[str]]:
    """The last figures of an audit that has ended, and its warnings in sentences; nothing without an auditor."""
    if auditor is None:
        return {}, []
    audit = auditor.finish()
    return of_the_policy(audit), [f"audit, step {each.step:,}: {each}" for each in audit.warnings]


def believed_test_pairs(labels: AnyLabels, most: int) -> Pairs | None:
    """Labelled pairs of the locked test part, with the label's verdict in the place of their gold; None where there are none.

    Nobody's gold of them is used: they show whether what the labels prefer becomes more likely.
    """
    found: list[Pairs] = []
    n = 0
    for part in parts_of(labels):
        rows = np.flatnonzero((part.pairs.parts == "test") & (part.logit != 0) & (part.w > 0))[: most - n]
        if not len(rows):
            continue
        some, table = part.take(rows), part.pairs.take(rows).table
        verdict = pa.array(np.where(some.logit > 0, "b", "a").tolist(), table.schema.field("gold").type)
        found.append(
            Pairs(table.set_column(table.schema.get_field_index("gold"), table.schema.field("gold"), verdict))
        )
        n += len(rows)
    return Pairs(pa.concat_tables([pairs.table for pairs in found])) if found else None
