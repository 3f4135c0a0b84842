"""The parts of the proxy loop that need no model: what can be asked, who is asked within which budget, what is learned of it."""

from __future__ import annotations

import itertools
import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from weaklabel.comparers.expert import ByScore
from weaklabel.comparers.metered import Metered
from weaklabel.comparers.people import People
from weaklabel.data.asked.prompts import Prompt
from weaklabel.errors import (
    BudgetError,
    ConfigError,
    DataError,
    LabelMatrixError,
    UnknownNameError,
    WaitingError,
)
from weaklabel.ledger import Budget
from weaklabel.reward.linear import LinearReward
from weaklabel.servers.protocol import Reply
from weaklabel.stages.best_of.sampled import Draws
from weaklabel.stages.proxy.answers import Answer, Answers, as_gold
from weaklabel.stages.proxy.asking import Asking, metered
from weaklabel.stages.proxy.candidates import OFF_POLICY, ON_POLICY, Candidates, require_prompts
from weaklabel.stages.proxy.curve import curve_of
from weaklabel.stages.proxy.evaluation import Evaluated, EvaluationModel, seed_of
from weaklabel.stages.proxy.labelling import BY_EXPERT, BY_PROXY, Labelled, learned_pairs
from weaklabel.stages.proxy.reports import Histogram, told_apart
from weaklabel.stages.proxy.settings import ProxySettings
from weaklabel.stages.taught import Taught
from weaklabel.types import Pair, Pairs

WORDS = ("good", "fine", "cat", "dog", "sun", "poor", "bad", "moon")


class Taste:
    """Somebody who counts words they like, and how often they were asked."""

    name = "taste"

    def __init__(self, most: float = np.inf) -> None:
        self.asked: list[tuple[str, str]] = []
        self.most = most

    def score(self, prompts: Sequence[str], responses: Sequence[str]) -> Any:
        if len(self.asked) + len(responses) > self.most:
            raise DataError("taste: gone home.")
        self.asked += list(zip(prompts, responses, strict=True))
        return np.array([worth(text) for text in responses])


def worth(text: str) -> float:
    """0 to 5."""
    words = text.split()
    return float(
        np.clip(
            2.5 + words.count("good") + words.count("fine") - words.count("poor") - words.count("bad"), 0, 5
        )
    )


def draws_of(n_prompts: int, k: int = 4, seed: int = 0) -> Draws:
    rng = np.random.default_rng(seed)
    prompts = [Prompt.of(f"Say something about number {row}.") for row in range(n_prompts)]
    return Draws.of_replies(
        prompts, [[Reply(" ".join(rng.choice(WORDS, 4)), "stop") for _ in range(k)] for _ in prompts]
    )


def settings_of(**more: Any) -> ProxySettings:
    return ProxySettings(**{"from_scratch": "tiny", "expert": "checks.py:score", "queries": 20, **more})


def asking_of(
    chosen: ProxySettings, expert: Any, folder: Path, seed: Taught | None = None, **more: Any
) -> tuple[Asking, Metered]:
    if chosen.unit == "pairs" and isinstance(expert, Taste):
        expert = ByScore(expert)
    paid = metered(expert, "taste", "hash", chosen, folder / "answers")
    return Asking(chosen, paid, EvaluationModel(chosen, seed=seed), **more), paid


def asked(chosen: ProxySettings, tmp_path: Path, draws: Draws | None = None, **more: Any) -> Any:
    draws = draws_of(20) if draws is None else draws
    asking, _ = asking_of(chosen, Taste(), tmp_path, **more)
    found = Candidates.of_draws(draws, single=chosen.unit == "responses")
    return asking.asked(found, Answers(), 0, tmp_path)


# ---------------------------------------------------------------------------------------- what can be asked
def test_every_two_different_samples_of_a_prompt_are_a_question() -> None:
    prompts = [Prompt.of("p"), Prompt.of("q")]
    replies = [
        [Reply(text, "stop") for text in texts] for texts in (("a", "b", "a", "c"), ("x", "", "y", "x"))
    ]
    found = Candidates.of_draws(Draws.of_replies(prompts, replies), single=False)
    pairs = {frozenset((str(p.response_a), str(p.response_b))) for p in found.pairs}
    assert pairs == {frozenset(two) for two in ("ab", "ac", "bc", "xy")}
    assert len(found) == 4
    alone = Candidates.of_draws(Draws.of_replies(prompts, replies), single=True)
    assert sorted(alone.responses) == ["a", "b", "c", "x", "y"]


