"""`weaklabel.toml` into checked settings, with where each of them came from, and errors that say what to write."""

from __future__ import annotations

import difflib
import json
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, fields, is_dataclass
from pathlib import Path
from typing import Any, Final, get_args

from pydantic import (
    BaseModel,
    ValidationError,
)

from weaklabel._paths import expanded
from weaklabel._toml import DEEPEST, check_values, read_toml, toml_value
from weaklabel.config.tables import COLUMN_KINDS, Config
from weaklabel.errors import ConfigError, SettingError, WeaklabelError

FILE_NAME: Final = "weaklabel.toml"
# What pydantic calls a key that is not known, and a value where a table is wanted: of its models and of dataclasses.
_UNKNOWN: Final = ("extra_forbidden", "unexpected_keyword_argument")
_NOTHING: Final = object()
_NO_TABLE: Final = ("model_type", "dataclass_type", "union_tag_invalid")


@dataclass(frozen=True)
class LoadedConfig:
    """Settings in force.

    Attributes:
        config: the checked settings.
        root: the folder that relative paths in the file start from: the file's own, or the working folder.
        file: the file that was read, None where none was found.
        origin: per dotted key `default`, the file's name, what a run keeps, or the option that set it.
        overruled: per dotted key that a run keeps and the file says otherwise, the run's value and the file's.
    """

    config: Config
    root: Path
    file: Path | None
    origin: Mapping[str, str]
    overruled: Mapping[str, tuple[Any, Any]] = field(default_factory=dict)

    def resolve(self, path: str) -> str:
        """A path from the settings as seen from the working folder, `~` expanded; absolute ones and hub names stay.

        Raises:
            ConfigError: no path, or the home folder of nobody.
        """
        if path.startswith("hf:"):
            return path
        path = expanded(path, str(self.file or "a setting"))
        return path if self.root == Path.cwd() else str(self.root / path)

    def run_folder(self, name: str | None = None) -> Path:
        """Where the run called `name` (default: `run.name`) keeps its files.

        Raises:
            ConfigError: a name that is no plain folder name.
        """
        chosen = name or self.config.run.name
        if not re.fullmatch(r"[A-Za-z0-9_][A-Za-z0-9_.-]*", chosen):
            raise ConfigError(
                f"the run is called {chosen!r}. Allowed: letters, digits, '_', '-' and '.', not first a dot or dash."
            )
        return Path(self.resolve(self.config.run.folder)) / chosen

    @property
    def store_folder(self) -> Path:
        """Where votes are kept between runs."""
        return Path(self.resolve(".weaklabel"))


def find_config() -> Path | None:
    """The nearest `weaklabel.toml`, in the working folder or above it."""
    here = Path.cwd().resolve()
    for folder in (here, *here.parents):
        if (folder / FILE_NAME).is_file():
            return folder / FILE_NAME
    return None


def load_config(
    file: Path | None = None,
    *,
    sets: Sequence[str] = (),
    options: Mapping[str, Any] | None = None,
    kept: Mapping[str, tuple[Any, str]] | None = None,
) -> LoadedConfig:
    """Settings from the nearest file, with `--set` and command-line options on top, and what a run keeps beneath.

    Args:
        file: another file than the one found upwards from the working folder.
        sets: `key=value` texts; values are TOML (`lfs.use=["lfs/"]`), a bare word stands for itself.
        options: dotted key -> value, from a command's own options; None values are left out.
        kept: dotted key -> value and where it came from, of a run; they hold where the file says nothing.

    Raises:
        ConfigError: a file that is no TOML, a key that is unknown, a value that is not allowed.
    """
    if file is not None and not file.is_file():
        raise ConfigError(f"{file} does not exist. Name an existing file, or run: weaklabel init")
    path = file if file is not None else find_config()
    tree = read_toml(path) if path else {}
    origin = dict.fromkeys(_leaves(tree), path.name if path else FILE_NAME)
    given = list(_overrides(sets, options or {}))
    overruled = {}
    for key, (value, source) in (kept or {}).items():
        known = _at(tree, key)
        if known is _NOTHING:
            _put(tree, key, value, source)
            origin[key] = source
        elif known != value and key not in {other for other, _, _ in given}:
            overruled[key] = (value, known)
    for key, value, source in given:
        check_values({key: value}, source)
        if key.count(".") >= DEEPEST:
            raise ConfigError(f"--set got {key[:40]!r}..., which is nested too deeply.")
        _put(tree, key, value, source)
        origin = {known: o for known, o in origin.items() if known != key and not known.startswith(f"{key}.")}
        origin |= dict.fromkeys(_leaves({key: value}), source)
    config = _validated(tree, origin, path)
    root = path.resolve().parent if path else Path.cwd().resolve()
    return LoadedConfig(config, root, path, _all_origins(config, origin), overruled)


def given_settings(sets: Sequence[str], options: Mapping[str, Any]) -> dict[str, Any]:
    """Dotted key -> value of `key=value` texts and options, as `load_config` takes them."""
    return {key: value for key, value, _ in _overrides(sets, options)}


def settings_table(loaded: LoadedConfig) -> list[tuple[str, Any, str]]:
    """(dotted key, value, where it came from) of every setting in force, in the order of the file."""
    tree = loaded.config.model_dump(mode="json")
    flat = dict(_flat(tree))
    return [(key, flat[key], loaded.origin[key]) for key in loaded.origin if key in flat]


