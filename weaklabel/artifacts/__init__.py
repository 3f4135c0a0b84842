"""The one way onto a disk: content hashes, manifests, atomic writes, and steps that are skipped when nothing changed."""

from weaklabel.artifacts.files import (
    atomic_file,
    content_hash,
    file_hash,
    folder_hash,
    is_sealed,
    manifest,
    read_json,
    rename_whole,
    sealed,
    table_hash,
    versions,
    write_folder,
    write_json,
    write_parquet,
    write_text,
    written_below,
)
from weaklabel.artifacts.json_text import json_line, json_text, parse_json

__all__ = [
    "atomic_file",
    "content_hash",
    "file_hash",
    "folder_hash",
    "is_sealed",
    "json_line",
    "json_text",
    "manifest",
    "parse_json",
    "read_json",
    "rename_whole",
    "sealed",
    "table_hash",
    "versions",
    "write_folder",
    "write_json",
    "write_parquet",
    "write_text",
    "written_below",
]
