"""A picture of every result of the workbench, one call away: the numbers of the result, drawn."""

from __future__ import annotations

import sys
from typing import Any

import pytest

import weaklabel as wl
from weaklabel._tables import short
from weaklabel.data.sample import sample_pairs
from weaklabel.errors import MissingExtraError
from weaklabel.pictures import Picture
from weaklabel.pictures.forest import nats


@wl.response_scorer
def longer(response: str) -> int:
    return len(response)


@wl.labeling_function
def thanks(pair: wl.Pair) -> int:
    a, b = ("you" in text for text in (pair.response_a, pair.response_b))
    return wl.ABSTAIN if a == b else int(b)


@wl.labeling_function
def by_position(pair: wl.Pair) -> int:
    return wl.PREFER_B


@pytest.fixture(scope="module")
def made() -> dict[str, Any]:
    pairs = sample_pairs(400, 300, 0)
    lfs = [longer, thanks, by_position]
    votes = wl.apply(lfs, pairs)
    labeler = wl.fit(lfs, pairs, model="weighted_vote", votes=votes)
    labels = labeler.label(pairs, votes=votes)
    return {
        "analyze": wl.analyze(votes, gold=pairs.dev),
        "no gold": wl.analyze(votes),
        "explore": wl.explore(pairs, limit=30),
        "bias": wl.label_bias(labels),
        "dependencies": wl.dependencies(votes, pairs.dev),
        "sets": wl.compare_sets({"one": votes.select(["longer"]), "all": votes}, pairs, model="ridge"),
        "adds": wl.added_value(votes, pairs, model="ridge"),
        "tune": wl.tune([longer], pairs),
        "mistakes": wl.mistakes("longer", votes, pairs),
        "check": wl.check(lfs, pairs),
        "evaluate": wl.evaluate({"labeler": labeler}, pairs.test),
    }


NAMES = [
    "analyze",
    "no gold",
    "explore",
    "bias",
    "dependencies",
    "sets",
    "adds",
    "tune",
    "mistakes",
    "check",
    "evaluate",
]


@pytest.mark.parametrize("name", NAMES)
def test_a_notebook_shows_the_plot_and_its_words(made: dict[str, Any], name: str) -> None:
    drawn = made[name].plot()
    assert isinstance(drawn, Picture)
    assert drawn._repr_html_().count("<svg ") == 1
    assert "<figure>" in drawn._repr_html_()
    assert drawn.title
    assert drawn.description


def test_the_accuracies_drawn_are_those_of_the_table_best_first_or_as_asked(made: dict[str, Any]) -> None:
    analysis = made["analyze"]
    known = {lf.name: lf.accuracy for lf in analysis.lfs if lf.accuracy is not None}
    rows = analysis.plot().rows
    assert {row[0]: row[1] for row in rows} == {name: short(found.value) for name, found in known.items()}
    values = [known[row[0]].value for row in rows]
    assert values == sorted(values, reverse=True)
    assert [row[0] for row in analysis.plot(["thanks", "longer"]).rows] == ["thanks", "longer"]
    with pytest.raises(wl.WeaklabelError, match="no labeling function 'longest'"):
        analysis.plot(["longest"])


def test_without_gold_the_picture_says_what_to_pass(made: dict[str, Any]) -> None:
    assert "Pass gold= to analyze" in made["no gold"].plot().description


def test_the_others_draw_their_own_numbers(made: dict[str, Any]) -> None:
    adds = {row.lfs[0]: nats(row.adds.value) for row in made["adds"].rows if row.coverage}
    assert {row[0]: row[1] for row in made["adds"].plot().rows} == adds
    sets = {found.name: short(found.scores["accuracy"].value) for found in made["sets"].sets}
    assert {row[0]: row[1] for row in made["sets"].plot().rows} == sets
    (tuned,) = made["tune"].plot().rows
    assert tuned[:2] == ("longer", nats(made["tune"].rows[0].honest_gain.value))
    kinds = {p.name: short(p.wrong.value) for p in made["mistakes"].patterns}
    assert {row[0]: row[1] for row in made["mistakes"].plot().rows} == kinds
    clue = made["explore"].clues[0]
    assert (f"{clue.kind}: {clue.name}", nats(clue.effect)) in [
        row[:2] for row in made["explore"].plot().rows
    ]
    arms = {arm: short(found["accuracy"].value) for arm, found in made["evaluate"].figures.items()}
    assert {row[0]: row[1] for row in made["evaluate"].plot().rows} == arms
    assert made["bias"].plot().rows[0][1] == str(made["bias"].position)


def test_a_frame_without_pandas_says_what_to_install(
    made: dict[str, Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("analyze", "explore", "dependencies", "adds", "mistakes"):
        assert len(made[name].to_pandas()) >= 0
    monkeypatch.setitem(sys.modules, "pandas", None)
    for name in ("analyze", "explore", "dependencies", "adds", "mistakes"):
        with pytest.raises(MissingExtraError, match="to_pandas needs pandas"):
            made[name].to_pandas()


def test_check_draws_the_time_and_who_has_findings(made: dict[str, Any]) -> None:
    report = made["check"]
    said = {row[0]: row[2] for row in report.plot().rows}
    assert set(said) == set(report.lf_names)
    assert said["by_position"] == "with an error"  # it votes by position
    assert {name for name, words in said.items() if words == "without a finding"} == {
        name for name in report.lf_names if name not in {finding.lf for finding in report.findings}
    }
