"""The one way anything reaches a disk: content hashes, atomic writes, manifests.

A file appears under its final name whole or not at all: it is written beside its target, flushed to the
disk, then renamed (20 of 20 kills left a torn file without this, 0 of 20 with it). The folder is flushed
too, because on Linux the rename itself lives there.
"""

from __future__ import annotations

import hashlib
import os
import platform
import re
import shutil
import tempfile
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from contextvars import ContextVar
from importlib import metadata
from pathlib import Path
from typing import TYPE_CHECKING, Any

from weaklabel.artifacts.json_text import json_line, json_text, parse_json
from weaklabel.errors import ArtifactError, DataError

# pyarrow is imported inside the functions of tables: who reads a configuration needs JSON and no more.
if TYPE_CHECKING:
    import pyarrow as pa
    import pyarrow.parquet as pq

_CHUNK = 1 << 20
_TEMPORARY = re.compile(r"\..+\.(tmp|old)-")  # names that `atomic_file` and `write_folder` give
# Packages whose version can change a vote, a label or a fitted number.
_TRACKED = ("weaklabel", "numpy", "scipy", "scikit-learn", "pyarrow", "polars", "pandas")


class _Written:
    """Hashes of what is written below a folder, taken from the bytes before they get their final name."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder.absolute()
        self.hashes: dict[Path, str] = {}

    def add(self, path: Path, temporary: Path) -> None:
        path = path.absolute()
        if path.is_relative_to(self.folder):
            self.hashes[path] = folder_hash(temporary) if temporary.is_dir() else file_hash(temporary)


_written: ContextVar[_Written | None] = ContextVar("written", default=None)


def content_hash(*parts: bytes | str) -> str:
    """sha256 of the parts in order, as hex. Each part's length is hashed too, so ("ab", "c") != ("a", "bc").

    >>> content_hash("a")[:8] == content_hash(b"a")[:8]
    True
    """
    digest = hashlib.sha256()
    for part in parts:
        raw = part.encode("utf-8", "surrogatepass") if isinstance(part, str) else part
        digest.update(len(raw).to_bytes(8, "little"))
        digest.update(raw)
    return digest.hexdigest()


def file_hash(path: Path) -> str:
    """sha256 of a file's bytes, as hex."""
    digest = hashlib.sha256()
    with path.open("rb") as file:
        while chunk := file.read(_CHUNK):
            digest.update(chunk)
    return digest.hexdigest()


def folder_hash(folder: Path, hash_of: Callable[[Path], str] = file_hash) -> str:
    """Hash of the names and contents of all files below a folder, links to folders followed once each.

    What a killed process left half written under a temporary name has no say: the next one has another name.
    """
    files = sorted(_files_below(folder, set()), key=lambda file: file.relative_to(folder))
    return content_hash(*(part for file in files for part in (str(file.relative_to(folder)), hash_of(file))))


def _files_below(folder: Path, seen: set[Path]) -> Iterator[Path]:
    if (real := folder.resolve()) in seen:  # a link that leads back up
        return
    seen.add(real)
    for path in folder.iterdir():
        if _TEMPORARY.match(path.name):
            continue
        if path.is_dir():
            yield from _files_below(path, seen)
        elif path.is_file():
            yield path


def table_hash(table: pa.Table) -> str:
    """sha256 of a table's column names, types and values, whatever its chunks; a slice hashes like a copy."""
    import pyarrow as pa

    digest = hashlib.sha256()
    for name, column in zip(table.schema.names, table.columns, strict=True):
        # Parquet gives the items of a list another name than Arrow does, so a nested type is no part of the hash.
        kind = "nested" if pa.types.is_nested(column.type) else str(column.type)
        digest.update(f"{name}:{kind}:{len(column)};".encode())
        _add_values(digest, column)
    return digest.hexdigest()


def _add_values(digest: Any, column: pa.ChunkedArray) -> None:
    """Feed the values of a column, not the buffers they happen to lie in: those differ between equal arrays."""
    import numpy as np
    import pyarrow as pa
    import pyarrow.compute as pc

    kind = column.type
    if column.null_count == len(column):
        digest.update(b"null")
        return
    if column.null_count:
        digest.update(np.packbits(pc.is_valid(column).to_numpy()).tobytes())
    if pa.types.is_string(kind) or pa.types.is_binary(kind):
        filled = (
            pc.fill_null(column, "" if pa.types.is_string(kind) else b"") if column.null_count else column
        )
        digest.update(pc.binary_length(filled).to_numpy().tobytes())
        for chunk in filled.chunks:
            _, offsets, data = chunk.buffers()
            ends = np.frombuffer(offsets, dtype=np.int32, count=len(chunk) + 1 + chunk.offset)[chunk.offset :]
            if data is not None:
                digest.update(memoryview(data)[ends[0] : ends[-1]])
    elif pa.types.is_boolean(kind) or pa.types.is_integer(kind) or pa.types.is_floating(kind):
        zero = pa.scalar(False if pa.types.is_boolean(kind) else 0, kind)
        filled = pc.fill_null(column, zero) if column.null_count else column
        digest.update(filled.to_numpy().tobytes())
    else:
        digest.update(repr(column.to_pylist()).encode("utf-8", "surrogatepass"))


@contextmanager
def written_below(folder: Path) -> Iterator[dict[Path, str]]:
    """Content hashes of the files and folders that the block writes below `folder`, by their absolute paths.

    They are of the bytes that the block wrote: what another process puts in their place afterwards has no say.
    """
    record = _Written(folder)
    token = _written.set(record)
    try:
        yield record.hashes
    finally:
        _written.reset(token)


