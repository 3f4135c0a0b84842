"""Imports point down, never sideways or up: the table of rooms, held by reading every import statement.

Imports inside functions count too: a lazy import is still a dependency.
"""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from functools import cache
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent
PACKAGE = ROOT / "weaklabel"

# The table of docs/architecture.md: "| floor | `room` | ..." per line.
_ROWS = re.findall(
    r"^\| (\d+) \| `(\w+)` \|", (ROOT / "docs" / "architecture.md").read_text(encoding="utf-8"), re.MULTILINE
)
LAYER = {room: int(floor) for floor, room in _ROWS}
# The floor's rooms may use one another, as long as there is no cycle (the next test).
FLOOR = 0

TORCH_ALLOWED = (
    "weaklabel/label_models/k_class/snorkel.py",
    "weaklabel/reward/transformer.py",
    "weaklabel/training/",
)
OUTSIDE = {
    0: {"numpy", "tqdm", "pyarrow", "httpx2", "scipy", "threadpoolctl"},  # which holds the threads of scipy
    1: {
        "numpy",
        "pyarrow",
        "pandas",
        "polars",
        "sklearn",
        "scipy",  # scikit-learn brings these two along
        "lazy_loader",
        "threadpoolctl",
        "zstandard",
        "pyphen",
        "vaderSentiment",
        "snowballstemmer",
        "snorkel",
        "datasets",
    },
}


def modules() -> list[Path]:
    return sorted(path for path in PACKAGE.rglob("*.py") if "shipped" not in path.parts)


def room_of(path: Path) -> str:
    parts = path.relative_to(PACKAGE).parts
    return parts[0].removesuffix(".py")


@cache
def tree_of(path: Path) -> ast.Module:
    return ast.parse(path.read_text(encoding="utf-8"))


@cache
def imports_of(path: Path) -> tuple[tuple[str, int, bool], ...]:
    """(dotted name, line, only for type checkers) of every import statement in a file."""
    return tuple(_imports(path))


