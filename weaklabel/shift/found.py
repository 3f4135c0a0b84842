"""`shift`: is this batch unlike what the labeler was fitted on? An order-free comparison with a `Reference`.

A batch alarms when a test is above what chance explains for batches of its size (so a small batch does not cry
wolf) and when what changed is also large enough to matter (so a large batch does not alarm for nothing):

- one statistic's Cohen's h, the difference of two shares on the arcsine scale, is `LARGE` or more, or
- a whole family (votes, texts, words) moved by `DRIFT` standard deviations of one prompt, root mean square.

What it cannot see: a batch whose texts and votes look the same and on which people judge differently. Only gold
tells that.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Final

import numpy as np
from numpy.typing import ArrayLike

from weaklabel._tables import plain_table, short
from weaklabel.shift.reference import (
    FAMILIES,
    FEWEST_PROMPTS,
    Reference,
    family_values,
    kinds_of,
    rows_per_prompt,
    sampled,
    shares,
    z_scores,
)
from weaklabel.shift.statistics import Statistic, sums_of
from weaklabel.types import FloatArray, Pairs, Votes
from weaklabel.types.result import json_fields

LARGE: Final = 0.4
"""Cohen's h from which one changed share matters; he calls .2 small, .5 medium and .8 large."""
DRIFT: Final = 0.1
"""Standard deviations of one prompt by which a family as a whole must move, root mean square over its shares."""

_HEADER: Final = ("what", "about", "was", "is", "effect", "z")
_SAID: Final = {
    "coverage": "{name!r} votes on {now:.0%} of the pairs (was {was:.0%})",
    "margin": "{now:.0%} of the margins of {name!r} are at most {edge:.3g} (was {was:.0%})",
    "agreement": "{name} agree on {now:.0%} (was {was:.0%})",
    "prompt": "{now:.0%} of the prompts have {value} (was {was:.0%})",
    "response": "in {now:.0%} of the pairs the responses have {value} (was {was:.0%})",
}


@dataclass(frozen=True, slots=True)
class Change:
    """One share that changed.

    Attributes:
        kind: coverage, margin, agreement, prompt or response.
        name: the function, the two functions, or the number of the text.
        edge: what the share is "at most" of; NaN for coverage and agreement.
        was, now: the share in the reference and in the batch, in [0, 1].
        effect: Cohen's h, in [-pi, pi], positive where the share grew.
        z: the difference in standard errors.
    """

    kind: str
    name: str
    edge: float = field(compare=False)  # NaN is not equal to itself, and the other fields tell changes apart
    was: float
    now: float
    effect: float
    z: float

    def __str__(self) -> str:
        return _SAID[self.kind].format(
            name=self.name, was=self.was, now=self.now, edge=self.edge, value=_value(self.name, self.edge)
        )

    def to_dict(self) -> dict[str, Any]:
        """JSON values."""
        return json_fields(self) | {"said": str(self)}


def _value(name: str, edge: float) -> str:
    """What a text has whose number is at most `edge`, in words."""
    # Lengths are kept as log(1 + count); n line breaks make n + 1 lines.
    count = math.expm1(edge) if math.isfinite(edge) else math.nan
    if name == "lines":
        return f"at most {count + 1:.3g} lines" if count > 0.5 else "one line"
    if name == "characters":
        return f"at most {count:.0f} characters"
    if name == "unequal lengths":
        return f"lengths at most {math.exp(edge):.3g} to 1"
    what = "characters beyond ASCII" if name == "beyond ASCII" else name
    return f"at most {100 * edge:.2g} {what} in 100 characters" if edge > 0 else f"no {what}"


@dataclass(frozen=True, slots=True)
class Shift:
    """What `shift` found. `str()` says it in words, `to_dict()` gives JSON values.

    Attributes:
        shifted: whether the batch is unlike the reference.
        warning: one sentence that names the strongest changes; None where nothing is to be said.
        changes: single shares beyond chance and with an effect of `LARGE` or more, largest effect first, the
            strongest of each function or text number.
        tests: per test its value, what chance explains, and whether it is above that.
        drift: per family, how far it moved as a whole, in standard deviations of one prompt.
        n_pairs: the batch; `n_prompts` of it were looked at.
        notes: what could not be looked at.
    """

    shifted: bool
    warning: str | None
    changes: tuple[Change, ...]
    tests: Mapping[str, tuple[float, float, bool]]
    drift: Mapping[str, float]
    n_pairs: int
    n_prompts: int
    notes: tuple[str, ...] = ()

    def __str__(self) -> str:
        verdict = self.warning or ("No shift found." if self.tests else "Nothing can be said about a shift.")
        lines = [verdict]
        if self.changes:
            rows = [
                [c.kind, c.name, short(c.was), short(c.now), short(c.effect, sign=True), f"{c.z:+.1f}"]
                for c in self.changes[:15]
            ]
            lines += ["", plain_table(_HEADER, rows, left=2)]
        moved = ", ".join(f"{family} {short(value)}" for family, value in self.drift.items())
        if moved:
            lines += [
                "",
                f"Drift in standard deviations of one prompt: {moved} (from {DRIFT:g} on it counts).",
            ]
        return "\n".join([*lines, *self.notes])

    def to_dict(self) -> dict[str, Any]:
        """JSON values."""
        tests = {
            name: dict(zip(("value", "limit", "above"), test, strict=True))
            for name, test in self.tests.items()
        }
        return json_fields(self) | {"tests": tests}


