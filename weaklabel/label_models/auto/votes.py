"""Choosing a label model by the votes alone: the rule that stands at the top of `model.py`."""

from __future__ import annotations

from typing import Final

import numpy as np

from weaklabel.label_models.auto.averaged import PARTS, Averaged
from weaklabel.label_models.auto.balance import MOST_SPREAD, spread_of_sources
from weaklabel.label_models.auto.choice import Choice
from weaklabel.label_models.auto.held_out_votes import Foretold, foretell, share_of_one_sided
from weaklabel.label_models.k_class.dawid_skene import DawidSkene
from weaklabel.label_models.k_class.majority_vote import MajorityVote
from weaklabel.label_models.k_class.moments import Moments
from weaklabel.label_models.k_class.one_sided import OneSided
from weaklabel.label_models.k_class.vote_model import AdditiveVoteModel
from weaklabel.label_models.pair.model import PairModel
from weaklabel.label_models.without_gold import COUNT_SHARE, factor_of_votes, rows_to_hold_out
from weaklabel.types import ABSTAIN, Float32Array, FloatArray, Int8Array

_HEDGE: Final = 0.05  # what the mere count always gets
_MOST_HEDGE: Final = 0.25  # what it gets where hardly any vote is independent
_MAX_ROWS: Final = 100_000  # enough to choose by; the chosen model is fitted on all
_MOST_TOLD: Final = 6  # classes whose balance is told
_GAIN: Final = 0.01  # share of the nats by which a richer model must foretell votes better


def choose_by_votes(
    votes: Int8Array, margins: Float32Array, n_classes: int | None, min_rows: int, seed: int
) -> Choice:
    """The model that the votes speak for, fitted.

    Args:
        votes: `(n, m)` int8.
        margins: `(n, m)` float32, NaN for none.
        n_classes: None for pairs.
        min_rows: fewer rows with two votes than this leave the majority vote.
        seed: of the halves.
    """
    overlap = int(((votes != ABSTAIN).sum(axis=1) > 1).sum())
    if overlap < min_rows:
        why = f"votes: {overlap} rows have two votes, fewer than min_rows={min_rows}"
        return Choice(MajorityVote(n_classes=n_classes).fit(votes), why)
    if n_classes is None:
        return _of_pairs(votes, margins, seed)
    one_sided = share_of_one_sided(votes, n_classes)
    if one_sided > 0.5:
        why = f"votes: {one_sided:.0%} come from LFs that only ever vote one class"
        return Choice(OneSided(n_classes=n_classes).fit(votes), why, hedge=_HEDGE)
    if spread_of_sources(votes, n_classes) < MOST_SPREAD:
        return _of_a_crowd(votes, n_classes, seed)
    return _that_foretells_best(votes, n_classes, seed)


def _of_pairs(votes: Int8Array, margins: Float32Array, seed: int) -> Choice:
    if np.isfinite(margins).any():
        model = PairModel(seed=seed).fit(votes, margins=margins)
        return Choice(model, f"votes: there are margins; {_as_sure_as(model.factor_)}")
    moments = Moments().fit(votes)
    rows = rows_to_hold_out(votes)
    factor = factor_of_votes(votes[rows], moments.contributions(votes[rows]), moments.discounts_)
    why = f"votes: no gold to choose by, no margins; {_as_sure_as(factor)}"
    return Choice(moments, why, temperature=1.0 / factor, hedge=COUNT_SHARE)


def _as_sure_as(factor: float) -> str:
    return f"log-odds divided by {1 / factor:.1f}, as held-out votes ask, and a fifth for the mere count"


def _of_a_crowd(votes: Int8Array, n_classes: int, seed: int) -> Choice:
    model = Averaged(n_classes=n_classes, seed=seed).fit(votes)
    shares = " and ".join(f"{share:.2f} {part}" for share, part in zip(model.shares_, PARTS, strict=True))
    balance = ", ".join(f"{b:.2f}" for b in model.class_balance_[:_MOST_TOLD])
    cut = ", ..." if n_classes > _MOST_TOLD else ""
    nats = " and ".join(f"{value:.3f}" for value in model.nats_)
    why = (
        f"votes: a crowd (spread {max(model.spread_, 0.0):.2f}, below {MOST_SPREAD}): {shares}, by {nats} nats of held-out votes, and a "
        f"fifth for the mere count; class balance {balance}{cut}"
    )
    return Choice(model, why)


def _that_foretells_best(votes: Int8Array, n_classes: int, seed: int) -> Choice:
    """From plain to rich, the richer only where clearly better."""
    moments = Moments(n_classes=n_classes).fit(votes)
    tried: dict[str, AdditiveVoteModel] = {
        "moments": Moments(n_classes=n_classes),
        "dawid_skene": DawidSkene(n_classes=n_classes),
        "dawid_skene with estimated balance": DawidSkene(n_classes=n_classes, estimate_balance=True),
    }
    found = {name: foretold(model, votes, moments.discounts_, seed) for name, model in tried.items()}
    best = "moments"
    for name in tried:
        if found[name].nll < (1.0 - _GAIN) * found[best].nll:
            best = name
    T = found[best].temperature
    nats = f"{found[best].nll:.3f}".removeprefix("0")
    why = f"votes: {best} foretells held-out votes with {nats} nats, no richer model does 1% better"
    hedge = _HEDGE + (_MOST_HEDGE - _HEDGE) * (1.0 - 1.0 / T)
    if best == "moments":
        return Choice(moments, why, temperature=T, hedge=hedge)
    # Dawid-Skene takes the temperature into its EM: who is right is learned from posteriors that are not too sure.
    balance = best.endswith("balance")
    model = DawidSkene(n_classes=n_classes, estimate_balance=balance, temperature=T)
    return Choice(model.fit(votes), why, hedge=hedge)


def foretold(model: AdditiveVoteModel, votes: Int8Array, worth: FloatArray, seed: int) -> Foretold:
    """How well a model fitted on either half of the rows foretells the votes of the other; it is left fitted so."""
    place = np.random.default_rng(seed).permutation(len(votes))
    half = np.where(place < _MAX_ROWS, place % 2, -1)
    found = []
    for side in (0, 1):
        model.fit(votes[half == side])
        held = votes[half == 1 - side]
        found.append(foretell(held, model.evidence(), model.balance(), vote_chances(model), worth))
    told = [f for f in found if f.n_votes] or found
    temperature = float(np.exp(np.mean([np.log(f.temperature) for f in told])))
    return Foretold(float(np.mean([f.nll for f in told])), temperature, sum(f.n_votes for f in told))


def vote_chances(model: AdditiveVoteModel) -> FloatArray:
    """`(n_lfs, k, k)`: P(LF j votes v, given that it votes and the truth is c), LF, vote, truth."""
    if isinstance(model, DawidSkene):
        return model.confusion_.transpose(0, 2, 1)
    assert isinstance(model, Moments)
    k = model.evidence().shape[1]
    right = model.accuracies_[:, None, None]
    return np.where(np.eye(k, dtype=np.bool_), right, (1.0 - right) / (k - 1))
