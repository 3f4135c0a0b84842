"""The labeling functions that a configuration asks for: from files, columns of the data, Snorkel, judges and crowds."""

from __future__ import annotations

import sys
from pathlib import Path

from weaklabel.config import ColumnLf, CrowdLf, JudgeLf, LoadedConfig
from weaklabel.errors import DiscoveryError
from weaklabel.lf.columns import column_scores, column_verdict
from weaklabel.lf.core import LabelingFunction
from weaklabel.lf.discovery import PREFIXES, load_lfs

JUDGES = "judges"  # folder of their answers, in the store that all runs share


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
    lfs += [lf for column in settings.column for lf in _column_lfs(column)]
    for old in settings.snorkel:
        from weaklabel.lf.snorkel import load_snorkel

        lfs += load_snorkel(resolve_source(loaded, old.use), old.votes, old.columns or None)
    lfs += [_judge(loaded, judge) for judge in settings.judge]
    lfs += [lf for crowd in settings.crowd for lf in _crowd(loaded, crowd)]
    names = [lf.name for lf in lfs]
    twice = sorted({name for name in names if names.count(name) > 1})
    if twice:
        raise DiscoveryError(f"two labeling functions are named {twice[0]!r}. Rename one of them.")
    return lfs


def resolve_source(loaded: LoadedConfig, source: str) -> str:
    """A source of the settings as seen from the working folder; names that are no paths stay."""
    path = source.rpartition(":")[0] if source.rpartition(":")[0].endswith(".py") else source
    if (
        not source.strip()
        or source.startswith(PREFIXES)
        or not (path.endswith(".py") or (loaded.root / path).exists())
    ):
        return source
    return loaded.resolve(source)


def _column_lfs(column: ColumnLf) -> list[LabelingFunction]:
    if column.first_a is not None and column.first_b is not None:
        from weaklabel.judges.columns import judge_columns

        votes, gap = dict(column.votes) or None, column.min_gap
        first_a, first_b = column.first_a, column.first_b
        return [judge_columns(column.name, first_a, first_b, votes=votes, toward=column.toward, min_gap=gap)]
    if column.column is not None and column.shown is not None:
        from weaklabel.judges.columns import judge_column

        orders = dict(column.shown_as) or None
        return judge_column(column.name, column.column, column.shown, votes=column.votes, shown_as=orders)
    if column.column is not None:
        return [column_verdict(column.name, column.column, votes=column.votes)]
    assert column.score_a is not None  # the settings hold one kind whole
    assert column.score_b is not None
    gap = column.min_gap or 0.0
    return [column_scores(column.name, column.score_a, column.score_b, prefer=column.prefer, min_gap=gap)]


def _judge(loaded: LoadedConfig, settings: JudgeLf) -> LabelingFunction:
    from weaklabel.judges.prompted import judge

    plain = settings.model_dump()
    template = plain["template"]
    if template is not None and "\n" not in template and template.endswith((".txt", ".md")):
        plain["template"] = Path(loaded.resolve(template))
    return judge(**plain, cache=loaded.store_folder / JUDGES)


def _crowd(loaded: LoadedConfig, settings: CrowdLf) -> list[LabelingFunction]:
    from weaklabel.judges.crowd import crowd_workers

    plain = settings.model_dump()
    plain["annotations"], plain["votes"] = loaded.resolve(settings.annotations), plain["votes"] or None
    return crowd_workers(**plain)