def test_a_question_has_no_direction() -> None:
    pairs = Pairs.of([Pair("1", "p", "a", "b"), Pair("2", "p", "b", "a"), Pair("3", "p", "c", "c")])
    found = Candidates.of(pairs, single=False, origin=OFF_POLICY)
    assert len(found) == 1
    assert found.keys == Candidates.of(pairs.swapped(), single=False, origin=ON_POLICY).keys
    assert not len(found.without(found.keys))


def test_candidates_are_drawn_alike_from_everywhere() -> None:
    found = Candidates.of_draws(draws_of(20), single=False)
    assert found.drawn(7, 0).keys == found.drawn(7, 0).keys
    assert set(found.drawn(7, 0).keys) <= set(found.keys)
    assert len(found.drawn(7, 1)) == 7
    assert found.drawn(1_000, 0) is found


@pytest.mark.parametrize("n", [0, 1])
def test_a_pool_of_one_prompt_is_refused(n: int) -> None:
    with pytest.raises(DataError, match=f"the pool has {n} prompt, and an evaluation model carries"):
        require_prompts(n)


# ---------------------------------------------------------------------------------------- who is asked
@pytest.mark.parametrize("unit", ["pairs", "responses"])
@pytest.mark.parametrize("rule", ["random", "coreset"])
def test_as_many_questions_are_asked_as_were_wanted_with_their_provenance(
    unit: str, rule: str, tmp_path: Path
) -> None:
    found = asked(settings_of(unit=unit, acquisition=rule, query_batch=6), tmp_path, reader=_letters)
    rows = found.answers.rows
    assert len(rows) == len({row.key for row in rows}) == 20
    for row in rows:
        said = worth(row.a) if row.b is None else (1 + np.sign(worth(row.b) - worth(row.a))) / 2
        assert row.said == said
        assert (row.origin, row.round) == (ON_POLICY, 0)
        assert row.reason
    rules = [row.rule for row in rows]
    assert set(rules) == ({"random"} if rule == "random" else {"random", rule})
    # The first batch is asked before there is an evaluation model, the next by what it believes.
    assert [row.belief is None for row in rows] == [True] * 6 + [False] * 14


def test_answers_come_back_as_they_were_written(tmp_path: Path) -> None:
    found = asked(settings_of(query_batch=6), tmp_path).answers
    found.write(tmp_path)
    assert Answers.read([tmp_path]) == found
    told = json.loads((tmp_path / "answers.jsonl").read_text().splitlines()[0])
    assert {"rule", "value", "reason", "belief", "said", "origin", "round", "response_a"} <= told.keys()


def test_a_conversation_is_asked_and_written_as_it_is(tmp_path: Path) -> None:
    turns = ({"role": "system", "content": "Be brief."}, {"role": "user", "content": "2 + 2?"})
    answer = Answer("k", Prompt.of("2 + 2?", turns), "4", "5", 0.0, "random", 1.0, "why", None, ON_POLICY, 0)
    Answers((answer,)).write(tmp_path)
    assert Answers.read([tmp_path]).rows == (answer,)
    assert Answers.read([tmp_path]).pairs.table["messages"].to_pylist()[0][0]["content"] == "Be brief."


@pytest.mark.parametrize("limit", [1, 7, 20, 33])
def test_a_budget_is_never_passed_and_what_is_known_costs_nothing(limit: int, tmp_path: Path) -> None:
    chosen, draws = settings_of(budget={"pairs": limit}, query_batch=6, queries=30), draws_of(20)
    taste = Taste()
    asking, paid = asking_of(chosen, taste, tmp_path)
    found = asking.asked(Candidates.of_draws(draws, single=False), Answers(), 0, tmp_path)
    assert len(found.answers) == min(limit, 30) == paid.ledger.spent.pairs
    assert bool(found.notes) == (limit < 30)
    # The same again: the same questions, and nobody is asked.
    again, paid_again = asking_of(chosen, Taste(0), tmp_path)
    assert (
        again.asked(Candidates.of_draws(draws, single=False), Answers(), 0, tmp_path).answers == found.answers
    )
    assert paid_again.ledger.spent.pairs == min(limit, 30)


