"""`generate_pairs` against a server that answers as a test wants: pairs, labels, counts, resuming, bad input."""

from __future__ import annotations

import json
from collections import Counter
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow.parquet as pq
import pytest
from made_pairs import made_pairs
from model_server import closed_port, completion, refusal, serving

from weaklabel import fit, generate_pairs, load_lfs, read_pairs, write_pairs
from weaklabel.errors import (
    ArtifactError,
    ConfigError,
    DataError,
    EndpointError,
    LabelMatrixError,
    LayoutError,
)
from weaklabel.reward.linear import LinearReward
from weaklabel.servers.endpoint import Endpoint
from weaklabel.training.sampling import Sampling
from weaklabel.types import sigmoid
from weaklabel.types.messages import copied

pytestmark = pytest.mark.same_everywhere

PROMPTS = [{"prompt": f"Question {i}?"} for i in range(6)]


class LongerWins:
    """P(B beats A) from the difference in length."""

    calibrated = True

    def compare(self, pairs: Any) -> Any:
        a, b = (pairs.table[name].to_pylist() for name in ("response_a", "response_b"))
        return sigmoid(np.array([len(y) - len(x) for x, y in zip(a, b, strict=True)], dtype=float) / 10)


def by_seed(body: dict[str, Any]) -> Any:
    """A text of 1 to 40 words that depends on prompt and seed alone."""
    prompt = body["messages"][-1]["content"]
    return completion(f"{prompt} {'word ' * (1 + body['seed'] % 40)}from {body['seed']}")


def to(server: Any, model: str = "tiny", **more: Any) -> Endpoint:
    return Endpoint(url=server.url, model=model, **({"max_tries": 1} | more))


