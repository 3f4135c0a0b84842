"""The folder of a training run: whose run it is, its whole checkpoints, its log.

    run.json           what the run was made of; another run is refused
    checkpoint-N/      weights (safetensors), optimiser, random state and history at step N
    log.jsonl          a line per logged step and evaluation

Only `run.json` and the weights are meant to be read by anything else. The optimiser's and the random state are
torch files, read back with weights_only, which runs no code.
"""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable, Mapping
from contextlib import ExitStack
from pathlib import Path
from typing import Any, Final

from transformers import TrainerCallback, TrainerControl, TrainerState, TrainingArguments

from weaklabel._progress import Step, bar
from weaklabel.artifacts import json_line, read_json, write_json, write_text
from weaklabel.errors import ArtifactError
from weaklabel.training.runs.randomness import isolated_randomness
from weaklabel.types.result import json_values

_MARK: Final = "run.json"
_STATE: Final = "trainer_state.json"  # what the Trainer writes last into a checkpoint


def claim(folder: Path, made_of: Mapping[str, Any], *, writes: bool) -> None:
    """Marks a folder as this run's, or checks that it is.

    Args:
        made_of: a manifest; its inputs and settings have to be those of the run that began in the folder.
        writes: whether this process writes the mark; of several, one does.

    Raises:
        ArtifactError: another run's folder, with what differs.
    """
    mark = folder / _MARK
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


def starting_point(folder: Path, resume: bool | str | Path, made_of: Mapping[str, Any]) -> Path | None:
    """The checkpoint that a run goes on from, None for its beginning.

    What comes after it is removed, and what a kill tore: both would count among the few that are kept.

    Args:
        folder: of the run.
        resume: as the setting `resume_from_checkpoint`.
        made_of: the run's manifest, which a checkpoint from elsewhere has to fit.

    Raises:
        ArtifactError: a path that is no whole checkpoint, or one of another run.
    """
    if isinstance(resume, bool):
        start = last_checkpoint(folder) if resume else None
    else:
        start = Path(resume).resolve()
        if _step(start) is None or not _is_whole(start) or not (start.parent / _MARK).is_file():
            raise ArtifactError(
                f"resume_from_checkpoint is {resume}, which is no whole checkpoint of a run. Give a folder checkpoint-N "
                f"as it stands beside its {_MARK}, or true for the newest."
            )
        claim(start.parent, made_of, writes=False)
    first = -1 if start is None else _step(start) or 0
    for step, path in _checkpoints(folder):
        if step > first or not _is_whole(path):
            shutil.rmtree(path)
    return start


def has_ended(checkpoint: Path, patience: int | None) -> bool:
    """Whether nothing is left to do after this checkpoint: it is of the last step, or the run had lost its patience.

    The Trainer does not ask: one that goes on from its last step takes another one, unless an epoch ends there.
    """
    state = read_json(checkpoint / _STATE)
    if state["global_step"] >= state["max_steps"]:
        return True
    saved = state["stateful_callbacks"].get("EarlyStoppingCallback")
    return patience is not None and saved["attributes"]["early_stopping_patience_counter"] >= patience


def _checkpoints(folder: Path) -> list[tuple[int, Path]]:
    found = [(_step(path), path) for path in folder.glob("checkpoint-*")]
    return [(step, path) for step, path in found if step is not None]


def _step(checkpoint: Path) -> int | None:
    """The step in the name of a checkpoint, None where it names none."""
    number = checkpoint.name.removeprefix("checkpoint-")
    return int(number) if number.isdigit() else None


def _is_whole(checkpoint: Path) -> bool:
    try:
        read_json(checkpoint / _STATE)
    except ArtifactError:
        return False
    return True


class RunLog(TrainerCallback):
    """Every logged figure as a line of `log.jsonl`; and when a line and a checkpoint are due.

    After a resume the log begins with the history of the checkpoint, so a step stands in it once.
    """

    def __init__(self, folder: Path) -> None:
        self._path = folder / "log.jsonl"

    def on_train_begin(
        self, args: TrainingArguments, state: TrainerState, control: TrainerControl, **kwargs: Any
    ) -> None:
        if state.is_world_process_zero:
            write_text(self._path, "".join(map(_logged, state.log_history)))

    def on_step_end(
        self, args: TrainingArguments, state: TrainerState, control: TrainerControl, **kwargs: Any
    ) -> None:
        # A checkpoint is written after the loss of its step was seen to be a number, and an evaluation may ask for one.
        control.should_log |= control.should_save or control.should_evaluate

    on_epoch_end = on_step_end

    def on_evaluate(
        self, args: TrainingArguments, state: TrainerState, control: TrainerControl, **kwargs: Any
    ) -> None:
        """The best weights so far, and the last ones of a run that lost its patience, are kept at any step."""
        figure = kwargs["metrics"][f"eval_{args.metric_for_best_model}"]
        best_yet = state.best_metric is None or figure < state.best_metric
        control.should_save |= best_yet or control.should_training_stop

    def on_log(
        self, args: TrainingArguments, state: TrainerState, control: TrainerControl, **kwargs: Any
    ) -> None:
        if state.is_world_process_zero:
            with self._path.open("a", encoding="utf-8") as file:
                file.write(_logged(state.log_history[-1]))


Watch = Callable[[Any, int], None]
"""Looks at (model, step) at the start and after every checkpoint; what it raises ends the run, which can go on later."""


class Watched(TrainerCallback):
    """Shows the model to `watch` where a run begins or goes on, and after every checkpoint, by the first process.

    A step may be shown again after a kill, and the model is as it was trained, in training mode.
    """

    def __init__(self, watch: Watch) -> None:
        self._watch = watch

    def on_train_begin(
        self, args: TrainingArguments, state: TrainerState, control: TrainerControl, **kwargs: Any
    ) -> None:
        if state.is_world_process_zero:
            with isolated_randomness():
                self._watch(kwargs["model"], state.global_step)

    on_save = on_train_begin


class Bar(TrainerCallback):
    """The steps of a training run as a bar, with the last loss that was logged beside it."""

    def __init__(self) -> None:
        self._until, self._loss = ExitStack(), ""
        self._step: Step | None = None

    def on_train_begin(
        self, args: TrainingArguments, state: TrainerState, control: TrainerControl, **kwargs: Any
    ) -> None:
        if state.is_world_process_zero:
            self._step = self._until.enter_context(bar("training", state.max_steps))
            self._step(state.global_step)

    def on_step_end(
        self, args: TrainingArguments, state: TrainerState, control: TrainerControl, **kwargs: Any
    ) -> None:
        if self._step is not None:
            self._step(1, self._loss)

    def on_log(
        self, args: TrainingArguments, state: TrainerState, control: TrainerControl, **kwargs: Any
    ) -> None:
        loss = state.log_history[-1].get("loss")
        self._loss = self._loss if loss is None else f"loss {loss:.4f}"

    def close(self) -> None:
        """Take the bar away, however the run ended."""
        self._until.close()


def _logged(figures: dict[str, Any]) -> str:
    return json_line(json_values(figures))  # a gradient norm may be infinite
