"""Calibration: log-odds that mean what they say, fitted to gold out of fold.

A newcomer adds one file with a `Calibrator` and one line in `CALIBRATORS`.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Final

from numpy.typing import ArrayLike

from weaklabel._validation import lookup
from weaklabel.calibration.base import Calibrator
from weaklabel.calibration.beta import Beta
from weaklabel.calibration.choose import check_candidates, choose_from, gold_rows
from weaklabel.calibration.identity import Identity
from weaklabel.calibration.isotonic import Isotonic
from weaklabel.calibration.platt import Platt
from weaklabel.calibration.shrunk_temperature import ShrunkTemperature
from weaklabel.calibration.temperature import Temperature
from weaklabel.calibration.ties import TieModel
from weaklabel.calibration.venn_abers import VennAbers
from weaklabel.errors import ArtifactError

CALIBRATORS: Final[Mapping[str, type[Calibrator]]] = {
    "identity": Identity,
    "shrunk_temperature": ShrunkTemperature,
    "temperature": Temperature,
    "platt": Platt,
    "beta": Beta,
    "isotonic": Isotonic,
    "venn_abers": VennAbers,
}
"""Every calibrator by name, the simplest first."""

CANDIDATES: Final = ("temperature", "platt", "beta", "isotonic")
"""What `choose_calibrator` chooses from, the simplest first. Venn-Abers is for its intervals; its points lost to
isotonic regression on all smooth curves tried."""

SCALED_CANDIDATES: Final = ("shrunk_temperature", *CANDIDATES)
"""The same for log-odds that gold has scaled already: those of a label model that was fitted to it."""


def get_calibrator(name: str) -> Calibrator:
    """A calibrator, not fitted, by its name.

    >>> get_calibrator("temperature").name
    'temperature'

    Raises:
        UnknownNameError: a name that is not in `CALIBRATORS`.
    """
    return lookup("calibrator", CALIBRATORS, name)()


def calibrator_from_dict(state: Mapping[str, Any]) -> Calibrator:
    """The calibrator that `to_dict` wrote.

    >>> calibrator_from_dict({"name": "temperature", "factor": 0.5}).transform([2.0]).tolist()
    [1.0]

    Raises:
        ArtifactError: no name, or a value that is missing or no number.
        UnknownNameError: a name that is not in `CALIBRATORS`.
    """
    if not isinstance(state, Mapping) or not isinstance(state.get("name"), str):
        raise ArtifactError("a saved calibrator has no 'name'. Fit and save the labeler again.")
    kind = lookup("calibrator", CALIBRATORS, state["name"])
    try:
        return kind.from_dict(state)
    except KeyError as error:
        problem = f"has no {error}"
    except (TypeError, ValueError) as error:
        problem = f"cannot be read ({error})"
    raise ArtifactError(f"a saved {state['name']!r} calibrator {problem}. Fit and save the labeler again.")


def choose_calibrator(
    logit: ArrayLike,
    y: ArrayLike,
    groups: ArrayLike | None = None,
    *,
    candidates: Sequence[str] | None = None,
    n_folds: int = 5,
    seed: int = 0,
) -> tuple[Calibrator, dict[str, float]]:
    """A calibrator fitted on all gold, and every candidate's NLL in nats per pair across folds by prompt.

    The NLL is a mean over five draws of the folds: by one draw the choice hung on the seed. The first candidate wins
    whose NLL is within two standard errors of the lowest; the standard error is that of the paired difference, with
    prompts as units. List the simplest first. A candidate that has not the gold it needs (`least_gold`) is passed
    over unless it stands alone. With gold on fewer than two prompts nothing can be compared: the first candidate is
    fitted, and no scores are returned. With no gold at all the answer is `Identity`.

    Args:
        logit: `(n,)` float64, out-of-fold log-odds of the label model.
        y: `(n,)`: 0, 1, .5 (tie), NaN (unknown, not used).
        groups: `(n,)` prompt numbers; None takes each row for a prompt of its own.
        candidates: names in `CALIBRATORS`; None takes `CANDIDATES`.
        n_folds: at most; fewer where there are fewer prompts.
        seed: of the folds.

    Raises:
        UnknownNameError: a candidate that is not in `CALIBRATORS`.
        ConfigError: no candidates, or fewer than two folds.
        LabelMatrixError: shapes that differ, or a logit that is not finite.

    >>> chosen, scores = choose_calibrator([4.0] * 50, [1] * 35 + [0] * 15)  # says .98, is right .7 of the time
    >>> chosen.name, round(scores["temperature"], 2)
    ('temperature', 0.63)
    """
    names = CANDIDATES if candidates is None else candidates
    check_candidates(names, n_folds)
    contenders = [get_calibrator(name) for name in names]
    z, truth, prompts = gold_rows(logit, y, groups)
    if not len(truth):
        return Identity(), {}
    contenders = [c for c in contenders if len(truth) >= c.least_gold] or contenders
    index, scores = choose_from(contenders, z, truth, prompts, n_folds, seed)
    return contenders[index].fit(z, truth, prompts), scores


__all__ = [
    "CALIBRATORS",
    "CANDIDATES",
    "Beta",
    "Calibrator",
    "Identity",
    "Isotonic",
    "Platt",
    "ShrunkTemperature",
    "Temperature",
    "TieModel",
    "VennAbers",
    "calibrator_from_dict",
    "choose_calibrator",
    "get_calibrator",
]
