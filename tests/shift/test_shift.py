"""The shift warning: order-free, quiet on more of the same whatever the size, loud on other data, and no text kept."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from made_pairs import made_pairs

from weaklabel.errors import ArtifactError, LabelMatrixError, ShiftWarning, WeaklabelWarning
from weaklabel.shift import Reference, Shift, shift
from weaklabel.shift.found import Change, cohens_h
from weaklabel.shift.reference import _Moments, _Parts, sampled
from weaklabel.shift.statistics import agreeing, edges_of, sums_of, text_numbers
from weaklabel.types import Pairs, Votes

pytestmark = pytest.mark.same_everywhere

WORDS = [f"word{i:03d}" for i in range(300)]  # of one length, so that topics are nothing but words
SETS = ("mt_bench_train", "ultrafeedback_train", "hh_rlhf_train")


def drawn(
    n: int,
    seed: int,
    *,
    coverage: float = 0.5,
    agree: float = 0.8,
    per_prompt: int = 1,
    first_word: int = 0,
    scale: float = 1.0,
) -> tuple[Votes, Pairs]:
    """Pairs of random words, and four functions: two that agree with probability `agree`, two that do not relate."""
    rng = np.random.default_rng(seed)
    signs = rng.choice([-1.0, 1.0], (n, 4))
    signs[:, 1] = np.where(rng.random(n) < agree, signs[:, 0], -signs[:, 0])
    margins = (signs * scale * rng.gamma(2.0, 1.0, (n, 4))).astype(np.float32)
    spoke = rng.random((n, 4)) < np.array([0.9, 0.9, coverage, 0.3])
    L = np.where(spoke, margins > 0, -1).astype(np.int8)
    margins[:, 3] = np.nan
    pool = np.array(WORDS[first_word:] + WORDS[:first_word])
    words = pool[np.minimum(rng.geometric(0.02, (n, 3, 20)) - 1, len(pool) - 1)]
    texts = [[" ".join(part) for part in row] for row in words]
    unique = rng.integers(10**9, size=n)
    prompts = [f"{texts[i - i % per_prompt][0]} {unique[i - i % per_prompt]}" for i in range(n)]
    pairs = made_pairs([(t[1], t[2]) for t in texts], prompts=prompts)
    return Votes(L, margins, ("x", "y", "z", "hard"), pairs.ids), pairs


def turned(votes: Votes, pairs: Pairs, rows: np.ndarray[Any, Any]) -> tuple[Votes, Pairs]:
    """Some pairs with their responses in the other order."""
    other, flipped = votes.swapped(), pairs.swapped()
    L = np.where(rows[:, None], other.L, votes.L)
    margins = np.where(rows[:, None], other.margins, votes.margins)
    index = np.where(rows, np.arange(len(rows)) + len(rows), np.arange(len(rows)))
    import pyarrow as pa

    both = pa.concat_tables([pairs.table, flipped.table.cast(pairs.table.schema)])
    return Votes(L, margins, votes.lf_names, votes.ids), Pairs(both.take(pa.array(index)))


@pytest.fixture(scope="module")
def reference() -> Reference:
    return Reference.of(*drawn(800, 0))


def test_the_same_kind_of_pairs_raises_no_alarm(reference: Reference) -> None:
    found = shift(reference, *drawn(400, 2))
    assert (found.shifted, found.warning) == (False, None)


@pytest.mark.slow
@pytest.mark.parametrize("n", [30, 300])
def test_at_most_one_batch_in_twenty_alarms_by_chance(n: int) -> None:
    # A reference of its own for each batch: batches held against one reference share its sampling error.
    alarms = sum(shift(Reference.of(*drawn(400, s)), *drawn(n, 100 + s)).shifted for s in range(24))
    assert alarms <= 3  # P(more than 3 of 24) is .03 at the level of 5%


@pytest.mark.slow
def test_pairs_that_share_prompts_are_not_taken_for_more_evidence() -> None:
    alarms = 0
    for seed in range(30):
        known = Reference.of(*drawn(600, seed, per_prompt=6))
        alarms += shift(known, *drawn(100, 500 + seed, per_prompt=1)).shifted
    assert alarms <= 4


@pytest.mark.parametrize(
    ("change", "kind", "about"),
    [
        ({"coverage": 0.2}, "coverage", "'z' votes on"),
        ({"agree": 0.5}, "agreement", "x and y agree on"),
        ({"scale": 3.0}, "margin", "margins of"),
    ],
)
def test_a_planted_change_is_found_and_named(
    reference: Reference, change: dict[str, Any], kind: str, about: str
) -> None:
    found = shift(reference, *drawn(300, 7, **change))
    assert found.shifted
    assert {c.kind for c in found.changes} == {kind}
    assert found.warning is not None
    assert about in found.warning
    assert "\n" not in found.warning


def test_other_topics_are_found_though_no_single_number_of_the_texts_changed(reference: Reference) -> None:
    found = shift(reference, *drawn(300, 8, first_word=150))
    assert found.shifted
    assert found.changes == ()
    assert "the words changed as a whole" in str(found.warning)


def test_a_large_batch_with_a_small_change_raises_no_alarm() -> None:
    known = Reference.of(*drawn(3000, 0))
    found = shift(known, *drawn(3000, 1, coverage=0.56))
    assert any(above for _, _, above in found.tests.values())  # chance does not explain it ...
    assert not found.shifted  # ... but Cohen's h is .12


def test_turning_pairs_round_changes_nothing_to_the_bit(reference: Reference) -> None:
    votes, pairs = drawn(300, 3, coverage=0.3)
    rows = np.random.default_rng(0).random(300) < 0.5
    assert shift(reference, *turned(votes, pairs, rows)) == shift(reference, votes, pairs)
    assert Reference.of(*turned(votes, pairs, rows)) == Reference.of(votes, pairs)


def test_shares_are_what_counting_gives(reference: Reference) -> None:
    votes = drawn(800, 0)[0]
    share = dict(zip(("x", "y", "z", "hard"), (votes.L >= 0).mean(axis=0), strict=True))
    found = shift(reference, *drawn(300, 9, coverage=0.2))
    change = next(c for c in found.changes if c.kind == "coverage")
    assert change.was == pytest.approx(share["z"], abs=1e-5)
    assert change.now == pytest.approx((drawn(300, 9, coverage=0.2)[0].L[:, 2] >= 0).mean(), abs=1e-6)
    assert change.effect == pytest.approx(2 * (np.arcsin(change.now**0.5) - np.arcsin(change.was**0.5)))


def test_a_saved_reference_says_the_same_and_holds_no_text(reference: Reference) -> None:
    state = json.loads(json.dumps(reference.to_dict()))
    again = Reference.from_dict(state)
    assert again == reference
    batch = drawn(200, 4, coverage=0.2)
    assert shift(again, *batch) == shift(reference, *batch)
    assert "word0" not in json.dumps(state)


def test_a_torn_reference_is_an_artifact_error(reference: Reference) -> None:
    state = reference.to_dict()
    del state["share"]
    with pytest.raises(ArtifactError, match="shift reference is not whole"):
        Reference.from_dict(state)


def test_too_few_prompts_say_nothing_and_say_so(reference: Reference) -> None:
    found = shift(reference, *drawn(14, 5, coverage=0.0))
    assert (found.shifted, found.warning) == (False, None)
    assert "this batch has 14 prompts; at least 15" in found.notes[0]
    few = Reference.of(*drawn(29, 0))
    assert "the labeler was fitted on 29 prompts; at least 30" in shift(few, *drawn(100, 1)).notes[0]


def test_a_reference_of_forty_prompts_notices_a_large_change() -> None:
    few = Reference.of(*drawn(240, 0, per_prompt=6))
    assert few.n_prompts == 40
    assert not shift(few, *drawn(120, 1, per_prompt=6)).shifted
    assert shift(few, *drawn(120, 2, per_prompt=6, coverage=0.1)).shifted


def test_empty_things_do_not_crash(reference: Reference) -> None:
    votes, pairs = drawn(10, 0)
    nothing = np.zeros(10, dtype=np.bool_)
    empty = Reference.of(votes.take(nothing), pairs.take(nothing))
    assert not shift(empty, votes, pairs).shifted
    assert not shift(reference, votes.take(nothing), pairs.take(nothing)).shifted


def test_votes_of_other_pairs_are_refused(reference: Reference) -> None:
    votes, pairs = drawn(30, 0)
    with pytest.raises(LabelMatrixError, match="votes are of other pairs"):
        shift(reference, votes, pairs.take(np.arange(29)))


def test_a_large_batch_is_sampled_by_prompt_and_still_judged() -> None:
    known = Reference.of(*drawn(4500, 0, per_prompt=3))
    assert (known.n_pairs, known.n_prompts) == (4500, 1333)
    found = shift(known, *drawn(6000, 1, coverage=0.2))
    assert (found.shifted, found.n_pairs, found.n_prompts) == (True, 6000, 4000)
    assert found.notes == ("A sample of 4,000 pairs was looked at.",)
    assert not shift(known, *drawn(6000, 2, per_prompt=3)).shifted


def test_report_prints_and_gives_json(reference: Reference) -> None:
    found = shift(reference, *drawn(300, 7, coverage=0.2))
    assert json.loads(json.dumps(found.to_dict()))["shifted"] is True
    assert "Drift in standard deviations" in str(found)
    assert str(shift(reference, *drawn(300, 2))).startswith("No shift found.")


@pytest.mark.parametrize(
    ("name", "edge", "words"),
    [
        ("lines", 0.0, "one line"),
        ("lines", np.log1p(3), "at most 4 lines"),
        ("beyond ASCII", 0.0, "no characters beyond ASCII"),
        ("digits", 0.02, "at most 2 digits in 100 characters"),
        ("characters", np.log1p(120), "at most 120 characters"),
        ("unequal lengths", np.log(2), "lengths at most 2 to 1"),
    ],
)
def test_a_change_of_a_text_is_told_as_a_person_would(name: str, edge: float, words: str) -> None:
    change = Change("prompt", name, edge, was=0.5, now=0.9, effect=0.9, z=8.0)
    assert str(change) == f"90% of the prompts have {words} (was 50%)"


def test_cohens_h_of_known_shares() -> None:
    assert float(cohens_h(0.0, 1.0)) == pytest.approx(np.pi)
    assert float(cohens_h(0.3, 0.3)) == 0.0


def test_the_warning_class_is_one_of_ours() -> None:
    assert issubclass(ShiftWarning, WeaklabelWarning)
    assert issubclass(WeaklabelWarning, UserWarning)


@pytest.fixture(scope="module")
def real(shared: Path) -> dict[str, tuple[Votes, Pairs]]:
    """The three real sets with the votes of the functions that cost little."""
    import weaklabel as wl

    lfs = wl.load_lfs("shipped:length", "shipped:structure", "shipped:refusal", "shipped:politeness")
    found = {}
    for name in SETS:
        pairs = wl.read_pairs(str(shared / "data" / "preferences" / f"{name}.parquet"), test_share=0.0)
        found[name] = wl.apply(lfs, pairs), pairs
    return found


def part(data: tuple[Votes, Pairs], rows: Any) -> tuple[Votes, Pairs]:
    return data[0].take(rows), data[1].take(rows)


def judged(data: tuple[Votes, Pairs], batch: Any, seed: int = 0) -> Shift:
    """A batch of one data set against the rest of it."""
    return shift(Reference.of(*part(data, ~batch), seed=seed), *part(data, batch))


@pytest.mark.parametrize("one", SETS)
@pytest.mark.parametrize("other", SETS)
def test_another_real_data_set_is_always_noticed(
    one: str, other: str, real: dict[str, tuple[Votes, Pairs]]
) -> None:
    if one != other:
        assert shift(Reference.of(*real[one]), *real[other]).shifted


@pytest.mark.slow
@pytest.mark.parametrize(("name", "share"), [(SETS[0], 0.32), (SETS[1], 0.1), (SETS[2], 0.1)])
def test_a_random_part_of_a_real_data_set_seldom_alarms(
    name: str, share: float, real: dict[str, tuple[Votes, Pairs]]
) -> None:
    groups, alarms = real[name][1].prompt_groups, 0
    for seed in range(10):
        chosen = np.random.default_rng(seed).random(groups.max() + 1) < share
        alarms += judged(real[name], chosen[groups], seed).shifted
    assert alarms <= 2  # P(more than 2 of 10) is .01 at the level of 5%


def test_harmful_requests_are_noticed_by_a_labeler_of_helpful_ones(
    real: dict[str, tuple[Votes, Pairs]],
) -> None:
    # The set has no column that says which dialogues are of the harmless kind; plain words of harm stand in.
    harm = re.compile(
        r"\b(kill|murder|steal|rob|bomb|weapons?|guns?|drugs?|illegal|hate|rape|poison|hurt)\b", re.I
    )
    prompts = real["hh_rlhf_train"][1].table["prompt"].to_pylist()
    harmful = np.array([bool(harm.search(text)) for text in prompts])
    assert 80 < harmful.sum() < 300
    assert judged(real["hh_rlhf_train"], harmful).shifted


def test_sums_over_distinct_columns_are_those_over_all() -> None:
    votes, pairs = drawn(200, 11, per_prompt=3)
    votes, pairs, groups = sampled(votes, pairs, 0)
    sums = sums_of(votes, pairs, edges_of(votes, text_numbers(pairs)), agreeing(votes), groups)
    chosen = (np.random.default_rng(0).random((7, len(sums.top))) < 0.4).astype(np.float32)
    t, b = sums.top.astype(np.float64), sums.below.astype(np.float64)
    found, parts = (
        _Moments.of(_Parts.of(sums), chosen),
        (t, b, t * t, t * b, b * b, (b > 0).astype(np.float64)),
    )
    for name, part in zip(_Moments.__slots__, parts, strict=True):
        assert (getattr(found, name) == chosen.astype(np.float64) @ part).all()
