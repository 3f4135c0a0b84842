"""Second-turn judgements, from the file to training, scoring, generation and export, for templates that want turns in order."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

torch = pytest.importorskip("torch")
transformers = pytest.importorskip("transformers")

from tiny_models import make_model  # noqa: E402

import weaklabel as wl  # noqa: E402
from weaklabel.errors import ConfigError  # noqa: E402
from weaklabel.training.decoding import Responder  # noqa: E402
from weaklabel.types import Labels, Pairs  # noqa: E402

pytestmark = pytest.mark.trains

IN_ORDER = "{% if (m.role == 'user') != (loop.index0 % 2 == 0) %}{{ raise_exception('roles must alternate') }}{% endif %}"
TEMPLATES = {
    "mistral": "{{ bos_token }}{% for m in messages %}" + IN_ORDER + "{{ m.content }}"
    "{% if m.role == 'assistant' %}{{ eos_token }}{% endif %}{% endfor %}",
    "gemma": "{{ bos_token }}{% if messages[0].role == 'system' %}{{ raise_exception('System role not supported') }}{% endif %}"
    "{% for m in messages %}"
    + IN_ORDER
    + "<{{ 'model' if m.role == 'assistant' else m.role }}>{{ m.content | trim }}</>\n"
    "{% endfor %}{% if add_generation_prompt %}<model>{% endif %}",
    "any order": "{% for m in messages %}[{{ m.role }}] {{ m.content }} {% endfor %}",
}
KIND = "a kind answer of many more words than the other one, which says so at length"
TRAINED: dict[str, Any] = {"max_steps": 1, "max_length": 64, "n_folds": 0}
ASKED = [
    {"role": "system", "content": "Be kind."},
    {"role": "user", "content": "One?"},
    {"role": "user", "content": "Two?"},
]


@pytest.fixture(scope="module")
def pairs() -> Pairs:
    """Eight judgements of turn 2, whose first answers differ."""

    def told(i: int, first: str, second: str) -> list[dict[str, str]]:
        texts = (f"hi {i}", first, "more", second)
        return [{"role": r, "content": t} for r, t in zip(("user", "assistant") * 2, texts, strict=True)]

    return wl.read_pairs(
        [
            {
                "conversation_a": told(i, "yes", KIND if i % 2 else "rude"),
                "conversation_b": told(i, "no", "rude" if i % 2 else KIND),
                "winner": "model_a" if i % 2 else "model_b",
                "turn": 2,
            }
            for i in range(8)
        ]
    )


def base(folder: Path, chat: str) -> Path:
    """A language model with that template and a beginning token, which is a word of its vocabulary."""
    make_model(folder, chat=chat)
    tokenizer = transformers.AutoTokenizer.from_pretrained(folder)
    tokenizer.bos_token = "[UNK]"
    tokenizer.save_pretrained(folder)
    return folder


@pytest.mark.parametrize("name", TEMPLATES)
def test_a_strict_template_trains_scores_and_generates(name: str, pairs: Pairs, tmp_path: Path) -> None:
    folder = base(tmp_path / "base", TEMPLATES[name])
    model = wl.train_reward(pairs, model="transformer", base=folder, **TRAINED)
    assert torch.isfinite(torch.tensor(model.score(["Two?"], ["kind"], messages=[ASKED]))).all()
    responder = Responder.load(folder)
    ids = responder.encode(ASKED)
    text = responder.tokenizer.decode(ids)
    assert all(part in text for part in ("Be kind.", "One?", "Two?"))
    assert ids.count(responder.tokenizer.bos_token_id) == (name != "any order")
    assert ("[user] One? [user] Two?" in text) == (name == "any order")


def test_a_template_that_takes_nothing_is_one_line_with_its_own_words(pairs: Pairs, tmp_path: Path) -> None:
    folder = base(tmp_path / "base", "{{ raise_exception('nothing is good enough') }}")
    with pytest.raises(
        ConfigError, match=r"refuses the conversation .nothing is good enough.*Its turns are user, user"
    ) as told:
        wl.train_reward(pairs, model="transformer", base=folder, **TRAINED)
    assert "\n" not in str(told.value)


def test_what_is_exported_goes_through_every_template(pairs: Pairs, tmp_path: Path) -> None:
    assert {json.loads(text)[1]["content"] for text in pairs.table["messages_a"].to_pylist()} == {"yes"}
    labels = wl.fit(wl.load_lfs("shipped:length"), pairs, model="majority_vote").label(pairs)
    assert isinstance(labels, Labels)
    wl.export_trl(labels, tmp_path / "trl", allow_uncalibrated=True, include_test=True)
    rows = [json.loads(line) for line in (tmp_path / "trl" / "train.jsonl").read_text().splitlines()]
    assert rows
    for name, chat in TEMPLATES.items():
        tokenizer = transformers.AutoTokenizer.from_pretrained(base(tmp_path / name, chat))
        for row in rows:
            for side in ("chosen", "rejected"):
                text = tokenizer.apply_chat_template(row["prompt"] + row[side], tokenize=False)
                assert "hi " in text
                assert "yes" not in text
