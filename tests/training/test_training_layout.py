"""Layouts in whatever a model is wrapped in, and in the dtypes it runs in; what all keep stands in tests/contracts."""

from __future__ import annotations

import pytest

torch = pytest.importorskip("torch")
pytest.importorskip("transformers")

from made_groups import PAD, assert_same, rewards_and_gradients, some_groups, tiny_model  # noqa: E402

from weaklabel.errors import ConfigError  # noqa: E402
from weaklabel.training import LAYOUTS, TokenGroup, score  # noqa: E402
from weaklabel.training.layout import kind_of, unwrapped  # noqa: E402

pytestmark = [
    pytest.mark.trains,
    # Transformers 5.23 renames an option that peft 0.21 still asks for by its old name.
    pytest.mark.filterwarnings("ignore:.*gradient_checkpointing.* is deprecated:FutureWarning"),
]


@pytest.mark.parametrize("layout", ["shared", "varlen"])
@pytest.mark.parametrize("responses", [2, 3, 4])
def test_lora_adapters_get_the_same_gradients(layout, responses):
    peft = pytest.importorskip("peft")
    # At the usual strength drawn adapters carry rounding close to what is allowed, so they are weak, and seeded.
    settings = peft.LoraConfig(
        task_type="SEQ_CLS", r=4, lora_alpha=1, target_modules=["q_proj", "v_proj"], init_lora_weights=False
    )
    base = tiny_model("llama")
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        model = peft.get_peft_model(base, settings).eval()
    assert unwrapped(model).config.model_type == "llama"
    assert_same(model, layout, some_groups(5, responses))


@pytest.mark.parametrize("layout", ["shared", "varlen"])
def test_activation_checkpointing_changes_nothing(layout):
    model, groups = tiny_model("llama"), some_groups(4, 3)
    plain = rewards_and_gradients(model, "padded", groups)
    model.gradient_checkpointing_enable()
    model.train()  # layers are recomputed in training mode alone; a Llama has no dropout
    seen = []
    model.model.layers[0].mlp.register_forward_pre_hook(lambda *_: seen.append(1))
    rewards, gradients = rewards_and_gradients(model, layout, groups)
    assert len(seen) == 2
    assert (rewards - plain[0]).abs().max() <= 1e-6
    assert (gradients - plain[1]).norm() <= 1e-5 * plain[1].norm()


def test_eager_attention_takes_the_same_mask():
    model = tiny_model("llama")
    model.set_attn_implementation("eager")
    assert_same(model, "shared", some_groups(4, 3))


def test_without_the_mask_restarting_positions_cut_responses_off_their_prompt():
    model, groups = tiny_model("llama"), some_groups(3, 2)
    batch = LAYOUTS["shared"].collate(groups, PAD)
    right = score(model, batch)
    hidden = model.model(batch["input_ids"], position_ids=batch["position_ids"], use_cache=False)[0]
    wrong = model.score(hidden.flatten(0, 1)[batch["pool"]])[:, 0]
    assert (wrong - right).abs().max() > 0.01


def test_an_end_token_that_is_also_the_padding_token_is_still_pooled():
    group = TokenGroup([5, 6], ([7, PAD], [8, 9, 10, PAD]), ())
    model = tiny_model("llama")
    rewards = score(model, LAYOUTS["padded"].collate([group], PAD))
    hidden = model.model(torch.tensor([[5, 6, 7, PAD]]))[0][0, -1]
    assert float(rewards[0].detach()) == pytest.approx(float(model.score(hidden).detach()), abs=1e-6)


def test_a_batch_padded_on_the_left_gives_the_same_rewards():
    model, groups = tiny_model("llama"), some_groups(3, 2)
    batch = LAYOUTS["padded"].collate(groups, PAD)
    width = batch["input_ids"].shape[1]
    shifts = width - batch["attention_mask"].sum(1)
    left = dict(batch)
    for name in ("input_ids", "attention_mask"):
        rows = zip(batch[name], shifts.tolist(), strict=True)
        left[name] = torch.stack([row.roll(shift) for row, shift in rows])
    left["pool"] = batch["pool"] + shifts
    assert (left["pool"] % width == width - 1).all()
    assert (score(model, left) - score(model, batch)).abs().max() <= 1e-5


