"""`weaklabel next` and `weaklabel gold add`: asked, answered, and what the next fit says of it; nothing lost on bad input."""

from __future__ import annotations

import csv
import json
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner, Result

from weaklabel.cli.main import main
from weaklabel.data.sample import write_sample

TOML = "[data]\npairs = 'pairs.jsonl'\ngold = 'gold.jsonl'\n[lfs]\nuse = ['shipped:length']\n[labeler]\nmodel = 'majority_vote'\n"


def run(*arguments: str) -> Result:
    return CliRunner().invoke(main, list(arguments))


def asked(*arguments: str) -> Any:
    done = run("next", "--json", *arguments)
    assert done.exit_code == 0, done.output
    return json.loads(done.stdout)


def write(path: str, rows: list[dict[str, Any]]) -> None:
    Path(path).write_text("".join(json.dumps(row) + "\n" for row in rows), encoding="utf-8")


def rows_of(path: str) -> list[dict[str, Any]]:
    return [json.loads(line) for line in Path(path).read_text(encoding="utf-8").splitlines()]


@pytest.fixture
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    write_sample(tmp_path, 200, 80)
    Path("weaklabel.toml").write_text(TOML, encoding="utf-8")
    return tmp_path


@pytest.fixture
def queue(project: Path) -> list[dict[str, Any]]:
    """Ten questions in queue.jsonl."""
    assert run("next", "--n", "10", "--acquisition", "uncertainty", "--out", "queue.jsonl").exit_code == 0
    return rows_of("queue.jsonl")


def test_a_week_of_asking(queue: list[dict[str, Any]], project: Path) -> None:
    truth = {row["id"]: row["truth"] for row in rows_of("truth.jsonl")}
    parts = parts_of_run()
    assert {parts[row["id"]] for row in queue} == {("pool", None)} | {("dev", None)} & {
        parts[r["id"]] for r in queue
    }
    write("queue.jsonl", [row | {"gold": truth[row["id"]] if i < 6 else None} for i, row in enumerate(queue)])
    done = run("gold", "add", "queue.jsonl")
    assert done.exit_code == 0, done.output
    assert done.stdout.startswith("6 answers added, 0 known before, 0 set aside")
    assert "4 pairs that this run asked about have no answer yet" in done.stderr
    # The next fit says what they changed; the locked part stays as it was.
    done = run("label")
    assert "dev (6 by answers) and" in done.stderr
    assert "6 answers count as gold (0 at the last fit): out of fold, accuracy" in done.stderr
    assert "labels changed sides; p moved by" in done.stderr
    after = parts_of_run()
    assert {i for i, (part, _) in parts.items() if part == "test"} == {
        i for i, (part, _) in after.items() if part == "test"
    }
    answered = {row["id"] for row in queue[:6]}
    assert {i for i, (_, gold) in after.items() if gold and not parts[i][1]} == answered
    assert all(after[i] == ("dev", truth[i]) for i in answered)
    # What has an answer is not asked again, and is said once.
    again = {q["id"] for q in asked("--n", "1000")["questions"]}
    assert not again & answered
    assert "count as gold" not in run("label").stderr


def parts_of_run() -> dict[str, tuple[str, str | None]]:
    import pyarrow.parquet as pq

    table = pq.read_table("runs/base/pairs.parquet", columns=["id", "part", "gold"]).to_pydict()
    return {i: (part, gold) for i, part, gold in zip(*table.values(), strict=True)}


def test_a_table_a_queue_in_csv_and_json_hold_the_same(project: Path) -> None:
    done = run("next", "--n", "5", "--acquisition", "coreset", "--out", "queue.csv")
    assert done.exit_code == 0, done.output
    with Path("queue.csv").open(encoding="utf-8", newline="") as file:
        ids = [row["id"] for row in csv.DictReader(file)]
    assert [line.split()[0] for line in done.stdout.splitlines()[-5:]] == ids
    assert [question["id"] for question in asked("--n", "5", "--acquisition", "coreset")["questions"]] == ids


def test_a_blind_queue_says_nothing_of_what_is_believed(project: Path) -> None:
    assert (
        run("next", "--n", "3", "--acquisition", "uncertainty", "--out", "queue.jsonl", "--blind").exit_code
        == 0
    )
    rows = rows_of("queue.jsonl")
    assert {name for row in rows for name in row} == {"id", "prompt", "response_a", "response_b", "gold"}
    write("queue.jsonl", [row | {"gold": "a"} for row in rows])
    assert "asked by uncertainty: the labels had been right on" in run("gold", "add", "queue.jsonl").stdout


def test_a_csv_that_was_filled_in_is_taken_too(project: Path) -> None:
    assert run("next", "--n", "4", "--out", "queue.csv").exit_code == 0
    with Path("queue.csv").open(encoding="utf-8", newline="") as file:
        rows = list(csv.DictReader(file))
    for row, verdict in zip(rows, ["a", "b", "tie", ""], strict=True):
        row["gold"] = verdict
    with Path("queue.csv").open("w", encoding="utf-8", newline="") as file:
        writer = csv.DictWriter(file, list(rows[0]))
        writer.writeheader()
        writer.writerows(rows)
    assert run("gold", "add", "queue.csv").stdout.startswith("3 answers added")
    assert [row["gold"] for row in rows_of("gold_answers.jsonl")] == ["a", "b", "tie"]


def test_a_queue_with_responses_in_the_other_order_is_turned(queue: list[dict[str, Any]]) -> None:
    row = queue[0]
    turned = row | {"response_a": row["response_b"], "response_b": row["response_a"], "gold": "a"}
    write("turned.jsonl", [turned])
    assert run("gold", "add", "turned.jsonl").exit_code == 0
    (kept,) = rows_of("gold_answers.jsonl")
    assert (kept["gold"], kept["response_a"], kept["rule"]) == ("b", row["response_a"], row["rule"])