def test_a_spent_budget_asks_nothing_more_and_one_of_nothing_is_an_error(tmp_path: Path) -> None:
    chosen, draws = settings_of(budget={"pairs": 5}, queries=5), draws_of(20)
    asking, _ = asking_of(chosen, Taste(), tmp_path)
    first = asking.asked(Candidates.of_draws(draws, single=False), Answers(), 0, tmp_path).answers
    found = asking.asked(Candidates.of_draws(draws, single=False), first, 1, tmp_path)
    assert not len(found.answers)
    assert "the budget is spent: 0 of 5 questions were asked" in found.notes[0]
    with pytest.raises(BudgetError, match="the budget of 'taste' holds no question"):
        asking.asked(Candidates.of_draws(draws_of(20, seed=1), single=False), Answers(), 0, tmp_path)


def test_an_expert_who_stops_half_way_loses_nothing(tmp_path: Path) -> None:
    chosen, draws = settings_of(queries=60, unit="responses"), draws_of(40)
    taste = Taste(most=40)
    asking, _ = asking_of(chosen, taste, tmp_path)
    candidates = Candidates.of_draws(draws, single=True)
    with pytest.raises(
        DataError, match=r"gone home\. 32 answers of this round are kept; the same command goes on"
    ):
        asking.asked(candidates, Answers(), 0, tmp_path)
    rest = Taste()
    again, paid = asking_of(chosen, rest, tmp_path)
    assert len(again.asked(candidates, Answers(), 0, tmp_path).answers) == 60
    assert len(rest.asked) == 28
    assert paid.ledger.spent.responses == 60


def test_people_are_shown_all_questions_of_a_batch_at_once(tmp_path: Path) -> None:
    chosen, file = settings_of(queries=50), tmp_path / "q.jsonl"
    candidates = Candidates.of_draws(draws_of(20), single=False)
    asking, _ = asking_of(chosen, People(file), tmp_path)
    with pytest.raises(WaitingError, match="50 of 50 questions have no answer yet"):
        asking.asked(candidates, Answers(), 0, tmp_path)
    lines = [json.loads(line) for line in file.read_text().splitlines()]
    for line in lines:
        gap = worth(line["second"]) - worth(line["first"])
        line["answer"] = "second" if gap > 0 else "first" if gap < 0 else "tie"
    file.write_text("".join(json.dumps(line) + "\n" for line in lines))
    found = asking.asked(candidates, Answers(), 0, tmp_path).answers
    assert [row.said for row in found.rows] == [
        (1 + np.sign(worth(str(r.b)) - worth(r.a))) / 2 for r in found.rows
    ]


def test_people_score_by_the_rubric(tmp_path: Path) -> None:
    chosen, file = settings_of(unit="responses", rubric=[0, 3], queries=2), tmp_path / "q.jsonl"
    candidates = Candidates.of_draws(draws_of(3), single=True)
    asking, _ = asking_of(chosen, People(file), tmp_path)
    with pytest.raises(WaitingError, match="a number from 0 to 3"):
        asking.asked(candidates, Answers(), 0, tmp_path)


def test_a_score_outside_the_rubric_is_no_answer(tmp_path: Path) -> None:
    chosen = settings_of(unit="responses", rubric=[0, 1])
    asking, paid = asking_of(chosen, Taste(), tmp_path)
    with pytest.raises(LabelMatrixError, match=r"expert 'taste' gives .* Allowed by the rubric: 0 to 1"):
        asking.asked(Candidates.of_draws(draws_of(9), single=True), Answers(), 0, tmp_path)
    assert paid.ledger.spent.responses == 0


def test_who_scores_nothing_cannot_be_asked_about_single_responses(tmp_path: Path) -> None:
    class Compares:
        def compare(self, pairs: Pairs) -> Any:
            return np.full(len(pairs), 0.5)

    with pytest.raises(ConfigError, match="unit is \"responses\", and expert 'x' scores none"):
        metered(Compares(), "x", "hash", settings_of(unit="responses"), tmp_path)


def test_asking_ends_where_the_best_question_is_worth_less_than_it_costs(tmp_path: Path) -> None:
    free = asked(settings_of(min_gain=1e-9, query_batch=5), tmp_path / "free", reader=_letters)
    assert len(free.answers) == 20
    assert free.gain > 0
    dear = asked(settings_of(min_gain=0.5, query_batch=5), tmp_path / "dear", reader=_letters)
    assert len(dear.answers) == 0
    assert "asking ended after 0 of 20 questions" in dear.notes[0]


