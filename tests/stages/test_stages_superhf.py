"""The stage `superhf`: what is drawn, trimmed and kept; a reward that rises; bad input."""

from __future__ import annotations

import json
import random
from pathlib import Path
from typing import Any

import numpy as np
import pytest

torch = pytest.importorskip("torch")
transformers = pytest.importorskip("transformers")

from made_labels import build_labels  # noqa: E402

import weaklabel as wl  # noqa: E402
from weaklabel.comparers.simulated import Simulated  # noqa: E402
from weaklabel.data.asked.prompts import Prompt  # noqa: E402
from weaklabel.errors import (  # noqa: E402
    ConfigError,
    DataError,
    LabelMatrixError,
    TrainingError,
)
from weaklabel.servers.protocol import Reply  # noqa: E402
from weaklabel.stages.best_of.judging import Judge  # noqa: E402
from weaklabel.stages.best_of.sampled import Draws  # noqa: E402
from weaklabel.stages.materials import Materials  # noqa: E402
from weaklabel.stages.registry import StageTable  # noqa: E402
from weaklabel.stages.superhf.settings import SuperHFSettings  # noqa: E402
from weaklabel.stages.superhf.stage import SuperHF  # noqa: E402
from weaklabel.stages.superhf.superbatches import Superbatches, best_of_each  # noqa: E402
from weaklabel.stages.superhf.told import FILE, Choice, Kept  # noqa: E402
from weaklabel.training.decoding import Drawn, Responder  # noqa: E402
from weaklabel.training.models.scratch import language_model_from_scratch  # noqa: E402

pytestmark = pytest.mark.trains

SETTINGS: dict[str, Any] = {
    "from_scratch": "tiny",
    "superbatch_size": 4,
    "prompt_accumulation_steps": 6,
    "minibatch_size": 3,
    "max_new_tokens": 6,
    "save_steps": 2,
    "learning_rate": 1e-3,
    "max_length": 48,
    "beta": 0.1,
    "audit": {"audit_prompts": 4},
}
CHECKS = """
def vowels(prompt, response):
    return sum(letter in "aeiou" for letter in response) / len(response)

def words(prompt, response):
    return -len(response.split())
"""


def vowels(prompt: str, response: str) -> float:
    return sum(letter in "aeiou" for letter in response) / len(response)


def prompts(n: int = 24) -> list[dict[str, str]]:
    return [{"prompt": f"Say something about number {k}."} for k in range(n)]


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("data")
    (folder / "prompts.jsonl").write_text("".join(json.dumps(row) + "\n" for row in prompts()))
    (folder / "checks.py").write_text(CHECKS)
    return folder


def named(data: Path) -> dict[str, str]:
    return {"comparer": f"{data}/checks.py:vowels", "held_out": f"{data}/checks.py:words"}


def learned(folder: Path, given: Any = None, **more: Any) -> Any:
    chosen = {"comparer": vowels} | SETTINGS | more
    return wl.stages.superhf(prompts() if given is None else given, output_dir=folder, **chosen)


