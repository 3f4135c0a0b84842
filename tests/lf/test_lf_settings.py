"""Settings classes: one per kind of described function, behind the front door, weaklabel.toml and specs alike."""

from __future__ import annotations

import inspect
import json
import pickle
import subprocess
import sys
from dataclasses import fields

import pytest

import weaklabel as wl
from weaklabel.errors import ConfigError, LabelingFunctionError, SettingError
from weaklabel.judges.settings import CrowdSettings, JudgeColumnSettings, JudgeColumnsSettings, JudgeSettings
from weaklabel.lf.settings import ColumnScoresSettings, ColumnVerdictSettings, SnorkelSettings, arguments

FACTORIES = {
    wl.column_scores: ColumnScoresSettings,
    wl.column_verdict: ColumnVerdictSettings,
    wl.judge_columns: JudgeColumnsSettings,
    wl.judge_column: JudgeColumnSettings,
    wl.judge: JudgeSettings,
    wl.crowd_workers: CrowdSettings,
}
SETTINGS = [
    ColumnScoresSettings("old", "rm_a", "rm_b", prefer="less", min_gap=2),
    ColumnVerdictSettings("old", "said", votes={1: "a", 2.0: "b"}),
    JudgeColumnsSettings("gpt", "ab", "ba", votes={"A": "first", "B": "second"}),
    JudgeColumnsSettings("gpt", "ab", "ba", toward="b"),
    JudgeColumnSettings("gpt", "said", "order", votes={"A": "first"}),
    JudgeSettings("gpt", url="http://127.0.0.1:1/v1", model="m"),
    CrowdSettings("votes.csv", shown="first", votes={"l": "first"}),
    SnorkelSettings("old.py:LFS", {1: "a", 2: "b"}, ["topic"]),
]


@pytest.mark.parametrize(("factory", "settings"), FACTORIES.items(), ids=lambda x: getattr(x, "__name__", ""))
def test_a_front_door_function_takes_what_its_settings_class_takes(factory, settings):
    named = {name: (p.kind, p.default) for name, p in inspect.signature(factory).parameters.items()}
    wanted = {name: (p.kind, p.default) for name, p in inspect.signature(settings).parameters.items()}
    assert named == wanted
    for field in fields(settings):
        assert field.name in (factory.__doc__ or "")


@pytest.mark.parametrize("settings", SETTINGS, ids=lambda s: type(s).__name__)
def test_settings_are_the_same_after_json(settings):
    again = type(settings)(**json.loads(json.dumps(arguments(settings))))
    assert again == settings


def test_values_of_votes_compare_as_text():
    assert ColumnVerdictSettings("old", "said", votes={True: "a", 0: "b"}).votes == {"0": "b", "true": "a"}


@pytest.mark.parametrize(
    ("make", "words"),
    [
        (lambda: ColumnScoresSettings("x", "a", "a"), "column 'a' is named twice"),
        (
            lambda: ColumnScoresSettings("x", "a", "b", prefer="most"),
            "prefer is 'most'. Allowed: 'more', 'less'",
        ),
        (lambda: ColumnScoresSettings("x", "a", "b", min_gap=float("nan")), "min_gap is nan"),
        (lambda: ColumnVerdictSettings("x", "c", votes={}), "votes maps to 'nothing'"),
        (lambda: ColumnVerdictSettings("x", "c", votes={1: "a", "1.0": "b"}), "votes maps '1' both to"),
        (lambda: JudgeColumnsSettings("x", "a", "b", toward="a"), "toward is 'a'. Allowed: 'first', 'b'"),
        (
            lambda: JudgeColumnSettings("x", "a", "b", votes={"A": "a"}, shown_as={"l": "left"}),
            "shown_as maps to",
        ),
        (lambda: CrowdSettings("x.csv", min_votes=0), "min_votes is 0. Allowed: at least 1"),
        (lambda: SnorkelSettings("o:L", {1: "a", 2: "b"}, "topic"), "columns is the string 'topic'"),
    ],
)
def test_a_setting_out_of_range_is_refused_with_what_is_allowed(make, words):
    with pytest.raises(LabelingFunctionError) as caught:
        make()
    assert words in str(caught.value)


def test_a_setting_error_travels_between_processes_and_is_of_both_families():
    error = pickle.loads(pickle.dumps(SettingError("old", "min_gap", "is -1. Allowed: a number >= 0.")))
    assert str(error) == "'old': min_gap is -1. Allowed: a number >= 0."
    assert isinstance(error, ConfigError)
    assert isinstance(error, LabelingFunctionError)


def test_reading_a_configuration_loads_nothing_that_votes():
    program = (
        "import sys, weaklabel.config; print([m for m in ('numpy', 'pyarrow', 'polars') if m in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"
