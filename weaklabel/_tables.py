"""Aligned plain-text and HTML tables, so that every report prints alike."""

from __future__ import annotations

import html
from collections.abc import Sequence

from weaklabel._terminal import plain_line


def plain_table(header: Sequence[str], rows: Sequence[Sequence[str]], left: int = 1) -> str:
    """Rows of cells under a header, columns two blanks apart; the first `left` columns flush left, the rest right.

    What a terminal would obey in a cell, a line feed too, is written out.

    >>> print(plain_table(["lf", "votes"], [["length", "895"], ["vader", "1"]]))
    lf      votes
    length    895
    vader       1
    """
    shown = [[plain_line(cell) for cell in row] for row in [header, *rows]]
    widths = [max(len(row[j]) for row in shown) for j in range(len(header))]
    lines = (
        "  ".join(
            cell.ljust(width) if j < left else cell.rjust(width)
            for j, (cell, width) in enumerate(zip(row, widths, strict=True))
        ).rstrip()
        for row in shown
    )
    return "\n".join(lines)


def html_table(header: Sequence[str], rows: Sequence[Sequence[str]], left: int = 0) -> str:
    """The same table for a notebook, every cell escaped; the first `left` columns flush left, where it would not.

    >>> html_table(["lf"], [["a<b"]])
    '<table><thead><tr><th>lf</th></tr></thead><tbody><tr><td>a&lt;b</td></tr></tbody></table>'
    """
    head = "".join(_cell("th", cell, j < left) for j, cell in enumerate(header))
    body = "".join(
        "<tr>" + "".join(_cell("td", cell, j < left) for j, cell in enumerate(row)) + "</tr>" for row in rows
    )
    return f"<table><thead><tr>{head}</tr></thead><tbody>{body}</tbody></table>"


def _cell(tag: str, cell: str, left: bool) -> str:
    style = ' style="text-align:left"' if left else ""
    return f"<{tag}{style}>{html.escape(plain_line(cell))}</{tag}>"


def chance(q: float) -> str:
    """A p-value or q-value: three decimals, and a power of ten where these would say nothing.

    >>> chance(0.05), chance(0.00002)
    ('.050', '2.0e-05')
    """
    return f"{q:.1e}" if q < 0.001 else short(q)


def short(value: float | None, sign: bool = False) -> str:
    """A share with three decimals and no leading zero; `-` for what is not known.

    >>> short(0.5), short(1.0), short(None), short(-0.0213, sign=True)
    ('.500', '1.000', '-', '-.021')
    """
    if value is None or value != value:
        return "-"
    text = f"{value:+.3f}" if sign else f"{value:.3f}"
    return text.replace("0.", ".", 1) if abs(value) < 1 and text.lstrip("+-").startswith("0.") else text
