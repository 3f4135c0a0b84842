"""`weaklabel.toml` -> checked settings, with where each of them came from.

Unknown keys are refused: a misspelt setting that is silently ignored is an experiment that was never run.
"""

from weaklabel.config.loading import LoadedConfig, find_config, given_settings, load_config, settings_table
from weaklabel.config.tables import (
    ColumnSettings,
    Config,
    DataSettings,
    ExportSettings,
    LabelerSettings,
    LfsSettings,
    PreferenceSettings,
    RewardSettings,
    RunSettings,
    SweepReward,
    SweepSettings,
    TrlSettings,
)

__all__ = [
    "ColumnSettings",
    "Config",
    "DataSettings",
    "ExportSettings",
    "LabelerSettings",
    "LfsSettings",
    "LoadedConfig",
    "PreferenceSettings",
    "RewardSettings",
    "RunSettings",
    "SweepReward",
    "SweepSettings",
    "TrlSettings",
    "find_config",
    "given_settings",
    "load_config",
    "settings_table",
]
