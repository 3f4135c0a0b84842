"""Answers on disk: a disk that takes half a line says why, and what it took is not an answer."""

from __future__ import annotations

import resource
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import numpy as np
import pytest

from weaklabel.data.seen_ids import SeenIds
from weaklabel.errors import ArtifactError
from weaklabel.reward.saved import write_array
from weaklabel.servers.protocol import Reply
from weaklabel.servers.replies import ReplyCache


@contextmanager
def files_no_larger_than(n_bytes: int) -> Iterator[None]:
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (n_bytes, hard))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))


def test_half_of_a_line_is_told_with_its_cause_and_is_asked_again(tmp_path: Path) -> None:
    cache = ReplyCache(tmp_path, "tiny", "0" * 12)
    cache.add({"one": Reply("A")})
    with (
        files_no_larger_than(cache.path.stat().st_size + 20),
        pytest.raises(ArtifactError, match="an answer could not be kept: File too large"),
    ):
        cache.add({"two": Reply("B")})
    assert "two" not in cache
    cache.add({"two": Reply("C")})
    again = ReplyCache(tmp_path, "tiny", "0" * 12)
    assert [again.get(key) for key in ("one", "two")] == [Reply("A"), Reply("C")]


def test_an_answer_stays_one_line_whatever_it_holds(tmp_path: Path) -> None:
    cache = ReplyCache(tmp_path, "tiny", "0" * 12)
    text = "a\u2028b\x85c\nd\0e 🙂"
    cache.add({"key": Reply(text)})
    assert len(cache.path.read_text(encoding="utf-8").splitlines()) == 1
    assert ReplyCache(tmp_path, "tiny", "0" * 12).get("key") == Reply(text)


def test_arrays_that_a_disk_refuses_say_why(tmp_path: Path) -> None:
    seen = SeenIds(in_memory=4)
    with files_no_larger_than(40):
        with pytest.raises(OSError, match="File too large") as caught:
            write_array(tmp_path / "x.npy", np.zeros(99))
        with pytest.raises(OSError, match="File too large") as spilt:
            seen.add([str(i) for i in range(9)])
    assert caught.value.errno == spilt.value.errno == 27
