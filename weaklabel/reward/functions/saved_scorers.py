"""The scorers of a saved `FunctionsReward`: named in its manifest, and found among what the caller gives."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from weaklabel.errors import ArtifactError, WeaklabelError
from weaklabel.lf.core import LabelingFunction, ResponseScorer
from weaklabel.lf.sources.kinds import kind_of
from weaklabel.lf.sources.saved import SavedFunction, check_can_be_found, functions_of
from weaklabel.reward.saved import Saved

_OWNER = "reward model"


def saved_scorers(scorers: Sequence[ResponseScorer]) -> dict[str, Any]:
    """Entries of the manifest.

    Raises:
        ArtifactError: a scorer that lives only in this process.
    """
    check_can_be_found(scorers, _OWNER)
    saved = [SavedFunction.of(lf) for lf in scorers]
    return {
        "inputs": {lf.name: lf.source for lf in saved},
        "fingerprints": {lf.name: lf.version for lf in saved},
        "lfs": [lf.to_state() for lf in saved],
    }


def own_functions(scorers: Sequence[ResponseScorer]) -> tuple[str, ...]:
    """Names of those that a saved model does not find by itself: of files, modules, and what lives in this process."""
    return tuple(lf.name for lf in scorers if lf.spec is None or not kind_of(lf.spec).is_harmless)


def found_scorers(
    saved: Saved, given: Sequence[LabelingFunction], *, allow_changed: bool
) -> tuple[ResponseScorer, ...]:
    """The scorers that a manifest names, in its order.

    Raises:
        ArtifactError: one that was not given, that changed, or that scores no single response; or a manifest that
            names none as `saved_scorers` does.
    """
    try:
        named = SavedFunction.from_state(saved.about)
        scorers = [lf for lf in given if isinstance(lf, ResponseScorer)]
        found = functions_of(named, scorers, saved.folder, allow_changed=allow_changed, owner=_OWNER)
    except WeaklabelError:
        raise
    except (ArithmeticError, AttributeError, LookupError, TypeError, ValueError) as error:
        saved.fail(error)
    wrong = [lf.name for lf in found if not isinstance(lf, ResponseScorer)]
    if wrong:
        raise ArtifactError(
            f"{saved.folder} reads {wrong[0]!r} one response at a time, and what was given under that name scores no "
            "single response. Give the response scorer that it was fitted with."
        )
    return tuple(lf for lf in found if isinstance(lf, ResponseScorer))
