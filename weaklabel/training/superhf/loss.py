"""SuperHF's loss per token: -log p of what was kept, and the KL between policy and prior at that place.

Source: Mukobi et al. (2023, arXiv 2310.16763), section 3, whose code has KL(prior || policy) over the vocabulary. Departure: both
terms are means over the tokens of a step. There the KL is summed over the texts of a minibatch and the likelihood is not,
so that its weight grows with the minibatch.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import torch
from torch import Tensor, nn
from torch.utils.checkpoint import checkpoint

from weaklabel.training.layout import Batch, unwrapped
from weaklabel.training.layout.language import CHUNK, logits_of, token_logps, token_states
from weaklabel.training.logps import adapters_off
from weaklabel.training.superhf.settings import SuperHFTrainingSettings


def exact_kl(logps: Tensor, prior: Tensor, direction: str) -> Tensor:
    """KL of each row in nats, `(n,)` >= 0 but for rounding.

    Args:
        logps, prior: `(n, vocabulary)` log-probabilities of policy and prior.
        direction: "forward" for sum prior (log prior - log policy), "reverse" for the other way round.

    >>> half, sure = torch.tensor([[0.5, 0.5]]).log(), torch.tensor([[0.8, 0.2]]).log()
    >>> round(exact_kl(sure, half, "forward").item(), 4)  # log .5 - (log .8 + log .2) / 2
    0.2231
    >>> round(exact_kl(sure, half, "reverse").item(), 4)  # .8 log 1.6 + .2 log .4
    0.1927
    """
    above, below = (prior, logps) if direction == "forward" else (logps, prior)
    return (above.exp() * (above - below)).sum(-1)


def sampled_kl(logps: Tensor, prior: Tensor, direction: str) -> Tensor:
    """What one token, drawn from the policy, says of the KL at its place, `(n,)` >= 0: value and gradient without bias.

    With r = prior / policy of the token the values are r - 1 - log r (reverse) and r log r - r + 1 (forward). Their gradients are
    not those of the mean, because the mean is over what the policy draws; gradients come from log(r)^2 / 2 (reverse) and
    r - 1 - log r (forward). Schulman (2020, "Approximating KL divergence") has k3 and k2, which these are.

    Args:
        logps, prior: `(n,)` log-probabilities of the tokens.
        direction: as for `exact_kl`.
    """
    log_r = prior - logps
    r = log_r.exp()
    third = r - 1 - log_r
    if direction == "reverse":
        value, surrogate = third, log_r.square() / 2
    else:
        value, surrogate = r * log_r - r + 1, third
    return value.detach() + surrogate - surrogate.detach()


def token_losses(
    model: nn.Module, prior: Any, batch: Batch, settings: SuperHFTrainingSettings
) -> tuple[Tensor, Tensor]:
    """-log p of each token of the responses, and the KL to the prior at its place; both `(n_tokens,)` in nats.

    Args:
        model: the policy, whose gradients are kept.
        prior: another model; None is the policy with its adapters off.
        batch: of an SFT layout, on the model's device.
        settings: of the KL; with `beta` 0 the prior is not asked, and the KL is 0.
    """
    if not settings.beta:
        nll = -token_logps(model, batch)
        return nll, torch.zeros_like(nll)
    if settings.kl_estimate == "sampled":
        logps = token_logps(model, batch)
        with _asking(model, prior, settings) as asked:
            theirs = token_logps(asked, batch)
        return -logps, sampled_kl(logps, theirs, settings.kl_direction)
    states = token_states(model, batch)
    with _asking(model, prior, settings) as asked:
        theirs = token_states(asked, batch)
    heads = unwrapped(model), unwrapped(model if prior is None else prior)
    chunks = zip(states.split(CHUNK), theirs.split(CHUNK), batch["targets"].split(CHUNK), strict=True)
    parts: list[Tensor] = [
        checkpoint(_exact, *heads, *chunk, settings.kl_direction, use_reentrant=False) for chunk in chunks
    ]
    both = torch.cat(parts, dim=1)
    return both[0], both[1]


def _exact(
    inner: Any, prior: Any, states: Tensor, prior_states: Tensor, targets: Tensor, direction: str
) -> Tensor:
    """`(2, n)`: -log p and KL of a chunk. It is computed again in the backward pass: its logits are not kept."""
    logps = logits_of(inner, states).log_softmax(-1)
    with (
        torch.no_grad()
    ):  # LoRA leaves the head alone, so the prior's is its base's without switching adapters off
        theirs = logits_of(prior, prior_states).log_softmax(-1)
    nll = -logps.gather(-1, targets[:, None])[:, 0]
    return torch.stack([nll, exact_kl(logps, theirs, direction)])


@contextmanager
def _asking(model: Any, prior: Any, settings: SuperHFTrainingSettings) -> Iterator[Any]:
    """The prior, without dropout and gradients, in the policy's precision; one that is the policy trains again afterwards."""
    asked = model if prior is None else prior
    training, device = asked.training, next(asked.parameters()).device.type
    asked.eval()
    try:
        with (
            torch.no_grad(),
            adapters_off(model if prior is None else None),
            torch.autocast(device, torch.bfloat16, enabled=settings.bf16),
        ):
            yield asked
    finally:
        asked.train(training)
