"""The torch floor on a bare GPU image: it works with everything hidden that such an image does not have."""

from __future__ import annotations

import subprocess
import sys

import pytest

pytest.importorskip("torch")
pytest.importorskip("transformers")

pytestmark = pytest.mark.trains

HIDDEN = ("pandas", "polars", "pydantic", "datasets", "trl", "sklearn", "scipy", "click", "snorkel", "ray")
CODE = f"""
import sys
sys.modules.update(dict.fromkeys({HIDDEN!r}))  # None: importing raises ModuleNotFoundError
import torch, transformers
import weaklabel.training as training
assert all(getattr(training, name) is not None for name in dir(training))
from weaklabel.groups import Comparison
group = training.TokenGroup([1, 2], ([3], [4, 5]), (Comparison(0, 1, .7, 1.),))
config = transformers.LlamaConfig(vocab_size=8, hidden_size=8, intermediate_size=8, num_hidden_layers=1,
                                  num_attention_heads=2, num_labels=1, pad_token_id=0)
model = transformers.AutoModelForSequenceClassification.from_config(config)
name = training.self_test(model, training.choose_layout(model).name, [group]).name
print(name, training.score(model, training.LAYOUTS[name].collate([group], 0)).shape)
"""


def test_a_batch_is_scored_without_pandas_polars_pydantic_datasets_or_trl():
    found = subprocess.run(
        [sys.executable, "-c", CODE], capture_output=True, text=True, timeout=300, check=False
    )
    assert found.stdout.strip() == "shared torch.Size([2])", found.stderr


def test_opening_the_room_does_not_import_torch():
    code = "import sys, weaklabel.training; print('torch' in sys.modules)"
    found = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, timeout=300, check=True
    )
    assert found.stdout.strip() == "False"


def test_an_unknown_name_is_an_attribute_error():
    import weaklabel.training

    with pytest.raises(AttributeError, match="scoer"):
        _ = weaklabel.training.scoer


def test_every_name_of_the_room_opens():
    import weaklabel.training

    assert all(getattr(weaklabel.training, name) is not None for name in dir(weaklabel.training))
