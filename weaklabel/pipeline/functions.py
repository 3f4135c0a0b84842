"""The labeling functions that a configuration asks for, from files, columns of the data, and Snorkel."""

from __future__ import annotations

import sys

from weaklabel.config import ColumnLf, LoadedConfig
from weaklabel.errors import DiscoveryError
from weaklabel.lf.columns import column_scores, column_verdict
from weaklabel.lf.core import LabelingFunction
from weaklabel.lf.discovery import load_lfs

_PREFIXES = ("shipped", "entry:", "column:", "snorkel:")


def configured_lfs(loaded: LoadedConfig) -> list[LabelingFunction]:
    """The functions of `[lfs]`, in the order of the file: `use`, then columns, then Snorkel's.

    Raises:
        DiscoveryError: a source that does not load, or two functions of one name.
    """
    settings = loaded.config.lfs
    # Modules named in the settings lie beside them; a console script does not have that folder on its path.
    # Last, so that a project's datasets.py hides no package.
    if str(loaded.root) not in sys.path:
        sys.path.append(str(loaded.root))
    lfs = load_lfs(*(resolve_source(loaded, source) for source in settings.use)) if settings.use else []
    lfs += [_column_lf(column) for column in settings.column]
    for old in settings.snorkel:
        from weaklabel.lf.snorkel import load_snorkel

        lfs += load_snorkel(resolve_source(loaded, old.use), old.votes, old.columns or None)
    names = [lf.name for lf in lfs]
    twice = sorted({name for name in names if names.count(name) > 1})
    if twice:
        raise DiscoveryError(f"two labeling functions are named {twice[0]!r}. Rename one of them.")
    return lfs


def resolve_source(loaded: LoadedConfig, source: str) -> str:
    """A source of the settings as seen from the working folder; names that are no paths stay."""
    path = source.rpartition(":")[0] if source.rpartition(":")[0].endswith(".py") else source
    if source.startswith(_PREFIXES) or not (path.endswith(".py") or (loaded.root / path).exists()):
        return source
    return loaded.resolve(source)


def _column_lf(column: ColumnLf) -> LabelingFunction:
    if column.column is not None:
        return column_verdict(column.name, column.column, votes=column.votes)
    assert column.score_a is not None  # the settings hold either kind whole
    assert column.score_b is not None
    return column_scores(
        column.name, column.score_a, column.score_b, prefer=column.prefer, min_gap=column.min_gap
    )
