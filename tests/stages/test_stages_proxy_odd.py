"""Odd data and odd settings of the proxy loop: nothing leaks, no budget is passed, nothing is guessed, and nobody is stuck."""

from __future__ import annotations

import json
import sys
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any, ClassVar

import numpy as np
import pytest

from weaklabel.comparers.expert import ByScore
from weaklabel.comparers.metered import Metered
from weaklabel.comparers.people import People
from weaklabel.data import read_pairs
from weaklabel.data.asked.prompts import Prompt
from weaklabel.errors import ConfigError, DataError, LabelMatrixError, WaitingError
from weaklabel.ledger import Budget, Cost
from weaklabel.reward.base import prompt_hashes
from weaklabel.reward.linear import LinearReward
from weaklabel.reward.scale import others
from weaklabel.servers.protocol import Reply
from weaklabel.stages.best_of.sampled import Draws
from weaklabel.stages.materials import Materials
from weaklabel.stages.proxy.answers import Answer, Answers
from weaklabel.stages.proxy.asking import Asking, metered
from weaklabel.stages.proxy.candidates import ON_POLICY, Candidates
from weaklabel.stages.proxy.curve import curve_of
from weaklabel.stages.proxy.evaluation import EvaluationModel
from weaklabel.stages.proxy.given import Given, given_of
from weaklabel.stages.proxy.reports import Histogram
from weaklabel.stages.proxy.settings import ProxySettings
from weaklabel.stages.taught import Taught
from weaklabel.types import FloatArray, Pair, Pairs

WORDS = ("good", "cat", "dog", "sun", "bad", "moon")


class Says:
    """An expert who gives the same score to every response, unless told otherwise, and counts questions."""

    name = "says"

    def __init__(self, score: Any = 3.0) -> None:
        self.given, self.n = score, 0

    def score(self, prompts: Sequence[str], responses: Sequence[str]) -> Any:
        self.n += len(responses)
        return self.given if isinstance(self.given, list) else np.full(len(responses), self.given)


class Counts(Says):
    """3, and one more for each "good", one less for each "bad"."""

    def score(self, prompts: Sequence[str], responses: Sequence[str]) -> Any:
        self.n += len(responses)
        said = [3.0 + text.split().count("good") - text.split().count("bad") for text in responses]
        return np.clip(said, 0, 5)


def draws_of(n: int, k: int = 4, seed: int = 0) -> Draws:
    rng = np.random.default_rng(seed)
    prompts = [Prompt.of(f"Tell me of number {row}.") for row in range(n)]
    replies = [[Reply(" ".join(rng.choice(WORDS, 3)), "stop") for _ in range(k)] for _ in prompts]
    return Draws.of_replies(prompts, replies)


def settings_of(**more: Any) -> ProxySettings:
    return ProxySettings(**{"from_scratch": "tiny", "expert": "checks.py:score", "queries": 20, **more})


def paid_by(chosen: ProxySettings, expert: Any, folder: Path) -> Metered:
    inner = ByScore(expert, name="says") if chosen.unit == "pairs" and isinstance(expert, Says) else expert
    return metered(inner, "says", "hash", chosen, folder / "answers")


def asked(chosen: ProxySettings, expert: Any, folder: Path, draws: Draws | None = None, **more: Any) -> Any:
    paid = paid_by(chosen, expert, folder)
    candidates = Candidates.of_draws(
        draws_of(20) if draws is None else draws, single=chosen.unit == "responses"
    )
    asking = Asking(chosen, paid, EvaluationModel(chosen, **more))
    return asking.asked(candidates, Answers(), 0, folder), paid


# ---------------------------------------------------------------------------------------- experts who say the same of all
def test_scores_that_are_all_equal_end_no_batch(tmp_path: Path) -> None:
    chosen = settings_of(unit="responses", query_batch=5)
    found, paid = asked(chosen, Says(), tmp_path)
    assert len(found.answers) == paid.ledger.spent.responses == 20
    assert [row.belief for row in found.answers.rows] == [None] * 20
    assert EvaluationModel(chosen).fitted(found.answers) is None
    assert curve_of(EvaluationModel(chosen), found.answers, None, 2, 0) is None


