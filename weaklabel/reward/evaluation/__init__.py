"""How reward models are judged: on gold, by subsets, by best of n; and how sure they are."""

from weaklabel.reward.evaluation.best_of_n import BestOfN, Candidates, best_of_n, read_candidates
from weaklabel.reward.evaluation.evaluation import Evaluation, evaluate
from weaklabel.reward.evaluation.rewardbench import REWARD_BENCH
from weaklabel.reward.evaluation.subsets import SubsetEvaluation, evaluate_subsets
from weaklabel.reward.evaluation.uncertainty import LastLayer

__all__ = [
    "REWARD_BENCH",
    "BestOfN",
    "Candidates",
    "Evaluation",
    "LastLayer",
    "SubsetEvaluation",
    "best_of_n",
    "evaluate",
    "evaluate_subsets",
    "read_candidates",
]
