"""Every bad input of a user, through the commands: one line that names it and exit code 2, or rows set aside and counted."""

from __future__ import annotations

import gzip
import json
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner

from weaklabel.cli.main import main

GOOD_LF = """
from weaklabel import response_scorer

@response_scorer(prefer="more")
def longer(response):
    return len(response)
"""


def rows(n: int = 40, **more: Any) -> list[dict[str, Any]]:
    return [
        {
            "id": f"p{i}",
            "prompt": f"question {i}",
            "response_a": "x" * (i + 1),
            "response_b": "y" * (2 * (i % 7) + 1),
        }
        | more
        for i in range(n)
    ]


def write(rows: Sequence[dict[str, Any]], name: str = "pairs.jsonl") -> None:
    Path(name).write_text("".join(json.dumps(row) + "\n" for row in rows), encoding="utf-8")


def write_lf(body: str, name: str = "lfs.py") -> None:
    head = "from weaklabel import ABSTAIN, labeling_function, response_scorer\n\n"
    Path(name).write_text(head + body, encoding="utf-8")


@pytest.fixture(autouse=True)
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr("weaklabel.pipeline.figures.snorkel_is_installed", lambda: False)
    (tmp_path / "lfs.py").write_text(GOOD_LF, encoding="utf-8")
    write(rows())
    return tmp_path


def run(*arguments: str) -> tuple[int, str, str]:
    """A command on the files of this folder. Anything but an orderly exit is raised: no user may see a traceback."""
    given = ["--pairs", "pairs.jsonl"] if "--pairs" not in arguments else []
    lfs = ["--lfs", "lfs.py"] if arguments[0] != "explore" and "--lfs" not in arguments else []
    result = CliRunner().invoke(main, [*arguments, *given, *lfs])
    if result.exception is not None and not isinstance(result.exception, SystemExit):
        raise result.exception
    return result.exit_code, result.stdout, result.stderr


def refused(*arguments: str) -> str:
    """The one line with which a command refuses."""
    code, _, err = run(*arguments)
    lines = [line for line in err.splitlines() if line.startswith("error: ")]
    assert code == 2, err
    assert len(lines) == 1, err
    assert err.splitlines()[-1] == lines[0]
    return lines[0]


def write_bytes(raw: bytes, name: str = "pairs.jsonl") -> Callable[[], None]:
    return lambda: Path(name).write_bytes(raw) and None


FILES: dict[str, tuple[Callable[[], object], list[str]]] = {
    "an empty file": (write_bytes(b""), ["pairs.jsonl is empty", "Expected"]),
    "half of a row and nothing else": (
        write_bytes(b'{"id": "1", "prompt": "x", "resp'),
        ["pairs.jsonl", "line 1"],
    ),
    "invalid UTF-8 and nothing else": (write_bytes(b'{"id": "\xff\xfe"}\n'), ["pairs.jsonl", "UTF-8"]),
    "a missing column": (
        lambda: write([{"prompt": "x", "response_a": "y"}]),
        ["pairs.jsonl", "response_a", "--columns"],
    ),
    "a gold value of no layout": (lambda: write(rows(gold="left")), ["'left'", "Allowed: a, b, tie"]),
    "only identical responses": (
        lambda: write([{"prompt": "x", "response_a": "same", "response_b": "same"}]),
        ["pairs.jsonl", "line 1", "identical"],
    ),
    "only empty responses": (
        lambda: write([{"prompt": "x", "response_a": "", "response_b": "y"}]),
        ["pairs.jsonl", "line 1", "empty"],
    ),
    "a torn Parquet file": (write_bytes(b"PAR1 torn", "pairs.parquet"), ["pairs.parquet"]),
    "a torn gzip file": (write_bytes(gzip.compress(b"{}" * 99)[:20], "torn.jsonl.gz"), ["torn.jsonl.gz"]),
}


@pytest.mark.parametrize("case", FILES)
def test_a_file_that_cannot_be_used_is_refused_in_one_line(case: str) -> None:
    make, words = FILES[case]
    make()
    name = next((w for w in words if w.startswith(("pairs.p", "torn"))), "pairs.jsonl")
    message = refused("run", "--pairs", name)
    assert all(word in message for word in words), message


def test_a_file_that_does_not_exist_is_named() -> None:
    assert "nothing.jsonl" in refused("apply", "--pairs", "nothing.jsonl")


def test_an_unknown_layout_is_guessed() -> None:
    assert "Did you mean 'mt_bench'?" in refused("apply", "--layout", "mtbench")


SET_ASIDE: dict[str, tuple[str, str]] = {
    "half of a row": ('{"id": "x", "prompt": "x", "resp', "JSON"),
    "identical responses": ('{"id": "x", "prompt": "x", "response_a": "s", "response_b": "s"}', "identical"),
    "an empty response": ('{"id": "x", "prompt": "x", "response_a": "", "response_b": "s"}', "empty"),
    "an id that was there": ('{"id": "p3", "prompt": "x", "response_a": "q", "response_b": "s"}', "p3"),
}


@pytest.mark.parametrize("case", SET_ASIDE)
def test_one_bad_row_among_good_ones_is_set_aside_with_its_line(case: str) -> None:
    line, word = SET_ASIDE[case]
    with Path("pairs.jsonl").open("a", encoding="utf-8") as file:
        file.write(line + "\n")
    code, _, err = run("apply")
    (kept,) = Path("runs/base/set_aside.jsonl").read_text(encoding="utf-8").splitlines()
    assert code == 0
    assert "1 rows set aside" in err
    assert json.loads(kept)["line"] == 41
    assert word in json.loads(kept)["reason"]


