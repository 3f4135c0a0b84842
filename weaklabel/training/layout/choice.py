"""Which layout a model gets, and the proof on a few groups that it gives the padded rewards."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

import torch
from torch import nn

from weaklabel._validation import lookup
from weaklabel.errors import ConfigError, TrainingError, warn
from weaklabel.training.layout.architectures import why_not_shared
from weaklabel.training.layout.language import predictions, token_logps
from weaklabel.training.layout.model import attach, kind_of, outputs, unwrapped
from weaklabel.training.layout.registry import LAYOUTS
from weaklabel.training.layout.varlen import HALF
from weaklabel.training.tokens import TokenGroup

TESTED: Final = 3
"""Groups in a self-test: a batch of unequal rows."""
TOLERANCE: Final = {torch.float32: 1e-4, torch.float64: 1e-8}
HALF_TOLERANCE: Final = 0.15
"""Rounding in 8 bits, layer over layer: some hundredths in 28 layers. A response that cannot see its prompt differs
by about 1."""


@dataclass(frozen=True, slots=True)
class Choice:
    """A layout's name and why it is that one."""

    name: str
    reason: str


def choose_layout(
    model: nn.Module,
    requested: str = "auto",
    device: torch.device | str | None = None,
    *,
    dtype: torch.dtype | None = None,
    labels: int = 1,
) -> Choice:
    """The layout for a model. Call it before a trainer wraps the model.

    "auto", for decoders that are known to share prompts, is "varlen" where its kernel runs (CUDA, half precision), else
    "shared"; for everything else it is "bucketed". On an H100 the kernel was twice as fast as the mask on pairs of
    varying length, and as fast on equal ones.

    Args:
        model: a transformers sequence-classification model.
        requested: "auto" or a name of `LAYOUTS`.
        device: where it will run; None is where it is.
        dtype: what it will compute in (autocast's, under autocast); None is the model's own.
        labels: of the model, as for `kind_of`.

    Raises:
        UnknownNameError: no layout of that name.
        ConfigError: a layout that this model, device or dtype cannot have, with the reason.
    """
    inner = unwrapped(model)
    decoder = kind_of(model, labels) == "decoder"
    if decoder:
        attach(inner)
    obstacle = why_not_shared(inner.config) if decoder else "an encoder's prompt sees the response"
    where = torch.device(device if device is not None else inner.device).type
    no_kernel = why_no_kernel(where, dtype or inner.dtype)
    if requested == "auto":
        if obstacle:
            return Choice("bucketed", obstacle)
        read_once = f"a {inner.config.model_type} decoder reads a shared prompt once"
        packs = no_kernel is None and not getattr(inner.config, "attention_dropout", 0)
        return Choice("varlen" if packs else "shared", read_once)
    lookup("layout", LAYOUTS, requested)
    if requested == "varlen" and not obstacle:
        obstacle = no_kernel
    if requested in ("shared", "varlen") and obstacle:
        raise ConfigError(f"layout {requested!r} does not fit: {obstacle}. Use 'auto' or 'bucketed'.")
    return Choice(requested, "as requested")


def proven_layout(
    model: nn.Module,
    requested: str,
    groups: Sequence[TokenGroup],
    device: torch.device,
    *,
    pad_id: int,
    bf16: bool = False,
    labels: int = 1,
) -> Choice:
    """`choose_layout`, moved to the device and held to the padded outputs by `self_test`.

    Raises:
        UnknownNameError, ConfigError, TrainingError: as those two.
    """
    dtype = torch.bfloat16 if bf16 else None
    chosen = choose_layout(model, requested, device, dtype=dtype, labels=labels)
    if chosen.name in ("padded", "bucketed"):
        return chosen
    tested = self_test(model.to(device), chosen.name, groups, pad_id=pad_id, autocast=dtype)
    return Choice(tested.name, f"{chosen.reason}; {tested.reason}")


