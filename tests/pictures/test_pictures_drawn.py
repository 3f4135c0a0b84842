"""Pictures: what is drawn is what the numbers say, whichever response stands first."""

from __future__ import annotations

import itertools
import xml.etree.ElementTree as ET

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from weaklabel.calibration import Temperature, VennAbers
from weaklabel.errors import ConfigError, LabelMatrixError
from weaklabel.metrics import Interval
from weaklabel.pictures import (
    Picture,
    calibration_map_picture,
    compared_picture,
    contributions_picture,
    dependency_picture,
    forest_picture,
    heatmap_picture,
    kept_share_picture,
    posterior_picture,
    reliability_picture,
)
from weaklabel.pictures.heatmap import by_likeness
from weaklabel.pictures.posterior import mirror_counts
from weaklabel.pictures.reliability import perfect_band
from weaklabel.types import Reason

RNG = np.random.default_rng(0)
P = RNG.random(300)
Y = (RNG.random(300) < P).astype(np.float64)


def shapes(picture: Picture, tag: str, look: str = "") -> list[ET.Element]:
    root = ET.fromstring(picture.svg())
    return [node for node in root.iter() if node.tag.endswith("}" + tag) and look in node.get("class", "")]


def test_reliability_draws_one_dot_per_bin_at_its_share() -> None:
    p, y = np.repeat([0.6, 0.9], 50), np.array([1] * 30 + [0] * 20 + [1] * 45 + [0] * 5)
    picture = reliability_picture(p, y)
    dots = shapes(picture, "circle")
    assert [float(dot.get("cx", 0)) for dot in dots] == pytest.approx(
        [40 + 0.2 * 306, 40 + 0.8 * 306], abs=0.01
    )
    assert [row[4][:4] for row in picture.rows] == [".600", ".900"]
    assert [row[2] for row in picture.rows] == ["50", "50"]


def test_reliability_and_kept_share_do_not_depend_on_the_order_of_responses() -> None:
    for draw in (reliability_picture, kept_share_picture):
        assert draw(P, Y).svg() == draw(1 - P, 1 - Y).svg()


def test_the_perfect_band_holds_nine_in_ten_simulated_shares() -> None:
    low, high = perfect_band(0.73, 60)
    shares = np.random.default_rng(1).binomial(60, 0.73, 20_000) / 60
    inside = ((shares >= low) & (shares <= high)).mean()
    assert 0.9 <= inside < 0.96


def test_kept_share_ends_at_the_accuracy_of_all_pairs() -> None:
    picture = kept_share_picture(P, Y)
    right = ((P > 0.5) == (Y == 1)).mean()
    assert picture.rows[0][1] == "1.000"
    assert float(picture.rows[0][3].split()[0]) == pytest.approx(right, abs=0.001)


def test_kept_share_of_nothing_but_ties_says_so() -> None:
    assert "tie" in kept_share_picture([0.7, 0.2], [0.5, 0.5]).description


@given(st.lists(st.integers(0, 64).map(lambda k: k / 64), min_size=1, max_size=50))
def test_the_histogram_mirrors_when_pairs_are_turned(p: list[float]) -> None:
    there, ties = mirror_counts(np.array(p), 20)
    back, ties_back = mirror_counts(1 - np.array(p), 20)
    assert there.tolist() == back[::-1].tolist()
    assert ties == ties_back == sum(v == 0.5 for v in p)
    assert there.sum() + ties == len(p)


def test_the_histogram_refuses_what_is_no_probability() -> None:
    with pytest.raises(LabelMatrixError, match="outside"):
        posterior_picture([0.2, 1.2])


def test_bars_of_the_histogram_are_as_high_as_their_counts() -> None:
    bars = shapes(posterior_picture([0.01] * 30 + [0.99] * 10), "rect", "wl-a") + shapes(
        posterior_picture([0.01] * 30 + [0.99] * 10), "rect", "wl-b"
    )
    heights = [float(bar.get("height", 0)) for bar in bars]
    assert heights[0] / heights[1] == pytest.approx(3, rel=0.01)


@pytest.mark.parametrize(
    ("interval", "lower", "look"),
    [
        (Interval(0.7, 0.6, 0.8, 9), False, "wl-b"),
        (Interval(0.3, 0.2, 0.4, 9), False, "wl-a"),
        (Interval(0.5, 0.4, 0.6, 9), False, "wl-mute"),
        (Interval(0.7, 0.6, 0.8, 9), True, "wl-a"),
        (Interval(0.5, 0.5 - 1e-12, 0.5 + 1e-12, 9), False, "wl-mute"),
        (Interval(0.9, -np.inf, np.inf, 1), False, "wl-mute"),
    ],
)
def test_colour_says_on_which_side_the_whole_interval_lies(
    interval: Interval, lower: bool, look: str
) -> None:
    (dot,) = shapes(forest_picture([("x", interval)], "t", reference=0.5, lower_is_better=lower), "circle")
    assert dot.get("class") == look


def test_a_hundred_figures_are_drawn_to_the_limit_and_listed_whole() -> None:
    rows = [(f"lf{k}", Interval(0.6, 0.5, 0.7, 10)) for k in range(100)]
    picture = forest_picture(rows, "t")
    assert len(shapes(picture, "circle")) == 40
    assert len(picture.rows) == 100
    assert "40 of 100" in picture.description


