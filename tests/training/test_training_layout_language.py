"""Log-probabilities of responses are those of the model's own logits, whatever the model, the layout and the chunk."""

from __future__ import annotations

import copy
import inspect
from typing import Any

import pytest

torch = pytest.importorskip("torch")
transformers = pytest.importorskip("transformers")

from weaklabel.errors import ConfigError  # noqa: E402
from weaklabel.training.layout import LAYOUTS, language  # noqa: E402
from weaklabel.training.layout.language import predictions, token_logps  # noqa: E402
from weaklabel.training.tokens import TokenGroup  # noqa: E402

pytestmark = pytest.mark.trains

VOCABULARY = 40
SMALL = {
    "vocab_size": VOCABULARY,
    "hidden_size": 16,
    "intermediate_size": 24,
    "num_hidden_layers": 2,
    "num_attention_heads": 2,
    "num_key_value_heads": 2,
    "max_position_embeddings": 64,
    "pad_token_id": 0,
}
MODELS = {
    "llama": lambda: transformers.LlamaForCausalLM(transformers.LlamaConfig(**SMALL)),
    "qwen2": lambda: transformers.Qwen2ForCausalLM(transformers.Qwen2Config(**SMALL)),
    "gpt_neox": lambda: transformers.GPTNeoXForCausalLM(
        transformers.GPTNeoXConfig(**{k: v for k, v in SMALL.items() if k != "num_key_value_heads"})
    ),
    "gpt2": lambda: transformers.GPT2LMHeadModel(
        transformers.GPT2Config(vocab_size=VOCABULARY, n_embd=16, n_layer=2, n_head=2, n_positions=64)
    ),
    "gemma2": lambda: transformers.Gemma2ForCausalLM(
        transformers.Gemma2Config(**SMALL, head_dim=8, final_logit_softcapping=5.0)
    ),
    "granite": lambda: transformers.GraniteForCausalLM(
        transformers.GraniteConfig(**SMALL, logits_scaling=3.0)
    ),
    "cohere": lambda: transformers.CohereForCausalLM(transformers.CohereConfig(**SMALL, logit_scale=0.5)),
}


def made(name: str) -> Any:
    with torch.random.fork_rng():
        torch.manual_seed(3)
        model = MODELS[name]().eval()
        for parameter in model.parameters():  # far from even, so that a wrong place shows
            torch.nn.init.normal_(parameter, std=0.4)
    return model


def groups_of(responses: int) -> list[TokenGroup]:
    generator = torch.Generator().manual_seed(1)

    def ids(n: int) -> list[int]:
        return torch.randint(1, VOCABULARY, (n,), generator=generator).tolist()

    return [TokenGroup(ids(n), tuple(ids(k + n) for k in range(1, responses + 1)), ()) for n in (3, 1, 6)]


def laid_out(groups: list[TokenGroup], name: str) -> dict[str, Any]:
    batch = LAYOUTS[name].collate(groups, 0)
    return batch | predictions(groups, batch, joined=name in ("shared", "varlen"))


def expected(model: Any, groups: list[TokenGroup]) -> Any:
    """One row at a time, from the model's own logits."""
    found = []
    for group in groups:
        for response in group.responses:
            ids = torch.tensor([group.prompt + response])
            logps = model(ids).logits.float().log_softmax(-1)[0]
            n = len(group.prompt)
            found += [logps[n - 1 + t, token] for t, token in enumerate(response)]
    return torch.stack(found)


@pytest.mark.parametrize("name", sorted(MODELS))
def test_they_are_those_of_the_models_own_logits(name: str) -> None:
    model, groups = made(name), groups_of(2)
    assert torch.allclose(
        token_logps(model, laid_out(groups, "padded")), expected(made(name), groups), atol=2e-5
    )


@pytest.mark.parametrize("responses", [1, 2, 4])
@pytest.mark.parametrize("layout", ["bucketed", "shared", "varlen"])
def test_every_layout_gives_the_same(layout: str, responses: int) -> None:
    model, groups = made("llama"), groups_of(responses)
    padded = token_logps(model, laid_out(groups, "padded"))
    assert torch.allclose(token_logps(model, laid_out(groups, layout)), padded, atol=2e-6)


