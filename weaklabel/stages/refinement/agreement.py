"""When a label and a proposal say the same, so that nobody is asked which is better. A newcomer adds a line to `AGREEMENTS`."""

from __future__ import annotations

import string
from collections.abc import Callable, Sequence
from typing import Final

import numpy as np
from numpy.typing import NDArray

from weaklabel._arguments import places
from weaklabel._validation import lookup
from weaklabel.artifacts import content_hash
from weaklabel.errors import ConfigError, DataError
from weaklabel.lf.fingerprints import resource_hash
from weaklabel.lf.sources.files import load_object
from weaklabel.types import collapse_whitespace

Agreement = Callable[[Sequence[str], Sequence[str], Sequence[str], float], NDArray[np.bool_]]
"""(prompts, labels, proposals, quantile) -> `(n,)` bool; `quantile` matters to `embedding` alone."""
_ENDS: Final = string.whitespace + string.punctuation


def exact(
    prompts: Sequence[str], labels: Sequence[str], proposals: Sequence[str], quantile: float
) -> NDArray[np.bool_]:
    """The same text, white space at the ends apart."""
    return _each(labels, proposals, str.strip)


def normalised(
    prompts: Sequence[str], labels: Sequence[str], proposals: Sequence[str], quantile: float
) -> NDArray[np.bool_]:
    """The same text but for case, white space, and signs at the ends.

    >>> normalised(["?"], ["It is  Paris."], ["it is Paris"], 0.5).tolist()
    [True]
    """
    return _each(labels, proposals, _plain)


def program(
    prompts: Sequence[str], labels: Sequence[str], proposals: Sequence[str], quantile: float
) -> NDArray[np.bool_]:
    """The same value: of the whole text as an arithmetic expression, or else of the answer that it ends in.

    Expressions are worked out by a parser of numbers, + - * / ^ and brackets; nothing is run. Texts without a number are
    compared as `normalised` compares.

    >>> program(["6 * 12?"] * 2, ["6*12", "#### 1,000"], ["So it is 72.", "#### 10"], 0.5).tolist()
    [True, False]
    """
    from weaklabel.text.expressions import value_of
    from weaklabel.text.solutions import final_number

    def value(text: str) -> object:
        whole = value_of(text.strip())
        found = final_number(text) if whole is None else whole
        return _plain(text) if found is None else found

    return _each(labels, proposals, value)


def embedding(
    prompts: Sequence[str], labels: Sequence[str], proposals: Sequence[str], quantile: float
) -> NDArray[np.bool_]:
    """More alike than `quantile` of all are: by the cosine of the vectors of all-MiniLM-L6-v2, read behind their prompts.

    Raises:
        MissingExtraError: its weights are not installed.
    """
    from weaklabel.training.embedding import LAYERS, embedder

    if not len(labels):
        return np.zeros(0, dtype=np.bool_)
    ours, theirs = (embedder(LAYERS).embed(prompts, texts) for texts in (labels, proposals))
    alike = (ours * theirs).sum(axis=1)
    same = _each(labels, proposals, str.strip)
    return np.asarray(same | (alike > np.quantile(alike, quantile)))


AGREEMENTS: Final[dict[str, Agreement]] = {
    "embedding": embedding,
    "exact": exact,
    "normalised": normalised,
    "program": program,
}


def agreement(name: str) -> tuple[Agreement, str]:
    """The test of that name, and a hash of what it is.

    Args:
        name: in `AGREEMENTS`, or `module:function` or `file.py:function` of (prompt, label, proposal), whose code is run.

    Raises:
        UnknownNameError: no such test. ConfigError: no function. DiscoveryError: no such module or file.
    """
    if ":" not in name:
        return lookup("agreement test", AGREEMENTS, name), content_hash("agreement", name)
    function = load_object(name)
    if not callable(function):
        raise ConfigError(
            f"agree {name!r} is a {type(function).__name__}. Name a function of (prompt, label, proposal)."
        )

    def of_a_user(
        prompts: Sequence[str], labels: Sequence[str], proposals: Sequence[str], quantile: float
    ) -> NDArray[np.bool_]:
        found = np.zeros(len(labels), dtype=np.bool_)
        order = places(function, ("prompt", "label", "proposal"))
        for row, texts in enumerate(zip(prompts, labels, proposals, strict=True)):
            try:
                said = function(*(texts[k] for k in order))
            except Exception as error:
                raise DataError(
                    f"agree {name!r} raised {type(error).__name__}: {error} on the proposal {texts[2][:60]!r}. It answers "
                    "(prompt, label, proposal) with True or False."
                ) from error
            if not isinstance(said, bool | np.bool_):
                raise DataError(f"agree {name!r} answered {said!r}. Allowed: True or False.")
            found[row] = said
        return found

    return of_a_user, resource_hash(function)


def _each(
    labels: Sequence[str], proposals: Sequence[str], value: Callable[[str], object]
) -> NDArray[np.bool_]:
    return np.array([value(a) == value(b) for a, b in zip(labels, proposals, strict=True)], dtype=np.bool_)


def _plain(text: str) -> str:
    return collapse_whitespace(text).strip(_ENDS).casefold()
