"""One training run measured, in this process or in one of its own, for the benchmarks of trainers."""

from __future__ import annotations

import gc
import json
import os
import resource
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from _figures import Figures, arguments
from _kept_rows import keep_rows

PAD = 0


@dataclass
class Measured:
    """One training run, without its start: seconds, tokens as computed (padding included), memory over the start.

    Attributes:
        pairs: what the run trained on, in pairs or whatever a benchmark counts.
    """

    pairs: int
    wall_s: float
    cpu_s: float
    tokens: int
    peak_mb: float


@dataclass(frozen=True)
class Job:
    """What every arm of a case trains: what was drawn for the case, from the same weights, by the same rules."""

    case: Any
    drawn: Sequence[Any]
    make_model: Callable[[], Any]
    bf16: bool
    checkpointing: bool


def measured_run(make_trainer: Callable[[Path], Any], n: int) -> Measured:
    """Train what `make_trainer` makes in a folder, over `n` pairs, responses or tokens."""
    import torch

    cuda = torch.cuda.is_available()
    before = _resident_mb()
    if cuda:
        gc.collect()  # a trainer before holds itself in a circle
        torch.cuda.empty_cache()
        torch.cuda.reset_peak_memory_stats()
    clock = _clock(cuda)
    with tempfile.TemporaryDirectory() as folder:
        trainer = make_trainer(Path(folder))
        trainer.add_callback(clock)
        tokens = _counting_tokens(trainer)
        trainer.train()
    wall_s, cpu_s = clock.seconds
    peak = torch.cuda.max_memory_allocated() / 1e6 if cuda else _peak_mb() - before
    return Measured(n, wall_s, cpu_s, tokens[0], peak)


def _clock(cuda: bool) -> Any:
    import torch
    from transformers import TrainerCallback

    class Clock(TrainerCallback):
        """Runs from the beginning of the first step to the end of the last."""

        def __init__(self) -> None:
            self.began: tuple[float, float] | None = None
            self.ended = (0.0, 0.0)

        def on_step_begin(self, *args: Any, **kwargs: Any) -> None:
            if self.began is None:
                self.began = self._now()

        def on_train_end(self, *args: Any, **kwargs: Any) -> None:
            self.ended = self._now()

        def _now(self) -> tuple[float, float]:
            if cuda:
                torch.cuda.synchronize()
            return time.perf_counter(), time.process_time()

        @property
        def seconds(self) -> tuple[float, float]:
            assert self.began is not None
            return self.ended[0] - self.began[0], self.ended[1] - self.began[1]

    return Clock()


def tokenizer_of(model: Any) -> Any:
    """A tokenizer that only names its padding token: the texts are tokens already."""
    from tokenizers import Tokenizer, models
    from transformers import PreTrainedTokenizerFast

    plain = Tokenizer(models.WordLevel({"<pad>": PAD, "<s>": 1, "</s>": 2}, unk_token="<pad>"))
    return PreTrainedTokenizerFast(
        tokenizer_object=plain, pad_token="<pad>", bos_token="<s>", eos_token="</s>"
    )


def _counting_tokens(trainer: Any) -> list[int]:
    """Where the numbers of tokens that go into the model add up."""
    total, inner = [0], trainer.training_step

    def counted(model: Any, inputs: Any, *args: Any, **kwargs: Any) -> Any:
        total[0] += inputs["input_ids"].numel()
        return inner(model, inputs, *args, **kwargs)

    trainer.training_step = counted
    return total


def _resident_mb() -> float:
    pages = int(Path("/proc/self/statm").read_text().split()[1])
    return pages * os.sysconf("SC_PAGE_SIZE") / 1e6


def _peak_mb() -> float:
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024 / 1e6


def trl_arguments(folder: Path, **more: Any) -> dict[str, Any]:
    """What every arm of TRL's is told: one epoch, no checkpoints, nobody to report to."""
    import torch

    return {
        "output_dir": str(folder),
        "num_train_epochs": 1,
        "lr_scheduler_type": "constant",
        "max_length": None,
        "logging_steps": 10,
        "save_strategy": "no",
        "report_to": "none",
        "disable_tqdm": True,
        "log_level": "error",
        "use_cpu": not torch.cuda.is_available(),
        **more,
    }


# ------------------------------------------------------------------------------------------------ in turns, and figures
Runs = Mapping[str, list[dict[str, float]]]


def in_a_process(script: str, *words: str) -> dict[str, float]:
    """What a benchmark prints last, as JSON, when it is called with `words`: one thread, offline."""
    environment = os.environ | {
        "OMP_NUM_THREADS": "1",
        "TOKENIZERS_PARALLELISM": "false",
        "HF_HUB_OFFLINE": "1",
    }
    done = subprocess.run(
        [sys.executable, script, *words], env=environment, capture_output=True, text=True, check=False
    )
    if done.returncode:
        raise SystemExit(f"{' '.join(words)} ended with status {done.returncode}:\n{done.stderr[-3000:]}")
    answer: dict[str, float] = json.loads(done.stdout.strip().splitlines()[-1])
    return answer


