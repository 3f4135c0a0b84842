"""Ids seen before: exact, whatever is in memory and whatever is in files."""

from __future__ import annotations

import gc

from hypothesis import given
from hypothesis import strategies as st

from weaklabel.data.seen_ids import SeenIds


@given(
    st.lists(st.lists(st.integers(0, 40).map(str), max_size=12), max_size=12),
    st.sampled_from([1, 3, 7, 1000]),
)
def test_an_id_is_new_exactly_once_however_little_fits_in_memory(batches, in_memory):
    seen, known = SeenIds(in_memory), set()
    for batch in batches:
        expected = []
        for pair_id in batch:
            expected.append(pair_id not in known)
            known.add(pair_id)
        assert seen.add(batch) == expected


def test_files_are_merged_so_that_few_are_looked_into(monkeypatch):
    monkeypatch.setattr("weaklabel.data.seen_ids._MERGED_AT_ONCE", 16)
    seen = SeenIds(in_memory=10)
    for start in range(0, 1000, 10):
        assert all(seen.add([str(i) for i in range(start, start + 10)]))
    assert len(seen._files) <= 8
    assert not any(seen.add([str(i) for i in range(1000)]))
    assert sum(len(file) for file in seen._files) == 1000


def test_the_files_are_gone_when_the_set_is():
    seen = SeenIds(in_memory=2)
    seen.add(["a", "b", "c"])
    folder = seen._folder
    assert folder is not None
    assert folder.exists()
    del seen
    gc.collect()
    assert not folder.exists()
