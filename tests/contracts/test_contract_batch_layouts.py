"""What every registered layout keeps: the padded rewards and gradients, its own sizes, the comparisons' places."""

from __future__ import annotations

import pytest

torch = pytest.importorskip("torch")
pytest.importorskip("transformers")

from made_groups import PAD, assert_same, some_groups, tiny_model  # noqa: E402

from weaklabel.training import LAYOUTS, TokenGroup, score  # noqa: E402

pytestmark = pytest.mark.trains
every = pytest.mark.parametrize("layout", sorted(LAYOUTS))

DECODERS = ("llama", "qwen2", "gpt_neox", "gpt2")


@every
@pytest.mark.parametrize("responses", [2, 3, 4])
@pytest.mark.parametrize("name", DECODERS)
def test_rewards_and_gradients_equal_the_padded_ones(name: str, responses: int, layout: str) -> None:
    assert_same(tiny_model(name), layout, some_groups(6, responses, seed=responses))


@every
def test_groups_of_different_sizes_meet_in_one_batch(layout: str) -> None:
    groups = [*some_groups(2, 2), *some_groups(2, 4), TokenGroup([5], ([6], [7]), ())]
    assert_same(tiny_model("llama"), layout, groups)


@every
def test_rewards_stand_in_order_of_groups_then_responses(layout: str) -> None:
    model, groups = tiny_model("llama"), some_groups(3, 3)
    rewards = score(model, LAYOUTS[layout].collate(groups, PAD)).tolist()
    for at, group in enumerate(groups):
        for k, response in enumerate(group.responses):
            hidden = model.model(torch.tensor([group.prompt + response]))[0][0, -1]
            assert rewards[3 * at + k] == pytest.approx(float(model.score(hidden).detach()), abs=1e-6)


@every
def test_a_group_has_the_same_rewards_in_any_company(layout: str) -> None:
    model, groups = tiny_model("llama"), some_groups(5, 2)
    together = score(model, LAYOUTS[layout].collate(groups, PAD)).tolist()
    alone = [r for group in groups for r in score(model, LAYOUTS[layout].collate([group], PAD)).tolist()]
    assert together == pytest.approx(alone, abs=1e-6)


@every
def test_what_fills_rows_up_is_never_read(layout: str) -> None:
    model, groups = tiny_model("llama"), some_groups(5, 3)
    rewards = [score(model, LAYOUTS[layout].collate(groups, pad)).tolist() for pad in (PAD, 7)]
    assert rewards[0] == pytest.approx(rewards[1], abs=1e-6)


@every
def test_comparisons_point_into_the_flat_rewards(layout: str) -> None:
    groups = [*some_groups(1, 3), *some_groups(1, 2)]
    batch = LAYOUTS[layout].collate(groups, PAD)
    assert (batch["i"].tolist(), batch["j"].tolist()) == ([0, 0, 1, 3], [1, 2, 2, 4])
    assert [batch[name].dtype for name in "ijpw"] == [torch.int64] * 2 + [torch.float32] * 2
    told = [(c.p, c.w) for group in groups for c in group.comparisons]
    assert batch["p"].tolist() == pytest.approx([p for p, _ in told])
    assert batch["w"].tolist() == pytest.approx([w for _, w in told])


@every
def test_a_group_costs_what_its_sizes_say(layout: str) -> None:
    groups = [*some_groups(4, 2), *some_groups(2, 4, seed=3)]
    lengths, rows = LAYOUTS[layout].sizes(groups)
    cost = [LAYOUTS[layout].collate([group], PAD)["input_ids"].numel() for group in groups]
    assert (lengths * rows).tolist() == cost


@every
def test_a_name_is_the_one_it_is_registered_by(layout: str) -> None:
    assert LAYOUTS[layout].name == layout
