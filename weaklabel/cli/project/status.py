"""`weaklabel status`: what of a run's votes is fresh, stale or missing."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import click

from weaklabel.cli._common import config_options, emit, json_option, lf_options, name_option
from weaklabel.cli._runs import run_settings

if TYPE_CHECKING:
    from weaklabel.engine.status import Standing


@click.command("status")
@click.option("--why", is_flag=True, help="Say what changed since the votes that exist.")
@lf_options
@config_options
@name_option
@json_option
def command(why: bool, as_json: bool, **options: Any) -> None:
    """What of a run's votes is fresh, stale or missing; nothing is computed.

    Fresh: this version of the function has voted on these pairs. Stale: only an earlier version has. Missing: none
    has. Grain says where an edit counts: "function", wherever the function reaches, or "file", anywhere in its files.
    """
    loaded = run_settings(options)
    from weaklabel.engine import VoteStore
    from weaklabel.engine.status import shards_of, standings
    from weaklabel.pipeline import Run

    run = Run(loaded, options.get("name"))
    shards = shards_of(run.folder, run.lfs)
    found = standings(run.lfs, shards, VoteStore(loaded.store_folder))
    report = {
        "run": run.folder.name,
        "n_pairs": sum(shard.n_pairs for shard in shards),
        "n_shards": len(shards),
        "pairs_are_read": run.is_read,
        "up_to_date": run.is_read and all(not standing.pairs_to_do for standing in found),
        "lfs": [standing.to_dict() for standing in found],
    }
    emit(report, lambda: _shown(report, found, why), as_json)


def _shown(report: dict[str, Any], found: tuple[Standing, ...], why: bool) -> str:
    from weaklabel._tables import plain_table

    rows = [[s.name, s.grain, str(s.fresh), str(s.stale), str(s.missing)] for s in found]
    lines = [plain_table(["lf", "grain", "fresh", "stale", "missing"], rows, left=2), ""]
    for standing in found if why else ():
        said = list(standing.changed)
        if standing.kept_as:
            said.append(f"renamed: its votes are kept as {standing.kept_as}")
        if standing.grain == "file":
            said.append(f"any edit of its files counts: {standing.reason}")
        lines += [f"{standing.name}: {text}" for text in said]
    cells = sum(s.stale + s.missing for s in found)
    of = f"{report['n_pairs']:,} pairs in {report['n_shards']:,} shards"
    if cells:
        hint = "" if why else "; --why says what changed"
        lines.append(f"{of}: {cells:,} of {len(found) * report['n_shards']:,} to compute{hint}")
    else:
        lines.append(f"{of}: all votes are fresh")
    if not report["pairs_are_read"]:
        lines.append(
            "the data or its settings changed since these pairs were read: weaklabel read takes them in anew"
        )
    return "\n".join(lines)
