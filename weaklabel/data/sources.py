"""What a user may hand over as pairs - paths, globs, data frames, data sets - as named streams of blocks."""

from __future__ import annotations

import glob
import os
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, TypeAlias

import numpy as np
import pyarrow as pa

from weaklabel._paths import check_name, expanded
from weaklabel.artifacts import content_hash
from weaklabel.artifacts.hash_memo import HashMemo
from weaklabel.data.blocks import (
    BLOCK_ROWS,
    KNOWN,
    Block,
    file_blocks,
    record_blocks,
    table_blocks,
)
from weaklabel.data.delimited import check_names
from weaklabel.errors import DataError, MissingExtraError
from weaklabel.types import Pairs

if TYPE_CHECKING:
    from collections.abc import Sequence

    import datasets
    import pandas as pd
    import polars as pl

PairSource: TypeAlias = (
    "str | os.PathLike[str] | Sequence[str | os.PathLike[str]] | Sequence[Mapping[str, Any]] | Pairs "
    "| pa.Table | pd.DataFrame | pl.DataFrame | pl.LazyFrame | datasets.Dataset | datasets.DatasetDict"
)
"""Whatever holds pairs: `open_source` takes it."""

_ENDINGS: Final = (".parquet", ".jsonl", ".ndjson", ".json", ".csv", ".tsv")
_SAVED: Final = ("dataset_info.json", "dataset_dict.json", "state.json")


@dataclass(frozen=True, slots=True)
class Stream:
    """One file or table: its name for messages, and its blocks, which can be asked for more than once."""

    name: str
    blocks: Callable[[], Iterator[Block]]


def open_source(source: PairSource, what: str = "pairs") -> list[Stream]:
    """The streams of a source, files in sorted order.

    Args:
        source: holds rows.
        what: the rows should be, for messages.

    Raises:
        DataError: when nothing is there, or it is nothing that holds pairs.
        MissingExtraError: when it needs `datasets` and that is not installed.
    """
    if isinstance(source, str | os.PathLike):
        return _named(os.fspath(source), what)
    if isinstance(source, list | tuple) and source:
        if all(isinstance(item, str | os.PathLike) for item in source):
            return [stream for item in source for stream in _named(os.fspath(item), what)]
        if isinstance(source[0], Mapping):
            return [Stream("the list", lambda: record_blocks(source, "the list"))]
    table = _as_tables(source)
    if table is None:
        raise DataError(
            f"{what} cannot be read from {type(source).__name__} {str(source)[:60]!r}. Pass a path, a glob, a list "
            "of paths or dicts, a pandas or polars DataFrame, a pyarrow Table, or a datasets.Dataset."
        )
    return [table]


def _as_tables(source: Any) -> Stream | None:
    # Asked by name, so that nothing is imported that the user has not imported already.
    room, kind = type(source).__module__.split(".")[0], type(source).__name__
    if isinstance(source, Pairs):
        source, kind = source.table, "Pairs"
    if isinstance(source, pa.Table):
        return Stream(f"the {kind}", lambda: table_blocks([source], f"the {kind}"))
    if room == "pandas" and kind == "DataFrame":
        return _from_pandas(source)
    if room == "polars" and kind in ("DataFrame", "LazyFrame"):
        frame = source.collect() if kind == "LazyFrame" else source
        return Stream("the DataFrame", lambda: table_blocks([frame.to_arrow()], "the DataFrame"))
    if room == "datasets":
        return _from_dataset(source, "the Dataset")
    return None


def _from_pandas(frame: Any) -> Stream:
    name = "the DataFrame"
    frame = frame.rename(columns=str)
    check_names(list(frame.columns), name)
    try:
        table = pa.Table.from_pandas(frame, preserve_index=False)
    except (pa.ArrowException, UnicodeEncodeError, OverflowError):
        # A column of mixed types, mostly one bad cell: row by row, so that only its row is set aside.
        return Stream(name, lambda: record_blocks(map(_unboxed, frame.to_dict("records")), name))
    return Stream(name, lambda: table_blocks([table], name))


def _unboxed(row: dict[str, Any]) -> dict[str, Any]:
    # pandas keeps a list that came from Parquet as an array.
    return {k: v.tolist() if isinstance(v, np.ndarray) else v for k, v in row.items()}


def _from_dataset(data: Any, name: str, split: str | None = None) -> Stream:
    if isinstance(data, dict):
        if split is None and len(data) == 1:
            split = next(iter(data))
        if split not in data:
            came = f", not {split!r}" if split else ""
            raise DataError(
                f"{name} has the splits {', '.join(data)}{came}. Pass one of them; of a saved or a hub data set "
                "as 'NAME:split'."
            )
        data = data[split]
    if not hasattr(data, "with_format"):
        raise DataError(f"{name} is {type(data).__name__}. Expected a datasets.Dataset.")

    about = getattr(
        data.features, "arrow_schema", pa.schema([])
    ).metadata  # names the classes of ClassLabel columns

    def blocks() -> Iterator[Block]:
        batches = data.with_format("arrow").iter(batch_size=BLOCK_ROWS)
        return table_blocks((batch.replace_schema_metadata(about) for batch in batches), name)

    return Stream(name, blocks)


