"""The functions of something saved, a labeler or a reward model, found again among those that its user trusts.

What was saved is data, perhaps a stranger's: nothing that it names is imported, contacted or read because it is named.
Its functions are looked for, in this order:

1. among the functions that the caller gives, by name;
2. among shipped functions and installed plug-ins (`shipped:`, `entry:`), which the user has installed;
3. functions of columns are made anew from their settings, which name columns of the pairs and nothing else.

Files, modules, Snorkel's functions, crowds (a file) and judges (a server and a key) come from the caller alone. Whatever
is found has to be the version that it was fitted with, by its hash.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Final

from weaklabel.errors import ArtifactError, WeaklabelError
from weaklabel.lf.core import LabelingFunction, ResponseScorer
from weaklabel.lf.discovery import fingerprint, load_spec, settings_of, source_hash
from weaklabel.lf.sources.kinds import kind_of

# Numbers of a response scorer, which are kept with what was saved; everything else of a function is the caller's.
_THRESHOLDS: Final = ("prefer", "min_gap", "max_gap")
_SHOWN: Final = 3
_DIGITS: Final = 12


@dataclass(frozen=True)
class SavedFunction:
    """One function as a saved labeler or reward model names it.

    Attributes:
        name, family, spec: as they were when it was fitted.
        settings: plain settings, as `settings_of` gives them.
        source, version: hashes of its files and of what its votes rest on; empty for none.
    """

    name: str
    family: str
    spec: str
    settings: Mapping[str, Any]
    source: str
    version: str

    @classmethod
    def of(cls, lf: LabelingFunction) -> SavedFunction:
        """`lf` as it is now."""
        return cls(
            lf.name, lf.family, lf.spec or "", settings_of(lf), source_hash(lf) or "", fingerprint(lf) or ""
        )

    @classmethod
    def from_state(cls, state: Mapping[str, Any]) -> list[SavedFunction]:
        """All functions of a manifest; KeyError, TypeError or ValueError where they are not whole."""
        found = []
        for entry in state["lfs"]:
            settings = {k: tuple(v) if isinstance(v, list) else v for k, v in entry.items()}
            if settings.get("max_gap") == "inf":
                settings["max_gap"] = math.inf
            name, family, spec = (_text(settings[key]) for key in ("name", "family", "spec"))
            source, version = _text(state["inputs"][name]), _text(state["fingerprints"][name])
            found.append(cls(name, family, spec, settings, source, version))
        return found

    def to_state(self) -> dict[str, Any]:
        """The settings as JSON values: JSON has no infinity, and `max_gap` is infinite more often than not."""
        return {name: "inf" if value == math.inf else value for name, value in self.settings.items()}

    def is_version_of(self, lf: LabelingFunction) -> bool:
        """Whether `lf` is the function that was fitted with."""
        # A list made from a set changes the version in every process, a neighbour's edit the source alone.
        now = SavedFunction.of(lf)
        return bool(now.source and now.source == self.source) or bool(
            now.version and now.version == self.version
        )

    def __str__(self) -> str:
        return f"{self.name!r} of {self.family!r} ({_short(self.version)})"


def functions_of(
    saved: Sequence[SavedFunction],
    given: Sequence[LabelingFunction],
    folder: str | Path,
    *,
    allow_changed: bool = False,
    owner: str = "labeler",
) -> tuple[LabelingFunction, ...]:
    """The labeling functions of what was saved, in its order.

    Args:
        saved: as it names them.
        given: those that the caller trusts, whatever others are among them.
        folder: where it was saved, for messages.
        allow_changed: take a function of that name which is another version.
        owner: what was saved, for messages.

    Raises:
        ArtifactError: functions that were not given, with their hashes; or one that changed, with both.
    """
    names = [one.name for one in saved]
    if repeated := sorted({name for name in names if names.count(name) > 1}):
        raise ArtifactError(
            f"{folder} names the labeling function {repeated[0]!r} twice, so it was edited. Fit and save it again."
        )
    found: list[LabelingFunction] = []
    missing: list[SavedFunction] = []
    changed: list[tuple[SavedFunction, LabelingFunction]] = []
    for wanted in saved:
        lf = _found(wanted, given)
        if lf is None:
            missing.append(wanted)
            continue
        lf = _as_fitted(lf, wanted)
        if not wanted.is_version_of(lf):
            changed.append((wanted, lf))
        found.append(lf)
    if missing:
        raise ArtifactError(_not_given(folder, missing, owner))
    if changed and not allow_changed:
        raise ArtifactError(_not_the_same(folder, changed, owner))
    return tuple(found)


def _found(wanted: SavedFunction, given: Sequence[LabelingFunction]) -> LabelingFunction | None:
    named = [lf for lf in given if lf.name == wanted.name]
    if own := sorted(named, key=lambda lf: lf.family != wanted.family):
        return own[0]
    if not kind_of(wanted.spec).is_harmless:
        return None
    try:
        return load_spec(wanted.spec)
    except WeaklabelError:
        return None  # a plug-in that is not installed here, a preset that this version does not ship


def _as_fitted(lf: LabelingFunction, wanted: SavedFunction) -> LabelingFunction:
    """`lf` under the name and with the thresholds that were saved; ValueError for settings that it does not have."""
    if odd := sorted(wanted.settings.keys() - settings_of(lf).keys()):
        raise ValueError(f"{wanted.name!r} has no setting {odd[0]!r}")
    kept = _THRESHOLDS if isinstance(lf, ResponseScorer) else ()
    thresholds = {name: wanted.settings[name] for name in kept if name in wanted.settings}
    return replace(lf, name=wanted.name, **thresholds)


def _not_given(folder: str | Path, missing: Sequence[SavedFunction], owner: str) -> str:
    kinds = {wanted.spec.partition(":")[0] for wanted in missing}
    more = " A judge needs an endpoint of yours: wl.judge(...), or [[lfs.judge]]." if "judge" in kinds else ""
    return (
        f"{folder} needs {len(missing)} labeling function{'s' * (len(missing) > 1)} that {_were(missing)} not given: "
        f"{_some(missing)}. A {owner}'s functions are never loaded because it names them: give them, as in "
        f"load(folder, lfs=load_lfs('lfs/')); in a project they are those of [lfs] in weaklabel.toml.{more}"
    )


def _not_the_same(
    folder: str | Path, changed: Sequence[tuple[SavedFunction, LabelingFunction]], owner: str
) -> str:
    wanted, lf = changed[0]
    return (
        f"{folder}: {wanted.name!r} changed since the {owner} was fitted ({len(changed)} in all): its hash was "
        f"{_short(wanted.version)} then and is {_short(fingerprint(lf))} now. Fit it again, or load with "
        "allow_changed=True."
    )


def check_can_be_found(lfs: Sequence[LabelingFunction], owner: str) -> None:
    """Raises ArtifactError for a function that lives only in this process, so that what is saved could not find it."""
    homeless = [lf.name for lf in lfs if lf.spec is None]
    if homeless:
        raise ArtifactError(
            f"{homeless[0]!r} lives only in this process, so a saved {owner} could not find it again. "
            "Move it into a file and load it with load_lfs('file.py')."
        )


def _were(missing: Sequence[SavedFunction]) -> str:
    return "were" if len(missing) > 1 else "was"


def _some(items: Iterable[object]) -> str:
    texts = [str(item) for item in items]
    more = f" and {len(texts) - _SHOWN} more" if len(texts) > _SHOWN else ""
    return ", ".join(texts[:_SHOWN]) + more


def _short(digest: str | None) -> str:
    return digest[:_DIGITS] if digest else "unknown: it lives only in this process"


def _text(value: object) -> str:
    if not isinstance(value, str):
        raise TypeError(f"{value!r} is no text")
    return value
