"""`Evaluator`: both orders averaged, saved as data, trained from gold and from labels, and no reward model."""

from __future__ import annotations

import json
import random
import shutil
from contextlib import suppress
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from command_line import run
from made_pairs import made_pairs
from mutated_json import mutated

pytest.importorskip("torch")
pytest.importorskip("transformers")

from weaklabel import load as load_as_people_do
from weaklabel.artifacts import file_hash, sealed
from weaklabel.comparers import load, open_comparer
from weaklabel.comparers.both_orders import AskedBothWays
from weaklabel.comparers.evaluator import Evaluator, train_evaluator
from weaklabel.comparers.loading import reads_functions
from weaklabel.errors import ArtifactError, ConfigError, DataError, NotFittedError, WeaklabelError
from weaklabel.labeler import fit
from weaklabel.lf import load_lfs
from weaklabel.reward import load_reward
from weaklabel.reward.linear import LinearReward
from weaklabel.training.evaluator.train import acceptance
from weaklabel.types import Pairs

pytestmark = pytest.mark.trains
GOOD, BAD = ("kind", "clear", "sound", "bright"), ("rude", "vague", "false", "dull")
TINY: dict[str, Any] = {"from_scratch": "tiny", "groups_per_batch": 8, "max_length": 96}


def some_pairs(n: int, *, part: Any = "dev", seed: int = 0, prefix: str = "p") -> Pairs:
    """The answer with the kinder word wins."""
    rng = np.random.default_rng(seed)
    texts, gold = [], []
    for _ in range(n):
        good, bad = (f"it is {rng.choice(words)} so" for words in (GOOD, BAD))
        b_wins = rng.random() < 0.5
        texts.append((bad, good) if b_wins else (good, bad))
        gold.append("b" if b_wins else "a")
    return made_pairs(texts, gold=gold, part=part, prefix=prefix)


@pytest.fixture(scope="module")
def fitted() -> Evaluator:
    return train_evaluator(some_pairs(120), num_train_epochs=5, learning_rate=2e-3, **TINY)


@pytest.fixture(scope="module")
def folder(fitted: Evaluator, tmp_path_factory: pytest.TempPathFactory) -> Path:
    target = tmp_path_factory.mktemp("saved") / "evaluator"
    fitted.save(target)
    return target


# ---------------------------------------------------------------------------------------- what it says
def test_it_says_the_mean_of_accepting_b_and_of_keeping_b(fitted: Evaluator) -> None:
    pairs = some_pairs(30, seed=5, prefix="q")
    prompts, a, b = (pairs.table[name].to_pylist() for name in ("prompt", "response_a", "response_b"))
    accept_b, accept_a = (
        acceptance(fitted.model_, fitted.tokenizer_, prompts, *order, max_length=96)
        for order in ((a, b), (b, a))
    )
    assert fitted.compare(pairs) == pytest.approx((accept_b + 1 - accept_a) / 2, abs=1e-12)
    assert np.abs(fitted.compare(pairs.swapped()) - (1 - fitted.compare(pairs))).max() <= 1e-6


def test_it_is_right_on_prompts_that_it_never_saw_and_tells_what_the_order_does(fitted: Evaluator) -> None:
    new = some_pairs(60, seed=7, prefix="q")
    assert ((fitted.compare(new) > 0.5) == (new.y == 1)).mean() > 0.9
    effect = fitted.order_effect(new)
    assert effect.n == 60
    assert abs(effect.first.value - 0.5) < 0.2
    assert effect.contradictory < 0.2


def test_equal_answers_are_a_tie(fitted: Evaluator) -> None:
    assert fitted.compare(made_pairs([("same", "same")])).tolist() == [0.5]


# ---------------------------------------------------------------------------------------- saved
def test_a_saved_one_answers_the_same_to_the_bit_however_it_is_opened(
    fitted: Evaluator, folder: Path
) -> None:
    pairs = some_pairs(20, seed=5, prefix="q")
    expected = fitted.compare(pairs)
    for opened in (
        Evaluator.load(folder),
        load(folder),
        load_as_people_do(folder),
        open_comparer(str(folder)),
    ):
        assert (opened.compare(pairs) == expected).all()
        assert opened.saw(some_pairs(3)).all()
        assert not opened.saw(pairs).any()
    assert not reads_functions(folder)