@dataclass(frozen=True, slots=True)
class _Place:
    """A file of rows, or a data set that was saved as a folder; `name` is how it is called in messages."""

    path: Path
    name: str
    is_data_set: bool = False
    split: str | None = None

    def files(self) -> list[Path]:
        """Every file that its rows come from; of a data set with splits, those of the one that is read."""
        if not self.is_data_set:
            return [self.path]
        whole = self.split is None or not (self.path / self.split).is_dir()
        about = sorted(path for path in self.path.iterdir() if path.is_file())
        return [self.path] if whole else [*about, self.path / (self.split or "")]


def _named(name: str, what: str) -> list[Stream]:
    if name.startswith("hf:"):
        return [_from_hub(name)]
    return [_opened(place, what) for place in _places(name, what)]


def _opened(place: _Place, what: str) -> Stream:
    path, name = place.path, place.name
    if place.is_data_set:
        return _from_dataset(_load_from_disk(path, name), name, place.split)
    return Stream(name, lambda: file_blocks(path, name, what))


def source_hash(name: str, hashes: HashMemo) -> str | None:
    """Content hash of exactly the files that `open_source(name)` reads, by the same rules.

    Args:
        name: a path, a glob, `folder:split` or `hf:name:split`.
        hashes: hashes of files.

    Returns:
        The hash; None where there is nothing that could be hashed: what is missing, a pipe, or what cannot be loaded
        from the hub.
    """
    try:
        if name.startswith("hf:"):
            return _hub_hash(_load_from_hub(name), hashes)
        found = [(str(file), hashes.of(file)) for place in _places(name) for file in place.files()]
    except (DataError, MissingExtraError, OSError):
        return None
    return content_hash(*(part for pair in found for part in pair)) if all(d for _, d in found) else None


def _places(name: str, what: str = "pairs") -> list[_Place]:
    name = expanded(name, "the source")
    try:
        return _on_disk(name, what)
    except OSError as error:
        raise DataError(
            f"{name[:80]!r} cannot be opened ({error.strerror or error}). Check the path and its permissions."
        ) from None


def _on_disk(name: str, what: str) -> list[_Place]:
    check_name(name, "the source")
    path = Path(name)
    if path.is_dir():
        return _folder(path, name, None, what)
    folder, _, split = name.rpartition(":")
    if folder and not path.exists() and Path(folder).is_dir():
        return _folder(Path(folder), name, split, what)
    if not path.exists() and glob.has_magic(name):
        found = sorted(glob.glob(str(path), recursive=True))
        if not found:
            raise DataError(f"no file matches {name!r}. Check the pattern and the folder it starts from.")
        return [place for item in found for place in _on_disk(item, what)]
    return [_Place(path, name)]


def _folder(path: Path, name: str, split: str | None, what: str) -> list[_Place]:
    if any((path / file).exists() for file in _SAVED):
        return [_Place(path, name, is_data_set=True, split=split)]
    found = sorted(
        p for p in path.iterdir() if any(s.lower() in _ENDINGS for s in p.suffixes) and p.is_file()
    )
    if not found:
        raise DataError(
            f"the folder {name} holds no {what}. Expected files ending in {KNOWN}, or a saved data set."
        )
    return [place for file in found for place in _on_disk(str(file), what)]


def _datasets() -> Any:
    try:
        import datasets
    except ImportError:
        raise MissingExtraError.for_extra("a Hugging Face data set", "datasets") from None
    return datasets


def _load_from_disk(path: Path, name: str) -> Any:
    datasets = _datasets()
    try:
        return datasets.load_from_disk(str(path))
    except Exception as error:
        raise DataError(f"{name} is not a saved Hugging Face data set ({_first_line(error)}).") from None


def _from_hub(name: str) -> Stream:
    split = name.removeprefix("hf:").partition(":")[2]
    return _from_dataset(_load_from_hub(name), name, split or None)


def _load_from_hub(name: str) -> Any:
    """`hf:org/name[:split]`: the one place that may reach the network, because the user typed the name."""
    repository, _, split = name.removeprefix("hf:").partition(":")
    datasets = _datasets()
    try:
        return datasets.load_dataset(repository, split=split or None)
    except Exception as error:
        raise DataError(
            f"{name} cannot be loaded ({_first_line(error)}). Write it as hf:org/name:split."
        ) from None


def _hub_hash(data: Any, hashes: HashMemo) -> str | None:
    """Hash of the local files behind a loaded data set, and of what its columns are called; None where it has none."""
    parts = list(data.values()) if isinstance(data, dict) else [data]
    files = [Path(file["filename"]) for part in parts for file in part.cache_files]
    if not files:
        return None
    return content_hash(*(str(part.features) for part in parts), *(hashes.of(file) for file in files))


def _first_line(error: Exception) -> str:
    return f"{type(error).__name__}: {str(error).splitlines()[0] if str(error) else 'no message'}"[:160]
