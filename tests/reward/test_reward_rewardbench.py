"""RewardBench's weighting, length tags, and figures by subset."""

from __future__ import annotations

import json

import numpy as np
import pytest
from made_pairs import made_pairs

from weaklabel.data import read_pairs
from weaklabel.errors import GoldError, LayoutError
from weaklabel.reward import evaluate, evaluate_subsets, train_reward
from weaklabel.reward.evaluation.evaluation import LONGER
from weaklabel.reward.evaluation.rewardbench import REWARD_BENCH, length_tags, section_scores

# The published set's true sizes; per subset the share right that the fixture gives it.
SIZES = {
    "alpacaeval-easy": (100, 0.9),
    "alpacaeval-length": (95, 0.8),
    "alpacaeval-hard": (95, 0.6),
    "mt-bench-easy": (28, 0.75),
    "mt-bench-med": (40, 0.5),
    "mt-bench-hard": (37, 0.4),
    "llmbar-natural": (100, 0.7),
    "llmbar-adver-neighbor": (134, 0.3),
    "llmbar-adver-GPTInst": (92, 0.25),
    "llmbar-adver-GPTOut": (47, 0.5),
    "llmbar-adver-manual": (46, 0.5),
    "refusals-dangerous": (100, 0.8),
    "refusals-offensive": (100, 0.9),
    "xstest-should-refuse": (154, 0.5),
    "xstest-should-respond": (250, 0.92),
    "donotanswer": (136, 0.25),
    "math-prm": (447, 1 / 3),
    "hep-cpp": (164, 0.75),
    "hep-go": (164, 0.5),
    "hep-java": (164, 0.75),
    "hep-js": (164, 0.5),
    "hep-python": (164, 1.0),
    "hep-rust": (164, 0.25),
}


class Says:
    """Answers what it was told, by id; asked the other way round it says the same unless `turns`."""

    def __init__(self, p, turns=True):
        self.p, self.turns = p, turns

    def compare(self, pairs):
        p = np.array([self.p[i] for i in pairs.ids])
        swapped = np.array(pairs.table["swapped"].to_pylist())
        return np.where(swapped, 1 - p, p) if self.turns else p


def test_the_four_sections_hold_the_23_subsets_once_each():
    members = [subset for section in REWARD_BENCH.values() for subset in section]
    assert len(members) == len(set(members)) == 23
    assert set(members) == set(SIZES)


def test_section_scores_weigh_subsets_by_count_with_math_prm_as_984():
    right = {name: round(n * share) for name, (n, share) in SIZES.items()}
    subsets = [name for name, (n, _) in SIZES.items() for _ in range(n)]
    p = np.concatenate([np.where(np.arange(n) < right[name], 0.9, 0.1) for name, (n, _) in SIZES.items()])
    found = section_scores(p, np.ones(len(p)), np.arange(len(p)), subsets, n_draws=20)

    def published(section):
        weights = {s: 984 if s == "math-prm" else SIZES[s][0] for s in REWARD_BENCH[section]}
        accuracy = {s: right[s] / SIZES[s][0] for s in weights}
        return sum(weights[s] * accuracy[s] for s in weights) / sum(weights.values())

    for section in REWARD_BENCH:
        assert found[section].value == pytest.approx(published(section), abs=1e-12)
    assert found["overall"].value == pytest.approx(np.mean([published(s) for s in REWARD_BENCH]), abs=1e-12)
    assert found["overall"].n == len(p) == 2985
    # The weighting is not that of the plain counts.
    reasoning = [s in REWARD_BENCH["Reasoning"] for s in subsets]
    assert abs(found["Reasoning"].value - (p[reasoning] > 0.5).mean()) > 0.05


def test_rows_of_no_section_and_gold_ties_are_in_no_score():
    found = section_scores(
        np.array([0.9, 0.9, 0.1, 0.1]),
        np.array([1.0, 0.5, 1.0, 1.0]),
        np.arange(4),
        ["hep-go", "hep-go", "math-prm", "mine"],
        n_draws=10,
    )
    assert list(found) == ["Reasoning"]  # one section has no overall
    assert found["Reasoning"].value == pytest.approx(1 / (1 + 984 / 447))
    assert found["Reasoning"].n == 2


def test_length_tags_say_whether_the_better_response_is_longer():
    pairs = made_pairs(
        [("aa", "bbbb"), ("aa", "bbbb"), ("aaaa", "bbbb"), ("aa", "bbbb"), ("a" * 100, "b" * 105)],
        gold=["b", "a", "b", "tie", "b"],
    )
    assert length_tags(pairs).tolist() == ["True", "False", "Neutral", "Neutral", "Neutral"]
    assert length_tags(pairs.swapped()).tolist() == length_tags(pairs).tolist()
    assert length_tags(pairs, neutral=0.0)[4] == "True"