def _overrides(sets: Sequence[str], options: Mapping[str, Any]) -> Iterator[tuple[str, Any, str]]:
    for text in sets:
        key, equals, raw = text.partition("=")
        if not equals or not key.strip():
            raise ConfigError(
                f"--set got {text!r}. Write key=value, for example: --set labeler.model=majority_vote"
            )
        yield key.strip(), toml_value(raw), f"--set {key.strip()}"
    for key, value in options.items():
        if value is not None and value != ():
            yield key, list(value) if isinstance(value, tuple) else value, "command line"


def _at(tree: Any, key: str) -> Any:
    """What stands at a dotted key; `_NOTHING` where nothing does."""
    for part in key.split("."):
        if not isinstance(tree, dict):
            return tree
        if part not in tree:
            return _NOTHING
        tree = tree[part]
    return tree


def _put(tree: dict[str, Any], key: str, value: Any, source: str) -> None:
    *above, last = key.split(".")
    for part in above:
        tree = tree.setdefault(part, {})
        if not isinstance(tree, dict):
            raise ConfigError(f"{source}: {part!r} is no table, so it has no key {last!r}.")
    tree[last] = value


def _validated(tree: dict[str, Any], origin: Mapping[str, str], path: Path | None) -> Config:
    try:
        return Config.model_validate(tree)
    except ValidationError as error:
        # A misspelt key often makes another one "missing": the misspelling is the better message.
        found = sorted(error.errors(), key=lambda e: e["type"] not in _UNKNOWN)
        keys = list(dict.fromkeys(_key_of(e) for e in found))
        more = f" ({len(keys) - 1} more after this one: {', '.join(keys[1:4])}.)" if len(keys) > 1 else ""
        raise ConfigError(_explain(found[0], origin, path) + more) from None


def _key_of(error: Any) -> str:
    # pydantic names the branches of a union ("str", "list[str]", the class of a table) as if they were keys.
    branches = {"str", *(kind.__name__ for kind in COLUMN_KINDS)}
    return ".".join(str(part) for part in error["loc"] if part not in branches and "[" not in str(part))


def _explain(error: Any, origin: Mapping[str, str], path: Path | None) -> str:
    """One pydantic error as one line: file, key, what came, what is allowed, what was probably meant."""
    location = list(error["loc"])
    key = _key_of(error)
    source = next((o for known, o in origin.items() if key == known or key.startswith(f"{known}.")), None)
    where = source if source and source.startswith(("--set", "command", "run ")) else str(path or FILE_NAME)
    if error["type"] in _UNKNOWN:
        allowed = _fields_at(location[:-1])
        close = difflib.get_close_matches(str(location[-1]), allowed, n=1)
        hint = f" Did you mean {close[0]!r}?" if close else ""
        return f"{where}: unknown key {key!r}. Allowed there: {', '.join(sorted(allowed))}.{hint}"
    if error["type"] == "missing":
        return f"{where}: {key!r} is missing. Add it to its table."
    if error["type"] in _NO_TABLE:
        return f"{where}: {key} = {error['input']!r}: allowed is a table of settings."
    cause = error.get("ctx", {}).get("error")
    if isinstance(cause, SettingError):
        return f"{where}: {key}.{cause.said}"
    if isinstance(cause, WeaklabelError):
        return f"{where}: {key}: {cause}"
    message = error["msg"].removeprefix("Value error, ").replace("Input should be", "allowed is").rstrip(".")
    came = json.dumps(error["input"], default=str)[:80]
    return f"{where}: {key} = {came}: {message}.{_literal_hint(error)}"


def _literal_hint(error: Any) -> str:
    if error["type"] != "literal_error":
        return ""
    allowed = [word for word in error["ctx"]["expected"].split("'") if word.isidentifier() and word != "or"]
    meant = difflib.get_close_matches(str(error["input"]), allowed, n=1)
    return f" Did you mean {meant[0]!r}?" if meant else ""


def _fields_at(location: Sequence[str | int]) -> list[str]:
    """The names of the fields of the table at `location`, following lists, optional tables and kinds of tables."""
    tables: list[Any] = [Config]
    for part in location:
        if isinstance(part, int):
            continue
        named = [table for table in tables if table.__name__ == part]
        tables = named or list(_tables_in(tables[0].model_fields[part].annotation))
    return [name for table in tables for name in _field_names(table)]


def _tables_in(annotation: Any) -> Iterator[Any]:
    if isinstance(annotation, type) and (issubclass(annotation, BaseModel) or is_dataclass(annotation)):
        yield annotation
    for part in get_args(annotation):
        yield from _tables_in(part)


def _field_names(table: Any) -> list[str]:
    return [each.name for each in fields(table)] if is_dataclass(table) else list(table.model_fields)


def _flat(tree: Mapping[str, Any], prefix: str = "") -> Iterator[tuple[str, Any]]:
    # A list, an empty table and a table with free keys (columns, settings) are one value each.
    for key, value in tree.items():
        free = key in ("columns", "gold_values", "settings", "votes", "words", "body", "shown_as")
        if isinstance(value, Mapping) and value and not free:
            yield from _flat(value, f"{prefix}{key}.")
        else:
            yield f"{prefix}{key}", value


def _leaves(tree: Mapping[str, Any]) -> list[str]:
    return [key for key, _ in _flat(tree)]


def _all_origins(config: Config, given: Mapping[str, str]) -> dict[str, str]:
    def origin(key: str) -> str:
        for known, source in given.items():
            if key == known or key.startswith(f"{known}.") or known.startswith(f"{key}."):
                return source
        return "default"

    return {key: origin(key) for key in _leaves(config.model_dump(mode="json"))}
