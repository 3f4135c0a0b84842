"""The stage `sft`: demonstrations and labels that teach; what transformers loads; bad input."""

from __future__ import annotations

import json
import os
import random
import warnings
from pathlib import Path
from typing import Any

import numpy as np
import pytest

torch = pytest.importorskip("torch")
transformers = pytest.importorskip("transformers")

from made_labels import build_labels  # noqa: E402

import weaklabel as wl  # noqa: E402
from weaklabel.errors import (  # noqa: E402
    ArtifactError,
    ConfigError,
    DataError,
    NotCalibratedError,
    UnknownNameError,
)
from weaklabel.stages.materials import Materials  # noqa: E402
from weaklabel.stages.sft import SFT, SFTSettings  # noqa: E402

pytestmark = pytest.mark.trains

SETTINGS: dict[str, Any] = {
    "from_scratch": "tiny",
    "max_steps": 4,
    "save_steps": 2,
    "groups_per_batch": 4,
    "learning_rate": 1e-3,
    "max_length": 64,
    "audit": {"max_new_tokens": 8, "audit_prompts": 4},
}


def write_demonstrations(path: Path, n: int = 40) -> Path:
    draw = random.Random(0)
    words = ["adding", "one", "number", "to", "the", "other", "gives", "their", "sum", "in", "the", "end"]
    rows = [
        {
            "prompt": f"What is {i} + {i % 7}?",
            "completion": f"{i + i % 7}, by {' '.join(draw.choices(words, k=4))}.",
        }
        for i in range(n)
    ]
    path.write_text("".join(json.dumps(row) + "\n" for row in rows), encoding="utf-8")
    return path


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_demonstrations(tmp_path_factory.mktemp("data") / "demos.jsonl")


def labels_of_texts(n_pairs: int, n_test: int, *, calibrated: bool = True) -> Any:
    """Labels with log-odds from -3 to 3, the first ones in the locked test part."""
    draw = np.random.default_rng(0)
    rows = [
        (f"p{i}", f"What is number {i}?", None, None, "test" if i < n_test else "pool", z, 1.0)
        for i, z in enumerate(draw.uniform(-3, 3, n_pairs).tolist())
    ]
    return build_labels(calibrated, rows)


def trained(data: Any, folder: Path, **more: Any) -> Any:
    return wl.stages.sft(data, output_dir=folder, **SETTINGS | more)