def shift(reference: Reference, votes: Votes, pairs: Pairs, *, seed: int = 0) -> Shift:
    """Compare a batch with what the labeler was fitted on. Turning pairs round changes nothing, to the bit.

    Args:
        reference: made when the labeler was fitted.
        votes: the same functions' votes on `pairs`, rows in the same order.
        pairs: the batch. Gold is not looked at.
        seed: draws the sample of prompts that stands for a batch of more than a few thousand pairs.

    Raises:
        LabelMatrixError: votes of other pairs.
        UnknownNameError: the votes lack one of the reference's functions.

    >>> from weaklabel.data.sample import sample_pairs
    >>> pairs = sample_pairs(n_pairs=400, n_gold=0)
    >>> length = [[len(p.response_b) - len(p.response_a)] for p in pairs]
    >>> margins = np.array(length, np.float32)
    >>> votes = Votes((margins > 0).astype(np.int8), margins, ("length",), pairs.ids)
    >>> reference = Reference.of(votes, pairs)
    >>> lists = np.array(["lists" in pair_id for pair_id in pairs.ids])  # one task of four
    >>> shift(reference, votes, pairs).shifted, shift(reference, votes.take(lists), pairs.take(lists)).shifted
    (False, True)
    """
    n_pairs = len(pairs)
    votes, pairs, groups = sampled(votes.select(reference.lf_names), pairs, seed)
    n_prompts = int(groups.max()) + 1 if len(groups) else 0
    if n_prompts < FEWEST_PROMPTS or not reference.limits:
        who = "this batch has" if n_prompts < FEWEST_PROMPTS else "the labeler was fitted on"
        few = n_prompts if n_prompts < FEWEST_PROMPTS else reference.n_prompts
        need = FEWEST_PROMPTS if n_prompts < FEWEST_PROMPTS else 2 * FEWEST_PROMPTS
        note = f"{who} {few} prompts; at least {need} are needed to tell a shift from chance."
        return Shift(False, None, (), {}, {}, n_pairs, n_prompts, (note,))
    sums = sums_of(votes, pairs, reference.edges, reference.couples, groups)
    now, live = shares(sums), (sums.below > 0).sum(axis=0)
    noise = _noise(reference, live, rows_per_prompt(sums))
    z, usable = z_scores(reference.share, now, noise, live)
    kinds = kinds_of(sums.statistics)
    values = {k: float(v[0]) for k, v in family_values(z[None], usable[None], kinds).items()}
    limits = reference.limits[
        max((s for s in reference.limits if s <= n_prompts), default=min(reference.limits))
    ]
    tests = {name: (value, limits[name], value > limits[name]) for name, value in values.items()}
    changes = _changes(sums.statistics, reference.share, now, z, limits["largest"])
    drift = _drift(values, reference.n_prompts, n_prompts)
    drifted = [f for f in FAMILIES if tests[f][2] and drift[f] >= DRIFT]
    shifted = bool(changes or drifted)
    warning = _sentence(changes, drifted, n_pairs, reference.n_pairs) if shifted else None
    notes = (f"A sample of {len(pairs):,} pairs was looked at.",) if len(pairs) < n_pairs else ()
    return Shift(shifted, warning, changes, tests, drift, n_pairs, n_prompts, notes)


def _noise(reference: Reference, live: FloatArray, rows: FloatArray) -> FloatArray:
    """Variance of batch share minus reference share, had both come from one source."""
    per_prompt = reference.between + reference.within / np.maximum(rows, 1.0)
    return np.asarray(per_prompt / np.maximum(live, 1) + reference.noise)


def _changes(
    statistics: tuple[Statistic, ...], was: FloatArray, now: FloatArray, z: FloatArray, limit: float
) -> tuple[Change, ...]:
    found: dict[tuple[str, str], Change] = {}
    for k in np.flatnonzero(np.abs(z) > limit):
        statistic = statistics[k]
        effect = float(cohens_h(was[k], now[k]))
        key = (statistic.kind, statistic.name)
        if statistic.kind in FAMILIES["words"] or abs(effect) < LARGE:
            continue
        if key not in found or abs(effect) > abs(found[key].effect):
            found[key] = Change(*key, statistic.edge, float(was[k]), float(now[k]), effect, float(z[k]))
    return tuple(sorted(found.values(), key=lambda c: -abs(c.effect)))


def cohens_h(was: ArrayLike, now: ArrayLike) -> FloatArray:
    """Difference of two shares on the scale on which sampling noise is the same everywhere.

    >>> cohens_h([0.5, 0.02], [0.7, 0.12]).round(2).tolist()  # a fifth more, or six times as much
    [0.41, 0.42]
    """
    one, two = (np.arcsin(np.sqrt(np.clip(np.asarray(p, dtype=np.float64), 0, 1))) for p in (was, now))
    return np.asarray(2 * (two - one))


def _drift(values: Mapping[str, float], n_reference: int, n_batch: int) -> dict[str, float]:
    """How far each family moved: a mean square of z is 1 plus (movement / standard error)^2."""
    per_prompt = 1 / n_reference + 1 / n_batch
    return {family: float(np.sqrt(max(0.0, values[family] - 1) * per_prompt)) for family in FAMILIES}


def _sentence(changes: Sequence[Change], drifted: Sequence[str], n_pairs: int, n_reference: int) -> str:
    # One of each kind, and of each name, says more than three ways to measure the same thing.
    firsts: dict[str, Change] = {}
    for change in sorted(changes, key=lambda c: (c.kind == "margin", -abs(c.effect))):
        if change.name not in {first.name for first in firsts.values()}:
            firsts.setdefault(change.kind, change)
    said = [str(change) for change in list(firsts.values())[:3]] or [
        f"the {' and the '.join(drifted)} changed as a whole"
    ]
    return (
        f"These {n_pairs:,} pairs are unlike the {n_reference:,} that the labeler was fitted on: {'; '.join(said)}; "
        "its probabilities may not hold here, so check them against gold from these pairs before using them."
    )
