"""`init` and `read` on files as they come: what is written, asked and told."""

from __future__ import annotations

import json
import re
import tomllib
from pathlib import Path
from typing import Any

import pytest
from command_line import answer
from command_line import printed as run

from weaklabel.data.pairs_file import PairsFile


@pytest.fixture
def empty(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    return tmp_path


def put(path: Path, *rows: dict[str, Any]) -> None:
    path.write_text("".join(json.dumps(row) + "\n" for row in rows), encoding="utf-8")


def settings() -> dict[str, Any]:
    found: dict[str, Any] = tomllib.loads(Path("weaklabel.toml").read_text(encoding="utf-8"))["data"]
    return found


def test_what_init_writes_is_what_read_takes(empty: Path) -> None:
    rows = [
        {
            "system": "S",
            "question": f"Q{i}",
            "response_0": "x",
            "response_1": "y",
            "better_response_id": i % 2,
        }
        for i in range(6)
    ]
    put(empty / "d.jsonl", *rows)
    err = run("init", "d.jsonl")[1]
    assert (
        "found    prompt = question, response_a = response_0, response_b = response_1, gold = better_response_id"
        in err
    )
    told = answer("read")
    assert (told["n_pairs"], told["gold"], told["notes"]) == (6, 6, [])
    table = PairsFile(empty / "runs/base/pairs.parquet").read(0)
    assert table["gold"].to_pylist() == ["a", "b"] * 3
    assert table["messages"][0].as_py()[0]["content"] == "S"


def test_what_init_asks_is_shown_with_a_row_and_read_says_what_is_missing(empty: Path) -> None:
    put(empty / "d.jsonl", {"frage": "Wann?", "eins": "Um sechs.", "zwei": "Nie."})
    err = run("init", "d.jsonl")[1]
    assert "asks     which column is response_a?" in err
    assert "eins: 'Um sechs.'" in err
    assert "still says 'FILL IN' for prompt and response_a and response_b" in run("read", code=2)[1]
    columns = "prompt=frage,response_a=eins,response_b=zwei"
    assert answer("read", "--columns", columns)["n_pairs"] == 1


def test_a_gold_column_that_is_a_question_is_answered_by_a_setting(empty: Path) -> None:
    rows = [{"prompt": f"Q{i}", "response_a": "x", "response_b": "y", "winner": 1 + i % 2} for i in range(4)]
    put(empty / "d.jsonl", *rows)
    assert "gold in column 'winner' holds 1, 2" in run("init", "d.jsonl")[1]
    assert 'gold_values = { "1" = "a", "2" = "b" }' in run("read", code=2)[1]
    told = answer("read", "--set", 'data.gold_values={ "1" = "a", "2" = "b" }')
    assert told["gold"] == 4
    keys = {
        row["key"]: row["value"]
        for row in answer("config", "--set", 'data.gold_values={ "1" = "a" }')["settings"]
    }
    assert keys["data.gold_values"] == {"1": "a"}


def test_a_meaning_that_gold_cannot_have_is_one_line(empty: Path) -> None:
    put(empty / "d.jsonl", {"prompt": "Q", "response_a": "x", "response_b": "y", "winner": 1})
    err = run("read", "--pairs", "d.jsonl", "--set", 'data.gold_values={ "1" = "left" }', code=2)[1]
    assert "data.gold_values.1" in err
    assert len(err.strip().splitlines()) == 1


def test_read_tells_of_columns_that_may_be_gold_and_of_dialogues_that_differ(empty: Path) -> None:
    put(
        empty / "d.jsonl",
        *({"prompt": f"Q{i}", "response_a": "x", "response_b": "y", "judged_best": i % 2} for i in range(4)),
    )
    assert any(
        "gold may be in judged_best (0, 1)" in note for note in answer("read", "--pairs", "d.jsonl")["notes"]
    )

    def talk(first: str, second: str) -> list[dict[str, str]]:
        said = (("user", "Hi"), ("assistant", first), ("user", "More"), ("assistant", second))
        return [{"role": role, "content": content} for role, content in said]

    rows = [
        {
            "conversation_a": talk("x", f"a{i}"),
            "conversation_b": talk("y", f"b{i}"),
            "winner": "tie",
            "turn": 2,
        }
        for i in range(3)
    ]
    put(empty / "t.jsonl", *rows)
    assert "3 pairs judge a later turn" in run("read", "--pairs", "t.jsonl", "--name", "t")[1]


def test_single_responses_lay_out_no_project(empty: Path) -> None:
    put(empty / "d.jsonl", {"prompt": "Q", "completion": "x", "label": True})
    assert "each row holds one response" in run("init", "d.jsonl", code=2)[1]
    assert [path.name for path in empty.iterdir()] == ["d.jsonl"]


@pytest.mark.parametrize(("n", "share", "stay"), [(450, 0.5, 200), (300, 0.33, 200), (60, 0.2, 48)])
def test_init_says_how_many_pairs_it_locks_away_and_leaves_enough_to_fit_on(
    empty: Path, n: int, share: float, stay: int
) -> None:
    rows = [{"prompt": f"Question {i}?", "chosen": f"yes {i}", "rejected": f"no {i}"} for i in range(n)]
    put(empty / "raw.jsonl", *rows)
    told = run("init", "raw.jsonl")[1]
    assert re.search(rf"locks +about [\d,]+ of .*pairs with gold; .* \(data.test_share = {share}\)", told)
    assert settings()["test_share"] == share
    counts = answer("read")
    assert counts["dev"] >= stay
    assert counts["test"] > 0