def _imports(path: Path) -> Iterator[tuple[str, int, bool]]:
    tree = tree_of(path)
    guarded = {
        id(inner)
        for node in ast.walk(tree)
        if isinstance(node, ast.If) and ast.unparse(node.test).endswith("TYPE_CHECKING")
        for statement in node.body
        for inner in ast.walk(statement)
    }
    for node in ast.walk(tree):
        typing_only = id(node) in guarded
        if isinstance(node, ast.Import):
            yield from ((alias.name, node.lineno, typing_only) for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{path}:{node.lineno}: relative import; write it out"
            assert node.module is not None
            for alias in node.names:
                # `from weaklabel import artifacts` names a module, `from weaklabel.lf import core` too.
                whole = f"{node.module}.{alias.name}"
                yield (whole if node.module == "weaklabel" else node.module), node.lineno, typing_only


def rooms_used(path: Path) -> Iterator[tuple[str, int]]:
    for name, line, _ in imports_of(path):
        if name.startswith("weaklabel."):
            yield name.split(".")[1], line


def test_every_room_stands_in_the_table() -> None:
    rooms = {room_of(path) for path in modules()} - {"__init__"}
    assert rooms <= set(LAYER), f"give these a layer: {sorted(rooms - set(LAYER))}"


@pytest.mark.parametrize("path", modules(), ids=lambda path: str(path.relative_to(PACKAGE)))
def test_imports_point_down(path: Path) -> None:
    room = room_of(path)
    if room == "__init__":
        return  # the front door opens every room, lazily
    for other, line in rooms_used(path):
        if other == room or LAYER[room] == LAYER[other] == FLOOR:
            continue
        assert LAYER[other] < LAYER[room], f"{path}:{line}: {room} imports {other}, which is not below it"


def test_the_ground_floor_has_no_cycles() -> None:
    uses: dict[str, set[str]] = {room: set() for room, layer in LAYER.items() if layer == FLOOR}
    for path in modules():
        if room_of(path) in uses:
            uses[room_of(path)] |= {other for other, _ in rooms_used(path) if other != room_of(path)}
    while uses:
        free = [room for room, others in uses.items() if not others & uses.keys()]
        assert free, f"these rooms import each other: {sorted(uses)}"
        for room in free:
            del uses[room]


def files_used() -> dict[str, set[str]]:
    """Per module the modules that it imports, anywhere in its file and for whatever reason."""
    paths = {module_name(path): path for path in modules()}
    used: dict[str, set[str]] = {}
    for name, path in paths.items():
        nodes = ast.walk(tree_of(path))
        found = set()
        for node in nodes:
            if isinstance(node, ast.Import):
                found |= {alias.name for alias in node.names}
            elif isinstance(node, ast.ImportFrom) and node.module is not None:
                # `from weaklabel.artifacts import steps` names a module, `... import manifest` something in one.
                names = (f"{node.module}.{alias.name}" for alias in node.names)
                found |= {whole if whole in paths else node.module for whole in names}
        used[name] = (found & paths.keys()) - {name}
    return used


def module_name(path: Path) -> str:
    parts = path.relative_to(ROOT).with_suffix("").parts
    return ".".join(parts[:-1] if parts[-1] == "__init__" else parts)


def test_no_two_files_import_each_other_whatever_lies_between() -> None:
    uses = files_used()
    while uses:
        free = [name for name, others in uses.items() if not others & uses.keys()]
        assert free, f"a circle is among these files: {in_circles(uses)}"
        for name in free:
            del uses[name]


def in_circles(uses: dict[str, set[str]]) -> list[str]:
    """Those that are not merely above a circle: what nothing left imports is in none."""
    left = set(uses)
    while above := {name for name in left if not any(name in uses[other] for other in left)}:
        left -= above
    return sorted(left)


MOST_FILES, MOST_LINES = 16, 500


@pytest.mark.parametrize(
    "folder", sorted({path.parent for path in modules()}), ids=lambda path: str(path.relative_to(ROOT))
)
def test_a_folder_can_be_taken_in_at_a_glance(folder: Path) -> None:
    count = len(list(folder.glob("*.py")))
    assert count <= MOST_FILES, f"{count} files; put those of one idea into a folder of their own"


@pytest.mark.parametrize("path", modules(), ids=lambda path: str(path.relative_to(PACKAGE)))
def test_a_file_holds_no_more_than_one_can_read(path: Path) -> None:
    lines = path.read_text(encoding="utf-8").count("\n")
    assert lines <= MOST_LINES, f"{lines} lines; split it by ideas"


def test_nothing_imports_the_command_line() -> None:
    users = [path for path in modules() if room_of(path) != "cli" and "cli" in dict(rooms_used(path))]
    assert users == []


@pytest.mark.parametrize("path", modules(), ids=lambda path: str(path.relative_to(PACKAGE)))
def test_torch_is_imported_only_where_it_is_at_home(path: Path) -> None:
    inside = str(path.relative_to(ROOT)).startswith(TORCH_ALLOWED)
    used = {name.split(".")[0] for name, _, _ in imports_of(path)} & {
        "torch",
        "transformers",
        "trl",
        "accelerate",
    }
    assert inside or not used, f"{path} imports {sorted(used)}"


@pytest.mark.parametrize(
    "path", [p for p in modules() if LAYER.get(room_of(p), 9) <= 1], ids=lambda p: str(p.relative_to(PACKAGE))
)
def test_the_lower_floors_use_only_the_packages_they_may(path: Path) -> None:
    import sys

    known = OUTSIDE[0] | (OUTSIDE[1] if LAYER[room_of(path)] == 1 else set())
    used = {name.split(".")[0] for name, _, typing_only in imports_of(path) if not typing_only}
    foreign = used - set(sys.stdlib_module_names) - {"weaklabel"} - known
    if (
        LAYER[room_of(path)] == 1
        and str(path.relative_to(ROOT)) == "weaklabel/label_models/k_class/snorkel.py"
    ):
        foreign -= {"torch"}
    assert not foreign, f"{path} imports {sorted(foreign)}"


def test_shipped_functions_import_weaklabel_lf_and_text_alone() -> None:
    allowed = ("weaklabel.lf", "weaklabel.text")
    for path in sorted((ROOT / "labeling_functions").glob("*.py")):
        for name, line, _ in imports_of(path):
            if name.startswith("weaklabel"):
                assert name.startswith(allowed), f"{path}:{line} imports {name}"
