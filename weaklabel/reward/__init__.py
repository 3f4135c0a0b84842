"""Reward models: a number per response, learned from soft labels, and how they compare on gold."""

from weaklabel.reward.base import RewardModel
from weaklabel.reward.evaluation import Evaluation, evaluate
from weaklabel.reward.registry import REWARD_MODELS, get_reward_model, load_reward
from weaklabel.reward.train import train_reward, training_targets

__all__ = [
    "REWARD_MODELS",
    "Evaluation",
    "RewardModel",
    "evaluate",
    "get_reward_model",
    "load_reward",
    "train_reward",
    "training_targets",
]
