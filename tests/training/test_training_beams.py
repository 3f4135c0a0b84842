"""Beam search and stops: the best sequence is found, a stop ends a text, and neither depends on the batch."""

from __future__ import annotations

from itertools import product
from pathlib import Path

import numpy as np
import pytest

from weaklabel.artifacts import content_hash
from weaklabel.errors import ConfigError
from weaklabel.training.sampling import Sampling

torch = pytest.importorskip("torch")
pytest.importorskip("transformers")

from tiny_models import WORDS, make_model  # noqa: E402

from weaklabel.training.decoding import Responder  # noqa: E402

pytestmark = pytest.mark.trains
NATURE = [word for word in WORDS if word.islower()]


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return make_model(tmp_path_factory.mktemp("tiny"))


@pytest.fixture(scope="module")
def responder(folder: Path) -> Responder:
    return Responder.load(folder, device="cpu")


def asked(texts: list[str]) -> list:
    return [([{"role": "user", "content": text}], content_hash(text)) for text in texts]


def some_texts(n: int) -> list[str]:
    rng = np.random.default_rng(7)
    return [" ".join(rng.choice(NATURE, size=rng.integers(1, 20))) for _ in range(n)]


def replies(responder: Responder, texts: list[str], sampling: Sampling, batch_size: int = 8) -> list:
    found = {
        i: r for batch in responder.replies(asked(texts), sampling, batch_size=batch_size) for i, r in batch
    }
    return [found[i] for i in range(len(texts))]


def best_sequence(responder: Responder, prompt: str, length: int) -> tuple[str, int]:
    """By trying them all: every sequence that ends, or has `length` tokens, and its mean of log p."""
    ids = responder.encode(asked([prompt])[0][0])
    vocabulary, scores = range(responder.model.config.vocab_size), {}
    for tokens in product(vocabulary, repeat=length):
        with torch.no_grad():
            logits = responder.model(torch.tensor([ids + list(tokens)])).logits[0]
        logp = logits.log_softmax(-1)[len(ids) - 1 : -1].gather(-1, torch.tensor(tokens)[:, None])[:, 0]
        end = next((at for at, token in enumerate(tokens) if token in responder.end), length - 1)
        scores[tokens[: end + 1]] = float(logp[: end + 1].mean())
    best = max(scores, key=scores.__getitem__)
    return responder.tokenizer.decode(best, skip_special_tokens=True), len(best)


@pytest.mark.parametrize("seed", range(4))
def test_wide_beams_find_the_best_of_all_sequences(tmp_path, seed):
    words = Responder.load(make_model(tmp_path, words=("sun", "moon", "sea"), seed=seed), device="cpu")
    prompts = ["sun", "moon sea", "sea sea sun"]
    found = replies(words, prompts, Sampling(max_new_tokens=3, temperature=0, num_beams=25))
    assert [(r.text, r.tokens_out) for r in found] == [best_sequence(words, p, 3) for p in prompts]


def test_beams_are_those_of_transformers_itself_for_each_prompt_alone(responder):
    texts = some_texts(6)
    found = replies(responder, texts, Sampling(max_new_tokens=10, temperature=0, num_beams=4))
    for text, reply in zip(texts, found, strict=True):
        ids = torch.tensor([responder.encode(asked([text])[0][0])])
        plain = responder.model.generate(
            input_ids=ids,
            attention_mask=torch.ones_like(ids),
            do_sample=False,
            max_new_tokens=10,
            num_beams=4,
        )
        assert responder.tokenizer.decode(plain[0, ids.shape[1] :], skip_special_tokens=True) == reply.text


def test_one_beam_is_greedy(responder):
    texts = some_texts(6)
    greedy = replies(responder, texts, Sampling(max_new_tokens=12, temperature=0))
    assert replies(responder, texts, Sampling(max_new_tokens=12, temperature=0, num_beams=1)) == greedy