def in_turns(script: str, case: str, arms: Sequence[str], n_steps: int, repeats: int) -> Runs:
    """Each arm in processes of its own, the arms taking turns."""
    runs: dict[str, list[dict[str, float]]] = {arm: [] for arm in arms}
    for _ in range(repeats):
        for arm, found in runs.items():
            found.append(in_a_process(script, "--arm", case, arm, "--steps", str(n_steps)))
            print(f"{case}, {arm}: {found[-1]}", file=sys.stderr, flush=True)
    return runs


def add_rates(
    figures: Figures,
    case: str,
    arm: str,
    found: list[dict[str, float]],
    unit: tuple[str, str] = ("pairs", "pair"),
) -> None:
    """Rates of one arm: the median of its runs, and their range. `unit` is what `Measured.pairs` counts."""
    for metric, per in ((f"{unit[0]} per CPU second", "cpu_s"), (f"{unit[0]} per second", "wall_s")):
        values = [run["pairs"] / run[per] for run in found]
        band = (min(values), max(values)) if len(values) > 1 else (None, None)
        figures.add(case, arm, metric, statistics.median(values), *band, len(values))
    figures.add(case, arm, f"tokens a {unit[1]}", found[0]["tokens"] / found[0]["pairs"])
    figures.add(case, arm, "peak MB", statistics.median(run["peak_mb"] for run in found), n=len(found))


def add_ratios(figures: Figures, case: str, runs: Runs, reference: str) -> None:
    """How much faster than `reference` each arm is, and how much memory it takes beside it."""

    def median(arm: str, metric: str) -> float:
        return statistics.median(run[metric] for run in runs[arm])

    for arm in runs:
        where = f"{case}: against {reference}"
        figures.add(where, arm, "CPU speed ratio", median(reference, "cpu_s") / median(arm, "cpu_s"))
        figures.add(where, arm, "wall speed ratio", median(reference, "wall_s") / median(arm, "wall_s"))
        figures.add(where, arm, "ratio of tokens", median(reference, "tokens") / median(arm, "tokens"))
        figures.add(where, arm, "memory ratio", median(arm, "peak_mb") / median(reference, "peak_mb"))


def carry_out(
    name: str,
    doc: str | None,
    cuda_steps: Mapping[str, int],
    *,
    cases: Mapping[str, Iterable[str]],
    one_arm: Callable[[str, str, int | None], None],
    on_cpu: Callable[[Figures, Sequence[str], int | None, int, bool], None],
    on_cuda: Callable[[Figures, Sequence[str], str, int], None],
) -> None:
    """The command line of a benchmark of trainers.

    Args:
        name, doc: of the benchmark.
        cuda_steps: shapes for CUDA, and the steps of a run of each.
        cases: names of all cases, of "cpu" and of "cuda".
        one_arm: prints the figures of `case`, `arm`, `n_steps`, run in this process.
        on_cpu: adds the figures of `cases`, with `n_steps` where they were given, `repeats`, and whether it is quick.
        on_cuda: adds the figures of `cases`, `shape`, `n_steps`.
    """
    parser = arguments((doc or "").split("\n", 1)[0])
    parser.add_argument("--device", choices=["cpu", "cuda"], default="cpu")
    parser.add_argument("--repeats", type=int, help="runs of each arm on a CPU (default: 3, with --quick 1)")
    most, least = max(cuda_steps.values()), min(cuda_steps.values())
    parser.add_argument(
        "--steps",
        type=int,
        help=f"steps of a run (default: up to 24; cuda: {most} to {least}; with --quick up to 3)",
    )
    parser.add_argument(
        "--only",
        metavar="WORDS",
        help="cases whose name holds these words; other rows stay as --json has them",
    )
    parser.add_argument("--shapes", nargs="+", choices=list(cuda_steps), help="cuda: which models")
    parser.add_argument("--arm", nargs=2, help="run one arm of one case here and print its figures")
    options = parser.parse_args()
    if options.arm:
        one_arm(*options.arm, options.steps)
        return
    known = list(cases[options.device])
    chosen = [case for case in known if (options.only or "") in case]
    if not chosen:
        raise SystemExit(f"no case of {options.device} holds {options.only!r}. Cases: {'; '.join(known)}.")
    figures = Figures(name, ("weaklabel", "torch", "transformers", "accelerate", "trl"))
    if options.device == "cuda":
        for shape in options.shapes or (["0.1B"] if options.quick else list(cuda_steps)):
            on_cuda(figures, chosen, shape, options.steps or (3 if options.quick else cuda_steps[shape]))
    else:
        repeats = options.repeats or (1 if options.quick else 3)
        on_cpu(figures, chosen, options.steps, repeats, options.quick)
    if options.only and options.json and options.json.exists():
        keep_rows(figures, options.json, options.only)
    figures.finish(options.json)