@pytest.mark.parametrize("name", ["bert", "roberta"])
def test_encoders_score_what_their_own_forward_scores(name):
    model, groups = tiny_model(name), some_groups(3, 2)
    rewards = score(model, LAYOUTS["bucketed"].collate(groups, PAD))
    for at, group in enumerate(groups):
        for k, response in enumerate(group.responses):
            ids = torch.tensor([group.prompt + response])
            inputs = {"input_ids": ids, "attention_mask": torch.ones_like(ids)}
            if name == "bert":
                inputs["token_type_ids"] = torch.tensor([[0] * len(group.prompt) + [1] * len(response)])
            assert float(rewards[2 * at + k].detach()) == pytest.approx(
                float(model(**inputs).logits.detach()), abs=1e-5
            )


@pytest.mark.parametrize("layout", ["shared", "varlen"])
def test_encoders_never_share(layout):
    with pytest.raises(ConfigError, match="an encoder's prompt sees the response"):
        score(tiny_model("bert"), LAYOUTS[layout].collate(some_groups(2, 2), PAD))


def test_the_models_own_forward_still_works():
    model, groups = tiny_model("llama"), some_groups(2, 2)
    ids = LAYOUTS["padded"].collate(groups, PAD)["input_ids"]
    before = model(input_ids=ids).logits
    score(model, LAYOUTS["varlen"].collate(groups, PAD))
    assert (model(input_ids=ids).logits - before).abs().max() <= 1e-6


@pytest.mark.parametrize("layout", ["shared", "varlen"])
def test_rewards_are_float32_and_not_rounded_under_autocast(layout):
    model, groups = tiny_model("llama"), some_groups(8, 2)
    exact = score(model, LAYOUTS["padded"].collate(groups, PAD))
    with torch.autocast("cpu", torch.bfloat16):
        rewards = score(model, LAYOUTS[layout].collate(groups, PAD))
    assert rewards.dtype == torch.float32
    assert (rewards != rewards.bfloat16().float()).any()
    assert (rewards - exact).abs().max() < 0.1


def test_a_model_in_bfloat16_takes_the_mask_in_bfloat16():
    model, groups = tiny_model("llama").bfloat16(), some_groups(3, 2)
    padded, shared = (score(model, LAYOUTS[name].collate(groups, PAD)) for name in ("padded", "shared"))
    assert shared.dtype == torch.float32
    assert (shared - padded).abs().max() < 0.1


@pytest.mark.parametrize(("name", "kind"), [("llama", "decoder"), ("gpt2", "decoder"), ("bert", "encoder")])
def test_the_kind_of_a_model(name, kind):
    assert kind_of(tiny_model(name)) == kind


def test_a_model_with_two_labels_is_no_reward_model():
    model = tiny_model("llama")
    model.config.num_labels = 2
    with pytest.raises(ConfigError, match="has 2 labels"):
        kind_of(model)


def test_a_compiled_model_is_looked_through():
    model = tiny_model("llama")
    assert unwrapped(torch.compile(model, backend="eager")) is model


def test_a_model_inside_ddp_gets_the_same_gradients(tmp_path, monkeypatch):
    monkeypatch.setenv("GLOO_SOCKET_IFNAME", "lo")  # no look-up of this machine's name
    dist = torch.distributed
    dist.init_process_group("gloo", init_method=f"file://{tmp_path}/rendezvous", rank=0, world_size=1)
    try:
        model, groups = tiny_model("llama"), some_groups(4, 2)
        expected = rewards_and_gradients(model, "padded", groups)
        wrapped = torch.nn.parallel.DistributedDataParallel(model)
        rewards, gradients = rewards_and_gradients(wrapped, "shared", groups)
    finally:
        dist.destroy_process_group()
    assert (rewards - expected[0]).abs().max() <= 1e-6
    assert (gradients - expected[1]).norm() <= 1e-5 * expected[1].norm()
