"""Options that name a preference file instead of a run, and the gold to judge on."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Any, TypeVar

import click

from weaklabel.cli._common import _columns, _stack, absolute, note
from weaklabel.cli._runs import load_settings, look_at_run
from weaklabel.errors import ConfigError, GoldError

if TYPE_CHECKING:
    from weaklabel.pipeline import Run
    from weaklabel.reward import RewardModel, SubsetEvaluation
    from weaklabel.types import Comparer, Pairs

F = TypeVar("F", bound=Callable[..., Any])


# Named otherwise than the settings of a run: they speak of another file, and are not remembered for the run.
def file_options(function: F) -> F:
    """`--pairs FILE` with what it takes to read it; `reading` takes them out of the command's arguments."""
    return _stack(
        click.option(
            "--pairs", "file_pairs", multiple=True, metavar="FILE", help="A preference file instead of a run."
        ),
        click.option("--gold", "file_gold", metavar="FILE", help="Its gold, joined by id."),
        click.option("--layout", "file_layout", metavar="NAME", help="How it is laid out."),
        click.option(
            "--columns",
            "file_columns",
            metavar="prompt=q,...",
            callback=_columns,
            help="Which column is which.",
        ),
    )(function)


def judging_options(function: F) -> F:
    """How gold is cut for the figures."""
    return _stack(
        click.option(
            "--subset", default="subset", show_default=True, metavar="COLUMN", help="Figures by its values."
        ),
        click.option(
            "--length-tag",
            metavar="COLUMN",
            help="Says if the better answer is longer: True, False, Neutral. Default: seen from the texts.",
        ),
    )(function)


def reading(options: dict[str, Any]) -> dict[str, Any] | None:
    """Takes the file options out of `options`: arguments of `read_pairs` with `source`, None without a file."""
    files = [absolute(path) for path in options.pop("file_pairs")]
    gold, layout, columns = (options.pop(f"file_{name}") for name in ("gold", "layout", "columns"))
    if not files:
        if gold or layout or columns:
            raise ConfigError(
                "--gold, --layout and --columns describe a file. Name it with --pairs, or leave them out."
            )
        return None
    source = files[0] if len(files) == 1 else files
    return {"source": source, "gold": gold and absolute(gold), "layout": layout, "columns": columns}


def open_models(
    folders: Sequence[str], options: Mapping[str, Any], *, of_run: bool
) -> tuple[dict[str, Comparer], Run | None, int]:
    """Saved reward models and labelers by folder, the run where one is needed, and the seed in force.

    Raises:
        ArtifactError: when a folder holds neither.
    """
    paths = {folder.rstrip("/"): absolute(folder) for folder in folders}
    # First, because it changes to the project's folder: the paths of its functions count from there.
    run = look_at_run(options) if of_run else None
    project = load_settings(options) if run is None else run.loaded
    from weaklabel.pipeline.loading import load_in_project

    found = {name: load_in_project(project, path) for name, path in paths.items()}
    return dict(found), run, project.config.data.seed


def open_reward(folder: str) -> RewardModel:
    """A saved reward model.

    Raises:
        ConfigError: when it is a labeler or an evaluator. ArtifactError: when it is nothing.
    """
    from weaklabel.comparers.loading import is_evaluator, labeler_in, reads_functions
    from weaklabel.pipeline.loading import load
    from weaklabel.reward import RewardModel

    other = (
        "a labeler" if labeler_in(folder) is not None else "an evaluator" if is_evaluator(folder) else None
    )
    if other is not None:
        raise ConfigError(
            f"{folder} holds {other}, which scores no single responses. Name a reward model, such as runs/base/reward."
        )
    found = load(folder, None if reads_functions(folder) else ())
    assert isinstance(found, RewardModel)  # what is neither of those, and no error
    return found


def gold_of(file: dict[str, Any] | None, run: Run | None) -> Pairs:
    """The gold to judge on: all that a file has, or a run's locked test part.

    Raises:
        GoldError: when the run has none.
    """
    from weaklabel.data import read_pairs

    if file is not None:
        pairs = read_pairs(**file, test_share=1.0)
        if pairs.set_aside:
            note(f"{len(pairs.set_aside):,} rows could not be read and are left out")
        return pairs
    assert run is not None
    test = run.pairs.test
    if not len(test):
        raise GoldError(
            f"run {run.folder.name} has no held-out gold. Give gold and a data.test_share above 0, or name a file "
            "with --pairs."
        )
    return test


def judge(
    arms: Mapping[str, Comparer], gold: Pairs, options: Mapping[str, Any], seed: int
) -> SubsetEvaluation:
    """`evaluate_subsets` by the command's options."""
    from weaklabel.reward import evaluate_subsets

    return evaluate_subsets(arms, gold, subset=options["subset"], length_tag=options["length_tag"], seed=seed)
