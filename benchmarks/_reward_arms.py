"""The arms of reward_throughput: TRL's RewardTrainer and ours over the same tokens, one training run each."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from itertools import combinations
from pathlib import Path
from typing import Any

import torch
from _reward_cases import Case
from _training_runs import PAD, Measured, measured_run, tokenizer_of, trl_arguments

from weaklabel.groups import Comparison
from weaklabel.training.layout import LAYOUTS, choose_layout, score
from weaklabel.training.losses import sigmoid_loss, weighted_mean
from weaklabel.training.reward import RewardTrainer
from weaklabel.training.runs.running import training_arguments
from weaklabel.training.settings import RewardTrainingSettings
from weaklabel.training.tokens import TokenGroup

LEARNING_RATE = 1e-4
Drawn = Sequence[tuple[list[int], list[list[int]]]]


@dataclass(frozen=True)
class Arm:
    """A trainer and what is set differently from the others.

    Attributes:
        layout: of ours; None for TRL.
        grouped: TRL sorts by length, with the column that it needs kept alive.
        defaults: TRL as its settings come: bf16 autocast and activation checkpointing.
    """

    layout: str | None = None
    grouped: bool = False
    defaults: bool = False


ARMS = {
    "TRL, as shipped": Arm(),
    "TRL, lengths grouped": Arm(grouped=True),
    "TRL, its default precision": Arm(defaults=True),
    "weaklabel, padded": Arm(layout="padded"),
    "weaklabel, bucketed": Arm(layout="bucketed"),
    "weaklabel, shared": Arm(layout="shared"),
    "weaklabel, varlen": Arm(layout="varlen"),
}


def token_groups(drawn: Drawn) -> list[TokenGroup]:
    """Every pair of a group's responses compared; the later one won."""
    return [
        TokenGroup(
            prompt,
            tuple(responses),
            tuple(Comparison(i, j, 1.0, 1.0) for i, j in combinations(range(len(responses)), 2)),
        )
        for prompt, responses in drawn
    ]


def chosen_rejected(drawn: Drawn) -> list[dict[str, Any]]:
    """The same pairs as TRL's rows."""
    rows = []
    for prompt, responses in drawn:
        for i, j in combinations(range(len(responses)), 2):
            chosen, rejected = prompt + responses[j], prompt + responses[i]
            rows.append(
                {
                    "chosen_ids": chosen,
                    "rejected_ids": rejected,
                    "length": max(len(chosen), len(rejected)),
                }
            )
    return rows


def run_arm(
    arm: Arm, case: Case, drawn: Drawn, make_model: Callable[[], Any], *, bf16: bool, checkpointing: bool
) -> Measured:
    """One epoch over `drawn`."""
    make = _trl if arm.layout is None else _ours

    def trainer(folder: Path) -> Any:
        return make(arm, case, drawn, make_model(), folder, bf16=bf16, checkpointing=checkpointing)

    return measured_run(trainer, len(drawn) * case.pairs_per_group)


def _ours(
    arm: Arm, case: Case, drawn: Drawn, model: Any, folder: Path, *, bf16: bool, checkpointing: bool
) -> RewardTrainer:
    settings = RewardTrainingSettings(
        groups_per_batch=case.pairs_per_step // case.pairs_per_group,
        tokens_per_batch=None,
        num_train_epochs=1,
        learning_rate=LEARNING_RATE,
        lr_scheduler_type="constant",
        bf16=bf16,
        activation_checkpointing=checkpointing,
        logging_steps=10,
    )
    args = training_arguments(settings, folder, best_by=None)
    args.save_strategy = "no"
    choose_layout(model, str(arm.layout), dtype=torch.bfloat16 if bf16 else None)
    return RewardTrainer(model, args, settings, LAYOUTS[str(arm.layout)], token_groups(drawn), (), pad_id=PAD)


def _trl(
    arm: Arm, case: Case, drawn: Drawn, model: Any, folder: Path, *, bf16: bool, checkpointing: bool
) -> Any:
    from datasets import Dataset
    from trl import RewardConfig, RewardTrainer

    rows = Dataset.from_list(chosen_rejected(drawn))
    more: dict[str, Any] = {}
    if arm.grouped:
        # Its collator needs no other column; the sampler needs this one, which the trainer would remove.
        more = {"train_sampling_strategy": "group_by_length", "remove_unused_columns": False}
    args = RewardConfig(
        **trl_arguments(
            folder,
            per_device_train_batch_size=case.pairs_per_step,
            learning_rate=LEARNING_RATE,
            bf16=bf16 or arm.defaults,
            gradient_checkpointing=checkpointing or arm.defaults,
            gradient_checkpointing_kwargs={"use_reentrant": False},
            **more,
        )
    )
    return RewardTrainer(model=model, args=args, train_dataset=rows, processing_class=tokenizer_of(model))


def losses_of_one_batch(
    drawn: Drawn, make_model: Callable[[], Any], layouts: Sequence[str]
) -> dict[str, float]:
    """The loss of the same pairs by TRL's own collator and `compute_loss`, and by ours in every layout."""
    from trl.trainer.reward_trainer import DataCollatorForPreference

    device = "cuda" if torch.cuda.is_available() else "cpu"
    model = make_model().to(device).eval()
    found = {}
    batch = DataCollatorForPreference(pad_token_id=PAD)(chosen_rejected(drawn))
    with torch.no_grad():
        logits = model(**{name: value.to(device) for name, value in batch.items()}, use_cache=False).logits
        chosen, rejected = logits.float().squeeze(-1).chunk(2)
        found["TRL"] = float(-torch.nn.functional.logsigmoid(chosen - rejected).mean())
    for name in layouts:
        laid = {k: v.to(device) for k, v in LAYOUTS[name].collate(token_groups(drawn), PAD).items()}
        with torch.no_grad():
            rewards = score(model, laid)
        d = rewards[laid["j"]] - rewards[laid["i"]]
        found[name] = float(weighted_mean(sigmoid_loss(d, laid["p"]), laid["w"]))
    return found


def reward_errors(drawn: Drawn, make_model: Callable[[], Any], layouts: Sequence[str]) -> dict[str, float]:
    """How far rewards in bfloat16 are from those of the same weights in float32, padded: the largest difference, in
    standard deviations of the rewards. TRL's way of reading them first."""
    groups, model = token_groups(drawn), make_model().cuda().eval()
    rewards = {"TRL": _rewards_of_trl(model, groups)} | {
        name: _rewards(model, groups, name) for name in layouts
    }
    exact = _rewards(model.float(), groups, "padded")
    return {name: float((found - exact).abs().max() / exact.std()) for name, found in rewards.items()}


def _rewards(model: Any, groups: list[TokenGroup], layout: str) -> torch.Tensor:
    batch = {key: value.to(model.device) for key, value in LAYOUTS[layout].collate(groups, PAD).items()}
    with torch.no_grad():
        return score(model, batch)


def _rewards_of_trl(model: Any, groups: list[TokenGroup]) -> torch.Tensor:
    batch = LAYOUTS["padded"].collate(groups, PAD)
    inputs = {key: batch[key].to(model.device) for key in ("input_ids", "attention_mask")}
    with torch.no_grad():
        rewards: torch.Tensor = model(**inputs, use_cache=False).logits.float()[:, 0]
    return rewards