@contextmanager
def atomic_file(path: Path) -> Iterator[Path]:
    """A temporary path beside `path` that takes its name when the block ends well, and is removed otherwise."""
    path.parent.mkdir(parents=True, exist_ok=True)
    handle, name = tempfile.mkstemp(prefix=f".{path.name}.tmp-", dir=path.parent)
    os.close(handle)
    temporary = Path(name)
    try:
        yield temporary
        _flush(temporary)
        if (record := _written.get()) is not None:
            record.add(path, temporary)
        temporary.chmod(0o644)
        os.replace(temporary, path)
        _flush(path.parent)
    finally:
        temporary.unlink(missing_ok=True)


def remove_temporaries(folder: Path) -> None:
    """Remove what a killed process left of files and folders that it was writing below `folder`."""
    for path in sorted(folder.rglob(".*.tmp-*")):
        if path.is_dir():
            shutil.rmtree(path, ignore_errors=True)
        else:
            path.unlink(missing_ok=True)


def write_text(path: Path, text: str) -> None:
    with atomic_file(path) as temporary:
        temporary.write_text(text, encoding="utf-8")


def write_json(path: Path, value: Any) -> None:
    """Sorted keys and a last newline: the same value gives the same bytes. NaN is refused: it is no JSON."""
    write_text(path, json_line(value, indent=2, sort_keys=True))


def read_json(path: Path) -> Any:
    """A JSON file of ours.

    Raises:
        ArtifactError: when it is missing or torn.
    """
    try:
        return parse_json(path.read_text(encoding="utf-8"), _no_number)
    except FileNotFoundError:
        raise ArtifactError(f"{path} does not exist. Run the step that writes it first.") from None
    except OSError as error:
        raise ArtifactError(
            f"{path} cannot be read ({error.strerror}). Make it readable, or name another."
        ) from None
    except ValueError as error:
        raise ArtifactError(f"{path} is not JSON ({error}). Delete it and run the step again.") from None


def _no_number(name: str) -> float:
    raise ValueError(f"it holds {name}")


def write_parquet(path: Path, table: pa.Table) -> None:
    import pyarrow.parquet as pq

    with atomic_file(path) as temporary:
        pq.write_table(table, temporary, compression="zstd", row_group_size=8192)


def open_parquet(path: Path, made_by: str) -> pq.ParquetFile:
    """A Parquet file to read from; `made_by` says how one is written.

    Raises:
        DataError: it is missing, torn, or no Parquet.
    """
    import pyarrow as pa
    import pyarrow.parquet as pq

    try:
        return pq.ParquetFile(path, pre_buffer=False)
    except (OSError, pa.ArrowException) as error:
        raise DataError(f"{path} cannot be read as Parquet ({error}). Write it with {made_by}.") from None


def write_folder(path: Path, fill: Callable[[Path], None]) -> None:
    """Let `fill(folder)` write into a fresh folder, then put it in the place of `path` in one step."""
    path.parent.mkdir(parents=True, exist_ok=True)
    temporary = Path(tempfile.mkdtemp(prefix=f".{path.name}.tmp-", dir=path.parent))
    try:
        fill(temporary)
        for file in temporary.rglob("*"):
            _flush(file)
        temporary.chmod(0o755)
        if (record := _written.get()) is not None:
            record.add(path, temporary)
        if path.exists():
            # A folder cannot be replaced in one call: move the old one aside first. A kill between the two
            # renames leaves no folder, never a mixed one, and the step is run again.
            old = Path(tempfile.mkdtemp(prefix=f".{path.name}.old-", dir=path.parent))
            try:
                os.replace(path, old / "was")
                os.replace(temporary, path)
            except OSError:
                if (old / "was").exists():
                    os.replace(old / "was", path)
                old.rmdir()
                raise
            shutil.rmtree(old)
        else:
            os.replace(temporary, path)
        _flush(path.parent)
    finally:
        shutil.rmtree(temporary, ignore_errors=True)


def rename_whole(path: Path, target: Path) -> None:
    """Give a folder that was filled over time its final name, once all that is in it is on the disk."""
    for file in path.rglob("*"):
        _flush(file)
    os.replace(path, target)
    _flush(target.parent)


def manifest(
    kind: str, *, inputs: Mapping[str, str | None], settings: Mapping[str, Any], **more: Any
) -> dict[str, Any]:
    """What an artefact was made of: its kind, the hashes of its inputs, settings, and package versions.

    Times of day stay out, so that the same inputs give the same bytes.
    """
    return {
        "kind": kind,
        "format": 1,
        "inputs": dict(inputs),
        "settings": dict(settings),
        "versions": versions(),
        **more,
    }


def sealed(about: Mapping[str, Any]) -> dict[str, Any]:
    """A manifest with a hash of all it says, so that what was edited is noticed; see `is_sealed`."""
    return {**about, "seal": _seal_of(about)}


def is_sealed(about: Mapping[str, Any]) -> bool:
    """Whether a manifest is what `sealed` gave.

    >>> is_sealed(sealed({"scale": 1.0})), is_sealed(sealed({"scale": 1.0}) | {"scale": 2.0})
    (True, False)
    """
    try:
        return about.get("seal") == _seal_of(about)
    except ValueError:  # 1e999 in a file is infinity, which no manifest of ours holds
        return False


def _seal_of(about: Mapping[str, Any]) -> str:
    return content_hash(json_text({k: v for k, v in about.items() if k != "seal"}, sort_keys=True))


def versions(packages: Sequence[str] = _TRACKED) -> dict[str, str]:
    """Python and the packages whose version can change a result."""
    found = {"python": platform.python_version()}
    for name in packages:
        try:
            found[name] = metadata.version(name)
        except metadata.PackageNotFoundError:
            found[name] = "not installed"
    return found


def _flush(path: Path) -> None:
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
