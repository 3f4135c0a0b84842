"""Blocks against a dense twin: covariance, columns and weights are three sights of one thing."""

from __future__ import annotations

import numpy as np
import pytest
import scipy.sparse as sp

from weaklabel.label_models.pair.odd_blocks import Block, odd_blocks
from weaklabel.types import PairFeatures

N, D, Q = 30, 4, 6


def drawn(kind):
    """A block of each kind, and its columns written out, before they are brought to variance 1."""
    rng = np.random.default_rng(0)
    x, unit = rng.normal(size=(N, D)), rng.random(D) + 0.5
    gate = sp.random(N, Q, density=0.4, random_state=1, format="csr")
    if kind == "plain":
        return Block(x, 1.0), x
    if kind == "unit":
        return Block(x, unit), x / unit
    if kind == "sparse":
        thin = sp.random(N, D, density=0.3, random_state=2, format="csr")
        return Block(thin, 1.0), thin.toarray()
    written_out = np.array([np.kron(gate[i].toarray().ravel(), x[i]) for i in range(N)])
    if kind == "gate":
        return Block(x, 1.0, gate), written_out
    return Block(x, unit, gate), written_out / np.tile(unit, Q)


kinds = pytest.mark.parametrize("kind", ["plain", "unit", "sparse", "gate", "gate and unit"])


@kinds
def test_covariance_is_that_of_the_columns_written_out(kind):
    block, x = drawn(kind)
    gram = x @ x.T
    assert np.abs(block.covariance() - gram / np.diag(gram).mean()).max() < 1e-12


@kinds
def test_a_pair_has_variance_one_on_average(kind):
    assert np.diag(drawn(kind)[0].covariance()).mean() == pytest.approx(1.0)


@kinds
def test_design_holds_the_columns_written_out(kind):
    block, x = drawn(kind)
    size = (x**2).sum(axis=1).mean()
    assert np.abs(block.design().toarray() - x / np.sqrt(size)).max() < 1e-12
    assert np.abs((block.design() @ block.design().T).toarray() - block.covariance()).max() < 1e-12


def logits_of(block, weights):
    """What the model does with the weights: each column, as it came, times its weight."""
    if block.gate is None:
        return block.columns @ weights
    return (block.columns * (block.gate @ weights)).sum(axis=1)


@kinds
def test_dual_weights_become_weights_that_give_the_same_logits(kind):
    block, _ = drawn(kind)
    a = np.random.default_rng(3).normal(size=N)
    assert np.abs(logits_of(block, block.weights(a)) - block.covariance() @ a).max() < 1e-12


@kinds
def test_weights_of_the_design_give_the_same_logits(kind):
    block, _ = drawn(kind)
    beta = np.random.default_rng(4).normal(size=block.design().shape[1])
    assert np.abs(logits_of(block, block.weights_of_design(beta)) - block.design() @ beta).max() < 1e-12


@kinds
def test_both_ways_to_weights_are_one(kind):
    block, _ = drawn(kind)
    a = np.random.default_rng(5).normal(size=N)
    through_columns = block.weights_of_design(block.design().T @ a)
    assert np.abs(through_columns - block.weights(a)).max() < 1e-12


@pytest.mark.parametrize("gate", [None, sp.csr_matrix((3, 2))], ids=["no gate", "empty gate"])
def test_a_block_in_which_nothing_stands_has_no_variance_and_no_trouble(gate):
    block = Block(np.zeros((3, 2)), 1.0, gate)
    assert not block.covariance().any()
    assert not block.weights(np.ones(3)).any()
    assert block.design().nnz == 0


def test_turning_rows_round_turns_their_covariance_and_keeps_its_size():
    block, _ = drawn("gate")
    signs = np.where(np.random.default_rng(6).random(N) < 0.5, -1.0, 1.0)
    turned = Block(block.columns * signs[:, None], 1.0, block.gate)
    assert np.abs(turned.covariance() - block.covariance() * np.outer(signs, signs)).max() < 1e-12


def test_blocks_are_named_after_what_there_is():
    effects = {"sharp": np.ones((3, 2)), "wide": np.ones((3, 2))}
    view, context = sp.csr_matrix(np.eye(3)), sp.csr_matrix(np.ones((3, 1)))
    assert list(odd_blocks(effects, np.ones(2), None)) == ["sharp", "wide", "even"]
    bare = odd_blocks(effects, np.ones(2), PairFeatures({"words": view}))
    assert set(bare) == {"sharp", "wide", "even", "words"}
    assert set(odd_blocks(effects, np.ones(2), PairFeatures({}, context))) == {*effects, "even", "gate"}


def test_even_lets_an_lf_that_seldom_votes_speak_as_loudly_as_one_that_always_does():
    effect = np.array([[1.0, 0.0, 0.0]] * 99 + [[1.0, 1.0, 0.0]])
    spread = np.sqrt((effect**2).mean(axis=0))  # 1, .1, and 0 for the LF that is silent
    design = odd_blocks({"sharp": effect}, spread, None)["even"].design().toarray()
    power = (design**2).sum(axis=0)
    assert power[0] == pytest.approx(power[1])
    assert power[2] == 0.0
