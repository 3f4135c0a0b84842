"""The folder of a training run: whose run it is, its whole checkpoints, its log.

    run.json           what the run was made of; another run is refused
    checkpoint-N/      weights (safetensors), optimiser, random state and history at step N
    log.jsonl          a line per logged step and evaluation
    tensorboard/       the same for TensorBoard, where asked for

Only `run.json` and the weights are meant to be read by anything else. The optimiser's and the random state are
torch files, read back with weights_only, which runs no code.
"""

from __future__ import annotations

import json
import shutil
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final

from transformers import TrainerCallback, TrainerControl, TrainerState, TrainingArguments

from weaklabel.artifacts import json_line, read_json, without_nan, write_json, write_text
from weaklabel.errors import ArtifactError, MissingExtraError

_STATE: Final = "trainer_state.json"  # what the Trainer writes last into a checkpoint


def claim(folder: Path, made_of: Mapping[str, Any], *, writes: bool) -> None:
    """Marks a folder as this run's, or checks that it is.

    Args:
        made_of: a manifest; its inputs and settings have to be those of the run that began in the folder.
        writes: whether this process writes the mark; of several, one does.

    Raises:
        ArtifactError: another run's folder, with what differs.
    """
    mark = folder / "run.json"
    if not mark.exists():
        if writes:
            write_json(mark, made_of)
        return
    before = read_json(mark)
    differing = [
        f"{part}.{name}"
        for part in ("inputs", "settings")
        for name in sorted({*before.get(part, {}), *made_of[part]})
        if before.get(part, {}).get(name) != json.loads(json.dumps(made_of[part].get(name)))
    ]
    if differing:
        raise ArtifactError(
            f"{folder} holds another training run: {', '.join(differing[:4])} differ. "
            "Give a new folder, or remove this one to start over."
        )


def last_checkpoint(folder: Path) -> Path | None:
    """The newest whole checkpoint, or None. One that a kill tore is passed over."""
    whole = [(step, path) for step, path in _checkpoints(folder) if _is_whole(path)]
    return max(whole)[1] if whole else None


def remove_torn(folder: Path) -> None:
    """Removes checkpoints that a kill tore, which would count as one of the few to keep."""
    for _, path in _checkpoints(folder):
        if not _is_whole(path):
            shutil.rmtree(path)


def stopped_early(checkpoint: Path, patience: int | None) -> bool:
    """Whether the run had lost its patience when it wrote this checkpoint, so that nothing is left to do."""
    saved = read_json(checkpoint / _STATE)["stateful_callbacks"].get("EarlyStoppingCallback")
    return patience is not None and saved["attributes"]["early_stopping_patience_counter"] >= patience


def _checkpoints(folder: Path) -> list[tuple[int, Path]]:
    found = [(path.name.removeprefix("checkpoint-"), path) for path in folder.glob("checkpoint-*")]
    return [(int(step), path) for step, path in found if step.isdigit()]


def _is_whole(checkpoint: Path) -> bool:
    try:
        read_json(checkpoint / _STATE)
    except ArtifactError:
        return False
    return True


class RunLog(TrainerCallback):
    """Every logged figure as a line of `log.jsonl`, and on TensorBoard.

    After a resume the log begins with the history of the checkpoint, so a step stands in it once.

    Raises:
        MissingExtraError: TensorBoard asked for and not installed.
    """

    def __init__(self, folder: Path, *, tensorboard: bool) -> None:
        self._folder, self._tensorboard = folder, tensorboard
        self._path = folder / "log.jsonl"
        self._board: Any = None

    def on_train_begin(
        self, args: TrainingArguments, state: TrainerState, control: TrainerControl, **kwargs: Any
    ) -> None:
        if state.is_world_process_zero:
            write_text(self._path, "".join(map(_logged, state.log_history)))
            self._board = _summary_writer(self._folder / "tensorboard") if self._tensorboard else None

    def on_step_end(
        self, args: TrainingArguments, state: TrainerState, control: TrainerControl, **kwargs: Any
    ) -> None:
        # A checkpoint is written after the loss of its step was seen to be a number.
        control.should_log |= control.should_save

    on_epoch_end = on_step_end

    def on_log(
        self, args: TrainingArguments, state: TrainerState, control: TrainerControl, **kwargs: Any
    ) -> None:
        if not state.is_world_process_zero:
            return
        line = state.log_history[-1]
        with self._path.open("a", encoding="utf-8") as file:
            file.write(_logged(line))
        if self._board is not None:
            for name, value in line.items():
                if name != "step":
                    self._board.add_scalar(name, value, line["step"])
            self._board.flush()


def _logged(figures: dict[str, Any]) -> str:
    return json_line(without_nan(figures))  # a gradient norm may be infinite


def _summary_writer(folder: Path) -> Any:
    try:
        from torch.utils.tensorboard import SummaryWriter
    except ImportError:
        raise MissingExtraError.for_extra("logging for TensorBoard", "train") from None
    return SummaryWriter(str(folder))
