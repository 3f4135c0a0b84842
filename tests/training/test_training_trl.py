"""With hard labels and equal weights, the loss and the first twenty steps are those of TRL's RewardTrainer."""

from __future__ import annotations

import copy
from pathlib import Path
from typing import Any

import pytest

torch = pytest.importorskip("torch")
trl = pytest.importorskip("trl")
pytest.importorskip("datasets")

from planted import planted_groups, texts_of  # noqa: E402
from trl_runs import losses_of_trl  # noqa: E402

from weaklabel.training.layout import LAYOUTS  # noqa: E402
from weaklabel.training.models.scratch import from_scratch  # noqa: E402
from weaklabel.training.reward import RewardTrainer  # noqa: E402
from weaklabel.training.runs.randomness import isolated_randomness  # noqa: E402
from weaklabel.training.runs.running import training_arguments  # noqa: E402
from weaklabel.training.settings import RewardTrainingSettings  # noqa: E402
from weaklabel.training.tokens import tokenize_groups  # noqa: E402

pytestmark = pytest.mark.trains

STEPS, PAIRS = 20, 4


@pytest.mark.parametrize("layout", ["padded", "shared"])
def test_the_first_twenty_steps_equal_trl(
    tmp_path: Path, layout: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HF_HUB_OFFLINE", "1")
    groups = planted_groups(STEPS * PAIRS)
    model, tokenizer = from_scratch("tiny", texts_of(groups))
    theirs = copy.deepcopy(model)
    tokens = tokenize_groups(groups, tokenizer, max_length=128, kind="decoder").groups
    settings = RewardTrainingSettings(
        groups_per_batch=PAIRS,
        learning_rate=1e-3,
        lr_scheduler_type="constant",
        logging_steps=1,
        layout=layout,
    )
    with isolated_randomness():
        args = training_arguments(settings, tmp_path / "ours", best_by=None)
        trainer = RewardTrainer(
            model, args, settings, LAYOUTS[layout], tokens, [], pad_id=tokenizer.pad_token_id
        )
        order = [index for batch in trainer.get_train_dataloader().batch_sampler for index in batch]
        trainer.train()
        ours = [line["loss"] for line in trainer.state.log_history if "loss" in line]
        rows = [chosen_and_rejected(tokens[k]) for k in order]
        expected = losses_of_trl(
            trl.RewardTrainer,
            trl.RewardConfig,
            theirs,
            tokenizer,
            rows,
            tmp_path / "trl",
            per_device_train_batch_size=PAIRS,
            max_steps=STEPS,
        )
    assert len(ours) == STEPS
    assert ours == pytest.approx(expected, abs=1e-5)
    pairs = zip(model.parameters(), theirs.parameters(), strict=True)
    assert max(float((a - b).detach().abs().max()) for a, b in pairs) < 1e-4


def chosen_and_rejected(group: Any) -> dict[str, list[int]]:
    [comparison] = group.comparisons
    winner, loser = (comparison.j, comparison.i) if comparison.p == 1 else (comparison.i, comparison.j)
    return {
        "chosen_ids": group.prompt + group.responses[winner],
        "rejected_ids": group.prompt + group.responses[loser],
    }