def test_what_is_saved_is_data_and_its_hashes_are_held(folder: Path, tmp_path: Path) -> None:
    about = json.loads((folder / "manifest.json").read_text())
    assert about["kind"] == "evaluator"
    assert {"model.safetensors", "config.json", "tokenizer.json", "gold_prompts.npy"} <= set(about["hashes"])
    assert not {file.suffix for file in folder.iterdir()} & {".bin", ".pt", ".pkl", ".py"}
    torn = shutil.copytree(folder, tmp_path / "torn")
    (torn / "model.safetensors").write_bytes((torn / "model.safetensors").read_bytes()[:-1] + b"x")
    with pytest.raises(ArtifactError, match=r"model.safetensors is not what its manifest names"):
        load(torn)


def test_transformers_opens_it_with_its_labels(folder: Path) -> None:
    from transformers import AutoModelForSequenceClassification

    model = AutoModelForSequenceClassification.from_pretrained(folder)
    assert model.config.id2label == {0: "keep", 1: "accept"}


def test_saving_replaces_an_evaluator_and_nothing_else(fitted: Evaluator, tmp_path: Path) -> None:
    fitted.save(tmp_path / "e")
    fitted.save(tmp_path / "e")
    LinearReward(n_features=64).fit(some_pairs(4), [0, 1, 0, 1]).save(tmp_path / "reward")
    with pytest.raises(ArtifactError, match="holds files that weaklabel did not write"):
        fitted.save(tmp_path / "reward")


def test_it_is_refused_where_a_reward_model_is_wanted_and_the_other_way_round(
    folder: Path, tmp_path: Path
) -> None:
    LinearReward(n_features=64).fit(some_pairs(4), [0, 1, 0, 1]).save(tmp_path / "reward")
    with pytest.raises(ArtifactError, match="holds 'evaluator', which is no reward model"):
        load_reward(folder)
    with pytest.raises(ArtifactError, match="holds 'reward:linear', not 'evaluator'"):
        Evaluator.load(tmp_path / "reward")
    (tmp_path / "rows.jsonl").write_text('{"prompt": "x", "response": "y"}\n')
    said = run(
        "reward",
        "score",
        str(folder),
        str(tmp_path / "rows.jsonl"),
        "--out",
        str(tmp_path / "o.jsonl"),
        code=2,
    )
    assert "holds an evaluator, which scores no single responses" in said.stderr


# ---------------------------------------------------------------------------------------- training
def test_labels_teach_softly_and_what_has_no_weight_is_left_out_and_counted() -> None:
    pairs = some_pairs(40, part=["dev"] * 20 + ["test"] * 4 + ["pool"] * 16)
    table = pairs.table.set_column(
        5, pairs.table.schema.field("gold"), [[*pairs.table["gold"].to_pylist()[:24], *[None] * 16]]
    )
    pairs = Pairs(table)
    labels = fit(load_lfs("shipped:length", "shipped:structure"), pairs, model="majority_vote").label(pairs)
    silent = int(((labels.w == 0) & (pairs.parts != "test") & np.isnan(pairs.y)).sum())
    evaluator = train_evaluator(labels, max_steps=2, **TINY)
    facts = evaluator.facts()
    assert facts["pairs left out"] == str(silent + 4)
    assert int(facts["prompts"]) + int(facts["prompts held out"]) == 36 - silent
    assert evaluator.saw(pairs).tolist() == [True] * 20 + [False] * 20


def test_a_tenth_of_the_prompts_is_held_out_and_the_order_of_the_pairs_has_no_say() -> None:
    pairs = some_pairs(60)
    first = Evaluator(max_steps=3, **TINY).fit(pairs, pairs.y)
    assert (first.facts()["prompts held out"], first.facts()["prompts"]) == ("6", "54")
    other = Evaluator(max_steps=3, **TINY).fit(pairs.swapped(), 1 - pairs.y)
    assert (first.compare(pairs) == other.compare(pairs)).all()
    whole = Evaluator(max_steps=3, held_out_share=0, **TINY).fit(pairs, pairs.y)
    assert whole.facts()["prompts held out"] == "0"


