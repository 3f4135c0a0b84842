"""Unreliable demonstrations: whose prompts are whose, and what a weak model makes of them."""

from __future__ import annotations

from pathlib import Path

import pytest

torch = pytest.importorskip("torch")
transformers = pytest.importorskip("transformers")

from weaklabel.errors import DataError  # noqa: E402
from weaklabel.stages.policy import PolicySettings  # noqa: E402
from weaklabel.stages.simulate import unreliable_demonstrations  # noqa: E402
from weaklabel.training.sampling import Sampling  # noqa: E402
from weaklabel.types.demonstration import Demonstration  # noqa: E402

pytestmark = pytest.mark.trains

TRUE = [Demonstration(f"{k % 10} {k // 10}?", f"{k // 10}") for k in range(40)]
WEAK = PolicySettings(
    from_scratch="tiny", max_steps=30, learning_rate=3e-3, groups_per_batch=10, max_length=32, audit=False
)
SHORT = Sampling(max_new_tokens=4, temperature=0.0)


def test_half_of_the_prompts_teach_and_the_others_are_answered(tmp_path: Path) -> None:
    found = unreliable_demonstrations(TRUE, WEAK, tmp_path / "weak", sampling=SHORT)
    taught, asked = ({row.prompt for row in rows} for rows in (found.taught, found.true))
    assert not taught & asked
    assert len(taught) == 20
    assert len(asked) + found.empty == 20
    assert [row.prompt for row in found.demonstrations] == [row.prompt for row in found.true]
    assert {row.completion for row in found.true} <= {"0", "1", "2", "3"}
    right = sum(a.completion == b.completion for a, b in zip(found.demonstrations, found.true, strict=True))
    assert right > 0  # it copies the digit, sometimes
    again = unreliable_demonstrations(TRUE, WEAK, tmp_path / "weak", sampling=SHORT)
    assert again.demonstrations == found.demonstrations


def test_one_prompt_cannot_be_divided(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="1 prompt"):
        unreliable_demonstrations([Demonstration("a", "b")] * 3, WEAK, tmp_path)
