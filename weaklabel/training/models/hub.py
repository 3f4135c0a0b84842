"""The one door for models: whatever transformers and peft read, they read through here, and it is data.

Weights are safetensors, because other checkpoints are pickles and can run code. A folder's own code (`auto_map`, kernels
by name) is never run, and nothing is read but the folder itself: an adapter's base is named by the caller. The hub is
asked by `fetched` alone, for a name that the user gave. No other file calls `from_pretrained`; a test holds that.

What the libraries say while they read is kept from the screen, and what they cannot read is one line.
"""

from __future__ import annotations

import os
import warnings
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from logging import ERROR, getLogger
from pathlib import Path
from typing import Any, Final

from transformers.utils import logging

from weaklabel.artifacts import read_json
from weaklabel.errors import ArtifactError, MissingExtraError, WeaklabelError
from weaklabel.training.runs.memory import is_out_of_memory

ADAPTER: Final = "adapter_config.json"
_CONFIG: Final = "config.json"
_HERE: Final = {"local_files_only": True, "trust_remote_code": False}
_FETCHED: Final = ("*.json", "*.safetensors", "*.jinja", "*.model", "*.txt")
_PICKLES: Final = (".bin", ".pt", ".pth", ".ckpt", ".pkl", ".pickle")
# What transformers or peft would import, or fetch as compiled code, by a name that stands in a file.
_CODE: Final = ("auto_map", "megatron_config", "custom_generate")
_KERNELS: Final = ("attn_implementation", "experts_implementation")


def fetched(name: str) -> Path:
    """The folder of a model: itself, or the hub's copy of `org/name` or `hf:org/name`, fetched if it is not there.

    Fetched are the files of the repository's top folder that are data: never a pickle, never code.

    Raises:
        ArtifactError: neither a folder here nor to be had from the hub.
    """
    if Path(name).is_dir():
        return Path(name)
    if Path(name).exists():
        raise ArtifactError(
            f"{name} is a file, not the folder of a model. Give the folder that save_pretrained wrote."
        )
    from huggingface_hub import snapshot_download

    with quiet():
        return Path(
            reading(
                name,
                "model",
                lambda: snapshot_download(
                    name.removeprefix("hf:"), allow_patterns=list(_FETCHED), ignore_patterns=["*/*"]
                ),
            )
        )


def load_model(kind: Any, folder: Path, what: str = "model", **settings: Any) -> Any:
    """`kind.from_pretrained` of a folder; with `output_loading_info=True` the model and what was found.

    Args:
        kind: an `AutoModel...` class of transformers.
        what: the folder should hold, for the error.
        **settings: of `from_pretrained`, such as `dtype`.

    Raises:
        ArtifactError: no folder of a model, weights that are pickles, code of its own, or an adapter.
    """
    if not (folder / _CONFIG).is_file():
        raise ArtifactError(
            f"{folder} holds no config.json, so it is no model. Give the folder that save_pretrained wrote."
        )
    if (folder / ADAPTER).is_file():
        raise ArtifactError(
            f"{folder} holds an {ADAPTER} beside its config.json, which would put another model in its place. "
            f"Remove {ADAPTER}, or merge the adapter (merge_and_unload) and save that."
        )
    _check(folder, "model", (_CONFIG, "generation_config.json"))
    with quiet():
        return reading(
            folder, what, lambda: kind.from_pretrained(folder, use_safetensors=True, **_HERE, **settings)
        )


def load_tokenizer(folder: Path) -> Any:
    """The tokenizer beside a model.

    Raises:
        ArtifactError: none is there, or one with code of its own.
    """
    from transformers import AutoTokenizer

    _check_code(folder, (_CONFIG, "tokenizer_config.json"))
    with quiet():
        return reading(folder, "tokenizer", lambda: AutoTokenizer.from_pretrained(folder, **_HERE))


def own_base(folder: Path) -> Path:
    """The base of an adapter, where it lies inside the adapter's folder.

    Raises:
        ArtifactError: it lies elsewhere: only the caller may say what else is loaded.
    """
    named = _adapter(folder).get("base_model_name_or_path")
    if isinstance(named, str) and os.path.isfile(os.path.join(folder, named, _CONFIG)):  # False for odd names
        inside = (folder / named).resolve()
        if inside != folder.resolve() and inside.is_relative_to(folder.resolve()):
            return inside
    of = (
        f"a LoRA adapter of {named!r}, which lies elsewhere" if named else "a LoRA adapter that names no base"
    )
    raise ArtifactError(
        f"{folder} holds {of}. Name both yourself: base = {str(named or 'the base model')!r}, "
        f"adapter = {str(folder)!r}; of a stage, the base is called model."
    )


