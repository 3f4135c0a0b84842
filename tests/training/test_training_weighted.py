"""The floor under any trainer: a language model on weighted tokens has one normaliser, a log, gold and resuming."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

torch = pytest.importorskip("torch")
transformers = pytest.importorskip("transformers")

from weaklabel.training import Trained, TrainingSettings, WeightedTrainer, training_run  # noqa: E402
from weaklabel.training.layout.base import Layout, padded_rows  # noqa: E402

pytestmark = pytest.mark.trains

PAD, VOCABULARY = 0, 29
QUICK = TrainingSettings(
    groups_per_batch=8, max_length=32, learning_rate=1e-3, lr_scheduler_type="constant", logging_steps=1
)


@dataclass(frozen=True)
class Example:
    ids: list[int]
    prompt: int
    w: float

    @property
    def weight(self) -> float:
        return self.w * (len(self.ids) - self.prompt)

    def weightless(self) -> Example:
        return replace(self, w=0.0)


def collate(examples: Sequence[Example], pad_id: int) -> dict[str, Any]:
    places = [(row, at) for row, e in enumerate(examples) for at in range(e.prompt, len(e.ids))]
    return {
        "input_ids": padded_rows([e.ids for e in examples], pad_id),
        "places": torch.tensor(places),
        "w": torch.tensor([examples[row].w for row, _ in places]),
    }


def sizes(examples: Sequence[Example]) -> tuple[Any, Any]:
    return np.array([len(e.ids) for e in examples]), np.ones(len(examples), dtype=np.int64)


TOKENS = Layout("tokens", collate, sizes, bucketed=True)
SHUFFLED = Layout("shuffled", collate, sizes, bucketed=False)


class TokenTrainer(WeightedTrainer):
    def losses(self, model: Any, batch: Any) -> tuple[Any, Any]:
        row, at = batch["places"].unbind(1)
        logits = model(input_ids=batch["input_ids"], attention_mask=batch["input_ids"] != PAD).logits
        losses = torch.nn.functional.cross_entropy(
            logits[row, at - 1], batch["input_ids"][row, at], reduction="none"
        )
        self.record("logps", -losses, batch["w"])
        return losses, batch["w"]


class ForgetsWeights(TokenTrainer):
    def losses(self, model: Any, batch: Any) -> tuple[Any, Any]:
        losses, w = super().losses(model, batch)
        return losses, torch.ones_like(w)


def examples(n: int, seed: int = 0) -> list[Example]:
    draw = np.random.default_rng(seed)
    made = []
    for _ in range(n):
        prompt, response = draw.integers(1, 6), draw.integers(1, 20)
        ids = draw.integers(1, VOCABULARY, prompt + response).tolist()
        made.append(Example(ids, int(prompt), float(draw.uniform(0.1, 3.0))))
    return made


def language_model() -> Any:
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        config = transformers.LlamaConfig(
            vocab_size=VOCABULARY, hidden_size=32, intermediate_size=64, num_hidden_layers=1,
            num_attention_heads=2, pad_token_id=PAD, bos_token_id=None, eos_token_id=None,
        )  # fmt: skip
        return transformers.LlamaForCausalLM(config).eval()


def trained(
    folder: Path,
    settings: TrainingSettings = QUICK,
    gold: Sequence[Example] = (),
    kind: type[WeightedTrainer] = TokenTrainer,
) -> tuple[Any, Trained]:
    model = language_model()
    with training_run(model, settings, folder, {"data": "0"}, best_by="loss" if gold else None) as run:
        trainer = kind(
            model, run.args, settings, TOKENS, examples(16), gold, pad_id=PAD, callbacks=run.callbacks
        )
        return model, run.carry_out(trainer)


def by_hand(model: Any, some: Sequence[Example]) -> tuple[float, float]:
    """The mean over all weighted tokens, and the mean of the examples' means, one example at a time."""
    total, weight, means = 0.0, 0.0, []
    for example in some:
        ids = torch.tensor([example.ids])
        with torch.no_grad():
            logps = model(input_ids=ids).logits[0, :-1].log_softmax(-1)
        losses = -logps[torch.arange(len(example.ids) - 1), ids[0, 1:]][example.prompt - 1 :]
        total, weight = total + example.w * float(losses.sum()), weight + example.w * len(losses)
        means.append(float(losses.mean()))
    return total / weight, float(np.mean(means))


def furthest(one: Any, other: Any) -> float:
    pairs = zip(one.parameters(), other.parameters(), strict=True)
    return max(float((a - b).detach().abs().max()) for a, b in pairs)


def test_every_weighted_token_counts_alike_however_batches_are_cut(tmp_path: Path) -> None:
    whole, together = trained(tmp_path / "16x1", replace(QUICK, groups_per_batch=16, max_steps=3))
    cut = replace(QUICK, groups_per_batch=2, gradient_accumulation_steps=8, max_steps=3)
    parts, apart = trained(tmp_path / "2x8", cut)
    mean, mean_of_means = by_hand(language_model(), examples(16))
    first = [run.logged("loss")[0][1] for run in (together, apart)]
    assert first == pytest.approx([mean, mean], abs=1e-5)
    assert abs(mean - mean_of_means) > 1e-3
    assert furthest(whole, parts) < 1e-5
    assert furthest(whole, language_model()) > 1e-3


