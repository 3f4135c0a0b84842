"""Each broken promise is found by its own code, and sound functions are left in peace."""

from __future__ import annotations

import random
from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
import polars as pl
import pytest
from made_pairs import made_pairs

from weaklabel.errors import LabelingFunctionError
from weaklabel.lf import TextColumn
from weaklabel.lf.checks import (
    assert_labeling_function,
    awkward_pairs,
    check_labeling_function,
)
from weaklabel.lf.columns import column_scores, column_verdict
from weaklabel.lf.core import LabelingFunction, WrittenFunction
from weaklabel.lf.votes import BatchVotes
from weaklabel.lf.writing import labeling_function, response_scorer
from weaklabel.types import ABSTAIN, Pair

PAIRS = made_pairs([(f"answer {'x' * (i % 7)}", f"reply {'y' * (i % 5)}") for i in range(60)])


def codes(lf: LabelingFunction, pairs: object = PAIRS) -> list[str]:
    return [finding.code for finding in check_labeling_function(lf, pairs)]  # type: ignore[arg-type]


@dataclass(frozen=True, kw_only=True)
class Given(WrittenFunction):
    """A labeling function whose `vote_all` is `fn`."""

    def vote_all(self, pairs: Sequence[Pair]) -> BatchVotes:
        return self.fn(pairs)  # type: ignore[no-any-return]


def given(fn: object) -> Given:
    return Given(name="given", family="tests", fn=fn)  # type: ignore[arg-type]


def margins_of(values: list[float]) -> BatchVotes:
    margins = np.array(values, dtype=np.float32)
    votes = np.where(margins == 0, ABSTAIN, margins > 0).astype(np.int8)
    return BatchVotes(votes, margins)


@response_scorer(prefer="less", min_gap=1)
def shorter(response: str) -> int:
    return len(response)


@labeling_function
def longer(pair: Pair) -> int:
    a, b = len(pair.response_a), len(pair.response_b)
    return ABSTAIN if a == b else int(b > a)


@response_scorer(batch=True)
def in_batches(response: TextColumn) -> pl.Series:
    return response.series.str.len_chars()


@pytest.mark.parametrize("lf", [shorter, longer, in_batches], ids=lambda lf: lf.name)
def test_a_sound_function_has_no_findings(lf: LabelingFunction) -> None:
    assert codes(lf) == []
    assert check_labeling_function(lf) == []  # on the awkward pairs
    assert_labeling_function(lf)


def test_a_vote_on_the_position_is_pinned_to_the_pairs_it_is_wrong_on() -> None:
    @labeling_function
    def first_unless_shorter(pair: Pair) -> int:
        return 1 if len(pair.response_b) > len(pair.response_a) else 0

    pairs = made_pairs([("same", "size"), ("x", "longer"), ("longer", "x"), ("even", "here")])
    [finding] = check_labeling_function(first_unless_shorter, pairs)
    assert (finding.code, finding.severity) == ("WL101", "error")
    assert finding.pair_ids == ("p0", "p3")
    assert "on 2 of 4 pairs" in finding.message


def test_a_margin_that_does_not_turn_round_is_found_though_the_votes_do() -> None:
    lf = given(lambda rows: margins_of([len(p.response_b) - 0.9 * len(p.response_a) for p in rows]))
    assert "WL101" in codes(lf, made_pairs([("x" * 100, "y"), ("x", "y" * 100)]))


def test_no_more_than_five_pairs_are_named() -> None:
    [finding] = check_labeling_function(labeling_function(name="first")(lambda pair: 0), PAIRS)
    assert len(finding.pair_ids) == 5
    assert "60 of 60" in finding.message


def test_a_random_vote_is_non_deterministic() -> None:
    rng = random.Random(0)
    assert codes(labeling_function(name="coin")(lambda pair: rng.choice([0, 1]))) == ["WL102"]


def test_a_toss_up_that_the_text_remembers_is_found() -> None:
    rng = random.Random(0)

    @response_scorer
    def remembered(response: object) -> float:
        return response.remember("coin", lambda _: rng.random())  # type: ignore[attr-defined,no-any-return]

    assert codes(remembered) == ["WL102"]


