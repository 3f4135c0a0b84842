"""Pairs as vectors: what tells response b from response a, and what an evaluator would read.

An embedding reads one response to one prompt. A pair has the difference of two such rows, which changes its sign with the
order of the responses, and their mean, which does not. `votes` reads no text at all: its row is the votes of the labeling
functions, 1 for b, -1 for a and 0 for silence.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import lru_cache
from typing import Any, Final

import numpy as np

from weaklabel._validation import lookup
from weaklabel.acquisition.geometry import unit
from weaklabel.errors import LabelMatrixError, MissingExtraError
from weaklabel.reward.features import hashed_text
from weaklabel.types import FloatArray, Int8Array, Pairs

Reader = Callable[[Sequence[str], Sequence[str]], FloatArray]
"""(prompts, responses), `n` each -> `(n, k)` numbers, a row for each response to its prompt."""
_N_FEATURES: Final = 2**17  # of the linear reward, with which the texts are shared
_WIDTH: Final = 256
_AT_ONCE: Final = 2_048


def ngrams(prompts: Sequence[str], responses: Sequence[str]) -> FloatArray:
    """`(n, 256)`: the word and character n-grams of a response, folded to fewer columns.

    A dot product of folded rows is that of the rows themselves on average, over the signs and places that are drawn once.
    Source: Weinberger et al. (2009).
    """
    fold = _fold()
    parts = [np.empty((0, _WIDTH))]
    for start in range(0, len(responses), _AT_ONCE):
        rows = hashed_text(_N_FEATURES).transform(responses[start : start + _AT_ONCE])
        parts.append(np.asarray((rows.astype(np.float64) @ fold).todense()))
    return np.concatenate(parts)


@lru_cache(maxsize=1)
def _fold() -> Any:
    """`(2 * _N_FEATURES, 256)` sparse, one 1 or -1 in each row."""
    import scipy.sparse as sp

    rng, n = np.random.default_rng(0), 2 * _N_FEATURES
    signs, places = rng.choice([-1.0, 1.0], n), rng.integers(0, _WIDTH, n)
    return sp.csr_matrix((signs, places, np.arange(n + 1)), shape=(n, _WIDTH))


def minilm(prompts: Sequence[str], responses: Sequence[str]) -> FloatArray:
    """`(n, 768)`: the vectors of the frozen MiniLM encoder (`training/embedding.py`). Needs the `minilm` extra."""
    from weaklabel.training.embedding import embedder

    return embedder(4).embed(prompts, responses).astype(np.float64)


VOTES: Final = "votes"
READERS: Final[dict[str, Reader]] = {"ngrams": ngrams, "minilm": minilm}
"""Embeddings that read texts, by name."""


POLICY: Final = "policy:"
"""Before the folder of a language model whose hidden states are an embedding."""


def reader_of(embedding: str | Reader) -> Reader | None:
    """The function that reads a response; None for votes, which read none.

    Raises:
        UnknownNameError: no embedding of that name. ArtifactError: no policy in the folder.
        MissingExtraError: a policy's, and the `train` extra is not installed.
    """
    if not isinstance(embedding, str):
        return embedding
    if embedding.startswith(POLICY):
        try:
            from weaklabel.training.hidden_states import HiddenStates
        except ImportError:
            raise MissingExtraError.for_extra("hidden states of a policy", "train") from None
        return HiddenStates(embedding.removeprefix(POLICY))
    found: Reader | None = lookup("embedding", {**READERS, VOTES: None}, embedding)
    return found


def of_votes(L: Int8Array) -> FloatArray:
    """`(n, n_lfs)`: 1 for b, -1 for a, 0 for silence.

    >>> of_votes(np.array([[1, 0, -1]], dtype=np.int8)).tolist()
    [[1.0, -1.0, 0.0]]
    """
    return np.where(L < 0, 0.0, 2.0 * L - 1.0)


def differences(reader: Reader, pairs: Pairs) -> FloatArray:
    """`(n, k)`: the row of b less that of a."""
    a, b = _both(reader, pairs)
    return b - a


def texts(reader: Reader, pairs: Pairs) -> FloatArray:
    """`(n, 2 k)`: the row of the prompt alone, and the sum of the rows of both responses, each brought to length 1."""
    prompts = pairs.table["prompt"].to_pylist()
    a, b = _both(reader, pairs)
    return np.hstack([unit(_read(reader, prompts, prompts)), unit(a + b)])


def _both(reader: Reader, pairs: Pairs) -> tuple[FloatArray, FloatArray]:
    prompts, a, b = (pairs.table[name].to_pylist() for name in ("prompt", "response_a", "response_b"))
    return _read(reader, prompts, a), _read(reader, prompts, b)


def _read(reader: Reader, prompts: Sequence[str], responses: Sequence[str]) -> FloatArray:
    found = np.asarray(reader(prompts, responses), dtype=np.float64)
    if found.ndim != 2 or len(found) != len(responses) or not np.isfinite(found).all():
        raise LabelMatrixError(
            f"the embedding returned shape {found.shape} for {len(responses)} responses, or values that are not finite. An "
            "embedding returns one row of numbers per response."
        )
    return found


def one_scale(rows: FloatArray, *others: FloatArray) -> tuple[FloatArray, ...]:
    """Rows and others divided by one number, after which the mean square of the length of `rows` is 1.

    >>> one_scale(np.array([[3.0, 4.0]]), np.array([[5.0, 0.0]]))[1].tolist()
    [[1.0, 0.0]]
    """
    size = np.sqrt((rows**2).sum(axis=1).mean()) if len(rows) else 0.0
    return tuple(each / (size if size > 0 else 1.0) for each in (rows, *others))
