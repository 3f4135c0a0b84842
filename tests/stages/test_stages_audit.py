"""The audit's figures, rules and page, from answers made by hand: no model in here."""

from __future__ import annotations

import json
import math
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from made_report import HARMFUL

from weaklabel.errors import ArtifactError, ConfigError, DataError, UnknownNameError
from weaklabel.lf import labeling_function, response_scorer
from weaklabel.metrics import Interval
from weaklabel.stages.audit import WARNINGS, Audit, Auditor, AuditSettings, Look
from weaklabel.stages.audit.asked import Answer, answer_figures, asked_of, read_samples, samples_text
from weaklabel.stages.audit.monitors import comparer_figures, function_figures, watching
from weaklabel.stages.audit.page import page_of
from weaklabel.stages.audit.policy import Preferences, kl_figures, preference_figures
from weaklabel.stages.audit.warned import warnings_of
from weaklabel.types import ABSTAIN, PREFER_B, Comparer, FloatArray, Pair, Pairs
from weaklabel.types.demonstration import Demonstration

PROMPTS = [f"question {k}" for k in range(8)]
ASKED = asked_of(PROMPTS, 8, 0)
CALM = {
    "length": 6.0,
    "length_ratio": 1.0,
    "ended": 1.0,
    "empty": 0.0,
    "distinct": 1.0,
    "sameness": 0.1,
    "kl": 0.1,
}


def sure(value: float) -> Interval:
    return Interval(value, value - 0.01, value + 0.01, 32)


def figures(**more: float) -> dict[str, Interval]:
    return {name.replace("__", "/"): sure(value) for name, value in {**CALM, **more}.items()}


def answers(texts: Sequence[str], *, tokens: int = 5, ended: bool = True) -> tuple[Answer, ...]:
    return tuple(Answer(each.key, text, tokens, ended) for each, text in zip(ASKED, texts, strict=True))


# ------------------------------------------------------------------------------------ what is asked
def test_prompts_are_told_apart_by_what_is_asked_and_keep_an_order_of_their_own() -> None:
    given = [*PROMPTS, PROMPTS[3], Demonstration("question 9", "an answer that is not looked at")]
    found = asked_of(given, 100, 0)
    assert len(found) == 9
    assert [each.key for each in found] == [each.key for each in asked_of(given[::-1], 100, 0)]
    assert asked_of(given, 3, 0) == found[:3]
    assert {each.key for each in asked_of(given, 100, 1)}.isdisjoint(each.key for each in found)


def test_a_conversation_is_part_of_what_is_asked() -> None:
    turns = ({"role": "system", "content": "Be brief."}, {"role": "user", "content": "Hi"})
    found = asked_of([Demonstration("Hi", "Yes?"), Demonstration("Hi", "Yes?", messages=turns)], 9, 0)
    assert sorted(map(len, (each.messages for each in found))) == [0, 2]


@pytest.mark.parametrize(
    ("prompts", "message"),
    [
        (["one"], "the audit got 1 distinct prompts"),
        (["one", "one"], "the audit got 1 distinct prompts"),
        (["one", " "], "audit, prompt 2 is ' '"),
        (["one", None], "audit, prompt 2 is 'None'"),
    ],
)
def test_prompts_that_cannot_be_asked_are_one_line(prompts: list[str], message: str) -> None:
    with pytest.raises(DataError, match=message):
        asked_of(prompts, 9, 0)


# ------------------------------------------------------------------------------------ figures
def test_the_figures_of_answers_by_hand() -> None:
    now = (
        *answers(["a b c", "a b c", "", " ", "d e", "f", "g", "h"], tokens=6)[:6],
        *answers(["a"] * 8, tokens=30, ended=False)[6:],
    )
    found = dict(answer_figures(now, answers(["x"] * 8, tokens=3), 0))
    assert found["length"].value == (6 * 6 + 2 * 30) / 8
    assert found["length_ratio"].value == found["length"].value / 3
    assert found["ended"].value == 0.75
    assert found["empty"].value == 0.25
    assert found["distinct"].value == 5 / 8  # two are empty, and two pairs are equal
    assert found["ended"].low < 0.75 < found["ended"].high


def test_equal_answers_are_the_same_and_all_that_ended_are_not_certain() -> None:
    found = dict(answer_figures(answers(["one two three four five"] * 8), answers(["x"] * 8), 0))
    assert found["sameness"].value > 0.99
    assert found["distinct"].value == 1 / 8
    assert found["ended"].value == 1.0
    assert found["ended"].low == pytest.approx(0.025 ** (1 / 8))


