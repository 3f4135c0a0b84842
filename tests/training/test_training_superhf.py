"""SuperHF's loss and update: KL by hand and by brute force, one loss however a minibatch is cut, the prior, steps that fail."""

from __future__ import annotations

import copy
import json
import math
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest

torch = pytest.importorskip("torch")
transformers = pytest.importorskip("transformers")

from weaklabel.errors import ConfigError, TrainingError  # noqa: E402
from weaklabel.training.layout.language import predictions, token_logps  # noqa: E402
from weaklabel.training.logps import adapters_off, response_logps  # noqa: E402
from weaklabel.training.models.loading import with_lora  # noqa: E402
from weaklabel.training.models.scratch import language_model_from_scratch  # noqa: E402
from weaklabel.training.sft import SFT_LAYOUTS, TokenExample  # noqa: E402
from weaklabel.training.superhf.loss import exact_kl, sampled_kl, token_losses  # noqa: E402
from weaklabel.training.superhf.schedule import rate_share  # noqa: E402
from weaklabel.training.superhf.settings import SuperHFTrainingSettings  # noqa: E402
from weaklabel.training.superhf.train import Superbatch, train_superhf  # noqa: E402

pytestmark = pytest.mark.trains

POLICY = torch.tensor([0.1, 0.2, 0.3, 0.25, 0.15], dtype=torch.float64)
PRIOR = torch.tensor([0.2, 0.2, 0.2, 0.1, 0.3], dtype=torch.float64)
EXAMPLES = [
    TokenExample([5, 6, 7], [8, 9, 10, 1]),
    TokenExample([11, 12], [13, 1]),
    TokenExample([5], [14, 15, 16, 17, 18, 19, 1]),
]


def policy() -> tuple[Any, Any]:
    return language_model_from_scratch("tiny", ["one two three four five six seven eight"])


def settings(**more: Any) -> SuperHFTrainingSettings:
    given = {"learning_rate": 1e-3, "max_length": 32, "logging_steps": 1, "minibatch_size": 3, "beta": 0.5}
    return SuperHFTrainingSettings(**given | more)


def laid_out(examples: Sequence[TokenExample]) -> Any:
    return SFT_LAYOUTS["bucketed"].collate(examples, 0)


# ---------------------------------------------------------------------------------------- the KL
def test_both_directions_by_hand_on_five_words() -> None:
    p, q = POLICY.tolist(), PRIOR.tolist()
    forward = sum(b * math.log(b / a) for a, b in zip(p, q, strict=True))
    reverse = sum(a * math.log(a / b) for a, b in zip(p, q, strict=True))
    logs = POLICY.log()[None], PRIOR.log()[None]
    assert exact_kl(*logs, "forward").item() == pytest.approx(forward, abs=1e-12)
    assert exact_kl(*logs, "reverse").item() == pytest.approx(reverse, abs=1e-12)
    assert forward != pytest.approx(reverse, abs=1e-3)
    assert exact_kl(logs[0], logs[0], "forward").item() == 0


@pytest.mark.parametrize("direction", ["forward", "reverse"])
def test_what_single_tokens_say_is_on_average_the_kl_and_its_gradient(direction: str) -> None:
    """Each of five words, weighted with the policy's chance to draw it, against the sum over the vocabulary."""
    logits = POLICY.log().clone().requires_grad_(True)
    exact = exact_kl(logits.log_softmax(-1)[None], PRIOR.log()[None], direction)[0]
    (wanted,) = torch.autograd.grad(exact, logits)
    each = sampled_kl(logits.log_softmax(-1), PRIOR.log(), direction)
    mean = (POLICY * each).sum()
    assert mean.item() == pytest.approx(exact.item(), abs=1e-12)
    assert (each >= 0).all()
    (found,) = torch.autograd.grad(mean, logits)
    assert torch.allclose(found, wanted, atol=1e-12)


