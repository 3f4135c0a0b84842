"""`answers_of`: one call for a model in memory, in a folder or behind a server; killed, it goes on with the same answers."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest
from model_server import completion, serving

from weaklabel.data.asked.prompts import Prompt
from weaklabel.errors import ConfigError
from weaklabel.generation.responders import EndpointSource, answers_of
from weaklabel.servers.endpoint import Endpoint
from weaklabel.servers.replies import ReplyCache
from weaklabel.training.sampling import Sampling

WANTED = [
    (Prompt.of(f"{one} {other}"), n) for one in ("sun", "moon") for other in ("sea", "hill") for n in (0, 1)
]
SAMPLING = Sampling(max_new_tokens=10, seed=3)


class Killed(Exception):
    pass


def killed_after(monkeypatch: pytest.MonkeyPatch, n: int) -> None:
    add, kept = ReplyCache.add, []

    def counted(self: ReplyCache, answers: Mapping[str, Any]) -> None:
        for key, reply in answers.items():
            if len(kept) == n:
                raise Killed
            add(self, {key: reply})
            kept.append(key)

    monkeypatch.setattr(ReplyCache, "add", counted)


@pytest.fixture
def responder(tmp_path: Path) -> Any:
    pytest.importorskip("torch")
    from tiny_models import make_model

    from weaklabel.training.decoding import Responder

    return Responder.load(make_model(tmp_path / "model"), device="cpu")


@pytest.mark.trains
@pytest.mark.parametrize("sampling", [SAMPLING, Sampling(max_new_tokens=10, temperature=0, num_beams=2)])
def test_a_model_in_memory_continues_after_a_kill_with_the_same_bytes(
    responder, tmp_path, monkeypatch, sampling
):
    from weaklabel.generation.responders import MemorySource

    source = MemorySource(responder, sampling, batch_size=3)
    whole = answers_of(source, WANTED, tmp_path / "whole")
    with monkeypatch.context() as until_then:
        killed_after(until_then, 4)
        with pytest.raises(Killed):
            answers_of(source, WANTED, tmp_path / "killed")
    assert answers_of(source, WANTED, tmp_path / "killed") == whole
    (one,), (other,) = ([*(tmp_path / name).iterdir()] for name in ("whole", "killed"))
    assert one.read_bytes() == other.read_bytes()


@pytest.mark.trains
def test_a_model_in_memory_answers_as_the_one_in_its_folder(responder, tmp_path):
    from weaklabel.artifacts.hash_memo import HashMemo
    from weaklabel.generation.responders import LocalSource, MemorySource

    saved = LocalSource(str(tmp_path / "model"), SAMPLING, HashMemo(tmp_path / "hashes"), device="cpu")
    in_memory = MemorySource(responder, SAMPLING)
    assert answers_of(in_memory, WANTED, tmp_path / "a") == answers_of(saved, WANTED, tmp_path / "b")


@pytest.mark.trains
def test_a_model_without_a_template_is_asked_as_it_was_trained(tmp_path):
    pytest.importorskip("torch")
    from weaklabel.generation.responders import MemorySource
    from weaklabel.training.decoding import Responder
    from weaklabel.training.models.scratch import language_model_from_scratch
    from weaklabel.training.settings import TrainingSettings
    from weaklabel.training.sft import Demonstration, train_sft

    rows = [Demonstration(f"Say {word}.", f"{word}!") for word in ("sun", "moon", "sea", "hill")]
    model, tokenizer = language_model_from_scratch("tiny", [row.prompt + row.completion for row in rows])
    settings = TrainingSettings(max_steps=60, learning_rate=3e-3, max_length=32, lr_scheduler_type="constant")
    train_sft(model, tokenizer, rows, settings=settings, folder=tmp_path / "training")
    source = MemorySource(Responder(model, tokenizer), Sampling(temperature=0, max_new_tokens=10))
    found = answers_of(source, [(Prompt.of(row.prompt), 0) for row in rows], tmp_path / "a")
    assert [(reply.text, reply.finish) for reply in found if reply] == [(r.completion, "stop") for r in rows]


@pytest.mark.trains
def test_other_weights_are_asked_anew(responder, tmp_path):
    import torch

    from weaklabel.generation.responders import MemorySource

    source = MemorySource(responder, SAMPLING)
    before = answers_of(source, WANTED, tmp_path / "a")
    with torch.no_grad():
        responder.model.lm_head.weight.mul_(-1)
    assert answers_of(source, WANTED, tmp_path / "a") != before
    assert len([*(tmp_path / "a").iterdir()]) == 2


@pytest.mark.parametrize(("api", "stops"), [("chat", ["##"]), ("completions", ["##", "\n\nHuman:"])])
def test_a_server_is_told_where_to_stop_and_its_answer_is_cut_there_in_any_case(tmp_path, api, stops):
    def says(body: dict[str, Any]) -> Any:
        status, headers, found = completion("4 ## because")
        if api == "completions":
            found["choices"] = [{"text": "4 ## because", "finish_reason": "stop"}]
        return status, headers, found

    with serving(says) as server:
        to = Endpoint(url=server.url, model="tiny", api=api)
        source = EndpointSource(to, Sampling(max_new_tokens=10, stop=["##"]))
        found = answers_of(source, WANTED[:2], tmp_path)
        assert [request["stop"] for request in server.bodies] == [stops, stops]
    assert [(reply.text, reply.finish) for reply in found if reply] == [("4 ", "stop")] * 2


def test_a_server_has_no_beam_search():
    with pytest.raises(ConfigError, match="num_beams is 4 for 'tiny' at an endpoint"):
        EndpointSource(
            Endpoint(url="http://127.0.0.1:1/v1", model="tiny"), Sampling(temperature=0, num_beams=4)
        )