def test_a_curve_on_gold_leaves_out_where_scores_are_all_equal() -> None:
    draws = draws_of(30)
    rows = [scored(draws, k, 3.0 if k < 20 else 3.0 + (k % 3)) for k in range(60)]
    curve = curve_of(
        EvaluationModel(settings_of(unit="responses")), Answers(tuple(rows)), gold_of(12).pairs, 6, 0
    )
    assert curve is not None
    assert [point.answers for point in curve.points] == [30, 40, 50, 60]


def test_pairs_that_are_all_ties_are_answers_of_which_nothing_is_believed(tmp_path: Path) -> None:
    found, _ = asked(settings_of(acquisition="uncertainty", query_batch=5), Says(), tmp_path)
    assert found.answers.said.tolist() == [0.5] * 20
    assert {row.belief for row in found.answers.rows} == {None, 0.5}
    assert "nothing was believed of the pairs yet" in found.notes[0]


@pytest.mark.parametrize(
    ("score", "said"),
    [
        (np.nan, r"20 of 20 scores that are not finite"),
        ([1.0], r"expert 'says' returned shape \(1,\) for 20 responses"),
        (["good"] * 20, "expert 'says' returned a list that holds something else than numbers"),
    ],
)
@pytest.mark.parametrize("unit", ["pairs", "responses"])
def test_what_is_no_score_is_not_paid(unit: str, score: Any, said: str, tmp_path: Path) -> None:
    # A function is asked about each distinct response of a pair once.
    draws = Draws.of_replies([Prompt.of("p")], [[Reply(f"{k}", "stop") for k in range(20)]])
    with pytest.raises(LabelMatrixError, match=said) as told:
        asked(settings_of(unit=unit, queries=190), Says(score), tmp_path, draws)
    assert "\n" not in str(told.value)
    assert not paid_by(settings_of(unit=unit), Says(), tmp_path).ledger.spent.responses


# ---------------------------------------------------------------------------------------- budgets
@pytest.mark.parametrize(("price", "n"), [(0.7, 10), (0.4, 50), (0.1, 40)])
@pytest.mark.parametrize("batch", [None, 1])
def test_money_holds_as_many_questions_as_it_pays(
    price: float, n: int, batch: int | None, tmp_path: Path
) -> None:
    chosen = settings_of(
        budget={"money": round(price * n, 6)}, price={"money": price}, queries=n + 5, query_batch=batch
    )
    found, paid = asked(chosen, Counts(), tmp_path)
    assert len(found.answers) == n
    assert paid.ledger.spent.money == round(price * n, 6)


@pytest.mark.parametrize(
    ("unit", "budget", "price"),
    [
        ("pairs", "money", {}),
        ("pairs", "responses", {}),
        ("responses", "pairs", {}),
        ("pairs", "calls", {"money": 1.0}),
    ],
)
def test_a_budget_that_nothing_is_counted_against_is_refused(
    unit: str, budget: str, price: dict[str, float]
) -> None:
    with pytest.raises(
        ConfigError, match=f"budget has '{budget}', of which a question costs nothing .*Limit {unit}, or"
    ):
        settings_of(unit=unit, budget={budget: 50}, price=price)
    assert settings_of(unit="pairs", budget={"calls": 50}, price={"calls": 2}).limits == Budget(calls=50)


def test_a_budget_that_is_lowered_below_what_is_spent_asks_nothing_and_forgets_nothing(
    tmp_path: Path,
) -> None:
    first, _ = asked(settings_of(budget={"pairs": 12}), Counts(), tmp_path)
    expert = Counts()
    lower, paid = asked(settings_of(budget={"pairs": 3}), expert, tmp_path)
    assert lower.answers == first.answers
    assert (expert.n, paid.ledger.spent.pairs) == (0, 12)
    higher, paid = asked(settings_of(budget={"pairs": 15}), expert, tmp_path)
    assert higher.answers.rows[:12] == first.answers.rows
    assert paid.ledger.spent.pairs == len(higher.answers) == 15


def test_how_many_a_budget_holds_is_what_one_after_the_other_finds() -> None:
    prompts, responses = ["p"] * 9, ["a", "b", "a", "c", "d", "b", "e", "f", "g"]
    for limit in range(9):
        paid = Metered(Says(), name="says", budget=Budget(responses=limit))
        if limit:
            paid.score(["p"], ["c"])
        known, brute = {"c"} if limit else set(), 0
        for text in responses:
            known.add(text)
            if len(known) > limit:
                break
            brute += 1
        assert paid.held_responses(prompts, responses) == brute


