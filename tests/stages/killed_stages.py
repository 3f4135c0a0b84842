"""Stages that are carried out in a process of their own, and killed: where a file appears, or at any moment."""

from __future__ import annotations

import random
import resource
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np


@dataclass(frozen=True)
class Program:
    """A program that carries out a stage.

    Attributes:
        text: Python, whose first argument is the stage's folder.
        words: its further arguments.
    """

    text: str
    words: tuple[str, ...] = ()

    def start(self, folder: Path, largest_file: int | None = None) -> subprocess.Popen[str]:
        """The running program; files that grow beyond `largest_file` bytes cannot be written."""

        def limit() -> None:
            if largest_file is not None:
                resource.setrlimit(resource.RLIMIT_FSIZE, (largest_file, largest_file))

        words = [sys.executable, "-c", self.text, str(folder), *self.words]
        return subprocess.Popen(words, stderr=subprocess.PIPE, text=True, preexec_fn=limit)

    def to_the_end(self, folder: Path) -> None:
        with self.start(folder) as process:
            told = process.communicate()[1]
        assert process.returncode == 0, told

    def killed_when(self, folder: Path, seen: str, pause: float = 0.0) -> None:
        """Killed `pause` seconds after a file that matches `seen` is there."""
        with self.start(folder) as process:
            until = time.monotonic() + 120
            while not any(folder.glob(seen)) and process.poll() is None and time.monotonic() < until:
                time.sleep(0.005)
            time.sleep(pause)
            process.send_signal(signal.SIGKILL)

    def killed_many_times(
        self, folder: Path, check: Callable[[Path], None], times: int = 20, first: float = 0.0
    ) -> None:
        """Killed at `times` random moments, each time in a folder of its own, and carried out again; then checked.

        Args:
            folder: of all of them.
            check: told the folder of each stage.
            times: how often.
            first: the share of an undisturbed run's time before which none is killed.
        """
        draw = random.Random(0)
        began = time.monotonic()
        self.to_the_end(folder / "undisturbed")
        lasted = time.monotonic() - began
        for number in range(times):
            place = folder / f"{number}"
            with self.start(place) as process:
                time.sleep(draw.uniform(first, 1.0) * lasted)
                process.send_signal(signal.SIGKILL)
            self.to_the_end(place)
            check(place)


def assert_same_round(one: Path, other: Path, number: int = 0) -> None:
    """The same weights, but for rounding, in a round of two folders."""
    from safetensors.numpy import load_file

    ours, theirs = (
        load_file(each / f"round-{number:02d}" / "model" / "model.safetensors") for each in (one, other)
    )
    assert ours.keys() == theirs.keys()
    assert max(float(np.abs(ours[name] - theirs[name]).max()) for name in ours) <= 1e-6
