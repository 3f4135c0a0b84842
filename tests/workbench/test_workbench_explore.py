"""Planted signals are found, coin-tossed gold yields next to nothing, and figures equal a brute-force twin."""

from __future__ import annotations

import json
import math
from typing import Any

import numpy as np
import pytest
from made_pairs import made_pairs

from weaklabel.errors import ConfigError, GoldError
from weaklabel.lf.writing import labeling_function, response_scorer
from weaklabel.types import Pairs
from weaklabel.workbench._clues import PATTERNS
from weaklabel.workbench.explore import Exploration, benjamini_hochberg, explore

VOCABULARY = [f"word{i}" for i in range(60)]


def drawn_pairs(
    n: int, *, seed: int = 0, per_prompt: int = 1, planted: float = 0.5, part: Any = "dev"
) -> Pairs:
    """Random words; in a third of the pairs one response holds `sorry`, and loses with probability `planted`."""
    rng = np.random.default_rng(seed)
    texts, gold = [], []
    for _ in range(n):
        a, b = (" ".join(rng.choice(VOCABULARY, 12)) for _ in "ab")
        winner = int(rng.integers(2))
        if rng.random() < 1 / 3:
            b_is_sorry = winner == 0 if rng.random() < planted else winner == 1
            a, b = (a, f"sorry {b}") if b_is_sorry else (f"sorry {a}", b)
        texts.append((a, b))
        gold.append("ab"[winner])
    prompts = [f"prompt {i // per_prompt}" for i in range(n)]
    return made_pairs(texts, gold=gold, prompts=prompts, part=part)


@response_scorer(prefer="less")
def letters(response: str) -> int:
    return len(response)


def clue_of(found: Exploration, kind: str, name: str) -> Any:
    return next(clue for clue in found.clues if (clue.kind, clue.name) == (kind, name))


def test_a_planted_word_is_the_first_of_its_kind_and_survives() -> None:
    found = explore(drawn_pairs(400, planted=0.85), lfs=[])
    first = next(clue for clue in found.clues if clue.kind == "word")
    assert (first.name, first.wins, first.survives) == ("sorry", "less", True)
    assert first.low <= -0.35 <= first.high
    assert first.suggestion == 'keyword_scorer("says_sorry", ["sorry"], prefer="less")'


def test_a_planted_mark_is_found_as_a_pattern() -> None:
    found = explore(drawn_pairs(400, planted=0.85), lfs=[])
    assert {clue.name for clue in found.surviving if clue.kind == "pattern"} == {
        "apology",
        "opens with sorry",
    }


def test_coin_tossed_gold_leaves_next_to_nothing() -> None:
    survivors = sum(
        len(explore(drawn_pairs(200, seed=s, planted=0.5), lfs=[letters]).surviving) for s in range(20)
    )
    assert survivors <= 5  # of about 1,300 clues tested in all


def test_coin_tossed_gold_on_few_prompts_leaves_next_to_nothing() -> None:
    # Ten pairs of a prompt share their gold and their words: rows are not independent, prompts are.
    rng, survivors = np.random.default_rng(0), 0
    for _ in range(20):
        texts, gold, prompts = [], [], []
        for prompt in range(40):
            a, b = (" ".join(rng.choice(VOCABULARY, 12)) for _ in "ab")
            winner = "ab"[rng.integers(2)]
            for _ in range(10):
                texts.append((a, b))
                gold.append(winner)
                prompts.append(f"prompt {prompt}")
        survivors += len(explore(made_pairs(texts, gold=gold, prompts=prompts), lfs=[letters]).surviving)
    assert survivors <= 5


