"""From labeling functions and pairs to votes: shard tasks, executors, and the vote store."""

from weaklabel.engine.apply import Applied, apply, apply_with_costs
from weaklabel.engine.executors import Executor
from weaklabel.engine.shards import SHARD_SIZE
from weaklabel.engine.store import VoteStore, fingerprint

__all__ = ["SHARD_SIZE", "Applied", "Executor", "VoteStore", "apply", "apply_with_costs", "fingerprint"]