@pytest.fixture(scope="module")
def from_python(data: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("python") / "sft"
    trained(str(data), folder)
    return folder


THREE = [{"prompt": f"{i}?", "completion": "b"} for i in range(3)]


def test_transformers_loads_the_policy_and_a_later_stage_starts_from_it(
    from_python: Path, data: Path, tmp_path: Path
) -> None:
    model_folder = from_python / "round-00" / "model"
    model = transformers.AutoModelForCausalLM.from_pretrained(model_folder)
    tokenizer = transformers.AutoTokenizer.from_pretrained(model_folder)
    made = model.generate(
        **tokenizer("What is 3 + 3?", return_tensors="pt"), max_new_tokens=4, do_sample=False
    )
    assert made.shape[1] > 4
    again = trained(str(data), tmp_path / "next", model=str(model_folder), from_scratch=None)
    assert again.rounds[0].figures["loss"] < 7
    assert "sft" in (again.model / "README.md").read_text()


def test_an_adapter_is_saved_as_one_and_loads_on_its_base(
    from_python: Path, data: Path, tmp_path: Path
) -> None:
    peft = pytest.importorskip("peft")
    warnings.filterwarnings(
        "ignore", message=".*is_gradient_checkpointing", category=FutureWarning
    )  # peft asks so
    base = from_python / "round-00" / "model"
    result = trained(
        str(data),
        tmp_path / "lora",
        model=os.path.relpath(base),
        from_scratch=None,
        lora_r=4,
        learning_rate=1e-2,
    )
    assert (result.model / "adapter_model.safetensors").is_file()
    about = json.loads((result.model / "adapter_config.json").read_text())
    assert about["base_model_name_or_path"] == str(base)
    assert not (result.model / "model.safetensors").exists()
    whole = transformers.AutoModelForCausalLM.from_pretrained(base)
    before = whole(torch.tensor([[5, 6, 7]])).logits
    after = peft.PeftModel.from_pretrained(whole, result.model)(torch.tensor([[5, 6, 7]])).logits
    assert float((before - after).detach().abs().max()) > 1e-3
    with pytest.raises(ArtifactError, match=r"LoRA adapter of .* which lies elsewhere"):
        trained(str(data), tmp_path / "lost", model=str(result.model), from_scratch=None)
    third = trained(
        str(data),
        tmp_path / "third",
        model=str(base),
        adapter=str(result.model),
        from_scratch=None,
        max_steps=1,
    )
    assert (third.model / "model.safetensors").is_file()


def test_labels_teach_their_better_response_and_test_prompts_are_watched(tmp_path: Path) -> None:
    labels = labels_of_texts(n_pairs=60, n_test=8)
    made = SFT.of(SFTSettings(**SETTINGS | {"min_confidence": 0.6}), Materials(labels=lambda: labels))
    learned = {row.prompt: row.completion for row in made._data.rows}
    for pair, part, p in zip(labels.pairs.iter_pairs(), labels.pairs.parts, labels.p, strict=True):
        kept = part != "test" and max(p, 1 - p) >= 0.6
        assert (pair.prompt in learned) == kept
        if kept:
            assert learned[pair.prompt] == (pair.response_b if p > 0.5 else pair.response_a)
    assert made._watched is not None
    asked = {row.prompt for row in made._watched.prompts}
    test = labels.pairs.take(labels.pairs.parts == "test")
    assert asked
    assert asked <= set(test.table["prompt"].to_pylist())
    result = trained(labels, tmp_path / "sft", min_confidence=0.6)
    assert result.rounds[0].figures["demonstrations"] == len(learned)
    assert "logps/chosen" in result.rounds[0].figures
    assert any("locked test prompts" in note for note in result.notes)


def test_answers_have_room_for_what_is_learned(tmp_path: Path) -> None:
    rows = [{"prompt": f"{i}?", "completion": "one two three " * 8} for i in range(4)]
    more: dict[str, Any] = {"max_steps": 1, "save_steps": 1, "audit": True}
    result = trained(rows, tmp_path / "sft", **more)
    about = json.loads((result.rounds[0].folder / "audit" / "audit.json").read_text())
    tokenizer = transformers.AutoTokenizer.from_pretrained(result.model)
    assert about["settings"]["max_new_tokens"] == max(
        16, len(tokenizer(rows[0]["completion"])["input_ids"]) + 1
    )


def test_labels_that_were_never_calibrated_are_refused(tmp_path: Path) -> None:
    labels = labels_of_texts(n_pairs=60, n_test=8, calibrated=False)
    with pytest.raises(NotCalibratedError, match="never calibrated"):
        trained(labels, tmp_path / "sft")


@pytest.mark.parametrize(
    ("given", "more", "kind", "said"),
    [
        ([{"prompt": "a", "completion": ""}] * 2, {}, DataError, "none of 2 demonstrations can be learned"),
        ([{"prompt": "a", "completion": None}], {}, DataError, "rows hold no usable demonstration"),
        ([], {}, DataError, "demonstrations cannot be read from list"),
        (
            THREE,
            {"model": "nowhere/at-all", "from_scratch": None},
            ArtifactError,
            "nowhere",
        ),
        (
            THREE,
            {"model": "m"},
            ConfigError,
            "both of model and from_scratch",
        ),
        (THREE, {"from_scratch": None}, ConfigError, "neither of model"),
        (THREE, {"adapter": "x"}, ConfigError, "without a model"),
        (
            THREE,
            {"from_scratch": "huge"},
            UnknownNameError,
            "no model size 'huge'",
        ),
        (
            THREE,
            {"audit": {"stop_on": ["colapse"]}},
            UnknownNameError,
            "collapse",
        ),
        (THREE, {"audit": {"prompts": 3}}, ConfigError, "audit"),
        (THREE, {"audit": 3}, ConfigError, "audit is 3"),
    ],
)
def test_bad_input_is_one_line(
    tmp_path: Path,
    given: Any,
    more: dict[str, Any],
    kind: type[Exception],
    said: str,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("HF_HUB_OFFLINE", "1")
    with pytest.raises(kind, match=said) as caught:
        trained(given, tmp_path / "sft", **more)
    assert "\n" not in str(caught.value)


def test_prompts_that_fill_the_length_are_cut_and_told(tmp_path: Path) -> None:
    rows = [{"prompt": f"{i} " + "word " * 200, "completion": f"answer {i}"} for i in range(24)]
    result = trained(rows, tmp_path / "sft", max_length=32, max_steps=1)
    assert result.rounds[0].figures["prompts cut"] >= 20
    assert any("max_length is 32" in note and "raise max_length" in note for note in result.notes)


def test_prompts_that_are_learned_and_judged_by_are_told(tmp_path: Path) -> None:
    rows = [{"prompt": f"{i}?", "completion": "b"} for i in range(4)]
    held = tmp_path / "held.jsonl"
    settings = SFTSettings(from_scratch="tiny", audit=False, eval_data=str(held))
    held.write_text(json.dumps(rows[0]) + "\n" + json.dumps({"prompt": "other?", "completion": "b"}) + "\n")
    stage = SFT.of(settings, Materials(source=rows))
    assert any("1 of the 2 prompts of eval_data are trained on too" in note for note in stage.notes)


def test_counts_of_the_data_are_not_overwritten_by_shares_of_answers(tmp_path: Path) -> None:
    rows = [{"prompt": f"{i}?", "completion": "b" if i else " "} for i in range(24)]
    figures = trained(rows, tmp_path / "sft", max_steps=1).rounds[0].figures
    assert isinstance(figures["empty responses"], int)
    assert figures["empty responses"] + figures["demonstrations"] == 24 - SETTINGS["audit"]["audit_prompts"]
    assert 0 <= figures["empty"] <= 1  # a share of the answers


def test_an_audit_that_ends_the_run_keeps_what_there_is(data: Path, tmp_path: Path) -> None:
    """A policy of random weights hardly ever ends an answer."""
    stopping = {"audit": {**SETTINGS["audit"], "stop_on": ["no_end"], "min_ended": 1.0}}
    with pytest.raises(wl.WeaklabelError, match="the audit ended the run at step"):
        trained(str(data), tmp_path / "sft", **stopping)
    part = tmp_path / "sft" / "round-00.part"
    assert any((part / "scratch" / "training").glob("checkpoint-*"))
    assert (part / "audit" / "audit.jsonl").read_text().count("\n") >= 2
    result = trained(str(data), tmp_path / "sft")  # how it is watched is no part of what comes out
    assert result.rounds[0].figures["steps"] == 4
    assert os.path.isdir(result.model)
