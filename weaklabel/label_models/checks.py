"""What every label model keeps: the contract of `LabelModel`, as checks that anybody can run on their own.

Each check makes fresh models with `make()`, a class or a function without arguments, and raises AssertionError
saying what the model did and what the contract asks.
"""

from __future__ import annotations

import inspect
import json
from collections.abc import Callable
from itertools import pairwise
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from weaklabel._arguments import checked
from weaklabel.errors import ConfigError, LabelMatrixError, NotFittedError, WeaklabelError
from weaklabel.label_models.base import LabelModel
from weaklabel.label_models.k_class.majority_vote import MajorityVote
from weaklabel.label_models.row_blocks import BLOCK
from weaklabel.label_models.streaming import fit_on_shards
from weaklabel.types import ABSTAIN, Float32Array, FloatArray, Int8Array, swap_votes

Make = Callable[[], LabelModel]

_ACCURACIES: Final = (0.85, 0.75, 0.65, 0.6, 0.6, 0.55)
_COVERAGES: Final = (0.6, 0.9, 0.9, 0.7, 0.5, 0.9)


@checked
def check_label_model(make: Make) -> None:
    """Run every check in `LABEL_MODEL_CHECKS` on models made by `make()`.

    Args:
        make: returns a new model, not fitted; a `LabelModel` class will do. A model made with `n_classes` is held to
            what holds for ordinary matrices of votes, one made without to what holds for pairs.

    Raises:
        AssertionError: the first promise that is broken, in words.

    >>> check_label_model(MajorityVote)
    >>> check_label_model(lambda: MajorityVote(n_classes=3))
    """
    for check in LABEL_MODEL_CHECKS:
        check(make)


def check_constructor_only_stores(make: Make) -> None:
    model = make()
    for name in inspect.signature(type(model)).parameters:
        _require(
            model, hasattr(model, name), f"takes a setting {name!r} but does not store it under that name"
        )
    learned = [name for name in vars(model) if name.endswith("_")]
    _require(model, not learned, f"has {learned} before fit; names ending in '_' are what fit learns")


def check_fit_returns_self(make: Make) -> None:
    model, data = make(), _Data(make)
    _require(model, data.fit(model) is model, "must return itself from fit")


def check_asking_before_fit_is_refused(make: Make) -> None:
    model, data = make(), _Data(make)
    asked: dict[str, Callable[[], Any]] = {
        "predict_logit": lambda: model.predict_logit(data.L),
        "predict_proba": lambda: model.predict_proba(data.L),
        "to_dict": model.to_dict,
    }
    for what, ask in asked.items():
        _refuses(model, NotFittedError, ask, f"{what} before fit")


def check_shapes(make: Make) -> None:
    data = _Data(make)
    model = data.fit(make())
    for rows in (data.n, 1, 0):
        part = slice(rows)
        if not data.of_classes:
            logit = data.ask(model, part)
            _require(model, logit.shape == (rows,), f"gives logits of shape {logit.shape} for {rows} rows")
            _require(model, logit.dtype == np.float64, f"gives logits of type {logit.dtype}, not float64")
            _require(model, np.isfinite(logit).all(), "gives logits that are not finite")
        proba = model.predict_proba(data.L[part], **data.gaps(part))
        shape = f"gives a posterior of shape {proba.shape} for {rows} rows"
        _require(model, proba.shape == (rows, data.k), shape)
        sums = np.allclose(proba.sum(axis=1), 1.0, atol=1e-12)
        _require(model, sums, "has posterior rows that do not sum to 1")


def check_classes_have_no_logit(make: Make) -> None:
    data = _Data(make)
    model = data.fit(make())
    if data.of_classes:
        _refuses(model, ConfigError, lambda: model.predict_logit(data.L), "predict_logit of classes")


def check_contributions_add_up(make: Make) -> None:
    data = _Data(make)
    model = data.fit(make())
    if data.of_classes:
        return
    shares = model.contributions(data.L, margins=data.margins)
    if shares is None:
        return
    gap = np.abs(shares.sum(axis=1) - model.predict_logit(data.L, margins=data.margins)).max()
    _require(model, shares.shape == data.L.shape, f"gives contributions of shape {shares.shape}")
    _require(model, gap < 1e-9, f"has contributions that miss the logit by {gap:.1e}")


def check_silence_says_nothing(make: Make) -> None:
    data = _Data(make)
    model = data.fit(make())
    proba = model.predict_proba(np.full((3, data.m), ABSTAIN, dtype=np.int8))
    expected = f"expected 1/{data.k} each, as the classes of its data are equally common"
    _require(
        model,
        np.allclose(proba, 1 / data.k, atol=1e-12),
        f"gives {proba[0]} where every LF abstains; {expected}",
    )


