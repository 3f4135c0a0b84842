"""Multiple choice in the audit: probabilities by hand, the ECE by the textbook, and a policy that learns the answers."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from weaklabel.data.asked.choices import Choice
from weaklabel.metrics import choice_ece_metric, choice_ece_when_perfect
from weaklabel.stages.audit.choices import choice_figures, choice_logps, some_choices
from weaklabel.types import FloatArray

QUESTIONS = [Choice(f"Which digit follows {k}?", ("one", "two two", "three"), k % 3) for k in range(9)]


def textbook_ece(said: FloatArray, right: FloatArray, bins: int = 15) -> float:
    total = 0.0
    for b in range(bins):
        inside = (said >= b / bins) & ((said < (b + 1) / bins) | (b == bins - 1))
        if inside.any():
            total += inside.sum() * abs(said[inside].mean() - right[inside].mean())
    return total / len(said)


@pytest.mark.parametrize("seed", range(3))
def test_the_ece_is_that_of_the_textbook_on_the_whole_range(seed: int) -> None:
    draw = np.random.default_rng(seed)
    said, right = draw.random(200), draw.integers(0, 2, 200).astype(float)
    said[:2] = 1.0, 0.0
    assert choice_ece_metric()(said, right) == pytest.approx(textbook_ece(said, right))


def test_of_answers_that_are_right_as_often_as_said_the_ece_lies_in_the_band() -> None:
    draw = np.random.default_rng(0)
    said = draw.uniform(0.2, 1.0, 400)
    band = choice_ece_when_perfect(said, level=0.98)
    right = (draw.random(400) < said).astype(float)
    assert band.low < choice_ece_metric()(said, right) < band.high
    assert choice_ece_metric()(said, np.zeros(400)) > band.high


def test_figures_are_of_the_likeliest_choice() -> None:
    choices = [Choice("q", ("x", "y"), 0), Choice("r", ("x", "y", "z"), 2)]
    logps = [np.log([0.06, 0.02]), np.log([0.5, 0.3, 0.2])]  # .75 for the right one; .5 for a wrong one
    found = dict(choice_figures(choices, logps, 0))
    assert found["choices/accuracy"].value == 0.5
    assert found["choices/ece"].value == pytest.approx((0.25 + 0.5) / 2)
    assert found["choices/nll"].value == pytest.approx(-(np.log(0.75) + np.log(0.2)) / 2)
    assert found["choices/accuracy"].n == 2


def test_log_probabilities_of_minus_infinity_are_borne() -> None:
    found = dict(choice_figures([Choice("q", ("x", "y"), 0)] * 2, [np.array([-2e4, -1.0])] * 2, 0))
    assert np.isfinite(found["choices/nll"].value)


def test_which_questions_are_asked_does_not_depend_on_their_order() -> None:
    assert some_choices(QUESTIONS, 4, 0) == some_choices(QUESTIONS[::-1], 4, 0)
    assert len(some_choices(QUESTIONS, 4, 0)) == 4
    assert set(some_choices(QUESTIONS, 99, 0)) == set(QUESTIONS)


# ------------------------------------------------------------------------------------------ with a model
def made_model() -> tuple[Any, Any]:
    pytest.importorskip("torch")
    pytest.importorskip("transformers")
    from weaklabel.training.models.scratch import language_model_from_scratch

    texts = [text for each in QUESTIONS for text in (each.question, *each.choices)]
    return language_model_from_scratch("tiny", texts)


@pytest.mark.trains
@pytest.mark.parametrize("normalized", [False, True])
def test_log_probabilities_are_those_of_the_tokens_of_the_choice_without_its_end(normalized: bool) -> None:
    model, tokenizer = made_model()
    import torch

    found = choice_logps(model, tokenizer, QUESTIONS[:2], length_normalized=normalized)
    for each, logps in zip(QUESTIONS, found, strict=False):
        for text, logp in zip(each.choices, logps, strict=True):
            prompt = tokenizer(each.question + "\n\n", add_special_tokens=False)["input_ids"]
            choice = tokenizer(text, add_special_tokens=False)["input_ids"]
            with torch.no_grad():
                rows = model(torch.tensor([prompt + choice])).logits[0].log_softmax(-1)
            each_token = [rows[len(prompt) - 1 + k, token].item() for k, token in enumerate(choice)]
            assert logp == pytest.approx(np.mean(each_token) if normalized else np.sum(each_token), abs=1e-4)


@pytest.mark.trains
def test_a_question_without_room_is_told() -> None:
    from weaklabel.errors import DataError

    model, tokenizer = made_model()
    with pytest.raises(DataError, match="audit: 1 of 2 multiple-choice questions are longer than"):
        choice_logps(
            model, tokenizer, [QUESTIONS[0], Choice("long " * 5000, ("a", "b"), 0)], length_normalized=False
        )


@pytest.mark.trains
def test_a_stage_whose_policy_learns_the_answers_shows_it_at_every_look(tmp_path: Path) -> None:
    pytest.importorskip("torch")
    pytest.importorskip("transformers")
    import weaklabel as wl
    from weaklabel.stages.audit import Audit

    path = tmp_path / "mc.jsonl"
    path.write_text(
        "".join(
            json.dumps({"question": q.question, "choices": q.choices, "answer": "ABC"[q.answer]}) + "\n"
            for q in QUESTIONS
        )
    )
    rows = [{"prompt": q.question, "completion": q.choices[q.answer]} for q in QUESTIONS]
    given: dict[str, Any] = {
        "from_scratch": "tiny",
        "max_steps": 60,
        "save_steps": 30,
        "groups_per_batch": 9,
        "learning_rate": 3e-3,
        "max_length": 64,
    }
    audit = {"max_new_tokens": 8, "audit_prompts": 4, "multiple_choice": str(path)}
    result = wl.stages.sft(rows, output_dir=tmp_path / "out", audit=audit, **given)
    figures = result.rounds[0].figures
    assert figures["choices/accuracy"] == 1.0
    assert figures["choices/ece"] < 0.2
    folder = result.rounds[0].folder / "audit"
    looks = Audit.load(folder).looks
    assert [look.figures["choices/accuracy"].n for look in looks] == [9, 9, 9]
    assert looks[0].figures["choices/nll"].value > looks[-1].figures["choices/nll"].value
    assert "Multiple choice" in (folder / "audit.html").read_text()
    about = json.loads((folder / "audit.json").read_text())
    assert len(about["inputs"]["choices"]) == 64
    assert str(tmp_path) not in (folder / "audit.json").read_text()
    path.write_text(path.read_text().replace('"A"', '"D"', 1))
    with pytest.raises(wl.WeaklabelError, match=r"mc\.jsonl, line 1: answer is str 'D'"):
        wl.stages.sft(rows, output_dir=tmp_path / "other", audit=audit, **given)


@pytest.mark.trains
def test_a_look_with_other_questions_is_refused_in_the_folder_of_an_audit(tmp_path: Path) -> None:
    from weaklabel.errors import ArtifactError
    from weaklabel.stages.audit import Auditor, AuditSettings

    model, tokenizer = made_model()

    def look(step: int, **more: Any) -> None:
        settings = AuditSettings(max_new_tokens=4, length_normalized=more.pop("normalized", False))
        prompts = [each.question for each in QUESTIONS[:2]]
        Auditor(prompts, tokenizer, tmp_path, settings=settings, **more).watch(model, step)

    look(0, choices=QUESTIONS)
    look(1, choices=QUESTIONS)
    for more in ({}, {"choices": QUESTIONS[:5]}, {"choices": QUESTIONS, "normalized": True}):
        with pytest.raises(ArtifactError, match="choices differ"):
            look(2, **more)
