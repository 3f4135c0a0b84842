"""The tables of `weaklabel.toml`, checked by pydantic."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import fields
from typing import Annotated, Any, Final, Literal, Self

from pydantic import (
    AfterValidator,
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Discriminator,
    Field,
    Tag,
    model_validator,
)

from weaklabel.artifacts import json_text
from weaklabel.judges.settings import CrowdSettings, JudgeColumnSettings, JudgeColumnsSettings, JudgeSettings
from weaklabel.lf.settings import (
    MAX_FAULT_SHARE,
    ColumnScoresSettings,
    ColumnVerdictSettings,
    SnorkelSettings,
)


def _are_plain(values: dict[str, Any]) -> dict[str, Any]:
    try:
        json_text(values)
    except (TypeError, ValueError):
        raise ValueError(
            "allowed are texts, finite numbers, true and false, and lists and tables of them"
        ) from None
    return values


FreeSettings = Annotated[dict[str, Any], AfterValidator(_are_plain)]
"""Settings of something else, which checks them when it gets them: a label model, a reward model."""


class Settings(BaseModel):
    """Base of every table in the file: unknown keys are refused, values do not change after reading."""

    model_config = ConfigDict(extra="forbid", frozen=True, validate_default=False, allow_inf_nan=False)


class DataSettings(Settings):
    """`[data]`: where the pairs and the gold are."""

    pairs: str | list[str] | None = None
    layout: str | None = None
    columns: dict[str, str] = {}
    gold: str | None = None
    # Gold that people give to what `weaklabel next` asks; `weaklabel gold add` writes it.
    answers: str = "gold_answers.jsonl"
    # What the values of gold mean: "a", "b", "tie", or "" for those that say nothing.
    gold_values: dict[str, Literal["a", "b", "tie", ""]] = {}
    test_share: float = Field(default=0.5, ge=0, lt=1)
    max_gold: int | None = Field(default=None, ge=1)
    near_duplicates: bool = False
    # Pairs without gold that are held in memory, beside all with gold.
    sample: int = Field(default=50_000, ge=0)
    seed: int = Field(default=0, ge=0, lt=1 << 32)


def _kind_of_column(table: Any) -> str:
    """Which kind of judgement a `[[lfs.column]]` table is about."""
    if not isinstance(table, Mapping):
        return type(table).__name__
    if "first_a" in table or "first_b" in table:
        return JudgeColumnsSettings.__name__
    if "column" in table:
        return (JudgeColumnSettings if "shown" in table else ColumnVerdictSettings).__name__
    return ColumnScoresSettings.__name__


def _of_one_kind(table: Any) -> Any:
    """The table, if it names the columns of one kind of judgement, whole."""
    if not isinstance(table, Mapping) or table.keys() - _COLUMN_KEYS:
        return table  # a misspelt key is the better message
    sides = [("score_a", "score_b"), ("first_a", "first_b"), ("column", "column")]
    given = [pair for pair in sides if table.keys() & set(pair)]
    if len(given) != 1 or not table.keys() >= set(given[0]):
        raise ValueError("give either score_a and score_b, or column with votes, or first_a and first_b")
    if "column" in table and not table.get("votes"):
        raise ValueError("column needs votes, for example votes = { model_a = 'a', model_b = 'b' }")
    if "shown" in table and "column" not in table:
        raise ValueError("shown says in which order column was judged; give it with column")
    votes = table.get("votes")
    if (
        "column" in table
        and "shown" not in table
        and isinstance(votes, Mapping)
        and {"first", "second"} & set(map(str, votes.values()))
    ):
        raise ValueError("votes for 'first' or 'second' need shown, or both orders as first_a and first_b")
    return table


COLUMN_KINDS: Final = (
    ColumnScoresSettings,
    ColumnVerdictSettings,
    JudgeColumnsSettings,
    JudgeColumnSettings,
)
_COLUMN_KEYS: Final = {each.name for kind in COLUMN_KINDS for each in fields(kind)}
ColumnSettings = ColumnScoresSettings | ColumnVerdictSettings | JudgeColumnsSettings | JudgeColumnSettings
"""`[[lfs.column]]`: judgements that the data already holds.

