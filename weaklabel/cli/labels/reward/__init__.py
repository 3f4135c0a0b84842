"""`weaklabel reward`: reward models trained, judged, compared and put to use; one file per command."""

from __future__ import annotations

import click

from weaklabel.cli.labels.reward.compare import compare
from weaklabel.cli.labels.reward.eval import evaluate
from weaklabel.cli.labels.reward.score import score
from weaklabel.cli.labels.reward.train import train


@click.group("reward")
def command() -> None:
    """Train a reward model on labels or on any preference file, judge it on gold, score responses with it."""


for _each in (train, evaluate, score, compare):
    command.add_command(_each)
