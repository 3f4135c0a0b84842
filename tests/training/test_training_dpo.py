"""DPO: TRL's losses and steps, groups and beliefs, a reference that is asked once, a kill that costs nothing."""

from __future__ import annotations

import copy
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

torch = pytest.importorskip("torch")
transformers = pytest.importorskip("transformers")

from planted import planted_groups, texts_of  # noqa: E402
from trl_runs import losses_of_trl  # noqa: E402

from weaklabel.errors import ArtifactError, ConfigError, DataError, WeaklabelWarning  # noqa: E402
from weaklabel.groups import Comparison, Group  # noqa: E402
from weaklabel.training import logps  # noqa: E402
from weaklabel.training.dpo import reference as references  # noqa: E402
from weaklabel.training.dpo.layouts import (  # noqa: E402
    DPO_LAYOUTS,
    ReferredGroup,
    choose_dpo_layout,
    proven_dpo_layout,
)
from weaklabel.training.dpo.settings import DPOTrainingSettings  # noqa: E402
from weaklabel.training.dpo.train import DPOTrainer, TrainedDPO, train_dpo  # noqa: E402
from weaklabel.training.layout.registry import LAYOUTS  # noqa: E402
from weaklabel.training.logps import response_logps  # noqa: E402
from weaklabel.training.models.loading import with_lora  # noqa: E402
from weaklabel.training.models.scratch import language_model_from_scratch  # noqa: E402
from weaklabel.training.runs.randomness import isolated_randomness  # noqa: E402
from weaklabel.training.runs.running import training_arguments  # noqa: E402
from weaklabel.training.sft import TokenExample  # noqa: E402
from weaklabel.training.tokens import TokenGroup, tokenize_groups  # noqa: E402

pytestmark = pytest.mark.trains

STEPS, PAIRS = 20, 4
LOGGED = [
    *("rewards/chosen", "rewards/rejected", "rewards/accuracies", "rewards/margins"),
    *("logps/chosen", "logps/rejected"),
]


def policy() -> tuple[Any, Any]:
    return language_model_from_scratch("tiny", texts_of(planted_groups(40)))


def settings(**more: Any) -> DPOTrainingSettings:
    given = {
        "groups_per_batch": PAIRS,
        "learning_rate": 1e-3,
        "lr_scheduler_type": "constant",
        "logging_steps": 1,
        "max_length": 128,
    }
    return DPOTrainingSettings(**given | more)


def referred(model: Any, tokens: list[TokenGroup], pad_id: int) -> list[ReferredGroup]:
    made = []
    for group in tokens:
        rows = [TokenExample(group.prompt, response) for response in group.responses]
        parts = response_logps(model, rows, pad_id=pad_id)
        made.append(ReferredGroup(group, tuple(float(part.sum()) for part in parts)))
    return made


def trained(folder: Path, groups: list[Group], **more: Any) -> tuple[Any, TrainedDPO]:
    model, tokenizer = policy()
    rest = {name: more.pop(name) for name in ("gold", "reference", "reference_store") if name in more}
    return model, train_dpo(model, tokenizer, groups, settings=settings(**more), folder=folder, **rest)


def distance(one: Any, other: Any) -> float:
    pairs = zip(one.parameters(), other.parameters(), strict=True)
    return max(float((a - b).detach().abs().max()) for a, b in pairs)


