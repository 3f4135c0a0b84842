"""Labeling functions that reach for the process: a fault or an error with a name, in this process and in workers."""

from __future__ import annotations

import os
import signal
import sys
import threading
from collections.abc import Iterator
from functools import partial

import numpy as np
import pytest
from steady_lfs import ONE_BAD

from weaklabel import _guard, engine
from weaklabel.errors import DiscoveryError
from weaklabel.lf import labeling_function, load_lfs
from weaklabel.lf.checks import check_labeling_function

# Functions here fail on purpose.
pytestmark = pytest.mark.filterwarnings("ignore::weaklabel.errors.FaultWarning")
apply = partial(engine.apply, max_fault_share=None)


ACTS = {
    "os._exit(0)": "ended the process with os._exit(0)",
    "_exit(3)": "ended the process with os._exit(3)",
    "sys.exit('bye')": "raised SystemExit: bye",
    "raise SystemExit": "raised SystemExit",
    "raise KeyboardInterrupt": "raised KeyboardInterrupt",
    "raise GeneratorExit": "raised GeneratorExit",
    "raise type('Odd', (BaseException,), {})('odd')": "raised Odd: odd",
    "os.chdir('/')": "changed the working directory to '/'",
}


@pytest.fixture(autouse=True)
def ctrl_c() -> Iterator[None]:
    """What Ctrl-C does in a terminal; a test run in the background ignores it."""
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    yield
    signal.signal(signal.SIGINT, before)


@pytest.mark.parametrize(("act", "said"), ACTS.items())
@pytest.mark.parametrize("how", ["here", "in a thread"])
def test_what_reaches_for_the_process_is_a_fault_with_a_name(pairs, lf_file, act, said, how):
    lf_file("lfs/bad.py", ONE_BAD.format(act=act))
    lfs, before, found = load_lfs("lfs/bad.py"), os.getcwd(), []

    def work() -> None:
        found.append(apply(lfs, pairs, shard_size=10))

    if how == "here":
        work()
    else:
        thread = threading.Thread(target=work)
        thread.start()
        thread.join()
    check_faults(found[0], said)
    assert (os.getcwd(), os._exit) == (before, _guard._end_process)
    assert signal.getsignal(signal.SIGINT) is signal.default_int_handler


def check_faults(votes, said: str) -> None:
    """Of the pair p12, or of its shard where it is not known which pair it was."""
    ids = [fault.pair_id for fault in votes.faults]
    assert ids in (["p12"], [f"p{i}" for i in range(10, 20)])
    assert {str(fault).startswith(f"'bad' {said} (pair 'p1") for fault in votes.faults} == {True}


def test_workers_say_the_same(pairs, lf_file):
    for number, act in enumerate(ACTS):
        lf_file(f"lfs/bad_{number}.py", ONE_BAD.format(act=act).replace("def bad", f"def bad_{number}"))
    lfs = load_lfs("lfs/")
    here, there = apply(lfs, pairs, shard_size=10), apply(lfs, pairs, shard_size=10, workers=2)
    assert here.faults == there.faults
    assert (here.L == there.L).all()
    assert {fault.lf for fault in there.faults} == {lf.name for lf in lfs}


@pytest.mark.parametrize(("act", "said"), ACTS.items())
def test_a_file_that_reaches_for_the_process_does_not_load_and_is_named(lf_file, act, said):
    lf_file("lfs/bad.py", f"import os, sys\nfrom os import _exit\n{act}\n")
    before = os.getcwd()
    what = said.removeprefix("raised ").replace("SystemExit", "SystemExit: ").replace(": :", ":").strip()
    with pytest.raises(DiscoveryError, match=r"lfs/bad\.py:\d: ") as caught:
        load_lfs("lfs/bad.py")
    assert what.partition(":")[0].partition("(")[0] in str(caught.value)
    assert (os.getcwd(), os._exit) == (before, _guard._end_process)


@pytest.mark.parametrize("act", ["sys.exit(2)", "os._exit(0)", "os.chdir('/')"])
def test_a_module_that_reaches_for_the_process_does_not_load_and_is_named(lf_file, act, monkeypatch):
    lf_file("reaching.py", f"import os, sys\n{act}\nLFS = []\n")
    monkeypatch.syspath_prepend(".")
    with pytest.raises(DiscoveryError, match="importing 'reaching' failed"):
        load_lfs("reaching:LFS")
    sys.modules.pop("reaching", None)


def test_ctrl_c_is_no_fault(pairs):
    @labeling_function
    def interrupted(pair):
        os.kill(os.getpid(), signal.SIGINT)
        return 0

    with pytest.raises(KeyboardInterrupt):
        apply([interrupted], pairs)


def test_ctrl_c_that_a_function_swallows_still_ends_the_run(pairs):
    @labeling_function
    def swallows(pair):
        try:
            if pair.id == "p3":
                os.kill(os.getpid(), signal.SIGINT)
        except KeyboardInterrupt:
            return 1
        return 0

    with pytest.raises(KeyboardInterrupt):
        apply([swallows], pairs)
    assert signal.getsignal(signal.SIGINT) is signal.default_int_handler


def test_a_child_that_a_function_forks_may_end_as_it_likes(pairs):
    @labeling_function
    def forks(pair):
        child = os.fork()
        if not child:
            os._exit(7)
        return int(os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 7)

    votes = apply([forks], pairs.take(np.arange(2)))
    assert set(votes.L.ravel().tolist()) == {1}


def test_what_a_function_writes_past_python_stays_out_of_results(pairs, capfd, caplog):
    @labeling_function
    def loud(pair):
        if pair.id == "p3":
            os.write(1, b"written")
        return 0

    with _guard.stdout_for_results():
        votes = apply([loud], pairs)
    os.write(1, b"results")
    assert not votes.faults
    out, err = capfd.readouterr()
    assert out == "results"
    assert "written" in err
    assert "labeling function 'loud' writes to stdout" in caplog.text


def test_check_names_a_function_that_ends_the_process(pairs):
    @labeling_function
    def ends(pair):
        os._exit(0)

    report = check_labeling_function(ends, pairs)
    assert "ended the process with os._exit(0)" in str(report)
