"""Training on chains: the next token of every learned output, with links of attention dropped, and general text beside it.

    loss = mean of -log p over learned tokens, each by its weight  +  pretrain_weight * mean of -log p over general text

Tokens of outputs that are to become unlikely have -log(1 - p) instead (Welleck et al. 2019, arXiv 1908.04319, eq. 3).

Source: Liu, Sferrazza & Abbeel 2023, sections 3 and C. Departure: the mean is over the tokens of a step, where the published
code takes that of blocks of those of a block (layout "blocks" does the same).
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, ClassVar, Final

import torch
from torch import Tensor, nn
from transformers import PreTrainedTokenizerBase

from weaklabel.artifacts import content_hash
from weaklabel.errors import ConfigError, DataError
from weaklabel.training.chains.general import GeneralText
from weaklabel.training.chains.layout import CHAIN_LAYOUTS, TokenRow, choose_chain_layout, laid_out
from weaklabel.training.chains.masking import draw_links
from weaklabel.training.chains.settings import ChainTrainingSettings
from weaklabel.training.chains.tokens import Chain, TokenizedChains, tokenize_chains
from weaklabel.training.layout import Batch, unwrapped
from weaklabel.training.layout.language import attach, token_logps
from weaklabel.training.layout.model import compute_dtype
from weaklabel.training.layout.shared import as_numbers
from weaklabel.training.runs.checkpoints import Watch
from weaklabel.training.runs.running import TrainedOnTokens, check_fits, training_run
from weaklabel.training.sft import HEAVIEST, LIGHTEST
from weaklabel.training.trainer import WeightedTrainer

_SUREST: Final = -1e-6  # the largest log p whose log(1 - p) is taken: beyond it float32 has no digits left
_PLAIN: Final = ("input_ids", "attention_mask", "targets", "places")


class ChainTrainer(WeightedTrainer):
    """Trains a language model on `TokenRow`s; see `train_chains` for the arguments' meaning."""

    best_by: ClassVar[str] = "nll"
    settings: ChainTrainingSettings

    def __init__(self, *given: Any, general: GeneralText | None = None, **more: Any) -> None:
        super().__init__(*given, **more)
        self._general, self._owed = general, False

    def losses(self, model: nn.Module, batch: Batch) -> tuple[Tensor, Tensor]:
        """-log p of each learned token, or -log(1 - p), and its weight, both `(n_tokens,)`."""
        logps = self._logps(model, batch)
        return torch.where(batch["unlikely"], -_log_not(logps), -logps), self.weights(batch)

    def figures(self, model: nn.Module, batch: Batch) -> dict[str, tuple[Tensor, Tensor]]:
        """NLL per token in nats of what is to become likely."""
        return {"nll": (-self._logps(model, batch), self.weights(batch) * ~batch["unlikely"])}

    def _logps(self, model: nn.Module, batch: Batch) -> Tensor:
        rates = {name: getattr(self.settings, name) for name in ("link_dropout", "token_dropout")}
        dropping = model.training and any(rates.values())
        if not dropping and self.layout.name != "packed":
            # Without segments `token_logps` reads rows as they are, which every architecture can.
            return token_logps(model, {name: batch[name] for name in _PLAIN})
        if not dropping:
            rates = dict.fromkeys(rates, 0.0)
        seen = draw_links(batch["segments"], batch["position_ids"], **rates)
        mask = as_numbers(seen, compute_dtype(unwrapped(model), seen.device.type))
        names = ("input_ids", "position_ids", "targets", "places")
        found: Tensor = model(**{name: batch[name] for name in names}, attention_mask=mask)
        return found

    # ------------------------------------------------------------------------------------ general text
    def get_batch_samples(
        self, epoch_iterator: Iterator[Batch], num_batches: int, device: torch.device
    ) -> tuple[list[Batch], Tensor]:
        self._owed = self._general is not None  # once a step, whatever the number of its batches
        return super().get_batch_samples(epoch_iterator, num_batches, device)

    def compute_loss(
        self, model: nn.Module, inputs: Batch, return_outputs: bool = False, num_items_in_batch: Any = None
    ) -> Any:
        loss = super().compute_loss(model, inputs, False, num_items_in_batch)
        if self._owed and self._general is not None and model.training:
            self._owed = False
            loss = loss + self.settings.pretrain_weight * self._general_nll(model, self._general)
        return (loss, {}) if return_outputs else loss

    def _general_nll(self, model: nn.Module, text: GeneralText) -> Tensor:
        settings = self.settings
        batch = text.batch(settings.pretrain_batch_size, seed=settings.seed, step=int(self.state.global_step))
        nll = -token_logps(model, self._prepare_inputs(batch)).mean()
        self.record("pretrain_nll", nll.detach()[None], self._total.to(nll.device)[None])
        return nll


