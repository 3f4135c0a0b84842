"""Who judges the samples: the comparer that chooses, one that is held out, and how unsure scores are."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from weaklabel.comparers import object_hash
from weaklabel.comparers.checker import Checker
from weaklabel.comparers.expert import CanScore
from weaklabel.errors import ConfigError
from weaklabel.stages.best_of.cautious import Spreading, by_folds, by_laplace, by_models
from weaklabel.stages.best_of.curve import HELD_OUT
from weaklabel.stages.best_of.judging import Judge
from weaklabel.stages.best_of.settings import BestOfSettings
from weaklabel.stages.materials import Materials, refuse_columns
from weaklabel.stages.taught import taught_by
from weaklabel.types import CanCompare


@dataclass(frozen=True)
class Judges:
    """Who judges the samples.

    Attributes:
        training: by whom is chosen.
        held_out: who has no part in the choice; None for nobody.
        spreading: how unsure scores are; None where that does not count.
        hashes: by which the stage knows them again.
    """

    training: Judge
    held_out: Judge | None
    spreading: Spreading | None
    hashes: Mapping[str, str]


def judges_of(settings: BestOfSettings, materials: Materials, comparer: Any, held_out: Any) -> Judges:
    """Those that settings name, or that Python gives.

    Raises:
        ConfigError: no comparer, one that reads columns, the same one twice, or a spread that it cannot have.
    """
    hashes: dict[str, str] = {}
    if comparer is None:
        found, hashes["comparer"] = materials.comparer_named(settings.comparer, "best_of")
        training = Judge.of(found, "the comparer")
    else:
        refuse_columns(comparer, "best_of")
        training, hashes["comparer"] = Judge.of(comparer, "the comparer"), _known(comparer)
    judging = None
    if held_out is not None:
        judging, hashes[HELD_OUT] = Judge.of(held_out, "held_out"), _known(held_out)
    elif settings.held_out is not None:
        opened, hashes[HELD_OUT] = materials.comparer_named(settings.held_out, "best_of")
        judging = Judge.of(opened, "held_out")
    # Objects are known by their class, which two that differ may have in common: they have to be one to be the same.
    by_name = comparer is None and held_out is None and hashes.get(HELD_OUT) == hashes["comparer"]
    if by_name or (held_out is not None and held_out is comparer):
        raise ConfigError(
            "best_of: held_out is the comparer that chooses, so that it cannot show what the choice is worth. Name another one, "
            "such as a reward model of other gold, or leave it out."
        )
    return Judges(training, judging, _spreading(settings, materials, training, hashes), hashes)


def _known(given: Any) -> str:
    """The hash by which an object is known again: of a function its code."""
    return object_hash(given) if isinstance(given, CanCompare | CanScore) else Checker(given).code_hash()


def _spreading(
    settings: BestOfSettings, materials: Materials, judge: Judge, hashes: dict[str, str]
) -> Spreading | None:
    """How unsure scores are by the settings; adds the hashes of what that rests on."""
    if settings.spread is None:
        return None
    if settings.spread == "models":
        others: list[Judge] = []
        for name in settings.spread_models:
            found, known = materials.comparer_named(name, "best_of")
            hashes[f"spread model {len(others) + 1}"] = known
            others.append(Judge.of(found, repr(name)))
        return by_models(judge, others)
    # Only how often and how surely pairs were learned counts for laplace, and gold alone for folds.
    if settings.spread_data is None and materials.the_labels is None:
        raise ConfigError(
            f'best_of: spread = "{settings.spread}" rests on pairs, and there are no labels. Give spread_data: for laplace the '
            "pairs that taught the reward."
        )
    taught = taught_by(
        settings.spread_data, materials, who="best_of: spread_data", columns={}, allow_uncalibrated=True
    )
    hashes["spread_data"] = taught.hash
    make = by_laplace if settings.spread == "laplace" else by_folds
    return make(judge, taught, settings.seed)
