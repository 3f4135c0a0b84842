"""Snorkel's label model behind our contract, with the settings of the reference paper.

Source: Ratner et al. (2019), Snorkel MeTaL, matrix completion on the LF overlap matrix, as in Snorkel 0.10;
settings of Hauptvogel et al. (2024): balance one half, 100 epochs, seed 123, Adam, l2 .6 (.5 on HH-RLHF).

Departures, none of which moves a probability: only the learned conditional probabilities are kept, so that a
saved model predicts without Snorkel and without pickle; LFs that never vote are left out of its fit (they make
its start NaN) and weigh nothing; the global random states that Snorkel seeds are put back. It gives a position
its own error rate, so it is not antisymmetric, and its probabilities are far too sure: calibrate.
"""

from __future__ import annotations

import random
import warnings
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any, Self

import numpy as np
from numpy.typing import ArrayLike

from weaklabel._validation import check_label_matrix
from weaklabel.errors import ConfigError, LabelMatrixError, MissingExtraError
from weaklabel.label_models.base import LabelModel
from weaklabel.label_models.vote_weights import sum_of_weights, vote_log_odds, weights_of_votes
from weaklabel.types import ABSTAIN, FloatArray, Int8Array


class SnorkelLabelModel(LabelModel):
    """Snorkel's `LabelModel`; margins and gold are not used. Needs the `snorkel` extra to fit, not to predict.

    Args:
        n_epochs: optimiser steps; 100.
        lr: learning rate; .01.
        l2: pull towards the initial accuracies of .7; .6.
        optimizer: "adam", "adamax" or "sgd"; "adam".
        seed: of the fit; 123.

    Attributes:
        likelihood_: `(n_lfs, 2, 2)` float64, P(vote | truth), rows truth, columns vote, after `fit`. A row's rest
            to 1 is the chance to abstain, which prediction ignores. All ones for an LF that never voted.
    """

    name = "snorkel"
    antisymmetric = False

    def __init__(
        self,
        *,
        n_epochs: int = 100,
        lr: float = 0.01,
        l2: float = 0.6,
        optimizer: str = "adam",
        seed: int = 123,
    ) -> None:
        self.n_epochs = n_epochs
        self.lr = lr
        self.l2 = l2
        self.optimizer = optimizer
        self.seed = seed

    def fit(
        self,
        L: ArrayLike,
        *,
        margins: ArrayLike | None = None,
        y: ArrayLike | None = None,
        groups: ArrayLike | None = None,
    ) -> Self:
        """Learn from overlaps between LFs.

        Raises:
            LabelMatrixError: `L` is no matrix of votes, or fewer than three LFs vote: Snorkel identifies
                accuracies from triples.
            MissingExtraError: Snorkel is not installed.
            ConfigError: an optimiser that Snorkel does not know.
        """
        votes = check_label_matrix(L)
        if self.optimizer not in ("adam", "adamax", "sgd"):
            raise ConfigError(f"snorkel: optimizer is {self.optimizer!r}. Allowed: 'adam', 'adamax', 'sgd'.")
        speaks = (votes != ABSTAIN).any(axis=0)
        if speaks.sum() < 3:
            raise LabelMatrixError(
                f"{int(speaks.sum())} of {votes.shape[1]} labeling functions vote, Snorkel's label model needs 3. "
                "Use model='majority_vote' or 'dawid_skene', or add labeling functions."
            )
        likelihood = np.ones((votes.shape[1], 2, 2))
        likelihood[speaks] = self._fit_snorkel(votes[:, speaks])
        self.likelihood_ = likelihood
        return self

    def _fit_snorkel(self, votes: Int8Array) -> FloatArray:
        snorkel_model = _import_label_model()
        with _random_states_kept(), warnings.catch_warnings():
            # numpy and torch complain about how Snorkel calls them; nothing its user could change.
            warnings.simplefilter("ignore", DeprecationWarning)
            warnings.simplefilter("ignore", FutureWarning)
            model = snorkel_model(cardinality=2, verbose=False)
            model.fit(
                votes.astype(np.int64),
                class_balance=[0.5, 0.5],
                progress_bar=False,
                n_epochs=self.n_epochs,
                lr=self.lr,
                l2=self.l2,
                optimizer=self.optimizer,
                seed=self.seed,
            )
        mu = model.mu.detach().cpu().numpy().astype(np.float64)  # (2 m, 2): row 2 j + vote, column truth
        return np.asarray(mu.reshape(-1, 2, 2).transpose(0, 2, 1), dtype=np.float64)

    def predict_logit(self, L: ArrayLike, *, margins: ArrayLike | None = None) -> FloatArray:
        return sum_of_weights(self.contributions(L))

    def contributions(self, L: ArrayLike, *, margins: ArrayLike | None = None) -> FloatArray:
        likelihood = self._require("likelihood_")
        votes = check_label_matrix(L, len(likelihood))
        return weights_of_votes(votes, vote_log_odds(likelihood))

    def to_dict(self) -> dict[str, Any]:
        settings = {key: getattr(self, key) for key in ("n_epochs", "lr", "l2", "optimizer", "seed")}
        return {"name": self.name, "settings": settings, "likelihood": self._require("likelihood_").tolist()}

    @classmethod
    def from_dict(cls, state: Mapping[str, Any]) -> Self:
        model = cls(**state["settings"])
        model.likelihood_ = np.asarray(state["likelihood"], dtype=np.float64).reshape(-1, 2, 2)
        return model


def _import_label_model() -> Any:
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", DeprecationWarning)
            warnings.simplefilter("ignore", FutureWarning)
            from snorkel.labeling.model import LabelModel as SnorkelsOwn
    except ImportError:
        raise MissingExtraError.for_extra("the Snorkel label model", "snorkel") from None
    return SnorkelsOwn


@contextmanager
def _random_states_kept() -> Iterator[None]:
    """Snorkel seeds Python's, numpy's and torch's global generators; a caller's own draws go on as if it had not."""
    import torch

    python, numpys = random.getstate(), np.random.get_state()  # noqa: NPY002 - Snorkel draws from it
    devices = range(torch.cuda.device_count()) if torch.cuda.is_available() else ()
    try:
        with torch.random.fork_rng(devices):
            yield
    finally:
        random.setstate(python)
        np.random.set_state(numpys)  # noqa: NPY002