@pytest.fixture(scope="module")
def undisturbed(data: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("python") / "superhf"
    wl.stages.superhf(str(data / "prompts.jsonl"), output_dir=folder, **SETTINGS | named(data))
    return folder


# ---------------------------------------------------------------------------------------- the contract
def test_figures_samples_and_the_model_stand_in_the_round(undisturbed: Path) -> None:
    round_ = undisturbed / "round-00"
    figures = json.loads((undisturbed / "rounds.json").read_text())["rounds"][0]["figures"]
    steps = [json.loads(line) for line in (round_ / FILE).read_text().splitlines()]
    assert [step["step"] for step in steps] == list(range(figures["superbatches"]))
    choices = [Choice(**each) for step in steps for each in step["prompts"]]
    asked = [choice.prompt for choice in choices]
    assert len(set(asked)) == len(asked) == figures["prompts"] == 24 - 4  # four are the audit's
    assert figures["samples"] == 4 * len(asked) == sum(len(c.rewards) + c.n_empty for c in choices)
    for choice in choices:
        if choice.kept:
            assert choice.kept_rewards[0] == max(choice.rewards) == pytest.approx(vowels("", choice.kept[0]))
            assert choice.kept_held_out == [-float(len(choice.kept[0].split()))]
    assert {"reward before", "reward after", "reward gained low", "held-out reward after", "kl"} <= set(
        figures
    )
    log = [json.loads(line) for line in (round_ / "log.jsonl").read_text().splitlines()]
    assert {"reward", "kept_reward", "kept_held_out", "sameness", "sameness/low", "nll", "kl"} <= set(log[0])
    assert transformers.AutoModelForCausalLM.from_pretrained(round_ / "model").config.vocab_size > 0
    assert "SuperHF" in (round_ / "model" / "README.md").read_text()


# ---------------------------------------------------------------------------------------- learning
@pytest.fixture(scope="module")
def talker(tmp_path_factory: pytest.TempPathFactory) -> str:
    """A tiny model that was taught plain text: a few words, drawn at random, and an end."""
    draw = random.Random(0)
    words = [
        "amber",
        "basin",
        "cedar",
        "delta",
        "ember",
        "fjord",
        "glade",
        "heath",
        "inlet",
        "aeon",
        "audio",
        "ooze",
        "knoll",
        "ledge",
        "marsh",
        "north",
    ]
    rows = [
        {"prompt": f"Say something about number {k}.", "completion": " ".join(draw.choices(words, k=4)) + "."}
        for k in range(320)
    ]
    folder = tmp_path_factory.mktemp("talker") / "sft"
    given = {"from_scratch": "tiny", "learning_rate": 3e-3, "groups_per_batch": 16, "num_train_epochs": 8.0}
    made = wl.stages.sft(rows, output_dir=folder, audit=False, max_length=64, **given)
    return str(made.model)


TALKING: dict[str, Any] = {
    "from_scratch": None,
    "superbatch_size": 8,
    "prompt_accumulation_steps": 4,
    "minibatch_size": 4,
    "max_new_tokens": 24,
    "max_length": 64,
    "batch_size": 32,
    "num_train_epochs": 2.0,
    "save_steps": 0.5,
}


def test_the_share_of_vowels_rises_beyond_chance(talker: str, tmp_path: Path) -> None:
    (tmp_path / "held.jsonl").write_text("".join(json.dumps(row) + "\n" for row in prompts(128)[64:]))
    more = {"eval_data": str(tmp_path / "held.jsonl"), "audit": {"audit_prompts": 64}}
    result = learned(tmp_path / "superhf", prompts(64), model=talker, **TALKING | more)
    figures = result.rounds[0].figures
    assert figures["reward gained low"] > 0, figures
    assert figures["reward, last"] > figures["reward, first"] + 0.01
    assert figures["kept reward, last"] > figures["reward, last"]
    assert 0 < figures["kl"] < 3
    assert 0 < figures["kl of the kept"] < 3
    assert any("a superbatch took" in note for note in result.notes)


def test_a_strong_prior_holds_the_policy_where_it_was(talker: str, tmp_path: Path) -> None:
    """All else equal, the KL of the last superbatches is a fraction of that without much pull."""
    kls = []
    for beta in (0.01, 100.0):
        given = TALKING | {"beta": beta, "audit": False, "num_train_epochs": 1.0}
        figures = learned(tmp_path / str(beta), prompts(32), model=talker, **given).rounds[0].figures
        assert "kl" not in figures  # that is the audit's
        assert figures["loss"] == pytest.approx(figures["nll"] + beta * figures["kl of the kept"], rel=1e-3)
        kls.append(figures["kl of the kept"])
    assert kls[1] < 0.3 * kls[0]
    loose = TALKING | {"beta": 0.0, "audit": False, "num_train_epochs": 1.0, "max_steps": 1}
    assert (
        learned(tmp_path / "0", prompts(32), model=talker, **loose).rounds[0].figures["kl of the kept"]
        is None
    )


def test_adapters_make_the_base_their_own_prior_and_a_second_round_goes_on(
    talker: str, tmp_path: Path
) -> None:
    pytest.importorskip("peft")
    given = TALKING | {"lora_r": 4, "learning_rate": 1e-2, "num_rounds": 2, "audit": False}
    given |= {
        "num_train_epochs": 1.0,
        "kl_estimate": "sampled",
        "kl_direction": "reverse",
        "logging_steps": 1,
    }
    result = learned(tmp_path / "superhf", prompts(16), model=talker, **given)
    first, second = result.rounds
    assert (first.model / "adapter_model.safetensors").is_file()
    assert (second.model / "model.safetensors").is_file()
    assert (first.folder / FILE).read_bytes() != (second.folder / FILE).read_bytes()
    log = [json.loads(line) for line in (second.folder / "log.jsonl").read_text().splitlines()]
    assert log[0]["kl"] > 1e-4  # against the model of the settings, not that of the round before
    given |= {"reference": "previous"}
    again = learned(tmp_path / "previous", prompts(16), model=talker, **given)
    log = [json.loads(line) for line in (again.rounds[1].folder / "log.jsonl").read_text().splitlines()]
    assert log[0]["kl"] < 1e-4


def test_all_prompts_at_once_are_one_superbatch_of_many_steps(talker: str, tmp_path: Path) -> None:
    given = TALKING | {"prompt_accumulation_steps": 0, "audit": False, "num_train_epochs": 1.0}
    figures = learned(tmp_path / "superhf", prompts(16), model=talker, **given).rounds[0].figures
    assert figures["superbatches"] == 1
    assert figures["kept"] == 16


def test_what_a_person_needs_is_printed_and_the_rest_is_counted(tmp_path: Path) -> None:
    result = learned(tmp_path / "superhf", held_out=lambda prompt, response: -len(response.split()))
    rows = str(result).splitlines()
    printed = {row.rsplit(maxsplit=1)[0].strip() for row in rows[1 : rows.index("")]}
    assert {"reward, first", "reward, last", "reward gained low", "kl", "warnings"} <= printed
    assert not {"trimmed samples", "reward before", "kl_per_answer"} & printed
    figures = result.rounds[0].figures
    told = [row for row in rows if row.endswith(f"more figures: {result.folder / 'rounds.json'}")]
    assert told == [f"{len(figures) - len(result.shown)} more figures: {result.folder / 'rounds.json'}"]
    assert result.to_dict()["rounds"][0]["figures"].keys() == figures.keys()
    assert set(result.shown) <= figures.keys()


# ---------------------------------------------------------------------------------------- superbatches
def drawing(folder: Path, judge: Any = vowels, **more: Any) -> tuple[Superbatches, Any]:
    folder.mkdir(exist_ok=True)
    model, tokenizer = language_model_from_scratch("tiny", ["Say something about number 1."])
    chosen = SuperHFSettings(**SETTINGS | more)
    asked = [Prompt.of(row["prompt"]) for row in prompts(6)]
    return Superbatches(asked, Judge.of(judge, "the comparer"), None, chosen, 48, tokenizer, folder), model


def test_the_best_of_each_prompt_is_that_of_a_search_through_all() -> None:
    rng = np.random.default_rng(0)
    sizes = [3, 0, 5, 1]
    of = np.repeat(np.arange(4), sizes)
    texts = ["x" * int(n) for n in rng.integers(1, 40, len(of))]
    draws = Draws([Prompt.of(str(k)) for k in range(4)], (), of, np.arange(len(of)), texts)
    rewards = rng.integers(0, 4, len(of)).astype(float)
    for n in (1, 2):
        for penalty in (0.0, 0.5):
            found = best_of_each(draws, rewards, n, penalty)
            for prompt, chosen in enumerate(found):
                mine = [k for k in range(len(of)) if of[k] == prompt]
                worth = {k: rewards[k] - penalty * np.log(len(texts[k])) for k in mine}
                wanted = sorted(mine, key=lambda k: (-worth[k], k))[:n]
                assert chosen == wanted


def drawn_of(tokenizer: Any, text: str, *, end: bool) -> Drawn:
    ids = tokenizer(text, add_special_tokens=False)["input_ids"] + ([tokenizer.eos_token_id] if end else [])
    kept = text.split("\n\nHuman:")[0]
    return Drawn([5, 6], ids, Reply(kept, finish="stop", tokens_in=2, tokens_out=len(ids)))


def test_a_text_that_goes_on_with_another_turn_is_trimmed_and_teaches_its_end(tmp_path: Path) -> None:
    batches, _ = drawing(tmp_path)
    tokenizer = batches._tokenizer
    said = ["yes.\n\nHuman: more?", "yes.\n\nAssistant: again", " yes. ", "yes, a note:\n\nNote: this", " \n"]
    drawn = [drawn_of(tokenizer, text, end=k % 2 == 0) for k, text in enumerate(said)]
    samples, trimmed = batches._trimmed([drawn])
    assert [sample.text for sample in samples] == ["yes.", "yes.", "yes.", "yes, a note:\n\nNote: this"]
    assert trimmed == [2]
    examples = [batches._example(0, sample) for sample in samples]
    end = tokenizer.eos_token_id
    for example in examples[:2]:
        assert example.response == [*tokenizer("yes.", add_special_tokens=False)["input_ids"], end]
        assert example.prompt == batches._ids[0]
    assert examples[2].response == drawn[2].response  # as it was drawn, white space and end
    assert examples[3].response == drawn[3].response
    assert examples[3].response[-1] != end  # it was cut: it teaches no end


def test_what_is_learned_are_the_tokens_that_were_drawn(tmp_path: Path) -> None:
    batches, model = drawing(tmp_path)
    found = batches(model, 0)
    rows, _ = batches._rows(0)
    assert [one.prompt for one in found.examples] == [batches._ids[row] for row in rows]
    for one, choice in zip(found.examples, batches.kept.choices, strict=True):
        assert 1 <= len(one.response) <= 6
        said = batches._tokenizer.decode(one.response, skip_special_tokens=True)
        assert said.strip() == choice.kept[0]
    again, same = drawing(tmp_path / "again"), batches(model, 0)
    assert again[0](again[1], 0).examples == found.examples == same.examples


def test_each_prompt_is_drawn_once_in_a_pass_and_otherwise_in_the_next(tmp_path: Path) -> None:
    batches, model = drawing(tmp_path, prompt_accumulation_steps=4)
    assert batches.in_a_pass == 2
    seen = [batches._rows(step)[0] for step in range(4)]
    assert sorted(seen[0] + seen[1]) == sorted(seen[2] + seen[3]) == list(range(6))
    assert batches._rows(2)[1] == 1
    texts = {
        epoch: [one.response for some in batches._drawn(model, [0], epoch) for one in some]
        for epoch in (0, 1)
    }
    assert texts[0] != texts[1]


def test_a_comparer_without_scores_keeps_what_wins_against_the_others(tmp_path: Path) -> None:
    """It prefers more vowels whatever the order; a win rate orders as the score does."""
    longer = Simulated(Judge.of(vowels, "v").comparer, accuracy=1.0)
    by_pairs, model = drawing(tmp_path / "1", longer)
    by_score, _ = drawing(tmp_path / "2")
    by_pairs(model, 0)
    by_score(model, 0)
    for one, other in zip(by_pairs.kept.choices, by_score.kept.choices, strict=True):
        assert vowels("", one.kept[0]) == pytest.approx(vowels("", other.kept[0]))
        assert all(0 <= rate <= 1 for rate in one.rewards)


def test_a_comparer_without_scores_is_not_asked_about_single_samples(tmp_path: Path) -> None:
    class Refusing:
        def compare(self, pairs: Any) -> Any:
            raise AssertionError("asked")

    batches, model = drawing(tmp_path, Refusing(), superbatch_size=1)
    batches(model, 0)
    assert {reward for choice in batches.kept.choices for reward in choice.rewards} == {0.5}


def test_a_line_that_a_kill_tore_is_written_again_and_later_ones_are_dropped(tmp_path: Path) -> None:
    choice = Choice("p", ["a\u2028b"], [1.0], [], [1.0, 0.5], 1, 0)
    kept = Kept(tmp_path / FILE)
    for step in range(3):
        kept.add(step, [choice])
    whole = (tmp_path / FILE).read_bytes()
    (tmp_path / FILE).write_bytes(whole[:-9])
    again = Kept(tmp_path / FILE)
    again.add(1, [choice])
    assert len((tmp_path / FILE).read_text().rstrip("\n").split("\n")) == 2
    again.add(2, [choice])
    assert (tmp_path / FILE).read_bytes() == whole
    anew = Kept(tmp_path / FILE)
    for step in range(3):
        anew.add(step, [choice])
    assert (tmp_path / FILE).read_bytes() == whole
    last = Kept(tmp_path / FILE)
    last.load()
    assert last.choices == [choice] * 3
    assert last.figures()["empty samples"] == 3


# ---------------------------------------------------------------------------------------- bad input
@pytest.mark.parametrize(
    ("more", "kind", "said"),
    [
        (
            {"comparer": lambda p, r: 1.0},
            TrainingError,
            "for none of the first 20 prompts do the rewards tell",
        ),
        ({"comparer": lambda p, r: float("nan")}, LabelMatrixError, "scores that are not finite"),
        ({"comparer": lambda p, r: r.no_such}, DataError, "raised AttributeError"),
        ({"comparer": None}, ConfigError, "superhf: there is no comparer"),
        ({"held_out": vowels}, ConfigError, "held_out is the comparer that chooses"),
        ({"max_new_tokens": 44}, ConfigError, "leaves 4 tokens for a prompt"),
        ({"num_kept": 5}, ConfigError, "num_kept is 5 of 4 samples"),
        ({"temperature": 0.0}, ConfigError, "all samples of a prompt are one"),
        ({"superbatch_size": 0}, ConfigError, "superbatch_size is 0"),
        ({"prompt_accumulation_steps": -1}, ConfigError, "prompt_accumulation_steps is -1"),
        ({"early_stopping_patience": 2}, ConfigError, "SuperHF has no figure to wait for"),
        ({"superbatchsize": 3}, ConfigError, "Did you mean .superbatch_size"),
    ],
)
def test_bad_input_is_one_line(
    tmp_path: Path, more: dict[str, Any], kind: type[Exception], said: str
) -> None:
    with pytest.raises(kind, match=said) as caught:
        learned(tmp_path / "superhf", **more)
    assert "\n" not in str(caught.value)


def test_answers_that_are_all_empty_end_the_run_in_one_line(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def silent(self: Any, asked: Any, keys: Any, sampling: Any, **more: Any) -> list[Drawn]:
        return [Drawn(ids, [1], Reply("", finish="stop", tokens_in=1, tokens_out=1)) for ids in asked]

    monkeypatch.setattr(Responder, "drawn", silent)
    with pytest.raises(TrainingError, match="all 80 samples of the first 20 prompts are empty") as caught:
        learned(tmp_path / "superhf", audit={"audit_prompts": 4, "max_new_tokens": 4})
    assert "\n" not in str(caught.value)


def test_one_sample_a_prompt_filters_nothing_and_is_allowed(tmp_path: Path) -> None:
    given = {"superbatch_size": 1, "audit": False, "comparer": lambda p, r: 1.0}
    figures = learned(tmp_path / "superhf", **given).rounds[0].figures
    assert figures["undecided prompts"] == figures["prompts"]


def test_a_superbatch_that_is_too_large_says_what_to_lower_and_the_same_command_continues(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(*args: Any, **kwargs: Any) -> Any:
        raise torch.OutOfMemoryError("CUDA out of memory")

    with monkeypatch.context() as patch:
        patch.setattr(transformers.LlamaForCausalLM, "generate", full)
        with pytest.raises(ConfigError, match=r"responses at once.* Lower batch_size") as caught:
            learned(tmp_path / "superhf", audit=False)
        assert "\n" not in str(caught.value)
    learned(tmp_path / "superhf", audit=False, batch_size=2)


def test_a_prior_of_another_tokenizer_is_refused(talker: str, tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=r"superhf: ref_model .* another vocabulary") as caught:
        learned(tmp_path / "superhf", ref_model=talker, audit=False)
    assert "\n" not in str(caught.value)


def test_prompts_of_the_locked_test_part_are_never_asked(tmp_path: Path) -> None:
    draw = np.random.default_rng(0)
    rows = [
        (f"p{i}", f"What is number {i}?", None, None, "test" if i < 8 else "pool", z, 1.0)
        for i, z in enumerate(draw.uniform(-3, 3, 30).tolist())
    ]
    labels = build_labels(True, rows)
    made = SuperHF.of(SuperHFSettings(**SETTINGS), Materials(labels=lambda: labels), comparer=vowels)
    assert {prompt.text for prompt in made._prompts} == {f"What is number {i}?" for i in range(8, 30)}
    assert made._watched is not None
    assert {row.prompt for row in made._watched.prompts} <= {f"What is number {i}?" for i in range(8)}
    assert any("8 prompts of the locked test part" in note for note in made.notes)


def test_a_table_of_the_stage_is_read() -> None:
    assert StageTable.of({"kind": "superhf", "from_scratch": "tiny"}).settings.lr_scheduler_type == "cosine"
