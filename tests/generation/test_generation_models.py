"""`generate_pairs` with real models: in this process, and behind `transformers serve`. Killed, it continues."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from pathlib import Path

import pyarrow.parquet as pq
import pytest
from tiny_models import make_model

from weaklabel import generate_pairs
from weaklabel.errors import EndpointError
from weaklabel.reward.linear import LinearReward
from weaklabel.servers.endpoint import Endpoint
from weaklabel.servers.protocol import Reply
from weaklabel.training.sampling import Sampling

pytestmark = pytest.mark.trains
pytest.importorskip("torch")
pytest.importorskip("transformers")

PROMPTS = [
    {"prompt": f"{word} {other}"} for word in ("sun", "moon", "sea") for other in ("hill", "tree", "bird")
]
SAMPLING = Sampling(max_new_tokens=12, seed=3)

KILLED = """
import os, signal
from weaklabel.servers.replies import ReplyCache
add, kept = ReplyCache.add, []
def counted(self, answers):
    for key, reply in answers.items():
        add(self, {{key: reply}})
        kept.append(key)
        if len(kept) == {after}:
            os.kill(os.getpid(), signal.SIGKILL)
ReplyCache.add = counted
from weaklabel.cli.main import main
main({arguments!r})
"""


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Two models, a reward model, and prompts in a file."""
    from made_pairs import made_pairs

    made = tmp_path_factory.mktemp("models")
    make_model(made / "one", seed=1)
    make_model(made / "two", seed=2)
    pairs = made_pairs([("sun", "moon"), ("rain", "sun sun")])
    LinearReward(n_features=64).fit(pairs, [0.0, 1.0]).save(made / "reward")
    (made / "prompts.csv").write_text("prompt\n" + "".join(f"{row['prompt']}\n" for row in PROMPTS))
    return made


