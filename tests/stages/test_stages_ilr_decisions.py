"""What a round of refinement decides, without a language model: agreement, the cap, the prior, who is asked, provenance."""

from __future__ import annotations

import json
import math
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from weaklabel.comparers.checker import Checker
from weaklabel.comparers.simulated import Simulated
from weaklabel.data.asked.demonstrations import read_demonstrations
from weaklabel.errors import ConfigError, DataError, UnknownNameError, WeaklabelWarning
from weaklabel.stages.incumbent import Incumbent
from weaklabel.stages.refinement.agreement import AGREEMENTS, agreement
from weaklabel.stages.refinement.deciding import decide
from weaklabel.stages.refinement.editing import Edits, edits
from weaklabel.stages.refinement.labels import Label, given_labels, read_labels, write_labels
from weaklabel.stages.refinement.settings import ILRSettings
from weaklabel.stages.refinement.teacher import Teacher
from weaklabel.types import Comparer, Pairs
from weaklabel.types.demonstration import Demonstration

BELIEFS = st.lists(st.floats(0, 1), min_size=1, max_size=30).map(np.array)


# ------------------------------------------------------------------------------------ the rule
@given(BELIEFS, st.floats(0.01, 1), st.floats(-3, 3), st.sampled_from(["disagreeing", "all"]))
def test_no_more_is_replaced_than_the_cap_and_never_what_is_not_better(
    p: Any, alpha: float, prior: float, of: Any
) -> None:
    found = decide(p, alpha=alpha, of=of, n_all=2 * len(p), prior=prior)
    room = math.ceil(alpha * (len(p) if of == "disagreeing" else 2 * len(p)))
    assert found.replaces.sum() <= room
    assert (found.belief[found.replaces] > 0.5).all()
    # Nothing that was left out is surer than what was taken.
    if found.replaces.any() and not found.replaces.all():
        assert found.belief[found.replaces].min() >= found.belief[~found.replaces].max() - 1e-12 or (
            found.belief[~found.replaces].max() <= 0.5
        )
    # What stays, stays for one of two reasons.
    assert found.replaces.sum() == min(room, int((found.belief > 0.5).sum()))


@given(BELIEFS)
def test_distinct_beliefs_give_the_published_threshold(p: Any) -> None:
    p = np.unique(p)
    n, alpha = len(p), 0.25
    found = decide(p, alpha=alpha, n_all=n)
    published = p > max(0.5, np.quantile(p, 1 - alpha))
    assert abs(int(found.replaces.sum()) - int(published.sum())) <= 1
    assert not (published & ~found.replaces).any()


def test_answers_of_people_which_are_all_equal_still_replace_up_to_the_cap() -> None:
    found = decide(np.array([1.0] * 10 + [0.0] * 10), alpha=0.15, n_all=20)
    assert found.replaces.sum() == 3
    assert not found.replaces[10:].any()
    assert decide(np.full(20, 0.5), alpha=None, n_all=20).replaces.sum() == 0
    assert len(decide(np.zeros(0), alpha=0.15, n_all=20).replaces) == 0


def test_the_prior_is_the_odds_of_the_sample_by_hand() -> None:
    # A proposal at 3 : 1 by the comparer, 1 : 3 by the sample of 0 better and 2 worse: even odds, so it is not taken.
    found = decide(np.array([0.75, 0.76]), alpha=None, n_all=2, prior=Incumbent(0, 2).log_odds)
    assert found.belief[0] == pytest.approx(0.5)
    assert found.replaces.tolist() == [False, True]
    assert Incumbent(3, 0).log_odds == pytest.approx(math.log(4))
    assert Incumbent(5, 2).log_odds == -Incumbent(2, 5).log_odds