def test_invalid_utf8_in_one_row_loses_no_other_row() -> None:
    with Path("pairs.jsonl").open("ab") as file:
        file.write(b'{"id": "x", "prompt": "\xff", "response_a": "q", "response_b": "s"}\n')
    code, out, err = run("apply", "--json")
    assert code == 0
    assert json.loads(out)["n_pairs"] in (40, 41)
    assert "1 rows set aside" in err


def test_ten_megabytes_in_one_response_are_labelled_like_any() -> None:
    big = {"id": "big", "prompt": "x", "response_a": "word " * 2_000_000, "response_b": "y"}
    write([*rows(), big])
    code, out, _ = run("label", "--json")
    assert (code, json.loads(out)["n_pairs"]) == (0, 41)


def test_scores_that_are_nan_abstain() -> None:
    write([row | {"s_a": None if i % 2 else 1.5, "s_b": 1.0} for i, row in enumerate(rows())])
    Path("weaklabel.toml").write_text(
        '[lfs]\nuse = []\n[[lfs.column]]\nname = "s"\nscore_a = "s_a"\nscore_b = "s_b"\n', encoding="utf-8"
    )
    result = CliRunner().invoke(main, ["apply", "--pairs", "pairs.jsonl", "--json"])
    assert json.loads(result.stdout)["lfs"] == [{"lf": "s", "coverage": 0.5, "faults": 0}]


def test_a_function_that_raises_on_some_rows_is_named_with_pair_and_reason() -> None:
    write_lf("@response_scorer\ndef fragile(response):\n    return 1 / (len(response) - 3)\n")
    message = refused("apply")
    assert all(
        word in message
        for word in ("'fragile' failed on", "ZeroDivisionError", "max_fault_share", "faults.jsonl")
    )
    code, out, _ = run("apply", "--max-fault-share", "1", "--json")
    assert (code, json.loads(out)["lfs"][0]["faults"] > 0) == (0, True)


def test_a_function_that_returns_2_is_told_what_a_vote_is() -> None:
    write_lf("@labeling_function\ndef two(pair):\n    return 2\n")
    message = refused("apply")
    assert "returned 2" in message
    assert "-1 (abstain), 0 (A) or 1 (B)" in message


def test_a_function_that_never_votes_leaves_pairs_unlabelled_and_counted() -> None:
    write_lf("@labeling_function\ndef silent(pair):\n    return ABSTAIN\n")
    code, out, _ = run("label", "--json")
    assert (code, json.loads(out)["without_votes"]) == (0, 40)
    code, out, _ = run("check", "--json")
    assert (code, json.loads(out)["findings"][0]["code"]) == (1, "WL105")


def test_a_function_that_hangs_is_ended_by_the_time_limit() -> None:
    write_lf("import time\n\n@labeling_function\ndef hangs(pair):\n    time.sleep(60)\n    return 0\n")
    message = refused("apply", "--time-limit", "1")
    assert "'hangs' failed on 40 of 40" in message


def test_a_syntax_error_in_one_file_of_a_folder_names_file_and_line() -> None:
    Path("mine").mkdir()
    write_lf("@response_scorer\ndef good(response):\n    return len(response)\n", "mine/a.py")
    write_lf("def broken(:\n", "mine/b.py")
    message = refused("apply", "--lfs", "mine/")
    assert "mine/b.py:3" in message


def test_an_empty_folder_of_functions_is_named() -> None:
    Path("none").mkdir()
    assert "none" in refused("apply", "--lfs", "none/")


def test_no_gold_runs_unsupervised_and_says_so() -> None:
    code, out, _ = run("run")
    assert code == 0
    assert "uncalibrated" in out


def test_without_gold_an_export_is_refused_and_says_how_to_allow_it() -> None:
    run("label")
    result = CliRunner().invoke(main, ["export"])
    assert result.exit_code == 2
    assert "never calibrated" in result.stderr
    assert CliRunner().invoke(main, ["export", "--allow-uncalibrated"]).exit_code == 0


def test_explore_without_gold_says_what_is_missing() -> None:
    assert "gold" in refused("explore")


def test_gold_of_one_class_alone_runs() -> None:
    write(rows(80, gold="a"))
    assert run("run")[0] == 0


def test_one_pair_alone_runs() -> None:
    write(rows(1))
    code, out, _ = run("run", "--json")
    assert (code, json.loads(out)["counts"]["pairs"]) == (0, 1)


def test_a_gold_file_of_other_pairs_is_refused() -> None:
    write([{"id": f"other{i}", "gold": "a"} for i in range(5)], "gold.jsonl")
    message = refused("run", "--gold", "gold.jsonl")
    assert "gold.jsonl" in message
    assert "other0" in message


def test_a_model_of_no_name_is_guessed() -> None:
    assert "Did you mean 'majority_vote'?" in refused("fit", "--model", "majority_vot")


def test_a_calibrator_of_no_name_is_named() -> None:
    write(rows(80, gold="a"))
    assert "plat" in refused("fit", "--calibration", "plat")


def test_a_setting_that_a_model_does_not_have_is_named() -> None:
    assert "'depth'" in refused("fit", "--set", "labeler.settings.depth=3")


@pytest.mark.parametrize("columns", ["prompt", "prompt=", "=x", ","])
def test_columns_that_are_no_assignments_are_refused(columns: str) -> None:
    code, _, err = run("apply", "--columns", columns)
    assert code == 2
    assert "ours=theirs" in err


def test_a_column_that_is_not_there_is_named() -> None:
    message = refused("apply", "--columns", "prompt=qustion")
    assert "qustion" in message
