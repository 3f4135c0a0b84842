"""`FunctionsReward`: the label model, read one response at a time.

    r(x, y) = a * ( sum over scorers j of f_j(s_j(x, y)) + sum over j of (c(x) . gamma_j) g_j(s_j(x, y))
                  + sum over views v of phi_v(y) . u_v + t(y) )

- `s_j` is the score that scorer j gives the response, `f_j` and `g_j` are curves (`curves.py`): what `pair_model` makes of
  the difference of two scores, as a difference of two numbers.
- `c(x)` are words of the prompt, on which the weight of a scorer may depend; `phi_v(y)` the n-grams of a view of the
  response (`weaklabel.text.ngrams`); `t` a reward on n-grams that the label model taught without gold (`start.py`).
- Weights are a mixture of recipes (`recipes.py`) fitted to gold, each judged on prompts left out in closed form. The factor
  `a` is held to 1, so that little gold hardly moves it.

What has no gold in it cannot leak any, so no labeler has to be fitted anew for held-out gold, as long as no threshold of
a function was chosen on that gold (`weaklabel tune`, `weaklabel explore`).

Sources: the label model is `label_models/pair/model.py`, the reward a difference of scores by Bradley & Terry (1952).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, ClassVar, Final

import numpy as np
from numpy.typing import NDArray

from weaklabel._arguments import checked
from weaklabel._validation import saved_texts
from weaklabel.engine.apply import apply_with_costs
from weaklabel.errors import ConfigError
from weaklabel.groups import MIN_GOLD, MIN_PROMPTS, enough_gold
from weaklabel.label_models.additive import sum_of_weights
from weaklabel.label_models.pair.model import PairModel
from weaklabel.lf.core import LabelingFunction, ResponseScorer
from weaklabel.logistic import one_thread
from weaklabel.reward.base import RewardModel
from weaklabel.reward.features import hashed_text, score_in_chunks
from weaklabel.reward.functions.explanation import RewardExplanation, RewardReason
from weaklabel.reward.functions.learning import Readings, learn_from_gold
from weaklabel.reward.functions.parts import Parts
from weaklabel.reward.functions.pool import some_without_gold
from weaklabel.reward.functions.saved_scorers import found_scorers, own_functions, saved_scorers
from weaklabel.reward.functions.scores import directed, scores_of, tell_of
from weaklabel.reward.functions.start import KINDS as STARTS
from weaklabel.reward.functions.start import Start, fit_start
from weaklabel.reward.judges import Judges
from weaklabel.reward.linear import LinearReward
from weaklabel.reward.saved import ArrayKind, Saved
from weaklabel.text.ngrams import CONTEXT_COLUMNS, VIEW_COLUMNS, pair_features, response_features
from weaklabel.text.pieces import KINDS
from weaklabel.types import FloatArray, Pairs, Votes

AUTO: Final = "auto"
_START: Final = "text:start"
_ARRAYS: Final = ("gate.npy", "views.npy", "start.npy")


class FunctionsReward(RewardModel):
    """A reward made of labeling functions: each response scorer adds what its score is worth.

    It learns from votes and gold. What the labels believe of a pair is not used, for a label model fitted to gold would
    bring that gold along; weights of pairs count as 0 or not 0. Functions that score no single response (functions of
    pairs, judges, columns of the data) count through the start alone. Below 20 decided gold pairs, or 5 prompts of them,
    it is the linear model of that gold, and without any functions the linear model of whatever is given; `notes_` say so.

    Args:
        lfs: the labeling functions; `train_reward` passes those of the labels.
        votes: theirs, on the pairs to fit (and others), where they are at hand; worked out by default.
        start: what recipes may begin from: "labels", readings taught by the label model, and n-grams where some function
            scores no single response; "agreement", n-grams taught by the label model without gold; "none". "auto" is
            "labels" where some function scores no single response, else "none": what paid on development data.
        l2: strength of the ridge penalty of that start, and of the linear model, as for `LinearReward`.
        n_features: hashed columns per kind of n-gram of the start.
        seed: of the folds in which the start and the mixture are checked.

    Learned: `scorers_`, the functions that are read; `parts_`, what they and the texts are worth; `notes_`; and what every
    reward model learns. `scale_` is the factor `a`.
    """

    name: ClassVar[str] = "functions"
    takes_functions: ClassVar[bool] = True
    unsaved: ClassVar[frozenset[str]] = frozenset({"lfs", "votes"})
    handed: ClassVar[frozenset[str]] = unsaved
    scorers_: tuple[ResponseScorer, ...]
    parts_: Parts
    notes_: tuple[str, ...] = ()
    _loaded = False

    def __init__(
        self,
        *,
        lfs: Sequence[LabelingFunction] = (),
        votes: Votes | None = None,
        start: str = "auto",
        l2: float = 1.0,
        n_features: int = 2**17,
        seed: int = 0,
    ) -> None:
        LinearReward(l2=l2, n_features=n_features, seed=seed)  # which says what is allowed
        if not all(isinstance(lf, LabelingFunction) for lf in lfs):
            raise ConfigError(
                "FunctionsReward: lfs holds something else than labeling functions. Pass what load_lfs(...) returns; "
                "in a project they are those of [lfs]."
            )
        if start not in (AUTO, *STARTS):
            raise ConfigError(
                f"FunctionsReward: start is {start!r}. Allowed: {', '.join((AUTO, *STARTS))}; default {AUTO}."
            )
        if not isinstance(votes, Votes | None):
            raise ConfigError(
                f"FunctionsReward: votes is a {type(votes).__name__}. Pass what apply(...) returns."
            )
        self.lfs, self.votes, self.start = tuple(lfs), votes, start
        self.l2, self.n_features, self.seed = l2, n_features, seed

    @property
    def notes(self) -> tuple[str, ...]:
        return self.notes_

    def _learn(self, pairs: Pairs, p: FloatArray, w: FloatArray, y: FloatArray, judges: Judges) -> float:
        if self._loaded:
            raise ConfigError(
                "FunctionsReward.fit: this model was loaded from a folder, which names only the functions that it reads and "
                "no votes, so it cannot be fitted as it was. Fit a new one: train_reward(labels, 'functions')."
            )
        if not self.lfs:
            self.scorers_ = ()
            self.notes_ = (
                "no labeling functions were given, so this is the linear model of what it was taught.",
            )
            return self._learn_linear(pairs, p, w, y, judges)
        self.scale_note_ = ""  # below, gold is judged by what never heard of it, whatever labels knew
        counts = w > 0
        pairs, p, w, y = pairs.take(counts), p[counts], w[counts], y[counts]
        decided = np.abs(y - 0.5) == 0.5
        n_gold, n_prompts = int(decided.sum()), len(np.unique(pairs.prompt_groups[decided]))
        self.scorers_ = ()
        if not enough_gold(pairs.prompt_groups[decided]):
            known = ~np.isnan(y)
            if not decided.any():  # ties alone teach no direction: the labels' beliefs do, and no gold judges
                known, y = np.zeros_like(known), np.full(len(y), np.nan)
            kept = "of gold alone" if known.any() else "of the labels' beliefs"
            self.notes_ = (
                f"{n_gold} decided gold pairs on {n_prompts} prompts are too few to weigh functions by (at least {MIN_GOLD} "
                f"on {MIN_PROMPTS}), so this is the linear model {kept}.",
            )
            rows = np.flatnonzero(known) if known.any() else np.arange(len(y))
            return self._learn_linear(pairs.take(rows), p[rows], w[rows], y[rows], None)
        read = self.rows_read(pairs, y)
        with one_thread():
            factor = self._learn_functions(pairs.take(read), y[read])
        if len(read) < len(y):
            self.notes_ += (
                f"of {int(np.isnan(y).sum()):,} pairs without gold it read {int(np.isnan(y[read]).sum()):,}, enough for its curves.",
            )
        return factor

    def rows_read(self, pairs: Pairs, y: FloatArray) -> NDArray[np.intp]:
        """All gold and `pool.POOL` others; all pairs where gold is too little to weigh functions by."""
        enough = enough_gold(pairs.take(np.abs(y - 0.5) == 0.5).prompt_groups)
        return some_without_gold(y, self.seed) if enough else np.arange(len(y))

    def _learn_linear(
        self, pairs: Pairs, p: FloatArray, w: FloatArray, y: FloatArray, judges: Judges | None
    ) -> float:
        linear = LinearReward(l2=self.l2, n_features=self.n_features, seed=self.seed)
        taught = linear.fit(pairs, p, w, gold=y, judges=judges)
        self.parts_ = Parts.of_start(taught.coef_)
        return taught.scale_

    def _learn_functions(self, pairs: Pairs, y: FloatArray) -> float:
        votes, prompts, known = self._votes(pairs), pairs.prompt_groups, np.flatnonzero(~np.isnan(y))
        columns = np.array(
            [j for j, lf in enumerate(self.lfs) if isinstance(lf, ResponseScorer)], dtype=np.intp
        )
        self.scorers_ = tuple(lf for lf in self.lfs if isinstance(lf, ResponseScorer))
        model = PairModel(text=False).fit(votes.L, margins=votes.margins)
        asked = pairs.table["prompt"].to_pylist()
        # What failed was told when the votes were worked out.
        a, b = (
            directed(self.scorers_, scores_of(self.scorers_, asked, pairs.table[name].to_pylist())[0])
            for name in ("response_a", "response_b")
        )
        readings = Readings.of(a, b, votes.L[:, columns], votes.margins[:, columns], model, columns)
        kind = self._kind_of_start
        start = fit_start(
            kind,
            pairs,
            votes,
            y,
            readings.differences,
            model,
            ngrams=len(columns) < len(self.lfs),
            l2=self.l2,
            n_features=self.n_features,
            seed=self.seed,
        )
        learned, factor = learn_from_gold(
            readings,
            known,
            y[known],
            prompts[known],
            pair_features(pairs.take(known)),
            self.seed,
            "none" if start is None else kind,
            None if start is None else start.left_out[known],
        )
        self.notes_ = self._unread(by_start=start is not None and learned.start != 0)
        start = start or Start({}, np.zeros(2 * self.n_features), y)
        begun = {shape: learned.start * w for shape, w in start.effects.items()}
        scores = np.concatenate([a, b])
        self.parts_ = Parts.of(readings, learned.weights, begun, learned.start * start.coef, scores)
        return factor

    def _votes(self, pairs: Pairs) -> Votes:
        if self.votes is None:
            return apply_with_costs(self.lfs, pairs).votes
        return self.votes.select([lf.name for lf in self.lfs]).on(pairs.ids)

    @property
    def _kind_of_start(self) -> str:
        if self.start != AUTO:
            return self.start
        return "labels" if len(self.scorers_) < len(self.lfs) else "none"

    def _unread(self, *, by_start: bool) -> tuple[str, ...]:
        unread = [lf.name for lf in self.lfs if not isinstance(lf, ResponseScorer)]
        if not unread:
            return ()
        how = "only through the start, which the label model taught" if by_start else "for nothing"
        return (
            f"{len(unread)} of {len(self.lfs)} functions score no single response and count {how}: "
            f"{', '.join(unread[:3])}{' and others' if len(unread) > 3 else ''}.",
        )

    # ------------------------------------------------------------------------------------------- answers
    def _raw(self, prompts: Sequence[str], responses: Sequence[str]) -> FloatArray:
        """Each depends on its own prompt and response alone."""
        return sum_of_weights(self._contributions(prompts, responses)[0])

    @checked
    def explain(self, prompt: str, response: str) -> RewardExplanation:
        """What each function and each view of the text adds to the score of one response; the shares add up to it.

        A function's share is 0 for a response as good, by its score, as the average one that it was fitted on.

        Raises:
            NotFittedError: before `fit`. ArgumentError: something else than a text.
        """
        self._check_asked([prompt], [response])
        shares, scores = self._contributions([prompt], [response])
        shares = shares[0] * self.scale_
        named = [(scorer.name, float(s)) for scorer, s in zip(self.scorers_, scores[0], strict=True)]
        names = [*named, *((f"text:{kind}", np.nan) for kind in KINDS), (_START, np.nan)]
        reasons = [
            RewardReason(name, score, float(share))
            for (name, score), share in zip(names, shares, strict=True)
        ]
        reasons.sort(key=lambda reason: -abs(reason.log_odds))
        score = float(self.score([prompt], [response])[0])
        return RewardExplanation(score, self.calibrated, tuple(reasons))

    def _contributions(
        self, prompts: Sequence[str], responses: Sequence[str]
    ) -> tuple[FloatArray, FloatArray]:
        """`(n, n_scorers + len(KINDS) + 1)`, before the factor; and the scores as the functions give them."""
        start = score_in_chunks(hashed_text(self.n_features), responses, self.parts_.start)
        if not self.scorers_ and not self.parts_.views.any():
            nothing = np.zeros((len(responses), len(KINDS)))
            return np.column_stack([nothing, start]), np.empty((len(responses), 0))
        scores, failed = scores_of(self.scorers_, prompts, responses)
        if failed:
            tell_of(self.scorers_, failed)
        views, context = response_features(prompts, responses)
        of_scores = self.parts_.of_scores(directed(self.scorers_, scores), context)
        return np.column_stack([*of_scores, self.parts_.of_views(views), start]), scores

    @property
    def own_functions(self) -> tuple[str, ...]:
        return own_functions(self.scorers_)

    def facts(self) -> dict[str, str]:
        read = {"functions that are read": f"{len(self.scorers_):,}"} if self.scorers_ else {}
        return read | {f"note {number}": note for number, note in enumerate(self.notes_, 1)}

    # -------------------------------------------------------------------------------------------- saving
    def _entries(self) -> dict[str, Any]:
        return {
            **saved_scorers(self.scorers_),
            "curves": self.parts_.curves_to_state(),
            "notes": list(self.notes_),
        }

    def _arrays(self) -> dict[str, NDArray[Any]]:
        return dict(zip(_ARRAYS, (self.parts_.gate, self.parts_.views, self.parts_.start), strict=True))

    def _array_kinds(self) -> dict[str, ArrayKind]:
        gate, views, start = _ARRAYS
        return {
            gate: ArrayKind((CONTEXT_COLUMNS, "m")),
            views: ArrayKind((len(KINDS), VIEW_COLUMNS)),
            start: ArrayKind((2 * self.n_features,)),
        }

    def _find_functions(self, saved: Saved, lfs: Sequence[LabelingFunction], *, allow_changed: bool) -> None:
        self.lfs = self.scorers_ = found_scorers(saved, lfs, allow_changed=allow_changed)
        self._loaded = True

    def _restore(self, saved: Saved, arrays: Mapping[str, NDArray[Any]]) -> None:
        gate, views, start = (arrays[name] for name in _ARRAYS)
        try:
            self.parts_ = Parts.from_state(saved.about["curves"], gate, views, start)
            self.notes_ = saved_texts(saved.about["notes"])
        except (AttributeError, LookupError, TypeError, ValueError) as error:
            saved.fail(error)
        if len(self.parts_.curves) != len(self.scorers_) or gate.shape[1] != len(self.scorers_):
            saved.fail(
                f"it has {len(self.parts_.curves)} curves and a gate of {gate.shape[1]} for {len(self.scorers_)} functions"
            )