def test_before_anything_is_believed_uncertainty_draws_at_random(tmp_path: Path) -> None:
    found = asked(settings_of(acquisition="uncertainty", query_batch=10), tmp_path)
    rules = [row.rule for row in found.answers.rows]
    assert set(rules[:10]) == {"random"}
    assert "uncertainty" in rules[10:]
    assert "nothing was believed of the pairs yet" in found.notes[0]


def test_there_may_be_fewer_questions_than_were_wanted(tmp_path: Path) -> None:
    found = asked(settings_of(queries=500), tmp_path, draws_of(3))
    assert len(found.answers) < 3 * 6 + 1
    assert "there are no more" in found.notes[0]


# ---------------------------------------------------------------------------------------- what is learned
def answers_of(draws: Draws, n: int, single: bool = False) -> Answers:
    chosen = Candidates.of_draws(draws, single=single)
    rows = []
    for k in range(n):
        pair = chosen.pairs[k]
        a, b = str(pair.response_a), str(pair.response_b)
        said = worth(a) if single else (1 + np.sign(worth(b) - worth(a))) / 2
        rows.append(
            Answer(chosen.keys[k], Prompt.of(str(pair.prompt)), a, None if single else b, said, "random", 1.0, "", None, ON_POLICY, 0)
        )  # fmt: skip
    return Answers(tuple(rows))


@pytest.mark.parametrize("single", [False, True])
def test_the_evaluation_model_learns_what_the_expert_likes(single: bool) -> None:
    chosen = settings_of(unit="responses" if single else "pairs")
    model = EvaluationModel(chosen).fitted(answers_of(draws_of(60), 200, single))
    assert model is not None
    good, bad = model.reward.score(["p", "p"], ["good fine sun", "bad poor sun"])
    assert good > bad
    expected = model.expected(np.array([bad, good]))
    assert 0 <= expected[0] < expected[1] <= 5 if single else (expected == [bad, good]).all()


def test_without_answers_and_labels_there_is_no_evaluation_model() -> None:
    assert EvaluationModel(settings_of()).fitted(Answers()) is None
    assert EvaluationModel(settings_of(unit="responses")).fitted(Answers()) is None


def taught(n: int = 40) -> Taught:
    table = Candidates.of_draws(draws_of(n, seed=3), single=False).pairs
    y = np.array([(1 + np.sign(worth(str(p.response_b)) - worth(str(p.response_a)))) / 2 for p in table])
    known = np.arange(len(y)) % 2 == 0
    return Taught(table, y, np.ones(len(y)), np.where(known, y, np.nan), table.take([]))


@pytest.mark.parametrize("unit", ["pairs", "responses"])
def test_labels_teach_it_before_anybody_is_asked(unit: str) -> None:
    model = EvaluationModel(settings_of(unit=unit), seed=taught()).fitted(Answers())
    assert model is not None
    good, bad = model.reward.score(["p", "p"], ["good fine sun", "bad poor sun"])
    assert good > bad


def test_seed_labels_are_gold_weak_or_both() -> None:
    every = taught()
    n_gold = int((~np.isnan(every.y)).sum())
    counts = {
        which: len(found)
        for which in ("gold", "weak", "both")
        if (found := seed_of(every, which)) is not None
    }
    assert counts == {"gold": n_gold, "weak": len(every) - n_gold, "both": len(every)}
    assert seed_of(every, "none") is None is seed_of(None, "both")
    with pytest.raises(ConfigError, match='seed_labels is "gold", and there are no labels'):
        seed_of(None, "gold")
    with pytest.raises(DataError, match='seed_labels is "weak", and none of'):
        seed_of(every.take(~np.isnan(every.y), ""), "weak")


def test_scored_responses_of_one_prompt_are_pairs() -> None:
    draws = draws_of(5)
    answers = answers_of(draws, 15, single=True)
    pairs, said = answers.compared()
    brute = [
        (1 + np.sign(two.said - one.said)) / 2
        for one, two in itertools.combinations(answers.rows, 2)
        if one.prompt == two.prompt
    ]
    assert sorted(said) == sorted(brute)
    assert len(pairs) == len(said)


def test_only_a_certain_answer_is_gold() -> None:
    assert np.isnan(as_gold(np.array([0.3]))).all()


