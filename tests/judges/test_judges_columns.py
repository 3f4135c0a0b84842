"""Judges whose verdicts the data holds: in both orders, and in one that is known."""

from __future__ import annotations

import math
from dataclasses import replace

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st
from made_pairs import pairs_with as made_pairs

import weaklabel as wl
from weaklabel.engine import apply
from weaklabel.errors import DataError, LabelingFunctionError
from weaklabel.judges.both_orders import position_bias
from weaklabel.judges.columns import judge_column, judge_columns
from weaklabel.label_models import get_label_model
from weaklabel.labeler import antisymmetric_logit
from weaklabel.lf.checks import check_labeling_function
from weaklabel.lf.discovery import load_spec, settings_of
from weaklabel.types import Pairs, swap_votes

faults_are_expected = pytest.mark.filterwarnings("ignore::weaklabel.errors.FaultWarning")

PLACES = {"A": "first", "B": "second", "C": "tie", "none": "abstain"}
SIDES = {"a": "a", "b": "b", "tie": "tie"}


def votes_of(lf, pairs):
    return apply([lf], pairs).L[:, 0].tolist()


# ------------------------------------------------------------------------------------ both orders
def test_places_named_in_both_orders_become_one_vote():
    pairs = made_pairs(ab=["A", "B", "A", "A", "C"], ba=["B", "A", "A", "C", "C"])
    votes = apply([judge_columns("j", "ab", "ba", votes=PLACES)], pairs)
    assert votes.L[:, 0].tolist() == [0, 1, -1, -1, -1]
    assert votes.margins[:, 0].tolist() == [-1.0, 1.0, 0.0, -0.5, 0.0]


def test_sides_named_in_both_orders_say_the_same_as_places():
    sides = judge_columns("j", "ab", "ba", votes=SIDES)
    assert votes_of(sides, made_pairs(ab=["a", "b", "a"], ba=["a", "b", "b"])) == [0, 1, -1]


def test_half_a_verdict_votes_where_min_gap_allows_it():
    lf = judge_columns("j", "ab", "ba", votes=PLACES, min_gap=0.5)
    assert votes_of(lf, made_pairs(ab=["A", "A"], ba=["C", "A"])) == [0, -1]


def test_a_pair_that_was_judged_in_one_order_alone_abstains_without_a_margin():
    votes = apply(
        [judge_columns("j", "ab", "ba", votes=PLACES)],
        made_pairs(ab=["A", None, "none"], ba=[None, "B", "B"]),
    )
    assert (votes.L == -1).all()
    assert np.isnan(votes.margins).all()
    assert not votes.faults


@faults_are_expected
def test_an_undefined_verdict_is_a_fault_that_names_it():
    votes = apply(
        [judge_columns("j", "ab", "ba", votes=PLACES)],
        made_pairs(ab=["A", "X"], ba=["B", "B"]),
        max_fault_share=None,
    )
    assert [f.pair_id for f in votes.faults] == ["p1"]
    assert votes.faults[0].kind == "no_vote"
    assert str(votes.faults[0]).startswith("'j' read the verdict 'X' for pair 'p1'. votes defines 'A', 'B', ")


@pytest.mark.parametrize(("toward", "ba"), [("first", [2.0, -1.0]), ("b", [2.0, -1.0])])
def test_numbers_are_read_toward_the_first_place_or_toward_b(toward, ba):
    ab = [1.0, 3.0] if toward == "first" else [-1.0, -3.0]
    votes = apply([judge_columns("j", "ab", "ba", toward=toward)], made_pairs(ab=ab, ba=ba))
    assert votes.margins[:, 0].tolist() == [0.5, -2.0]
    assert votes.L[:, 0].tolist() == [1, 0]