def why_no_kernel(device: str, dtype: torch.dtype) -> str | None:
    """The reason why rows cannot be packed on a device ("cpu", "cuda", ...) in a dtype, or None where they can."""
    if device != "cuda":
        return f"packed attention runs on CUDA, the model is on {device!r}"
    if dtype not in HALF:
        return f"packed attention computes in bfloat16 or float16, the model in {dtype}"
    return None


def self_test(
    model: nn.Module,
    layout: str,
    groups: Sequence[TokenGroup],
    *,
    pad_id: int = 0,
    autocast: torch.dtype | None = None,
) -> Choice:
    """The layout, if it gives a few groups the padded rewards; otherwise "bucketed", with a warning.

    What is compared is what the head reads, a vector per response, or of a language model per token of the responses,
    so that a head of zeros hides nothing.

    Args:
        model: as it will train, on its device: a scorer or a language model. Dropout is off during the test.
        layout: a name of `LAYOUTS`.
        groups: any; the shortest few are used.
        pad_id: the id that fills rows up.
        autocast: the dtype of autocast in training, None without.

    Raises:
        TrainingError: the model gives no finite numbers even when padded.
    """
    if layout not in ("shared", "varlen"):
        return Choice(layout, "padded rows need no test")
    few = sorted(groups, key=lambda g: len(g.prompt) + sum(map(len, g.responses)))[:TESTED]
    dtype = autocast or unwrapped(model).dtype
    allowed = TOLERANCE.get(dtype, HALF_TOLERANCE)
    try:
        apart = _difference(model, layout, few, pad_id, autocast)
        trouble = f"differs from the padded one by {apart:.1e} ({allowed:.0e} allowed)"
    except TrainingError:
        raise
    except (
        ImportError,
        RuntimeError,
        TypeError,
        ValueError,
    ) as error:  # a kernel or a forward that does not take it
        apart, trouble = float("inf"), f"does not run: {type(error).__name__}: {str(error)[:200]}"
    if apart <= allowed:
        return Choice(layout, f"differs from the padded layout by {apart:.1e}")
    warn(
        f"layout {layout!r} {trouble} with {type(unwrapped(model)).__name__}; training uses 'bucketed' instead. "
        "Ask for layout 'bucketed' to silence this."
    )
    return Choice("bucketed", f"{layout} {trouble}")


def _difference(
    model: nn.Module, layout: str, groups: Sequence[TokenGroup], pad_id: int, autocast: torch.dtype | None
) -> float:
    """The largest relative distance between what the head reads under `layout` and padded."""
    inner = unwrapped(model)
    device, scores = inner.device, hasattr(inner, "score")
    head = inner.score if scores else inner.get_output_embeddings()
    parts: list[torch.Tensor] = []  # a language model's head reads in chunks
    seen: list[torch.Tensor] = []
    hook = head.register_forward_pre_hook(lambda _, inputs: parts.append(inputs[0].float()))
    training = model.training
    model.eval()
    try:
        with torch.no_grad(), torch.autocast(device.type, autocast, enabled=autocast is not None):
            for name in ("padded", layout):
                batch = LAYOUTS[name].collate(groups, pad_id)
                if not scores:
                    batch |= predictions(groups, batch, joined=name in ("shared", "varlen"))
                tensors = {key: value.to(device) for key, value in batch.items()}
                outputs(model, tensors) if scores else token_logps(model, tensors)
                seen.append(torch.cat(parts))
                parts.clear()
    finally:
        hook.remove()
        model.train(training)
    if not seen[0].isfinite().all():
        raise TrainingError(
            f"{type(unwrapped(model)).__name__} gives no finite numbers, in whatever layout. Its weights are damaged, "
            "or its training went wrong: load it from another place, or train with a lower learning_rate."
        )
    apart = (seen[1] - seen[0]).norm(dim=1) / seen[0].norm(dim=1).clamp_min(1e-12)
    return float(apart.max())