@pytest.fixture(autouse=True)
def workplace(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    return tmp_path


def rows_of(path: Path) -> list[dict[str, Any]]:
    return pq.read_table(path).to_pylist()


def test_every_two_of_k_responses_are_a_pair_that_says_where_it_came_from():
    with serving(by_seed) as server:
        made = generate_pairs(
            PROMPTS, [to(server)], LongerWins(), "out.parquet", k=3, sampling=Sampling(top_p=0.9, seed=7)
        )
    rows = rows_of(made.path)
    assert (made.n_pairs, made.n_prompts, made.counts["responses"]) == (18, 6, 18)
    assert Counter(row["prompt"] for row in rows) == {p["prompt"]: 3 for p in PROMPTS}
    numbers = {tuple(sorted((row["number_a"], row["number_b"]))) for row in rows}
    assert numbers == {(0, 1), (0, 2), (1, 2)}
    assert all(row["swapped"] == (row["number_a"] > row["number_b"]) for row in rows)
    assert {row["swapped"] for row in rows} == {True, False}
    first = rows[0]
    told = (
        "model_a",
        "model_b",
        "finish_a",
        "temperature",
        "top_p",
        "top_k",
        "max_new_tokens",
        "generation_seed",
    )
    assert [first[name] for name in told] == ["tiny", "tiny", "stop", 1.0, 0.9, 0, 256, 7]
    assert first["comparer"] == "LongerWins"
    assert (first["gold"], first["part"], first["source"]) == (None, "pool", "generated")


def test_the_comparer_labels_the_pairs_and_they_are_read_back_without_gold():
    with serving(by_seed) as server:
        made = generate_pairs(PROMPTS, [to(server)], LongerWins(), "out.jsonl")
    for line in made.path.read_text().splitlines():
        row = json.loads(line)
        difference = len(row["response_b"]) - len(row["response_a"])
        assert row["p"] == pytest.approx(1 / (1 + np.exp(-difference / 10)))
        assert row["label"] == ("b" if difference > 0 else "a" if difference < 0 else "tie")
        assert row["confidence"] == max(row["p"], 1 - row["p"])
        assert (row["w"], row["calibrated"]) == (1.0, True)
    pairs = read_pairs(str(made.path))
    assert len(pairs) == made.n_pairs
    assert not pairs.has_gold.any()
    assert set(pairs.parts) == {"pool"}


def test_a_labeler_gives_weight_zero_where_no_function_votes_and_says_whether_it_is_calibrated():
    Path("lfs.py").write_text(
        "from weaklabel import keyword_scorer\npolite = keyword_scorer('polite', ['please'], prefer='more')\n"
    )
    pairs = made_pairs([("no", "please"), ("please go", "go"), ("x", "please y")], gold=["b", "a", "b"])
    fit(load_lfs("lfs.py"), pairs, model="majority_vote", calibration="none").save("labeler")
    with serving(lambda body: completion("please" if body["seed"] % 3 else str(body["seed"]))) as server:
        with pytest.raises(ArtifactError, match="'polite' of 'lfs'"):
            generate_pairs(PROMPTS, [to(server)], "labeler", "out.parquet", k=3)
        assert not server.bodies
        made = generate_pairs(PROMPTS, [to(server)], "labeler", "out.parquet", k=3, lfs=load_lfs("lfs.py"))
    rows = rows_of(made.path)
    assert {row["w"] for row in rows} == {0.0, 1.0}
    for row in rows:
        polite = ["please" in row[f"response_{side}"] for side in "ab"]
        assert row["w"] == (polite[0] != polite[1])
        assert row["label"] == ("tie" if not row["w"] else "b" if polite[1] else "a")
        assert (row["calibrated"], row["comparer"]) == (False, "labeler")


def test_neighbours_are_each_response_with_the_next():
    with serving(by_seed) as server:
        made = generate_pairs(PROMPTS, [to(server)], LongerWins(), "out.parquet", k=4, pair_up="neighbours")
    numbers = Counter(tuple(sorted((row["number_a"], row["number_b"]))) for row in rows_of(made.path))
    assert numbers == {(0, 1): 6, (1, 2): 6, (2, 3): 6}


@pytest.mark.parametrize(("each", "k", "asked"), [(False, 4, (2, 2)), (False, 3, (2, 1)), (True, 2, (2, 2))])
def test_several_models_take_turns_or_give_k_each(each, k, asked):
    with serving(by_seed) as server:
        models = [to(server, "one"), to(server, "two")]
        made = generate_pairs(PROMPTS, models, LongerWins(), "out.parquet", k=k, each=each)
    sent = Counter(body["model"] for body in server.bodies)
    assert (sent["one"], sent["two"]) == tuple(6 * n for n in asked)
    of = {(row["number_a"], row["model_a"]) for row in rows_of(made.path)}
    assert {model for number, model in of if number % 2 == 0} == {"one"}
    assert {model for number, model in of if number % 2 == 1} == {"two"}


def test_empty_identical_and_refused_responses_are_set_aside_and_counted():
    said = iter(["", "  same ", "same", "other", "only", "only", "only", " "])

    def answer(body: dict[str, Any]) -> Any:
        return completion(next(said))

    with serving(answer) as server:
        one = to(server, concurrency=1)
        made = generate_pairs(PROMPTS[:2], [one], LongerWins(), "out.parquet", k=4)
    assert {name: made.counts[name] for name in ("empty", "identical", "prompts_without_pairs")} == {
        "empty": 2,
        "identical": 3,
        "prompts_without_pairs": 1,
    }
    (row,) = rows_of(made.path)
    assert {row["response_a"], row["response_b"]} == {"same", "other"}


def test_the_coin_turns_about_half_of_the_pairs_and_another_seed_turns_others():
    prompts = [{"prompt": f"Question {i}?"} for i in range(100)]
    with serving(lambda body: completion(str(body["seed"]))) as server:
        made = [
            generate_pairs(
                prompts, [to(server)], LongerWins(), f"{seed}.parquet", sampling=Sampling(seed=seed)
            )
            for seed in (0, 1)
        ]
    first, second = ([row["swapped"] for row in rows_of(m.path)] for m in made)
    assert 30 < sum(first) < 70
    assert first != second


def test_the_same_command_asks_nothing_again_and_writes_the_same_bytes():
    with serving(by_seed) as server:
        made = generate_pairs(PROMPTS, [to(server)], LongerWins(), "out.parquet")
        before = [made.path.read_bytes(), Path("out.parquet.manifest.json").read_bytes()]
        generate_pairs(PROMPTS, [to(server)], LongerWins(), "out.parquet")
        assert len(server.bodies) == 12
        generate_pairs(PROMPTS, [to(server)], LongerWins(), "out.parquet", sampling=Sampling(temperature=0.5))
        assert len(server.bodies) == 24
        generate_pairs(PROMPTS, [to(server)], LongerWins(), "out.parquet", k=2)
    assert [made.path.read_bytes(), Path("out.parquet.manifest.json").read_bytes()] == before


def test_a_server_that_goes_away_leaves_what_it_said_and_the_file_is_as_if_it_had_not():
    n = 30
    prompts = [{"prompt": f"Question {i}?"} for i in range(n)]
    with serving(by_seed) as server:
        whole = generate_pairs(prompts, [to(server)], LongerWins(), "whole.parquet", cache="other")

        def until_it_goes(body: dict[str, Any]) -> Any:
            return by_seed(body) if len(server.bodies) <= 100 else refusal(503)

        server.answer = until_it_goes
        with pytest.raises(EndpointError, match=r"20 requests in a row failed.*the same command continues"):
            generate_pairs(prompts, [to(server, concurrency=1)], LongerWins(), "out.parquet")
        assert not Path("out.parquet").exists()
        server.answer = by_seed
        known = len(server.bodies)
        made = generate_pairs(prompts, [to(server)], LongerWins(), "out.parquet")
    assert len(server.bodies) - known == 2 * n - 40
    assert made.path.read_bytes() == whole.path.read_bytes()


def test_a_prompt_whose_request_failed_waits_for_the_next_run():
    def picky(body: dict[str, Any]) -> Any:
        return refusal(400, "too long") if "3" in body["messages"][0]["content"] else by_seed(body)

    with serving(picky) as server:
        made = generate_pairs(PROMPTS, [to(server)], LongerWins(), "out.parquet")
        assert (made.n_pairs, made.counts["failed"], made.counts["prompts_failed"]) == (5, 2, 1)
        assert "2 failed; the same command asks for them again" in str(made)
        generate_pairs(PROMPTS, [to(server)], LongerWins(), "out.parquet")
        assert len(server.bodies) == 14
        server.answer = by_seed
        made = generate_pairs(PROMPTS, [to(server)], LongerWins(), "out.parquet")
    assert (made.n_pairs, made.counts.get("failed", 0)) == (6, 0)
    assert len(server.bodies) == 16


def test_tokens_and_cost_are_those_that_the_server_reports():
    with serving(by_seed) as server:
        made = generate_pairs(
            PROMPTS, [to(server)], LongerWins(), "out.parquet", price_in=2.0, price_out=10.0
        )
    assert made.tokens == {"tiny": (1200, 12)}
    assert made.cost == pytest.approx((1200 * 2 + 12 * 10) / 1e6)


def test_a_conversation_is_sent_as_it_is_and_further_fields_go_along():
    turns = [
        {"role": "user", "content": "Hi"},
        {"role": "assistant", "content": "Yes?"},
        {"role": "human", "content": "Why?"},
        {"role": "assistant", "content": "This is what is asked for."},
    ]
    sampling = Sampling(temperature=0.7, top_k=5, max_new_tokens=9)
    with serving(lambda body: completion(str(len(server.bodies)))) as server:
        made = generate_pairs(
            [{"messages": turns}],
            [to(server, concurrency=1)],
            LongerWins(),
            "out.parquet",
            sampling=sampling,
            body={"seed": "omit", "min_p": 0.1},
        )
    body = server.bodies[0]
    sent = [*turns[:2], {"role": "user", "content": "Why?"}]
    assert body == {
        "model": "tiny",
        "stream": False,
        "messages": sent,
        "temperature": 0.7,
        "top_p": 1.0,
        "top_k": 5,
        "max_tokens": 9,
        "min_p": 0.1,
    }
    (row,) = rows_of(made.path)
    assert list(copied(row["messages"])) == sent
    assert row["prompt"].startswith("Human: Hi")


def test_every_response_of_a_prompt_has_a_seed_of_its_own_that_the_other_prompts_do_not_change():
    with serving(by_seed) as server:
        generate_pairs(PROMPTS, [to(server)], LongerWins(), "all.parquet", k=3, cache="a")
        seeds = {(body["messages"][0]["content"], body["seed"]) for body in server.bodies}
        assert len({seed for _, seed in seeds}) == 18
        server.bodies.clear()
        generate_pairs(PROMPTS[4:], [to(server)], LongerWins(), "some.parquet", k=3, cache="b")
    assert {(body["messages"][0]["content"], body["seed"]) for body in server.bodies} < seeds


def test_locked_test_prompts_are_left_out_unless_told_otherwise():
    parts = ["dev", "test", "pool", "test"]
    pairs = made_pairs([("x", "y")] * 4, part=parts, gold=["a", "b", None, "a"])
    Path("run").mkdir()
    write_pairs(pairs, "run/pairs.parquet")
    LinearReward(n_features=64).fit(pairs, [0.0, 1.0, 0.0, 1.0]).save("run/reward")
    disguises = ["  prompt   p{}", "PROMPT p{}.", "\ufeffprompt p{}", "prompt\u00a0p{}", "prompt p{}"]
    asked = [{"prompt": disguises[i].format(i)} for i in range(5)]
    with serving(by_seed) as server:
        by_run = generate_pairs(asked, [to(server)], "run/reward", "a.parquet")
        by_part = generate_pairs("run/pairs.parquet", [to(server)], LongerWins(), "b.parquet")
        every = generate_pairs(asked, [to(server)], "run/reward", "c.parquet", include_test=True)
    assert (by_run.n_prompts, by_run.n_locked) == (3, 2)
    assert (by_part.n_prompts, by_part.n_locked) == (2, 2)
    assert (every.n_prompts, every.n_locked) == (5, 0)
    assert {row["prompt"].strip()[-2:] for row in rows_of(by_run.path)} == {"p0", "p2", "p4"}
    with pytest.raises(DataError, match="all 1 prompts are in the locked test part"):
        generate_pairs(asked[1:2], [to(server)], "run/reward", "d.parquet")


@pytest.mark.parametrize("name", ["gold.parquet", "gold.jsonl"])
def test_appending_keeps_the_pairs_that_are_there_and_adds_each_new_one_once(name):
    gold = made_pairs([("x", "y"), ("u", "v")], gold=["a", "b"], columns={"note": ["one", "two"]})
    if name.endswith("jsonl"):
        Path(name).write_text("".join(json.dumps(row) + "\n" for row in gold.table.to_pylist()))
    else:
        write_pairs(gold, name)
    with serving(by_seed) as server:
        made = generate_pairs(PROMPTS, [to(server)], LongerWins(), name, append=True)
        bytes_ = made.path.read_bytes()
        generate_pairs(PROMPTS, [to(server)], LongerWins(), name, append=True)
        assert made.path.read_bytes() == bytes_
        more = generate_pairs([{"prompt": "One more?"}], [to(server)], LongerWins(), name, append=True)
        pairs = read_pairs(name)
        with pytest.raises(ConfigError, match="not all of it was made by weaklabel generate"):
            generate_pairs(PROMPTS, [to(server)], LongerWins(), name)
    assert (made.n_pairs, made.n_kept, more.n_pairs, more.n_kept) == (6, 2, 1, 8)
    assert pairs.table["gold"].to_pylist() == ["a", "b"] + [None] * 7
    assert pairs.table["note"].to_pylist() == ["one", "two"] + [None] * 7
    runs = json.loads(Path(f"{name}.manifest.json").read_text())["runs"]
    assert [run["n_pairs"] for run in runs] == [6, 1]


def test_a_file_in_another_layout_or_made_by_others_is_never_replaced():
    Path("mine.jsonl").write_text('{"prompt": "p", "chosen": "x", "rejected": "y"}\n')
    with serving(by_seed) as server:
        with pytest.raises(ConfigError, match=r"mine\.jsonl exists, and not all of it was made"):
            generate_pairs(PROMPTS, [to(server)], LongerWins(), "mine.jsonl")
        with pytest.raises(LayoutError, match="needs the column 'response_a'"):
            generate_pairs(PROMPTS, [to(server)], LongerWins(), "mine.jsonl", append=True)
    assert server.bodies == []
    assert Path("mine.jsonl").read_text().startswith('{"prompt": "p", "chosen"')


def test_the_manifest_says_what_the_pairs_were_made_of():
    with serving(by_seed) as server:
        generate_pairs(PROMPTS, [to(server)], LongerWins(), "out.parquet", k=3, sampling=Sampling(seed=4))
    about = json.loads(Path("out.parquet.manifest.json").read_text())
    assert about["kind"] == "generated_pairs"
    assert about["settings"]["sampling"]["seed"] == 4
    assert about["settings"]["models"] == [{"model": "tiny", "url": server.url, "api": "chat", "body": {}}]
    assert about["runs"][0]["counts"]["responses"] == 18
    assert len(about["inputs"]["prompts"]) == 64


def test_progress_counts_responses_over_all_models():
    told: list[tuple[int, int]] = []
    with serving(by_seed) as server:
        models = [to(server, "one"), to(server, "two")]
        generate_pairs(
            PROMPTS,
            models,
            LongerWins(),
            "out.parquet",
            progress=lambda done, total: told.append((done, total)),
        )
    assert [done for done, _ in told] == sorted(done for done, _ in told)
    assert told[-1] == (12, 12)
    assert {total for _, total in told} == {12}


class Nonsense:
    def compare(self, pairs: Any) -> Any:
        return np.full(len(pairs), 1.5)


def test_a_comparer_that_gives_no_probabilities_is_an_error():
    with (
        serving(by_seed) as server,
        pytest.raises(LabelMatrixError, match=r"comparer 'Nonsense' returned .* outside \[0, 1\]"),
    ):
        generate_pairs(PROMPTS, [to(server)], Nonsense(), "out.parquet")


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"k": 1}, "k is 1 with 1 model"),
        ({"k": 1, "each": True}, "k is 1 with 1 model"),
        ({"sampling": Sampling(temperature=0)}, "temperature is 0, so a model gives the same response"),
        ({"pair_up": "some"}, "pair_up is 'some'"),
        ({"limit": 0}, "limit is 0"),
        ({"out": "out.csv"}, r"out is 'out\.csv'"),
        ({"models": []}, "no model was named"),
        ({"models": ["nowhere/model"]}, "there is no model 'nowhere/model': it is no folder"),
        ({"models": ["."]}, r"there is no model '\.': it holds no config\.json"),
        ({"body": {"api_key": "x"}}, "A key goes into an environment variable"),
    ],
)
def test_bad_settings_are_found_before_anything_is_asked(settings, message):
    with serving(by_seed) as server:
        given = {"models": [to(server)], "out": "out.parquet"} | settings
        models, out = given.pop("models"), given.pop("out")
        with pytest.raises(ConfigError, match=message):
            generate_pairs(PROMPTS, models, LongerWins(), out, **given)
    assert server.bodies == []


