"""Which of a million pairs to ask next: seconds, CPU seconds and memory of the command, on a run whose labels are stored.

    python benchmarks/next_pairs.py [--quick] [--json FILE] [--pairs N] [--texts] [--folder FOLDER]

A run as the commands make it: `weaklabel read`, `apply`, `fit` and `label` on pairs with 8 to 40 words in the prompt and 50 to
250 in each response (`_lf_pairs.py`; the responses of 8,192 pairs come again in every row group, the prompts do not), with ten
labeling functions (those of `soak.py`), 1,000 pairs with gold and 1,000 in the locked part. The second opinion is written by the
run's own step, with drawn log-odds in place of what five reward models would say, which would take half an hour.

Each arm is one `weaklabel next --n 50 --embedding votes --acquisition RULE`, a process that is timed from outside, from its start
to its end: imports, what the run is made of compared with what it was made of, reading, kinds of prompts, choice, and the texts of
the chosen; no other response is read. "first" comes when nothing remembers the hashes of the run's files, so that all are read.
"nothing to do" is `weaklabel label`, which compares and chooses nothing. With `--texts` there is an arm more that reads the
responses of all 50,000 candidates. "peak MB" is the most that was resident.
"""

from __future__ import annotations

import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

from _commits import ROOT, environment_of
from _figures import Figures, arguments
from _processes import measured

RULES = ("random", "uncertainty", "disagreement", "bald", "expected_gain")
NEXT = "next --n 50 --embedding {} --acquisition {} --out queue.jsonl"
TOML = """
[data]
pairs = "pairs.parquet"
[lfs]
use = ["lfs.py"]
[labeler]
model = "moments"
"""
N_GOLD = 1_000


def write_project(folder: Path, n: int) -> None:
    """`n` pairs, the functions and the settings. Gold prefers the longer response in seven of ten."""
    import numpy as np
    import pyarrow as pa
    import pyarrow.compute as pc
    import pyarrow.parquet as pq
    from _lf_pairs import ROW_GROUP, write_pairs
    from soak import LFS

    (folder / "lfs.py").write_text(LFS, encoding="utf-8")
    (folder / "weaklabel.toml").write_text(TOML, encoding="utf-8")
    write_pairs(folder / "few.parquet", min(n, ROW_GROUP))
    texts = pq.read_table(folder / "few.parquet").combine_chunks()
    (folder / "few.parquet").unlink()
    longer = np.asarray(pc.less(pc.utf8_length(texts["response_a"]), pc.utf8_length(texts["response_b"])))
    prompts, rng = texts["prompt"].to_pylist(), np.random.default_rng(0)
    schema = texts.schema.append(pa.field("gold", pa.string()))
    with pq.ParquetWriter(folder / "pairs.parquet", schema, compression="zstd") as writer:
        for start in range(0, n, ROW_GROUP):
            m = min(ROW_GROUP, n - start)
            rows = np.arange(start, start + m)
            gold = np.where(longer[:m] == (rng.random(m) < 0.7), "b", "a").astype(object)
            gold[rows % max(1, n // (2 * N_GOLD)) != 0] = None
            columns = [
                pa.array([f"p{row}" for row in rows]),
                pa.array([f"{prompt} (question {row})" for prompt, row in zip(prompts, rows, strict=False)]),
                *(texts[name].slice(0, m) for name in ("response_a", "response_b")),
                pa.array(gold, pa.string()),
            ]
            writer.write_table(pa.table(columns, schema=schema), row_group_size=ROW_GROUP)


def write_opinion(folder: Path) -> None:
    """The second opinion of the run in `folder`, by its own step; what the models would say is drawn."""
    import os

    import numpy as np

    from weaklabel.config import load_config
    from weaklabel.pipeline import Run
    from weaklabel.pipeline.steps import second_opinion

    class Drawn:
        def __init__(self, labels: object) -> None:
            self._rng = np.random.default_rng(1)

        def logit(self, pairs: object) -> np.ndarray:
            return self._rng.normal(size=len(pairs))  # type: ignore[arg-type]

    second_opinion.SecondOpinion = Drawn  # type: ignore[assignment, misc]
    os.chdir(folder)
    print(f"{len(Run(load_config()).second_opinion):,} log-odds drawn", file=sys.stderr)


def make_run(project: Path, n: int) -> None:
    """In processes of their own, so that nobody inherits their memory."""

    def ours(*words: str) -> None:
        subprocess.run([sys.executable, __file__, *words, str(project)], check=True, env=environment_of(ROOT))

    print(f"{n:,} pairs: about {n * 3e-4 + 30:.0f} CPU seconds to make the run", file=sys.stderr)
    ours("--write", str(n))
    for words in ("read", "apply", "fit", "label"):
        print(f"  weaklabel {words}: {measured(ROOT, words, project)}", file=sys.stderr)
    ours("--opinion")


def measure(figures: Figures, project: Path, n: int, *, texts: bool) -> None:
    if not (project / "runs" / "base" / "opinion.json").exists():
        project.mkdir(parents=True, exist_ok=True)
        make_run(project, n)
    arms = {"first: random, votes": NEXT.format("votes", "random"), "nothing to do": "label"}
    arms |= {f"{rule}, votes": NEXT.format("votes", rule) for rule in RULES}
    arms |= {"coreset, ngrams": NEXT.format("ngrams", "coreset")} if texts else {}
    for arm, words in arms.items():
        if arm.startswith("first"):
            shutil.rmtree(project / ".weaklabel" / "hashes", ignore_errors=True)
        cost = measured(ROOT, words, project)
        for metric, value in (("seconds", cost.wall_s), ("CPU s", cost.cpu_s), ("peak MB", cost.peak_mb)):
            figures.add(f"{n:,} pairs", arm, metric, value)
        print(f"  {arm}: {cost}", file=sys.stderr)


def main() -> None:
    parser = arguments(__doc__ or "")
    parser.add_argument("--pairs", type=int, help="how many (default: 1,000,000, with --quick 20,000)")
    parser.add_argument(
        "--texts", action="store_true", help="an arm more, which reads the candidates' responses"
    )
    parser.add_argument(
        "--folder", type=Path, help="where the run is made and kept, or was; needs about 3 KB a pair"
    )
    options = parser.parse_args()
    n = options.pairs or (20_000 if options.quick else 1_000_000)
    figures = Figures("next_pairs", ("weaklabel", "numpy", "scipy", "pyarrow"))
    print(f"{n:,} pairs: about {n * 1e-5 * 6 + 40:.0f} CPU seconds of questions", file=sys.stderr)
    with tempfile.TemporaryDirectory(prefix="weaklabel-next-") as name:
        measure(figures, (options.folder or Path(name)) / f"{n}_pairs", n, texts=options.texts)
    figures.finish(options.json)


if __name__ == "__main__":
    if sys.argv[1:2] == ["--write"]:
        write_project(Path(sys.argv[3]), int(sys.argv[2]))
    elif sys.argv[1:2] == ["--opinion"]:
        write_opinion(Path(sys.argv[2]))
    else:
        main()
