"""The contract of a reward model: one number per response, compared by difference."""

from __future__ import annotations

import hashlib
import inspect
from abc import ABC, abstractmethod
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any, ClassVar, Final, Self, final

import numpy as np
from numpy.typing import ArrayLike, NDArray

from weaklabel._arguments import checked
from weaklabel._shown import Shown
from weaklabel._validation import check_gold, check_settings
from weaklabel.errors import ArtifactError, DataError, LabelMatrixError, NotFittedError, WeaklabelError
from weaklabel.lf.core import LabelingFunction
from weaklabel.reward.judges import Judges
from weaklabel.reward.saved import SMALLEST, ArrayKind, Saved, write_saved
from weaklabel.types import FloatArray, Pairs, sigmoid

GOLD_PROMPTS: Final = "gold_prompts.npy"


class RewardModel(Shown, ABC):
    """Scores single responses; P(B beats A) = sigmoid(score of b - score of a), Bradley and Terry (1952).

    A difference of scores flips its sign when the responses change places, so every reward model is a comparer
    that is antisymmetric by construction. The constructor only stores settings; what was learned ends in `_`:

    - `scale_` float, by which raw scores are multiplied, fitted on gold (1 where there was too little);
    - `scale_note_` str, why some gold had no say in that; "" where all had;
    - `n_gold_` int, gold pairs that fitting had;
    - `gold_prompts_` `(k,)` uint64, rising: hashes of their prompts, see `saw`.
    """

    name: ClassVar[str]
    resumes: ClassVar[bool] = False
    """Whether a killed `fit` goes on in the folder that the setting `checkpoints` names."""
    takes_functions: ClassVar[bool] = False
    """Whether it reads labeling functions, given as the settings `lfs` and `votes`, and needs them again when it is loaded."""
    handed: ClassVar[frozenset[str]] = frozenset()
    """Settings that are objects: code hands them over, and no file names them."""
    unsaved: ClassVar[frozenset[str]] = frozenset()
    """Settings that change no answer, such as where things are kept, and are not saved."""
    scale_: float = 1.0
    scale_note_: str = ""
    n_gold_: int = 0
    gold_prompts_: NDArray[np.uint64] = np.empty(0, dtype=np.uint64)
    _fitted: bool = False

    def _values(self) -> list[tuple[str, Any]]:
        known = {"fitted": self._fitted, "calibrated": self.calibrated, "n_gold": self.n_gold_}
        return [*self.settings.items(), *known.items()]

    @classmethod
    def annotations(cls) -> dict[str, str]:
        """The settings that the constructor takes, name -> annotation; a model that takes others says which."""
        # A model without settings has no constructor of its own, and the one it inherits no annotations.
        found = getattr(cls.__init__, "__annotations__", {})
        return {k: str(v) for k, v in found.items() if k != "return"}

    @classmethod
    def current_names(cls, settings: Mapping[str, Any]) -> dict[str, Any]:
        """Settings by their names of today; a model whose settings were renamed says what to write.

        Raises:
            ConfigError: an earlier name.
        """
        return dict(settings)

    def fit(
        self,
        pairs: Pairs,
        p: ArrayLike,
        w: ArrayLike | None = None,
        *,
        gold: ArrayLike | None = None,
        judges: Judges | None = None,
    ) -> Self:
        """Learn from beliefs and weights.

        Args:
            pairs: `n` pairs.
            p: `(n,)` in [0, 1], the belief that B is better; .5 is a tie.
            w: `(n,)` >= 0, how much each pair counts; None counts 1. A pair of weight 0 changes nothing.
            gold: `(n,)` 0, .5, 1 or NaN; where given, the scale of the scores is calibrated on it, out of fold.
            judges: which of the gold may do that, and what teaches the models that it judges. Default: all gold, as is
                right where beliefs know no gold but each pair's own. `train_reward` says it for labels.

        Raises:
            LabelMatrixError: `p`, `w`, `gold` or `judges` that do not fit the pairs.
            DataError: no row has a weight above zero.
        """
        p_, w_ = check_targets(type(self).__name__, len(pairs), p, w)
        y = check_gold(gold, len(pairs))
        known = ~np.isnan(y)
        judges = Judges(known) if judges is None else judges
        if judges.rows.shape != known.shape or (judges.rows & ~known).any():
            raise LabelMatrixError(
                f"{type(self).__name__}.fit: judges are of {len(judges.rows)} pairs, or of some without gold. Expected "
                f"({len(pairs)},) bool, True where gold may judge."
            )
        self.scale_note_ = judges.why_not  # unless a model, learning, finds that it can do without
        self.scale_ = self._learn(pairs, p_, w_, y, judges)
        seen = pairs.take(known)
        self.n_gold_, self.gold_prompts_, self._fitted = len(seen), np.unique(prompt_hashes(seen)), True
        return self

    @checked
    def score(self, prompts: Sequence[str], responses: Sequence[str]) -> FloatArray:
        """`(n,)` float64 rewards in log-odds: a difference of 1 means odds of e to 1.

        Raises:
            NotFittedError: before `fit`. LabelMatrixError: not one prompt per response.
            ArgumentError: something else than lists of texts.
        """
        self._check_asked(prompts, responses)
        return self._scaled(self._raw(prompts, responses))

    @final
    @checked
    def save(self, folder: str | Path, *, beside: Mapping[str, str] | None = None) -> None:
        """Write the fitted model into a folder, whole or not at all; an earlier model there is replaced.

        Args:
            folder: where it shall stand.
            beside: text files to lie with it, name -> content: a model card (`weaklabel.report.card`).

        Raises:
            NotFittedError: before `fit`. ArtifactError: when the folder holds other files.
        """
        self._require_fit("there is nothing to save. Call fit first.")
        write_saved(
            Path(folder),
            f"reward:{self.name}",
            {GOLD_PROMPTS: self.gold_prompts_, **self._arrays()},
            beside or {},
            self._write_more,
            scale=self.scale_,
            scale_note=self.scale_note_,
            n_gold=self.n_gold_,
            settings=self.settings,
            **self._entries(),
        )

    @classmethod
    @final
    @checked
    def load(
        cls, folder: str | Path, lfs: Sequence[LabelingFunction] = (), *, allow_changed: bool = False
    ) -> Self:
        """The model that `save` wrote, equal to the bit. Nothing that it names is imported, contacted or read.

        Args:
            folder: what `save` wrote.
            lfs: labeling functions of yours, among which a model that reads functions finds its own by name and hash.
                Shipped functions and those of installed plug-ins are found without.
            allow_changed: take a function of that name although it is another version than the one fitted with.

        Raises:
            ArtifactError: when the folder holds no such model, or a torn one, or numbers that no fit gives; when a
                function was not given, or changed, unless `allow_changed`.
        """
        saved = Saved.open(folder, f"reward:{cls.name}")
        model = cls._of(saved)
        model._find_functions(saved, lfs, allow_changed=allow_changed)
        model.scale_ = saved.number("scale", SMALLEST)
        model.scale_note_ = saved.sentence("scale_note")
        model.n_gold_ = saved.count("n_gold")
        arrays = saved.arrays({GOLD_PROMPTS: ArrayKind(("k",), "uint64"), **model._array_kinds()})
        model.gold_prompts_ = arrays.pop(GOLD_PROMPTS)
        model._restore(saved, arrays)
        model._fitted = True
        return model

    @property
    def settings(self) -> dict[str, Any]:
        """What the constructor was given, but for what is `unsaved`."""
        names = inspect.signature(type(self)).parameters
        return {name: getattr(self, name) for name in names if name not in self.unsaved}

    @property
    def notes(self) -> tuple[str, ...]:
        """What its user should know of how it was fitted, one sentence each."""
        return ()

    @property
    def own_functions(self) -> tuple[str, ...]:
        """Names of the labeling functions that `load` has to be given: all that it reads but shipped and installed ones."""
        return ()

    def facts(self) -> dict[str, str]:
        """Further lines for the model's card: how it was trained and calibrated."""
        return {}

    @checked
    def compare(self, pairs: Pairs) -> FloatArray:
        """`(n_pairs,)` float64: P(B beats A). Turning a pair round gives exactly 1 - p."""
        prompts = pairs.table["prompt"].to_pylist()
        a, b = (pairs.table[name].to_pylist() for name in ("response_a", "response_b"))
        return sigmoid(self.score(prompts, b) - self.score(prompts, a))

    @property
    def calibrated(self) -> bool:
        """Whether the scale of the scores was fitted on gold; it is 1 where there was too little."""
        return self.scale_ != 1.0

    def saw(self, pairs: Pairs) -> NDArray[np.bool_]:
        """`(n_pairs,)`: whether gold of the pair's prompt was used to fit, so that a figure on it is in-sample."""
        return np.isin(prompt_hashes(pairs), self.gold_prompts_)

    # ------------------------------------------------------------------ what a model writes itself
    def rows_read(self, pairs: Pairs, y: FloatArray) -> NDArray[np.intp]:
        """Rows, rising, of the pairs of which `fit` reads more than that they are there: all, unless a model needs fewer.

        Args:
            pairs: `n` pairs that count.
            y: `(n,)` float64, their gold; NaN where there is none.
        """
        return np.arange(len(pairs))

    @abstractmethod
    def _learn(self, pairs: Pairs, p: FloatArray, w: FloatArray, y: FloatArray, judges: Judges) -> float:
        """Learn from checked beliefs, weights and gold, `(n,)` each; the scale of the scores, by gold that may judge."""

    @abstractmethod
    def _raw(self, prompts: Sequence[str], responses: Sequence[str]) -> FloatArray:
        """`(n,)` float64 scores before they are scaled."""

    def _arrays(self) -> dict[str, NDArray[Any]]:
        """What was learned, as arrays by file name."""
        return {}

    def _array_kinds(self) -> dict[str, ArrayKind]:
        """What each of them is; may depend on settings."""
        return {}

    def _write_more(self, folder: Path) -> None:
        """Write what was learned and is no array."""

    def _entries(self) -> dict[str, Any]:
        """Entries of the manifest: `inputs`, and others."""
        return {"inputs": {}}

    def _find_functions(self, saved: Saved, lfs: Sequence[LabelingFunction], *, allow_changed: bool) -> None:
        """Find the labeling functions that it was fitted with among these."""

    def _restore(self, saved: Saved, arrays: Mapping[str, NDArray[Any]]) -> None:
        """Put back what `_arrays`, `_write_more` and `_entries` gave."""

    @classmethod
    def _of(cls, saved: Saved) -> Self:
        """A fresh model with the settings that were saved."""
        settings = saved.table("settings")
        try:
            # What is unsaved names places on a disk, and a folder from elsewhere has no say in them.
            kinds = {name: kind for name, kind in cls.annotations().items() if name not in cls.unsaved}
            check_settings(cls.name, settings, kinds)
            return cls(**settings)
        except (WeaklabelError, TypeError, ValueError) as error:
            saved.fail(f"settings: {error}")

    def _check_asked(self, prompts: Sequence[str], responses: Sequence[str]) -> None:
        self._require_fit("Call fit(pairs, p) or train_reward(labels) first.")
        if len(prompts) != len(responses):
            raise LabelMatrixError(
                f"{type(self).__name__}.score: {len(prompts)} prompts came with {len(responses)} responses. "
                "Pass one prompt per response."
            )

    def _scaled(self, raw: FloatArray) -> FloatArray:
        scores = raw * self.scale_
        if wrong := int((~np.isfinite(scores)).sum()):
            raise ArtifactError(
                f"{type(self).__name__}: {wrong} of {len(scores)} rewards are not finite, so its weights are none that "
                "a fit gives. Train again."
            )
        return scores

    def _require_fit(self, what: str) -> None:
        if not self._fitted:
            raise NotFittedError(f"{type(self).__name__} is not fitted: {what}")