@pytest.mark.filterwarnings("ignore:.is_gradient_checkpointing:FutureWarning")  # TRL asks by the earlier name
@pytest.mark.parametrize(
    ("layout", "ours", "theirs"),
    [
        ("padded", {}, {}),
        ("shared", {}, {}),
        ("shared", {"length_normalized": True}, {"loss_type": "sigmoid_norm"}),
        ("shared", {"loss_type": "ipo", "length_normalized": True}, {"loss_type": "ipo"}),
        ("shared", *[{"loss_type": "robust", "label_smoothing": 0.2}] * 2),
    ],
)
def test_the_first_twenty_steps_equal_trl(
    tmp_path: Path,
    layout: str,
    ours: dict[str, Any],
    theirs: dict[str, Any],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("HF_HUB_OFFLINE", "1")
    trl = pytest.importorskip("trl")
    pytest.importorskip("datasets")
    monkeypatch.setattr(trl.DPOTrainer, "_prepare_dataset", lambda self, dataset, *rest: dataset)
    model, tokenizer = policy()
    other, reference = copy.deepcopy(model), copy.deepcopy(model)
    tokens = tokenize_groups(
        planted_groups(STEPS * PAIRS), tokenizer, max_length=128, kind="decoder", keep_end=False
    ).groups
    chosen = settings(layout=layout, beta=0.5, **ours)
    with isolated_randomness():
        args = training_arguments(chosen, tmp_path / "ours", best_by=None)
        data = referred(reference, tokens, tokenizer.pad_token_id)
        trainer = DPOTrainer(
            model, args, chosen, DPO_LAYOUTS[layout], data, [], pad_id=tokenizer.pad_token_id
        )
        order = [index for batch in trainer.get_train_dataloader().batch_sampler for index in batch]
        trainer.train()
        lines = [line for line in trainer.state.log_history if "loss" in line]
        expected = losses_of_trl(
            trl.DPOTrainer,
            trl.DPOConfig,
            other,
            tokenizer,
            [as_trl_has_it(tokens[k]) for k in order],
            tmp_path / "trl",
            ref_model=reference,
            per_device_train_batch_size=PAIRS,
            max_steps=STEPS,
            max_length=None,
            beta=0.5,
            **theirs,
        )
    assert len(lines) == STEPS
    assert [line["loss"] for line in lines] == pytest.approx(expected, abs=1e-5)
    assert lines[-1]["loss"] < 0.95 * lines[0]["loss"]
    assert distance(model, other) < 1e-4


def as_trl_has_it(group: TokenGroup) -> dict[str, list[int]]:
    [comparison] = group.comparisons
    winner, loser = (comparison.j, comparison.i) if comparison.p == 1 else (comparison.i, comparison.j)
    return {
        "prompt_ids": group.prompt,
        "chosen_ids": group.responses[winner],
        "rejected_ids": group.responses[loser],
    }


@pytest.mark.parametrize("normalized", [False, True])
@pytest.mark.parametrize("layout", ["padded", "bucketed", "shared"])
def test_a_reward_is_beta_times_the_log_ratio_by_hand(layout: str, normalized: bool, tmp_path: Path) -> None:
    model, tokenizer = policy()
    groups = planted_groups(3, responses=3, hard=False)
    tokens = tokenize_groups(groups, tokenizer, max_length=128, kind="decoder", keep_end=False).groups
    data = [ReferredGroup(group, (-10.0, -20.0, -30.0)) for group in tokens]
    chosen = settings(beta=0.3, length_normalized=normalized, layout=layout)
    args = training_arguments(chosen, tmp_path, best_by=None)
    trainer = DPOTrainer(model, args, chosen, DPO_LAYOUTS[layout], data, [], pad_id=tokenizer.pad_token_id)
    model.eval()
    with torch.no_grad():
        found = trainer.rewards(model, DPO_LAYOUTS[layout].collate(data, tokenizer.pad_token_id))
    expected = [
        0.3 * (logp_by_hand(model, group.prompt, response) - reference) / (len(response) if normalized else 1)
        for group in tokens
        for response, reference in zip(group.responses, (-10.0, -20.0, -30.0), strict=True)
    ]
    assert found.tolist() == pytest.approx(expected, abs=1e-4)


def test_beliefs_and_groups_are_learned_and_logged(tmp_path: Path) -> None:
    groups = planted_groups(24, responses=3, hard=False)
    gold = planted_groups(8, seed=5)
    _, done = trained(tmp_path / "run", groups, gold=gold, num_train_epochs=4, learning_rate=3e-3, beta=0.5)
    assert done.layout.name == "shared"
    lines = [line for line in done.lines if "loss" in line]
    assert all(name in line for name in LOGGED for line in lines)
    first, last = lines[0], lines[-1]
    assert first["rewards/margins"] == pytest.approx(0, abs=1e-4)
    assert first["loss"] == pytest.approx(0.6931, abs=1e-3)
    assert last["rewards/margins"] == pytest.approx(
        last["rewards/chosen"] - last["rewards/rejected"], abs=1e-5
    )
    assert last["rewards/accuracies"] > 0.9
    assert last["logps/chosen"] < 0
    assert done.checks[-1][2] > 0.8


def test_a_pair_in_either_order_gives_the_same_model_and_log(tmp_path: Path) -> None:
    groups = planted_groups(8, hard=False)
    turned = [
        Group(g.prompt, g.responses, tuple(Comparison(c.j, c.i, 1 - c.p, c.w) for c in g.comparisons))
        for g in groups
    ]
    one, done = trained(tmp_path / "one", groups)
    other, again = trained(tmp_path / "other", turned)
    assert distance(one, other) < 1e-5
    for name in LOGGED:
        assert done.lines[1][name] == pytest.approx(again.lines[1][name], abs=1e-4)


@pytest.mark.parametrize(("die_at", "resumed"), [(2, None), (8, 6), (12, 9)])
def test_a_killed_run_ends_with_the_same_weights(tmp_path: Path, die_at: int, resumed: int | None) -> None:
    groups = planted_groups(24)
    whole, _ = trained(tmp_path / "whole", groups, num_train_epochs=2, save_steps=3)

    class Killed(Exception):
        pass

    real, steps = DPOTrainer.training_step, 0

    def dies(self: Any, *args: Any, **more: Any) -> Any:
        nonlocal steps
        steps += 1
        if steps == die_at:
            raise Killed
        return real(self, *args, **more)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(DPOTrainer, "training_step", dies)
        with pytest.raises(Killed):
            trained(tmp_path / "killed", groups, num_train_epochs=2, save_steps=3)
    again, done = trained(tmp_path / "killed", groups, num_train_epochs=2, save_steps=3)
    assert (done.resumed, done.reference_computed) == (resumed, 0)
    assert distance(whole, again) < 1e-6


def test_a_sweep_asks_the_reference_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    groups, asked = planted_groups(6), []
    real = references.group_logps

    def counted(model: Any, groups: Any, **more: Any) -> Any:
        asked.append(sum(len(group.responses) for group in groups))
        return real(model, groups, **more)

    monkeypatch.setattr(references, "group_logps", counted)
    sweep: list[dict[str, Any]] = [
        {},
        *({"beta": beta, "seed": seed} for beta in (0.1, 0.5) for seed in (1, 2)),
        {"loss_type": "ipo", "length_normalized": True},
        {"learning_rate": 1e-4},
        {"label_smoothing": 0.1},
    ]
    computed = [
        trained(tmp_path / str(k), groups, max_steps=1, reference_store=tmp_path / "store", **more)[1]
        for k, more in enumerate(sweep)
    ]
    assert [done.reference_computed for done in computed] == [12] + [0] * 7
    assert asked == [12]


@pytest.mark.parametrize(("layout", "times"), [("auto", 1), ("bucketed", 2)])
def test_the_reference_reads_a_prompt_once_for_what_is_missing_and_says_the_same(
    layout: str, times: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    model, tokenizer = policy()
    long, a, b, c, d = [5, 6] * 20, [7, 8], [9, 9, 9], [8], [7, 7]
    groups = [TokenGroup(long, (a, b, c), ()), TokenGroup([6], (a,), ()), TokenGroup([6], (a, a, d), ())]
    read: list[Any] = []
    real = logps.token_logps
    monkeypatch.setattr(
        logps,
        "token_logps",
        lambda m, batch: (read.extend(batch["input_ids"].flatten().tolist()), real(m, batch))[1],
    )

    def asked(some: list[TokenGroup]) -> Any:
        device = torch.device("cpu")
        return references.reference_logps(
            model, some, key="k", store=tmp_path, device=device, pad_id=tokenizer.pad_token_id, layout=layout
        )

    asked([TokenGroup(long, (b,), ())])
    read.clear()
    found = asked(groups)
    assert read.count(5) == 20 * times  # for a and c: b was there
    assert found.computed == 4  # and a and d behind the short prompt, each once
    assert asked(groups).computed == 0
    by_hand = [
        logp_by_hand(model, group.prompt, response) for group in groups for response in group.responses
    ]
    assert found.logps.tolist() == pytest.approx(by_hand, abs=1e-5)


def logp_by_hand(model: Any, prompt: list[int], response: list[int]) -> float:
    with torch.no_grad():
        said = model(torch.tensor([prompt + response])).logits[0].log_softmax(-1)
    return sum(float(said[len(prompt) - 1 + k, token]) for k, token in enumerate(response))


def test_a_stale_reference_cannot_be_read(tmp_path: Path) -> None:
    groups, store = planted_groups(6), tmp_path / "store"
    trained(tmp_path / "first", groups, max_steps=1, reference_store=store)
    other, _ = policy()
    with torch.no_grad():
        next(other.parameters())[0, 0] += 1e-3
    _, weights = trained(tmp_path / "weights", groups, max_steps=1, reference_store=store, reference=other)
    _, shorter = trained(tmp_path / "shorter", groups, max_steps=1, reference_store=store, max_length=16)
    _, more = trained(tmp_path / "more", planted_groups(7), max_steps=1, reference_store=store)
    assert (weights.reference_computed, shorter.reference_computed, more.reference_computed) == (12, 12, 2)
    model, tokenizer = policy()
    keys = {references.reference_key(model, tokenizer, bf16=bf16) for bf16 in (False, True)}
    keys.add(references.reference_key(other, tokenizer))
    model.config.rms_norm_eps *= 2
    keys.add(references.reference_key(model, tokenizer))
    tokenizer.add_tokens(["another"])
    keys.add(references.reference_key(model, tokenizer))
    keys.add(references.reference_key(model.to(torch.bfloat16), tokenizer))
    assert len(keys) == 6
    for file in store.iterdir():
        file.write_bytes(b"torn")
    with pytest.raises(ArtifactError, match="cannot be read as reference log-probabilities"):
        trained(tmp_path / "torn", groups, max_steps=1, reference_store=store)


def test_adapters_switched_off_are_the_reference(tmp_path: Path) -> None:
    groups, store = planted_groups(6), tmp_path / "store"
    model, tokenizer = policy()
    base = copy.deepcopy(model)
    adapted = with_lora(model, lora_r=2)
    for name, weight in adapted.named_parameters():
        if "lora_B" in name:
            torch.nn.init.normal_(weight)  # an earlier training, which the reference has not seen
    done = train_dpo(
        adapted,
        tokenizer,
        groups,
        settings=settings(lora_r=2, max_steps=1),
        folder=tmp_path / "adapters",
        reference_store=store,
    )
    assert done.reference_computed == 12
    assert abs(done.lines[0]["rewards/chosen"]) > 1e-3
    assert all(p.requires_grad for name, p in adapted.named_parameters() if "lora_" in name)
    _, plain = trained(tmp_path / "plain", groups, max_steps=1, reference_store=store, reference=base)
    assert plain.reference_computed == 0


def test_a_layout_that_reads_something_else_gives_way_to_padded_rows(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    right = LAYOUTS["shared"]
    model, tokenizer = policy()
    groups = planted_groups(3)
    tokens = tokenize_groups(groups, tokenizer, max_length=64, kind="decoder").groups
    device, pad_id = torch.device("cpu"), tokenizer.pad_token_id
    assert proven_dpo_layout(model, "auto", tokens, device, pad_id=pad_id).name == "shared"

    def wrong(some: Any, fill: int) -> Any:
        batch = right.collate(some, fill)
        return batch | {"segments": batch["segments"].clamp(max=0)}  # responses see each other

    monkeypatch.setitem(LAYOUTS, "shared", replace(right, collate=wrong))
    with pytest.warns(WeaklabelWarning, match="layout 'shared' differs from the padded one by"):
        chosen = proven_dpo_layout(model, "auto", tokens, device, pad_id=pad_id)
    assert chosen.name == "bucketed"


def test_options_of_losses_are_given_once(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=r"label_smoothing is 0\.1, and loss 'geometric' does not take it"):
        settings(loss_type="geometric", label_smoothing=0.1)
    with pytest.raises(ConfigError, match="hold 'beta', which the setting beta gives already"):
        settings(loss_type="ipo", loss_options={"beta": 0.2})
    with pytest.raises(ConfigError, match=r"beta is 0\.0\. Allowed"):
        settings(beta=0.0)
    d, p = torch.tensor([0.4]), torch.tensor([1.0])
    # h = d / beta = 4 against 1 / (2 * beta) = 5
    assert settings(loss_type="ipo").loss()(d, p).item() == pytest.approx(1.0, abs=1e-5)


def test_what_cannot_be_learned_is_one_line(tmp_path: Path) -> None:
    def pair(p: float, responses: tuple[str, str] = ("kind", "rude")) -> Group:
        return Group("q", responses, (Comparison(0, 1, p, 1.0),))

    folder = tmp_path / "run"
    with pytest.raises(DataError, match=r"all 2 comparisons have p = 0\.5, which says nothing"):
        trained(folder, [pair(0.5), pair(0.5)])
    same = Group("q", ("kind",), (Comparison(0, 0, 1.0, 1.0),))
    with pytest.raises(DataError, match="1 compare identical responses"):
        trained(folder, [same])
    long = "word " * 300
    with pytest.raises(
        DataError, match="responses of all 1 comparisons are equal as token ids within max_length 32"
    ):
        trained(folder, [pair(1.0, (long + "kind", long + "rude"))], max_length=32)
    other, _ = language_model_from_scratch("tiny", ["quite other words " * 9])
    other.resize_token_embeddings(other.config.vocab_size + 8)
    with pytest.raises(ConfigError, match="do not read the same token ids"):
        trained(folder, [pair(1.0)], reference=other)
    _, done = trained(folder, [pair(1.0), same, pair(1.0, (long + "kind", long + "rude"))], max_length=32)
    assert done.identical == 2
    model, _ = policy()
    with pytest.raises(ConfigError, match="layout 'varlen' does not fit: packed attention runs on CUDA"):
        choose_dpo_layout(model, "varlen", "cpu")
