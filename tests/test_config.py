"""Settings: what is allowed, what a mistake is told, and where each value came from."""

from __future__ import annotations

from pathlib import Path

import pytest

from weaklabel.config import Config, LoadedConfig, find_config, load_config, settings_table
from weaklabel.errors import ConfigError

DESIGN_EXAMPLE = """
[data]
pairs = "data/*.jsonl.zst"
columns = { prompt = "question", response_a = "ans1", response_b = "ans2" }
gold = "data/gold.jsonl"
test_share = 0.5
[lfs]
use = ["lfs/", "shipped:mt_bench"]
[[lfs.snorkel]]
use = "old_lfs:LFS"
votes = { 1 = "a", 2 = "b" }
[[lfs.column]]
name = "old_reward_model"
score_a = "rm1"
score_b = "rm2"
[labeler]
model = "pair_model"
[export.trl]
min_confidence = 0.8
[reward]
model = "linear"
"""


@pytest.fixture(autouse=True)
def _alone(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)


def loaded(text: str, *sets: str, **options: object) -> LoadedConfig:
    Path("weaklabel.toml").write_text(text, encoding="utf-8")
    return load_config(sets=sets, options=options)


def origin_of(found: LoadedConfig) -> dict[str, str]:
    return {key: origin for key, _, origin in settings_table(found)}


def test_the_example_of_the_design_is_read_as_written() -> None:
    config = loaded(DESIGN_EXAMPLE).config
    assert config.data.columns["response_b"] == "ans2"
    assert config.lfs.snorkel[0].votes == {"1": "a", "2": "b"}
    assert config.lfs.column[0].score_b == "rm2"
    assert config.export.trl is not None
    assert config.export.trl.min_confidence == 0.8


def test_without_a_file_the_defaults_hold() -> None:
    found = load_config()
    assert found.file is None
    assert found.config == Config()


