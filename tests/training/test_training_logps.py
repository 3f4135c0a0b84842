"""Log-probabilities of a policy that is looked at against its own logits, and weights put back bit for bit."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

torch = pytest.importorskip("torch")
pytest.importorskip("transformers")

from weaklabel.errors import ArtifactError, ConfigError, TrainingError  # noqa: E402
from weaklabel.training.decoding import Responder  # noqa: E402
from weaklabel.training.logps import keep_weights, kept_weights, response_logps  # noqa: E402
from weaklabel.training.models.loading import with_lora  # noqa: E402
from weaklabel.training.models.scratch import language_model_from_scratch  # noqa: E402
from weaklabel.training.sampling import Sampling  # noqa: E402
from weaklabel.training.sft import TokenExample  # noqa: E402

pytestmark = pytest.mark.trains

TEXTS = ["what is the answer", "the answer is kind", "kind and clear"]
EXAMPLES = [
    TokenExample([5, 6], [7, 8, 9]),
    TokenExample([5], [3]),
    TokenExample([9, 8, 7, 6], []),
    TokenExample([2], [4] * 9),
]


@pytest.fixture(scope="module")
def policy() -> tuple[Any, Any]:
    return language_model_from_scratch("tiny", TEXTS)


def by_logits(model: Any, example: TokenExample) -> list[float]:
    row = torch.tensor([example.prompt + example.response])
    with torch.no_grad():
        logps = model(input_ids=row).logits.log_softmax(-1)[0]
    start = len(example.prompt) - 1
    return [float(logps[start + k, token]) for k, token in enumerate(example.response)]


@pytest.mark.parametrize("tokens_per_batch", [8192, 8])
def test_they_are_what_the_models_own_logits_say(policy: tuple[Any, Any], tokens_per_batch: int) -> None:
    model, tokenizer = policy
    model.train()
    found = response_logps(model, EXAMPLES, pad_id=tokenizer.pad_token_id, tokens_per_batch=tokens_per_batch)
    assert model.training
    model.eval()
    assert [len(part) for part in found] == [3, 1, 0, 9]
    for part, example in zip(found, EXAMPLES, strict=True):
        assert part.dtype == np.float64
        assert part == pytest.approx(by_logits(model, example), abs=1e-5)
    assert response_logps(model, [], pad_id=0) == []


def test_numbers_that_are_none_are_an_error(policy: tuple[Any, Any]) -> None:
    model, tokenizer = language_model_from_scratch("tiny", TEXTS)
    model.lm_head.weight.data[0] = torch.nan
    with pytest.raises(TrainingError, match="log-probabilities that are not numbers"):
        response_logps(model, EXAMPLES, pad_id=tokenizer.pad_token_id)


@pytest.mark.parametrize("lora", [False, True])
def test_kept_weights_come_and_go_bit_for_bit(lora: bool, tmp_path: Path) -> None:
    model, tokenizer = language_model_from_scratch("tiny", TEXTS)
    model = with_lora(model, lora_r=2) if lora else model

    def asked() -> Any:
        return np.concatenate(response_logps(model, EXAMPLES, pad_id=tokenizer.pad_token_id))

    first = asked()
    keep_weights(model, tmp_path / "first.safetensors")
    trained = [weight for weight in model.parameters() if weight.requires_grad]
    with torch.no_grad():
        for weight in trained:
            weight.add_(torch.rand_like(weight))
    kept, places = [weight.clone() for weight in trained], [weight.data_ptr() for weight in trained]
    later = asked()
    with kept_weights(model, tmp_path / "first.safetensors"):
        assert np.array_equal(asked(), first)
    assert np.abs(later - first).max() > 0.1
    assert [weight.data_ptr() for weight in trained] == places
    assert all(torch.equal(weight, before) for weight, before in zip(trained, kept, strict=True))
    assert np.array_equal(asked(), later)


def test_weights_that_do_not_fit_are_one_line(tmp_path: Path) -> None:
    model, _ = language_model_from_scratch("tiny", TEXTS)
    other, _ = language_model_from_scratch("tiny", [*TEXTS, "more words of other kinds " * 3])
    keep_weights(other, tmp_path / "other")
    (tmp_path / "torn").write_bytes((tmp_path / "other").read_bytes()[:999])
    for name, message in (
        ("other", "holds weights of another model: "),
        ("torn", "cannot be read as safetensors"),
        ("none", "cannot be read as safetensors"),
    ):
        with pytest.raises(ArtifactError, match=message), kept_weights(model, tmp_path / name):
            pytest.fail("it was taken")


def test_what_is_drawn_from_token_ids_is_what_is_drawn_from_messages(policy: tuple[Any, Any]) -> None:
    model, tokenizer = policy
    responder = Responder(model, tokenizer)
    told = [({"role": "user", "content": text},) for text in TEXTS]
    keys = ["a" * 64, "b" * 64, "c" * 64]
    sampling = Sampling(max_new_tokens=6)
    replies = dict(
        one for batch in responder.replies(list(zip(told, keys, strict=True)), sampling) for one in batch
    )
    drawn = responder.drawn([responder.encode(turns) for turns in told], keys, sampling)
    assert [each.reply for each in drawn] == [replies[k] for k in range(3)]
    assert all(len(each.response) == each.reply.tokens_out for each in drawn)
    assert all(tokenizer.decode(each.response, skip_special_tokens=True) == each.reply.text for each in drawn)


def test_prompts_that_leave_no_room_are_one_line(policy: tuple[Any, Any]) -> None:
    responder = Responder(*policy)
    for ids in ([], [5] * 2045):
        with pytest.raises(ConfigError, match=f"prompt 1 has {len(ids):,} tokens. Allowed: 1 to 2,044"):
            responder.drawn([[5], ids], ["a", "b"], Sampling(max_new_tokens=4))
