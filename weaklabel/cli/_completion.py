"""What a shell may complete: names of runs, functions, models, calibrators, formats, sources and rules.

Turned on by `eval "$(_WEAKLABEL_COMPLETE=bash_source weaklabel)"`, or `zsh_source`, or `fish_source`. Click asks what
stands here; whatever goes wrong while it is found out completes to nothing, since a shell has no place for an error.
"""

from __future__ import annotations

import io
from collections.abc import Callable, Iterable
from contextlib import redirect_stdout
from typing import Any

import click
from click.shell_completion import CompletionItem

from weaklabel._guard import stdout_for_results

Complete = Callable[[click.Context, click.Parameter, str], list[CompletionItem]]


def _of(names: Callable[[], Iterable[str]], *, files: bool = False) -> Complete:
    def complete(ctx: click.Context, param: click.Parameter, incomplete: str) -> list[CompletionItem]:
        try:
            # A file of functions may print; a shell would take that for names.
            with redirect_stdout(io.StringIO()), stdout_for_results():
                known = sorted(set(names()))
        except Exception:
            known = []
        found = [CompletionItem(name) for name in known if name.startswith(incomplete)]
        return [*found, CompletionItem(incomplete, type="file")] if files else found

    return complete


def _loaded() -> Any:
    from weaklabel.config import load_config

    return load_config()


def _runs() -> list[str]:
    folder = _loaded().run_folder("any").parent
    return [path.parent.name for path in folder.glob("*/read.json")]


def _acquisitions() -> Iterable[str]:
    from weaklabel.acquisition.registry import ACQUISITIONS

    return ACQUISITIONS


def _functions() -> list[str]:
    from weaklabel.pipeline import configured_lfs

    return [lf.name for lf in configured_lfs(_loaded())]


def _sources() -> list[str]:
    from weaklabel.lf.modules import shipped_folder
    from weaklabel.lf.sources.shipped import presets

    families = [path.stem for path in shipped_folder().glob("[a-z]*.py")]
    return ["shipped", *(f"shipped:{name}" for name in (*families, *presets()))]


def _label_models() -> Iterable[str]:
    from weaklabel.label_models import LABEL_MODELS

    return LABEL_MODELS


def _calibrators() -> Iterable[str]:
    from weaklabel.calibration import CALIBRATORS

    return ["auto", "none", *CALIBRATORS]


def _formats() -> Iterable[str]:
    from weaklabel.export import EXPORTERS

    return EXPORTERS


def _reward_models() -> Iterable[str]:
    from weaklabel.reward.registry import REWARD_MODELS

    return REWARD_MODELS


def _rules() -> Iterable[str]:
    from weaklabel.workbench.rules import RULES

    return RULES


acquisitions = _of(_acquisitions)
runs = _of(_runs)
functions = _of(_functions)
sources = _of(_sources, files=True)
label_models = _of(_label_models)
calibrators = _of(_calibrators)
formats = _of(_formats)
reward_models = _of(_reward_models)
rules = _of(_rules)
