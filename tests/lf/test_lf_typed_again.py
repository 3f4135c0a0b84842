"""A labeling function that is edited in its cell and run again is the new one, wherever the earlier one still stands."""

from __future__ import annotations

import sys
import warnings
from collections.abc import Callable, Iterator
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np
import pytest

import weaklabel as wl
from weaklabel.data.sample import sample_pairs
from weaklabel.errors import WeaklabelWarning
from weaklabel.lf.writing import current

PAIRS = sample_pairs(120, 80, 0)
LENGTHS = np.array([np.sign(len(p.response_b) - len(p.response_a)) for p in PAIRS])
SCORER = "@wl.response_scorer{0}\ndef longer(response):\n    return {1}len(response)\n"
TWICE = r"'longer' was defined again: its last definition is used, though the list holds an earlier one. Make the list"


@pytest.fixture
def cell() -> Iterator[Callable[[str], Any]]:
    """Runs a cell of a notebook, whose module has no file; gives back what it calls `longer`."""
    module = ModuleType("a_notebook")
    sys.modules["a_notebook"] = module
    space = vars(module)
    space["wl"] = wl

    def run(source: str) -> Any:
        exec(compile(source, "<cell>", "exec"), space)
        return space.get("longer")

    yield run
    del sys.modules["a_notebook"]


def preferred(votes: wl.Votes) -> np.ndarray[Any, Any]:
    return np.where(votes.L[:, 0] == wl.ABSTAIN, 0, 2 * votes.L[:, 0].astype(int) - 1)


def test_a_list_that_holds_the_earlier_one_votes_as_the_new_one_and_says_so(
    cell: Any, tmp_path: Path
) -> None:
    store = wl.VoteStore(tmp_path)
    lfs = [cell(SCORER.format("", ""))]
    assert (preferred(wl.apply(lfs, PAIRS, store=store)) == LENGTHS).all()
    cell(SCORER.format("", "-"))
    with pytest.warns(WeaklabelWarning, match=TWICE) as caught:
        assert (preferred(wl.apply(lfs, PAIRS, store=store)) == -LENGTHS).all()
    assert [one.filename for one in caught] == [__file__]


def test_an_edited_decorator_counts_and_so_does_a_change_of_kind(cell: Any) -> None:
    lfs = [cell(SCORER.format("", ""))]
    cell(SCORER.format('(prefer="less")', ""))
    with pytest.warns(WeaklabelWarning, match=TWICE):
        assert (preferred(wl.apply(lfs, PAIRS)) == -LENGTHS).all()
    cell("@wl.labeling_function\ndef longer(pair):\n    return 1\n")
    with pytest.warns(WeaklabelWarning, match=TWICE):
        assert (wl.apply(lfs, PAIRS).L == 1).all()


def test_a_cell_that_appends_can_be_run_twice(cell: Any) -> None:
    cell("lfs = []")
    for sign in ("", "-"):
        new = cell(SCORER.format("", sign) + "lfs.append(longer)\n")
    lfs = sys.modules["a_notebook"].lfs
    assert len(lfs) == 2
    with pytest.warns(WeaklabelWarning, match=TWICE):
        assert current(lfs) == [new]


def test_fit_check_and_tune_take_the_new_one(cell: Any) -> None:
    old = cell(SCORER.format("", ""))
    new = cell(SCORER.format("", "-"))
    with pytest.warns(WeaklabelWarning, match=TWICE):
        assert wl.fit([old], PAIRS, model="majority_vote").lfs == (new,)
    with pytest.warns(WeaklabelWarning, match=TWICE):
        assert (wl.tune([old], PAIRS).rows[0].lf) == "longer"
    with pytest.warns(WeaklabelWarning, match=TWICE):
        assert wl.check([old], PAIRS).lf_names == ("longer",)


def test_a_labeler_stays_with_the_functions_it_was_fitted_with(cell: Any) -> None:
    labeler = wl.fit([cell(SCORER.format("", ""))], PAIRS, model="majority_vote")
    before = labeler.label(PAIRS).logit
    cell(SCORER.format("", "-"))
    assert (labeler.label(PAIRS).logit == before).all()
    assert (labeler.compare(PAIRS) == labeler.label(PAIRS).p).all()


def test_the_new_one_itself_and_variants_of_it_are_taken_as_they_are(cell: Any) -> None:
    old = cell(SCORER.format("", ""))
    new = cell(SCORER.format("", "-"))
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        lfs = [new, old.with_settings(name="as_it_was")]
        assert current(lfs) == lfs


def test_two_of_one_name_stay_an_error_where_both_were_meant(cell: Any) -> None:
    cell(
        "def make(sign):\n    @wl.response_scorer(name='longer')\n    def longer(response):\n"
        "        return sign * len(response)\n    return longer\nboth = [make(1), make(-1)]\n"
    )
    with pytest.raises(wl.WeaklabelError, match="two labeling functions are named 'longer'"):
        wl.apply(sys.modules["a_notebook"].both, PAIRS)


def test_a_fault_in_a_cell_names_the_cell_and_the_line(cell: Any) -> None:
    space = vars(sys.modules["a_notebook"])
    exec(
        compile("@wl.response_scorer\ndef odd(response):\n    1 / 0\n", "/tmp/ipykernel_7/123.py", "exec"),
        space,
    )
    fault = space["odd"].vote_all(list(PAIRS[:1])).faults[0]
    assert str(fault).endswith("in notebook cell:3")


def test_a_function_in_a_list_is_a_line_with_what_is_not_by_default(cell: Any) -> None:
    found = cell(SCORER.format('(prefer="less", min_gap=2)', ""))
    assert repr(found) == "ResponseScorer(name='longer', family='a_notebook', prefer='less', min_gap=2)"


def test_functions_of_a_file_are_never_exchanged() -> None:
    one, two = (wl.response_scorer(name="longer")(len_of) for _ in range(2))
    assert current([one])[0] is one
    assert current([two])[0] is two


def len_of(response: str) -> int:
    return len(response)
