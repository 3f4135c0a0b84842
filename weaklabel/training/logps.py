"""Log-probabilities of responses under a language model that is looked at, not trained; and its first weights.

What a policy has become is measured against what it was. For that the weights that train are kept in a file as they
were at first, of a model with adapters the adapters alone, and put in their places for as long as the old policy is asked.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, contextmanager, nullcontext
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from safetensors import SafetensorError, safe_open
from safetensors.torch import save_file

from weaklabel._validation import lookup
from weaklabel.artifacts import atomic_file
from weaklabel.errors import ArtifactError, ConfigError, TrainingError
from weaklabel.training.batching import GroupBatchSampler
from weaklabel.training.layout import unwrapped
from weaklabel.training.layout.language import predictions, token_logps
from weaklabel.training.layout.registry import LAYOUTS
from weaklabel.training.runs.memory import explaining_memory
from weaklabel.training.settings import TOKENS_PER_BATCH
from weaklabel.training.sft import TokenExample
from weaklabel.training.tokens import TokenGroup


def response_logps(
    model: Any, examples: Sequence[TokenExample], *, pad_id: int, tokens_per_batch: int = TOKENS_PER_BATCH
) -> list[NDArray[np.float64]]:
    """The log-probability of every token of each response in nats, float64 `(n_tokens,)`, in the order given.

    The model is in eval mode meanwhile and its weights get no gradients. The same examples give the same numbers in any
    order that keeps their batches.

    Args:
        model: a causal language model, wrapped or not.
        examples: prompts, none empty, and responses as token ids; an empty response has no numbers.
        pad_id: of the tokenizer.
        tokens_per_batch: what the padded tensor of one batch may hold.

    Raises:
        ConfigError: an empty prompt, or a model without a language-modelling head.
        TrainingError: no memory, or a log-probability that is not a number.
    """
    filled = [TokenGroup(one.prompt, (one.response,), ()) for one in examples if one.response]
    found = iter(group_logps(model, filled, pad_id=pad_id, tokens_per_batch=tokens_per_batch))
    return [next(found)[0] if one.response else np.zeros(0) for one in examples]


def group_logps(
    model: Any,
    groups: Sequence[TokenGroup],
    *,
    layout: str = "bucketed",
    pad_id: int,
    tokens_per_batch: int = TOKENS_PER_BATCH,
) -> list[list[NDArray[np.float64]]]:
    """As `response_logps`, for each group its responses; where the layout shares prompts each is read once a group.

    Args:
        groups: no prompt and no response is empty; comparisons are not looked at.
        layout: a name of `LAYOUTS` that the model can have, see `proven_dpo_layout`.

    Raises:
        UnknownNameError: no layout of that name.
        ConfigError, TrainingError: as `response_logps`.
    """
    chosen = lookup("layout", LAYOUTS, layout)
    joined = layout in ("shared", "varlen")
    # Rows of their own need not wait for each other: a group of many responses would be one large batch.
    apart = [TokenGroup(group.prompt, (response,), ()) for group in groups for response in group.responses]
    units = groups if joined else apart
    if not units:
        return [[] for _ in groups]
    found: list[list[NDArray[np.float64]]] = [[] for _ in units]
    lengths, rows = chosen.sizes(units)
    device = next(model.parameters()).device
    training = model.training
    model.eval()
    try:
        for batch in GroupBatchSampler(lengths, rows, tokens_per_batch=tokens_per_batch):
            some = [units[k] for k in batch]
            collated = chosen.collate(some, pad_id)
            collated |= predictions(some, collated, joined=joined)
            tensors = {name: value.to(device) for name, value in collated.items()}
            with explaining_memory(_too_much, tensors), torch.no_grad():
                flat = token_logps(model, tensors).double().cpu().numpy()
            sizes = [len(response) for unit in some for response in unit.responses]
            parts = iter(np.split(flat, np.cumsum(sizes)[:-1]))
            for k in batch:
                found[k] = [next(parts) for _ in units[k].responses]
    finally:
        model.train(training)
    in_order = [part for unit in found for part in unit]
    if not all(np.isfinite(part).all() for part in in_order):
        raise TrainingError(
            "the model gives log-probabilities that are not numbers. Its weights are damaged, or its training went wrong: "
            "train again from an earlier checkpoint, with a lower learning_rate."
        )
    each = iter(in_order)
    return [[next(each) for _ in group.responses] for group in groups]


def adapters_off(model: Any) -> AbstractContextManager[Any]:
    """Inside, a model with adapters is its base; one without is what it was."""
    off: AbstractContextManager[Any] = (
        model.disable_adapter() if hasattr(model, "disable_adapter") else nullcontext()
    )
    return off


def check_vocabulary(model: Any, reference: Any) -> None:
    """That a reference reads the token ids of a model.

    Raises:
        ConfigError: it predicts another number of tokens.
    """
    own, other = (unwrapped(one).get_output_embeddings() for one in (model, reference))
    if own is not None and other is not None and own.weight.shape[0] != other.weight.shape[0]:
        raise ConfigError(
            f"the reference predicts {other.weight.shape[0]} tokens and the model {own.weight.shape[0]}: they do not "
            "read the same token ids. Give the model that training starts from, or leave reference out."
        )


def keep_weights(model: Any, path: Path) -> None:
    """Writes the weights that train into a safetensors file, whole or not at all."""
    kept = {
        name: weight.detach().cpu().contiguous()
        for name, weight in model.named_parameters()
        if weight.requires_grad
    }
    with atomic_file(path) as temporary:
        save_file(kept, temporary)


@contextmanager
def kept_weights(model: Any, path: Path) -> Iterator[None]:
    """Inside, the model has the weights that `keep_weights` wrote; afterwards its own, bit for bit.

    They change in place, one by one, and the model's own wait in the machine's memory: a GPU needs no room for both.

    Raises:
        ArtifactError: the file is missing, torn, or of another model.
    """
    weights, own = dict(model.named_parameters()), dict[str, torch.Tensor]()
    try:
        with _opened(path) as kept, torch.no_grad():
            _check_fits(path, {name: kept.get_slice(name).get_shape() for name in kept.keys()}, weights)  # noqa: SIM118
            for name in kept.keys():  # noqa: SIM118  # it is no mapping
                own[name] = weights[name].to("cpu", copy=True)
                weights[name].copy_(kept.get_tensor(name))
        yield
    finally:
        with torch.no_grad():
            for name, value in own.items():
                weights[name].copy_(value)


def _opened(path: Path) -> Any:
    try:
        return safe_open(path, framework="pt")
    except (OSError, SafetensorError) as error:
        raise ArtifactError(
            f"{path} cannot be read as safetensors ({error}). Give a new folder, and begin the run again."
        ) from None


def _check_fits(path: Path, shapes: Mapping[str, list[int]], weights: Mapping[str, Any]) -> None:
    for name, shape in shapes.items():
        if name not in weights or list(weights[name].shape) != shape:
            raise ArtifactError(
                f"{path} holds weights of another model: {name} does not fit. Look at the model that it was kept of, or "
                "give a new folder."
            )


def _too_much(batch: Mapping[str, Any]) -> str:
    return (
        f" while reading log-probabilities of a batch of {batch['input_ids'].numel()} tokens. Lower tokens_per_batch or "
        "max_length, or look at fewer pairs."
    )
