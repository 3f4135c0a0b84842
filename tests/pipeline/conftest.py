"""A project of a test's own, and a run that many tests look at."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest
from made_runs import Watched, lay_out

from weaklabel.pipeline import RunFigures


@pytest.fixture(scope="session")
def first(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Watched, RunFigures]:
    """The folder of a project in which one run was made, that run, and what it reported."""
    folder = tmp_path_factory.mktemp("first")
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(folder)
        patch.setattr("weaklabel.pipeline.figures.snorkel_is_installed", lambda: False)
        lay_out(folder)
        run = Watched()
        report = run.all()
    return folder, run, report


@pytest.fixture
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    # Its row has a test of its own; everywhere else it would cost seconds and need torch.
    monkeypatch.setattr("weaklabel.pipeline.figures.snorkel_is_installed", lambda: False)
    lay_out(tmp_path)
    return tmp_path


@pytest.fixture
def ran(first: tuple[Path, Watched, RunFigures], project: Path) -> Path:
    """A project of the test's own in which that run was made."""
    shutil.copytree(first[0], project, dirs_exist_ok=True)
    return project