@pytest.mark.parametrize("direction", ["forward", "reverse"])
def test_the_losses_of_a_batch_are_those_of_the_models_own_logits(direction: str) -> None:
    model, _ = policy()
    prior = language_model_from_scratch("tiny", ["one two three four five six seven eight"], seed=1)[0]
    nll, kl = token_losses(model, prior, laid_out(EXAMPLES), settings(kl_direction=direction))
    at = 0
    for one in EXAMPLES:
        ids = torch.tensor([one.prompt + one.response])
        places = slice(len(one.prompt) - 1, ids.shape[1] - 1)
        ours, theirs = (each(ids).logits[0, places].log_softmax(-1) for each in (model, prior))
        n = len(one.response)
        assert torch.allclose(nll[at : at + n], -ours[torch.arange(n), torch.tensor(one.response)], atol=1e-5)
        above, below = (theirs, ours) if direction == "forward" else (ours, theirs)
        wanted = torch.nn.functional.kl_div(below, above, log_target=True, reduction="none").sum(-1)
        assert torch.allclose(kl[at : at + n], wanted, atol=1e-5)
        at += n


def test_chunks_change_nothing_neither_forwards_nor_backwards(monkeypatch: pytest.MonkeyPatch) -> None:
    found = []
    for size in (1024, 3):
        monkeypatch.setattr("weaklabel.training.superhf.loss.CHUNK", size)
        model, _ = policy()
        prior = language_model_from_scratch("tiny", ["one two three four five six seven eight"], seed=1)[0]
        nll, kl = token_losses(model, prior, laid_out(EXAMPLES), settings())
        (nll.sum() + kl.sum()).backward()
        found.append((nll.detach(), kl.detach(), model.model.embed_tokens.weight.grad))
    for one, other in zip(*found, strict=True):
        assert torch.allclose(one, other, atol=1e-5)


# ---------------------------------------------------------------------------------------- the prior
def test_with_adapters_off_the_policy_is_its_prior_before_and_after_a_step(tmp_path: Path) -> None:
    pytest.importorskip("peft")
    model, tokenizer = policy()
    base = copy.deepcopy(model)
    before = response_logps(base, EXAMPLES, pad_id=0)
    adapted = with_lora(model, lora_r=4)
    run(adapted, tokenizer, tmp_path, settings(lora_r=4, max_steps=2, learning_rate=1e-2))
    on = response_logps(adapted, EXAMPLES, pad_id=0)
    with adapters_off(adapted):
        off = response_logps(adapted, EXAMPLES, pad_id=0)
    assert max(abs(a - b).max() for a, b in zip(off, before, strict=True)) <= 1e-6
    assert max(abs(a - b).max() for a, b in zip(on, before, strict=True)) > 1e-2
    batch = laid_out(EXAMPLES)
    ours, theirs = (
        token_losses(adapted, prior, batch, settings())[1] for prior in (None, base.requires_grad_(False))
    )
    assert torch.allclose(ours, theirs, atol=1e-6)
    assert ours.mean() > 1e-4


def test_the_prior_is_asked_without_dropout_and_the_policy_goes_on_training() -> None:
    pytest.importorskip("peft")
    adapted = with_lora(policy()[0], lora_r=4, lora_dropout=0.5)
    adapted.train()
    batch = laid_out(EXAMPLES)
    _, kl = token_losses(adapted, None, batch, settings())
    assert adapted.training
    assert kl.abs().max() <= 1e-6  # adapters begin at zero, so that dropout within them changes nothing
    model, prior = policy()[0], policy()[0].train()
    for layer in prior.model.layers:
        layer.self_attn.attention_dropout = 0.5
    assert token_losses(model, prior, batch, settings())[1].abs().max() <= 1e-6
    assert prior.training


def test_without_a_coefficient_no_prior_is_asked() -> None:
    model, _ = policy()
    nll, kl = token_losses(model, None, laid_out(EXAMPLES), settings(beta=0.0))
    assert torch.equal(kl, torch.zeros_like(nll))
    assert torch.equal(nll, -token_logps(model, laid_out(EXAMPLES)))


# ---------------------------------------------------------------------------------------- a step
def run(
    model: Any,
    tokenizer: Any,
    folder: Path,
    chosen: SuperHFTrainingSettings,
    examples: Sequence[TokenExample] = tuple(EXAMPLES),
    **more: Any,
) -> Any:
    prompts = [f"prompt {k}" for k in range(len(examples))]
    return train_superhf(
        model,
        tokenizer,
        lambda model, step: Superbatch(examples, prompts, {"sampling": 0.0, "scoring": 0.0}),
        n_superbatches=chosen.max_steps or 1,
        settings=chosen,
        folder=folder,
        data={},
        **more,
    )


