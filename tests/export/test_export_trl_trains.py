"""TRL's own trainers take one step on our export: the columns are what they expect, and chosen is chosen."""

from __future__ import annotations

import math

import numpy as np
import pytest
from made_labels import build_labels, build_pairs, labels_of

from weaklabel.export import export_trl, export_trl_kto

pytestmark = [
    pytest.mark.trains,
    # TRL 1.16 still uses the old names of a transformers option.
    pytest.mark.filterwarnings("ignore:.*gradient_checkpointing` is deprecated:FutureWarning"),
]

TEMPLATE = (
    "{% for m in messages %}<|{{ m['role'] }}|> {{ m['content'] }} <eos>{% endfor %}"
    "{% if add_generation_prompt %}<|assistant|> {% endif %}"
)


@pytest.fixture(autouse=True)
def offline(monkeypatch):
    for name in ("HF_HUB_OFFLINE", "TRANSFORMERS_OFFLINE", "HF_DATASETS_OFFLINE", "CI"):
        monkeypatch.setenv(name, "1")


@pytest.fixture
def tokenizer():
    """A word tokenizer learned from the pairs themselves; nothing is downloaded."""
    pytest.importorskip("trl")
    tokenizers = pytest.importorskip("tokenizers")
    from transformers import PreTrainedTokenizerFast

    table = build_labels().pairs.table
    texts = [t for name in ("prompt", "response_a", "response_b") for t in table[name].to_pylist()]
    raw = tokenizers.Tokenizer(tokenizers.models.WordLevel(unk_token="<unk>"))
    raw.pre_tokenizer = tokenizers.pre_tokenizers.Whitespace()
    special = ["<unk>", "<pad>", "<eos>", "<|user|>", "<|assistant|>"]
    raw.train_from_iterator(texts, tokenizers.trainers.WordLevelTrainer(special_tokens=special))
    made = PreTrainedTokenizerFast(
        tokenizer_object=raw, unk_token="<unk>", pad_token="<pad>", eos_token="<eos>"
    )
    made.chat_template = TEMPLATE
    return made


def tiny(kind, tokenizer, **more):
    """A random two-layer Llama; small enough to take a step in a second."""
    import torch
    import transformers

    torch.manual_seed(0)
    config = transformers.LlamaConfig(
        vocab_size=len(tokenizer),
        hidden_size=32,
        intermediate_size=64,
        num_hidden_layers=2,
        num_attention_heads=2,
        max_position_embeddings=128,
        pad_token_id=tokenizer.pad_token_id,
        eos_token_id=tokenizer.eos_token_id,
        bos_token_id=None,
        **more,
    )
    return getattr(transformers, kind)(config)


def one_step(tmp_path):
    return {
        "output_dir": str(tmp_path / "run"),
        "max_steps": 1,
        "per_device_train_batch_size": 3,
        "report_to": "none",
        "use_cpu": True,
        "bf16": False,
        "gradient_checkpointing": False,
        "save_strategy": "no",
        "logging_steps": 1,
        "disable_tqdm": True,
        "learning_rate": 1e-3,
    }


def exported(tmp_path, conversational, file_format):
    datasets = pytest.importorskip("datasets")
    export_trl(build_labels(), tmp_path / "out", conversational=conversational, file_format=file_format)
    return datasets.load_dataset(str(tmp_path / "out"), split="train", cache_dir=str(tmp_path / "cache"))


def loss_of(trainer):
    return next(row["loss"] for row in trainer.state.log_history if "loss" in row)


@pytest.mark.parametrize(("conversational", "file_format"), [(True, "jsonl"), (False, "parquet")])
def test_the_reward_trainer_takes_a_step(tmp_path, tokenizer, conversational, file_format):
    import trl

    trainer = trl.RewardTrainer(
        model=tiny("LlamaForSequenceClassification", tokenizer, num_labels=1),
        args=trl.RewardConfig(**one_step(tmp_path)),
        train_dataset=exported(tmp_path, conversational, file_format),
        processing_class=tokenizer,
    )
    columns = set(trainer.train_dataset.column_names)
    trainer.train()
    assert {"chosen_ids", "rejected_ids"} <= columns
    assert len(trainer.train_dataset) == 3
    assert trainer.state.global_step == 1
    assert math.isfinite(loss_of(trainer))