def test_the_file_is_found_upwards(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    loaded("[data]\nseed = 3\n")
    deep = tmp_path / "a" / "b"
    deep.mkdir(parents=True)
    monkeypatch.chdir(deep)
    assert find_config() == tmp_path / "weaklabel.toml"
    assert load_config().config.data.seed == 3


def test_relative_paths_count_from_the_file(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    loaded("[data]\npairs = 'data/x.jsonl'\n")
    (tmp_path / "deep").mkdir()
    monkeypatch.chdir(tmp_path / "deep")
    found = load_config()
    assert found.resolve("data/x.jsonl") == str(tmp_path / "data/x.jsonl")
    assert found.resolve("hf:org/name") == "hf:org/name"
    assert found.run_folder("r") == tmp_path / "runs" / "r"


@pytest.mark.parametrize(
    ("text", "words"),
    [
        (
            "[data]\ntset_share = 0.3",
            ["weaklabel.toml", "'data.tset_share'", "Allowed there: answers, columns, gold", "'test_share'?"],
        ),
        ("[dta]\nseed = 1", ["unknown key 'dta'", "Did you mean 'data'?"]),
        ("[data]\ntest_share = 3", ["data.test_share = 3", "less than 1"]),
        ("[data]\ntest_share = 1.0", ["data.test_share = 1.0", "less than 1"]),
        ("[data]\nmax_gold = 0", ["data.max_gold = 0", "greater than or equal to 1"]),
        ("[data]\npairs = 3", ["data.pairs = 3", "valid string"]),
        ("[lfs]\non_fault = 'rase'", ['lfs.on_fault = "rase"', "'record' or 'raise'", "'raise'?"]),
        ("[lfs]\nuse = 'lfs/'", ["lfs.use", "valid list"]),
        ("[lfs]\nworkers = 0", ["lfs.workers = 0"]),
        ("[export.trk]\nmin_confidence = 0.8", ["'export.trk'", "Did you mean 'trl'?"]),
        ("[[lfs.column]]\nname = 'x'", ["either score_a and score_b, or column with votes"]),
        ("[[lfs.column]]\nname = 'x'\nscore_a = 'y'", ["either score_a and score_b"]),
        ("[[lfs.column]]\nname = 'x'\ncolumn = 'y'", ["column needs votes"]),
        ("[[lfs.column]]\nnam = 'x'", ["lfs.column.0.nam", "Did you mean 'name'?"]),
        ("[[lfs.snorkel]]\nuse = 'o:L'\nvotes = { x = 'a' }", ["'x' is no vote", "1 = 'a'"]),
        (
            "[[lfs.snorkel]]\nuse = 'o:L'\nvotes = { 1 = 'c' }",
            ["lfs.snorkel.0.votes.1", "'a', 'b' or 'abstain'"],
        ),
        ("[[lfs.snorkel]]\nuse = 'o:L'", ["'lfs.snorkel.0.votes' is missing"]),
        ("[run]\nname = 'a/b'", ["run.name", "pattern"]),
        ("[lfs\nuse = 3", ["is not TOML", "line 1"]),
        ("data = 3", ["data = 3"]),
    ],
)
def test_a_mistake_in_the_file_is_one_line_that_names_it(text: str, words: list[str]) -> None:
    with pytest.raises(ConfigError) as caught:
        loaded(text)
    message = str(caught.value)
    assert "\n" not in message
    assert all(word in message for word in words), message


def test_a_file_that_is_not_utf8_is_named() -> None:
    Path("weaklabel.toml").write_bytes(b'[data]\npairs = "\xff"\n')
    with pytest.raises(ConfigError, match="not UTF-8"):
        load_config()


def test_a_file_that_was_named_must_exist() -> None:
    with pytest.raises(ConfigError, match="does not exist"):
        load_config(Path("other.toml"))


def test_set_values_are_toml_and_bare_words_stand_for_themselves() -> None:
    config = loaded(
        "", 'lfs.use=["lfs/"]', "data.seed=7", "labeler.model=majority_vote", "data.near_duplicates=true"
    ).config
    assert config.lfs.use == ["lfs/"]
    assert config.data.seed == 7
    assert config.labeler.model == "majority_vote"
    assert config.data.near_duplicates is True


def test_set_reaches_into_free_tables() -> None:
    config = loaded(
        "[data]\ncolumns = { prompt = 'q' }", "data.columns.response_a=x", "labeler.settings.l2=0.5"
    ).config
    assert config.data.columns == {"prompt": "q", "response_a": "x"}
    assert config.labeler.settings == {"l2": 0.5}


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("data", "Write key=value"),
        ("data.sed=1", "Did you mean 'seed'"),
        ("data.seed=abc", "--set data.seed"),
        ("data.seed.x=1", "'seed' is no table"),
    ],
)
def test_a_mistake_in_set_names_the_option(text: str, words: str) -> None:
    with pytest.raises(ConfigError, match=words):
        loaded("[data]\nseed = 1", text)


def test_options_win_over_set_and_set_over_the_file() -> None:
    Path("weaklabel.toml").write_text("[data]\nseed = 1\ntest_share = 0.1\nmax_gold = 9\n", encoding="utf-8")
    found = load_config(sets=["data.seed=2", "data.test_share=0.2"], options={"data.seed": 3})
    assert (found.config.data.seed, found.config.data.test_share, found.config.data.max_gold) == (3, 0.2, 9)


def test_every_setting_says_where_it_came_from() -> None:
    Path("weaklabel.toml").write_text("[data]\nseed = 1\n[lfs]\nuse = ['lfs/']\n", encoding="utf-8")
    origin = origin_of(load_config(sets=["labeler.model=snorkel"], options={"lfs.workers": 2}))
    assert origin["data.seed"] == "weaklabel.toml"
    assert origin["lfs.use"] == "weaklabel.toml"
    assert origin["labeler.model"] == "--set labeler.model"
    assert origin["lfs.workers"] == "command line"
    assert origin["data.gold"] == "default"


def test_all_settings_are_listed_once() -> None:
    keys = [key for key, _, _ in settings_table(loaded(DESIGN_EXAMPLE))]
    assert len(keys) == len(set(keys))
    assert {"data.pairs", "data.columns", "lfs.snorkel", "export.trl.min_confidence", "run.name"} <= set(keys)


def test_naming_one_export_switches_the_default_one_off() -> None:
    config = loaded("[export.openrlhf]\n").config
    assert config.export.trl is None
    assert config.export.openrlhf is not None
