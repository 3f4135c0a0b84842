"""Supervised finetuning: a language model learns demonstrations, each by its weight.

The loss is the mean of -log p over all tokens of responses in a step, each token weighted by its example's `w`; prompts
are read and not learned. Where a response begins is known from its token ids, never from the text.

Equal to TRL's SFTTrainer with `completion_only_loss` on equal batches and weights 1.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, ClassVar, Final

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn
from transformers import PreTrainedTokenizerBase

from weaklabel._validation import lookup
from weaklabel.artifacts import content_hash
from weaklabel.errors import ConfigError, DataError
from weaklabel.groups import Group
from weaklabel.training.layout import Batch, Choice, Layout, unwrapped
from weaklabel.training.layout.architectures import why_not_shared
from weaklabel.training.layout.choice import why_no_kernel
from weaklabel.training.layout.language import attach, predictions, token_logps
from weaklabel.training.layout.registry import LAYOUTS
from weaklabel.training.runs.checkpoints import Watch
from weaklabel.training.runs.running import TrainedOnTokens, check_fits, training_run
from weaklabel.training.settings import TrainingSettings
from weaklabel.training.tokens import TokenGroup, Truncated, tokenize_groups
from weaklabel.training.trainer import WeightedTrainer
from weaklabel.types.demonstration import Demonstration

LIGHTEST: Final = 1e-6
HEAVIEST: Final = 1e6
"""Between these a weight may be: it is float32 in a batch, and a loss is divided by the sum of them."""


@dataclass(frozen=True, slots=True)
class TokenExample:
    """A demonstration as token ids; a row of the model is `prompt + response`."""

    prompt: list[int]
    response: list[int]
    w: float = 1.0

    @property
    def weight(self) -> float:
        """What the tokens of the response count together."""
        return self.w * len(self.response)

    def weightless(self) -> TokenExample:
        """The same with weight zero: it takes part in a step and changes nothing."""
        return replace(self, w=0.0)


def _layout(name: str) -> Layout[TokenExample]:
    base = LAYOUTS[name]

    def collate(examples: Sequence[TokenExample], pad_id: int) -> Batch:
        groups = _groups(examples)
        batch = base.collate(groups, pad_id)
        found = predictions(groups, batch, joined=name == "varlen")
        weights = torch.tensor([example.w for example in examples], dtype=torch.float32)
        compared = ("i", "j", "p", "p_low", "p_high", "w", "pool", "token_type_ids")
        rest = {key: value for key, value in batch.items() if key not in compared}
        return {**rest, **found, "w": weights[found["of"]]}

    def sizes(examples: Sequence[TokenExample]) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
        return base.sizes(_groups(examples))

    return Layout(name, collate, sizes, base.bucketed)


def _groups(examples: Sequence[TokenExample]) -> list[TokenGroup]:
    return [TokenGroup(example.prompt, (example.response,), ()) for example in examples]


SFT_LAYOUTS: Final[Mapping[str, Layout[TokenExample]]] = {
    name: _layout(name) for name in ("padded", "bucketed", "varlen")
}
"""Rows of their own, in random order or sorted by length; or packed, where the CUDA kernel runs."""


class SFTTrainer(WeightedTrainer):
    """Trains a language model on `TokenExample`s; see `train_sft` for the arguments' meaning."""

    best_by: ClassVar[str] = "nll"

    def losses(self, model: nn.Module, batch: Batch) -> tuple[Tensor, Tensor]:
        """-log p of each token of the responses, and its example's weight, both `(n_tokens,)`."""
        return -token_logps(model, batch), self.weights(batch)

    def figures(self, model: nn.Module, batch: Batch) -> dict[str, tuple[Tensor, Tensor]]:
        """NLL per token in nats."""
        return {"nll": self.losses(model, batch)}


@dataclass(frozen=True, kw_only=True, repr=False)
class TrainedPolicy(TrainedOnTokens):
    """What supervised finetuning did; `weightless` are demonstrations. A response that was cut has no end token.

    Attributes:
        empty: demonstrations left out because their response is empty.
    """

    empty: int