def test_a_counter_between_calls_is_non_deterministic() -> None:
    calls = iter(range(10**6))
    assert codes(labeling_function(name="counter")(lambda pair: next(calls) % 7 // 4)) == ["WL102"]


def test_a_score_relative_to_the_batch_is_batch_dependent() -> None:
    @response_scorer(batch=True)
    def standardised(response: TextColumn) -> pl.Series:
        lengths = response.series.str.len_chars()
        return lengths / lengths.max()

    assert codes(standardised) == ["WL111"]


def test_a_function_that_raises_is_reported_with_its_first_pair_and_not_examined_further() -> None:
    @labeling_function
    def breaks_on_y(pair: Pair) -> int:
        if "yyy" in pair.response_b:
            raise KeyError("units")
        return 0

    [finding] = check_labeling_function(breaks_on_y, PAIRS)
    assert finding.code == "WL108"
    assert finding.pair_ids[0] == "p3"
    assert (
        "24 of 60 pairs, first: 'breaks_on_y' raised KeyError: 'units' (pair 'p3') in test_lf_checks.py:"
        in finding.message
    )


def test_an_exception_out_of_vote_all_itself_is_reported() -> None:
    lf = given(lambda rows: 1 / 0)
    [finding] = check_labeling_function(lf, PAIRS)
    assert (finding.code, "ZeroDivisionError" in finding.message) == ("WL108", True)


@pytest.mark.parametrize("value", [2, True, None, 0.0, "a"])
def test_what_is_no_vote_is_illegal(value: object) -> None:
    [finding] = check_labeling_function(labeling_function(name="odd")(lambda pair: value), PAIRS)  # type: ignore[arg-type,return-value]
    assert finding.code == "WL109"
    assert f"returned {value!r} for pair 'p0'" in finding.message


@pytest.mark.parametrize(
    "column",
    [
        BatchVotes(np.zeros(3, np.int8), np.zeros(60, np.float32)),
        BatchVotes(np.zeros(60, np.int64), np.zeros(60, np.float32)),  # type: ignore[arg-type]
        BatchVotes(np.full(60, 7, np.int8), np.zeros(60, np.float32)),
    ],
    ids=["shape", "type", "value"],
)
def test_columns_of_another_form_are_illegal(column: BatchVotes) -> None:
    assert codes(given(lambda rows: column)) == ["WL109"]


def test_a_margin_against_its_vote_is_found() -> None:
    def contrary(rows: Sequence[Pair]) -> BatchVotes:
        right = margins_of([float(len(p.response_b) - len(p.response_a)) for p in rows])
        return BatchVotes(right.votes, -right.margins)

    assert codes(given(contrary)) == ["WL112"]


def test_a_missing_column_is_a_finding_that_names_it() -> None:
    @labeling_function(columns=["topic"])
    def by_topic(pair: Pair) -> int:
        return ABSTAIN

    [finding] = check_labeling_function(by_topic, PAIRS)
    assert (finding.code, "'topic'" in finding.message) == ("WL113", True)
    assert check_labeling_function(by_topic)[0].code == "WL113"


def test_column_functions_keep_the_contract_whichever_order_the_source_had() -> None:
    n = len(PAIRS)
    columns = {"m1": [float(i) for i in range(n)], "m2": [5.0] * n, "judge": ["first", "second"] * (n // 2)}
    pairs = made_pairs([("x", "y")] * n, columns=columns)
    assert codes(column_scores("rm", "m1", "m2"), pairs) == []
    assert codes(column_verdict("judge", "judge", votes={"first": "a", "second": "b"}), pairs) == []


def test_a_list_of_pair_objects_will_do() -> None:
    assert codes(longer, list(PAIRS)) == []


def test_the_raising_form_names_function_code_and_remedy() -> None:
    first = labeling_function(name="first")(lambda pair: 0)
    with pytest.raises(LabelingFunctionError, match=r"::first WL101 error: .*\n +Compare the two responses"):
        assert_labeling_function(first, PAIRS)


def test_no_pairs_give_no_findings() -> None:
    assert codes(longer, []) == []


def test_a_finding_is_json_and_says_where_to_look() -> None:
    lf = replace(labeling_function(name="first")(lambda pair: 0), spec="lfs/a.py::first")
    [finding] = check_labeling_function(lf, PAIRS)
    assert finding.to_dict()["pair_ids"] == [f"p{i}" for i in range(5)]
    assert str(finding).startswith("lfs/a.py::first WL101 error: ")


def test_awkward_pairs_hold_an_empty_a_blank_an_identical_and_a_long_one() -> None:
    pairs = awkward_pairs()
    assert any(not p.response_a for p in pairs)
    assert any(p.response_a and not p.response_a.strip() for p in pairs)
    assert any(p.response_a == p.response_b != "" for p in pairs)
    assert max(len(p.response_b) for p in pairs) >= 20000
    assert len({p.id for p in pairs}) == len(pairs) >= 12
