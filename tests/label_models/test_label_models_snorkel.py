"""The adapter says what Snorkel says, leaves no trace in global state, and predicts without Snorkel."""

from __future__ import annotations

import builtins
import json
import random

import numpy as np
import pytest
from synthetic import draw_classes, draw_votes

from weaklabel.errors import ConfigError, LabelMatrixError, MissingExtraError
from weaklabel.label_models.k_class.snorkel import SnorkelLabelModel, _import_label_model
from weaklabel.types import sigmoid

pytestmark = pytest.mark.trains
L, TRUTH = draw_votes(600, [0.8, 0.7, 0.65, 0.6], [0.9, 0.7, 0.8, 0.5])


@pytest.fixture(scope="module")
def fitted() -> SnorkelLabelModel:
    pytest.importorskip("snorkel")
    return SnorkelLabelModel().fit(L)


def test_probabilities_are_those_of_snorkel_itself(fitted):
    theirs = _import_label_model()(cardinality=2, verbose=False)
    settings = {"n_epochs": 100, "seed": 123, "l2": 0.6, "optimizer": "adam"}
    theirs.fit(L.astype(int), class_balance=[0.5, 0.5], progress_bar=False, **settings)
    assert fitted.predict_proba(L) == pytest.approx(theirs.predict_proba(L.astype(int)), abs=1e-5)


def test_probabilities_of_classes_are_those_of_snorkel_itself():
    pytest.importorskip("snorkel")
    votes, _ = draw_classes(500, [0.8, 0.7, 0.65, 0.6], 0.7, k=3)
    theirs = _import_label_model()(cardinality=3, verbose=False)
    settings = {"n_epochs": 100, "seed": 123, "l2": 0.6, "optimizer": "adam"}
    theirs.fit(votes.astype(int), class_balance=[1 / 3] * 3, progress_bar=False, **settings)
    ours = SnorkelLabelModel(n_classes=3).fit(votes).predict_proba(votes)
    assert ours == pytest.approx(theirs.predict_proba(votes.astype(int)), abs=1e-5)


def test_global_random_states_go_on_as_if_nothing_had_happened(fitted):
    import torch

    def draws() -> tuple[float, float, float]:
        return random.random(), float(np.random.rand()), float(torch.rand(1))  # noqa: NPY002

    random.seed(5), np.random.seed(5), torch.manual_seed(5)  # noqa: NPY002
    expected = draws()
    random.seed(5), np.random.seed(5), torch.manual_seed(5)  # noqa: NPY002
    SnorkelLabelModel(n_epochs=2).fit(L)
    assert draws() == expected


def test_the_seed_decides_the_fit(fitted):
    assert SnorkelLabelModel().fit(L).to_dict() == fitted.to_dict()


def test_a_saved_model_predicts_without_snorkel(fitted, monkeypatch):
    state = json.loads(json.dumps(fitted.to_dict()))
    monkeypatch.setattr(builtins, "__import__", _without_snorkel(builtins.__import__))
    again = SnorkelLabelModel.from_dict(state)
    assert (again.predict_logit(L) == fitted.predict_logit(L)).all()


def test_a_silent_function_changes_nothing(fitted):
    wider = np.insert(L, 2, -1, axis=1)
    model = SnorkelLabelModel().fit(wider)
    assert model.predict_logit(wider) == pytest.approx(fitted.predict_logit(L))
    assert (model.contributions(np.ones((1, 5)))[0, 2]) == 0


def test_each_vote_has_its_weight_in_log_odds(fitted):
    one = np.array([[1, -1, -1, -1]])
    p = sigmoid(fitted.contributions(one)[0, 0])
    assert p == pytest.approx(fitted.predict_proba(one)[0, 1])
    assert p > 0.6


def test_settings_reach_snorkel(fitted):
    assert SnorkelLabelModel(l2=0.0).fit(L).to_dict() != fitted.to_dict()


def test_fewer_than_three_functions_are_refused_with_the_way_out():
    with pytest.raises(LabelMatrixError, match=r"2 of 3 labeling functions vote.*'dawid_skene'"):
        SnorkelLabelModel().fit(np.column_stack([L[:, :2], np.full(len(L), -1)]))


def test_an_unknown_optimiser_is_refused():
    with pytest.raises(ConfigError, match=r"optimizer is 'lion'. Allowed: 'adam'"):
        SnorkelLabelModel(optimizer="lion").fit(L)


def test_without_snorkel_the_error_names_the_extra(monkeypatch):
    monkeypatch.setattr(builtins, "__import__", _without_snorkel(builtins.__import__))
    with pytest.raises(MissingExtraError, match=r"pip install 'weaklabel\[snorkel\]'"):
        SnorkelLabelModel().fit(L)


def _without_snorkel(real):
    def fake(name, *args, **kwargs):
        if name.split(".")[0] == "snorkel":
            raise ImportError(name)
        return real(name, *args, **kwargs)

    return fake
