"""A saved reward model: a folder of a manifest, arrays and other files, checked at this one place when it is read.

The manifest names every file with its hash and ends with a hash of itself, so what was torn or edited is noticed. A
folder from elsewhere may hash well and say anything: so every number is of the declared kind, finite, and no larger
than what a fit gives, before it is used. Nothing here runs code: arrays are numpy's, without pickle.
"""

from __future__ import annotations

import io
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final, NoReturn

import numpy as np
from numpy.typing import NDArray

from weaklabel._validation import number_within, saved_texts
from weaklabel.artifacts import file_hash, is_sealed, manifest, read_json, sealed, write_folder, write_json
from weaklabel.artifacts.folders import MANIFEST, check_replaceable
from weaklabel.errors import ArtifactError

FORMAT: Final = 2
LARGEST: Final = 1e12
"""No number of a saved model is larger: sums of products of three such numbers are finite."""
SMALLEST: Final = 1e-12
"""A number that others are divided by is no smaller."""


@dataclass(frozen=True)
class ArrayKind:
    """What an array of a saved model is.

    Attributes:
        shape: lengths of its axes; a name stands for any length, the same for all arrays of the model.
        dtype: "float64", of finite numbers, or "uint64".
        positive: whether all numbers are above 0.
    """

    shape: tuple[int | str, ...]
    dtype: str = "float64"
    positive: bool = False

    def problem(self, array: NDArray[Any], lengths: dict[str, int]) -> str | None:
        """What is wrong with an array, or None; named lengths are noted in `lengths`."""
        fits = array.ndim == len(self.shape) and all(
            length == (lengths.setdefault(wanted, length) if isinstance(wanted, str) else wanted)
            for wanted, length in zip(self.shape, array.shape, strict=True)
        )
        if array.dtype != np.dtype(self.dtype) or not fits:
            wanted = ", ".join(str(lengths.get(str(length), length)) for length in self.shape)
            return f"is {array.dtype} of shape {array.shape}, expected {self.dtype} of shape ({wanted})"
        least = SMALLEST if self.positive else -LARGEST
        if self.dtype == "float64" and not ((array >= least) & (array <= LARGEST)).all():
            return f"holds numbers outside {least:g} to {LARGEST:g}, or none"
        return None


def write_saved(
    target: Path,
    kind: str,
    arrays: Mapping[str, NDArray[Any]],
    beside: Mapping[str, str],
    write_more: Callable[[Path], None],
    **entries: Any,
) -> None:
    """Write a model's folder, whole or not at all.

    Args:
        target: where it shall stand; an earlier model of that family there is replaced.
        kind: `reward:<name>`, or another family; an artefact of another family is not replaced.
        arrays: file name -> array.
        beside: text files, name -> content, which are not hashed: a person may edit a card.
        write_more: gets the folder, and writes what the model holds besides arrays.
        **entries: of the manifest, `settings` and `inputs` among them.

    Raises:
        ArtifactError: when the folder holds other files.
    """
    family, colon, _ = kind.partition(":")
    check_replaceable(target, family + colon)

    def fill(temporary: Path) -> None:
        write_more(temporary)
        for name, array in arrays.items():
            write_array(temporary / name, array)
        hashes = {file.name: file_hash(file) for file in sorted(temporary.iterdir())}
        for name, text in beside.items():
            (temporary / name).write_text(text, encoding="utf-8")
        files = sorted({*hashes, *beside})
        about = manifest(kind, format=FORMAT, hashes=hashes, files=files, **entries)
        write_json(temporary / MANIFEST, sealed(about))

    write_folder(target, fill)


def read_manifest(folder: Path) -> dict[str, Any]:
    """The manifest of a saved model, not checked yet.

    Raises:
        ArtifactError: when there is none.
    """
    about = read_json(folder / MANIFEST)
    if not isinstance(about, dict):
        raise ArtifactError(f"{folder / MANIFEST} is no manifest. Name a folder that save() wrote.")
    return about


@dataclass(frozen=True)
class Saved:
    """What `write_saved` wrote, found to be whole. Its methods give a value of the declared kind, or raise."""

    folder: Path
    about: Mapping[str, Any]

    @classmethod
    def open(cls, folder: str | Path, kind: str) -> Saved:
        """The saved model of a folder.

        Raises:
            ArtifactError: none of that kind and format, or one whose manifest or files have changed.
        """
        target = Path(folder)
        about = read_manifest(target)
        if about.get("kind") != kind:
            raise ArtifactError(
                f"{target} holds {about.get('kind')!r}, not {kind!r}. Name a saved model of that kind."
            )
        if about.get("format") != FORMAT:
            raise ArtifactError(
                f"{target} was saved in format {about.get('format')!r}, this version reads {FORMAT}. Train again."
            )
        saved = cls(target, about)
        if not is_sealed(about):
            saved.fail("it is not what save() wrote")
        for name, expected in saved.table("hashes").items():
            file = target / name
            if Path(name).name != name or not file.is_file() or file_hash(file) != expected:
                raise ArtifactError(f"{file} is not what its manifest names. Train again.")
        return saved

    def fail(self, why: object) -> NoReturn:
        """Raise the error of a manifest that says what no model can be."""
        reason = f"{type(why).__name__}: {why}" if isinstance(why, Exception) else str(why)
        raise ArtifactError(
            f"{self.folder / MANIFEST} is no whole manifest ({' '.join(reason.split())}). Train again."
        )

    def table(self, key: str) -> dict[str, Any]:
        value = self.about.get(key)
        if not isinstance(value, dict):
            self.fail(f"{key} is no table")
        return value

    def number(self, key: str, least: float = -LARGEST, most: float = LARGEST) -> float:
        try:
            return number_within(self.about.get(key), least, most)
        except ValueError as error:
            self.fail(f"{key}: {error}")

    def sentence(self, key: str) -> str:
        """A line of text; "" where there is none."""
        try:
            (text,) = saved_texts([self.about.get(key, "")])
        except ValueError as error:
            self.fail(f"{key}: {error}")
        return text

    def count(self, key: str) -> int:
        value = self.about.get(key)
        if not isinstance(value, int) or isinstance(value, bool) or not 0 <= value <= LARGEST:
            self.fail(f"{key} is {value!r:.40}, which is no count")
        return value

    def arrays(self, kinds: Mapping[str, ArrayKind]) -> dict[str, NDArray[Any]]:
        """The arrays by file name, each of its kind."""
        hashed, lengths, found = self.table("hashes"), dict[str, int](), {}
        for name, kind in kinds.items():
            if name not in hashed:
                self.fail(f"no hash of {name}")
            found[name] = array = _read_array(self.folder / name)
            if problem := kind.problem(array, lengths):
                raise ArtifactError(f"{self.folder / name} {problem}. Train again.")
        return found


def write_array(path: Path, array: NDArray[Any]) -> None:
    """An array as `.npy`, without pickle."""
    npy = io.BytesIO()
    np.save(npy, array, allow_pickle=False)
    # numpy's own way to a file does not say why a disk refused. A copy: the traceback of a refusal would hold a view, and
    # a buffer cannot be freed before its views.
    path.write_bytes(npy.getvalue())


def _read_array(path: Path) -> NDArray[Any]:
    try:
        with path.open("rb") as file:
            array: NDArray[Any] = np.lib.format.read_array(file, allow_pickle=False)
    except Exception as error:  # a header is Python text, and what is wrong with one comes in a dozen classes
        raise ArtifactError(f"{path} cannot be read ({type(error).__name__}). Train again.") from error
    return array