def test_kl_is_the_mean_gap_per_token_and_per_answer() -> None:
    told = [(-3.0, -5.0, 4), (-6.0, -7.0, 6)]
    made = [Answer(str(k), "x", n, True, ours, theirs) for k, (ours, theirs, n) in enumerate(told)]
    found = dict(kl_figures(made, 0))
    assert found["kl"].value == pytest.approx(3 / 10)
    assert found["kl_per_answer"].value == pytest.approx(1.5)
    assert dict(kl_figures([replace(made[0], reference_logp=None), made[1]], 0)) == {}


def test_log_probabilities_of_pairs_by_hand() -> None:
    tokens = np.array([2.0, 2.0])
    first = Preferences(np.array([-4.0, -4.0]), np.array([-4.0, -6.0]), tokens)
    now = Preferences(np.array([-5.0, -6.0]), np.array([-9.0, -5.0]), tokens)
    found = {name: one.value for name, one in preference_figures(now, first, np.arange(2), 0)}
    assert found == {
        "logps/chosen": -5.5,
        "logps/chosen_change": -1.5,
        "logps/rejected": -7.0,
        "logps/rejected_change": -2.0,
        "logps/chosen_change_per_token": -0.75,
        "logps/accuracies": 0.5,
    }
    again = Preferences.from_dict(json.loads(json.dumps(now.to_dict())), "file")
    assert np.array_equal(again.rejected, now.rejected)
    with pytest.raises(ArtifactError, match="file is not as an audit writes it"):
        Preferences.from_dict({"chosen": [1.0]}, "file")


@response_scorer(prefer="less")
def words(response: str) -> float:
    return len(response.split()) if response else math.nan


@labeling_function
def current(pair: Pair) -> int:
    """Knows the place: it must not be asked of answers that are equal."""
    return PREFER_B


@labeling_function
def fails_on_shouting(pair: Pair) -> int:
    if str(pair.response_b).isupper():
        raise ValueError("no")
    return ABSTAIN


@labeling_function(columns=["source_score"])
def reads_a_column(pair: Pair) -> int:
    return ABSTAIN


def test_functions_vote_between_the_first_answer_and_the_current_one() -> None:
    first = answers(["a b", "a b", "a b", "a b", "", "a", "a", "a"])
    now = answers(["a", "a b c", "a b c", "a b", "b", "A", "a", "a"])
    found, faults = function_figures([words, current, fails_on_shouting], ASKED, first, now, 0)
    value = {name: one.value for name, one in found.items()}
    assert value["drift/words"] == pytest.approx((1 - 1 - 1) / 8)
    assert value["drift/current"] == pytest.approx(5 / 8)  # three answers are as they were
    assert value["drift/fails_on_shouting"] == 0.0
    assert faults == {"fails_on_shouting": 1}
    assert found["score/words"].n == 7  # an empty answer has no score
    assert value["score/words"] == pytest.approx((1 + 3 + 3 + 2 + 1 + 1 + 1) / 7)
    then, later = [2, 2, 2, 2, 1, 1, 1], [1, 3, 3, 2, 1, 1, 1]
    assert value["shift/words"] == pytest.approx((np.mean(later) - np.mean(then)) / np.std([*then, *later]))
    assert function_figures([], ASKED, first, now, 0) == ({}, {})


def test_functions_that_read_columns_are_left_out_by_name() -> None:
    assert watching([words, reads_a_column]) == ([words], ("reads_a_column",))


class Says(Comparer):
    def __init__(self, p: float) -> None:
        self.p = p

    def compare(self, pairs: Pairs) -> FloatArray:
        return np.full(len(pairs), self.p)


def test_comparers_are_asked_of_what_has_changed() -> None:
    first, now = answers(["a"] * 8), answers(["a"] * 6 + ["b"] * 2)
    both = {"training_comparer": Says(0.9), "held_out_comparer": Says(0.3)}
    found = {name: one.value for name, one in comparer_figures(both, ASKED, first, now, 0)}
    assert found["training_comparer"] == pytest.approx((6 * 0.5 + 2 * 0.9) / 8)
    assert found["comparer_gap"] == pytest.approx(2 * 0.6 / 8)
    one = {"held_out_comparer": Says(0.3)}
    assert list(dict(comparer_figures(one, ASKED, first, first, 0))) == ["held_out_comparer"]


