"""The labeling functions that a configuration asks for: from files, columns of the data, Snorkel, judges and crowds."""

from __future__ import annotations

import sys
from dataclasses import replace
from pathlib import Path
from typing import assert_never

from weaklabel.config import ColumnSettings, LoadedConfig
from weaklabel.errors import DiscoveryError
from weaklabel.judges.settings import (
    CrowdSettings,
    JudgeColumnSettings,
    JudgeColumnsSettings,
    JudgeSettings,
)
from weaklabel.judges.template import is_file
from weaklabel.lf.core import LabelingFunction
from weaklabel.lf.discovery import load_lfs
from weaklabel.lf.settings import (
    ColumnScoresSettings,
    ColumnVerdictSettings,
    SnorkelSettings,
    arguments,
)
from weaklabel.lf.sources.kinds import kind_of


def configured_lfs(loaded: LoadedConfig) -> list[LabelingFunction]:
    """The functions of `[lfs]`, in the order of the file: `use`, columns, Snorkel's, judges, crowds.

    Raises:
        DiscoveryError: a source that does not load, or two functions of one name.
    """
    settings = loaded.config.lfs
    # Modules named in the settings lie beside them; a console script does not have that folder on its path.
    # Last, so that a project's datasets.py hides no package.
    if str(loaded.root) not in sys.path:
        sys.path.append(str(loaded.root))
    lfs = load_lfs(*(resolve_source(loaded, source) for source in settings.use)) if settings.use else []
    for table in (*settings.column, *settings.snorkel, *settings.judge, *settings.crowd):
        lfs += _functions(loaded, table)
    names = [lf.name for lf in lfs]
    twice = sorted({name for name in names if names.count(name) > 1})
    if twice:
        raise DiscoveryError(f"two labeling functions are named {twice[0]!r}. Rename one of them.")
    return lfs


def resolve_source(loaded: LoadedConfig, source: str) -> str:
    """A source of the settings as seen from the working folder; names that are no paths stay."""
    return kind_of(source).moved(source, loaded.resolve)


def _functions(
    loaded: LoadedConfig, table: ColumnSettings | SnorkelSettings | JudgeSettings | CrowdSettings
) -> list[LabelingFunction]:
    """The functions that one table describes; its paths count from the file's folder."""
    from weaklabel.judges import columns, crowd, prompted
    from weaklabel.lf.columns import column_scores, column_verdict
    from weaklabel.lf.snorkel import load_snorkel

    match table:
        case ColumnScoresSettings():
            return [column_scores(**arguments(table))]
        case ColumnVerdictSettings():
            return [column_verdict(**arguments(table))]
        case JudgeColumnsSettings():
            return [columns.judge_columns(**arguments(table))]
        case JudgeColumnSettings():
            return columns.judge_column(**arguments(table))
        case SnorkelSettings():
            return load_snorkel(**arguments(replace(table, use=resolve_source(loaded, table.use))))
        case JudgeSettings():
            cache, template = loaded.resolve(str(table.cache)), table.template
            if template is not None and is_file(template):
                template = Path(loaded.resolve(str(template)))
            return [prompted.judge(**arguments(replace(table, cache=cache, template=template)))]
        case CrowdSettings():
            annotations = loaded.resolve(str(table.annotations))
            return crowd.crowd_workers(**arguments(replace(table, annotations=annotations)))
        case _:
            assert_never(table)
