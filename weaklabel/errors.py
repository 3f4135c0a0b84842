"""What can go wrong, as one family.

    WeaklabelError
    ├── ArgumentError (TypeError)          an argument in Python of another type than the function takes
    ├── DataError (ValueError)             a file, a row or a column that cannot be used
    │   ├── PathError (ConfigError too)    a path that no file can have
    │   ├── LayoutError                    no reader recognises the columns, or a needed column is missing
    │   └── GoldError                      gold that its layout does not define, or that does not fit the pairs
    ├── LabelingFunctionError (ValueError) an LF that cannot be built, found or run
    │   ├── VoteError                      an LF returned something that is no vote
    │   ├── SettingError (ConfigError too) a setting of an LF that is out of range
    │   ├── DiscoveryError                 an LF file or folder that does not load
    │   └── FaultShareError                too many votes failed in a run
    ├── UndeclaredColumnError (KeyError)   a column that a labeling function did not declare
    ├── RowError (IndexError)              rows of pairs, votes or labels that are not there
    ├── LabelMatrixError (ValueError)      L, margins, names or ids that do not fit together
    ├── NotFittedError (RuntimeError)      predict before fit
    ├── NotCalibratedError (ValueError)    uncalibrated labels where probabilities are needed
    ├── ConfigError (ValueError)           a setting that is unknown or out of range
    ├── TrainingError (RuntimeError)       a training run that cannot go on
    ├── EndpointError (RuntimeError)       a model server that cannot be used
    ├── ArtifactError (RuntimeError)       a saved thing that is missing, torn or from elsewhere
    ├── BusyError (RuntimeError)           a folder that another command is writing
    ├── BudgetError (RuntimeError)         a question that a budget does not hold
    ├── WaitingError (RuntimeError)        questions that people have not answered yet
    ├── UnknownNameError (LookupError)     a name that no registry holds
    └── MissingExtraError (ImportError)    an optional package that is not installed

    WeaklabelWarning (UserWarning)         what was assumed, or may not hold
    ├── FaultWarning                       votes that failed, and count as abstains
    └── ShiftWarning                       pairs unlike those a labeler was fitted on

Every message says, in this order: where, what came, what is allowed, what to do next. The command line
shows these as one line and exits 2; any other exception keeps its traceback, because it is our bug.
"""

from __future__ import annotations

import difflib
import sys
import warnings
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from typing import Final

_LONGEST_NAME: Final = 80  # that an error repeats


class WeaklabelError(Exception):
    """Base of every error that a user's input can cause."""


class ArgumentError(WeaklabelError, TypeError):
    """An argument in Python is of another type than the function takes."""


class DataError(WeaklabelError, ValueError):
    """A file, a row or a column cannot be used."""


class LayoutError(DataError):
    """No reader recognises the columns, or a needed column is missing."""


class GoldError(DataError):
    """A gold value that its layout does not define, or gold that does not fit the pairs."""


class LabelingFunctionError(WeaklabelError, ValueError):
    """A labeling function cannot be built, found or run."""


class VoteError(LabelingFunctionError):
    """A labeling function returned something that is no vote."""


class DiscoveryError(LabelingFunctionError):
    """A labeling-function file or folder does not load."""


class FaultShareError(LabelingFunctionError):
    """A larger share of votes failed than the run allows."""


class UndeclaredColumnError(WeaklabelError, KeyError):
    """A labeling function asked a pair for a column that it did not declare."""

    def __str__(self) -> str:
        return str(self.args[0])  # KeyError quotes


class RowError(WeaklabelError, IndexError):
    """Rows of pairs, votes or labels that are not there, or that nothing says which."""


class LabelMatrixError(WeaklabelError, ValueError):
    """Votes, margins, names or ids do not fit together."""


class NotFittedError(WeaklabelError, RuntimeError):
    """A model was asked before it was fitted."""


class NotCalibratedError(WeaklabelError, ValueError):
    """Labels that were never calibrated were used where probabilities are needed."""


class ConfigError(WeaklabelError, ValueError):
    """A setting is unknown or out of range."""