def test_a_killed_fit_goes_on_in_its_checkpoints(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from weaklabel.training.runs.checkpoints import RunLog

    pairs = some_pairs(60)
    chosen = {"max_steps": 6, "save_steps": 2, **TINY}
    whole = Evaluator(**chosen).fit(pairs, pairs.y)

    class Killed(Exception):
        pass

    seen = []

    def on_save(self: Any, *_: Any, **__: Any) -> None:
        seen.append(1)
        if len(seen) == 2:
            raise Killed

    killed = Evaluator(checkpoints=tmp_path, **chosen)
    with monkeypatch.context() as until_then:
        until_then.setattr(RunLog, "on_save", on_save, raising=False)
        with pytest.raises(Killed):
            killed.fit(pairs, pairs.y)
    killed.fit(pairs, pairs.y)
    assert (killed.compare(pairs) == whole.compare(pairs)).all()


def test_adapters_are_merged_into_what_is_saved(tmp_path: Path) -> None:
    pytest.importorskip("peft")
    pairs = some_pairs(20)
    evaluator = Evaluator(max_steps=2, lora_r=4, **TINY).fit(pairs, pairs.y)
    evaluator.save(tmp_path / "e")
    assert not (tmp_path / "e" / "adapter_config.json").exists()
    assert (Evaluator.load(tmp_path / "e").compare(pairs) == evaluator.compare(pairs)).all()


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({}, "give either base .* or from_scratch"),
        ({"from_scratch": "tiny", "held_out_share": 0.5}, r"held_out_share is 0.5. Allowed: 0 to below 0.5"),
        ({"from_scratch": "tiny", "loss_type": "sigmoid"}, "no setting of training 'loss_type'"),
        ({"from_scratch": "tiny", "adapter": "x"}, "adapter is 'x' without base"),
    ],
)
def test_settings_that_make_no_sense_are_one_line(settings: dict[str, Any], message: str) -> None:
    with pytest.raises(ConfigError, match=message):
        Evaluator(**settings)


def test_too_little_to_learn_from_is_one_line(tmp_path: Path) -> None:
    pairs = some_pairs(1)
    with pytest.raises(ConfigError, match=r"held_out_share is 0.1 of 1 prompt"):
        Evaluator(**TINY).fit(pairs, pairs.y)
    with pytest.raises(DataError, match="train_evaluator: nothing to learn from in 1 pairs"):
        train_evaluator(some_pairs(1, part="test"), **TINY)
    with pytest.raises(NotFittedError, match="Evaluator is not fitted"):
        Evaluator(**TINY).compare(pairs)
    with pytest.raises(NotFittedError):
        Evaluator(**TINY).save(tmp_path / "e")


def test_it_is_asked_by_the_wrapper_that_asks_any_comparer(fitted: Evaluator) -> None:
    assert isinstance(fitted._both_ways, AskedBothWays)


# ---------------------------------------------------------------------------------------- folders from elsewhere
def answer_or_line(folder: Path, pairs: Pairs) -> Any:
    """What the evaluator of a folder says, None where an error of one line says why it cannot."""
    line = ""
    try:
        p = Evaluator.load(folder).compare(pairs)
        assert ((p >= 0) & (p <= 1)).all()
        return p
    except WeaklabelError as error:
        line = str(error)
    assert "\n" not in line
    return None


def with_manifest(folder: Path, about: Any, *, seal: bool = True) -> None:
    if seal:
        with suppress(ValueError):  # a number that JSON does not know cannot be made to hash well
            about = sealed(about)
    (folder / "manifest.json").write_text(json.dumps(about))


@pytest.mark.parametrize("seal", [False, True], ids=["edited", "made to hash well"])
def test_a_mutated_manifest_is_one_line_or_an_evaluator_that_answers(
    fitted: Evaluator, folder: Path, tmp_path: Path, seal: bool
) -> None:
    copy = shutil.copytree(folder, tmp_path / "copy")
    few, about, draw = (
        some_pairs(6),
        json.loads((copy / "manifest.json").read_text()),
        random.Random(f"{seal}"),
    )
    expected = fitted.compare(few)
    for _ in range(60):
        with_manifest(copy, mutated(about, draw)[0], seal=seal)
        p = answer_or_line(copy, few)
        assert p is None or seal or (p == expected).all()


def test_bytes_that_were_changed_anywhere_are_one_line_though_they_hash_well(
    folder: Path, tmp_path: Path
) -> None:
    copy = shutil.copytree(folder, tmp_path / "copy")
    few, about, draw = some_pairs(6), json.loads((copy / "manifest.json").read_text()), random.Random(0)
    for _ in range(60):
        file = copy / draw.choice(sorted(about["hashes"]))
        whole = file.read_bytes()
        at = draw.randrange(len(whole)) if draw.random() < 0.5 else draw.randrange(min(len(whole), 200))
        cut, put = draw.choice([0, 1, 8, len(whole)]), draw.randbytes(draw.choice([0, 1, 8]))
        file.write_bytes(whole[:at] + put + whole[at + cut :])
        with_manifest(copy, about | {"hashes": about["hashes"] | {file.name: file_hash(file)}})
        answer_or_line(copy, few)
        file.write_bytes(whole)
