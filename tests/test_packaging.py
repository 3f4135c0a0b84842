"""The wheel: what a plain install holds, without the checkout beside it."""

from __future__ import annotations

import json
import subprocess
import sys
import sysconfig
import tomllib
import venv
import zipfile
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The wheel, built by the build backend of this environment (no network)."""
    pytest.importorskip("hatchling")
    pytest.importorskip("build")
    out = tmp_path_factory.mktemp("wheel")
    command = [sys.executable, "-m", "build", "--wheel", "--no-isolation", "--outdir", str(out), str(ROOT)]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    (found,) = out.glob("*.whl")
    return found


@pytest.fixture(scope="module")
def installed(wheel: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """An empty environment with the wheel in it.

    The dependencies are borrowed from this environment by a path line, which adds the folder and ignores the
    editable install of weaklabel there: a path that is added that way has its own .pth files left unread.
    """
    folder = tmp_path_factory.mktemp("plain")
    venv.create(folder, with_pip=False)
    python = folder / "bin" / "python"
    pip = [
        sys.executable,
        "-m",
        "pip",
        "--python",
        str(python),
        "install",
        "-q",
        "--no-deps",
        "--no-index",
        str(wheel),
    ]
    subprocess.run(pip, check=True, capture_output=True)
    (site,) = folder.glob("lib/python*/site-packages")
    (site / "dependencies.pth").write_text(sysconfig.get_path("purelib") + "\n", encoding="utf-8")
    return folder


def weaklabel(installed: Path, cwd: Path, *arguments: str) -> str:
    command = [str(installed / "bin" / "weaklabel"), *arguments]
    done = subprocess.run(command, cwd=cwd, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    return done.stdout


def test_the_wheel_carries_package_shipped_functions_types_and_licence(wheel: Path) -> None:
    names = set(zipfile.ZipFile(wheel).namelist())
    shipped = {
        f"weaklabel/shipped/{p.name}"
        for p in (ROOT / "labeling_functions").glob("*")
        if p.suffix in (".py", ".toml")
    }
    assert shipped <= names
    assert "weaklabel/py.typed" in names
    assert {f"weaklabel/report/templates/{n}" for n in ("page.html.j2", "page.css")} <= names
    assert "weaklabel/pictures/pictures.css" in names
    assert any(name.endswith("licenses/LICENSE") for name in names)
    assert not any(name.startswith(("tests/", "benchmarks/")) for name in names)


def test_the_package_comes_from_the_wheel_and_not_from_the_checkout(installed: Path, tmp_path: Path) -> None:
    code = "import weaklabel; print(weaklabel.__file__)"
    done = subprocess.run(
        [str(installed / "bin/python"), "-c", code], cwd=tmp_path, capture_output=True, text=True, check=True
    )
    assert done.stdout.startswith(str(installed))


def test_shipped_functions_are_listed_after_a_plain_install(installed: Path, tmp_path: Path) -> None:
    rows = json.loads(weaklabel(installed, tmp_path, "list", "--json"))
    assert len({row["name"] for row in rows}) >= 25
    assert {"shipped:hh", "shipped:mt_bench", "shipped:ultrafeedback"} <= {row["source"] for row in rows}


def test_shipped_functions_vote_after_a_plain_install(installed: Path, tmp_path: Path) -> None:
    row = {
        "prompt": "Name two towns.",
        "response_a": "Bonn.",
        "response_b": "Bonn and Ulm, for example, are 2 towns.",
    }
    (tmp_path / "pairs.jsonl").write_text(json.dumps(row) + "\n", encoding="utf-8")
    found = weaklabel(installed, tmp_path, "apply", "--pairs", "pairs.jsonl", "--lfs", "shipped", "--json")
    assert json.loads(found)["coverage"] == 1.0


def test_the_constraints_pin_every_dependency_of_the_core_to_one_version() -> None:
    lines = (ROOT / "constraints.txt").read_text(encoding="utf-8").splitlines()
    pins = [line for line in lines if line and not line.startswith("#")]
    assert all(line.count("==") == 1 and "+" not in line for line in pins)
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    core = {requirement.split(">=")[0].lower() for requirement in project["dependencies"]}
    assert core <= {line.split("==")[0].lower() for line in pins}


def test_no_extra_and_no_dependency_pins_torch() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    extras = project["optional-dependencies"]
    assert not any(requirement.startswith("torch") for requirement in project["dependencies"])
    assert not any(
        requirement.startswith("torch") and "==" in requirement
        for extra in extras.values()
        for requirement in extra
    )