def _log_not(logps: Tensor) -> Tensor:
    """log(1 - p) of log p, exact on both sides of p = 1/2."""
    x = logps.clamp_max(_SUREST)
    near = x > -0.6931
    return torch.where(
        near, torch.log(-torch.expm1(x.where(near, x.new_tensor(-0.5)))), torch.log1p(-torch.exp(x))
    )


@dataclass(frozen=True, kw_only=True, repr=False)
class TrainedChains(TrainedOnTokens):
    """What training on chains did; `weightless` are chains, and losses are without the general text's.

    Attributes:
        chains: that were learned.
        too_long, unlearned: chains left out; see `TokenizedChains`.
    """

    chains: int
    too_long: int
    unlearned: int


def train_chains(
    model: Any,
    tokenizer: PreTrainedTokenizerBase,
    chains: Sequence[Chain],
    *,
    gold: Sequence[Chain] = (),
    general: str | None = None,
    settings: ChainTrainingSettings,
    folder: Path,
    watch: Watch | None = None,
) -> TrainedChains:
    """Trains `model` in place on chains, and leaves it with the weights that did best on gold, if there is any.

    Called again with the same arguments after a kill, it goes on from the last whole checkpoint and ends with the weights of
    an undisturbed run.

    Args:
        model: of `models.load_language_model`, `language_model_from_scratch` or `with_lora`.
        chains: to learn from; those of weight 0 are left out and counted.
        gold: chains for early stopping and for choosing the best checkpoint; never trained on.
        general: text beside which the chains are learned.
        settings: how.
        folder: this run's own; see `checkpoints`.
        watch: sees the model at the start and after every checkpoint.

    Raises:
        DataError: no chain is left, a weight out of range, or feedback that holds the end token.
        ConfigError: settings that do not fit the model or each other, or general text in several processes.
        ArtifactError: the folder of another run.
        TrainingError: no memory, or a loss that is not a number. Checkpoints are kept.
    """
    check_fits(model, tokenizer, settings, gold)
    length = settings.max_length
    if odd := [chain.w for chain in chains if not (chain.w == 0 or LIGHTEST <= chain.w <= HEAVIEST)]:
        raise DataError(f"a chain has w = {odd[0]!r}. Allowed: 0, or {LIGHTEST:g} to {HEAVIEST:g}.")
    kept = [chain for chain in chains if chain.w > 0]
    found = tokenize_chains(kept, tokenizer, max_length=length)
    checks = tokenize_chains(gold, tokenizer, max_length=length)
    text = None if general is None else GeneralText.of(general, tokenizer, max_length=length)
    if not found.chains:
        raise DataError(
            f"none of {len(chains):,} chains can be learned: {len(chains) - len(kept):,} have weight 0, {found.too_long:,} do not "
            f"fit into max_length = {length}, {found.unlearned:,} have no output to learn. Raise max_length, or give more."
        )
    data = {name: _hash(part) for name, part in (("chains", found), ("gold", checks))}
    data |= {} if text is None else {"general": text.hash}
    best_by = ChainTrainer.best_by if checks.chains else None
    with training_run(model, settings, folder, data, best_by=best_by, watch=watch) as run:
        if text is not None and run.args.world_size > 1:
            raise ConfigError(
                f"general text was given in {run.args.world_size} processes. It is learned in one: start it without torchrun."
            )
        attach(unwrapped(model))
        masked = settings.link_dropout > 0 or settings.token_dropout > 0
        layout = choose_chain_layout(model, settings.layout, masked=masked)
        rows = laid_out(found.chains, layout.name, max_length=length, seed=settings.seed)
        trainer = ChainTrainer(
            model,
            run.args,
            settings,
            CHAIN_LAYOUTS[layout.name],
            rows,
            [TokenRow((each,)) for each in checks.chains],
            pad_id=tokenizer.pad_token_id,
            general=text,
            processing_class=tokenizer,
            callbacks=run.callbacks,
        )
        done = run.carry_out(trainer)
    return TrainedChains(
        **vars(done),
        layout=layout,
        truncated=found.truncated,
        truncated_gold=checks.truncated,
        weightless=len(chains) - len(kept),
        chains=len(found.chains),
        too_long=found.too_long,
        unlearned=found.unlearned,
    )


def _hash(found: TokenizedChains) -> str:
    return content_hash(*map(repr, found.chains))