def test_chunks_change_nothing_neither_forwards_nor_backwards(monkeypatch: pytest.MonkeyPatch) -> None:
    groups, found = groups_of(3), []
    for chunk in (3, 10_000):
        monkeypatch.setattr(language, "CHUNK", chunk)
        model = made("llama")
        logps = token_logps(model, laid_out(groups, "padded"))
        logps.sin().sum().backward()
        found.append((logps.detach(), [p.grad for p in model.parameters()]))
    (one, grads), (other, others) = found
    assert torch.allclose(one, other, atol=1e-6)
    assert all(torch.allclose(a, b, atol=1e-5) for a, b in zip(grads, others, strict=True))


def test_gradients_are_those_of_the_models_own_logits() -> None:
    groups, model, own = groups_of(2), made("llama"), made("llama")
    token_logps(model, laid_out(groups, "shared")).sin().sum().backward()
    expected(own, groups).sin().sum().backward()
    for a, b in zip(model.parameters(), own.parameters(), strict=True):
        assert torch.allclose(a.grad, b.grad, atol=2e-5)


def test_its_own_way_of_being_called_stays() -> None:
    model, groups = made("llama"), groups_of(1)
    before = model(torch.tensor([[1, 2, 3]])).logits
    token_logps(model, laid_out(groups, "padded"))
    assert torch.equal(model(torch.tensor([[1, 2, 3]])).logits, before)


def test_places_and_targets_by_hand() -> None:
    groups = [TokenGroup([7, 8], ([5], [6, 9]), ()), TokenGroup([4], ([3, 2],), ())]
    shared = laid_out(groups, "shared")  # rows of 8: 7 8 5 6 9 . . . | 4 3 2
    assert shared["targets"].tolist() == [5, 6, 9, 3, 2]
    assert shared["places"].tolist() == [1, 1, 3, 8, 9]
    assert shared["of"].tolist() == [0, 1, 1, 2, 2]
    padded = laid_out(groups, "padded")  # rows of 4: 7 8 5 . | 7 8 6 9 | 4 3 2 .
    assert padded["places"].tolist() == [1, 5, 6, 8, 9]


def test_a_prompt_of_no_tokens_and_a_model_without_a_head_are_refused() -> None:
    groups = [TokenGroup([], ([5],), ())]
    with pytest.raises(ConfigError, match="a prompt has no tokens"):
        predictions(groups, LAYOUTS["padded"].collate(groups, 0), joined=False)
    with pytest.raises(ConfigError, match="LlamaModel has no language-modelling head"):
        language.attach(transformers.LlamaModel(transformers.LlamaConfig(**SMALL)))


def test_what_generate_reads_off_the_forward_stays() -> None:
    model = made("llama")
    before = inspect.signature(model.forward)
    padded = torch.tensor([[0, 0, 5, 6, 7]])
    expected = model.generate(padded, max_new_tokens=5, do_sample=False)
    token_logps(model, laid_out(groups_of(1), "padded"))
    assert inspect.signature(model.forward) == before
    assert model._supports_logits_to_keep()
    assert (model.generate(padded, max_new_tokens=5, do_sample=False) == expected).all()


def test_a_copy_of_a_model_that_was_taught_to_predict_places_is_a_model_of_its_own() -> None:
    model = MODELS["llama"]().eval()
    language.attach(model)
    twin = copy.deepcopy(model)
    ids = torch.tensor([[5, 6, 7]])
    asked = {"places": torch.tensor([0, 1]), "targets": torch.tensor([6, 7])}
    before = [each(ids, **asked) for each in (model, twin)]
    assert torch.equal(before[0], before[1])
    with torch.no_grad():
        for weight in twin.parameters():
            weight.mul_(1.5)
    assert torch.equal(model(ids, **asked), before[0])
    assert not torch.allclose(twin(ids, **asked), before[0])
    assert not torch.allclose(twin(ids).logits, model(ids).logits)
    language.attach(twin)  # a second time changes nothing
    assert inspect.signature(twin.forward) == inspect.signature(type(twin).forward.__get__(twin))
