"""What a comparer makes of samples: scores where it scores single responses, else win rates among a prompt's samples."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from weaklabel.comparers import object_hash
from weaklabel.comparers.both_orders import AskedBothWays
from weaklabel.comparers.checker import Checker
from weaklabel.comparers.expert import ByScore, CanScore, check_scores
from weaklabel.comparers.metered import Metered
from weaklabel.comparers.people import People
from weaklabel.errors import ConfigError
from weaklabel.labeler import Labeler
from weaklabel.stages.best_of.curve import HELD_OUT
from weaklabel.stages.best_of.sampled import Draws
from weaklabel.stages.materials import Materials, refuse_columns
from weaklabel.types import CanCompare, Comparer, FloatArray, answer_of, as_comparer

SCORE: Final = "score"
WIN_RATE: Final = "win rate"


@dataclass(frozen=True)
class Judge:
    """Who says how good samples are.

    Attributes:
        comparer: as it was named; it compares.
        name: for messages and files.
    """

    comparer: Comparer
    name: str

    @classmethod
    def of(cls, given: Any, name: str) -> Judge:
        """A comparer, something that scores responses, or a function of (prompt, response).

        Raises:
            ConfigError: something else.
        """
        if isinstance(given, CanCompare):
            return cls(as_comparer(given, name), name)
        if isinstance(given, CanScore):
            return cls(ByScore(given, name=name), name)
        if callable(given):
            return cls(Checker(given).comparer(), name)
        raise ConfigError(
            f"{name} is a {type(given).__name__}. Give a comparer, a reward model, or a function of (prompt, response)."
        )

    @property
    def scorer(self) -> CanScore | None:
        """What gives single responses their scores; None where the comparer has none to give."""
        inner = self.comparer.expert if isinstance(self.comparer, ByScore | Metered) else self.comparer
        # People are asked which of two is better: their marks from 1 to 5 would mostly be equal.
        if isinstance(inner, People) or not isinstance(inner, CanScore):
            return None
        return self.comparer if isinstance(self.comparer, CanScore) else inner

    @property
    def measures(self) -> str:
        """What its numbers are: `SCORE` or `WIN_RATE`."""
        return WIN_RATE if self.scorer is None else SCORE

    @property
    def asked(self) -> Comparer:
        """The comparer as it is asked: both orders where one may matter."""
        same = self.scorer is not None or isinstance(self.comparer, Labeler | Metered)
        return self.comparer if same else AskedBothWays(self.comparer)

    def scores(self, draws: Draws) -> FloatArray:
        """`(m,)` float64: the score, or the win rate, of each sample. Equal samples of a prompt have equal ones.

        Raises:
            LabelMatrixError: scores that are not finite, or chances outside [0, 1].
        """
        if self.scorer is None:
            pairs, i, j = draws.every_two()
            # Where no two samples differ nobody is asked: not every comparer answers about nothing.
            p = answer_of(self.name, self.asked, pairs) if len(pairs) else np.empty(0)
            return win_rates(draws, i, j, p)
        once = np.unique(draws.first)
        asked = draws.asked
        given = self.scorer.score([asked[k] for k in once], [draws.texts[k] for k in once])
        found = np.zeros(len(draws))
        found[once] = check_scores(self.name, given, len(once))
        return found[draws.first]


def two_judges(
    named: str | None,
    named_held_out: str | None,
    materials: Materials,
    *,
    comparer: Any,
    held_out: Any,
    who: str,
) -> tuple[Judge, Judge | None, dict[str, str]]:
    """Who chooses, who only looks on, and the hashes by which they are known again.

    Args:
        named, named_held_out: as settings name them; without a name the labeler of the materials chooses.
        materials: open what is named.
        comparer, held_out: objects in the place of the names.
        who: asks, for messages.

    Raises:
        ConfigError: no comparer, one that reads columns, or the same one twice.
    """
    hashes: dict[str, str] = {}
    if comparer is None:
        found, hashes["comparer"] = materials.comparer_named(named, who)
        training = Judge.of(found, "the comparer")
    else:
        refuse_columns(comparer, who)
        training, hashes["comparer"] = Judge.of(comparer, "the comparer"), known_hash(comparer)
    judging = None
    if held_out is not None:
        judging, hashes[HELD_OUT] = Judge.of(held_out, "held_out"), known_hash(held_out)
    elif named_held_out is not None:
        opened, hashes[HELD_OUT] = materials.comparer_named(named_held_out, who)
        judging = Judge.of(opened, "held_out")
    # Objects are known by their class, which two that differ may have in common: they have to be one to be the same.
    by_name = comparer is None and held_out is None and hashes.get(HELD_OUT) == hashes["comparer"]
    if by_name or (held_out is not None and held_out is comparer):
        raise ConfigError(
            f"{who}: held_out is the comparer that chooses, so that it cannot show what the choice is worth. Name another one, "
            "such as a reward model of other gold, or leave it out."
        )
    return training, judging, hashes


def known_hash(given: Any) -> str:
    """The hash by which an object is known again: of a function its code."""
    return object_hash(given) if isinstance(given, CanCompare | CanScore) else Checker(given).code_hash()


def win_rates(draws: Draws, i: NDArray[np.intp], j: NDArray[np.intp], p: FloatArray) -> FloatArray:
    """`(m,)` in [0, 1]: each sample's mean chance to beat another sample of its prompt, 1/2 against its equal.

    Args:
        draws: the samples.
        i, j: `(n,)` where the two of each pair stand, of equal samples the first; see `Draws.every_two`.
        p: `(n,)` the chance that the second is better.
    """
    times = np.bincount(draws.first, minlength=len(draws)).astype(np.float64)
    won = (times - 1) / 2  # against the copies of itself
    np.add.at(won, i, times[j] * (1 - p))
    np.add.at(won, j, times[i] * p)
    others = draws.sizes[draws.of] - 1.0
    found = np.where(others > 0, won[draws.first] / np.maximum(others, 1), 0.5)
    # Sums in another order differ in their last digits, which must not decide between equal samples.
    return np.asarray(found.round(12), dtype=np.float64)
