"""A policy's hidden states as an embedding: the mean over the response's tokens, each text alone."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from tiny_models import make_model

torch = pytest.importorskip("torch")
pytest.importorskip("transformers")

from weaklabel.acquisition.embedding import differences, reader_of  # noqa: E402
from weaklabel.errors import ArtifactError  # noqa: E402
from weaklabel.training.hidden_states import HiddenStates  # noqa: E402
from weaklabel.training.models.loading import load_language_model  # noqa: E402
from weaklabel.types import Pair, Pairs  # noqa: E402

pytestmark = pytest.mark.trains


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return make_model(tmp_path_factory.mktemp("policy") / "model", chat=None)


def test_it_is_the_mean_of_the_last_layer_over_the_response(folder: Path) -> None:
    model, tokenizer = load_language_model(folder)
    said = tokenizer("moon tree", add_special_tokens=False)["input_ids"] + [tokenizer.eos_token_id]
    asked = tokenizer("sun\n\n")["input_ids"]
    with torch.inference_mode():
        states = model(input_ids=torch.tensor([asked + said]), output_hidden_states=True).hidden_states[-1][0]
    expected = states[-len(said) :].mean(dim=0).numpy()
    assert HiddenStates(folder)(["sun"], ["moon tree"])[0] == pytest.approx(expected, abs=1e-5)


def test_a_text_has_the_same_row_in_any_company_and_an_empty_one_has_a_row(folder: Path) -> None:
    read = HiddenStates(folder, max_length=32)
    together = read(["sun", "sea", "sun"], ["moon", "", "tree " * 100])
    assert together.shape[0] == 3
    assert np.isfinite(together).all()
    assert (read(["sun"], ["moon"])[0] == together[0]).all()


def test_its_differences_turn_with_the_pair(folder: Path) -> None:
    reader = reader_of(f"policy:{folder}")
    assert reader is not None
    pairs = Pairs.of([Pair("1", "sun", "moon", "tree"), Pair("2", "sea", "fish", "bird")])
    assert (differences(reader, pairs) == -differences(reader, pairs.swapped())).all()
    with pytest.raises(ArtifactError):
        reader_of(f"policy:{folder / 'nowhere'}")
