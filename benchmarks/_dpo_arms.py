"""The arms of policy_throughput for DPO: TRL's DPOTrainer and ours over the same tokens, one training run each."""

from __future__ import annotations

import tempfile
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from itertools import combinations
from pathlib import Path
from typing import Any

import torch
from _reward_arms import Drawn, token_groups
from _reward_cases import Case
from _reward_cases import draw_groups as draw  # noqa: F401  # the name that policy_throughput knows
from _training_runs import PAD, Job, Measured, measured_run, tokenizer_of, trl_arguments

from weaklabel.training.dpo.layouts import DPO_LAYOUTS, ReferredGroup
from weaklabel.training.dpo.reference import reference_logps
from weaklabel.training.dpo.settings import DPOTrainingSettings
from weaklabel.training.dpo.train import DPOTrainer
from weaklabel.training.layout import unwrapped
from weaklabel.training.layout.language import attach
from weaklabel.training.losses import weighted_mean
from weaklabel.training.runs.running import CHECKPOINTING, training_arguments

LEARNING_RATE, BETA = 1e-5, 0.1
UNIT = ("pairs", "pair")
CASES = {
    "DPO, K = 4, 200 + 4 x 60": Case(200, 60, 4, 24, False),
    "DPO, variable, means 200 / 60": Case(200, 60, 2, 8, True),
    "DPO, fixed 200 + 60 + 60": Case(200, 60, 2, 8, False),
    "DPO, K = 4, 50 + 4 x 200": Case(50, 200, 4, 24, False),
}
CUDA_CASES = {
    "DPO, variable, means 400 / 150": Case(400, 150, 2, 16, True),
    "DPO, K = 4, 400 + 4 x 150": Case(400, 150, 4, 48, False),
}


@dataclass(frozen=True)
class Arm:
    """A trainer and what is set differently from the others.

    Attributes:
        layout: of ours; None for TRL.
        grouped: TRL sorts by length, with the column that it needs kept alive.
        compact: TRL's head reads tokens of responses alone, as it does on CUDA without being told.
    """

    layout: str | None = None
    grouped: bool = False
    compact: bool = False


ARMS = {
    "TRL, as shipped": Arm(),
    "TRL, lengths grouped": Arm(grouped=True),
    "TRL, head on responses alone": Arm(compact=True),
    "weaklabel, padded": Arm(layout="padded"),
    "weaklabel, bucketed": Arm(layout="bucketed"),
    "weaklabel, shared": Arm(layout="shared"),
    "weaklabel, varlen": Arm(layout="varlen"),
}
REFERENCE_ARMS = (
    "TRL, precompute_ref_log_probs",
    "weaklabel, a prompt for each response",
    "weaklabel, reference_logps",
)


def arms_of(case: Case, device: str) -> tuple[str, ...]:
    """Names of the arms of a case; lengths are sorted where they vary."""
    sorted_ones = ("TRL, lengths grouped", "weaklabel, bucketed") if case.varies else ()
    if device == "cuda":
        return ("TRL, as shipped", *sorted_ones, "weaklabel, shared", "weaklabel, varlen")
    return ("TRL, as shipped", "TRL, head on responses alone", *sorted_ones, "weaklabel, shared")


def cpu_steps(case: Case, quick: bool) -> int:
    return 1 if quick else 48 // case.pairs_per_step


def per_step(case: Case) -> int:
    """How many of what `draw` draws make a step."""
    return case.pairs_per_step // case.pairs_per_group


def rows_of(drawn: Drawn, referred: Sequence[ReferredGroup] = ()) -> list[dict[str, Any]]:
    """Every pair of every group as TRL's rows, with what the reference says where it is known.

    The later response won, as in `token_groups`.
    """
    rows: list[dict[str, Any]] = []
    for k, (prompt, responses) in enumerate(drawn):
        for i, j in combinations(range(len(responses)), 2):
            row = {
                "prompt_ids": prompt,
                "chosen_ids": responses[j],
                "rejected_ids": responses[i],
                "length": len(prompt) + max(len(responses[i]), len(responses[j])),
            }
            if referred:
                said = referred[k].reference
                row |= {"ref_chosen_logps": said[j], "ref_rejected_logps": said[i]}
            rows.append(row)
    return rows


