"""The stages by name, and the tables that ask for them. A newcomer adds a line to `STAGES`, and the contract tests find it."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, Final

from weaklabel._validation import lookup
from weaklabel.errors import ConfigError
from weaklabel.stages.best_of.settings import BestOfSettings
from weaklabel.stages.best_of.stage import BestOf
from weaklabel.stages.contract import Stage
from weaklabel.stages.dpo import DPO
from weaklabel.stages.dpo_settings import DPOSettings
from weaklabel.stages.evaluators.settings import EvaluatorSettings
from weaklabel.stages.evaluators.stage import EvaluatorStage
from weaklabel.stages.hindsight.settings import HindsightSettings
from weaklabel.stages.hindsight.stage import Hindsight
from weaklabel.stages.materials import Materials, check_columns
from weaklabel.stages.policy import PolicySettings
from weaklabel.stages.proxy.settings import ProxySettings
from weaklabel.stages.proxy.stage import Proxy
from weaklabel.stages.refinement.settings import ILRSettings
from weaklabel.stages.refinement.stage import ILR
from weaklabel.stages.sft import SFT, SFTSettings
from weaklabel.stages.superhf.settings import SuperHFSettings
from weaklabel.stages.superhf.stage import SuperHF

AnySettings = PolicySettings | BestOfSettings


@dataclass(frozen=True)
class Kind:
    """A kind of stage.

    Attributes:
        settings: the class of its settings, which checks them.
        build: makes the stage from its settings and materials.
    """

    settings: type[AnySettings]
    build: Callable[[Any, Materials], Stage]


STAGES: Final[Mapping[str, Kind]] = {
    "best_of": Kind(BestOfSettings, BestOf.of),
    "dpo": Kind(DPOSettings, DPO.of),
    "evaluator": Kind(EvaluatorSettings, EvaluatorStage.of),
    "hindsight": Kind(HindsightSettings, Hindsight.of),
    "ilr": Kind(ILRSettings, ILR.of),
    "proxy": Kind(ProxySettings, Proxy.of),
    "sft": Kind(SFTSettings, SFT.of),
    "superhf": Kind(SuperHFSettings, SuperHF.of),
}
# Folders and files of a run, whose names no stage may have.
_TAKEN: Final = ("export", "labeler", "reward", "training", "judges", "report", "sweep", "reference")


@dataclass(frozen=True)
class StageTable:
    """A `[[stage]]` table.

    Attributes:
        kind: a name in `STAGES`.
        name: of the stage's folder in the run; its kind by default.
        settings: checked.
    """

    kind: str
    name: str
    settings: AnySettings

    @classmethod
    def of(cls, table: Mapping[str, Any]) -> StageTable:
        """The table, checked.

        Raises:
            ConfigError: no kind, a name that cannot be a folder's, a setting that is not known or out of range.
            UnknownNameError: no such kind, with what was probably meant.

        >>> StageTable.of({"kind": "sft", "from_scratch": "tiny", "data": "demos.jsonl"}).name
        'sft'
        """
        given = dict(table)
        kind, name = given.pop("kind", None), given.pop("name", None)
        if not isinstance(kind, str):
            raise ConfigError(f"a [[stage]] table has kind = {kind!r}. Allowed: {', '.join(STAGES)}.")
        settings = lookup("kind of stage", STAGES, kind).settings
        name = kind if name is None else name
        if (
            not isinstance(name, str)
            or not re.fullmatch(r"[A-Za-z0-9][A-Za-z0-9_-]*", name)
            or name.split("-")[0] in _TAKEN
        ):
            raise ConfigError(
                f"stage {kind}: name is {name!r}. Allowed: letters, digits, '_' and '-', first a letter or a digit, and "
                f"not the name of another folder of the run ({', '.join(_TAKEN)}), alone or before a '-'."
            )
        return cls(kind, name, settings(**given))

    def stage(self, materials: Materials) -> Stage:
        """The stage, with the paths of its settings as seen from the working folder.

        Raises:
            ConfigError: columns of nothing that has any, and what the stage says.
        """
        paths: dict[str, Any] = {
            name: materials.resolve(value)
            for name in self.settings.PATHS
            if isinstance(value := getattr(self.settings, name, None), str)
        }
        check_columns(self.settings, materials.source)
        return STAGES[self.kind].build(replace(self.settings, **paths), materials)


def check_tables(tables: Sequence[Mapping[str, Any]]) -> list[StageTable]:
    """The `[[stage]]` tables, checked each and together.

    Raises:
        ConfigError: as for `StageTable.of`, and two stages of one name.
    """
    found = [StageTable.of(table) for table in tables]
    names = [table.name for table in found]
    if twice := next((name for name in names if names.count(name) > 1), None):
        raise ConfigError(f"two [[stage]] tables are called {twice!r}. Give each a name of its own.")
    return found
