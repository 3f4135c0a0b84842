"""Supervised finetuning: TRL's losses and steps, weights that count, cuts that teach no early end, a kill that costs nothing."""

from __future__ import annotations

import copy
import re
from pathlib import Path
from typing import Any

import pytest

torch = pytest.importorskip("torch")
transformers = pytest.importorskip("transformers")

from planted import planted_groups  # noqa: E402
from trl_runs import losses_of_trl  # noqa: E402

from weaklabel.errors import ConfigError, DataError  # noqa: E402
from weaklabel.training.models.loading import load_language_model, with_lora  # noqa: E402
from weaklabel.training.models.scratch import language_model_from_scratch  # noqa: E402
from weaklabel.training.runs.randomness import isolated_randomness  # noqa: E402
from weaklabel.training.runs.running import training_arguments  # noqa: E402
from weaklabel.training.settings import TrainingSettings  # noqa: E402
from weaklabel.training.sft import (  # noqa: E402
    SFT_LAYOUTS,
    Demonstration,
    SFTTrainer,
    _tokenized,
    choose_sft_layout,
    train_sft,
)

pytestmark = pytest.mark.trains

STEPS, ROWS = 20, 4


def demonstrations(n: int, seed: int = 0) -> list[Demonstration]:
    groups = planted_groups(n, seed=seed)
    return [
        Demonstration(g.prompt, " ".join(g.responses[0].split()[: 3 + k % 9])) for k, g in enumerate(groups)
    ]


def policy(given: list[Demonstration]) -> Any:
    return language_model_from_scratch("tiny", [text for d in given for text in (d.prompt, d.completion)])


def settings(**more: Any) -> TrainingSettings:
    given = {
        "groups_per_batch": ROWS,
        "learning_rate": 1e-3,
        "lr_scheduler_type": "constant",
        "logging_steps": 1,
    }
    return TrainingSettings(**given | {"max_length": 128} | more)


