"""What docs/calibration.md shows is what happens."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

from weaklabel.calibration import CALIBRATORS

PAGE = (Path(__file__).resolve().parents[2] / "docs" / "calibration.md").read_text(encoding="utf-8")


def test_the_examples_run_as_written_one_after_the_other(capsys):
    names: dict[str, Any] = {}
    examples = re.findall(r"```python\n(.*?)```", PAGE, flags=re.DOTALL)
    assert len(examples) >= 3
    for example in examples:
        exec(compile(example, "calibration.md", "exec"), names)
    assert "at least 90.0% of the kept pairs are right" in capsys.readouterr().out


def test_every_calibrator_has_its_line():
    assert all(f"| `{name}` |" in PAGE for name in CALIBRATORS)
