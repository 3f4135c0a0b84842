"""All rows packed into one, without padding, the prompt once; attention goes segment by segment.

Queries: each prompt and each response is a segment. Keys: a prompt sees itself, a response its prompt and itself,
gathered by index, so a prompt's keys are read once per response while everything else is computed once. Causal
masks are aligned bottom-right: the last query sees the last key, as flash attention does it.

On CUDA one call of torch.nn.attention.varlen does it, whose signature moved between torch 2.10 and 2.13. Elsewhere
the same packed tensors go through one scaled-dot-product call per segment: the twin that tests hold the index
arithmetic to, and what an H100 is compared with.
"""

from __future__ import annotations

import inspect
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, Final

import torch
from torch import Tensor
from torch.nn.functional import scaled_dot_product_attention
from transformers import AttentionInterface, AttentionMaskInterface
from transformers.integrations.sdpa_attention import sdpa_attention_forward
from transformers.masking_utils import sdpa_mask

from weaklabel.training.layout.base import Batch, comparisons, joined
from weaklabel.training.tokens import TokenGroup

ATTENTION: Final = "weaklabel_varlen"
HALF: Final = (torch.float16, torch.bfloat16)


@dataclass(frozen=True, slots=True)
class Segments:
    """Which queries see which keys, for one packed batch.

    Attributes:
        keys: int64 (n_keys,), the packed token that each gathered key is.
        q_ends, k_ends: int32 (n_segments + 1,), cumulative lengths of query and key segments, from 0.
        max_q, max_k: the longest of each.
    """

    keys: Tensor
    q_ends: Tensor
    k_ends: Tensor
    max_q: int
    max_k: int

    @classmethod
    def of(cls, batch: Batch) -> Segments:
        """The segments that `collate` put into a batch."""
        q_ends, k_ends = batch["q_ends"], batch["k_ends"]
        longest = torch.stack([q_ends.diff().max(), k_ends.diff().max()]).tolist()  # one wait for the device
        return cls(batch["keys"], q_ends, k_ends, *longest)


def collate(groups: Sequence[TokenGroup], pad_id: int) -> Batch:
    """`input_ids`, `position_ids` int64 (1, n_tokens) and the parts of `Segments`; nothing is padded."""
    ids: list[int] = []
    positions: list[int] = []
    pool: list[int] = []
    keys: list[int] = []
    q_ends, k_ends = [0], [0]
    for group in groups:
        start, n = len(ids), len(group.prompt)
        row = joined(group)
        ids += row[0]
        positions += row[1]
        pool += [start + end for end in row[3]]
        first = start + n
        segments = [(start, n)] if n else []
        for response in group.responses:
            segments.append((first, len(response)))
            first += len(response)
        for begin, length in segments:
            if begin >= start + n:  # a response sees its prompt
                keys += range(start, start + n)
            keys += range(begin, begin + length)
            q_ends.append(q_ends[-1] + length)
            k_ends.append(len(keys))
    return {
        "input_ids": torch.tensor([ids]),
        "position_ids": torch.tensor([positions]),
        "keys": torch.tensor(keys),
        "q_ends": torch.tensor(q_ends, dtype=torch.int32),
        "k_ends": torch.tensor(k_ends, dtype=torch.int32),
        "pool": torch.tensor(pool),
        **comparisons(groups),
    }


def attention(
    module: torch.nn.Module,
    query: Tensor,
    key: Tensor,
    value: Tensor,
    attention_mask: Tensor | None,
    *,
    dropout: float = 0.0,
    scaling: float | None = None,
    segments: Segments | None = None,
    **kwargs: Any,
) -> tuple[Tensor, None]:
    """Attention by segments where a packed batch gave them, otherwise what `sdpa` does.

    Args:
        query: `(1, heads, n_tokens, size)`; key and value the same with their own number of heads.
        segments: reaches attention layers as a keyword of the model's forward.

    Returns:
        `(1, n_tokens, heads, size)` and None, as transformers expects.
    """
    if segments is None:
        plain: tuple[Tensor, None] = sdpa_attention_forward(
            module, query, key, value, attention_mask, dropout=dropout, scaling=scaling, **kwargs
        )
        return plain
    q, k, v = (_in_autocast(x)[0].transpose(0, 1) for x in (query, key, value))  # (tokens, heads, size)
    k, v = k[segments.keys], v[segments.keys]
    scale = scaling if scaling is not None else q.shape[-1] ** -0.5
    # The kernel has no dropout; models with attention dropout go the slow way rather than without it.
    by_kernel = q.is_cuda and q.dtype in HALF and not dropout
    run = _by_kernel if by_kernel else _one_by_one
    return run(q, k, v, segments, scale, dropout)[None], None