def load_adapter(model: Any, folder: Path) -> Any:
    """The model with the LoRA adapter of a folder around it.

    Raises:
        ArtifactError: no LoRA adapter, weights that are pickles, or code of its own.
        MissingExtraError: peft is not installed.
    """
    found = _adapter(folder)
    if found.get("peft_type") != "LORA":
        raise ArtifactError(
            f"{folder} holds an adapter of the kind {found.get('peft_type')!r}. Allowed: 'LORA'. Merge it into its base "
            "(merge_and_unload) and save that."
        )
    _check(folder, "adapter_model", (ADAPTER,))
    peft = need_peft(f"the adapter in {folder}")
    with quiet():
        return reading(
            folder,
            "adapter that fits its base",
            lambda: peft.PeftModel.from_pretrained(model, str(folder), local_files_only=True),
        )


def need_peft(what: str) -> Any:
    """peft.

    Raises:
        MissingExtraError: it is not installed.
    """
    try:
        import peft
    except ImportError:
        raise MissingExtraError.for_extra(what, "train") from None
    return peft


def _adapter(folder: Path) -> Mapping[str, Any]:
    if not (folder / ADAPTER).is_file():
        raise ArtifactError(
            f"{folder} holds no {ADAPTER}, so it is no adapter. Give the folder that save_pretrained wrote."
        )
    return _table(folder / ADAPTER)


def _check(folder: Path, weights: str, configs: tuple[str, ...]) -> None:
    """Raises ArtifactError unless `<weights>.safetensors` is there, whole or in parts, and no code of its own."""
    _check_code(folder, configs)
    index = folder / f"{weights}.safetensors.index.json"
    if index.is_file():
        parts = _table(index).get("weight_map")
        for part in parts.values() if isinstance(parts, dict) else [parts]:
            if not isinstance(part, str) or Path(part).name != part or not part.endswith(".safetensors"):
                raise ArtifactError(
                    f"{index} names {part!r:.60} as weights. Allowed: names of safetensors files beside it."
                )
    elif not (folder / f"{weights}.safetensors").is_file():
        lacking = f"{folder} holds no {weights}.safetensors"
        if pickles := sorted(file.name for file in folder.iterdir() if file.suffix in _PICKLES):
            raise ArtifactError(
                f"{lacking}; its {pickles[0]} is a pickle, which can run code, and is not read. Convert it where you "
                "trust it: load it with transformers there, and write it with save_pretrained(folder)."
            )
        raise ArtifactError(
            f"{lacking}: its weights are missing. Give the folder that save_pretrained wrote."
        )


def _check_code(folder: Path, configs: tuple[str, ...]) -> None:
    for name in configs:
        file = folder / name
        if file.is_file() and (entry := _code_in(_table(file))):
            raise ArtifactError(
                f"{file} names code of its own ({entry}), which is never run. If transformers knows the model by itself, "
                "remove that entry; otherwise give another model."
            )


def _code_in(table: Mapping[str, Any]) -> str | None:
    """The first entry, at any depth, that would have code imported or fetched."""
    left: list[Any] = [table]
    while left:
        value = left.pop()
        if isinstance(value, dict):
            for key, item in value.items():
                if key in _CODE and item:
                    return str(key)
                if key.endswith(_KERNELS) and "/" in str(item):
                    return f"{key} = {item!r:.60}"
            left += value.values()
        elif isinstance(value, list):
            left += value
    return None


def _table(file: Path) -> Mapping[str, Any]:
    found = read_json(file)
    if not isinstance(found, dict):
        raise ArtifactError(f"{file} holds no JSON object. Give the folder that save_pretrained wrote.")
    return found


def reading(path: str | Path, what: str, read: Any) -> Any:
    """`read()`, or our one-line error where the library could not read: it tells its reasons in many classes."""
    try:
        return read()
    except WeaklabelError:
        raise
    except Exception as error:  # a torn tokenizer raises a bare Exception, a torn config whatever it lacks
        if is_out_of_memory(error):
            raise ArtifactError(
                f"{path}: out of memory while it was loaded. Free some, choose a smaller model, or set dtype to 'bfloat16'."
            ) from error
        reason = " ".join(str(error).split()).split(". ")[0][:200] or type(error).__name__
        if Path(path).exists():
            raise ArtifactError(
                f"{path} holds no {what} that can be loaded ({reason}). Give the folder that save_pretrained wrote."
            ) from error
        raise ArtifactError(
            f"{str(path)!r} is no folder here, and no {what} of that name could be fetched ({reason}). "
            "Give a local folder, or check the name and the connection."
        ) from error


@contextmanager
def quiet() -> Iterator[None]:
    """No tables of new weights, no progress bars, no line per try of a hub: what matters of them is checked here."""
    before, bars = logging.get_verbosity(), logging.is_progress_bar_enabled()
    hub = getLogger("huggingface_hub")
    of_hub = hub.level
    hub.setLevel(ERROR)
    logging.set_verbosity_error()
    logging.disable_progress_bar()
    try:
        with warnings.catch_warnings():
            # peft 0.21 still asks models by the name that transformers 5.19 gave up.
            warnings.filterwarnings("ignore", ".*gradient_checkpointing.* is deprecated", FutureWarning)
            yield
    finally:
        hub.setLevel(of_hub)
        logging.set_verbosity(before)
        if bars:
            logging.enable_progress_bar()
