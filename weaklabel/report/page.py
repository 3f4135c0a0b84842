"""Sections into one HTML file: offline, without scripts, everything that came from data escaped and made visible.

The page's policy forbids whatever it does not need: no script, no image, no font, no connection, and of style only the
one sheet whose hash it names, so that a style that slipped in through a text would not apply either.
"""

from __future__ import annotations

import base64
import hashlib
import itertools
import re
from collections.abc import Sequence
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

from weaklabel.pictures.drawing import Picture, style
from weaklabel.pictures.text import neutral
from weaklabel.report.sections import Section, Table

if TYPE_CHECKING:
    from jinja2 import Environment
    from markupsafe import Markup

_TEMPLATES = Path(__file__).parent / "templates"


def render(title: str, lead: str, sections: Sequence[Section], footer: str) -> str:
    """The whole page as HTML text."""
    from markupsafe import Markup

    number = itertools.count(1)  # two equal pictures need ids of their own
    sheet = (_TEMPLATES / "page.css").read_text(encoding="utf-8") + style()
    digest = base64.b64encode(hashlib.sha256(sheet.encode()).digest()).decode()
    return (
        _environment()
        .get_template("page.html.j2")
        .render(
            title=title,
            lead=lead,
            sections=sections,
            footer=footer,
            # The sheets are ours; Markup says that they need no escaping, which would break their selectors.
            style=Markup(sheet),
            policy=Markup(
                f"default-src 'none'; style-src 'sha256-{digest}'; base-uri 'none'; form-action 'none'"
            ),
            drawn=lambda picture: Markup(picture.svg(styled=False, key=f"picture-{next(number)}")),
            as_table=as_table,
            prose=prose,
        )
    )


def prose(text: str) -> Markup:
    """A sentence of ours as HTML: what stands between backticks is code. What came from data in it is escaped first.

    >>> prose("Run `weaklabel fit <x>`.")
    Markup('Run <code>weaklabel fit &lt;x&gt;</code>.')
    """
    from markupsafe import Markup, escape

    return Markup(re.sub(r"`([^`\n]+)`", r"<code>\1</code>", str(escape(neutral(text)))))


def as_table(picture: Picture) -> Table:
    """What the picture shows, for those who cannot see it."""
    return Table(picture.header, picture.rows)


@cache
def _environment() -> Environment:
    from jinja2 import Environment, FileSystemLoader, StrictUndefined

    return Environment(
        loader=FileSystemLoader(_TEMPLATES),
        autoescape=True,
        undefined=StrictUndefined,
        finalize=_shown,
        trim_blocks=True,
        lstrip_blocks=True,
    )


def _shown(value: Any) -> Any:
    """Every text that the template prints, neutralised before it is escaped; markup of ours passes."""
    return value if hasattr(value, "__html__") else neutral(str(value))