def gradients(
    monkeypatch: pytest.MonkeyPatch, folder: Path, examples: Sequence[TokenExample], **more: Any
) -> tuple[list[Any], dict[str, float]]:
    """Of the first update, and what the log says of it; clipping is off."""
    model, tokenizer = policy()
    prior = language_model_from_scratch("tiny", ["one two three four five six seven eight"], seed=1)[0]
    found: list[Any] = []

    def step(self: Any, closure: Any = None) -> None:
        found.append(
            [p.grad.clone() for group in self.param_groups for p in group["params"] if p.grad is not None]
        )

    monkeypatch.setattr(torch.optim.AdamW, "step", step)
    monkeypatch.setattr("torch.nn.utils.clip_grad_norm_", lambda *a, **k: torch.tensor(1.0))
    done = run(model, tokenizer, folder, settings(**more), examples, prior=prior.requires_grad_(False))
    monkeypatch.undo()
    return found[0], dict(done.lines[0])


@pytest.mark.parametrize("penalty", [0.0, 0.7])
def test_how_a_minibatch_is_cut_into_batches_changes_neither_loss_nor_gradient(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, penalty: float
) -> None:
    whole, told = gradients(monkeypatch, tmp_path / "1", EXAMPLES, inverse_loss_penalty=penalty)
    cut, told_cut = gradients(
        monkeypatch, tmp_path / "2", EXAMPLES, groups_per_batch=1, inverse_loss_penalty=penalty
    )
    assert max(float((a - b).abs().max()) for a, b in zip(whole, cut, strict=True)) <= 1e-6
    for name in ("loss", "nll", "kl"):
        assert told[name] == pytest.approx(told_cut[name], abs=1e-5)
    loss = told["nll"] + 0.5 * told["kl"] + (penalty / told["nll"] if penalty else 0)
    assert told["loss"] == pytest.approx(loss, abs=1e-6)