@pytest.mark.parametrize(("conversational", "file_format"), [(True, "parquet"), (False, "jsonl")])
def test_the_dpo_trainer_takes_a_step(tmp_path, tokenizer, conversational, file_format):
    import trl

    trainer = trl.DPOTrainer(
        model=tiny("LlamaForCausalLM", tokenizer),
        ref_model=tiny("LlamaForCausalLM", tokenizer),
        args=trl.DPOConfig(**one_step(tmp_path)),
        train_dataset=exported(tmp_path, conversational, file_format),
        processing_class=tokenizer,
    )
    trainer.train()
    assert trainer.state.global_step == 1
    # policy and reference are equal before the first step: every pair costs log 2
    assert loss_of(trainer) == pytest.approx(math.log(2), abs=1e-4)


def test_the_reward_trainer_learns_to_prefer_what_we_call_chosen(tmp_path, tokenizer):
    import torch
    import trl

    dataset = exported(tmp_path, True, "jsonl")
    model = tiny("LlamaForSequenceClassification", tokenizer, num_labels=1)
    settings = one_step(tmp_path) | {"max_steps": 30, "learning_rate": 1e-2}
    trainer = trl.RewardTrainer(
        model=model, args=trl.RewardConfig(**settings), train_dataset=dataset, processing_class=tokenizer
    )
    trainer.train()

    def reward(turns):
        text = tokenizer.apply_chat_template(turns, tokenize=False)
        with torch.no_grad():
            return model.eval()(**tokenizer(text, return_tensors="pt")).logits.item()

    for row in dataset:
        assert reward(row["prompt"] + row["chosen"]) > reward(row["prompt"] + row["rejected"])


def kto(tmp_path, tokenizer, labels, conversational, file_format, **settings):
    """TRL's KTOTrainer on our export of the labels, policy and reference equal."""
    import trl

    datasets = pytest.importorskip("datasets")
    export_trl_kto(labels, tmp_path / "out", conversational=conversational, file_format=file_format)
    dataset = datasets.load_dataset(str(tmp_path / "out"), split="train", cache_dir=str(tmp_path / "cache"))
    return trl.KTOTrainer(
        model=tiny("LlamaForCausalLM", tokenizer),
        ref_model=tiny("LlamaForCausalLM", tokenizer),
        args=trl.KTOConfig(**one_step(tmp_path) | settings),
        train_dataset=dataset,
        processing_class=tokenizer,
    )


@pytest.mark.parametrize(("conversational", "file_format"), [(True, "jsonl"), (False, "parquet")])
def test_the_kto_trainer_takes_a_step(tmp_path, tokenizer, conversational, file_format):
    trainer = kto(tmp_path, tokenizer, build_labels(), conversational, file_format)
    trainer.train()
    assert trainer.train_dataset["label"] == [True, False] * 3
    assert trainer.state.global_step == 1
    # Policy and reference are equal before the first step: every row costs 1 - sigmoid(0), and the KL term is 0.
    assert loss_of(trainer) == pytest.approx(0.5, abs=1e-4)


def test_the_kto_trainer_learns_what_we_call_desirable(tmp_path, tokenizer):
    settings = {"max_steps": 30, "learning_rate": 1e-2, "per_device_train_batch_size": 6}
    trainer = kto(tmp_path, tokenizer, build_labels(), True, "jsonl", **settings)
    trainer.train()
    rewards = [row for row in trainer.state.log_history if "rewards/chosen" in row][-1]
    assert rewards["rewards/chosen"] > rewards["rewards/rejected"] + 0.1


def test_the_completions_of_the_kl_term_answer_other_prompts(tmp_path, tokenizer):
    # Four prompts of two pairs each; no two of the sixteen responses have as many words.
    names = [f"q{i // 2}" for i in range(8)]
    a, b = (["word " * (2 * i + k) for i in range(8)] for k in (1, 2))
    made = labels_of(build_pairs(names, a, b), np.array([1.0, -1.0] * 4))
    trainer = kto(tmp_path, tokenizer, made, False, "jsonl", per_device_train_batch_size=4)
    rows = trainer.train_dataset.to_list()
    prompt_of = {tuple(row["completion_ids"]): row["prompt"] for row in rows}
    assert len(prompt_of) == 16
    assert all(prompt_of[tuple(row["KL_completion_ids"])] != row["prompt"] for row in rows)
