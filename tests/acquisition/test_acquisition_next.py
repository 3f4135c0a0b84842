"""Which pairs are asked next: never gold, never the locked part, a random share beside the rule, a budget that holds."""

from __future__ import annotations

import csv
import json
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from weaklabel.acquisition import ACQUISITIONS, get_acquisition
from weaklabel.acquisition.embedding import ngrams, of_votes
from weaklabel.acquisition.next import choose_next, next_pairs
from weaklabel.acquisition.price import Price
from weaklabel.acquisition.queue import NextPairs
from weaklabel.acquisition.source import Source
from weaklabel.acquisition.strata import strata
from weaklabel.artifacts import atomic_file
from weaklabel.comparers.out_of_fold import SecondOpinion
from weaklabel.data.sample import sample_pairs
from weaklabel.errors import ConfigError, DataError, LabelMatrixError, UnknownNameError
from weaklabel.export.tabular import write_tables
from weaklabel.labeler import fit
from weaklabel.ledger import Budget
from weaklabel.lf import load_lfs
from weaklabel.reward.features import hashed_text
from weaklabel.types import Labels, LabelsFile, Pairs


@pytest.fixture(scope="module")
def labels() -> Labels:
    """240 pairs, of which some have gold, half of that locked."""
    pairs = sample_pairs(240, 60)
    return fit(load_lfs("shipped:length", "shipped:structure"), pairs, model="majority_vote").label(pairs)


@pytest.fixture
def on_disk(labels: Labels, tmp_path: Path) -> LabelsFile:
    with atomic_file(tmp_path / "labels.parquet") as temporary:
        write_tables(
            temporary, [labels.take(np.arange(100)).to_table(), labels.take(np.arange(100, 240)).to_table()]
        )
    return LabelsFile(tmp_path / "labels.parquet")


def may_be_asked(labels: Labels) -> set[str]:
    pairs = labels.pairs
    return {
        i
        for i, gold, part in zip(pairs.ids, pairs.has_gold, pairs.parts, strict=True)
        if not gold and part != "test"
    }


@pytest.mark.parametrize("name", sorted(ACQUISITIONS))
def test_neither_gold_nor_a_locked_prompt_is_asked_about(labels: Labels, name: str) -> None:
    found = next_pairs(labels, 20, acquisition=name)
    assert len(set(found.ids)) == 20
    assert set(found.ids) <= may_be_asked(labels)
    assert all(question.reason for question in found.questions)
    everything = next_pairs(labels, 10_000, acquisition=name, random_share=0)
    assert set(everything.ids) == may_be_asked(labels)
    assert "10,000 pairs were asked for" in everything.notes[0]


def test_a_question_has_the_texts_and_the_belief_of_its_pair(labels: Labels) -> None:
    rows = {pair_id: row for row, pair_id in enumerate(labels.pairs.ids)}
    for question in next_pairs(labels, 15, acquisition="uncertainty").questions:
        row = rows[question.id]
        expected = labels.pairs[row]
        assert (question.prompt, question.response_a, question.response_b) == (
            str(expected.prompt),
            str(expected.response_a),
            str(expected.response_b),
        )
        assert question.p == labels.p[row]


def test_a_share_is_random_whatever_the_rule_and_spread_evenly(labels: Labels) -> None:
    rules = [q.rule for q in next_pairs(labels, 20, acquisition="uncertainty", random_share=0.25).questions]
    assert rules.count("random") == 5
    assert all("random" in rules[start : start + 8] for start in (0, 6, 12))
    assert {q.rule for q in next_pairs(labels, 20).questions} == {"random"}


def test_the_random_share_is_the_random_rule_of_the_whole_pool(labels: Labels) -> None:
    """Drawn before the rule chooses, or it would be a sample of what the rule leaves."""
    mixed = next_pairs(labels, 20, acquisition="uncertainty", random_share=0.5, seed=3)
    drawn = [q.id for q in mixed.questions if q.rule == "random"]
    assert drawn == list(next_pairs(labels, 10, seed=3).ids)