@given(
    st.lists(st.tuples(st.sampled_from("ABC"), st.sampled_from("ABC"), st.booleans()), min_size=1, max_size=8)
)
def test_a_redrawn_order_turns_votes_and_margins_whatever_the_values_speak_of(rows):
    ab, ba, swapped = (list(column) for column in zip(*rows, strict=True))
    flip = {"A": "a", "B": "b", "C": "tie"}
    back = {"A": "b", "B": "a", "C": "tie"}
    columns = {"ab": ab, "ba": ba, "s1": [flip[v] for v in ab], "s2": [back[v] for v in ba]}
    lfs = [judge_columns("p", "ab", "ba", votes=PLACES), judge_columns("s", "s1", "s2", votes=SIDES)]
    plain, turned = apply(lfs, made_pairs(**columns)), apply(lfs, made_pairs(swapped, **columns))
    where = np.array(swapped)[:, None]
    assert np.array_equal(turned.L, np.where(where, swap_votes(plain.L), plain.L))
    assert np.array_equal(turned.margins, np.where(where, -plain.margins, plain.margins))
    assert np.array_equal(plain.L[:, 0], plain.L[:, 1])


def test_columns_that_end_in_a_and_b_change_places_with_the_texts_and_mean_the_same():
    # The source said: with its first response shown first "a", with the second first "b" or "a".
    lf = judge_columns("j", "said_a", "said_b", votes=SIDES)
    assert votes_of(lf, made_pairs(said_a=["a", "a"], said_b=["a", "b"])) == [0, -1]
    # Read in the other order the columns have changed places, and their values still speak of the source.
    assert votes_of(lf, made_pairs([True, True], said_a=["a", "b"], said_b=["a", "a"])) == [1, -1]


def test_columns_that_end_the_other_way_round_change_places_with_the_texts_too():
    # Named by the response that was shown last: with its first response shown first the source wrote last_b.
    lf = judge_columns("j", "last_b", "last_a", votes=SIDES)
    assert votes_of(lf, made_pairs(last_b=["a", "a"], last_a=["a", "b"])) == [0, -1]
    assert votes_of(lf, made_pairs([True, True], last_b=["a", "b"], last_a=["a", "a"])) == [1, -1]


def test_one_column_cannot_hold_both_orders():
    with pytest.raises(LabelingFunctionError, match="column 'ab' is named twice"):
        judge_columns("j", "ab", "ab", votes=PLACES)


def test_numbers_beyond_every_margin_keep_their_side():
    votes = apply([judge_columns("j", "ab", "ba")], made_pairs(ab=[1e300, -1e308], ba=[-1e300, 1e308]))
    assert votes.L[:, 0].tolist() == [0, 1]
    assert votes.margins[:, 0].tolist() == [-math.inf, math.inf]
    assert votes.faults == ()


def test_turning_pairs_round_after_reading_turns_everything():
    pairs = made_pairs(
        [False, True, False], ab=["A", "B", "C"], ba=["B", "B", "A"], ta=[1, 2, 3], tb=[3, 2, 2]
    )
    for lf in (judge_columns("j", "ab", "ba", votes=PLACES), judge_columns("n", "ta", "tb")):
        one, two = apply([lf], pairs), apply([lf], pairs.swapped())
        assert np.array_equal(two.L, swap_votes(one.L))
        assert np.array_equal(two.margins, -one.margins)
        assert check_labeling_function(lf, pairs) == []


def test_position_bias_is_estimated_from_both_orders():
    # Four pairs: always first, always first, agrees on a, first and tie.
    pairs = made_pairs(ab=["A", "A", "A", "A"], ba=["A", "A", "B", "C"])
    bias = position_bias(judge_columns("j", "ab", "ba", votes=PLACES), pairs)
    assert bias.share_first.value == (1 + 1 + 0.5 + 0.75) / 4
    assert bias.mean_log_odds == (1 + 1 + 0 + 0.5) / 4
    assert (bias.contradictory, bias.n) == (0.5, 4)
    assert bias.share_first.low < bias.share_first.value < bias.share_first.high


def test_position_bias_of_another_function_is_refused():
    lf = wl.column_verdict("v", "ab", votes={"A": "a", "B": "b"})
    with pytest.raises(LabelingFunctionError, match="'v' was not asked in both orders"):
        position_bias(lf, made_pairs(ab=["A"]))