Two scores (`score_a`, `score_b`), one verdict (`column`; with `shown` its position bias can be learned), or what
a judge said in both orders (`first_a`, `first_b`).
"""
_ColumnTable = Annotated[
    Annotated[ColumnScoresSettings, Tag("ColumnScoresSettings")]
    | Annotated[ColumnVerdictSettings, Tag("ColumnVerdictSettings")]
    | Annotated[JudgeColumnsSettings, Tag("JudgeColumnsSettings")]
    | Annotated[JudgeColumnSettings, Tag("JudgeColumnSettings")],
    Discriminator(_kind_of_column),
    BeforeValidator(_of_one_kind),
]


class LfsSettings(Settings):
    """`[lfs]`: which labeling functions, and how they are run."""

    use: list[str] = ["shipped"]
    on_fault: Literal["record", "raise"] = "record"
    max_fault_share: float = Field(default=MAX_FAULT_SHARE, ge=0, le=1)
    time_limit: float | None = Field(default=None, gt=0, le=1e9)
    # Gigabytes. A worker that has done nothing holds about a third of one.
    memory_limit: float | None = Field(default=None, ge=0.5, le=1e6)
    # None is a process per core, where there are shards enough for them.
    workers: int | None = Field(default=None, ge=1)
    executor: Literal["local", "ray"] = "local"
    address: str | None = None
    snorkel: list[SnorkelSettings] = []
    column: list[_ColumnTable] = []
    judge: list[JudgeSettings] = []
    crowd: list[CrowdSettings] = []

    @model_validator(mode="after")
    def _address_is_of_ray(self) -> Self:
        if self.address is not None and self.executor != "ray":
            raise ValueError("address is of a Ray cluster; give executor = 'ray' with it")
        return self


class LabelerSettings(Settings):
    """`[labeler]`: the label model, its own settings, and the calibrator."""

    model: str = "pair_model"
    settings: FreeSettings = {}
    calibration: str = "auto"


class ExportSettings(Settings):
    """`[export.<format>]`: what is written, and from which labels."""

    min_confidence: float = Field(default=0.0, ge=0, le=1)
    include_test: bool = False
    allow_uncalibrated: bool = False


class PreferenceSettings(ExportSettings):
    """`[export.openrlhf]`: rows with a chosen and a rejected response."""

    conversational: bool = True
    # Chat templates such as Gemma's refuse system turns.
    join_system: bool = False


class TrlSettings(PreferenceSettings):
    """`[export.trl]` and `[export.trl_kto]`."""

    file_format: Literal["jsonl", "parquet"] = "jsonl"


class ExportTables(Settings):
    """`[export]`: one table per format. A table that is absent is a format that is not written."""

    trl: TrlSettings | None = None
    parquet: ExportSettings | None = None
    datasets: ExportSettings | None = None
    openrlhf: PreferenceSettings | None = None
    trl_kto: TrlSettings | None = None


class RewardSettings(Settings):
    """`[reward]`: the reward model that `run` trains."""

    model: str = "functions"
    settings: FreeSettings = {}
    allow_uncalibrated: bool = False


class SweepReward(Settings):
    """`[[sweep.reward]]`: a reward model of the sweep. What it leaves out is as in `[sweep]`."""

    name: str
    settings: FreeSettings = {}
    gold: list[int] | None = None
    weak: list[int | Literal["all"]] | None = None
    thresholds: list[float] | None = None
    sources: list[str] | None = None


class SweepSettings(Settings):
    """`[sweep]`: the grid of `weaklabel sweep`, from gold sizes to reward models."""

    # Gold pairs; the gold-only curve also has all there are outside the held-out part.
    gold: list[Annotated[int, Field(ge=1)]] = Field(default=[25, 50, 100, 200, 400], min_length=1)
    # Unlabelled pairs that the label model labels.
    weak: list[Annotated[int, Field(ge=1)] | Literal["all"]] = Field(default=[200, "all"], min_length=1)
    # Confidence from which a weak label is trained on.
    thresholds: list[Annotated[float, Field(ge=0, lt=1)]] = Field(default=[0.0, 0.6, 0.75], min_length=1)
    # Label model, and whether its verdict (hard) or its probability (soft) is learned. The last one is ours.
    sources: list[str] = ["majority_vote:hard", "snorkel:hard", "pair_model:hard", "pair_model:soft"]
    seeds: int = Field(default=5, ge=2)
    held_out: float = Field(default=0.3, gt=0, lt=1)
    reward: list[SweepReward] = Field(default=[SweepReward(name="linear")], min_length=1)


def _are_stages(tables: list[dict[str, Any]]) -> list[dict[str, Any]]:
    from weaklabel.stages.registry import check_tables  # only where there are some: most files have none

    check_tables(tables)
    return tables


StageTables = Annotated[list[FreeSettings], AfterValidator(_are_stages)]
"""`[[stage]]`: `kind`, `name`, and the settings of that kind, which `stages.registry` checks."""


class RunSettings(Settings):
    """`[run]`: where runs are kept, and the name of one that is given none."""

    folder: str = "runs"
    name: str = Field(default="base", pattern=r"^[A-Za-z0-9][A-Za-z0-9._-]*$")


class Config(Settings):
    """Everything that `weaklabel.toml` can say.

    >>> Config().labeler.model
    'pair_model'
    """

    data: DataSettings = DataSettings()
    lfs: LfsSettings = LfsSettings()
    labeler: LabelerSettings = LabelerSettings()
    export: ExportTables = ExportTables(trl=TrlSettings())
    reward: RewardSettings = RewardSettings()
    sweep: SweepSettings = SweepSettings()
    stage: StageTables = []
    run: RunSettings = RunSettings()
