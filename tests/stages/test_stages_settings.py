"""Settings of stages: bad values of every setting, names of tables, and what a command's own settings replace."""

from __future__ import annotations

import dataclasses
import math
from pathlib import Path
from typing import Any

import pytest
from made_pairs import made_pairs

import weaklabel as wl
from weaklabel.cli.stages._stage import stage_sets
from weaklabel.config import LoadedConfig, load_config
from weaklabel.errors import ConfigError, WeaklabelError
from weaklabel.pipeline.stages import chosen_table
from weaklabel.stages.audit import AuditSettings
from weaklabel.stages.best_of.settings import BestOfSettings
from weaklabel.stages.evaluators.settings import EvaluatorSettings
from weaklabel.stages.hindsight.ranked import Ranked
from weaklabel.stages.materials import check_columns, names_apart
from weaklabel.stages.registry import STAGES, StageTable
from weaklabel.stages.sft import SFTSettings

ODD = (None, True, -1, -0.5, math.nan, math.inf, 10**400, 1e300, "", "x", [], [[]], {"a": 1}, {1: 2}, b"x")


@pytest.mark.parametrize(
    ("kind", "needed"),
    [
        (SFTSettings, {"from_scratch": "tiny"}),
        (EvaluatorSettings, {"from_scratch": "tiny", "checker": "module:function"}),
        (BestOfSettings, {"from_scratch": "tiny"}),
        (AuditSettings, {}),
    ],
)
def test_an_odd_value_is_taken_or_refused_in_one_line(kind: type[Any], needed: dict[str, Any]) -> None:
    refused = []
    for setting in dataclasses.fields(kind):
        for value in ODD:
            try:
                kind(**needed | {setting.name: value})
            except WeaklabelError as error:
                refused.append(str(error))
    assert len(refused) > 5 * len(dataclasses.fields(kind))
    assert not [said for said in refused if "\n" in said]


@pytest.mark.parametrize(
    ("audit", "said"),
    [
        ({"audit_prompt": 3}, "no setting of audit 'audit_prompt'"),
        ({"stop_on": None}, "stop_on is None"),
        ({"stop_on": {"kl": 1}}, "stop_on is"),
        ({"max_kl": math.inf}, "max_kl is inf. Allowed: 0 or more, but finite"),
        ({"held_out_comparer": 3}, "held_out_comparer is 3. Allowed: a text"),
        ({1: 2}, "a key of stage: audit"),
        (3, "audit is 3"),
    ],
)
def test_a_table_is_refused_for_its_audit_before_anything_is_made(audit: Any, said: str) -> None:
    with pytest.raises(WeaklabelError, match=said.replace("stage:", "sft:")):
        StageTable.of({"kind": "sft", "from_scratch": "tiny", "audit": audit})


@pytest.mark.parametrize(
    ("more", "said"),
    [
        ({"columns": {"completion": 3}}, r"sft: columns\['completion'\] is 3\. Allowed: a text"),
        ({"dtype": "bfloat16"}, "a model from scratch has weights in float32"),
        ({"max_steps": 10**400}, "max_steps is a number of 1329 bits"),
        ({"name": "v1.2"}, "Allowed: letters, digits, '_' and '-',"),
        ({"name": "reward-2"}, "not the name of another folder of the run"),
        ({"name": ".."}, "name is '..'"),
    ],
)
def test_a_table_that_cannot_be_is_refused(more: dict[str, Any], said: str) -> None:
    with pytest.raises(WeaklabelError, match=said):
        StageTable.of({"kind": "sft", "from_scratch": "tiny"} | more)


@pytest.mark.parametrize("name", ["data", "eval_data", "audit"])
def test_the_model_that_answers_takes_no_setting_that_it_would_not_use(name: str) -> None:
    answers = {name: True if name == "audit" else "x"}
    with pytest.raises(ConfigError, match=f"answers: {name} is set, which the model that answers has no use"):
        EvaluatorSettings(from_scratch="tiny", checker="module:function", answers=answers)


TOML = """
[[stage]]
kind = "sft"
from_scratch = "tiny"
columns = { prompt = "q" }
[stage.audit]
audit_prompts = 4
stop_on = ["kl"]
[[stage]]
kind = "evaluator"
from_scratch = "tiny"
"""


