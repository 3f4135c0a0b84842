"""`weaklabel rule`: one rule of `check`, explained."""

from __future__ import annotations

import click

from weaklabel.cli import _completion
from weaklabel.cli._common import emit, json_option


@click.command("rule")
@click.argument("code", required=False, shell_complete=_completion.rules)
@json_option
def command(code: str | None, as_json: bool) -> None:
    """Explain one rule of check, for example WL103; without a code, list them all."""
    from weaklabel.workbench.rules import RULES, explain_rule

    if code is None:
        rows = [
            {"code": rule.code, "title": rule.title, "severity": rule.severity} for rule in RULES.values()
        ]
        emit(rows, "\n".join(f"{row['code']}  {row['severity']:<8}  {row['title']}" for row in rows), as_json)
        return
    text = explain_rule(code.upper())
    emit({"code": code.upper(), "text": text}, text, as_json)