def _in_autocast(x: Tensor) -> Tensor:
    # Autocast knows `sdpa` but not the packed kernel, and normalised queries leave their layer in float32.
    device = x.device.type
    return x.to(torch.get_autocast_dtype(device)) if torch.is_autocast_enabled(device) else x


def _one_by_one(q: Tensor, k: Tensor, v: Tensor, segments: Segments, scale: float, dropout: float) -> Tensor:
    """`(tokens, heads, size)`, one call per segment; any device, any dtype."""
    parts = []
    groups = q.shape[1] // k.shape[1]
    k, v = k.repeat_interleave(groups, 1), v.repeat_interleave(groups, 1)
    q_ends, k_ends = segments.q_ends.tolist(), segments.k_ends.tolist()
    for at in range(len(q_ends) - 1):
        mine = q[q_ends[at] : q_ends[at + 1]].transpose(0, 1)[None]
        seen = slice(k_ends[at], k_ends[at + 1])
        keys, values = k[seen].transpose(0, 1)[None], v[seen].transpose(0, 1)[None]
        nq, nk = mine.shape[2], keys.shape[2]
        # Bottom-right: query t stands at key t + (nk - nq).
        mask = torch.ones(nq, nk, dtype=torch.bool, device=q.device).tril(nk - nq)
        out = scaled_dot_product_attention(mine, keys, values, mask, dropout_p=dropout, scale=scale)
        parts.append(out[0].transpose(0, 1))
    return torch.cat(parts)


def _by_kernel(q: Tensor, k: Tensor, v: Tensor, segments: Segments, scale: float, dropout: float) -> Tensor:
    """The same by one CUDA call, whatever the installed torch calls its arguments."""
    from torch.nn.attention.varlen import varlen_attn

    known = inspect.signature(varlen_attn).parameters
    more: dict[str, Any] = {"window_size": (-1, 0)} if "window_size" in known else {"is_causal": True}
    if "scale" in known:
        more["scale"] = scale
    else:  # the kernel divides by sqrt(size)
        q = q * (scale * q.shape[-1] ** 0.5)
    if q.shape[1] != k.shape[1]:
        if "enable_gqa" in known:
            more["enable_gqa"] = True
        else:
            groups = q.shape[1] // k.shape[1]
            k, v = k.repeat_interleave(groups, 1), v.repeat_interleave(groups, 1)
    called: Callable[..., Any] = varlen_attn
    out: Tensor = called(
        q.contiguous(), k.contiguous(), v.contiguous(),
        segments.q_ends, segments.k_ends, segments.max_q, segments.max_k, **more,
    )  # fmt: skip
    return out


def check_kernel(device: str = "cuda", dtype: torch.dtype = torch.bfloat16, seed: int = 0) -> float:
    """The largest difference between the kernel and its twin, outputs and gradients, on random segments.

    For a machine with CUDA: a kernel that aligns its causal mask top-left, or reads lengths differently, gives a
    difference near 1; rounding in bfloat16 gives about 1e-2.
    """
    generator = torch.Generator().manual_seed(seed)
    groups = [TokenGroup([1] * n, tuple([1] * k for k in lengths), ()) for n, *lengths in _SHAPES]
    batch = collate(groups, 0)
    segments = Segments.of({name: value.to(device) for name, value in batch.items()})
    n = batch["input_ids"].shape[1]
    shapes = ((n, 8, 64), (n, 2, 64), (n, 2, 64))  # grouped queries
    drawn = [torch.randn(shape, generator=generator).to(device, dtype) for shape in shapes]

    def ran(run: Callable[..., Tensor]) -> list[Tensor]:
        q, k, v = (x.clone().requires_grad_() for x in drawn)
        out = run(q, k[segments.keys], v[segments.keys], segments, 0.1, 0.0)
        return [out, *torch.autograd.grad(out.float().sin().sum(), (q, k, v))]

    pairs = zip(ran(_by_kernel), ran(_one_by_one), strict=True)
    return max(float((a - b).abs().max().detach()) for a, b in pairs)


_SHAPES: Final = ((37, 5, 19), (1, 64, 2, 2), (130, 1, 1), (64, 64, 64, 64, 7))


def register() -> None:
    """Makes `ATTENTION` known to transformers; its masks are those of `sdpa`."""
    AttentionInterface.register(ATTENTION, attention)
    AttentionMaskInterface.register(ATTENTION, sdpa_mask)
