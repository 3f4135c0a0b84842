"""One folder, one writer: who holds it, who waits, and what is left of a holder that died. Nothing here sleeps."""

from __future__ import annotations

import os
import subprocess
import sys
import threading
from pathlib import Path

import pytest

from weaklabel.artifacts import locks
from weaklabel.artifacts.locks import FolderLock, Holder
from weaklabel.errors import BusyError


def test_a_second_writer_is_told_who_holds_the_folder(tmp_path: Path) -> None:
    with FolderLock(tmp_path), pytest.raises(BusyError, match=f"process {os.getpid()}.*--wait"):
        FolderLock(tmp_path, patience=0).__enter__()


def test_its_holder_enters_again_and_leaves_it_free(tmp_path: Path) -> None:
    with FolderLock(tmp_path) as lock, lock:
        assert lock.is_held
    assert not lock.is_held
    FolderLock(tmp_path, patience=0).__enter__()
    assert (tmp_path / ".lock").is_file()


def test_who_waits_gets_it_when_the_holder_is_done(tmp_path: Path) -> None:
    holder, seen = FolderLock(tmp_path).__enter__(), list[Holder]()

    def leave(found: Holder) -> None:
        seen.append(found)
        holder.__exit__(None, None, None)

    with FolderLock(tmp_path, patience=float("inf"), on_wait=leave) as lock:
        assert lock.is_held
        assert [found.pid for found in seen] == [os.getpid()]


def test_two_threads_never_write_at_once(tmp_path: Path) -> None:
    inside, most = [0], [0]

    def write() -> None:
        for _ in range(20):
            with FolderLock(tmp_path, patience=float("inf")):
                inside[0] += 1
                most[0] = max(most[0], inside[0])
                inside[0] -= 1

    threads = [threading.Thread(target=write) for _ in range(2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert most == [1]


def test_a_holder_that_died_is_named_and_its_lock_is_free(tmp_path: Path) -> None:
    program = f"import os; from pathlib import Path; from weaklabel.artifacts.locks import FolderLock; FolderLock(Path({str(tmp_path)!r})).__enter__(); os._exit(3)"
    dead = subprocess.Popen([sys.executable, "-c", program])
    assert dead.wait() == 3
    told: list[Holder] = []
    with FolderLock(tmp_path, patience=0, on_take_over=told.append):
        assert [holder.pid for holder in told] == [dead.pid]
    with FolderLock(tmp_path, patience=0, on_take_over=told.append):
        assert len(told) == 1


def test_a_folder_that_was_removed_while_waiting_is_locked_anew(tmp_path: Path) -> None:
    folder = tmp_path / "run"
    holder = FolderLock(folder).__enter__()

    def remove(found: Holder) -> None:
        (folder / ".lock").unlink()
        folder.rmdir()
        holder.__exit__(None, None, None)

    with FolderLock(folder, on_wait=remove), pytest.raises(BusyError):
        FolderLock(folder, patience=0).__enter__()


def test_without_locks_of_the_file_system_it_goes_on(tmp_path: Path, monkeypatch) -> None:
    def none(*_: object) -> None:
        raise OSError(locks.errno.ENOLCK, "no locks available")

    monkeypatch.setattr(locks.fcntl, "flock", none)
    with FolderLock(tmp_path) as lock:
        assert lock.is_held