def prompt_hashes(pairs: Pairs) -> NDArray[np.uint64]:
    """`(n_pairs,)` uint64: the first eight bytes of the sha256 of each pair's prompt."""
    return hashes_of(pairs.prompt_keys)


def hashes_of(keys: Iterable[str]) -> NDArray[np.uint64]:
    """`(n,)` uint64, likewise of keys as `prompt_key` gives them."""
    digests = (hashlib.sha256(key.encode("utf-8", "surrogatepass")).digest()[:8] for key in keys)
    return np.frombuffer(b"".join(digests), dtype="<u8").astype(np.uint64)


def check_targets(model: str, n: int, p: ArrayLike, w: ArrayLike | None) -> tuple[FloatArray, FloatArray]:
    """Beliefs and weights as `(n,)` float64; p of a row that does not count is .5.

    Raises:
        LabelMatrixError: another shape, w negative or not finite, p of a row that counts outside [0, 1].
        DataError: when no row has a weight above zero.
    """
    p_ = np.asarray(p, dtype=np.float64)
    w_ = np.ones(n) if w is None else np.asarray(w, dtype=np.float64)
    for what, array in (("p", p_), ("w", w_)):
        if array.shape != (n,):
            raise LabelMatrixError(
                f"{model}.fit: {what} has shape {array.shape}, expected ({n},): one value per pair."
            )
    if not (np.isfinite(w_).all() and (w_ >= 0).all()):
        raise LabelMatrixError(f"{model}.fit: w holds negative or non-finite values. Weights are 0 or more.")
    if not (w_ > 0).any():
        raise DataError(
            f"{model}.fit: none of {n} pairs has a weight above 0. "
            "Give gold, or labeling functions that vote on more pairs."
        )
    # p of a row that does not count may be anything, NaN included.
    p_ = np.where(w_ > 0, p_, 0.5)
    if not ((p_ >= 0) & (p_ <= 1)).all():
        raise LabelMatrixError(f"{model}.fit: p holds values outside [0, 1] or NaN. Pass P(B beats A).")
    return p_, w_