def check_a_row_alone_equals_the_row_in_a_batch(make: Make) -> None:
    data = _Data(make)
    model = data.fit(make())
    batch = data.ask(model, slice(20))
    alone = np.concatenate([data.ask(model, slice(i, i + 1)) for i in range(20)])
    _require(model, (batch == alone).all(), "gives a row other bits alone than in a batch")


def check_blocks_of_rows_equal_the_whole(make: Make) -> None:
    """However rows are cut for predicting, as a stream of shards cuts them, each keeps its bits."""
    data = _Data(make)
    model = data.fit(make())
    many = data.repeated(_MANY // data.n + 1)
    whole = data.ask(model)
    tiled = np.concatenate([whole] * (many.n // data.n))
    cuts = [0, 1, 1 + data.n, 8_000, many.n]
    parts = [many.ask(model, slice(start, stop)) for start, stop in pairwise(cuts)]
    for what, answer in (("in one piece", many.ask(model)), ("in blocks", np.concatenate(parts))):
        _require(model, (answer == tiled).all(), f"gives rows other bits {what} of {many.n} than of {data.n}")


def check_turning_pairs_round_turns_the_logit(make: Make) -> None:
    data = _Data(make)
    model = data.fit(make())
    if data.of_classes or not model.antisymmetric:
        return
    there = model.predict_logit(data.L, margins=data.margins)
    back = model.predict_logit(swap_votes(data.L), margins=-data.margins)
    gap = np.abs(there + back).max()
    _require(model, gap <= 1e-12, f"is declared antisymmetric but logit(a, b) + logit(b, a) is {gap:.1e}")


def check_order_of_training_pairs_does_not_matter(make: Make) -> None:
    """Turning some training pairs round must leave an antisymmetric model as it was."""
    for gold in (None, *_GOLD):
        data = _Data(make, gold)
        model = data.fit(make())
        if data.of_classes or not model.antisymmetric:
            return
        other = data.turned().fit(make())
        gap = np.abs(
            model.predict_logit(data.L, margins=data.margins)
            - other.predict_logit(data.L, margins=data.margins)
        ).max()
        _require(model, gap <= 1e-9, f"moves its logits by {gap:.1e} when training rows are turned round")


def check_classes_that_change_names_change_places(make: Make) -> None:
    """Class numbers are names: renaming them in all votes must move the columns of the answer, and nothing else."""
    data = _Data(make)
    if not data.of_classes:
        return
    model, other = data.fit(make()), data.renamed().fit(make())
    gap = np.abs(data.ask(model) - data.renamed().ask(other)[:, data.names]).max()
    _require(model, gap <= 1e-5, f"moves its posterior by {gap:.1e} when classes change their numbers")


def check_parts_add_up(make: Make) -> None:
    """Where a model can be fitted in parts, the parts give the model of all rows, in any order, to the bit."""
    data = _Data(make)
    whole = data.fit(make())
    if not whole.merges:
        return
    parts = [slice(0, 150), slice(150, 151), slice(151, data.n)]
    grown = make()
    for part in reversed(parts):
        _require(grown, grown.partial_fit(data.L[part]) is grown, "must return itself from partial_fit")  # type: ignore[attr-defined]
    first, *others = (make().fit(data.L[part]) for part in parts)
    before = [other.to_dict() for other in others]
    for other in others:
        first.merge(other)  # type: ignore[attr-defined]
    _require(whole, grown.to_dict() == whole.to_dict(), "learns something else from the same rows in parts")
    _require(whole, first.to_dict() == whole.to_dict(), "learns something else when parts are merged")
    _require(whole, before == [other.to_dict() for other in others], "changes the model it takes in")
    _require(whole, bool((data.ask(first) == data.ask(whole)).all()), "answers otherwise after merging")


def check_shards_give_the_whole(make: Make) -> None:
    """Where a model can be fitted in parts, shards of any size and order give the model of all rows, to the bit."""
    data = _Data(make)
    if not make().merges:
        _refuses(
            make(), ConfigError, lambda: fit_on_shards(make(), [(data.L, None)]), "to be fitted on shards"
        )
        return
    whole = data.fit(make()).to_dict()
    for cuts in ([0, data.n], [0, 0, 1, 64, 129, data.n], range(0, data.n + 1, 8)):
        parts = [slice(start, stop) for start, stop in pairwise(cuts)]
        for order in (parts, parts[::-1]):
            model = fit_on_shards(make(), ((data.L[rows], data.gaps(rows).get("margins")) for rows in order))
            what = f"learns something else from {len(parts)} shards"
            _require(model, model.to_dict() == whole, what)


def check_same_input_same_fit(make: Make) -> None:
    data = _Data(make)
    first, second = data.fit(make()), data.fit(make())
    _require(first, first.to_dict() == second.to_dict(), "learns something else from the same input")


def check_saved_is_equal(make: Make) -> None:
    data = _Data(make)
    model = data.fit(make())
    again = type(model).from_dict(json.loads(json.dumps(model.to_dict(), allow_nan=False)))
    same = [data.ask(model) == data.ask(again), model.predict_proba(data.L) == again.predict_proba(data.L)]
    _require(model, all(s.all() for s in same), "gives other bits after to_dict, JSON and from_dict")


def check_inputs_are_left_alone(make: Make) -> None:
    data, untouched = _Data(make), _Data(make)
    for array in (data.L, data.margins, data.y, data.groups):
        array.flags.writeable = False
    model = data.fit(make())
    data.ask(model)
    if not data.of_classes:
        model.contributions(data.L, margins=data.margins)
    _require(model, (data.L == untouched.L).all(), "writes into L")


def check_wrong_shapes_are_refused(make: Make) -> None:
    data = _Data(make)
    model = data.fit(make())
    wide = np.zeros((3, data.m + 1), dtype=np.int8)
    wrong: dict[str, Callable[[], Any]] = {
        "L of one dimension": lambda: make().fit(data.L[0]),
        f"a vote of {data.k}": lambda: make().fit(np.full((4, 6), data.k)),
        "L with a column too many": lambda: model.predict_proba(wide),
    }
    if model.uses_gold:
        wrong["y that is too short"] = lambda: make().fit(data.L, y=data.y[:-1])
    if model.merges:
        wrong["a part with a column too many"] = lambda: model.partial_fit(wide)  # type: ignore[attr-defined]
        wrong["a merge with other columns"] = lambda: model.merge(make().fit(wide))  # type: ignore[attr-defined]
    for what, ask in wrong.items():
        _refuses(model, LabelMatrixError, ask, what)


def check_thin_input_gives_no_nan(make: Make) -> None:
    """One row, one LF, silence, one voice: a finite answer, or one of our errors that says what is missing."""
    rng = np.random.default_rng(0)
    thin: dict[str, NDArray[np.int64]] = {
        "one row": np.array([[1, 0, 1, -1]]),
        "one LF": rng.integers(-1, 2, (20, 1)),
        "silence": np.full((20, 4), ABSTAIN),
        "all for one": np.ones((20, 4), dtype=np.int64),
        "each for one": np.where(rng.random((40, 4)) < 0.6, np.arange(4) % 2, ABSTAIN),
        "one silent LF": np.column_stack([rng.integers(-1, 2, (30, 4)), np.full(30, ABSTAIN)]),
        "copies": np.repeat(rng.integers(-1, 2, (30, 1)), 4, axis=1),
        "no rows": np.empty((0, 4), dtype=np.int64),
        "no LFs": np.empty((5, 0), dtype=np.int64),
    }
    tie = np.nan if make().n_classes else 0.5
    for what, L in thin.items():
        for y in (None, np.ones(len(L)), np.full(len(L), tie), np.arange(len(L)) % 2.0):
            model = make()
            try:
                proba = model.fit(L, y=y, groups=np.arange(len(L))).predict_proba(L)
            except WeaklabelError:
                continue
            _require(model, np.isfinite(proba).all(), f"gives {proba[:3]} for {what}")


def check_known_accuracies_are_used(make: Make) -> None:
    """On independent LFs of unequal accuracy a model may not fall behind majority vote."""
    data = _Data(make, gold=None, n=3000)
    model = data.fit(make())
    mine = _accuracy(model.predict_proba(data.L, **data.gaps()), data.truth)
    counted = MajorityVote(n_classes=data.k).fit(data.L).predict_proba(data.L)
    votes = _accuracy(counted, data.truth)
    _require(model, mine >= votes - 0.01, f"is right on {mine:.3f} of pairs, majority vote on {votes:.3f}")


LABEL_MODEL_CHECKS: Final = (
    check_constructor_only_stores,
    check_fit_returns_self,
    check_asking_before_fit_is_refused,
    check_shapes,
    check_classes_have_no_logit,
    check_contributions_add_up,
    check_silence_says_nothing,
    check_a_row_alone_equals_the_row_in_a_batch,
    check_blocks_of_rows_equal_the_whole,
    check_turning_pairs_round_turns_the_logit,
    check_order_of_training_pairs_does_not_matter,
    check_classes_that_change_names_change_places,
    check_parts_add_up,
    check_shards_give_the_whole,
    check_same_input_same_fit,
    check_saved_is_equal,
    check_inputs_are_left_alone,
    check_wrong_shapes_are_refused,
    check_thin_input_gives_no_nan,
    check_known_accuracies_are_used,
)

_GOLD: Final = (0.1, 1.0)
_MANY: Final = BLOCK  # more rows than are worked on at a time


class _Data:
    """Votes drawn from known accuracies, with gold on a share of the rows; for pairs margins too."""

    def __init__(self, make: Make, gold: float | None = 0.3, n: int = 400) -> None:
        rng = np.random.default_rng(0)
        n_classes = make().n_classes
        self.of_classes = n_classes is not None
        self.k = n_classes or 2
        self.names = (np.arange(self.k) + 1) % self.k
        self.n, self.m = n, len(_ACCURACIES)
        self.truth = rng.integers(self.k, size=n).astype(np.float64)
        right = rng.random((n, self.m)) < _ACCURACIES
        other = rng.integers(1, self.k, size=(n, self.m))
        side = np.where(right, self.truth[:, None], (self.truth[:, None] + other) % self.k)
        spoken = rng.random((n, self.m)) < _COVERAGES
        self.L: Int8Array = np.where(spoken, side, ABSTAIN).astype(np.int8)
        size = rng.exponential(size=(n, self.m))
        self.margins: Float32Array = ((2 * side - 1) * size).astype(np.float32)
        self.margins[:, ::2] = np.nan  # every other LF is a plain one, without a margin
        self.groups: NDArray[np.int64] = np.arange(n) // 2
        known = rng.random(n) < (gold or 0.0)
        self.y: FloatArray = np.where(known, self.truth, np.nan)

    def gaps(self, rows: slice = slice(None)) -> dict[str, Any]:
        """`margins=...` where there are pairs to have margins."""
        return {} if self.of_classes else {"margins": self.margins[rows]}

    def fit(self, model: LabelModel) -> LabelModel:
        return model.fit(self.L, y=self.y, groups=self.groups, **self.gaps())

    def ask(self, model: LabelModel, rows: slice = slice(None)) -> FloatArray:
        """What it answers: log-odds for pairs, probabilities for classes."""
        if self.of_classes:
            return model.predict_proba(self.L[rows])
        return model.predict_logit(self.L[rows], **self.gaps(rows))

    def turned(self) -> _Data:
        """The same data with every third pair in the other order."""
        rows = np.arange(self.n) % 3 == 0
        return self._with(
            L=np.where(rows[:, None], swap_votes(self.L), self.L),
            margins=np.where(rows[:, None], -self.margins, self.margins),
            y=np.where(rows, 1 - self.y, self.y),
        )

    def renamed(self) -> _Data:
        """The same data with class c called `names[c]`."""
        known = np.isfinite(self.y)
        y = self.y.copy()
        y[known] = self.names[self.y[known].astype(np.intp)]
        return self._with(L=np.append(self.names, ABSTAIN).astype(np.int8)[self.L], y=y)

    def repeated(self, times: int) -> _Data:
        """The same rows over and over."""
        return self._with(
            n=times * self.n, L=np.tile(self.L, (times, 1)), margins=np.tile(self.margins, (times, 1))
        )

    def _with(self, **arrays: Any) -> _Data:
        other = _Data.__new__(_Data)
        other.__dict__.update(self.__dict__ | arrays)
        return other


def _require(model: LabelModel, condition: Any, what: str) -> None:
    if not condition:
        raise AssertionError(f"{type(model).__name__} {what}.")


def _refuses(model: LabelModel, error: type[WeaklabelError], ask: Callable[[], Any], what: str) -> None:
    try:
        ask()
    except error:
        return
    except Exception as other:
        raise AssertionError(
            f"{type(model).__name__} answers {what} with {type(other).__name__}, expected {error.__name__}."
        ) from other
    raise AssertionError(f"{type(model).__name__} accepts {what}, expected {error.__name__}.")


def _accuracy(proba: FloatArray, truth: FloatArray) -> float:
    best = np.isclose(proba, proba.max(axis=1, keepdims=True), atol=1e-9)
    return float((best[np.arange(len(truth)), truth.astype(np.intp)] / best.sum(axis=1)).mean())
