"""Judges: LLMs that are asked in both orders, verdicts that the data already holds, and crowd workers."""

from weaklabel.judges.both_orders import position_bias
from weaklabel.judges.columns import judge_column, judge_columns
from weaklabel.judges.crowd import crowd_match, crowd_workers
from weaklabel.judges.prompted import judge

__all__ = ["crowd_match", "crowd_workers", "judge", "judge_column", "judge_columns", "position_bias"]