def train_sft(
    model: Any,
    tokenizer: PreTrainedTokenizerBase,
    demonstrations: Sequence[Demonstration],
    *,
    gold: Sequence[Demonstration] = (),
    settings: TrainingSettings,
    folder: Path,
    watch: Watch | None = None,
) -> TrainedPolicy:
    """Trains `model` in place on demonstrations, and leaves it with the weights that did best on gold, if there is any.

    Called again with the same arguments after a kill, it goes on from the last whole checkpoint and ends with the
    weights of an undisturbed run. Under torchrun or accelerate, every process calls it with the same arguments.

    Args:
        model: of `models.load_language_model`, `language_model_from_scratch` or `with_lora`.
        demonstrations: to learn from; empty responses and those of weight 0 are left out and counted.
        gold: demonstrations for early stopping and for choosing the best checkpoint; never trained on.
        settings: `layout` is "auto" or a name of `SFT_LAYOUTS`.
        folder: this run's own; see `checkpoints`.
        watch: sees the model at the start and after every checkpoint.

    Raises:
        DataError: no demonstration is left, a weight out of range, or something else than a text.
        ConfigError: settings that do not fit the model or each other.
        ArtifactError: the folder of another run.
        TrainingError: no memory, or a loss that is not a number. Checkpoints are kept.
    """
    check_fits(model, tokenizer, settings, gold)
    train, empty, weightless = _learnable(demonstrations, "demonstrations")
    held_out = _learnable(gold, "gold")[0] if gold else []
    examples, truncated = _tokenized(train, tokenizer, settings.max_length)
    checks, truncated_gold = _tokenized(held_out, tokenizer, settings.max_length)
    data = {"demonstrations": content_hash(*map(repr, train)), "gold": content_hash(*map(repr, held_out))}
    with training_run(
        model, settings, folder, data, best_by=SFTTrainer.best_by if gold else None, watch=watch
    ) as run:
        attach(unwrapped(model))
        layout = choose_sft_layout(model, settings.layout, run.args.device, bf16=settings.bf16)
        trainer = SFTTrainer(
            model,
            run.args,
            settings,
            SFT_LAYOUTS[layout.name],
            examples,
            checks,
            pad_id=tokenizer.pad_token_id,
            processing_class=tokenizer,
            callbacks=run.callbacks,
        )
        done = run.carry_out(trainer)
    return TrainedPolicy(
        **vars(done),
        layout=layout,
        truncated=truncated,
        truncated_gold=truncated_gold,
        empty=empty,
        weightless=weightless,
    )


def choose_sft_layout(
    model: nn.Module, requested: str, device: torch.device | str, *, bf16: bool = False
) -> Choice:
    """The layout for a language model: packed where the kernel runs, otherwise rows sorted by length.

    Raises:
        UnknownNameError: no layout of that name.
        ConfigError: "varlen" where it cannot be, with the reason.
    """
    inner = unwrapped(model)
    dtype = torch.bfloat16 if bf16 else inner.dtype
    obstacle = why_not_shared(inner.config) or why_no_kernel(torch.device(device).type, dtype)
    if requested == "auto":
        packs = obstacle is None and not getattr(inner.config, "attention_dropout", 0)
        return (
            Choice("varlen", "rows are packed without padding")
            if packs
            else Choice("bucketed", obstacle or "packed attention has no dropout")
        )
    lookup("layout", SFT_LAYOUTS, requested)
    if requested == "varlen" and obstacle:
        raise ConfigError(f"layout 'varlen' does not fit: {obstacle}. Use 'auto' or 'bucketed'.")
    return Choice(requested, "as requested")


def _learnable(given: Sequence[Demonstration], what: str) -> tuple[list[Demonstration], int, int]:
    """The demonstrations that teach something, and how many are empty, or of weight zero."""
    for number, one in enumerate(given, 1):
        for name in ("prompt", "completion"):
            if not isinstance(text := getattr(one, name), str):
                raise DataError(f"{what}, number {number}: {name} is a {type(text).__name__}. Give a text.")
        if not isinstance(one.w, int | float) or not (one.w == 0 or LIGHTEST <= one.w <= HEAVIEST):
            raise DataError(
                f"{what}, number {number}: w is {one.w!r}. Allowed: 0, or {LIGHTEST:g} to {HEAVIEST:g}."
            )
    filled = [one for one in given if one.completion.strip()]
    kept = [one for one in filled if one.w > 0]
    if not kept:
        raise DataError(
            f"none of {len(given):,} {what} can be learned: {len(given) - len(filled):,} responses are empty, "
            f"{len(filled) - len(kept):,} have weight 0. Give prompts with their responses."
        )
    return kept, len(given) - len(filled), len(filled) - len(kept)


def _tokenized(
    given: Sequence[Demonstration], tokenizer: PreTrainedTokenizerBase, max_length: int
) -> tuple[list[TokenExample], Truncated]:
    if not given:
        return [], Truncated()
    groups = [Group(one.prompt, (one.completion,), (), one.messages) for one in given]
    made = tokenize_groups(groups, tokenizer, max_length=max_length, kind="decoder", keep_end=False)
    examples = [
        TokenExample(group.prompt, group.responses[0], one.w)
        for group, one in zip(made.groups, given, strict=True)
    ]
    return examples, made.truncated
