"""The workbench commands: mistakes, tune, dependencies, adds, compare, bias; results on stdout, mistakes of users exit 2."""

from __future__ import annotations

import json
import sys
from pathlib import Path

import pytest
from command_line import answer, run

from weaklabel.data.sample import write_sample

LFS = """
from weaklabel import labeling_function, response_scorer

@response_scorer(prefer="less")
def right_way(response):
    return len(response) % 7 + 20 * ("Sorry" in response)

@response_scorer(min_gap=2)
def characters(response):
    return len(response)

@response_scorer(min_gap=2)
def letters(response):
    return len(response)

@labeling_function
def first_letter(pair):
    a, b = pair.response_a[:1], pair.response_b[:1]
    return -1 if a == b else int(b > a)
"""


@pytest.fixture(scope="module")
def project(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("workbench")
    write_sample(folder, n_pairs=240, n_gold=160, seed=2)
    (folder / "mine.py").write_text(LFS, encoding="utf-8")
    (folder / "weaklabel.toml").write_text(
        '[data]\npairs = "pairs.jsonl"\ngold = "gold.jsonl"\n[lfs]\nuse = ["mine.py"]\n[labeler]\nmodel = "majority_vote"\n',
        encoding="utf-8",
    )
    return folder


@pytest.fixture(autouse=True)
def inside(project: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(project)
    monkeypatch.setattr(sys, "path", list(sys.path))


def test_mistakes_lists_what_gold_contradicts() -> None:
    found = answer("mistakes", "characters", "--limit", "3")
    assert len(found["mistakes"]) == 3
    assert all({m["vote"], m["gold"]} == {"a", "b"} for m in found["mistakes"])
    assert all(0 < m["p_gold"] < 1 for m in found["mistakes"])
    shown = run("mistakes", "characters", "--limit", "2").stdout
    assert shown.count("voted ") >= 2
    assert "more." in shown


def test_mistakes_shows_whole_texts_when_asked_for() -> None:
    first = answer("mistakes", "characters", "--limit", "1")["mistakes"][0]
    last_line = first["response_a"].splitlines()[-1]
    assert last_line in run("mistakes", "characters", "--full").stdout


def test_mistakes_asks_the_runs_own_label_model() -> None:
    quick, own = (
        [m["p_gold"] for m in answer("mistakes", "characters", *flag)["mistakes"]]
        for flag in ((), ("--labeler",))
    )
    assert quick != own


def test_mistakes_never_shows_the_locked_part() -> None:
    import pyarrow.parquet as pq

    found = answer("mistakes", "characters")
    table = pq.read_table("runs/base/pairs.parquet")
    parts = dict(zip(table["id"].to_pylist(), table["part"].to_pylist(), strict=True))
    assert {parts[m["id"]] for m in found["mistakes"]} == {"dev"}


def test_mistakes_without_gold_say_so_once(tmp_path: Path) -> None:
    write_sample(tmp_path, n_pairs=40, n_gold=0)
    (tmp_path / "weaklabel.toml").write_text(
        '[data]\npairs = "pairs.jsonl"\n[lfs]\nuse = ["shipped:length"]\n'
    )
    shown = run("mistakes", "words", "--config", str(tmp_path / "weaklabel.toml"), code=2).stderr
    assert shown.count("no pair has dev gold") == 1


def test_a_misspelt_function_is_one_line() -> None:
    assert "Did you mean 'characters'?" in run("mistakes", "charcters", code=2).stderr
    assert "Did you mean 'characters'?" in run("tune", "charcters", code=2).stderr


def test_dependencies_finds_the_copy() -> None:
    found = answer("dependencies")
    assert found["by"] == "gold"
    assert [
        link["copies"] for link in found["links"] if {link["one"], link["other"]} == {"characters", "letters"}
    ] == [True]
    assert answer("dependencies", "--no-gold")["by"] == "agreement"
    assert "independent ones" in run("dependencies").stdout


def test_adds_has_a_row_per_function_and_one_for_the_copies() -> None:
    rows = [tuple(row["lfs"]) for row in answer("adds")["rows"]]
    assert {row for row in rows if len(row) == 1} == {
        ("right_way",),
        ("characters",),
        ("letters",),
        ("first_letter",),
    }
    assert ("characters", "letters") in rows
    assert "no label model 'rigde'" in run("adds", "--model", "rigde", code=2).stderr


def test_compare_puts_sets_side_by_side(project: Path) -> None:
    found = answer("compare-sets", "project", "mine.py", "shipped:structure,project", "--model", "ridge")
    assert [s["set"] for s in found["sets"]] == ["project", "mine.py", "shipped:structure,project"]
    assert found["sets"][1]["against_first"]["nll"]["value"] == 0.0
    assert found["sets"][2]["n_lfs"] > found["sets"][0]["n_lfs"]


def test_compare_means_the_same_project_from_a_folder_below_it(
    project: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (project / "data").mkdir(exist_ok=True)
    monkeypatch.chdir(project / "data")
    found = answer("compare-sets", "project", "../mine.py", "--model", "ridge")
    assert found["sets"][1]["against_first"]["nll"]["value"] == 0.0


def test_gold_of_nothing_but_ties_ends_no_command_in_a_traceback(tmp_path: Path) -> None:
    write_sample(tmp_path, n_pairs=120, n_gold=80, seed=3)
    rows = [json.loads(line) for line in (tmp_path / "gold.jsonl").read_text().splitlines()]
    (tmp_path / "gold.jsonl").write_text("".join(f"{json.dumps(row | {'gold': 'tie'})}\n" for row in rows))
    given = (
        "--pairs",
        str(tmp_path / "pairs.jsonl"),
        "--gold",
        str(tmp_path / "gold.jsonl"),
    )
    assert "never votes on decided dev gold" in run("mistakes", "characters", *given).stdout
    assert "Nothing can be told" in run("dependencies", *given).stdout
    assert "a coin: .693" in run("adds", *given).stdout
    assert "nan" not in run("compare-sets", "project", *given).stdout
    assert "mean p of b" in run("bias", *given).stdout
    assert "no threshold can be certified" in run("threshold", *given, code=1).stdout
    assert "0 decided dev gold pairs" in run("tune", *given, code=2).stderr


def test_compare_refuses_what_it_cannot_compare() -> None:
    assert "named twice" in run("compare-sets", "project", "project", code=2).stderr
    assert "have one name" in run("compare-sets", "project,shipped:length", code=2).stderr
    assert "nowhere.py" in run("compare-sets", "nowhere.py", code=2).stderr
    assert "SET" in run("compare-sets", code=2).stderr


def test_tune_reports_every_scorer_and_writes_nothing_by_itself(project: Path) -> None:
    before = sorted(path.name for path in project.iterdir())
    found = answer("tune")
    assert {row["lf"] for row in found["rows"]} == {"right_way", "characters", "letters"}
    assert found["notes"] == ["1 functions are no response scorers."]
    assert [row["lf"] for row in answer("tune", "letters")["rows"]] == ["letters"]
    assert sorted(path.name for path in project.iterdir()) == before


def test_tune_writes_suggestions_that_the_project_can_use(project: Path) -> None:
    # A scorer that knows the answer, and says the opposite.
    source = """
import json
from pathlib import Path
from weaklabel import response_scorer

def rows(name):
    return [json.loads(line) for line in Path(name).read_text(encoding="utf-8").splitlines()]

GOLD = {row["id"]: row["gold"] for row in rows("gold.jsonl")}
GOOD = {row["response_" + GOLD[row["id"]]] for row in rows("pairs.jsonl") if GOLD.get(row["id"]) in ("a", "b")}

@response_scorer(prefer="less")
def knows(response):
    return float(response in GOOD)
"""
    (project / "knows.py").write_text(source, encoding="utf-8")
    said = run("tune", "--lfs", "knows.py", "--write", "tuned.py")
    assert 'knows: with_settings(prefer="more")' in said.stdout
    assert "1 tuned scorers" in said.stderr
    assert "knows_tuned" in run("list", "--lfs", "tuned.py").stdout
    assert "overwrites nothing" in run("tune", "--lfs", "knows.py", "--write", "tuned.py", code=2).stderr
    assert "does not end in .py" in run("tune", "--write", "tuned.toml", code=2).stderr


def test_bias_sets_labels_beside_gold() -> None:
    found = answer("bias", "--by", "category")
    assert found["n_gold"] > 0
    assert found["length"]["hard_minus_gold"]["n"] > 0
    assert len(found["by_column"]["category"]) == 4
    assert "Position: mean p of b" in run("bias").stdout
    assert "there is no column 'zz'" in run("bias", "--by", "zz", code=2).stderr


@pytest.mark.parametrize("command", ["mistakes", "tune", "dependencies", "adds", "compare-sets", "bias"])
def test_every_command_explains_itself(command: str) -> None:
    assert "dev gold" in " ".join(run(command, "--help").stdout.split())
