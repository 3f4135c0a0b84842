"""LLM judges against `transformers serve`, with a tiny model that the test makes: no download, known answers."""

from __future__ import annotations

import importlib.util
import os
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
from model_server import closed_port

from weaklabel.engine import apply
from weaklabel.lf.prompted import judge
from weaklabel.types import Pair, Pairs

pytestmark = pytest.mark.trains

CHAT = "{% for m in messages %}{{ m['content'] }} {% endfor %}"


def make_model(folder: Path) -> None:
    """A model of two layers whose every logit is 0: the likeliest token is the first of the vocabulary, "A"."""
    import torch
    from tokenizers import Tokenizer, models, pre_tokenizers
    from transformers import LlamaConfig, LlamaForCausalLM, PreTrainedTokenizerFast

    words = ["A", "B", "tie", "[UNK]", "[END]"]
    made = Tokenizer(models.WordLevel({word: i for i, word in enumerate(words)}, unk_token="[UNK]"))
    made.pre_tokenizer = pre_tokenizers.Whitespace()
    tokenizer = PreTrainedTokenizerFast(
        tokenizer_object=made, unk_token="[UNK]", eos_token="[END]", pad_token="[END]"
    )
    tokenizer.chat_template = CHAT
    config = LlamaConfig(
        vocab_size=len(words),
        hidden_size=16,
        intermediate_size=16,
        num_hidden_layers=2,
        num_attention_heads=2,
        num_key_value_heads=2,
        max_position_embeddings=512,
        bos_token_id=4,
        eos_token_id=4,
        pad_token_id=4,
    )
    model = LlamaForCausalLM(config)
    with torch.no_grad():
        model.model.norm.weight.zero_()
    model.save_pretrained(folder)
    tokenizer.save_pretrained(folder)


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[str, str]]:
    """`(url, model)` of a server that is ready, or a skip that says what is missing; the dev extra has it all."""
    pytest.importorskip("torch")
    pytest.importorskip("transformers")
    missing = [name for name in ("fastapi", "uvicorn", "openai") if importlib.util.find_spec(name) is None]
    if missing:
        pytest.skip(f"transformers serve needs {', '.join(missing)}: pip install 'transformers[serving]'")
    import httpx2

    folder = tmp_path_factory.mktemp("tiny")
    make_model(folder / "model")
    port = closed_port()
    log = (folder / "log").open("w")
    program = (
        "from transformers.cli.transformers import main; import sys; sys.argv[0] = 'transformers'; main()"
    )
    process = subprocess.Popen(
        [
            sys.executable,
            "-c",
            program,
            "serve",
            "--host",
            "127.0.0.1",
            "--port",
            str(port),
            "--device",
            "cpu",
        ],
        env=os.environ | {"HF_HUB_OFFLINE": "1", "OMP_NUM_THREADS": "1"},
        stdout=log,
        stderr=log,
        cwd=folder,
    )
    try:
        until = time.monotonic() + 180
        while True:
            try:
                if (
                    httpx2.get(f"http://127.0.0.1:{port}/health", timeout=5, trust_env=False).status_code
                    == 200
                ):
                    break
            except httpx2.HTTPError:
                pass
            assert process.poll() is None, (folder / "log").read_text()
            assert time.monotonic() < until, (folder / "log").read_text()
            time.sleep(0.2)
        yield f"http://127.0.0.1:{port}/v1", str(folder / "model")
    finally:
        process.terminate()
        process.wait(30)
        log.close()


@pytest.mark.parametrize("api", ["chat", "completions"])
def test_a_real_server_is_asked_in_both_orders_and_its_taste_for_a_is_seen(server, tmp_path, api):
    url, model = server
    pairs = Pairs.of([Pair(f"p{i}", f"Question {i}?", "x" * i, "y" * (9 - i)) for i in range(4)])
    # This server gives no log-probabilities and says so with an error: the client asks again without.
    tiny = judge(
        "tiny", url=url, model=model, api=api, max_tokens=1, cache=tmp_path, timeout=120, concurrency=2
    )
    votes = apply([tiny], pairs)
    report = tiny.report(pairs)
    assert not votes.faults
    assert report.bias.counts == {"said": 8}
    assert (report.bias.share_first.value, report.bias.contradictory) == (1.0, 1.0)
    assert (votes.L == -1).all()
    assert np.array_equal(votes.margins[:, 0], np.zeros(4))
    assert report.answers == 8