# ------------------------------------------------------------------------------------ agreement
@pytest.mark.parametrize(
    ("name", "label", "proposal", "same"),
    [
        ("exact", "4", " 4\n", True),
        ("exact", "4", "4.", False),
        ("normalised", "It is PARIS!", "it is  paris", True),
        ("normalised", "It is Paris", "It is Rome", False),
        ("program", "2 * 36", "He pays 72 dollars.", True),
        ("program", "#### 1,000", "A: 1000.0", True),
        ("program", "It is 72.", "It is 71.", False),
        ("program", "none", "None.", True),
    ],
)
def test_an_agreement_test_says_whether_two_texts_say_the_same(
    name: str, label: str, proposal: str, same: bool
) -> None:
    assert AGREEMENTS[name](["?"], [label], [proposal], 0.5).tolist() == [same]
    assert AGREEMENTS[name](["?"], [proposal], [label], 0.5).tolist() == [same]


def test_the_more_alike_share_of_texts_agrees_by_their_vectors(monkeypatch: pytest.MonkeyPatch) -> None:
    """Vectors of two numbers on the unit circle: the cosine is that of the angle between label and proposal."""
    from weaklabel.training import embedding

    class Circle:
        def embed(self, prompts: Any, responses: Any) -> Any:
            angles = np.array([float(text) for text in responses])
            return np.stack([np.cos(angles), np.sin(angles)], axis=1)

    monkeypatch.setattr(embedding, "embedder", lambda layer: Circle())
    labels, proposals = ["0"] * 5, ["0.1", "0.2", "0.3", "0.4", "0"]

    def agreed(quantile: float) -> list[bool]:
        return list(AGREEMENTS["embedding"](["?"] * 5, labels, proposals, quantile))

    assert agreed(0.5) == [True, False, False, False, True]
    assert agreed(0.0) == [True, True, True, False, True]
    assert agreed(1.0) == [False, False, False, False, True]  # the same text always agrees
    assert not len(AGREEMENTS["embedding"]([], [], [], 0.5))


def test_an_agreement_test_of_ones_own_is_named_and_held_to_yes_or_no(tmp_path: Path) -> None:
    file = tmp_path / "mine.py"
    file.write_text(
        "def last(prompt, label, proposal):\n    return label[-1] == proposal[-1]\n\n"
        "def number(prompt, label, proposal):\n    return 1\n\n"
        "def fails(prompt, label, proposal):\n    raise ValueError('no')\n\nthing = 3\n"
    )
    found, name = agreement(f"{file}:last")
    assert found(["?", "?"], ["a1", "a1"], ["b1", "b2"], 0.5).tolist() == [True, False]
    assert name != agreement("exact")[1]
    for wrong, kind, said in (
        ("number", DataError, "answered 1. Allowed: True or False"),
        ("fails", DataError, "raised ValueError: no"),
    ):
        with pytest.raises(kind, match=said):
            agreement(f"{file}:{wrong}")[0](["?"], ["a"], ["b"], 0.5)
    with pytest.raises(ConfigError, match="is a int"):
        agreement(f"{file}:thing")
    with pytest.raises(UnknownNameError, match="normalised"):
        agreement("normalized")


# ------------------------------------------------------------------------------------ a round of edits
class Prefers(Comparer):
    """P(B beats A) by a word that one of the two holds."""

    def __init__(self, word: str, sure: float = 0.9) -> None:
        self.word, self.sure, self.asked = word, sure, 0

    def compare(self, pairs: Pairs) -> Any:
        self.asked += len(pairs)
        columns = set(pairs.table.column_names)
        assert columns <= {
            "id",
            "prompt",
            "response_a",
            "response_b",
            "messages",
            "gold",
            "part",
            "source",
            "swapped",
        }
        assert set(pairs.table["gold"].to_pylist()) <= {None}
        a, b = (pairs.table[name].to_pylist() for name in ("response_a", "response_b"))
        z = np.array([(self.word in y) - (self.word in x) for x, y in zip(a, b, strict=True)])
        return 0.5 + (self.sure - 0.5) * z


