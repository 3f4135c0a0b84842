"""What `benchmarks/label_quality.py` does to peers: the same calibration as every other arm, and failures are rows."""

from __future__ import annotations

import sys
from concurrent.futures import Future
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np
import pytest
from made_pairs import made_pairs

import weaklabel as wl
from weaklabel.groups import folds_by_prompt
from weaklabel.label_models import get_label_model
from weaklabel.metrics import Interval


@pytest.fixture(scope="module")
def quality() -> Any:
    folder = str(Path(__file__).resolve().parent.parent / "benchmarks")
    sys.path.insert(0, folder)
    import label_quality

    yield label_quality
    sys.path.remove(folder)


@pytest.fixture
def case(quality: ModuleType, monkeypatch: pytest.MonkeyPatch) -> Any:
    rng = np.random.default_rng(0)
    sizes = rng.integers(1, 9, size=(150, 2))
    gold = ["ab"[int((b > a) != (rng.random() < 0.25))] for a, b in sizes]
    texts = [("x " * a, "y. " * b) for a, b in sizes]
    pairs = made_pairs(texts, gold=gold, prompts=[f"q {i // 2}" for i in range(150)])
    lfs = wl.load_lfs("shipped:length")
    made = quality.Case("made", pairs, {"shipped": lfs}, {"shipped": wl.apply(lfs, pairs)}, None)
    monkeypatch.setitem(quality._CASES, "made", made)
    return made


class Here:
    """A pool that does at once what it is asked."""

    def submit(self, work: Any, *arguments: Any) -> Future[Any]:
        done: Future[Any] = Future()
        done.set_result(work(*arguments))
        return done


def test_a_peer_gets_the_folds_gold_and_calibrator_of_every_other_arm(quality: Any, case: Any) -> None:
    votes = case.votes["shipped"]
    p = get_label_model("majority_vote").fit(votes.L).predict_proba(votes.L)[:, 1]
    folds = folds_by_prompt(case.pairs.prompt_groups, 5, 3)
    wanted = np.empty(len(p))
    for fold in range(5):
        held = folds == fold
        labeler = wl.fit(
            case.lfs["shipped"],
            case.pairs.take(~held),
            votes=votes.take(~held),
            model="majority_vote",
            seed=3,
        )
        wanted[held] = labeler.label_known(case.pairs.take(held), votes.take(held)).p
    assert quality.calibrated("made", p, 3) == pytest.approx(wanted, abs=1e-8)


def test_a_peer_that_fails_is_a_row_that_says_so(
    quality: Any, case: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    def breaks(L: Any, k: int) -> Any:
        raise KeyError("no")

    def sure(L: Any, k: int) -> Any:
        return np.tile([0.0, 1.0], (len(L), 1))

    monkeypatch.setattr(quality, "peers", lambda: ({"breaks": breaks, "sure": sure}, []))
    found = quality.run_peers(Here(), case, range(2), ["breaks", "sure"])
    assert [arm.name for arm in found] == [
        "breaks (fails: KeyError)",
        "sure, as shipped",
        "sure + calibrator",
    ]
    broken, as_shipped, calibrated = found.values()
    assert (np.array(broken) == 0.5).all()
    assert (np.array(as_shipped) == 1.0).all()
    assert np.abs(np.array(calibrated) - 0.5).max() < 0.3


def test_ece_per_shuffle_says_how_many_shuffles_are_inside_the_band(quality: Any) -> None:
    import _label_quality_rows as rows
    from _figures import Figures

    figures = Figures("made", ())
    bands = [Interval(0.03, 0.02, 0.05, 100), Interval(0.03, 0.02, 0.06, 100)]
    rows.ece_by_shuffle(figures, "made", "arm", [0.055, 0.055], bands)
    found = {row.metric: row.value for row in figures.rows}
    assert found["share inside the band"] == 0.5
    assert (found["largest ece"], found["end of its band"]) == (0.055, 0.05)
    assert [(r.low, r.high) for r in figures.rows[-2:]] == [(0.02, 0.05), (0.02, 0.06)]


def test_the_full_run_has_ablations_and_a_curve_over_gold(quality: Any) -> None:
    names = [arm.name for arm in quality.arms(quick=False)]
    assert sum(name.startswith("pair_model without") for name in names) == 10
    assert len(list(quality.curve(quick=False))) == 15
