"""The parts of the proxy loop that need no model: what can be asked, who is asked within which budget, what is learned of it."""

from __future__ import annotations

import itertools
import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from made_answers import (
    WORDS,
    Taste,
    answers_of,
    asked,
    asking_of,
    draws_of,
    settings_of,
    taught,
    worth,
)

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
from weaklabel.servers.protocol import Reply
from weaklabel.stages.best_of.sampled import Draws
from weaklabel.stages.proxy.answers import Answer, Answers, as_gold
from weaklabel.stages.proxy.asking import metered
from weaklabel.stages.proxy.candidates import OFF_POLICY, ON_POLICY, Candidates, require_prompts
from weaklabel.stages.proxy.evaluation import EvaluationModel, seed_of
from weaklabel.types import Pair, Pairs


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