@pytest.mark.parametrize("name", sorted(ACQUISITIONS))
def test_swapping_responses_changes_no_question(labels: Labels, name: str) -> None:
    turned = replace(
        labels,
        pairs=labels.pairs.swapped(),
        votes=replace(labels.votes, L=np.where(labels.votes.L < 0, -1, 1 - labels.votes.L).astype(np.int8)),
        logit=-labels.logit,
        p_low=None,
        p_high=None,
    )
    one, other = (next_pairs(each, 12, acquisition=name, embedding="ngrams") for each in (labels, turned))
    assert one.ids == other.ids
    assert [q.value for q in one.questions] == [q.value for q in other.questions]
    if name != "disagreement":
        votes = [next_pairs(each, 12, acquisition=name, embedding="votes").ids for each in (labels, turned)]
        assert votes[0] == votes[1]


def test_a_file_of_labels_asks_the_same(labels: Labels, on_disk: LabelsFile) -> None:
    for name, embedding in (("random", "ngrams"), ("coreset", "votes"), ("badge", "ngrams")):
        one, other = (
            next_pairs(each, 9, acquisition=name, embedding=embedding) for each in (labels, on_disk)
        )
        assert one.to_dict() == other.to_dict()
    with pytest.raises(ConfigError, match="needs a second opinion, and a file of labels has none"):
        next_pairs(on_disk, 9, acquisition="disagreement")


def test_responses_are_read_for_the_questions_alone(labels: Labels) -> None:
    table = labels.to_table()
    with_texts: list[int] = []

    class Watched(Source):
        def pairs(self, rows: Any) -> Pairs:
            with_texts.append(len(rows))
            return super().pairs(rows)

    def tables(names: list[str]) -> Iterator[Any]:
        assert "response_a" not in names or with_texts  # through `pairs` alone
        return iter([table.select(names)])

    for name, embedding in (
        ("random", "ngrams"),
        ("uncertainty", "ngrams"),
        ("disagreement", "ngrams"),
        ("bald", "votes"),
    ):
        with_texts.clear()
        source = Watched(table.column_names, tables, lambda rows: -labels.logit[rows])
        choose_next(source, 5, rule=get_acquisition(name), embedding=embedding)
        assert with_texts == [5]


def test_a_budget_is_never_passed_and_says_what_it_holds(labels: Labels) -> None:
    price = Price(answers=3, money=0.5)
    found = next_pairs(labels, 20, budget=Budget(money=10.0), price=price)
    assert len(found) == 6
    assert (found.cost.pairs, found.cost.calls, found.cost.money) == (6, 18, 9.0)
    assert found.notes == ("the budget holds 6 of 20 pairs.",)
    by_tokens = next_pairs(labels, 20, budget=Budget(tokens=2_000))
    assert 0 < by_tokens.cost.tokens <= 2_000
    assert len(by_tokens) < 20
    assert by_tokens.ids == next_pairs(labels, 20).ids[: len(by_tokens)]


def test_what_cannot_be_asked_is_one_line(labels: Labels) -> None:
    with pytest.raises(
        ConfigError, match="0 of 20 pairs can be asked within the budget: the first costs 1 calls"
    ):
        next_pairs(labels, 20, budget=Budget(calls=0))
    with pytest.raises(ConfigError, match=r"n is 0\. Allowed: 1"):
        next_pairs(labels, 0)
    with pytest.raises(ConfigError, match=r"random_share is 1.5"):
        next_pairs(labels, 5, random_share=1.5)
    with pytest.raises(UnknownNameError, match=r"no embedding 'ngram'.*Did you mean 'ngrams'"):
        next_pairs(labels, 5, acquisition="coreset", embedding="ngram")
    with pytest.raises(ConfigError, match="'votes' reads no texts"):
        next_pairs(labels, 5, acquisition="coreset", embedding="votes", space="text")
    with pytest.raises(LabelMatrixError, match=r"returned shape \(3,\)"):
        next_pairs(labels, 5, acquisition="coreset", embedding=lambda prompts, responses: np.zeros(3))
    with pytest.raises(ConfigError, match="answers is 0"):
        Price(answers=0)
    gold = labels.take(np.flatnonzero(labels.pairs.has_gold))
    with pytest.raises(DataError, match="no pair can be asked"):
        next_pairs(gold, 5)


