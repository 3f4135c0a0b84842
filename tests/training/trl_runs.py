"""Training by TRL, for tests that hold ours against it."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from weaklabel.training.runs.running import CHECKPOINTING


def losses_of_trl(
    trainer: Any,
    config: Any,
    model: Any,
    tokenizer: Any,
    rows: list[dict[str, list[int]]],
    folder: Path,
    *,
    ref_model: Any = None,
    **more: Any,
) -> list[float]:
    """The loss of every step of one of TRL's trainers over rows of token ids, in their order; the model is trained.

    Args:
        trainer, config: two classes of TRL's that belong together.
        ref_model: of DPOTrainer.
        more: settings of `config`, `per_device_train_batch_size` and `max_steps` among them.
    """
    from datasets import Dataset

    args = config(
        output_dir=str(folder),
        learning_rate=1e-3,
        lr_scheduler_type="constant",
        train_sampling_strategy="sequential",
        bf16=False,
        logging_steps=1,
        save_strategy="no",
        report_to="none",
        disable_tqdm=True,
        use_cpu=True,
        **{CHECKPOINTING: False, **more},
    )
    reference = {} if ref_model is None else {"ref_model": ref_model}
    made = trainer(
        model=model, args=args, train_dataset=Dataset.from_list(rows), processing_class=tokenizer, **reference
    )
    made.train()
    return [line["loss"] for line in made.state.log_history if "loss" in line]