class Minimised(TokenTrainer):
    """Keeps what each step minimises."""

    steps: list[float]

    def training_step(self, *given: Any, **more: Any) -> Any:
        loss = super().training_step(*given, **more)
        self.steps = [*getattr(self, "steps", []), float(loss)]
        return loss


def minimised(folder: Path, layout: Layout[Example], some: list[Example]) -> tuple[list[float], list[float]]:
    """What the steps of an epoch minimise while nothing is learned, and what they log."""
    model = language_model()
    settings = replace(QUICK, groups_per_batch=3, learning_rate=1e-12)
    with training_run(model, settings, folder, {"data": "0"}, best_by=None) as run:
        trainer = Minimised(model, run.args, settings, layout, some, [], pad_id=PAD, callbacks=run.callbacks)
        logged = [loss for _, loss in run.carry_out(trainer).logged("loss")]
    return trainer.steps, logged


def test_every_weighted_token_of_an_epoch_counts_alike_where_batches_are_sorted_by_length(
    tmp_path: Path,
) -> None:
    some = examples(16)
    mean, _ = by_hand(language_model(), some)
    steps, logged = minimised(tmp_path / "sorted", TOKENS, some)
    assert len(steps) == 6
    assert np.mean(steps) == pytest.approx(mean, abs=1e-6)
    assert (
        abs(np.mean(logged) - mean) > 1e-4
    )  # dividing each by its own weight would have weighed light steps more
    assert max(abs(a - b) for a, b in zip(steps, logged, strict=True)) > 0.1


def test_batches_drawn_at_random_are_divided_by_their_own_weight(tmp_path: Path) -> None:
    steps, logged = minimised(tmp_path / "shuffled", SHUFFLED, examples(16))
    assert steps == pytest.approx(logged, abs=1e-6)


def test_what_is_recorded_is_averaged_as_the_loss_is(tmp_path: Path) -> None:
    settings = replace(
        QUICK, groups_per_batch=3, gradient_accumulation_steps=2, logging_steps=2, save_steps=6
    )
    _, done = trained(tmp_path, replace(settings, num_train_epochs=2))
    lines = done.logged("loss", "logps")
    assert [step for step, _, _ in lines] == [2, 4, 6]
    assert [-logp for _, _, logp in lines] == pytest.approx([loss for _, loss, _ in lines], abs=1e-6)
    assert [json.loads(line) for line in (tmp_path / "log.jsonl").read_text().splitlines()] == list(
        done.lines
    )


def test_an_evaluation_is_the_weighted_loss_of_the_gold_and_records_nothing(tmp_path: Path) -> None:
    gold = examples(5, seed=3)
    model, done = trained(tmp_path, replace(QUICK, max_steps=1), gold)
    [(step, loss)] = done.logged("eval_loss")
    assert (step, loss) == (1, pytest.approx(by_hand(model, gold)[0], abs=1e-5))
    assert done.logged("logps", "eval_loss") == ((1, done.logged("logps")[0][1], None),)


def test_losses_with_other_weights_than_were_announced_are_a_bug_that_is_seen(tmp_path: Path) -> None:
    with pytest.raises(
        AssertionError, match=r"the weights of `losses` are .* of those that `weights` announced"
    ):
        trained(tmp_path, kind=ForgetsWeights)


def test_a_share_of_an_epoch_stops_inside_it(tmp_path: Path) -> None:
    settings = replace(QUICK, groups_per_batch=1)
    _, done = trained(tmp_path, replace(settings, num_train_epochs=0.5))
    assert done.steps == 8


def test_a_best_evaluation_between_checkpoints_is_kept(tmp_path: Path) -> None:
    # The gold is not what is learned, so at this rate it is best at the first evaluation, of which none is saved.
    gold = examples(6, seed=9)
    settings = replace(
        QUICK, groups_per_batch=4, learning_rate=0.03, num_train_epochs=3, eval_steps=1, save_steps=6
    )
    model, done = trained(tmp_path, settings, gold)
    checks = dict(done.logged("eval_loss"))
    assert list(checks) == list(range(1, 13))
    assert done.best == min(checks, key=checks.__getitem__) < 6
    assert by_hand(model, gold)[0] == pytest.approx(checks[done.best], abs=1e-5)


def test_a_run_out_of_patience_between_checkpoints_is_not_trained_again(tmp_path: Path) -> None:
    gold = examples(6, seed=9)
    settings = replace(
        QUICK, groups_per_batch=4, learning_rate=0.03, num_train_epochs=20, eval_steps=1, save_steps=50
    )
    patient = replace(settings, early_stopping_patience=3)
    model, done = trained(tmp_path, patient, gold)
    again, same = trained(tmp_path, patient, gold)
    assert done.steps == done.best + 3 < 20
    assert (same.steps, same.best, same.resumed) == (done.steps, done.best, done.steps)
    assert furthest(model, again) == 0
