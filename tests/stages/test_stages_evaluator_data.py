"""Pairs for an evaluator: the paper's rule, early checkpoints first, the same pairs after any kill."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from weaklabel.comparers.checker import Checker
from weaklabel.errors import ArtifactError, ConfigError, DataError
from weaklabel.stages.evaluators.data import (
    REFERENCE_OVER_RIGHT,
    REFERENCE_OVER_WRONG,
    RIGHT_OVER_WRONG,
    AnsweringSettings,
    _Answer,
    build_pairs,
    emitted,
)
from weaklabel.types.demonstration import Demonstration

REFERENCE = _Answer("reference", None)
ANSWERS = st.lists(st.text("ab", min_size=1, max_size=3), max_size=6)


def answers(texts: list[str]) -> list[_Answer]:
    return [_Answer(text, step) for step, text in enumerate(texts)]


# ---------------------------------------------------------------------------------------- the rule
@given(ANSWERS, ANSWERS, st.integers(0, 2**32))
def test_which_pairs_a_prompt_gives(right: list[str], wrong: list[str], seed: int) -> None:
    made = emitted(REFERENCE, answers(right), answers(wrong), np.random.default_rng(seed))
    kinds = [how for _, _, how in made]
    if right:
        assert kinds == [REFERENCE_OVER_RIGHT, *([RIGHT_OVER_WRONG] if wrong else [])]
    else:
        assert kinds == ([REFERENCE_OVER_WRONG] if wrong else [])
    for better, worse, how in made:
        if how == RIGHT_OVER_WRONG:
            assert better in [*answers(right), REFERENCE]
        else:
            assert better is REFERENCE
        assert worse in (answers(right) if how == REFERENCE_OVER_RIGHT else answers(wrong))


@pytest.mark.parametrize("n", [1, 2, 5])
def test_the_ith_of_n_is_drawn_with_weight_two_to_the_n_minus_1_minus_i(n: int) -> None:
    draw, wrong = np.random.default_rng(0), answers([f"w{i}" for i in range(n)])
    n_draws = 4000
    found = [emitted(REFERENCE, [], wrong, draw)[0][1].step for _ in range(n_draws)]
    share = np.bincount(np.array(found, dtype=np.int64), minlength=n) / n_draws
    weights = 2.0 ** (n - 1 - np.arange(n))
    assert share == pytest.approx(weights / weights.sum(), abs=4 * 0.5 / np.sqrt(n_draws))


def test_the_reference_is_the_last_and_rarest_of_the_better_answers() -> None:
    draw, right = np.random.default_rng(0), answers(["r0", "r1"])
    better = [emitted(REFERENCE, right, answers(["w"]), draw)[1][0].text for _ in range(4000)]
    share = [better.count(text) / 4000 for text in ("r0", "r1", "reference")]
    assert share == pytest.approx([4 / 7, 2 / 7, 1 / 7], abs=0.035)


# ---------------------------------------------------------------------------------------- a whole run
torch = pytest.importorskip("torch")
DIGITS = "0123456789"


def demonstrations(n: int = 30) -> list[Demonstration]:
    return [Demonstration(f"Which digit follows {i % 9} in row {i}?", f" {i % 9 + 1}.") for i in range(n)]


def is_right(prompt: str, response: str) -> bool:
    return response.strip().rstrip(".") == str(int(prompt.split()[3]) + 1)


CHECKER = Checker(is_right)


def settings(**more: Any) -> AnsweringSettings:
    given: dict[str, Any] = {
        "from_scratch": "tiny",
        "max_steps": 40,
        "learning_rate": 3e-3,
        "groups_per_batch": 10,
        "max_length": 64,
        "max_new_tokens": 6,
        "save_steps": 0.25,
    }
    return AnsweringSettings(**given | more)


@pytest.fixture(scope="module")
def whole(tmp_path_factory: pytest.TempPathFactory) -> Any:
    return build_pairs(
        demonstrations(), CHECKER, settings=settings(), folder=tmp_path_factory.mktemp("whole")
    )


@pytest.mark.trains
def test_checkpoints_answer_and_what_they_say_becomes_pairs_with_gold(whole: Any) -> None:
    assert [step for step, _, _ in whole.checkpoints] == [10, 20, 30, 40]
    assert whole.checkpoints[-1][1] > whole.checkpoints[0][1]  # it learns
    pairs = whole.pairs
    assert set(pairs.parts) == {"dev"}
    rows = pairs.table.to_pylist()
    for row in rows:
        better, worse = ("a", "b") if row["gold"] == "a" else ("b", "a")
        assert (row["gold"] == "b") == row["swapped"]
        texts = {side: row[f"response_{side}"] for side in "ab"}
        assert all(text == text.strip() for text in texts.values())
        right = {side: is_right(row["prompt"], text) for side, text in texts.items()}
        assert right[better]
        assert right[worse] == (row["made_as"] == REFERENCE_OVER_RIGHT)
        assert (row[f"step_{better}"] is None) or row["made_as"] == RIGHT_OVER_WRONG
    assert 0.2 < np.mean([row["gold"] == "b" for row in rows]) < 0.8
    assert len({row["id"] for row in rows}) == len(rows)


@pytest.mark.trains
def test_every_prompt_is_accounted_for(whole: Any) -> None:
    prompts = set(whole.pairs.table["prompt"].to_pylist())
    assert whole.counts["prompts"] == 30 == len(prompts) + whole.counts["without pairs"]
    assert whole.counts["repeated"] == whole.counts["wrong references"] == 0
    usable = sum(n for _, _, n in whole.checkpoints)
    assert usable + whole.counts["unusable"] == 4 * 30
    assert "step 10: " in str(whole)


class Killed(Exception):
    pass


@pytest.mark.trains
@pytest.mark.parametrize("after", [0, 17, 45, 90, 119])
def test_a_run_that_is_killed_ends_with_the_same_pairs(
    whole: Any, tmp_path: Path, after: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    from weaklabel.servers.replies import ReplyCache

    add, kept = ReplyCache.add, []

    def counted(self: ReplyCache, answers: Mapping[str, Any]) -> None:
        for key, reply in answers.items():
            if len(kept) == after:
                raise Killed
            add(self, {key: reply})
            kept.append(key)

    with monkeypatch.context() as until_then:
        until_then.setattr(ReplyCache, "add", counted)
        with pytest.raises(Killed):
            build_pairs(demonstrations(), CHECKER, settings=settings(), folder=tmp_path)
    again = build_pairs(demonstrations(), CHECKER, settings=settings(), folder=tmp_path)
    assert again.pairs.table.equals(whole.pairs.table)
    assert (again.checkpoints, again.counts) == (whole.checkpoints, whole.counts)


@pytest.mark.trains
def test_another_seed_of_the_draws_gives_other_pairs_and_a_folder_is_one_runs(
    whole: Any, tmp_path: Path
) -> None:
    other = build_pairs(demonstrations(), CHECKER, settings=settings(seed=1), folder=tmp_path)
    assert not other.pairs.table.equals(whole.pairs.table)
    with pytest.raises(ArtifactError, match=r"holds another training run: settings.temperature"):
        build_pairs(demonstrations(), CHECKER, settings=settings(seed=1, temperature=0.9), folder=tmp_path)


@pytest.mark.trains
def test_repeated_prompts_and_references_that_the_checker_calls_wrong_are_counted(tmp_path: Path) -> None:
    rows = [
        *demonstrations(12),
        Demonstration("Which digit follows 0 in row 0?", " 7."),
        Demonstration("x y z 1", ""),
    ]
    rows[1] = Demonstration(rows[1].prompt, " 9.")
    found = build_pairs(rows, CHECKER, settings=settings(max_steps=4, save_steps=2), folder=tmp_path)
    assert found.counts["prompts"] == 12
    assert found.counts["repeated"] == 1
    assert found.counts["wrong references"] == 1


@pytest.mark.trains
def test_answers_that_are_all_empty_give_no_pair(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from weaklabel.servers.protocol import Reply
    from weaklabel.training.decoding import Responder

    def silent(self: Responder, asked: Any, *_: Any, **__: Any) -> Any:
        yield [(i, Reply("  ", finish="stop", tokens_in=1, tokens_out=1)) for i in range(len(asked))]

    monkeypatch.setattr(Responder, "replies", silent)
    with pytest.raises(DataError, match=r"no pair could be made of 6 prompts: 12 answers were empty"):
        build_pairs(demonstrations(6), CHECKER, settings=settings(max_steps=2, save_steps=1), folder=tmp_path)


@pytest.mark.trains
@pytest.mark.parametrize(
    ("given", "message"),
    [
        ({"audit": True}, "audit is set, which the model that answers has no use for"),
        ({"batch_size": 0}, "batch_size is 0"),
        ({"temperature": -1.0}, "temperature is -1"),
        ({"save_steps": 1.5}, "save_steps is 1.5. Allowed: a whole number of steps from 1, or a share"),
        ({"save_steps": 0}, "save_steps is 0"),
        ({"from_scratch": None}, "answers: got neither of model and from_scratch"),
    ],
)
def test_settings_that_make_no_sense_are_one_line(given: dict[str, Any], message: str) -> None:
    with pytest.raises(ConfigError, match=message):
        settings(**given)
