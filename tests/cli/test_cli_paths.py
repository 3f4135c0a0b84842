"""Paths wherever one is taken: `~`, colons, brackets, names that are not UTF-8; and what `init` writes of odd columns."""

from __future__ import annotations

import json
import os
import shutil
import tomllib
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner

from weaklabel._toml import toml_text
from weaklabel.cli.main import main
from weaklabel.config import load_config
from weaklabel.data import read_pairs
from weaklabel.errors import ConfigError, DataError
from weaklabel.lf.discovery import load_lfs
from weaklabel.lf.sources.kinds import kind_of

LFS = "from weaklabel import response_scorer\n@response_scorer\ndef longer(r):\n    return len(r)\n"


def rows(n: int = 30, **more: Any) -> str:
    made = (
        {"id": f"p{i}", "prompt": f"q {i}", "response_a": "x" * (i + 1), "response_b": "y" * (i % 5 + 1)}
        | more
        for i in range(n)
    )
    return "".join(json.dumps(row) + "\n" for row in made)


@pytest.fixture(autouse=True)
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A home folder with data, and the working folder beside it."""
    folder = tmp_path / "home"
    (folder / "lfs").mkdir(parents=True)
    (folder / "pairs.jsonl").write_text(rows(), encoding="utf-8")
    (folder / "lfs/mine.py").write_text(LFS, encoding="utf-8")
    monkeypatch.setenv("HOME", str(folder))
    (tmp_path / "work").mkdir()
    monkeypatch.chdir(tmp_path / "work")
    return folder


def run(*arguments: str, code: int = 0) -> str:
    done = CliRunner().invoke(main, list(arguments))
    if done.exception is not None and not isinstance(done.exception, SystemExit):
        raise done.exception
    assert done.exit_code == code, done.output
    return done.output


@pytest.mark.parametrize("below", [False, True])
def test_a_tilde_in_the_settings_is_the_home_folder_wherever_one_stands(below: bool, home: Path) -> None:
    Path("weaklabel.toml").write_text(
        '[data]\npairs = "~/pairs.jsonl"\n[lfs]\nuse = ["~/lfs/mine.py:longer", "~/lfs"]\n[run]\nfolder = "~/runs"\n',
        encoding="utf-8",
    )
    if below:
        Path("deeper").mkdir()
        os.chdir("deeper")
    run("apply")
    assert (home / "runs/base/pairs.parquet").is_file()
    (home / "pairs.jsonl").write_text(rows(31), encoding="utf-8")
    assert "31 pairs" in run("apply"), "what is behind the tilde has changed, so it is read again"


@pytest.mark.parametrize("below", [False, True])
def test_a_tilde_in_an_option_is_the_home_folder_wherever_one_stands(below: bool) -> None:
    Path("weaklabel.toml").write_text("", encoding="utf-8")
    if below:
        Path("deeper").mkdir()
        os.chdir("deeper")
    run("apply", "--pairs", "~/pairs.jsonl", "--lfs", "~/lfs/mine.py")
    assert Path("../runs" if below else "runs").is_dir()


def test_a_tilde_in_what_is_written_is_the_home_folder(home: Path) -> None:
    run("init", "~/pairs.jsonl", "--folder", "~/project")
    assert (home / "project/weaklabel.toml").is_file()
    run("reward", "train", "--pairs", "~/pairs.jsonl", "--out", "~/model", code=2)  # no gold in it
    assert not Path("~").exists()


@pytest.mark.parametrize(
    "arguments",
    [
        ["apply", "--pairs", "~nobody-here/x.jsonl", "--lfs", "shipped"],
        ["apply", "--lfs", "~nobody-here/x.py", "--pairs", "~/pairs.jsonl"],
        ["report", "--out", "~nobody-here/x.html"],
        ["init", "--folder", "~nobody-here"],
        ["list", "--lfs", "~nobody-here"],
        ["reward", "score", "model", "file", "--out", "~nobody-here/x.jsonl"],
        ["shift", "--pairs", "~nobody-here"],
    ],
    ids=lambda arguments: "-".join(arguments[:2]),
)
@pytest.mark.parametrize(
    ("path", "words"),
    [
        ("~nobody-here", "home folder of '~nobody-here' is not known"),
        ("caf\udce9", "the name is not UTF-8"),
    ],
)
def test_a_path_that_cannot_be_is_one_line(arguments: list[str], path: str, words: str) -> None:
    shutil.rmtree("runs", ignore_errors=True)
    out = run(*(text.replace("~nobody-here", path) for text in arguments), code=2)
    assert words in out.splitlines()[-1]
    assert "Traceback" not in out


def test_files_whose_names_begin_with_a_tilde_are_found_by_a_glob_and_in_a_folder() -> None:
    Path("~odd.jsonl").write_text(rows(3), encoding="utf-8")
    assert len(read_pairs("*.jsonl")) == len(read_pairs(".")) == len(read_pairs("./~odd.jsonl")) == 3
    with pytest.raises(ConfigError, match=r"For a file of that name write './~odd.jsonl'"):
        read_pairs("~odd.jsonl")


def test_a_file_of_a_folder_whose_name_is_not_utf8_is_named() -> None:
    Path("data").mkdir()
    Path(os.fsdecode(b"data/caf\xe9.jsonl")).write_text(rows(3), encoding="utf-8")
    with pytest.raises(ConfigError, match=r"the source is 'data/caf.udce9.jsonl': the name is not UTF-8"):
        read_pairs("data")
    Path(os.fsdecode(b"data/caf\xe9.py")).write_text(LFS, encoding="utf-8")
    with pytest.raises(ConfigError, match="the name is not UTF-8"):
        load_lfs("data")


def is_path(source: str) -> bool:
    return kind_of(source).moved(source, lambda path: f"elsewhere/{path}") == f"elsewhere/{source}"


COLONS = ["a:b", "run::1", "hf:x", "C:", "x.py:y"]


@pytest.mark.parametrize("folder", COLONS)
def test_a_folder_with_a_colon_is_a_folder(folder: str) -> None:
    Path(folder).mkdir()
    Path(folder, "pairs.jsonl").write_text(rows(4), encoding="utf-8")
    Path(folder, "mine.py").write_text(LFS, encoding="utf-8")
    assert len(read_pairs(f"./{folder}/pairs.jsonl")) == len(read_pairs(f"./{folder}")) == 4
    for source in (f"./{folder}", f"./{folder}/mine.py", f"./{folder}/mine.py:longer"):
        assert is_path(source)
        (found,) = load_lfs(source)
        assert found.spec is not None
        assert load_lfs(found.spec) == [found]


def test_a_file_with_a_colon_is_not_a_split_of_a_folder() -> None:
    Path("a").mkdir()
    Path("a:b.jsonl").write_text(rows(4), encoding="utf-8")
    assert len(read_pairs("a:b.jsonl")) == 4


def test_options_with_colons_count_from_the_folder_where_they_are_written() -> None:
    Path("weaklabel.toml").write_text("", encoding="utf-8")
    Path("deeper/v:2").mkdir(parents=True)
    Path("deeper/v:2/pairs:1.jsonl").write_text(rows(4), encoding="utf-8")
    Path("deeper/v:2/mine.py").write_text(LFS, encoding="utf-8")
    os.chdir("deeper")
    out = run(
        "apply", "--pairs", "v:2/pairs:1.jsonl", "--lfs", "v:2/mine.py:longer", "--lfs", "shipped:length"
    )
    assert "4 pairs" in out


def test_names_that_only_begin_like_shipped_ones_are_paths() -> None:
    assert is_path("shipped_by_us/")
    assert not is_path("shipped")
    assert not is_path("shipped:mt_bench")
    Path("shipped_by_us").mkdir()
    Path("shipped_by_us/mine.py").write_text(LFS, encoding="utf-8")
    assert [lf.name for lf in load_lfs("shipped_by_us")] == ["longer"]


@pytest.mark.parametrize(
    "name", ["we[ir]d.jsonl", "sp ace.jsonl", "caf\u00e9.jsonl", "\x1b[31m.jsonl", "-dash.jsonl"]
)
def test_an_odd_name_is_a_name(name: str) -> None:
    Path(name).write_text(rows(5), encoding="utf-8")
    assert len(read_pairs(name)) == 5


# ----------------------------------------------------------------------------------------- weaklabel.toml
@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("a = " + "[" * 100_000, "is nested too deeply"),
        ("a = " + "[" * 60 + "]" * 60, "is nested too deeply"),
        ("x" + ".x" * 10_000 + " = 1", "is nested too deeply"),
        ("[data]\nseed = " + "9" * 5000, "is not TOML"),
        ("[data]\nseed = " + "9" * 50, "more than 64 bits"),
        ("[data]\nseed = 0x" + "f" * 6000, "more than 64 bits"),
        ("[data]\nseed = -1", "data.seed"),
        ("[data]\nseed = 1\nseed = 2", "is not TOML: Cannot overwrite"),
        ("[data]\npairs = 2024-01-01", 'data.pairs = "2024-01-01"'),
        ("[labeler.settings]\nsince = 2024-01-01T00:00:00", "labeler.settings"),
        ("[labeler.settings]\nl2 = nan", "labeler.settings"),
        ("[lfs]\ntime_limit = inf", "lfs.time_limit"),
        ("[lfs]\nmax_fault_share = nan", "lfs.max_fault_share"),
        ('[data]\npairs = "a\\u0000b"', "character NUL"),
        ('[data]\npairs = ""', "the path is empty"),
    ],
    ids=lambda text: text[:30],
)
def test_what_no_setting_can_be_is_one_line(text: str, words: str) -> None:
    Path("weaklabel.toml").write_text(text, encoding="utf-8")
    out = run("apply", "--lfs", "shipped:length", code=2)
    assert words in out.splitlines()[-1]
    assert len(out.splitlines()) == 1
    assert len(out) < 400


@pytest.mark.parametrize("value", ["[" * 100_000, "{a=" * 100_000, "9" * 5000, "9" * 30])
def test_a_value_of_an_option_that_no_setting_can_be_is_one_line(value: str) -> None:
    out = run("apply", "--set", f"data.seed={value}", code=2)
    assert len(out.splitlines()) == 1


def test_a_key_of_an_option_nested_without_end_is_one_line() -> None:
    assert "nested too deeply" in run("apply", "--set", "a" + ".a" * 10_000 + "=1", code=2)


def test_a_mark_of_the_byte_order_and_line_ends_of_windows_are_read() -> None:
    Path("weaklabel.toml").write_bytes(b"\xef\xbb\xbf[data]\r\nseed = 7\r\n")
    assert load_config().config.data.seed == 7


@pytest.mark.parametrize("text", ['"', "\\", "a\nb", "\x7f", "\x00", "🙂", "\u2028", "]\nuse = ['evil.py']"])
def test_any_text_is_one_value_of_toml(text: str) -> None:
    assert tomllib.loads(f"x = {toml_text(text)}") == {"x": text}


@pytest.mark.parametrize("known", [True, False])
def test_columns_of_a_stranger_write_no_settings(known: bool) -> None:
    evil = 'x"\n[lfs]\nuse = ["evil.py"]\n#\x1b🙂'
    row = {"prompt": "p", "response_a": "a", "response_b": "b", evil: 1}
    if not known:
        row = {evil + "prompt": "p", "answer_1\n[run]": "a", "answer_2\n[run]": "b"}
    Path("odd\n[run].jsonl").write_text(json.dumps(row) + "\n", encoding="utf-8")
    run("init", "odd\n[run].jsonl", "--folder", "project")
    settings = tomllib.loads(Path("project/weaklabel.toml").read_text(encoding="utf-8"))
    assert settings["lfs"]["use"] == ["lfs/", "shipped"]
    assert settings["data"]["pairs"] == "../odd\n[run].jsonl"
    assert "run" not in settings


def test_a_source_that_is_no_file_is_told(home: Path) -> None:
    with pytest.raises(DataError, match="does not exist"):
        read_pairs("~/nothing.jsonl")