# ------------------------------------------------------------------------------------ one order
def test_a_verdict_in_a_known_order_votes_and_its_companion_shows_the_order():
    pairs = made_pairs(v=["A", "B", "C", "A"], order=["a", "a", "b", "b"])
    votes = apply(judge_column("j", "v", "order", votes=PLACES), pairs)
    assert votes.lf_names == ("j", "j.position")
    assert votes.L.tolist() == [[0, -1], [1, -1], [-1, -1], [1, -1]]
    assert votes.margins[:, 1].tolist() == [-1.0, -1.0, 1.0, 1.0]
    assert np.isnan(votes.margins[:, 0]).all()


def test_the_companion_turns_with_the_pair():
    columns = {"v": ["a", "b"], "order": ["1", "2"]}
    lfs = judge_column("j", "v", "order", votes=SIDES, shown_as={1: "a", 2: "b"})
    plain, turned = apply(lfs, made_pairs(**columns)), apply(lfs, made_pairs([True, True], **columns))
    assert np.array_equal(turned.L, swap_votes(plain.L))
    assert np.array_equal(turned.margins[:, 1], -plain.margins[:, 1])


@faults_are_expected
def test_an_unknown_order_abstains_and_an_undefined_one_is_a_fault():
    pairs = made_pairs(v=["a", "a"], order=[None, "left"])
    votes = apply(judge_column("j", "v", "order", votes=SIDES), pairs, max_fault_share=None)
    assert (votes.L == -1).all()
    assert {f.lf for f in votes.faults} == {"j", "j.position"}
    assert (
        str(votes.faults[0]) == "'j' read 'left' in column 'order' for pair 'p1'. "
        "votes defines 'a', 'b', 'tie', shown_as 'a', 'b'. Add the value."
    )


def test_with_gold_the_pair_model_takes_the_taste_for_the_first_place_out_by_the_companion():
    # A judge that knows the answer half the time, and otherwise names the first place.
    rng = np.random.default_rng(0)
    n = 2000
    gold, order = rng.integers(0, 2, n), rng.integers(0, 2, n)
    said = np.where(rng.random(n) < 0.5, gold, order)
    pairs = made_pairs(v=["ab"[s] for s in said], order=["ab"[o] for o in order])
    votes = apply(judge_column("j", "v", "order", votes=SIDES), pairs)
    known = np.where(np.arange(n) < 200, gold, np.nan)

    def nll(names):
        chosen = votes.select(names)
        model = get_label_model("pair_model").fit(chosen.L, margins=chosen.margins, y=known)
        logit = antisymmetric_logit(model, chosen)[200:]
        return np.logaddexp(0, np.where(gold[200:] == 1, -logit, logit)).mean()

    # Against the order it is surely right (1 in 4), with it right 2 times in 3: .48 nats; blind to it 3 in 4: .56.
    alone, both = nll(["j"]), nll(["j", "j.position"])
    assert alone == pytest.approx(0.5623, abs=0.05)
    assert both == pytest.approx(0.75 * 0.6365, abs=0.05)


# ------------------------------------------------------------------------------------ specs, mistakes, settings
@pytest.mark.parametrize(
    "lf",
    [
        judge_columns("j", "ab", "ba", votes=PLACES, min_gap=0.25),
        judge_columns("n", "ta", "tb", toward="b"),
        *judge_column("k", "v", "order", votes=PLACES, shown_as={1: "a", 2: "b"}),
    ],
    ids=lambda lf: lf.name,
)
def test_another_process_finds_it_by_its_spec(lf):
    assert replace(load_spec(lf.spec), **settings_of(lf)) == lf


def test_workers_give_the_same_votes():
    pairs = made_pairs([False, True, True], ab=["A", "B", "C"], ba=["B", "A", "A"], order=["a", "b", "a"])
    lfs = [judge_columns("j", "ab", "ba", votes=PLACES), *judge_column("k", "ab", "order", votes=PLACES)]
    one, two = apply(lfs, pairs), apply(lfs, pairs, workers=2, shard_size=2)
    assert np.array_equal(one.L, two.L)
    assert one.margins.tobytes() == two.margins.tobytes()