class SettingError(LabelingFunctionError, ConfigError):
    """A setting of a labeling function is out of range, wherever it was written: in Python, a file or a spec.

    Args:
        owner: whose setting.
        setting: its name.
        problem: what is wrong and what is allowed, to be read after the name.

    >>> str(SettingError("old_model", "min_gap", "is -1. Allowed: a number >= 0."))
    "'old_model': min_gap is -1. Allowed: a number >= 0."
    """

    def __init__(self, owner: str, setting: str, problem: str) -> None:
        super().__init__(owner, setting, problem)  # as they are, so that it travels between processes
        self.said = f"{setting} {problem}"

    def __str__(self) -> str:
        return f"{self.args[0]!r}: {self.said}"


class TrainingError(WeaklabelError, RuntimeError):
    """A training run cannot go on: no memory, or a loss that is no number."""


class EndpointError(WeaklabelError, RuntimeError):
    """A model server cannot be used: a wrong key, address or model, or no money left."""


class ArtifactError(WeaklabelError, RuntimeError):
    """A saved thing is missing, torn, or was made by something else."""


class BusyError(WeaklabelError, RuntimeError):
    """Another command is writing the folder that this one wants to write."""


class BudgetError(WeaklabelError, RuntimeError):
    """A budget does not hold what would have to be asked."""


class WaitingError(WeaklabelError, RuntimeError):
    """People have not answered yet what a run needs to go on."""


class PathError(DataError, ConfigError):
    """A path that no file can have: empty, with a NUL, not UTF-8, or in the home folder of nobody."""


class UnknownNameError(WeaklabelError, LookupError):
    """A name that no registry holds.

    >>> str(UnknownNameError.for_name("label model", "dawidskene", ["dawid_skene", "majority_vote"]))
    "no label model 'dawidskene'. Known: dawid_skene, majority_vote. Did you mean 'dawid_skene'?"
    """

    @classmethod
    def for_name(cls, kind: str, name: str, known: Iterable[str]) -> UnknownNameError:
        names = sorted(known)
        name = name if len(name) <= _LONGEST_NAME else f"{name[:_LONGEST_NAME]}..."
        close = difflib.get_close_matches(name, names, n=1)
        hint = f" Did you mean {close[0]!r}?" if close else ""
        return cls(f"no {kind} {name!r}. Known: {', '.join(names) or 'none'}.{hint}")


class MissingExtraError(WeaklabelError, ImportError):
    """An optional package is needed and not installed.

    >>> str(MissingExtraError.for_extra("the Snorkel label model", "snorkel"))
    "the Snorkel label model needs the 'snorkel' extra. Run: pip install 'weaklabel[snorkel]'"
    """

    @classmethod
    def for_extra(cls, what: str, extra: str) -> MissingExtraError:
        return cls(f"{what} needs the {extra!r} extra. Run: pip install 'weaklabel[{extra}]'")


@contextmanager
def needs_pandas(what: str) -> Iterator[None]:
    """Turns a missing pandas into a line that says what to install.

    Raises:
        MissingExtraError: pandas is not installed, as where training alone is.
    """
    try:
        yield
    except ImportError:
        raise MissingExtraError(f"{what} needs pandas. Run: pip install 'pandas>=2.2'") from None


class WeaklabelWarning(UserWarning):
    """Base of every warning of ours: nothing failed, but something may not hold."""


class FaultWarning(WeaklabelWarning):
    """Votes of a labeling function failed, and count as abstains."""


class ShiftWarning(WeaklabelWarning):
    """The pairs to be labelled are unlike those the labeler was fitted on."""


def warn(message: str, category: type[WeaklabelWarning] = WeaklabelWarning) -> None:
    """A warning that names the line outside this package which led to it, however deep that goes."""
    frame, level = sys._getframe(), 1
    while frame.f_back is not None and frame.f_globals["__name__"].partition(".")[0] == "weaklabel":
        frame, level = frame.f_back, level + 1
    warnings.warn(message, category, stacklevel=level)
