"""Which of a million pairs to ask next: seconds, CPU seconds and memory of each rule, on a run whose labels are stored.

    python benchmarks/next_pairs.py [--quick] [--json FILE] [--pairs N] [--texts]

A made run: labels of pairs with 8 to 40 words in the prompt and 50 to 250 in each response (`_lf_pairs.py`; the responses of
8,192 pairs come again in every row group, the prompts do not), eight labeling functions, 1,000 pairs with gold, 1,000 in the
locked part, and log-odds of a second opinion, which are what `weaklabel next` finds in the folder of a run. Each rule then
chooses 50 pairs among 50,000 drawn, in a process of its own that is timed from its first line: imports, reading, kinds of
prompts, choice, and the texts of the chosen. None reads another response. With `--texts` there is an arm more that does: with
n-grams the responses of all 50,000 are read.

"peak MB" is the most that was resident (VmHWM). "plain pass" reads the columns that every rule needs, and does nothing else.
"""

from __future__ import annotations

import json
import os
import resource
import subprocess
import sys
import tempfile
import time
from pathlib import Path

BEGAN = time.perf_counter()

ARMS = (
    ("random", "votes"),
    ("uncertainty", "votes"),
    ("disagreement", "votes"),
    ("bald", "votes"),
    ("expected_gain", "votes"),
)
READING = ("coreset", "ngrams")
PLAIN = "plain pass"
N_LFS, N_GOLD = 8, 1_000
LABELS, OPINION = "labels.parquet", "second_opinion.npy"


def make_run(folder: Path, n: int) -> None:
    """Write the labels and the second opinion of `n` pairs."""
    import numpy as np
    import pyarrow as pa
    import pyarrow.parquet as pq
    from _lf_pairs import ROW_GROUP, write_pairs

    write_pairs(folder / "texts.parquet", min(n, ROW_GROUP))
    texts = pq.read_table(folder / "texts.parquet")
    (folder / "texts.parquet").unlink()
    rng = np.random.default_rng(0)
    writer = None
    for start in range(0, n, ROW_GROUP):
        m = min(ROW_GROUP, n - start)
        rows = np.arange(start, start + m)
        truth = rng.random(m) < 0.5
        votes = np.where(rng.random((m, N_LFS)) < 0.7, truth[:, None], ~truth[:, None]).astype(np.int8)
        votes[rng.random((m, N_LFS)) < 0.5] = -1
        logit = np.where(votes < 0, 0, 2 * votes - 1).sum(axis=1) * 0.85 + rng.normal(size=m) * 0.1
        spread = np.flatnonzero(rows % max(1, n // (2 * N_GOLD)) == 0)
        gold, part = np.full(m, None, dtype=object), np.full(m, "pool", dtype=object)
        gold[spread] = np.where(truth[spread], "b", "a")
        part[spread] = np.where(spread % 2 == 0, "dev", "test")
        prompts = texts["prompt"].slice(0, m).to_pylist()
        columns = {
            "id": pa.array([f"p{row}" for row in rows]),
            "prompt": pa.array(
                [f"{prompt} (question {row})" for prompt, row in zip(prompts, rows, strict=True)]
            ),
            "response_a": texts["response_a"].slice(0, m).combine_chunks(),
            "response_b": texts["response_b"].slice(0, m).combine_chunks(),
            "messages": pa.nulls(m, _messages()),
            "gold": pa.array(gold, pa.string()),
            "part": pa.array(part, pa.string()),
            "source": pa.nulls(m, pa.string()),
            "swapped": pa.nulls(m, pa.bool_()),
            "logit": pa.array(logit),
            "w": pa.array(np.ones(m)),
            "calibrated": pa.array(np.ones(m, dtype=bool)),
            "in_sample": pa.array(np.zeros(m, dtype=bool)),
        } | {f"vote:lf{j}": pa.array(votes[:, j]) for j in range(N_LFS)}
        table = pa.table(columns)
        writer = writer or pq.ParquetWriter(folder / LABELS, table.schema, compression="zstd")
        writer.write_table(table, row_group_size=ROW_GROUP)
    assert writer is not None
    writer.close()
    np.save(folder / OPINION, rng.normal(size=n))


def _messages() -> object:
    from weaklabel.types import CANONICAL

    return CANONICAL.field("messages").type


def one_arm(folder: Path, rule: str, embedding: str) -> None:
    """Choose, in this process, and print what it took."""
    import numpy as np

    from weaklabel.acquisition.next import choose_next
    from weaklabel.acquisition.registry import get_acquisition
    from weaklabel.acquisition.source import Source
    from weaklabel.types import LabelsFile

    opinion = np.load(folder / OPINION, mmap_mode="r")
    source = Source.of(LabelsFile(folder / LABELS), lambda rows: np.asarray(opinion[rows]))
    if rule == PLAIN:
        free, _ = source.places()
        source.facts(free[:: max(1, len(free) // 50_000)])
        asked = 0
    else:
        asked = len(choose_next(source, 50, rule=get_acquisition(rule), embedding=embedding))
    used = resource.getrusage(resource.RUSAGE_SELF)
    status = Path("/proc/self/status").read_text().split("VmHWM:")[1]
    took = {
        "seconds": time.perf_counter() - BEGAN,
        "CPU s": used.ru_utime + used.ru_stime,
        "peak MB": int(status.split()[0]) / 1e3,
        "asked": asked,
    }
    print(json.dumps(took))


def main() -> None:
    from _figures import Figures, arguments

    parser = arguments(__doc__ or "")
    parser.add_argument("--pairs", type=int, help="how many (default: 1,000,000, with --quick 20,000)")
    parser.add_argument(
        "--texts", action="store_true", help="an arm more, which reads the candidates' responses"
    )
    options = parser.parse_args()
    arms = (*ARMS, READING) if options.texts else ARMS
    n = options.pairs or (20_000 if options.quick else 1_000_000)
    figures = Figures("next_pairs", ("weaklabel", "numpy", "scipy", "pyarrow"))
    print(f"{n:,} pairs: about {n * 1e-4 + len(arms) * 15:.0f} CPU seconds in all", file=sys.stderr)
    with tempfile.TemporaryDirectory(prefix="weaklabel-next-") as name:
        made = [sys.executable, __file__, "--make", name, str(n)]
        subprocess.run(made, check=True)  # in a process of its own, so that its memory is not inherited
        for rule, embedding in ((PLAIN, "votes"), *arms):
            command = [sys.executable, __file__, "--arm", name, rule, embedding]
            environment = os.environ | {"OMP_NUM_THREADS": "1", "OPENBLAS_NUM_THREADS": "1"}
            done = subprocess.run(command, check=True, stdout=subprocess.PIPE, text=True, env=environment)
            for metric, value in json.loads(done.stdout).items():
                figures.add(f"{n:,} pairs", f"{rule}, {embedding}" if rule != PLAIN else rule, metric, value)
            print(f"  {rule}, {embedding}: {done.stdout.strip()}", file=sys.stderr)
    figures.finish(options.json)


if __name__ == "__main__":
    if sys.argv[1:2] == ["--make"]:
        make_run(Path(sys.argv[2]), int(sys.argv[3]))
    elif sys.argv[1:2] == ["--arm"]:
        one_arm(Path(sys.argv[2]), *sys.argv[3:5])
    else:
        main()
