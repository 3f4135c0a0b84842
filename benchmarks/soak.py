"""Ten million generated pairs through apply, fit, label and export, with the memory curve, killed three times.

Two projects get the same pairs. One is left alone. The other is killed with SIGKILL while votes are computed (first a
worker, later the parent), and once more while labels are written (every process), and the same commands are given
again each time. At the end its votes must be the same bytes, its labels the same rows, its export the same bytes.

Responses have about 30 words, so that ten million pairs fit a laptop's disk (about 20 GB in all); the cost of a
longer text stands in lf_apply. Memory is the resident size of the command and its workers together, shared pages
counted once in each (so it is an upper bound), sampled ten times a second.

    python benchmarks/soak.py                 ten million pairs, about an hour on two cores
    python benchmarks/soak.py --pairs 1000000
    python benchmarks/soak.py --quick         40,000 pairs
"""

from __future__ import annotations

import hashlib
import itertools
import os
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
from _figures import Figures, arguments
from _processes import family_of, resident_mb

WORKERS = 2
LFS = """
from weaklabel.lf import keyword_scorer, threshold_scorer

longer = threshold_scorer("longer", "n_chars", min_gap=10)
words = threshold_scorer("words", "n_words", min_gap=3)
distinct = threshold_scorer("distinct", "n_distinct_words", min_gap=2)
numbers = threshold_scorer("numbers", "n_numbers")
questions = threshold_scorer("questions", "n_questions", prefer="less")
exclaims = threshold_scorer("exclaims", "n_exclamations", prefer="less")
items = threshold_scorer("items", "n_list_items")
covers = threshold_scorer("covers", "prompt_coverage", min_gap=0.1)
polite = keyword_scorer("polite", ["please", "thanks", "welcome"], prefer="more")
unsure = keyword_scorer("unsure", ["maybe", "perhaps", "unsure"])
"""
TOML = """
[data]
pairs = "{pairs}"
[lfs]
use = ["lfs.py"]
workers = {workers}
[labeler]
model = "moments"
[export.trl]
allow_uncalibrated = true
file_format = "parquet"
"""
WORDS = [
    "the",
    "of",
    "and",
    "to",
    "in",
    "is",
    "that",
    "it",
    "was",
    "for",
    "on",
    "are",
    "as",
    "with",
    "they",
    "be",
    "at",
    "one",
    "have",
    "this",
    "from",
    "or",
    "had",
    "by",
    "hot",
    "but",
    "some",
    "what",
    "there",
    "we",
    "can",
    "out",
    "other",
    "were",
    "all",
    "your",
    "when",
    "up",
    "use",
    "word",
    "how",
    "said",
    "an",
    "each",
    "she",
    "which",
    "do",
    "their",
    "time",
    "if",
    "will",
    "way",
    "about",
    "many",
    "then",
    "them",
    "would",
    "write",
    "like",
    "so",
    "these",
    "her",
    "long",
    "make",
    "thing",
    "see",
    "him",
    "two",
    "has",
    "look",
    "more",
    "day",
    "could",
    "go",
    "come",
    "did",
    "my",
    "sound",
    "no",
    "most",
    "number",
    "who",
    "over",
    "know",
    "water",
    "than",
    "call",
    "first",
    "people",
    "may",
    "down",
    "side",
    "been",
    "now",
    "find",
    "please",
    "thanks",
    "welcome",
    "maybe",
    "perhaps",
    "unsure",
    "12",
    "7",
    "2026",
    "40",
    "3",
]


