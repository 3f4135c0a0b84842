"""Draws docs/architecture.svg from the import statements of the package: `python docs/draw_architecture.py`.

Rooms and floors are read from the table in architecture.md, arrows from the code. An arrow that other arrows already
imply is left out (a transitive reduction), and so is every arrow to a room of the ground floor, which all may use.
"""

from __future__ import annotations

import ast
import re
from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from html import escape
from pathlib import Path

DOCS = Path(__file__).resolve().parent
PACKAGE = DOCS.parent / "weaklabel"
_ROW = re.compile(r"^\| (\d+) \| `(\w+)` \|", re.MULTILINE)
WIDTH, FLOOR_HEIGHT, BOX_HEIGHT, LEFT = 960, 74, 30, 40


def floors() -> list[list[str]]:
    """The rooms of every floor, from the ground up, as architecture.md lists them."""
    found: dict[int, list[str]] = defaultdict(list)
    for number, room in _ROW.findall((DOCS / "architecture.md").read_text(encoding="utf-8")):
        found[int(number)].append(room)
    return [found[number] for number in sorted(found)]


def imports_between_rooms() -> dict[str, set[str]]:
    """Room -> the other rooms whose files its files import, anywhere in them."""
    uses: dict[str, set[str]] = defaultdict(set)
    for path in sorted(PACKAGE.rglob("*.py")):
        room = path.relative_to(PACKAGE).parts[0].removesuffix(".py")
        if room in ("__init__", "shipped"):
            continue
        uses[room] |= set(_rooms_in(path)) - {room}
    return dict(uses)


def _rooms_in(path: Path) -> Iterator[str]:
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            names = [alias.name for alias in node.names]
        elif isinstance(node, ast.ImportFrom) and node.module == "weaklabel":
            names = [f"weaklabel.{alias.name}" for alias in node.names]
        elif isinstance(node, ast.ImportFrom):
            names = [node.module or ""]
        else:
            continue
        yield from (name.split(".")[1] for name in names if name.startswith("weaklabel."))


def reduced(uses: Mapping[str, set[str]]) -> list[tuple[str, str]]:
    """The arrows that no chain of other arrows implies; the rooms must have no circles."""
    reach: dict[str, set[str]] = {}

    def below(room: str) -> set[str]:
        if room not in reach:
            direct = uses.get(room, set())
            reach[room] = direct.union(*(below(other) for other in direct))
        return reach[room]

    return sorted(
        (room, other)
        for room, others in uses.items()
        for other in others
        if not any(other in below(between) for between in others - {other})
    )


def drawing(rooms: Sequence[Sequence[str]], uses: Mapping[str, set[str]]) -> str:
    """The picture as SVG text."""
    places = {
        room: (x, y)
        for number, floor in enumerate(rooms)
        for room, x, y in _placed(floor, len(rooms) - 1 - number)
    }
    above_ground = {
        room: {o for o in others if o not in rooms[0]}
        for room, others in uses.items()
        if room not in rooms[0]
    }
    arrows = [_arrow(places[a], places[b]) for a, b in reduced(above_ground)]
    boxes = [_box(room, *places[room]) for floor in rooms for room in floor]
    height = FLOOR_HEIGHT * len(rooms)
    lines = [
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {height}" font-family="sans-serif" font-size="13">',
        "<title>The rooms of weaklabel, floor by floor; an arrow points to what a room imports</title>",
        '<defs><marker id="tip" viewBox="0 0 8 8" refX="7" refY="4" markerWidth="7" markerHeight="7" orient="auto">'
        '<path d="M0,0 L8,4 L0,8 z" fill="#7a869a"/></marker></defs>',
        f'<rect width="{WIDTH}" height="{height}" fill="#ffffff"/>',
    ]
    for number in range(len(rooms)):
        y = FLOOR_HEIGHT * (len(rooms) - 1 - number)
        shade = "#f4f6f9" if number % 2 else "#ffffff"
        lines.append(f'<rect y="{y}" width="{WIDTH}" height="{FLOOR_HEIGHT}" fill="{shade}"/>')
        lines.append(f'<text x="12" y="{y + FLOOR_HEIGHT / 2 + 5:g}" fill="#7a869a">{number}</text>')
    return "\n".join([*lines, *arrows, *boxes, "</svg>"]) + "\n"


def _placed(floor: Sequence[str], row: int) -> Iterator[tuple[str, float, float]]:
    step = (WIDTH - LEFT) / len(floor)
    # Floors of one or two rooms stand aside in turn, so that an arrow past one of them is seen.
    aside = (-1) ** row * step * 0.12 if len(floor) <= 2 else 0.0
    for column, room in enumerate(floor):
        yield room, LEFT + step * (column + 0.5) + aside, FLOOR_HEIGHT * (row + 0.5)


def _box(room: str, x: float, y: float) -> str:
    width = 22 + 7.4 * len(room)
    return (
        f'<g><rect x="{x - width / 2:.1f}" y="{y - BOX_HEIGHT / 2:.1f}" width="{width:.1f}" height="{BOX_HEIGHT}" rx="4" '
        f'fill="#e7eefb" stroke="#36527e"/><text x="{x:.1f}" y="{y + 4.5:.1f}" text-anchor="middle">{escape(room)}</text></g>'
    )


def _arrow(start: tuple[float, float], end: tuple[float, float]) -> str:
    (x1, y1), (x2, y2) = start, end
    y1, y2 = y1 + BOX_HEIGHT / 2, y2 - BOX_HEIGHT / 2 - 2
    bend = (y2 - y1) / 2
    return (
        f'<path d="M{x1:.1f},{y1:.1f} C{x1:.1f},{y1 + bend:.1f} {x2:.1f},{y2 - bend:.1f} {x2:.1f},{y2:.1f}" '
        'fill="none" stroke="#7a869a" stroke-width="1.1" marker-end="url(#tip)"/>'
    )


if __name__ == "__main__":
    (DOCS / "architecture.svg").write_text(drawing(floors(), imports_between_rooms()), encoding="utf-8")
