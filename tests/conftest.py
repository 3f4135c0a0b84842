"""Fixtures that more than one room's tests use, and the rule about skips in CI."""

from __future__ import annotations

import gc
import importlib
import os
from collections.abc import Generator, Iterator
from contextlib import suppress
from pathlib import Path
from zlib import crc32

import pytest
from forked import TRAINING
from hypothesis import settings

# Before anything imports torch or NumPy. Each worker of xdist has a core, and a second thread on it only waits in a
# loop: twice the CPU for a fit, six times for torch. Tests of what threads could change ask for them by name.
for _pool in ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS"):
    os.environ.setdefault(_pool, "1")

# No deadline: a shared machine stalls. Derandomised: the same examples on every machine and run.
settings.register_profile("house", deadline=None, derandomize=True)
# On another Python the properties themselves are known to hold: a quarter of the examples shows what differs there.
settings.register_profile("core", deadline=None, derandomize=True, max_examples=25)
settings.load_profile("core" if os.environ.get("WEAKLABEL_TESTS") == "core" else "house")

# Of several other Pythons each runs its part of the files, `number/of`, so that together they run all.
PART, PARTS = map(int, os.environ.get("WEAKLABEL_TESTS_PART", "1/1").split("/"))

ROOT = Path(__file__).resolve().parent.parent


@pytest.fixture(scope="session")
def shared() -> Path:
    """The folder of real data, or a skip that says which variable names it."""
    folder = Path(os.environ.get("WEAKLABEL_SHARED", ROOT.parent / "shared"))
    if not (folder / "data").is_dir():
        pytest.skip(f"real data not found: WEAKLABEL_SHARED is {folder}")
    return folder


@pytest.fixture(scope="session")
def transformers_server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """The base address of a `transformers serve` on the loopback, for any model in a folder; or a skip."""
    pytest.importorskip("torch")
    pytest.importorskip("transformers")
    from tiny_models import serving_transformers

    with serving_transformers(tmp_path_factory.mktemp("serve")) as url:
        yield url


def allowed_skips() -> list[str]:
    """Words that the reason of a permitted skip contains, from `allowed_skips.txt`."""
    run = os.environ.get("WEAKLABEL_TESTS", "any")
    lines = (ROOT / "tests" / "allowed_skips.txt").read_text(encoding="utf-8").splitlines()
    rules = [line.partition("#")[0].split(maxsplit=1) for line in lines]
    return [rule[1].strip() for rule in rules if rule and rule[0] in ("any", run)]


def _fail_unexpected_skip(report: pytest.TestReport | pytest.CollectReport) -> None:
    # In CI a forgotten dependency must not pass for a test that ran. An expected failure reports itself
    # as skipped too, and is none of our business.
    if os.environ.get("CI") != "true" or report.outcome != "skipped" or hasattr(report, "wasxfail"):
        return
    reason = report.longrepr[2] if isinstance(report.longrepr, tuple) else str(report.longrepr)
    if not any(words in reason for words in allowed_skips()):
        report.outcome = "failed"
        report.longrepr = (
            f"{report.nodeid} skips in CI for a reason that tests/allowed_skips.txt does not list: {reason}"
        )


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport() -> Generator[None, pytest.TestReport, pytest.TestReport]:
    report = yield
    _fail_unexpected_skip(report)
    return report


@pytest.hookimpl(wrapper=True)
def pytest_make_collect_report() -> Generator[None, pytest.CollectReport, pytest.CollectReport]:
    report = yield
    _fail_unexpected_skip(report)
    return report


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Leave the files of the other parts to the other Pythons; what reads Python's own syntax runs on each."""
    if PARTS == 1:
        return
    mine = [item for item in items if _is_of_part(item.path)]
    config.hook.pytest_deselected(items=[item for item in items if not _is_of_part(item.path)])
    items[:] = mine


def _is_of_part(path: Path) -> bool:
    name = path.relative_to(ROOT).as_posix()
    return name.startswith("tests/lf/") or crc32(name.encode()) % PARTS == PART - 1


@pytest.hookimpl(trylast=True)
def pytest_collection_finish(session: pytest.Session) -> None:
    """Modules and tests stay to the end, so the garbage collector need not look at them again.

    Every training ends with a full collection. With half a million objects of torch, transformers and the tests to look at,
    it took longer than a tiny model's training.
    """
    if any(item.get_closest_marker("trains") for item in session.items):
        for name in TRAINING:
            with suppress(ImportError):  # the tests that need it skip, and say so
                importlib.import_module(name)
    gc.collect()
    gc.freeze()