def test_the_first_twenty_steps_equal_trl(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HF_HUB_OFFLINE", "1")
    trl = pytest.importorskip("trl")
    pytest.importorskip("datasets")
    given = demonstrations(STEPS * ROWS)
    model, tokenizer = policy(given)
    theirs = copy.deepcopy(model)
    examples, _ = _tokenized(given, tokenizer, 128)
    chosen = settings(layout="padded")
    with isolated_randomness():
        args = training_arguments(chosen, tmp_path / "ours", best_by=None)
        trainer = SFTTrainer(
            model, args, chosen, SFT_LAYOUTS["padded"], examples, [], pad_id=tokenizer.pad_token_id
        )
        order = [index for batch in trainer.get_train_dataloader().batch_sampler for index in batch]
        trainer.train()
        ours = [line["loss"] for line in trainer.state.log_history if "loss" in line]
        rows = [
            {
                "input_ids": examples[k].prompt + examples[k].response,
                "completion_mask": [0] * len(examples[k].prompt) + [1] * len(examples[k].response),
            }
            for k in order
        ]
        expected = losses_of_trl(
            trl.SFTTrainer,
            trl.SFTConfig,
            theirs,
            tokenizer,
            rows,
            tmp_path / "trl",
            per_device_train_batch_size=ROWS,
            max_steps=STEPS,
            max_length=None,
            completion_only_loss=True,
        )
    assert len(ours) == STEPS
    assert ours == pytest.approx(expected, abs=1e-5)
    pairs = zip(model.parameters(), theirs.parameters(), strict=True)
    assert max(float((a - b).detach().abs().max()) for a, b in pairs) < 1e-4


def trained(given: list[Demonstration], folder: Path, **more: Any) -> tuple[Any, Any]:
    model, tokenizer = policy(demonstrations(12))
    return model, train_sft(model, tokenizer, given, settings=settings(**more), folder=folder)


def distance(one: Any, other: Any) -> float:
    pairs = zip(one.parameters(), other.parameters(), strict=True)
    return max(float((a - b).detach().abs().max()) for a, b in pairs)


def test_a_weight_of_two_is_an_example_given_twice_and_zero_is_none(tmp_path: Path) -> None:
    given = demonstrations(8)
    heavy = [Demonstration(d.prompt, d.completion, w=1.0 + (k < 3)) for k, d in enumerate(given)]
    one, _ = trained(heavy, tmp_path / "heavy", groups_per_batch=8, num_train_epochs=3)
    twice, _ = trained([*given, *given[:3]], tmp_path / "twice", groups_per_batch=11, num_train_epochs=3)
    assert distance(one, twice) < 2e-5
    none = [Demonstration(d.prompt, d.completion, w=0.0) for d in demonstrations(5, seed=9)]
    without, done = trained([*heavy, *none], tmp_path / "none", groups_per_batch=8, num_train_epochs=3)
    assert distance(one, without) < 2e-5
    assert done.weightless == 5


def test_batches_of_a_step_share_one_normaliser(tmp_path: Path) -> None:
    given = demonstrations(8)
    whole, _ = trained(given, tmp_path / "whole", groups_per_batch=8, num_train_epochs=2)
    parts, _ = trained(
        given, tmp_path / "parts", groups_per_batch=2, gradient_accumulation_steps=4, num_train_epochs=2
    )
    assert distance(whole, parts) < 2e-5


def test_a_killed_run_ends_with_the_same_weights(tmp_path: Path) -> None:
    given = demonstrations(24)
    whole, _ = trained(given, tmp_path / "whole", num_train_epochs=2, save_steps=3)

    class Killed(Exception):
        pass

    real, steps = SFTTrainer.training_step, 0

    def dies(self: Any, *args: Any, **more: Any) -> Any:
        nonlocal steps
        steps += 1
        if steps == 8:
            raise Killed
        return real(self, *args, **more)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(SFTTrainer, "training_step", dies)
        with pytest.raises(Killed):
            trained(given, tmp_path / "killed", num_train_epochs=2, save_steps=3)
    again, done = trained(given, tmp_path / "killed", num_train_epochs=2, save_steps=3)
    assert done.resumed == 6
    assert distance(whole, again) < 1e-6


@pytest.mark.parametrize("n", [12, 20])
def test_a_run_that_had_ended_takes_no_further_step(tmp_path: Path, n: int) -> None:
    """Steps of an epoch: 3 and 5. The last one, 4, is not the end of an epoch."""
    given = demonstrations(n)
    first, done = trained(given, tmp_path / "run", max_steps=4, save_steps=2)
    again, after = trained(given, tmp_path / "run", max_steps=4, save_steps=2)
    assert (done.steps, after.steps, after.resumed) == (4, 4, 4)
    assert after.losses == done.losses
    assert distance(first, again) == 0.0


def test_it_learns_what_it_is_shown_and_is_judged_by_gold(tmp_path: Path) -> None:
    given = [Demonstration(f"question {k % 4}", "the answer is kind") for k in range(40)]
    model, tokenizer = policy(given)
    done = train_sft(
        model,
        tokenizer,
        given[:32],
        gold=given[32:],
        settings=settings(num_train_epochs=8, learning_rate=3e-3),
        folder=tmp_path / "run",
    )
    assert done.checks[-1][1] < 0.2 < 3 < done.losses[0][1]
    model.save_pretrained(tmp_path / "saved")
    tokenizer.save_pretrained(tmp_path / "saved")
    loaded, again = load_language_model(tmp_path / "saved")
    ids = again("question 1\n\n", return_tensors="pt")["input_ids"]
    text = again.decode(loaded.generate(ids, max_new_tokens=12, do_sample=False)[0, ids.shape[1] :])
    assert text == "the answer is kind<end>"


def test_adapters_alone_train_and_change_the_answers(tmp_path: Path) -> None:
    given = demonstrations(16)
    model, tokenizer = policy(given)
    before = {name: value.clone() for name, value in model.state_dict().items()}
    adapted = with_lora(model, lora_r=2)
    train_sft(
        adapted, tokenizer, given, settings=settings(lora_r=2, num_train_epochs=3), folder=tmp_path / "run"
    )
    state = adapted.get_base_model().state_dict()
    kept = {name.replace(".base_layer", ""): value for name, value in state.items() if "lora_" not in name}
    assert all(torch.equal(kept[name], value) for name, value in before.items())
    assert any(
        float(p.detach().abs().max()) > 0 for name, p in adapted.named_parameters() if "lora_B" in name
    )


def test_a_response_that_is_cut_does_not_teach_to_stop() -> None:
    given = [Demonstration("q", "the answer is that " * 40), Demonstration("q", "the answer")]
    _, tokenizer = policy(given)
    (long, short), cut = _tokenized(given, tokenizer, 32)
    assert len(long.prompt) + len(long.response) == 32
    assert tokenizer.eos_token_id not in long.response
    assert short.response[-1] == tokenizer.eos_token_id
    assert (cut.responses, cut.n_responses) == (1, 2)


def test_a_prompt_that_fills_the_context_is_cut_and_its_answer_stays() -> None:
    given = [Demonstration("word " * 400, "the answer is kind")]
    _, tokenizer = policy(given)
    (example,), cut = _tokenized(given, tokenizer, 64)
    assert tokenizer.decode(example.response) == "the answer is kind<end>"
    assert cut.prompts == 1


def test_the_tokens_of_a_chat_template_are_told_apart_by_ids() -> None:
    given = [Demonstration("hello", "the answer"), Demonstration("hello", "the answer is kind")]
    _, tokenizer = policy(given)
    tokenizer.chat_template = (
        "{% for m in messages %}<{{ m['role'] }}>{{ m['content'] }}{{ eos_token }}{% endfor %}"
        "{% if add_generation_prompt %}<assistant>{% endif %}"
    )
    examples, _ = _tokenized(given, tokenizer, 64)
    assert [tokenizer.decode(e.prompt) for e in examples] == ["<user>hello<end><assistant>"] * 2
    assert [tokenizer.decode(e.response) for e in examples] == ["the answer<end>", "the answer is kind<end>"]


def test_what_cannot_be_learned_is_one_line(tmp_path: Path) -> None:
    model, tokenizer = policy(demonstrations(4))
    cases: list[tuple[list[Demonstration], str]] = [
        ([], "none of 0 demonstrations can be learned"),
        ([Demonstration("q", " \n")] * 2, "2 responses are empty, 0 have weight 0"),
        ([Demonstration("q", "a", w=0.0)], "0 responses are empty, 1 have weight 0"),
        ([Demonstration("q", "a"), Demonstration("q", "a", w=-1.0)], r"demonstrations, number 2: w is -1\.0"),
        ([Demonstration("q", "a", w=float("nan"))], "number 1: w is nan"),
        ([Demonstration("q", "a", w=1e39)], r"w is 1e\+39\. Allowed: 0, or 1e-06 to 1e\+06"),
        ([Demonstration("q", "a", w=1e-44)], "w is 1e-44"),
        ([Demonstration("q", "a", w=None)], "w is None"),  # type: ignore[arg-type]
        ([Demonstration("q", None)], "completion is a NoneType"),  # type: ignore[arg-type]
    ]
    for given, message in cases:
        with pytest.raises(DataError, match=message):
            train_sft(model, tokenizer, given, settings=settings(), folder=tmp_path / "run")
    with pytest.raises(ConfigError, match="layout 'varlen' does not fit: packed attention runs on CUDA"):
        choose_sft_layout(model, "varlen", "cpu")
    assert choose_sft_layout(model, "auto", "cpu").name == "bucketed"


def test_weights_that_are_missing_are_named(tmp_path: Path) -> None:
    from weaklabel.errors import ArtifactError
    from weaklabel.training.models.scratch import from_scratch

    model, tokenizer = from_scratch("tiny", ["text"])
    model.save_pretrained(tmp_path)
    tokenizer.save_pretrained(tmp_path)
    with pytest.raises(ArtifactError, match=r"lacks 1 weights of its model, 'lm_head\.weight' first"):
        load_language_model(tmp_path)


def test_a_watch_sees_the_start_and_every_checkpoint_and_changes_nothing(tmp_path: Path) -> None:
    given, seen = demonstrations(16), []

    def watched(folder: Path) -> Any:
        model, tokenizer = policy(given)
        chosen = settings(max_steps=4, save_steps=2)
        train_sft(model, tokenizer, given, settings=chosen, folder=folder, watch=look)
        return model

    def look(model: Any, step: int) -> None:
        seen.append(step)
        torch.rand(3)  # draws of a watch leave the run as it is

    first = watched(tmp_path / "run")
    assert seen == [0, 2, 4]
    watched(tmp_path / "run")
    assert seen == [0, 2, 4, 4]  # a run that goes on shows where it stands
    model, tokenizer = policy(given)
    train_sft(
        model, tokenizer, given, settings=settings(max_steps=4, save_steps=2), folder=tmp_path / "unwatched"
    )
    assert distance(first, model) == 0.0


@pytest.mark.parametrize(
    ("lacking", "said"),
    [
        ("eos_token", "with which a response to a decoder has to end"),
        ("pad_token", "Set tokenizer.pad_token; the end"),
    ],
)
def test_what_a_tokenizer_lacks_is_told_without_a_word_of_rewards(
    tmp_path: Path, lacking: str, said: str
) -> None:
    model, tokenizer = policy(given := demonstrations(4))
    setattr(tokenizer, lacking, None)
    with pytest.raises(ConfigError, match=said) as error:
        train_sft(model, tokenizer, given, settings=settings(), folder=tmp_path / "run")
    assert not re.search("reward|scorer", str(error.value))
