"""Which labeling functions move together beyond what the truth makes them share."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Final

from weaklabel._tables import short
from weaklabel.pictures.drawing import Canvas, Picture, nothing
from weaklabel.pictures.text import fitted
from weaklabel.pictures.text import name as one_line

LIMIT: Final = 40
EDGES: Final = 60
_TITLE: Final = "Functions that move together"
_RADIUS: Final = 84.0
_BESIDE: Final = 104.0  # room for names
_LEVEL: Final = 12  # so many names fit round the ring without turning


def dependency_picture(
    edges: Sequence[tuple[str, str, float]],
    *,
    order: Sequence[str] = (),
    title: str = _TITLE,
    note: str = "",
) -> Picture:
    """A ring of labeling functions with a bow between those that depend on each other.

    Args:
        edges: pairs of names and the strength in [-1, 1]; blue together, orange against each other.
        order: names round the ring, so that clusters stand side by side; names without an edge are left out.
        title: heading.
        note: what the figures rest on.

    The 60 strongest edges among at most 40 functions are drawn; the table lists the same ones.
    """
    strongest = sorted(edges, key=lambda edge: (-abs(edge[2]), edge[0], edge[1]))
    ring = _ring(strongest, order)
    drawn = [e for e in strongest if e[0] in ring and e[1] in ring][:EDGES]
    if not drawn:
        return nothing(title, "No two functions were found to depend on each other.")
    ring = [name for name in ring if any(name in edge[:2] for edge in drawn)]
    radius = max(_RADIUS, len(ring) * 3.6)
    # Names that lie level need no room above; names that turn with the ring need as much as at its sides.
    centre = (radius + _BESIDE, radius + (24.0 if len(ring) <= _LEVEL else _BESIDE))
    spots = {name: _spot(k, len(ring), radius, centre) for k, name in enumerate(ring)}
    canvas = Canvas()
    for one, other, strength in reversed(drawn):
        _edge(
            canvas,
            spots[one],
            spots[other],
            centre,
            strength,
            f"{one} and {other}: {short(strength, sign=True)}",
        )
    for k, name in enumerate(ring):
        _node(canvas, name, spots[name], k, len(ring), centre)
    hidden = len(edges) - len(drawn)
    more = f"; {hidden} weaker edges are left out" if hidden else ""
    one, other, strength = drawn[0]
    return Picture(
        title,
        f"{len(drawn)} edges between {len(ring)} functions{more}. The strongest: {one_line(one)} and "
        f"{one_line(other)} ({short(strength, sign=True)}).",
        str(canvas),
        2 * centre[0],
        2 * centre[1],
        ("function", "and", "strength"),
        [(one_line(a, 60), one_line(b, 60), short(s, sign=True)) for a, b, s in drawn],
        note,
        fixed=len(ring) > _LEVEL,
    )


def no_dependencies(why: str) -> Picture:
    """In the place of the picture, where dependence was not looked for."""
    return nothing(_TITLE, why)


def _ring(edges: Sequence[tuple[str, str, float]], order: Sequence[str]) -> list[str]:
    """Names with an edge, strongest first up to the limit, then in the order asked for."""
    chosen: dict[str, None] = {}
    for one, other, _ in edges:
        if len(chosen.keys() | {one, other}) <= LIMIT:
            chosen.setdefault(one)
            chosen.setdefault(other)
    place = {name: k for k, name in enumerate(order)}
    return sorted(chosen, key=lambda name: place.get(name, len(place)))


def _spot(k: int, n: int, radius: float, centre: tuple[float, float]) -> tuple[float, float]:
    angle = 2 * math.pi * (k + 0.5) / n - math.pi / 2
    return centre[0] + radius * math.cos(angle), centre[1] + radius * math.sin(angle)


def _edge(
    canvas: Canvas,
    start: tuple[float, float],
    end: tuple[float, float],
    centre: tuple[float, float],
    strength: float,
    tip: str,
) -> None:
    middle = ((start[0] + end[0]) / 2, (start[1] + end[1]) / 2)
    # Half-way to the centre: neighbours get a flat bow, and no bow runs through a name.
    through = ((middle[0] + centre[0]) / 2, (middle[1] + centre[1]) / 2)
    look = "wl-eb" if strength >= 0 else "wl-ea"
    canvas.bow(start, through, end, look, width=0.6 + 4 * strength**2, tip=tip)


def _node(
    canvas: Canvas, name: str, spot: tuple[float, float], k: int, n: int, centre: tuple[float, float]
) -> None:
    canvas.dot(*spot, 4, "wl-third", name)
    angle = 360 * (k + 0.5) / n - 90
    right = spot[0] >= centre[0] - 1e-6
    away = 9 / math.hypot(spot[0] - centre[0], spot[1] - centre[1])
    x, y = spot[0] + (spot[0] - centre[0]) * away, spot[1] + (spot[1] - centre[1]) * away
    # Few names stand level, which reads best; many turn with the ring, so that none covers another.
    turn = 0.0 if n <= _LEVEL else angle if right else angle + 180
    canvas.text(x, y + 4, fitted(name, _BESIDE - 11), "wl-s", anchor="start" if right else "end", turn=turn)
