"""An expert that is asked with care: nothing is asked twice, and no budget is passed."""

from __future__ import annotations

import json
import threading
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pytest
from made_pairs import made_pairs

from weaklabel.artifacts.growing import GrowingFile
from weaklabel.comparers.checks import check_comparer
from weaklabel.comparers.metered import Metered
from weaklabel.errors import ArtifactError, BudgetError, ConfigError, DataError, LabelMatrixError
from weaklabel.ledger import Budget, Cost, Ledger
from weaklabel.types import Comparer, FloatArray, Pairs


class Longer(Comparer):
    """Prefers the longer response, and remembers what it was asked."""

    def __init__(self) -> None:
        self.asked: list[int] = []

    def compare(self, pairs: Pairs) -> FloatArray:
        self.asked.append(len(pairs))
        return np.array([0.9 if len(p.response_b) > len(p.response_a) else 0.1 for p in pairs])


class Length:
    def __init__(self) -> None:
        self.asked: list[str] = []

    def score(self, prompts: Sequence[str], responses: Sequence[str]) -> FloatArray:
        self.asked += responses
        return np.array([float(len(response)) for response in responses])


def pairs_of(n: int, prefix: str = "p") -> Pairs:
    texts = [("x" * (i % 7 + 1), f"y{i}") for i in range(n)]
    return made_pairs(texts, prefix=prefix, prompts=[f"prompt {i}" for i in range(n)])


def test_it_keeps_the_contract() -> None:
    check_comparer(Metered(Longer(), name="longer"), pairs_of(12))


def test_what_was_asked_costs_nothing_again_whatever_its_id_and_order() -> None:
    inner = Longer()
    metered = Metered(inner, name="longer")
    first = metered.compare(pairs_of(10))
    assert (metered.compare(pairs_of(10, "other").swapped()) == 1 - first).all()
    assert inner.asked == [10]
    assert metered.ledger.spent == Cost(pairs=10)
    found = metered.spending()
    assert (found.pairs, found.pairs_kept) == (20, 10)


def test_a_pair_that_stands_twice_is_asked_once_and_equal_responses_never() -> None:
    inner = Longer()
    pairs = made_pairs([("a", "bb"), ("bb", "a"), ("a", "bb"), ("same", "same")], prompts=["q"] * 4)
    assert Metered(inner, name="longer").compare(pairs).tolist() == pytest.approx([0.9, 0.1, 0.9, 0.5])
    assert inner.asked == [1]


def test_the_answers_are_those_of_the_expert() -> None:
    pairs = pairs_of(40)
    assert Metered(Longer(), name="longer").compare(pairs) == pytest.approx(
        Longer().compare(pairs), abs=1e-15
    )


def test_a_budget_that_does_not_hold_what_is_missing_asks_nothing() -> None:
    inner = Longer()
    metered = Metered(inner, name="longer", budget=Budget(pairs=8))
    metered.compare(pairs_of(5))
    with pytest.raises(BudgetError, match=r"'longer' would have to be asked 5 times, .* 3 of 8 pairs left"):
        metered.compare(pairs_of(10))
    assert inner.asked == [5]
    assert metered.missing(pairs_of(10)) == 5
    metered.compare(pairs_of(8))  # three more: exactly what is left
    assert metered.ledger.spent == Cost(pairs=8)


@pytest.mark.parametrize(
    ("price", "budget", "left"),
    [(Cost(calls=2), Budget(calls=9), "9 of 9 calls"), (Cost(money=0.25), Budget(money=1.0), "1 of 1 money")],
)
def test_budgets_hold_in_every_unit(price: Cost, budget: Budget, left: str) -> None:
    with pytest.raises(BudgetError, match=left):
        Metered(Longer(), name="longer", price=price, budget=budget).compare(pairs_of(5))


