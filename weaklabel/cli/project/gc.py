"""`weaklabel gc`: remove votes that no run refers to."""

from __future__ import annotations

from collections import defaultdict
from typing import Any

import click

from weaklabel.cli._common import (
    emit,
    project_options,
)
from weaklabel.cli._runs import load_settings


@click.command("gc")
@click.option("--dry-run", is_flag=True, help="Say what would go, and remove nothing.")
@click.option(
    "--all",
    "everything",
    is_flag=True,
    help="Also what is younger than an hour. Only where no run is going on.",
)
@project_options
def command(dry_run: bool, everything: bool, as_json: bool, **options: Any) -> None:
    """Remove votes that no run under runs/ refers to, and what killed runs left half written.

    Votes can be computed again; answers of judges cost money and stay. Files younger than an hour stay as well: a run
    may be writing them.
    """
    loaded = load_settings(options)
    from weaklabel.engine import VoteStore
    from weaklabel.engine.garbage import remove, unreferenced

    found = unreferenced(VoteStore(loaded.store_folder), loaded.run_folder().parent, everything=everything)
    freed = sum(removal.size for removal in found) if dry_run else remove(found)
    by_version: dict[str, list[int]] = defaultdict(lambda: [0, 0])
    for removal in found:
        entry = by_version[removal.version or "half-written files"]
        entry[0] += removal.what in ("votes", "torn")
        entry[1] += removal.size
    report = {
        "dry_run": dry_run,
        "bytes": freed,
        "files": len(found),
        "versions": [{"version": name, "shards": n, "bytes": size} for name, (n, size) in by_version.items()],
    }
    emit(report, lambda: _shown(report), as_json)


def _shown(report: dict[str, Any]) -> str:
    from weaklabel._tables import plain_table

    did = "would free" if report["dry_run"] else "freed"
    total = f"{did} {report['bytes']:,} bytes in {report['files']:,} files"
    if not report["files"]:
        return "nothing to remove"
    rows = [[v["version"], f"{v['shards']:,}", f"{v['bytes']:,}"] for v in report["versions"]]
    return f"{plain_table(['version', 'shards', 'bytes'], rows)}\n\n{total}"
