"""Reading what `save_pretrained` wrote: in silence, and with one line where it cannot be read."""

from __future__ import annotations

import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from logging import ERROR, getLogger
from pathlib import Path
from typing import Any

from transformers.utils import logging

from weaklabel.errors import ArtifactError, WeaklabelError


def reading(path: str, what: str, read: Any) -> Any:
    """`read()`, or our one-line error where the library could not read: it tells its reasons in many classes."""
    try:
        return read()
    except WeaklabelError:
        raise
    except Exception as error:  # a torn tokenizer raises a bare Exception, a torn config whatever it lacks
        reason = " ".join(str(error).split()).split(". ")[0][:200] or type(error).__name__
        if Path(path).exists():
            raise ArtifactError(
                f"{path} holds no {what} that can be loaded ({reason}). Give the folder that save_pretrained wrote."
            ) from error
        raise ArtifactError(
            f"{path!r} is no folder here, and no {what} of that name could be fetched ({reason}). "
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