def teacher(comparer: Any, **more: Any) -> Teacher:
    given = {
        "expert": None,
        "agrees": AGREEMENTS["exact"],
        "quantile": 0.5,
        "alpha": None,
        "alpha_of": "disagreeing",
        "max_comparisons": None,
        "audit_sample": 0,
        "seed": 0,
    }
    return Teacher(comparer=comparer, **given | more)


LABELS = given_labels([Demonstration(f"{k}?", f"label {k}", pinned=k == 3) for k in range(6)])
PROPOSALS = ["good 0", "label 1", None, "good 3", "bad 4", "good 5"]


def judged(who: Teacher, folder: Path, proposals: Any = None) -> Edits:
    return edits(
        who, LABELS, [proposals or PROPOSALS], [f"fold {k % 2}" for k in range(6)], number=1, folder=folder
    )


def test_what_agrees_is_empty_or_pinned_is_not_asked_about(tmp_path: Path) -> None:
    comparer = Prefers("good")
    found = judged(teacher(comparer), tmp_path)
    assert found.rows.tolist() == [0, 4, 5]
    assert found.accepted.tolist() == [True, False, True]
    assert comparer.asked == 6  # three pairs in both orders
    shown = {
        name: found.figures[name]
        for name in ("proposals", "agreed", "disagreed", "empty proposals", "pinned")
    }
    assert shown == {"proposals": 4, "agreed": 1, "disagreed": 3, "empty proposals": 1, "pinned": 1}
    assert found.figures["comparisons"] == 3
    rows = found.rows_of(LABELS)
    assert [(row["label"], row["proposal"], row["accepted"]) for row in rows] == [
        ("label 0", "good 0", True),
        ("label 4", "bad 4", False),
        ("label 5", "good 5", True),
    ]


def test_a_comparer_with_a_position_bias_decides_as_one_without(tmp_path: Path) -> None:
    class Biased(Prefers):
        def compare(self, pairs: Pairs) -> Any:
            return np.clip(super().compare(pairs) * 0.5, 0, 1)  # a leans by half

    found = judged(teacher(Biased("good")), tmp_path)
    assert found.accepted.tolist() == [True, False, True]


@given(st.floats(-0.15, 0.15))
def test_a_bias_for_a_place_leaves_every_score_as_it_is(bias: float) -> None:
    """p - b for the response shown second, whichever it is: ((p - b) + 1 - ((1 - p) - b)) / 2 = p."""

    class Biased(Prefers):
        def compare(self, pairs: Pairs) -> Any:
            return super().compare(pairs) - bias

    with TemporaryDirectory() as folder:
        found = judged(teacher(Biased("good", sure=0.8)), Path(folder))
    assert found.p == pytest.approx(np.array([0.8, 0.5, 0.8]), abs=1e-12)
    assert found.accepted.tolist() == [True, False, True]


@given(
    st.lists(st.sampled_from([0.1, 0.5, 0.6, 0.7, 0.8, 0.9]), min_size=12, max_size=12), st.floats(0.01, 1)
)
def test_a_round_keeps_to_the_cap_and_leaves_what_agrees_untouched(said: list[float], alpha: float) -> None:
    class Says(Comparer):
        def compare(self, pairs: Pairs) -> Any:
            a, b = (pairs.table[name].to_pylist() for name in ("response_a", "response_b"))
            return np.array(
                [
                    said[int(y.split()[1])] if y.startswith("new") else 1 - said[int(x.split()[1])]
                    for x, y in zip(a, b, strict=True)
                ]
            )

    labels = given_labels([Demonstration(f"{k}?", f"old {k}") for k in range(12)])
    proposals = [f"{'old' if k % 3 == 0 else 'new'} {k}" for k in range(12)]  # every third agrees
    with TemporaryDirectory() as folder:
        found = edits(
            teacher(Says(), alpha=alpha), labels, [proposals], ["x"] * 12, number=1, folder=Path(folder)
        )
    assert found.rows.tolist() == [k for k in range(12) if k % 3]
    assert found.p is not None
    assert found.p == pytest.approx(np.array([said[k] for k in found.rows]), abs=1e-12)
    assert found.accepted.sum() <= math.ceil(alpha * 8)
    assert (found.p[found.accepted] > 0.5).all()


