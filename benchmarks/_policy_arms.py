"""The arms of policy_throughput for SFT: TRL's SFTTrainer and ours over the same tokens, one training run each."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from _training_runs import PAD, Job, Measured, measured_run, tokenizer_of, trl_arguments

from weaklabel.training.layout import unwrapped
from weaklabel.training.layout.language import attach, token_logps
from weaklabel.training.losses import weighted_mean
from weaklabel.training.runs.running import CHECKPOINTING, training_arguments
from weaklabel.training.settings import TrainingSettings
from weaklabel.training.sft import SFT_LAYOUTS, SFTTrainer, TokenExample

LEARNING_RATE = 1e-4
UNIT = ("response tokens", "response token")


@dataclass(frozen=True)
class Case:
    """Lengths of prompts and responses in tokens, the mean where they vary (log-normal, .6 of the logarithm)."""

    prompt: int
    response: int
    per_step: int
    varies: bool


CASES = {
    "SFT, fixed 200 + 60": Case(200, 60, 8, False),
    "SFT, variable, means 200 / 60": Case(200, 60, 8, True),
}
CUDA_CASES = {"SFT, variable, means 400 / 150": Case(400, 150, 32, True)}


@dataclass(frozen=True)
class Arm:
    """A trainer and what is set differently from the others.

    Attributes:
        layout: of ours; None for TRL.
        trl: settings of TRL's.
    """

    layout: str | None = None
    trl: tuple[tuple[str, Any], ...] = ()


ARMS = {
    "TRL, as shipped": Arm(),
    "TRL, lengths grouped": Arm(trl=(("train_sampling_strategy", "group_by_length"),)),
    "TRL, packing": Arm(trl=(("packing", True),)),
    "weaklabel, padded": Arm(layout="padded"),
    "weaklabel, bucketed": Arm(layout="bucketed"),
    "weaklabel, varlen": Arm(layout="varlen"),
}


def arms_of(case: Case, device: str) -> tuple[str, ...]:
    """Names of the arms of a case."""
    if device == "cuda":
        return (
            "TRL, as shipped",
            "TRL, lengths grouped",
            "TRL, packing",
            "weaklabel, bucketed",
            "weaklabel, varlen",
        )
    varying = ("TRL, lengths grouped", "TRL, packing") if case.varies else ()
    ours = ("weaklabel, padded", "weaklabel, bucketed") if case.varies else ("weaklabel, padded",)
    return ("TRL, as shipped", *varying, *ours)


def cpu_steps(case: Case, quick: bool) -> int:
    return 3 if quick else 24


def per_step(case: Case) -> int:
    """How many of what `draw` draws make a step."""
    return case.per_step


def draw(case: Case, n_steps: int, vocabulary: int, seed: int = 0) -> list[TokenExample]:
    """Random tokens, enough for `n_steps` steps."""
    rng = np.random.default_rng(seed)

    def text(mean: int) -> list[int]:
        sigma = 0.6
        n = max(4, int(rng.lognormal(np.log(mean) - sigma**2 / 2, sigma))) if case.varies else mean
        found: list[int] = rng.integers(3, vocabulary, n).tolist()
        return found

    return [TokenExample(text(case.prompt), text(case.response)) for _ in range(n_steps * case.per_step)]


def rows_of(examples: Sequence[TokenExample]) -> list[dict[str, list[int]]]:
    """The same as TRL's rows."""
    return [
        {
            "input_ids": example.prompt + example.response,
            "completion_mask": [0] * len(example.prompt) + [1] * len(example.response),
        }
        for example in examples
    ]


def run_arm(arm: Arm, job: Job) -> Measured:
    """One epoch over the examples; what counts are tokens of responses."""
    make = _trl if arm.layout is None else _ours
    n = sum(len(example.response) for example in job.drawn)
    return measured_run(lambda folder: make(arm, job, folder), n)


def _ours(arm: Arm, job: Job, folder: Path) -> SFTTrainer:
    model = job.make_model()
    settings = TrainingSettings(
        groups_per_batch=job.case.per_step,
        num_train_epochs=1,
        learning_rate=LEARNING_RATE,
        lr_scheduler_type="constant",
        bf16=job.bf16,
        activation_checkpointing=job.checkpointing,
        logging_steps=10,
    )
    args = training_arguments(settings, folder, best_by=None)
    args.save_strategy = "no"
    attach(unwrapped(model))
    return SFTTrainer(model, args, settings, SFT_LAYOUTS[str(arm.layout)], job.drawn, (), pad_id=PAD)


def _trl(arm: Arm, job: Job, folder: Path) -> Any:
    from datasets import Dataset
    from trl import SFTConfig
    from trl import SFTTrainer as TheirTrainer

    more: dict[str, Any] = dict(arm.trl)
    case, model = job.case, job.make_model()
    per_step, longest = case.per_step, max(len(e.prompt) + len(e.response) for e in job.drawn)
    if more.get("packing"):
        # Rows of several examples, as many tokens a step as the others have on average.
        more["max_length"] = longest
        per_step = max(1, round(case.per_step * (case.prompt + case.response) / longest))
    args = SFTConfig(
        **trl_arguments(
            folder,
            per_device_train_batch_size=per_step,
            learning_rate=LEARNING_RATE,
            completion_only_loss=True,
            bf16=job.bf16,
            **{CHECKPOINTING: job.checkpointing, **more},
        )
    )
    rows = Dataset.from_list(rows_of(job.drawn))
    return TheirTrainer(model=model, args=args, train_dataset=rows, processing_class=tokenizer_of(model))


def losses_of_one_batch(
    case: Case, examples: Sequence[TokenExample], make_model: Callable[..., Any]
) -> dict[str, float]:
    """The loss of the same examples from the model's own logits, as TRL takes it, and by ours in every layout."""
    model = make_model().eval()
    found = {}
    with torch.no_grad():
        total = torch.zeros(())
        for example in examples:
            ids = torch.tensor([example.prompt + example.response])
            logits = model(ids).logits.float()[0, len(example.prompt) - 1 : -1]
            total += torch.nn.functional.cross_entropy(
                logits, torch.tensor(example.response), reduction="sum"
            )
        found["the model's own logits"] = float(total / sum(len(e.response) for e in examples))
        for name in SFT_LAYOUTS:
            batch = SFT_LAYOUTS[name].collate(examples, PAD)
            found[name] = float(weighted_mean(-token_logps(model, batch), batch["w"]))
    return found
