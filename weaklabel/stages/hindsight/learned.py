"""What the stage learns: ranked lists from labels, pairs or a file, some held out to choose the checkpoint, and who is watched."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import pyarrow as pa

from weaklabel.artifacts import content_hash
from weaklabel.data.asked.demonstrations import Demonstrations
from weaklabel.errors import DataError
from weaklabel.stages.hindsight.chaining import asking
from weaklabel.stages.hindsight.ranked import Lists, Ranked, check_lists, lists_of, read_lists
from weaklabel.stages.hindsight.settings import HindsightSettings
from weaklabel.stages.hindsight.templates import Template
from weaklabel.stages.materials import Materials
from weaklabel.stages.taught import Taught, taught_by, watched_by_taught
from weaklabel.stages.watching import Watched, shared_prompts, watched_by
from weaklabel.types import Pairs, prompt_key
from weaklabel.types.demonstration import Demonstration


@dataclass(frozen=True)
class Learned:
    """What is learned, and what watches.

    Attributes:
        lists: to learn from.
        gold: lists that choose the checkpoint; none keeps the last one.
        watched: what the audit looks at, asked without words of feedback; None for no audit.
        notes: sentences on what was left out.
    """

    lists: Sequence[Ranked]
    gold: Sequence[Ranked] = ()
    watched: Watched | None = None
    notes: list[str] = field(default_factory=list)

    @property
    def texts(self) -> list[str]:
        """What a tokenizer is made of, where the model comes from scratch."""
        return [text for each in (*self.lists, *self.gold) for text in (each.prompt, *_texts(each))]

    @property
    def hashes(self) -> dict[str, str]:
        """Of what is learned and of what judges."""
        found = {"lists": content_hash(*map(repr, self.lists))}
        return found | ({"gold": content_hash(*map(repr, self.gold))} if self.gold else {})


def learned_by(settings: HindsightSettings, materials: Materials) -> Learned:
    """What the settings and materials say is learned.

    Raises:
        ConfigError: nothing to learn from. NotCalibratedError: beliefs that were never calibrated.
        DataError, LayoutError: data that cannot be read, or that leaves nothing.
    """
    given = isinstance(materials.source, Sequence) and all(
        isinstance(each, Ranked) for each in materials.source
    )
    if settings.lists is not None or (given and materials.source):
        return _by_lists(settings, materials)
    return _by_comparisons(settings, materials)


def _by_lists(settings: HindsightSettings, materials: Materials) -> Learned:
    def read(source: str, what: str) -> Lists:
        return check_lists(read_lists(source, columns=settings.columns), what)

    found = Lists(list(materials.source)) if settings.lists is None else read(settings.lists, "lists")
    judging = Lists([]) if settings.eval_data is None else read(settings.eval_data, "eval_data")
    best, eval_best = (Demonstrations([_best(each) for each in part.rows]) for part in (found, judging))
    # `data` is what `watched_by` takes for a sign that no labels are learned.
    kept, watched, note = watched_by(replace(settings, data="lists", lists=None), materials, best, eval_best)
    asked = {prompt_key(row.prompt) for row in kept.rows}
    rows = [each for each in found.rows if prompt_key(each.prompt) in asked]
    notes = [] if note is None else [note]
    for what, part in (("lists", found), ("eval_data", judging)):
        if part.set_aside:
            notes.append(
                f"{what}: {len(part.set_aside):,} rows could not be used; first: {part.set_aside[0]}."
            )
    learned, asked_too = ([prompt_key(each.prompt) for each in part] for part in (rows, judging.rows))
    notes += shared_prompts(learned, asked_too)
    return Learned(rows, judging.rows, watched, notes)


def _by_comparisons(settings: HindsightSettings, materials: Materials) -> Learned:
    reading: dict[str, Any] = {
        "columns": settings.columns,
        "allow_uncalibrated": settings.allow_uncalibrated,
        "test_share": 0.0,
    }
    data = settings.data if settings.data is not None else materials.source
    taught = taught_by(data, materials, who="hindsight", **reading)
    notes: list[str] = []
    if settings.eval_data is not None:
        gold: Taught | None = taught_by(settings.eval_data, materials, who="hindsight: eval_data", **reading)
    else:
        taught, gold = taught.gold_apart(settings.held_out_share, settings.seed)
    taught = taught.confident(settings.min_confidence)
    taught, watched, note = watched_by_taught(settings, materials, taught, gold)
    notes += [] if note is None else [note]
    notes += taught.told()
    if gold is not None and settings.eval_data is not None:
        notes += gold.told("eval_data")
        notes += shared_prompts(taught.pairs.prompt_keys, gold.pairs.prompt_keys)
    judging = [] if gold is None else lists_of(gold.groups(), settings.max_outputs)
    return Learned(lists_of(taught.groups(), settings.max_outputs), judging, watched, notes)


def asked_for(watched: Watched, template: Template, words: str) -> Watched:
    """What the audit looks at, its prompts and pairs asked with words of feedback; as they are where there are none."""
    if not words:
        return watched
    prompts = []
    for row in watched.prompts:
        part = asking(template, row.prompt, words, row.messages)
        prompts.append(Demonstration(part.asked, row.completion, part.messages))
    return replace(watched, prompts=prompts, pairs=_asked_pairs(watched.pairs, template, words))


def _asked_pairs(pairs: Pairs | None, template: Template, words: str) -> Pairs | None:
    if pairs is None:
        return None
    table = pairs.table
    asked = [
        asking(template, prompt, words, messages or ())
        for prompt, messages in zip(table["prompt"].to_pylist(), table["messages"].to_pylist(), strict=True)
    ]
    for name, values in (
        ("prompt", [part.asked for part in asked]),
        ("messages", [[dict(turn) for turn in part.messages] for part in asked]),
    ):
        at = table.schema.get_field_index(name)
        table = table.set_column(at, table.schema.field(at), pa.array(values, table.schema.field(at).type))
    return Pairs(table)


def _best(given: Ranked) -> Demonstration:
    best = max(given.outputs, key=lambda output: output.score)
    return Demonstration(given.prompt, best.text, given.messages, given.w)


def _texts(given: Ranked) -> list[str]:
    return [text for output in given.outputs for text in (output.text, output.feedback or "")]


def read_text(path: str | Path) -> str:
    """A plain text file, UTF-8.

    Raises:
        DataError: it cannot be read, or is not UTF-8.
    """
    try:
        return Path(path).read_text(encoding="utf-8-sig")
    except OSError as error:
        raise DataError(f"{path} cannot be read ({error.strerror}). Name a plain text file.") from None
    except UnicodeDecodeError as error:
        raise DataError(f"{path} is not UTF-8 (byte {error.start}). Save it as UTF-8.") from None
