"""The labeling functions that come with weaklabel: by family, one by one, or as a preset of `presets.toml`.

shipped, shipped:<family>, shipped:<family>.<name>, shipped:<preset>

`shipped` is all families but those about one subject, `SUBJECTS`.
"""

from __future__ import annotations

import functools
import tomllib
from dataclasses import replace
from pathlib import Path
from typing import Any, Final

from weaklabel.errors import DiscoveryError, UnknownNameError
from weaklabel.lf.core import LabelingFunction, ResponseScorer
from weaklabel.lf.modules import load_file, shipped_folder
from weaklabel.lf.sources.kinds import Kind
from weaklabel.lf.sources.members import at_home, members, pick

SUBJECTS: Final = ("mathematics",)
"""Families about one subject. `shipped` leaves them out, for they say nothing of other texts: they come by name."""
_PRESET_KEYS: Final = {"use", "name", "prefer", "min_gap", "max_gap"}


class Shipped(Kind):
    """`shipped` and what begins with `shipped:`."""

    is_harmless = True

    def load_all(self, source: str) -> list[LabelingFunction]:
        name = source.partition(":")[2]
        if not name:
            return [lf for path in _files() if path.stem not in SUBJECTS for lf in _load_family(path)]
        entries = presets()
        return (
            [_from_preset(name, entry) for entry in entries[name]] if name in entries else _load_named(name)
        )

    def home(self, spec: str) -> Path | None:
        source, wanted = self.split(spec)
        name = source.partition(":")[2]
        for entry in presets().get(name, ()):
            if entry.get("name", entry["use"].partition(".")[2]) == wanted:
                name = entry["use"]
        return shipped_folder() / f"{name.partition('.')[0]}.py"


SHIPPED: Final = Shipped()


def presets() -> dict[str, list[dict[str, Any]]]:
    """Name of the preset -> its entries: which function it uses, and what it changes.

    Raises:
        DiscoveryError: the file is not TOML.
    """
    path = shipped_folder() / "presets.toml"
    return _presets_in(path.read_text(encoding="utf-8"), path) if path.is_file() else {}


@functools.lru_cache(maxsize=4)
def _presets_in(text: str, path: Path) -> dict[str, list[dict[str, Any]]]:
    try:
        tables = tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        raise DiscoveryError(f"{path}: {error}.") from None
    return {name: value["lfs"] if isinstance(value, dict) else value for name, value in tables.items()}


def all_families() -> list[LabelingFunction]:
    """The functions of every family, those about one subject among them."""
    return [lf for path in _files() for lf in _load_family(path)]


def _load_named(name: str) -> list[LabelingFunction]:
    """The functions of a family, or the one called `family.name`."""
    families = {path.stem: path for path in _files()}
    family, _, function = name.partition(".")
    if family not in families:
        raise UnknownNameError.for_name("shipped family or preset", name, [*families, *presets()])
    lfs = _load_family(families[family])
    return [pick(lfs, function, f"shipped:{family}")] if function else lfs


def _load_family(path: Path) -> list[LabelingFunction]:
    return at_home(members(load_file(path)), path.stem, f"shipped:{path.stem}", path)


def _from_preset(preset: str, entry: dict[str, Any]) -> LabelingFunction:
    settings = {key: value for key, value in entry.items() if key != "use"}
    if "use" not in entry or not entry.keys() <= _PRESET_KEYS:
        raise DiscoveryError(
            f"presets.toml, preset {preset!r}: {entry} has keys other than {sorted(_PRESET_KEYS)}, or no 'use'."
        )
    (lf,) = _load_named(entry["use"])
    if settings.keys() <= {"name"}:
        lf = replace(lf, **settings)
    elif isinstance(lf, ResponseScorer):
        lf = lf.with_settings(**settings)
    else:
        raise DiscoveryError(
            f"presets.toml, preset {preset!r}: {lf.name!r} is no response scorer, so only its name can be set."
        )
    return replace(lf, spec=f"shipped:{preset}::{lf.name}")


def _files() -> list[Path]:
    files = [p for p in sorted(shipped_folder().glob("*.py")) if not p.name.startswith("_")]
    if not files:
        raise DiscoveryError(f"no shipped labeling functions in {shipped_folder()}. Install weaklabel again.")
    return files
