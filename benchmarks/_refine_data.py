"""GSM8K with four models' solutions for `refine_gsm8k.py`: questions, halves, every two models' solutions as pairs, votes."""

from __future__ import annotations

import math
from dataclasses import dataclass
from itertools import combinations
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa
from numpy.typing import NDArray

import weaklabel as wl
from weaklabel.text.solutions import final_number
from weaklabel.types import Pairs, Votes

DEMONSTRATIONS, PROPOSALS = "6b_verification", "175b_finetuning"
MODELS = ("6b_finetuning", "6b_verification", "175b_finetuning", "175b_verification")
COMBOS = tuple(combinations(range(len(MODELS)), 2))
Flags = NDArray[np.bool_]
Ints = NDArray[np.intp]
Floats = NDArray[np.float64]

# Chosen on the first half of the questions, from all pairs of the four models' solutions; the rest of the family
# (calculations, idle_calculations, given_used_again) was near chance there.
FUNCTIONS = (
    "wrong_calculations",
    "open_calculations",
    "given_numbers_used",
    "given_behind_answer",
    "invented_numbers",
    "stray_numbers",
    "unused_results",
    "answer_from_last_result",
    "answer_was_given",
    "marks_its_answer",
    "negative_results",
    "broken_answer",
    "broken_results",
    "asked_unit",
)


@dataclass(frozen=True)
class Solved:
    """Questions with a solution of every model.

    Attributes:
        ids, questions: of `n` questions.
        solutions: by model, `n` texts.
        right: `(n, 4)`, whether the model's answer is right.
        answers: `(n, 4)` objects, the final number of each solution; None where it has none.
    """

    ids: tuple[str, ...]
    questions: tuple[str, ...]
    solutions: tuple[tuple[str, ...], ...]
    right: Flags
    answers: NDArray[np.object_]

    def disagree(self, one: int, two: int) -> Flags:
        """`(n,)`: whether two models give different final numbers, compared as exact fractions."""
        return np.array([a != b for a, b in self.answers[:, [one, two]]], dtype=np.bool_)

    def same(self, one: int, two: int) -> Floats:
        """`(n,)`: 1 where two models give the same final number."""
        return np.array([a is not None and a == b for a, b in self.answers[:, [one, two]]], dtype=np.float64)


def read_solved(folder: Path) -> Solved:
    questions = pd.read_parquet(folder / "test_dev.parquet").set_index("id").sort_index()
    table = pd.read_parquet(folder / "test_dev_model_solutions.parquet").set_index(["model", "question_id"])
    by_model = [table.loc[model].loc[questions.index] for model in MODELS]
    solutions = tuple(tuple(rows["solution"]) for rows in by_model)
    answers = np.empty((len(questions), len(MODELS)), dtype=object)
    for j, texts in enumerate(solutions):
        answers[:, j] = [final_number(text) for text in texts]
    right = np.column_stack([rows["is_correct"].to_numpy() for rows in by_model])
    return Solved(tuple(questions.index), tuple(questions["question"]), solutions, right, answers)


def halves(n: int) -> tuple[Ints, Ints]:
    """Questions on which functions are chosen and gold is drawn, and those of the figures."""
    order = np.random.default_rng(0).permutation(n)
    return np.sort(order[: n // 2]), np.sort(order[n // 2 :])


@dataclass(frozen=True)
class Pool:
    """Every two models' solutions to a question as a pair, with votes.

    Attributes:
        pairs: without gold. Solutions that are the same text are no pair.
        votes: of the functions and of those that look at other models' answers.
        question: `(n_pairs,)` place of the question.
        combo: `(n_pairs,)` place in `COMBOS`.
        y: `(n_pairs,)` 1 where response b, the second model's, alone is right, 0 where a alone is, .5 else.
        lfs: name -> function.
    """

    pairs: Pairs
    votes: Votes
    question: Ints
    combo: Ints
    y: Floats
    lfs: dict[str, wl.LabelingFunction]

    def with_gold(self, rows: Ints, known: Flags) -> Pairs:
        """Some pairs, with the gold of those that are known among them; ties are left without."""
        y = np.where(known, self.y, 0.5)[rows]
        gold = [{0.0: "a", 1.0: "b"}.get(value) for value in y.tolist()]
        table = self.pairs.take(rows).table
        at = table.column_names.index("gold")
        return Pairs(table.set_column(at, table.schema.field("gold"), pa.array(gold, pa.string())))


def agreement_names(models: tuple[int, ...]) -> list[str]:
    return [*(f"agrees with {MODELS[m]}" for m in models), "agrees with others"]


def make_pool(solved: Solved) -> Pool:
    rows = [row for c, (i, j) in enumerate(COMBOS) for row in _rows(solved, c, i, j)]
    pairs = wl.read_pairs(pd.DataFrame(rows), test_share=0.0)
    lfs = {lf.name: lf for lf in wl.load_lfs("shipped:mathematics") if lf.name in FUNCTIONS}
    for name in agreement_names(tuple(range(len(MODELS)))):
        lfs[name] = wl.column_scores(name, f"{name}_a", f"{name}_b")
    assert not any(pairs.table["swapped"].to_pylist())  # `response_a` and `response_b` stay where they are
    question, combo = (
        np.array(pairs.table[name].to_pylist(), dtype=np.intp) for name in ("question_number", "combo")
    )
    first, second = np.array(COMBOS)[combo].T
    gap = solved.right[question, second].astype(float) - solved.right[question, first]
    votes = wl.apply(list(lfs.values()), pairs)
    return Pool(pairs, votes, question, combo, (gap + 1) / 2, lfs)


def _rows(solved: Solved, combo: int, i: int, j: int) -> list[dict[str, Any]]:
    agrees = {
        m: np.column_stack([solved.same(m, i), solved.same(m, j)])
        for m in range(len(MODELS))
        if m not in (i, j)
    }
    counts = sum(agrees.values())
    silent = np.full((len(solved.ids), 2), math.nan)
    found = []
    for k, id_ in enumerate(solved.ids):
        row: dict[str, Any] = {
            "id": f"{id_}/{i}{j}",
            "prompt": solved.questions[k],
            "question_number": k,
            "combo": combo,
        }
        for m, model in enumerate(MODELS):
            row |= _sides(f"agrees with {model}", agrees.get(m, silent)[k])
        row |= _sides("agrees with others", counts[k])
        found.append(row | {"response_a": solved.solutions[i][k], "response_b": solved.solutions[j][k]})
    return found


def _sides(name: str, values: Floats) -> dict[str, float]:
    return {f"{name}_a": float(values[0]), f"{name}_b": float(values[1])}