# ------------------------------------------------------------------------------------ rules
@pytest.mark.parametrize(
    ("name", "now", "words"),
    [
        ("length", {"length": 30.0, "length_ratio": 5.0}, "30.0 tokens on average, at the first look 6.0"),
        ("length", {"length": 2.0, "length_ratio": 0.3}, "says less and less"),
        ("no_end", {"ended": 0.2}, ".200 of the answers end within max_new_tokens"),
        ("empty", {"empty": 0.2}, ".200 of the answers are empty"),
        ("collapse", {"sameness": 0.8}, ".800 alike"),
        ("kl", {"kl": 1.5}, "1.50 nats per token"),
        (
            "falling_logps",
            {
                "logps__chosen_change_per_token": -0.4,
                "logps__chosen_change": -8.0,
                "logps__rejected_change": -9.0,
            },
            "lost 0.40 nats per token since the first look, 8.0 per response. The rejected ones fall too",
        ),
        (
            "falling_logps",
            {
                "logps__chosen_change_per_token": -0.4,
                "logps__chosen_change": -8.0,
                "logps__rejected_change": 2.0,
            },
            "chosen and rejected have changed places",
        ),
        (
            "over_optimised",
            {"training_comparer": 0.9, "held_out_comparer": 0.45, "comparer_gap": 0.45},
            "with probability .900 by the comparer that trains, .450 by one that was held out",
        ),
        ("drift:brief", {"drift__brief": -0.6}, "'brief' prefers the first answers: its mean vote is -.600"),
    ],
)
def test_a_rule_speaks_beyond_its_threshold(name: str, now: dict[str, float], words: str) -> None:
    (found,) = warnings_of(9, figures(**now), figures(), AuditSettings())
    assert (found.name, found.step) == (name, 9)
    assert words in found.sentence
    loose = AuditSettings(
        max_length_ratio=99, min_ended=0, max_empty=1, max_sameness=1, max_kl=99, max_logps_fall=99, max_drift=1,
        max_gap=1,
    )  # fmt: skip
    assert warnings_of(9, figures(**now), figures(), loose) == ()


@pytest.mark.parametrize(
    ("now", "first", "why"),
    [
        ({}, {}, "nothing has changed"),
        ({"ended": 0.3}, {"ended": 0.05}, "a base model that learns to stop"),
        ({"length": 9.0, "length_ratio": 0.2}, {"ended": 0.0}, "what talked until it was cut had no length"),
        ({"sameness": 0.8}, {"sameness": 0.8}, "a task of few answers"),
        ({"empty": 0.2}, {"empty": 0.3}, "it was worse"),
        ({"training_comparer": 0.9, "held_out_comparer": 0.7, "comparer_gap": 0.2}, {}, "both rise"),
        ({"training_comparer": 0.5, "held_out_comparer": 0.3, "comparer_gap": 0.2}, {}, "training does not"),
        ({"drift__longer": 0.9}, {}, "a function that finds answers better"),
    ],
)
def test_a_rule_is_silent_where_training_does_what_it_is_for(
    now: dict[str, float], first: dict[str, float], why: str
) -> None:
    assert warnings_of(9, figures(**now), figures(**first), AuditSettings()) == (), why


def test_a_figure_that_chance_explains_warns_of_nothing() -> None:
    wide = {
        name: Interval(one.value, -9.0, 9.0, 4) for name, one in figures(length_ratio=3.0, kl=1.5).items()
    }
    assert warnings_of(9, wide, figures(), AuditSettings()) == ()


# ------------------------------------------------------------------------------------ settings
@pytest.mark.parametrize(
    ("given", "message"),
    [
        ({"audit_prompts": 1}, "audit: audit_prompts is 1. Allowed: 2 to 1.04858e[+]06"),
        ({"max_kl": -1.0}, "audit: max_kl is -1.0. Allowed: 0 or more"),
        ({"max_kl": math.nan}, "audit: max_kl is nan"),
        ({"seed": True}, "audit: seed is True. Allowed: a whole number"),
        ({"stop_on": "kl"}, "audit: stop_on is 'kl'. Allowed: a list of names of warnings"),
    ],
)
def test_settings_out_of_range_are_one_line(given: dict[str, object], message: str) -> None:
    with pytest.raises(ConfigError, match=message):
        AuditSettings(**given)  # type: ignore[arg-type]


def test_a_warning_that_does_not_exist_is_refused_with_what_was_meant(tmp_path: Path) -> None:
    for name, meant in (("colapse", "collapse"), ("drift:word", "drift:words")):
        with pytest.raises(UnknownNameError, match=f"Did you mean '{meant}'"):
            Auditor(PROMPTS, None, tmp_path, lfs=[words], settings=AuditSettings(stop_on=[name]))
    Auditor(PROMPTS, None, tmp_path, lfs=[words], settings=AuditSettings(stop_on=[*WARNINGS, "drift"]))
    assert list(tmp_path.iterdir()) == []


def test_pairs_without_a_winner_are_refused(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="none of 1 held-out pairs has gold that names a winner"):
        Auditor(PROMPTS, None, tmp_path, pairs=Pairs.of([Pair("1", "q", "a", "b")]))


# ------------------------------------------------------------------------------------ files, table, page
def audit() -> Audit:
    looks = (Look(0, figures(drift__f=0.0), {}), Look(10, figures(kl=1.5, drift__f=-0.6), {"f": 2}))
    return Audit(looks, AuditSettings(), ("column_function",))


