"""Reward models: a number per response, learned from soft labels, and how they compare on gold."""

from weaklabel.reward.base import RewardModel
from weaklabel.reward.evaluation import (
    REWARD_BENCH,
    BestOfN,
    Candidates,
    Evaluation,
    SubsetEvaluation,
    best_of_n,
    evaluate,
    evaluate_subsets,
    read_candidates,
)
from weaklabel.reward.files import read_taught, score_file, taught_interval
from weaklabel.reward.registry import REWARD_MODELS, get_reward_model, load_reward
from weaklabel.reward.train import train_reward, training_targets

__all__ = [
    "REWARD_BENCH",
    "REWARD_MODELS",
    "BestOfN",
    "Candidates",
    "Evaluation",
    "RewardModel",
    "SubsetEvaluation",
    "best_of_n",
    "evaluate",
    "evaluate_subsets",
    "get_reward_model",
    "load_reward",
    "read_candidates",
    "read_taught",
    "score_file",
    "taught_interval",
    "train_reward",
    "training_targets",
]