def test_mistakes_are_named():
    with pytest.raises(LabelingFunctionError, match="votes maps to 'left'"):
        judge_columns("j", "ab", "ba", votes={"A": "left"})
    with pytest.raises(LabelingFunctionError, match="toward is 'a'"):
        judge_columns("j", "ab", "ba", toward="a")
    with pytest.raises(LabelingFunctionError, match="shown_as maps to 'x'"):
        judge_column("j", "v", "order", votes=SIDES, shown_as={"1": "x"})
    with pytest.raises(DataError, match="'j' needs column 'ba'"):
        apply([judge_columns("j", "ab", "ba", votes=PLACES)], made_pairs(ab=["A"]))


# ------------------------------------------------------------------------------------ real judges
def real_judges(shared):
    """`(pairs, {judge: (column of a first, column of b first)})` of the sixteen MT-Bench columns."""
    data = np.load(shared / "data" / "label_matrices" / "mt_bench_judges.npz")
    pairs = wl.read_pairs(str(shared / "data" / "preferences" / "mt_bench_judged.parquet"))
    row_of = {str(pair_id): row for row, pair_id in enumerate(data["item_ids"])}
    rows = [row_of[i] for i in pairs.ids]
    source = [str(name) for name in data["sources"]]
    said = {name: data["L"][rows, j] for j, name in enumerate(source)}
    return pairs, said, sorted({name.rpartition("|")[0] for name in source})


def with_columns(pairs, said):
    """The verdicts as columns that speak of the source's order, as a reader would carry them."""
    table = pairs.table
    turned = np.array(table["swapped"].to_pylist())
    for name, votes in said.items():
        sides = np.where(votes < 0, votes, np.where(turned, 1 - votes, votes))
        table = table.append_column(name, pa.array([None if s < 0 else "ab"[s] for s in sides.tolist()]))
    return Pairs(table, pairs.set_aside)


def test_real_judges_are_surer_in_both_orders_than_in_the_better_one(shared):
    pairs, said, names = real_judges(shared)
    pairs = with_columns(pairs, said)
    y = pairs.y
    better, both_right = [], []
    for name in names:
        lf = judge_columns(
            name.replace("|", "."), f"{name}|order12", f"{name}|order21", votes={"a": "a", "b": "b"}
        )
        votes = apply([lf], pairs)
        assert np.array_equal(apply([lf], pairs.swapped()).L, swap_votes(votes.L))
        spoke = votes.L[:, 0] >= 0
        both_right.append((votes.L[spoke, 0] == y[spoke]).mean())
        orders = [said[f"{name}|{order}"] for order in ("order12", "order21")]
        better.append(max(np.where(v < 0, 0.5, v == y).mean() for v in orders))
        # Where the orders contradict each other one of them is right: silence costs nothing on average.
        half = np.where(spoke, votes.L[:, 0] == y, 0.5).mean()
        asked = [v for v in orders if (v >= 0).all()]
        if len(asked) == 2:
            assert half == pytest.approx(np.mean([(v == y).mean() for v in asked]))
    assert len(names) == 8
    assert np.mean(both_right) > np.mean(better) + 0.05
    assert all(b > a for a, b in zip(better, both_right, strict=True))


def test_the_position_bias_of_real_judges_is_measured(shared):
    pairs, said, names = real_judges(shared)
    pairs = with_columns(pairs, said)
    shares = {}
    for name in names:
        lf = judge_columns(name, f"{name}|order12", f"{name}|order21", votes={"a": "a", "b": "b"})
        bias = position_bias(lf, pairs)
        assert bias.share_first.low <= bias.share_first.value <= bias.share_first.high
        shares[name] = bias
    # GPT-4 contradicts itself least; every judge does on some pairs, which one order alone would have hidden.
    assert min(shares, key=lambda name: shares[name].contradictory).startswith("GPT-4")
    assert all(
        0.05 < bias.contradictory < 0.5 and not math.isnan(bias.mean_log_odds) for bias in shares.values()
    )
