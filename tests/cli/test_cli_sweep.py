"""`weaklabel sweep`: what it prints and leaves, bad input in one line, and a killed one that continues to the same bytes."""

from __future__ import annotations

import json
import os
import re
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from weaklabel.cli.main import main
from weaklabel.data.sample import write_sample

pytestmark = pytest.mark.same_everywhere

TOML = """
[data]
pairs = "pairs.jsonl"
gold = "gold.jsonl"
test_share = 0.2
[lfs]
use = ["shipped:length", "shipped:arithmetic"]
[sweep]
gold = [20, 40, 80]
weak = [60, "all"]
thresholds = [0.0, 0.6]
sources = ["majority_vote:hard", "pair_model:soft"]
seeds = 2
"""


def project(folder: Path) -> Path:
    folder.mkdir(exist_ok=True)
    write_sample(folder, n_pairs=250, n_gold=160, seed=3)
    (folder / "weaklabel.toml").write_text(TOML, encoding="utf-8")
    return folder


@pytest.fixture
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(project(tmp_path))
    return tmp_path


def run(*arguments: str) -> Result:
    result = CliRunner().invoke(main, ["sweep", *arguments])
    if result.exception is not None and not isinstance(result.exception, SystemExit):
        raise result.exception
    return result


def test_a_sweep_prints_the_grid_its_cost_the_table_and_the_verdict(here: Path) -> None:
    result = run()
    assert result.exit_code == 0
    assert "56 cells = 2 seeds x 3 gold sizes (20, 40, 80) x 9 arms, and gold only with" in result.stderr
    assert "at most about" in result.stderr
    assert "linear, pair_model:soft, all weak against gold only:" in result.stdout
    assert re.search(r"\d+ comparisons were made in all", result.stdout)
    found = json.loads((here / "runs/base/sweep/sweep.json").read_text())
    assert {row["source"] for row in found["rows"]} == {"gold", "majority_vote:hard", "pair_model:soft"}
    assert found["verdict"][0] in result.stdout
    assert (here / "runs/base/sweep/sweep.svg").read_text().startswith("<svg")
    assert (
        "majority_vote:hard, 60 weak, confidence .600 up" in (here / "runs/base/sweep/sweep.txt").read_text()
    )


def test_quick_and_json(here: Path) -> None:
    result = run("--quick", "--json")
    found = json.loads(result.stdout)["sweep"]
    assert {row["gold"] for row in found["rows"] if row["source"] != "gold"} == {20, 40}
    assert {(row["weak"], row["threshold"]) for row in found["rows"] if row["source"] != "gold"} == {
        (60, 0.0)
    }


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["--set", 'sweep.sources=["pair_model"]'], "'pair_model'. Allowed: a label model with ':hard'"),
        (["--set", 'sweep.sources=["snorkl:hard"]'], "no label model 'snorkl'"),
        (["--set", 'sweep.reward=[{name="minilm_frozen"}]'], "Did you mean 'minilm-frozen'"),
        (["--set", "sweep.gold=[]"], "sweep.gold"),
        (["--set", "sweep.gold=[1000]"], "smallest gold size is 1000"),
        (["--set", "sweep.thresholds=[1.0]"], "sweep.thresholds"),
        (["--set", "sweep.held_out=0"], "sweep.held_out"),
        (["--set", "sweep.seed=3"], "Did you mean 'seeds'"),
        (["--max-gold", "10"], "at least 10"),
    ],
)
def test_bad_input_is_one_line(arguments: list[str], words: str, here: Path) -> None:
    result = run(*arguments)
    lines = [line for line in result.stderr.splitlines() if line.startswith("error: ")]
    assert result.exit_code == 2
    assert len(lines) == 1
    assert words in lines[0]


def made(folder: Path) -> dict[str, bytes]:
    """What a sweep leaves, torn temporaries of killed ones aside."""
    files = [p for p in (folder / "runs/base/sweep").rglob("*") if p.is_file() and ".tmp-" not in p.name]
    return {str(p.relative_to(folder)): p.read_bytes() for p in files}


def start(folder: Path) -> subprocess.Popen[bytes]:
    program = "from weaklabel.cli.main import main; main(['sweep', '--quick'])"
    quiet = {"stdout": subprocess.DEVNULL, "stderr": subprocess.DEVNULL}
    return subprocess.Popen([sys.executable, "-c", program], cwd=folder, start_new_session=True, **quiet)


def test_a_killed_sweep_continues_to_the_same_bytes(tmp_path: Path) -> None:
    whole, cut = project(tmp_path / "whole"), project(tmp_path / "cut")
    with start(whole) as process:
        assert process.wait(timeout=300) == 0
    for wanted in (1, 6):
        with start(cut) as process:
            while process.poll() is None and len(list(cut.glob("runs/base/sweep/cells/*.json"))) < wanted:
                time.sleep(0.01)
            assert process.poll() is None, "it ended before it was killed"
            os.killpg(process.pid, signal.SIGKILL)
    assert len(made(cut)) < len(made(whole))
    with start(cut) as process:
        assert process.wait(timeout=300) == 0
    assert made(cut) == made(whole)
