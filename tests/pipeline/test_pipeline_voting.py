"""How many processes vote when nobody says."""

from __future__ import annotations

import os

import pytest

from weaklabel.config import LfsSettings
from weaklabel.lf import load_lfs, response_scorer
from weaklabel.pipeline.voting import _workers

FOUND = tuple(load_lfs("shipped:mt_bench"))


@pytest.mark.parametrize(("cores", "shards", "expected"), [(4, 3, 3), (2, 9, 2), (8, 1, 1), (8, 0, 1)])
def test_by_default_there_is_a_process_per_core_but_no_more_than_shards(monkeypatch, cores, shards, expected):
    monkeypatch.setattr(os, "sched_getaffinity", lambda pid: set(range(cores)))
    assert _workers(LfsSettings(), FOUND, range(shards)) == expected


def test_what_is_said_holds_however_few_shards_there_are():
    assert _workers(LfsSettings(workers=5), FOUND, range(1)) == 5


def test_a_function_that_no_process_can_find_stays_in_this_one(monkeypatch):
    monkeypatch.setattr(os, "sched_getaffinity", lambda pid: set(range(4)))
    longer = response_scorer(name="longer", prefer="more")(lambda response: len(response.text))
    assert _workers(LfsSettings(), [*FOUND, longer], range(9)) == 1
