"""What a stage draws on beside its settings: the labels, functions and comparers of a run, or what Python hands over."""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any, Final

from weaklabel.artifacts import content_hash
from weaklabel.comparers import comparer_hash, object_hash, open_comparer
from weaklabel.data.asked.demonstrations import Demonstrations, read_demonstrations
from weaklabel.errors import ConfigError
from weaklabel.export.selection import REASONS, AnyLabels, Selection
from weaklabel.lf.core import LabelingFunction
from weaklabel.types import CanCompare, Comparer, Labels, LabelsFile, Pairs, as_comparer, prompt_key
from weaklabel.types.demonstration import Demonstration

_FEWEST: Final = 20  # prompts from which some are held out
_SHARE: Final = 0.05


@dataclass(frozen=True)
class Materials:
    """Everything is a function, called when it is needed: labels may have to be made.

    Attributes:
        labels: of the run, or as Python gives them; None where there are none.
        lfs: the labeling functions, which watch what the policy says.
        comparer: what made the labels; None where nothing did.
        source: demonstrations that Python hands over, in the place of `data`.
        resolve: a path of the settings, as seen from the working folder.
        comparer_hash: by which that comparer is known again.
        store: where stages keep log-probabilities of references, by the setting that says so; None in the stage's own folder.
    """

    labels: Callable[[], AnyLabels] | None = None
    lfs: Callable[[], Sequence[LabelingFunction]] = tuple
    comparer: Callable[[], Comparer] | None = None
    source: Any = None
    comparer_hash: Callable[[Comparer], str] = object_hash
    resolve: Callable[[str], str] = str
    store: Callable[[str | None], Path | None] = lambda path: None if path is None else Path(path)

    @classmethod
    def given(
        cls,
        settings: Any,
        data: Any,
        lfs: Sequence[LabelingFunction] = (),
        comparer: CanCompare | None = None,
    ) -> Materials:
        """What Python hands over: labels, or whatever else is learned.

        Raises:
            ConfigError: settings that name columns of nothing that has any.
        """
        check_columns(settings, data)
        labels = data if isinstance(data, Labels | LabelsFile) else None
        return cls(
            labels=None if labels is None else lambda: labels,
            lfs=lambda: lfs,
            comparer=None if comparer is None else lambda: as_comparer(comparer),
            source=None if labels is not None else data,
        )

    @cached_property
    def the_labels(self) -> AnyLabels | None:
        """The labels, made once."""
        return None if self.labels is None else self.labels()

    def learned_labels(self, data: str | None) -> AnyLabels | None:
        """The labels, where they are what is learned: nothing else was given."""
        return self.the_labels if data is None and self.source is None else None

    def demonstrations(
        self, data: str | None, columns: Mapping[str, str], *, min_confidence: float, allow_uncalibrated: bool
    ) -> Demonstrations:
        """What is learned: `data`, what Python gave, or the better response of every label.

        Raises:
            ConfigError: there is none of these. NotCalibratedError: labels that were never calibrated.
            DataError, LayoutError: data that cannot be read, labels that leave nothing.
        """
        if data is not None:
            return read_demonstrations(data, columns=columns)
        if self.source is not None:
            return read_demonstrations(self.source, columns=columns)
        if self.the_labels is None:
            raise ConfigError(
                "there are neither data nor labels to learn from. Give data, a file of demonstrations."
            )
        return chosen_of(
            self.the_labels, min_confidence=min_confidence, allow_uncalibrated=allow_uncalibrated
        )

    def opened(self, name: str | None) -> Comparer | None:
        """The comparer that a setting names."""
        return None if name is None else open_comparer(self.resolve(name), self.lfs())

    def comparer_named(self, name: str | None, who: str) -> tuple[Comparer, str]:
        """The comparer that a setting names, by default what made the labels; and the hash by which a stage knows it again.

        Args:
            name: as `open_comparer` takes it; None for the default.
            who: asks, for messages.

        Raises:
            ConfigError: there is none, or its functions read columns, which new answers do not have.
        """
        if name is not None:
            found, known = open_comparer(self.resolve(name), self.lfs()), comparer_hash(self.resolve(name))
        elif self.comparer is not None:
            found = self.comparer()
            known = self.comparer_hash(found)
        else:
            raise ConfigError(
                f"{who}: there is no comparer. Give comparer: a folder such as runs/base/labeler, people:questions.jsonl, or "
                "module:function of (prompt, response)."
            )
        refuse_columns(found, who)
        return found, known