def test_an_expert_with_a_budget_of_its_own_takes_no_other() -> None:
    own = Metered(ByScore(Says()), name="own", budget=Budget(pairs=3))
    rows = [{"prompt": f"Number {k}?"} for k in range(4)]
    for more in ({"budget": {"pairs": 5}}, {"price": {"money": 1.0}}, {"answers_dir": "kept"}):
        chosen = settings_of(expert=None, audit=False, **more)
        with pytest.raises(
            ConfigError, match=f"{next(iter(more))} came with an expert that is metered already, 'own'"
        ):
            given_of(chosen, Materials.given(chosen, rows), own, None)


def test_answers_by_another_rubric_are_other_answers(tmp_path: Path) -> None:
    asked(settings_of(unit="responses", rubric=[0, 5]), Says(2.0), tmp_path)
    expert = Says(2.0)
    found, paid = asked(settings_of(unit="responses", rubric=[0, 2]), expert, tmp_path)
    assert expert.n == len(found.answers) == paid.ledger.spent.responses == 20
    expert = Says(2.0)
    asked(settings_of(unit="responses", rubric=[0, 2]), expert, tmp_path)
    assert expert.n == 0


# ---------------------------------------------------------------------------------------- what judges teaches nothing
def row_of(k: int, **more: Any) -> dict[str, Any]:
    return {
        "id": f"r{k}",
        "prompt": f"Tell me of number {k}.",
        "response_a": "good sun",
        "response_b": f"bad moon {k}",
        **more,
    }


def given(folder: Path, **more: Any) -> tuple[Given, list[str]]:
    """What the stage draws on, with files of rows in the place of lists."""
    files = {}
    for name, rows in more.items():
        if isinstance(rows, list):
            files[name] = str(folder / f"{name}.jsonl")
            Path(files[name]).write_text("".join(json.dumps(row) + "\n" for row in rows))
    chosen = settings_of(**{"audit": False, **more, **files})
    source = [{"prompt": f"Tell me of number {k}."} for k in range(30)]
    return given_of(replace(chosen, expert=None), Materials.given(chosen, source), Counts(), None)


def numbers(pairs: Pairs) -> list[int]:
    return sorted(int(text.rstrip(".?!").split()[-1]) for text in pairs.table["prompt"].to_pylist())


def test_prompts_of_eval_data_are_neither_learned_from_labels_nor_asked_about_elsewhere(
    tmp_path: Path,
) -> None:
    found, notes = given(
        tmp_path,
        eval_data=[row_of(k, gold="a") for k in range(10)],
        seed_data=[row_of(k, gold="a") for k in range(5, 20)],
        off_policy_data=[row_of(k, prompt=f"tell me  of number {k}") for k in range(8, 14)],
    )
    assert found.seed is not None
    assert found.off_policy is not None
    assert numbers(found.seed.pairs) == list(range(10, 20))
    assert numbers(found.off_policy) == list(range(10, 14))
    assert any("seed_data: pairs left out: 5 of prompts that judge or are locked" in note for note in notes)
    assert any("off_policy_data: 2 pairs are left out" in note for note in notes)
    assert any("10 of the 10 prompts of eval_data are trained on too" in note for note in notes)


def test_what_one_file_locks_is_locked_in_all(tmp_path: Path) -> None:
    found, notes = given(
        tmp_path,
        seed_data=[row_of(k, gold="a", part="test" if k < 4 else "dev") for k in range(20)],
        off_policy_data=[row_of(k, part="test" if k == 6 else "pool") for k in range(12)],
    )
    assert found.seed is not None
    assert found.off_policy is not None
    closed = {0, 1, 2, 3, 6}
    assert numbers(found.seed.pairs) == [k for k in range(20) if k not in closed]
    assert numbers(found.off_policy) == [k for k in range(12) if k not in closed]
    assert len(found.prompts) == 25
    assert any("5 prompts of the locked test part are left out" in note for note in notes)


def test_prompts_that_the_audit_holds_out_are_not_learned_from_other_hands(tmp_path: Path) -> None:
    found, _ = given(tmp_path, audit=True, off_policy_data=[row_of(k) for k in range(30)])
    assert found.watched is not None
    assert found.off_policy is not None
    held = {row.prompt for row in found.watched.prompts}
    assert held
    assert not held & set(found.off_policy.table["prompt"].to_pylist())
    assert len(found.off_policy) == 30 - len(held) == len(found.prompts)


