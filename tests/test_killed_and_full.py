"""Whole runs that are killed at random moments, or run out of disk: nothing torn, and the same command continues."""

from __future__ import annotations

import os
import random
import resource
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from weaklabel.data.sample import write_sample

pytestmark = pytest.mark.same_everywhere


LFS = """
from weaklabel import labeling_function, response_scorer

@response_scorer(prefer="less")
def shouts(response):
    return response.count("!")

@response_scorer
def lines(response):
    return len(response.lines)

@labeling_function
def fragile(pair):
    if pair.id.endswith("7"):
        raise ValueError("cannot say")
    return int(len(pair.response_b) > len(pair.response_a))
"""
TOML = """
[data]
pairs = "pairs.jsonl"
gold = "gold.jsonl"
sample = 150
[lfs]
use = ["lfs.py"]
workers = {workers}
max_fault_share = 1.0
[labeler]
model = "moments"
[export.trl]
[export.parquet]
"""
# Row groups of 40 pairs, so that a small run has many shards.
PROGRAM = (
    "import weaklabel.data.writing as w; w.ROW_GROUP = 40\n"
    "from weaklabel.cli.main import main; main(['export'])"
)


def make_project(folder: Path, workers: int = 2) -> Path:
    folder.mkdir(exist_ok=True)
    write_sample(folder, n_pairs=400, n_gold=120, seed=5)
    (folder / "lfs.py").write_text(LFS, encoding="utf-8")
    (folder / "weaklabel.toml").write_text(TOML.format(workers=workers), encoding="utf-8")
    return folder


def made(folder: Path) -> dict[str, bytes]:
    """Everything that a run leaves, torn temporaries of killed ones aside."""
    files = [p for root in ("runs", ".weaklabel") for p in (folder / root).rglob("*") if p.is_file()]
    return {
        str(p.relative_to(folder)): p.read_bytes() for p in files if ".tmp-" not in str(p.relative_to(folder))
    }


def run(folder: Path, largest_file: int | None = None) -> subprocess.CompletedProcess[str]:
    def limit() -> None:
        if largest_file is not None:
            resource.setrlimit(resource.RLIMIT_FSIZE, (largest_file, largest_file))

    return subprocess.run(
        [sys.executable, "-c", PROGRAM],
        cwd=folder,
        capture_output=True,
        text=True,
        timeout=300,
        preexec_fn=limit,
    )


@pytest.fixture(scope="module")
def undisturbed(tmp_path_factory) -> tuple[dict[str, bytes], float]:
    folder = make_project(tmp_path_factory.mktemp("whole") / "project")
    began = time.monotonic()
    done = run(folder)
    assert done.returncode == 0, done.stderr
    return made(folder), time.monotonic() - began


def kill_at(folder: Path, seconds: float) -> None:
    with subprocess.Popen(
        [sys.executable, "-c", PROGRAM],
        cwd=folder,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        start_new_session=True,
    ) as process:
        time.sleep(seconds)
        if process.poll() is None:
            os.killpg(process.pid, signal.SIGKILL)


def check_moments(undisturbed: tuple[dict[str, bytes], float], tmp_path: Path, moments: list[float]) -> None:
    """One project per moment: killed there, run again to the end."""
    expected, lasted = undisturbed
    for number, moment in enumerate(moments):
        folder = make_project(tmp_path / f"{number}")
        kill_at(folder, moment * lasted)
        done = run(folder)
        assert done.returncode == 0, f"killed after {moment:.3f} of the run: {done.stderr}"
        assert made(folder) == expected, f"killed after {moment:.3f} of the run"
        shutil.rmtree(folder)


def test_a_run_killed_at_any_moment_continues_to_the_same_bytes(undisturbed, tmp_path):
    check_moments(undisturbed, tmp_path, [0.5, 0.7, 0.9])


@pytest.mark.slow
def test_a_run_killed_at_any_of_fifty_moments_continues_to_the_same_bytes(undisturbed, tmp_path):
    rng = random.Random(20)
    check_moments(undisturbed, tmp_path, sorted(rng.uniform(0.15, 1.0) for _ in range(50)))


def test_a_run_killed_again_and_again_still_ends_with_the_same_bytes(undisturbed, tmp_path):
    expected, lasted = undisturbed
    folder = make_project(tmp_path / "project")
    for moment in (0.6, 0.7, 0.8):
        kill_at(folder, moment * lasted)
    assert run(folder).returncode == 0
    assert made(folder) == expected


def test_the_number_of_workers_changes_no_byte(undisturbed, tmp_path):
    folder = make_project(tmp_path / "project", workers=1)
    assert run(folder).returncode == 0
    assert made(folder) == undisturbed[0]


@pytest.fixture
def small_disk(tmp_path) -> Iterator[Path]:
    """A disk of three megabytes, where one may be mounted."""
    folder = tmp_path / "disk"
    folder.mkdir()
    mounted = subprocess.run(
        ["mount", "-t", "tmpfs", "-o", "size=3m", "tmpfs", str(folder)],
        capture_output=True,
        text=True,
        check=False,
    )
    if mounted.returncode:
        pytest.skip(f"no small disk can be mounted here: {mounted.stderr.strip()}")
    yield folder
    subprocess.run(["umount", "-l", str(folder)], check=True)


@pytest.mark.parametrize("left", [8, 40, 120, 260, 420])
def test_a_full_disk_is_one_clear_line_and_the_run_continues_when_there_is_room(
    undisturbed, small_disk, left
):
    folder = make_project(small_disk / "project")
    about = os.statvfs(small_disk)
    filler = small_disk / "filler"
    filler.write_bytes(b"x" * max(0, about.f_bavail * about.f_frsize - left * 1024))
    stopped = run(folder)
    assert stopped.returncode == 2, stopped.stderr
    last = stopped.stderr.strip().split("\n")[-1]
    assert last.startswith("error: ")
    assert "No space left on device" in last
    assert "continues" in last
    assert "Traceback" not in stopped.stderr
    assert not list(folder.rglob("*.tmp-*")), "what could not be written whole is not left behind"
    filler.unlink()
    assert run(folder).returncode == 0
    assert made(folder) == undisturbed[0]


@pytest.mark.parametrize("largest", [4, 150])
def test_a_file_that_may_not_grow_is_one_clear_line_and_the_run_continues(undisturbed, tmp_path, largest):
    folder = make_project(tmp_path / "project")
    stopped = run(folder, largest_file=largest * 1024)
    assert stopped.returncode == 2, stopped.stderr
    last = stopped.stderr.strip().split("\n")[-1]
    assert last.startswith("error: ")
    assert "File too large" in last
    assert "Traceback" not in stopped.stderr
    assert not list(folder.rglob("*.tmp-*"))
    assert run(folder).returncode == 0
    assert made(folder) == undisturbed[0]


def test_a_folder_that_may_not_be_written_is_one_clear_line(small_disk):
    folder = make_project(small_disk / "project")
    subprocess.run(["mount", "-o", "remount,ro", str(small_disk)], check=True)
    stopped = run(folder)
    assert stopped.returncode == 2, stopped.stderr
    assert "Read-only file system" in stopped.stderr.strip().split("\n")[-1]
    assert "Traceback" not in stopped.stderr
    subprocess.run(["mount", "-o", "remount,rw", str(small_disk)], check=True)
    assert run(folder).returncode == 0
