"""`weaklabel label`: a belief, an importance and a verdict for every pair."""

from __future__ import annotations

from typing import Any

import click

from weaklabel.cli._common import (
    config_options,
    data_options,
    emit,
    json_option,
    labeler_options,
    lf_options,
    name_option,
    open_run,
)


@click.command("label")
@data_options
@lf_options
@labeler_options
@click.option(
    "--explain", "pair_id", metavar="ID", help="Which functions spoke on one pair, with what weight."
)
@config_options
@name_option
@json_option
def command(as_json: bool, pair_id: str | None, **options: Any) -> None:
    """Label every pair: p (belief that b is better), w, label, confidence, calibrated, and the votes behind it."""
    run = open_run(options)
    labels = run.labels
    if pair_id is not None:
        explanation = labels.explain(pair_id)
        emit(_explained(explanation), str(explanation), as_json)
        return
    verdicts = labels.label.tolist()
    at_least = {str(c): int((labels.confidence >= c).sum()) for c in (0.5, 0.6, 0.7, 0.8, 0.9)}
    value = {
        "run": run.folder.name,
        "n_pairs": len(labels),
        "calibrated": labels.calibrated,
        "labels": {verdict: verdicts.count(verdict) for verdict in ("a", "b", "tie")},
        "without_votes": int((labels.w == 0).sum()),
        "confidence": at_least,
    }
    kind = (
        "calibrated" if labels.calibrated else "NOT calibrated: the order of p can be used, its value cannot"
    )
    shares = "\n".join(
        f"  at least {c}: {count:>8,} pairs ({count / max(1, len(labels)):.1%})"
        for c, count in at_least.items()
    )
    emit(value, f"confidence ({kind})\n{shares}\nlabels: {run.folder / 'labels.parquet'}", as_json)


def _explained(explanation: Any) -> dict[str, Any]:
    return {
        "id": explanation.pair_id,
        "p": explanation.p,
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
