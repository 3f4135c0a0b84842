"""What the evaluation model makes of the samples: the best against the worst of each prompt, with its belief."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
from numpy.typing import NDArray

from weaklabel import artifacts
from weaklabel.data.build import conform, unify
from weaklabel.export.folder import write_jsonl
from weaklabel.generation.generated import write_tables
from weaklabel.groups import Group, gather_groups
from weaklabel.stages.best_of.choosing import Chosen, choose
from weaklabel.stages.best_of.compared import Compared
from weaklabel.stages.best_of.judging import Judge
from weaklabel.stages.best_of.sampled import CUT, Draws
from weaklabel.stages.contract import rounded
from weaklabel.stages.proxy.answers import Answers
from weaklabel.stages.proxy.evaluation import Evaluated
from weaklabel.types import FloatArray, Pairs

PAIRS: Final = "pairs.parquet"
SAMPLES: Final = "samples.jsonl"
BY_PROXY: Final = "evaluation model"
BY_EXPERT: Final = "expert"


@dataclass(frozen=True)
class Labelled:
    """The samples, labelled by the evaluation model.

    Attributes:
        scores: `(m,)` the rewards of the samples.
        chosen: best and worst of each prompt that leaves a choice.
        table: the pairs of best and worst that are learned, with p.
        n_ties: pairs whose belief is too near to one half.
        n_beyond: pairs beyond `max_pairs`.
    """

    scores: FloatArray
    chosen: Chosen
    table: pa.Table
    n_ties: int
    n_beyond: int

    @classmethod
    def of(
        cls,
        draws: Draws,
        model: Evaluated,
        *,
        policy: str,
        number: int,
        tie_margin: float,
        max_pairs: int | None,
        seed: int,
    ) -> Labelled:
        """The best and the worst sample of each prompt, compared.

        Args:
            draws: the samples.
            model: the evaluation model.
            policy: the name of what was sampled.
            number: of the round.
            tie_margin: a belief at most this far from one half is a tie.
            max_pairs: most pairs; None for all.
            seed: of the draw of these.
        """
        judge = Judge.of(model.reward, BY_PROXY)
        scores = judge.scores(draws)
        chosen = choose(draws, scores)
        if not len(chosen.best):
            return cls(scores, chosen, _none(), 0, 0)
        about = {"comparer": BY_PROXY, "labelled_by": BY_PROXY, "round": number}
        table = Compared.of(draws, judge, policy=policy, constants=about, only=chosen.ends).scored(scores)
        far = np.abs(table["p"].to_numpy() - 0.5) > tie_margin
        rows = np.flatnonzero(far)
        if max_pairs is not None and len(rows) > max_pairs:
            rows = np.sort(np.random.default_rng([seed, number]).choice(rows, max_pairs, replace=False))
        return cls(scores, chosen, table.take(pa.array(rows)), int((~far).sum()), int(far.sum()) - len(rows))

    def __len__(self) -> int:
        return len(self.table)


def learned_pairs(labelled: Labelled | None, answers: Answers) -> pa.Table:
    """What the policy learns: pairs that the evaluation model labelled, and those that the expert compared.

    A pair that both speak of is the expert's.
    """
    parts = []
    pairs, said = answers.compared()
    known = set(_content(pairs))
    if len(pairs):
        told: dict[str, Any] = {
            "p": pa.array(said),
            "w": pa.array(np.ones(len(said))),
            "label": pa.array(np.where(said > 0.5, "b", np.where(said < 0.5, "a", "tie")).tolist()),
            "confidence": pa.array(np.maximum(said, 1 - said)),
            "calibrated": pa.array(
                [True] * len(said)
            ),  # an expert's word is what calibration is held against
            "labelled_by": pa.array([BY_EXPERT] * len(said)),
            "round": pa.array(_rounds(pairs, answers)),
        }
        table = pairs.table
        for name, column in told.items():
            table = table.append_column(name, column)
        parts.append(table)
    if labelled is not None and len(labelled):
        ours = [key not in known for key in _content(Pairs(labelled.table))]
        parts.append(labelled.table.filter(pa.array(ours)))
    if not parts:
        return _none()
    schema = unify(part.schema for part in parts)
    return pa.concat_tables([conform(part, schema) for part in parts])


def read_groups(work: Path) -> list[Group]:
    """What `write_pairs` wrote, as groups to train on, each comparison with its belief and weight."""
    table = pq.read_table(work / PAIRS)
    return gather_groups(Pairs(table), table["p"].to_numpy(), table["w"].to_numpy())


def write_pairs(table: pa.Table, work: Path) -> None:
    """`pairs.parquet`: what `dpo` and every trainer of rewards take as data."""
    write_tables(work / PAIRS, [table])


def write_samples(draws: Draws, labelled: Labelled, model: Evaluated, work: Path) -> None:
    """`samples.jsonl`: every sample with its reward, which of them were chosen, and how it ended."""
    best, worst = (set(getattr(labelled.chosen, name).tolist()) for name in ("best", "worst"))
    numbers = {"score": labelled.scores}
    if model.thresholds is not None:
        numbers["expected"] = model.expected(labelled.scores)

    def rows() -> Iterator[dict[str, Any]]:
        for row, (prompt, replies) in enumerate(zip(draws.prompts, draws.replies, strict=True)):
            for number, reply in enumerate(replies):
                at = draws.place.get((row, number))
                told: dict[str, Any] = {
                    "prompt": prompt.text,
                    "response": reply.text.strip(),
                    "sample": number,
                }
                if at is not None:
                    told |= {name: rounded(float(each[at])) for name, each in numbers.items()}
                told["chosen"] = "best" if at in best else "worst" if at in worst else None
                yield told | {"finish": reply.finish, "cut": reply.finish == CUT, "tokens": reply.tokens_out}

    with artifacts.atomic_file(work / SAMPLES) as path:
        write_jsonl(path, rows())


def _content(pairs: Pairs) -> Sequence[str]:
    from weaklabel.comparers.content import Content

    return Content.of(pairs).keys


def _rounds(pairs: Pairs, answers: Answers) -> list[int]:
    """In which round the expert spoke of each pair: of two scored responses in the later one."""
    of = {each.key[:12]: each.round for each in answers.rows}
    return [max(of[key[:12]], of.get(key[12:24], 0)) for key in pairs.ids]


def _none() -> pa.Table:
    from weaklabel.generation.paired import COLUMNS

    return pa.Table.from_pylist([], schema=COLUMNS)


def agreement(table: pa.Table, p: FloatArray) -> tuple[FloatArray, FloatArray, NDArray[np.int64]]:
    """Of pairs that another comparer tells apart: what is believed, its gold, and the groups of prompts.

    Args:
        table: the pairs, with p.
        p: `(n,)` what the other comparer says.
    """
    gold = (1 + np.sign(p - 0.5)) / 2
    return table["p"].to_numpy(), gold, Pairs(table).prompt_groups