def test_more_models_than_responses_and_one_model_twice_are_errors():
    one, two, three = (Endpoint(url="http://127.0.0.1:9/v1", model=name) for name in "abc")
    with pytest.raises(ConfigError, match=r"k is 2 with 3 model.*at least 3"):
        generate_pairs(PROMPTS, [one, two, three], LongerWins(), "out.parquet")
    with pytest.raises(ConfigError, match="model 'a' is named twice"):
        generate_pairs(PROMPTS, [one, one], LongerWins(), "out.parquet")


def test_an_endpoint_where_nobody_listens_is_an_error_that_says_so():
    nobody = Endpoint(url=f"http://127.0.0.1:{closed_port()}/v1", model="tiny")
    with pytest.raises(EndpointError, match="no connection to"):
        generate_pairs(PROMPTS, [nobody], LongerWins(), "out.parquet")


def test_responses_that_are_all_the_same_leave_nothing_to_write():
    with (
        serving(lambda body: completion("same")) as server,
        pytest.raises(
            DataError, match=r"no pairs could be made of 6 prompts: identical 6.*Raise temperature"
        ),
    ):
        generate_pairs(PROMPTS, [to(server)], LongerWins(), "out.parquet")
    assert not Path("out.parquet").exists()


def test_a_model_of_the_hub_is_looked_for_when_it_is_needed_and_not_when_it_is_named(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    from weaklabel.artifacts.steps import HashMemo
    from weaklabel.generation import responders

    looked_for: list[str] = []
    monkeypatch.setattr(responders, "_model_folder", lambda name: looked_for.append(name) or tmp_path)
    source = responders.LocalSource("hf:org/name", Sampling(), HashMemo(tmp_path / "hashes"))
    assert (source.name, looked_for) == ("hf:org/name", [])
    assert source.asked["weights"] == source.about["sha256"]
    assert looked_for == ["hf:org/name"]
