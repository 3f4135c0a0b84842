"""Imports point down, never sideways or up: the table of rooms, held by reading every import statement.

Imports inside functions count too: a lazy import is still a dependency.
"""

from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent
PACKAGE = ROOT / "weaklabel"

_FLOORS = (
    ("errors", "_validation", "_tables", "types", "artifacts", "metrics", "groups", "servers", "logistic"),
    ("text", "data", "label_models", "calibration", "export", "shift"),
    ("lf", "training"),
    ("judges", "engine"),
    ("labeler", "reward"),
    ("comparers",),
    ("generation",),
    ("workbench",),
    ("report",),
    ("config",),
    ("pipeline",),
    ("cli",),
)
LAYER = {room: number for number, rooms in enumerate(_FLOORS) for room in rooms}
# The floor's rooms may use one another, as long as there is no cycle (the next test).
FLOOR = 0

TORCH_ALLOWED = (
    "weaklabel/label_models/k_class/snorkel.py",
    "weaklabel/reward/transformer.py",
    "weaklabel/training/",
)
OUTSIDE = {
    0: {"numpy", "pyarrow", "httpx2", "scipy"},
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


def imports_of(path: Path) -> Iterator[tuple[str, int, bool]]:
    """(dotted name, line, only for type checkers) of every import statement in a file."""
    tree = ast.parse(path.read_text(encoding="utf-8"))
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
