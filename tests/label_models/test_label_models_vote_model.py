"""What all models of votes alone refuse and take as a number of classes."""

from __future__ import annotations

import re

import numpy as np
import pytest

from weaklabel.errors import ConfigError
from weaklabel.label_models import LABEL_MODELS, get_label_model
from weaklabel.label_models.k_class.vote_model import KClassModel

OF_VOTES = sorted(name for name in LABEL_MODELS if name != "pair_model")


@pytest.mark.parametrize("n_classes", [1, 128, -3, "x", "2", 2.5, 2.0, True, [2], np.True_, float("nan")])
@pytest.mark.parametrize("name", OF_VOTES)
def test_what_is_no_number_of_classes_is_refused(name, n_classes):
    if name == "snorkel":
        pytest.importorskip("snorkel")
    words = f"{name}: n_classes is {re.escape(repr(n_classes))}[.] Allowed: 2 to 127, or None .* Pass a whole number"
    with pytest.raises(ConfigError, match=words):
        get_label_model(name, n_classes=n_classes).fit([[0, 1], [1, 1]])


@pytest.mark.parametrize("name", ["auto", "dawid_skene", "majority_vote", "moments"])
def test_a_number_of_classes_may_be_numpys(name):
    model = get_label_model(name, n_classes=np.int64(3)).fit([[0, 2], [1, 1]])
    assert isinstance(model, KClassModel)
    assert model.predict_proba([[0, 2]]).shape == (1, 3)
