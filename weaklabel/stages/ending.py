"""How a round of a policy ends: what the audit saw, the log of its training, and the policy in its folder with a card."""

from __future__ import annotations

import json
import shutil
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final

from weaklabel.stages.audit import Auditor
from weaklabel.stages.contract import MODEL, Stage, rounded
from weaklabel.stages.policy import Policy
from weaklabel.stages.watching import seen_by

_LOG: Final = "log.jsonl"
_LOADED: Final = (
    "It is loaded with `AutoModelForCausalLM.from_pretrained(folder)`, or served by vLLM. A folder with `adapter_config.json` "
    "holds a LoRA adapter alone; `base_model_name_or_path` in that file is the model that it belongs to."
)


def end_round(
    stage: Stage,
    policy: Policy,
    trained: tuple[Any, Any],
    figures: dict[str, float | int | str | None],
    work: Path,
    *,
    by: str,
    auditor: Auditor | None,
    training: Path | None,
    previous: Path | None = None,
) -> None:
    """Adds what the audit saw to `figures` and to the notes of the stage, and writes the log and the policy.

    Args:
        stage: whose round it is; its notes get the audit's warnings.
        policy: writes the model.
        trained: the model and its tokenizer.
        figures: of the round so far.
        work: the folder of the round.
        by: how it was trained, for its card.
        auditor: who watched; None for nobody.
        training: the folder of the training, which has a log; None where nothing was trained.
        previous: the policy that training started from, where that is not the model of the settings.

    Raises:
        ArtifactError: the disk is full, or the folder cannot be written to.
    """
    seen, warned = seen_by(auditor)
    figures |= seen
    stage.notes += warned
    if training is not None:
        shutil.copyfile(training / _LOG, work / _LOG)
    uses = f"A causal language model, trained {by}. {_LOADED}"
    about = card(f"Policy: {stage.kind}", stage.inputs, stage.settings, figures, uses)
    policy.save(*trained, work / MODEL, card=about, previous=previous)


def card(
    title: str, inputs: Mapping[str, str], settings: Mapping[str, Any], figures: Mapping[str, Any], uses: str
) -> str:
    """README.md of a policy: what it was made of, its figures, how it is loaded."""
    told = {name: rounded(value) for name, value in figures.items()}
    parts = [("Made of", inputs), ("Settings", settings), ("Figures", told)]
    lists = [
        f"## {name}\n\n"
        + "\n".join(f"- {key}: {json.dumps(value, ensure_ascii=False)}" for key, value in values.items())
        for name, values in parts
        if values
    ]
    return "\n\n".join([f"# {title}", uses, *lists]) + "\n"
