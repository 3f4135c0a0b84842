"""The demonstrations as they stand: what each says, and where it comes from. A file of a round that any stage can learn from.

`labels.jsonl` has a row per demonstration. Its `prompt`, `completion`, `messages` and `w` are what `read_demonstrations` reads;
beside them stand `round` (that wrote the completion; 0 where it was given), `source` (who proposed it), `belief` (that it is
better than what it replaced) and `replaced`, that text.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from weaklabel.artifacts import atomic_file, content_hash, parse_json
from weaklabel.data.asked.prompts import Prompt
from weaklabel.errors import ArtifactError
from weaklabel.export.folder import write_jsonl
from weaklabel.groups import folds_by_prompt
from weaklabel.types import prompt_key
from weaklabel.types.demonstration import Demonstration
from weaklabel.types.messages import copied

LABELS: Final = "labels.jsonl"
GIVEN: Final = "given"


@dataclass(frozen=True, slots=True)
class Label:
    """A demonstration and its provenance.

    Attributes:
        demonstration: what is learned.
        pinned: whether a person said that it is never replaced.
        round, source: that wrote it, and who proposed it: 0 and "given" at first.
        belief: P(it is better than what it replaced); None where it was given.
        replaced: the completion before it; None where it was given.
    """

    demonstration: Demonstration
    pinned: bool = False
    round: int = 0
    source: str = GIVEN
    belief: float | None = None
    replaced: str | None = None

    @property
    def text(self) -> str:
        """What the label says."""
        return self.demonstration.completion

    @property
    def asked(self) -> Prompt:
        """What a model is asked."""
        return Prompt.of(self.demonstration.prompt, self.demonstration.messages)

    @property
    def key(self) -> str:
        """Equal for labels of one prompt: the unit of folds."""
        return prompt_key(self.asked.told if self.demonstration.messages else self.demonstration.prompt)

    def replaced_by(self, completion: str, *, round: int, source: str, belief: float) -> Label:
        """The label that a round writes in its place."""
        made = replace(self.demonstration, completion=completion)
        return Label(made, self.pinned, round, source, round_belief(belief), self.text)


def round_belief(value: float) -> float:
    """A belief as it is written: in its last digits a run that went on after a kill may differ."""
    return float(f"{value:.6g}")


def given_labels(demonstrations: Sequence[Demonstration]) -> list[Label]:
    """The demonstrations as they came."""
    return [Label(each, each.pinned) for each in demonstrations]


def folds_of(labels: Sequence[Label], n_folds: int, seed: int) -> NDArray[np.int64]:
    """`(n,)`, the fold of each label; those of one prompt are in one.

    Raises:
        ConfigError: fewer prompts than folds.
    """
    keys = [label.key for label in labels]
    number = {key: k for k, key in enumerate(dict.fromkeys(keys))}
    return folds_by_prompt([number[key] for key in keys], n_folds, seed=seed)


def write_labels(labels: Sequence[Label], folder: Path) -> None:
    """Write `labels.jsonl` into a folder."""
    rows = []
    for each in labels:
        told = asdict(each.demonstration)
        told.pop("pinned")
        if not told["messages"]:
            del told["messages"]
        about = asdict(each)
        del about["demonstration"]
        rows.append({"id": content_hash(each.key, each.text)[:16], **told, **about})
    with atomic_file(folder / LABELS) as path:
        write_jsonl(path, rows)


def read_labels(folder: Path) -> list[Label]:
    """What `write_labels` wrote.

    Raises:
        ArtifactError: no such file, or one that was changed.
    """
    try:
        with (folder / LABELS).open(encoding="utf-8") as file:
            return [_label(parse_json(line)) for line in file]
    except (OSError, KeyError, TypeError, ValueError) as error:
        raise ArtifactError(f"{folder / LABELS} holds no labels of a round ({error}). Put it back.") from None


def _label(row: dict[str, Any]) -> Label:
    messages = copied(row.get("messages"))
    made = Demonstration(row["prompt"], row["completion"], messages, row["w"], pinned=row["pinned"])
    return Label(made, row["pinned"], row["round"], row["source"], row["belief"], row["replaced"])