def test_what_cannot_be_used_is_listed_and_the_rest_is_kept(queue: list[dict[str, Any]]) -> None:
    parts = parts_of_run()
    free = {row["id"] for row in queue}
    unasked = next(i for i, value in parts.items() if value == ("pool", None) and i not in free)
    locked = next(i for i, (part, gold) in parts.items() if part == "test" and gold)
    known, verdict = next(
        (i, gold) for i, (part, gold) in parts.items() if part == "dev" and gold in ("a", "b")
    )
    other = "a" if verdict == "b" else "b"
    first, second, third, fourth = queue[:4]
    write(
        "answers_in.jsonl",
        [
            first | {"gold": "a"},
            second | {"gold": "a"},
            second | {"gold": "b"},
            third | {"gold": "b", "response_a": "something else"},
            {"id": unasked, "gold": "a"},
            {"id": locked, "gold": "a"},
            {"id": known, "gold": other},
            {"id": "nowhere", "gold": "a"},
            fourth | {"gold": None},
        ],
    )
    done = run("gold", "add", "answers_in.jsonl", "--json")
    assert done.exit_code == 0, done.output
    found = json.loads(done.stdout)
    assert (found["n_added"], found["n_known"]) == (1, 0)
    told = "\n".join(row["reason"] for row in found["set_aside"])
    for words in (
        f"contradictory gold for id '{second['id']}'",
        "its responses are not those of the pair",
        f"pair '{unasked}' was not asked by this run; name the run that did",
        f"the prompt of pair '{locked}' is in the locked test part",
        f"pair '{known}' has the gold '{verdict}' already, and this says '{other}'",
        "no pair of the run has the id 'nowhere'",
    ):
        assert words in told
    assert {row["line"] for row in found["set_aside"]} == {2, 3, 4, 5, 6, 7, 8}
    assert [row["id"] for row in rows_of("gold_answers.jsonl")] == [first["id"]]
    assert run("gold", "add", "answers_in.jsonl", "--unasked").stdout.startswith(
        "1 answers added, 1 known before"
    )


def test_an_answer_that_contradicts_an_earlier_one_changes_nothing(queue: list[dict[str, Any]]) -> None:
    write("one.jsonl", [queue[0] | {"gold": "a"}])
    write("other.jsonl", [queue[0] | {"gold": "b"}])
    assert run("gold", "add", "one.jsonl").exit_code == 0
    before = Path("gold_answers.jsonl").read_bytes()
    # Told apart before the run has read the first answer, and after.
    for _ in range(2):
        done = run("gold", "add", "other.jsonl")
        assert done.exit_code == 2
        assert "none of its 1 answers can be used" in done.stderr
        assert "'a'" in done.stderr
        assert Path("gold_answers.jsonl").read_bytes() == before
        assert run("read").exit_code == 0


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["next", "--n", "0"], "n is 0"),
        (["next", "--max-calls", "0"], "0 of 50 pairs can be asked within the budget"),
        (["next", "--acquisition", "corset"], "Did you mean 'coreset'"),
        (["next", "--space", "text"], "no setting of random 'space'"),
        (["next", "--out", "queue.txt"], "written as .jsonl or .csv"),
        (["next", "--price", "-1"], "price is -1.0"),
        (["gold", "add", "nowhere.jsonl"], "nowhere.jsonl"),
        (["gold", "add", "empty.jsonl"], "holds no gold"),
    ],
)
def test_a_mistake_is_one_line(project: Path, arguments: list[str], words: str) -> None:
    write("empty.jsonl", [{"id": "x", "gold": None}])
    done = run(*arguments)
    assert done.exit_code == 2, done.output
    (line,) = [line for line in done.stderr.splitlines() if line.startswith("error: ")]
    assert words in line
    assert not Path("gold_answers.jsonl").exists() or not Path("answers.jsonl").stat().st_size


def test_more_than_there_are_is_all_there_are(project: Path) -> None:
    found = asked("--n", "5000", "--random-share", "0")
    assert len(found["questions"]) == found["n_open"]
    assert "all of them" in found["notes"][0]
    done = run("next", "--skip-asked")
    assert done.exit_code == 2
    assert "were asked before" in done.stderr


def test_a_queue_that_cannot_be_written_asks_nothing(project: Path) -> None:
    assert run("next", "--out", "queue.txt").exit_code == 2
    assert not Path("runs/base/questions.jsonl").exists()


def test_disagreement_keeps_its_second_opinion(project: Path) -> None:
    first = run("next", "--n", "6", "--acquisition", "disagreement")
    assert first.exit_code == 0, first.output
    assert Path("runs/base/second_opinion.parquet").is_file()
    assert "the reward model" in first.stdout
    again = run("next", "--n", "6", "--acquisition", "disagreement")
    assert again.stdout == first.stdout
    assert "opinion (unchanged)" in " ".join(again.stderr.split())


def test_answers_of_another_run_are_left_alone(queue: list[dict[str, Any]]) -> None:
    write("one.jsonl", [queue[0] | {"gold": "a"}])
    assert run("gold", "add", "one.jsonl").exit_code == 0
    write(
        "others.jsonl",
        [{"id": f"o{i}", "prompt": f"p{i}", "response_a": "x", "response_b": f"y {i}"} for i in range(5)],
    )
    done = run("read", "--name", "other", "--pairs", "others.jsonl", "--set", "data.gold=''")
    assert done.exit_code == 0, done.output
    assert "0 rows set aside" in done.stderr or "set aside" not in done.stderr
