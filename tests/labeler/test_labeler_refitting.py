"""Labels without a part of the gold: those of a labeler that never saw it, and of nobody else."""

from __future__ import annotations

import numpy as np
import pyarrow as pa
import pytest
from made_pairs import made_pairs

from weaklabel.engine.apply import apply
from weaklabel.errors import LabelMatrixError
from weaklabel.labeler import Labeler, fit, refit_of
from weaklabel.lf import response_scorer
from weaklabel.types import Labels, Pairs, Votes

MODELS = ("pair_model", "majority_vote")


@response_scorer
def good_words(response):
    return response.text.count("good")


@response_scorer
def fine_words(response):
    return response.text.count("fine")


LFS = [good_words, fine_words]


@pytest.fixture(scope="module")
def pairs() -> Pairs:
    """240 pairs on 120 prompts, gold on the first 160; more good and fine words win, but for a fifth of the gold."""
    rng = np.random.default_rng(0)
    n = 240
    counts = rng.integers(0, 4, size=(n, 4))
    texts = [
        (f"this {i}{' good' * a}{' fine' * c}", f"that {i}{' good' * b}{' fine' * d}")
        for i, (a, b, c, d) in enumerate(counts)
    ]
    wins = (counts[:, 1] + counts[:, 3] > counts[:, 0] + counts[:, 2]) != (rng.random(n) < 0.2)
    gold = ["b" if w else "a" for w in wins[:160]] + [None] * 80
    parts = ["dev"] * 150 + ["test"] * 10 + ["pool"] * 80
    return made_pairs(texts, gold=gold, part=parts, prompts=[f"question {i // 2}" for i in range(n)])


@pytest.fixture(scope="module")
def votes(pairs: Pairs) -> Votes:
    return apply(LFS, pairs)


@pytest.fixture(scope="module", params=MODELS)
def labeler(request: pytest.FixtureRequest, pairs: Pairs, votes: Votes) -> Labeler:
    return fit(LFS, pairs, votes=votes, model=request.param, seed=3)


@pytest.fixture
def labels(labeler: Labeler, pairs: Pairs, votes: Votes) -> Labels:
    return labeler.label_known(pairs, votes)


def with_gold(pairs: Pairs, gold: list[str | None]) -> Pairs:
    at = pairs.table.schema.get_field_index("gold")
    return Pairs(pairs.table.set_column(at, pairs.table.schema.field(at), pa.array(gold, pa.string())))


def some_prompts(pairs: Pairs) -> np.ndarray:
    """Two parts of the gold, each a fifth of its prompts."""
    groups = pairs.prompt_groups
    return np.column_stack([np.isin(groups, np.arange(0, 75, 5)), np.isin(groups, np.arange(1, 75, 5))])


def test_with_nothing_held_they_are_the_labels(labels: Labels) -> None:
    found = labels.logit_without(np.zeros((len(labels), 2), dtype=np.bool_))
    assert (found == labels.logit[:, None]).all()


def test_they_are_what_fitting_without_that_gold_gives(
    labeler: Labeler, labels: Labels, pairs: Pairs, votes: Votes
) -> None:
    held = some_prompts(pairs)
    found = labels.logit_without(held)
    for part, logit in zip(held.T, found.T, strict=True):
        gold = [None if out else g for out, g in zip(part, pairs.table["gold"].to_pylist(), strict=True)]
        twin = fit(LFS, with_gold(pairs, gold), votes=votes, model=labeler.model.name, seed=3)
        assert (twin.label_known(pairs, votes).logit == logit).all()


def test_what_the_held_gold_says_changes_nothing(
    labeler: Labeler, labels: Labels, pairs: Pairs, votes: Votes
) -> None:
    held = some_prompts(pairs)[:, :1]
    turn = {"a": "b", "b": "a", None: None}
    gold = [turn[g] if out else g for out, g in zip(held[:, 0], pairs.table["gold"].to_pylist(), strict=True)]
    other = fit(LFS, with_gold(pairs, gold), votes=votes, model=labeler.model.name, seed=3)
    there = other.label_known(pairs, votes)
    assert (there.logit_without(held) == labels.logit_without(held)).all()
    assert (there.logit != labels.logit).any()  # the labels themselves hang on it


def test_turning_pairs_round_turns_them_exactly(labeler: Labeler, pairs: Pairs, votes: Votes) -> None:
    held = some_prompts(pairs)
    turned = labeler.label(pairs.swapped())
    assert (turned.logit_without(held) == -labeler.label_known(pairs, votes).logit_without(held)).all()


def test_some_rows_are_the_rows_of_all(labels: Labels, pairs: Pairs) -> None:
    held, rows = some_prompts(pairs), np.arange(0, 240, 3)
    # A prompt is held where any of its pairs is, so parts are told apart by the pairs that are there.
    found = labels.take(rows).logit_without(held[rows])
    assert found.shape == (80, 2)
    whole = (
        held[rows].T @ (pairs.prompt_groups[rows][:, None] == pairs.prompt_groups[None, :]).astype(int) > 0
    )
    assert (found == labels.logit_without(whole.T)[rows]).all()


def test_with_no_gold_left_they_are_those_of_agreement(pairs: Pairs, votes: Votes) -> None:
    labels = fit(LFS, pairs, votes=votes).label_known(pairs, votes)
    blind = fit(LFS, with_gold(pairs, [None] * len(pairs)), votes=votes).label_known(pairs, votes)
    assert not blind.calibrated
    found = labels.logit_without(np.ones((len(pairs), 1), dtype=np.bool_))
    assert (found[:, 0] == blind.logit).all()


def test_a_label_model_that_chooses_by_gold_chooses_anew(pairs: Pairs, votes: Votes) -> None:
    held = some_prompts(pairs)[:, :1]
    gold = [None if out else g for out, g in zip(held[:, 0], pairs.table["gold"].to_pylist(), strict=True)]
    labels = fit(LFS, pairs, votes=votes, model="auto").label_known(pairs, votes)
    twin = fit(LFS, with_gold(pairs, gold), votes=votes, model="auto").label_known(pairs, votes)
    assert (labels.logit_without(held)[:, 0] == twin.logit).all()


def test_what_a_labeler_was_fitted_on_can_be_given_to_its_labels_again(
    labeler: Labeler, labels: Labels, pairs: Pairs, votes: Votes
) -> None:
    held = some_prompts(pairs)
    for fitted in (labeler.model, None):
        refit = refit_of(LFS, pairs, votes, model=labeler.model.name, seed=3, fitted=fitted)
        assert (refit(pairs, votes, held) == labels.logit_without(held)).all()


def test_labels_of_which_nobody_knows_what_they_were_fitted_on_say_so(pairs: Pairs) -> None:
    votes = apply(LFS, pairs)
    labels = Labels(pairs, votes, np.zeros(240), np.ones(240), None, True, np.zeros(240, dtype=np.bool_))
    with pytest.raises(LabelMatrixError, match="nobody kept what they were fitted on"):
        labels.logit_without(np.zeros((240, 1), dtype=np.bool_))


def test_held_of_another_shape_is_refused(labels: Labels) -> None:
    with pytest.raises(LabelMatrixError, match=r"held has shape \(240,\), expected \(240, k\)"):
        labels.logit_without(np.zeros(240, dtype=np.bool_))