def test_looks_and_samples_are_read_as_they_were_written(tmp_path: Path) -> None:
    look = Look(
        3, {"a": Interval(1 / 3, -math.inf, math.inf, 2), "b": Interval(math.nan, 0.0, 1.0, 0)}, {"f": 1}
    )
    again = Look.parse(look.line())
    assert again.line() == look.line()
    assert again.figures["a"] == Interval(0.333333, -math.inf, math.inf, 2)
    given = answers(HARMFUL[:1] * 8)
    assert read_samples(samples_text(given, ASKED), "file") == given
    with pytest.raises(ArtifactError, match="file is not as an audit writes it"):
        read_samples("{}\n", "file")


def test_an_audit_that_was_changed_on_the_disk_is_one_line(tmp_path: Path) -> None:
    with pytest.raises(ArtifactError, match=r"audit\.json does not exist"):
        Audit.load(tmp_path)
    (tmp_path / "audit.json").write_text('{"settings": {"no": 1}, "not_watched": []}')
    with pytest.raises(ArtifactError, match="is not as an audit writes it"):
        Audit.load(tmp_path)
    (tmp_path / "audit.json").write_text(
        json.dumps({"settings": AuditSettings().to_dict(), "not_watched": []})
    )
    assert Audit.load(tmp_path).looks == ()
    for text in ("{", "[]\n", '{"step": 1, "figures": {"a": 1}, "faults": {}}\n'):
        (tmp_path / "audit.jsonl").write_text(text)
        with pytest.raises(ArtifactError, match=r"audit\.jsonl is not as an audit writes it"):
            Audit.load(tmp_path)


def test_the_result_says_figures_warnings_and_what_was_not_watched() -> None:
    found = audit()
    said = str(found)
    assert ["kl", "0.100", "1.500"] in [line.split() for line in said.splitlines()]
    assert "step 10, kl: the policy is 1.50 nats" in said
    assert "step 10, drift:f: 'f' prefers the first answers" in said
    assert "Not watched, because they read columns: column_function." in said
    assert "Votes that failed: f 2." in said
    assert found.figures() | {"kl": 1.5, "warnings": 2.0} == found.figures()
    many = replace(
        found,
        looks=tuple(
            replace(look, figures={**look.figures, **{f"drift/f{k}": sure(k / 9) for k in range(9)}})
            for look in found.looks
        ),
    )
    assert "and 4 more functions, in audit.html" in str(many)
    assert [line.split()[0] for line in str(many).splitlines()[-7:-1]] == [
        f"drift/{name}" for name in ("f8", "f7", "f6", "f", "f5", "f4")
    ]
    assert [each["name"] for each in found.to_dict()["warnings"]] == ["kl", "drift:f"]
    assert str(Audit((), AuditSettings())) == "Audit of 0 looks."
    assert Audit((), AuditSettings()).figures() == {}
    assert "No warnings." in str(Audit(found.looks[:1], AuditSettings()))


@pytest.mark.parametrize("harm", HARMFUL)
def test_the_page_shows_texts_as_texts(harm: str) -> None:
    asked = tuple(replace(each, prompt=replace(each.prompt, text=harm)) for each in ASKED)
    name = f"drift/{harm}"
    looks = tuple(Look(step, {**figures(), name: sure(-0.6)}, {}) for step in (0, 10))
    page = page_of(Audit(looks, AuditSettings(), (harm,)), asked, answers([harm] * 8), answers(["now"] * 8))
    assert "<script" not in page
    assert "<img" not in page
    assert not set("\u202e\u202c\u2066\u200b\x00\x1b") & set(page)
    assert "default-src 'none'" in page


def test_the_page_holds_warnings_curves_and_samples() -> None:
    page = page_of(audit(), ASKED, answers(["the first answer"] * 8), answers(["what it says now"] * 8))
    for shown in (
        "Step 10, kl: the policy is 1.50 nats",
        "KL to the reference",
        "the first answer",
        "what it says now",
        "Answer at step 10",
        "column_function",
    ):
        assert shown in page
    assert "Held-out pairs" not in page


def test_the_page_draws_the_functions_that_vote_most_clearly() -> None:
    silent = {f"drift/silent{k}": Interval(0.0, 0.0, 0.0, 32) for k in range(3)}
    voting = {f"drift/f{k}": sure(k / 20) for k in range(14)}
    looks = tuple(
        Look(step, {**figures(), **silent, **(voting if step else dict.fromkeys(voting, sure(0.0)))}, {})
        for step in (0, 10)
    )
    page = page_of(Audit(looks, AuditSettings()), ASKED, answers(["a"] * 8), answers(["b"] * 8))
    assert "3 functions have not preferred one answer to another at any look." in page
    assert "2 functions that vote less clearly stand in the table alone." in page
    assert "silent1" not in page
    assert page.count("vote for the current answers</text>") == 12
