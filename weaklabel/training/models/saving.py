"""A trained policy in a folder that transformers, vLLM and TRL load: a whole model, or an adapter with its base named."""

from __future__ import annotations

from pathlib import Path
from typing import Any, Final

from weaklabel.artifacts import content_hash, file_hash, write_folder
from weaklabel.errors import ArtifactError
from weaklabel.training.models.hub import ADAPTER, fetched, quiet
from weaklabel.training.runs.disk import explaining_disk

_DECIDE: Final = (".json", ".safetensors", ".jinja", ".model", ".txt")  # files that say what a model answers


def save_policy(model: Any, tokenizer: Any, folder: Path, *, card: str) -> None:
    """Writes weights (safetensors), configuration and tokenizer, and `card` as README.md; the folder is replaced whole.

    A model with LoRA adapters is saved as the adapter alone, whose `adapter_config.json` names its base.

    Raises:
        ArtifactError: the disk is full, or the folder cannot be written to.
    """

    def fill(target: Path) -> None:
        model.save_pretrained(target)
        tokenizer.save_pretrained(target)
        (target / "README.md").write_text(card, encoding="utf-8")

    with quiet(), explaining_disk(folder):
        write_folder(folder, fill)


def model_hash(name: str) -> str:
    """Hash of what a saved model or adapter answers by: its weights, configuration and tokenizer.

    Args:
        name: a folder, or a name on the Hugging Face hub.

    Raises:
        ArtifactError: nothing there.
    """
    folder = fetched(name)
    files = sorted(path for path in folder.iterdir() if path.suffix in _DECIDE and path.is_file())
    if not any(path.name in ("config.json", ADAPTER) for path in files):
        raise ArtifactError(
            f"{name} holds no config.json, so it is no model. Give the folder that save_pretrained wrote."
        )
    return content_hash(*(part for path in files for part in (path.name, file_hash(path))))