def names_apart(**judges: Any) -> tuple[dict[str, Any], dict[str, Any]]:
    """Who is given as an object, or as None, and who by a name, which is a setting.

    >>> names_apart(comparer="checks.py:score", held_out=None)
    ({'held_out': None}, {'comparer': 'checks.py:score'})
    """
    named = {name: os.fspath(given) for name, given in judges.items() if isinstance(given, str | os.PathLike)}
    return {name: given for name, given in judges.items() if name not in named}, named


def check_columns(settings: Any, data: Any) -> None:
    """Raises ConfigError for `columns` where no file and no table is read: labels and pairs that were read have theirs.

    Args:
        settings: of a stage.
        data: what Python hands over; None for the labels of a run.
    """
    files = getattr(settings, "NAMED", ("data", "eval_data", "lists", "test_data"))
    if not settings.columns or any(getattr(settings, name, None) is not None for name in files):
        return
    rows = isinstance(data, list | tuple) and data and not isinstance(data[0], str | os.PathLike | Mapping)
    if data is None or rows or isinstance(data, Labels | LabelsFile | Pairs):
        given = (
            "the labels of the run"
            if data is None
            else f"a {type(data).__name__} of {type(data[0]).__name__}"
            if rows
            else type(data).__name__
        )
        raise ConfigError(
            f"{settings.OWNER}: columns is {dict(settings.columns)!r}, and what is learned is {given}, whose columns are known. Leave "
            "columns out, or give them to what read the file."
        )


def refuse_columns(comparer: Any, who: str) -> None:
    """Raises ConfigError for functions that read columns: they would see what the data says of its labels, and nothing of a new answer."""
    inner: Any = comparer
    while (within := getattr(inner, "inner", getattr(inner, "expert", None))) is not None:
        inner = within
    if reading := [lf.name for lf in getattr(inner, "lfs", ()) if lf.columns]:
        raise ConfigError(
            f"{who}: the comparer's functions {', '.join(reading[:5])} read columns of the data, which a new answer does not have. "
            "Fit a labeler without them."
        )


def chosen_of(
    labels: AnyLabels, *, min_confidence: float = 0.0, allow_uncalibrated: bool = False
) -> Demonstrations:
    """The better response of every labelled pair, by the labels; its weight is the label's `w`, never its confidence.

    Locked test prompts, pairs without votes, exact ties and what is below `min_confidence` are left out and counted, as
    in an export.

    Raises:
        NotCalibratedError: labels that were never calibrated, unless `allow_uncalibrated`.
        ConfigError: a confidence out of range. DataError: nothing is left.
    """
    selection = Selection(labels, min_confidence=min_confidence, allow_uncalibrated=allow_uncalibrated)
    rows = []
    for part in selection.kept():
        for pair, logit, w in zip(part.pairs.iter_pairs(), part.logit, part.w, strict=True):
            answer = pair.response_b if logit > 0 else pair.response_a
            rows.append(Demonstration(pair.prompt, answer, tuple(pair.messages or ()), float(w)))
    dropped = selection.account().dropped
    return Demonstrations(rows, left_out={REASONS[why]: n for why, n in dropped.items() if n})


def left_out_of(found: Demonstrations, what: str) -> list[str]:
    """Sentences on rows of a setting `what` that could not be used, and on those that are left out on purpose."""
    said, aside = [], found.set_aside
    if aside:
        said.append(f"{what}: {len(aside):,} rows could not be used; first: {aside[0]}.")
    if left := ", ".join(f"{n:,} {why}" for why, n in found.left_out.items()):
        said.append(f"{what}: left out: {left}.")
    return said


def held_out(given: Demonstrations, most: int) -> tuple[Demonstrations, list[Demonstration]]:
    """What is trained on, and one demonstration each of prompts that are not: a twentieth of them, at most `most`.

    Which prompts are held out depends on their texts alone. Of fewer than 20 prompts none is.
    """
    keys = [prompt_key(row.prompt) for row in given.rows]
    order = sorted(set(keys), key=lambda key: content_hash("held out", key))
    n = min(most, max(4, round(_SHARE * len(order)))) if len(order) >= _FEWEST else 0
    chosen = set(order[:n])
    kept = [row for row, key in zip(given.rows, keys, strict=True) if key not in chosen]
    first = {key: row for row, key in reversed(list(zip(given.rows, keys, strict=True))) if key in chosen}
    return Demonstrations(kept, given.set_aside, given.left_out), [first[key] for key in order[:n]]
