"""Local generation: rows of a batch do not know of each other, and what is drawn has the probabilities it should."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from weaklabel.artifacts import content_hash
from weaklabel.errors import ArtifactError, ConfigError
from weaklabel.training.sampling import NEXT_TURN, Sampling, cut_at
from weaklabel.types.messages import asking_transcript

torch = pytest.importorskip("torch")
pytest.importorskip("transformers")

from tiny_models import WORDS, make_model  # noqa: E402

from weaklabel.training.decoding import TOO_LONG, Responder, _Draw, probabilities  # noqa: E402

pytestmark = pytest.mark.trains
NATURE = [word for word in WORDS if word.islower()]


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return make_model(tmp_path_factory.mktemp("tiny"))


@pytest.fixture(scope="module")
def responder(folder: Path) -> Responder:
    return Responder.load(folder, device="cpu")


def asked(n: int) -> list:
    """Prompts of one to thirty words, with a key each."""
    rng = np.random.default_rng(5)
    texts = [" ".join(rng.choice(NATURE, size=rng.integers(1, 30))) for _ in range(n)]
    return [([{"role": "user", "content": text}], content_hash(text, str(i))) for i, text in enumerate(texts)]


def texts(responder: Responder, wanted: list, sampling: Sampling, batch_size: int) -> list[str]:
    found = {
        i: r.text for batch in responder.replies(wanted, sampling, batch_size=batch_size) for i, r in batch
    }
    return [found[i] for i in range(len(wanted))]


@pytest.mark.parametrize("temperature", [0.0, 1.0])
@pytest.mark.parametrize("more", [{}, {"top_k": 5, "top_p": 0.8}])
def test_a_response_is_the_same_alone_and_in_any_batch(responder, temperature, more):
    wanted, sampling = asked(24), Sampling(max_new_tokens=20, temperature=temperature, **more)
    alone = texts(responder, wanted, sampling, 1)
    assert texts(responder, wanted, sampling, 7) == alone
    assert texts(responder, wanted[::-1], sampling, 24)[::-1] == alone
    assert len(set(alone)) > 5


@pytest.mark.parametrize("dtype", ["float32", "bfloat16"])
def test_what_is_known_keeps_its_place_so_that_the_rest_is_as_it_would_have_been(folder, dtype):
    """A precision in which texts do depend on their company: only equal batches give equal texts."""
    responder, wanted, sampling = (
        Responder.load(folder, device="cpu", dtype=dtype),
        asked(30),
        Sampling(max_new_tokens=40),
    )
    whole = dict(both for batch in responder.replies(wanted, sampling, batch_size=4) for both in batch)
    known = set(range(0, 30, 3)) | set(range(12, 20))
    rest = dict(
        both for batch in responder.replies(wanted, sampling, batch_size=4, known=known) for both in batch
    )
    assert rest == {i: reply for i, reply in whole.items() if i not in known}
    assert list(responder.replies(wanted, sampling, known=range(30))) == []


def test_greedy_responses_are_those_of_transformers_itself(responder, folder):
    from transformers import AutoModelForCausalLM

    wanted = asked(8)
    model = AutoModelForCausalLM.from_pretrained(folder)
    for (messages, _), found in zip(
        wanted, texts(responder, wanted, Sampling(max_new_tokens=12, temperature=0), 8), strict=True
    ):
        ids = torch.tensor([responder.encode(messages)])
        plain = model.generate(
            input_ids=ids, attention_mask=torch.ones_like(ids), do_sample=False, max_new_tokens=12
        )
        assert responder.tokenizer.decode(plain[0, ids.shape[1] :], skip_special_tokens=True) == found


def test_keys_draw_anew_and_equal_keys_draw_the_same(responder):
    messages = [{"role": "user", "content": "sun moon"}]
    wanted = [(messages, content_hash(str(i % 8))) for i in range(16)]
    found = texts(responder, wanted, Sampling(max_new_tokens=20), 16)
    assert found[:8] == found[8:]
    assert len(set(found)) > 5


def test_tokens_are_drawn_as_often_as_their_probability_says():
    scores = torch.log(torch.tensor([[0.5, 0.0, 0.3, 0.2]]))
    rows = 4000
    draw = _Draw(
        [content_hash(str(i)) for i in range(rows)], 3, Sampling(max_new_tokens=1), torch.device("cpu")
    )
    token = draw(torch.zeros((rows, 3), dtype=torch.long), scores.repeat(rows, 1)).argmax(-1)
    share = torch.bincount(token, minlength=4) / rows
    assert share[1] == 0
    assert np.allclose(share, [0.5, 0.0, 0.3, 0.2], atol=4 * np.sqrt(0.25 / rows))


def test_top_p_keeps_the_fewest_likeliest_that_reach_it_and_top_k_the_first_k():
    scores = torch.log(torch.tensor([[0.1, 0.5, 0.15, 0.25]]))
    by_p = probabilities(scores, Sampling(top_p=0.7))
    by_k = probabilities(scores, Sampling(top_k=3))
    assert by_p[0].tolist() == pytest.approx([0, 0.5, 0, 0.25])
    assert by_k[0].tolist() == pytest.approx([0, 0.5 / 0.9, 0.15 / 0.9, 0.25 / 0.9])


def test_temperature_divides_the_logits():
    scores = torch.tensor([[0.0, 2.0]])
    assert probabilities(scores, Sampling(temperature=2.0))[0, 1].item() == pytest.approx(
        1 / (1 + np.exp(-1))
    )


def test_a_response_says_why_it_ended_and_what_it_cost(responder):
    (found,) = responder.replies(asked(40), Sampling(max_new_tokens=8), batch_size=40)
    for i, reply in found:
        assert reply.tokens_in == len(responder.encode(asked(40)[i][0]))
        assert reply.finish == "stop" or reply.tokens_out == 8
        assert len(reply.text.split()) <= reply.tokens_out - (reply.finish == "stop")
    assert {reply.finish for _, reply in found} == {"stop", "length"}


def test_a_model_without_a_chat_template_gets_a_transcript_and_ends_before_the_next_human_turn(tmp_path):
    plain = Responder.load(make_model(tmp_path / "plain", chat=None))
    messages = [{"role": "user", "content": "sun"}]
    assert plain.encode(messages) == plain.tokenizer(asking_transcript(messages))["input_ids"]
    assert cut_at("moon\n\nHuman: star", [NEXT_TURN]) == "moon"


def test_a_strict_template_is_asked_with_turns_that_it_takes(tmp_path):
    strict = (
        "{% for m in messages %}{% if (m.role == 'user') != (loop.index0 % 2 == 0) %}{{ raise_exception('alternate') }}"
        "{% endif %}{{ m.content }} {% endfor %}"
    )
    made = Responder.load(make_model(tmp_path / "strict", chat=strict))
    apart = [
        {"role": role, "content": text}
        for role, text in [("system", "sun"), ("user", "moon"), ("user", "star")]
    ]
    as_one = [{"role": "user", "content": "sun\n\nmoon\n\nstar"}]
    assert made.encode(apart) == made.encode(as_one)


def test_a_prompt_without_room_gets_no_response_instead_of_being_cut(tmp_path):
    small = Responder.load(make_model(tmp_path / "small", context=24))
    wanted = [([{"role": "user", "content": "sun " * n}], content_hash(str(n))) for n in (3, 30)]
    found = dict(pair for batch in small.replies(wanted, Sampling(max_new_tokens=10)) for pair in batch)
    assert (found[1].finish, found[1].text) == (TOO_LONG, "")
    assert found[0].finish != TOO_LONG
    with pytest.raises(ConfigError, match=r"the context of .* holds 24 tokens"):
        list(small.replies(wanted, Sampling(max_new_tokens=24)))


def test_a_folder_without_all_weights_is_an_error_that_names_one(tmp_path, folder):
    from safetensors.torch import load_file, save_file

    make_model(tmp_path / "torn")
    weights = load_file(tmp_path / "torn" / "model.safetensors")
    weights.pop("model.layers.1.mlp.up_proj.weight")
    save_file(weights, tmp_path / "torn" / "model.safetensors", metadata={"format": "pt"})
    with pytest.raises(ArtifactError, match=r"lacks 1 weights .* 'model\.layers\.1\.mlp\.up_proj\.weight'"):
        Responder.load(tmp_path / "torn")


def test_a_folder_that_holds_no_model_and_a_device_that_is_not_there_are_errors(tmp_path, folder):
    (tmp_path / "config.json").write_text("{}")
    with pytest.raises(ArtifactError, match="holds no tokenizer that can be loaded"):
        Responder.load(tmp_path)
    with pytest.raises(ConfigError, match="device is 'nowhere'"):
        Responder.load(folder, device="nowhere")
    with pytest.raises(ConfigError, match="dtype is 'int3'"):
        Responder.load(folder, dtype="int3")


@pytest.mark.parametrize(
    "error",
    [
        torch.OutOfMemoryError("CUDA out of memory"),
        RuntimeError("DefaultCPUAllocator: can't allocate memory"),
    ],
)
def test_out_of_memory_names_the_setting_to_lower(responder, monkeypatch, error):
    def generate(**_: object) -> None:
        raise error

    monkeypatch.setattr(responder.model, "generate", generate)
    with pytest.raises(ConfigError, match=r"out of memory: 3 responses at once.*Lower batch_size"):
        list(responder.replies(asked(3), Sampling(max_new_tokens=4)))


def test_a_model_that_gives_no_numbers_is_an_error(folder):
    broken = Responder.load(folder, device="cpu")
    torch.nn.init.constant_(broken.model.get_output_embeddings().weight, float("nan"))
    with pytest.raises(ArtifactError, match="probabilities that are no numbers"):
        list(broken.replies(asked(2), Sampling(max_new_tokens=4)))


def test_loading_and_long_prompts_print_nothing(folder, capfd):
    quiet = Responder.load(folder, device="cpu")
    quiet.tokenizer.model_max_length = 8
    quiet.encode([{"role": "user", "content": " ".join(NATURE * 20)}])
    assert capfd.readouterr() == ("", "")


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"max_new_tokens": 0}, "max_new_tokens is 0"),
        ({"temperature": -1}, "temperature is -1"),
        ({"temperature": float("nan")}, "temperature is nan"),
        ({"top_p": 0}, "top_p is 0"),
        ({"top_k": -1}, "top_k is -1"),
        ({"seed": -1}, "seed is -1"),
    ],
)
def test_settings_out_of_range_are_errors(settings, message):
    with pytest.raises(ConfigError, match=message):
        Sampling(**settings)


def test_a_model_that_is_only_asked_goes_where_a_loaded_one_would(monkeypatch: pytest.MonkeyPatch) -> None:
    from weaklabel.training import decoding

    model = torch.nn.Linear(2, 2)
    assert decoding.placed(model).weight.device == decoding._device(None)
    monkeypatch.setattr(decoding, "_device", lambda name: torch.device("meta"))  # as a GPU would be
    assert decoding.placed(model).weight.device.type == "meta"
