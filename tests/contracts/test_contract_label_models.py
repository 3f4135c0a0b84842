"""Every registered label model keeps the contract, and the checks catch models that break it."""

from __future__ import annotations

import numpy as np
import pytest
from threadpoolctl import threadpool_limits

from weaklabel.errors import ConfigError, UnknownNameError
from weaklabel.label_models import LABEL_MODELS, get_label_model
from weaklabel.label_models.checks import LABEL_MODEL_CHECKS, check_label_model
from weaklabel.label_models.k_class.majority_vote import MajorityVote

pytestmark = pytest.mark.same_everywhere

OF_PAIRS_ALONE = {"pair_model"}
made = [
    pytest.param(name, k, marks=pytest.mark.trains if name == "snorkel" else (), id=f"{name}-{k or 'pairs'}")
    for name in sorted(LABEL_MODELS)
    for k in (None, 2, 4)
    if k is None or name not in OF_PAIRS_ALONE
]


@pytest.mark.parametrize("check", LABEL_MODEL_CHECKS, ids=lambda check: check.__name__)
@pytest.mark.parametrize(("name", "k"), made)
def test_model_keeps_its_contract(name, k, check):
    if name == "snorkel":
        pytest.importorskip("snorkel")
    check(lambda: get_label_model(name, **({} if k is None else {"n_classes": k})))


@pytest.mark.parametrize("name", ["auto", "pair_model"])
def test_a_model_of_matrix_products_keeps_its_contract_with_two_threads_of_blas(name):
    with threadpool_limits(2, user_api="blas"):
        check_label_model(lambda: get_label_model(name))


class LooksAtThePosition(MajorityVote):
    def predict_logit(self, L, **given):
        return super().predict_logit(L) + 0.1 * (np.asarray(L) != -1).any(axis=1)


class SpeaksWithoutVotes(MajorityVote):
    def predict_logit(self, L, **given):
        return np.where((np.asarray(L) == -1).all(axis=1), 0.2, super().predict_logit(L))


class WorksInTheConstructor(MajorityVote):
    def __init__(self):
        self.n_lfs_ = 3


class AnswersUnfitted(MajorityVote):
    def predict_logit(self, L, **given):
        return np.zeros(len(L))


class WritesIntoItsInput(MajorityVote):
    def fit(self, L, **given):
        L[L == -1] = 0
        return super().fit(L)


class LooksAtTheBatch(MajorityVote):
    def predict_logit(self, L, **given):
        logit = super().predict_logit(L)
        return logit * (1 + 1e-6 * len(logit))


class RoundsByTheBlock(MajorityVote):
    def predict_logit(self, L, **given):
        logit = super().predict_logit(L)
        return np.float64(np.float32(logit)) if len(logit) > 5000 else logit


class CountsShardsNotRows(MajorityVote):
    def count(self, L):
        return {"cast": np.ones(np.shape(L)[1], dtype=np.int64)}


class PrefersTheMinority(MajorityVote):
    def predict_logit(self, L, **given):
        return -super().predict_logit(L)


class ForgetsOnSaving(MajorityVote):
    scale = 1.0

    def fit(self, L, **given):
        self.scale = 2.0
        return super().fit(L)

    def predict_logit(self, L, **given):
        return self.scale * super().predict_logit(L)


class LosesARow(MajorityVote):
    def predict_logit(self, L, **given):
        return super().predict_logit(L)[1:]


class ForgetsWhatItHad(MajorityVote):
    def _add(self, counts):
        self.counts_ = counts
        self._solve()
        return self


class KeepsTheOthersRows(MajorityVote):
    def merge(self, other):
        other._add(self.counts_)
        return self._add(other.counts_)


class LikesTheFirstClass(MajorityVote):
    def __init__(self):
        super().__init__(n_classes=3)

    def log_scores(self, votes):
        return super().log_scores(votes) + 0.1 * (votes == 0).any(axis=1)[:, None] * np.arange(3)


class GivesClassesALogit(MajorityVote):
    def __init__(self):
        super().__init__(n_classes=3)

    def _refuse_logit_of_classes(self):
        pass


@pytest.mark.parametrize(
    ("broken", "words"),
    [
        (LooksAtThePosition, "is declared antisymmetric"),
        (SpeaksWithoutVotes, "where every LF abstains"),
        (WorksInTheConstructor, "before fit"),
        (AnswersUnfitted, "accepts predict_logit before fit, expected NotFittedError"),
        (WritesIntoItsInput, "."),
        (LooksAtTheBatch, "other bits alone"),
        (RoundsByTheBlock, "other bits in one piece of"),
        (CountsShardsNotRows, "from 1 shards"),
        (PrefersTheMinority, "majority vote on"),
        (ForgetsOnSaving, "other bits after to_dict"),
        (LosesARow, r"logits of shape \(399,\) for 400 rows"),
        (ForgetsWhatItHad, "from the same rows in parts"),
        (KeepsTheOthersRows, "when parts are merged"),
        (LikesTheFirstClass, "when classes change their numbers"),
        (GivesClassesALogit, "accepts predict_logit of classes, expected ConfigError"),
    ],
)
def test_a_broken_model_is_caught(broken, words):
    with pytest.raises((AssertionError, ValueError), match=words):
        check_label_model(broken)


def test_an_unknown_model_is_named_with_a_guess():
    with pytest.raises(UnknownNameError, match=r"no label model 'dawidskene'.*Did you mean 'dawid_skene'"):
        get_label_model("dawidskene")


def test_an_unknown_setting_is_refused_with_those_there_are():
    with pytest.raises(
        ConfigError, match=r"'dawid_skene' has no setting 'l2'. Known: n_classes, max_iter, tol"
    ):
        get_label_model("dawid_skene", l2=0.5)


def test_a_setting_reaches_its_model():
    assert get_label_model("dawid_skene", max_iter=7).max_iter == 7
