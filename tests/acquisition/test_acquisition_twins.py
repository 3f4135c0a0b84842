"""Pairs of the same texts are asked once, pairs worth the same are drawn among, and what was asked before leaves room."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pyarrow as pa
import pytest
from made_pool import made_pool, with_logit

from weaklabel.acquisition import get_acquisition
from weaklabel.acquisition.next import choose_next, next_pairs
from weaklabel.acquisition.source import Source
from weaklabel.data.sample import sample_pairs
from weaklabel.errors import DataError, LabelMatrixError
from weaklabel.labeler import fit
from weaklabel.lf import load_lfs
from weaklabel.types import Labels, Pairs

N = 12


def labelled(pairs: Pairs) -> Labels:
    return fit(load_lfs("shipped:length"), pairs, model="majority_vote").label(pairs)


def with_twins(gold: bool) -> Labels:
    """Twelve pairs, and each of them once more with its responses swapped under an id of its own; the first three have gold
    where `gold` says so."""
    first = sample_pairs(N, 0).table
    answers = pa.array(["a"] * 3 * gold + [None] * (N - 3 * gold), pa.string())
    parts = pa.array(["dev"] * 3 * gold + ["pool"] * (N - 3 * gold), pa.string())
    one = first.set_column(first.column_names.index("gold"), "gold", answers)
    one = one.set_column(one.column_names.index("part"), "part", parts)
    again = Pairs(first).swapped().table
    again = again.set_column(0, "id", pa.array([f"again-{i}" for i in first["id"].to_pylist()]))
    return labelled(Pairs(pa.concat_tables([one.cast(first.schema), again.cast(first.schema)])))


def shown(labels: Labels, ids: tuple[str, ...]) -> list[tuple[str, frozenset[str]]]:
    rows = {pair.id: pair for pair in (labels.pairs[row] for row in range(len(labels.pairs)))}
    return [(str(rows[i].prompt), frozenset((str(rows[i].response_a), str(rows[i].response_b)))) for i in ids]


@pytest.mark.parametrize("name", ["random", "uncertainty", "coreset"])
@pytest.mark.parametrize("n", [4, N])
def test_a_pair_is_asked_under_one_id_and_another_takes_the_place_of_its_twin(name: str, n: int) -> None:
    labels = with_twins(gold=False)
    found = next_pairs(labels, n, acquisition=name)
    assert len(found) == len(set(shown(labels, found.ids))) == n


def test_a_pair_whose_twin_has_gold_is_not_asked() -> None:
    labels = with_twins(gold=True)
    found = next_pairs(labels, 2 * N, acquisition="uncertainty")
    known = shown(labels, tuple(labels.pairs.ids[:3]))
    asked = shown(labels, found.ids)
    assert not set(asked) & set(known)
    assert len(set(asked)) == len(asked) == N - 3
    # 24 less three with gold, of which nine are asked once.
    assert found.notes[1] == (
        "12 pairs were left out: another one with the same texts can be asked, or has gold."
    )
    assert "24 pairs were asked for, and 9 can be asked" in found.notes[0]
    only_known = labels.take([0, 1, 2, N, N + 1, N + 2])
    with pytest.raises(DataError, match="all 3 that were looked at have the texts of pairs with gold"):
        next_pairs(only_known, 2)


@pytest.mark.parametrize("n", [2, N])
def test_however_many_twins_there_are_a_rule_chooses_twice_at_most(n: int) -> None:
    rule, times = get_acquisition("uncertainty"), []
    choose = type(rule).choose

    class Counted(type(rule)):  # type: ignore[misc]
        def choose(self, *args: Any, **more: Any) -> Any:
            times.append(1)
            return choose(self, *args, **more)

    found = choose_next(Source.of(with_twins(gold=True)), n, rule=Counted(), random_share=0.0)
    assert len(found) == min(n, N - 3)
    assert len(times) <= 2


def test_the_same_prompt_with_other_responses_is_another_pair() -> None:
    labels = with_twins(gold=False).take(np.arange(N))
    table = labels.pairs.table
    same = table.set_column(table.column_names.index("prompt"), "prompt", pa.array(["What is 2 + 2?"] * N))
    found = next_pairs(replace(labels, pairs=Pairs(same.cast(table.schema))), N)
    assert len(found) == N


def test_pairs_worth_the_same_are_drawn_among() -> None:
    """Twenty pairs of one belief: an order of ids must not decide who is asked."""
    pool, seen, draws = with_logit(np.zeros(20)), np.zeros(20), 600
    for seed in range(draws):
        seen[get_acquisition("uncertainty").choose(pool, 4, seed=seed).rows] += 1
    assert (np.abs(seen / draws - 0.2) <= 4.5 * np.sqrt(0.2 * 0.8 / draws)).all()


@pytest.mark.parametrize("name", ["coreset", "d_optimal", "bald", "expected_gain"])
def test_pairs_that_vote_alike_are_drawn_among(name: str) -> None:
    pool = replace(made_pool(20, 2, known=0), features=np.ones((20, 2)), logit=np.zeros(20))
    first = {int(get_acquisition(name).choose(pool, 1, seed=seed).rows[0]) for seed in range(40)}
    assert len(first) > 10


def test_candidates_are_drawn_of_what_was_not_asked_before() -> None:
    labels = labelled(sample_pairs(60, 0))
    source, rule = Source.of(labels), get_acquisition("uncertainty")
    skip: set[str] = set()
    for _ in range(6):
        found = choose_next(source, 10, rule=rule, candidates=10, skip=skip)
        assert found.n_open == 60 - len(skip)
        assert not skip & set(found.ids)
        skip |= set(found.ids)
    with pytest.raises(DataError, match=r"have gold .* or were asked before"):
        choose_next(source, 10, rule=rule, candidates=10, skip=skip)


def test_what_is_known_has_to_be_numbers() -> None:
    pool = made_pool()
    assert pool.known_logit is not None
    with pytest.raises(LabelMatrixError, match="known_logit has values that are not finite"):
        replace(pool, known_logit=np.append(pool.known_logit[1:], np.nan))
