"""What all steps of a run share: where it stands, its settings, its labeling functions, and who is told."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any, ClassVar, TypeVar

from weaklabel.artifacts.steps import Step, StepKeeper
from weaklabel.config import Config, LoadedConfig
from weaklabel.engine import fingerprint
from weaklabel.engine.driver import OnProgress
from weaklabel.errors import ConfigError
from weaklabel.lf.core import LabelingFunction
from weaklabel.pipeline.functions import configured_lfs

T = TypeVar("T")


@dataclass(frozen=True)
class Place:
    """Where a run stands.

    Attributes:
        loaded: settings in force.
        keeper: makes its steps.
        on_note: told what a person should know before it happens: what judges will cost.
        progress: told how far voting has come, after every shard.
    """

    loaded: LoadedConfig
    keeper: StepKeeper
    on_note: Callable[[str], None]
    progress: OnProgress | None

    @property
    def config(self) -> Config:
        return self.loaded.config

    @property
    def folder(self) -> Path:
        return self.keeper.folder

    @property
    def sampling(self) -> dict[str, int]:
        """Settings that say which pairs are held in memory, and what is drawn."""
        return {"sample": self.config.data.sample, "seed": self.config.data.seed}


class RunStep(Step[T]):
    """A step that knows where its run stands.

    Its settings are those of its `table`, where it names one, and those that say which pairs are held in memory.
    """

    table: ClassVar[str] = ""

    def __init__(self, place: Place) -> None:
        super().__init__(place.keeper)
        self.place, self.config, self.folder = place, place.config, place.folder

    @property
    def settings(self) -> Mapping[str, Any]:
        own = getattr(self.config, self.table).model_dump(mode="json") if self.table else {}
        return own | self.place.sampling


class Functions:
    """The labeling functions that the settings ask for, loaded when they are first wanted: reading pairs needs none."""

    def __init__(self, loaded: LoadedConfig) -> None:
        self._loaded = loaded

    @cached_property
    def lfs(self) -> tuple[LabelingFunction, ...]:
        """The functions, in the order of the settings.

        Raises:
            ConfigError: there are none. DiscoveryError: a source that does not load.
        """
        found = tuple(configured_lfs(self._loaded))
        if not found:
            raise ConfigError(
                "lfs.use is empty: no labeling function to apply. Try --lfs shipped, or write one."
            )
        return found

    @property
    def versions(self) -> dict[str, str]:
        """`lf:<name>` -> version, for the inputs of a step."""
        return {f"lf:{lf.name}": fingerprint(lf) or "" for lf in self.lfs}
