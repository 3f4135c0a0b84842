"""`weaklabel generate` as it is typed: JSON, the few words for a person, and mistakes as one line."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner
from made_pairs import made_pairs
from model_server import closed_port, completion, serving

from weaklabel.cli.main import main
from weaklabel.reward.linear import LinearReward


@pytest.fixture(autouse=True)
def workplace(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    pairs = made_pairs([("sun", "moon"), ("rain", "sun sun")])
    LinearReward(n_features=64).fit(pairs, [0.0, 1.0]).save("reward")
    Path("prompts.jsonl").write_text('{"q": "One?"}\n{"q": "Two?"}\n{"q": "Two?"}\n{"q": ""}\n')
    return tmp_path


def generate(url: str, *more: str, prompts: str = "prompts.jsonl", comparer: str = "reward") -> Any:
    arguments = ["--prompts", prompts, "--columns", "prompt=q", "--model", f"tiny@{url}", "--max-tries", "1"]
    return CliRunner().invoke(
        main, ["generate", *arguments, "--comparer", comparer, "--out", "out.jsonl", *more]
    )


def by_seed(body: dict[str, Any]) -> Any:
    return completion(f"answer {body.get('seed', 0)}", finish="length")


def test_json_says_what_was_made_and_nothing_else_is_on_stdout():
    with serving(by_seed) as server:
        done = generate(server.url, "-k", "3", "--price-in", "1", "--price-out", "1", "--json")
    assert done.exit_code == 0, done.output
    found = json.loads(done.stdout)
    assert (found["n_prompts"], found["n_pairs"], found["path"]) == (2, 6, "out.jsonl")
    assert found["counts"] == {
        "cut_off": 6, "prompts_with_pairs": 2, "repeated": 1, "responses": 6, "set_aside": 1,
    }  # fmt: skip
    assert found["cost"] == pytest.approx(6 * 101 / 1e6)
    assert "1 rows without a usable prompt were set aside" in done.stderr
    assert len(Path("out.jsonl").read_text().splitlines()) == 6


def test_a_person_reads_how_many_pairs_what_they_cost_and_what_to_look_at():
    with serving(by_seed) as server:
        done = generate(server.url)
    assert "2 pairs of 2 prompts: out.jsonl" in done.stdout
    assert "tiny: 400 tokens in, 4 out" in done.stdout
    assert "4 were cut off at the longest length (and stay)" in done.stdout


def test_options_reach_the_server():
    with serving(by_seed) as server:
        generate(server.url, "--temperature", "0.3", "--top-p", "0.8", "--field", "min_p=0.1", "--limit", "1")
    assert len(server.bodies) == 2
    body = server.bodies[0]
    assert (body["temperature"], body["top_p"], body["min_p"]) == (0.3, 0.8, 0.1)


@pytest.mark.parametrize(
    ("more", "settings", "message"),
    [
        (["-k", "1"], {}, "k is 1 with 1 model(s)"),
        ([], {"prompts": "nowhere.jsonl"}, "nowhere.jsonl does not exist"),
        ([], {"prompts": "empty.jsonl"}, "empty.jsonl is empty"),
        ([], {"comparer": "nowhere"}, "nowhere holds no labeler, reward model or evaluator"),
        (["--model", "models/none"], {}, "there is no model 'models/none': it is no folder"),
        (["--top-p", "2"], {}, "top_p is 2"),
        (["--key-env", "A_KEY_THAT_IS_NOT_SET"], {}, "A_KEY_THAT_IS_NOT_SET is not set"),
        ([], {}, "no connection to"),
    ],
)
def test_a_mistake_is_one_line(more, settings, message):
    Path("empty.jsonl").write_text("")
    done = generate(f"http://127.0.0.1:{closed_port()}/v1", *more, **settings)
    assert done.exit_code == 2
    (line,) = done.stderr.strip().splitlines()
    assert line.startswith("error: ")
    assert message in line
    assert not Path("out.jsonl").exists()


def test_a_field_without_a_value_is_a_usage_error():
    done = generate("http://127.0.0.1:9/v1", "--field", "seed")
    assert done.exit_code == 2
    assert "'seed' is not NAME=JSON" in done.stderr