@pytest.fixture
def loaded(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> LoadedConfig:
    (tmp_path / "weaklabel.toml").write_text(TOML)
    monkeypatch.chdir(tmp_path)
    return load_config(None)


def test_a_setting_within_a_table_leaves_the_rest_of_it(loaded: LoadedConfig) -> None:
    sets = stage_sets(('stage.audit.stop_on=["collapse"]', "stage.columns.w=weight"))
    made = chosen_table(loaded, "sft", None, {}, sets).settings
    assert made.audit == {"audit_prompts": 4, "stop_on": ["collapse"]}
    assert made.columns == {"prompt": "q", "w": "weight"}
    # An option says all there is to say of the files that come with it.
    assert chosen_table(loaded, "sft", None, {"columns": {"prompt": "p"}}, {}).settings.columns == {
        "prompt": "p"
    }


def test_a_model_takes_the_place_of_a_size(loaded: LoadedConfig) -> None:
    assert chosen_table(loaded, "sft", None, {}, {"model": "m"}).settings.from_scratch is None


@pytest.mark.parametrize(
    ("kind", "name", "sets", "said"),
    [
        ("sft", None, {"kind": "evaluator"}, "stage.kind is 'evaluator', and the command is about sft"),
        ("sft", None, {"name": "evaluator"}, r"another \[\[stage\]\] table is called 'evaluator'"),
    ],
)
def test_a_command_does_not_take_what_belongs_to_another_table(
    loaded: LoadedConfig, kind: str, name: str | None, sets: dict[str, Any], said: str
) -> None:
    with pytest.raises(ConfigError, match=said):
        chosen_table(loaded, kind, name, {}, sets)
    assert chosen_table(loaded, "sft", None, {}, {"name": "second"}).name == "second"


def test_options_count_from_where_the_command_was_given(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from weaklabel.cli.stages._stage import _absolute

    monkeypatch.chdir(tmp_path)
    (tmp_path / "model").mkdir()
    assert _absolute("data", "demos-*.jsonl") == str(tmp_path / "demos-*.jsonl")
    assert _absolute("data", "hf:org/data") == "hf:org/data"
    assert _absolute("model", "model") == str(tmp_path / "model")
    assert _absolute("model", "org/model") == "org/model"
    assert _absolute("checker", "checks.py:is_right") == f"{tmp_path / 'checks.py'}:is_right"
    assert _absolute("checker", "checks:is_right") == "checks:is_right"


@pytest.mark.parametrize("name", STAGES)
def test_a_default_is_that_of_the_class_that_documents_the_setting(name: str) -> None:
    kind = STAGES[name].settings
    for setting in dataclasses.fields(kind):
        owner = next(each for each in kind.__mro__ if setting.name in vars(each).get("__annotations__", {}))
        own = next(each for each in dataclasses.fields(owner) if each.name == setting.name)
        assert (setting.default, setting.default_factory) == (own.default, own.default_factory), setting.name


def test_a_path_is_taken_wherever_a_setting_names_a_folder() -> None:
    given = {"model": Path("models/base"), "adapter": Path("models/tuned"), "data": Path("rows.jsonl")}
    audit = {"held_out_comparer": Path("runs/base/labeler")}
    settings = SFTSettings(**given, audit=audit)
    assert (settings.model, settings.adapter, settings.data) == ("models/base", "models/tuned", "rows.jsonl")
    assert settings.held_out_comparer == "runs/base/labeler"
    more = BestOfSettings(
        model="m", spread="models", spread_models=[Path("one"), "two"], samples_dir=Path("s")
    )
    assert (list(more.spread_models), more.samples_dir) == (["one", "two"], "s")
    assert names_apart(comparer=Path("runs/base/reward"), held_out=None) == (
        {"held_out": None},
        {"comparer": "runs/base/reward"},
    )


PAIRS = made_pairs([("a", "b"), ("c", "d")], gold=["a", "b"])
COLUMNS = {"prompt": "question"}


@pytest.mark.parametrize(
    ("given", "said"),
    [
        (PAIRS, "what is learned is Pairs"),
        ([Ranked("?", ())], "what is learned is a list of Ranked"),
        (None, "what is learned is the labels of the run"),
    ],
)
def test_columns_beside_what_has_its_columns_are_refused(given: Any, said: str) -> None:
    settings = SFTSettings(from_scratch="tiny", columns=COLUMNS)
    with pytest.raises(ConfigError, match=rf"sft: columns is \{{'prompt': 'question'\}}, and {said}"):
        check_columns(settings, given)
    check_columns(SFTSettings(from_scratch="tiny"), given)
    # They may be about another file.
    check_columns(SFTSettings(from_scratch="tiny", columns=COLUMNS, eval_data="held.jsonl"), given)


@pytest.mark.parametrize("given", ["rows.jsonl", [{"question": "?"}], ["a.jsonl", "b.jsonl"]])
def test_columns_beside_a_file_or_rows_are_about_them(given: Any) -> None:
    check_columns(SFTSettings(from_scratch="tiny", columns=COLUMNS), given)


def test_every_stage_refuses_columns_beside_pairs(tmp_path: Path) -> None:
    for kind in ("sft", "dpo", "hindsight", "evaluator", "best_of", "superhf", "ilr", "proxy"):
        with pytest.raises(ConfigError, match=f"{kind}: columns is"):
            getattr(wl.stages, kind)(PAIRS, output_dir=tmp_path, from_scratch="tiny", columns=COLUMNS)
