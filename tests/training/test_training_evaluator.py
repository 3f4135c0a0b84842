"""The evaluator: a classifier of question, current and proposed answer, trained on both orders of every pair."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

torch = pytest.importorskip("torch")
transformers = pytest.importorskip("transformers")

from hypothesis import given  # noqa: E402
from hypothesis import strategies as st  # noqa: E402
from made_groups import tiny_model  # noqa: E402
from planted import planted_groups, texts_of  # noqa: E402

from weaklabel.errors import ConfigError, DataError, TrainingError  # noqa: E402
from weaklabel.groups import Comparison, Group  # noqa: E402
from weaklabel.training.evaluator.tokens import _fitted, tokenize_questions  # noqa: E402
from weaklabel.training.evaluator.train import (  # noqa: E402
    QUESTION_LAYOUTS,
    _cross_entropy,
    acceptance,
    train_classifier,
)
from weaklabel.training.layout import outputs  # noqa: E402
from weaklabel.training.models.loading import load_evaluator, load_scorer, with_lora  # noqa: E402
from weaklabel.training.models.scratch import (  # noqa: E402
    evaluator_from_scratch,
    from_scratch,
    language_model_from_scratch,
)
from weaklabel.training.reward import train_scorer  # noqa: E402
from weaklabel.training.settings import RewardTrainingSettings, TrainingSettings  # noqa: E402

pytestmark = pytest.mark.trains

GROUPS = planted_groups(120)


@pytest.fixture
def made() -> Any:
    return evaluator_from_scratch("tiny", texts_of(GROUPS))


def settings(**more: Any) -> TrainingSettings:
    given = {"groups_per_batch": 8, "learning_rate": 2e-3, "max_length": 128, "logging_steps": 5}
    return TrainingSettings(**given | more)


def draw_head(model: Any, std: float = 0.1) -> None:
    """Weights with which answers differ; the new head is nearly even."""
    torch.nn.init.normal_(model.score.weight, std=std, generator=torch.Generator().manual_seed(1))


def one(prompt: str, i: str, j: str, p: float = 1.0, w: float = 1.0) -> Group:
    return Group(prompt, (i, j), (Comparison(0, 1, p, w),))


# ---------------------------------------------------------------------------------------- what it reads
def test_both_orders_are_read_with_their_words_and_end_alike(made) -> None:
    _, tokenizer = made
    (question,), cut = tokenize_questions(
        [one("2 + 2?", "four", "five")], tokenizer, max_length=200, kind="decoder"
    )
    rows = [tokenizer.decode(question.prompt + order) for order in question.orders]
    assert rows == [
        f"Question:\n2 + 2?\n\nCurrent answer:\n{a}\n\nProposed answer:\n{b}\n\nAccept the change?<end>"
        for a, b in [("four", "five"), ("five", "four")]
    ]
    assert (cut.prompts, cut.responses, cut.tokens, cut.n_prompts, cut.n_responses) == (0, 0, 0, 1, 2)


def test_an_encoder_reads_question_and_answers_as_two_texts() -> None:
    from tokenizers.processors import TemplateProcessing

    _, tokenizer = evaluator_from_scratch("tiny", texts_of(GROUPS))
    tokenizer.backend_tokenizer.post_processor = TemplateProcessing(
        single="<end> $A <end>",
        pair="<end> $A <end> $B <end>",
        special_tokens=[("<end>", tokenizer.eos_token_id)],
    )
    (question,), _ = tokenize_questions(
        [one("2 + 2?", "four", "five")], tokenizer, max_length=200, kind="encoder"
    )
    assert tokenizer.decode(question.prompt) == "<end>Question:\n2 + 2?<end>"
    assert tokenizer.decode(question.orders[1]).endswith("Proposed answer:\nfour\n\nAccept the change?<end>")


@given(st.integers(0, 60), st.integers(0, 60), st.integers(0, 60), st.integers(16, 80))
def test_what_is_too_long_is_cut_alike_on_both_sides(q: int, i: int, j: int, room: int) -> None:
    question, first, second = _fitted(list(range(q)), list(range(i)), list(range(j)), room)
    assert len(question) + len(first) + len(second) <= room
    assert question == list(range(q))[q - len(question) :]
    if q + i + j <= room:
        assert (len(question), len(first), len(second)) == (q, i, j)
        return
    assert len(question) + len(first) + len(second) >= room - 1  # an odd token cannot be shared
    assert len(question) >= min(q, room // 4)
    # The longer answer loses first; once both lose, they are equally long.
    if len(first) < i and len(second) < j:
        assert len(first) == len(second)
    if len(first) < i:
        assert len(second) <= len(first)
    if len(second) < j:
        assert len(first) <= len(second)
    turned = _fitted(list(range(q)), list(range(j)), list(range(i)), room)
    assert turned == (question, second, first)
    for kept, whole in ((first, i), (second, j)):
        assert kept[: (len(kept) + 1) // 2] == list(range(whole))[: (len(kept) + 1) // 2]
        assert not kept or len(kept) == 1 or kept[-1] == whole - 1


def test_cuts_are_counted_and_a_room_for_nothing_is_an_error(made) -> None:
    _, tokenizer = made
    long = [one("why? " * 200, "yes " * 100, "no")]
    (question,), cut = tokenize_questions(long, tokenizer, max_length=120, kind="decoder")
    assert all(len(question.prompt) + len(order) <= 120 for order in question.orders)
    assert (cut.prompts, cut.responses) == (1, 1)
    assert cut.tokens > 200
    with pytest.raises(ConfigError, match=r"max_length is 40 tokens, of which \d+ go to the evaluator's"):
        tokenize_questions(long, tokenizer, max_length=40, kind="decoder")


# ---------------------------------------------------------------------------------------- the loss
def test_the_loss_is_the_cross_entropy_of_both_labels() -> None:
    """By hand: logits (1, 3) give P(accept) = 1 / (1 + e^-2)."""
    accept = 1 / (1 + np.exp(-2))
    found = _cross_entropy(torch.tensor([[1.0, 3.0], [1.0, 3.0]]), torch.tensor([1.0, 0.25]))
    assert found.tolist() == pytest.approx(
        [-np.log(accept), -0.25 * np.log(accept) - 0.75 * np.log(1 - accept)]
    )


def test_the_second_order_has_the_other_target(made) -> None:
    _, tokenizer = made
    questions, _ = tokenize_questions(
        [one("x", "a", "b", p=0.8, w=2.0), one("y", "c", "d", p=0.1)],
        tokenizer,
        max_length=100,
        kind="decoder",
    )
    batch = QUESTION_LAYOUTS["padded"].collate(questions, tokenizer.pad_token_id)
    assert batch["p"].tolist() == pytest.approx([0.8, 0.2, 0.1, 0.9])
    assert batch["w"].tolist() == [2.0, 2.0, 1.0, 1.0]
    assert questions[0].weightless().w == 0.0


@pytest.mark.parametrize("layout", ["bucketed", "shared", "varlen"])
def test_every_layout_gives_the_padded_logits(made, layout) -> None:
    model, tokenizer = made
    draw_head(model)
    questions, _ = tokenize_questions(GROUPS[:6], tokenizer, max_length=100, kind="decoder")
    with torch.no_grad():
        padded, other = (
            outputs(model.eval(), QUESTION_LAYOUTS[name].collate(questions, tokenizer.pad_token_id))
            for name in ("padded", layout)
        )
    assert padded.shape == (12, 2)
    assert (padded - other).abs().max() < 1e-5
    assert padded.std() > 0.01


def test_the_label_is_read_from_the_last_token_where_padding_and_end_are_one(made) -> None:
    model, tokenizer = made
    tokenizer.pad_token = tokenizer.eos_token
    questions, _ = tokenize_questions(
        [one("x", "a", "b"), one("y " * 9, "c " * 9, "d")], tokenizer, max_length=100, kind="decoder"
    )
    layout = QUESTION_LAYOUTS["padded"]
    with torch.no_grad():
        together = outputs(model.eval(), layout.collate(questions, tokenizer.pad_token_id))
        alone = outputs(model, layout.collate(questions[:1], tokenizer.pad_token_id))
    assert (together[:2] - alone).abs().max() < 1e-5


# ---------------------------------------------------------------------------------------- training
def test_it_learns_what_was_planted_and_says_so_of_other_questions(made, tmp_path: Path) -> None:
    model, tokenizer = made
    trained = train_classifier(
        model,
        tokenizer,
        GROUPS[:90],
        gold=GROUPS[90:],
        settings=settings(num_train_epochs=6),
        folder=tmp_path,
    )
    assert trained.layout.name == "shared"
    assert trained.losses[-1][1] < 0.3 < trained.losses[0][1]
    assert min(nll for _, nll, _ in trained.checks) == next(
        n for s, n, _ in trained.checks if s == trained.best
    )
    p = acceptance(
        model,
        tokenizer,
        [g.prompt for g in GROUPS[90:]],
        [g.responses[0] for g in GROUPS[90:]],
        [g.responses[1] for g in GROUPS[90:]],
        max_length=128,
    )
    right = np.array(
        [(c.p > 0.5) == (q > 0.5) for g, q in zip(GROUPS[90:], p, strict=True) for c in g.comparisons]
    )
    assert right.mean() > 0.85


def test_soft_targets_are_approached_and_weights_decide_between_two_beliefs(tmp_path: Path) -> None:
    groups = [
        Group("x", ("good", "bad"), (Comparison(0, 1, 0.2, 1.0),)),
        Group("y", ("good", "bad"), (Comparison(0, 1, 1.0, 1.0), Comparison(0, 1, 0.0, 3.0))),
    ]
    model, tokenizer = evaluator_from_scratch("tiny", texts_of(groups))
    train_classifier(
        model,
        tokenizer,
        groups,
        settings=settings(num_train_epochs=150, lr_scheduler_type="constant"),
        folder=tmp_path,
    )
    p = acceptance(
        model, tokenizer, ["x", "x", "y"], ["good", "bad", "good"], ["bad", "good", "bad"], max_length=128
    )
    assert p == pytest.approx([0.2, 0.8, 0.25], abs=0.03)


def test_a_killed_training_goes_on_to_the_same_weights(tmp_path: Path) -> None:
    class Killed(Exception):
        pass

    def kill(model: Any, step: int) -> None:
        if step == 6:
            raise Killed

    chosen, found = settings(max_steps=9, save_steps=3), []
    for name, kills in (("whole", False), ("killed", True)):
        model, tokenizer = evaluator_from_scratch("tiny", texts_of(GROUPS))
        if kills:
            with pytest.raises(Killed):
                train_classifier(
                    model, tokenizer, GROUPS, settings=chosen, folder=tmp_path / name, watch=kill
                )
            model, tokenizer = evaluator_from_scratch("tiny", texts_of(GROUPS))
        trained = train_classifier(model, tokenizer, GROUPS, settings=chosen, folder=tmp_path / name)
        assert trained.resumed == (6 if kills else None)
        found.append(torch.cat([w.flatten() for w in model.parameters()]))
    assert (found[0] - found[1]).abs().max() == 0


def test_adapters_and_the_head_alone_are_trained(made, tmp_path: Path) -> None:
    pytest.importorskip("peft")
    model, tokenizer = made
    wrapped = with_lora(model, lora_r=4)
    before = {name: w.clone() for name, w in wrapped.named_parameters()}
    train_classifier(
        wrapped, tokenizer, GROUPS[:16], settings=settings(max_steps=2, lora_r=4), folder=tmp_path
    )
    moved = {name for name, w in wrapped.named_parameters() if not torch.equal(w, before[name])}
    assert moved
    assert all("lora_" in name or "score" in name for name in moved)


def test_what_teaches_nothing_is_counted_or_an_error(made, tmp_path: Path) -> None:
    model, tokenizer = made
    same = Group("x", ("a", "b"), (Comparison(0, 0, 1.0, 1.0), Comparison(0, 1, 1.0, 0.0)))
    trained = train_classifier(
        model, tokenizer, [*GROUPS[:8], same], settings=settings(max_steps=1), folder=tmp_path
    )
    assert (trained.identical, trained.weightless) == (1, 1)
    with pytest.raises(DataError, match="nothing to train on in 1 group"):
        train_classifier(model, tokenizer, [same], settings=settings(), folder=tmp_path / "b")


# ---------------------------------------------------------------------------------------- answering
def test_an_answer_does_not_depend_on_its_company_and_equal_ones_are_equal(made) -> None:
    model, tokenizer = made
    draw_head(model)
    asked = [(g.prompt, *g.responses) for g in GROUPS[:20]]

    def said(some: list[tuple[str, str, str]]) -> Any:
        prompts, current, proposed = zip(*some, strict=True)
        return acceptance(model, tokenizer, prompts, current, proposed, max_length=100, tokens_per_batch=400)

    whole = said(asked)
    assert (said(asked[::-1])[::-1] == whole).all()
    assert (said(asked * 2) == np.tile(whole, 2)).all()
    assert np.concatenate([said([item]) for item in asked]) == pytest.approx(whole, abs=1e-6)
    assert np.ptp(whole) > 1e-3  # a thousand times what company may change
    assert acceptance(model, tokenizer, [], [], [], max_length=100).shape == (0,)


def test_an_encoder_evaluates_too(tmp_path: Path) -> None:
    from tokenizers.processors import TemplateProcessing

    _, tokenizer = evaluator_from_scratch("tiny", ["a b"])
    tokenizer.backend_tokenizer.post_processor = TemplateProcessing(
        single="<end> $A <end>",
        pair="<end> $A <end> $B <end>",
        special_tokens=[("<end>", tokenizer.eos_token_id)],
    )
    config = transformers.BertConfig(
        vocab_size=len(tokenizer),
        hidden_size=32,
        intermediate_size=64,
        num_hidden_layers=2,
        num_attention_heads=4,
        max_position_embeddings=256,
        num_labels=2,
        pad_token_id=tokenizer.pad_token_id,
    )
    torch.manual_seed(0)
    model = transformers.BertForSequenceClassification(config)
    trained = train_classifier(
        model, tokenizer, GROUPS[:16], settings=settings(max_steps=3, max_length=256), folder=tmp_path
    )
    assert trained.layout.name == "bucketed"
    assert trained.steps == 3
    assert acceptance(model, tokenizer, ["x"], ["a"], ["b"], max_length=256).shape == (1,)


def test_weights_that_are_not_numbers_are_an_error(made) -> None:
    model, tokenizer = made
    torch.nn.init.constant_(model.score.weight, float("nan"))
    with pytest.raises(TrainingError, match="1 of 1 answers of the evaluator are not numbers"):
        acceptance(model, tokenizer, ["x"], ["a"], ["b"], max_length=100)


# ---------------------------------------------------------------------------------------- models
def test_a_reward_model_is_no_evaluator_and_the_other_way_round(made, tmp_path: Path) -> None:
    scorer, tokenizer = from_scratch("tiny", texts_of(GROUPS))
    with pytest.raises(ConfigError, match=r"has 1 labels. An evaluator keeps or accepts.*num_labels=2"):
        train_classifier(scorer, tokenizer, GROUPS, settings=settings(), folder=tmp_path)
    with pytest.raises(ConfigError, match=r"has 2 labels. A reward model gives one number"):
        train_scorer(
            made[0], tokenizer, GROUPS, settings=RewardTrainingSettings(max_length=64), folder=tmp_path
        )


def test_a_saved_evaluator_keeps_its_head_and_names_its_labels(made, tmp_path: Path) -> None:
    model, tokenizer = made
    draw_head(model)
    model.save_pretrained(tmp_path)
    tokenizer.save_pretrained(tmp_path)
    again, _ = load_evaluator(tmp_path)
    assert torch.equal(again.score.weight, model.score.weight)
    assert again.config.id2label == {0: "keep", 1: "accept"}
    # A head for another number of labels is drawn anew, from the seed.
    assert load_scorer(tmp_path)[0].score.weight.shape == (1, 64)


def test_a_language_model_is_a_base_with_a_new_head(tmp_path: Path) -> None:
    model, tokenizer = language_model_from_scratch("tiny", texts_of(GROUPS))
    model.save_pretrained(tmp_path)
    tokenizer.save_pretrained(tmp_path)
    one_, other, third = (load_evaluator(tmp_path, seed=seed)[0] for seed in (0, 0, 1))
    assert torch.equal(one_.score.weight, other.score.weight)
    assert not torch.equal(one_.score.weight, third.score.weight)
    assert one_.score.weight.shape == (2, 64)


def test_two_labels_of_a_tiny_llama() -> None:
    model = tiny_model("llama")
    model.config.num_labels = 3
    with pytest.raises(ConfigError, match="has 3 labels"):
        acceptance(model, None, ["x"], ["a"], ["b"], max_length=100)  # type: ignore[arg-type]
