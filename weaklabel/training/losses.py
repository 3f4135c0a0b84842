"""Preference losses: pure functions of a reward difference d = r_j - r_i and the belief p that j beats i.

Every loss takes `d` and `p` of shape `(n,)` and returns `(n,)`, one loss per comparison in nats. How much a
comparison counts, its importance w, enters in `weighted_mean` alone and is never derived from p. A pair has no
direction: each loss is the same for (d, p) and (-d, 1 - p).

For DPO the same functions take d = beta * (difference of the log-ratios to the reference model). Names are those
that TRL gives a loss of the same form.

Sources: Bradley and Terry (1952); Davidson (1970), ties; Patrini et al. (2017), forward correction; Chowdhury,
Kini and Natarajan (2024, arXiv 2403.00409), the unbiased form; Furuta et al. (2024, arXiv 2409.06691), geometric
averaging; Azar et al. (2023, arXiv 2310.12036), IPO. We depart from them in one thing: the target is a probability
per comparison, of which the published hard label is the case p = 1.

Torch is imported inside the functions, so that settings that name a loss can be checked without it.
"""

from __future__ import annotations

import inspect
import math
from collections.abc import Callable
from functools import partial
from typing import TYPE_CHECKING, Final

from weaklabel._validation import lookup
from weaklabel.errors import ConfigError, warn

if TYPE_CHECKING:
    from torch import Tensor

Loss = Callable[["Tensor", "Tensor"], "Tensor"]
"""`(d, p)`, both `(n,)`, to the losses `(n,)`."""

LARGEST_FLIP_RATE: Final = 0.45  # the robust form divides by 1 - 2 * rate: ten times the gradient here


def sigmoid_loss(d: Tensor, p: Tensor, *, label_smoothing: float = 0.0) -> Tensor:
    """Cross-entropy of the belief p under P(j beats i) = sigmoid(d); with hard labels -log sigmoid of the gap.

    Written as the hard loss plus (1 - p) * d, which stays finite at any d. A tie is p = .5.

    Args:
        d: `(n,)`, r_j - r_i.
        p: `(n,)` in [0, 1].
        label_smoothing: in [0, .5], the share of labels taken to be flipped; cDPO, where d is DPO's.

    >>> import torch
    >>> sigmoid_loss(torch.tensor([0.0]), torch.tensor([0.7])).item() == torch.tensor(2.0).log().item()
    True
    """
    from torch.nn.functional import softplus

    target = label_smoothing + (1 - 2 * label_smoothing) * p
    return softplus(-d) + (1 - target) * d


def with_margin(d: Tensor, p: Tensor, *, margin: float | Tensor = 1.0) -> Tensor:
    """The sigmoid loss in which the winner, whichever it is, has to win by `margin` >= 0 (a number or `(n,)`).

    With p = 1 this is -log sigmoid(d - margin), as in Llama 2 and TRL. With p between, each outcome is asked for its
    margin and weighted by its belief, so that a tie pulls d to 0.
    """
    from torch.nn.functional import softplus

    return p * softplus(margin - d) + (1 - p) * softplus(margin + d)


def davidson(d: Tensor, p: Tensor, *, tie_weight: float = 1.0, tie: float | Tensor = 0.0) -> Tensor:
    """Cross-entropy under Davidson's model of wins and ties.

    P(j) : P(tie) : P(i) = exp(d/2) : tie_weight : exp(-d/2). The target gives ties `tie`, a number or `(n,)`, and wins
    p - tie/2 and 1 - p - tie/2, as p = P(j) + P(tie)/2 asks. `tie` moves the loss by a constant and no gradient: what it
    buys is a likelihood that can be compared between values of `tie_weight`. With both 0 this is `sigmoid_loss`.

    Args:
        tie_weight: > 0; P(tie) between equals is tie_weight / (2 + tie_weight). 0 is allowed where no tie is.
        tie: the probability of a tie, at most 2 * min(p, 1 - p).
    """
    import torch

    ties = torch.as_tensor(tie, dtype=d.dtype, device=d.device)
    weight = torch.as_tensor(tie_weight, dtype=d.dtype, device=d.device)
    total = torch.logaddexp(torch.logaddexp(d / 2, -d / 2), weight.log())
    return total - (2 * p - 1) * d / 2 - torch.xlogy(ties, weight)


def forward_corrected(d: Tensor, p: Tensor, *, flip_rate: float | Tensor | None = None) -> Tensor:
    """Cross-entropy of the label *as observed*: the model's probability goes through the noise before it is compared.

    P(label says j) = rate + (1 - 2 * rate) * sigmoid(d), so that a confident d can be right where the label is wrong.

    Args:
        flip_rate: in [0, .5), a number or `(n,)`: per pair, or per set of labeling functions by indexing a table of
            rates with the set of each pair. None reads both from p: the label is the likelier side and its
            rate min(p, 1 - p).
    """
    import torch
    from torch.nn.functional import logsigmoid

    label, rate = _label_and_rate(d, p, flip_rate)
    clean = logsigmoid(d), logsigmoid(-d)
    keep, flip = torch.log1p(-rate), rate.log()
    says_j = torch.logaddexp(keep + clean[0], flip + clean[1])
    says_i = torch.logaddexp(keep + clean[1], flip + clean[0])
    return -label * says_j - (1 - label) * says_i


