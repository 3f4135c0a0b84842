"""Two runs side by side, and votes that come back from the disk."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
from made_runs import LFS, Watched

from weaklabel.errors import ArtifactError
from weaklabel.metrics import Interval
from weaklabel.pipeline import diff
from weaklabel.pipeline.figures import worse_than_a_coin

pytestmark = pytest.mark.usefixtures("project")


class TestDiff:
    def test_a_run_does_not_differ_from_itself(self, ran: Path) -> None:
        found = diff(ran / "runs/base", ran / "runs/base")
        assert found.n_flipped == 0
        assert found.n_common == 240
        assert all(before == after for _, _, before, after in found.figures)
        assert found.paired["nll"].value == 0

    def test_flips_are_counted_and_the_largest_come_first(self, ran: Path) -> None:
        (ran / "lfs.py").write_text(LFS.replace('prefer="more"', 'prefer="less"'), encoding="utf-8")
        Watched("two", labeler__model="majority_vote").all()
        found = diff(ran / "runs/base", ran / "runs/two", top=3)
        changes = [abs(flip.p_b - flip.p_a) for flip in found.flips]
        assert found.n_flipped > 3 == len(changes)
        assert changes == sorted(changes, reverse=True)
        assert json.loads(json.dumps(found.to_dict()))["flipped_share"] == found.n_flipped / 240
        assert "labels flipped" in str(found)

    def test_texts_of_the_locked_part_are_not_shown(self, project: Path) -> None:
        _ = Watched("one").labels_file
        (project / "lfs.py").write_text(LFS.replace('prefer="more"', 'prefer="less"'), encoding="utf-8")
        two = Watched("two", labeler__model="majority_vote")
        _ = two.labels_file
        found = diff(project / "runs/one", project / "runs/two", top=1000)
        locked = set(two.pairs.take(two.pairs.parts == "test").ids)
        shown = {flip.id: flip.prompt for flip in found.flips}
        assert locked & shown.keys()
        assert all((prompt == "") == (pair_id in locked) for pair_id, prompt in shown.items())

    def test_a_missing_run_names_those_that_exist(self, project: Path) -> None:
        _ = Watched().labels_file
        with pytest.raises(ArtifactError, match=r"weaklabel run --name v2.*base"):
            diff(project / "runs/base", project / "runs/v2")


def test_votes_come_back_from_disk_as_they_were() -> None:
    from weaklabel.pipeline.tables import read_votes_file, write_faults, write_votes_file
    from weaklabel.types import Fault, Votes

    L = np.array([[0, -1], [1, 1]], dtype=np.int8)
    margins = np.array([[-1, np.nan], [0.5, 2]], dtype=np.float32)
    fault = Fault("x", "2\u2028", "raised", "broke\u2028in two", exception="ValueError", where="x.py:3")
    votes = Votes(L, margins, ("x", "y z"), ("1", "2\u2028"), (fault,))
    write_votes_file(Path("x"), votes)
    write_faults(Path("x"), votes.faults)
    back = read_votes_file(Path("x"))
    assert back.ids == votes.ids
    assert back.faults == votes.faults
    assert np.array_equal(back.margins, margins, equal_nan=True)
    assert np.array_equal(back.L, L)


def test_arms_that_a_coin_beats_are_named() -> None:
    def arm(accuracy: tuple[float, float, float], nll: float) -> dict[str, Interval]:
        return {"accuracy": Interval(*accuracy, 50), "nll": Interval(nll, nll - 0.05, nll + 0.05, 50)}

    sound = {"sound": arm((0.6, 0.5, 0.7), 0.65)}
    assert worse_than_a_coin(sound) == []
    sure, wrong = worse_than_a_coin(
        sound | {"sure": arm((0.6, 0.5, 0.7), 0.755), "wrong": arm((0.4, 0.3, 0.49), 0.69)}
    )
    assert sure.startswith("by NLL a coin (0.693) is better than: sure (0.755).")
    assert wrong.startswith("right less often than a coin: wrong.")