@pytest.fixture
def gold():
    """Sixty pairs; the first half in one subset, where b wins and is longer, the rest in another, a shorter a wins."""
    n = 60
    return made_pairs(
        [("aa", "bbbb")] * n,
        gold=["b"] * 30 + ["a"] * 30,
        part="test",
        columns={"subset": ["easy"] * 30 + ["hard"] * 30, "tag": ["true"] * 30 + ["neutral"] * 30},
    )


def test_figures_by_subset_are_those_of_evaluate_on_its_rows(gold):
    rng = np.random.default_rng(0)
    arm = Says(dict(zip(gold.ids, rng.uniform(0.3, 0.9, len(gold)), strict=True)))
    found = evaluate_subsets({"arm": arm}, gold)
    hard = evaluate({"arm": arm}, gold.take(np.arange(30, 60)))
    assert found.subsets["arm"]["hard"] == hard.figures["arm"]
    assert found.whole.figures == evaluate({"arm": arm}, gold).figures
    assert found.sections == {}


def test_the_length_rule_is_right_on_true_and_wrong_on_false(gold):
    found = evaluate_subsets({"arm": Says(dict.fromkeys(gold.ids, 0.7))}, gold)
    assert {tag: i.value for tag, i in found.lengths[LONGER].items()} == {"True": 1.0, "False": 0.0}
    assert {tag: i.n for tag, i in found.lengths["arm"].items()} == {"True": 30, "False": 30}
    assert set(found.subsets[LONGER]["easy"]) == {"accuracy"}


def test_given_length_tags_come_before_the_texts(gold):
    found = evaluate_subsets({"arm": Says(dict.fromkeys(gold.ids, 0.7))}, gold, length_tag="tag")
    assert {tag: i.n for tag, i in found.lengths["arm"].items()} == {"True": 30, "Neutral": 30}
    with pytest.raises(LayoutError, match="no column 'longer'"):
        evaluate_subsets({"arm": Says({})}, gold, length_tag="longer")
    with pytest.raises(LayoutError, match="'subset' holds 'Easy'"):
        evaluate_subsets({"arm": Says({})}, gold, length_tag="subset")


def test_a_comparer_that_prefers_the_first_place_is_inconsistent(gold):
    steady, biased = Says(dict.fromkeys(gold.ids, 0.7)), Says(dict.fromkeys(gold.ids, 0.7), turns=False)
    found = evaluate_subsets({"steady": steady, "biased": biased}, gold).consistency
    assert (found["steady"].same, found["steady"].largest_gap) == (1.0, pytest.approx(0.0))
    assert (found["biased"].same, found["biased"].largest_gap) == (0.0, pytest.approx(0.4))


def test_gold_that_a_model_was_fitted_to_is_left_out_and_counted(gold):
    dev = made_pairs([("aa", "bbbb"), ("bbbb c", "aa")], gold=["b", "a"], prompts=["prompt p0", "prompt p1"])
    model = train_reward(dev, n_features=64)
    found = evaluate_subsets({"model": model}, gold)
    assert (found.left_out, found.whole.n_pairs, found.whole.n_in_sample) == (2, 58, 0)
    with pytest.raises(GoldError, match="all 2 pairs was used to fit"):
        evaluate_subsets({"model": model}, dev)


def test_a_reward_model_is_antisymmetric_by_measurement(gold):
    model = train_reward(
        made_pairs([("aa", "bbbb"), ("bbbb c", "aa")], gold=["b", "a"], prefix="q"), n_features=64
    )
    assert evaluate_subsets({"model": model}, gold).consistency["model"].to_dict() == {
        "same": 1.0,
        "largest_gap": 0.0,
    }


def test_a_file_in_rewardbench_layout_is_read_and_its_sections_scored(tmp_path):
    rows = [
        {"prompt": f"q{i}", "chosen": "a long answer", "rejected": "no", "subset": s, "id": i}
        for i, s in enumerate(["hep-go", "math-prm", "donotanswer", "mt-bench-hard", "mt-bench-med"])
    ]
    (tmp_path / "rows.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    pairs = read_pairs(tmp_path / "rows.jsonl", test_share=1.0)
    found = evaluate_subsets({"arm": Says(dict.fromkeys(pairs.ids, 0.5))}, pairs)
    assert set(found.sections["arm"]) == {*REWARD_BENCH, "overall"}
    assert found.sections["arm"]["overall"].value == 0.5
    assert found.sections[LONGER]["overall"].value == 1.0
    text = str(found)
    assert "math-prm: arm" in text
    assert "overall (n=5)" in text
    json.dumps(found.to_dict(), allow_nan=False)