# ------------------------------------------------------------------------------------------------ a training run
def run_arm(arm: Arm, job: Job) -> Measured:
    """One epoch over the groups; what counts are pairs."""
    make = _ours if arm.layout else _trl
    _trainer_of_trl()  # imported by every arm, so that none pays for it
    return measured_run(lambda folder: make(arm, job, folder), len(job.drawn) * job.case.pairs_per_group)


def _ours(arm: Arm, job: Job, folder: Path) -> DPOTrainer:
    return _our_trainer(str(arm.layout), job, folder, model := job.make_model(), model)


def _our_trainer(layout: str, job: Job, folder: Path, model: Any, reference: Any) -> DPOTrainer:
    settings = DPOTrainingSettings(
        groups_per_batch=per_step(job.case),
        num_train_epochs=1,
        learning_rate=LEARNING_RATE,
        lr_scheduler_type="constant",
        beta=BETA,
        bf16=job.bf16,
        activation_checkpointing=job.checkpointing,
        logging_steps=10,
    )
    args = training_arguments(settings, folder, best_by=None)
    args.save_strategy = "no"
    groups = _referred(reference, job, args.device, folder)
    attach(unwrapped(model))
    return DPOTrainer(model, args, settings, DPO_LAYOUTS[layout], groups, (), pad_id=PAD)


def _referred(
    reference: Any, job: Job, device: torch.device, folder: Path, *, shared: bool = True
) -> list[ReferredGroup]:
    groups = token_groups(job.drawn)
    layout = ("varlen" if device.type == "cuda" else "shared") if shared else "bucketed"
    found = reference_logps(
        reference,
        groups,
        key="reference",
        store=folder / "store",
        device=device,
        pad_id=PAD,
        layout=layout,
        bf16=job.bf16,
    )
    values = iter(found.logps.tolist())
    return [ReferredGroup(group, tuple(next(values) for _ in group.responses)) for group in groups]


def _trl(arm: Arm, job: Job, folder: Path) -> Any:
    device = torch.device("cuda" if torch.cuda.is_available() else "cpu")
    # Asked of a copy: asking teaches a model another forward, and on CUDA another attention.
    rows = rows_of(job.drawn, _referred(job.make_model(), job, device, folder))
    return _their_trainer(arm, job, folder, job.make_model(), rows)


def _their_trainer(
    arm: Arm, job: Job, folder: Path, model: Any, rows: list[dict[str, Any]], reference: Any = None
) -> Any:
    from datasets import Dataset
    from trl import DPOConfig
    from trl.trainer import utils

    # Its collator needs no other column than those of ids; the sampler needs `length`, which the trainer would remove.
    grouped = {"train_sampling_strategy": "group_by_length", "remove_unused_columns": False}
    if arm.compact:
        utils._use_triton = lambda device: True
    args = DPOConfig(
        **trl_arguments(
            folder,
            per_device_train_batch_size=job.case.pairs_per_step,
            learning_rate=LEARNING_RATE,
            beta=BETA,
            bf16=job.bf16,
            precompute_ref_log_probs=True,
            **{CHECKPOINTING: job.checkpointing, **(grouped if arm.grouped else {})},
        )
    )
    return _trainer_of_trl()(
        model=model,
        ref_model=reference,
        args=args,
        train_dataset=Dataset.from_list(rows),
        processing_class=tokenizer_of(model),
    )


