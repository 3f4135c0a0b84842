"""Which layout a model gets, and that the self-test finds a layout that lies."""

from __future__ import annotations

import warnings

import pytest

torch = pytest.importorskip("torch")
transformers = pytest.importorskip("transformers")

from made_groups import PAD, SHAPE, some_groups, tiny_model  # noqa: E402

from weaklabel.errors import ConfigError, UnknownNameError, WeaklabelWarning  # noqa: E402
from weaklabel.training import LAYOUTS, choose_layout, self_test  # noqa: E402
from weaklabel.training.layout import model as pooling  # noqa: E402
from weaklabel.training.layout.architectures import SHARING  # noqa: E402

pytestmark = pytest.mark.trains


@pytest.mark.parametrize(
    ("name", "layout", "reason"),
    [
        ("llama", "shared", "reads a shared prompt once"),
        ("qwen2", "shared", "reads a shared prompt once"),
        ("gpt_neox", "shared", "reads a shared prompt once"),
        ("mistral", "bucketed", "sliding window"),
        ("bert", "bucketed", "an encoder's prompt sees the response"),
    ],
)
def test_the_architecture_decides(name, layout, reason):
    choice = choose_layout(tiny_model(name))
    assert choice.name == layout
    assert reason in choice.reason


def test_an_unknown_decoder_is_bucketed():
    model = tiny_model("llama")
    model.config.model_type = "llama_of_tomorrow"
    assert choose_layout(model).name == "bucketed"


def test_attention_without_an_explicit_mask_is_bucketed():
    model = tiny_model("llama")
    model.config._attn_implementation_internal = "flash_attention_2"
    assert "takes no explicit mask" in choose_layout(model).reason


@pytest.mark.parametrize("layout", ["padded", "bucketed", "shared"])
def test_a_request_is_granted_where_it_can_be(layout):
    assert choose_layout(tiny_model("llama"), layout).name == layout


def test_sharing_is_refused_where_it_would_be_another_model():
    with pytest.raises(ConfigError, match=r"layout 'shared' does not fit: .* Use 'auto' or 'bucketed'"):
        choose_layout(tiny_model("bert"), "shared")


def test_packed_attention_is_refused_without_cuda():
    with pytest.raises(ConfigError, match="packed attention runs on CUDA, the model is on 'cpu'"):
        choose_layout(tiny_model("llama"), "varlen")


def test_packed_attention_is_refused_in_float32():
    with pytest.raises(ConfigError, match="computes in bfloat16 or float16"):
        choose_layout(tiny_model("llama"), "varlen", "cuda")
    assert choose_layout(tiny_model("llama"), "varlen", "cuda", dtype=torch.bfloat16).name == "varlen"


def test_an_unknown_layout_names_the_known_ones():
    with pytest.raises(UnknownNameError, match=r"no layout 'shard'.*Did you mean 'shared'"):
        choose_layout(tiny_model("llama"), "shard")


@pytest.mark.parametrize("name", ["llama", "qwen2", "gpt_neox"])
@pytest.mark.parametrize("layout", ["shared", "varlen"])
def test_the_self_test_passes_what_is_right(name, layout):
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert self_test(tiny_model(name), layout, some_groups(5, 3), pad_id=PAD).name == layout


@pytest.mark.parametrize("model_type", sorted(SHARING))
def test_every_architecture_on_the_list_gives_the_padded_rewards(model_type):
    small = {**SHAPE, "head_dim": 8, "num_key_value_heads": 2, "sliding_window": None}
    small = {"n_embd": 32, "n_layer": 2, "n_head": 4, "num_labels": 1} if model_type == "gpt2" else small
    config = transformers.AutoConfig.for_model(model_type, **small)
    model = transformers.AutoModelForSequenceClassification.from_config(config).eval()
    choice = choose_layout(model)
    assert choice.name == "shared"
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert self_test(model, choice.name, some_groups(3, 3), pad_id=PAD).name == "shared"


def test_the_self_test_finds_a_mask_that_is_not_obeyed(monkeypatch):
    monkeypatch.setattr(pooling, "additive_mask", lambda segments, dtype: None)
    with pytest.warns(WeaklabelWarning, match="layout 'shared' differs from the padded one"):
        choice = self_test(tiny_model("llama"), "shared", some_groups(5, 2), pad_id=PAD)
    assert choice.name == "bucketed"


def test_a_head_of_zeros_hides_nothing(monkeypatch):
    model = tiny_model("llama")
    torch.nn.init.zeros_(model.score.weight)
    monkeypatch.setattr(pooling, "additive_mask", lambda segments, dtype: None)
    with pytest.warns(WeaklabelWarning, match="differs from the padded one"):
        self_test(model, "shared", some_groups(5, 2), pad_id=PAD)


def test_a_layout_that_does_not_run_falls_back_with_the_cause(monkeypatch):
    def refuses(*_):
        raise RuntimeError("no kernel image is available")

    monkeypatch.setattr(pooling, "additive_mask", refuses)
    with pytest.warns(WeaklabelWarning, match="does not run: RuntimeError: no kernel image"):
        choice = self_test(tiny_model("llama"), "shared", some_groups(2, 2), pad_id=PAD)
    assert choice.name == "bucketed"


def test_the_self_test_leaves_the_model_as_it_was():
    model = tiny_model("llama").train()
    self_test(model, "shared", some_groups(2, 2), pad_id=PAD)
    assert model.training
    assert not model.score._forward_pre_hooks
    assert all(p.grad is None for p in model.parameters())


def test_sampler_sizes_are_what_collating_makes():
    groups = some_groups(1, 3)
    for name, layout in LAYOUTS.items():
        (length,), (rows,) = layout.sizes(groups)
        assert layout.collate(groups, PAD)["input_ids"].shape == (rows, length), name
