"""A project in the working folder, and a run of it that remembers its steps."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from weaklabel.config import load_config
from weaklabel.data.sample import write_sample
from weaklabel.pipeline import Run, StepRecord

LFS = """
from weaklabel import labeling_function, response_scorer

@response_scorer(prefer="less")
def shouts(response):
    return response.count("!")

@response_scorer(prefer="more")
def lines(response):
    return len(response.lines)

@response_scorer(prefer="more")
def digits(response):
    return sum(c.isdigit() for c in response)
"""

TOML = """
[data]
pairs = "pairs.jsonl"
{data}
[lfs]
use = ["lfs.py"]
{lfs}
[reward]
settings = {{ n_features = 1024 }}
{more}
"""


class Watched(Run):
    """A run that remembers its steps."""

    def __init__(self, name: str = "base", **sets: Any) -> None:
        self.steps: list[StepRecord] = []
        loaded = load_config(options={key.replace("__", "."): value for key, value in sets.items()})
        super().__init__(loaded, name, on_step=self.steps.append)

    @property
    def made(self) -> list[str]:
        return [step.name for step in self.steps if not step.fresh]


def lay_out(folder: Path) -> None:
    """A project in the working folder, with a sample of known truth."""
    paths = write_sample(folder, n_pairs=240, n_gold=120, seed=3)
    assert paths.pairs.name == "pairs.jsonl"
    (folder / "lfs.py").write_text(LFS, encoding="utf-8")
    settings()


def settings(data: str = 'gold = "gold.jsonl"', lfs: str = "", more: str = "") -> None:
    Path("weaklabel.toml").write_text(TOML.format(data=data, lfs=lfs, more=more), encoding="utf-8")


def contents(folder: Path) -> dict[str, bytes]:
    return {str(p.relative_to(folder)): p.read_bytes() for p in sorted(folder.rglob("*")) if p.is_file()}
