"""Training a policy: TRL's SFTTrainer and ours, tokens of responses per second and memory.

    python benchmarks/policy_throughput.py                  on a CPU: one thread, a Llama of 4 layers, fp32
    python benchmarks/policy_throughput.py --device cuda    bf16 models of 0.1B to 3B shapes
    python benchmarks/policy_throughput.py --quick

Every arm trains the same random weights on the same random tokens for one epoch with AdamW (fused), gradients clipped
at 1, the loss on responses alone, a vocabulary of 32,000, all in the same precision, without activation checkpointing on
a CPU and with it on CUDA. First the loss of one batch is compared between the model's own logits and every layout, and
the script stops where they differ. Arms have the same number of examples a step, but for TRL's packing, which has as
many tokens a step on average. On the CPU each run is a process of its own and the arms take turns; tokens per CPU second
is the figure to read on a machine that others use too. Memory is the peak over what the process held before it built
the model.
"""

from __future__ import annotations

import json
import sys
from dataclasses import asdict
from typing import Any

from _figures import Figures
from _reward_cases import SHAPES, build_model
from _training_runs import add_rates, add_ratios, carry_out, in_a_process, in_turns

REFERENCE = "TRL, as shipped"
CPU_ARMS = (REFERENCE, "TRL, lengths grouped", "TRL, packing", "weaklabel, padded", "weaklabel, bucketed")
CUDA_ARMS = (REFERENCE, "TRL, lengths grouped", "TRL, packing", "weaklabel, bucketed", "weaklabel, varlen")
VARYING_ONLY = ("TRL, lengths grouped", "TRL, packing", "weaklabel, bucketed")
CUDA_STEPS = {"0.1B": 30, "0.5B": 20, "1B": 12, "3B": 6}
WARM_UP = 2  # steps
TOLERANCE = 1e-5
UNIT = ("response tokens", "response token")


def on_cpu(figures: Figures, n_steps: int, repeats: int) -> None:
    from _policy_arms import CASES

    for case, chosen in CASES.items():
        compare_losses(figures, case)
        arms = [arm for arm in CPU_ARMS if chosen.varies or arm not in VARYING_ONLY]
        runs = in_turns(__file__, case, arms, n_steps, repeats)
        for arm, found in runs.items():
            add_rates(figures, case, arm, found, UNIT)
        add_ratios(figures, case, runs, REFERENCE)


def compare_losses(figures: Figures, case: str) -> None:
    found = in_a_process(__file__, "--arm", case, "losses")
    expected = next(iter(found.values()))
    for name, loss in found.items():
        figures.add(f"{case}: loss of one batch", name, "loss", loss)
        if not abs(loss - expected) <= TOLERANCE:
            raise SystemExit(f"{case}: the loss of {name!r} is {loss:.7f}, expected {expected:.7f}.")


def one_arm(case: str, arm: str, n_steps: int | None) -> None:
    import torch
    from _policy_arms import ARMS, CASES, Job, draw_examples, losses_of_one_batch, run_arm

    torch.set_num_threads(1)
    chosen, vocabulary = CASES[case], SHAPES["policy"][-1]
    if arm == "losses":
        examples = draw_examples(chosen, 1, vocabulary)
        found: Any = losses_of_one_batch(
            examples, lambda: language_model("policy"), ("padded", "bucketed", "varlen")
        )
    else:
        examples = draw_examples(chosen, n_steps or 24, vocabulary)
        job = Job(chosen, examples, lambda: language_model("policy"), bf16=False, checkpointing=False)
        found = asdict(run_arm(ARMS[arm], job))
    print(json.dumps(found))


def on_cuda(figures: Figures, shape: str, n_steps: int) -> None:
    import torch
    from _policy_arms import ARMS, CUDA_CASES, Job, draw_examples, run_arm

    def make_model() -> Any:
        with torch.device("cuda"):
            return language_model(shape, dtype=torch.bfloat16)

    for name, case in CUDA_CASES.items():
        examples, label = draw_examples(case, n_steps + WARM_UP, SHAPES[shape][-1]), f"{shape}, {name}"
        first, rest = examples[: WARM_UP * case.per_step], examples[WARM_UP * case.per_step :]
        runs = {}
        for arm in CUDA_ARMS:
            warm_up, job = (
                Job(case, some, make_model, bf16=True, checkpointing=True) for some in (first, rest)
            )
            run_arm(ARMS[arm], warm_up)  # kernels are chosen here
            runs[arm] = [asdict(run_arm(ARMS[arm], job))]
            print(f"{label}, {arm}: {runs[arm][0]}", file=sys.stderr, flush=True)
            add_rates(figures, label, arm, runs[arm], UNIT)
        add_ratios(figures, label, runs, REFERENCE)


def language_model(shape: str, *, dtype: Any = None) -> Any:
    return build_model(shape, kind="LlamaForCausalLM", dtype=dtype)


if __name__ == "__main__":
    carry_out("policy_throughput", __doc__, CUDA_STEPS, one_arm=one_arm, on_cpu=on_cpu, on_cuda=on_cuda)