def test_a_comparer_that_knows_nothing_replaces_nothing_and_is_named(tmp_path: Path) -> None:
    found = judged(teacher(Prefers("nowhere")), tmp_path)
    assert not found.accepted.any()
    (note,) = found.notes
    assert "the comparer says .5 of all 3 proposals" in note
    assert "\n" not in note


def test_a_comparer_that_answers_by_position_alone_is_warned_of(tmp_path: Path) -> None:
    class First(Comparer):
        def compare(self, pairs: Pairs) -> Any:
            return np.full(len(pairs), 0.1)

    labels = given_labels([Demonstration(f"{k}?", "a") for k in range(12)])
    with pytest.warns(
        WeaklabelWarning, match="answers by position, or both questions were built in one order"
    ):
        found = edits(teacher(First()), labels, [["b"] * 12], ["fold 0"] * 12, number=1, folder=tmp_path)
    assert not found.accepted.any()


def test_demonstrations_that_all_agree_are_told(tmp_path: Path) -> None:
    found = judged(teacher(Prefers("good")), tmp_path, [label.text for label in LABELS])
    assert found.figures["disagreed"] == 0
    assert not len(found.rows)
    said = "nothing could be compared: 5 proposals agree with their labels, 0 are empty, 1 labels are pinned"
    assert said in found.notes[0]


def test_an_expert_is_asked_about_a_sample_and_decides_it(tmp_path: Path) -> None:
    """The comparer likes every proposal; the expert says that all five of its sample are worse."""
    labels = given_labels([Demonstration(f"{k}?", f"right {k}") for k in range(40)])
    proposals = [f"good wrong {k}" for k in range(40)]
    right = Checker(lambda prompt, response: response.startswith("right"), name="right").comparer()
    who = teacher(Prefers("good", sure=0.8), expert=right, audit_sample=5)
    found = edits(who, labels, [proposals], ["fold 0"] * 40, number=1, folder=tmp_path)
    assert found.figures["audited"] == 5
    assert found.figures["prior"] == pytest.approx(math.log(1 / 6))
    assert not found.accepted.any()
    assert "proposals were better in 0 of 5 decided comparisons" in found.notes[0]
    assert "none of 40 labels in dispute was replaced" in found.notes[0]
    assert len(list((tmp_path / "expert").glob("*.jsonl"))) == 1
    # Without the sample, every label would have been spoiled.
    assert edits(
        teacher(Prefers("good", sure=0.8)), labels, [proposals], ["x"] * 40, number=1, folder=tmp_path
    ).accepted.all()


def test_comparisons_are_limited_by_a_draw_that_hangs_on_seed_and_round(tmp_path: Path) -> None:
    labels = given_labels([Demonstration(f"{k}?", "a") for k in range(50)])

    def rows(seed: int, number: int) -> list[int]:
        who = teacher(Prefers("good"), max_comparisons=7, seed=seed)
        found = edits(who, labels, [["good"] * 50], ["x"] * 50, number=number, folder=tmp_path)
        assert found.figures["comparisons"] == 7
        assert found.figures["disagreed"] == 50
        return list(found.rows)

    assert rows(0, 1) == rows(0, 1)
    assert rows(0, 1) != rows(0, 2)
    assert rows(0, 1) != rows(1, 1)


def test_of_two_proposals_the_comparer_chooses_first(tmp_path: Path) -> None:
    labels = given_labels([Demonstration("1?", "a"), Demonstration("2?", "a"), Demonstration("3?", "a")])
    two = [["good", "bad", None], ["bad", "good", "good"]]
    found = edits(teacher(Prefers("good")), labels, two, ["x"] * 3, number=1, folder=tmp_path)
    assert found.proposals == ["good", "good", "good"]
    assert found.figures["comparisons"] == 2 + 3