def write_pairs_file(path: Path, n_pairs: int) -> None:
    """Generated pairs as Parquet: a quarter of the prompts come twice, gold on one pair in 20,000."""
    rng = np.random.default_rng(7)
    words = np.array(WORDS)
    ends = np.array([" ", " ", " ", " ", " ", ", ", ". ", ". ", "! ", "? ", ".\n", "\n- "])
    schema = pa.schema([(n, pa.string()) for n in ("id", "prompt", "response_a", "response_b", "gold")])

    def texts(n: int, low: int, high: int) -> list[str]:
        sizes = rng.integers(low, high, n)
        total = int(sizes.sum())
        pieces = np.char.add(
            words[rng.integers(0, len(words), total)], ends[rng.integers(0, len(ends), total)]
        )
        pieces, at = pieces.tolist(), np.concatenate([[0], np.cumsum(sizes)]).tolist()
        return ["".join(pieces[i:j]).strip() for i, j in itertools.pairwise(at)]

    with pq.ParquetWriter(path, schema, compression="zstd") as writer:
        for start in range(0, n_pairs, 65_536):
            n = min(65_536, n_pairs - start)
            prompts = texts(n, 6, 16)
            prompts[n // 2 : n // 2 + n // 8] = prompts[: n // 8]
            gold = [("a", "b")[(start + i) % 3 % 2] if (start + i) % 20_000 == 0 else None for i in range(n)]
            ids = [f"pair-{start + i}" for i in range(n)]
            a, b = texts(n, 10, 50), texts(n, 10, 50)
            b = [y if x != y else f"{y} again" for x, y in zip(a, b, strict=True)]
            writer.write_table(pa.table([ids, prompts, a, b, gold], schema=schema), row_group_size=8192)


@dataclass
class Command:
    """A command that ran: its wall time, its memory curve, and whether it was killed."""

    words: tuple[str, ...]
    seconds: float = 0.0
    peak_mb: float = 0.0
    curve: list[tuple[float, float]] = field(default_factory=list)
    killed: bool = False


def run(project: Path, *words: str, kill: Callable[[int, float], bool] | None = None) -> Command:
    """Run `weaklabel *words` in the project; `kill(pid, seconds)` may end it, and says whether it did."""
    done = Command(words)
    began = time.monotonic()
    process = subprocess.Popen(
        [sys.executable, "-m", "weaklabel.cli", *words],
        cwd=project,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
        text=True,
    )
    while process.poll() is None:
        at = time.monotonic() - began
        done.curve.append((at, sum(map(resident_mb, family_of(process.pid)))))
        if kill is not None and not done.killed:
            done.killed = kill(process.pid, at)
        time.sleep(0.1)
    done.seconds = time.monotonic() - began
    done.peak_mb = max(mb for _, mb in done.curve)
    told = process.stderr.read() if process.stderr else ""
    if process.returncode and not done.killed:
        raise SystemExit(f"weaklabel {' '.join(words)} ended with {process.returncode}:\n{told}")
    return done


def a_worker_then_the_parent(first: float, second: float) -> Callable[[int, float], bool]:
    """Kill one worker, which the command survives, and later the command itself."""
    shot: list[int] = []

    def kill(pid: int, at: float) -> bool:
        workers = [member for member in family_of(pid) if member != pid]
        if at >= first and workers and not shot:
            shot.append(workers[0])
            os.kill(workers[0], signal.SIGKILL)
        if at < second:
            return False
        os.kill(pid, signal.SIGKILL)
        return True

    return kill


def everything(after: float) -> Callable[[int, float], bool]:
    def kill(pid: int, at: float) -> bool:
        if at < after:
            return False
        for member in family_of(pid):
            os.kill(member, signal.SIGKILL)
        return True

    return kill


def votes_hash(project: Path) -> str:
    """Hash of every vote file's name and bytes."""
    digest = hashlib.sha256()
    store = project / ".weaklabel" / "votes"
    for file in sorted(store.rglob("*.parquet")):
        digest.update(str(file.relative_to(store)).encode())
        digest.update(file.read_bytes())
    return digest.hexdigest()


def file_hash(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def lay_out(project: Path, pairs: Path) -> None:
    project.mkdir()
    (project / "lfs.py").write_text(LFS, encoding="utf-8")
    (project / "weaklabel.toml").write_text(TOML.format(pairs=pairs, workers=WORKERS), encoding="utf-8")


def main() -> None:
    parser = arguments(__doc__.split("\n", 1)[0])
    parser.add_argument("--pairs", type=int, help="how many (default: ten million, with --quick 40,000)")
    parser.add_argument("--folder", type=Path, help="where to work; needs about 2 KB a pair")
    options = parser.parse_args()
    n_pairs = options.pairs or (40_000 if options.quick else 10_000_000)
    folder = Path(tempfile.mkdtemp(prefix="weaklabel-soak-", dir=options.folder))
    try:
        figures = measure(folder, n_pairs)
    finally:
        shutil.rmtree(folder, ignore_errors=True)
    figures.finish(options.json)


def measure(folder: Path, n_pairs: int) -> Figures:
    figures = Figures("soak", ["weaklabel", "pyarrow", "polars", "numpy"])
    case = f"{n_pairs:,} pairs"
    pairs = folder / "generated.parquet"
    write_pairs_file(pairs, n_pairs)
    print(f"{case}: {pairs.stat().st_size / 1e9:.2f} GB of Parquet", flush=True)
    calm, hurt = folder / "calm", folder / "hurt"
    lay_out(calm, pairs)
    lay_out(hurt, pairs)

    whole = {}
    for step in ("read", "apply", "fit", "label", "export"):
        whole[step] = done = run(calm, step)
        print(f"  undisturbed {step}: {done.seconds:.1f} s, peak {done.peak_mb:.0f} MB", flush=True)
        figures.add(case, step, "seconds", done.seconds, n=n_pairs)
        figures.add(case, step, "pairs per second", n_pairs / done.seconds, n=n_pairs)
        figures.add(case, step, "peak MB", done.peak_mb, n=n_pairs)
        for share in (0.25, 0.5, 0.75, 1.0):
            upto = [mb for at, mb in done.curve if at <= share * done.seconds]
            figures.add(case, step, f"peak MB in the first {share:.0%}", max(upto, default=0.0), n=n_pairs)
    again = run(calm, "export")
    figures.add(case, "nothing to do", "seconds", again.seconds, n=n_pairs)

    run(hurt, "read")
    voting = whole["apply"].seconds
    run(hurt, "apply", kill=a_worker_then_the_parent(voting * 0.2, voting * 0.5))
    continued = run(hurt, "apply")
    figures.add(case, "apply, continued after half of its time", "seconds", continued.seconds, n=n_pairs)
    run(hurt, "fit")
    run(hurt, "label", kill=everything(whole["label"].seconds * 0.6))
    run(hurt, "label")
    run(hurt, "export")
    checks = {
        "votes are the same bytes": votes_hash(calm) == votes_hash(hurt),
        "labels are the same bytes": file_hash(calm / "runs/base/labels.parquet")
        == file_hash(hurt / "runs/base/labels.parquet"),
        "export is the same bytes": file_hash(calm / "runs/base/export/trl/train.parquet")
        == file_hash(hurt / "runs/base/export/trl/train.parquet"),
        "every pair has a label": pq.read_metadata(calm / "runs/base/labels.parquet").num_rows == n_pairs,
    }
    for what, holds in checks.items():
        figures.add(case, "killed three times", what, float(holds), n=n_pairs)
    figures.add(case, "all steps", "peak MB", max(done.peak_mb for done in whole.values()), n=n_pairs)
    if not all(checks.values()):
        print("FAILED:", [what for what, holds in checks.items() if not holds], flush=True)
    return figures


if __name__ == "__main__":
    main()