def test_figures_equal_a_count_by_hand() -> None:
    texts = [("good", "bad")] * 15 + [("bad", "good")] * 5 + [("same", "same")] * 20
    gold = ["a"] * 15 + ["a"] * 5 + ["b"] * 20
    clue = clue_of(explore(made_pairs(texts, gold=gold), lfs=[]), "word", "good")
    assert (clue.n, clue.coverage, clue.effect, clue.wins) == (20, 0.5, 0.25, "more")
    assert clue.p == pytest.approx(math.erfc(10 / math.sqrt(20) / math.sqrt(2)))
    # Wilson for .75 of 19: the spread over 20 prompts has 19 degrees of freedom.
    assert (clue.low, clue.high) == pytest.approx((0.5255 - 0.5, 0.8904 - 0.5), abs=0.0001)


def test_pairs_of_one_prompt_count_as_dependent() -> None:
    texts, gold = [("good", "bad")] * 60, ["a"] * 45 + ["b"] * 15
    alone = clue_of(explore(made_pairs(texts, gold=gold), lfs=[]), "word", "good")
    prompts = [f"prompt {i // 5}" for i in range(60)]
    shared = clue_of(explore(made_pairs(texts, gold=gold, prompts=prompts), lfs=[]), "word", "good")
    assert alone.effect == shared.effect == 0.25
    # z is sum / sqrt(sum of squared prompt sums) = 30 / sqrt(12 * 25), against 30 / sqrt(60).
    assert shared.p == pytest.approx(math.erfc(30 / math.sqrt(300) / math.sqrt(2)))
    assert shared.high - shared.low > 2 * (alone.high - alone.low)


def test_turning_pairs_round_changes_nothing() -> None:
    pairs = drawn_pairs(150, planted=0.8)
    one, other = explore(pairs, lfs=[letters]), explore(pairs.swapped(), lfs=[letters])
    assert one == other


def test_a_scorer_is_ranked_by_its_score_whatever_it_prefers() -> None:
    texts = [("x" * (i % 3 + 2), "x") for i in range(40)]
    clue = clue_of(
        explore(made_pairs(texts, gold=["a"] * 40), lfs=[letters]), "scorer", "test_workbench_explore.letters"
    )
    assert (clue.effect, clue.wins) == (0.5, "more")
    assert clue.suggestion == 'letters.with_settings(prefer="more")'


def test_a_plain_function_is_ranked_by_its_votes() -> None:
    first_letter = labeling_function(name="z_wins")(
        lambda pair: -1 if pair.response_a == pair.response_b else int(pair.response_b == "z")
    )
    pairs = made_pairs([("z", "y")] * 20 + [("y", "y")] * 5, gold=["a"] * 25)
    clue = clue_of(explore(pairs, lfs=[first_letter]), "scorer", "test_workbench_explore.z_wins")
    assert (clue.n, clue.effect) == (20, 0.5)


def test_a_scorer_that_fails_is_noted_and_the_rest_goes_on() -> None:
    def picky(response: str) -> int:
        if "sorry" in response:
            raise ValueError("no apologies")
        return len(response)

    found = explore(drawn_pairs(100), lfs=[response_scorer(picky), letters])
    assert found.tested["scorer"] == 2
    assert "picky failed on " in str(found)
    assert "no apologies" in str(found)


def test_shipped_scorers_are_the_default() -> None:
    found = explore(drawn_pairs(60))
    clue = clue_of(found, "scorer", "length.characters")
    assert 'load_lfs("shipped:length.characters")' in clue.suggestion


def test_every_suggestion_is_code_that_runs() -> None:
    from weaklabel.lf.builders import keyword_scorer, pattern_scorer
    from weaklabel.lf.discovery import load_lfs

    names = {"keyword_scorer": keyword_scorer, "pattern_scorer": pattern_scorer, "load_lfs": load_lfs}
    for clue in explore(drawn_pairs(100)).clues:
        assert eval(clue.suggestion, dict(names)) is not None


def test_every_pattern_can_be_suggested_and_finds_what_it_found() -> None:
    from weaklabel.lf.builders import pattern_scorer
    from weaklabel.workbench.explore import _suggest_pattern

    text = 'I\'m sorry, 2 + 2 = 4 [1]. "Quoted" (so)?\n- as an AI, perhaps\n```'
    for name, pattern in PATTERNS.items():
        scorer = eval(_suggest_pattern(name, "more"), {"pattern_scorer": pattern_scorer})
        assert bool(scorer.score(text)) == bool(pattern.search(text)), name


