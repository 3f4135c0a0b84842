"""Training a policy: TRL's SFTTrainer and DPOTrainer and ours, examples per second and memory.

    python benchmarks/policy_throughput.py                  on a CPU: one thread, a Llama of 4 layers, fp32
    python benchmarks/policy_throughput.py --only DPO       cases whose name holds these words; or SFT, or "K = 4, 200"
    python benchmarks/policy_throughput.py --device cuda    bf16 models of 0.1B to 3B shapes
    python benchmarks/policy_throughput.py --quick

Every arm trains the same random weights on the same random tokens for one epoch with AdamW (fused), gradients clipped
at 1, the loss on responses alone, a vocabulary of 32,000, all in the same precision, without activation checkpointing on
a CPU and with it on CUDA. First the loss of one batch is compared between the model's own logits, TRL (in DPO) and every
layout, and the script stops where they differ. Arms have the same number of examples a step, but for TRL's packing, which has as
many tokens a step on average. On the CPU each run is a process of its own and the arms take turns; what is done per CPU second
is the figure to read on a machine that others use too. Memory is the peak over what the process held before it built
the model.

DPO trains on groups of K responses with all their pairs compared, TRL on the same pairs, each a row of two. Both are given what
the reference says before the clock starts; what asking takes, each in its own way, stands in a table of its own, and the loss of one
batch is by what each was told. "head on responses alone" is TRL with the way that it has on CUDA: on a CPU its head reads
every token, prompts and padding too.
"""

from __future__ import annotations

import json
import statistics
import sys
from collections.abc import Sequence
from dataclasses import asdict
from types import ModuleType
from typing import Any

import _dpo_arms
import _policy_arms
import torch
from _figures import Figures
from _reward_cases import SHAPES, build_model
from _training_runs import Job, add_rates, add_ratios, carry_out, in_a_process, in_turns

REFERENCE = "TRL, as shipped"
CUDA_STEPS = {"0.1B": 30, "0.5B": 20, "1B": 12, "3B": 6}
WARM_UP = 2  # steps
TOLERANCE = 1e-5
# The cases of a module are its CASES and CUDA_CASES; both modules have functions of the same names.
ARMS: dict[str, ModuleType] = {
    case: arms
    for arms in (_policy_arms, _dpo_arms)
    for case in (*arms.CASES, *arms.CUDA_CASES)  # type: ignore[attr-defined]
}


def on_cpu(figures: Figures, cases: Sequence[str], n_steps: int | None, repeats: int, quick: bool) -> None:
    for case in cases:
        arms, chosen = ARMS[case], ARMS[case].CASES[case]
        compare_losses(figures, case)
        if arms is _dpo_arms:
            ask_references(figures, case, repeats)
        steps = n_steps or arms.cpu_steps(chosen, quick)
        runs = in_turns(__file__, case, arms.arms_of(chosen, "cpu"), steps, repeats)
        for arm, found in runs.items():
            add_rates(figures, case, arm, found, arms.UNIT)
        add_ratios(figures, case, runs, REFERENCE)


def compare_losses(figures: Figures, case: str) -> None:
    found = in_a_process(__file__, "--arm", case, "losses")
    expected = next(iter(found.values()))
    for name, loss in found.items():
        figures.add(f"{case}: loss of one batch", name, "loss", loss)
        if not abs(loss - expected) <= TOLERANCE:
            raise SystemExit(f"{case}: the loss of {name!r} is {loss:.7f}, expected {expected:.7f}.")


def ask_references(figures: Figures, case: str, repeats: int) -> None:
    """Log-probabilities of the reference, which no other figure holds."""
    runs = in_turns(__file__, case, _dpo_arms.REFERENCE_ARMS, 1, repeats)
    seconds = {arm: statistics.median(run["cpu_s"] for run in found) for arm, found in runs.items()}
    first = next(iter(runs))
    for arm, found in runs.items():
        title, n = f"{case}: the reference is asked", found[0]["pairs"]
        figures.add(title, arm, "responses per CPU second", n / seconds[arm], n=len(found))
        figures.add(title, arm, "CPU speed ratio", seconds[first] / seconds[arm])


def one_arm(case: str, arm: str, n_steps: int | None) -> None:
    torch.set_num_threads(1)
    arms, chosen, vocabulary = ARMS[case], ARMS[case].CASES[case], SHAPES["policy"][-1]
    steps = 1 if arm == "losses" else n_steps or arms.cpu_steps(chosen, False)
    drawn = arms.draw(chosen, steps, vocabulary)
    if arm == "losses":
        found: Any = arms.losses_of_one_batch(chosen, drawn, language_model)
    else:
        job = Job(chosen, drawn, language_model, bf16=False, checkpointing=False)
        asked = arms is _dpo_arms and arm in _dpo_arms.REFERENCE_ARMS
        found = asdict(_dpo_arms.ask(arm, job) if asked else arms.run_arm(arms.ARMS[arm], job))
    print(json.dumps(found))


def on_cuda(figures: Figures, cases: Sequence[str], shape: str, n_steps: int) -> None:
    def make_model() -> Any:
        with torch.device("cuda"):
            return language_model(shape=shape, dtype=torch.bfloat16)

    for name in cases:
        arms, case = ARMS[name], ARMS[name].CUDA_CASES[name]
        drawn, label = arms.draw(case, n_steps + WARM_UP, SHAPES[shape][-1]), f"{shape}, {name}"
        first = WARM_UP * arms.per_step(case)
        runs = {}
        for arm in arms.arms_of(case, "cuda"):
            warm_up, job = (
                Job(case, some, make_model, bf16=True, checkpointing=True)
                for some in (drawn[:first], drawn[first:])
            )
            arms.run_arm(arms.ARMS[arm], warm_up)  # kernels are chosen here
            runs[arm] = [asdict(arms.run_arm(arms.ARMS[arm], job))]
            print(f"{label}, {arm}: {runs[arm][0]}", file=sys.stderr, flush=True)
            add_rates(figures, label, arm, runs[arm], arms.UNIT)
        add_ratios(figures, label, runs, REFERENCE)


def language_model(*, shape: str = "policy", dtype: Any = None, seed: int = 0) -> Any:
    return build_model(shape, kind="LlamaForCausalLM", dtype=dtype, seed=seed)


if __name__ == "__main__":
    carry_out(
        "policy_throughput",
        __doc__,
        CUDA_STEPS,
        cases={
            "cpu": [*_policy_arms.CASES, *_dpo_arms.CASES],
            "cuda": [*_policy_arms.CUDA_CASES, *_dpo_arms.CUDA_CASES],
        },
        one_arm=one_arm,
        on_cpu=on_cpu,
        on_cuda=on_cuda,
    )
