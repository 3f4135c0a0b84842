"""`weaklabel label`: a belief, an importance and a verdict for every pair."""

from __future__ import annotations

from typing import Any

import click

from weaklabel.cli._common import (
    data_options,
    emit,
    labeler_options,
    lf_options,
    run_options,
)
from weaklabel.cli._runs import open_run


@click.command("label")
@data_options
@lf_options
@labeler_options
@click.option(
    "--explain", "pair_id", metavar="ID", help="Which functions spoke on one pair, with what weight."
)
@run_options
def command(as_json: bool, pair_id: str | None, **options: Any) -> None:
    """Label every pair: p (belief that b is better), w, label, confidence, calibrated, and the votes behind it."""
    run = open_run(options)
    labels = run.labels_file
    if pair_id is not None:
        explanation = run.explain(pair_id)
        emit(_explained(explanation), str(explanation), as_json)
        return
    counts, n_pairs = run.plan.label.counts, len(labels)
    value = {
        "run": run.folder.name,
        "n_pairs": n_pairs,
        "calibrated": labels.calibrated,
        "labels": {verdict: counts[verdict] for verdict in ("a", "b", "tie")},
        "without_votes": counts["without_votes"],
        "confidence": counts["confidence"],
    }
    kind = (
        "calibrated" if labels.calibrated else "NOT calibrated: the order of p can be used, its value cannot"
    )
    shares = "\n".join(
        f"  at least {c}: {count:>8,} pairs ({count / max(1, n_pairs):.1%})"
        for c, count in counts["confidence"].items()
    )
    emit(value, f"confidence ({kind})\n{shares}\nlabels: {run.folder / 'labels.parquet'}", as_json)


def _explained(explanation: Any) -> dict[str, Any]:
    return {
        "id": explanation.pair_id,
        "p": explanation.p,
        "p_low": explanation.p_low,
        "p_high": explanation.p_high,
        "logit": explanation.logit,
        "calibrated": explanation.calibrated,
        "n_lfs": explanation.n_lfs,
        "reasons": [
            {
                "lf": r.lf,
                "vote": r.vote,
                "margin": None if r.margin != r.margin else r.margin,
                "log_odds": r.log_odds,
            }
            for r in explanation.reasons
        ],
    }
