"""`weaklabel reward score`: a file of prompts and responses gets a column of rewards."""

from __future__ import annotations

import click

from weaklabel._paths import expanded
from weaklabel.cli._common import _columns, emit, json_option, results_only
from weaklabel.cli.labels.reward._files import open_reward


@click.command("score")
@click.argument("model")
@click.argument("file")
@click.option("--out", required=True, metavar="FILE", help="Where to: .parquet or .jsonl.")
@click.option("--columns", metavar="response=answer,...", callback=_columns, help="Which column is which.")
@json_option
def score(as_json: bool, model: str, file: str, out: str, columns: dict[str, str] | None) -> None:
    """Add a column `reward` to every row of FILE, which holds `prompt` and `response`.

    MODEL is a saved reward model's folder. Rewards of one prompt can be compared; a difference is in log-odds.

    \b
    weaklabel reward score runs/base/reward answers.jsonl --out scored.parquet
    """
    results_only()
    from weaklabel.reward import score_file

    source, target = expanded(file, "FILE"), expanded(out, "--out")
    count = score_file(open_reward(model), source, target, columns)
    emit({"rows": count, "path": out}, f"{count:,} rows scored: {out}", as_json)