# ---------------------------------------------------------------------------------------- what is labelled
class Knows(LinearReward):
    """An evaluation model that makes no mistake."""

    def __init__(self) -> None:
        super().__init__()
        self._fitted = True

    def _raw(self, prompts: Sequence[str], responses: Sequence[str]) -> Any:
        return np.array([worth(text) for text in responses])


def labelled(draws: Draws, **more: Any) -> Labelled:
    given = {"tie_margin": 0.0, "max_pairs": None, "seed": 0} | more
    return Labelled.of(draws, Evaluated(Knows()), policy="tiny", number=0, **given)


def test_the_best_and_the_worst_are_compared_with_their_belief() -> None:
    draws = draws_of(20)
    found = labelled(draws)
    for row in found.table.to_pylist():
        of = [k for k, asked in enumerate(draws.asked) if asked == row["prompt"]]
        values = [worth(draws.texts[k]) for k in of]
        ours = worth(row["response_a"]), worth(row["response_b"])
        assert {min(values), max(values)} == set(ours)
        assert np.isclose(row["p"], 1 / (1 + np.exp(ours[0] - ours[1])))
    n_equal = sum(len({worth(draws.texts[k]) for k in rows}) == 1 for rows in draws.rows)
    assert len(found) == 20 - n_equal


def test_ties_are_left_out_and_pairs_are_drawn() -> None:
    draws = draws_of(40)
    every = labelled(draws)
    far = np.abs(every.table["p"].to_numpy() - 0.5)
    some = labelled(draws, tie_margin=0.25)
    assert (len(some), some.n_ties) == ((far > 0.25).sum(), (far <= 0.25).sum())
    few = labelled(draws, max_pairs=5)
    assert (len(few), few.n_beyond) == (5, len(every) - 5)
    assert set(few.table["id"].to_pylist()) <= set(every.table["id"].to_pylist())


def test_a_pair_that_the_expert_answered_is_the_experts() -> None:
    draws = draws_of(10)
    found, answers = labelled(draws), answers_of(draws, 30)
    table = learned_pairs(found, answers)
    by = table["labelled_by"].to_pylist()
    assert by.count(BY_EXPERT) == 30
    pairs = [frozenset((row["prompt"], row["response_a"], row["response_b"])) for row in table.to_pylist()]
    assert len(pairs) == len(set(pairs))
    assert 0 < by.count(BY_PROXY) < len(found)
    assert table.filter(np.array(by) == BY_EXPERT)["p"].to_pylist() == answers.said.tolist()


# ---------------------------------------------------------------------------------------- reports
def test_the_curve_rises_with_the_answers_and_is_judged_by_others() -> None:
    answers = answers_of(draws_of(80), 300)
    curve = curve_of(EvaluationModel(settings_of()), answers, None, 4, 0)
    assert curve is not None
    assert [point.answers for point in curve.points] == sorted(point.answers for point in curve.points)
    first, last = curve.points[0], curve.points[-1]
    assert last.accuracy.value > 0.8
    assert last.nll.value < first.nll.value
    assert last.accuracy.low <= last.accuracy.value <= last.accuracy.high
    assert curve.judged_on.endswith("answers")


def test_answers_that_a_rule_chose_do_not_judge_where_there_are_others() -> None:
    rows = answers_of(draws_of(80), 300).rows
    chosen = tuple(
        Answer(**{**vars_of(row), "rule": "random" if k % 5 == 0 else "badge"}) for k, row in enumerate(rows)
    )
    curve = curve_of(EvaluationModel(settings_of()), Answers(chosen), None, 2, 0)
    assert curve is not None
    assert curve.judged_on == "out of fold on 60 answers drawn at random"
    biased = tuple(Answer(**{**vars_of(row), "rule": "badge"}) for row in rows)
    curve = curve_of(EvaluationModel(settings_of()), Answers(biased), None, 2, 0)
    assert curve is not None
    assert "no fair sample" in curve.judged_on


def vars_of(answer: Answer) -> dict[str, Any]:
    return {name: getattr(answer, name) for name in Answer.__dataclass_fields__}


def test_a_curve_on_gold_and_one_of_too_few_answers() -> None:
    gold = taught().pairs
    assert curve_of(EvaluationModel(settings_of()), answers_of(draws_of(10), 12), None, 3, 0) is None
    single = answers_of(draws_of(60), 200, single=True)
    curve = curve_of(EvaluationModel(settings_of(unit="responses")), single, None, 2, 0)
    assert curve is not None
    assert curve.points[-1].accuracy.value > 0.7
    assert len(gold)