def robust(d: Tensor, p: Tensor, *, flip_rate: float | Tensor | None = None) -> Tensor:
    """The loss whose mean over random flips of the label is the clean loss; robust DPO, where d is DPO's.

    [(1 - rate) * loss(label) - rate * loss(flipped label)] / (1 - 2 * rate), linear in the label. It has no lower
    bound and its gradient grows with 1 / (1 - 2 * rate), so rates are cut at .45, with a warning.

    Args:
        flip_rate: as in `forward_corrected`.
    """
    label, rate = _label_and_rate(d, p, flip_rate)
    if bool((rate > LARGEST_FLIP_RATE).any()):
        warn(
            f"flip rates up to {float(rate.max()):.2f} are cut to {LARGEST_FLIP_RATE}: the robust loss divides by "
            "1 - 2 * rate. Set such pairs' weight to 0, or use the loss 'sigmoid'."
        )
    rate = rate.clamp(max=LARGEST_FLIP_RATE)
    return sigmoid_loss(d, (label - rate) / (1 - 2 * rate))


def geometric(d: Tensor, p: Tensor) -> Tensor:
    """-log sigmoid((2p - 1) * d), the geometric average GDPO: weight and margin shrink together, ties never pull."""
    from torch.nn.functional import softplus

    return softplus(-(2 * p - 1) * d)


def ipo(d: Tensor, p: Tensor, *, beta: float = 1.0) -> Tensor:
    """Squared distance of d / beta from (2p - 1) / (2 * beta): identity preference optimisation with a soft target."""
    return ((d - (2 * p - 1) / 2) / beta) ** 2


LOSSES: Final[dict[str, Callable[..., Tensor]]] = {
    "davidson": davidson,
    "forward_corrected": forward_corrected,
    "geometric": geometric,
    "ipo": ipo,
    "margin": with_margin,
    "robust": robust,
    "sigmoid": sigmoid_loss,
}
_RENAMED: Final = {"bradley_terry": "sigmoid", "unbiased": "robust"}
# What an option of a named loss may be: (lowest, highest), both included.
_RANGES: Final = {
    "label_smoothing": (0.0, 0.5),
    "margin": (0.0, math.inf),
    "tie_weight": (1e-6, math.inf),
    "flip_rate": (0.0, LARGEST_FLIP_RATE),
    "beta": (1e-6, math.inf),
}


def named_loss(name: str, **options: float) -> Loss:
    """The loss of that name as a function of d and p alone, its options fixed.

    Raises:
        UnknownNameError: no such loss.
        ConfigError: the earlier name of a loss; an option that this loss does not take, or out of range.
    """
    if name in _RENAMED:
        raise ConfigError(f"the loss {name!r} is called {_RENAMED[name]!r} now. Write that name.")
    loss = lookup("loss", LOSSES, name)
    takes = set(inspect.signature(loss).parameters) & set(_RANGES)
    for option, value in options.items():
        if option not in takes:
            raise ConfigError(
                f"loss {name!r} has no option {option!r}. It takes: {', '.join(sorted(takes)) or 'none'}."
            )
        low, high = _RANGES[option]
        if not isinstance(value, int | float) or not low <= value <= high or value == math.inf:
            allowed = f"{low:g} or more, and finite" if math.isinf(high) else f"{low:g} to {high:g}"
            raise ConfigError(f"{option} of loss {name!r} is {value!r}. Allowed: {allowed}.")
    return partial(loss, **options)


def centring_penalty(r_i: Tensor, r_j: Tensor) -> Tensor:
    """(r_i + r_j)^2 per comparison: holds the rewards of each prompt around 0, and leaves differences free (TRL)."""
    return (r_i + r_j) ** 2


def l2_penalty(r_i: Tensor, r_j: Tensor) -> Tensor:
    """(r_i^2 + r_j^2) / 2 per comparison: holds the rewards themselves small (OpenAssistant, with .001)."""
    return (r_i**2 + r_j**2) / 2


def entropy(p: Tensor) -> Tensor:
    """H(p) in nats, `(n,)`: the sigmoid loss of a perfect model, below which soft labels cannot be fitted."""
    import torch

    of_both: Tensor = torch.special.entr(p) + torch.special.entr(1 - p)
    return of_both


def weighted_mean(values: Tensor, w: Tensor, total: Tensor | float | None = None) -> Tensor:
    """sum(w * values) / total, a scalar; total is sum(w), or that of the whole step where this is a part of it."""
    return (w * values).sum() / (w.sum() if total is None else total)


def _label_and_rate(d: Tensor, p: Tensor, flip_rate: float | Tensor | None) -> tuple[Tensor, Tensor]:
    """The label and how often it is flipped, both like d; from p alone where no rate is given."""
    import torch

    if flip_rate is not None:
        return p, torch.as_tensor(flip_rate, dtype=d.dtype, device=d.device)
    return (1 + torch.sign(2 * p - 1)) / 2, torch.minimum(p, 1 - p)
