"""Who judges the samples: the comparer that chooses, one that is held out, and how unsure scores are."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from weaklabel.errors import ConfigError
from weaklabel.stages.best_of.cautious import Spreading, by_folds, by_laplace, by_models
from weaklabel.stages.best_of.judging import Judge, two_judges
from weaklabel.stages.best_of.settings import BestOfSettings
from weaklabel.stages.materials import Materials
from weaklabel.stages.taught import taught_by


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
    training, judging, hashes = two_judges(
        settings.comparer, settings.held_out, materials, comparer=comparer, held_out=held_out, who="best_of"
    )
    return Judges(training, judging, _spreading(settings, materials, training, hashes), hashes)


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