def test_a_histogram_says_where_what_was_asked_lies(tmp_path: Path) -> None:
    samples = np.arange(100.0)
    found = Histogram.of(samples, {"seed responses": np.full(10, 95.0)}, ["5", "5", "4"])
    assert found.counts["samples of the policy"] == [10] * 10
    assert found.upper("seed responses") == 1.0
    assert found.imbalance == pytest.approx(2 / 3)
    found.write(tmp_path)
    told = json.loads((tmp_path / "scores.json").read_text())
    assert told["answers"] == {"4": 1, "5": 2}
    assert (tmp_path / "scores.svg").read_text().startswith("<svg")


def test_answers_that_are_beliefs_judge_by_the_side_they_are_on() -> None:
    rows = answers_of(draws_of(80), 300).rows
    soft = Answers(tuple(Answer(**{**vars_of(row), "said": 0.5 + 0.3 * (row.said - 0.5)}) for row in rows))
    hard, unsure = (
        curve_of(EvaluationModel(settings_of()), each, None, 1, 0) for each in (Answers(rows), soft)
    )
    assert hard is not None
    assert unsure is not None
    assert unsure.points[-1].accuracy.n == hard.points[-1].accuracy.n == sum(row.said != 0.5 for row in rows)
    assert unsure.points[-1].accuracy.value > 0.8
    assert {"tie", "decided"} == set(soft.words)


def test_two_hands_are_told_apart_where_they_differ() -> None:
    one, two = draws_of(60, 2, seed=0), draws_of(60, 2, seed=1)
    ours, same = (one.asked, list(one.texts)), (two.asked, list(two.texts))
    other = (two.asked, [f"Well , {text} !" for text in two.texts])
    alike, apart = told_apart(ours, same, 0), told_apart(ours, other, 0)
    assert alike is not None
    assert apart is not None
    assert alike.low <= 0.5 <= alike.high
    assert apart.value > 0.95
    assert told_apart(ours, ([], []), 0) is None


# ---------------------------------------------------------------------------------------- settings
@pytest.mark.parametrize(
    ("given", "said"),
    [
        ({"budget": {"pairs": 0}}, r"budget is \{'pairs': 0\}, which does not hold one question"),
        ({"budget": {"money": 1.0}, "price": {"money": 2.0}}, "which does not hold one question"),
        ({"budget": {"pair": 5}}, "pair"),
        ({"budget": 5}, "budget"),
        ({"unit": "pair"}, r'unit is .*Allowed: "pairs", "responses"'),
        ({"unit": "responses", "acquisition": "badge"}, "Single responses are chosen by random or coreset"),
        ({"unit": "responses", "evaluator": "functions"}, "Scores teach linear or minilm-frozen"),
        ({"unit": "responses", "min_gain": 0.1}, "leave it out"),
        ({"rubric": [5, 0]}, r"rubric is \[5, 0\]"),
        ({"rubric": [0, 5, 6]}, "rubric"),
        ({"temperature": 0.0}, "all samples of a prompt are one"),
        ({"embedding": "votes"}, "embedding is 'votes'"),
        ({"learn": "all"}, "learn is"),
        ({"queries": 0}, "queries"),
        ({"num_generations": 1}, "num_generations"),
        ({"tie_margin": 0.5}, "tie_margin"),
        ({"seed_data": ""}, "seed_data is ''"),
        ({"acquisition_settings": {"spice": 1}}, "spice"),
        ({"evaluator_settings": {"l3": 1}}, "l3"),
    ],
)
def test_settings_that_do_not_fit_are_one_line(given: dict[str, Any], said: str) -> None:
    with pytest.raises(ConfigError, match=said):
        settings_of(**given)


def test_names_that_nobody_has() -> None:
    for name in ("acquisition", "evaluator"):
        with pytest.raises(UnknownNameError):
            settings_of(**{name: "nobody"})


def test_a_ledger_of_ones_own_is_used(tmp_path: Path) -> None:
    own = Metered(ByScore(Taste()), name="own", budget=Budget(pairs=3))
    assert metered(own, "x", "hash", settings_of(), tmp_path) is own


def _letters(prompts: Sequence[str], responses: Sequence[str]) -> Any:
    return np.array([[text.count(word) for word in WORDS] for text in responses], dtype=float)