def test_a_pool_of_one_prompt_is_asked_and_told_of(labels: Labels) -> None:
    pairs = labels.pairs
    rows = [i for i, pair_id in enumerate(pairs.ids) if pair_id in may_be_asked(labels)][:12]
    few = labels.take(rows)
    table = few.pairs.table
    same = table.set_column(1, table.schema.field("prompt"), [["What is 2 + 2?"] * len(rows)])
    few = replace(few, pairs=Pairs(same))
    found = next_pairs(few, 4)
    assert len(found) == 4
    assert "all prompts are of one kind" in found.notes[0]
    with pytest.raises(DataError, match="1 fill 1 of 5 folds"):
        next_pairs(few, 4, acquisition="disagreement")


def test_the_second_opinion_of_a_prompt_knows_no_label_of_it(labels: Labels) -> None:
    second = SecondOpinion(labels)
    one = labels.take([0]).pairs
    mine = np.array(labels.pairs.prompt_groups) == labels.pairs.prompt_groups[0]
    turned = SecondOpinion(replace(labels, logit=np.where(mine, -5.0 * np.sign(labels.logit), labels.logit)))
    assert turned.logit(one) == pytest.approx(second.logit(one), abs=1e-12)
    assert second.logit(one.swapped()).tolist() == (-second.logit(one)).tolist()


def test_a_queue_is_written_to_be_filled_in(labels: Labels, tmp_path: Path) -> None:
    found = next_pairs(labels, 5, acquisition="coreset")
    found.write(tmp_path / "queue.jsonl")
    rows = [json.loads(line) for line in (tmp_path / "queue.jsonl").read_text().splitlines()]
    assert [row["id"] for row in rows] == list(found.ids)
    assert all(row["gold"] is None for row in rows)
    found.write(tmp_path / "queue.csv")
    with (tmp_path / "queue.csv").open(encoding="utf-8", newline="") as file:
        again = list(csv.DictReader(file))
    assert [(row["id"], row["response_b"]) for row in again] == [
        (q.id, q.response_b) for q in found.questions
    ]
    assert {row["gold"] for row in again} == {""}
    with pytest.raises(ConfigError, match=r"written as \.jsonl or \.csv"):
        found.write(tmp_path / "queue.txt")


def test_the_table_shows_every_question_with_its_reason(labels: Labels) -> None:
    found = next_pairs(labels, 4, acquisition="uncertainty")
    assert isinstance(found, NextPairs)
    lines = str(found).splitlines()
    assert lines[0].startswith("4 of ")
    assert [line.split()[0] for line in lines[-4:]] == list(found.ids)
    assert "which is near one half" in str(found)
    assert all(question.prompt[:20] in found.text(full=True) for question in found.questions)


def test_kinds_of_prompts_are_their_words_whatever_the_order() -> None:
    prompts = [f"Write a poem about {x}" for x in ("rivers", "winter poem", "love poem", "cats poem")] * 2
    prompts += [
        f"Solve the equation for {x}" for x in ("speed equation", "mass equation", "time", "force")
    ] * 2
    found = strata(prompts)
    assert found[:8].tolist() == [found[0]] * 8
    assert found[8:].tolist() == [found[8]] * 8
    assert found[0] != found[8]
    order = np.random.default_rng(0).permutation(16)
    assert strata([prompts[i] for i in order]).tolist() == found[order].tolist()


def test_folded_ngrams_keep_dot_products_as_nearly_as_their_width_allows() -> None:
    words = [f"{colour}{n}" for colour in ("red", "green", "blue", "grey") for n in range(4)]
    rng = np.random.default_rng(0)
    texts = [" ".join(rng.choice(words, 12)) for _ in range(60)]
    whole = hashed_text(2**17).transform(texts).astype(np.float64)
    exact = np.asarray((whole @ whole.T).todense())
    folded = ngrams(texts, texts)
    size = np.sqrt(np.diag(exact))
    # Each is off by a number whose standard deviation is |x| |y| / 16, and no more often than such numbers are.
    off = (folded @ folded.T - exact) / np.outer(size, size) * 16
    assert np.abs(off[np.triu_indices(60, 1)]).max() < 4.5


def test_votes_are_directions() -> None:
    assert of_votes(np.array([[0, 1, -1]], dtype=np.int8)).tolist() == [[-1.0, 1.0, 0.0]]
