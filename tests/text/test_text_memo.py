"""`Memo`: whatever is asked in whatever order, a key has the value that was worked out for it."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from weaklabel.text.memo import Memo

keys_asked = st.lists(st.lists(st.integers(1, 2**64 - 1) | st.integers(1, 9), max_size=20), max_size=6)


def worked_out(keys):
    return (keys % np.uint64(1009)).astype(np.int32)


@given(keys_asked)
def test_few_slots_that_many_keys_want_change_no_value(batches):
    memo = Memo(2)
    for batch in batches:
        keys = np.array(batch, dtype=np.uint64)
        assert memo.of(keys, worked_out).tolist() == worked_out(keys).tolist()


def test_what_is_remembered_is_not_worked_out_again_and_each_key_once():
    memo, asked = Memo(10), []

    def noted(keys):
        asked.append(keys.tolist())
        return worked_out(keys)

    for batch in ([5, 3, 5], [3, 7], [7]):
        memo.of(np.array(batch, dtype=np.uint64), noted)
    assert asked == [[3, 5], [7]]


def test_an_interrupt_leaves_no_wrong_value():
    memo = Memo(4)

    def interrupted(keys):
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        memo.of(np.array([5], dtype=np.uint64), interrupted)
    assert memo.of(np.array([5], dtype=np.uint64), worked_out).tolist() == [5]