@pytest.mark.parametrize(
    ("name", "said"),
    [
        ("seed_data", "proxy: all 10 labels that would teach first are of prompts of eval_data"),
        ("off_policy_data", "proxy: off_policy_data: all 10 pairs are of .* prompts of eval_data"),
    ],
)
def test_where_nothing_is_left_a_line_says_so(name: str, said: str, tmp_path: Path) -> None:
    rows = [row_of(k, gold="a") for k in range(10)]
    with pytest.raises(DataError, match=said):
        given(tmp_path, eval_data=rows, **{name: rows})


def gold_of(n: int, first: int = 0) -> Taught:
    """Labels that hold the opposite of what the expert says."""
    pairs = read_pairs([row_of(k, gold="b") for k in range(first, first + n)], test_share=0.0)
    return Taught(pairs, pairs.y, np.ones(n), pairs.y, pairs.take([]))


def scored(draws: Draws, k: int, said: float) -> Answer:
    return Answer(
        str(k), Prompt.of(draws.asked[k]), draws.texts[k], None, said, "random", 1.0, "", None, ON_POLICY, 0
    )


class Remembers(LinearReward):
    """It writes down which prompts teach it."""

    seen: ClassVar[list[set[str]]] = []

    def fit(self, pairs: Pairs, *args: Any, **more: Any) -> Any:
        self.seen.append(set(pairs.table["prompt"].to_pylist()))
        return super().fit(pairs, *args, **more)


