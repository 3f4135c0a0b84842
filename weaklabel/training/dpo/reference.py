"""Log-probabilities of responses under the reference model, computed once and kept.

A store is a folder with a Parquet file per reference, named after all that its numbers depend on beside the token ids:
weights and configuration of the model, vocabulary of the tokenizer, and the dtype that it computes in. A row of a file
is a response: a hash of the ids of prompt and response as they were after truncation, and the sum of log-probabilities.
Nothing of a loss, `beta`, a learning rate or a seed is in either, so runs that differ in those read what the first of
them computed; and whatever does change a number changes its key, but for rounding. Which other responses were asked with
it, and whether they shared its prompt, moves a sum of 60 tokens by about 1e-5 nats in float32 (2e-8 of it), and in
bfloat16 by 3e-3, where bfloat16 itself is 7e-2 from float32.
"""

from __future__ import annotations

import hashlib
import json
import tempfile
from collections.abc import Container, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import torch
from numpy.typing import NDArray

from weaklabel.artifacts import content_hash, write_parquet
from weaklabel.errors import ArtifactError
from weaklabel.training.dpo.layouts import proven_dpo_layout
from weaklabel.training.layout.model import unwrapped
from weaklabel.training.logps import adapters_off, group_logps
from weaklabel.training.settings import TOKENS_PER_BATCH
from weaklabel.training.tokens import TokenGroup

_CHANGING: Final = ("transformers_version", "use_cache", "_name_or_path", "dtype", "torch_dtype")
_ADAPTER: Final = "lora_"
_STORED: Final = pa.schema([pa.field("response", pa.string()), pa.field("logp", pa.float64())])
_UNREADABLE: Final = "{} cannot be read as reference log-probabilities ({}). Remove it; it is computed again."


@dataclass(frozen=True, slots=True)
class ReferenceLogps:
    """Log-probabilities of responses under a reference.

    Attributes:
        logps: float64 `(n_responses,)`, nats, summed over a response's tokens.
        computed: different responses that the model was asked for; the others were read.
    """

    logps: NDArray[np.float64]
    computed: int


def reference_key(model: Any, tokenizer: Any, *, bf16: bool = False) -> str:
    """What a reference's numbers depend on beside token ids, as a hash: the name of its file.

    Adapters do not count: with them switched off the model is its base.

    Args:
        model: a causal language model, with adapters or not, wrapped or not.
        tokenizer: of the token ids.
        bf16: whether it computes in bfloat16 under autocast.
    """
    inner = unwrapped(model)
    config = {name: value for name, value in inner.config.to_dict().items() if name not in _CHANGING}
    vocabulary = sorted(tokenizer.get_vocab().items())
    about = json.dumps([config, vocabulary, str(inner.dtype), bf16], sort_keys=True, default=str)
    return content_hash(about, _weights_hash(inner))[:32]


def reference_logps(
    model: Any,
    groups: Sequence[TokenGroup],
    *,
    key: str,
    store: Path,
    device: torch.device,
    pad_id: int,
    layout: str = "auto",
    bf16: bool = False,
    tokens_per_batch: int = TOKENS_PER_BATCH,
) -> ReferenceLogps:
    """The log-probability of every response under `model`, its adapters off; what the store lacks is computed and kept.

    Args:
        model: the reference. It goes back to where it was, so that a GPU need not hold it while another model trains.
        groups: prompts and their responses as token ids.
        key: `reference_key` of the same model, tokenizer and `bf16`.
        store: a folder; it is made where it is missing.
        device: where to compute.
        layout: a name of `LAYOUTS` that is proven for this model, or "auto", which proves one; "shared" and "varlen" read a
            prompt once for all responses of its group that are missing.
        pad_id, tokens_per_batch: as `group_logps` takes them.

    Raises:
        ArtifactError: a store that cannot be written, or a file of it that cannot be read.
        UnknownNameError, ConfigError, TrainingError: as `proven_dpo_layout` and `group_logps`.
    """
    path = store / f"{key}.parquet"
    known = _read(path)
    hashes = [[_ids_hash(group.prompt, response) for response in group.responses] for group in groups]
    missing = _missing(groups, hashes, known)
    if missing:
        _check_writable(store)  # before the model is asked, which may take hours
        home, rows = next(model.parameters()).device, [group for _, group in missing]
        model.to(device)
        try:
            with adapters_off(model), torch.autocast(device.type, torch.bfloat16, enabled=bf16):
                if layout == "auto":
                    layout = proven_dpo_layout(model, layout, rows, device, pad_id=pad_id, bf16=bf16).name
                found = group_logps(
                    model, rows, layout=layout, pad_id=pad_id, tokens_per_batch=tokens_per_batch
                )
        finally:
            model.to(home)
        computed = {
            name: float(part.sum())
            for (names, _), parts in zip(missing, found, strict=True)
            for name, part in zip(names, parts, strict=True)
        }
        known = _read(path) | computed  # again: another run may have written meanwhile
        write_parquet(path, pa.table({"response": list(known), "logp": list(known.values())}))
    flat = [known[name] for names in hashes for name in names]
    return ReferenceLogps(np.array(flat, dtype=np.float64), sum(len(names) for names, _ in missing))


def _missing(
    groups: Sequence[TokenGroup], hashes: Sequence[Sequence[str]], known: Container[str]
) -> list[tuple[list[str], TokenGroup]]:
    """The responses that are not known, each once, in groups as they came, with their hashes."""
    taken: set[str] = set()
    made = []
    for group, names in zip(groups, hashes, strict=True):
        wanted: dict[str, list[int]] = {}
        for name, response in zip(names, group.responses, strict=True):
            if name not in known and name not in taken:
                wanted[name] = response
        if wanted:
            taken |= wanted.keys()
            made.append((list(wanted), TokenGroup(group.prompt, tuple(wanted.values()), ())))
    return made


def _check_writable(store: Path) -> None:
    try:
        store.mkdir(parents=True, exist_ok=True)
        tempfile.TemporaryFile(dir=store).close()
    except OSError as error:
        raise ArtifactError(
            f"reference log-probabilities cannot be kept in {store} ({error.strerror}). Name a folder that can be written to."
        ) from None


def _read(path: Path) -> dict[str, float]:
    if not path.exists():
        return {}
    try:
        # A schema of its own: other kinds, and files that lack a column, fail here.
        table = pq.ParquetFile(path).read().select(_STORED.names).cast(_STORED)
    except (pa.ArrowException, OSError, KeyError) as error:
        raise ArtifactError(_UNREADABLE.format(path, " ".join(str(error).split())[:200])) from None
    if odd := int((~np.isfinite(table["logp"].to_numpy())).sum()):
        raise ArtifactError(_UNREADABLE.format(path, f"{odd} of {len(table)} are not finite"))
    return dict(zip(table["response"].to_pylist(), table["logp"].to_pylist(), strict=True))


def _ids_hash(prompt: list[int], response: list[int]) -> str:
    return content_hash(*(np.array(ids, dtype=np.int64).tobytes() for ids in (prompt, response)))[:32]


def _weights_hash(inner: Any) -> str:
    digest = hashlib.sha256()
    state = inner.state_dict()
    # By the names that the base has without adapters, so that it is the same reference with and without them.
    plain = {name.replace(".base_layer", ""): name for name in state if _ADAPTER not in name}
    for name in sorted(plain):
        weight = state[plain[name]].detach().cpu().contiguous()
        digest.update(f"{name} {weight.dtype} {tuple(weight.shape)}".encode())
        digest.update(weight.flatten().view(torch.uint8).numpy())
    return digest.hexdigest()
