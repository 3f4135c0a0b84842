"""`Checker`: a function that says whether a response is right, as an expert: `checker = "module:function"`."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Sequence
from typing import Final

import numpy as np

from weaklabel._arguments import places
from weaklabel.comparers.expert import ByScore, check_scores
from weaklabel.errors import ConfigError, DataError
from weaklabel.lf.fingerprints import resource_hash
from weaklabel.lf.sources.files import load_object
from weaklabel.types import FloatArray

Check = Callable[[str, str], float]
"""(prompt, response) -> how right: True or False, or a number, higher for better."""

RIGHT: Final = 0.5
"""A response is right where the checker's score is above it: True is 1."""


class Checker:
    """Scores responses by a function that checks one at a time.

    Args:
        function: `(prompt, response)` -> True, False or a finite number, higher for better.
        name: for messages; the function's by default.

    >>> checker = Checker(lambda prompt, response: response.strip() == "4", name="four")
    >>> checker.score(["2 + 2?", "2 + 2?"], ["4", "5"]).tolist()
    [1.0, 0.0]
    """

    def __init__(self, function: Check, *, name: str | None = None) -> None:
        self.function = function
        self.name = name or str(getattr(function, "__name__", type(function).__name__))

    @classmethod
    def named(cls, spec: str) -> Checker:
        """The checker that `module:function` or `file.py:function` names. Its code is run.

        Raises:
            ConfigError: it names something else than a function of two arguments.
            DiscoveryError, UnknownNameError: no such module, file or function.
        """
        if not spec.rpartition(":")[0]:
            raise ConfigError(
                f"checker {spec!r} names no function. Write module:function or file.py:function."
            )
        function = load_object(spec)
        if not callable(function) or not _takes_two(function):
            raise ConfigError(
                f"checker {spec!r} is a {type(function).__name__} that cannot be called with (prompt, response). Name a "
                "function of these two."
            )
        return cls(function, name=spec)

    def code_hash(self) -> str:
        """Of the function and of what it reaches in the project's files, as of a labeling function; not of its name."""
        return resource_hash(self.function)

    def score(self, prompts: Sequence[str], responses: Sequence[str]) -> FloatArray:
        """`(n,)` float64.

        Raises:
            DataError: the function raised; the message holds the response's beginning.
            LabelMatrixError: it returned something else than a finite number.
        """
        found = []
        turned = places(self.function, ("prompt", "response")) == (1, 0)
        for prompt, response in zip(prompts, responses, strict=True):
            texts = (response, prompt) if turned else (prompt, response)
            try:
                found.append(float(self.function(*texts)))
            except Exception as error:
                raise DataError(
                    f"checker {self.name!r} raised {type(error).__name__}: {error} on the response {response[:60]!r}. "
                    "A checker answers every response with True, False or a number."
                ) from error
        return check_scores(self.name, np.array(found, dtype=np.float64), len(responses))

    def comparer(self) -> ByScore:
        """The comparer that prefers the higher score: 1, 1/2 or 0."""
        return ByScore(self, name=self.name)


def _takes_two(function: Callable[..., object]) -> bool:
    try:
        inspect.signature(function).bind("prompt", "response")
    except TypeError:
        return False
    except ValueError:  # some functions of C do not say
        return True
    return True