@pytest.fixture(autouse=True)
def workplace(tmp_path: Path, folder: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    for name in ("one", "two", "reward", "prompts.csv"):
        (tmp_path / name).symlink_to(folder / name)
    monkeypatch.chdir(tmp_path)
    return tmp_path


def test_two_local_models_answer_in_turn_and_a_reward_model_labels_them():
    made = generate_pairs(PROMPTS, ["one", "two"], "reward", "out.parquet", k=4, sampling=SAMPLING)
    table = pq.read_table(made.path)
    assert set(table["model_a"].to_pylist()) == {"one", "two"}
    assert set(table["comparer"].to_pylist()) == {"reward"}
    assert made.counts["responses"] == 4 * len(PROMPTS)
    assert made.tokens["one"][1] <= 12 * 2 * len(PROMPTS)
    assert len(set(table["response_a"].to_pylist())) > 5


def test_batches_and_the_company_of_other_prompts_change_nothing_in_a_text():
    whole = generate_pairs(PROMPTS, ["one"], "reward", "whole.parquet", k=3, sampling=SAMPLING, cache="a")
    single = generate_pairs(
        PROMPTS, ["one"], "reward", "single.parquet", k=3, sampling=SAMPLING, cache="b", batch_size=1
    )
    some = generate_pairs(PROMPTS[5:], ["one"], "reward", "some.parquet", k=3, sampling=SAMPLING, cache="c")
    assert whole.path.read_bytes() == single.path.read_bytes()
    assert set(pq.read_table(some.path)["id"].to_pylist()) < set(pq.read_table(whole.path)["id"].to_pylist())


def test_a_run_that_is_killed_continues_and_ends_with_the_same_bytes(workplace: Path):
    arguments = ["generate", "--prompts", "prompts.csv", "--model", "one", "--comparer", "reward", "-k", "3"]
    arguments += ["--max-new-tokens", "12", "--seed", "3", "--batch-size", "4", "--out", "out.parquet"]
    whole = generate_pairs(
        "prompts.csv", ["one"], "reward", "whole.parquet", k=3, sampling=SAMPLING, cache="a"
    )
    killed = subprocess.run(
        [sys.executable, "-c", KILLED.format(after=10, arguments=arguments)],
        env=os.environ | {"OMP_NUM_THREADS": "1"},
        capture_output=True,
    )
    assert killed.returncode == -signal.SIGKILL, killed.stderr.decode()
    (journal,) = (workplace / ".weaklabel/responses").glob("*.jsonl")
    assert len(journal.read_text().splitlines()) == 10
    assert not Path("out.parquet").exists()
    told: list[int] = []
    made = generate_pairs(
        "prompts.csv", ["one"], "reward", "out.parquet", k=3, sampling=SAMPLING,
        batch_size=4, progress=lambda done, total: told.append(done),
    )  # fmt: skip
    assert told[0] == 10
    assert made.path.read_bytes() == whole.path.read_bytes()
    assert Path("out.parquet.manifest.json").read_bytes() == Path("whole.parquet.manifest.json").read_bytes()


def test_stops_and_beams_are_settings_like_others_and_stand_in_the_file():
    drawn = Sampling(max_new_tokens=12, temperature=0, num_beams=3, stop=["sun", "rain"])
    made = generate_pairs(PROMPTS, ["one", "two"], "reward", "out.parquet", sampling=drawn)
    rows = pq.read_table(made.path).to_pylist()
    assert {row["num_beams"] for row in rows} == {3}
    assert rows[0]["stop"] == ["sun", "rain"]
    assert not any(
        word in row[f"response_{side}"] for row in rows for side in "ab" for word in ("sun", "rain")
    )
    assert generate_pairs(
        PROMPTS, ["one", "two"], "reward", "out.parquet", sampling=drawn, append=True
    ).n_pairs


def test_a_model_whose_weights_change_is_asked_anew(workplace: Path):
    (workplace / "one").unlink()
    make_model(workplace / "one", seed=1)
    first = generate_pairs(PROMPTS, ["one"], "reward", "first.parquet", sampling=SAMPLING)
    make_model(workplace / "one", seed=9)
    second = generate_pairs(PROMPTS, ["one"], "reward", "second.parquet", sampling=SAMPLING)
    assert first.path.read_bytes() != second.path.read_bytes()
    assert len(list((workplace / ".weaklabel/responses").glob("*.jsonl"))) == 2


@pytest.mark.parametrize("api", ["chat", "completions"])
def test_a_real_server_answers_and_what_it_said_is_kept(transformers_server: str, folder: Path, api: str):
    tiny = Endpoint(
        url=transformers_server, model=str(folder / "one"), api=api, timeout=120, concurrency=2, max_tries=2
    )
    made = generate_pairs(PROMPTS, [tiny], "reward", "out.parquet", sampling=SAMPLING)
    table = pq.read_table(made.path)
    assert made.counts["responses"] == 2 * len(PROMPTS)
    assert made.n_pairs > 5
    assert set(table["model_a"].to_pylist()) == {str(folder / "one")}
    assert len(set(table["response_a"].to_pylist())) > 5
    gone = Endpoint(url=transformers_server, model=str(folder / "one"), api=api, timeout=0.001, max_tries=1)
    again = generate_pairs(PROMPTS, [gone], "reward", "again.parquet", sampling=SAMPLING)
    assert again.path.read_bytes() == made.path.read_bytes()


def test_greedy_answers_of_a_server_are_those_of_the_same_model_here(transformers_server: str, folder: Path):
    from weaklabel.artifacts.hash_memo import HashMemo
    from weaklabel.data.asked.prompts import read_prompts
    from weaklabel.generation.responders import EndpointSource, LocalSource, Slot

    greedy = Sampling(max_new_tokens=12, temperature=0)
    there = EndpointSource(
        Endpoint(url=transformers_server, model=str(folder / "one"), timeout=120, concurrency=1), greedy
    )
    here = LocalSource("one", greedy, HashMemo(Path("hashes")))
    slots = [Slot(prompt, 0, str(i)) for i, prompt in enumerate(read_prompts(PROMPTS).prompts)]
    said: list[dict[str, str]] = []
    for source in (here, there):
        found: dict[str, Reply] = {}
        list(source.ask(slots, set(), found.update))
        said.append({key: reply.text.strip() for key, reply in found.items()})
    assert said[0] == said[1]
    assert len(said[0]) == len(PROMPTS)


def test_a_model_that_a_server_does_not_have_is_one_clear_error(transformers_server: str):
    wrong = Endpoint(url=transformers_server, model="nowhere/model", timeout=60, max_tries=1)
    with pytest.raises(EndpointError, match="nowhere/model"):
        generate_pairs(PROMPTS, [wrong], "reward", "out.parquet", sampling=SAMPLING)