def test_gold_ties_and_locked_and_pool_pairs_are_left_out() -> None:
    pairs = made_pairs(
        [("good", "bad")] * 40,
        gold=["a"] * 12 + ["tie"] * 8 + ["b"] * 10 + ["b"] * 10,
        part=["dev"] * 20 + ["test"] * 10 + ["pool"] * 10,
    )
    found = explore(pairs, lfs=[])
    assert found.n_pairs == 12
    assert clue_of(found, "word", "good").effect == 0.5


def test_without_dev_gold_the_error_says_what_to_do() -> None:
    with pytest.raises(GoldError, match=r"no pair has dev gold.*read_pairs\(\.\.\., gold=\.\.\.\)"):
        explore(drawn_pairs(20, part="test"), lfs=[])


def test_what_differs_in_too_few_pairs_or_prompts_is_not_tested() -> None:
    texts, gold = [("good", "bad")] * 9 + [("x", "y")] * 30, ["a"] * 39
    prompts = [f"prompt {i}" for i in range(9)] + ["one prompt"] * 30
    assert explore(made_pairs(texts, gold=gold, prompts=prompts), lfs=[]).clues == ()
    assert len(explore(made_pairs(texts, gold=gold, prompts=prompts), lfs=[], min_count=9).clues) > 0


def test_more_dev_gold_than_max_pairs_is_sampled_and_said() -> None:
    found = explore(drawn_pairs(50), lfs=[letters], max_pairs=30)
    assert found.n_pairs == 30
    assert "A sample of 30 of 50 dev pairs" in str(found)


def test_the_limit_cuts_the_list_and_not_the_tests() -> None:
    found = explore(drawn_pairs(200), lfs=[], limit=3)
    assert len([clue for clue in found.clues if clue.kind == "word"]) == 3
    assert found.tested["word"] > 50


@pytest.mark.parametrize("name", ["min_count", "limit", "max_pairs"])
def test_settings_below_1_are_refused(name: str) -> None:
    with pytest.raises(ConfigError, match=rf"{name} is 0\. Allowed: 1 or more"):
        explore(drawn_pairs(20), lfs=[], **{name: 0})


def test_benjamini_hochberg_equals_its_definition() -> None:
    p = np.random.default_rng(0).random(30) ** 3
    twin = [min(min(len(p) * t / (p <= t).sum() for t in p if t >= one), 1.0) for one in p]
    assert benjamini_hochberg(p) == pytest.approx(twin)


def test_the_table_marks_what_survives_and_suggests_it() -> None:
    text = explore(drawn_pairs(400, planted=0.85), lfs=[letters]).text(top=2)
    rows = [line for line in text.splitlines() if line.startswith(("word ", "pattern "))]
    assert len(rows) == 4
    assert rows[-2].split()[:3] == ["word", "sorry", "less"]
    assert rows[-2].endswith("*")
    assert '  keyword_scorer("says_sorry", ["sorry"], prefer="less")' in text


def test_to_dict_is_json_and_to_pandas_has_a_row_per_clue() -> None:
    found = explore(drawn_pairs(100), lfs=[letters])
    assert json.loads(json.dumps(found.to_dict(), allow_nan=False))["n_prompts"] == 100
    assert len(found.to_pandas()) == len(found.clues)
    assert "<table>" in found._repr_html_()


def test_length_goes_with_preference_on_real_judgements(shared: Any) -> None:
    from weaklabel.data import read_pairs

    pairs = read_pairs(shared / "data" / "preferences" / "mt_bench_train.parquet", test_share=0.0)
    clue = clue_of(explore(pairs, lfs=[letters]), "scorer", "test_workbench_explore.letters")
    assert clue.survives
    assert clue.effect == pytest.approx(0.197, abs=0.01)  # the longer response is right in .697 of the pairs
