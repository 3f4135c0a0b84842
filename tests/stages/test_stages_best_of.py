"""The stage `best_of`: files that others read, who judges, bad input."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow.parquet as pq
import pytest

pytest.importorskip("torch")
pytest.importorskip("transformers")

from made_pairs import made_pairs

import weaklabel as wl
from weaklabel.data.asked.demonstrations import read_demonstrations
from weaklabel.errors import (
    ArgumentError,
    ArtifactError,
    ConfigError,
    DataError,
    LabelMatrixError,
    NotCalibratedError,
)
from weaklabel.groups import gather_groups, trainable_groups
from weaklabel.reward.files import read_taught
from weaklabel.reward.linear import LinearReward
from weaklabel.types import Comparer, FloatArray, Pairs

pytestmark = pytest.mark.trains

CHECKS = """
def long(prompt, response):
    return len(response)

def digits(prompt, response):
    return sum(letter.isdigit() for letter in response)

def same(prompt, response):
    return 1
"""
TINY: dict[str, Any] = {"from_scratch": "tiny", "num_generations": 4, "max_new_tokens": 6}
N = 6


class Longer(Comparer):
    """Gives no scores."""

    def compare(self, pairs: Pairs) -> FloatArray:
        a, b = (pairs.table[name].to_pylist() for name in ("response_a", "response_b"))
        return np.array([(1 + np.sign(len(y) - len(x))) / 2 for x, y in zip(a, b, strict=True)])


def long(prompt: str, response: str) -> int:
    return len(response)


def digits(prompt: str, response: str) -> int:
    return sum(letter.isdigit() for letter in response)


def prompts(n: int = N) -> list[dict[str, str]]:
    return [{"prompt": f"Which digit follows {k}?"} for k in range(n)]


@pytest.fixture
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    folder = tmp_path / "project"
    folder.mkdir()
    (folder / "checks.py").write_text(CHECKS)
    (folder / "prompts.jsonl").write_text("".join(json.dumps(row) + "\n" for row in prompts()))
    (folder / "weaklabel.toml").write_text("[lfs]\nuse = []\n")
    monkeypatch.chdir(folder)
    return folder


def files(folder: Path) -> dict[str, bytes]:
    found = (path for path in sorted(folder.rglob("*")) if path.is_file() and path.name != ".lock")
    return {path.relative_to(folder).as_posix(): path.read_bytes() for path in found}


def lines(path: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines()]


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("made")
    wl.stages.best_of(prompts(), output_dir=folder, comparer=long, held_out=digits, **TINY)
    return folder / "round-00"


def test_the_demonstrations_are_the_best_samples_and_sft_reads_them(made: Path) -> None:
    rows, samples = lines(made / "demonstrations.jsonl"), lines(made / "samples.jsonl")
    assert len(samples) == N * 4
    for row in rows:
        of = [each for each in samples if each["prompt"] == row["prompt"] and "score" in each]
        assert len(of) == row["of"]
        best = max(of, key=lambda each: each["score"])  # the first of equal ones
        assert (best["response"], best["sample"], best["chosen"]) == (
            row["completion"],
            row["sample"],
            "best",
        )
        assert row["score"] == len(row["completion"])
        assert row["held_out"] == digits("", row["completion"])
    read = read_demonstrations(str(made / "demonstrations.jsonl"))
    assert [(d.prompt, d.completion, d.w) for d in read.rows] == [
        (row["prompt"], row["completion"], 1.0) for row in rows
    ]


def test_pairs_hold_the_best_against_the_worst_with_p_of_the_comparer(made: Path) -> None:
    table = pq.read_table(made / "pairs.parquet").to_pylist()
    chosen = {(row["prompt"], row["chosen"]): row for row in lines(made / "samples.jsonl")}
    assert len(table) == len(lines(made / "demonstrations.jsonl"))
    for row in table:
        sides = ("a", "b") if row["p"] == 0 else ("b", "a")
        for side, role in zip(sides, ("best", "worst"), strict=True):
            sample = chosen[row["prompt"], role]
            assert row[f"response_{side}"] == sample["response"]
            assert row[f"number_{side}"] == sample["sample"]
            assert row[f"score_{side}"] == sample["score"]
        assert row["calibrated"] is False
    assert {row["p"] for row in table} == {0.0, 1.0}  # the order is a coin's


def test_groups_hold_every_two_samples_and_are_what_a_trainer_takes(made: Path) -> None:
    pairs, beliefs = read_taught(str(made / "groups.parquet"), allow_uncalibrated=True)
    assert beliefs is not None
    groups = trainable_groups(gather_groups(pairs, *beliefs)).groups
    samples = lines(made / "samples.jsonl")
    for group in groups:
        texts = {row["response"] for row in samples if row["prompt"] == group.prompt and "score" in row}
        assert set(group.responses) == texts
        assert len(group.comparisons) == len(texts) * (len(texts) - 1) // 2
        for each in group.comparisons:
            i, j = (len(group.responses[k]) for k in (each.i, each.j))
            assert each.p == (1.0 if j > i else 0.5 if j == i else 0.0)


def test_what_it_came_to_names_files_and_no_model(made: Path) -> None:
    said = str(wl.stages.read_rounds(made.parent))
    assert f"files: {made}" in said
    assert "model: " not in said


def test_the_curve_and_the_card_say_what_was_found(made: Path) -> None:
    curve = json.loads((made / "curve.json").read_text())
    assert [row["n"] for row in curve] == list(range(1, len(curve) + 1))
    means = [row["reward"]["value"] for row in curve]
    assert means == sorted(means)
    assert (made / "curve.svg").read_text().startswith("<svg")
    said = (made / "README.md").read_text()
    assert "# Best of n" in said
    assert '"judged by"' not in said
    assert 'judged by: "score"' in said


def test_samples_that_are_kept_serve_another_comparer(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    more = TINY | {"samples_dir": str(tmp_path / "samples")}
    first = wl.stages.best_of(prompts(), output_dir=tmp_path / "a", comparer=long, **more)
    from weaklabel.training.decoding import Responder

    monkeypatch.setattr(Responder, "_batch", None)  # nothing is drawn again
    second = wl.stages.best_of(prompts(), output_dir=tmp_path / "b", comparer=Longer(), **more)
    texts = [
        [row["response"] for row in lines(each.rounds[0].folder / "samples.jsonl")]
        for each in (first, second)
    ]
    assert texts[0] == texts[1]
    figures = second.rounds[0].figures
    assert figures["judged by"] == "win rate"
    assert "gives single responses no score" in str(second)
    # Both put the longest first, and what is equally long is drawn first.
    chosen = [lines(each.rounds[0].folder / "demonstrations.jsonl") for each in (first, second)]
    assert [row["completion"] for row in chosen[0]] == [row["completion"] for row in chosen[1]]


def test_without_groups_the_best_and_worst_are_compared_alone(tmp_path: Path, made: Path) -> None:
    result = wl.stages.best_of(prompts(), output_dir=tmp_path, comparer=long, groups=False, **TINY)
    folder = result.rounds[0].folder
    assert not (folder / "groups.parquet").exists()
    assert pq.read_table(folder / "pairs.parquet").equals(pq.read_table(made / "pairs.parquet"))


def test_a_reward_is_chosen_by_less_its_spread_and_the_files_say_so(tmp_path: Path) -> None:
    words = [(f"a {k}", f"b {k} {k}") for k in range(60)]
    pairs = made_pairs(words, gold=["b" if k % 3 else "a" for k in range(60)])
    reward = LinearReward(n_features=256).fit(pairs, pairs.y, gold=pairs.y)
    reward.save(tmp_path / "reward")
    wl.write_pairs(pairs, tmp_path / "gold.parquet")
    more: dict[str, Any] = {
        "comparer": str(tmp_path / "reward"),
        "spread_data": str(tmp_path / "gold.parquet"),
    }
    found = {
        spread: wl.stages.best_of(
            prompts(), output_dir=tmp_path / spread, pessimism=2.0, spread=spread, **more, **TINY
        )
        for spread in ("laplace", "folds")
    }
    for result in found.values():
        rows = [row for row in lines(result.rounds[0].folder / "samples.jsonl") if "score" in row]
        assert all(row["spread"] >= 0 for row in rows)
        by_prompt: dict[str, list[dict[str, Any]]] = {}
        for row in rows:
            by_prompt.setdefault(row["prompt"], []).append(row)
        for some in by_prompt.values():
            best = [row for row in some if row["chosen"] == "best"]
            values = [row["score"] - 2.0 * row["spread"] for row in some]
            assert not best or max(values) == pytest.approx(best[0]["score"] - 2.0 * best[0]["spread"])
        assert result.rounds[0].figures["spread of samples"] > 0
    a, b = (json.loads((each.folder / "rounds.json").read_text())["inputs"] for each in found.values())
    assert a["spread_data"] == b["spread_data"]


def test_several_models_choose_together(tmp_path: Path, project: Path) -> None:
    result = wl.stages.best_of(
        prompts(),
        output_dir=tmp_path / "out",
        comparer="checks.py:long",
        spread="models",
        spread_models=["checks.py:digits"],
        **TINY,
    )
    for row in lines(result.rounds[0].folder / "samples.jsonl"):
        if "score" in row:
            assert row["score"] == (long("", row["response"]) + digits("", row["response"])) / 2


def test_labels_give_their_prompts_and_a_labeler_compares(tmp_path: Path) -> None:
    pairs = made_pairs(
        [(f"a {i}", f"b b {i}") for i in range(40)], gold=["a", "b"] * 20, part=["dev", "test"] * 20
    )
    lfs = wl.load_lfs("shipped:length")
    labeler = wl.fit(lfs, pairs, model="majority_vote")
    result = wl.stages.best_of(
        labeler.label(pairs), output_dir=tmp_path, comparer=labeler, lfs=lfs, **TINY | {"num_generations": 3}
    )
    asked = {row["prompt"] for row in lines(result.rounds[0].folder / "samples.jsonl")}
    assert asked == {pair.prompt for pair, part in zip(pairs, pairs.parts, strict=True) if part != "test"}
    table = pq.read_table(result.rounds[0].folder / "groups.parquet")
    assert result.rounds[0].figures["judged by"] == "win rate"
    expected = labeler.label(Pairs(table.select(pairs.table.column_names)))
    assert table["p"].to_numpy() == pytest.approx(expected.p)


def run(tmp_path: Path, **given: Any) -> Any:
    rows = given.pop("prompts", prompts(2))
    return wl.stages.best_of(rows, output_dir=tmp_path / "out", **{"comparer": long} | TINY | given)


@pytest.mark.parametrize(
    ("given", "error", "said"),
    [
        ({"comparer": lambda p, r: 1}, DataError, "the same score, so that there is nothing to choose"),
        ({"comparer": lambda p, r: float("nan")}, LabelMatrixError, "scores that are not finite"),
        ({"held_out": lambda p, r: float("inf")}, LabelMatrixError, "scores that are not finite"),
        ({"held_out": long}, ConfigError, "held_out is the comparer that chooses"),
        ({"comparer": None}, ConfigError, "there is no comparer. Give comparer"),
        (
            {"comparer": 3},
            ArgumentError,
            "a comparer, .* something that scores responses, a function, a text, a path or None",
        ),
        ({"num_generations": 1}, ConfigError, "the best of one sample is no choice"),
        ({"prompts": []}, DataError, "cannot be read|holds no prompts"),
        ({"comparer": "nowhere"}, ConfigError, "there is no such folder"),
        ({"max_new_tokens": 10**6}, ConfigError, "max_new_tokens"),
        ({"spread": "laplace"}, ConfigError, "rests on pairs, and there are no labels"),
        ({"spread": "models", "spread_models": ["nowhere"]}, ConfigError, "there is no such folder"),
    ],
)
def test_bad_input_is_told_in_one_line(
    given: dict[str, Any], error: type[Exception], said: str, tmp_path: Path
) -> None:
    with pytest.raises(error, match=said) as told:
        run(tmp_path, **given)
    assert "\n" not in str(told.value)


def test_samples_of_a_comparer_that_failed_serve_another_one(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with pytest.raises(DataError, match="samples_dir = ") as told:
        run(tmp_path, comparer=lambda prompt, response: 1)
    with pytest.raises(ArtifactError, match=r"inputs.comparer differ"):
        run(tmp_path)  # the samples lie in that folder
    from weaklabel.training.decoding import Responder

    monkeypatch.setattr(Responder, "_batch", None)  # nothing is drawn again
    kept = str(told.value).partition("samples_dir = '")[2].partition("'")[0]
    result = run(tmp_path / "again", samples_dir=kept)
    assert len(lines(result.rounds[0].folder / "samples.jsonl")) == 2 * 4


def test_a_policy_that_says_nothing_is_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from weaklabel.training import decoding

    monkeypatch.setattr(decoding, "_decoded", lambda tokenizer, ids: " ")
    with pytest.raises(DataError, match="none of 8 samples can be used: 8 are empty"):
        run(tmp_path)


def test_a_policy_that_says_one_thing_is_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from weaklabel.training import decoding

    monkeypatch.setattr(decoding, "_decoded", lambda tokenizer, ids: "yes")
    with pytest.raises(DataError, match="no prompt of 2 has two different samples"):
        run(tmp_path, comparer=Longer())


def test_who_gives_no_scores_is_asked_about_every_pair_once(tmp_path: Path) -> None:
    asked: list[int] = []

    class Counting(Longer):
        def compare(self, pairs: Pairs) -> FloatArray:
            asked.append(len(pairs))
            return super().compare(pairs)

    result = run(tmp_path, comparer=Counting())
    assert sum(asked) == 2 * result.rounds[0].figures["groups"]  # in both orders


def test_the_same_reward_by_name_twice_is_refused(tmp_path: Path, project: Path) -> None:
    with pytest.raises(ConfigError, match="held_out is the comparer that chooses"):
        run(tmp_path, comparer="checks.py:long", held_out="checks.py:long")


def test_another_comparer_or_other_prompts_are_another_stage(tmp_path: Path) -> None:
    run(tmp_path)
    with pytest.raises(ArtifactError, match=r"inputs.comparer differ"):
        run(tmp_path, comparer=digits)
    with pytest.raises(ArtifactError, match=r"inputs.prompts differ"):
        run(tmp_path, prompts=prompts(3))


def test_the_command_says_a_mistake_in_one_line(project: Path) -> None:
    (project / "none.jsonl").write_text("")
    words = ["best-of", "--from-scratch", "tiny", "--comparer", "checks.py:same", "--data"]
    for data, said in (("none.jsonl", "none.jsonl"), ("prompts.jsonl", "nothing to choose")):
        more = ["--set", "stage.max_new_tokens=4", "-n", "2"]
        done = subprocess.run(
            [sys.executable, "-m", "weaklabel.cli", *words, data, *more],
            capture_output=True,
            text=True,
            timeout=300,
        )
        assert done.returncode == 2
        assert said in done.stderr.strip().splitlines()[-1]


def test_a_linear_reward_is_unsure_by_the_labels_that_taught_it(tmp_path: Path) -> None:
    pairs = made_pairs([(f"a {i}", f"b b {i}") for i in range(60)], gold=["a", "b", "b"] * 20)
    labels = wl.fit(wl.load_lfs("shipped:length"), pairs, model="majority_vote").label(pairs)
    reward = wl.train_reward(labels, "linear")
    result = wl.stages.best_of(
        labels, output_dir=tmp_path, comparer=reward, spread="laplace", **TINY | {"num_generations": 2}
    )
    assert result.rounds[0].figures["judged by"] == "score"
    assert result.rounds[0].figures["spread of samples"] > 0


def test_sft_and_dpo_learn_from_what_was_written(tmp_path: Path, made: Path) -> None:
    training: dict[str, Any] = {"from_scratch": "tiny", "max_steps": 2, "max_length": 64, "audit": False}
    sft = wl.stages.sft(str(made / "demonstrations.jsonl"), output_dir=tmp_path / "sft", **training)
    assert sft.rounds[0].figures["demonstrations"] == len(lines(made / "demonstrations.jsonl"))
    for name in ("pairs", "groups"):
        source, folder = str(made / f"{name}.parquet"), tmp_path / name
        with pytest.raises(NotCalibratedError, match="were never calibrated on gold"):
            wl.stages.dpo(source, output_dir=folder, **training)
        done = wl.stages.dpo(source, output_dir=folder, allow_uncalibrated=True, **training)
        assert done.rounds[0].figures["steps"] == 2
