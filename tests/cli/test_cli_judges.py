"""LLM judges, judge columns and crowds in a project: settings, steps, commands."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner
from model_server import closed_port, completion, refusal, serving

from weaklabel.cli.main import main
from weaklabel.data.sample import write_sample

KEY = "sk-very-secret-0123456789"
N_PAIRS = 60


def longer_wins(body: dict[str, Any]) -> Any:
    one, two = body["messages"][0]["content"].split("<1>")[1].split("<2>")
    return completion("A" if len(one) > len(two) else "B" if len(two) > len(one) else "tie")


@pytest.fixture
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(sys, "path", list(sys.path))
    monkeypatch.setenv("JUDGE_KEY", KEY)
    write_sample(tmp_path, n_pairs=N_PAIRS, n_gold=50)
    (tmp_path / "ask.txt").write_text("{prompt}<1>{response_a}<2>{response_b}", encoding="utf-8")
    return tmp_path


def configure(project: Path, url: str, more: str = "", use: str = "[]") -> None:
    (project / "weaklabel.toml").write_text(
        f'[data]\npairs = "pairs.jsonl"\ngold = "gold.jsonl"\n[lfs]\nuse = {use}\n[[lfs.judge]]\nname = "gpt"\n'
        f'url = "{url}"\nmodel = "tiny"\nkey_env = "JUDGE_KEY"\ntemplate = "ask.txt"\nmax_tries = 1\n{more}\n'
    )


def run(*arguments: str) -> Any:
    return CliRunner().invoke(main, list(arguments))


def test_apply_shows_the_estimate_first_then_what_came_of_it(project: Path) -> None:
    with serving(longer_wins) as server:
        configure(project, server.url, "price_in = 1\nprice_out = 1")
        done = run("apply", "--json")
    assert done.exit_code == 0, done.output
    n = json.loads(done.stdout)["n_pairs"]
    estimate, report = (
        done.stderr.index("pairs to ask"),
        done.stderr.index("judge   judge gpt: first place wins"),
    )
    assert estimate < report
    assert f"judge gpt: {n:,} of {n:,} pairs to ask, {2 * n:,} calls, about" in done.stderr
    assert f"{2 * n * 101 / 1e6:.4g} spent" in done.stderr
    assert json.loads((project / "runs/base/judges.json").read_text())["gpt"]["n"] == n
    assert len(server.bodies) == 2 * n


def test_the_same_command_again_asks_nothing_and_needs_neither_server_nor_key(
    project: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with serving(longer_wins) as server:
        configure(project, server.url)
        first = run("apply", "--json")
    monkeypatch.delenv("JUDGE_KEY")
    assert "(unchanged)" in run("apply").stderr
    other = run("apply", "--json", "--name", "other")
    assert other.exit_code == 0, other.output
    assert json.loads(other.stdout)["lfs"] == json.loads(first.stdout)["lfs"]


def test_a_labeled_and_exported_run_with_a_judge_leaves_the_key_in_no_file(project: Path) -> None:
    with serving(longer_wins) as server:
        configure(project, server.url)
        done = run("export", "--json")
    assert done.exit_code == 0, done.output
    assert server.headers[0]["authorization"] == f"Bearer {KEY}"
    holders = [p for p in project.rglob("*") if p.is_file() and KEY.encode() in p.read_bytes()]
    assert holders == []
    assert KEY not in done.output + run("config").output + run("judges").output


def test_a_budget_leaves_the_rest_abstaining_and_a_larger_one_goes_on(project: Path) -> None:
    with serving(longer_wins) as server:
        configure(project, server.url, "max_pairs = 10")
        less = run("apply", "--json")
        configure(project, server.url, "max_pairs = 25")
        more = run("apply", "--json")
    assert less.exit_code == more.exit_code == 0
    n = json.loads(less.stdout)["n_pairs"]
    assert f"10 of {n} pairs to ask" in less.stderr
    assert f"{n - 10} pairs are beyond the budget and will abstain" in less.stderr
    assert f"{2 * (n - 10)} answers are beyond the budget" in less.stderr
    assert len(server.bodies) == 50
    assert json.loads(more.stdout)["coverage"] > json.loads(less.stdout)["coverage"]


def test_requests_that_failed_are_tried_again_by_the_next_command(project: Path) -> None:
    left = [3]

    def shaky(body: dict[str, Any]) -> Any:
        left[0] -= 1
        return refusal(500) if left[0] == 0 else longer_wins(body)

    with serving(shaky) as server:
        configure(project, server.url)
        first, second, third = (run("apply", "--max-fault-share", "0.5", "--json") for _ in range(3))
    faults = [json.loads(done.stdout)["lfs"][0]["faults"] for done in (first, second, third)]
    assert faults == [1, 0, 0]
    assert "1 requests failed" in first.stderr
    assert "judge   judge gpt" in third.stderr
    assert "(unchanged)" in third.stderr


@pytest.mark.parametrize(
    ("answer", "words"),
    [
        (
            refusal(401, f"Incorrect key {KEY}"),
            "answered 401: Incorrect key [key]. Check the key in JUDGE_KEY.",
        ),
        (refusal(404, "no model"), "Check the model 'tiny'"),
        ((200, {}, b"<html>"), "answered something else than a completion"),
    ],
)
def test_a_server_that_cannot_be_used_is_one_line_and_exit_code_2(
    project: Path, answer: Any, words: str
) -> None:
    with serving(lambda body: answer) as server:
        configure(project, server.url)
        done = run("apply")
    assert done.exit_code == 2
    assert words in done.stderr.splitlines()[-1]
    assert KEY not in done.output


def test_nobody_listening_is_one_line_and_exit_code_2(project: Path) -> None:
    configure(project, f"http://127.0.0.1:{closed_port()}/v1")
    done = run("apply")
    assert done.exit_code == 2
    assert "Start the server, or correct url." in done.stderr.splitlines()[-1]


def test_judges_says_what_it_would_cost_and_asks_nothing(
    project: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("JUDGE_KEY")
    configure(
        project, f"http://127.0.0.1:{closed_port()}/v1", "price_in = 2.0\nprice_out = 8.0\nmax_cost = 1.0"
    )
    done = run("judges")
    assert done.exit_code == 0, done.output
    assert "to pay, 0 of 1 spent" in done.stdout
    assert "gpt: no pair was judged in both orders" in done.stdout
    assert json.loads(run("judges", "--json").stdout)[0]["estimate"]["cost"] > 0


@pytest.mark.parametrize(
    ("more", "words"),
    [
        ("max_cost = 1.0", "max_cost needs price_in and price_out"),
        ('words = { c = "x" }', "words"),
        ('key = "x"', "unknown key 'lfs.judge.0.key'"),
        ('system = "x"\nlogprobs = 30', "lfs.judge.0.logprobs"),
    ],
)
def test_a_setting_that_cannot_be_is_one_line(project: Path, more: str, words: str) -> None:
    configure(project, "http://127.0.0.1:1/v1", more)
    done = run("judges")
    assert done.exit_code == 2
    assert words in done.stderr


def test_a_key_that_was_written_into_the_settings_is_refused_without_showing_it(project: Path) -> None:
    configure(project, "http://127.0.0.1:1/v1")
    file = project / "weaklabel.toml"
    file.write_text(file.read_text().replace('"JUDGE_KEY"', f'"{KEY}"'))
    done = run("apply")
    assert done.exit_code == 2
    assert "key_env is no name of an environment variable" in done.stderr
    assert KEY not in done.stderr


def test_judge_columns_and_crowds_come_from_the_settings(project: Path) -> None:
    rows = [json.loads(line) for line in (project / "pairs.jsonl").read_text().splitlines()]
    for i, row in enumerate(rows):
        row |= {"ab": "AB"[i % 2], "ba": "BA"[i % 2], "order": "ab"[i % 2]}
    (project / "pairs.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    votes = [{"who": "ann", "pair": row["id"], "said": "a"} for row in rows[:30]]
    (project / "people.jsonl").write_text("".join(json.dumps(vote) + "\n" for vote in votes))
    (project / "weaklabel.toml").write_text("""
