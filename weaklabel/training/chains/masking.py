"""Links of attention that training drops at random, so that a later output is not copied from an earlier one.

Source: Liu, Sferrazza & Abbeel 2023, section 3 (rates up to 5 %; off in the released code), after forgetful causal masking
(Liu et al. 2022, arXiv 2210.13432). Links are dropped each on its own, or with a token for all that come behind it.
"""

from __future__ import annotations

import torch
from torch import Tensor

from weaklabel.training.layout.shared import visible


def draw_links(
    segments: Tensor, positions: Tensor, *, link_dropout: float = 0.0, token_dropout: float = 0.0
) -> Tensor:
    """Which places a token sees in this step; draws from the global random state, as dropout does.

    Every chain draws its two rates evenly from 0 to the ones given. Its first token is always seen, and a token that is
    dropped is seen by itself.

    Args:
        segments: int64 (n, L), the number of a token's chain from 1; -1 where padded.
        positions: int64 (n, L), from 0 in each chain.
        link_dropout, token_dropout: the highest rates, in [0, 1).

    Returns:
        bool (n, L, L): the last axis is what is seen. With both rates 0 all that `visible` allows.
    """
    seen = visible(segments)
    n, length = segments.shape
    kept = torch.ones_like(seen)
    if link_dropout:
        drawn = torch.rand(n, length, length, device=segments.device)
        kept &= drawn >= _rates(segments, link_dropout)[:, :, None]
    if token_dropout:
        dropped = torch.rand(n, length, device=segments.device) < _rates(segments, token_dropout)
        kept &= ~dropped[:, None, :] | torch.eye(length, dtype=torch.bool, device=segments.device)
    return seen & (kept | ((positions == 0) & (segments > 0))[:, None, :])


def _rates(segments: Tensor, highest: float) -> Tensor:
    """float32 (n, L): the rate of each token's chain; 0 where padded, whose rows of the softmax stay as they are."""
    n_chains = int(segments.max()) + 1
    rates = torch.rand(len(segments), n_chains, device=segments.device) * highest
    return rates.gather(1, segments.clamp_min(0)).masked_fill(segments < 0, 0.0)
