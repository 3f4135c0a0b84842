"""Label models of other packages, each as a function `(L, k) -> (n, k)`; what is not installed is named, not hidden.

    pip install snorkel crowd-kit flyingsquid 'pgmpy==0.1.25' skweak

All with the settings they ship with, and nothing told of the class balance.
"""

from __future__ import annotations

import contextlib
import io
import logging
from collections.abc import Callable
from functools import partial
from importlib import import_module
from typing import Any

import numpy as np
from numpy.typing import NDArray

Peer = Callable[[NDArray[np.int8], int], NDArray[np.float64]]


def crowd_kit(name: str, settings: dict[str, Any], L: NDArray[np.int8], k: int) -> NDArray[np.float64]:
    import pandas as pd

    model = getattr(import_module("crowdkit.aggregation"), name)(**settings)
    row, lf = np.nonzero(L >= 0)
    votes = pd.DataFrame({"task": row, "worker": lf, "label": L[row, lf].astype(int)})
    p = np.full((len(L), k), 1 / k)
    if name == "KOS":  # gives labels alone
        found = model.fit_predict(votes)
        p[found.index.to_numpy()] = np.eye(k)[found.to_numpy()]
    else:
        found = model.fit_predict_proba(votes).reindex(columns=range(k)).fillna(0.0)
        p[found.index.to_numpy()] = found.to_numpy()
    return p


def snorkel(L: NDArray[np.int8], k: int) -> NDArray[np.float64]:
    from snorkel.labeling.model import LabelModel

    model = LabelModel(cardinality=k, verbose=False)
    model.fit(L.astype(int), progress_bar=False, seed=123)
    return np.asarray(model.predict_proba(L.astype(int)))


def flyingsquid(L: NDArray[np.int8], k: int) -> NDArray[np.float64]:
    """For two classes; with more, one class against the rest, shares of the answers."""
    logging.disable(logging.WARNING)
    with contextlib.redirect_stdout(io.StringIO()):
        from flyingsquid.label_model import LabelModel

    spoken = L[:, (L >= 0).any(axis=0)]
    scores = []
    for c in range(k):
        votes = np.where(spoken < 0, 0, np.where(spoken == c, 1, -1))
        model = LabelModel(votes.shape[1])
        model.fit(votes, class_balance=np.array([1 - 1 / k, 1 / k]))
        scores.append(np.nan_to_num(model.predict_proba(votes)[:, 1], nan=0.0))
        if k == 2:  # the first class against the second is all there is
            return np.column_stack([scores[0], 1 - scores[0]])
    p = np.column_stack(scores) + 1e-9
    return p / p.sum(axis=1, keepdims=True)


def skweak(L: NDArray[np.int8], k: int) -> NDArray[np.float64]:
    """Its naive Bayes model, fed a frame of votes by a private method, which skips its spaCy documents."""
    import pandas as pd
    from skweak.generative import NaiveBayes

    classes = [str(c) for c in range(k)]
    model = NaiveBayes("weaklabel", classes)
    number = np.array([*(model.observed_labels.index(c) for c in classes), -1])  # where -1 looks: no vote
    spoken = (L >= 0).any(axis=1)  # it raises on a row without votes
    frame = pd.DataFrame({f"lf{j}": number[L[spoken, j]] for j in range(L.shape[1])})
    with contextlib.redirect_stdout(io.StringIO()), contextlib.redirect_stderr(io.StringIO()):
        model._fit([frame])
        found = np.full((len(L), k), 1 / k)
        found[spoken] = model.aggregate(frame).reindex(columns=classes).fillna(0.0).to_numpy(dtype=float)
    total = found.sum(axis=1, keepdims=True)
    return np.where(total > 0, found / np.maximum(total, 1e-300), 1 / k)


def answer(arm: Peer, L: NDArray[np.int8], k: int) -> tuple[NDArray[np.float64], str]:
    """The arm's posterior, rows made proper, and a remark where it failed."""
    try:
        p = np.asarray(arm(L, k), dtype=np.float64)
        if p.shape != (len(L), k):
            raise ValueError(f"answers {p.shape}")
    except Exception as error:  # a peer that breaks must not end the run
        return np.full((len(L), k), 1 / k), f" (fails: {type(error).__name__})"
    p = np.clip(np.nan_to_num(p, nan=1 / k), 0.0, None)
    total = p.sum(axis=1, keepdims=True)
    return np.where(total > 0, p / np.maximum(total, 1e-300), 1 / k), ""


def all_peers() -> tuple[dict[str, Peer], list[str]]:
    """Every peer that can be imported, and lines about those that cannot."""
    wanted: dict[str, tuple[str, Peer]] = {
        "Snorkel LabelModel": ("snorkel.labeling.model", snorkel),
        "FlyingSquid": ("flyingsquid.label_model", flyingsquid),
        "skweak NaiveBayes": ("skweak.generative", skweak),
    }
    for name, settings in {
        "MajorityVote": {},
        "DawidSkene": {"n_iter": 100},
        "OneCoinDawidSkene": {"n_iter": 100},
        "MACE": {},
        "GLAD": {},
        "KOS": {"random_state": 0},
    }.items():
        wanted[f"crowd-kit {name}"] = ("crowdkit.aggregation", partial(crowd_kit, name, settings))
    found, missing = {}, []
    for name, (module, peer) in wanted.items():
        try:
            with contextlib.redirect_stdout(io.StringIO()):
                import_module(module)
        except Exception as error:  # a peer may fail to import for any reason of its own
            missing.append(f"{name}: not installed ({type(error).__name__}: {str(error)[:80]})")
        else:
            found[name] = peer
    return found, missing
