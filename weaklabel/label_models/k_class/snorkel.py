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
from typing import Any

import numpy as np
from threadpoolctl import threadpool_limits

from weaklabel._validation import numbers_within
from weaklabel.errors import ConfigError, LabelMatrixError, MissingExtraError
from weaklabel.label_models.base import LARGEST, SMALLEST
from weaklabel.label_models.k_class.vote_model import AdditiveVoteModel
from weaklabel.types import ABSTAIN, FloatArray, Int8Array


class SnorkelLabelModel(AdditiveVoteModel):
    """Snorkel's `LabelModel`; margins and gold are not used. Needs the `snorkel` extra to fit, not to predict.

    It learns P(vote | truth) with silence as one of the answers, but reads a silence in prediction as nothing. So
    an LF that only ever votes one class weighs by how much oftener it fires there.

    Args:
        n_classes: None for votes on pairs, else the number of classes.
        n_epochs: optimiser steps; 100.
        lr: learning rate; .01.
        l2: pull towards the initial accuracies of .7; .6.
        optimizer: "adam", "adamax" or "sgd"; "adam".
        seed: of the fit; 123.

    Raises, in `fit`:
        LabelMatrixError: `L` is no matrix of votes, or fewer than three LFs vote: Snorkel identifies accuracies
            from triples.
        MissingExtraError: Snorkel is not installed.
        ConfigError: an optimiser that Snorkel does not know.

    Attributes:
        likelihood_: `(n_lfs, k, k)` float64, P(vote | truth), rows truth, columns vote, after `fit`. A row's rest
            to 1 is the chance to abstain, which prediction ignores. All ones for an LF that never voted.
    """

    name = "snorkel"
    antisymmetric = False

    def __init__(
        self,
        *,
        n_classes: int | None = None,
        n_epochs: int = 100,
        lr: float = 0.01,
        l2: float = 0.6,
        optimizer: str = "adam",
        seed: int = 123,
    ) -> None:
        self.n_classes, self.seed = n_classes, seed
        self.n_epochs, self.lr, self.l2, self.optimizer = n_epochs, lr, l2, optimizer

    def evidence(self) -> FloatArray:
        return np.log(self.likelihood_).transpose(0, 2, 1)

    def _learn_votes(self, votes: Int8Array) -> None:
        if self.optimizer not in ("adam", "adamax", "sgd"):
            raise ConfigError(f"snorkel: optimizer is {self.optimizer!r}. Allowed: 'adam', 'adamax', 'sgd'.")
        speaks = (votes != ABSTAIN).any(axis=0)
        if speaks.sum() < 3:
            raise LabelMatrixError(
                f"{int(speaks.sum())} of {votes.shape[1]} labeling functions vote, Snorkel's label model needs 3. "
                "Use model='majority_vote' or 'dawid_skene', or add labeling functions."
            )
        likelihood = np.ones((votes.shape[1], self._k, self._k))
        likelihood[speaks] = self._fit_snorkel(votes[:, speaks])
        self.likelihood_ = likelihood

    def _fit_snorkel(self, votes: Int8Array) -> FloatArray:
        snorkel_model = _import_label_model()
        k = self._k
        # Its matrices are small: threads of torch, which is loaded by now, would only wait for each other.
        with _random_states_kept(), warnings.catch_warnings(), threadpool_limits(1):
            # numpy and torch complain about how Snorkel calls them; nothing its user could change.
            warnings.simplefilter("ignore", DeprecationWarning)
            warnings.simplefilter("ignore", FutureWarning)
            model = snorkel_model(cardinality=k, verbose=False)
            model.fit(
                votes.astype(np.int64),
                class_balance=[1.0 / k] * k,
                progress_bar=False,
                n_epochs=self.n_epochs,
                lr=self.lr,
                l2=self.l2,
                optimizer=self.optimizer,
                seed=self.seed,
            )
        mu = model.mu.detach().cpu().numpy().astype(np.float64)  # (k m, k): row k j + vote, column truth
        return np.asarray(mu.reshape(-1, k, k).transpose(0, 2, 1), dtype=np.float64)

    def _n_lfs(self) -> int:
        return len(self._require("likelihood_"))

    def _learned(self) -> dict[str, Any]:
        return {"likelihood": self.likelihood_.tolist()}

    def _restore(self, state: Mapping[str, Any]) -> None:
        self.likelihood_ = numbers_within(state["likelihood"], (None, self._k, self._k), SMALLEST, LARGEST)


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
