"""Labeling functions of other packages: `entry:<name>`, an entry point that is loaded when it is asked for by name."""

from __future__ import annotations

import sys
from importlib import metadata
from pathlib import Path
from types import ModuleType
from typing import Final

from weaklabel.errors import DiscoveryError, UnknownNameError
from weaklabel.lf.core import LabelingFunction
from weaklabel.lf.modules import import_guarded
from weaklabel.lf.sources.kinds import Kind
from weaklabel.lf.sources.members import at_home, file_of, functions_in, keep_sources, members, shortened

ENTRY_POINT_GROUP: Final = "weaklabel.labeling_functions"


class Plugins(Kind):
    """What begins with `entry:`."""

    is_harmless = True

    def load_all(self, source: str) -> list[LabelingFunction]:
        point = _entry_point(source)
        owner = f"{source} ({point.value}, from {point.dist.name if point.dist else 'an unknown package'})"
        try:
            value = import_guarded(point.load, owner)
        except Exception as error:
            raise DiscoveryError(
                f"{owner} does not load: {shortened(error)}. Repair or uninstall the plug-in."
            ) from error
        keep_sources(sys.modules[point.module])
        lfs = members(value) if isinstance(value, ModuleType) else functions_in([value])
        if not lfs:
            raise DiscoveryError(
                f"{owner} is {type(value).__name__}, not a labeling function or a list of them."
            )
        home = file_of(sys.modules[point.module])
        return at_home(lfs, point.module.rpartition(".")[2], source, home)

    def home(self, spec: str) -> Path | None:
        return file_of(sys.modules.get(_entry_point(self.split(spec)[0]).module))


PLUGINS: Final = Plugins()


def entry_points() -> list[metadata.EntryPoint]:
    """The plug-ins that are installed, by name; none is loaded."""
    return sorted(metadata.entry_points(group=ENTRY_POINT_GROUP), key=lambda point: point.name)


def _entry_point(source: str) -> metadata.EntryPoint:
    points, name = {point.name: point for point in entry_points()}, source.removeprefix("entry:")
    if name not in points:
        raise UnknownNameError.for_name(f"plug-in in the group {ENTRY_POINT_GROUP}", name, points)
    return points[name]