def test_four_threads_never_pass_a_budget_and_pay_nothing_twice() -> None:
    ledger, asked, refused = Ledger(Budget(pairs=60)), [], []
    experts = [Metered(Longer(), name=f"expert {k}", ledger=ledger) for k in range(2)]
    barrier = threading.Barrier(4)

    def work(k: int) -> None:
        barrier.wait()
        for start in range(0, 60, 5):
            try:
                asked.append(len(experts[k % 2].compare(pairs_of(60).take(np.arange(start, start + 5)))))
            except BudgetError:
                refused.append(start)

    threads = [threading.Thread(target=work, args=(k,)) for k in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    paid = sum(sum(metered.expert.asked) for metered in experts)  # type: ignore[union-attr]
    assert ledger.spent.pairs == paid == 60
    assert ledger.under_way == Cost()
    assert refused


def test_answers_and_what_they_cost_outlive_the_process(tmp_path: Path) -> None:
    first = Metered(Longer(), name="longer", folder=tmp_path, budget=Budget(pairs=12)).compare(pairs_of(10))
    inner = Longer()
    again = Metered(inner, name="longer", folder=tmp_path, budget=Budget(pairs=12))
    assert again.ledger.spent == Cost(pairs=10)
    assert (again.compare(pairs_of(10)) == first).all()
    assert inner.asked == []
    with pytest.raises(BudgetError):
        again.compare(pairs_of(20))


def test_a_torn_last_line_is_asked_again(tmp_path: Path) -> None:
    Metered(Longer(), name="longer", folder=tmp_path).compare(pairs_of(3))
    (file,) = tmp_path.iterdir()
    file.write_bytes(file.read_bytes()[:-9])
    inner = Longer()
    Metered(inner, name="longer", folder=tmp_path).compare(pairs_of(3))
    assert inner.asked == [1]
    lines = [json.loads(line) for line in file.read_bytes().splitlines() if line.endswith(b"}")]
    assert len({line["key"] for line in lines}) == 3


def test_another_identity_is_another_expert(tmp_path: Path) -> None:
    for identity in ("prompt 1", "prompt 2"):
        inner = Longer()
        Metered(inner, name="longer", identity=identity, folder=tmp_path).compare(pairs_of(2))
        assert inner.asked == [2]


def test_an_expert_that_fails_has_spent_nothing() -> None:
    class Fails(Comparer):
        def compare(self, pairs: Pairs) -> FloatArray:
            raise OSError("no line")

    metered = Metered(Fails(), name="fails", budget=Budget(pairs=5))
    with pytest.raises(OSError, match="no line"):
        metered.compare(pairs_of(5))
    assert metered.ledger.spent == metered.ledger.under_way == Cost()


def test_what_cannot_be_kept_is_paid_for_and_said(tmp_path: Path) -> None:
    metered = Metered(Longer(), name="longer", folder=tmp_path / "kept")
    (tmp_path / "kept").write_text("a file where the folder should be")
    with pytest.raises(ArtifactError, match="answers cannot be kept"):
        metered.compare(pairs_of(3))
    assert metered.ledger.spent == Cost()  # found out before anything was paid


def test_single_responses_are_scored_once_and_counted_in_their_own_unit() -> None:
    inner = Length()
    metered = Metered(inner, name="length", budget=Budget(responses=3))
    assert metered.score(["q", "q", "q"], ["a", "bbb", "a"]).tolist() == [1, 3, 1]
    assert inner.asked == ["a", "bbb"]
    assert metered.ledger.spent == Cost(responses=2)
    with pytest.raises(BudgetError, match="1 of 3 responses left"):
        metered.score(["q", "q"], ["c", "dd"])


def test_columns_that_the_expert_reads_are_part_of_the_question() -> None:
    inner = Longer()
    metered = Metered(inner, name="longer", columns=["ref_a", "ref_b"])
    for value in (1, 2):
        columns = {"ref_a": [value], "ref_b": [0]}
        pairs = made_pairs([("a", "bb")], columns=columns)
        metered.compare(pairs)
        metered.compare(pairs.swapped())
    assert inner.asked == [1, 1]


def test_what_is_no_expert_is_refused() -> None:
    with pytest.raises(ConfigError, match="neither compare"):
        Metered(object(), name="nothing")  # type: ignore[arg-type]
    with pytest.raises(ConfigError, match="scores single responses and compares no pairs"):
        Metered(Length(), name="length").compare(pairs_of(1))
    with pytest.raises(ConfigError, match="compares pairs and scores no single responses"):
        Metered(Longer(), name="longer").score(["q"], ["a"])
    with pytest.raises(ConfigError, match="budget and ledger"):
        Metered(Longer(), name="longer", budget=Budget(), ledger=Ledger())

    class Wrong:
        def score(self, prompts: Sequence[str], responses: Sequence[str]) -> FloatArray:
            return np.array([np.nan] * len(responses))

    with pytest.raises(LabelMatrixError, match="not finite"):
        Metered(Wrong(), name="wrong").score(["q"], ["a"])


@pytest.mark.parametrize(
    "edit",
    [
        {"answer": 7},
        {"answer": "0.5"},
        {"answer": True},
        {"answer": 10**400},
        {"answer": None},
        {"answr": 1},
        {"cost": {"pairs": -100}},
        {"cost": {"pairs": "1"}},
        {"cost": {"money": None}},
        {"cost": {"euros": 1}},
        {"of": "triple"},
    ],
)
def test_an_answer_that_was_edited_into_nonsense_is_one_line(tmp_path: Path, edit: dict[str, object]) -> None:
    Metered(Longer(), name="longer", folder=tmp_path).compare(pairs_of(3))
    (file,) = tmp_path.iterdir()
    first, *rest = [json.loads(line) for line in file.read_text().splitlines()]
    if "answr" in edit:
        del first["answer"]
    file.write_text("".join(json.dumps(line) + "\n" for line in (first | edit, *rest)))
    with pytest.raises(ArtifactError, match="is not an answer that was kept there") as found:
        Metered(Longer(), name="longer", folder=tmp_path)
    assert "\n" not in str(found.value)


def test_a_score_may_be_any_number(tmp_path: Path) -> None:
    Metered(Length(), name="length", folder=tmp_path).score(["q"], ["four"])
    assert Metered(Length(), name="length", folder=tmp_path).score(["q"], ["four"]).tolist() == [4]


def test_an_expert_whose_answers_are_of_no_use_is_paid_and_the_budget_holds() -> None:
    class Odd(Longer):
        def compare(self, pairs: Pairs) -> FloatArray:
            return super().compare(pairs) * np.nan

    metered = Metered(inner := Odd(), name="odd", budget=Budget(pairs=3))
    with pytest.raises(LabelMatrixError, match=r"outside \[0, 1\]"):
        metered.compare(pairs_of(3))
    with pytest.raises(BudgetError):
        metered.compare(pairs_of(3))
    assert inner.asked == [3]


def test_a_full_disk_loses_no_answer_and_pays_none_twice(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    metered = Metered(inner := Longer(), name="longer", folder=tmp_path)
    real = GrowingFile.append

    def full(self: GrowingFile, record: dict[str, object]) -> bytes:
        raise ArtifactError("the disk is full")

    monkeypatch.setattr(GrowingFile, "append", full)
    with pytest.raises(ArtifactError, match="the disk is full"):
        metered.compare(pairs_of(3))
    monkeypatch.setattr(GrowingFile, "append", real)
    metered.compare(pairs_of(4))
    assert inner.asked == [3, 1]
    assert metered.ledger.spent == Cost(pairs=4)
    again = Metered(other := Longer(), name="longer", folder=tmp_path)
    again.compare(pairs_of(4))
    assert other.asked == []
    assert again.ledger.spent == Cost(pairs=4)


def test_what_is_metered_is_not_metered_again() -> None:
    with pytest.raises(ConfigError, match="is metered already"):
        Metered(Metered(Longer(), name="a"), name="b")
    with pytest.raises(ConfigError, match="columns is 'topic'"):
        Metered(Longer(), name="a", columns="topic")
    with pytest.raises(LabelMatrixError, match="2 prompts and 1 responses"):
        Metered(Length(), name="length").score(["q", "q"], ["a"])


def test_columns_count_by_their_name_and_may_be_of_two_kinds(tmp_path: Path) -> None:
    inner = Longer()
    columns = {"topic": ["x", "x"], "lang": ["x", "x"], "rm_a": [1, 2], "rm_b": [1.5, 2.5]}
    pairs = made_pairs([("a", "bb"), ("bb", "a")], columns=columns)
    for read in (["topic"], ["lang"], ["topic"]):
        Metered(inner, name="longer", columns=read, folder=tmp_path).compare(pairs)
    assert inner.asked == [2, 2]
    for name in ("nope", "gold"):
        with pytest.raises(DataError, match=name):
            Metered(inner, name="longer", columns=[name]).compare(pairs)


def test_a_last_line_whose_end_an_editor_took_off_is_an_answer(tmp_path: Path) -> None:
    Metered(Longer(), name="longer", folder=tmp_path).compare(pairs_of(3))
    (file,) = tmp_path.iterdir()
    file.write_bytes(file.read_bytes().rstrip(b"\n"))
    inner = Longer()
    Metered(inner, name="longer", folder=tmp_path).compare(pairs_of(4))
    assert inner.asked == [1]