def test_chance_replaces_the_share_without_asking(tmp_path: Path) -> None:
    labels = given_labels([Demonstration(f"{k}?", "a") for k in range(100)])
    found = edits(teacher(None, alpha=0.15), labels, [["b"] * 100], ["x"] * 100, number=1, folder=tmp_path)
    assert found.accepted.sum() == 15
    assert found.figures["comparisons"] == 0
    assert found.p is None


def test_a_simulated_comparer_of_known_accuracy_accepts_that_share_of_better_proposals(
    tmp_path: Path,
) -> None:
    labels = given_labels([Demonstration(f"{k}?", "wrong") for k in range(2000)])
    right = Checker(lambda prompt, response: response == "right").comparer()
    who = teacher(Simulated(right, accuracy=0.75))
    found = edits(who, labels, [["right"] * 2000], ["x"] * 2000, number=1, folder=tmp_path)
    assert found.accepted.mean() == pytest.approx(0.75, abs=0.03)


# ------------------------------------------------------------------------------------ provenance
def test_labels_are_kept_with_where_they_come_from_and_any_stage_reads_them(tmp_path: Path) -> None:
    turns = (
        {"role": "user", "content": "Hi"},
        {"role": "assistant", "content": "Hm?"},
        {"role": "user", "content": "3?"},
    )
    labels = [
        Label(Demonstration("1?", "one", w=0.5)),
        Label(Demonstration("2?", "two", pinned=True), pinned=True),
        Label(Demonstration("3?", "drei", messages=turns)).replaced_by(
            "three", round=2, source="round 2, fold 1", belief=0.8123456789
        ),
    ]
    write_labels(labels, tmp_path)
    found = read_labels(tmp_path)
    assert found == labels
    assert (found[2].replaced, found[2].round, found[2].belief) == ("drei", 2, 0.812346)
    learned = read_demonstrations(str(tmp_path / "labels.jsonl")).rows
    assert [(row.prompt, row.completion, row.w, row.pinned) for row in learned] == [
        ("1?", "one", 0.5, False),
        ("2?", "two", 1.0, True),
        ("3?", "three", 1.0, False),
    ]
    assert learned[2].messages == turns
    rows = [json.loads(line) for line in (tmp_path / "labels.jsonl").read_text().splitlines()]
    assert len({row["id"] for row in rows}) == 3


def test_labels_of_one_prompt_are_one_unit_of_folds() -> None:
    same = given_labels([Demonstration("What is  2 + 2?", "4"), Demonstration("what  is 2 + 2?", "5")])
    assert same[0].key == same[1].key


@pytest.mark.parametrize(
    ("more", "kind", "said"),
    [
        ({"arm": "learnt"}, UnknownNameError, "learned"),
        ({"alpha": 0.0}, ConfigError, "alpha is 0"),
        ({"alpha_of": "some"}, ConfigError, "alpha_of is 'some'"),
        ({"n_folds": 1}, ConfigError, "n_folds is 1"),
        ({"audit_sample": 5}, ConfigError, "without an expert"),
        ({"proposals": {"beams": 3}}, ConfigError, "num_beams|beams"),
        ({"proposals": {"batch_size": 0}}, ConfigError, "batch_size is 0"),
        ({"samples": {"num_generations": 1}}, ConfigError, "num_generations is 1"),
        ({"dpo": {"max_length": 3}}, ConfigError, "max_length"),
        ({"dpo": {"beta": 0}}, ConfigError, "beta"),
    ],
)
def test_settings_are_checked(more: dict[str, Any], kind: type[Exception], said: str) -> None:
    with pytest.raises(kind, match=said) as caught:
        ILRSettings(from_scratch="tiny", **more)
    assert "\n" not in str(caught.value)


def test_proposals_that_are_drawn_have_no_beams() -> None:
    assert ILRSettings(from_scratch="tiny").proposing[0].num_beams == 4
    assert ILRSettings(from_scratch="tiny", proposals={"temperature": 0.5}).proposing[0].num_beams == 1
