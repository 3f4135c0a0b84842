"""Training a reward model: TRL's RewardTrainer and ours, pairs per second and memory.

    python benchmarks/reward_throughput.py                  on a CPU: one thread, a Llama of 4 layers, fp32
    python benchmarks/reward_throughput.py --device cuda    bf16 models of 0.1B to 3B shapes, attention kernels, FLOPs
    python benchmarks/reward_throughput.py --quick

Every arm trains the same random weights on the same random tokens for one epoch with AdamW (fused), gradients
clipped at 1, the same number of pairs a step, all in the same precision; only "its default precision" is TRL with
the settings that it comes with (bf16, activation checkpointing), which on CUDA all arms have. First the loss of one
batch is compared between TRL and every layout, and the script stops where they differ; on CUDA it says how far the
rewards of each are from those in fp32. On the CPU each run is a process of its own and the arms take turns; pairs per
CPU second is the figure to read on a machine that others use too. Memory is the peak over what the process held
before it built the model. `tokens a pair` counts what goes into the model, padding included; `ratio of tokens` is
what the counts alone promise. On CUDA arms run in one process, memory is the allocator's peak, and `share of peak`
is the FLOPs of the tokens that an arm cannot leave out, over what the card does at best.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Sequence
from dataclasses import asdict
from typing import Any

from _figures import Figures
from _reward_cases import CASES, CUDA_CASES, SHAPES, build_model, draw_groups, training_flops
from _training_runs import add_rates, add_ratios, carry_out, in_a_process, in_turns

REFERENCE, OURS = "TRL, as shipped", "weaklabel, shared"
CPU_ARMS = (
    REFERENCE,
    "TRL, lengths grouped",
    "TRL, its default precision",
    "weaklabel, padded",
    "weaklabel, bucketed",
    OURS,
)
CUDA_ARMS = (REFERENCE, "TRL, lengths grouped", "weaklabel, bucketed", OURS, "weaklabel, varlen")
# Dense bfloat16, by the vendor's datasheets: of the SXM cards.
PEAK_FLOPS = {"H100": 989e12, "H200": 989e12, "A100": 312e12}
CUDA_STEPS = {"0.1B": 30, "0.5B": 20, "1B": 12, "3B": 6}
WARM_UP = 2  # steps
TOLERANCE = 1e-5


# ------------------------------------------------------------------------------------------------ on a CPU
def on_cpu(figures: Figures, cases: Sequence[str], n_steps: int | None, repeats: int, quick: bool) -> None:
    for case in cases:
        compare_losses(figures, case)
        arms = [
            arm
            for arm in CPU_ARMS
            if CASES[case].varies or arm not in ("TRL, lengths grouped", "weaklabel, bucketed")
        ]
        runs = in_turns(__file__, case, arms, n_steps or (3 if quick else 24), repeats)
        for arm, found in runs.items():
            add_rates(figures, case, arm, found)
        add_ratios(figures, case, runs, REFERENCE)


def compare_losses(figures: Figures, case: str) -> None:
    found = in_a_process(__file__, "--arm", case, "losses")
    for name, loss in found.items():
        figures.add(f"{case}: loss of one batch", name, "loss", loss)
        if not abs(loss - found["TRL"]) <= TOLERANCE:
            raise SystemExit(f"{case}: the loss of {name!r} is {loss:.7f}, TRL's is {found['TRL']:.7f}.")


def one_arm(case: str, arm: str, n_steps: int | None) -> None:
    import torch
    from _reward_arms import ARMS, losses_of_one_batch, run_arm

    torch.set_num_threads(1)
    chosen = CASES[case]
    vocabulary = SHAPES["tiny"][-1]
    if arm == "losses":
        drawn = draw_groups(chosen, 1, vocabulary)
        found: Any = losses_of_one_batch(drawn, lambda: build_model("tiny"), ("padded", "bucketed", "shared"))
    else:
        drawn = draw_groups(chosen, n_steps or 24, vocabulary)
        found = asdict(
            run_arm(ARMS[arm], chosen, drawn, lambda: build_model("tiny"), bf16=False, checkpointing=False)
        )
    print(json.dumps(found))


# ------------------------------------------------------------------------------------------------ on CUDA
def on_cuda(figures: Figures, cases: Sequence[str], shape: str, n_steps: int) -> None:
    import torch
    from _reward_arms import ARMS, reward_errors, run_arm

    from weaklabel.training.layout.varlen import check_kernel

    card = torch.cuda.get_device_name()
    figures.add("packed kernel", card, f"largest difference to its twin ({shape})", check_kernel())
    settings = {"bf16": True, "checkpointing": True}  # as TRL comes

    def make_model() -> Any:
        with torch.device("cuda"):
            return build_model(shape, dtype=torch.bfloat16)

    for name in cases:
        case = CUDA_CASES[name]
        drawn, label = draw_groups(case, n_steps + WARM_UP, SHAPES[shape][-1]), f"{shape}, {name}"
        warm_up = WARM_UP * case.pairs_per_step // case.pairs_per_group
        first, rest = drawn[:warm_up], drawn[warm_up:]
        compare_rewards(figures, label, reward_errors(first, make_model, ("bucketed", "shared", "varlen")))
        runs: dict[str, list[dict[str, float]]] = {}
        for arm in CUDA_ARMS:
            if not case.varies and arm in ("TRL, lengths grouped", "weaklabel, bucketed"):
                continue
            run_arm(ARMS[arm], case, first, make_model, **settings)  # kernels are chosen here
            measured = asdict(run_arm(ARMS[arm], case, rest, make_model, **settings))
            print(f"{label}, {arm}: {measured}", file=sys.stderr, flush=True)
            runs[arm] = [measured]
            add_rates(figures, label, arm, runs[arm])
            add_utilisation(figures, label, arm, shape, rest, measured, card)
        add_ratios(figures, label, runs, REFERENCE)


def compare_rewards(figures: Figures, case: str, errors: dict[str, float]) -> None:
    for name, error in errors.items():
        figures.add(f"{case}: rewards against fp32", name, "largest error, standard deviations", error)
        if not error <= 3 * errors["TRL"]:
            print(f"{case}: {name!r} is {error:.3f} from fp32, TRL {errors['TRL']:.3f}", file=sys.stderr)


def add_utilisation(
    figures: Figures, case: str, arm: str, shape: str, drawn: Any, measured: dict[str, float], card: str
) -> None:
    peak = next((flops for name, flops in PEAK_FLOPS.items() if name in card), None)
    if peak is None:
        return
    shared = arm in (OURS, "weaklabel, varlen")
    lengths = [(len(prompt), [len(response) for response in responses]) for prompt, responses in drawn]
    if not shared:
        # Without groups a response is computed once for each pair that it is in.
        times = 1 if arm.startswith("weaklabel") else len(lengths[0][1]) - 1
        lengths = [(prompt, responses * times) for prompt, responses in lengths]
    flops = training_flops(shape, lengths, shared=shared)
    figures.add(case, arm, "TFLOP/s", flops / measured["wall_s"] / 1e12)
    figures.add(case, arm, "share of peak", flops / measured["wall_s"] / peak)


if __name__ == "__main__":
    carry_out(
        "reward_throughput",
        __doc__,
        CUDA_STEPS,
        cases={"cpu": CASES, "cuda": CUDA_CASES},
        one_arm=one_arm,
        on_cpu=on_cpu,
        on_cuda=on_cuda,
    )
