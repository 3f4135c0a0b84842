"""Language models of a few kilobytes that tests make, and `transformers serve` on the loopback: no download."""

from __future__ import annotations

import importlib.util
import os
import subprocess
import sys
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from model_server import closed_port

CHAT = "{% for m in messages %}{{ m['content'] }} {% endfor %}"
WORDS = (
    "sun",
    "moon",
    "star",
    "sea",
    "hill",
    "tree",
    "bird",
    "fish",
    "rain",
    "wind",
    "Human",
    "Assistant",
    ":",
)


def make_model(
    folder: Path,
    words: Sequence[str] = (),
    *,
    seed: int | None = 0,
    chat: str | None = CHAT,
    context: int = 512,
) -> Path:
    """A Llama of two layers, weights drawn by `seed`, that speaks in bytes and `WORDS`; or in whole `words` alone.

    Without a seed every logit is 0, so that the likeliest token is the first of the vocabulary.
    """
    import torch
    from transformers import LlamaConfig, LlamaForCausalLM, PreTrainedTokenizerFast

    made = _word_level(words) if words else _byte_pairs()
    tokenizer = PreTrainedTokenizerFast(
        tokenizer_object=made, unk_token="[UNK]", eos_token="[END]", pad_token="[END]"
    )
    tokenizer.chat_template = chat
    end = made.token_to_id("[END]")
    config = LlamaConfig(
        vocab_size=made.get_vocab_size(),
        hidden_size=16,
        intermediate_size=16,
        num_hidden_layers=2,
        num_attention_heads=2,
        num_key_value_heads=2,
        max_position_embeddings=context,
        initializer_range=0.6,  # far enough from even that the draws differ between prompts
        bos_token_id=end,
        eos_token_id=end,
        pad_token_id=end,
    )
    with torch.random.fork_rng():
        torch.manual_seed(seed or 0)
        model = LlamaForCausalLM(config)
    if seed is None:
        with torch.no_grad():
            model.model.norm.weight.zero_()
    else:
        model.generation_config.do_sample = True  # a server draws only where the model's own settings say so
    model.save_pretrained(folder)
    tokenizer.save_pretrained(folder)
    return folder


def _word_level(words: Sequence[str]) -> Any:
    from tokenizers import Tokenizer, models, pre_tokenizers

    vocabulary = {word: i for i, word in enumerate([*words, "[UNK]", "[END]"])}
    made = Tokenizer(models.WordLevel(vocabulary, unk_token="[UNK]"))
    made.pre_tokenizer = pre_tokenizers.Whitespace()
    return made


def _byte_pairs() -> Any:
    from tokenizers import Tokenizer, decoders, models, pre_tokenizers, trainers

    made = Tokenizer(models.BPE())
    made.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    made.decoder = decoders.ByteLevel()
    trainer = trainers.BpeTrainer(
        vocab_size=400,
        special_tokens=["[END]", "[UNK]"],
        initial_alphabet=pre_tokenizers.ByteLevel.alphabet(),
        show_progress=False,
    )
    made.train_from_iterator([f"{one} {other}" for one in WORDS for other in WORDS] * 3, trainer)
    return made


@contextmanager
def serving_transformers(folder: Path) -> Iterator[str]:
    """The base address of a `transformers serve` that is ready, its log in `folder`.

    A skip says what is missing; the dev extra has it all.
    """
    missing = [name for name in ("fastapi", "uvicorn", "openai") if importlib.util.find_spec(name) is None]
    if missing:
        pytest.skip(f"transformers serve needs {', '.join(missing)}: pip install 'transformers[serving]'")
    import httpx2

    port = closed_port()
    program = (
        "from transformers.cli.transformers import main; import sys; sys.argv[0] = 'transformers'; main()"
    )
    options = ["serve", "--host", "127.0.0.1", "--port", str(port), "--device", "cpu"]
    log = (folder / "log").open("w")
    process = subprocess.Popen(
        [sys.executable, "-c", program, *options],
        env=os.environ | {"HF_HUB_OFFLINE": "1", "OMP_NUM_THREADS": "1"},
        stdout=log,
        stderr=log,
        cwd=folder,
    )
    try:
        until = time.monotonic() + 180
        while True:
            try:
                health = httpx2.get(f"http://127.0.0.1:{port}/health", timeout=5, trust_env=False)
                if health.status_code == 200:
                    break
            except httpx2.HTTPError:
                pass
            assert process.poll() is None, (folder / "log").read_text()
            assert time.monotonic() < until, (folder / "log").read_text()
            time.sleep(0.2)
        yield f"http://127.0.0.1:{port}/v1"
    finally:
        process.terminate()
        process.wait(30)
        log.close()
