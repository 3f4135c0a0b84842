"""The files of a round: demonstrations, pairs of the best against the worst, groups, and every sample with its provenance.

    demonstrations.jsonl    the best sample of each prompt: what `sft` takes as data
    pairs.parquet           the best against the worst, with the comparer's p: what `dpo` takes, and every trainer of rewards
    groups.parquet          every two different samples of a prompt, likewise: read as pairs, gathered by prompt
    samples.jsonl           all samples, with scores, and which of them were chosen
    curve.json, curve.svg   the best of n
    README.md               what the round was made of, and its figures

p is what the comparer says; `calibrated` says whether it was ever fitted to gold, and who reads the file refuses it where not,
unless told otherwise.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import pyarrow as pa

from weaklabel import artifacts
from weaklabel.export.folder import write_jsonl
from weaklabel.generation.generated import write_tables
from weaklabel.servers.protocol import Reply
from weaklabel.stages.best_of.cautious import Scored
from weaklabel.stages.best_of.choosing import Chosen
from weaklabel.stages.best_of.compared import Compared
from weaklabel.stages.best_of.curve import Curve
from weaklabel.stages.best_of.sampled import CUT, Draws
from weaklabel.stages.contract import rounded
from weaklabel.types import FloatArray

DEMONSTRATIONS: Final = "demonstrations.jsonl"
PAIRS: Final = "pairs.parquet"
GROUPS: Final = "groups.parquet"
SAMPLES: Final = "samples.jsonl"
CURVE: Final = "curve.json"
PICTURE: Final = "curve.svg"


@dataclass(frozen=True)
class Found:
    """What a round found, all that its files hold.

    Attributes:
        draws: the samples.
        worth: what they are worth.
        chosen: the best and the worst.
        held_out: `(m,)` what the held-out reward makes of them; None where there is none.
        policy: the name of what was sampled.
    """

    draws: Draws
    worth: Scored
    chosen: Chosen
    held_out: FloatArray | None
    policy: str

    def told(self, at: int) -> dict[str, Any]:
        """Of the sample at a place of the columns what files say of it beside its text."""
        numbers = {"score": self.worth.score, "spread": self.worth.spread, "held_out": self.held_out}
        found = {name: rounded(float(each[at])) for name, each in numbers.items() if each is not None}
        return {"sample": int(self.draws.number[at]), **found}


def write_texts(found: Found, work: Path) -> None:
    """`demonstrations.jsonl` and `samples.jsonl`."""
    for name, rows in ((DEMONSTRATIONS, _demonstrations(found)), (SAMPLES, _samples(found))):
        with artifacts.atomic_file(work / name) as path:
            write_jsonl(path, rows)


def write_curve(curve: Curve, work: Path) -> None:
    """`curve.json` and `curve.svg`."""
    artifacts.write_json(work / CURVE, [_digits(row) for row in curve.rows()])
    artifacts.write_text(work / PICTURE, curve.picture().svg())


def write_comparisons(found: Found, compared: Compared, work: Path, *, groups: bool) -> dict[str, int]:
    """`pairs.parquet`, and `groups.parquet` where it is wanted; how many comparisons each holds."""
    table = compared.scored(found.worth.score)
    tables = {PAIRS: table.filter(pa.array(compared.are(found.chosen.ends)))} | (
        {GROUPS: table} if groups else {}
    )
    for name, each in tables.items():
        write_tables(work / name, [each])
    return {name.partition(".")[0]: len(each) for name, each in tables.items()}


def _demonstrations(found: Found) -> Iterator[dict[str, Any]]:
    for at in found.chosen.best.tolist():
        row = int(found.draws.of[at])
        prompt = found.draws.prompts[row]
        messages = {"messages": [dict(turn) for turn in prompt.messages]} if prompt.given else {}
        told = {"prompt": prompt.text, "completion": found.draws.texts[at], **messages, "w": 1.0}
        yield told | found.told(at) | {"of": int(found.draws.sizes[row]), "policy": found.policy}


def _samples(found: Found) -> Iterator[dict[str, Any]]:
    draws = found.draws
    best, worst = set(found.chosen.best.tolist()), set(found.chosen.worst.tolist())
    for row, (prompt, replies) in enumerate(zip(draws.prompts, draws.replies, strict=True)):
        for number, reply in enumerate(replies):
            at = draws.place.get((row, number))
            role = "best" if at in best else "worst" if at in worst else None
            about = {"sample": number} if at is None else found.told(at)
            yield {
                "prompt": prompt.text,
                "response": reply.text.strip(),
                **about,
                "chosen": role,
                **_ended(reply),
            }


def _ended(reply: Reply) -> dict[str, Any]:
    return {"finish": reply.finish, "cut": reply.finish == CUT, "tokens": reply.tokens_out}


def _digits(value: Any) -> Any:
    if isinstance(value, Mapping):
        return {name: _digits(each) for name, each in value.items()}
    return rounded(value) if isinstance(value, float) else value
