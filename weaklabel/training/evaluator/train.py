"""The evaluator's trainer, a whole run of it, and what a trained one says.

The loss is the cross-entropy of two logits, keep and accept, with the soft target p. Both orders of every comparison are
examples: where i is the current answer, "accept" has probability p that j beats i; where j is, it has 1 - p.

Source: the evaluator of Ye, Laidlaw & Steinhardt (2025), a sequence classifier trained on both orders of pairs. Theirs
has hard labels; here p and w are those of labels.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, ClassVar, Final

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn
from transformers import PreTrainedTokenizerBase

from weaklabel.artifacts import content_hash
from weaklabel.errors import TrainingError
from weaklabel.groups import Comparison, Group, trainable_groups
from weaklabel.training.evaluator.tokens import WORDS, Question, tokenize_questions
from weaklabel.training.layout import LAYOUTS, Batch, Layout, kind_of, outputs, proven_layout
from weaklabel.training.losses import entropy
from weaklabel.training.models.loading import ACCEPT, KEEP
from weaklabel.training.runs.checkpoints import Watch
from weaklabel.training.runs.running import TrainedOnComparisons, check_fits, training_run
from weaklabel.training.scoring import outputs_of
from weaklabel.training.settings import TrainingSettings
from weaklabel.training.tokens import TokenGroup, Truncated
from weaklabel.training.trainer import WeightedTrainer


def _layout(name: str) -> Layout[Question]:
    base = LAYOUTS[name]

    def collate(questions: Sequence[Question], pad_id: int) -> Batch:
        rest = {
            key: value
            for key, value in base.collate(_groups(questions), pad_id).items()
            if key not in ("i", "j")
        }
        p = [(q.p, 1 - q.p)[k] for q in questions for k in range(len(q.orders))]
        w = [q.w for q in questions for _ in q.orders]
        return rest | {"p": torch.tensor(p), "w": torch.tensor(w)}

    def sizes(questions: Sequence[Question]) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
        return base.sizes(_groups(questions))

    return Layout(name, collate, sizes, base.bucketed)


def _groups(questions: Sequence[Question]) -> list[TokenGroup]:
    return [TokenGroup(question.prompt, question.orders, ()) for question in questions]


QUESTION_LAYOUTS: Final[Mapping[str, Layout[Question]]] = {name: _layout(name) for name in LAYOUTS}
"""As for groups: where rows are shared or packed, both orders read their question once."""


class EvaluatorTrainer(WeightedTrainer):
    """Trains a model of two labels on `Question`s; see `train_classifier` for the arguments' meaning.

    The log has `loss_floor` beside the loss: the entropy of the soft targets, below which it cannot get.
    """

    best_by: ClassVar[str] = "nll"

    def losses(self, model: nn.Module, batch: Batch) -> tuple[Tensor, Tensor]:
        """Cross-entropy of each order of each question in nats, and its weight, both `(n,)`."""
        w = self.weights(batch)
        self.record("loss_floor", entropy(batch["p"]), w)
        return _cross_entropy(outputs(model, batch), batch["p"]), w

    def figures(self, model: nn.Module, batch: Batch) -> dict[str, tuple[Tensor, Tensor]]:
        """NLL in nats, and accuracy where a side won, over both orders; equal logits are half right."""
        logits, p, w = outputs(model, batch).double(), batch["p"].double(), batch["w"]
        d = logits[:, ACCEPT] - logits[:, KEEP]
        right = torch.where(d == 0, 0.5, ((d > 0) == (p > 0.5)).double())
        return {"nll": (_cross_entropy(logits, p), w), "accuracy": (right, w * (p != 0.5))}


def _cross_entropy(logits: Tensor, p: Tensor) -> Tensor:
    """-p log P(accept) - (1 - p) log P(keep), `(n,)`, from `(n, 2)`."""
    logp = logits.log_softmax(-1)
    return -p * logp[:, ACCEPT] - (1 - p) * logp[:, KEEP]


@dataclass(frozen=True, kw_only=True, repr=False)
class TrainedClassifier(TrainedOnComparisons):
    """What the training of an evaluator did."""


def train_classifier(
    model: Any,
    tokenizer: PreTrainedTokenizerBase,
    groups: Sequence[Group],
    *,
    gold: Sequence[Group] = (),
    settings: TrainingSettings,
    folder: Path,
    watch: Watch | None = None,
) -> TrainedClassifier:
    """Trains `model` in place on both orders of comparisons, and leaves it with the weights that did best on `gold`.

    Called again with the same arguments after a kill, it goes on from the last whole checkpoint and ends with the
    weights of an undisturbed run. Under torchrun or accelerate, every process calls it with the same arguments.

    Args:
        model: of `models.load_evaluator`, `evaluator_from_scratch` or `with_lora`.
        groups: the comparisons to learn from; p may be anything from 0 to 1.
        gold: groups for early stopping and for choosing the best checkpoint; never trained on.
        folder: this run's own; see `checkpoints`.
        watch: sees the model at the start and after every checkpoint.

    Raises:
        DataError: groups that cannot be trained on; see `trainable_groups`.
        ConfigError: settings that do not fit the model or each other, or a model with another number of labels.
        ArtifactError: the folder of another run.
        TrainingError: no memory, or a loss that is not a number. Checkpoints are kept.
    """
    check_fits(model, tokenizer, settings, gold)
    made = trainable_groups(groups)
    held_out = trainable_groups(gold).groups if gold else ()
    (train, truncated), (check, truncated_gold) = (
        tokenize_questions(part, tokenizer, max_length=settings.max_length, kind=kind_of(model, labels=2))
        if part
        else ([], Truncated())
        for part in (made.groups, held_out)
    )
    data = {
        "words": content_hash(*WORDS),
        "groups": content_hash(*map(repr, made.groups)),
        "gold": content_hash(*map(repr, held_out)),
    }
    best_by = EvaluatorTrainer.best_by if gold else None
    with training_run(model, settings, folder, data, best_by=best_by, watch=watch) as run:
        layout = proven_layout(
            model,
            settings.layout,
            _groups(train),
            run.args.device,
            pad_id=tokenizer.pad_token_id,
            bf16=settings.bf16,
            labels=2,
        )
        trainer = EvaluatorTrainer(
            model,
            run.args,
            settings,
            QUESTION_LAYOUTS[layout.name],
            train,
            check,
            pad_id=tokenizer.pad_token_id,
            processing_class=tokenizer,
            callbacks=run.callbacks,
        )
        done = run.carry_out(trainer)
    return TrainedClassifier(
        **vars(done),
        layout=layout,
        truncated=truncated,
        truncated_gold=truncated_gold,
        identical=made.identical,
        weightless=made.weightless,
    )


def acceptance(
    model: Any,
    tokenizer: PreTrainedTokenizerBase,
    prompts: Sequence[str],
    current: Sequence[str],
    proposed: Sequence[str],
    *,
    max_length: int,
    tokens_per_batch: int = 16384,
    bf16: bool = False,
) -> NDArray[np.float64]:
    """P(accept) of each proposed answer in place of the current one, float64 `(n,)`, in the order given.

    Equal texts are asked once, so their answers are exactly equal, and a set of texts has the same answers in whatever
    order it is given. Dropout is off.

    Args:
        prompts, current, proposed: `n` texts each.
        max_length: tokens of one row, cut as in training.
        tokens_per_batch: what the padded tensor of one batch may hold.
        bf16: compute in bfloat16 under autocast.

    Raises:
        ConfigError: a model with another number of labels, or a `max_length` that is too small.
        TrainingError: an answer that is not a number, or no memory.
    """
    asked = list(zip(prompts, current, proposed, strict=True))
    if not asked:
        return np.zeros(0)
    distinct = sorted(set(asked))
    groups = [Group(x, (now, new), (Comparison(0, 1, 0.5, 0.0),)) for x, now, new in distinct]
    kind = kind_of(model, labels=2)
    questions, _ = tokenize_questions(groups, tokenizer, max_length=max_length, kind=kind, both_orders=False)
    found = outputs_of(
        model,
        _groups(questions),
        pad_id=int(tokenizer.pad_token_id or 0),
        tokens_per_batch=tokens_per_batch,
        bf16=bf16,
        labels=2,
    )
    logits = np.concatenate(found)
    if odd := int((~np.isfinite(logits)).any(axis=1).sum()):
        raise TrainingError(
            f"{odd} of {len(logits)} answers of the evaluator are not numbers. Its weights are damaged, or its training "
            "went wrong: train again, with a lower learning_rate."
        )
    d = logits[:, ACCEPT] - logits[:, KEEP]
    p = np.exp(-np.logaddexp(0.0, -d))
    row = {item: at for at, item in enumerate(distinct)}
    return np.asarray(p[[row[item] for item in asked]], dtype=np.float64)
