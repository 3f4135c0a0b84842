"""How reward models are judged: on gold, by subsets, by best of n."""

from weaklabel.reward.evaluation.best_of_n import BestOfN, Candidates, best_of_n, read_candidates
from weaklabel.reward.evaluation.evaluation import Evaluation, evaluate
from weaklabel.reward.evaluation.rewardbench import REWARD_BENCH
from weaklabel.reward.evaluation.subsets import SubsetEvaluation, evaluate_subsets

__all__ = [
    "REWARD_BENCH",
    "BestOfN",
    "Candidates",
    "Evaluation",
    "SubsetEvaluation",
    "best_of_n",
    "evaluate",
    "evaluate_subsets",
    "read_candidates",
]