@pytest.mark.parametrize(
    "sampling",
    [
        Sampling(max_new_tokens=16, temperature=0, num_beams=3),
        Sampling(max_new_tokens=16, temperature=0, num_beams=3, stop=["a", "on"]),
        Sampling(max_new_tokens=16, stop=["a", "on"]),
    ],
    ids=["beams", "beams and stops", "stops"],
)
def test_a_response_is_the_same_alone_and_in_any_batch(responder, sampling):
    texts = some_texts(17)
    alone = replies(responder, texts, sampling, 1)
    assert replies(responder, texts, sampling, 5) == alone
    assert replies(responder, texts[::-1], sampling, 17)[::-1] == alone


def test_a_stop_ends_the_text_before_it_and_counts_as_an_end(responder):
    texts = some_texts(30)
    free = replies(responder, texts, Sampling(max_new_tokens=24))
    stopped = replies(responder, texts, Sampling(max_new_tokens=24, stop=["a", "on"]))
    cut = 0
    for before, after in zip(free, stopped, strict=True):
        at = min((k for k in (before.text.find("a"), before.text.find("on")) if k >= 0), default=-1)
        if at < 0:
            assert after == before
            continue
        cut += 1
        assert (after.text, after.finish) == (before.text[:at], "stop")
        assert after.tokens_out <= before.tokens_out
    assert cut > 3


def test_no_more_is_generated_than_a_stop_needs(responder, monkeypatch):
    made = []
    generate = responder.model.generate

    def counted(**settings):
        made.append(generate(**settings))
        return made[-1]

    monkeypatch.setattr(responder.model, "generate", counted)
    (whole,) = replies(responder, ["sun moon"], Sampling(max_new_tokens=40))
    stop = whole.text[8:12]
    (short,) = replies(responder, ["sun moon"], Sampling(max_new_tokens=40, stop=[stop]))
    assert short.text == whole.text[: whole.text.find(stop)]
    assert made[1].shape[1] - made[0].shape[1] == short.tokens_out - whole.tokens_out < 0


def test_a_model_without_a_template_stops_at_the_next_turn_and_at_what_was_asked(tmp_path):
    plain = Responder.load(make_model(tmp_path, chat=None), device="cpu")
    prompt = plain.encode(asked(["sun"])[0][0])
    for text, stop, kept in [
        ("moon\n\nHuman: star", [], "moon"),
        ("moon sea", ["sea"], "moon "),
        ("moon", [], "moon"),
    ]:
        new = plain.tokenizer(text, add_special_tokens=False)["input_ids"]
        reply = plain._ended(prompt, new, Sampling(stop=stop).stops(has_template=False)).reply
        assert reply.text == kept
        assert reply.finish == ("length" if kept == text else "stop")


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"num_beams": 0}, "num_beams is 0"),
        ({"num_beams": 2}, "num_beams is 2 at temperature 1.0.*set temperature to 0"),
        ({"stop": "###"}, r"stop is '###'. Allowed: a list of texts"),
        ({"stop": [""]}, "none of them empty"),
    ],
)
def test_settings_out_of_range_are_errors(settings, message):
    with pytest.raises(ConfigError, match=message):
        Sampling(**settings)


def test_beams_that_need_too_much_memory_say_so(responder, monkeypatch):
    def generate(**_: object) -> None:
        raise torch.OutOfMemoryError("CUDA out of memory")

    monkeypatch.setattr(responder.model, "generate", generate)
    with pytest.raises(ConfigError, match="1 responses at once of 4 beams"):
        replies(responder, ["sun"], Sampling(temperature=0, num_beams=4))


def test_a_model_with_adapters_answers_with_them_and_keeps_its_settings(folder):
    pytest.importorskip("peft")
    from weaklabel.training.models.loading import load_language_model, with_lora

    model, tokenizer = load_language_model(folder)
    plain = replies(Responder(model, tokenizer), ["sun", "moon"], Sampling(max_new_tokens=12))
    before = model.generation_config.to_dict()
    adapted = with_lora(model, lora_r=2)
    with torch.no_grad():
        for name, weights in adapted.named_parameters():
            if "lora_B" in name:
                weights.normal_(std=2.0)
    said = replies(Responder(adapted, tokenizer), ["sun", "moon"], Sampling(max_new_tokens=12))
    assert said != plain
    assert adapted.get_base_model().generation_config.to_dict() == before
    assert (
        Responder(adapted, tokenizer).weights_hash()
        != Responder(load_language_model(folder)[0], tokenizer).weights_hash()
    )
