"""The folder of a saved transformer: weights, tokenizer, gold prompts, and a manifest with the hash of each file."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from numpy.typing import NDArray

from weaklabel.artifacts import file_hash, manifest, write_folder, write_json
from weaklabel.artifacts.folders import check_replaceable
from weaklabel.errors import ArtifactError
from weaklabel.reward.base import GOLD_PROMPTS, read_array, read_manifest, write_array


def write_scorer(
    folder: str | Path,
    parts: tuple[Any, Any, NDArray[Any]],
    beside: Mapping[str, str],
    *,
    kind: str,
    inputs: Mapping[str, str],
    settings: Mapping[str, Any],
    **more: Any,
) -> None:
    """Write a folder that transformers opens too, whole or not at all.

    Args:
        folder: where it shall stand; an earlier reward model there is replaced.
        parts: model and tokenizer, which have `save_pretrained`, and the hashes of gold prompts.
        beside: text files to lie with them, which are not hashed: a person may edit a card.
        kind, inputs, settings, **more: of the manifest.

    Raises:
        ArtifactError: when the folder holds other files.
    """
    target = Path(folder)
    model, tokenizer, gold_prompts = parts
    check_replaceable(target, "reward:")

    def fill(temporary: Path) -> None:
        model.save_pretrained(temporary)
        tokenizer.save_pretrained(temporary)
        seen = write_array(temporary / GOLD_PROMPTS, gold_prompts)
        hashes = {file.name: file_hash(file) for file in sorted(temporary.iterdir())}
        for name, text in beside.items():
            (temporary / name).write_text(text, encoding="utf-8")
        files = sorted(file.name for file in temporary.iterdir())
        facts = more | {"gold_prompts": seen, "hashes": hashes, "files": files}
        write_json(temporary / "manifest.json", manifest(kind, inputs=inputs, settings=settings, **facts))

    write_folder(target, fill)


def read_scorer(folder: str | Path, kind: str) -> tuple[dict[str, Any], NDArray[Any]]:
    """The manifest and the hashes of gold prompts, once every file was found to be what the manifest names.

    Raises:
        ArtifactError: no such model, or one whose files have changed.
    """
    target = Path(folder)
    about = read_manifest(target)
    if about.get("kind") != kind:
        raise ArtifactError(
            f"{target} holds {about.get('kind')!r}, not {kind!r}. Name a saved model of that kind."
        )
    hashes = about.get("hashes")
    if not isinstance(hashes, dict):
        raise torn(folder, "no hashes")
    for name, expected in hashes.items():
        if not (target / name).is_file() or file_hash(target / name) != expected:
            raise ArtifactError(f"{target / name} is not what its manifest names. Train again.")
    return about, read_array(target / GOLD_PROMPTS, about.get("gold_prompts"))


def torn(folder: str | Path, why: object) -> ArtifactError:
    """The error of a manifest that lacks something."""
    reason = f"{type(why).__name__}: {why}" if isinstance(why, Exception) else why
    return ArtifactError(f"{Path(folder) / 'manifest.json'} is no whole manifest ({reason}). Train again.")