def _trainer_of_trl() -> Any:
    from trl import DPOTrainer as TheirTrainer

    class OfTokens(TheirTrainer):  # type: ignore[misc]
        """TRL's trainer, which tokenises texts, with token ids, and with what a reference said where rows hold it.

        `asked` is how long it asked its reference, if it did.
        """

        asked: tuple[float, float] = (0.0, 0.0)

        def _prepare_dataset(self, dataset: Any, *rest: Any) -> Any:
            return dataset

        def _precompute_ref_logps(self, dataset: Any, *rest: Any) -> Any:
            if "ref_chosen_logps" in dataset.column_names:
                return dataset
            found, self.asked = timed(lambda: super(OfTokens, self)._precompute_ref_logps(dataset, *rest))
            return found

    return OfTokens


# ------------------------------------------------------------------------------------------------ the reference
def ask(arm: str, job: Job) -> Measured:
    """The reference asked for every response, before training; what counts are responses, each of them once."""
    n = sum(len(responses) for _, responses in job.drawn)
    with tempfile.TemporaryDirectory() as folder:
        model = job.make_model()
        if arm.startswith("TRL"):
            seconds = _their_trainer(Arm(), job, Path(folder), model, rows_of(job.drawn)).asked
        else:
            shared, cpu = arm == REFERENCE_ARMS[-1], torch.device("cpu")
            _, seconds = timed(lambda: _referred(model, job, cpu, Path(folder), shared=shared))
    return Measured(n, *seconds, 0, 0.0)


def timed(work: Callable[[], Any]) -> tuple[Any, tuple[float, float]]:
    """What some work gives, and its seconds: of the clock and of the processor."""
    wall, cpu = time.perf_counter(), time.process_time()
    found = work()
    return found, (time.perf_counter() - wall, time.process_time() - cpu)


# ------------------------------------------------------------------------------------------------ the same loss
def losses_of_one_batch(case: Case, drawn: Drawn, make_model: Callable[..., Any]) -> dict[str, float]:
    """The loss of the same pairs from the models' own logits, by TRL's trainer, and by ours in every layout.

    The reference has other weights than the policy, or every loss would be log 2.
    """
    model, reference = make_model().eval(), make_model(seed=1).eval()
    job = Job(case, drawn, lambda: model, bf16=False, checkpointing=False)
    found = {"the models' own logits": _by_logits(model, reference, drawn)}
    with tempfile.TemporaryDirectory() as temporary:
        folder = Path(temporary)
        for name in DPO_LAYOUTS:
            trainer = _our_trainer(name, job, folder / name, model, reference)
            found[name] = _our_loss(trainer)
        # Last, for it gives the models another forward.
        theirs = _their_trainer(Arm(), job, folder / "trl", model, rows_of(drawn), reference)
        rows = [theirs.train_dataset[k] for k in range(len(theirs.train_dataset))]
        with torch.no_grad():
            found["TRL"] = float(theirs.compute_loss(model, theirs.data_collator(rows)))
    return found


def _our_loss(trainer: DPOTrainer) -> float:
    [batch] = trainer.get_train_dataloader()
    with torch.no_grad():
        losses, weights = trainer.losses(trainer.model, batch)
    return float(weighted_mean(losses, weights))


def _by_logits(model: Any, reference: Any, drawn: Drawn) -> float:
    def logp(scored: Any, prompt: list[int], response: list[int]) -> float:
        with torch.no_grad():
            logits = scored(torch.tensor([prompt + response])).logits[0, len(prompt) - 1 : -1].double()
        return float(-torch.nn.functional.cross_entropy(logits, torch.tensor(response), reduction="sum"))

    losses: list[float] = []
    for prompt, responses in drawn:
        rewards = [BETA * (logp(model, prompt, r) - logp(reference, prompt, r)) for r in responses]
        margins: Sequence[float] = [b - a for a, b in combinations(rewards, 2)]
        losses += torch.nn.functional.softplus(-torch.tensor(margins, dtype=torch.float64)).tolist()
    return sum(losses) / len(losses)
