"""`weaklabel demo`: the generated sample, and the whole job on it."""

from __future__ import annotations

from pathlib import Path
from typing import Any, Final

import click

from weaklabel.cli._common import FilePath, emit, json_option, note
from weaklabel.cli._runs import open_run

TOML: Final = """\
# The generated sample of `weaklabel demo`. Change something and run again: weaklabel run
[data]
pairs = {pairs}
gold = {gold}

[lfs]
use = ["shipped"]

[export.trl]
min_confidence = 0.6
"""


@click.command("demo")
@click.option(
    "--folder",
    type=FilePath(file_okay=False),
    default=Path("demo"),
    show_default=True,
    help="Where.",
)
@click.option(
    "--n-pairs", "n", type=click.IntRange(min=100), default=3000, show_default=True, help="How many pairs."
)
@click.option("--seed", type=int, default=0, show_default=True, help="Seed of the sample.")
@json_option
def command(folder: Path, n: int, seed: int, as_json: bool) -> None:
    """Write a generated sample with known truth, and run the whole job on it.

    The pairs are made by a program, so the figures say that the machinery works, not how good it is on yours.
    """
    from weaklabel.data.sample import write_sample

    paths = write_sample(folder / "data", n_pairs=n, n_gold=min(400, n // 4), seed=seed)
    file = folder / "weaklabel.toml"
    if not file.exists():
        file.write_text(_toml(paths, folder), encoding="utf-8")
    note(f"sample   {n:,} generated pairs in {folder / 'data'}")
    run = open_run({"config_file": file})
    report = run.all()
    hint = f"\nLook around: cd {folder} && weaklabel analyze, weaklabel label --explain ID, weaklabel explore"
    emit(report.to_dict(), lambda: f"\n{report}\n{hint}", as_json)


def _toml(paths: Any, folder: Path) -> str:
    pairs, gold = (Path(path).relative_to(folder).as_posix() for path in (paths.pairs, paths.gold))
    return TOML.format(pairs=f'"{pairs}"', gold=f'"{gold}"')