def test_labels_of_prompts_that_judge_the_curve_do_not_teach_it(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    module = sys.modules[EvaluationModel.__module__]
    monkeypatch.setattr(module, "get_reward_model", lambda name, **more: Remembers())
    answers = asked(settings_of(queries=60), Counts(), tmp_path)[0].answers
    Remembers.seen.clear()
    curve = curve_of(EvaluationModel(settings_of(), seed=gold_of(20)), answers, None, 1, 0)
    assert curve is not None
    every = {f"Tell me of number {k}." for k in range(20)}
    left_out = [every - seen for seen in Remembers.seen]
    assert len(left_out) == 5
    assert all(left_out)
    assert set().union(*left_out) == every


def test_pairs_of_prompts_that_judge_the_scale_do_not_teach_it(monkeypatch: pytest.MonkeyPatch) -> None:
    import weaklabel.reward.ridge as ridge

    counts: list[FloatArray] = []
    fit = ridge.fit_logistic
    monkeypatch.setattr(
        ridge, "fit_logistic", lambda x, p, w, **more: (counts.append(w), fit(x, p, w, **more))[1]
    )
    draws, beside = draws_of(20, 3), gold_of(20)
    said = np.tile([0.0, 2.0, 5.0], 20)
    LinearReward().fit_scores(draws.asked, draws.texts, said, rubric=(0, 5), pairs=beside.pairs, p=beside.p)
    whole, *folds = counts
    assert (whole == 1).all()
    assert len(folds) == 5
    for w in folds:
        of_scores, of_pairs = w[: 60 * 5].reshape(20, 3 * 5), w[60 * 5 :]
        assert ((of_scores == 0).all(axis=1) == (of_pairs == 0)).all()
    assert sum((w[300:] == 0).sum() for w in folds) == 20


def test_each_is_held_against_another_one() -> None:
    for n in (2, 3, 7, 50):
        for seed in range(20):
            found = others(n, np.random.default_rng(seed))
            assert (found != np.arange(n)).all()
            assert sorted(found) == list(range(n))
    assert others(1, np.random.default_rng(0)).tolist() == [0]


def test_an_evaluation_model_of_scores_says_which_prompts_it_saw() -> None:
    turns = [
        {"role": "user", "content": "2 + 2?"},
        {"role": "assistant", "content": "4"},
        {"role": "user", "content": "Why?"},
    ]
    told = Prompt.of("User: 2 + 2?\n\nAssistant: 4\n\nUser: Why?", turns)
    rows = [Answer("k", told, "good", None, 5.0, "random", 1.0, "", None, ON_POLICY, 0)]
    rows.append(replace(rows[0], key="l", prompt=Prompt.of("Else?"), a="bad", said=0.0))
    answers = Answers(tuple(rows))
    model = EvaluationModel(settings_of(unit="responses"), seed=gold_of(3)).fitted(answers)
    assert model is not None
    assert model.reward.saw(answers.pairs).all()
    assert model.reward.saw(gold_of(3).pairs).all()
    assert not model.reward.saw(gold_of(3, first=7).pairs).any()
    assert len(prompt_hashes(answers.pairs)) == 2


# ---------------------------------------------------------------------------------------- settings that say nothing
def test_a_rubric_of_pairs_is_refused() -> None:
    with pytest.raises(ConfigError, match=r'rubric is .* with unit = "pairs", of which it says nothing'):
        settings_of(rubric=[1, 10])


def test_columns_are_of_the_prompts_and_of_no_other_file() -> None:
    pairs = Pairs.of([Pair("1", "p", "a", "b")])
    with pytest.raises(ConfigError, match=r"columns is .* whose columns are known"):
        Materials.given(settings_of(columns={"prompt": "question"}, eval_data="gold.jsonl"), pairs)
    chosen = settings_of(columns={"prompt": "question"}, audit=False, expert=None)
    rows = [{"question": "p"}, {"question": "q"}, {"question": "q "}]
    found, _ = given_of(chosen, Materials.given(chosen, rows), Counts(), None)
    assert [prompt.text for prompt in found.prompts] == ["p", "q"]


# ---------------------------------------------------------------------------------------- odd texts
ODD = (
    "one\u2028two",
    "a\x85b\x0cc",
    '"\\n"',
    "x" * 100_000,
    "\u202ereversed",
    "a\tb",
    "\ufeffmark",
    "é",
    "e\u0301",
)


def test_odd_texts_are_asked_written_and_read_back(tmp_path: Path) -> None:
    replies = [[Reply(text, "stop") for text in (*ODD, "  ", "\u2003", "\ud800")] for _ in range(2)]
    draws = Draws.of_replies([Prompt.of("p\u2028q"), Prompt.of("q\x1dr")], replies)
    for unit, n in (("pairs", 72), ("responses", 18)):
        found, paid = asked(settings_of(unit=unit, queries=500), Counts(), tmp_path / unit, draws)
        assert len(found.answers) == n
        found.answers.write(tmp_path)
        assert Answers.read([tmp_path]) == found.answers
        again, paid = asked(settings_of(unit=unit, queries=500), Says(9.0), tmp_path / unit, draws)
        assert again.answers == found.answers
        assert getattr(paid.ledger.spent, unit) == n


def test_people_are_asked_about_odd_texts_and_answer_by_line(tmp_path: Path) -> None:
    draws = Draws.of_replies([Prompt.of("p")], [[Reply(text, "stop") for text in ODD]])
    chosen, file = settings_of(unit="responses", queries=50, query_batch=4), tmp_path / "q.jsonl"
    for n in (4, 4, 1):
        with pytest.raises(WaitingError, match=rf"{n} of {n} questions"):
            asked(chosen, People(file), tmp_path, draws)
        lines = [json.loads(line) for line in file.read_text().split("\n") if line]
        file.write_text(
            "".join(json.dumps(line | {"answer": len(line["response"]) % 6}) + "\n" for line in lines)
        )
    found, paid = asked(chosen, People(file), tmp_path, draws)
    assert [row.said for row in found.answers.rows] == [len(row.a) % 6 for row in found.answers.rows]
    assert paid.ledger.spent == Cost(responses=9)


def test_one_prompt_with_two_samples_is_one_question(tmp_path: Path) -> None:
    draws = Draws.of_replies(
        [Prompt.of("p"), Prompt.of("q")],
        [[Reply("a", "stop"), Reply("b ", "stop")], [Reply("c", "stop")] * 2],
    )
    found, _ = asked(settings_of(), Counts(), tmp_path, draws)
    assert len(found.answers) == 1
    assert "1 questions were asked of 20: there are no more" in found.notes[0]


def test_a_round_that_asks_nothing_and_has_no_labels_has_a_picture_all_the_same(tmp_path: Path) -> None:
    Histogram.of(np.arange(10.0), {}, []).write(tmp_path)
    assert json.loads((tmp_path / "scores.json").read_text())["answers"] == {}
