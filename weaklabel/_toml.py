"""TOML as people write it: read, or refused in one line; and texts written so that they stay values."""

from __future__ import annotations

import json
import tomllib
from pathlib import Path
from typing import Any, Final

from weaklabel.errors import ConfigError

DEEPEST: Final = 20
"""Tables and lists in one another; our own settings need five."""


def read_toml(path: Path) -> dict[str, Any]:
    """What a file of TOML says; a byte-order mark is passed over.

    Raises:
        ConfigError: it is not TOML or not UTF-8, or says what no setting can be (`check_values`).
    """
    try:
        tree = tomllib.loads(path.read_text(encoding="utf-8-sig"))
    except RecursionError:
        raise ConfigError(
            f"{path} is nested too deeply. No setting needs more than {DEEPEST} levels."
        ) from None
    except UnicodeDecodeError as error:
        raise ConfigError(f"{path} is not UTF-8 (byte {error.start}). Save it as UTF-8.") from None
    except ValueError as error:  # a TOMLDecodeError, or a number of thousands of digits
        raise ConfigError(f"{path} is not TOML: {error}. Text values need quotes.") from None
    check_values(tree, str(path))
    return tree


def toml_value(raw: str) -> Any:
    """`raw` read as a TOML value; what is none stands for itself as text.

    Raises:
        ConfigError: it is nested too deeply.
    """
    try:
        return tomllib.loads(f"value = {raw}")["value"]
    except ValueError:
        return raw.strip()
    except RecursionError:
        raise ConfigError(f"--set got {raw[:20]!r}..., which is nested too deeply.") from None


def check_values(tree: dict[str, Any], where: str) -> None:
    """Raises ConfigError for what TOML can say and no setting can hold: endless nesting, numbers beyond 64 bits."""
    level: list[Any] = [tree]
    for _ in range(DEEPEST):
        level = [item for value in level for item in (value.values() if isinstance(value, dict) else value)]
        if any(isinstance(value, int) and not -1 << 63 <= value < 1 << 63 for value in level):
            raise ConfigError(f"{where} holds a number of more than 64 bits. Give a smaller one.")
        level = [value for value in level if isinstance(value, dict | list)]
        if not level:
            return
    raise ConfigError(f"{where} is nested too deeply. No setting needs more than {DEEPEST} levels.")


def toml_text(text: str) -> str:
    r"""`text` as a value of TOML, whatever it holds: nothing in it ends the line or the value.

    >>> print(toml_text('say "hi"\nuse = ["evil.py"]'))
    "say \"hi\"\nuse = [\"evil.py\"]"
    """
    # As in JSON, but for DEL, which TOML wants escaped; and TOML has no escapes for halves of a character.
    return json.dumps(text, ensure_ascii=False).replace("\x7f", "\\u007f")