[data]
pairs = "pairs.jsonl"
[lfs]
use = []
[[lfs.column]]
name = "both"
first_a = "ab"
first_b = "ba"
votes = { A = "first", B = "second" }
[[lfs.column]]
name = "one"
column = "ab"
shown = "order"
votes = { A = "first", B = "second" }
[[lfs.crowd]]
annotations = "people.jsonl"
worker = "who"
id = "pair"
vote = "said"
""")
    done = run("apply", "--json")
    assert done.exit_code == 0, done.output
    found = {row["lf"]: row["coverage"] for row in json.loads(done.stdout)["lfs"]}
    n = json.loads(done.stdout)["n_pairs"]
    assert found == {"both": 1.0, "one": 1.0, "one.position": 0.0, "crowd.ann": pytest.approx(30 / n)}
    (project / "people.jsonl").write_text("".join(json.dumps(vote) + "\n" for vote in votes[:25]))
    again = {row["lf"]: row["coverage"] for row in json.loads(run("apply", "--json").stdout)["lfs"]}
    assert again["crowd.ann"] == pytest.approx(25 / n)


@pytest.mark.parametrize(
    ("column", "words"),
    [
        ('first_a = "x"', "give either"),
        ('first_a = "x"\nfirst_b = "y"\ncolumn = "z"\nvotes = { A = "a" }', "give either"),
        ('column = "z"', "column needs votes"),
        ('column = "z"\nvotes = { A = "first" }', "need shown, or both orders"),
        ('score_a = "x"\nscore_b = "y"\nshown = "z"', "give it with column"),
    ],
)
def test_half_a_column_judge_is_one_line(project: Path, column: str, words: str) -> None:
    text = f'[data]\npairs = "pairs.jsonl"\n[[lfs.column]]\nname = "old"\n{column}\n'
    (project / "weaklabel.toml").write_text(text)
    done = run("apply")
    assert done.exit_code == 2
    assert words in done.stderr