def test_the_weight_of_the_kl_does_not_grow_with_the_minibatch(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """Each text twice is the same minibatch: the published sum of KLs would count it double."""
    once, told = gradients(monkeypatch, tmp_path / "1", EXAMPLES)
    twice, told_twice = gradients(monkeypatch, tmp_path / "2", [*EXAMPLES, *EXAMPLES], minibatch_size=6)
    assert max(float((a - b).abs().max()) for a, b in zip(once, twice, strict=True)) <= 1e-6
    assert told["loss"] == pytest.approx(told_twice["loss"], abs=1e-5)


def test_the_penalty_pulls_as_the_derivative_of_its_quotient(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """d(N + c / N) = (1 - c / N^2) dN: with c = N^2 nothing pulls."""
    plain, told = gradients(monkeypatch, tmp_path / "1", EXAMPLES, beta=0.0)
    c = told["nll"] ** 2 / 2
    pulled, told_pulled = gradients(monkeypatch, tmp_path / "2", EXAMPLES, beta=0.0, inverse_loss_penalty=c)
    assert max(float((a / 2 - b).abs().max()) for a, b in zip(plain, pulled, strict=True)) <= 1e-5
    assert told_pulled["loss"] == pytest.approx(told["nll"] + c / told["nll"], abs=1e-4)


def test_a_step_that_is_no_number_names_its_superbatch_and_prompts_and_keeps_the_state(
    tmp_path: Path,
) -> None:
    model, tokenizer = policy()
    ruined: list[int] = []

    def draw(asked: Any, step: int) -> Superbatch:
        if step == 2:
            ruined.append(step)
            with torch.no_grad():
                asked.lm_head.weight[3] = math.nan
        return Superbatch(EXAMPLES, ["first prompt", "second\nprompt", "third"])

    chosen = settings(max_steps=4, save_steps=1, beta=0.0)
    with pytest.raises(
        TrainingError, match=r"superbatch 2: the loss is nan .* 'first prompt', 'second prompt'"
    ) as caught:
        train_superhf(
            model, tokenizer, draw, n_superbatches=4, settings=chosen, folder=tmp_path / "run", data={}
        )
    assert "\n" not in str(caught.value)
    assert "Lower learning_rate" in str(caught.value)
    assert "checkpoint-2 is kept" in str(caught.value)
    assert (tmp_path / "run" / "checkpoint-2").is_dir()
    assert ruined == [2]


def test_minibatches_divide_a_superbatch_and_the_rate_falls_within_it(tmp_path: Path) -> None:
    model, tokenizer = policy()
    rates: list[float] = []
    original = torch.optim.AdamW.step

    def step(self: Any, closure: Any = None) -> Any:
        rates.append(self.param_groups[0]["lr"])
        return original(self, closure)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(torch.optim.AdamW, "step", step)
        run(model, tokenizer, tmp_path, settings(minibatch_size=1, max_steps=1, warmup_steps=0, beta=0.0))
    wanted = [1e-3 * (1 + math.cos(math.pi * at)) / 2 for at in (1 / 6, 3 / 6, 5 / 6)]
    assert rates[:3] == pytest.approx(wanted)


def test_the_log_has_loss_kl_and_seconds(tmp_path: Path) -> None:
    model, tokenizer = policy()
    prior = copy.deepcopy(model).requires_grad_(False)
    done = run(model, tokenizer, tmp_path, settings(max_steps=3), prior=prior, told=lambda: {"reward": 1.5})
    lines = [json.loads(line) for line in (tmp_path / "log.jsonl").read_text().splitlines()]
    first = next(line for line in lines if "loss" in line)
    assert {"nll", "kl", "grad_norm", "learning_rate", "reward", "seconds/update"} <= set(first)
    assert first["kl"] == pytest.approx(0, abs=1e-6)
    assert done.seconds[0]["step"] >= done.seconds[0]["update"] > 0
    assert done.steps == 3


def test_the_schedule_rises_and_falls_over_a_total_that_is_known() -> None:
    given = {"warmup": 0.1, "total": 20.0}
    assert rate_share("linear", 1, **given) == 0.5
    assert rate_share("linear", 11, **given) == pytest.approx(0.5)
    assert rate_share("constant_with_warmup", 19, **given) == 1
    assert rate_share("constant", 0, warmup=0, total=1) == 1
    assert all(0 <= rate_share("cosine", at / 10, **given) <= 1 for at in range(201))


@pytest.mark.parametrize(
    ("more", "said"),
    [
        ({"beta": -1.0}, "beta is -1"),
        ({"kl_direction": "backward"}, "kl_direction is 'backward'. Allowed"),
        ({"kl_estimate": "k3"}, "kl_estimate is 'k3'"),
        ({"gradient_accumulation_steps": 4}, "Raise minibatch_size instead"),
        ({"minibatch_size": 0}, "minibatch_size is 0"),
    ],
)
def test_settings_that_cannot_be_are_refused(more: dict[str, Any], said: str) -> None:
    with pytest.raises(ConfigError, match=said):
        settings(**more)


def test_a_prior_that_is_missing_or_of_another_vocabulary_is_refused(tmp_path: Path) -> None:
    model, tokenizer = policy()
    with pytest.raises(ConfigError, match="there is no prior"):
        run(model, tokenizer, tmp_path / "1", settings())
    other, _ = language_model_from_scratch(
        "tiny", ["quite other words, and many more of them than those of the first"]
    )
    with pytest.raises(ConfigError, match="do not read the same token ids"):
        run(model, tokenizer, tmp_path / "2", settings(), prior=other)


def test_where_a_response_begins_is_known_from_token_ids_and_padding_is_never_read() -> None:
    """The same three texts in one batch and alone: whatever fills rows up, and however long their neighbours are."""
    model, _ = policy()
    together = token_losses(model, None, laid_out(EXAMPLES), settings(beta=0.0))[0]
    alone = [token_losses(model, None, laid_out([one]), settings(beta=0.0))[0] for one in EXAMPLES]
    assert torch.allclose(together, torch.cat(alone), atol=1e-5)
    batch = laid_out(EXAMPLES)
    assert batch["targets"].tolist() == [token for one in EXAMPLES for token in one.response]
    assert predictions([], {"pool": torch.tensor([])}, joined=False)["targets"].tolist() == []