def test_a_cell_of_the_heatmap_is_as_full_as_its_value() -> None:
    values = np.array([[1.0, 0.25], [0.25, np.nan]])
    picture = heatmap_picture(values, ["x", "y"], "t", middle=0.5, top=0.5)
    full, pale = shapes(picture, "rect", "wl-b"), shapes(picture, "rect", "wl-a")
    assert [cell.get("fill-opacity") for cell in full] == [None]
    assert [cell.get("fill-opacity") for cell in pale] == ["0.5", "0.5"]
    assert len(shapes(picture, "rect", "wl-none")) == 1


def test_a_large_heatmap_shows_the_same_cells_in_few_bytes() -> None:
    values = np.eye(100)
    picture = heatmap_picture(values, [f"a long name of function {k}" for k in range(100)], "t", top=1.0)
    (squares,) = shapes(picture, "path", "wl-b")
    assert squares.get("d", "").count("M") == 40
    assert len(picture.svg()) < 40_000
    assert "40 of 100" in picture.description


def test_likeness_puts_twins_together_and_leaves_the_silent_out() -> None:
    both = np.full((5, 5), 50)
    both[4] = both[:, 4] = 0
    agreement = np.full((5, 5), 0.5)
    for one, other in ((0, 2), (1, 3)):
        agreement[one, other] = agreement[other, one] = 0.95
    order = by_likeness(agreement, both)
    assert sorted(order) == [0, 1, 2, 3]
    assert abs(order.index(0) - order.index(2)) == abs(order.index(1) - order.index(3)) == 1


def test_the_strongest_edges_are_kept_and_the_rest_counted() -> None:
    names = [f"lf{k}" for k in range(100)]
    edges = [(a, b, 1 / (1 + i + j)) for (i, a), (j, b) in itertools.combinations(enumerate(names), 2)]
    picture = dependency_picture(edges)
    assert 0 < len(picture.rows) <= 60
    assert picture.rows[0][:2] == ("lf0", "lf1")
    assert f"{len(edges) - len(picture.rows)} weaker" in picture.description


def test_no_edge_is_a_sentence() -> None:
    assert "No two functions" in dependency_picture([]).svg()


def test_contributions_point_to_the_side_they_speak_for() -> None:
    reasons = [Reason("x", 1, 2.0, 0.8), Reason("y", 0, np.nan, -0.4), Reason("z", -1, 0.1, 0.0)]
    picture = contributions_picture(reasons)
    (right,), (left,) = shapes(picture, "rect", "wl-b"), shapes(picture, "rect", "wl-a")
    assert float(right.get("width", 0)) == pytest.approx(2 * float(left.get("width", 0)), rel=0.01)
    assert [row[1] for row in picture.rows] == ["B", "A", "-"]


def test_votes_stand_in_where_a_model_has_no_sum() -> None:
    picture = contributions_picture([Reason("x", 1, np.nan, None), Reason("y", 0, np.nan, None)])
    assert len(shapes(picture, "rect", "wl-b")) == len(shapes(picture, "rect", "wl-a")) == 1


def test_labels_stand_beside_gold_where_there_is_gold() -> None:
    here, there = Interval(0.6, 0.5, 0.7, 100), Interval(0.5, 0.4, 0.6, 50)
    assert len(shapes(compared_picture([("q", here, there)], "t"), "circle")) == 2
    assert len(shapes(compared_picture([("q", here, None)], "t"), "circle")) == 1


def test_the_same_numbers_give_the_same_bytes() -> None:
    assert reliability_picture(P, Y).svg() == reliability_picture(P, Y).svg()


def test_what_the_texts_say_has_a_bar_and_no_vote() -> None:
    picture = contributions_picture([Reason("text:words", None, np.nan, 0.5)])
    assert len(shapes(picture, "rect", "wl-b")) == 1
    assert picture.rows[0][1] == ""


def test_the_map_of_a_temperature_lists_what_the_temperature_does() -> None:
    half = Temperature.from_dict({"name": "temperature", "factor": 0.5})
    picture = calibration_map_picture({"half": half})
    said = np.array([float(row[0]) for row in picture.rows])
    wanted = 1 / (1 + np.sqrt((1 - said) / said))
    np.testing.assert_allclose([float(row[1]) for row in picture.rows], wanted, atol=6e-4)
    assert len(shapes(picture, "path", "wl-lb")) == 1


def test_the_band_of_the_map_lies_between_the_two_probabilities() -> None:
    logit = np.log(P / (1 - P))
    picture = calibration_map_picture({"t": Temperature().fit(logit, Y)}, VennAbers().fit(logit, Y))
    assert all(0.5 <= float(row[2]) <= float(row[3]) <= 1 for row in picture.rows)
    assert len(shapes(picture, "path", "wl-band")) == 1


def test_a_map_of_no_calibrator_or_of_six_is_refused() -> None:
    with pytest.raises(ConfigError, match="Pass 1 to 5"):
        calibration_map_picture({})
    with pytest.raises(ConfigError, match="got 6"):
        calibration_map_picture({str(k): Temperature() for k in range(6)})
